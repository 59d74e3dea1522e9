"""Running a report: checks first, then one process, then its record."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil

from workbench.errors import NoSnapshot, UsageError, WorkbenchError
from workbench.i18n import _, language
from workbench.reports import gate
from workbench.reports.for_each import chosen
from workbench.reports.parameters import check_parameters, resolved_periods
from workbench.reports.process import end_processes, supervise
from workbench.reports.record import (
    OUTCOME,
    RECORD,
    RUN_ID,
    RunRecord,
    Timings,
    files_of,
    git_commit,
    package_version,
    read_record,
    read_result,
    write_record,
)
from workbench.reports.report import Report, load_report
from workbench.settings import installation, settings
from workbench.warehouse.snapshots import Snapshot, newest_snapshot, open_snapshot

JOB_ID = re.compile(r"[\w.:+-]{1,200}")


def run_report(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    run_id: str | None = None,
    trigger: str = "manual",
    triggered: Mapping[str, Any] | None = None,
    queued_at: datetime | None = None,
    despite_checks: bool = False,
    pdf: bool = False,
    snapshot: str | None = None,
    repeats: str | None = None,
) -> RunRecord:
    """Run a report in a process of its own and return its record, however it ended.

    ``parameters`` are texts (read by the declared type) or typed values. ``run_id`` makes the call
    repeatable: the id of a run, or the id of the job that asks for it, which then belongs to one
    run for good. If that run is finished, its record is returned unchanged; if it was cut off, it
    starts again; if another process is at it, this waits. ``pdf``: make one, whatever the file
    says. ``triggered``, ``repeats``: see `RunRecord`. ``snapshot``: the id of the one to read in
    place of the newest; it need not be fresh. Raises `UsageError`, `ConfigurationError` or
    `ParameterError` before anything is written, and `WarehouseError` if a source is not fresh
    enough or the data of the report's tables break a check of severity error (unless
    ``despite_checks``).
    """
    asked = time.perf_counter()
    report = load_report(name)
    values = check_parameters(report, parameters or {})
    if run_id is not None and not JOB_ID.fullmatch(run_id):
        raise UsageError(_("“{id}” is not a run id.").format(id=run_id[:80]))
    if run_id is not None and RUN_ID.fullmatch(run_id) and run_id.split("-")[2] != name:
        raise UsageError(
            _("Run {id} belongs to another report than {name}.").format(id=run_id, name=name)
        )
    data = _snapshot(snapshot)
    started_at = datetime.now(UTC)
    try:
        folder = _folder(name, run_id, queued_at or started_at)
        with _alone(folder):
            earlier = _earlier(folder)
            if earlier and earlier.finished:
                return earlier
            notice = _admitted(report, data, folder, despite_checks, pinned=snapshot is not None)
            _clear(folder)
            record = _record(report, folder, parameters or {}, values, data, started_at)
            record.trigger, record.notice = trigger, notice
            record.triggered = dict(triggered or {})
            record.repeats = repeats
            record.pdf = pdf or report.makes_pdf
            record.job = run_id if run_id != folder.name else None
            record.attempts = earlier.attempts + 1 if earlier else 1
            if queued_at:
                record.queued_at = queued_at
                record.timings.queue = round((started_at - queued_at).total_seconds(), 3)
            write_record(record)
            try:
                supervise(record, report)
            finally:
                _finish(record, asked)
    except OSError as problem:
        raise WorkbenchError(
            _("The outputs folder {folder} cannot be written: {reason}").format(
                folder=settings().outputs_dir, reason=problem.strerror
            )
        ) from None
    return record


def _admitted(
    report: Report, snapshot: Snapshot | None, folder: Path, despite: bool, *, pinned: bool
) -> str | None:
    """Return what the run has to say of its data; a run that may not begin leaves no folder."""
    try:
        if snapshot is None:
            return None
        if not pinned:  # what was asked for by its id is as old as it is
            gate.require_fresh(report, snapshot.id)
        return gate.notice(report, snapshot.id, despite=despite)
    except WorkbenchError:
        if not any(folder.iterdir()):
            folder.rmdir()
        raise


def _record(
    report: Report,
    folder: Path,
    given: Mapping[str, Any],
    values: dict[str, Any],
    snapshot: Snapshot | None,
    started_at: datetime,
) -> RunRecord:
    """Return the record of a run that begins now."""
    zone = snapshot.timezone if snapshot else "UTC"
    # As on the page: relative periods count from the day up to which the data goes.
    today = (snapshot.as_of if snapshot else started_at).astimezone(ZoneInfo(zone)).date()
    part = chosen(report.for_each, values)
    return RunRecord(
        id=folder.name,
        report=report.name,
        title=f"{report.title} – {part}" if part else str(report.title),
        part=part,
        notebook=report.notebook,
        given=dict(given),
        parameters=values,
        periods=resolved_periods(report, values, today=today, timezone=zone),
        snapshot=snapshot.id if snapshot else None,
        as_of=snapshot.as_of if snapshot else None,
        timezone=zone,
        portal=snapshot.portal if snapshot else None,
        language=language(),
        version=package_version(),
        commit=git_commit(),
        lock=_lock_hash(settings().project_dir),
        timeout=report.timeout,
        started_at=started_at,
        timings=Timings(),
        pid=os.getpid(),
        pid_started=psutil.Process().create_time(),
    )


def _finish(record: RunRecord, asked: float) -> None:
    """Complete the record from what lies in the run's folder, and write it."""
    folder = record.folder
    record.skipped = _skipped(folder)
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    record.result = read_result(folder)
    rows = record.result.get("rows")
    record.rows = rows if isinstance(rows, int) and not isinstance(rows, bool) else None
    record.files = files_of(folder)
    record.finished_at = datetime.now(UTC)
    record.timings.total = round(time.perf_counter() - asked, 3)
    write_record(record)


