"""A run for each manager: which there are, who gets theirs, and that nobody gets another's."""

from datetime import UTC, datetime
from pathlib import Path

import command_line
import pytest
from hand_company import changed_snapshot
from made_run import made_run
from mail_server import MailServer
from small_project import HELLO, PARAMETERS, SmallProject

from workbench.automation import queue
from workbench.automation.worker import fanned_out
from workbench.errors import ConfigurationError
from workbench.reports import load_report, runs
from workbench.reports.delivery.attempt import attempt, plan
from workbench.reports.fan_out import parts
from workbench.reports.record import RunRecord

# Two Anas and a Bo sell; Cy has left, Di sells nothing.
USERS = (
    "DROP TABLE IF EXISTS users",
    "CREATE TABLE users AS SELECT * FROM (VALUES"
    " (1, 'Ana', true, 'ana.north@example.com'), (2, 'Ana', true, 'ana.south@example.com'),"
    " (3, 'Bo', true, 'bo@example.com'), (5, 'Cy', false, 'cy@example.com'),"
    " (6, 'Di', true, NULL)) AS t(user_id, manager, active, email)",
)
DECLARED = PARAMETERS + '\nmanager: str = "all"  # a manager\ndepartment: str = "all"  # one'
OWN = {"by": "mail", "to": ["own"], "cc": ["boss@example.com"], "attach": []}


@pytest.fixture
def company(project: SmallProject, home: Path) -> str:
    snapshot = changed_snapshot(home, *USERS)
    snapshot.close()
    return snapshot.id


def known(project: SmallProject, **content) -> list[str]:
    project.report("scores", HELLO, declares=DECLARED, **content)
    report = load_report("scores")
    assert report.for_each
    return parts(report.for_each, report.notebook_parameters, "scores.yml")


def run_of(part: str, snapshot: str) -> RunRecord:
    """Return a finished run of one part."""
    started = datetime(2026, 6, 15, 10, tzinfo=UTC)
    end = f"{part.encode().hex():0>4.12}"
    title = f"Scores – {part}"
    return made_run("scores", started, end=end, title=title, part=part, snapshot=snapshot)


def test_there_is_a_run_for_each_who_sells_and_is_still_there(project, company):
    assert known(project, for_each={"by": "manager"}) == ["Ana", "Bo"]
    assert known(project, for_each={"by": "manager", "only": ["Bo"]}) == ["Bo"]
    assert known(project, for_each={"by": "department"}) == ["North", "South"]


@pytest.mark.parametrize(
    ("for_each", "named"),
    [
        ({"by": "manager", "only": ["Cy"]}, "there is no “Cy”; there are: Ana, Bo"),
        ({"by": "pipeline"}, "the notebook has no parameter “pipeline”"),
    ],
)
def test_what_there_is_no_run_for_is_named(project, company, for_each, named):
    with pytest.raises(ConfigurationError, match=named):
        known(project, for_each=for_each)


def test_the_worker_hands_in_one_job_for_each_once(project, company):
    known(project, for_each={"by": "manager"})
    started = datetime.now(UTC)
    for _time in range(2):
        assert fanned_out("scores", {"period": "2026"}, "slot", "schedule", started) == 2
    handed_in = [job.payload["parameters"] for job in queue.jobs()]
    assert sorted(each["manager"] for each in handed_in) == ["Ana", "Bo"]
    assert {each["period"] for each in handed_in} == {"2026"}
    assert fanned_out("scores", {"manager": "Bo"}, "one", "queue", started) == 0


def test_each_gets_their_own_and_two_of_one_name_get_none(project, company, mails: MailServer):
    known(project, for_each={"by": "manager"}, deliver=[OWN])
    records = [run_of("Bo", company), run_of("Ana", company)]
    for record in records:
        plan(record)
    bo, ana = (attempt(record.id, 1) for record in records)
    assert bo.state == "sent" and bo.to == "bo@example.com, boss@example.com"
    assert ana.state == "failed" and "2 active users of the portal are called Ana" in ana.error
    assert mails.recipients == [["bo@example.com", "boss@example.com"]]
    assert mails.mails[0]["Subject"] == "Scores – Bo"


def test_recipients_of_the_file_win_and_departments_need_them(project, company, mails):
    for_each = {"by": "department", "recipients": {"North": ["north@example.com"]}}
    known(project, for_each=for_each, deliver=[OWN])
    north, south = run_of("North", company), run_of("South", company)
    assert plan(north)[0].to == "north@example.com, boss@example.com"
    (delivery,) = plan(south)
    assert delivery.state == "failed" and "for_each.recipients" in delivery.error


def test_without_a_part_there_is_no_recipient_of_its_own(project, company):
    known(project, deliver=[OWN], for_each={"by": "manager"})
    record = run_of("Bo", company)
    record.part = None
    (delivery,) = plan(record)
    assert delivery.state == "failed" and "no recipient of its own" in delivery.error


@pytest.mark.timeout(300)
def test_from_the_queue_to_the_one_mail(project, company, mails: MailServer):
    known(project, for_each={"by": "manager", "only": ["Bo"]}, deliver=[OWN])
    queue.enqueue("report", {"report": "scores"}, id="slot")
    command_line.workbench("worker", "--once", timeout=280, check=True)
    assert queue.job("slot").result == {"outcome": "fanned out", "runs": 1}
    (run,) = runs()
    assert (run.outcome, run.part, run.parameters["manager"]) == ("succeeded", "Bo", "Bo")
    assert mails.recipients == [["bo@example.com", "boss@example.com"]]
    assert mails.mails[0]["Subject"].startswith("Trial – Bo – ")
    assert run.snapshot in mails.mails[0].get_body(("plain",)).get_content()
