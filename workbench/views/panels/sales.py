"""Panels of the sales page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench import metrics
from workbench.analysis import findings
from workbench.analysis import funnel as funnels
from workbench.i18n import _, format_number, ngettext
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content
from workbench.views.panels import parts
from workbench.views.selection import Selection
from workbench.views.tables import Column, columns_of

FIGURES = (
    "won_revenue",
    "deals_won",
    "closed_win_rate",
    "average_won_deal",
    "won_cycle_median",
    "sales_velocity",
    "open_amount",
    "stalled_deals",
)


def figures(selection: Selection) -> Content:
    """Return the key figures of sales, beside the period before."""
    return parts.figures(selection, FIGURES)


def revenue_by_month(selection: Selection) -> Content:
    """Return won revenue by month beside the year before."""
    title = _("Won revenue by month")
    asked = selection.query("won_revenue", grain="month", compare=_year_ago(selection))
    frame = parts.known_months(asked, "won_revenue")
    if (notice := parts.absent(frame, title, "won_revenue")) is not None:
        return notice
    frame = frame.rename(columns={"won_revenue_before": "year_ago"})
    columns = [Column("period", _("Month"), "month"), *columns_of(frame[["won_revenue"]])]
    if "year_ago" in frame:
        columns.append(Column("year_ago", _("A year earlier"), values.MONEY))
    return ChartContent(
        title,
        charts.revenue_by_month(frame, currency=selection.currency),
        parts.joined(findings.main(asked), _above_year_ago(frame)),
        frame,
        [*columns, Column("n", _("Won deals"), values.COUNT)],
        parts.joined(parts.partial_note(frame, "won_revenue"), parts.rate_note(asked)),
    )


def _above_year_ago(frame: pd.DataFrame) -> str:
    """Say how many of the complete months brought more than those a year earlier."""
    if "year_ago" not in frame:
        return ""
    partial = {
        pd.Timestamp(day)
        for day, mark in frame.attrs["marks"].get("won_revenue", {}).items()
        if mark == "partial"
    }
    known = frame[["period", "won_revenue", "year_ago"]].dropna()
    known = known[~known["period"].isin(partial)]
    if known.empty:
        return ""
    above = int((known["won_revenue"].astype(float) > known["year_ago"].astype(float)).sum())
    return ngettext(
        "{n} of {all} months is above the year before.",
        "{n} of {all} months are above the year before.",
        above,
    ).format(n=format_number(above), all=format_number(len(known)))


def win_rate_by_month(selection: Selection) -> Content:
    """Return the closed win rate by month."""
    title = _("Win rate by month")
    asked = selection.query(["closed_win_rate", "deals_won", "deals_lost"], grain="month")
    frame = parts.known_months(asked, "closed_win_rate")
    if (notice := parts.absent(frame, title, "closed_win_rate")) is not None:
        return notice
    return ChartContent(
        title,
        charts.win_rate_by_month(frame),
        findings.main(asked),
        frame,
        columns_of(frame),
        parts.partial_note(frame, "closed_win_rate"),
    )


def pipelines(selection: Selection) -> Content:
    """Return won revenue and win rate by pipeline."""
    return _by_group(selection, "pipeline", _("Pipelines"))


def managers(selection: Selection) -> Content:
    """Return won revenue and win rate by manager."""
    return _by_group(selection, "manager", _("Managers"))


def sources(selection: Selection) -> Content:
    """Return won revenue and win rate by source."""
    return _by_group(selection, "source", _("Sources"))


def _by_group(selection: Selection, group: str, title: str) -> Content:
    asked = ["won_revenue", "deals_won", "closed_win_rate", "average_won_deal", "won_cycle_median"]
    frame = selection.query(asked, by=group)
    if (notice := parts.absent(frame, title, "won_revenue")) is not None:
        return notice
    facts = frame.attrs
    frame = frame.sort_values("won_revenue", ascending=False, kind="stable").reset_index(drop=True)
    frame.attrs = facts
    group_title = str(metrics.dimension_titles()[group])
    shown = [Column(group, group_title), *columns_of(frame[asked])]
    return ChartContent(
        title,
        charts.revenue_by_group(frame, group, group_title, currency=selection.currency),
        findings.main(frame),
        frame,
        shown,
        parts.rate_note(frame),
    )


def _year_ago(selection: Selection) -> str | None:
    return None if selection.period.is_all else "year_ago"


def funnel(selection: Selection) -> Content:
    """Return how far the deals created in the period came, in the pipeline with most of them."""
    title = _("Funnel")
    most = parts.main_pipeline(selection, title)
    if not isinstance(most, tuple):
        return most
    pipeline, pipeline_id = most
    reached = selection.query(
        "stage_reach",
        by=("pipeline", "stage"),
        where=selection.where(["stage_reach"], f"pipeline_id = {pipeline_id}"),
    )
    stages = selection.snapshot.read("stages")
    table = funnels.reach(reached, stages[stages["pipeline_id"] == pipeline_id])
    return ChartContent(
        _("Funnel: {pipeline}").format(pipeline=pipeline),
        charts.funnel(table),
        findings.funnel(table),
        table[["stage", "reached", "step_conversion", "cumulative_conversion"]],
        [
            Column("stage", _("Stage")),
            Column("reached", _("Deals that reached the stage"), values.COUNT),
            Column("step_conversion", _("Of the stage before"), values.SHARE),
            Column("cumulative_conversion", _("Of the first stage"), values.SHARE),
        ],
        _("Deals created in the period, by how far they have come so far."),
    )


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: won revenue, what it was before, and the main finding."""
    return parts.answer(selection, "won_revenue")
