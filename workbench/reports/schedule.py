"""When a report runs by itself: a cron line in a time zone, free days and blackout dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, field_validator

from workbench.i18n import _
from workbench.sources.calendar import Closure, read_calendar

Text = Annotated[str, Field(min_length=1)]
LONGEST_POSTPONEMENT = 60  # days


class Schedule(BaseModel):
    """When a report runs by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: Text = Field(
        description="Five fields (minute hour day month weekday), or six with seconds first."
    )
    timezone: Text = Field(description="IANA name of the zone that the cron is read in.")

    free_days: Literal["run", "skip", "postpone"] = Field(
        "run",
        description="On a day that parameters/calendar.yml holds for free: run, skip, or postpone "
        "to the same time of the next working day.",
    )
    blackout: list[date | Closure] = Field(
        default_factory=list,
        description="Days, or stretches such as {from: 2026-08-01, to: 2026-08-21}, without runs.",
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if len(value.split()) not in (5, 6):
            raise ValueError(
                _("five fields (minute hour day month weekday), or six with seconds first")
            )
        if not croniter.is_valid(value, second_at_beginning=True):
            raise ValueError(_("not a cron expression; for example 0 7 * * 1"))
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(_("not an IANA time zone; for example Europe/Paris"))
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    def last_slot(self, now: datetime) -> datetime:
        """Return the newest moment before ``now`` (aware) at which it was due."""
        return self._slots(now).get_prev(datetime)

    def next_slot(self, now: datetime) -> datetime:
        """Return the first moment after ``now`` (aware) at which it will be due."""
        return self._slots(now).get_next(datetime)

    def _slots(self, now: datetime) -> croniter:
        return croniter(self.cron, now.astimezone(self.zone), second_at_beginning=True)

    def moment_for(self, slot: datetime) -> datetime | None:
        """Return when a slot (aware) runs: at once, later, or not at all.

        A postponed slot keeps its clock time; where it would meet another slot, it is not run.
        """
        local = slot.astimezone(self.zone)
        if self.free_days == "run":
            return None if self._blacked_out(local.date()) else slot
        calendar = read_calendar()
        if calendar.is_working(local.date()) and not self._blacked_out(local.date()):
            return slot
        if self.free_days == "skip":
            return None
        for _day in range(LONGEST_POSTPONEMENT):
            local += timedelta(days=1)
            if calendar.is_working(local.date()) and not self._blacked_out(local.date()):
                before = local - timedelta(seconds=1)
                return None if self.next_slot(before) == local else local.astimezone(UTC)
        return None

    def _blacked_out(self, day: date) -> bool:
        return any(
            each.first <= day <= each.last if isinstance(each, Closure) else each == day
            for each in self.blackout
        )
