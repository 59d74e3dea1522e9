"""What triggers have seen, what waits for its window, and what they started.

SQLite in ``<home>/triggers.sqlite``. Each step is one transaction, so that a kill leaves it done or
not done: records are noted together with the snapshot they were found in; a window's records
become a firing with the id of its job, which is then handed in until the queue has it.
Moments are texts in UTC.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workbench.settings import private_file, settings

KEPT = timedelta(days=62)  # of a firing; twice the longest distance

SCHEMA = """
create table if not exists watched (
    trigger text primary key,
    definition text not null,
    since text not null,
    seen text not null,
    looked_at text not null,
    found integer not null default 0,
    note text not null default '',
    held text not null default '[]'
);
create table if not exists pending (
    trigger text not null,
    part text not null,
    record integer not null,
    opened_at text not null,
    reason text not null default '',
    primary key (trigger, record)
);
create table if not exists firings (
    job text primary key,
    trigger text not null,
    part text not null,
    at text not null,
    records integer not null,
    payload text not null,
    handed_in integer not null default 0
);
create index if not exists firings_of_part on firings (trigger, part, at);
create index if not exists firings_to_hand_in on firings (handed_in) where handed_in = 0;
"""
# What books of an earlier version lack.
LATER = {
    ("watched", "held"): "text not null default '[]'",
    ("pending", "reason"): "text not null default ''",
}
WHOLE = 0  # the record of a part that is about none: a condition, a call


@dataclass(frozen=True)
class Watched:
    """How far a trigger has looked: ``seen`` is a snapshot, ``found`` what the last look found.

    ``note`` says why it could not look, or why it began anew; ``held`` are the marks of what held
    at the last look, for a trigger that watches a condition.
    """

    trigger: str
    definition: str
    since: datetime
    seen: str
    looked_at: datetime
    found: int
    note: str
    held: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """What a look found: a record of a part, and a sentence if there is more to say of it."""

    part: str
    record: int = WHOLE
    reason: str = ""


@dataclass(frozen=True)
class Group:
    """Records that wait for one run: ``part`` is a record's id, or empty for all of a window.

    A condition, or a call without records, waits with none. ``fired_at`` is the moment of the last
    run of this part.
    """

    part: str
    records: int
    opened_at: datetime
    fired_at: datetime | None

    def due(self, window: timedelta, distance: timedelta) -> datetime:
        """Return when its window closes and the last run is far enough away."""
        closes = self.opened_at + window
        return max(closes, self.fired_at + distance) if self.fired_at else closes


@dataclass(frozen=True)
class Firing:
    """A job that a trigger started, for ``records`` records (0: it is about none)."""

    job: str
    trigger: str
    at: datetime
    records: int
    payload: dict[str, Any]


def book_file() -> Path:
    """Return the book's database."""
    return settings().home_dir / "triggers.sqlite"


