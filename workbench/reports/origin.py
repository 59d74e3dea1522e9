"""Where a run's numbers come from, in words: for its page, its workbook and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.i18n import _, format_datetime, format_number
from workbench.reports.record import RunRecord


def stamp(record: RunRecord) -> str:
    """Return up to when the data go, in the portal's time zone."""
    if not record.as_of:
        return _("No portal data")
    moment = format_datetime(record.as_of, record.timezone)
    return _("Data as of {moment}").format(moment=moment)


def period_label(record: RunRecord) -> str:
    """Return the period that the run is about, empty if it has none."""
    return next((period["label"] for period in record.periods.values()), "")


def origin(record: RunRecord) -> list[tuple[str, str]]:
    """Return report, run, what it repeats, snapshot, portal, moment, program, as known."""
    facts = (
        (_("Report"), record.report),
        (_("Run"), record.id),
        (_("Repeats"), record.repeats),
        (_("Data"), record.snapshot),
        (_("Portal"), record.portal),
        (_("Run on"), format_datetime(record.started_at, record.timezone)),
        (
            _("Program"),
            " ".join(filter(None, (record.version, (record.commit or "")[:10]))),
        ),
    )
    return [(label, value) for label, value in facts if value]


def shown_parameters(record: RunRecord) -> list[tuple[str, str]]:
    """Return the run's parameters with their values as a reader knows them."""
    return [
        (parameter_name(name), _value(name, value, record))
        for name, value in record.parameters.items()
    ]


def parameter_name(name: str) -> str:
    """Return what a page calls its filter; other parameters have no name but their own."""
    # Not asked of `workbench.views`, whose imports take longer than this page.
    return {
        "period": _("Period"),
        "pipeline": _("Pipeline"),
        "department": _("Department"),
        "manager": _("Manager"),
        "source": _("Source"),
        "channel": _("Channel"),
        "industry": _("Industry"),
        "segment": _("Segment"),
        "against": _("Compared with"),
        "severity": _("Severity"),
    }.get(name, name)


def _value(name: str, value: Any, record: RunRecord) -> str:
    label = record.periods.get(name, {}).get("label")
    if label is not None:
        return label if label == value else f"{label} ({value})"
    if value == "all" and parameter_name(name) != name:
        return _("All")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return format_number(value, 6)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "–"
    return str(value) or "–"


def defined(entry: Mapping[str, Any]) -> str:
    """Return the definition of a figure or column, and by which date it counts."""
    text = str(entry.get("definition") or "")
    if entry.get("date_basis"):
        counted = _("Counted by: {basis}.").format(basis=entry["date_basis"])
        text = f"{text} {counted}".strip()
    return text
