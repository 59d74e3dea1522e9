"""The whole company as rows, table by table, deals in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
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
Pieces = Iterator[tuple[str, Sequence[Row]]]

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
) -> Pieces:
    """Yield (table, rows) for `State.insert_many`, some tables in several pieces.

    Moments are unix seconds, dates ``YYYY-MM-DD``. ``deals`` overrides the size's number of deals;
    leads and companies follow it. Raises UsageError for a ``today`` outside 2010 to 2090.
    """
    plan = story.SIZES[size] if deals is None else story.SIZES[size].with_deals(deals)
    clock = Clock(story.period(today).first, today, timezone)
    staff = people.staff(_random(seed, 1), plan, clock)
    yield "departments", directories.departments(staff.heads)
    yield "users", people.users(_random(seed, 2), staff, clock)
    yield "currencies", directories.currencies()
    yield "types", sites.types(FLAGS, clock)
    yield "categories", [*directories.categories(), sites.category()]
    known = directories.statuses()
    yield "statuses", [*known, *sites.statuses(known[-1]["ID"] + 1)]
    yield "user_fields", directories.userfields()
    yield "products", directories.products(clock)

    customers = people.customers(_random(seed, 3), plan, staff, clock)
    companies = people.company_rows(_random(seed, 4), customers, clock)
    world = _World(seed, clock, staff, customers, companies.columns["TITLE"])
    yield "companies", people.own_company(customers, clock)
    yield "companies", companies
    del companies
    yield "contacts", people.contact_rows(_random(seed, 5), customers, clock)
    those = leads.leads(_random(seed, 6), plan, staff, customers, clock)
    yield from _leads(world, those)
    yield from _deals(world, plan, those)
    yield "deals", deal_rows.templates(min(TEMPLATES, plan.companies), plan.deals + 1, clock)


def _leads(world: _World, those: leads.Leads) -> Pieces:
    count = len(those.created)
    identifiers = np.arange(1, count + 1)
    talks = activities.lead_contacts(world.random(7), those, world.clock)
    yield (
        "leads",
        leads.lead_rows(
            world.random(8), those, world.customers, world.titles, talks.latest(count), world.clock
        ),
    )
    number = world.first("activities", len(talks.record))
    held = activities.activity_rows(
        world.random(9),
        talks,
        activities.LEAD,
        identifiers,
        those.owner,
        number,
        world.clock,
    )
    yield "activities", held
    yield "calls", _calls(world, held, "LEAD", identifiers[talks.record].tolist())
    yield (
        "stage_history",
        _history(world, activities.LEAD, those.happened, identifiers, history.lead_stages()),
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
    rows = deal_rows.deal_rows(
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
    )
    yield "deals", rows
    contacts = rows.columns["CONTACT_ID"]
    del rows
    yield "deal_contacts", deal_rows.contact_bindings(first, contacts, first)
    labels, _first = history.deal_stages()
    yield (
        "stage_history",
        _history(world, activities.DEAL, way.happened, identifiers, labels),
    )
    number = world.first("product_rows", len(basket.deal))
    yield "product_rows", baskets.product_rows(basket, first, number)
    number = world.first("activities", len(talks.record))
    held = activities.activity_rows(
        world.random(15, chunk),
        talks,
        activities.DEAL,
        identifiers,
        these.owner,
        number,
        clock,
    )
    yield "activities", held
    called = [contacts[n] for n in talks.record.tolist()]
    yield "calls", _calls(world, held, "CONTACT", called, chunk + 1)
    del held, called
    work = tasks.task_rows(world.random(18, chunk), these, world.titles, world.staff, first, clock)
    yield "tasks", _numbered(world, "tasks", work)
    bills = invoices.invoices(world.random(16, chunk), way, basket, clock)
    number = world.first("invoices", len(bills.deal))
    yield "invoices", invoices.invoice_rows(bills, these, customers, first, number, clock)
    identifiers = np.arange(number, number + len(bills.deal))
    yield (
        "stage_history",
        _history(world, 31, bills.happened, identifiers, history.invoice_stages()),
    )
    fitted = sites.sites(world.random(19, chunk), way, basket, clock)
    number = world.first(sites.TABLE, len(fitted.deal))
    yield (
        sites.TABLE,
        sites.site_rows(fitted, these, customers, world.titles, first, number, clock),
    )
    identifiers = np.arange(number, number + len(fitted.deal))
    yield (
        "stage_history",
        _history(world, sites.TYPE, fitted.happened, identifiers, sites.stages()),
    )


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
