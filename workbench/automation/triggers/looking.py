"""A look at the newest data: what each trigger is to start a run for."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workbench.automation.triggers.book import Book, Firing, Found, Watched, book_file
from workbench.automation.triggers.changes import BeginAnew, changed_since, fitting, lacks
from workbench.automation.triggers.conditions import holding
from workbench.automation.triggers.declared import Trigger, load_trigger, trigger_names
from workbench.automation.triggers.when import Called, Change
from workbench.automation.triggers.windows import hand_in_due
from workbench.errors import NoSnapshot, WarehouseError, WorkbenchError
from workbench.i18n import _, ngettext
from workbench.settings import settings
from workbench.warehouse import Snapshot, newest_snapshot


@dataclass
class Looked:
    """What a look came to: sentences for whoever runs the sync."""

    started: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(now: datetime | None = None) -> Looked:
    """Compare for every trigger, note what has changed, and start the runs that are due.

    To be called after each sync, also after one that found nothing new: it takes up what one that
    was killed has left. A trigger that is new, switched on again or says something else from now
    on watches from this moment. What is wrong with one holds up no other. Raises nothing: a sync
    that is done is done.
    """
    told = Looked()
    try:
        _look_all(told, now or datetime.now(UTC))
    except (WorkbenchError, sqlite3.Error) as problem:
        told.problems.append(_("Triggers could not look: {problem}").format(problem=problem))
    return told


def _look_all(told: Looked, now: datetime) -> None:
    names = trigger_names()
    if settings().snapshot or not (names or book_file().exists()):
        return
    try:
        newest = newest_snapshot()
    except NoSnapshot:
        return
    book, enabled = Book(), []
    with newest:
        for name in names:
            try:
                trigger = load_trigger(name)
                if not trigger.enabled:
                    continue
                enabled.append(name)
                _look(trigger, book, newest, now, told)
            except WorkbenchError as problem:
                enabled.append(name)
                book.complain(name, str(problem))
                told.problems.append(
                    _("Trigger {name}: {problem}").format(name=name, problem=problem)
                )
    book.keep_only(set(enabled))
    told.started += [_started(firing) for firing in hand_in_due(now)]


def _started(firing: Firing) -> str:
    report = firing.payload["report"]
    if not firing.records:
        because = " ".join(firing.payload["triggered"].get("because", []))
        sentence = _("Trigger {name}: a run of {report} is queued. {reason}")
        return sentence.format(name=firing.trigger, report=report, reason=because).rstrip()
    sentence = ngettext(
        "Trigger {name}: a run of {report} is queued, for {n} record.",
        "Trigger {name}: a run of {report} is queued, for {n} records.",
        firing.records,
    )
    return sentence.format(name=firing.trigger, report=report, n=firing.records)


def _look(trigger: Trigger, book: Book, newest: Snapshot, now: datetime, told: Looked) -> None:
    before = book.watched(trigger.name)
    known = before if before and before.definition == trigger.definition else None
    if isinstance(trigger.when, Change):
        _look_at_records(trigger, trigger.when, known, book, newest, now, told)
    elif isinstance(trigger.when, Called):  # whose calls wait in the book already
        if known is None:
            book.begin(trigger.name, trigger.definition, newest.id, now)
    else:
        held = holding(trigger.when, newest)
        if known is None:
            book.begin(trigger.name, trigger.definition, newest.id, now, held=held.keys())
        elif known.seen < newest.id:
            fresh = [reason for mark, reason in held.items() if mark not in known.held]
            found = [Found("", reason=" ".join(fresh))] if fresh else []
            book.look(known, newest.id, found, now, held=held.keys())


def _look_at_records(
    trigger: Trigger,
    when: Change,
    before: Watched | None,
    book: Book,
    newest: Snapshot,
    now: datetime,
    told: Looked,
) -> None:
    lacking = lacks(when, newest)
    if lacking:
        raise WarehouseError(
            _("it waits until all of these are loaded: {names}.").format(names=", ".join(lacking))
        )
    if before is None:
        fitting(when, newest)  # so that a wrong name is told now, not at the first change
        book.begin(trigger.name, trigger.definition, newest.id, now)
    elif before.seen < newest.id:
        try:
            changed = changed_since(when, before.seen, newest)
        except BeginAnew as reason:
            book.begin(trigger.name, trigger.definition, newest.id, now, str(reason))
            told.problems.append(
                _("Trigger {name}: {problem}").format(name=trigger.name, problem=reason)
            )
            return
        alone = trigger.per == "record"
        parts = [Found(str(each) if alone else "", each) for each in changed]
        book.look(before, newest.id, parts, now)
