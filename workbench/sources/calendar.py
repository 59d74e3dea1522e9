"""``parameters/calendar.yml``: which days and hours count as work.

Public holidays come from ``holidays.yml`` beside this file: fixed days and days counted from
Easter, whose rule python-dateutil (which pandas needs anyway) has. The `holidays` package knows
more countries, but also brings some three hundred modules that every installation would compile.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dateutil.easter import easter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from workbench.errors import ConfigurationError
from workbench.i18n import _
from workbench.settings import settings
from workbench.sources.declared import wrong_key

HOLIDAYS = Path(__file__).with_name("holidays.yml")
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
FIRST_YEAR = 2000


class Closure(BaseModel):
    """Days, both included, on which nobody works."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Closure:
        if not 0 <= (self.last - self.first).days <= 366:
            raise ValueError(_("from is the first day and to the last, at most a year later"))
        return self


class WorkCalendar(BaseModel):
    """Working days and hours, on the portal's clock.

    ``country``: ISO code, see ``holidays.yml`` (null: no public holidays); ``weekdays``: 1 = Monday
    to 7; ``opens`` and ``closes``: HH:MM; ``answer_within``: working hours within which a lead is
    to be answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str | None = "FR"
    weekdays: list[int] = [1, 2, 3, 4, 5]
    opens: str = Field("09:00", pattern=CLOCK)
    closes: str = Field("18:00", pattern=CLOCK)
    answer_within: float = Field(4, gt=0, le=1000)
    closed: list[Closure] = []

    @field_validator("country")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in countries():
            raise ValueError(_("must be one of {values}").format(values=", ".join(countries())))
        return value

    @field_validator("weekdays")
    @classmethod
    def _weekdays(cls, value: list[int]) -> list[int]:
        if not value or not set(value) <= set(range(1, 8)):
            raise ValueError(_("days of the week are 1 (Monday) to 7"))
        return sorted(set(value))

    @model_validator(mode="after")
    def _opens_first(self) -> WorkCalendar:
        if self.opens >= self.closes:
            raise ValueError(_("work opens before it closes"))
        return self

    @property
    def opens_second(self) -> int:
        """Seconds from midnight until work begins."""
        return _seconds(self.opens)

    @property
    def closes_second(self) -> int:
        """Seconds from midnight until work ends."""
        return _seconds(self.closes)

    def days(self, last_year: int) -> list[tuple[date, bool, bool]]:
        """Return (day, is_working, is_holiday) from 2000 to the end of ``last_year``."""
        closed = {
            closure.first + timedelta(days=n)
            for closure in self.closed
            for n in range((closure.last - closure.first).days + 1)
        }
        found = []
        for year in range(FIRST_YEAR, last_year + 1):
            free = holidays(self.country, year) if self.country else frozenset()
            day = date(year, 1, 1)
            while day.year == year:
                works = day.isoweekday() in self.weekdays and day not in free and day not in closed
                found.append((day, works, day in free))
                day += timedelta(days=1)
        return found

    def is_working(self, day: date) -> bool:
        """Tell whether people work on a day."""
        free = holidays(self.country, day.year) if self.country else frozenset()
        closed = any(closure.first <= day <= closure.last for closure in self.closed)
        return day.isoweekday() in self.weekdays and day not in free and not closed


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


@cache
def countries() -> dict[str, dict[str, Any]]:
    """Return the rules of ``holidays.yml`` by country code."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(HOLIDAYS.read_text("utf-8"))
    return content


@cache
def holidays(country: str, year: int) -> frozenset[date]:
    """Return the public holidays of a country in a year."""
    rules, sunday = countries()[country], easter(year)
    fixed = {date.fromisoformat(f"{year}-{day}") for day in rules["fixed"]}
    return frozenset(fixed | {sunday + timedelta(days=n) for n in rules["easter"]})


def calendar_file() -> Path:
    """Return where the calendar is declared."""
    return settings().parameters_dir / "calendar.yml"


def read_calendar(file: Path | None = None) -> WorkCalendar:
    """Return the declared calendar, the French one without a file.

    Raises `ConfigurationError` naming the file and the key.
    """
    file = file or calendar_file()
    try:
        content: Any = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        return WorkCalendar()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            _("{file} cannot be read: {reason}").format(file=file.name, reason=error)
        ) from None
    try:
        return WorkCalendar.model_validate(content or {})
    except ValidationError as error:
        raise wrong_key(file, error) from None
