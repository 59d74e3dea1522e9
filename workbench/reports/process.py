"""The process of a run as seen from outside: its environment, its limit, and how it ended.

What a run says about itself is not trusted: the outcome comes from how its processes ended and
from the executed cells.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil

from workbench.errors import WorkbenchError
from workbench.i18n import _
from workbench.kernels import keeper
from workbench.kernels.runner import start_python
from workbench.metrics.service.keeper import door_environment, is_answering
from workbench.reports.inspection import shown
from workbench.reports.record import OUTCOME, Failure, RunRecord
from workbench.reports.report import Report
from workbench.reports.verdict import cell_at_work, read_notebook, signal_name
from workbench.settings import settings

# A run gets these and the settings below; secrets stay with the process that needs them.
PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|SYSTEMROOT|PYTHON(PATH|HOME)|VIRTUAL_ENV"
    r"|LD_LIBRARY_PATH|SSL_CERT_FILE|(OMP|OPENBLAS|MKL)_NUM_THREADS|FONTCONFIG_(PATH|FILE)"
)


def supervise(record: RunRecord, report: Report) -> None:
    """Start the run's process, wait for it, end what it left, and note how it ended."""
    folder = record.folder
    try:
        code = _wait(record, report)
    except Exception as problem:
        message = getattr(problem, "message", None) or str(problem)
        record.fail(
            "failed", Failure(kind="not_started", message=message, name=type(problem).__name__)
        )
        raise
    except BaseException:  # Ctrl-C
        record.fail("killed", Failure(kind="cancelled", message=_("The run was cancelled.")))
        raise
    finally:
        end_processes(folder)
    said = _said(folder)
    record.timings = record.timings.model_copy(update=said.get("timings", {}))
    if code == 0 and said.get("outcome") == "succeeded":
        record.outcome = "succeeded"
    elif code == 0 and said.get("failure"):
        record.fail(said["outcome"], Failure(**said["failure"]))
    else:
        record.fail(*_ended(code, report, cell_at_work(read_notebook(folder / "notebook.ipynb"))))


def _ended(code: int | None, report: Report, cell: int | None) -> tuple[Any, Failure]:
    """Return the outcome of a process that ended without an answer; ``code`` None: time-out."""
    if code is None:
        return "timed_out", Failure(
            kind="timed_out",
            cell=cell,
            message=_("The run took longer than {seconds} s and was stopped.").format(
                seconds=report.timeout
            ),
            explanation=_("Raise timeout in {file}, or ask for a shorter period.").format(
                file=shown(report.file)
            ),
        )
    if code < 0:
        name = signal_name(-code)
        return "killed", Failure(
            kind="run_killed",
            cell=cell,
            signal=name,
            message=_("The run's process was killed ({signal}).").format(signal=name),
            explanation=_("Someone ended it, or the machine ran out of memory."),
        )
    return "exited", Failure(
        kind="run_exited",
        cell=cell,
        code=code,
        message=_("The run's process ended with code {code} before the run was done.").format(
            code=code
        ),
        explanation=_("log.txt in the run's folder has its last words."),
    )


def end_processes(folder: Path) -> int:
    """Kill every process that carries this run's folder in its environment; return how many.

    A kernel is its own session, so ending the run's process group alone would leave it, and
    whatever a cell started, behind.
    """
    marked = f"WORKBENCH_RUN={folder}".encode()
    ended: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and marked in _environment(process.pid):
                process.kill()
                ended.append(process)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or another user's
    psutil.wait_procs(ended, timeout=5)
    return len(ended)


def _environment(pid: int) -> list[bytes]:
    if Path("/proc/self/environ").exists():
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return [f"{k}={v}".encode() for k, v in psutil.Process(pid).environ().items()]


def _wait(record: RunRecord, report: Report) -> int | None:
    """Run ``workbench.reports.execute`` on the folder; return its code, None on time-out."""
    folder = record.folder
    with (folder / "log.txt").open("ab") as log:
        # The process reads its input until this end closes, and then dies: a run never outlives
        # the process that would record its end.
        try:
            process = start_python(
                ["-P", "-m", "workbench.reports.execute", str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=run_environment(record) | keeper.handed_on(),  # for the kernel
            )
        except OSError as problem:
            raise WorkbenchError(
                _("The run's process cannot be started: {reason}").format(reason=problem.strerror)
            ) from None
    try:
        return process.wait(timeout=report.timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdin:
            process.stdin.close()


def run_environment(record: RunRecord) -> dict[str, str]:
    """Return the environment of a run: no secret, nothing that leads out of its folder."""
    now = settings()
    own = record.folder / "tmp"
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    passed |= {
        "WORKBENCH_PROJECT": str(now.project_dir),
        "WORKBENCH_HOME": str(now.home_dir),
        "WORKBENCH_OUTPUTS": str(now.outputs_dir),
        "WORKBENCH_CONFIG": str(own / "config"),  # empty: the stored webhook is not for runs
        "WORKBENCH_LANGUAGE": record.language,
        "WORKBENCH_PLAN": now.plan,
        "WORKBENCH_FISCAL_YEAR_START": str(now.fiscal_year_start),
        "WORKBENCH_RUN": str(record.folder),
        "TMPDIR": str(own),
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_CONFIG_DIR": str(own / "jupyter"),
        "JUPYTER_DATA_DIR": str(own / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(own / "jupyter"),
        "MPLCONFIGDIR": str(own / "matplotlib"),
        "XDG_CACHE_HOME": str(own / "cache"),
        "PYTHONUNBUFFERED": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    if now.timezone:
        passed["WORKBENCH_TIMEZONE"] = now.timezone
    if record.snapshot:
        passed["WORKBENCH_SNAPSHOT"] = record.snapshot
        if is_answering():  # in place of the data's path
            passed |= door_environment(record.id)
    return passed


def _said(folder: Path) -> dict[str, Any]:
    """Return what the run's process said at its end, empty if it said nothing."""
    try:
        content = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
