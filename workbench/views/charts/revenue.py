"""Charts of won revenue."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_money
from workbench.views import theme
from workbench.views.charts import axes


def revenue_by_month(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """Won revenue of each month as bars, the same month a year earlier as a wider bar behind.

    ``frame``: ``period`` (first day of the month), ``won_revenue`` (base currency), ``n`` (deals)
    and, where known, ``year_ago`` (base currency).
    """
    now, before = _("This period"), _("A year earlier")
    known = "year_ago" in frame and bool(frame["year_ago"].notna().any())
    columns = ["won_revenue", "year_ago"] if known else ["won_revenue"]
    data = axes.with_months(axes.as_float(frame, *columns)).assign(now=now, before=before)
    top = axes.largest(data, *columns)
    x = axes.month_axis(frame["period"])
    scale = alt.Scale(
        domain=[now, before] if known else [now],
        range=[theme.BLUE, theme.SLATE] if known else [theme.BLUE],
    )
    legend = alt.Legend() if known else None
    tips = [
        axes.month_tip(),
        axes.money_tip("won_revenue", _("Won revenue")),
        *([axes.money_tip("year_ago", before)] if known else []),
        axes.count_tip("n", _("Won deals")),
    ]
    y = axes.money_y("won_revenue", _("Won revenue"), top, currency)
    bars = alt.Chart(data).encode(x=x, tooltip=tips)
    front = bars.mark_bar(width={"band": 0.6 if known else 1}).encode(
        y=y, color=alt.Color("now:N", scale=scale, legend=legend)
    )
    layers = [front]
    if known:
        behind = alt.Color("before:N", scale=scale)
        layers.insert(0, bars.mark_bar().encode(y=alt.Y("year_ago:Q"), color=behind))
    return axes.layered(*layers, height=theme.HEIGHT)


def revenue_by_group(
    frame: pd.DataFrame, group: str, group_title: str, *, currency: str
) -> alt.LayerChart:
    """Won revenue of each pipeline, manager or source as level bars, largest first.

    ``frame``: the column ``group``, ``won_revenue`` (base currency) and ``n`` (deals). The
    largest 15 are drawn.
    """
    data, note = axes.top_groups(axes.as_float(frame, "won_revenue"), group, "won_revenue")
    base = alt.Chart(data).encode(
        y=alt.Y("name:N", sort=data["name"].tolist(), title=None),
        x=axes.level_x(
            "won_revenue",
            axes.noted(_("Won revenue"), note),
            axes.largest(data, "won_revenue"),
            [format_money(value, currency) for value in data["won_revenue"]],
        ),
        tooltip=[
            alt.Tooltip("name:N", title=group_title),
            axes.money_tip("won_revenue", _("Won revenue")),
            axes.count_tip("n", _("Won deals")),
        ],
    )
    labels = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(
        text=alt.Text("won_revenue:Q", format="$,.0f")
    )
    return axes.layered(base.mark_bar(), labels, height=alt.Step(28))
