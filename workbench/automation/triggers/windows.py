"""From records that wait to jobs of the queue, once their window has closed."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from workbench.automation.queue import enqueue
from workbench.automation.triggers.book import Book, Firing, Group, book_file
from workbench.automation.triggers.declared import Trigger, load_trigger
from workbench.automation.triggers.when import Change
from workbench.errors import WorkbenchError

MOST = 5_000  # ids that a run is given; how many there were it is told besides


def hand_in_due(now: datetime | None = None) -> list[Firing]:
    """Start what is due; return the firings whose jobs this call handed in.

    A firing is on disk with its job's id before the queue has the job, and the queue takes an id
    once: whoever is killed in between, the next call hands in the same job. A trigger whose file
    is wrong waits until it is put right.
    """
    if not book_file().exists():
        return []
    book, now = Book(), now or datetime.now(UTC)
    for name in book.waiting():
        try:
            trigger = load_trigger(name)
        except WorkbenchError:
            continue
        if trigger.enabled:
            fire(book, trigger, now)
    done = []
    for firing in book.to_hand_in():
        if enqueue("report", firing.payload, id=firing.job):
            done.append(firing)
        book.handed_in(firing.job)
    return done


def fire(book: Book, trigger: Trigger, now: datetime) -> int:
    """Turn the groups of a trigger that are due into firings; return how many."""
    return book.fire(
        trigger.name,
        lambda group: due_at(trigger, group) <= now,
        partial(_payload, trigger),
        lambda: f"trigger-{trigger.name}-{secrets.token_hex(8)}",
        now,
    )


def due_at(trigger: Trigger, group: Group) -> datetime:
    """Return when a group's run may begin."""
    window = timedelta(minutes=trigger.window_minutes)
    return group.due(window, timedelta(minutes=trigger.distance_minutes))


def _payload(trigger: Trigger, records: list[int], reasons: list[str]) -> dict[str, Any]:
    """Return a job's payload: the report, its parameters, and what it is about, or why it runs."""
    given = records[-MOST:]
    about: dict[str, Any] = {"by": trigger.name}
    if isinstance(trigger.when, Change):
        about["records"] = trigger.when.records
    if given:
        about |= {"ids": given, "count": len(records)}
    if reasons:
        about["because"] = reasons
    return {
        "report": trigger.run.report,
        "parameters": trigger.parameters_for(given),
        "trigger": "trigger",
        "triggered": about,
    }
