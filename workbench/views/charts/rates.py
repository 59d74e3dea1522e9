"""Charts of shares: win rates over time and between groups."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_number
from workbench.metrics import format_value
from workbench.views import theme, values
from workbench.views.charts import axes


def win_rate_by_month(frame: pd.DataFrame) -> alt.LayerChart:
    """Closed win rate of each month, with the whole period's rate as a dashed line.

    ``frame``: ``period`` (first day of the month), ``closed_win_rate`` (share, missing where no
    deal was closed), ``deals_won`` and ``deals_lost`` (counts of the month).
    """
    data = axes.with_months(axes.as_float(frame, "closed_win_rate", "deals_won", "deals_lost"))
    data = data.assign(closed=data["deals_won"].fillna(0) + data["deals_lost"].fillna(0))
    closed = data["closed"].sum()
    base = alt.Chart(data).encode(
        x=axes.month_axis(frame["period"]),
        y=alt.Y(
            "closed_win_rate:Q",
            title=_("Won among closed deals"),
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domainMin=0),
        ),
        tooltip=[
            axes.month_tip(),
            axes.share_tip("closed_win_rate", _("Closed win rate")),
            axes.count_tip("closed", _("Closed deals")),
        ],
    )
    layers: list[alt.Chart] = [base.mark_line(), base.mark_point(opacity=1)]
    if closed:
        mean = pd.DataFrame({"mean": [float(data["deals_won"].sum() / closed)]})
        layers.insert(
            0,
            alt.Chart(mean)
            .mark_rule(strokeDash=[5, 4])
            .encode(
                y=alt.Y("mean:Q"),
                tooltip=[axes.share_tip("mean", _("Win rate of the whole period"))],
            ),
        )
    return axes.layered(*layers, height=theme.HEIGHT)


def rate_by_group(
    frame: pd.DataFrame, group: str, group_title: str, column: str, title: str, counted: str
) -> alt.LayerChart:
    """Draw a share of each group as level bars, the highest first.

    ``frame``: the column ``group``, ``column`` (share; groups without one are left out) and ``n``,
    the rows behind it, which ``counted`` names. The 15 with most rows are drawn.
    """
    data, note = axes.top_groups(axes.as_float(frame, column), group, column, "n")
    labels = [
        _("{share} · n = {n}").format(share=format_value(rate, values.SHARE), n=format_number(n))
        for rate, n in zip(data[column], data["n"], strict=True)
    ]
    base = alt.Chart(data.assign(label=labels)).encode(
        y=alt.Y("name:N", sort=data["name"].tolist(), title=None),
        x=axes.level_x(column, axes.noted(title, note), axes.largest(data, column), labels),
        tooltip=[
            alt.Tooltip("name:N", title=group_title),
            axes.share_tip(column, title),
            axes.count_tip("n", counted),
        ],
    )
    texts = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(text="label:N")
    return axes.layered(base.mark_bar(), texts, height=alt.Step(28))
