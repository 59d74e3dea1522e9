"""Activities and robots that applications register: ``bizproc.activity.*``, ``bizproc.robot.*``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from workbench.bitrix24.sandbox.applications.applications import (
    Applications,
    administrator,
    applications_of,
)
from workbench.bitrix24.sandbox.applications.deliveries import is_web_address
from workbench.bitrix24.sandbox.memory.fields import positive
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

SCHEMA = """
CREATE TABLE IF NOT EXISTS registered_activities (
    client_id TEXT NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,       -- activity or robot
    payload TEXT NOT NULL,    -- with upper-case names
    PRIMARY KEY (client_id, code)
) WITHOUT ROWID
"""
FIELDS = (
    *("HANDLER", "AUTH_USER_ID", "USE_SUBSCRIPTION", "NAME", "DESCRIPTION", "PROPERTIES"),
    *("RETURN_PROPERTIES", "DOCUMENT_TYPE", "FILTER", "USE_PLACEMENT", "PLACEMENT_HANDLER"),
)

_CODE = re.compile(r"[A-Za-z0-9._-]+")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Registered:
    """An activity or robot on the portal; ``payload`` is what the application registered."""

    client_id: str
    code: str
    kind: str
    payload: dict[str, Any]

    @property
    def handler(self) -> str:
        """Where the portal posts."""
        return str(self.payload["HANDLER"])

    @property
    def user_id(self) -> int:
        """Whose tokens the handler gets."""
        return int(self.payload["AUTH_USER_ID"])

    @property
    def use_subscription(self) -> str:
        """``Y`` always waits, ``N`` never, empty: the process decides."""
        return str(self.payload.get("USE_SUBSCRIPTION") or "").upper()

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        """Its settings: key → Name, Type, Options, …"""
        return dict(self.payload.get("PROPERTIES") or {})

    @property
    def return_properties(self) -> dict[str, dict[str, Any]]:
        """Its results: key → Name, Type, …"""
        return dict(self.payload.get("RETURN_PROPERTIES") or {})

    def fits(self, document_class: str) -> bool:
        """Whether the designer offers it for documents of a class: what its FILTER says.

        A rule names a module and a class (``["crm", "CCrmDocumentDeal"]``) or an edition of
        Bitrix24: this portal is one in the cloud (``b24``), not on a server (``box``).
        """
        rules = self.payload.get("FILTER")

        def named(which: str) -> bool:
            listed = (rules or {}).get(which) or []
            return any(_holds(rule, document_class) for rule in _values(listed))

        if not isinstance(rules, Mapping):
            return True
        return (not rules.get("INCLUDE") or named("INCLUDE")) and not named("EXCLUDE")

    def text(self, what: str, language: str) -> str:
        """Return NAME or DESCRIPTION in a language, else in English, else any."""
        return localised(self.payload.get(what), language)


def _values(given: Any) -> list[Any]:
    if isinstance(given, Mapping):
        return list(given.values())
    return given if isinstance(given, list) else [given]


def _holds(rule: Any, document_class: str) -> bool:
    parts = [str(part) for part in _values(rule)]
    return parts == ["b24"] or parts[:2] in (["crm"], ["crm", document_class])


def localised(value: Any, language: str) -> str:
    """Return the text of ``"text"`` or ``{"en": "text"}`` in a language."""
    if not isinstance(value, Mapping):
        return "" if value is None else str(value)
    for code in (language, "en"):
        if value.get(code):
            return str(value[code])
    return next((str(text) for text in value.values() if text), "")


class RegisteredActivities:
    """What the portal's applications have registered."""

    def __init__(self, state: State) -> None:
        self._connection = state.connection
        self._connection.execute(SCHEMA)

    def all(self) -> list[Registered]:
        """Return every activity and robot."""
        rows = self._connection.execute(
            "SELECT client_id, code, kind, payload FROM registered_activities ORDER BY code"
        ).fetchall()
        return [
            Registered(client_id, code, kind, json.loads(payload))
            for client_id, code, kind, payload in rows
        ]

    def get(self, client_id: str, code: str) -> Registered | None:
        """Return an application's activity, or None."""
        found = (one for one in self.all() if (one.client_id, one.code) == (client_id, code))
        return next(found, None)

    def installed(self, code: str) -> Registered | None:
        """Return the activity of any application with this code, or None."""
        return next((one for one in self.all() if one.code == code), None)

    def put(self, one: Registered) -> None:
        """Write an activity down."""
        self._connection.execute(
            "INSERT OR REPLACE INTO registered_activities VALUES (?, ?, ?, ?)",
            (one.client_id, one.code, one.kind, json.dumps(one.payload, ensure_ascii=False)),
        )

    def delete(self, client_id: str, code: str) -> bool:
        """Delete an activity; False if there is none."""
        cursor = self._connection.execute(
            "DELETE FROM registered_activities WHERE client_id = ? AND code = ?", (client_id, code)
        )
        return cursor.rowcount > 0


