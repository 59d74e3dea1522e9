"""Records that the portal no longer has, and what goes with them.

They are found by comparing ids: daily, and whenever the portal counts another number of rows. Lists
that are too long to be counted at every sync go by the portal's events in between, where the
application is installed. An event is only a hint: whether a record is gone, the portal says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from workbench.bitrix24 import oauth, offline_events
from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.commands import Command
from workbench.bitrix24.entity import Entity
from workbench.errors import WorkbenchError
from workbench.sources.pages import record_id
from workbench.sources.portal import WindowReader, page_call
from workbench.warehouse.bookkeeping import Bookkeeping
from workbench.warehouse.referring import note_referring
from workbench.warehouse.store import Store

TAKEN = "events taken"  # in state.info: process ids that are not cleared yet
MOST_PAGES = 40  # of events in one sync
COUNTED = 200_000  # up to so many rows a count at the portal is cheap enough for every sync


def suspects(
    book: Bookkeeping, entities: Sequence[Entity], totals: Mapping[str, int], today: date
) -> list[Entity]:
    """Return the entities whose ids are to be compared with the portal's.

    Those not compared yet ``today`` (the portal's day), and those of which the portal counts
    another number of rows (``totals``) than are stored.
    """
    store = book.store
    return [
        entity
        for entity in entities
        if store.progress(entity.name).compared_on != today
        or totals.get(entity.name) not in (None, store.count(entity.name))
    ]


def is_countable(store: Store, entity: Entity) -> bool:
    """Whether the portal may be asked at every sync how many rows there are."""
    return store.count(entity.name) <= COUNTED


def delete_missing(store: Store, entity: Entity, ids: pa.ChunkedArray, low: int, high: int) -> int:
    """Delete what is stored in ``(low, high]`` but not among ``ids`` (int64); returns how many.

    With a record goes what belongs to it (history, product rows, links); what refers to it is
    noted, to be read anew.
    """
    gone = store.keep(entity.name, ids, low, high)
    note_referring(store, entity, gone)
    for child in store.belonging_to(entity.name) if gone else ():
        store.delete_children(child.name, child.owner_field, gone)
    return len(gone)


def count_call(entity: Entity) -> Command:
    """Return the call whose answer counts an entity's rows and gives the highest ids."""
    method, params = page_call(entity, 0, only_ids=True, descending=True)
    return method, params | {"start": 0}


def newest_call(store: Store, entity: Entity) -> Command:
    """Return the call for the highest ids, with the count if that is cheap enough."""
    if is_countable(store, entity):
        return count_call(entity)
    return page_call(entity, 0, only_ids=True, descending=True)


def unseen(store: Store, entity: Entity, answer: BatchAnswer) -> WindowReader | None:
    """Return what reads the records that are new among the highest ids, if there are any.

    Whatever comes into being has a higher id than all before, also where its change date is an old
    one, as that of imported records may be.
    """
    rows = entity.unwrap(answer.result) if answer.error is None else []
    ids = [number for row in rows if (number := record_id(row, entity.key)) is not None]
    unknown = store.unknown(entity.name, ids)
    if not unknown:
        return None
    low = min(unknown) - 1
    if len(unknown) == len(ids):  # and maybe more below them
        low = min(low, store.highest(entity.name))
    return WindowReader(entity, low, max(unknown))


def no_ids() -> pa.ChunkedArray:
    """Return an empty set of ids."""
    return pa.chunked_array([pa.array([], pa.int64())])


def told_by_events(store: Store, host: str) -> dict[str, list[int]] | None:
    """Take the events of a portal's queue; returns the ids that they say are gone, by entity.

    They stay taken until `let_events_go`: what a sync had taken that was killed comes again. None
    without the application, and where it is refused: then the daily comparison has to do.
    """
    installation = oauth.at(host)
    if installation is None:
        return None
    found: dict[str, list[int]] = {}
    taken: list[str] = json.loads(store.info(TAKEN) or "[]")
    try:
        with oauth.portal(installation) as application:
            for before in [*taken, *[""] * MOST_PAGES]:
                process, ids = offline_events.take(application, before)
                if not process and not before:
                    break
                if not before:
                    taken.append(process)
                    store.set_info(TAKEN, json.dumps(taken))
                for entity, gone in ids.items():
                    found.setdefault(entity, []).extend(gone)
    except WorkbenchError:
        return None
    return found


def let_events_go(store: Store, host: str) -> None:
    """Clear the events that were taken: what they told is committed."""
    installation, taken = oauth.at(host), json.loads(store.info(TAKEN) or "[]")
    if installation is None or not taken:
        return
    try:
        with oauth.portal(installation) as application:
            for process in taken:
                offline_events.clear(application, process)
    except WorkbenchError:
        return  # they come again with the next sync
    store.set_info(TAKEN, "[]")
