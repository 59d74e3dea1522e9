"""Tasks that sellers give themselves and others for the deals of the last months."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, moments, positions, unix
from workbench.bitrix24.sandbox.seed.columns import draw, pick
from workbench.bitrix24.sandbox.seed.deals import Demand
from workbench.bitrix24.sandbox.seed.people import Staff

DAYS = 120  # deals that are older have their tasks behind them, in another tool
SHARE = 0.15  # of the deals of that time
TITLES = (
    "Préparer l’offre pour {}",
    "Commander les échantillons pour {}",
    "Vérifier le plan d’implantation : {}",
    "Organiser la visite du showroom avec {}",
    "Relancer {}",
)
PENDING, RUNNING, CHECKED, DONE, DEFERRED = 2, 3, 4, 5, 6
KEPT = 0.86  # tasks that are done, most of them in time
DELEGATED = 0.3  # given by the head of the team
SIX = 18 * 3600


def task_rows(
    random: np.random.Generator,
    these: Demand,
    titles: list[str],
    people: Staff,
    first_deal: int,
    clock: Clock,
) -> Columns:
    """Rows of tasks.task.list, without ID, for some deals; ``titles`` are the customers' names."""
    recent = these.created >= clock.ago(DAYS)
    deal = np.flatnonzero(recent & (random.random(len(these.created)) < SHARE))
    start = positions(these.created[deal]) + random.uniform(0.05, 9.0, len(deal))
    created = moments(start)
    order = clock.past(created)
    deal, start, created = deal[order], start[order], created[order]
    count = len(deal)

    due = created // DAY * DAY + random.integers(1, 12, count) * DAY + SIX
    begun = moments(start + random.exponential(0.6, count) + 0.02)
    ended = moments(start + random.gamma(2.0, 2.2, count) + 0.05)
    closed = (random.random(count) < KEPT) & (ended < clock.end)
    open_ = np.array([PENDING, RUNNING, CHECKED, DEFERRED])[
        draw(random, (0.45, 0.35, 0.1, 0.1), count)
    ]
    started = closed | ((open_ == RUNNING) | (open_ == CHECKED)) & (begun < clock.end)
    status = np.where(closed, DONE, np.where(started | (open_ == DEFERRED), open_, PENDING))
    begun = np.minimum(begun, np.where(closed, ended, begun))
    changed = np.where(closed, ended, np.where(started, begun, created))

    owner = these.owner[deal]
    head = np.array(people.heads)[people.team[owner - 1]]
    giver = np.where(random.random(count) < DELEGATED, head, owner)
    text = draw(random, (0.3, 0.15, 0.15, 0.1, 0.3), count)
    names = [titles[n] for n in these.company[deal].tolist()]
    wall = [unix(each, clock.timezone).tolist() for each in (created, changed, begun, ended, due)]
    made, touched, opened, finished, deadline = wall

    def where(values: list[int], mask: NDArray[np.bool_]) -> list[int | None]:
        return [v if there else None for v, there in zip(values, mask.tolist(), strict=True)]

    return Columns(
        {
            "TITLE": [
                TITLES[n].format(name.strip() or "un client")
                for n, name in zip(text.tolist(), names, strict=True)
            ],
            "PRIORITY": pick((1, 2), (random.random(count) < 0.12).astype(np.int64)),
            "STATUS": status.tolist(),
            "RESPONSIBLE_ID": owner.tolist(),
            "CREATED_BY": giver.tolist(),
            "CHANGED_BY": np.where(started, owner, giver).tolist(),
            "CLOSED_BY": where(owner.tolist(), closed),
            "GROUP_ID": 0,
            "CREATED_DATE": made,
            "CHANGED_DATE": touched,
            "DATE_START": where(opened, started),
            "CLOSED_DATE": where(finished, closed),
            "DEADLINE": deadline,
            "TIME_ESTIMATE": pick((0, 3600, 7200), draw(random, (0.7, 0.2, 0.1), count)),
            "TASK_CONTROL": "N",
            "UF_CRM_TASK": [[f"D_{n + first_deal}"] for n in deal.tolist()],
        },
        count,
    )
