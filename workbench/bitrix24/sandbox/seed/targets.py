"""What the seeded company means to sell: its plan by month and pipeline, as a file."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.story import PIPELINES, SIZES

HEADER = ("month", "pipeline", "manager", "amount", "currency")
AMBITION = 1.05  # of what the story lets expect
MONTHS_AHEAD = 3


def target_rows(
    today: date, *, size: str = "demo", deals: int | None = None
) -> Iterator[tuple[date, str, int]]:
    """Yield (first day of the month, pipeline, EUR), from the company's first month on.

    Season and growth are the story's; the last months are still to come.
    """
    clock = story.period(today)
    plan = SIZES[size] if deals is None else SIZES[size].with_deals(deals)
    begin, end = clock.first, today.year * 12 + today.month - 1 + MONTHS_AHEAD
    months = [
        date(number // 12, number % 12 + 1, 1)
        for number in range(begin.year * 12 + begin.month - 1, end + 1)
    ]
    weights = [
        story.SEASON[month.month - 1] * story.GROWTH ** ((month - begin).days / 365.25)
        for month in months
    ]
    past = sum(w for month, w in zip(months, weights, strict=True) if month < today)
    for month, weight in zip(months, weights, strict=True):
        for pipeline in PIPELINES:
            mean = pipeline.amount * math.exp(pipeline.spread**2 / 2)
            expected = plan.deals * pipeline.share * pipeline.won * mean * weight / past
            yield month, pipeline.name, round(expected * AMBITION / 100) * 100


def write_targets(path: Path, today: date, *, size: str = "demo", deals: int | None = None) -> int:
    """Write the plan as CSV (UTF-8, comma, decimal point; header `HEADER`); returns the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for month, pipeline, amount in target_rows(today, size=size, deals=deals):
            writer.writerow([f"{month:%Y-%m}", pipeline, "", amount, ""])
            count += 1
    return count
