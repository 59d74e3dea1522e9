"""What has changed from the snapshot that a trigger saw last to the newest one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from workbench.automation.triggers.when import Change
from workbench.errors import QueryError, WarehouseError
from workbench.i18n import _
from workbench.metrics.filters import Filter
from workbench.metrics.sql import Cut, rows_statement
from workbench.metrics.user_fields import models_of
from workbench.warehouse import Snapshot, open_snapshot
from workbench.warehouse.state import quoted

# What follows from the clock, rates or other records: a record has not changed when only they have.
DERIVED = {"amount_base", "rate_basis", "cycle_days", "days_to_pay", "department_id"}
WHOLE = {"complete", "stale"}  # states of an entity in which a missing record is none


class BeginAnew(Exception):
    """The earlier snapshot cannot be compared with; the reason is its text."""


def changed_since(when: Change, seen: str, newest: Snapshot) -> list[int]:
    """Return the ids of the records that changed as ``when`` says since snapshot ``seen``.

    Raises `BeginAnew` if it cannot be compared with, `QueryError` for a filter that the newest
    data do not know.
    """
    with _earlier(seen, newest) as earlier:
        return _changed(when, earlier, newest)


@contextmanager
def _earlier(snapshot_id: str, newest: Snapshot) -> Iterator[Snapshot]:
    try:
        earlier = open_snapshot(snapshot_id)
    except WarehouseError:
        raise BeginAnew(
            _("the data that it last looked at are gone; it watches from now on.")
        ) from None
    with earlier:
        if earlier.portal != newest.portal:
            raise BeginAnew(_("the data are of another portal; it watches from now on."))
        yield earlier


def lacks(when: Change, snapshot: Snapshot) -> list[str]:
    """Return the entities of the records that are not all there: their rows may still come."""
    states = snapshot.sources().set_index("entity")["status"].to_dict()
    wanted = models_of(snapshot)[when.records].entities
    return [entity for entity in wanted if states.get(entity) not in WHOLE]


def _changed(when: Change, earlier: Snapshot, newest: Snapshot) -> list[int]:
    now = fitting(when, newest)
    if when.change == "entered":
        try:
            before = fitting(when, earlier)
        except QueryError:
            raise BeginAnew(
                _("the earlier data do not know all that its filter names; it watches from now on.")
            ) from None
        return sorted(now - before)
    columns = _compared_columns(when, earlier, newest)
    old, new = (_marks(when, each, columns) for each in (earlier, newest))
    if when.change == "added":
        return sorted(now & set(new.index.difference(old.index)))
    differs = new[old.reindex(new.index) != new]  # a missing one is unlike any other
    return sorted(now & set(differs.index))


def fitting(when: Change, snapshot: Snapshot) -> set[int]:
    """Return the ids of the records that fit the filter."""
    (ids,) = _read(when, snapshot, [_key(when, snapshot)], when.filter)
    return set(ids)


def _marks(when: Change, snapshot: Snapshot, columns: list[str]) -> pd.Series:
    """Return a hash of these columns by id; of one version of DuckDB, as nothing keeps it."""
    key = _key(when, snapshot)
    hashed = f"CAST(hash({', '.join(columns)}) AS VARCHAR)" if columns else "''"
    ids, marks = _read(when, snapshot, [key, hashed], None)
    return pd.Series(marks, index=ids, dtype="object")


def _compared_columns(when: Change, earlier: Snapshot, newest: Snapshot) -> list[str]:
    """Return the columns that both have and that are the record's own.

    Where another version of the package built them, the portal's own mark of a change alone: what
    the package reads otherwise now is no change.
    """
    own = {"modified_at", *models_of(newest)[when.records].fields} - DERIVED
    both = [name for name in _columns(when, earlier) if name in set(_columns(when, newest))]
    shared = sorted(own & set(both))
    version = "SELECT value FROM info WHERE key = 'models'"
    versions = {each.execute(version).fetchone() for each in (earlier, newest)}
    if len(versions) > 1 and "modified_at" in shared:
        shared = ["modified_at"]
    return [quoted(name) for name in shared]


def _columns(when: Change, snapshot: Snapshot) -> list[str]:
    ask = rows_statement(
        when.records,
        Cut(models=models_of(snapshot)),
        as_of=snapshot.as_of,
        timezone=snapshot.timezone,
    )
    described = snapshot.execute(f"SELECT * FROM ({ask.sql}) LIMIT 0", ask.parameters or None)  # noqa: S608 - ours
    return [column[0] for column in described.description or ()]


def _key(when: Change, snapshot: Snapshot) -> str:
    return f"CAST({quoted(models_of(snapshot)[when.records].key)} AS BIGINT)"


def _read(
    when: Change, snapshot: Snapshot, columns: list[str], where: Filter | None
) -> tuple[list, ...]:
    """Return the columns of the records that fit, each as a list."""
    ask = rows_statement(
        when.records,
        Cut(where=where, models=models_of(snapshot)),
        as_of=snapshot.as_of,
        timezone=snapshot.timezone,
    )
    listed = ", ".join(f"{sql} AS c{number}" for number, sql in enumerate(columns))
    asked = f"SELECT {listed} FROM ({ask.sql})"  # noqa: S608 - ours, values are bound
    frame = snapshot.query(asked, ask.parameters or None)
    return tuple(frame[name].tolist() for name in frame.columns)
