"""How a run ended: each way told apart, from real processes, and nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from small_project import HELLO, SmallProject

from workbench.reports import read_record, run_report, runs

BACKGROUND = """
import subprocess
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
open("child.pid", "w").write(str(child.pid))
"""


def gone(pid: int, within: float = 5) -> bool:
    deadline = time.monotonic() + within
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def wait_for(condition, within: float = 90):
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def carriers(folder: Path) -> list[int]:
    """Processes whose environment says that they belong to this run, found independently."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_failing_cell(project: SmallProject):
    project.report("bad", "fine = 1", "1 / 0", "open('after', 'w')")
    record = run_report("bad")
    assert record.outcome == "failed"
    assert (record.failure.kind, record.failure.name) == ("cell_error", "ZeroDivisionError")
    # heading, parameters, fine = 1, then the one that fails
    assert record.failure.cell == 4
    assert "period" in record.failure.explanation
    assert record.error == record.failure.message == "Cell 4: ZeroDivisionError: division by zero"
    assert not (record.folder / "after").exists()
    assert not (record.folder / "report.html").exists()
    assert (record.folder / "notebook.ipynb").exists()
    assert record.commit is None
    assert read_record(record.id) == record


@pytest.mark.parametrize(("call", "code"), [("sys.exit(0)", 0), ("sys.exit(3)", 3)])
def test_sys_exit_is_no_success(project: SmallProject, call: str, code: int):
    project.report("leaves", f"import sys\n{call}", "open('after', 'w')")
    record = run_report("leaves")
    assert (record.outcome, record.failure.kind) == ("exited", "system_exit")
    assert (record.failure.code, record.failure.cell) == (code, 3)
    assert not (record.folder / "after").exists()
    assert not (record.folder / "report.html").exists()


def test_a_killed_kernel_even_in_the_last_cell(project: SmallProject):
    project.report("dies", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    record = run_report("dies")
    assert (record.outcome, record.failure.kind) == ("killed", "kernel_killed")
    assert (record.failure.signal, record.failure.cell) == ("SIGKILL", 3)


def test_a_kernel_that_ends_silently(project: SmallProject):
    project.report("quits", "import os\nos._exit(0)")
    record = run_report("quits")
    assert (record.outcome, record.failure.kind) == ("exited", "kernel_exited")
    assert (record.failure.code, record.failure.cell) == (0, 3)


def test_a_killed_run_takes_its_kernel_along(project: SmallProject):
    project.report(
        "orphan",
        "import os, signal, time\nopen('kernel.pid', 'w').write(str(os.getpid()))\n"
        "os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGKILL)\ntime.sleep(60)",
    )
    began = time.monotonic()
    record = run_report("orphan")
    assert time.monotonic() - began < 30
    assert (record.outcome, record.failure.kind) == ("killed", "run_killed")
    assert (record.failure.signal, record.failure.cell) == ("SIGKILL", 3)
    assert gone(int((record.folder / "kernel.pid").read_text()))


@pytest.mark.parametrize("code", [0, 5])
def test_a_run_that_ends_silently(project: SmallProject, code: int, tmp_path: Path):
    # A site customisation that ends the run's own process once its kernel works.
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "usercustomize.py").touch()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, sys, threading, time, pathlib\n"
        "def leave():\n"
        "    while not pathlib.Path('begun').exists(): time.sleep(.02)\n"
        f"    os._exit({code})\n"
        "if 'WORKBENCH_RUN' in os.environ and 'workbench.reports.execute' in sys.orig_argv:\n"
        "    threading.Thread(target=leave, daemon=True).start()\n"
    )
    os.environ["PYTHONPATH"] = str(tmp_path / "site")
    try:
        project.report("silent", "open('begun', 'w')\nimport time; time.sleep(60)")
        record = run_report("silent")
    finally:
        del os.environ["PYTHONPATH"]
    assert (record.outcome, record.failure.kind) == ("exited", "run_exited")
    assert (record.failure.code, record.failure.cell) == (code, 3)
    assert carriers(record.folder) == []


def test_a_time_out_ends_everything_that_the_run_started(project: SmallProject):
    project.report("slow", BACKGROUND, "import time; time.sleep(100)", timeout=8)
    began = time.monotonic()
    record = run_report("slow")
    assert time.monotonic() - began < 12
    assert (record.outcome, record.failure.kind) == ("timed_out", "timed_out")
    assert record.failure.cell == 4
    assert "parameters/reports/slow.yml" in record.failure.explanation
    assert gone(int((record.folder / "child.pid").read_text()))
    assert carriers(record.folder) == []


