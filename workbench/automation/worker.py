"""The worker: runs queued jobs and the reports' schedules, and survives being killed.

DBOS Transact keeps each job in SQLite. After a kill, the next start finishes what was running; the
step in flight runs again, so a job does the same thing twice without doing two things: a run's id
derives from its job's. Each slot of a schedule is one job with the slot's moment as its id.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from logging.handlers import RotatingFileHandler
from typing import Any

from dbos import DBOS, DBOSConfig

from workbench.automation import report_delivery
from workbench.automation.action import answer
from workbench.automation.delivery import deliver
from workbench.automation.queue import (
    APPLICATION,
    JOB,
    QUEUES,
    SLOT,
    enqueue,
    give_up_unreadable,
    prepared,
    queue_file,
    unfinished,
)
from workbench.automation.triggers.windows import hand_in_due
from workbench.errors import UsageError, WorkbenchError
from workbench.i18n import _
from workbench.kernels.keeper import keep_zygote
from workbench.metrics.service.keeper import keep_queries, wait_for_queries
from workbench.reports import fan_out
from workbench.reports.for_each import chosen
from workbench.reports.inspection import shown
from workbench.reports.record import RunRecord
from workbench.reports.report import NAME, load_report, report_names, reports_dir
from workbench.reports.retention import clear
from workbench.reports.run import run_report
from workbench.settings import private_folder, settings

VERSION = "1"  # of what jobs look like in the queue: a job outlives an upgrade of the package
# Jobs of a queue at once: a run takes a core, a try of sending waits for the portal.
CONCURRENCY = {"reports": 2, "actions": 2, "answers": 8, "deliveries": 4}
# Seconds between two looks at a queue: each costs 5 ms of a core, and a process waits for answers.
POLLING = {"reports": 0.5, "actions": 0.2, "answers": 0.2, "deliveries": 0.5}
ATTEMPTS, FIRST_WAIT, GROWTH = 6, 1.0, 3.0  # waits of 1, 3, 9, 27, 81 s for what may pass
FIRST_RETRY = 60.0  # seconds before a run that was killed is run again; then three times as long
# A cell that fails on these data fails again; memory and time may be there later.
MAY_END_BETTER = ("killed", "timed_out")
RECOVERIES = 20  # starts of a job before it is given up: it may be what kills the worker

log = logging.getLogger("workbench.worker")


def report_job(payload: Mapping[str, Any], job_id: str, queued_at: datetime) -> dict[str, Any]:
    """Run a report; return ``{run, outcome}``."""
    name = str(payload.get("report"))
    parameters = payload.get("parameters") or {}
    if not NAME.fullmatch(name) or not isinstance(parameters, Mapping):
        raise UsageError(_("There is no report “{name}”.").format(name=name[:80]))
    trigger = str(payload.get("trigger") or "queue")
    if trigger == "schedule" and (moved := put_off(name, queued_at)):
        return moved
    if "due" in payload:
        queued_at = datetime.fromisoformat(str(payload["due"]))
    triggered = payload.get("triggered")
    if runs := fanned_out(name, parameters, job_id, trigger, queued_at, triggered):
        return {"outcome": "fanned out", "runs": runs}
    keep_zygote()  # with the first run; most of a worker's life is waiting
    keep_queries()
    wait_for_queries()
    record = run_report(
        name,
        parameters,
        run_id=job_id,
        trigger=trigger,
        triggered=triggered,
        queued_at=queued_at,
    )
    if record.error:
        log.warning("%s %s: %s", record.id, record.outcome, record.error)
    report_delivery.hand_in(record)
    finish(record, payload, job_id)
    return {"run": record.id, "outcome": record.outcome}


def finish(record: RunRecord, payload: Mapping[str, Any], job_id: str) -> None:
    """Run again what may end better, if the report's file says so; delete what it does not keep."""
    report = load_report(record.report)
    retry = int(payload.get("retry", 0))
    if record.outcome in MAY_END_BETTER and retry < report.retries:
        first = job_id.removesuffix(f".retry-{retry}")
        enqueue(
            "report",
            {**payload, "retry": retry + 1, "trigger": "retry"},
            id=f"{first[:180]}.retry-{retry + 1}",
            delay=FIRST_RETRY * GROWTH**retry,
        )
        log.warning("%s: is run again", record.id)
    if gone := clear(report):
        log.info("report %s: %d old runs deleted", report.name, gone)


