"""The run record: what ran, on which data, with which code, for how long, and how it ended.

One ``run.json`` in each run's folder, written atomically by the process that supervises the run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import UsageError, WorkbenchError
from workbench.i18n import _
from workbench.settings import settings

Outcome = Literal["running", "succeeded", "failed", "exited", "killed", "timed_out", "interrupted"]
RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z][a-z0-9_]*-[0-9a-f]{4,16}")
RECORD = "run.json"
OUTCOME = "tmp/outcome.json"  # what the run's own process says; the record is its supervisor's


class Failure(BaseModel):
    """Why a run did not succeed.

    ``kind``: ``cell_error`` (a cell raised), ``system_exit`` (a cell called sys.exit),
    ``kernel_killed`` and ``kernel_exited`` (the notebook's own process), ``run_killed`` and
    ``run_exited`` (the process around it), ``timed_out``, ``not_started``, ``incomplete``,
    ``render_failed``, ``cancelled``. ``cell`` counts the cells of the notebook's source from 1.
    ``message`` and ``explanation`` are in the run's language.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    message: str
    explanation: str = ""
    cell: int | None = None
    name: str | None = None
    code: int | None = None
    signal: str | None = None


class RunFile(BaseModel):
    """A file that a run made: its path inside the run's folder and its size."""

    model_config = ConfigDict(frozen=True)

    path: str
    bytes: int


class Timings(BaseModel):
    """Seconds: waiting in the queue, kernel start, the cells, rendering, and all but the queue.

    ``html``, ``xlsx`` and ``pdf`` are parts of ``render``.
    """

    queue: float | None = None
    start: float | None = None
    execute: float | None = None
    render: float | None = None
    html: float | None = None
    xlsx: float | None = None
    pdf: float | None = None
    total: float | None = None


class RunRecord(BaseModel):
    """One run. Moments are aware, in UTC; ``rows`` counts the rows that the page read.

    ``notice`` says which failed checks it ran despite; the page shows it. ``skipped`` says what
    was not made of it, and why. ``pdf``: a PDF was asked for.
    ``part``: of a report for each manager (or so), whose it is. ``triggered``: of a run that a
    trigger started, ``{by, records, ids, count}``: its name and the records that had changed.
    ``repeats``: the id of the run that it runs once more.
    ``error`` is one line in the run's language, ``failure`` the same in detail; both None after
    success.
    """

    id: str
    report: str
    title: str
    notebook: str
    trigger: str = "manual"
    triggered: dict[str, Any] = Field(default_factory=dict)
    repeats: str | None = None
    job: str | None = None
    outcome: Outcome = "running"
    error: str | None = None
    failure: Failure | None = None
    notice: str | None = None
    skipped: list[str] = Field(default_factory=list)
    given: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    periods: dict[str, dict[str, str]] = Field(default_factory=dict)
    snapshot: str | None = None
    as_of: datetime | None = None
    timezone: str | None = None
    portal: str | None = None
    language: str = "fr"
    version: str
    commit: str | None = None
    lock: str | None = None
    timeout: int
    pdf: bool = False
    part: str | None = None
    attempts: int = 1
    queued_at: datetime | None = None
    started_at: datetime
    finished_at: datetime | None = None
    timings: Timings = Field(default_factory=Timings)
    rows: int | None = None
    result: dict[str, Any] = Field(default_factory=dict)
    files: list[RunFile] = Field(default_factory=list)
    pid: int | None = None
    pid_started: float | None = None

    @property
    def folder(self) -> Path:
        """Where the run wrote its files."""
        return settings().outputs_dir / self.id

    @property
    def seconds(self) -> float | None:
        """Wall-clock seconds from start to end, without the queue; None while running."""
        return self.timings.total

    @property
    def finished(self) -> bool:
        """Whether the run reached an end that stands."""
        return self.outcome not in ("running", "interrupted")

    def fail(self, outcome: Outcome, failure: Failure) -> None:
        """Note how the run ended badly."""
        self.outcome, self.failure, self.error = outcome, failure, failure.message


def code_version() -> str:
    """Return the package's version with the git commit of the project's folder, if it has one."""
    return "+".join(filter(None, (package_version(), (git_commit() or "")[:10])))


def package_version() -> str:
    """Return the installed package's version."""
    return version("analyse-commerciale")


def git_commit() -> str | None:
    """Return the git commit of the project's folder, None outside git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(settings().project_dir), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def write_record(record: RunRecord) -> None:
    """Write ``run.json`` so that a reader sees the old or the new one, never a part."""
    write_atomically(record.folder / RECORD, record.model_dump_json(indent=2) + "\n")


def write_atomically(file: Path, content: str) -> None:
    """Replace ``file`` by ``content``, on disk before the name changes."""
    part = file.with_name(f".{file.name}.part")
    with part.open("w", encoding="utf-8") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    part.replace(file)


def read_record(run_id: str) -> RunRecord:
    """Return one run's record; a run whose process is gone is ``interrupted``.

    Raises `UsageError` for an unknown or malformed id, `WorkbenchError` for a damaged record.
    """
    file = settings().outputs_dir / run_id / RECORD
    if not RUN_ID.fullmatch(run_id) or not file.is_file():
        raise UsageError(
            _("There is no run “{id}”.").format(id=run_id[:80]),
            hint=_("workbench runs lists them."),
        )
    try:
        record = RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (ValidationError, OSError, UnicodeDecodeError):
        raise WorkbenchError(
            _("The record of run {id} cannot be read.").format(id=run_id)
        ) from None
    if record.outcome == "running" and not _alive(record):
        record.outcome = "interrupted"
    return record


def runs(report: str | None = None, *, limit: int | None = None) -> list[RunRecord]:
    """Return the runs' records, newest first; damaged or foreign folders are passed over."""
    folder = settings().outputs_dir
    ids = sorted((p.name for p in folder.glob("*/") if RUN_ID.fullmatch(p.name)), reverse=True)
    found: list[RunRecord] = []
    for run_id in ids:
        if limit is not None and len(found) == limit:
            break
        if report is not None and run_id.split("-")[2] != report:
            continue
        try:
            found.append(read_record(run_id))
        except WorkbenchError:
            continue
    return found


def files_of(folder: Path) -> list[RunFile]:
    """List what a run made, charts and tables included; its working files are left out."""
    return [
        RunFile(path=p.relative_to(folder).as_posix(), bytes=p.stat().st_size)
        for p in sorted(folder.rglob("*"))
        if p.is_file()
        and not p.is_symlink()
        and p.name != RECORD
        and not p.name.startswith(".")
        and p.relative_to(folder).parts[0] != "tmp"
    ]


def read_result(folder: Path) -> dict[str, Any]:
    """Return the typed answer that the page wrote (``result.json``), empty if none."""
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(content) if isinstance(content, Mapping) else {}


def read_contents(folder: Path) -> dict[str, Any]:
    """Return what the page says of its panels (``contents.json``), empty if nothing.

    ``portal``, ``snapshot``, ``as_of``, ``timezone``, ``currency``, ``language`` and ``panels``,
    see `workbench.views.run_files`.
    """
    try:
        content = json.loads((folder / "contents.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(content) if isinstance(content, Mapping) else {}


def _alive(record: RunRecord) -> bool:
    try:
        process = psutil.Process(record.pid or -1)
        return abs(process.create_time() - (record.pid_started or 0)) < 1
    except (psutil.Error, ValueError):
        return False
