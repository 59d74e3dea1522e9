"""Rows of a portal's answer as Arrow, every value a string.

Shape: ``_id`` int64 (the record's id), then one string column per field. Empty forms (null, "",
false, [], {}) become null, true becomes ``"Y"``, numbers their JSON text, lists and objects JSON.
Nothing is cast here: types are the business of ``warehouse/staging``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import NoneType
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

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


def column(values: Sequence[Any]) -> pa.Array:
    """Return the values of a field that is not text everywhere as a string array."""
    if set(map(type, values)) <= {int, NoneType}:
        with suppress(OverflowError, pa.ArrowInvalid):  # beyond 64 bits
            return pa.array(values, pa.int64()).cast(pa.string())
    return pa.array([as_text(value) for value in values], pa.string())


def columns(rows: Sequence[Row], names: Sequence[str]) -> dict[str, pa.Array]:
    """Return fields as string arrays; those that are text everywhere are turned in one pass."""
    try:
        return _texts(rows, names)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        others = {
            name
            for row in rows
            for name, value in row.items()
            if value is not None and value.__class__ is not str
        }
    arrays = _texts(rows, [name for name in names if name not in others])
    for name in names:
        if name in others:
            arrays[name] = column([row.get(name) for row in rows])
    return {name: arrays[name] for name in names}


def _texts(rows: Sequence[Row], names: Sequence[str]) -> dict[str, pa.Array]:
    """Return fields that hold strings and null only; else pyarrow's error."""
    shape = pa.struct([(name, pa.string()) for name in names])
    return dict(zip(names, map(without_empty, pa.array(rows, shape).flatten()), strict=True))


def without_empty(array: pa.Array) -> pa.Array:
    """Return strings with null for empty ones."""
    empty = pc.equal(array, "")
    return pc.if_else(empty, None, array) if pc.any(empty).as_py() else array


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
    arrays = {"_id": pa.array(list(by_id), pa.int64())}
    return pa.table(arrays | columns(unique, fields_of(unique)))
