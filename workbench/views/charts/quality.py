"""The chart of how sound the data were."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_date
from workbench.views import theme
from workbench.views.charts import axes

MOST_LINES = len(theme.CATEGORIES)
MOST_DAYS = 60


def scores_over_time(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw the score of each entity on the days that it was looked at, as lines.

    ``frame``: ``day`` (a day), ``entity`` (its name) and ``score`` (share). The seven entities
    whose newest scores are lowest are drawn, on the newest 60 days.
    """
    days = sorted(frame["day"].unique())[-MOST_DAYS:]
    newest = frame.sort_values("day", kind="stable").groupby("entity")["score"].last()
    shown = newest.sort_values(kind="stable").index[:MOST_LINES].tolist()
    names = {day: format_date(pd.Timestamp(day).date()) for day in days}
    data = frame[frame["day"].isin(days) & frame["entity"].isin(shown)]
    data = axes.as_float(data, "score").assign(day=data["day"].map(names))
    low = min(float(data["score"].min()), 0.9)
    base = alt.Chart(data[["day", "entity", "score"]]).encode(
        x=alt.X(
            "day:O",
            sort=list(names.values()),
            title=None,
            axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=8, ticks=False),
        ),
        y=alt.Y(
            "score:Q",
            title=_("Records without a fault"),
            axis=alt.Axis(format=".0%"),
            scale=alt.Scale(domain=[low, 1], nice=True, zero=False),
        ),
        color=alt.Color(
            "entity:N", scale=alt.Scale(domain=shown, range=list(theme.CATEGORIES[: len(shown)]))
        ),
        shape=alt.Shape("entity:N", scale=alt.Scale(domain=shown)),
        tooltip=[
            alt.Tooltip("day:O", title=_("Day")),
            alt.Tooltip("entity:N", title=_("Entity")),
            axes.share_tip("score", _("Score")),
        ],
    )
    lines = base.mark_line().encode(shape=alt.Undefined)
    points = base.mark_point(opacity=1, filled=True, size=60)
    return axes.layered(lines, points, height=theme.HEIGHT)
