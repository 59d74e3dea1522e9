"""Charts of two groups of records and in what they differ."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_number, format_percent
from workbench.views import theme
from workbench.views.charts import axes

MOST_DIMENSIONS = 12
MOST_VALUES = 8


def differences(frame: pd.DataFrame) -> alt.LayerChart:
    """How much two groups differ in each dimension, as level bars, the largest first.

    ``frame``: ``dimension`` (title), ``effect`` (-1 to 1; its size is drawn), ``measure`` (its
    name), ``size`` (a word). The largest 12 are drawn.
    """
    data = axes.as_float(frame, "effect").head(MOST_DIMENSIONS)
    data = data.assign(
        dimension=axes.told_apart(data["dimension"]),
        strength=data["effect"].abs(),
        label=[
            f"{format_number(abs(row.effect), 2)} · {row.size}"
            for row in data[["effect", "size"]].itertuples()
        ],
    )
    names = list(dict.fromkeys(data["measure"]))
    base = alt.Chart(data).encode(
        y=alt.Y("dimension:N", sort=data["dimension"].tolist(), title=None),
        x=axes.level_x(
            "strength",
            axes.noted(_("Effect size, 0 to 1"), axes.left_out(len(frame) - len(data))),
            axes.largest(data, "strength"),
            data["label"],
        ),
        tooltip=[
            alt.Tooltip("dimension:N", title=_("Dimension")),
            alt.Tooltip("measure:N", title=_("Measure")),
            alt.Tooltip("effect:Q", title=_("Effect"), format=".2f"),
        ],
    )
    colour = alt.Color(
        "measure:N",
        scale=alt.Scale(domain=names, range=[theme.BLUE, theme.ORANGE][: len(names)]),
        legend=alt.Legend(offset=axes.LEGEND_ABOVE),
    )
    labels = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(text="label:N")
    return axes.layered(base.mark_bar().encode(color=colour), labels, height=alt.Step(28))


def shares(frame: pd.DataFrame, first: str, second: str) -> alt.LayerChart:
    """Shares of the values of a dimension in two groups, as pairs of level bars.

    ``frame``: ``value``, ``a`` and ``b`` (shares of the group ``first`` and of ``second``), in the
    order to show. The first 8 values are drawn.
    """
    data = axes.as_float(frame, "a", "b").head(MOST_VALUES)
    data = data.assign(group=axes.told_apart(data["value"]))
    order, names = data["group"].tolist(), axes.told_apart([first, second])
    long = data.melt("group", ["a", "b"], var_name="series", value_name="share")
    long = long.assign(series=long["series"].map(dict(zip(("a", "b"), names, strict=True))))
    labels = [format_percent(share) for share in long["share"]]
    return axes.pairs(
        long,
        order,
        dict(zip(names, (theme.BLUE, theme.SLATE), strict=True)),
        axes.level_x("share", _("Share of the group"), axes.largest(long, "share"), labels),
        ".1%",
        [
            alt.Tooltip("series:N", title=_("Group")),
            alt.Tooltip("group:N", title=_("Value")),
            axes.share_tip("share", _("Share of the group")),
        ],
    )
