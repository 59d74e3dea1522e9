"""The chart of one measure over time."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _
from workbench.views import theme, values
from workbench.views.charts import axes


def measure_by_month(
    frame: pd.DataFrame, column: str, title: str, unit: str, counted: str
) -> alt.LayerChart:
    """Draw a share or a number of days of each month as a line; of a month still open hollow.

    ``frame``: ``period`` (first day of the month), ``column`` (missing where there is none), ``n``
    (rows behind it, which ``counted`` names) and ``open`` (True where the month is not complete or
    too recent to judge). ``unit``: ``share`` or ``days``.
    """
    data = axes.with_months(axes.as_float(frame, column))[
        ["month", "month_name", column, "n", "open"]
    ]
    shown = ".0%" if unit == values.SHARE else ",.0f"
    told = ".1%" if unit == values.SHARE else ",.1f"
    base = alt.Chart(data).encode(
        x=axes.month_axis(frame["period"]),
        y=alt.Y(
            f"{column}:Q",
            title=title,
            axis=alt.Axis(format=shown),
            scale=alt.Scale(domainMin=0),
        ),
        tooltip=[
            axes.month_tip(),
            alt.Tooltip(f"{column}:Q", title=title, format=told),
            axes.count_tip("n", counted),
        ],
    )
    points = base.mark_point(
        filled=True, opacity=1, size=60, stroke=theme.BLUE, strokeWidth=2
    ).encode(
        fill=alt.when("datum.open").then(alt.value(theme.PAPER)).otherwise(alt.value(theme.BLUE))
    )
    return axes.layered(base.mark_line(), points, height=theme.HEIGHT)


def open_note(frame: pd.DataFrame) -> str:
    """Say what hollow points are, if there are any."""
    return _("Hollow points: not complete, or too recent to judge.") if frame["open"].any() else ""
