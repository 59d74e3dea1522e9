"""Handing in jobs: quick, from anywhere, each id once."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from workbench.automation import queue
from workbench.errors import UsageError, WorkbenchError


def test_an_id_is_taken_once(home: Path):
    assert queue.enqueue("report", {"report": "sales"}, id="a") is True
    assert queue.enqueue("report", {"report": "sales"}, id="a") is False
    assert queue.enqueue("report", {"report": "other"}, id="a") is False
    (job,) = queue.jobs()
    assert (job.id, job.kind, job.state, job.payload) == (
        "a", "report", "queued", {"report": "sales"},
    )  # fmt: skip
    assert queue.unfinished() == 1


def test_of_many_at_once_exactly_one_hands_in(home: Path):
    answers = []
    gate = threading.Barrier(8)

    def hand_in() -> None:
        gate.wait()
        answers.append(queue.enqueue("action", {"n": 1}, id="same"))

    callers = [threading.Thread(target=hand_in) for _n in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(answers) == [False] * 7 + [True]


def test_of_many_processes_exactly_one_hands_in(home: Path):
    code = (
        "from workbench.automation.queue import enqueue\n"
        "print([enqueue('action', {}, id=str(n)) for n in range(20)].count(True))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _n in range(3)
    ]
    assert sum(int(process.communicate()[0]) for process in processes) == 20
    assert len(queue.jobs()) == 20


def test_handing_in_takes_milliseconds(home: Path):
    queue.enqueue("action", {}, id="first")
    took = []
    for n in range(30):
        began = time.perf_counter()
        queue.enqueue("action", {"payload": "x" * 2000}, id=f"job-{n}")
        took.append(time.perf_counter() - began)
    assert sorted(took)[15] < 0.1


def test_importing_the_queue_stays_light():
    code = (
        "import sys, workbench.automation.queue\n"
        "print([m for m in ('pandas', 'papermill', 'altair', 'duckdb') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_queue_is_readable_by_its_owner_only(home: Path):
    queue.enqueue("action", {"event_token": "x"}, id="a")
    assert (home / "queue.sqlite").stat().st_mode & 0o777 == 0o600


def test_payloads_are_json_on_disk(home: Path):
    """Nothing that would run code when it is read."""
    queue.enqueue("action", {"text": "é\u0000\U0001f600", "n": [1, None]}, id="a")
    with sqlite3.connect(home / "queue.sqlite") as base:
        (stored,) = base.execute("SELECT inputs FROM workflow_input").fetchone()
    assert json.loads(json.loads(stored)["positionalArgs"][1]) == {
        "text": "é\u0000\U0001f600",
        "n": [1, None],
    }
    assert queue.job("a").payload == {"text": "é\u0000\U0001f600", "n": [1, None]}


@pytest.mark.parametrize(
    ("kind", "payload", "id"),
    [
        ("mail", {}, "a"),
        ("", {}, "a"),
        ("report", {}, ""),
        ("report", {}, "a" * 201),
        ("report", {}, "a b"),
        ("report", {}, "../a"),
        ("report", {}, "a\n"),
        ("report", {"x": object()}, "a"),
        ("report", {"x": float("nan")}, "a"),
        ("report", {"x": "y" * 300_000}, "a"),
    ],
)
def test_a_wrong_job_is_refused(home: Path, kind: str, payload: dict, id: str):
    with pytest.raises(UsageError):
        queue.enqueue(kind, payload, id=id)
    assert queue.jobs() == []


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "garbage",
        "[]",
        '{"positionalArgs": ["report"], "namedArgs": {}}',
        '{"positionalArgs": ["report", "{not json", "2026-11-02T10:00:00+00:00"]}',
        '{"positionalArgs": ["report", "[1]", "2026-11-02T10:00:00+00:00"]}',
        '{"positionalArgs": ["report", "{}", "soon"], "namedArgs": {}}',
        '{"positionalArgs": [1, 2, 3], "namedArgs": {}}',
    ],
)
def test_a_damaged_row_is_listed_with_the_others(home: Path, stored: str | None):
    queue.enqueue("report", {"report": "sales"}, id="whole")
    queue.enqueue("report", {"report": "sales"}, id="damaged")
    with sqlite3.connect(queue.queue_file()) as database:
        changed = "update workflow_input set inputs = ? where workflow_uuid = 'damaged'"
        assert database.execute(changed, (stored,)).rowcount == 1
    listed = {job.id: (job.kind, job.payload) for job in queue.jobs()}
    assert listed == {"whole": ("report", {"report": "sales"}), "damaged": (queue.UNREADABLE, {})}
    assert queue.job("damaged").state == "queued"


def test_an_unknown_job_is_none(home: Path):
    assert queue.job("nothing") is None


def test_an_unusable_home_is_one_clear_error(home: Path, monkeypatch: pytest.MonkeyPatch):
    (home / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_HOME", str(home / "file" / "home"))
    with pytest.raises(WorkbenchError, match=r"queue\.sqlite"):
        queue.enqueue("action", {}, id="a")
