"""Records that the portal no longer has, found by comparing ids, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from workbench.bitrix24.commands import Command
from workbench.bitrix24.entity import Entity
from workbench.warehouse.bookkeeping import Bookkeeping
from workbench.warehouse.store import Store

COUNTED = 200_000  # up to so many rows a count at the portal is cheap enough for every sync


def suspects(book: Bookkeeping, entities: Sequence[Entity], today: date) -> list[Entity]:
    """Return the entities whose ids are to be compared with the portal's.

    Those not compared yet ``today`` (the portal's day), and those of which the portal counts
    another number of rows than are stored.
    """
    store = book.store
    found = [entity for entity in entities if store.progress(entity.name).compared_on != today]
    counted = [e for e in entities if e not in found and is_countable(store, e)]
    answers = book.ask([count_call(entity) for entity in counted])
    for entity, answer in zip(counted, answers, strict=True):
        if answer.total is not None and answer.total != store.count(entity.name):
            found.append(entity)
    return found


def is_countable(store: Store, entity: Entity) -> bool:
    """Whether the portal may be asked at every sync how many rows there are."""
    return store.count(entity.name) <= COUNTED


def delete_missing(store: Store, entity: Entity, ids: pa.ChunkedArray, low: int, high: int) -> int:
    """Delete what is stored in ``(low, high]`` but not among ``ids`` (int64); returns how many.

    With a record goes what belongs to it (history, product rows, links).
    """
    gone = store.keep(entity.name, ids, low, high)
    for child in store.belonging_to(entity.name) if gone else ():
        store.delete_children(child.name, child.owner_field, gone)
    return len(gone)


def count_call(entity: Entity) -> Command:
    """Return the call whose answer counts an entity's rows."""
    call = entity.calls[0]
    return call.method, call.params | {"select": [entity.filter_key], "start": 0}


def no_ids() -> pa.ChunkedArray:
    """Return an empty set of ids."""
    return pa.chunked_array([pa.array([], pa.int64())])
