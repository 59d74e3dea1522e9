"""Free days and blackout dates: which slots run, later or not at all, by the calendar."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import command_line
import pytest
from small_project import HELLO, SmallProject

from workbench.automation import queue
from workbench.automation.worker import put_off
from workbench.errors import ConfigurationError
from workbench.reports import load_report
from workbench.reports.schedule import Schedule

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def schedule(cron: str = "0 7 1 * *", **more) -> Schedule:
    return Schedule(cron=cron, timezone="Europe/Paris", **more)


@pytest.mark.parametrize(
    ("slot", "runs"),
    [
        ("2026-10-01T07:00", "2026-10-01T07:00"),  # a Thursday
        ("2026-11-01T07:00", "2026-11-02T07:00"),  # a Sunday, and All Saints
        ("2026-05-01T07:00", "2026-05-04T07:00"),  # Labour Day, then a weekend
        ("2027-01-01T07:00", "2027-01-04T07:00"),
    ],
)
def test_a_slot_on_a_free_day_moves_to_the_next_working_day(project: SmallProject, slot, runs):
    assert schedule(free_days="postpone").moment_for(at(slot)) == at(runs)
    skipped = schedule(free_days="skip").moment_for(at(slot))
    assert skipped == (at(slot) if slot == runs else None)
    assert schedule().moment_for(at(slot)) == at(slot)


def test_the_clock_time_stays_over_a_change_of_the_clock(project: SmallProject):
    saturday = at("2026-10-24T07:00")  # clocks go back on the 25th
    moved = schedule("0 7 24 * *", free_days="postpone").moment_for(saturday)
    assert moved == at("2026-10-26T07:00")
    assert moved - saturday == timedelta(hours=49)


def test_a_postponed_slot_that_meets_another_is_not_run_twice(project: SmallProject):
    daily = schedule("0 7 * * *", free_days="postpone")
    days = [at("2026-10-30T07:00") + timedelta(days=n) for n in range(5)]
    assert [daily.moment_for(day) for day in days] == [days[0], None, None, days[3], days[4]]


def test_blackout_dates_and_the_companys_own_closures(project: SmallProject):
    calendar = project.folder / "parameters" / "calendar.yml"
    calendar.write_text("country: null\nclosed: [{from: 2026-11-02, to: 2026-11-03}]\n")
    off = {"blackout": [date(2026, 11, 4), {"from": "2026-11-05", "to": "2026-11-06"}]}
    assert schedule(**off).moment_for(at("2026-11-05T07:00")) is None
    assert schedule(**off).moment_for(at("2026-11-02T07:00")) == at("2026-11-02T07:00")
    moved = schedule("0 7 2 * *", free_days="postpone", **off).moment_for(at("2026-11-02T07:00"))
    assert moved == at("2026-11-09T07:00")  # the 7th and 8th are a weekend


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"free_days": "never"}, "schedule.free_days"),
        ({"blackout": ["2026-13-01"]}, "schedule.blackout.0"),
        ({"blackout": [{"from": "2026-08-02", "to": "2026-08-01"}]}, "schedule.blackout.0"),
        ({"holidays": True}, "“schedule.holidays” is unknown; allowed: cron, timezone, free_days"),
    ],
)
def test_a_wrong_rule_is_named(project: SmallProject, more, named):
    project.report("one", HELLO, schedule={"cron": "0 7 * * 1", "timezone": "UTC", **more})
    with pytest.raises(ConfigurationError) as raised:
        load_report("one")
    assert named in raised.value.message


def test_the_worker_passes_a_slot_over_or_hands_it_in_for_later(project: SmallProject, home: Path):
    rule = {"cron": "0 7 * * 0", "timezone": "Europe/Paris"}
    project.report("none", HELLO, schedule={**rule, "free_days": "skip"})
    project.report("later", HELLO, schedule={**rule, "free_days": "postpone"})
    sunday = at("2099-11-01T07:00")  # a Sunday, as the Monday after it is a working day
    assert sunday.isoweekday() == 7
    assert put_off("none", sunday) == {"outcome": "skipped"}
    for _time in range(2):  # a repeated slot hands in one run
        assert put_off("later", sunday)["outcome"] == "postponed"
    (job,) = queue.jobs()
    due = at("2099-11-02T07:00").astimezone(UTC)
    assert (job.state, job.payload["due"]) == ("queued", due.isoformat())
    command_line.workbench("worker", "--once", timeout=100, check=True)
    assert queue.job(job.id).state == "queued"
    assert put_off("later", at("2026-10-05T07:00")) == {}  # a Monday
