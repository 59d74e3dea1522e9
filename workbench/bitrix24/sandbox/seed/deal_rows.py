"""Rows of deals: the odd titles, the expected dates and the user fields among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed import names
from workbench.bitrix24.sandbox.seed.baskets import Baskets
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, dates, unix
from workbench.bitrix24.sandbox.seed.columns import draw, money, pick, yes
from workbench.bitrix24.sandbox.seed.deals import Course, Demand
from workbench.bitrix24.sandbox.seed.directories import (
    ARCHITECT_FIELD,
    DELIVERY_FIELD,
    FIRST_OPTION,
    PROJECT_FIELD,
    PROJECT_TYPES,
)
from workbench.bitrix24.sandbox.seed.history import deal_stages
from workbench.bitrix24.sandbox.seed.leads import utm
from workbench.bitrix24.sandbox.seed.people import Customers
from workbench.bitrix24.sandbox.seed.story import CHANNELS, PIPELINES

# What real portals hold: markup, comments, formulas, other scripts, invisible and long titles.
ODD_TITLES = (
    "<script>alert('lumen')</script>",
    "<!-- brouillon --> Réassort dalles LED",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(\"http://exemple.invalid\";\"devis\")",
    "Éclairage 💡🪑 – phase 2",
    "مشروع إضاءة المكتب",
    "办公照明项目",
    "Zo\u0301e\u0300 & fils « Le ‹ coin › » \u200b",
    "   ",
    "Robert'); DROP TABLE deals;--",
    "100 % LED {{ remise }} ${prix} %s",
    "A" * 255,
)  # fmt: skip
COMMENT = "<!-- copié d’un courriel --><p>Rappeler <b>avant midi</b></p>"
TYPES = ("SALE", "COMPLEX", "SERVICES")


def expected(
    random: np.random.Generator, these: Demand, those: Course, clock: Clock
) -> NDArray[np.int64]:
    """Day numbers of CLOSEDATE: a plan, often replaced by the real day, sometimes overdue."""
    count = len(these.created)
    median = np.array([p.cycle for p in PIPELINES])[these.pipeline]
    plan = these.created // DAY + np.round(
        median * 1.15 * random.lognormal(0.0, 0.35, count)
    ).astype(np.int64)
    closed = those.won | those.lost
    plan = np.where(closed & (random.random(count) < 0.6), those.moved // DAY, plan)
    today = clock.end // DAY
    late = ~closed & (plan < today) & (random.random(count) < 0.5)
    return np.where(late, today + random.integers(3, 60, count), plan)


def probability(stage: NDArray[np.int64]) -> list[int]:
    """What the portal shows beside each stage: rising with it, 100 won, 0 lost."""
    shown: list[int] = []
    for p in PIPELINES:
        shown += [round(100 * (n + 1) / (len(p.stages) + 2)) for n in range(len(p.stages))]
        shown += [100] + [0] * len(p.lost_stages)
    return pick(shown, stage)


def deal_rows(
    random: np.random.Generator,
    these: Demand,
    those: Course,
    basket: Baskets,
    them: Customers,
    titles: list[str],
    last_activity: NDArray[np.int64],
    first_id: int,
    clock: Clock,
    *,
    odd: bool = False,
) -> Columns:
    """Rows of crm.deal.list; with ``odd`` the odd titles are among them."""
    count = len(these.created)
    labels, _ = deal_stages()
    company = them.identifier(these.company)
    subject = pick(names.SUBJECTS, random.integers(0, len(names.SUBJECTS), count))
    title = [f"{s} – {titles[c]}" for s, c in zip(subject, these.company.tolist(), strict=True)]
    if odd and count:
        for place, text in zip(
            random.choice(count, min(count, len(ODD_TITLES)), replace=False),
            ODD_TITLES,
            strict=False,
        ):  # fmt: skip
            title[int(place)] = text
    nobody = random.random(count) < 0.006  # deals without a customer
    commented = random.random(count) < 0.004
    closed = those.won | those.lost
    edited = closed & (random.random(count) < 0.04)
    changed = np.maximum(those.moved, last_activity)
    changed = np.where(
        edited, np.minimum(changed + random.integers(1, 40, count) * DAY, clock.end - 60), changed
    )
    owner = these.owner.tolist()
    project = FIRST_OPTION + random.integers(0, len(PROJECT_TYPES), count)
    no_project = random.random(count) < 0.35
    plan = expected(random, these, those, clock)
    delivered = random.random(count) < 0.4
    wish = dates(plan + random.integers(10, 70, count))
    architect = draw(random, (6, 1, 1, 1, 1, 1), count)
    moved = unix(those.moved, clock.timezone).tolist()
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "TITLE": title,
            "TYPE_ID": pick(TYPES, draw(random, (6, 3, 1), count)),
            "STAGE_ID": pick([s.stage_id for s in labels], those.stage),
            "PROBABILITY": probability(those.stage),
            "CURRENCY_ID": pick(("EUR", "CHF"), them.swiss[these.company].astype(np.int64)),
            "OPPORTUNITY": money(basket.amount),
            "IS_MANUAL_OPPORTUNITY": yes(basket.manual),
            "TAX_VALUE": 0.0,
            "LEAD_ID": [n + 1 if n >= 0 else None for n in these.lead.tolist()],
            "COMPANY_ID": [
                None if none else c
                for c, none in zip(company.tolist(), nobody.tolist(), strict=True)
            ],
            "CONTACT_ID": contacts(these, them),
            "BEGINDATE": dates(these.created // DAY),
            "CLOSEDATE": dates(plan),
            "ASSIGNED_BY_ID": owner,
            "CREATED_BY_ID": owner,
            "MODIFY_BY_ID": owner,
            "DATE_CREATE": unix(these.created, clock.timezone).tolist(),
            "DATE_MODIFY": unix(changed, clock.timezone).tolist(),
            "OPENED": "Y",
            "CLOSED": yes(closed),
            "COMMENTS": [COMMENT if c else "" for c in commented.tolist()],
            "CATEGORY_ID": pick([p.category_id for p in PIPELINES], these.pipeline),
            "STAGE_SEMANTIC_ID": pick([s.semantics for s in labels], those.stage),
            "IS_NEW": yes((those.depth == 0) & ~closed),
            "IS_RECURRING": "N",
            "IS_RETURN_CUSTOMER": yes(these.returning),
            "IS_REPEATED_APPROACH": "N",
            "SOURCE_ID": pick([*(c.source_id for c in CHANNELS), ""], these.channel),
            "MOVED_BY_ID": owner,
            "MOVED_TIME": moved,
            "LAST_ACTIVITY_BY": owner,
            "LAST_ACTIVITY_TIME": unix(
                np.maximum(these.created, last_activity), clock.timezone
            ).tolist(),
            **utm(these.channel, these.campaign),
            PROJECT_FIELD: [
                None if none else str(n)
                for n, none in zip(project.tolist(), no_project.tolist(), strict=True)
            ],
            DELIVERY_FIELD: [
                day if known else None for day, known in zip(wish, delivered.tolist(), strict=True)
            ],
            ARCHITECT_FIELD: pick([None, *names.ARCHITECTS], architect),
        },
        count,
    )


def contacts(these: Demand, them: Customers) -> list[int]:
    """The primary contact of each deal."""
    primary: list[int] = them.first_contact[these.company].tolist()
    return primary


def contact_bindings(first_deal: int, contacts: list[int], first_id: int) -> Columns:
    """Rows of crm.deal.contact.items.get: the primary contact of each deal."""
    count = len(contacts)
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "DEAL_ID": list(range(first_deal, first_deal + count)),
            "CONTACT_ID": contacts,
            "SORT": 10,
            "ROLE_ID": 0,
            "IS_PRIMARY": "Y",
        },
        count,
    )


def templates(count: int, first_id: int, clock: Clock) -> Columns:
    """Recurring deals: IS_RECURRING=Y, patterns for deals to come and never deals themselves."""
    last = clock.end // DAY - 1
    created = np.array([(last - 20 * n) * DAY + 10 * 3600 for n in range(count, 0, -1)])
    at = unix(created, clock.timezone).tolist()
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "TITLE": [f"Modèle – maintenance annuelle {n + 1}" for n in range(count)],
            "TYPE_ID": "SERVICES",
            "STAGE_ID": "C2:NEW",
            "CURRENCY_ID": "EUR",
            "OPPORTUNITY": 1450.0,
            "IS_MANUAL_OPPORTUNITY": "Y",
            "TAX_VALUE": 0.0,
            "COMPANY_ID": [n + 2 for n in range(count)],
            "BEGINDATE": dates(created // DAY),
            "CLOSEDATE": dates(created // DAY + 7),
            "ASSIGNED_BY_ID": 1,
            "CREATED_BY_ID": 1,
            "MODIFY_BY_ID": 1,
            "DATE_CREATE": at,
            "DATE_MODIFY": at,
            "OPENED": "Y",
            "CLOSED": "N",
            "CATEGORY_ID": 2,
            "STAGE_SEMANTIC_ID": "P",
            "IS_NEW": "N",
            "IS_RECURRING": "Y",
            "IS_RETURN_CUSTOMER": "N",
            "IS_REPEATED_APPROACH": "N",
            "MOVED_BY_ID": 1,
            "MOVED_TIME": at,
            "LAST_ACTIVITY_BY": 1,
            "LAST_ACTIVITY_TIME": at,
        },
        count,
    )
