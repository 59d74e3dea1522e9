"""Plans and accounting documents from CSV files, and the working calendar, into the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.errors import SourceError
from workbench.i18n import _
from workbench.i18n.texts import kept
from workbench.sources.accounting import read_documents
from workbench.sources.calendar import FIRST_YEAR, WorkCalendar
from workbench.sources.declared import ACCOUNTING, TARGETS, AccountingSource, TargetsSource
from workbench.sources.targets import read_targets
from workbench.warehouse.store import Progress, Store

TABLES = {
    TARGETS: ("month", "pipeline", "manager", "amount", "currency"),
    ACCOUNTING: ("number", "date", "kind", "customer", "amount", "currency", "due", "settled"),
}
YEARS_AHEAD = 2


def load_file(
    store: Store, name: str, source: TargetsSource | AccountingSource, home: Path
) -> None:
    """Take over a file's rows. Raises `SourceError`; those of the last good file stay then.

    A file that is not there leaves none: the source is 'not loaded', not zero.
    """
    file = home / source.path
    if not file.exists():
        absent = kept(_("the file {file} is not there").format(file=source.path))
        _store(store, name, [], Progress(missing=absent, last_sync=datetime.now(UTC)))
        return
    known = {
        c for (c,) in store.connection.execute("SELECT CURRENCY FROM raw.currencies").fetchall()
    }
    if not known:
        raise SourceError(
            _("{file}: the portal’s currencies are not known yet.").format(file=file.name),
            hint=_("Run `workbench sync bitrix24` first."),
        )
    base = store.base_currency()
    try:
        rows = (
            read_targets(file, source, known | {base}, base)
            if isinstance(source, TargetsSource)
            else read_documents(file, source, known | {base}, base)
        )
    except SourceError as error:
        before = store.progress(name, name)
        stored = store.connection.execute(f"SELECT 1 FROM external.{name} LIMIT 1").fetchone()  # noqa: S608
        failed = Progress(
            "stale" if stored else "failed",
            missing=kept(error.problem),
            last_sync=before.last_sync,
        )
        store.save(name, failed, name)
        if (before.status, before.missing) != (failed.status, failed.missing):
            store.set_info("unpublished", "Y")
        raise
    _store(store, name, rows, Progress("complete", last_sync=datetime.now(UTC)))


def forget_files(store: Store, declared: set[str]) -> None:
    """Empty the tables of sources that are no longer declared."""
    for name in set(TABLES) - declared:
        if store.progress(name, name).status != "not loaded":
            _store(store, name, [], Progress())


def _store(store: Store, name: str, rows: list[dict[str, Any]], progress: Progress) -> None:
    everything = f"SELECT * FROM external.{name} ORDER BY ALL"  # noqa: S608
    old = store.connection.execute(everything).fetchall()
    before = store.progress(name, name)
    with store.transaction():
        store.connection.execute(f"DELETE FROM external.{name}")  # noqa: S608
        if rows:
            marks = ", ".join("?" * len(TABLES[name]))
            store.connection.executemany(
                f"INSERT INTO external.{name} VALUES ({marks})",  # noqa: S608
                [[row[column] for column in TABLES[name]] for row in rows],
            )
        store.save(name, progress, name)
        changed = store.connection.execute(everything).fetchall() != old
        if changed or (before.status, before.missing) != (progress.status, progress.missing):
            store.set_info("unpublished", "Y")


def put_calendar(store: Store, calendar: WorkCalendar, as_of: datetime) -> None:
    """Write the calendar's days up to two years after ``as_of``; its hours become variables."""
    days = calendar.days(max(as_of.year + YEARS_AHEAD, FIRST_YEAR))
    columns = list(zip(*days, strict=True))
    table = pa.table(
        {
            "day": pa.array(columns[0], pa.date32()),
            "is_working": pa.array(columns[1], pa.bool_()),
            "is_holiday": pa.array(columns[2], pa.bool_()),
        }
    )
    connection = store.connection
    connection.register("calendar_days", table)
    connection.execute("CREATE OR REPLACE TABLE external.calendar AS FROM calendar_days")
    connection.unregister("calendar_days")
    connection.execute("SET VARIABLE opens = ?", [calendar.opens_second])
    connection.execute("SET VARIABLE closes = ?", [calendar.closes_second])
    connection.execute("SET VARIABLE answer_within = ?", [calendar.answer_within])
