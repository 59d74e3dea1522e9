"""Working days: public holidays by rule, closures, and files that are wrong."""

from datetime import date

import pytest

from workbench.errors import ConfigurationError
from workbench.sources.calendar import WorkCalendar, countries, holidays, read_calendar

# Published by the state: service-public.gouv.fr (France 2026), admin.ch (Switzerland 2027).
FRANCE_2026 = "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25"


def working(calendar: WorkCalendar, year: int) -> int:
    return sum(works for day, works, _holiday in calendar.days(2030) if day.year == year)


def test_the_holidays_of_a_country_are_those_that_it_publishes():
    assert holidays("FR", 2026) == {date.fromisoformat(f"2026-{d}") for d in FRANCE_2026.split()}
    assert date(2027, 5, 6) in holidays("CH", 2027)  # Ascension


def test_the_working_days_of_a_year_are_the_weekdays_that_are_no_holiday():
    # 261 weekdays in 2026; eleven holidays, of which 15 August and 1 November are on a weekend.
    assert working(WorkCalendar(), 2026) == 261 - 9
    assert working(WorkCalendar(country=None), 2026) == 261
    closed = [{"from": "2026-08-10", "to": "2026-08-21"}]
    assert working(WorkCalendar(closed=closed), 2026) == 261 - 9 - 10
    assert working(WorkCalendar(country=None, weekdays=[6]), 2026) == 52


def test_every_country_has_new_year_and_christmas():
    for country in countries():
        assert {date(2026, 1, 1), date(2026, 12, 25)} <= holidays(country, 2026)


def test_the_shipped_calendar_is_read(tmp_path):
    assert read_calendar().country == "FR"
    assert read_calendar(tmp_path / "absent.yml") == WorkCalendar()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("country: XX", "country"),
        ("weekdays: [0]", "weekdays"),
        ("weekdays: []", "weekdays"),
        ('opens: "25:00"', "opens"),
        ('{opens: "18:00", closes: "09:00"}', "-"),
        ("answer_within: 0", "answer_within"),
        ("closed: [{from: 2026-08-21, to: 2026-08-10}]", "closed.0"),
        ("closed: [{from: 2026-02-30, to: 2026-03-01}]", "cannot be read"),
        ("holidays: 1", "holidays"),
        ("[1, 2]", "-"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key(tmp_path, text, key, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    file = tmp_path / "calendar.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=key):
        read_calendar(file)
