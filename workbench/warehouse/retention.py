"""Which published snapshots stay: the newest, one a day, and those that something refers to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

NEWEST = 5
DAYS = 14


def published_at(snapshot_id: str) -> datetime | None:
    """Return the moment (aware, UTC) that a snapshot's id names; ``None`` if it names none."""
    try:
        return datetime.strptime(snapshot_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def kept(ids: Sequence[str], now: datetime, referred: Collection[str] = ()) -> set[str]:
    """Return which of ``ids`` (ascending) stay at ``now`` (aware).

    The newest five, the last one of each day (UTC) of the last fourteen, those of ``referred``,
    and any whose id names no moment (it is not ours to delete).
    """
    stay = set(ids[-NEWEST:]) | (set(ids) & set(referred))
    last: dict[object, str] = {}
    for name in ids:
        moment = published_at(name)
        if moment is None:
            stay.add(name)
        elif moment > now - timedelta(days=DAYS):
            last[moment.date()] = name
    return stay | set(last.values())


def drop_others(files: Sequence[Path], now: datetime, referred: Collection[str] = ()) -> None:
    """Delete the snapshot files (ascending) that nothing keeps, with what lies beside them.

    Whoever has one open goes on reading it.
    """
    stay = kept([file.stem for file in files], now, referred)
    for file in files:
        if file.stem not in stay:
            with suppress(FileNotFoundError):
                file.unlink()
                file.with_suffix(".checked").unlink(missing_ok=True)
