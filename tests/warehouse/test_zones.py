"""The portal's time zone, from the offsets of its moments."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from workbench.warehouse.zones import zone_of


def moments(zone: str) -> list[datetime]:
    return [datetime(2025, month, 15, 12, tzinfo=ZoneInfo(zone)) for month in range(1, 13)]


def written(moment: datetime) -> datetime:
    return datetime.fromisoformat(moment.isoformat())


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "Europe/London", "America/New_York", "Asia/Kolkata", "UTC"]
)
def test_a_year_of_moments_gives_a_zone_with_the_same_clock(zone):
    assert zone_of([written(moment) for moment in moments(zone)]) == zone


def test_a_zone_of_the_southern_half_is_found_too():
    found = zone_of([written(moment) for moment in moments("Australia/Sydney")])
    assert [m.astimezone(ZoneInfo(found)).utcoffset() for m in moments("Australia/Sydney")] == [
        m.utcoffset() for m in moments("Australia/Sydney")
    ]


def test_the_users_own_zone_is_taken_if_it_fits_and_only_then():
    paris = [written(moment) for moment in moments("Europe/Paris")]
    assert zone_of(paris, ["Europe/Berlin"]) == "Europe/Berlin"
    assert zone_of(paris, ["America/New_York", "no/zone", "../../etc/passwd"]) == "Europe/Paris"


def test_offsets_that_fit_no_zone_leave_the_last_one():
    strange = [
        datetime.fromisoformat("2025-01-15T12:00:00+05:00"),
        datetime.fromisoformat("2025-01-15T12:00:01-07:00"),
    ]
    assert zone_of(strange) == "Etc/GMT+7"
    assert zone_of([]) == "Europe/Paris"
    assert zone_of([datetime(2025, 7, 1, tzinfo=UTC)]) == "UTC"
