"""Smart invoices of won deals: one, or a deposit and the rest; paid, waiting, overdue or lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.baskets import Baskets
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, dates, moments, positions, unix
from workbench.bitrix24.sandbox.seed.columns import money, pick
from workbench.bitrix24.sandbox.seed.deals import Course, Demand
from workbench.bitrix24.sandbox.seed.history import Events, events, invoice_stages
from workbench.bitrix24.sandbox.seed.people import MY_COMPANY, Customers

INVOICED = 0.94  # of the won deals
SPLIT = 0.28  # of those in a deposit of 30 % and the rest
DEPOSIT = 0.3
NEVER_PAID = 0.03
TERM = 30  # days
DRAFT, SENT, PAID, LOST = range(4)


@dataclass(frozen=True)
class Invoices:
    """Invoices in order of creation; ``deal`` is the place of the deal in its chunk."""

    deal: NDArray[np.int64]
    amount: NDArray[np.float64]
    created: NDArray[np.int64]
    due: NDArray[np.int64]
    stage: NDArray[np.int64]
    moved: NDArray[np.int64]
    happened: Events


def invoices(random: np.random.Generator, those: Course, basket: Baskets, clock: Clock) -> Invoices:
    """Draw the invoices of the won deals of one chunk."""
    won = np.flatnonzero(those.won & (basket.amount > 0))
    won = won[random.random(len(won)) < INVOICED]
    split = random.random(len(won)) < SPLIT
    deposit = np.round(basket.amount[won] * DEPOSIT, 2)
    first = np.where(split, deposit, basket.amount[won])
    deal = np.concatenate([won, won[split]])
    amount = np.concatenate([first, (basket.amount[won] - deposit)[split]])
    signed = positions(those.moved[deal])
    later = np.concatenate([np.zeros(len(won)), random.uniform(10, 40, int(split.sum()))])
    start = signed + later + random.exponential(1.5, len(deal)) + 0.02
    created = moments(start)
    keep = created < clock.end
    deal, amount, start, created = deal[keep], amount[keep], start[keep], created[keep]
    order = np.argsort(created, kind="stable")
    deal, amount, start, created = deal[order], amount[order], start[order], created[order]

    count = len(deal)
    sent = start + random.exponential(0.4, count) + 0.01
    due = created // DAY + TERM
    # Most pay around the due date, one in four clearly late.
    slow = random.random(count) < 0.25
    delay = np.where(slow, random.gamma(2.0, 14.0, count) + 5, random.normal(-4.0, 6.0, count))
    paid = np.maximum((due + np.round(delay)) * DAY + 10 * 3600, moments(sent) + 3600)
    never = random.random(count) < NEVER_PAID
    times = np.full((count, 4), np.inf)
    times[:, DRAFT] = created
    times[:, SENT] = moments(sent)
    times[~never, PAID] = paid[~never]
    times[never, LOST] = ((due + 120) * DAY + 11 * 3600)[never]
    happened = events(times, np.tile(np.arange(4), (count, 1)), invoice_stages(), clock.end)
    so_far = np.where(times < clock.end, times, -1.0)
    stage = so_far.shape[1] - 1 - np.argmax(so_far[:, ::-1], axis=1) if count else np.zeros(0, int)
    moved = so_far.max(axis=1, initial=0).astype(np.int64)
    return Invoices(deal, amount, created, due, stage.astype(np.int64), moved, happened)


def invoice_rows(
    those: Invoices, these: Demand, them: Customers, first_deal: int, first_id: int, clock: Clock
) -> Columns:
    """Rows of crm.item.list with entityTypeId 31; CLOSEDATE is the day payment is due."""
    count = len(those.deal)
    labels = invoice_stages()
    company = these.company[those.deal]
    owner = these.owner[those.deal].tolist()
    codes: list[str | None] = [s.stage_id for s in labels]
    before = [None, codes[DRAFT], codes[SENT], codes[SENT]]
    created = unix(those.created, clock.timezone).tolist()
    moved = unix(those.moved, clock.timezone).tolist()
    day = dates(those.created // DAY)
    number = [f"AL-{d[:4]}-{n:05}" for n, d in enumerate(day, first_id)]
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "TITLE": [f"Facture {n}" for n in number],
            "CREATED_BY": owner,
            "UPDATED_BY": owner,
            "MOVED_BY": owner,
            "CREATED_TIME": created,
            "UPDATED_TIME": moved,
            "MOVED_TIME": moved,
            "CATEGORY_ID": story.INVOICE_CATEGORY,
            "OPENED": "Y",
            "STAGE_ID": pick(codes, those.stage),
            "PREVIOUS_STAGE_ID": pick(before, those.stage),
            "BEGINDATE": day,
            "CLOSEDATE": dates(those.due),
            "COMPANY_ID": them.identifier(company).tolist(),
            "CONTACT_ID": them.first_contact[company].tolist(),
            "CURRENCY_ID": pick(("EUR", "CHF"), them.swiss[company].astype(np.int64)),
            "OPPORTUNITY": money(those.amount),
            "IS_MANUAL_OPPORTUNITY": "Y",
            "TAX_VALUE": 0.0,
            "MYCOMPANY_ID": MY_COMPANY,
            "ASSIGNED_BY_ID": owner,
            "PARENT_ID_2": (those.deal + first_deal).tolist(),
            "LAST_ACTIVITY_BY": owner,
            "LAST_ACTIVITY_TIME": moved,
            "ACCOUNT_NUMBER": number,
        },
        count,
    )
