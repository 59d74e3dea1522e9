"""One run is one process: started, limited in time, watched and recorded here.

What a run says about itself is not trusted: its outcome comes from how its processes ended and
from the executed cells. The supervising process alone writes ``run.json``.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil

from workbench.errors import NoSnapshot, ParameterError, WorkbenchError
from workbench.i18n import _, language
from workbench.reports.parameters import check_parameters, resolved_periods
from workbench.reports.record import (
    OUTCOME,
    RECORD,
    RUN_ID,
    RunError,
    RunRecord,
    Timings,
    files_of,
    read_record,
    read_result,
    write_record,
)
from workbench.reports.report import Report, load_report, shown
from workbench.reports.verdict import cell_at_work, read_notebook
from workbench.settings import settings
from workbench.warehouse.snapshots import Snapshot, newest_snapshot

# A run gets these and the settings below; secrets stay with the process that needs them.
PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|SYSTEMROOT|PYTHON(PATH|HOME)|VIRTUAL_ENV"
    r"|LD_LIBRARY_PATH|SSL_CERT_FILE|(OMP|OPENBLAS|MKL)_NUM_THREADS|FONTCONFIG_(PATH|FILE)"
)


def run_report(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    run_id: str | None = None,
    trigger: str = "manual",
    job: str | None = None,
    queued_at: datetime | None = None,
) -> RunRecord:
    """Run a report in a process of its own and return its record, however it ended.

    ``parameters`` are texts (read by the declared type) or typed values. With the id of a finished
    run, returns that run's record unchanged; with that of an unfinished one, starts it again. A
    second caller of the same id waits for the first. Raises `UsageError`, `ConfigurationError` or
    `ParameterError` before anything is written.
    """
    asked = time.perf_counter()
    report = load_report(name)
    values = check_parameters(report, parameters or {})
    if run_id is not None and not RUN_ID.fullmatch(run_id):
        raise ParameterError(_("“{id}” is not a run id.").format(id=run_id[:80]))
    if run_id is not None and run_id.split("-")[2] != name:
        raise ParameterError(
            _("Run {id} belongs to another report than {name}.").format(id=run_id, name=name)
        )
    snapshot = _snapshot()
    zone = snapshot.timezone if snapshot else "UTC"
    started_at = datetime.now(UTC)
    periods = resolved_periods(
        report, values, today=started_at.astimezone(ZoneInfo(zone)).date(), timezone=zone
    )
    folder = _folder(name, run_id, started_at)
    with _alone(folder):
        earlier = _earlier(folder)
        if earlier and earlier.finished:
            return earlier
        _clear(folder)
        record = RunRecord(
            id=folder.name,
            report=name,
            title=str(report.title),
            notebook=report.notebook,
            trigger=trigger,
            job=job,
            given={
                k: str(v) if not isinstance(v, str) else v for k, v in (parameters or {}).items()
            },
            parameters=values,
            periods=periods,
            snapshot=snapshot.id if snapshot else None,
            as_of=snapshot.as_of if snapshot else None,
            timezone=zone,
            portal=snapshot.portal if snapshot else None,
            language=language(),
            version=version("analyse-commerciale"),
            commit=_commit(settings().project_dir),
            lock=_lock_hash(settings().project_dir),
            timeout=report.timeout,
            attempts=earlier.attempts + 1 if earlier else 1,
            queued_at=queued_at,
            started_at=started_at,
            timings=Timings(
                queue=round((started_at - queued_at).total_seconds(), 3) if queued_at else None
            ),
            pid=os.getpid(),
            pid_started=psutil.Process().create_time(),
        )
        write_record(record)
        _supervise(record, report, asked)
    return record


def end_processes(folder: Path) -> int:
    """Kill every process that carries this run's folder in its environment; return how many.

    A kernel is its own session, so ending the run's process group alone would leave it, and
    whatever a cell started, behind.
    """
    marked = f"WORKBENCH_RUN={folder}".encode()
    ended: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or marked not in _environment(process.pid):
                continue
            process.kill()
            ended.append(process)
        except (psutil.Error, OSError):
            continue
    psutil.wait_procs(ended, timeout=5)
    return len(ended)


def _environment(pid: int) -> list[bytes]:
    if Path("/proc/self/environ").exists():
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return [f"{k}={v}".encode() for k, v in psutil.Process(pid).environ().items()]


def _supervise(record: RunRecord, report: Report, asked: float) -> None:
    """Start the run's process, wait for it, and complete ``record``."""
    folder = record.folder
    try:
        code = _wait(folder, report)
    except BaseException:
        end_processes(folder)
        record.outcome = "killed"
        record.error = RunError(kind="cancelled", message=_("The run was cancelled."))
        _finish(record, asked)
        raise
    end_processes(folder)
    said = _said(folder)
    record.timings = record.timings.model_copy(update=said.get("timings", {}))
    if code is None:
        record.outcome = "timed_out"
        record.error = RunError(
            kind="timed_out",
            message=_("The run took longer than {seconds} s and was stopped.").format(
                seconds=report.timeout
            ),
            explanation=_("Raise timeout in {file}, or ask for a shorter period.").format(
                file=shown(report.file)
            ),
            cell=cell_at_work(read_notebook(folder / "notebook.ipynb")),
        )
    elif code < 0:
        name = signal.Signals(-code).name
        record.outcome = "killed"
        record.error = RunError(
            kind="run_killed",
            message=_("The run's process was killed ({signal}).").format(signal=name),
            explanation=_("Someone ended it, or the machine ran out of memory."),
            signal=name,
            cell=cell_at_work(read_notebook(folder / "notebook.ipynb")),
        )
    elif "outcome" not in said or (code != 0 and said["outcome"] == "succeeded"):
        record.outcome = "exited"
        record.error = RunError(
            kind="run_exited",
            message=_("The run's process ended with code {code} before the run was done.").format(
                code=code
            ),
            explanation=_("log.txt in the run's folder has its last words."),
            code=code,
            cell=cell_at_work(read_notebook(folder / "notebook.ipynb")),
        )
    else:
        record.outcome = said["outcome"]
        record.error = RunError(**said["error"]) if said.get("error") else None
    _finish(record, asked)


