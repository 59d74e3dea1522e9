"""Charts of single deals and where they stand."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_number
from workbench.views import locales, theme
from workbench.views.charts import axes


def stalled_by_stage(frame: pd.DataFrame) -> alt.LayerChart:
    """Open deals of each stage, the stalled ones apart.

    ``frame``: ``stage`` (with its pipeline where there are several), ``open`` and ``stalled``
    (counts), in the order to show.
    """
    names = {"stalled": _("Stalled"), "moving": _("Moving")}
    data = axes.as_float(frame, "open", "stalled").assign(stage=axes.told_apart(frame["stage"]))
    data = data.assign(moving=(data["open"] - data["stalled"]).clip(lower=0))
    data = data.assign(
        label=[
            _("{stalled} of {open}").format(
                stalled=format_number(row.stalled), open=format_number(row.open)
            )
            for row in data.itertuples()
        ]
    )
    long = data.melt(["stage", "open"], list(names), var_name="part", value_name="deals")
    long = long.assign(
        series=long["part"].map(names), part_order=long["part"].map({"stalled": 0, "moving": 1})
    )
    y = alt.Y("stage:N", sort=data["stage"].tolist(), title=None)
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            y=y,
            x=axes.level_x(
                "deals",
                _("Open deals"),
                axes.largest(data, "open"),
                data["label"],
                stack="zero",
            ),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=list(names.values()), range=[theme.ORANGE, theme.SLATE]),
                legend=alt.Legend(offset=axes.LEGEND_ABOVE),
            ),
            order=alt.Order("part_order:Q"),
            tooltip=[
                alt.Tooltip("stage:N", title=_("Stage")),
                alt.Tooltip("series:N", title=_("What")),
                axes.count_tip("deals", _("Deals")),
                axes.count_tip("open", _("Open deals")),
            ],
        )
    )
    labels = (
        alt.Chart(data[["stage", "open", "label"]])
        .mark_text(align="left", dx=5, color=theme.MUTED)
        .encode(
            y=y,
            x=alt.X("open:Q"),
            text="label:N",
        )
    )
    return axes.layered(bars, labels, height=alt.Step(26))


def deal_among_peers(
    frame: pd.DataFrame, *, title: str, unit: str, currency: str
) -> alt.LayerChart:
    """How the peers of a deal are spread over a measure, and where the deal stands.

    ``frame``: ``low`` and ``high`` (bounds of a bin), ``deals`` (count) and ``here`` (True in the
    bin that holds the deal). ``unit``: ``money`` or ``days``.
    """
    data = axes.as_float(frame, "low", "high", "deals")
    peers, this = _("Peers"), _("This deal")
    data = data.assign(series=[this if here else peers for here in frame["here"]])
    if unit == "money":
        x = alt.X(
            "low:Q",
            bin="binned",
            title=title,
            axis=alt.Axis(labelExpr=locales.money_labels(axes.largest(data, "high"), currency)),
        )
        low, high = axes.money_tip("low", _("From")), axes.money_tip("high", _("To"))
    else:
        x = alt.X("low:Q", bin="binned", title=title, axis=alt.Axis(format=",.0f"))
        low, high = axes.count_tip("low", _("From")), axes.count_tip("high", _("To"))
    bars = (
        alt.Chart(data)
        .mark_bar(stroke=theme.PAPER)
        .encode(
            x=x,
            x2=alt.X2("high:Q"),
            y=alt.Y("deals:Q", title=_("Deals"), axis=alt.Axis(format=",.0f", tickMinStep=1)),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=[peers, this], range=[theme.SLATE, theme.ORANGE]),
            ),
            tooltip=[low, high, axes.count_tip("deals", _("Deals"))],
        )
    )
    return axes.layered(bars, height=180)
