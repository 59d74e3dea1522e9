"""Moments of the seeded company: office hours, working days, and the portal's own clock.

Sales work happens in office time, 8:30 to 19:00 on working days: no weekend, no fixed French
holiday, not the two weeks in August and the days after Christmas when the company is closed.
A *position* counts working days: 7.5 is the middle of the eighth one. Durations add up on that
scale, and whatever is computed on it falls into office time, in order.
A *moment* is the local wall time in seconds since 1970-01-01 00:00 (int64).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]
Moments = NDArray[np.int64]

DAY = 86_400
OPENS = 8 * 3600 + 1800
OFFICE_DAY = 10 * 3600 + 1800
HOLIDAYS = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """Return the inverse of `day_number`."""
    return _EPOCH + timedelta(days=int(number))


@cache
def working_days() -> NDArray[np.int64]:
    """Day numbers on which the company works, from 2000 to 2099."""
    days = np.arange("2000-01-01", "2100-01-01", dtype="datetime64[D]")
    numbers = days.astype(np.int64)
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (days - months).astype(np.int64) + 1
    open_ = (numbers + 3) % 7 < 5  # 1970-01-01 was a Thursday
    for holiday in HOLIDAYS:
        open_ &= ~((month == holiday[0]) & (day == holiday[1]))
    open_ &= ~((month == 8) & (day >= 6) & (day <= 21))
    open_ &= ~((month == 12) & (day >= 25))
    return numbers[open_]


def is_working(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the company works on each day."""
    return np.isin(days, working_days())


def moments(positions: Positions) -> Moments:
    """Wall times of office positions; those beyond the calendar fall on its last day."""
    calendar = working_days()
    whole = np.floor(positions).astype(np.int64)
    # The millisecond makes up for what a second loses on its way through a position and back.
    inside = ((positions - whole) * OFFICE_DAY + 1e-3).astype(np.int64)
    return calendar[np.clip(whole, 0, len(calendar) - 1)] * DAY + OPENS + inside


def positions(walls: Moments) -> Positions:
    """Office positions of wall times; whenever the office is closed, that of the next opening."""
    calendar = working_days()
    days, seconds = np.divmod(np.asarray(walls, dtype=np.int64), DAY)
    place = np.searchsorted(calendar, days)
    at_work = calendar[np.minimum(place, len(calendar) - 1)] == days
    inside = np.where(at_work, (seconds - OPENS) / OFFICE_DAY, 0.0)
    return np.where(inside >= 1, place + 1, place + np.clip(inside, 0.0, 1.0))


@dataclass(frozen=True)
class Clock:
    """The seeded period: from ``first`` (a month's first day) to the evening before ``today``."""

    first: date
    today: date
    timezone: str

    @property
    def start(self) -> int:
        """First moment of the period."""
        return day_number(self.first) * DAY

    @property
    def end(self) -> int:
        """Midnight before ``today``: nothing happens at or after it."""
        return day_number(self.today) * DAY

    @property
    def end_position(self) -> float:
        """`end` as an office position."""
        return float(positions(np.array([self.end]))[0])

    def ago(self, days: float) -> float:
        """Moment so many days before the end."""
        return self.end - days * DAY

    def past(self, walls: Moments) -> NDArray[np.int64]:
        """Places of the moments before the end, in order of time."""
        place = np.flatnonzero(walls < self.end)
        return place[np.argsort(walls[place], kind="stable")]


@cache
def _offset(day: int, timezone: str) -> int:
    noon = datetime.combine(day_of(day), time(12), tzinfo=ZoneInfo(timezone))
    offset = noon.utcoffset()
    return int(offset.total_seconds()) if offset else 0


def unix(walls: Moments, timezone: str) -> Moments:
    """Unix seconds of wall times.

    The offset is that of the day's noon: exact except in the hours before the switch on the two
    Sundays of the year when clocks change, in which nothing is generated.
    """
    if not len(walls):
        return walls
    days = walls // DAY
    first = int(days.min())
    offsets = np.array(
        [_offset(day, timezone) for day in range(first, int(days.max()) + 1)], dtype=np.int64
    )
    return walls - offsets[days - first]


@cache
def _date_text(day: int) -> str:
    return day_of(day).isoformat()


def dates(days: NDArray[np.int64]) -> list[str]:
    """``YYYY-MM-DD`` of each day number."""
    return [_date_text(day) for day in days.tolist()]
