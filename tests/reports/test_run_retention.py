"""Runs that a report's file no longer keeps, and those that stay all the same."""

from datetime import UTC, datetime, timedelta

from made_run import made_run
from small_project import HELLO, SmallProject

from workbench.automation import queue
from workbench.automation.worker import finish
from workbench.reports import load_report, runs
from workbench.reports.delivery.book import Delivery, enter
from workbench.reports.record import RunRecord
from workbench.reports.retention import clear, outdated

NOW = datetime.now(UTC)


def a_run(days: float, *, outcome: str = "succeeded", report: str = "one", part=None) -> RunRecord:
    """Write the record of a run that ended some days ago."""
    moment = NOW - timedelta(days=days)
    return made_run(report, moment, outcome=outcome, part=part, finished_at=moment)


def ids() -> list[str]:
    return [record.id for record in runs()]


def test_old_runs_go_and_the_newest_that_succeeded_stays(project: SmallProject):
    project.report("one", HELLO, retain=30)
    project.report("two", HELLO)
    other = a_run(100, report="two")
    old = [a_run(60), a_run(50, outcome="failed")]
    kept = [a_run(40), a_run(35, outcome="interrupted"), a_run(3, outcome="failed")]
    assert [record.id for record in outdated(load_report("one"))] == [old[1].id, old[0].id]
    assert clear(load_report("one")) == 2
    assert sorted(ids()) == sorted([other.id, *(record.id for record in kept)])
    assert not old[0].folder.exists()
    assert clear(load_report("one")) == 0


def test_each_part_keeps_its_newest(project: SmallProject):
    project.report("one", HELLO, retain=1)
    for days, part in ((9, "Ana"), (8, "Bo"), (7, "Ana")):
        a_run(days, part=part)
    clear(load_report("one"))
    assert {record.part for record in runs()} == {"Ana", "Bo"} and len(runs()) == 2


def test_what_still_waits_or_is_uncertain_stays(project: SmallProject):
    project.report("one", HELLO, retain=1)
    for days, state in ((9, "waiting"), (8, "uncertain"), (7, "sent"), (6, "failed")):
        delivery = Delivery(number=1, by="mail", to="x", destination={}, state=state)
        enter(a_run(days), [delivery])
    a_run(5)
    assert clear(load_report("one")) == 2
    assert len(runs()) == 3


def test_without_a_word_nothing_is_deleted(project: SmallProject):
    project.report("one", HELLO)
    a_run(3000), a_run(2999)
    assert clear(load_report("one")) == 0


def test_what_was_killed_is_run_again_as_often_as_the_file_says(project: SmallProject):
    project.report("one", HELLO, retries=2)
    payload = {"report": "one", "trigger": "schedule"}
    finish(a_run(0, outcome="killed"), payload, "slot")
    (first,) = queue.jobs()
    assert (first.id, first.payload["retry"], first.state) == ("slot.retry-1", 1, "queued")
    finish(a_run(1, outcome="timed_out"), first.payload, first.id)
    second = queue.job("slot.retry-2")
    assert second and second.payload["retry"] == 2
    finish(a_run(2, outcome="killed"), second.payload, second.id)
    finish(a_run(3, outcome="failed"), payload, "other")  # the same data would fail again
    assert len(queue.jobs()) == 2
