"""What is declared, when it last started something, and why it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from workbench.automation.queue import job
from workbench.automation.triggers.book import Book, Firing, Watched, book_file
from workbench.automation.triggers.declared import Trigger, load_trigger
from workbench.automation.triggers.when import Called, Change, NewFile
from workbench.automation.triggers.windows import due_at
from workbench.errors import ConfigurationError
from workbench.i18n import _, format_datetime, format_number, ngettext


@dataclass(frozen=True)
class Status:
    """One trigger: ``state`` is one sentence that says why it does, or does not, start a run.

    ``waiting``: records whose window is open; ``due`` (aware, UTC): when the next run begins.
    ``job_state``: what became of the last job (queued, running, done, failed), ``run`` its run.
    ``problem``: its file is wrong; all but ``name``, ``fired`` and its job is empty then.
    """

    name: str
    title: str
    report: str
    state: str
    waiting: int = 0
    due: datetime | None = None
    fired: Firing | None = None
    job_state: str | None = None
    run: str | None = None
    problem: str | None = None


def status(name: str, zone: str = "UTC", now: datetime | None = None) -> Status:
    """Return how it stands with a trigger; moments in its sentence are in the time zone ``zone``.

    Raises `UsageError` for an unknown one.
    """
    now = now or datetime.now(UTC)
    book = Book() if book_file().exists() else None
    fired = next(iter(book.firings(name, 1)), None) if book else None
    last = job(fired.job) if fired else None
    job_state = last.state if last else "queued" if fired else None
    run = last.result.get("run") if last and isinstance(last.result, dict) else None
    try:
        trigger = load_trigger(name)
    except ConfigurationError as problem:
        return Status(
            name, "", "", "", fired=fired, job_state=job_state, run=run, problem=str(problem)
        )
    watched = book.watched(name) if book else None
    if watched and watched.definition != trigger.definition:
        watched = None
    groups = book.groups(name) if book and watched else []
    due = min((due_at(trigger, group) for group in groups), default=None)
    waiting = sum(group.records for group in groups)
    state = _state(trigger, watched, waiting, due, zone, now)
    return Status(
        name, str(trigger.title), trigger.run.report, state, waiting, due, fired, job_state, run
    )


def _state(
    trigger: Trigger,
    watched: Watched | None,
    waiting: int,
    due: datetime | None,
    zone: str,
    now: datetime,
) -> str:
    if not trigger.enabled:
        return _("Switched off in its file.")
    if watched is None:
        return _("Has not looked yet; it watches from the next sync on.")

    def told(moment: datetime) -> str:
        return format_datetime(moment.astimezone(ZoneInfo(zone)), zone)

    if waiting and due and isinstance(trigger.when, Change | Called):
        sentence = (
            ngettext(
                "{n} record waits until {moment}.", "{n} records wait until {moment}.", waiting
            )
            if due > now
            else ngettext(
                "{n} record waits for a sync or a worker.",
                "{n} records wait for a sync or a worker.",
                waiting,
            )
        )
        return sentence.format(n=format_number(waiting), moment=told(due))
    if watched.note:
        return _("On {moment}: {note}").format(moment=told(watched.looked_at), note=watched.note)
    if not isinstance(trigger.when, Change):
        return _state_without_records(trigger, watched, due, told, now)
    if watched.looked_at == watched.since:
        return _("Watches since {moment}; no sync has found changes since.").format(
            moment=told(watched.since)
        )
    if not watched.found:
        return _("The changes of {moment} do not fit what it says.").format(
            moment=told(watched.looked_at)
        )
    return _("Nothing has changed since the last look.")


def _state_without_records(
    trigger: Trigger,
    watched: Watched,
    due: datetime | None,
    told: Callable[[datetime], str],
    now: datetime,
) -> str:
    if due and due > now:
        return _("A run waits until {moment}.").format(moment=told(due))
    if due:
        return _("A run waits for a sync or a worker.")
    if isinstance(trigger.when, Called):
        return _("Waits for a call since {moment}.").format(moment=told(watched.since))
    moment = told(watched.looked_at)
    if isinstance(trigger.when, NewFile):
        return _("Looked on {moment}; another content of the file starts a run.").format(
            moment=moment
        )
    if watched.held:
        return _("Held on {moment}; it starts a run when it holds anew.").format(moment=moment)
    return _("Did not hold on {moment}.").format(moment=moment)
