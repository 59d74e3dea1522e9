"""Rows of the writer's file as they are stored: texts by the name of their field."""
# ruff: noqa: S608 - every table's name stands in the list of entities, and is quoted

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from workbench.bitrix24.entity import Entity
from workbench.warehouse.store import Store, quoted

Stored = dict[str, str | None]


def id_at(store: Store, entity: str, place: int) -> int:
    """Return the id at a place (from 0) in ascending order; 0 if there is none."""
    row = store.connection.execute(
        f"SELECT _id FROM raw.{quoted(entity)} ORDER BY _id LIMIT 1 OFFSET ?", [place]
    ).fetchone()
    return int(row[0]) if row else 0


def ids_below(store: Store, entity: str, high: int, number: int) -> list[int]:
    """Return the ``number`` highest ids below ``high``, descending."""
    rows = store.connection.execute(
        f"SELECT _id FROM raw.{quoted(entity)} WHERE _id < ? ORDER BY _id DESC LIMIT ?",
        [high, number],
    ).fetchall()
    return [number for (number,) in rows]


def rows_between(store: Store, entity: str, low: int, high: int) -> dict[int, Stored]:
    """Return the rows stored in ``(low, high]`` by id; few are meant to be asked for."""
    cursor = store.connection.execute(
        f"SELECT * FROM raw.{quoted(entity)} WHERE _id > ? AND _id <= ?", [low, high]
    )
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {int(row.pop("_id")): row for row in found}


def children_of(
    store: Store, entity: Entity, owners: Sequence[int]
) -> dict[int, dict[int, Stored]]:
    """Return the stored children of some owners, by owner and id."""
    its = f"TRY_CAST({quoted(entity.owner_field)} AS BIGINT)"
    store.connection.register("owner_ids", pa.table({"id": pa.array(owners, pa.int64())}))
    cursor = store.connection.execute(
        f"SELECT {its} AS _owner, * FROM raw.{quoted(entity.name)}"
        f" WHERE {its} IN (SELECT id FROM owner_ids)"
    )
    names = [column[0] for column in cursor.description]
    found: dict[int, dict[int, Stored]] = {}
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        found.setdefault(int(row.pop("_owner")), {})[int(row.pop("_id"))] = row
    store.connection.unregister("owner_ids")
    return found