class Book:
    """The open book; a connection for each call, so that any process may use it at any time."""

    def __init__(self) -> None:
        self.file = private_file(book_file())
        with self._open() as db:
            db.executescript(SCHEMA)
            for (table, column), kind in LATER.items():
                known = {row["name"] for row in db.execute(f"pragma table_info({table})")}
                if column not in known:
                    db.execute(f"alter table {table} add column {column} {kind}")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            yield db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("begin immediate")
            try:
                yield db
            except BaseException:
                db.execute("rollback")
                raise
            db.execute("commit")

    # Looking

    def watched(self, trigger: str) -> Watched | None:
        """Return how far a trigger has looked, None if it has not begun."""
        with self._open() as db:
            row = db.execute("select * from watched where trigger = ?", (trigger,)).fetchone()
        if row is None:
            return None
        moments = {key: datetime.fromisoformat(row[key]) for key in ("since", "looked_at")}
        held = frozenset(json.loads(row["held"]))
        return Watched(**{**dict(row), **moments, "held": held})

    def begin(
        self,
        trigger: str,
        definition: str,
        seen: str,
        now: datetime,
        note: str = "",
        held: Collection[str] = (),
    ) -> None:
        """Let a trigger watch from snapshot ``seen`` on; what waited for it is dropped."""
        with self._transaction() as db:
            db.execute("delete from pending where trigger = ?", (trigger,))
            db.execute(
                "insert or replace into watched values (?, ?, ?, ?, ?, 0, ?, ?)",
                (trigger, definition, _text(now), seen, _text(now), note, _list(held)),
            )

    def look(
        self,
        before: Watched,
        seen: str,
        found: Sequence[Found],
        now: datetime,
        held: Collection[str] = (),
    ) -> bool:
        """Note what was found up to snapshot ``seen``, all or none.

        False, and nothing is noted, if another process has looked since ``before``.
        """
        with self._transaction() as db:
            moved = db.execute(
                "update watched set seen = ?, looked_at = ?, found = ?, note = '', held = ?"
                " where trigger = ? and definition = ? and seen = ?",
                (
                    *(seen, _text(now), len(found), _list(held)),
                    *(before.trigger, before.definition, before.seen),
                ),
            ).rowcount
            if moved:
                _note_pending(db, before.trigger, found, now)
        return bool(moved)

    def called(self, trigger: str, found: Sequence[Found], now: datetime) -> None:
        """Note a call for a trigger; on disk when this returns."""
        with self._transaction() as db:
            _note_pending(db, trigger, found, now)

    def complain(self, trigger: str, note: str) -> None:
        """Note why a trigger could not look."""
        with self._open() as db:
            db.execute("update watched set note = ? where trigger = ?", (note, trigger))

    def keep_only(self, triggers: Collection[str]) -> None:
        """Stop watching for all others; what they started stays written down."""
        with self._transaction() as db:
            for table in ("watched", "pending"):
                there = db.execute(f"select distinct trigger from {table}").fetchall()  # noqa: S608
                gone = [(row["trigger"],) for row in there if row["trigger"] not in triggers]
                db.executemany(f"delete from {table} where trigger = ?", gone)  # noqa: S608

    # Firing

    def waiting(self) -> list[str]:
        """Return the triggers for which records wait."""
        with self._open() as db:
            rows = db.execute("select distinct trigger from pending order by 1").fetchall()
        return [row["trigger"] for row in rows]

    def groups(self, trigger: str) -> list[Group]:
        """Return what waits for a trigger, a group for each run."""
        with self._open() as db:
            return _groups(db, trigger)

    def fire(
        self,
        trigger: str,
        due: Callable[[Group], bool],
        payload_of: Callable[[list[int], list[str]], Mapping[str, Any]],
        job_of: Callable[[], str],
        now: datetime,
    ) -> int:
        """Turn the groups that are due into firings; return how many.

        ``payload_of`` is given a group's records and the reasons that were noted with them.
        """
        with self._transaction() as db:
            groups = [group for group in _groups(db, trigger) if due(group)]
            for group in groups:
                gone = db.execute(
                    "delete from pending where trigger = ? and part = ? returning record, reason",
                    (trigger, group.part),
                ).fetchall()
                records = sorted(row["record"] for row in gone if row["record"] != WHOLE)
                reasons = [row["reason"] for row in gone if row["reason"]]
                db.execute(
                    "insert into firings values (?, ?, ?, ?, ?, ?, 0)",
                    (
                        *(job_of(), trigger, group.part, _text(now), len(records)),
                        json.dumps(payload_of(records, reasons), allow_nan=False),
                    ),
                )
            if groups:
                db.execute(
                    "delete from firings where handed_in = 1 and at < ? and at <"
                    " (select max(at) from firings as last where last.trigger = firings.trigger)",
                    (_text(now - KEPT),),
                )
        return len(groups)

    def to_hand_in(self) -> list[Firing]:
        """Return the firings that the queue may not have yet, oldest first."""
        with self._open() as db:
            rows = db.execute("select * from firings where handed_in = 0 order by rowid")
            return [_firing(row) for row in rows]

    def handed_in(self, job: str) -> None:
        """Note that the queue has a firing's job."""
        with self._open() as db:
            db.execute("update firings set handed_in = 1 where job = ?", (job,))

    def firings(self, trigger: str, limit: int = 100) -> list[Firing]:
        """Return what a trigger started, newest first."""
        with self._open() as db:
            rows = db.execute(
                "select * from firings where trigger = ? order by at desc, rowid desc limit ?",
                (trigger, limit),
            )
            return [_firing(row) for row in rows]


def seen_snapshots(file: Path) -> set[str]:
    """Return the snapshots that triggers compare the next one with; none without a book."""
    if not file.is_file():
        return set()
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
            return {str(name) for (name,) in db.execute("select distinct seen from watched")}
    except sqlite3.Error:
        return set()


def _note_pending(
    db: sqlite3.Connection, trigger: str, found: Sequence[Found], now: datetime
) -> None:
    """Let records wait, each once; of what waits already the newest reason is kept."""
    db.executemany(
        "insert into pending values (?, ?, ?, ?, ?)"
        " on conflict (trigger, record) do update set reason = excluded.reason",
        [(trigger, each.part, each.record, _text(now), each.reason) for each in found],
    )


def _groups(db: sqlite3.Connection, trigger: str) -> list[Group]:
    rows = db.execute(
        "select part, sum(record <> 0) as records, min(opened_at) as opened_at,"
        " (select max(at) from firings where firings.trigger = pending.trigger"
        "  and firings.part = pending.part) as fired_at"
        " from pending where trigger = ? group by part order by min(record)",
        (trigger,),
    ).fetchall()
    return [
        Group(
            row["part"],
            row["records"],
            datetime.fromisoformat(row["opened_at"]),
            datetime.fromisoformat(row["fired_at"]) if row["fired_at"] else None,
        )
        for row in rows
    ]


def _firing(row: sqlite3.Row) -> Firing:
    at = datetime.fromisoformat(row["at"])
    return Firing(row["job"], row["trigger"], at, row["records"], json.loads(row["payload"]))


def _list(marks: Collection[str]) -> str:
    return json.dumps(sorted(marks))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