def _guard(call: Call) -> Applications:
    if call.caller.is_webhook:
        raise Refusal("ACCESS_DENIED", "Application context required")
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!")
    return applications_of(call.portal)


def _invalid(text: str) -> Refusal:
    return Refusal("ERROR_ACTIVITY_VALIDATION_FAILURE", text)


def _checked(payload: Mapping[str, Any], applications: Applications, client_id: str) -> None:
    """Check what is given, as the portal does; raises `Refusal`."""
    if "HANDLER" in payload:
        handler = str(payload["HANDLER"] or "")
        if handler.partition(":")[0].lower() not in ("http", "https"):
            raise Refusal("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol")
        application = applications.get(client_id)
        known = {
            urlsplit(url).hostname
            for url in (application.handler_url, application.install_url) if url
        } if application else set()  # fmt: skip
        if not is_web_address(handler) or (known and urlsplit(handler).hostname not in known):
            raise Refusal("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    if "NAME" in payload and not localised(payload["NAME"], "en"):
        raise _invalid("Empty activity NAME!")
    for name in ("PROPERTIES", "RETURN_PROPERTIES"):
        properties = payload.get(name)
        if properties in (None, "", []):
            continue
        if not isinstance(properties, Mapping):
            raise _invalid("Wrong properties array!")
        for key, value in properties.items():
            if not _KEY.fullmatch(str(key)):
                raise _invalid(f"Wrong property key {key}!")
            if not isinstance(value, Mapping) or not localised(value.get("Name"), "en"):
                raise _invalid(f"Empty property NAME {key}!")
    kind = payload.get("DOCUMENT_TYPE")
    if kind and not (isinstance(kind, list) and len(kind) == 3):
        raise _invalid("Wrong activity DOCUMENT_TYPE!")
    if payload.get("FILTER") and not isinstance(payload["FILTER"], Mapping):
        raise _invalid("Wrong activity FILTER!")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    upper = {str(key).upper(): value for key, value in values.items()}
    return {name: upper[name] for name in FIELDS if name in upper}


@method("bizproc.activity.add", scope="bizproc")
@method("bizproc.robot.add", scope="bizproc")
def add(call: Call) -> bool:
    """Register an activity or robot."""
    applications = _guard(call)
    code = str(call.get("CODE") or "")
    payload = _given(call.raw)
    if not payload and not code:
        raise _invalid("Empty data!")
    if not code:
        raise _invalid("Empty activity code!")
    if not _CODE.fullmatch(code):
        raise _invalid("Wrong activity code!")
    _checked({"HANDLER": "", "NAME": "", **payload}, applications, call.caller.client_id)
    activities = RegisteredActivities(call.state)
    if activities.get(call.caller.client_id, code):
        raise Refusal("ERROR_ACTIVITY_ALREADY_INSTALLED", "Activity or Robot already installed!")
    payload["AUTH_USER_ID"] = positive(payload.get("AUTH_USER_ID")) or call.caller.user_id
    kind = call.method.lower().split(".")[1]
    activities.put(Registered(call.caller.client_id, code, kind, payload))
    return True


@method("bizproc.activity.update", scope="bizproc")
@method("bizproc.robot.update", scope="bizproc")
def update(call: Call) -> bool:
    """Change a registered activity or robot."""
    applications = _guard(call)
    known = _known(call)
    given = _given(call.mapping("FIELDS"))
    if not given:
        raise _invalid("No fields to update")
    _checked(given, applications, call.caller.client_id)
    if not str(given.get("AUTH_USER_ID", "0")).isdecimal():
        del given["AUTH_USER_ID"]
    RegisteredActivities(call.state).put(
        Registered(known.client_id, known.code, known.kind, {**known.payload, **given})
    )
    return True


@method("bizproc.activity.delete", scope="bizproc")
@method("bizproc.robot.delete", scope="bizproc")
def delete(call: Call) -> bool:
    """Delete a registered activity or robot."""
    _guard(call)
    known = _known(call)
    return RegisteredActivities(call.state).delete(known.client_id, known.code)


@method("bizproc.activity.list", scope="bizproc")
@method("bizproc.robot.list", scope="bizproc")
def list_codes(call: Call) -> list[str]:
    """Return the codes that the calling application has registered."""
    _guard(call)
    kind = call.method.lower().split(".")[1]
    return [
        one.code
        for one in RegisteredActivities(call.state).all()
        if one.client_id == call.caller.client_id and one.kind == kind
    ]


def _known(call: Call) -> Registered:
    code = str(call.get("CODE") or "")
    if not code:
        raise _invalid("Empty activity code!")
    known = RegisteredActivities(call.state).get(call.caller.client_id, code)
    if known is None or known.kind != call.method.lower().split(".")[1]:
        raise Refusal("ERROR_ACTIVITY_NOT_FOUND", "Activity or Robot not found!")
    return known
