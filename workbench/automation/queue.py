"""The durable queue: handing in work from any process, and seeing what became of it.

Jobs are DBOS workflows in ``queue.sqlite`` of the installation's home, which the worker
(`workbench.automation.worker`) runs. Handing one in takes a few milliseconds and needs no running
worker. A job's id makes it unique for good: the same id again is refused, also after it is done.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dbos import DBOS, DBOSClient, EnqueueOptions, WorkflowSerializationFormat
from dbos._error import DBOSWorkflowIDInUseError

from workbench.errors import UsageError, WorkbenchError
from workbench.i18n import _
from workbench.settings import private_file, settings

APPLICATION = "workbench"
JOB = "job"  # the workflow that `enqueue` starts
SLOT = "slot"  # the workflow that a schedule starts
# Kind of job: its queue.
QUEUES = {
    "report": "reports",
    "action": "actions",
    "answer": "answers",
    "delivery": "deliveries",
}
MAX_PAYLOAD = 256 * 1024  # bytes
State = Literal["queued", "running", "done", "failed"]
STATES: dict[str, State] = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "done",
}
UNREADABLE = "?"  # kind of a job whose row is damaged
JOB_ID = re.compile(r"[\w.:+-]{1,200}")
_opening = threading.Lock()


@dataclass(frozen=True)
class Job:
    """A job as the queue knows it. Moments are aware, UTC, the last two to the second.

    ``result`` is what the job returned, ``error`` its message if it failed (attempts used up).
    """

    id: str
    kind: str
    state: State
    payload: dict[str, Any]
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: Any
    error: str | None


def enqueue(kind: str, payload: Mapping[str, Any], *, id: str, delay: float = 0) -> bool:
    """Hand in a job; False if this id was handed in before (whatever became of it).

    ``kind``: ``"report"`` with ``{report, parameters?, trigger?, triggered?}``, ``"action"`` with
    what the portal sent, ``"answer"`` with what `delivery` sends, ``"delivery"`` with
    ``{run, number, try}`` (see `report_delivery`). ``payload`` must be JSON. The job is not begun
    before ``delay`` seconds have passed. On disk when this returns. Raises `UsageError`.
    """
    if kind not in QUEUES:
        raise UsageError(
            _("There is no kind of job “{kind}”; allowed: {kinds}").format(
                kind=kind, kinds=", ".join(QUEUES)
            )
        )
    if not JOB_ID.fullmatch(id):
        raise UsageError(_("A job's id is 1 to 200 letters, digits and . : + - _"))
    try:
        content = json.dumps(dict(payload), allow_nan=False)
    except (TypeError, ValueError):
        raise UsageError(_("A job's payload must be JSON.")) from None
    if len(content) > MAX_PAYLOAD:
        raise UsageError(_("A job's payload is limited to 256 KB."))
    options: EnqueueOptions = {
        "workflow_name": JOB,
        "queue_name": QUEUES[kind],
        "workflow_id": id,
        "workflow_id_reuse_policy": "reject",
        "serialization_type": WorkflowSerializationFormat.PORTABLE,
    }
    if delay:
        options["delay_seconds"] = delay
    try:
        client().enqueue(
            options,
            kind,
            content,
            # The database keeps whole seconds.
            datetime.now(UTC).isoformat(),
        )
    except DBOSWorkflowIDInUseError:
        return False
    return True


def scheduled() -> set[str]:
    """Return the reports whose schedules a worker has taken over."""
    return {schedule["schedule_name"] for schedule in client().list_schedules()}


def enqueue_slot(report: str, slot: datetime) -> str:
    """Hand in a past slot (aware) of a `scheduled` report and return its job's id.

    A slot that ran, or was handed in before, is not run again.
    """
    second = timedelta(seconds=1)
    (handle,) = client().backfill_schedule(report, slot - second, slot + second)
    return handle.workflow_id


def job(id: str) -> Job | None:
    """Return one job, None if the id is unknown."""
    found = client().list_workflows(workflow_ids=[id], name=[JOB, SLOT])
    return _job(found[0]) if found else None


def jobs(*, limit: int = 100) -> list[Job]:
    """Return the newest jobs, those of schedules included, newest first."""
    return [
        _job(status)
        for status in client().list_workflows(name=[JOB, SLOT], limit=limit, sort_desc=True)
    ]


def forget(id: str) -> None:
    """Strike a finished job off; its id may be handed in again. Others stay."""
    found = job(id)
    if found and found.state in ("done", "failed"):
        client().delete_workflow(id)


def give_up_unreadable() -> list[str]:
    """Give up the jobs that were taken from the queue without content; return their ids.

    No worker can begin them, and they would count as running for ever.
    """
    taken = client().list_workflows(name=[JOB, SLOT], status="PENDING", load_output=False)
    lost = [status.workflow_id for status in taken if status.input is None]
    if lost:
        client().cancel_workflows(lost)
    return lost


def unfinished(*, delayed: bool = True) -> int:
    """Return how many jobs are queued or running, those that are not due yet included or not."""
    waiting = ["ENQUEUED", "PENDING", *(["DELAYED"] if delayed else [])]
    return len(
        client().list_workflows(
            name=[JOB, SLOT], status=waiting, load_input=False, load_output=False
        )
    )


def queue_file() -> Path:
    """Return the queue's database."""
    return settings().home_dir / "queue.sqlite"


def client() -> DBOSClient:
    """Return this process's connection to the queue, created at first use."""
    with _opening:
        return _client(prepared(queue_file()))


@cache
def _client(url: str) -> DBOSClient:
    return DBOSClient(system_database_url=url, application_name=APPLICATION)


@cache
def prepared(file: Path) -> str:
    """Create or migrate the queue's database; return its address.

    Readable by this user alone, as payloads hold what the portal sent.
    """
    try:
        private_file(file)
    except OSError as problem:
        raise WorkbenchError(
            _("The queue {file} cannot be written: {reason}").format(
                file=file, reason=problem.strerror
            )
        ) from None
    url = f"sqlite:///{file}"
    DBOS.migrate(url)
    with (
        # Another process may be at it; its next start, or ours, gets there.
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(file, timeout=5)) as database,
    ):
        # One sync of the disk per commit instead of four, and readers hold up no writer.
        database.execute("PRAGMA journal_mode=WAL")
    return url


def _job(status: Any) -> Job:
    given = status.input if isinstance(status.input, dict) else {}
    arguments = list(given.get("args") or [])
    queued_at = _moment(status.created_at) or datetime.now(UTC)
    if status.name == SLOT:
        kind, payload = "report", {"report": arguments[1] if len(arguments) > 1 else None}
    else:
        try:
            kind, content, queued = arguments
            payload, queued_at = dict(json.loads(content)), datetime.fromisoformat(queued)
        except (TypeError, ValueError):
            kind, payload = UNREADABLE, {}  # the row is damaged; the others are still listed
    state = STATES.get(status.status, "failed")
    return Job(
        id=status.workflow_id,
        kind=kind,
        state=state,
        payload=payload,
        queued_at=queued_at,
        started_at=_moment(status.dequeued_at),
        finished_at=_moment(status.completed_at),
        result=status.output,
        error=(str(status.error) if status.error else status.status.lower())
        if state == "failed"
        else None,
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
