"""Periods: what ``last_quarter`` means.

A period is half-open, ``[start, end)``, in calendar days of the portal's time zone. Names of
complete units (``last_month``, ``last_6_weeks``, ``last_30_days``) leave the running one out;
``this_…`` are whole units that may not be over. Years and quarters are those of the calendar; the
company's own, which begin with the month that ``WORKBENCH_FISCAL_YEAR_START`` names, are called
fiscal everywhere (``last_fiscal_year``, ``FY2026``, grain ``fiscal_quarter``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workbench.errors import ParameterError
from workbench.i18n import _, format_date, format_month, language
from workbench.settings import settings

Span = tuple[date, date]

ALL_START, ALL_END = date(1970, 1, 1), date(2200, 1, 1)
MONTHS = {"month": 1, "quarter": 3, "year": 12, "fiscal_quarter": 3, "fiscal_year": 12}
FISCAL = ("fiscal_quarter", "fiscal_year")


@dataclass(frozen=True, order=True)
class Period:
    """The days from ``start`` up to, not including, ``end``.

    >>> resolve_period("2026-Q1").days
    90
    """

    start: date
    end: date
    name: str = ""

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise _ends_before(self.start, self.end)

    @property
    def days(self) -> int:
        """Number of calendar days."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The last day that belongs to the period."""
        return self.end - timedelta(days=1)

    @property
    def is_all(self) -> bool:
        """Whether this is everything that is known, without bounds."""
        return (self.start, self.end) == (ALL_START, ALL_END)

    @property
    def whole_months(self) -> int | None:
        """Number of calendar months, or None when the period cuts one."""
        if self.start.day != 1 or self.end.day != 1:
            return None
        return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month

    @property
    def is_fiscal(self) -> bool:
        """Whether this was asked for as a year or quarter of the company's own."""
        return self.name.startswith("FY") or "fiscal" in self.name

    def previous(self) -> Period:
        """The period of the same length before this one (whole months stay whole)."""
        return self._back(self.whole_months or 0)

    def year_ago(self, grain: str | None = None) -> Period:
        """The same days one year earlier; by week the same weekdays, 52 weeks earlier.

        52 weeks earlier is the ISO week of the same number, or of the next one after a year of
        53 weeks; of the 53rd week, the first one of its own year.
        """
        if self.is_all:
            return self
        return self._weeks_back(52) if grain == "week" else self._back(12)

    def _weeks_back(self, weeks: int) -> Period:
        try:
            start, end = (day - timedelta(weeks=weeks) for day in (self.start, self.end))
        except OverflowError:
            raise self._nothing_before() from None
        return Period(start, end)

    def _back(self, months: int) -> Period:
        if self.is_all:
            return self
        name = "fiscal" if self.is_fiscal else ""
        try:
            if months:
                start, last = (shift_months(day, -months) for day in (self.start, self.last_day))
                whole = self.whole_months is not None
                end = shift_months(self.end, -months) if whole else last + timedelta(days=1)
                return Period(start, end, name)
            return Period(self.start - timedelta(days=self.days), self.start)
        except (OverflowError, ValueError):
            raise self._nothing_before() from None

    def _nothing_before(self) -> ParameterError:
        return ParameterError(_("There is no period before {start}.").format(start=self.start))

    def label(self) -> str:
        """The period in the reader's language: ``T3 2026``, ``nov. 2026``, ``1 janv. – …``."""
        months = self.whole_months
        if self.is_all:
            return _("All data")
        if self.is_fiscal and months in (3, 12):
            return _fiscal_label(self.start, months)
        if months == 12 and self.start.month == 1:
            return str(self.start.year)
        if months == 3 and self.start.month % 3 == 1:
            return f"{_quarter_letter()}{self.start.month // 3 + 1} {self.start.year}"
        if months == 1:
            return format_month(self.start)
        if months:
            return f"{format_month(self.start)} – {format_month(self.last_day)}"
        if self.days == 1:
            return format_date(self.start)
        return f"{format_date(self.start)} – {format_date(self.last_day)}"