def _finish(record: RunRecord, asked: float) -> None:
    folder = record.folder
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    record.result = read_result(folder)
    rows = record.result.get("rows")
    record.rows = rows if isinstance(rows, int) and not isinstance(rows, bool) else None
    record.files = files_of(folder)
    record.finished_at = datetime.now(UTC)
    record.timings.total = round(time.perf_counter() - asked, 3)
    write_record(record)


def _wait(folder: Path, report: Report) -> int | None:
    """Run ``workbench.reports.execute`` on the folder; return its code, None on time-out."""
    with (folder / "log.txt").open("ab") as log:
        # The process reads its input until this end closes, and then dies: a run never outlives
        # the process that would record its end.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.reports.execute", str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=_run_environment(folder),
            start_new_session=True,
        )
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


def _run_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a run: no secret, nothing that leads out of its folder."""
    now = settings()
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    own = folder / "tmp"
    passed |= {
        "WORKBENCH_PROJECT": str(now.project_dir),
        "WORKBENCH_HOME": str(now.home_dir),
        "WORKBENCH_OUTPUTS": str(now.outputs_dir),
        "WORKBENCH_CONFIG": str(own / "config"),  # empty: the stored webhook is not for runs
        "WORKBENCH_LANGUAGE": record["language"],
        "WORKBENCH_PLAN": now.plan,
        "WORKBENCH_RUN": str(folder),
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
    if record["snapshot"]:
        passed["WORKBENCH_SNAPSHOT"] = record["snapshot"]
    return passed


def _said(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _snapshot() -> Snapshot | None:
    """Return the snapshot that the run will read, None when nothing has been synced yet."""
    try:
        with newest_snapshot() as snapshot:
            return snapshot
    except NoSnapshot:
        return None


def _folder(name: str, run_id: str | None, moment: datetime) -> Path:
    """Make and return the run's folder."""
    outputs = settings().outputs_dir
    try:
        if run_id is not None:
            (outputs / run_id).mkdir(parents=True, exist_ok=True)
            return outputs / run_id
        while True:
            folder = outputs / f"{moment:%Y%m%d-%H%M%S}-{name}-{secrets.token_hex(2)}"
            try:
                folder.mkdir(parents=True)
                return folder
            except FileExistsError:
                continue
    except OSError as problem:
        raise WorkbenchError(
            _("The outputs folder {folder} cannot be written: {reason}").format(
                folder=outputs, reason=problem.strerror
            )
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the run's folder, waiting for whoever holds it; the system lets go at a kill."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _earlier(folder: Path) -> RunRecord | None:
    try:
        return read_record(folder.name)
    except WorkbenchError:
        return None


def _clear(folder: Path) -> None:
    """Remove what an earlier attempt left: its processes first, then its files."""
    end_processes(folder)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != RECORD:
            entry.unlink()
    (folder / "tmp").mkdir()


def _commit(project: Path) -> str | None:
    """Return the git commit of the project's folder, None outside git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(project), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def _lock_hash(project: Path) -> str | None:
    file = project / "requirements.lock"
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else None
