"""Loading a portal into the store: full loads, changes, deletions, children.

Everything is committed chunk by chunk together with the progress it stands for; a sync that was
killed goes on where its last commit was, and reading a row twice does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import pyarrow as pa

from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.client import Portal
from workbench.bitrix24.commands import Command, command
from workbench.bitrix24.entities import (
    CATEGORIES,
    DEALS,
    ENTITIES,
    ITEM_USERFIELDS,
    TYPES,
    USERFIELDS,
)
from workbench.bitrix24.entity import Entity
from workbench.bitrix24.smart_processes import with_smart_processes
from workbench.sources.pages import record_id, to_arrow
from workbench.sources.portal import (
    PAGE,
    TOP,
    Chunk,
    IdReader,
    Reader,
    WindowReader,
    fetch,
    last_id,
    page_call,
    read_whole,
    stream,
    whole_calls,
)
from workbench.warehouse.asked import note_asked
from workbench.warehouse.bookkeeping import Loaded, Report
from workbench.warehouse.children import ChildLoading
from workbench.warehouse.clock import mind_clock
from workbench.warehouse.deletions import (
    delete_missing,
    is_countable,
    let_events_go,
    newest_call,
    no_ids,
    suspects,
    told_by_events,
    unseen,
)
from workbench.warehouse.rates import mind_base, observe_rates
from workbench.warehouse.reasons import missing_right
from workbench.warehouse.reborn import forget_old_values
from workbench.warehouse.reconcile import (
    add_sums,
    begin_sums,
    compare_sums,
    forget_findings,
    keep,
    reconcile,
    recount,
)
from workbench.warehouse.referring import referring
from workbench.warehouse.silent_changes import find_silent_changes
from workbench.warehouse.store import Progress, Store
from workbench.warehouse.zones import moments_now, portal_zone

READ_ON = 24  # pages that are read at once behind a full first page of changes
APPENDED_OVERLAP = 25  # ids that are read again: transactions may commit out of order


def identity_calls() -> list[Command]:
    """Return the calls that tell who and when we are."""
    return [("server.time", {}), ("profile", {})]


def end_calls(entity: Entity) -> list[Command]:
    """Return the calls for an entity's first and last ids."""
    ways = (False, True)
    return [page_call(entity, 0, only_ids=True, descending=descending) for descending in ways]