def fanned_out(
    name: str,
    parameters: Mapping[str, Any],
    job_id: str,
    trigger: str,
    queued_at: datetime,
    triggered: Mapping[str, Any] | None = None,
) -> int:
    """Hand in a job for each part of a report that has some; return how many, 0 for one run."""
    report = load_report(name)
    wanted = report.for_each
    if wanted is None or chosen(wanted, {**report.parameters, **parameters}):
        return 0
    values = fan_out.parts(wanted, report.notebook_parameters, shown(report.file))
    for value in values:
        part = sha256(value.encode()).hexdigest()[:12]
        payload = {
            "report": name,
            "parameters": {**parameters, wanted.by: value},
            "trigger": "queue" if trigger == "queue" else "fan-out",
            "due": queued_at.isoformat(),
            "triggered": triggered,
        }
        enqueue("report", payload, id=f"{job_id[:180]}.{part}")
    return len(values)


def put_off(name: str, slot: datetime) -> dict[str, Any]:
    """Skip or postpone a slot that falls on a free day or a blackout date; empty if it runs now."""
    schedule = load_report(name).schedule
    moment = schedule.moment_for(slot) if schedule else slot
    if moment is None:
        log.info("report %s: the slot of %s is passed over", name, slot.isoformat())
        return {"outcome": "skipped"}
    if moment <= slot:
        return {}
    due = moment.isoformat()
    enqueue(
        "report",
        {"report": name, "trigger": "postponed", "due": due},
        id=f"postponed-{name}-{due}",
        delay=max(0.0, (moment - datetime.now(UTC)).total_seconds()),
    )
    log.info("report %s: the slot of %s is postponed to %s", name, slot.isoformat(), due)
    return {"outcome": "postponed", "due": due}


def action_job(payload: Mapping[str, Any], job_id: str, queued_at: datetime) -> dict[str, Any]:
    """Analyse for a business process that called the action."""
    return answer(dict(payload))


def answer_job(payload: Mapping[str, Any], job_id: str, queued_at: datetime) -> dict[str, Any]:
    """Try once to bring an answer to its process."""
    return dict(deliver(payload))


def delivery_job(payload: Mapping[str, Any], job_id: str, queued_at: datetime) -> dict[str, Any]:
    """Try once to bring a run's results to where its report file says."""
    return report_delivery.deliver(payload)


# What each kind of job does; every function may be called again for the same job.
KINDS: dict[str, Callable[[Mapping[str, Any], str, datetime], dict[str, Any]]] = {
    "report": report_job,
    "action": action_job,
    "answer": answer_job,
    "delivery": delivery_job,
}


def _may_pass(problem: BaseException) -> bool:
    return isinstance(problem, WorkbenchError) and problem.may_pass


@DBOS.step(
    name="perform",
    retries_allowed=True,
    max_attempts=ATTEMPTS,
    interval_seconds=FIRST_WAIT,
    backoff_rate=GROWTH,
    should_retry=_may_pass,
)
def _perform(kind: str, payload: dict[str, Any], job_id: str, queued_at: str) -> dict[str, Any]:
    began = time.monotonic()
    log.info("%s %s: started", kind, job_id)
    try:
        result = KINDS[kind](payload, job_id, datetime.fromisoformat(queued_at))
    except WorkbenchError as problem:
        log.warning("%s %s: %s", kind, job_id, problem)
        raise
    except Exception:
        log.exception("%s %s: failed", kind, job_id)
        raise
    log.info(
        "%s %s: %s in %.1f s", kind, job_id, result.get("outcome", "done"), time.monotonic() - began
    )
    return result


@DBOS.workflow(name=JOB, max_recovery_attempts=RECOVERIES)
def _job(kind: str, content: str, queued_at: str) -> dict[str, Any]:
    return _perform(kind, json.loads(content), str(DBOS.workflow_id), queued_at)


@DBOS.workflow(name=SLOT, max_recovery_attempts=RECOVERIES)
def _slot(moment: datetime, report: str) -> Any:
    payload = {"report": report, "trigger": "schedule"}
    return _perform("report", payload, str(DBOS.workflow_id), moment.astimezone(UTC).isoformat())


