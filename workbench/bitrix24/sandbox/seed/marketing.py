"""What the channels cost: monthly spend, as the marketing department exports it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.clock import DAY, day_of
from workbench.bitrix24.sandbox.seed.leads import channel_demand
from workbench.bitrix24.sandbox.seed.story import CHANNELS, FAILING_CHANNEL, SIZES

HEADER = ("month", "channel", "spend", "currency", "clicks", "impressions")
CHANNEL_SOURCES = {c.name: c.source_id for c in CHANNELS if c.cost}
IMPRESSIONS_PER_CLICK = 62


class Spend(NamedTuple):
    """One month of one channel.

    ``month`` is its first day, ``spend`` an amount in ``currency``; clicks and impressions are
    None where the channel has none (trade shows).
    """

    month: date
    channel: str
    spend: float
    currency: str
    clicks: int | None
    impressions: int | None


def marketing_spend_rows(
    seed: int, today: date, *, size: str = "demo", deals: int | None = None
) -> Iterator[Spend]:
    """Monthly spend of the paid channels, up to the evening before ``today``.

    The amount follows the leads that the story expects of the channel in that month, not those
    drawn; the failing channel's cost grows over its last nine months while its clicks do not.
    ``seed``, ``today``, ``size`` and ``deals`` are those of `seed_company`.
    """
    clock = story.period(today)
    plan = SIZES[size] if deals is None else SIZES[size].with_deals(deals)
    random = np.random.default_rng([seed, 900])
    days, weights = channel_demand(clock)
    expected = weights / weights.sum() * plan.leads
    fallen = story.failing(days * DAY + DAY // 2, clock)
    months = np.array([day_of(d).replace(day=1).toordinal() for d in days.tolist()])
    for month in np.unique(months).tolist():
        inside = months == month
        first = date.fromordinal(month)
        for n, channel in enumerate(CHANNELS):
            if not channel.cost:
                continue
            leads = expected[n, inside]
            noise, click_noise = random.lognormal(0.0, 0.07, 2)
            dearer = 1 + story.FAILING_COST * fallen[inside] * (n == FAILING_CHANNEL)
            spend = float((leads * dearer).sum() * channel.cost * noise)
            clicks = round(float(leads.sum()) * channel.clicks_per_lead * click_noise)
            swiss = channel.source_id == "TRADE_SHOW" and first.month == story.SWISS_FAIR_MONTH
            yield Spend(
                first,
                channel.name,
                round(spend / story.CHF_RATE if swiss else spend, 2),
                "CHF" if swiss else story.BASE_CURRENCY,
                clicks if channel.clicks_per_lead else None,
                clicks * IMPRESSIONS_PER_CLICK if channel.clicks_per_lead else None,
            )


def write_marketing_spend(
    path: Path, seed: int, today: date, *, size: str = "demo", deals: int | None = None
) -> int:
    """Write the spend as CSV (UTF-8, comma, decimal point; header `HEADER`); returns the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for row in marketing_spend_rows(seed, today, size=size, deals=deals):
            writer.writerow(
                [row.month.isoformat(), row.channel, f"{row.spend:.2f}", row.currency,
                 "" if row.clicks is None else row.clicks,
                 "" if row.impressions is None else row.impressions]
            )  # fmt: skip
            count += 1
    return count