class Loading(ChildLoading):
    """One pass over a portal."""

    def __init__(
        self, portal: Portal, store: Store, *, full: bool = False, report: Report | None = None
    ) -> None:
        super().__init__(portal, store, full=full, report=report)
        self._born: dict[str, list[str]] = {}
        self._resumed: set[str] = set()  # whose full load an earlier sync had begun

    def run(self, timezone: str | None = None) -> Loaded:
        """Bring the store up to the portal's present state; returns what was done.

        What one entity is refused is noted with that entity; what concerns the whole portal
        (`PortalUnreachable`, `BadCredentials`, a limit that does not pass) is raised.
        """
        if timezone:
            portal_zone(self.store, timezone, "", self.loaded.as_of)  # a wrong one is told at once
        self._load_whole()
        entities = self.store.entities()
        children = [entity for entity in entities if entity.paging == "children"]
        listed = [entity for entity in entities if entity.paging in ("changed", "appended")]
        histories = [entity for entity in listed if entity.paging == "appended" and entity.owner]
        self.begin_children(children, histories)
        self.loaded.anew = note_asked(self.store, listed, self._born)
        self.loaded.another_base = mind_base(self.store)
        if observe_rates(self.store, self.loaded.as_of.date()):
            self.touch()
        fresh = [entity for entity in listed if self._needs_full(entity)]
        self._load_fully(fresh)
        self._load_changes([e for e in listed if e.name not in self.loaded.problems])
        self._compare([e for e in listed if e.paging == "changed"])
        self._follow_events([e for e in listed if e.paging == "changed"])
        self._load_referring([e for e in listed if e.paging == "changed"])
        self.load_children(histories)
        if reconcile(self, listed):  # it may have found some more that are gone
            self._load_referring([e for e in listed if e.paging == "changed"])
        else:
            recount(self, listed)
        self.load_children([*histories, *children])
        keep(self.store, find_silent_changes(self, children))
        told = partial(moments_now, self, [e for e in listed if e.name not in self.loaded.problems])
        self.know("timezone", portal_zone(self.store, timezone, self._user_zone, self._clock, told))
        return self.loaded

    # Bookkeeping

    def _identify(self, answers: Sequence[BatchAnswer]) -> None:
        for answer in answers[:2]:
            if answer.error is not None:
                raise answer.error
        moment = self.portal.set_clock(str(answers[0].result))
        self.loaded.as_of = self._clock = moment
        mind_clock(self.store, moment)
        profile = answers[1].result
        zone = profile.get("TIME_ZONE") if isinstance(profile, dict) else None
        self._user_zone = zone if isinstance(zone, str) else ""
        if isinstance(profile, dict) and profile.get("ADMIN") not in (True, "Y", "1", 1, "true"):
            self.loaded.hidden_from = int(str(profile.get("ID") or 0))
        known = self.store.info("portal")
        if known and known != self.portal.host and not self.portal.moved_to:
            self.store.forget()  # another portal's ids would be mixed with this one's
            forget_findings(self.store)
        self.know("portal", self.portal.host)
        self.know("portal_url", self.portal.portal_url)

    # Small lists

    def _load_whole(self) -> None:
        """Read the small lists, those of smart processes that were not known before as well."""
        known = self.store.smart_processes()
        whole = [with_smart_processes(e, known) for e in ENTITIES if e.paging == "whole"]
        calls: list[Command] = identity_calls()
        for entity in whole:
            calls += whole_calls(entity)
        also = self._expected_calls()
        # one request after the other: what the clock's answer stands for must not be older
        answers = self.portal.batch([*calls, *also])
        self.have(also, answers[len(calls) :])
        self._identify(answers)
        known = self.store.smart_processes()  # another portal's have just been forgotten
        given, at = {}, len(identity_calls())
        for entity in whole:
            given[entity.name] = entity, answers[at : at + len(entity.calls)]
            at += len(entity.calls)
        self._store_whole(*given.pop(TYPES.name))
        self._born = self._fields_born(*given.pop(USERFIELDS.name))
        processes = self.store.smart_processes()
        if {(p.type_id, p.number) for p in processes} != {(p.type_id, p.number) for p in known}:
            fresh = [with_smart_processes(e, processes) for e in (CATEGORIES, ITEM_USERFIELDS)]
            replies = iter(fetch(self.portal, [call for e in fresh for call in whole_calls(e)]))
            for entity in fresh:
                given[entity.name] = entity, list(islice(replies, len(entity.calls)))
        if processes != known:
            with self.store.transaction():
                self.store.take_smart_processes()
        for entity, part in given.values():
            self._store_whole(entity, part)

    def _expected_calls(self) -> list[Command]:
        """Return the calls that will be made next, unless the small lists say otherwise."""
        calls: list[Command] = []
        for entity in self.store.entities():
            if entity.paging not in ("changed", "appended"):
                continue
            if self._needs_full(entity):
                calls += end_calls(entity)
                continue
            calls += [self._changes_call(entity), *self._newest_calls(entity)]
        return calls

    def _newest_calls(self, entity: Entity) -> list[Command]:
        """Return the call for the newest records and their number, if it will be asked."""
        return [newest_call(self.store, entity)] if entity.paging == "changed" else []

    def _fields_born(self, entity: Entity, answers: Sequence[BatchAnswer]) -> dict[str, list[str]]:
        """Store the user fields; returns those of several values that were not there before."""
        known = self.store.fields_of_several_values()
        told = self.store.progress(entity.name).status == "complete"
        self._store_whole(entity, answers)
        if not told:
            return {}
        return {
            owner: [name for name in names if name not in known.get(owner, ())]
            for owner, names in self.store.fields_of_several_values().items()
        }

    def _store_whole(self, entity: Entity, answers: Sequence[BatchAnswer]) -> None:
        rows, error = read_whole(self.portal, entity, answers)
        if rows is None:
            if error is not None:
                self.fail(entity, error)
            return
        with self.store.transaction():
            changed = self.store.replace(entity.name, to_arrow(rows, entity.key))
            if error is None and entity.name in (USERFIELDS.name, ITEM_USERFIELDS.name):
                changed += len(forget_old_values(self.store, entity))
            progress = self.store.progress(entity.name)
            progress.watermark = self.since()
            self.note(entity, len(rows), changed)
            if error is None:
                self.finish(entity, progress)
                return
            before = (progress.status, progress.missing)
            progress.status, progress.missing = "partial", missing_right(entity, error)
            progress.last_sync = datetime.now(UTC)
            if before != (progress.status, progress.missing):
                self.touch()
            self.store.save(entity.name, progress)

    # Full loads

    def _needs_full(self, entity: Entity) -> bool:
        progress = self.store.progress(entity.name)
        begun = progress.watermark is None or progress.frontier is not None
        return self.full or begun or self.history_is_due(entity)

    def _load_fully(self, entities: Sequence[Entity]) -> None:
        """Read entities from their first to their last id, going on after an interruption."""
        ends = self._ends(entities)
        readers: list[Reader] = []
        for entity in entities:
            if entity.name not in ends:
                continue
            first, last = ends[entity.name]
            progress = self.store.progress(entity.name)
            if progress.frontier is not None:
                self._resumed.add(entity.name)  # what has gone below it since is still here
            else:
                progress.frontier = 0
                progress.watermark = self.since()
                if entity.name == DEALS.name:
                    begin_sums(self.store)
                self.store.save(entity.name, progress)
            self.loaded.full.append(entity.name)
            # (first - 1) is skipped ground, but what we hold there is gone at the portal
            start = max(progress.frontier or 0, first - 1)
            self._clear(entity, progress.frontier or 0, start)
            readers.append(WindowReader(entity, start, max(last, start)))
            self._clear(entity, max(last, start), TOP)
        for chunk in stream(self.portal, readers):
            self._store_chunk(chunk, frontier=True)
            del chunk  # its rows, before the next ones are here
        for entity in entities:
            if entity.name in ends and entity.name not in self.loaded.problems:
                progress = self.store.progress(entity.name)
                progress.frontier = None
                counted = entity.name not in self._resumed or is_countable(self.store, entity)
                progress.compared_on = self.loaded.as_of.date() if counted else None
                self.note(entity, 0, 0)
                with self.store.transaction():
                    self.note_all_owners(entity)
                    self.history_is_whole(entity)
                    self.finish(entity, progress)
                if entity.name == DEALS.name:
                    keep(self.store, [compare_sums(self.store)])

    def _ends(self, entities: Sequence[Entity]) -> dict[str, tuple[int, int]]:
        """Return (first id, last id) of each entity that the portal lets us read."""
        answers = self.ask([call for entity in entities for call in end_calls(entity)])
        ends: dict[str, tuple[int, int]] = {}
        for number, entity in enumerate(entities):
            first, last = answers[2 * number : 2 * number + 2]
            error = first.error or last.error
            if error is not None:
                self.fail(entity, error)
                continue
            ids = [
                known
                for row in entity.unwrap(first.result) + entity.unwrap(last.result)
                if (known := record_id(row, entity.key)) is not None
            ]
            ends[entity.name] = (min(ids), max(ids)) if ids else (1, 0)
        return ends

    def _clear(self, entity: Entity, low: int, high: int) -> None:
        """Delete what is stored where the portal has nothing."""
        if low < high:
            with self.store.transaction():
                self.note(entity, 0, delete_missing(self.store, entity, no_ids(), low, high))

    def _store_chunk(self, chunk: Chunk, *, frontier: bool) -> None:
        """Commit a chunk; of a full load with its progress, vanished rows deleted."""
        entity = chunk.entity
        if chunk.error is not None:
            self.fail(entity, chunk.error)
            return
        table = to_arrow(chunk.rows, entity.key)
        with self.store.transaction():
            stocked = frontier and not self.store.is_empty(entity.name, chunk.low, chunk.high)
            self.note_returned(entity, chunk.rows)
            rows, chunk.rows = len(chunk.rows), []  # they take memory, and the table has them
            changed = self.store.merge(entity.name, table)
            if stocked:
                changed += delete_missing(
                    self.store, entity, table.column("_id"), chunk.low, chunk.high
                )
            if frontier:
                progress = self.store.progress(entity.name)
                progress.frontier = chunk.high
                self.store.save(entity.name, progress)
                if entity.name == DEALS.name:
                    add_sums(self.store, table)
            else:
                self.note_owners(entity, table.column("_id").to_pylist())
            self.note(entity, rows, changed)

    # Changes

    def _where(self, entity: Entity, progress: Progress) -> dict[str, str]:
        asked = entity.filter_changed
        return {f">={asked}": progress.watermark or ""} if asked else {}

    def _first_id(self, entity: Entity) -> int:
        """Return the id behind which changes are looked for."""
        if entity.paging != "appended":
            return 0
        return max(self.store.highest(entity.name) - APPENDED_OVERLAP, 0)

    def _changes_call(self, entity: Entity) -> Command:
        """Return the call for the first page of changes since the watermark."""
        where = self._where(entity, self.store.progress(entity.name))
        return page_call(entity, self._first_id(entity), where=where)

    def _load_changes(self, entities: Sequence[Entity]) -> None:
        """Read what has changed since the watermarks, and what was appended since the last id."""
        if self.loaded.full:  # that took its time, what was asked before is out of date
            self.at_hand.clear()
            self.loaded.as_of = self.portal.set_clock(str(self.portal.call("server.time")))
            mind_clock(self.store, self.loaded.as_of)
        until = self.since()
        calls = [self._changes_call(entity) for entity in entities]
        for entity, (method, params) in zip(entities, calls, strict=True):
            if command(method, params) not in self.at_hand:
                self.forget(self._newest_calls(entity))
        starts = {entity.name: self._first_id(entity) for entity in entities}
        long: list[tuple[Entity, int]] = []
        done: list[Entity] = []
        for entity, answer in zip(entities, self.ask(calls), strict=True):
            low = starts[entity.name]
            rows = entity.unwrap(answer.result) if answer.error is None else []
            reached = last_id(rows, entity.key, low)
            self._store_chunk(Chunk(entity, low, reached, rows, error=answer.error), frontier=False)
            if answer.error is not None:
                continue
            done.append(entity)
            if len(rows) >= PAGE:
                long.append((entity, reached))
        self._read_on(long)
        for entity in done:
            if entity.name not in self.loaded.problems:
                progress = self.store.progress(entity.name)
                progress.watermark = until
                self.finish(entity, progress)

    def _read_on(self, entities: Sequence[tuple[Entity, int]]) -> None:
        """Read the changes behind a full first page: some pages more with one request.

        It also says where the changes end, so that the rest is read by windows of ids, and how
        many rows there are now.
        """
        asked = []
        for entity, reached in entities:
            where = self._where(entity, self.store.progress(entity.name))
            reader = WindowReader(entity, reached, TOP, where=where)
            pages = reader.chain(reached, TOP, READ_ON)
            calls = [*pages, page_call(entity, reached, where=where, descending=True)]
            calls += self._newest_calls(entity)
            asked.append((reader, reached, where, calls, self.portal.submit(calls)))
        readers: list[Reader] = []
        for reader, reached, where, calls, future in asked:
            answers, entity = future.result(), reader.entity
            chunk = Chunk(entity, reached, TOP)
            behind, more = reader.follow(chunk, reached, answers[:READ_ON])
            self._store_chunk(chunk, frontier=False)
            self.forget(self._newest_calls(entity))
            if not more:
                self.have(calls[READ_ON + 1 :], answers[READ_ON + 1 :])
                continue
            end = answers[READ_ON]
            if end.error is not None:
                self.fail(entity, end.error)
                continue
            last = last_id(entity.unwrap(end.result), entity.key, behind)
            readers.append(WindowReader(entity, behind, last, where=where, width=last - behind))
        for chunk in stream(self.portal, readers):
            self._store_chunk(chunk, frontier=False)

    # Deletions

    def _compare(self, entities: Sequence[Entity]) -> None:
        """Compare the id sets, where a count differs or none was compared today."""
        read = {*self.loaded.full} - self._resumed
        usable = [e for e in entities if e.name not in self.loaded.problems and e.name not in read]
        today = self.loaded.as_of.date()
        totals = self._load_unseen(
            [e for e in usable if self.store.progress(e.name).compared_on == today]
        )
        doubted = suspects(self, usable, totals, today)
        ends = self._ends(doubted) if doubted else {}
        doubted = [entity for entity in doubted if entity.name in ends]
        missing: list[Reader] = []
        found: dict[str, list[int]] = {entity.name: [] for entity in doubted}
        readers = [
            WindowReader(
                e, ends[e.name][0] - 1, max(ends[e.name][1], ends[e.name][0] - 1), only_ids=True
            )
            for e in doubted
        ]
        for chunk in stream(self.portal, readers):
            found[chunk.entity.name] += self._store_ids(chunk)
        for entity in doubted:
            if entity.name in self.loaded.problems:
                continue
            first, last = ends[entity.name]
            self._clear(entity, 0, first - 1)
            self._clear(entity, max(last, first - 1), TOP)
            if found[entity.name]:
                missing.append(IdReader(entity, found[entity.name]))
            progress = self.store.progress(entity.name)
            progress.compared_on = today
            self.store.save(entity.name, progress)
        for chunk in stream(self.portal, missing):
            self._store_chunk(chunk, frontier=False)

    def _load_unseen(self, entities: Sequence[Entity]) -> dict[str, int]:
        """Read what is new and no change date tells of; returns how many rows the portal has."""
        totals: dict[str, int] = {}
        readers: list[Reader] = []
        calls = [newest_call(self.store, entity) for entity in entities]
        for entity, answer in zip(entities, self.ask(calls), strict=True):
            if answer.total is not None and is_countable(self.store, entity):
                totals[entity.name] = answer.total
            if reader := unseen(self.store, entity, answer):
                readers.append(reader)
        for chunk in stream(self.portal, readers):
            self._store_chunk(chunk, frontier=False)
        return totals

    def _follow_events(self, entities: Sequence[Entity]) -> None:
        """Delete what the portal's events say is gone, where it is stored and the portal agrees."""
        told = told_by_events(self.store, self.portal.host)
        if told is None:
            return
        asked: dict[str, set[int]] = {}
        readers: list[Reader] = []
        for entity in entities:
            ids = set(told.get(entity.name, ()))
            ids -= set(self.store.unknown(entity.name, sorted(ids))) if ids else set()
            if ids and entity.name in self.loaded.problems:
                return  # they come again
            if ids:
                asked[entity.name] = ids
                readers.append(IdReader(entity, sorted(ids)))
        for chunk in stream(self.portal, readers):
            if chunk.error is not None:
                self.fail(chunk.entity, chunk.error)
                return
            asked[chunk.entity.name] -= {record_id(row, chunk.entity.key) for row in chunk.rows}
        for entity in entities:
            with self.store.transaction():
                for gone in sorted(asked.get(entity.name, ())):
                    lost = delete_missing(self.store, entity, no_ids(), gone - 1, gone)
                    self.note(entity, 0, lost)
        let_events_go(self.store, self.portal.host)

    def _load_referring(self, entities: Sequence[Entity]) -> None:
        """Read the records anew that referred to others which are gone."""
        noted = {e.name: referring(self.store, e) for e in entities}
        usable = [e for e in entities if noted[e.name] and e.name not in self.loaded.problems]
        for chunk in stream(self.portal, [IdReader(e, noted[e.name]) for e in usable]):
            self._store_chunk(chunk, frontier=False)
        for entity in usable:
            if entity.name not in self.loaded.problems:
                self.store.clear_pending(entity.name, noted[entity.name])

    def _store_ids(self, chunk: Chunk) -> list[int]:
        """Delete what the portal no longer has in the chunk; returns ids that we lack."""
        if chunk.error is not None:
            self.fail(chunk.entity, chunk.error)
            return []
        entity = chunk.entity
        ids = [known for row in chunk.rows if (known := record_id(row, entity.key)) is not None]
        with self.store.transaction():
            kept = pa.chunked_array([ids], pa.int64())
            self.note(entity, 0, delete_missing(self.store, entity, kept, chunk.low, chunk.high))
        return self.store.unknown(entity.name, ids)
