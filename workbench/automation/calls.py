"""Calls by other programs that start a trigger: ``POST /triggers/NAME`` at the handler.

    curl -X POST -H "Authorization: Bearer $WORKBENCH_TRIGGER_TOKEN" \\
         -d '{"records": [12, 15]}' http://127.0.0.1:8899/triggers/NAME

The trigger's file says ``when: {call: rest}``. A call is written down before it is answered (202)
and merged with others as the file's window and distance say; the worker starts the run.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from workbench.automation.triggers.book import Book, Found
from workbench.errors import ConfigurationError
from workbench.i18n import _
from workbench.settings import settings

SHORTEST = 32  # characters of the token
MOST = 5_000  # records of a call
CALL = {"call": "rest"}


class Unusable(Exception):
    """A call that is answered with ``status`` and has no effect."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def token() -> str | None:
    """Return the token that calls are made with, None if there is none.

    Raises `ConfigurationError` for one that could be guessed.
    """
    secret = settings().trigger_token
    given = secret.get_secret_value() if secret else ""
    if given and len(given) < SHORTEST:
        raise ConfigurationError(
            _("WORKBENCH_TRIGGER_TOKEN is too short: {n} characters at least.").format(n=SHORTEST),
            hint=_("`openssl rand -hex 32` makes one."),
        )
    return given or None


def bearer(header: str) -> str:
    """Return the token of an ``Authorization`` header, empty if there is none."""
    kind, _space, given = header.partition(" ")
    return given.strip() if kind.lower() == "bearer" else ""


def note(name: str, body: bytes, now: datetime | None = None) -> int:
    """Write a call down; returns how many records it named. Raises `Unusable`."""
    declared = _declared(name)
    if declared.get("when") != CALL:
        raise Unusable(404, "no such trigger")
    if declared.get("enabled") is False:
        raise Unusable(409, "the trigger is switched off")
    records = _records(body)
    alone = declared.get("per") == "record"
    if alone and not records:
        raise Unusable(400, "records are missing")
    found = [Found(str(each) if alone else "", each) for each in records] or [Found("")]
    Book().called(name, found, now or datetime.now(UTC))
    return len(records)


def _declared(name: str) -> dict[str, Any]:
    """Return what a trigger's file says; the worker checks it whole before it starts the run."""
    import yaml  # with the first call

    folder = settings().parameters_dir / "triggers"
    if name not in {file.stem for file in folder.glob("*.yml")}:
        raise Unusable(404, "no such trigger")
    try:
        content = yaml.safe_load((folder / f"{name}.yml").read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        raise Unusable(409, "the trigger's file cannot be read") from None
    return content if isinstance(content, dict) else {}


def _records(body: bytes) -> list[int]:
    try:
        content = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Unusable(400, "no JSON") from None
    if not isinstance(content, dict) or set(content) - {"records"}:
        raise Unusable(400, 'expected {"records": [ids]} or nothing')
    records = content.get("records", [])
    if not isinstance(records, list) or len(records) > MOST:
        raise Unusable(400, f"records: a list of {MOST} ids at most")
    if not all(type(each) is int and 0 < each < 2**63 for each in records):
        raise Unusable(400, "records: positive whole numbers")
    return records
