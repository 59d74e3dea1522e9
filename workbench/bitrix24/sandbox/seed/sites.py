"""Building sites, a smart process of the company's own: the installations of what was sold.

A won deal of the last months with days of fitting in its basket has one: it is planned, fitted and
handed over, or called off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns, Row
from workbench.bitrix24.sandbox.seed.baskets import Baskets
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, dates, moments, positions, unix
from workbench.bitrix24.sandbox.seed.columns import pick
from workbench.bitrix24.sandbox.seed.deals import Course, Demand
from workbench.bitrix24.sandbox.seed.directories import FAILURE, FITTING, PROCESS, SUCCESS
from workbench.bitrix24.sandbox.seed.history import Stage, events
from workbench.bitrix24.sandbox.seed.items import Items
from workbench.bitrix24.sandbox.seed.people import Customers

TYPE, NUMBER, CATEGORY = 174, 1, 12
TABLE = f"items_{TYPE}"
TITLE = "Chantiers"
STAGES = (
    ("NEW", "À planifier", ""),
    ("PREPARATION", "Planifié", ""),
    ("CLIENT", "En pose", ""),
    ("SUCCESS", "Réceptionné", "S"),
    ("FAIL", "Annulé", "F"),
)
NEW, PLANNED, FITTED, HANDED, OFF = range(5)
DAYS = 365  # the process was introduced so long ago
CALLED_OFF = 0.04
# What its items have, of everything that a smart process may have.
HAS = (
    "isStagesEnabled", "isClientEnabled", "isBeginCloseDatesEnabled", "isUseInUserfieldEnabled",
    "isRecyclebinEnabled", "isAutomationEnabled", "isBizProcEnabled", "isSetOpenPermissions",
    "isCountersEnabled",
)  # fmt: skip


def stages() -> list[Stage]:
    """The stages of a site."""
    return [
        Stage(CATEGORY, f"DT{TYPE}_{CATEGORY}:{code}", semantics or "P")
        for code, _name, semantics in STAGES
    ]


def types(flags: tuple[str, ...], clock: Clock) -> list[Row]:
    """The smart process itself; ``flags`` are all that there are."""
    made = int(unix(np.array([clock.end - (DAYS + 20) * DAY]), clock.timezone)[0])
    return [
        {"ID": NUMBER, "TITLE": TITLE, "CODE": "", "ENTITY_TYPE_ID": TYPE, "CREATED_BY": 1,
         "UPDATED_BY": 1, "CREATED_TIME": made, "UPDATED_TIME": made,
         "FLAGS": {name: "Y" if name in HAS else "N" for name in flags}}
    ]  # fmt: skip


def category() -> Row:
    """The one pipeline of the sites."""
    return {
        "ID": CATEGORY, "ENTITY_TYPE_ID": TYPE, "NAME": TITLE, "SORT": 100, "IS_DEFAULT": "Y",
    }  # fmt: skip


def statuses(first_id: int) -> list[Row]:
    """The stages as rows of crm.status.list."""
    colors = {"S": SUCCESS, "F": FAILURE}
    return [
        {"ID": first_id + place, "ENTITY_ID": f"DYNAMIC_{TYPE}_STAGE_{CATEGORY}",
         "STATUS_ID": f"DT{TYPE}_{CATEGORY}:{code}", "NAME": name, "SORT": 10 * (place + 1),
         "SYSTEM": "N", "CATEGORY_ID": CATEGORY, "COLOR": colors.get(semantics, PROCESS),
         "SEMANTICS": semantics or None}
        for place, (code, name, semantics) in enumerate(STAGES)
    ]  # fmt: skip


@dataclass(frozen=True)
class Sites(Items):
    """Sites: the stage before the present one, and when they are fitted."""

    before: NDArray[np.int64]
    begin: NDArray[np.int64]  # day numbers
    end: NDArray[np.int64]


def sites(random: np.random.Generator, those: Course, basket: Baskets, clock: Clock) -> Sites:
    """Draw the sites of the won deals of one chunk."""
    days = np.bincount(
        basket.deal, np.where(basket.product == FITTING, basket.quantity, 0), len(those.won)
    )
    deal = np.flatnonzero(those.won & (days > 0) & (those.moved >= clock.ago(DAYS)))
    start = positions(those.moved[deal]) + random.exponential(0.8, len(deal)) + 0.02
    created = moments(start)
    order = clock.past(created)
    deal, start, created = deal[order], start[order], created[order]
    count = len(deal)

    planned = start + random.uniform(1.0, 8.0, count)
    fitted = planned + random.uniform(4.0, 30.0, count)
    handed = fitted + np.minimum(days[deal], 40) * random.uniform(0.8, 1.5, count) + 0.3
    off = random.random(count) < CALLED_OFF
    times = np.full((count, len(STAGES)), np.inf)
    times[:, NEW] = created
    times[:, PLANNED] = moments(planned)
    times[~off, FITTED] = moments(fitted)[~off]
    times[~off, HANDED] = moments(handed)[~off]
    times[off, OFF] = moments(planned + 2.0)[off]
    happened = events(times, np.tile(np.arange(len(STAGES)), (count, 1)), stages(), clock.end)
    so_far = np.where(times < clock.end, times, -1.0)
    place = np.argsort(so_far, axis=1, kind="stable")
    moved = so_far.max(axis=1, initial=0).astype(np.int64)
    return Sites(
        deal,
        created,
        place[:, -1],
        moved,
        happened,
        np.where((so_far >= 0).sum(axis=1) > 1, place[:, -2], -1),
        moments(fitted) // DAY,
        moments(handed) // DAY,
    )


def site_rows(
    those: Sites,
    these: Demand,
    them: Customers,
    titles: list[str],
    first_deal: int,
    first_id: int,
    clock: Clock,
) -> Columns:
    """Rows of crm.item.list; ``titles`` are the names of all customers."""
    codes: list[str | None] = [stage.stage_id for stage in stages()]
    names = [titles[n].strip() or f"#{n}" for n in these.company[those.deal].tolist()]
    return Columns(
        {
            **those.columns(these, them, first_deal, first_id, clock),
            "TITLE": [f"Chantier {name}" for name in names],
            "CATEGORY_ID": CATEGORY,
            "STAGE_ID": pick(codes, those.stage),
            "PREVIOUS_STAGE_ID": pick([*codes, None], those.before),
            "BEGINDATE": dates(those.begin),
            "CLOSEDATE": dates(those.end),
        },
        len(those.deal),
    )
