"""Reading a portal's lists quickly and without losing a row.

Lists are read by windows of ids (``>ID``, ``<=ID``, ascending, ``start=-1``, which spares the
portal the count), a batch to a window: each of its fifty pages begins behind the last id of the
page before (``$result``), so that pages are full whatever gaps the ids have. Several batches are
in flight. Every chunk says which ids it covers, and chunks come in ascending order, so that
whoever stores them knows how far it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.client import BATCH, Portal
from workbench.bitrix24.commands import Command
from workbench.bitrix24.entity import Call, Entity
from workbench.errors import AccessDenied, PortalError
from workbench.sources.pages import Row, record_id

PAGE = 50
IN_FLIGHT = 12  # at most; a batch takes the portal seconds, and two may begin each second
WAITING = 1  # answer that is there but not stored yet: then fewer are asked for
FILLED = 0.975  # of a batch's pages; ids are spread by chance, and a window must not overflow
WIDEST = 5_000_000
OWNERS = 20  # asked for at once, until their usual number of children is known
MOST_OWNERS = 250  # a server reads no more than a thousand values of a command
TOP = 2**62
RELISTED = 3  # times that a small list is read at most while it changes


@dataclass(frozen=True)
class Window:
    """Ids in ``(low, high]``."""

    low: int
    high: int


@dataclass
class Chunk:
    """Everything that the portal has in ``(low, high]``, or the error that kept it from us.

    ``owners`` instead of ids for children.
    """

    entity: Entity
    low: int = 0
    high: int = 0
    rows: list[Row] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    error: PortalError | None = None


def page_call(
    entity: Entity,
    low: int,
    high: int = TOP,
    *,
    where: dict[str, Any] | None = None,
    descending: bool = False,
    only_ids: bool = False,
) -> Command:
    """Return the call for the first fifty rows of an entity in ``(low, high]``."""
    call = entity.calls[0]
    conditions: dict[str, Any] = dict(call.params.get("filter", {})) | (where or {})
    conditions[f">{entity.filter_key}"] = low
    if high < TOP:
        conditions[f"<={entity.filter_key}"] = high
    params = dict(call.params)
    params["filter"] = conditions
    way = "DESC" if descending else "ASC"
    if entity.sorted_by == "order":
        params["order"] = {entity.filter_key: way}
    else:
        params |= {"sort": entity.filter_key, "order": way}
    params["start"] = -1
    if only_ids:
        params["select"] = [entity.filter_key]
    return call.method, params


def last_id(rows: Sequence[Row], key: str, otherwise: int) -> int:
    """Return the highest id of a page."""
    return max(
        (number for row in rows if (number := record_id(row, key)) is not None), default=otherwise
    )


def fetch(portal: Portal, calls: Sequence[Command]) -> list[BatchAnswer]:
    """Send calls in as few batches as it takes, at once; answers in order."""
    futures = [portal.submit(calls[at : at + BATCH]) for at in range(0, len(calls), BATCH)]
    return [answer for future in futures for answer in future.result()]


class Reader:
    """Something that asks for batches and makes chunks of their answers."""

    entity: Entity

    def next_request(self) -> Any:
        """Return what to ask for next (opaque), or ``None`` when all has been asked for."""
        raise NotImplementedError

    def calls(self, request: Any) -> list[Command]:
        """Return the calls of a request (at most fifty)."""
        raise NotImplementedError

    def take(self, portal: Portal, request: Any, answers: Sequence[BatchAnswer]) -> Iterator[Chunk]:
        """Make chunks of the answers; may ask for more where a page was full."""
        raise NotImplementedError


class WindowReader(Reader):
    """Reads an entity's rows with ids in ``(low, high]``, by windows that fill a batch's pages."""

    def __init__(
        self,
        entity: Entity,
        low: int,
        high: int,
        *,
        where: dict[str, Any] | None = None,
        only_ids: bool = False,
        width: int = PAGE * BATCH,
    ) -> None:
        self.entity, self._low, self._high = entity, low, high
        self._where, self._only_ids = where, only_ids
        self._width = max(width, PAGE * BATCH)
        self._pages = BATCH

    def next_request(self) -> Window | None:
        """Return the next window."""
        if self._low >= self._high:
            return None
        window = Window(self._low, min(self._low + self._width, self._high))
        self._low = window.high
        return window

    def calls(self, request: Window) -> list[Command]:
        """Return the calls for a window's pages, each behind the one before."""
        return self.chain(request.low, request.high, self._pages)

    def chain(self, low: int, high: int, pages: int) -> list[Command]:
        """Return at most ``pages`` calls; those after the first go on where the one before ended.

        A reference that cannot be resolved (the page before was the last one, or was refused)
        must not lead out of the window, hence the lower bound besides.
        """
        entity = self.entity
        rows = f"[{entity.rows}]" if entity.rows else ""
        bound = {**(self._where or {}), f">={entity.filter_key}": low + 1}
        calls = [page_call(entity, low, high, where=self._where, only_ids=self._only_ids)]
        for number in range(min(pages, -(-(high - low) // PAGE)) - 1):
            method, params = page_call(entity, low, high, where=bound, only_ids=self._only_ids)
            last = f"$result[c{number}]{rows}[{PAGE - 1}][{entity.key}]"
            params["filter"] = params["filter"] | {f">{entity.filter_key}": last}
            calls.append((method, params))
        return calls

    def take(
        self, portal: Portal, request: Window, answers: Sequence[BatchAnswer]
    ) -> Iterator[Chunk]:
        """Gather the rows of the window.

        What it has beyond its pages is read by windows of its own, now that the density of the ids
        is known: no chunk is larger than a batch.
        """
        chunk = Chunk(self.entity, request.low, request.high)
        reached, more = self.follow(chunk, request.low, answers)
        del answers
        if more:
            chunk.high = reached
        self._adapt(len(chunk.rows), chunk.high - chunk.low)
        yield chunk
        if more:
            rest = WindowReader(
                self.entity,
                reached,
                request.high,
                where=self._where,
                only_ids=self._only_ids,
                width=self._width,
            )
            yield from stream(portal, [rest])

    def follow(
        self, chunk: Chunk, reached: int, answers: Sequence[BatchAnswer]
    ) -> tuple[int, bool]:
        """Take the pages as far as they are connected; returns the id reached, and if to go on.

        Only a page that is not full ends a window, and an empty one only if it was not asked for
        by reference.
        """
        for number, answer in enumerate(answers):
            if answer.error is not None:
                if number == 0:
                    chunk.error = answer.error
                return reached, number > 0
            rows = self.entity.unwrap(answer.result)
            ids = [known for row in rows if (known := record_id(row, self.entity.key)) is not None]
            if not ids or min(ids) <= reached:
                return reached, number > 0
            chunk.rows += rows
            reached = max(ids)
            if len(rows) < PAGE or reached >= chunk.high:
                return reached, False
        return reached, True

    def _adapt(self, rows: int, ids: int) -> None:
        """Fit the next windows, and the number of their pages, to the density of the ids."""
        room = PAGE * BATCH
        fitting = int((1 if rows == ids else FILLED) * room * ids / rows) if rows else TOP
        widest = WIDEST if rows else TOP  # a gap may be of any width
        self._width = max(room, min(fitting, self._width * 8, widest))
        expected = rows / ids * self._width if rows else room
        self._pages = min(int(expected / PAGE * (2 - FILLED)) + 2, BATCH)


class IdReader(Reader):
    """Reads the rows with given ids (``@ID``)."""

    def __init__(self, entity: Entity, ids: Sequence[int]) -> None:
        self.entity = entity
        self._groups = deque(list(ids[at : at + PAGE]) for at in range(0, len(ids), PAGE))

    def next_request(self) -> list[list[int]] | None:
        """Return up to fifty groups of fifty ids."""
        groups = [self._groups.popleft() for _ in range(min(BATCH, len(self._groups)))]
        return groups or None

    def calls(self, request: list[list[int]]) -> list[Command]:
        """Return one call per group."""
        return [
            page_call(self.entity, 0, where={f"{self.entity.among}{self.entity.filter_key}": group})
            for group in request
        ]

    def take(
        self, portal: Portal, request: list[list[int]], answers: Sequence[BatchAnswer]
    ) -> Iterator[Chunk]:
        """Gather the rows; no page can hold more than it was asked for."""
        chunk = Chunk(self.entity)
        for answer in answers:
            if answer.error is not None:
                chunk.error = answer.error
                break
            chunk.rows += self.entity.unwrap(answer.result)
        yield chunk


class ChildReader(Reader):
    """Reads the children of owners by arrays of owner ids, as many as fill a page.

    ``usual``: how many children an owner has, if that is known.
    """

    def __init__(
        self, entity: Entity, owners: Iterable[int], *, usual: float | None = None
    ) -> None:
        self.entity = entity
        self._owners = iter(owners)
        self._one_each = entity.owner_field == entity.key  # then fifty owners fill a page
        self._at_once = PAGE if self._one_each else OWNERS
        self._arrays = True  # until the portal refuses one
        if usual is not None:
            self._fit(usual)

    def _fit(self, usual: float) -> None:
        if self._arrays and not self._one_each:
            self._at_once = min(max(int(0.7 * PAGE / max(usual, 0.01)), 1), MOST_OWNERS)

    def next_request(self) -> list[list[int]] | None:
        """Return up to fifty groups of owners."""
        groups: list[list[int]] = []
        while len(groups) < BATCH and (group := list(islice(self._owners, self._at_once))):
            groups.append(group)
        return groups or None

    def _call(self, owners: list[int], after: int = 0) -> Command:
        asked: Any = owners if len(owners) > 1 else owners[0]
        return page_call(self.entity, after, where={self.entity.asked_owners: asked})

    def calls(self, request: list[list[int]]) -> list[Command]:
        """Return one call per group of owners."""
        return [self._call(owners) for owners in request]

    def _misread(self, owners: list[int], answer: BatchAnswer, rows: Sequence[Row]) -> bool:
        """Whether the portal does not take several owners at once: an error, or others' rows."""
        if len(owners) == 1:
            return False
        if answer.error is not None:
            return not isinstance(answer.error, AccessDenied) and not answer.error.may_pass
        asked = set(owners)
        return any(record_id(row, self.entity.owner_field) not in asked for row in rows)

    def take(
        self, portal: Portal, request: list[list[int]], answers: Sequence[BatchAnswer]
    ) -> Iterator[Chunk]:
        """Gather the children, following the pages that were full.

        Where a portal refuses arrays of owners, these and all others are asked for one by one.
        """
        chunk = Chunk(self.entity, owners=[owner for group in request for owner in group])
        groups = [(owners, 0) for owners in request]
        while groups and chunk.error is None:
            rest = []
            for (owners, after), answer in zip(groups, answers, strict=True):
                rows = self.entity.unwrap(answer.result)
                if self._misread(owners, answer, rows):
                    self._arrays, self._at_once = False, 1
                    chunk.rows = []
                    rest = [([owner], 0) for owner in chunk.owners]
                    break
                if answer.error is not None:
                    chunk.error = answer.error
                    break
                chunk.rows += rows
                if len(rows) >= PAGE and not self._one_each:
                    rest.append((owners, last_id(rows, self.entity.key, after)))
            groups = rest
            answers = fetch(portal, [self._call(owners, after) for owners, after in groups])
        self._fit(len(chunk.rows) / len(chunk.owners))
        yield chunk


def stream(
    portal: Portal, readers: Iterable[Reader], in_flight: int = IN_FLIGHT
) -> Iterator[Chunk]:
    """Yield the readers' chunks, one reader after the other, each in ascending order.

    The following requests are under way while a chunk is being stored: one more whenever the
    portal has been waited for, one less whenever answers have been waiting for us (they take
    memory). After a chunk with an error its reader yields no more. Raises what concerns the portal
    as a whole.
    """
    waiting = deque(readers)
    queue: deque[tuple[Reader, Any, Future[list[BatchAnswer]]]] = deque()
    failed: set[int] = set()
    wanted = 2

    def fill() -> None:
        while waiting and len(queue) < wanted:
            current = waiting[0]
            request = None if id(current) in failed else current.next_request()
            if request is None:
                waiting.popleft()
                continue
            queue.append((current, request, portal.submit(current.calls(request))))

    fill()
    while queue:
        reader, request, future = queue.popleft()
        if not future.done():
            wanted = min(wanted + 1, in_flight)
        elif sum(each.done() for _reader, _request, each in queue) >= WAITING:
            wanted = max(wanted - 1, 2)
        fill()
        answers = future.result()
        del future
        if id(reader) in failed:
            continue
        chunks = reader.take(portal, request, answers)
        del answers  # they take memory, and the chunks have their rows
        for chunk in chunks:
            if chunk.error is not None:
                failed.add(id(reader))
            yield chunk
        del chunk, chunks
        fill()


def whole_calls(entity: Entity) -> list[Command]:
    """Return the first page's call for each of a small list's calls."""
    return [(call.method, dict(call.params)) for call in entity.calls]


def read_whole(
    portal: Portal, entity: Entity, first: Sequence[BatchAnswer]
) -> tuple[list[Row] | None, PortalError | None]:
    """Return all rows of a small list, given the answers to `whole_calls`, and what went wrong.

    The first call decides (rows are ``None`` if it failed); of the others one that is refused only
    lacks its rows, and is told by its error. What the portal does not have at all is no error.
    """
    rows: list[Row] = []
    lacking: PortalError | None = None
    for number, (call, answer) in enumerate(zip(entity.calls, first, strict=True)):
        if answer.error is not None:
            if number == 0 or answer.error.may_pass:
                return None, answer.error
            if isinstance(answer.error, AccessDenied):
                lacking = lacking or answer.error
            continue
        for page in all_pages(portal, call, answer):
            if page.error is not None:
                return None, page.error
            given = entity.unwrap(page.result)
            if call.adds:
                add_to(rows, given, entity.key, call.adds)
            else:
                rows += [row | call.constants for row in given]
    return rows, lacking


def all_pages(portal: Portal, call: Call, first: BatchAnswer) -> list[BatchAnswer]:
    """Return the pages of a small list, given its first one; they go by offset.

    A row that vanishes meanwhile draws others onto pages that were read before: a list whose
    number of rows changes between its pages is read again, a few times at most.
    """
    pages: list[BatchAnswer] = []
    for attempt in range(RELISTED):
        if attempt:
            (first,) = fetch(portal, [(call.method, dict(call.params))])
        if not first.next:
            return [first]
        total = first.total or first.next + 1
        starts = range(first.next, total, PAGE)
        pages = fetch(portal, [(call.method, call.params | {"start": start}) for start in starts])
        if all(page.total in (None, 0, total) for page in pages):
            break
    return [first, *pages]


def add_to(rows: Sequence[Row], more: Sequence[Row], key: str, adds: dict[str, str]) -> None:
    """Give ``rows`` some fields of rows with the same key, under other names."""
    known = {record_id(row, key): row for row in more}
    for row in rows:
        if again := known.get(record_id(row, key)):
            row |= {name: again.get(field) for field, name in adds.items()}
