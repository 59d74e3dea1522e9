"""Charts of what is expected: forecast, back-test, scenario."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_money, format_percent
from workbench.views import theme
from workbench.views.charts import axes


def forecast(
    history: pd.DataFrame, future: pd.DataFrame, *, currency: str, level: float = 0.8
) -> alt.LayerChart:
    """Won revenue so far and the months ahead with their interval.

    ``history``: ``period`` (first day of the month), ``value`` (base currency). ``future``:
    ``period``, ``value``, ``low``, ``high`` (base currency; the interval holds ``level`` of the
    outcomes).
    """
    past, ahead = _("Won revenue"), _("Forecast")
    band = _("{level} interval").format(level=format_percent(level, 0))
    before = axes.as_float(history, "value")
    after = axes.as_float(future, "value", "low", "high")
    periods = [*before["period"], *after["period"]]
    top = max(axes.largest(before, "value"), axes.largest(after, "high"))
    x = axes.month_axis(periods)
    colours = alt.Scale(domain=[past, ahead, band], range=[theme.BLUE, theme.ORANGE, "#f0cdb9"])
    y = axes.money_y("value", _("Won revenue"), top, currency)

    def colour(series: str) -> alt.Color:
        return alt.Color(f"{series}:N", scale=colours)

    # The forecast's line starts at the last month known, so that the two join.
    joined = pd.concat([before.tail(1), after], ignore_index=True)
    past_data = axes.with_months(before).assign(series=past)
    ahead_data = axes.with_months(after).assign(series=ahead, band=band)
    tips = [
        axes.month_tip(),
        axes.money_tip("value", ahead),
        axes.money_tip("low", _("Low")),
        axes.money_tip("high", _("High")),
    ]
    ahead_base = alt.Chart(ahead_data).encode(x=x, tooltip=tips)
    return axes.layered(
        ahead_base.mark_bar(opacity=1, width={"band": 0.8}).encode(
            y=alt.Y("low:Q"), y2="high:Q", color=colour("band")
        ),
        alt.Chart(axes.with_months(joined))
        .mark_line(strokeDash=[5, 4], color=theme.ORANGE)
        .encode(x=x, y=alt.Y("value:Q")),
        alt.Chart(past_data)
        .mark_line(point={"size": 40})
        .encode(
            x=x,
            y=y,
            color=colour("series"),
            tooltip=[axes.month_tip(), axes.money_tip("value", past)],
        ),
        ahead_base.mark_point(size=80, opacity=1).encode(
            y=alt.Y("value:Q"), color=colour("series")
        ),
        height=theme.HEIGHT,
    )


def backtest(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """What was won beside what the model and the baseline had said a month before.

    ``frame``: ``period``, ``actual``, ``ets``, ``seasonal_naive`` (base currency), one row per
    month.
    """
    names = {
        "actual": _("Won revenue"),
        "ets": _("Model, a month ahead"),
        "seasonal_naive": _("Seasonal naive"),
    }
    data = axes.as_float(frame, *names)
    long = axes.with_months(data[["period", *names]]).melt(
        ["month", "month_name"], list(names), var_name="series", value_name="value"
    )
    long = long.assign(series=long["series"].map(names)).dropna(subset=["value"])
    shown = alt.Scale(domain=list(names.values()), range=[theme.BLUE, theme.ORANGE, theme.SLATE])
    dashes = alt.Scale(domain=list(names.values()), range=[[1, 0], [5, 4], [2, 3]])
    legend = alt.Legend(symbolType="stroke", symbolStrokeWidth=3)
    base = alt.Chart(long).encode(
        x=axes.month_axis(frame["period"]),
        y=axes.money_y("value", _("Won revenue"), axes.largest(long, "value"), currency),
        color=alt.Color("series:N", scale=shown, legend=legend),
        tooltip=[
            axes.month_tip(),
            alt.Tooltip("series:N", title=_("What")),
            axes.money_tip("value", _("Amount")),
        ],
    )
    lines = base.mark_line().encode(
        strokeDash=alt.StrokeDash("series:N", scale=dashes, legend=legend)
    )
    return axes.layered(lines, base.mark_point(opacity=1))


def scenario(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """What a quarter is expected to bring: already won, and expected of the open deals.

    ``frame``: ``scenario`` (its name, in order), ``part`` (``won`` or ``expected``), ``amount``
    (base currency).
    """
    names = {"won": _("Already won"), "expected": _("Expected from open deals")}
    data = axes.as_float(frame, "amount")
    order = list(dict.fromkeys(data["scenario"]))
    data = data.assign(
        series=data["part"].map(names), part_order=data["part"].map({"won": 0, "expected": 1})
    )
    total = data.groupby("scenario", sort=False)["amount"].sum().reset_index()
    y = alt.Y("scenario:N", sort=order, title=None)
    bars = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            y=y,
            x=axes.level_x(
                "amount",
                _("Won revenue"),
                axes.largest(total, "amount"),
                [format_money(amount, currency) for amount in total["amount"]],
                stack="zero",
            ),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=list(names.values()), range=[theme.BLUE, theme.ORANGE]),
                legend=alt.Legend(offset=axes.LEGEND_ABOVE),
            ),
            order=alt.Order("part_order:Q"),
            tooltip=[
                alt.Tooltip("scenario:N", title=_("Scenario")),
                alt.Tooltip("series:N", title=_("What")),
                axes.money_tip("amount", _("Amount")),
            ],
        )
    )
    labels = (
        alt.Chart(total)
        .mark_text(align="left", dx=5, color=theme.MUTED)
        .encode(y=y, x=alt.X("amount:Q"), text=alt.Text("amount:Q", format="$,.0f"))
    )
    return axes.layered(bars, labels, height=alt.Step(44))
