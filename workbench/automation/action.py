"""The action "Analyse Commerciale": from a process's call to the answer it branches on.

The worker calls `answer` with what the handler queued. The settings are checked, the report runs
as a process of its own, and whatever happens the process gets its answer (see `delivery`): with
status ``invalid`` for a wrong setting, ``error`` or ``timeout`` for a run that ended badly.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from workbench.automation import decisions, delivery
from workbench.bitrix24 import activity
from workbench.bitrix24.activity import MAX_TEXT, Answer
from workbench.errors import QueryError, WorkbenchError
from workbench.i18n import _, use_language
from workbench.metrics import catalogue
from workbench.metrics.segments import check_expression, load_segments
from workbench.reports import load_reports, run_report
from workbench.reports.parameters import notebook_parameters
from workbench.reports.record import RunRecord
from workbench.warehouse import open_snapshot

log = logging.getLogger("workbench.action")

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


def action_rules() -> dict[str, str]:
    """Return ``{name: title}`` of the decision rules."""
    return {rule.name: rule.title.here() for rule in decisions.load_rules()}


def answer(payload: dict[str, Any]) -> dict[str, Any]:
    """Analyse for one queued call, hand in its answer and return that as ``{answer}``.

    May be repeated: it does nothing twice. ``payload`` is what the handler queued: key, member_id,
    event_token, document_id, properties, waits, received (ISO), language.
    """
    with use_language(payload["language"]):
        given = analyse(payload)
    if payload["waits"]:
        delivery.hand_in(payload, given)
    log.info("action %s: %s", payload["key"], given.status)
    return {"answer": given.return_values()}


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
        return _of_run(payload, record)
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


def _of_run(payload: Mapping[str, Any], record: RunRecord) -> Answer:
    if record.outcome == "succeeded":
        return of_result({"as_of": record.as_of, **record.result, **_decision(payload, record)})
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
    metric = _chosen(properties, "metric", "won_revenue", action_metrics())
    period = _chosen(properties, "period", "last_12_months", dict.fromkeys(activity.PERIODS))
    _chosen(properties, "rule", "", action_rules())
    return name, {
        "deal_id": int(document[1]),
        "metric": metric,
        "period": period,
        "compare": _chosen(properties, "compare", "previous", dict.fromkeys(activity.COMPARISONS)),
        "scope": _chosen(properties, "scope", "document", dict.fromkeys(activity.SCOPES)),
        "segment": _segment(properties),
        "horizon": _horizon(properties),
    }


def _segment(properties: Mapping[str, Any]) -> str:
    """Return the segment: a name, or a filter whose names and values are checked here."""
    value = _text(properties, "segment")
    if value and value not in load_segments():
        try:
            check_expression(value)
        except QueryError as error:
            raise Invalid(
                _("“segment” is neither the name of a segment nor a filter: {reason}").format(
                    reason=_printable(error.message, 300)
                )
            ) from None
    return value


def _horizon(properties: Mapping[str, Any]) -> int:
    value = _text(properties, "horizon") or "0"
    if not re.fullmatch(r"\d{1,2}", value, re.ASCII) or int(value) > activity.LONGEST_HORIZON:
        raise Invalid(
            _("“horizon” is a number of months from 0 to {most}, not “{value}”.").format(
                most=activity.LONGEST_HORIZON, value=_printable(value)
            )
        )
    return int(value)


def _decision(payload: Mapping[str, Any], record: RunRecord) -> dict[str, str]:
    """Return what the chosen rule decides on the deal, on the snapshot of its run.

    The action that the rule takes, ``none`` if it takes none; without a rule nothing. What is to
    be done is proposed, and waits for a person as any other proposal.
    """
    name = _text(payload["properties"], "rule")
    if not name or record.snapshot is None:
        return {}
    (rule,) = decisions.load_rules(name)
    with open_snapshot(record.snapshot) as snapshot:
        found = decisions.judge_one(rule, snapshot, f"deal:{record.parameters['deal_id']}")
    if found is None:
        return {"decision": "none"}
    decisions.write_down(rule, [found], decisions.ledger())
    return {"decision": found.action}


def _chosen(
    properties: Mapping[str, Any], key: str, default: str, allowed: Mapping[str, Any]
) -> str:
    value = _text(properties, key) or default
    if value and value not in allowed:
        raise Invalid(
            _("“{value}” is no possible value of “{key}”. Possible: {allowed}.").format(
                value=_printable(value), key=key, allowed=", ".join(allowed)
            )
        )
    return value


def _text(properties: Mapping[str, Any], key: str) -> str:
    value = properties.get(key, "")
    if not isinstance(value, str):
        raise Invalid(_("“{key}” takes one value.").format(key=key))
    return value.strip()


def _printable(text: str, longest: int = 60) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:longest])


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
