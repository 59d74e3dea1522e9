"""Charts of what customers owe."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_money, format_percent
from workbench.views import theme
from workbench.views.charts import axes


def ageing(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """What is owed, by how late it is, as level bars in the order of the rows.

    ``frame``: ``age`` (its name), ``amount`` (base currency), ``share`` (of all that is owed;
    missing where nothing is), ``n`` (invoices) and ``late`` (whether the due day is past).
    """
    data = axes.as_float(frame, "amount", "share")
    data = data.assign(
        label=[
            format_money(row.amount, currency)
            + (f" · {format_percent(row.share, 0)}" if pd.notna(row.share) else "")
            for row in data.itertuples()
        ]
    )
    base = alt.Chart(data).encode(
        y=alt.Y("age:N", sort=data["age"].tolist(), title=None),
        x=axes.level_x("amount", _("Owed"), axes.largest(data, "amount"), data["label"]),
        tooltip=[
            alt.Tooltip("age:N", title=_("Due day")),
            axes.money_tip("amount", _("Owed")),
            axes.share_tip("share", _("Share")),
            axes.count_tip("n", _("Invoices")),
        ],
    )
    bars = base.mark_bar().encode(
        color=alt.when("datum.late").then(alt.value(theme.ORANGE)).otherwise(alt.value(theme.BLUE))
    )
    labels = base.mark_text(align="left", dx=5, color=theme.MUTED).encode(text="label:N")
    return axes.layered(bars, labels, height=alt.Step(32))


def receivables_by_month(frame: pd.DataFrame, *, currency: str) -> alt.LayerChart:
    """What was owed at the end of each month as bars, the part whose due day was past apart.

    ``frame``: ``period`` (first day of the month), ``receivables_not_due`` and
    ``receivables_overdue`` (base currency).
    """
    names = {"receivables_overdue": _("Overdue"), "receivables_not_due": _("Not due")}
    data = axes.with_months(axes.as_float(frame, *names))
    long = data.melt(
        ["month", "month_name"], list(names), var_name="part", value_name="amount"
    ).dropna(subset=["amount"])
    long = long.assign(series=long["part"].map(names), place=long["part"].map(list(names).index))
    whole = axes.largest(data.assign(whole=data[list(names)].sum(axis=1)), "whole")
    bars = (
        alt.Chart(long[["month", "month_name", "series", "place", "amount"]])
        .mark_bar()
        .encode(
            x=axes.month_axis(frame["period"]),
            y=axes.money_y("amount", _("Owed at the end of the month"), whole, currency),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=list(names.values()), range=[theme.ORANGE, theme.BLUE]),
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                axes.month_tip(),
                alt.Tooltip("series:N", title=_("What")),
                axes.money_tip("amount", _("Owed")),
            ],
        )
    )
    return axes.layered(bars, height=theme.HEIGHT)
