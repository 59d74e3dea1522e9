"""Rows of a portal's answer as Arrow, every value a string.

Shape: ``_id`` int64 (the record's id), then one string column per field. Empty forms (null, "",
false, [], {}) become null, true becomes ``"Y"``, numbers their JSON text, lists and objects JSON.
Nothing is cast here: types are the business of ``warehouse/staging``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import pyarrow as pa

Row = dict[str, Any]


def as_text(value: Any) -> str | None:
    """Return a JSON value as the raw tables keep it."""
    if isinstance(value, str):
        return value or None
    if value is None or value is False:
        return None
    if value is True:
        return "Y"
    if isinstance(value, list | dict):
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode() if value else None
    return str(value)


def column(rows: Sequence[Row], name: str) -> pa.Array:
    """Return one field of all rows as a string array."""
    return pa.array([as_text(row.get(name)) for row in rows], pa.string())


def record_id(row: Row, key: str) -> int | None:
    """Return the row's numeric id, or ``None`` if it has none."""
    try:
        return int(row[key])
    except (KeyError, TypeError, ValueError):
        return None


def fields_of(rows: Iterable[Row]) -> list[str]:
    """Return the names of all fields, in the order in which they appear first.

    Names that differ only in case count as one (the first wins): columns are case-insensitive.
    """
    names: dict[str, str] = {}
    shape: tuple[str, ...] = ()
    for row in rows:
        if tuple(row) == shape:
            continue
        shape = tuple(row)
        for name in row:
            if not name.startswith("_"):
                names.setdefault(name.lower(), name)
    return list(names.values())


def to_arrow(rows: Sequence[Row], key: str) -> pa.Table:
    """Turn rows into an Arrow table; of rows with the same id the last one stays.

    Rows without a numeric id get their position (small lists such as currencies).
    """
    by_id: dict[int, Row] = {}
    for position, row in enumerate(rows):
        number = record_id(row, key)
        by_id[-position - 1 if number is None else number] = row
    unique = list(by_id.values())
    columns = {"_id": pa.array(list(by_id), pa.int64())}
    columns |= {name: column(unique, name) for name in fields_of(unique)}
    return pa.table(columns)
