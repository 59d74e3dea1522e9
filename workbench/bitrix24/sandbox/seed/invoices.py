"""Smart invoices of won deals: one, or a deposit and the rest; paid, waiting, overdue or lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.baskets import Baskets
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, dates, moments, positions
from workbench.bitrix24.sandbox.seed.columns import money, pick
from workbench.bitrix24.sandbox.seed.deals import Course, Demand
from workbench.bitrix24.sandbox.seed.history import events, invoice_stages
from workbench.bitrix24.sandbox.seed.items import Items
from workbench.bitrix24.sandbox.seed.people import MY_COMPANY, Customers

INVOICED = 0.94  # of the won deals
SPLIT = 0.28  # of those in a deposit of 30 % and the rest
DEPOSIT = 0.3
NEVER_PAID = 0.03
TERM = 30  # days
DRAFT, SENT, PAID, LOST = range(4)


@dataclass(frozen=True)
class Invoices(Items):
    """Invoices: what each bills, and when payment is due (day numbers)."""

    amount: NDArray[np.float64]
    due: NDArray[np.int64]


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
    order = clock.past(created)
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
    return Invoices(deal, created, stage.astype(np.int64), moved, happened, amount, due)


def invoice_rows(
    those: Invoices, these: Demand, them: Customers, first_deal: int, first_id: int, clock: Clock
) -> Columns:
    """Rows of crm.item.list with entityTypeId 31; CLOSEDATE is the day payment is due."""
    swiss = them.swiss[these.company[those.deal]]
    codes: list[str | None] = [s.stage_id for s in invoice_stages()]
    before = [None, codes[DRAFT], codes[SENT], codes[SENT]]
    day = dates(those.created // DAY)
    number = [f"AL-{d[:4]}-{n:05}" for n, d in enumerate(day, first_id)]
    return Columns(
        {
            **those.columns(these, them, first_deal, first_id, clock),
            "TITLE": [f"Facture {n}" for n in number],
            "CATEGORY_ID": story.INVOICE_CATEGORY,
            "STAGE_ID": pick(codes, those.stage),
            "PREVIOUS_STAGE_ID": pick(before, those.stage),
            "BEGINDATE": day,
            "CLOSEDATE": dates(those.due),
            "CURRENCY_ID": pick(("EUR", "CHF"), swiss.astype(np.int64)),
            "OPPORTUNITY": money(those.amount),
            "IS_MANUAL_OPPORTUNITY": "Y",
            "TAX_VALUE": 0.0,
            "MYCOMPANY_ID": MY_COMPANY,
            "ACCOUNT_NUMBER": number,
        },
        len(those.deal),
    )
