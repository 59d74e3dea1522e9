"""Axes that several charts share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt
import pandas as pd

from workbench.i18n import _, format_month
from workbench.views import locales, theme

MOST_MONTH_LABELS = 15
MOST_GROUPS = 15
LEGEND_ABOVE = 12  # pixels between the title of `level_x` and a legend
CHARACTER = 6.7  # mean width of one in a label, in pixels


def layered(*layers: alt.Chart, height: int | alt.Step = theme.HEIGHT) -> alt.LayerChart:
    """Return a chart of the theme's width from its layers, the hindmost first."""
    return alt.LayerChart(layer=list(layers), width=theme.WIDTH, height=height)


def months(periods: Iterable[Any]) -> list[pd.Timestamp]:
    """Return the distinct first days of month among ``periods``, in order."""
    stamps = {pd.Timestamp(period).replace(day=1).normalize() for period in periods}
    return sorted(stamps)


def month_key(period: Any) -> str:
    """Return ``2026-03`` for a day of March: the value of a month on a chart."""
    return pd.Timestamp(period).strftime("%Y-%m")


def with_months(frame: pd.DataFrame) -> pd.DataFrame:
    """Add ``month`` (``2026-03``) and ``month_name`` (``mars 2026``) to a frame with ``period``."""
    return frame.assign(
        month=[month_key(period) for period in frame["period"]],
        month_name=[format_month(pd.Timestamp(period).date()) for period in frame["period"]],
    ).drop(columns="period")


def month_axis(periods: Iterable[Any]) -> alt.X:
    """Return an x axis of months, drawn from the column ``month``.

    Months are text on the chart, so no browser's time zone can shift them. The year stands under
    each January and under the first label; a long range labels every second, third … month.
    """
    shown = months(periods)
    step = next(
        (s for s in (1, 2, 3, 6, 12) if len(shown) / s <= MOST_MONTH_LABELS),
        12 * max(1, len(shown) // (12 * MOST_MONTH_LABELS)),
    )
    labelled = [m for m in shown if (m.month - 1) % step == 0] or shown[:1]
    names = locales.time_format_locale()["shortMonths"]
    texts = {
        month_key(m): [names[m.month - 1], str(m.year) if m.month == 1 or m == labelled[0] else ""]
        for m in labelled
    }
    return alt.X(
        "month:O",
        sort=[month_key(m) for m in shown],
        title=None,
        scale=alt.Scale(paddingInner=0.25, paddingOuter=0.1),
        axis=alt.Axis(
            values=list(texts),
            labelExpr=f"({json.dumps(texts)})[datum.value]",
            labelAngle=0,
            labelOverlap="parity",  # on a phone, every other one
            labelSeparation=2,
            ticks=False,
        ),
    )


def money_y(column: str, title: str, largest: float, currency: str, **options: Any) -> alt.Y:
    """Return a y axis of money with short labels (``250 k€``) and zero on it."""
    return alt.Y(
        f"{column}:Q",
        title=title,
        axis=alt.Axis(labelExpr=locales.money_labels(largest, currency)),
        **options,
    )


def level_x(
    column: str, title: str | list[str], largest: float, labels: Iterable[str], **options: Any
) -> alt.X:
    """Return the x axis of level bars with their values, ``labels``, written behind them.

    The values say what ticks and a grid would say again: only the title is left, above the bars.
    """
    return alt.X(
        f"{column}:Q",
        title=title,
        axis=alt.Axis(
            orient="top", labels=False, grid=False, titleAnchor="start", titleAlign="left"
        ),
        scale=with_room(largest, labels),
        **options,
    )


def with_room(largest: float, labels: Iterable[str]) -> alt.Scale:
    """Return a scale whose longest bar leaves room for the widest label, at every width."""
    if not largest:
        return alt.Scale()
    room = 10 + CHARACTER * max(map(len, labels), default=0)
    bars = f"max(width - {room:.0f}, width / 4)"
    return alt.Scale(domainMax=alt.ExprRef(f"{largest!r} * width / {bars}"), nice=False)


def money_tip(column: str, title: str) -> alt.Tooltip:
    """Return a tooltip line with the full amount."""
    return alt.Tooltip(f"{column}:Q", title=title, format="$,.0f")


def share_tip(column: str, title: str) -> alt.Tooltip:
    """Return a tooltip line with a share as a percentage."""
    return alt.Tooltip(f"{column}:Q", title=title, format=".1%")


def count_tip(column: str, title: str) -> alt.Tooltip:
    """Return a tooltip line with a whole number."""
    return alt.Tooltip(f"{column}:Q", title=title, format=",.0f")


def pairs(
    data: pd.DataFrame,
    order: list[str],
    colours: Mapping[str, str],
    x: alt.X,
    text_format: str,
    tips: list[alt.Tooltip],
) -> alt.LayerChart:
    """Return level bars in pairs, with their values, the numbers of ``x``, behind them.

    ``data``: the columns ``group``, a row of the chart (``order``: from the top), ``series``, one
    of the two, ``colours``, and that of ``x``.
    """
    base = alt.Chart(data).encode(
        y=alt.Y("group:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.3)),
        yOffset=alt.YOffset("series:N", sort=list(colours)),
        x=x,
        color=alt.Color(
            "series:N",
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            legend=alt.Legend(offset=LEGEND_ABOVE),
        ),
        tooltip=tips,
    )
    labels = base.mark_text(align="left", dx=5).encode(
        text=alt.Text(x.shorthand, format=text_format), color=alt.value(theme.MUTED)
    )
    return layered(base.mark_bar(), labels, height=max(120, 46 * len(order)))


def month_tip() -> alt.Tooltip:
    """Return a tooltip line with the month."""
    return alt.Tooltip("month_name:N", title=_("Month"))


def largest(frame: pd.DataFrame, *columns: str) -> float:
    """Return the largest absolute number in ``columns`` (0 if there is none)."""
    values = pd.concat([pd.to_numeric(frame[c], errors="coerce") for c in columns]).abs()
    top = values.max()
    return float(top) if pd.notna(top) else 0.0


def as_float(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Turn decimals into floats: charts draw, they do not account."""
    return frame.assign(
        **{c: pd.to_numeric(frame[c], errors="coerce").astype(float) for c in columns}
    )


def top_groups(
    frame: pd.DataFrame, group: str, value: str, size: str = ""
) -> tuple[pd.DataFrame, str]:
    """Return the largest groups by ``size`` and a note on those left out (empty if none).

    By default by ``value`` itself. The frame has ``name`` (groups without one become “Not given”),
    ``value`` and ``n``, the largest value first.
    """
    names = frame[group].astype("object").where(frame[group].notna(), _("Not given"))
    ordered = frame.assign(name=names).dropna(subset=[value])
    ordered = ordered.sort_values(size or value, ascending=False, kind="stable")
    shown = ordered.head(MOST_GROUPS).sort_values(value, ascending=False, kind="stable")
    note = left_out(len(ordered) - len(shown))
    return shown.assign(name=told_apart(shown["name"]))[["name", value, "n"]], note


def left_out(count: int) -> str:
    """Return the note on those that are not drawn (empty if all are)."""
    return _("{n} smaller ones not shown").format(n=count) if count else ""


def told_apart(names: Iterable[Any]) -> list[str]:
    """Number the names that come again, so that each has a row of its own."""
    seen: dict[str, int] = {}
    found = []
    for name in map(str, names):
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def noted(title: str, note: str) -> str | list[str]:
    """Put a note below an axis title."""
    return [title, note] if note else title
