"""Panels of the marketing page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench import metrics
from workbench.analysis import findings
from workbench.i18n import _
from workbench.views import charts
from workbench.views.contents import ChartContent, Content, TableContent
from workbench.views.panels import parts
from workbench.views.selection import Selection
from workbench.views.tables import Column, columns_of

FIGURES = (
    "marketing_spend",
    "leads",
    "marketing_leads",
    "cost_per_lead",
    "marketing_revenue",
    "romi",
    "lead_conversion",
    "cac",
)
BY_CHANNEL = (
    "marketing_spend",
    "marketing_leads",
    "cost_per_lead",
    "marketing_revenue",
    "romi",
    "roas",
)


def _by_channel(selection: Selection, ids: str | Sequence[str], **options: Any) -> pd.DataFrame:
    """Ask by CRM source, where spend, leads and deals meet, and call the source the channel."""
    frame = selection.query(ids, by="source", **options)
    facts = {**frame.attrs, "by": ["channel"]}
    frame = frame.rename(columns={"source": "channel"})
    frame.attrs = facts
    return frame


def figures(selection: Selection) -> Content:
    """Return the key figures of marketing, beside the period before."""
    return parts.figures(selection, FIGURES)


def spend_and_revenue(selection: Selection) -> Content:
    """Return spend and the revenue won from it, by channel."""
    title = _("Spend and won revenue by channel")
    frame = _by_channel(selection, ["marketing_spend", "marketing_revenue", "romi"])
    if (notice := parts.absent(frame, title, "marketing_spend")) is not None:
        return notice
    return ChartContent(
        title,
        charts.spend_by_channel(
            frame.rename(columns={"marketing_revenue": "won_revenue"}), currency=selection.currency
        ),
        findings.spend(frame),
        frame,
        columns_of(frame),
        parts.rate_note(frame),
    )


def cost_per_lead_by_month(selection: Selection) -> Content:
    """Return the cost per lead by month and channel."""
    title = _("Cost per lead by channel")
    frame = _by_channel(
        selection, ["cost_per_lead", "marketing_spend", "marketing_leads"], grain="month"
    )
    if (notice := parts.absent(frame, title, "marketing_spend")) is not None:
        return notice
    drawn = frame.rename(columns={"marketing_leads": "leads"})
    return ChartContent(
        title,
        charts.cost_per_lead_by_month(drawn, currency=selection.currency),
        findings.main(_by_channel(selection, "cost_per_lead")),
        frame,
        columns_of(frame),
        parts.joined(parts.partial_note(frame, "cost_per_lead"), parts.rate_note(frame)),
    )


def romi_by_month(selection: Selection) -> Content:
    """Return the return on marketing investment by month and channel."""
    title = _("ROMI by channel")
    frame = _by_channel(selection, ["romi", "marketing_spend", "marketing_leads"], grain="month")
    if (notice := parts.absent(frame, title, "marketing_spend")) is not None:
        return notice
    return ChartContent(
        title,
        charts.romi_by_month(frame.rename(columns={"marketing_leads": "leads"})),
        findings.main(_by_channel(selection, "romi")),
        frame,
        columns_of(frame),
        parts.joined(parts.partial_note(frame, "romi"), parts.rate_note(frame)),
    )


def channels(selection: Selection) -> Content:
    """Return every figure by channel, as a table."""
    title = _("Channels")
    frame = _by_channel(selection, list(BY_CHANNEL))
    if (notice := parts.absent(frame, title, "marketing_spend")) is not None:
        return notice
    facts = frame.attrs
    frame = frame.sort_values("marketing_spend", ascending=False, kind="stable")
    frame.attrs = facts
    shown = [
        Column("channel", str(metrics.dimension_titles()["channel"])),
        *columns_of(frame[list(BY_CHANNEL)]),
    ]
    return TableContent(title, frame, shown, parts.rate_note(frame))


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: the return on marketing investment."""
    return parts.answer(selection, "romi")
