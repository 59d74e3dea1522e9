"""What a pass over a portal notes down: rows read and changed, progress, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.client import Portal
from workbench.bitrix24.commands import Command, command
from workbench.bitrix24.entity import Entity
from workbench.errors import (
    AccessDenied,
    BadCredentials,
    PortalError,
    PortalUnreachable,
    QueryLimitExceeded,
)
from workbench.sources.portal import fetch
from workbench.warehouse.reasons import hidden_from, missing_right
from workbench.warehouse.store import Progress, Store

# Set in state.info from the first change of a pass to its end: what is stored meanwhile does not
# belong together, also if the pass is never finished.
UNDER_WAY = "portal under way"
OVERLAP = timedelta(minutes=2)  # changes are read again from so long before the last sync

Report = Callable[[str, int], None]


@dataclass
class Loaded:
    """What a loading did: rows read and rows changed per entity, and when it was.

    ``problems`` says what kept an entity from us; ``left_out`` names those of them that the
    webhook was not given the scope for, and that nobody needs.
    ``hidden_from`` is the id of the webhook's user if that is no administrator: what this user may
    not see is missing without notice. ``anew`` are kinds that were read in full because more of
    their fields are asked for than before. ``another_base``: rates observed for another base
    currency were let go. ``silent``: of how many records children had changed without a new date.
    ``another_zone``: the portal writes moments in another time zone than before.
    """

    as_of: datetime
    rows: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    full: list[str] = field(default_factory=list)
    problems: dict[str, PortalError] = field(default_factory=dict)
    left_out: dict[str, PortalError] = field(default_factory=dict)
    hidden_from: int | None = None
    anew: list[str] = field(default_factory=list)
    another_base: bool = False
    silent: dict[str, int] = field(default_factory=dict)
    another_zone: bool = False


def refused_key(entity: Entity) -> str:
    """Return where it is noted (in state.info) what a history is refused by its owners for."""
    return f"refused by owners, {entity.name}"


class Bookkeeping:
    """The store's side of one pass. ``report`` is told each entity's rows as they come in."""

    def __init__(
        self, portal: Portal, store: Store, *, full: bool = False, report: Report | None = None
    ) -> None:
        self.portal, self.store, self.full = portal, store, full
        self._report = report or (lambda _entity, _rows: None)
        self.loaded = Loaded(datetime.now(UTC))
        self.at_hand: dict[str, BatchAnswer] = {}
        self.reread: dict[str, list[int]] = {}  # ids of random pages, by entity

    def ask(self, calls: Sequence[Command]) -> list[BatchAnswer]:
        """Send calls, but for those whose answers are at hand; answers in order.

        An answer at hand is used once.
        """
        known = [self.at_hand.pop(command(*call), None) for call in calls]
        lacking = [call for call, answer in zip(calls, known, strict=True) if answer is None]
        fetched = iter(fetch(self.portal, lacking))
        return [next(fetched) if answer is None else answer for answer in known]

    def have(self, calls: Sequence[Command], answers: Sequence[BatchAnswer]) -> None:
        """Keep answers at hand."""
        pairs = zip(calls, answers, strict=True)
        self.at_hand |= {command(*call): answer for call, answer in pairs}

    def forget(self, calls: Sequence[Command]) -> None:
        """Have these calls asked anew."""
        for call in calls:
            self.at_hand.pop(command(*call), None)

    def know(self, key: str, value: str) -> None:
        """Store a fact about the portal."""
        if self.store.info(key) != value:
            self.store.set_info(key, value)
            self.touch()

    def touch(self) -> None:
        """Note that the next snapshot will differ from the last one, and not before all is read."""
        for fact in ("unpublished", UNDER_WAY):
            if self.store.info(fact) != "Y":
                self.store.set_info(fact, "Y")

    def note(self, entity: Entity, rows: int, changed: int) -> None:
        """Note rows that came in, and how many of them were new or different."""
        self.loaded.rows[entity.name] = self.loaded.rows.get(entity.name, 0) + rows
        self.loaded.changed[entity.name] = self.loaded.changed.get(entity.name, 0) + changed
        if changed:
            self.touch()
        self._report(entity.name, self.loaded.rows[entity.name])

    def finish(self, entity: Entity, progress: Progress) -> None:
        """Note that an entity is as the portal has it (as far as this user may see it)."""
        before = (progress.status, progress.missing)
        progress.status, progress.missing = "complete", None
        if self.loaded.hidden_from is not None and entity.paging != "whole":
            progress.missing = hidden_from(self.loaded.hidden_from)
        refused = self.store.info(refused_key(entity))
        if refused and self.store.count_pending(entity.name):
            progress.status, progress.missing = "partial", refused
        if before != (progress.status, progress.missing):
            self.touch()
        progress.last_sync = datetime.now(UTC)
        self.store.save(entity.name, progress)

    def fail(self, entity: Entity, error: PortalError) -> None:
        """Note what an entity was refused; the rest goes on."""
        if isinstance(error, PortalUnreachable | QueryLimitExceeded | BadCredentials):
            raise error
        self.loaded.problems[entity.name] = error
        if entity.optional and error.code == "INSUFFICIENT_SCOPE":
            self.loaded.left_out[entity.name] = error
        progress = self.store.progress(entity.name)
        before = (progress.status, progress.missing)
        if isinstance(error, AccessDenied):
            progress.status = "denied"
        elif progress.watermark and progress.frontier is None:
            progress.status = "stale"
        else:
            progress.status = "partial" if self.store.count(entity.name) else "failed"
        progress.missing = missing_right(entity, error)
        self.store.save(entity.name, progress)
        if before != (progress.status, progress.missing):
            self.touch()

    def since(self) -> str:
        """Return the moment from which the next sync reads changes."""
        return (self.loaded.as_of - OVERLAP).isoformat(timespec="seconds")
