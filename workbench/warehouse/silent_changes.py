"""Product rows and links that changed without a new date of the record that they go with.

Product rows of the same total, or a link that was made from its other end, move no date, so a sync
does not see them. Once a day (the portal's) they are read again for the records on the pages that
`reconcile` read, and for a part of all records, so that each has its turn within `ROUND` days or,
of very many, as `MOST` lets it. What differs is mended, and leads to a wider look: many more at
once, day after day, until every record has had its turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.bitrix24.entity import Entity
from workbench.i18n import _
from workbench.i18n.texts import kept, kept_list
from workbench.sources.pages import Row, record_id
from workbench.sources.portal import TOP, ChildReader, Chunk, IdReader, stream
from workbench.warehouse.bookkeeping import OVERLAP
from workbench.warehouse.children import ChildLoading
from workbench.warehouse.findings import Finding
from workbench.warehouse.reconcile import SHOWN, differing_fields, is_recent, now
from workbench.warehouse.store import Store
from workbench.warehouse.stored_rows import Stored, children_of, ids_below

ROUND = 30  # days
MOST = 5_000  # records a day and kind: some six requests
WIDER = 20_000  # likewise, once some were found
LOOKED_ON = "silent changes looked for on"  # in state.info


def find_silent_changes(loading: ChildLoading, entities: Sequence[Entity]) -> list[Finding]:
    """Read a part of the children again, unless that was done today; mends what differs.

    ``entities``: the kinds that are read by their owners. What was read in full just now is left
    out.
    """
    today = loading.loaded.as_of.date().isoformat()
    if loading.store.info(LOOKED_ON) == today:
        return []
    owners = {entity.name: entity for entity in loading.store.entities()}
    findings = []
    for entity in entities:
        if entity.owner in loading.loaded.full or entity.name in loading.loaded.problems:
            continue
        if loading.store.count(entity.owner):
            findings.append(_look(loading, entity, owners[entity.owner]))
    loading.store.set_info(LOOKED_ON, today)
    return findings


def _look(loading: ChildLoading, entity: Entity, owner: Entity) -> Finding:
    """Read what is due of one kind, and more if something differs."""
    store = loading.store
    count = store.count(owner.name)
    wide = int(store.info(_key(entity, "left")) or 0)
    part = _in_turn(store, entity, min(WIDER, wide) if wide else min(-(-count // ROUND), MOST))
    asked = {*loading.reread.get(owner.name, ()), *part}
    apart = _differing(loading, entity, owner, sorted(asked))
    problems = loading.loaded.problems
    if entity.name not in problems:
        _note_turn(store, entity, part, wide)
    if apart and not wide and entity.name not in problems:
        part = _in_turn(store, entity, WIDER)
        apart += _differing(loading, entity, owner, sorted({*part} - asked))
        asked |= {*part}
        _note_turn(store, entity, () if entity.name in problems else part, count)
    if entity.name in problems:
        reason = kept(problems[entity.name].message)
        return Finding("pages", entity.name, now(), "not done", detail=reason)
    if not apart:
        return Finding("pages", entity.name, now(), "agrees", len(asked))
    loading.loaded.silent[entity.name] = len(apart)
    listed = ", ".join(map(str, apart[:SHOWN])) + (", …" if len(apart) > SHOWN else "")
    told = [_("of the records {ids}, whose dates say nothing of it").format(ids=listed)]
    if left := int(store.info(_key(entity, "left"))):
        told.append(_("{n} more records are to be looked at").format(n=left))
    return Finding(
        "pages", entity.name, now(), "differs", len(asked), len(apart), detail=kept_list(told, "; ")
    )


def _key(entity: Entity, what: str) -> str:
    return f"silent changes of {entity.name}, {what}"


def _in_turn(store: Store, entity: Entity, number: int) -> list[int]:
    """Return the owners whose turn it is, the newest first."""
    reached = int(store.info(_key(entity, "reached")) or TOP)
    part = ids_below(store, entity.owner, reached, number)
    if len(part) < number:  # a new round begins
        known = {*part}
        again = ids_below(store, entity.owner, TOP, number)
        part += [owner for owner in again if owner not in known][: number - len(part)]
    return part


def _note_turn(store: Store, entity: Entity, part: Sequence[int], wide: int) -> None:
    """Note how far the round is, and how many owners are left of a wider look."""
    with store.transaction():
        if part:
            store.set_info(_key(entity, "reached"), str(part[-1]))
        store.set_info(_key(entity, "left"), str(max(wide - len(part), 0)))


def _differing(
    loading: ChildLoading, entity: Entity, owner: Entity, owners: Sequence[int]
) -> list[int]:
    """Read children again and store them; returns the owners of those that were stored otherwise.

    Without those owners that have changed, or are gone, since this sync asked for changes.
    """
    store, apart = loading.store, list[int]()
    usual = store.count(entity.name) / max(store.count(owner.name), 1)
    for chunk in stream(loading.portal, [ChildReader(entity, owners, usual=usual)]):
        if chunk.error is None:
            apart += _apart(chunk, entity, children_of(store, entity, chunk.owners))
        loading.store_children(chunk, known=True)
    since, settled = loading.loaded.as_of - OVERLAP, set[int]()
    for chunk in stream(loading.portal, [IdReader(owner, apart)]):
        settled |= _ids(
            (row for row in chunk.rows if not is_recent(row.get(owner.changed), since)), owner.key
        )
    return [number for number in apart if number in settled]


def _ids(rows: Iterable[Row], key: str) -> set[int]:
    return {number for row in rows if (number := record_id(row, key)) is not None}


def _apart(chunk: Chunk, entity: Entity, stored: dict[int, dict[int, Stored]]) -> list[int]:
    """Return the owners of a chunk of which other children are stored (by owner and id)."""
    given: dict[int, dict[int, Row]] = {}
    for row in chunk.rows:
        owner, number = record_id(row, entity.owner_field), record_id(row, entity.key)
        if owner is not None and number is not None:
            given.setdefault(owner, {})[number] = row
    apart = []
    for owner in chunk.owners:
        new, old = given.get(owner, {}), stored.get(owner, {})
        if new.keys() != old.keys() or any(differing_fields(new[n], old[n]) for n in new):
            apart.append(owner)
    return apart
