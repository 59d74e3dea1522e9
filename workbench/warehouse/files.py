"""What CSV files hold (spend, plan, accounting), and the working calendar, into the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.errors import SourceError
from workbench.i18n import _
from workbench.i18n.texts import kept, kept_list
from workbench.sources.accounting import read_documents
from workbench.sources.calendar import FIRST_YEAR, WorkCalendar
from workbench.sources.declared import (
    ACCOUNTING,
    SPEND,
    TARGETS,
    AccountingSource,
    SpendSource,
    TargetsSource,
)
from workbench.sources.spend import read_spend
from workbench.sources.targets import read_targets
from workbench.warehouse.store import Progress, Store

YEARS_AHEAD = 2

FileRows = Sequence[Mapping[str, Any]]


def load_file(
    store: Store, name: str, source: SpendSource | TargetsSource | AccountingSource, home: Path
) -> list[str]:
    """Take over a file's rows; returns remarks. Raises `SourceError`.

    A file that is not there leaves none: the source is 'not loaded', not zero.
    """
    file = home / source.path
    if not file.exists():
        absent = kept(_("the file {file} is not there").format(file=source.path))
        replace_rows(store, name, [], Progress(missing=absent, last_sync=datetime.now(UTC)))
        return []
    known, base = known_currencies(store), store.base_currency()
    if not known:
        raise SourceError(
            _("{file}: the portal’s currencies are not known yet.").format(file=file.name),
            hint=_("Run `workbench sync bitrix24` first."),
        )
    remarks: list[str] = []
    rows: FileRows
    try:
        if isinstance(source, SpendSource):
            spend = read_spend(file, source, known, base)
            rows, remarks = [vars(row) for row in spend.rows], spend.remarks()
        elif isinstance(source, TargetsSource):
            rows = read_targets(file, source, known, base)
        else:
            rows = read_documents(file, source, known, base)
    except SourceError as error:
        keep_rows(store, name, error)
        raise
    done = Progress("complete", missing=kept_list(remarks) or None, last_sync=datetime.now(UTC))
    replace_rows(store, name, rows, done)
    return remarks


def known_currencies(store: Store) -> set[str]:
    """Return the codes that the portal knows and its base currency; none before the first sync."""
    rows = store.connection.execute("SELECT CURRENCY FROM raw.currencies").fetchall()
    return {code for (code,) in [*rows, (store.base_currency(),)] if code} if rows else set()


def forget_files(store: Store, declared: set[str]) -> None:
    """Empty the tables of sources that are no longer declared."""
    for name in {SPEND, TARGETS, ACCOUNTING} - declared:
        forget_file(store, name)


def forget_file(store: Store, name: str) -> None:
    """Empty a file's table: it is 'not loaded' from now on."""
    if store.progress(name, name).status != "not loaded":
        replace_rows(store, name, [], Progress())


def keep_rows(store: Store, name: str, error: SourceError) -> None:
    """Note why a file was refused. The rows of the last good one stay, no longer up to date."""
    before = store.progress(name, name)
    stored = store.connection.execute(f"SELECT 1 FROM external.{name} LIMIT 1").fetchone()  # noqa: S608
    status = "stale" if stored else "failed"
    refused = Progress(status, missing=kept(error.problem), last_sync=before.last_sync)
    with store.transaction():
        _save(store, name, refused, before, changed=False)


def replace_rows(store: Store, name: str, rows: FileRows, progress: Progress) -> None:
    """Make a file's table hold exactly ``rows`` (by its columns); they are written if they differ.

    What is published is out of date then, or if the status or what is missing has changed.
    """
    cursor = store.connection.execute(f"SELECT * FROM external.{name}")  # noqa: S608
    columns = [column[0] for column in cursor.description]
    old, new = cursor.fetchall(), [tuple(row[column] for column in columns) for row in rows]
    changed = Counter(old) != Counter(new)
    with store.transaction():
        if changed:
            store.connection.execute(f"DELETE FROM external.{name}")  # noqa: S608
        if changed and new:
            cells = [pa.array(column) for column in zip(*new, strict=True)]
            store.connection.register("file_rows", pa.table(cells, names=columns))
            store.connection.execute(f"INSERT INTO external.{name} FROM file_rows")
            store.connection.unregister("file_rows")
        _save(store, name, progress, store.progress(name, name), changed=changed)


def _save(store: Store, name: str, progress: Progress, before: Progress, *, changed: bool) -> None:
    progress.watermark = datetime.now(UTC).isoformat() if changed else before.watermark
    store.save(name, progress, name)
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
