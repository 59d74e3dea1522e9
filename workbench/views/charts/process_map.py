"""The process map: the stages from top to bottom, and how deals really go between them."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd

from workbench.i18n import _, format_number
from workbench.metrics import format_value
from workbench.views import theme
from workbench.views.charts import axes

MOST_ARROWS = 30
RAREST = 0.01  # of the deals: rarer ways are left out …
RAREST_BACK = 0.002  # … but for returns, which are rare and matter
POINTS = 9  # of a curve


def process_map(stages: pd.DataFrame, moves: pd.DataFrame) -> alt.LayerChart:
    """Ways between the stages, as wide as they are common; returns bend to the left.

    ``stages``, in their order: ``stage_id``, ``stage``, ``deals``, ``median_days`` (waited there,
    missing for a final one). ``moves``: ``from_id``, ``to_id``, ``moves`` (count), ``median_days``,
    ``back`` and ``lost`` (truths: to an earlier stage, to a lost one).
    """
    places = {each: place for place, each in enumerate(stages["stage_id"])}
    names = dict(zip(stages["stage_id"], axes.told_apart(stages["stage"]), strict=True))
    curves = _curves(moves, places, names, float(stages["deals"].max() if len(stages) else 0))
    nodes = pd.DataFrame(
        {
            "place": list(places.values()),
            "side": 0.0,
            "stage": [names[each] for each in places],
            "deals": stages["deals"].to_numpy(dtype=float),
            "median_days": stages["median_days"].to_numpy(dtype=float),
        }
    )
    texts = [[names[row.stage_id], _label(row)] for row in stages.itertuples()]
    y = alt.Y(
        "place:Q",
        title=None,
        scale=alt.Scale(domain=[-0.5, max(len(nodes), 1) - 0.5], reverse=True, nice=False),
        axis=alt.Axis(
            values=list(places.values()),
            tickCount=len(places),
            labelExpr=f"({json.dumps(texts)})[datum.value]",
            labelOverlap="parity",
            labelSeparation=-100,  # two lines each stand close, and all are wanted
            grid=False,
            ticks=False,
            domain=False,
        ),
    )
    left = min(-0.08, curves["side"].min() - 0.05) if len(curves) else -0.08
    x = alt.X("side:Q", axis=None, scale=alt.Scale(domain=[left, 1], nice=False, zero=False))
    kinds = [_("forward"), _("back"), _("lost")]
    ways = (
        alt.Chart(curves)
        .mark_trail(opacity=0.8)
        .encode(
            x=x,
            y=y,
            order="step:O",
            detail="way:N",
            size=alt.Size("moves:Q", legend=None, scale=alt.Scale(range=[1, 18], domainMin=0)),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=kinds, range=[theme.BLUE, theme.BAD, theme.SLATE]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("way:N", title=_("Way")),
                axes.count_tip("moves", _("Moves")),
                alt.Tooltip("median_days:Q", title=_("Median days before it"), format=",.1f"),
            ],
        )
    )
    tips = [
        alt.Tooltip("stage:N", title=_("Stage")),
        axes.count_tip("deals", _("Deals")),
        alt.Tooltip("median_days:Q", title=_("Median days waited"), format=",.1f"),
    ]
    dots = (
        alt.Chart(nodes)
        .mark_circle(opacity=1, color=theme.INK, size=90)
        .encode(x=x, y=y, tooltip=tips)
    )
    return axes.layered(ways, dots, height=max(len(nodes), 2) * 56)


def _label(row: object) -> str:
    deals, days = row.deals, row.median_days  # type: ignore[attr-defined]
    text = format_number(deals) if pd.notna(deals) else "–"
    return f"{text} · {format_value(days, 'days')}" if pd.notna(days) else text


def _curves(
    moves: pd.DataFrame, places: dict[str, int], names: dict[str, str], deals: float
) -> pd.DataFrame:
    """Return the points of each way: forward steps are straight, longer ones bend outwards."""
    known = moves[moves["from_id"].isin(places) & moves["to_id"].isin(places)]
    rarest = known["back"].map({True: RAREST_BACK, False: RAREST}).astype(float)
    known = known[known["moves"] >= (deals * rarest).clip(lower=1)]
    rows = []
    for way in known.nlargest(MOST_ARROWS, "moves").itertuples():
        first, last = places[str(way.from_id)], places[str(way.to_id)]
        distance = abs(last - first)
        back = bool(way.back)
        bend = 0.0 if distance == 1 and not back else 0.16 + 0.13 * distance
        for step in range(POINTS):
            share = step / (POINTS - 1)
            side = 4 * share * (1 - share) * min(bend, 0.97)
            rows.append(
                {
                    "way": f"{names[str(way.from_id)]} → {names[str(way.to_id)]}",
                    "step": step,
                    "place": first + (last - first) * share,
                    "side": -side if back else side,
                    "kind": _("back") if back else _("lost") if way.lost else _("forward"),
                    "moves": float(way.moves),
                    "median_days": float(way.median_days),
                }
            )
    columns = ["way", "step", "place", "side", "kind", "moves", "median_days"]
    return pd.DataFrame(rows, columns=columns)
