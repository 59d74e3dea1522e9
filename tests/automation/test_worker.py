"""The worker, as a process that is killed, restarted and given bad work."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import command_line
import psutil
import pytest
from small_project import HELLO, SmallProject

from workbench.automation import queue
from workbench.reports import runs


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    return SmallProject(tmp_path, monkeypatch)


def wait_for(condition: Callable[[], Any], within: float = 90) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.03)
    return found


@contextmanager
def worker(home: Path) -> Iterator[subprocess.Popen]:
    """A worker in a process group of its own, ready; its whole group is killed at the end."""
    log = home / "logs" / "worker.log"
    seen = log.read_text().count("ready:") if log.exists() else 0
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "worker"],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: log.exists() and log.read_text().count("ready:") > seen)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def slow_report(project: SmallProject) -> Path:
    """A report that takes until its ledger says ``go``, and writes there what it did."""
    ledger = project.folder / "ledger"
    project.report(
        "slow",
        f"import time\nledger = {str(ledger)!r}\nopen(ledger, 'a').write('begun ')",
        "while 'go' not in open(ledger).read(): time.sleep(0.05)",
        "open(ledger, 'a').write('ended ')",
    )
    return ledger


def test_once_works_off_the_queue_past_a_bad_job_and_ends(project: SmallProject, home: Path):
    project.report("good", HELLO)
    project.report("bad", "1 / 0")
    queue.enqueue("report", {"report": "nowhere"}, id="1")
    queue.enqueue("report", {"report": "good", "parameters": {"n": "x"}}, id="2")
    queue.enqueue("report", {"report": "../good", "parameters": []}, id="3")
    queue.enqueue("report", {"report": "bad"}, id="4")
    queue.enqueue("report", {"report": "good", "parameters": {"n": "5"}}, id="5")
    answer = command_line.workbench("worker", "--once", timeout=60)
    assert answer.returncode == 0
    found = {job.id: job for job in queue.jobs()}
    assert {name: job.state for name, job in found.items()} == {
        "1": "failed", "2": "failed", "3": "failed", "4": "done", "5": "done",
    }  # fmt: skip
    assert "nowhere" in found["1"].error and "-p n" in found["2"].error
    assert found["4"].result["outcome"] == "failed"
    assert found["5"].result["outcome"] == "succeeded"
    assert {run.report: run.outcome for run in runs()} == {"good": "succeeded", "bad": "failed"}
    (good,) = runs("good")
    assert good.id == found["5"].result["run"]
    assert (good.job, good.trigger, good.parameters["n"]) == ("5", "queue", 5)
    assert good.queued_at == found["5"].queued_at
    assert "Traceback" not in answer.stderr


def test_a_worker_killed_in_the_middle_of_a_run_finishes_it_after_a_restart(
    project: SmallProject, home: Path
):
    ledger = slow_report(project)
    queue.enqueue("report", {"report": "slow"}, id="job")
    with worker(home) as first:
        wait_for(lambda: ledger.exists() and "begun" in ledger.read_text())
        (run,) = runs()
        members = [
            process.pid
            for process in psutil.Process(first.pid).children(recursive=True)
            if "slow" in str(process.environ().get("WORKBENCH_RUN"))
        ]
        assert len(members) == 2  # the run's process and its kernel
        kill(first)
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in members), within=2)
    assert [r.outcome for r in runs()] == ["interrupted"]
    assert queue.job("job").state == "running"

    with worker(home):
        wait_for(lambda: ledger.read_text().count("begun") == 2)
        with ledger.open("a") as file:
            file.write("go ")
        wait_for(lambda: queue.job("job").state == "done")
    assert ledger.read_text().split() == ["begun", "begun", "go", "ended"]
    (finished,) = runs()
    assert (finished.id, finished.outcome, finished.attempts) == (run.id, "succeeded", 2)
    assert queue.job("job").result == {"run": run.id, "outcome": "succeeded"}


def test_a_worker_asked_to_end_does_so_at_once_and_leaves_its_run_to_the_next(
    project: SmallProject, home: Path
):
    ledger = slow_report(project)
    queue.enqueue("report", {"report": "slow"}, id="job")
    with worker(home) as first:
        wait_for(lambda: ledger.exists() and "begun" in ledger.read_text())
        other = command_line.workbench("worker", "--once", timeout=60)
        assert other.returncode == 1 and "Another worker" in other.stderr
        listening = [
            connection
            for process in [psutil.Process(first.pid)]
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == []
        began = time.monotonic()
        first.terminate()
        assert first.wait(10) == 0
        assert time.monotonic() - began < 5
    assert [r.outcome for r in runs()] == ["interrupted"]
    with ledger.open("a") as file:
        file.write("go ")
    command_line.workbench("worker", "--once", timeout=60, check=True)
    assert [(r.outcome, r.attempts) for r in runs()] == [("succeeded", 2)]


def test_each_slot_of_a_schedule_runs_once_across_a_kill_and_a_pause(
    project: SmallProject, home: Path
):
    ledger = project.folder / "ledger"
    every_two_seconds = {"cron": "*/2 * * * * *", "timezone": "Europe/Paris"}
    project.report(
        "ticking",
        f"import os\nopen({str(ledger)!r}, 'a').write(os.environ['WORKBENCH_RUN'] + '\\n')",
        schedule=every_two_seconds,
    )
    with worker(home) as first:
        wait_for(lambda: len(runs()) >= 3)
        kill(first)
    killed_at = datetime.now(UTC)
    time.sleep(7)  # three slots are missed
    with worker(home):
        restarted_at = datetime.now(UTC)
        wait_for(lambda: len([r for r in runs() if r.queued_at > restarted_at]) >= 2)
    found = [r for r in runs() if r.finished]
    slots = [r.job for r in found]
    assert len(set(slots)) == len(slots)
    for run in found:
        assert run.job.startswith("sched-ticking-")
        assert run.queued_at == datetime.fromisoformat(run.job.removeprefix("sched-ticking-"))
        assert run.queued_at.second % 2 == 0 and run.queued_at.microsecond == 0
        assert run.trigger == "schedule"
        assert run.started_at >= run.queued_at
    missed = [r for r in runs() if killed_at + timedelta(seconds=2) < r.queued_at < restarted_at]
    assert len(missed) <= 2  # the latest is caught up, not all of them
    # It is the last one before the worker looks, which on a busy machine is a moment after it is
    # ready.
    caught_up = min(r.queued_at for r in runs() if r.queued_at > killed_at + timedelta(seconds=2))
    assert restarted_at - timedelta(seconds=6) < caught_up < restarted_at + timedelta(seconds=4)
    begun = ledger.read_text().split()
    assert all(begun.count(str(run.folder)) <= run.attempts for run in found)
    assert {run.outcome for run in found} == {"succeeded"}


def test_a_schedule_is_read_in_its_own_zone_and_a_wrong_file_stops_no_other(
    project: SmallProject, home: Path
):
    with worker(home):
        # Report files written while the worker runs are noticed within some seconds.
        soon = datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(seconds=14)
        at = {"cron": f"{soon.second} {soon.minute} {soon.hour} * * *"}
        project.report("here", HELLO, schedule={**at, "timezone": "Asia/Kolkata"})
        project.report("there", HELLO, schedule={**at, "timezone": "UTC"})
        project.report("wrong", HELLO, schedule={"cron": "every day", "timezone": "UTC"})
        wait_for(lambda: [r for r in runs("here") if r.finished])
    (run,) = runs()
    assert (run.report, run.outcome) == ("here", "succeeded")
    assert run.queued_at == soon.replace(microsecond=0).astimezone(UTC)
    assert (
        "parameters/reports/wrong.yml: schedule.cron" in (home / "logs" / "worker.log").read_text()
    )


def test_only_what_may_pass_is_tried_again(project: SmallProject, home: Path):
    """Two kinds of job of the test's own, in the worker's registry."""
    script = project.folder / "kinds.py"
    script.write_text(
        """