def test_a_finished_run_leaves_no_process(project: SmallProject):
    project.report("leaky", BACKGROUND)
    record = run_report("leaky")
    assert record.outcome == "succeeded"
    assert gone(int((record.folder / "child.pid").read_text()))


def start_in_a_process(name: str, run_id: str) -> subprocess.Popen:
    code = f"from workbench.reports import run_report; run_report({name!r}, run_id={run_id!r})"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def test_a_run_whose_supervisor_is_killed_is_interrupted_and_can_be_finished(
    project: SmallProject,
):
    ledger = project.folder / "ledger"
    project.report(
        "long",
        f"open({str(ledger)!r}, 'a').write('begun ')\nopen('half', 'w').write('1')",
        f"import time\nwhile open({str(ledger)!r}).read().count('begun') < 2: time.sleep(.05)",
        f"open({str(ledger)!r}, 'a').write('ended ')",
    )
    process = start_in_a_process("long", "job-1")
    wait_for(lambda: ledger.exists() and "begun" in ledger.read_text())
    (record,) = runs()
    assert record.outcome == "running"
    members = carriers(record.folder)
    assert len(members) >= 2  # the run's process and its kernel
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all(gone(pid, within=2) for pid in members)
    assert read_record(record.id).outcome == "interrupted"

    again = run_report("long", run_id="job-1")
    assert (again.id, again.outcome, again.attempts) == (record.id, "succeeded", 2)
    assert ledger.read_text().split() == ["begun", "begun", "ended"]
    assert [r.id for r in runs()] == [record.id]

    written = (again.folder / "run.json").stat().st_mtime_ns
    assert run_report("long", run_id="job-1") == again
    assert (again.folder / "run.json").stat().st_mtime_ns == written
    assert ledger.read_text().split() == ["begun", "begun", "ended"]


def test_jobs_of_the_same_id_are_two_runs_in_two_installations(
    project: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project.report("slot", HELLO)
    here = run_report("slot", run_id="sched-slot")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "other"))
    there = run_report("slot", run_id="sched-slot")
    assert here.folder.parent == there.folder.parent
    assert here.id != there.id
    assert run_report("slot", run_id="sched-slot") == there


def test_two_callers_of_one_job_make_one_run(project: SmallProject):
    ledger = project.folder / "ledger"
    project.report("once", f"open({str(ledger)!r}, 'a').write('x')\nimport time; time.sleep(1)")
    found = []
    callers = [
        threading.Thread(target=lambda: found.append(run_report("once", run_id="same")))
        for _caller in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert ledger.read_text() == "x"
    assert len(found) == 3 and len({record.id for record in found}) == 1
    assert {record.outcome for record in found} == {"succeeded"}


def test_ctrl_c_is_recorded_and_ends_the_run(project: SmallProject):
    project.report("long", "open('begun', 'w')\nimport time; time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "run", "long"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: runs() and (runs()[0].folder / "begun").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    (record,) = runs()
    assert (record.outcome, record.failure.kind) == ("killed", "cancelled")
    assert carriers(record.folder) == []


def test_a_process_that_cannot_be_started_is_no_cancelled_run(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
):
    from workbench.errors import WorkbenchError

    project.report("one", HELLO)
    monkeypatch.setattr(sys, "executable", str(project.folder / "no-python"))
    with pytest.raises(WorkbenchError, match="process cannot be started"):
        run_report("one")
    (record,) = runs()
    assert (record.outcome, record.failure.kind) == ("failed", "not_started")
    assert record.finished_at is not None


def test_a_signal_without_a_name_is_told_too(project: SmallProject):
    project.report("dies", "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 3)")
    record = run_report("dies")
    assert (record.outcome, record.failure.kind) == ("killed", "kernel_killed")
    assert record.failure.signal == "SIGRTMIN+3"


def test_an_unusable_outputs_folder_is_one_clear_error(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
):
    from workbench.errors import WorkbenchError

    project.report("one", HELLO)
    occupied = project.folder / "file"
    occupied.write_text("")
    monkeypatch.setenv("WORKBENCH_OUTPUTS", str(occupied / "outputs"))
    with pytest.raises(WorkbenchError, match="outputs"):
        run_report("one")
