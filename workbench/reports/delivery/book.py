"""What became of a run's deliveries: one file each in ``deliveries/`` of the run's folder.

A file is written before the last step of sending and after it, so that whoever comes after a
crash knows whether it fell in between.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from workbench.errors import UsageError, WorkbenchError
from workbench.i18n import _
from workbench.reports.delivery.destinations import Destination
from workbench.reports.record import RunRecord, write_atomically

FOLDER = "deliveries"
State = Literal["waiting", "sending", "sent", "skipped", "failed", "uncertain"]
ENDED = frozenset({"sent", "skipped", "failed", "uncertain"})
_DESTINATION: TypeAdapter[Any] = TypeAdapter(Destination)


class Delivery(BaseModel):
    """One delivery. Moments are aware, UTC; texts are in the run's language.

    ``waiting`` for its (next) try; ``sending`` while it is handed over, or was when its process
    died; ``sent``; ``skipped`` as its condition did not hold; ``failed`` for good; ``uncertain``
    whether it arrived. ``detail`` says what the other side answered, ``error`` why it did not.
    ``partly``: what is done of several parts (recipient → answer).
    """

    number: int
    by: str
    to: str
    destination: dict[str, Any]
    state: State = "waiting"
    tries: int = 0
    detail: str | None = None
    error: str | None = None
    partly: dict[str, str] = Field(default_factory=dict)
    since: datetime = Field(default_factory=lambda: datetime.now(UTC))
    changed_at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    def asked(self) -> Any:
        """Return the destination as `destinations` types it."""
        return _DESTINATION.validate_python(self.destination)


def enter(record: RunRecord, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Enter a run's deliveries unless they are there; return those that are there now."""
    (record.folder / FOLDER).mkdir(exist_ok=True)
    for delivery in deliveries:
        file = _file(record.folder, delivery.number)
        with _alone(file):
            if not file.exists():
                _write(file, delivery)
    return deliveries_of(record.folder)


def deliveries_of(folder: Path) -> list[Delivery]:
    """Return the deliveries of the run in ``folder``, in the order of its report file."""
    files = sorted((folder / FOLDER).glob("[0-9]*.json"), key=lambda file: int(file.stem))
    return [found for file in files if (found := _read(file)) is not None]


@contextmanager
def held(folder: Path, number: int) -> Iterator[tuple[Delivery, Any]]:
    """Hold one delivery, waiting for whoever holds it; yield it and what writes it down.

    Raises `UsageError` if there is none. The system lets go at a kill.
    """
    file = _file(folder, number)
    if not file.is_file():
        raise UsageError(
            _("Run {id} has no delivery {number}.").format(id=folder.name, number=number)
        )
    with _alone(file):
        delivery = _read(file)
        if delivery is None:
            raise WorkbenchError(
                _("What became of delivery {number} of run {id} cannot be read.").format(
                    id=folder.name, number=number
                )
            )

        def note(**changes: Any) -> None:
            for name, value in {**changes, "changed_at": datetime.now(UTC)}.items():
                setattr(delivery, name, value)
            _write(file, delivery)

        yield delivery, note


def state_name(state: str) -> str:
    """Return a state in the reader's language."""
    names: Mapping[str, str] = {
        "waiting": _("waiting"),
        "sending": _("being sent"),
        "sent": _("sent"),
        "skipped": _("not needed"),
        "failed": _("not sent"),
        "uncertain": _("uncertain"),
    }
    return names[state]


def way_name(by: str) -> str:
    """Return a way of delivery in the reader's language."""
    names: Mapping[str, str] = {
        "mail": _("e-mail"),
        "folder": _("folder"),
        "webhook": _("webhook"),
        "chat": _("chat"),
        "notification": _("notification"),
        "disk": _("Disk"),
        "timeline": _("timeline"),
    }
    return names.get(by, by)


def _file(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number}.json"


def _read(file: Path) -> Delivery | None:
    try:
        return Delivery.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def _write(file: Path, delivery: Delivery) -> None:
    write_atomically(file, delivery.model_dump_json(indent=1) + "\n")


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    handle = os.open(file.with_name(f".{file.stem}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
