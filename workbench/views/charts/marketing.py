"""Charts of marketing spend and what came of it."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_money
from workbench.views import theme
from workbench.views.charts import axes

MOST_CHANNELS = len(theme.CATEGORIES)


def cost_per_lead_by_month(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """Cost per lead of each channel and month as lines.

    ``frame``: ``period``, ``channel``, ``cost_per_lead`` (base currency; missing without leads),
    ``marketing_spend`` (base currency), ``leads`` (count).
    """
    data = axes.as_float(frame, "cost_per_lead", "marketing_spend", "leads")
    y = axes.money_y(
        "cost_per_lead",
        _("Cost per lead"),
        axes.largest(data, "cost_per_lead"),
        currency,
    )
    tip = axes.money_tip("cost_per_lead", _("Cost per lead"))
    return _lines(data, y, tip)


def romi_by_month(frame: pd.DataFrame) -> alt.LayerChart:
    """Return on marketing investment of each channel and month as lines; 0 % = spend recovered.

    ``frame``: ``period``, ``channel``, ``romi`` (share; missing without spend),
    ``marketing_spend`` (base currency), ``leads`` (count).
    """
    data = axes.as_float(frame, "romi", "marketing_spend", "leads")
    y = alt.Y("romi:Q", title=_("ROMI"), axis=alt.Axis(format=",.0%"))
    even = (
        alt.Chart(pd.DataFrame({"romi": [0.0]}))
        .mark_rule(strokeDash=[5, 4])
        .encode(y=alt.Y("romi:Q"))
    )
    return _lines(data, y, axes.share_tip("romi", _("ROMI")), even)


def spend_by_channel(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """Spend of each channel beside the revenue won from it, as pairs of level bars.

    ``frame``: ``channel``, ``marketing_spend`` and ``won_revenue`` (base currency).
    """
    names = {"marketing_spend": _("Spend"), "won_revenue": _("Won revenue")}
    data = axes.as_float(frame, *names)
    order = data.sort_values("marketing_spend", ascending=False)["channel"].tolist()
    data = data.rename(columns={"channel": "group"})
    long = data.melt("group", list(names), var_name="series", value_name="amount")
    long = long.assign(series=long["series"].map(names)).dropna(subset=["amount"])
    labels = [format_money(amount, currency) for amount in long["amount"]]
    return axes.pairs(
        long,
        order,
        dict(zip(names.values(), (theme.ORANGE, theme.BLUE), strict=True)),
        axes.level_x("amount", _("Amount"), axes.largest(long, "amount"), labels),
        "$,.0f",
        [
            alt.Tooltip("group:N", title=_("Channel")),
            alt.Tooltip("series:N", title=_("What")),
            axes.money_tip("amount", _("Amount")),
        ],
    )


def _lines(data: pd.DataFrame, y: alt.Y, tip: alt.Tooltip, *behind: alt.Chart) -> alt.LayerChart:
    """One line with points per channel, the channels with the largest spend first."""
    spend = data.groupby("channel")["marketing_spend"].sum().sort_values(ascending=False)
    shown = spend.index[:MOST_CHANNELS].tolist()
    kept = axes.with_months(data[data["channel"].isin(shown)])
    base = alt.Chart(kept).encode(
        x=axes.month_axis(data["period"]),
        y=y,
        color=alt.Color(
            "channel:N",
            scale=alt.Scale(domain=shown, range=list(theme.CATEGORIES[: len(shown)])),
        ),
        # Shape repeats what colour says, for print and for colour-blind eyes.
        shape=alt.Shape("channel:N", scale=alt.Scale(domain=shown)),
        tooltip=[
            alt.Tooltip("channel:N", title=_("Channel")),
            axes.month_tip(),
            tip,
            axes.money_tip("marketing_spend", _("Spend")),
            axes.count_tip("leads", _("Leads")),
        ],
    )
    lines = base.mark_line().encode(shape=alt.Undefined)
    points = base.mark_point(opacity=1, filled=True, size=60)
    return axes.layered(*behind, lines, points, height=theme.HEIGHT)