def _skipped(folder: Path) -> list[str]:
    """Return what the run's process says that it did not make, and why."""
    try:
        said = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
        return [str(each) for each in said.get("skipped", [])]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def _snapshot(wanted: str | None) -> Snapshot | None:
    """Return the snapshot that the run will read, None when nothing has been synced yet."""
    if wanted is not None:
        with open_snapshot(wanted) as snapshot:
            return snapshot
    try:
        with newest_snapshot() as snapshot:
            return snapshot
    except NoSnapshot:
        return None


def _folder(name: str, run_id: str | None, moment: datetime) -> Path:
    """Make, or find again, the run's folder."""
    outputs = settings().outputs_dir
    if run_id is not None and RUN_ID.fullmatch(run_id):
        (outputs / run_id).mkdir(parents=True, exist_ok=True)
        return outputs / run_id
    outputs.mkdir(parents=True, exist_ok=True)
    begin = f"{moment.astimezone(UTC):%Y%m%d-%H%M%S}-{name}-"
    if run_id is not None:
        # Another installation's queue, its runs in the same folder, has jobs of the same ids.
        mark = sha256(f"{installation()} {run_id}".encode()).hexdigest()[:12]
        with _alone(outputs):  # two callers of one job must not make two folders
            found = next(iter(sorted(outputs.glob(f"*-{name}-{mark}"))), outputs / (begin + mark))
            found.mkdir(exist_ok=True)
        return found
    while True:
        folder = outputs / (begin + secrets.token_hex(2))
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder, waiting for whoever holds it; the system lets go at a kill."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _earlier(folder: Path) -> RunRecord | None:
    """Return the record of an earlier attempt, None if there is none that can be read."""
    try:
        return read_record(folder.name)
    except WorkbenchError:
        return None


def _clear(folder: Path) -> None:
    """Remove what an earlier attempt left: its processes first, then its files."""
    if any(folder.iterdir()):
        end_processes(folder)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != RECORD:
            entry.unlink()
    (folder / "tmp").mkdir()


def _lock_hash(project: Path) -> str | None:
    """Return the SHA-256 of the locked versions, None where there is no lock."""
    file = project / "requirements.lock"
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else None
