"""What period names mean, to the day, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ParameterError
from workbench.i18n import use_language
from workbench.metrics import Period, resolve_period
from workbench.metrics.periods import NAMES, floor_to, next_unit, shift_months
from workbench.metrics.sql import buckets

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("today", "2026-11-24", "2026-11-25"),
        ("yesterday", "2026-11-23", "2026-11-24"),
        ("this_week", "2026-11-23", "2026-11-30"),
        ("last_week", "2026-11-16", "2026-11-23"),
        ("this_month", "2026-11-01", "2026-12-01"),
        ("last_month", "2026-10-01", "2026-11-01"),
        ("this_quarter", "2026-10-01", "2027-01-01"),
        ("last_quarter", "2026-07-01", "2026-10-01"),
        ("this_year", "2026-01-01", "2027-01-01"),
        ("last_year", "2025-01-01", "2026-01-01"),
        ("last_30_days", "2026-10-25", "2026-11-24"),
        ("last_90_days", "2026-08-26", "2026-11-24"),
        ("last_12_months", "2025-11-01", "2026-11-01"),
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-Q1", "2026-01-01", "2026-04-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2026-W01", "2025-12-29", "2026-01-05"),
        ("2026-01-15..2026-02-28", "2026-01-15", "2026-03-01"),
        ("2025-Q4..2026-01", "2025-10-01", "2026-02-01"),
        (" 2026 ", "2026-01-01", "2027-01-01"),
    ],
)
def test_a_name_is_these_days(name, start, end):
    period = resolve_period(name, TODAY)
    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


@pytest.mark.parametrize("day", ["2026-01-01", "2026-03-31", "2024-02-29", "2026-12-31"])
def test_last_quarter_and_last_month_hold_across_the_turn_of_the_year(day):
    today = date.fromisoformat(day)
    quarter, month = resolve_period("last_quarter", today), resolve_period("last_month", today)
    assert quarter.whole_months == 3 and quarter.end == resolve_period("this_quarter", today).start
    assert month.whole_months == 1 and month.end == today.replace(day=1)


@pytest.mark.parametrize(
    "text",
    ["", "foo", "2026-13", "2026-00", "2026-Q5", "2026-02-30", "2023-02-29", "26", "2026-1-1"]
    + ["2026-W54", "2026..", "..2026", "2026-01..foo", "2026..2025..2024", "last quarter"]
    + ["LAST_QUARTER", "2026-Q1'; drop table deals", "٢٠٢٦", "0000-01-01", "9999", "9999-12-31"]
    + ["2026-01-01T00:00", "a" * 100_000, "\x00"],
)
def test_what_is_no_period_is_refused_with_the_list_of_what_is(text):
    with pytest.raises(ParameterError) as error:
        resolve_period(text, TODAY)
    assert "last_quarter" in error.value.hint and "2026-Q1" in error.value.hint
    assert len(error.value.message) < 200


@pytest.mark.parametrize("value", [None, 2026, date(2026, 1, 1), ["2026"], True])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ParameterError):
        resolve_period(value, TODAY)


def test_an_end_before_its_start_is_refused():
    with use_language("en"), pytest.raises(ParameterError, match="2026-02-01 to 2026-01-15"):
        resolve_period("2026-02-01..2026-01-15", TODAY)
    with use_language("en"), pytest.raises(ParameterError, match="2026-03-01 to 2026-02-28"):
        resolve_period("2026-03..2026-02", TODAY)
    assert resolve_period("2026-02-01..2026-02-01").days == 1


def test_today_is_the_day_in_the_portals_zone():
    now = datetime.now(UTC)
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12", "Europe/Paris"):
        assert resolve_period("today", timezone=zone).start in (
            now.astimezone(ZoneInfo(zone)).date(),
            datetime.now(ZoneInfo(zone)).date(),
        )


@pytest.mark.parametrize("zone", ["Paris", "../../etc/passwd", "Europe/Atlantis"])
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(ParameterError):
        resolve_period("today", timezone=zone)


def test_without_a_time_zone_today_is_that_of_utc():
    before = datetime.now(UTC).date()
    days = {resolve_period("today", timezone=zone).start for zone in ("", None, "UTC")}
    assert days <= {before, datetime.now(UTC).date()}


def test_the_previous_period_is_as_long_and_ends_where_this_begins():
    assert resolve_period("2026-Q1").previous() == Period(date(2025, 10, 1), date(2026, 1, 1))
    assert resolve_period("2026-03").previous() == Period(date(2026, 2, 1), date(2026, 3, 1))
    assert resolve_period("last_30_days", TODAY).previous() == Period(
        date(2026, 9, 25), date(2026, 10, 25)
    )
    assert resolve_period("2024-02-29").year_ago().start == date(2023, 3, 1) - timedelta(days=1)
    assert resolve_period("all").previous() == resolve_period("all")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2024-02-28", "2023-02-28", "2023-02-28"),
        ("2024-02-29", "2023-02-28", "2023-02-28"),
        ("2024-02-01..2024-02-28", "2023-02-01", "2023-02-28"),
        ("2024-02-20..2024-02-29", "2023-02-20", "2023-02-28"),
        ("2025-02-20..2025-02-28", "2024-02-20", "2024-02-28"),
        ("2025-02-20..2025-03-01", "2024-02-20", "2024-03-01"),
        ("2024-02", "2023-02-01", "2023-02-28"),
        ("2025-02", "2024-02-01", "2024-02-29"),
        ("2024-12-31", "2023-12-31", "2023-12-31"),
        ("2024", "2023-01-01", "2023-12-31"),
    ],
)
def test_a_year_ago_are_the_same_days(name, first, last):
    ago = resolve_period(name).year_ago()
    assert (ago.start.isoformat(), ago.last_day.isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("name", "french", "english"),
    [
        ("2026", "2026", "2026"),
        ("2026-Q3", "T3 2026", "Q3 2026"),
        ("2026-11", "nov. 2026", "Nov 2026"),
        ("2025-11..2026-10", "nov. 2025 – oct. 2026", "Nov 2025 – Oct 2026"),
        ("2026-11-24", "24 nov. 2026", "24 Nov 2026"),
        ("2026-11-02..2026-11-08", "2 nov. 2026 – 8 nov. 2026", "2 Nov 2026 – 8 Nov 2026"),
        ("all", "Toutes les données", "All data"),
    ],
)
def test_a_label_is_in_the_readers_language(name, french, english):
    period = resolve_period(name, TODAY)
    with use_language("fr"):
        assert period.label() == french
    with use_language("en"):
        assert period.label() == english


days = st.dates(date(1990, 1, 1), date(2100, 1, 1))


@given(days, st.integers(1, 800))
def test_any_days_have_those_of_a_year_ago(start, length):
    period = Period(start, start + timedelta(days=length))
    ago = period.year_ago()
    assert abs(ago.days - length) <= 1
    assert 365 <= (start - ago.start).days <= 366
    if length % 7 == 0:
        assert period.year_ago("week").start.weekday() == start.weekday()


@given(days, st.integers(1, 800), st.sampled_from(["day", "week", "month", "quarter", "year"]))
def test_units_of_time_tile_a_period(start, length, grain):
    period = Period(start, start + timedelta(days=length))
    parts = buckets(period, grain)
    assert parts[0].start == period.start and parts[-1].end == period.end
    assert all(a.end == b.start for a, b in pairwise(parts))
    for part in parts:
        first = floor_to(part.start, grain)
        assert first <= part.start < part.end <= next_unit(first, grain)


@given(days, st.integers(-600, 600))
def test_months_shift_there_and_back(day, months):
    first = day.replace(day=1)
    assert shift_months(shift_months(first, months), -months) == first


@given(st.text(max_size=40))
def test_any_text_is_a_period_or_refused(text):
    try:
        period = resolve_period(text, TODAY)
    except ParameterError:
        return
    assert period.start < period.end


@given(days)
def test_every_name_gives_whole_days_on_every_day(today):
    for name in NAMES:
        period = resolve_period(name, today)
        assert period.start < period.end
        assert period.label()
