"""One try of one delivery: at most one gets through, and what became of it is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from workbench.errors import DeliveryError, WorkbenchError
from workbench.i18n import _, use_language
from workbench.reports.delivery import conditions, folder, mail, portal, web
from workbench.reports.delivery.book import ENDED, Delivery, deliveries_of, enter, held
from workbench.reports.delivery.destinations import OWN, Folder, Mail, Notification, Webhook, shown
from workbench.reports.fan_out import owner
from workbench.reports.record import RunRecord, read_record
from workbench.reports.report import Report, load_report

PATIENCE = timedelta(days=3)  # for which a delivery is tried
LONGEST_PAUSE = 1800.0  # seconds between two tries

log = logging.getLogger("workbench.delivery")


def plan(record: RunRecord) -> list[Delivery]:
    """Enter what the report's file asks for; return the run's deliveries, all of them.

    Nothing is delivered of a run that did not succeed. What is entered stays as it is, whatever
    becomes of the file.
    """
    if record.outcome != "succeeded":
        return []
    try:
        report = load_report(record.report)
    except WorkbenchError as problem:
        log.error("%s: %s", record.id, problem)
        return deliveries_of(record.folder)
    return enter(
        record,
        [_planned(record, report, n, each) for n, each in enumerate(report.deliver, start=1)],
    )


def _planned(record: RunRecord, report: Report, number: int, wanted: Any) -> Delivery:
    """Return a delivery with its recipients named; one whose recipient is unknown has failed."""
    with use_language("en" if record.language == "en" else "fr"):
        error = None
        try:
            wanted = _addressed(record, report, wanted)
        except WorkbenchError as problem:
            error = str(problem)
    return Delivery(
        number=number,
        by=wanted.by,
        to=shown(wanted),
        destination=wanted.model_dump(mode="json", exclude_none=True),
        state="failed" if error else "waiting",
        error=error,
    )


def _addressed(record: RunRecord, report: Report, wanted: Any) -> Any:
    """Put the recipients in place of `own`."""
    names = [*getattr(wanted, "to", []), *getattr(wanted, "cc", []), *getattr(wanted, "users", [])]
    if OWN not in names:
        return wanted
    if report.for_each is None or record.part is None:
        raise DeliveryError(
            _("This run is not about one {thing}, so it has no recipient of its own.").format(
                thing=report.for_each.by if report.for_each else "manager"
            ),
            hint=_("`own` needs for_each in the report file."),
        )
    who = owner(report.for_each, record.part, record.snapshot)
    if isinstance(wanted, Notification):
        if who.user is None:
            raise DeliveryError(_("{value} is no user of the portal.").format(value=record.part))
        users = [who.user if each == OWN else each for each in wanted.users]
        return wanted.model_copy(update={"users": users})
    if not who.addresses:
        raise DeliveryError(
            _("{value} has no e-mail address on the portal.").format(value=record.part)
        )
    changed = {
        field: [
            address
            for each in getattr(wanted, field)
            for address in (who.addresses if each == OWN else (each,))
        ]
        for field in ("to", "cc")
    }
    return wanted.model_copy(update=changed)


def attempt(run_id: str, number: int, *, again: bool = False) -> Delivery:
    """Make one try and return the delivery as it is now; ``waiting`` if it is to be tried again.

    What has ended is left alone; with ``again`` what failed or is uncertain is tried once more.
    Raises `UsageError` for a run or delivery that is not there.
    """
    record = read_record(run_id)
    with (
        held(record.folder, number) as (delivery, note),
        use_language("en" if record.language == "en" else "fr"),
    ):
        retried = again and delivery.state in ("failed", "uncertain")
        if delivery.state in ENDED and not retried:
            return delivery
        cut_off = delivery.state == "sending"
        if cut_off and delivery.by == "mail":
            note(
                state="uncertain",
                error=_("The process that sent it ended in the middle of sending."),
            )
            return delivery
        repeated = delivery.tries > 0
        if retried:
            note(since=datetime.now(UTC))
        _try(record, delivery, note, repeated=repeated)
        log.info("%s: delivery %d (%s): %s", run_id, number, delivery.by, delivery.state)
        return delivery


def pause(tries: int) -> float:
    """Return the seconds after try number ``tries`` (from 1) before the next."""
    return min(LONGEST_PAUSE, 5.0 * 3.0 ** min(tries - 1, 20))


def _try(
    record: RunRecord, delivery: Delivery, note: Callable[..., None], *, repeated: bool
) -> None:
    """Deliver, and note what came of it."""
    try:
        asked = delivery.asked()
        if reason := conditions.unmet(asked.only_if, record):
            note(state="skipped", detail=reason, error=None)
            return
        note(tries=delivery.tries + 1)

        def begin() -> None:
            note(state="sending")

        number = delivery.number
        if isinstance(asked, Mail):
            detail = mail.send(asked, record, number, begin)
        elif isinstance(asked, Folder):
            detail = folder.put(asked, record, begin)
        elif isinstance(asked, Webhook):
            detail = web.post(asked, record, number, begin)
        else:
            detail = portal.send(asked, record, number, begin, repeated)
        note(state="sent", detail=detail, error=None)
    except DeliveryError as problem:
        patient = datetime.now(UTC) - delivery.since < PATIENCE
        state = "uncertain" if problem.uncertain else "failed"
        note(state="waiting" if problem.may_pass and patient else state, error=str(problem))
    except WorkbenchError as problem:  # a setting, a file
        note(state="failed", error=str(problem))
    except Exception as problem:
        log.exception("%s: delivery %d", record.id, delivery.number)
        uncertain = delivery.state == "sending" and delivery.by == "mail"
        note(
            state="uncertain" if uncertain else "failed",
            error=_("It could not be made: {reason}").format(reason=type(problem).__name__),
        )