def work(*, once: bool = False, on_ready: Callable[[], None] | None = None) -> None:
    """Run jobs until SIGTERM or Ctrl-C, or, with ``once``, until none is left that is due.

    Raises `WorkbenchError` when another worker has this installation's queue. A run that is in
    progress at the end is finished by the next worker.
    """
    with _only_worker():
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_signal: stop.set())
        _launch()
        log.info("ready: %s", queue_file())
        if on_ready:
            on_ready()
        scheduled: object = None
        while not (once and scheduled and not unfinished(delayed=False)):
            if scheduled != _files():
                scheduled = _files()
                apply_schedules()
            start_triggered()
            for lost in give_up_unreadable():
                log.error("job %s: given up, its content cannot be read", lost)
            if stop.wait(0.2 if once else 5):
                break
        left = unfinished()
        DBOS.destroy()
        if left:
            log.info("ended; the next worker finishes what is left: %d", left)
            logging.shutdown()
            # A thread would wait for its run; this way the run's process ends with this one.
            os._exit(0)


def start_triggered() -> None:
    """Start the runs of triggers whose windows have closed."""
    try:
        for firing in hand_in_due():
            log.info("trigger %s: %s, %d records", firing.trigger, firing.job, firing.records)
    except (WorkbenchError, sqlite3.Error) as problem:  # a full or locked disk passes
        log.error("triggers: %s", problem)


def apply_schedules() -> None:
    """Bring the queue's schedules in step with the report files, and catch up.

    Of the slots that fell due while no worker ran, the latest is run, the others are passed over.
    A report file that has become wrong keeps its earlier schedule, whose jobs then fail with what
    is wrong; the others go on.
    """
    wanted, wrong = {}, set()
    for name in report_names():
        try:
            report = load_report(name)
        except WorkbenchError as problem:
            log.error("%s", problem)
            wrong.add(name)
            continue
        if report.schedule:
            wanted[name] = report.schedule
    for known in DBOS.list_schedules():
        if known["schedule_name"] not in wanted.keys() | wrong:
            DBOS.delete_schedule(known["schedule_name"])
    DBOS.apply_schedules(
        [
            {
                "schedule_name": name,
                "workflow_fn": _slot,
                "schedule": schedule.cron,
                "context": name,
                "cron_timezone": schedule.timezone,
                "queue_name": QUEUES["report"],
            }
            for name, schedule in wanted.items()
        ]
    )
    now = datetime.now(UTC)
    for known in DBOS.list_schedules():
        name, fired = known["schedule_name"], known["last_fired_at"]
        if name in wanted and fired:
            latest = wanted[name].last_slot(now)
            if latest > datetime.fromisoformat(fired):
                DBOS.backfill_schedule(name, latest - timedelta(seconds=1), now)


def _files() -> list[tuple[str, int]]:
    """Return what tells whether the report files have changed; never empty."""
    return [("", 0)] + sorted((p.name, p.stat().st_mtime_ns) for p in reports_dir().glob("*.yml"))


def _launch() -> None:
    """Open the queue in this process: no admin server, no port, nothing sent anywhere."""
    logs = private_folder(settings().home_dir / "logs")
    to_file = RotatingFileHandler(logs / "worker.log", maxBytes=2_000_000, backupCount=3)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.INFO)
    log.addHandler(to_file)
    logging.getLogger("dbos").addHandler(to_file)
    logging.getLogger("workbench.delivery").addHandler(to_file)
    logging.getLogger("workbench.kernels").addHandler(to_file)
    logging.getLogger("workbench.kernels").setLevel(logging.INFO)
    for name in [n for n in os.environ if re.match(r"DBOS_", n)]:
        del os.environ[name]  # a DBOS Cloud set-up of this machine is not ours
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": prepared(queue_file()),
        "application_version": VERSION,
        "executor_id": APPLICATION,  # the same after a restart: that is what recovery goes by
        "enable_otlp": False,
        "log_level": "ERROR",
        "console_log_level": "CRITICAL",
        "scheduler_polling_interval_sec": 5.0,
    }
    DBOS(config=config)
    DBOS.launch()
    for queue, at_once in CONCURRENCY.items():
        DBOS.register_queue(queue, worker_concurrency=at_once, polling_interval_sec=POLLING[queue])


def is_running() -> bool:
    """Tell whether a worker of this installation runs."""
    try:
        with _only_worker():
            return False
    except WorkbenchError:
        return True


@contextmanager
def _only_worker() -> Iterator[None]:
    """Hold this installation's worker lock; the system lets go of it at a kill."""
    file = private_folder(settings().home_dir) / "worker.lock"
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkbenchError(
                _("Another worker already runs for {home}.").format(home=settings().home_dir)
            ) from None
        yield