EVERYTHING = Period(ALL_START, ALL_END, "all")


def between(start: date, end: date, name: str = "") -> Period:
    """Return the period of days whose last one was given; an error names that, not its ``end``."""
    if end <= start:
        raise _ends_before(start, end - timedelta(days=1))
    return Period(start, end, name)


def _ends_before(start: date, end: date) -> ParameterError:
    return ParameterError(
        _("The period ends before it begins: {start} to {end}.").format(start=start, end=end)
    )


def _quarter_letter() -> str:
    return "T" if language() == "fr" else "Q"


def _fiscal_label(start: date, months: int) -> str:
    """``FY 2026/27``, ``Q1 2026/27``; the year alone where it is the calendar's."""
    first = floor_to(start, "fiscal_year")
    years = str(first.year) if first.month == 1 else f"{first.year}/{(first.year + 1) % 100:02d}"
    if months == 12:
        return _("FY {years}").format(years=years) if first.month > 1 else years
    return f"{_quarter_letter()}{(start.month - first.month) % 12 // 3 + 1} {years}"


def unit_label(first: date, grain: str) -> str:
    """Return the label of the unit of time that begins on ``first``."""
    return Period(first, next_unit(first, grain), grain if grain in FISCAL else "").label()


def shift_months(day: date, months: int) -> date:
    """Move a day by whole months; the 31st becomes the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    following = date((index + 1) // 12, (index + 1) % 12 + 1, 1)
    return first.replace(day=min(day.day, (following - first).days))


def floor_to(day: date, grain: str) -> date:
    """First day of the day, ISO week, month, (fiscal) quarter or (fiscal) year that holds it."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    if grain == "month":
        return day.replace(day=1)
    if grain == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if grain == "year":
        return day.replace(month=1, day=1)
    if grain in FISCAL:
        over = (day.month - settings().fiscal_year_start) % MONTHS[grain]
        return shift_months(day.replace(day=1), -over)
    return day


def next_unit(first: date, grain: str) -> date:
    """First day of the unit after the one that begins on ``first``."""
    if grain in ("day", "week"):
        return first + timedelta(days=7 if grain == "week" else 1)
    return shift_months(first, MONTHS[grain])


def _unit(grain: str, back: int) -> Callable[[date], Span]:
    def span(today: date) -> Span:
        first = floor_to(today, grain)
        for _step in range(back):
            first = floor_to(first - timedelta(days=1), grain)
        return first, next_unit(first, grain)

    return span


def _last(count: int, grain: str) -> Callable[[date], Span]:
    """The last ``count`` complete units."""

    def span(today: date) -> Span:
        end = floor_to(today, grain)
        if grain in MONTHS:
            return shift_months(end, -count * MONTHS[grain]), end
        return end - timedelta(days=count * (7 if grain == "week" else 1)), end

    return span


NAMES: dict[str, Callable[[date], Span]] = {
    "today": _unit("day", 0),
    "yesterday": _unit("day", 1),
    "this_week": _unit("week", 0),
    "last_week": _unit("week", 1),
    "this_month": _unit("month", 0),
    "last_month": _unit("month", 1),
    "this_quarter": _unit("quarter", 0),
    "last_quarter": _unit("quarter", 1),
    "this_year": _unit("year", 0),
    "last_year": _unit("year", 1),
    "this_fiscal_quarter": _unit("fiscal_quarter", 0),
    "last_fiscal_quarter": _unit("fiscal_quarter", 1),
    "this_fiscal_year": _unit("fiscal_year", 0),
    "last_fiscal_year": _unit("fiscal_year", 1),
    "last_30_days": _last(30, "day"),
    "last_90_days": _last(90, "day"),
    "last_12_months": _last(12, "month"),
    "all": lambda today: (ALL_START, ALL_END),
}
FORMS = (
    *("2026", "2026-Q1", "2026-03", "2026-W05", "2026-01-15", "2026-01-15..2026-02-28"),
    *("FY2026", "FY2026-Q1", "last_6_weeks"),
)


