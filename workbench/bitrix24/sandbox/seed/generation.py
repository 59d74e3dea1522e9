"""The whole company as rows, table by table, deals in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Literal

import numpy as np

from workbench.bitrix24.sandbox.crm.smart_types import FLAGS
from workbench.bitrix24.sandbox.memory.columns import Columns, Row
from workbench.bitrix24.sandbox.seed import (
    activities,
    baskets,
    calls,
    deal_rows,
    deals,
    directories,
    history,
    invoices,
    leads,
    people,
    sites,
    story,
    tasks,
)
from workbench.bitrix24.sandbox.seed.clock import Clock

SizeName = Literal["demo", "small"]
#: Rows of a table, made when they are asked for, before the next piece is.
Piece = tuple[str, Callable[[], Sequence[Row]]]
Pieces = Iterator[Piece]

SEED = 24
CHUNK = 25_000
TEMPLATES = 12


@dataclass
class _World:
    """What the pieces share: chance, time, people, and the next free identifiers."""

    seed: int
    clock: Clock
    staff: people.Staff
    customers: people.Customers
    titles: list[str]
    numbers: dict[str, int] = field(default_factory=dict)

    def random(self, subject: int, chunk: int = 0) -> np.random.Generator:
        return _random(self.seed, subject, chunk)

    def first(self, table: str, count: int) -> int:
        """Reserve ``count`` identifiers of a table and return the first."""
        number = self.numbers.get(table, 1)
        self.numbers[table] = number + count
        return number


def _random(seed: int, subject: int, chunk: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, subject, chunk])


def company(
    size: SizeName = "demo",
    *,
    seed: int = SEED,
    today: date,
    deals: int | None = None,
    timezone: str = story.TIMEZONE,
    only: Collection[str] | None = None,
    without: Collection[str] = (),
) -> Iterator[tuple[str, Sequence[Row]]]:
    """Yield (table, rows) for `State.insert_many`, some tables in several pieces.

    Moments are unix seconds, dates ``YYYY-MM-DD``. ``deals`` overrides the size's number of deals;
    leads and companies follow it. ``only`` these tables, or all ``without`` some: the same rows,
    the others are not made. Raises UsageError for a ``today`` outside 2010 to 2090.
    """
    plan = story.SIZES[size] if deals is None else story.SIZES[size].with_deals(deals)
    clock = Clock(story.period(today).first, today, timezone)
    for table, rows in _pieces(seed, plan, clock):
        if table not in without and (only is None or table in only):
            yield table, rows()


def _pieces(seed: int, plan: story.Size, clock: Clock) -> Pieces:
    staff = people.staff(_random(seed, 1), plan, clock)
    yield "departments", lambda: directories.departments(staff.heads)
    yield "users", lambda: people.users(_random(seed, 2), staff, clock)
    yield "currencies", directories.currencies
    yield "types", lambda: sites.types(FLAGS, clock)
    yield "categories", lambda: [*directories.categories(), sites.category()]
    known = directories.statuses()
    yield "statuses", lambda: [*known, *sites.statuses(known[-1]["ID"] + 1)]
    yield "user_fields", directories.userfields
    yield "products", lambda: directories.products(clock)

    customers = people.customers(_random(seed, 3), plan, staff, clock)
    titles = yield from _companies(seed, customers, clock)
    world = _World(seed, clock, staff, customers, titles)
    yield "contacts", lambda: people.contact_rows(_random(seed, 5), customers, clock)
    those = leads.leads(_random(seed, 6), plan, staff, customers, clock)
    yield from _leads(world, those)
    yield from _deals(world, plan, those)
    yield (
        "deals",
        lambda: deal_rows.templates(min(TEMPLATES, plan.companies), plan.deals + 1, clock),
    )


def _companies(
    seed: int, customers: people.Customers, clock: Clock
) -> Generator[Piece, None, list[str]]:
    """Return their names, which the records about them bear."""
    rows = people.company_rows(_random(seed, 4), customers, clock)
    yield "companies", lambda: people.own_company(customers, clock)
    yield "companies", lambda: rows
    titles: list[str] = rows.columns["TITLE"]
    return titles


def _leads(world: _World, those: leads.Leads) -> Pieces:
    count = len(those.created)
    identifiers = np.arange(1, count + 1)
    talks = activities.lead_contacts(world.random(7), those, world.clock)
    yield (
        "leads",
        lambda: leads.lead_rows(
            world.random(8), those, world.customers, world.titles, talks.latest(count), world.clock
        ),
    )
    yield from _held(
        world,
        talks,
        activities.LEAD,
        identifiers,
        those.owner,
        world.random(9),
        lambda held: _calls(world, held, "LEAD", identifiers[talks.record].tolist()),
    )
    yield (
        "stage_history",
        lambda: _history(
            world, activities.LEAD, those.happened, identifiers, history.lead_stages()
        ),
    )


def _deals(world: _World, plan: story.Size, those: leads.Leads) -> Pieces:
    wanted = deals.demand(world.random(10), plan, world.staff, world.customers, those, world.clock)
    for chunk, start in enumerate(range(0, plan.deals, CHUNK)):
        yield from _chunk(world, wanted.part(start, start + CHUNK), chunk, start + 1)


def _chunk(world: _World, these: deals.Demand, chunk: int, first: int) -> Pieces:
    """Deals ``first`` and following with everything that hangs on them."""
    clock, customers = world.clock, world.customers
    count = len(these.created)
    identifiers = np.arange(first, first + count)
    way = deals.course(world.random(11, chunk), these, world.staff, clock)
    closed = way.won | way.lost
    swiss = customers.swiss[these.company]
    basket = baskets.baskets(
        world.random(12, chunk), these, swiss, (way.depth == 0) & ~closed, clock
    )
    talks = activities.deal_contacts(
        world.random(13, chunk), these.created, these.pipeline, way.moved, closed, clock
    )
    yield (
        "deals",
        lambda: deal_rows.deal_rows(
            world.random(14, chunk),
            these,
            way,
            basket,
            customers,
            world.titles,
            talks.latest(count),
            first,
            clock,
            odd=chunk == 0,
        ),
    )
    contacts = deal_rows.contacts(these, customers)
    yield "deal_contacts", lambda: deal_rows.contact_bindings(first, contacts, first)
    labels, _first = history.deal_stages()
    yield (
        "stage_history",
        lambda: _history(world, activities.DEAL, way.happened, identifiers, labels),
    )
    yield (
        "product_rows",
        lambda: baskets.product_rows(basket, first, world.first("product_rows", len(basket.deal))),
    )
    yield from _held(
        world,
        talks,
        activities.DEAL,
        identifiers,
        these.owner,
        world.random(15, chunk),
        lambda held: _calls(
            world, held, "CONTACT", [contacts[n] for n in talks.record.tolist()], chunk + 1
        ),
    )
    yield (
        "tasks",
        lambda: _numbered(
            world,
            "tasks",
            tasks.task_rows(
                world.random(18, chunk), these, world.titles, world.staff, first, clock
            ),
        ),
    )
    bills = invoices.invoices(world.random(16, chunk), way, basket, clock)
    number = world.first("invoices", len(bills.deal))
    billed = np.arange(number, number + len(bills.deal))
    yield (
        "invoices",
        lambda: invoices.invoice_rows(bills, these, customers, first, number, clock),
    )
    yield (
        "stage_history",
        lambda: _history(world, 31, bills.happened, billed, history.invoice_stages()),
    )
    fitted = sites.sites(world.random(19, chunk), way, basket, clock)
    place = world.first(sites.TABLE, len(fitted.deal))
    fitted_at = np.arange(place, place + len(fitted.deal))
    yield (
        sites.TABLE,
        lambda: sites.site_rows(fitted, these, customers, world.titles, first, place, clock),
    )
    yield (
        "stage_history",
        lambda: _history(world, sites.TYPE, fitted.happened, fitted_at, sites.stages()),
    )


def _held(
    world: _World,
    talks: activities.Contacts,
    owner_type: int,
    identifiers: np.ndarray,
    owner: np.ndarray,
    random: np.random.Generator,
    among: Callable[[Columns], Columns],
) -> Pieces:
    """The activities of some records, and the telephone calls ``among`` them."""

    @cache
    def held() -> Columns:
        first = world.first("activities", len(talks.record))
        return activities.activity_rows(
            random, talks, owner_type, identifiers, owner, first, world.clock
        )

    yield "activities", held
    yield "calls", lambda: among(held())


def _numbered(world: _World, table: str, rows: Columns) -> Columns:
    """Give rows, as many as there turned out to be, the next identifiers of their table."""
    first = world.first(table, len(rows))
    return Columns({**rows.columns, "ID": list(range(first, first + len(rows)))}, len(rows))


def _calls(
    world: _World, held: Columns, entity_type: str, entity: Sequence[int | None], chunk: int = 0
) -> Columns:
    """The telephone calls among some activities, the first chunk being that of the leads."""
    random = world.random(17, chunk)
    return _numbered(
        world, "calls", calls.call_rows(random, held, entity_type, entity, world.clock)
    )


def _history(
    world: _World,
    entity_type: int,
    happened: history.Events,
    identifiers: np.ndarray,
    labels: list[history.Stage],
) -> Columns:
    number = world.first("stage_history", len(happened.record))
    return history.history_rows(
        entity_type, happened, identifiers, labels, number, world.clock.timezone
    )