import pathlib
from workbench.automation import queue, worker
from workbench.errors import BadCredentials, PortalUnreachable

calls = pathlib.Path(__file__).with_name("calls")

def busy(payload, job_id, queued_at):
    with calls.open("a") as file:
        file.write("busy ")
    if calls.read_text().count("busy") < 3:
        raise PortalUnreachable("The portal is down.")
    return {"tries": calls.read_text().count("busy")}

def closed(payload, job_id, queued_at):
    with calls.open("a") as file:
        file.write("closed ")
    raise BadCredentials("The code is wrong.")

for kind in (busy, closed):
    queue.QUEUES[kind.__name__] = "reports"
    worker.KINDS[kind.__name__] = kind
    queue.enqueue(kind.__name__, {}, id=kind.__name__)
worker.work(once=True)
"""
    )
    began = time.monotonic()
    subprocess.run([sys.executable, script], check=True, timeout=60)
    assert time.monotonic() - began > 4  # waits of 1 and 3 seconds
    assert sorted((project.folder / "calls").read_text().split()) == ["busy"] * 3 + ["closed"]
    assert queue.job("busy").result == {"tries": 3}
    assert queue.job("closed").state == "failed"
    assert queue.job("closed").error == "The code is wrong."


@pytest.mark.parametrize("content", ["NULL", "'garbage'"])
def test_once_ends_past_a_job_that_has_lost_its_content(
    project: SmallProject, home: Path, content: str
):
    project.report("good", HELLO)
    queue.enqueue("report", {"report": "good"}, id="damaged")
    queue.enqueue("report", {"report": "good"}, id="unknown")
    queue.enqueue("report", {"report": "good"}, id="whole")
    with sqlite3.connect(queue.queue_file()) as database:
        database.execute(
            f"update workflow_input set inputs = {content} where workflow_uuid = 'damaged'"
        )
        database.execute("update workflow_status set name = 'x' where workflow_uuid = 'unknown'")
    command_line.workbench("worker", "--once", timeout=60, check=True)
    assert queue.job("whole").state == "done"
    assert queue.job("damaged").state == "failed"
    assert queue.job("damaged").error
    assert queue.unfinished() == 0
