"""Loading what goes with records and has no change date of its own: product rows, links.

Owners whose children are to be read are noted in the transaction that stores the owners; they are
struck off in the one that stores the children. So it is with the stage history of records that
come back, or come to be seen: it lies below the id from which on history is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workbench.bitrix24.entity import Entity
from workbench.errors import PortalError
from workbench.sources.pages import Row, record_id, to_arrow
from workbench.sources.portal import BATCH, MOST_OWNERS, ChildReader, Chunk, fetch, stream
from workbench.warehouse.bookkeeping import OVERLAP, Bookkeeping, refused_key
from workbench.warehouse.reconcile import is_recent


class ChildLoading(Bookkeeping):
    """The part of a pass that concerns children."""

    children: dict[str, list[Entity]]  # by their owner's name
    histories: dict[str, Entity]  # likewise

    def begin_children(self, entities: Sequence[Entity], histories: Sequence[Entity]) -> None:
        """Learn which kinds there are; note all owners of those never read, as after an upgrade."""
        self.children = {}
        self.histories = {entity.owner: entity for entity in histories}
        for entity in entities:
            self.children.setdefault(entity.owner, []).append(entity)
            progress = self.store.progress(entity.name)
            if progress.watermark is None:
                with self.store.transaction():
                    self.store.add_all_pending(entity)
                    progress.watermark = self.since()
                    self.store.save(entity.name, progress)

    def note_owners(self, owner: Entity, ids: Sequence[int]) -> None:
        """Note that the children of these owners are to be read anew."""
        for child in self.children.get(owner.name, ()) if ids else ():
            self.store.add_pending(child.name, ids)

    def note_returned(self, owner: Entity, rows: Sequence[Row]) -> None:
        """Note that the history is to be read of records that were there, but were not seen.

        ``rows`` are about to be stored. What came into being since the last sync has its history
        among what was appended since.
        """
        history = self.histories.get(owner.name)
        progress = self.store.progress(history.name) if history else None
        if not history or not progress or not progress.watermark or progress.frontier is not None:
            return  # it is read from its first row on
        told = self.store.progress(owner.name).watermark
        seen = datetime.fromisoformat(told) + OVERLAP if told else None
        older = [
            number
            for row in rows
            if (number := record_id(row, owner.key)) is not None
            and not (seen and is_recent(row.get(owner.created), seen))
        ]
        if returned := self.store.unknown(owner.name, older):
            self.store.add_pending(history.name, returned)

    def note_all_owners(self, owner: Entity) -> None:
        """Note all owners of a kind: it has been read in full."""
        for child in self.children.get(owner.name, ()):
            self.store.add_all_pending(child)

    def load_children(self, kinds: Sequence[Entity]) -> None:
        """Read what new and changed records have."""
        entities = [e for e in kinds if not self.store.info(refused_key(e))]
        for entity in entities:
            if entity.paging == "children" and entity.owner in self.loaded.problems:
                self.fail(entity, self.loaded.problems[entity.owner])
        self._load_few([e for e in entities if e.name not in self.loaded.problems])
        for entity in entities:
            for known in (False, True):
                if entity.name in self.loaded.problems:
                    break
                reader = ChildReader(entity, self.store.pending(entity, known=known))
                for chunk in stream(self.portal, [reader]):
                    self.store_children(chunk, known=known)
                    del chunk  # its rows, before the next ones are here
            if entity.paging == "children" and entity.name not in self.loaded.problems:
                progress = self.store.progress(entity.name)
                progress.watermark = self.since()
                self.finish(entity, progress)

    def _load_few(self, entities: Sequence[Entity]) -> None:
        """Read the children of few owners, those of every kind with the same request."""
        asked, room = [], BATCH
        for entity in entities:
            if not 0 < self.store.count_pending(entity.name) <= BATCH * MOST_OWNERS:
                continue
            owners = [n for known in (False, True) for n in self.store.pending(entity, known=known)]
            stored = self.store.count(entity.name) / max(self.store.count(entity.owner), 1)
            reader = ChildReader(entity, owners, usual=stored)
            request = reader.next_request()
            if request and sum(map(len, request)) == len(owners) and len(request) <= room:
                room -= len(request)
                asked.append((reader, request))
        calls = [call for reader, request in asked for call in reader.calls(request)]
        answers = fetch(self.portal, calls)
        at = 0
        for reader, request in asked:
            for chunk in reader.take(self.portal, request, answers[at : at + len(request)]):
                self.store_children(chunk, known=True)
            at += len(request)

    def store_children(self, chunk: Chunk, *, known: bool) -> None:
        """Commit the children of a chunk's owners (``known``: some may be stored already).

        Of history only what does not reach beyond the id up to which it is read: others may have
        some in between.
        """
        entity = chunk.entity
        if chunk.error is not None:
            if entity.paging == "appended" and not chunk.error.may_pass:
                self._go_without_owners(entity, chunk.error)
            else:
                self.fail(entity, chunk.error)
            return
        rows = chunk.rows
        if entity.paging == "appended":
            reached = self.store.highest(entity.name)
            rows = [row for row in rows if (record_id(row, entity.key) or 0) <= reached]
        table = to_arrow(rows, entity.key)
        with self.store.transaction():
            changed = self.store.merge(entity.name, table)
            if known:
                changed += self.store.delete_children(
                    entity.name, entity.owner_field, chunk.owners, table
                )
            self.store.clear_pending(entity.name, chunk.owners)
            self.note(entity, len(rows), changed)

    def _go_without_owners(self, entity: Entity, error: PortalError) -> None:
        """Note that a history is refused by its owners: it is not asked for so again.

        What is lacking comes when it is read from its first row on, once a day at most.
        """
        self.fail(entity, error)
        progress = self.store.progress(entity.name)
        progress.status = "partial"
        with self.store.transaction():
            self.store.save(entity.name, progress)
            self.store.set_info(refused_key(entity), progress.missing or "")

    def history_is_due(self, entity: Entity) -> bool:
        """Whether a history that is refused by its owners lacks some, and was not read today."""
        progress, today = self.store.progress(entity.name), self.loaded.as_of.date()
        lacks = self.store.info(refused_key(entity)) and self.store.count_pending(entity.name)
        return bool(lacks) and progress.compared_on != today

    def history_is_whole(self, entity: Entity) -> None:
        """Note that a history was read from its first row on: nothing of its owners is lacking."""
        if entity.paging == "appended":
            self.store.forget_pending(entity.name)
            if self.store.info(refused_key(entity)):
                self.store.set_info(refused_key(entity), "")
