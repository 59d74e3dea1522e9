"""Whether a delivery is to be made: thresholds and changes of a run's figures."""

from __future__ import annotations

from typing import Any

from workbench.errors import DeliveryError
from workbench.i18n import _, format_number, format_percent
from workbench.reports.delivery.band import band_of
from workbench.reports.delivery.destinations import OnlyIf
from workbench.reports.record import RunRecord, read_contents, runs


def unmet(condition: OnlyIf | None, record: RunRecord) -> str:
    """Return why a delivery is not made, empty if it is.

    Without a value there is no threshold to cross: a condition on it does not hold. Raises
    `DeliveryError` for a figure that the page does not have.
    """
    if condition is None:
        return ""
    if condition.outside_forecast and (reason := _inside(condition.outside_forecast, record)):
        return reason
    if not condition.looks_at_a_figure:
        return ""
    name = condition.figure or _("the answer")
    value = figure_value(record, condition.figure)
    if value is None:
        return _("{figure} has no value.").format(figure=name)
    shown = format_number(value, 4)
    if condition.above is not None and not value > condition.above:
        return _("{figure} is {value}, not above {limit}.").format(
            figure=name, value=shown, limit=format_number(condition.above, 4)
        )
    if condition.below is not None and not value < condition.below:
        return _("{figure} is {value}, not below {limit}.").format(
            figure=name, value=shown, limit=format_number(condition.below, 4)
        )
    if not condition.changed and condition.changed_by is None:
        return ""
    before = previous(record)
    then = figure_value(before, condition.figure) if before else None
    if then is None:
        return ""  # nothing to compare with: the first one is sent
    if value == then:
        return _("{figure} is {value}, as in the last run.").format(figure=name, value=shown)
    if condition.changed_by is not None and then:
        change = abs(value - then) / abs(then)
        if change < condition.changed_by:
            return _("{figure} changed by {change} since the last run.").format(
                figure=name, change=format_percent(change)
            )
    return ""


def _inside(metric: str, record: RunRecord) -> str:
    """Return why a metric has not left its band, empty if it has."""
    band = band_of(record, metric)
    if band is None:
        return _("{metric} has too short a history for a forecast.").format(metric=metric)
    if band.left:
        return ""
    return band.told(metric)


def figure_value(record: RunRecord, figure: str) -> float | None:
    """Return a key figure of a run, or its answer's value; None if it has no value."""
    if not figure:
        return _number(record.result.get("value"))
    known = {
        each["id"]: each
        for panel in read_contents(record.folder).get("panels", [])
        for each in panel.get("figures", [])
    }
    if figure not in known:
        raise DeliveryError(
            _("The page has no key figure “{figure}”; it has: {known}").format(
                figure=figure, known=", ".join(known) or "–"
            ),
            hint=_("Name one of them in only_if of the report file."),
        )
    return _number(known[figure]["value"])


def previous(record: RunRecord) -> RunRecord | None:
    """Return the newest earlier run of the same report with the same parameters that succeeded."""
    return next(
        (
            each
            for each in runs(record.report)
            if each.outcome == "succeeded"
            and each.parameters == record.parameters
            and each.id != record.id
            and each.started_at < record.started_at
        ),
        None,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