def resolve_period(
    name: str | Period, today: date | None = None, timezone: str | None = None
) -> Period:
    """Turn a text into a `Period`.

    Accepts the names of `NAMES`, ``last_N_days`` (weeks, months, quarters, years), a year,
    quarter, month, ISO week or day, ``FY2026`` (the fiscal year that begins in 2026) and its
    quarters, and ``A..B`` of any two of these, B included. ``today`` counts where a name is
    relative; without it, today in ``timezone`` (IANA name; UTC without one). Raises
    `ParameterError` listing what is allowed.
    """
    if isinstance(name, Period):
        return name
    if not isinstance(name, str):
        raise _unknown(repr(name))
    text = name.strip()
    if today is None:
        today = datetime.now(zone(timezone or "UTC")).date()
    try:
        if ".." in text:
            first, last = (_single(part.strip(), today) for part in text.split("..", 1))
            if first is None or last is None:
                raise _unknown(text)
            return between(first[0], last[1], text)
        span = _single(text, today)
    except (ValueError, OverflowError):
        raise _unknown(text) from None
    if span is None:
        raise _unknown(text)
    return Period(*span, text)


def zone(timezone: str) -> ZoneInfo:
    """Return the zone of an IANA name, or raise `ParameterError`."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ParameterError(
            _("Unknown time zone: {name}.").format(name=timezone),
            hint=_("Give an IANA name such as Europe/Paris."),
        ) from None


_FORM = re.compile(
    r"(?P<year>\d{4})(?:-Q(?P<quarter>[1-4])|-W(?P<week>\d\d)|-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?",
    re.ASCII,
)

_FISCAL_FORM = re.compile(r"FY(?P<year>\d{4})(?:-Q(?P<quarter>[1-4]))?", re.ASCII)
_LAST = re.compile(
    r"last_(?P<count>[1-9]\d{0,3})_(?P<grain>day|week|month|quarter|year)s", re.ASCII
)


def is_relative(text: str) -> bool:
    """Whether a name depends on the day: ``today``, ``last_quarter``, ``last_6_weeks``."""
    return (text in NAMES and text != "all") or _LAST.fullmatch(text) is not None


def _single(text: str, today: date) -> Span | None:
    if text in NAMES:
        return NAMES[text](today)
    if last := _LAST.fullmatch(text):
        return _last(int(last["count"]), last["grain"])(today)
    if fiscal := _FISCAL_FORM.fullmatch(text):
        first = date(int(fiscal["year"]), settings().fiscal_year_start, 1)
        if not fiscal["quarter"]:
            return first, next_unit(first, "fiscal_year")
        first = shift_months(first, (int(fiscal["quarter"]) - 1) * 3)
        return first, next_unit(first, "fiscal_quarter")
    match = _FORM.fullmatch(text)
    if not match:
        return None
    year = int(match["year"])
    if match["quarter"]:
        first, grain = date(year, int(match["quarter"]) * 3 - 2, 1), "quarter"
    elif match["week"]:
        first, grain = date.fromisocalendar(year, int(match["week"]), 1), "week"
    elif match["day"]:
        first, grain = date(year, int(match["month"]), int(match["day"])), "day"
    elif match["month"]:
        first, grain = date(year, int(match["month"]), 1), "month"
    else:
        first, grain = date(year, 1, 1), "year"
    return first, next_unit(first, grain)


def _unknown(text: str) -> ParameterError:
    shown = text if len(text) <= 60 else text[:57] + "…"
    return ParameterError(
        _("“{text}” is not a period.").format(text=shown),
        hint=_("Allowed: {names}; or a date such as {forms}.").format(
            names=", ".join(NAMES), forms=", ".join(FORMS)
        ),
    )
