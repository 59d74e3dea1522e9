"""Finished rows into a table, many at a time.

Python pays for every statement that SQLite runs, so one INSERT takes a *group* of rows, binds a
value that all rows share once, and leaves columns out that nobody fills.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import orjson

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, Unfit

Keep = Callable[[Any], Any]
#: Gives the values of a multiple field their ids.
Number = Callable[[str, Sequence[Mapping[str, Any]]], list[Row]]

CHUNK = 5_000
VARIABLES = 900  # the smallest limit that SQLite was ever built with is 999
_SAME: dict[str, set[type]] = {"INTEGER": {int}, "REAL": {float}, "TEXT": {str}}


@contextmanager
def without_collector() -> Iterator[None]:
    """Let no cycles be looked for: among millions of new rows that took a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def insert_rows(
    connection: sqlite3.Connection,
    entity: Entity,
    keepers: Sequence[tuple[str, Keep]],
    rows: Iterable[Mapping[str, Any]],
    number: Number,
) -> int:
    """Insert rows as they come; raises ValueError for a value that its column cannot hold."""
    names = {column for column, _keep in keepers}
    multiple = _multiple(entity)
    # By name: the table of an earlier version's file has its later columns behind the body.
    sql = _insert(entity, [], [*(column for column, _keep in keepers), "body"], 1)
    count = 0

    def stored() -> Iterator[list[Any]]:
        for row in rows:
            get = row.get
            try:
                values = [None if (v := get(name)) is None else keep(v) for name, keep in keepers]
            except (ValueError, TypeError, OverflowError) as error:
                raise Unfit(_unfit(row, keepers)) from error
            extra = {k: v for k, v in row.items() if k not in names and v is not None}
            values.append(_body(extra, multiple, number))
            yield values

    source = stored()
    while chunk := list(islice(source, CHUNK)):
        connection.executemany(sql, chunk)
        count += len(chunk)
    return count


def _unfit(row: Mapping[str, Any], keepers: Sequence[tuple[str, Keep]]) -> str:
    """The first column that cannot hold the row's value."""
    for name, keep in keepers:
        try:
            if row.get(name) is not None:
                keep(row[name])
        except (ValueError, TypeError, OverflowError):
            return name
    return ""


def insert_columns(
    connection: sqlite3.Connection,
    entity: Entity,
    keepers: Mapping[str, Keep],
    table: Columns,
    number: Number,
) -> int:
    """Insert the rows of a `Columns`; raises ValueError for a value that no column can hold."""
    lists: dict[str, Iterable[Any]] = {}
    shared: dict[str, Any] = {}
    extra = {name: values for name, values in table.columns.items() if name not in keepers}
    for field in entity.columns:
        column = table.columns.get(field.name)
        if isinstance(column, list):
            lists[field.name] = _stored(field, keepers[field.name], column)
        elif column is not None:
            shared[field.name] = keepers[field.name](column)
    if extra:
        multiple = [name for name in _multiple(entity) if name in extra]
        lists["body"] = (
            _body({k: v for k, v in row.items() if v is not None}, multiple, number)
            for row in Columns(extra, len(table))
        )
    if not len(table):
        return 0
    size = max(1, (VARIABLES - len(shared)) // max(1, len(lists)))
    whole = len(table) - len(table) % size
    head = tuple(shared.values())
    flat = chain.from_iterable(zip(*lists.values(), strict=True))
    width = size * len(lists)
    groups = (head + tuple(islice(flat, width)) for _group in range(whole // size))
    connection.executemany(_insert(entity, list(shared), list(lists), size), groups)
    if len(table) > whole:
        rest = _insert(entity, list(shared), list(lists), len(table) - whole)
        connection.execute(rest, head + tuple(flat))
    return len(table)


def _insert(entity: Entity, shared: list[str], lists: list[str], size: int) -> str:
    """INSERT of ``size`` rows: the shared values are bound first, then row after row."""
    names = ", ".join(f'"{name}"' for name in (*shared, *lists))
    common = [f"?{n}" for n in range(1, len(shared) + 1)]
    numbers = iter(range(len(shared) + 1, len(shared) + size * len(lists) + 1))
    rows = (
        f"({', '.join([*common, *(f'?{next(numbers)}' for _name in lists)])})"
        for _row in range(size)
    )
    return f'INSERT INTO "{entity.name}" ({names}) VALUES {", ".join(rows)}'  # noqa: S608


def _stored(field: Field, keep: Keep, column: list[Any]) -> list[Any]:
    """A column in stored form: as it is where its types say so, else each value kept."""
    kinds = set(map(type, column)) - {type(None)}
    if kinds <= _SAME[field.affinity] and field.type not in ("char", "boolean", "date"):
        return column
    if len(kinds) == 1 and kinds <= {str, int, float}:
        kept = {value: None if value is None else keep(value) for value in set(column)}
        return [kept[value] for value in column]
    return [None if value is None else keep(value) for value in column]


def _multiple(entity: Entity) -> list[str]:
    return [f.name for f in entity.fields if f.type == "crm_multifield"]


def _body(extra: Row, multiple: Iterable[str], number: Number) -> str | None:
    """What has no column, as JSON; None if there is nothing. ``multiple``: what gets numbers."""
    if not extra:
        return None
    for name in multiple:
        if name in extra:
            extra[name] = number(name, extra[name])
    return orjson.dumps(extra).decode()
