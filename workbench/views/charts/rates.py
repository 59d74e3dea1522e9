"""Charts of shares: win rates over time and between groups."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_percent
from workbench.views import theme
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


def win_rate_by_group(frame: pd.DataFrame, group: str, group_title: str) -> alt.LayerChart:
    """Closed win rate of each group as level bars, best first.

    ``frame``: the column ``group``, ``closed_win_rate`` (share) and ``n`` (closed deals).
    """
    data, note = axes.top_groups(axes.as_float(frame, "closed_win_rate"), group, "closed_win_rate")
    base = alt.Chart(data).encode(
        y=alt.Y("name:N", sort=data["name"].tolist(), title=None),
        x=axes.level_x(
            "closed_win_rate",
            axes.noted(_("Won among closed deals"), note),
            axes.largest(data, "closed_win_rate"),
            [format_percent(rate) for rate in data["closed_win_rate"]],
        ),
        tooltip=[
            alt.Tooltip("name:N", title=group_title),
            axes.share_tip("closed_win_rate", _("Closed win rate")),
            axes.count_tip("n", _("Closed deals")),
        ],
    )
    labels = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(
        text=alt.Text("closed_win_rate:Q", format=".1%")
    )
    return axes.layered(base.mark_bar(), labels, height=alt.Step(28))
