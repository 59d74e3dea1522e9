"""Panels of the page of the funnel: where deals stop, how surely and how quickly they go on."""

from __future__ import annotations

from typing import Any

from workbench import metrics
from workbench.analysis import findings
from workbench.i18n import _
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, TableContent
from workbench.views.panels import parts
from workbench.views.panels.sales import funnel
from workbench.views.selection import Selection
from workbench.views.tables import Column, columns_of

__all__ = [
    "answer",
    "by_month",
    "figures",
    "funnel",
    "lead_sources",
    "managers",
    "sources",
    "stages",
]

FIGURES = (
    "deals",
    "closed_win_rate",
    "created_win_rate",
    "step_conversion",
    "skip_rate",
    "rework_rate",
    "leads",
    "lead_conversion",
)
OF_STAGES = ("stage_reach", "step_conversion", "skip_rate", "rework_rate", "time_in_stage_median")


def figures(selection: Selection) -> Content:
    """Return the key figures of the funnel, beside the period before."""
    return parts.figures(selection, FIGURES)


def stages(selection: Selection) -> Content:
    """Return how deals do in each stage of the pipeline with most of them, as a table."""
    title = _("Stage by stage")
    most = parts.main_pipeline(selection, title)
    if not isinstance(most, tuple):
        return most
    pipeline, pipeline_id = most
    where = selection.where(OF_STAGES, f"pipeline_id = {pipeline_id}")
    frame = selection.query(OF_STAGES, by="stage", where=where)
    facts = frame.attrs
    order = selection.snapshot.read("stages")
    order = order[(order["pipeline_id"] == pipeline_id) & (order["semantics"] != "F")]
    place = {name: number for number, name in enumerate(order["stage"].drop_duplicates())}
    frame = frame[frame["stage"].isin(place)]
    frame = frame.sort_values("stage", key=lambda names: names.map(place)).reset_index(drop=True)
    if frame.empty:
        return parts.empty(title)
    frame.attrs = facts
    columns = [Column("stage", _("Stage")), *columns_of(frame[list(OF_STAGES)])]
    return TableContent(
        _("Stage by stage: {pipeline}").format(pipeline=pipeline),
        frame,
        columns,
        _(
            "Reached, gone on, skipped and come back to: deals created in the period, so far."
            " Median time: deals that left the stage for good in the period."
        ),
    )


def by_month(selection: Selection) -> Content:
    """Return which share of the deals created in each month has been won so far."""
    title = _("Won of the deals created in each month")
    asked = selection.query("created_win_rate", grain="month")
    frame = parts.known_months(asked, "created_win_rate")
    if (notice := parts.absent(frame, title, "created_win_rate")) is not None:
        return notice
    drawn = parts.marked_open(frame, "created_win_rate")
    return ChartContent(
        title,
        charts.measure_by_month(
            drawn, "created_win_rate", _("Won so far"), values.SHARE, _("Deals created")
        ),
        findings.main(asked),
        frame,
        columns_of(frame),
        parts.joined(charts.open_note(drawn), parts.too_young(frame, "created_win_rate")),
    )


def managers(selection: Selection) -> Content:
    """Return the share of created deals that was won, by manager."""
    return _won_by(selection, "manager", _("Won by manager"))


def sources(selection: Selection) -> Content:
    """Return the share of created deals that was won, by source."""
    return _won_by(selection, "source", _("Won by source"))


def lead_sources(selection: Selection) -> Content:
    """Return the share of created leads that became deals, by source."""
    return _rate_by(
        selection, "lead_conversion", "source", _("Leads that became deals"), _("Converted so far"),
        _("Leads created"),
    )  # fmt: skip


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: the win rate of the deals closed in the period.

    That of those created in it would always seem to fall.
    """
    return parts.answer(selection, "closed_win_rate")


def _won_by(selection: Selection, group: str, title: str) -> Content:
    return _rate_by(
        selection, "created_win_rate", group, title, _("Won so far"), _("Deals created")
    )


def _rate_by(
    selection: Selection, metric: str, group: str, title: str, scale: str, counted: str
) -> Content:
    frame = selection.query(metric, by=group)
    if (notice := parts.absent(frame, title, metric)) is not None:
        return notice
    facts = frame.attrs
    frame = frame.sort_values(metric, ascending=False, kind="stable").reset_index(drop=True)
    frame.attrs = facts
    name = str(metrics.dimension_titles()[group])
    young = _("The newest deals or leads are too recent to judge.")
    return ChartContent(
        title,
        charts.rate_by_group(frame, group, name, metric, scale, counted),
        findings.main(frame),
        frame,
        [Column(group, name), *columns_of(frame[[metric]]), Column("n", counted, values.COUNT)],
        young if facts["statuses"][metric] == "immature" else "",
    )
