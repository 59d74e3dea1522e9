"""Reading a portal's lists quickly and without losing a row.

Lists are read by windows of ids (``>ID``, ``<=ID``, ascending, ``start=-1``, which spares the
portal the count): fifty windows to a batch, several batches in flight. A window that comes back
full is read on from its last id. Every chunk says which ids it covers, and chunks come in
ascending order, so that whoever stores them knows how far it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.client import BATCH, Portal
from workbench.bitrix24.commands import Command
from workbench.bitrix24.entity import Entity
from workbench.errors import AccessDenied, PortalError
from workbench.sources.pages import Row, record_id

PAGE = 50
IN_FLIGHT = 4
WIDEST = 100_000
OWNERS = 20  # asked for at once, until their usual number of children is known
TOP = 2**62


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


def split(reached: int, window: Window) -> list[Window]:
    """Cut the rest of a window whose page was full at ``reached`` into windows of that density."""
    width = max(reached - window.low, PAGE)
    pieces = min(-(-(window.high - reached) // width), BATCH)
    width = -(-(window.high - reached) // pieces)
    return [
        Window(low, min(low + width, window.high)) for low in range(reached, window.high, width)
    ]


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

    def take(self, portal: Portal, request: Any, answers: Sequence[BatchAnswer]) -> Chunk:
        """Make a chunk of the answers; may ask for more where a page was full."""
        raise NotImplementedError


class WindowReader(Reader):
    """Reads an entity's rows with ids in ``(low, high]``, by windows that fit its density."""

    def __init__(
        self,
        entity: Entity,
        low: int,
        high: int,
        *,
        where: dict[str, Any] | None = None,
        only_ids: bool = False,
        width: int = PAGE,
    ) -> None:
        self.entity, self._low, self._high = entity, low, high
        self._where, self._only_ids = where, only_ids
        self._width = max(width, PAGE)

    def next_request(self) -> list[Window] | None:
        """Return up to fifty neighbouring windows."""
        windows: list[Window] = []
        while len(windows) < BATCH and self._low < self._high:
            high = min(self._low + self._width, self._high)
            windows.append(Window(self._low, high))
            self._low = high
        return windows or None

    def calls(self, request: list[Window]) -> list[Command]:
        """Return one call per window."""
        return [
            page_call(
                self.entity, window.low, window.high, where=self._where, only_ids=self._only_ids
            )
            for window in request
        ]

    def take(self, portal: Portal, request: list[Window], answers: Sequence[BatchAnswer]) -> Chunk:
        """Gather the rows of the windows, following those whose page was full."""
        chunk = Chunk(self.entity, request[0].low, request[-1].high)
        windows: list[Window] = request
        while windows:
            rest: list[Window] = []
            for window, answer in zip(windows, answers, strict=True):
                if answer.error is not None:
                    chunk.error = answer.error
                    return chunk
                rows = self.entity.unwrap(answer.result)
                chunk.rows += rows
                reached = last_id(rows, self.entity.key, window.high)
                if len(rows) >= PAGE and reached < window.high:
                    rest += split(reached, window)
            windows = rest
            answers = fetch(portal, self.calls(windows))
        self._adapt(len(chunk.rows), chunk.high - chunk.low)
        return chunk

    def _adapt(self, rows: int, ids: int) -> None:
        """Widen or narrow the next windows so that most pages are nearly full, not over."""
        fitting = int(0.8 * PAGE * ids / rows) if rows else self._width * 8
        self._width = min(max(fitting, PAGE), self._width * 8, WIDEST)


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
    ) -> Chunk:
        """Gather the rows; no page can hold more than it was asked for."""
        chunk = Chunk(self.entity)
        for answer in answers:
            if answer.error is not None:
                chunk.error = answer.error
                return chunk
            chunk.rows += self.entity.unwrap(answer.result)
        return chunk


class ChildReader(Reader):
    """Reads the children of owners by arrays of owner ids, as many as fill a page."""

    def __init__(self, entity: Entity, owners: Sequence[int]) -> None:
        self.entity = entity
        self._owners = deque(owners)
        self._one_each = entity.owner_field == entity.key  # then fifty owners fill a page
        self._at_once = PAGE if self._one_each else OWNERS

    def next_request(self) -> list[list[int]] | None:
        """Return up to fifty groups of owners."""
        groups: list[list[int]] = []
        while self._owners and len(groups) < BATCH:
            size = min(self._at_once, len(self._owners))
            groups.append([self._owners.popleft() for _ in range(size)])
        return groups or None

    def _call(self, owners: list[int], after: int = 0) -> Command:
        return page_call(self.entity, after, where={self.entity.asked_owners: owners})

    def calls(self, request: list[list[int]]) -> list[Command]:
        """Return one call per group of owners."""
        return [self._call(owners) for owners in request]

    def take(
        self, portal: Portal, request: list[list[int]], answers: Sequence[BatchAnswer]
    ) -> Chunk:
        """Gather the children, following the pages that were full."""
        chunk = Chunk(self.entity, owners=[owner for group in request for owner in group])
        groups = [(owners, 0) for owners in request]
        while groups:
            rest = []
            for (owners, after), answer in zip(groups, answers, strict=True):
                if answer.error is not None:
                    chunk.error = answer.error
                    return chunk
                rows = self.entity.unwrap(answer.result)
                chunk.rows += rows
                if len(rows) >= PAGE and not self._one_each:
                    rest.append((owners, last_id(rows, self.entity.key, after)))
            groups = rest
            answers = fetch(portal, [self._call(owners, after) for owners, after in groups])
        if not self._one_each:
            usual = len(chunk.rows) / len(chunk.owners)
            self._at_once = min(max(int(0.7 * PAGE / max(usual, 0.1)), 1), 100)
        return chunk


def stream(
    portal: Portal, readers: Iterable[Reader], in_flight: int = IN_FLIGHT
) -> Iterator[Chunk]:
    """Yield the readers' chunks, one reader after the other, each in ascending order.

    The following requests are under way while a chunk is being stored. After a chunk with an
    error its reader yields no more. Raises what concerns the portal as a whole.
    """
    waiting = iter(readers)
    queue: deque[tuple[Reader, Any, Future[list[BatchAnswer]]]] = deque()
    current = next(waiting, None)
    failed: set[int] = set()

    def fill() -> None:
        nonlocal current
        while current is not None and len(queue) < in_flight:
            request = None if id(current) in failed else current.next_request()
            if request is None:
                current = next(waiting, None)
                continue
            queue.append((current, request, portal.submit(current.calls(request))))

    fill()
    while queue:
        reader, request, future = queue.popleft()
        fill()
        answers = future.result()
        if id(reader) in failed:
            continue
        chunk = reader.take(portal, request, answers)
        if chunk.error is not None:
            failed.add(id(reader))
        yield chunk
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
        pages = [answer]
        if answer.next:
            last = answer.total or answer.next + 1
            more = [
                (call.method, call.params | {"start": start})
                for start in range(answer.next, last, PAGE)
            ]
            pages += fetch(portal, more)
        for page in pages:
            if page.error is not None:
                return None, page.error
            rows += [row | call.constants for row in entity.unwrap(page.result)]
    return rows, lacking
