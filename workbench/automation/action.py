"""The action "Analyse Commerciale": from a process's call to the answer it branches on.

The worker calls `answer` with what the handler queued. The settings are checked, the report runs
as a process of its own, and whatever happens the process gets its ``bizproc.event.send``: with
status ``invalid`` for a wrong setting, ``error`` or ``timeout`` for a run that ended badly.
"""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from workbench.bitrix24 import activity, oauth
from workbench.bitrix24.activity import MAX_TEXT, Answer
from workbench.errors import (
    AccessDenied,
    BadCredentials,
    ConfigurationError,
    PortalError,
    WorkbenchError,
)
from workbench.i18n import _, use_language
from workbench.metrics import catalogue
from workbench.reports import load_reports, run_report
from workbench.reports.parameters import notebook_parameters

log = logging.getLogger("workbench.action")

PATIENCE = 3 * 86_400  # seconds for which sending is tried while the portal does not accept
LONGEST_PAUSE = 60.0  # seconds between two tries

Sent = Literal["accepted", "gone", "given up", "not waited for"]

_DOCUMENT = re.compile(r"DEAL_([1-9]\d{0,17})")


class Invalid(Exception):
    """A setting of the action that cannot be used; the text goes back to the process."""


def action_reports() -> dict[str, str]:
    """Return ``{name: title}`` of the reports that analyse one deal."""
    return {
        report.name: str(report.title)
        for report in load_reports()
        if "deal_id" in notebook_parameters(report.notebook_file)
    }


def action_metrics() -> dict[str, str]:
    """Return ``{id: title}`` of every metric."""
    return {name: str(metric.title) for name, metric in catalogue().items()}


def action_scopes() -> tuple[str, ...]:
    """Return what an analysis can be about, beside the deal itself."""
    return ("document",)


def answer(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer one queued call; return ``{answer, sent}``. May be repeated: it does nothing twice.

    ``payload`` is what the handler queued: key, member_id, event_token, document_id, properties,
    waits, timeout_duration (seconds, 0 = none), received (ISO), language.
    """
    with use_language(payload["language"]):
        given = analyse(payload)
        sent: Sent = "not waited for"
        if payload["waits"]:
            sent = send(payload, given)
    log.info("action %s: %s, %s", payload["key"], given.status, sent)
    return {"answer": given.return_values(), "sent": sent}


def analyse(payload: Mapping[str, Any]) -> Answer:
    """Run the report that the call asks for; every failure becomes an `Answer`."""
    try:
        name, parameters = request(payload["document_id"], payload["properties"])
        record = run_report(
            name,
            parameters,
            run_id=payload["key"],
            trigger="action",
            queued_at=datetime.fromisoformat(payload["received"]),
        )
    except Invalid as error:
        return Answer(status="invalid", error=str(error))
    except WorkbenchError as error:
        status: activity.Status = "invalid" if error.exit_code == 2 else "error"
        return Answer(status=status, error=str(error)[:MAX_TEXT])
    except Exception as error:
        log.exception("action %s", payload["key"])
        return Answer(
            status="error",
            error=_("The analysis failed ({kind}).").format(kind=type(error).__name__),
        )
    if record.outcome == "succeeded":
        return of_result({"as_of": record.as_of, **record.result})
    if record.outcome == "timed_out":
        return Answer(status="timeout", error=_("The analysis took too long."))
    why = str(record.error) if record.error else _("The analysis failed.")
    return Answer(status="error", error=why[:MAX_TEXT])


def request(
    document_id: list[str], properties: Mapping[str, Any]
) -> tuple[str, dict[str, int | str]]:
    """Return the report and its parameters; raises `Invalid` with the reason.

    ``document_id`` is Bitrix24's triple, whose last part is ``DEAL_<id>``.
    """
    document = _DOCUMENT.fullmatch(document_id[2])
    if document_id[:2] != ["crm", "CCrmDocumentDeal"] or document is None:
        raise Invalid(_("The action analyses deals; this document is none."))
    name = _chosen(properties, "report", "deal", action_reports())
    metric = _chosen(properties, "metric", "", action_metrics())
    period = _chosen(properties, "period", "last_12_months", dict.fromkeys(activity.PERIODS))
    _chosen(properties, "scope", "document", dict.fromkeys(action_scopes()))
    parameters: dict[str, int | str] = {"deal_id": int(document[1]), "period": period}
    if metric:
        parameters["metric"] = metric
    return name, parameters


def _chosen(
    properties: Mapping[str, Any], key: str, default: str, allowed: Mapping[str, Any]
) -> str:
    value = properties.get(key, "")
    if not isinstance(value, str):
        raise Invalid(_("“{key}” takes one value.").format(key=key))
    value = value.strip() or default
    if value and value not in allowed:
        shown = "".join(c if c.isprintable() else " " for c in value[:60])
        raise Invalid(
            _("“{value}” is no possible value of “{key}”. Possible: {allowed}.").format(
                value=shown, key=key, allowed=", ".join(allowed)
            )
        )
    return value


def of_result(result: Mapping[str, Any]) -> Answer:
    """Return the answer that a run's ``result.json`` holds; unknown keys are left out."""
    known = {name: result[name] for name in Answer.model_fields if result.get(name) is not None}
    known["status"] = {"no data": "empty"}.get(known.get("status", "ok"), known.get("status", "ok"))
    try:
        return Answer.model_validate(known)
    except ValidationError as error:
        fields = ", ".join(str(item["loc"][0]) for item in error.errors())
        return Answer(
            status="error",
            error=_("The report returned values of a wrong type: {fields}.").format(fields=fields),
        )


def send(payload: Mapping[str, Any], given: Answer) -> Sent:
    """Send the answer until the portal accepts it or its token is gone.

    A repeated answer is refused by the portal, which counts as gone. Given up are answers that
    the portal refuses for another reason, or does not take for `PATIENCE`.
    """
    started = time.monotonic()
    for pause in _pauses():
        try:
            installation = oauth.load(payload["member_id"])
            if installation is None:
                return "gone"
            with oauth.portal(installation) as portal:
                portal.call(
                    "bizproc.event.send",
                    {
                        "EVENT_TOKEN": payload["event_token"],
                        "RETURN_VALUES": given.return_values(),
                        "LOG_MESSAGE": given.summary or given.error or given.status,
                    },
                )
            return "accepted"
        except (PortalError, ConfigurationError, OSError) as error:
            if isinstance(error, AccessDenied) and error.code == "ACCESS_DENIED":
                return "gone"  # not so a missing scope
            if not _passes(error) or time.monotonic() - started > PATIENCE:
                log.error("action %s: not sent, %s", payload["key"], error)
                return "given up"
            log.warning("action %s: not sent yet, %s", payload["key"], type(error).__name__)
            time.sleep(pause)
    raise AssertionError("pauses do not end")


def _passes(error: Exception) -> bool:
    """Tell whether sending may succeed later.

    A lost token may come back with the portal's next call (`oauth.adopt`). A worker that lacks a
    setting or cannot read a file is put right and started again, with this answer still to send.
    """
    if not isinstance(error, PortalError):
        return True
    return error.may_pass or isinstance(error, BadCredentials) or error.status >= 500


def _pauses() -> Iterator[float]:
    for power in itertools.count():
        yield min(LONGEST_PAUSE, 0.5 * 2 ** min(power, 10))
