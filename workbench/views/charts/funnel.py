"""The funnel of a pipeline."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_number, format_percent
from workbench.views import theme
from workbench.views.charts import axes


def funnel(frame: pd.DataFrame) -> alt.LayerChart:
    """Deals of the cohort that reached each stage, in the order of the stages.

    ``frame``: ``stage``, ``sort`` (order), ``reached`` (deals), ``step_conversion`` (share
    of the stage before; missing for the first) and ``cumulative_conversion`` (share of the first).
    """
    data = axes.as_float(
        frame.sort_values("sort"), "reached", "step_conversion", "cumulative_conversion"
    )
    data = data.assign(
        stage=axes.told_apart(data["stage"]), label=[_label(row) for row in data.itertuples()]
    )
    data = data[["stage", "reached", "step_conversion", "cumulative_conversion", "label"]]
    base = alt.Chart(data).encode(
        y=alt.Y("stage:N", sort=data["stage"].tolist(), title=None),
        x=axes.level_x(
            "reached",
            [_("Deals that reached the stage"), _("and their share of the stage before")],
            axes.largest(data, "reached"),
            data["label"],
        ),
        tooltip=[
            alt.Tooltip("stage:N", title=_("Stage")),
            axes.count_tip("reached", _("Deals that reached the stage")),
            axes.share_tip("step_conversion", _("Of the stage before")),
            axes.share_tip("cumulative_conversion", _("Of the first stage")),
        ],
    )
    labels = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(text="label:N")
    return axes.layered(base.mark_bar(), labels, height=alt.Step(32))


def _label(row: object) -> str:
    reached, step = row.reached, row.step_conversion  # type: ignore[attr-defined]
    text = format_number(reached) if pd.notna(reached) else "–"
    return f"{text} · {format_percent(step, 0)}" if pd.notna(step) else text
