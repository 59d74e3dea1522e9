"""Charts of customers by the month of their first purchase."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.i18n import _, format_month, format_number
from workbench.views import theme
from workbench.views.charts import axes

MOST_COHORTS = 24  # the newest are drawn
MOST_AGES = 12  # months after the first
ROW = 26  # pixels
SMALLEST_TOP = 0.1  # share at the dark end at least, so that little does not look like much
DARK = 0.64  # of the scale: from there on, white is read better than black
PHONE = 420  # pixels of the plot's width below which its numbers are small


def cohorts(frame: pd.DataFrame, title: str) -> alt.LayerChart:
    """Shares by cohort (rows, the oldest first) and months since (columns), as a heat map.

    ``frame``: ``cohort`` (first day of the month), ``customers``, ``age`` (int) and ``share``,
    missing where that month is not over. The newest 24 cohorts and the months 1 to 12 are drawn;
    above 100 % the colour stays that of 100 %. An unknown cell has a dash and no colour.
    """
    drawn = frame[frame["age"].between(1, MOST_AGES)]
    newest = sorted(frame["cohort"].unique())[-MOST_COHORTS:]
    ages = sorted(drawn["age"].unique())
    sizes = frame.drop_duplicates("cohort").set_index("cohort")["customers"]
    names = {
        month: _("{month} · n = {n}").format(
            month=format_month(month.date()), n=format_number(sizes[month])
        )
        for month in newest
    }
    shares = drawn.set_index(["cohort", "age"])["share"].astype(float)
    cells = pd.MultiIndex.from_product([newest, ages], names=["cohort", "age"])
    data = shares.reindex(cells).reset_index()
    top = min(max(axes.largest(data, "share"), SMALLEST_TOP), 1.0)
    data = data.assign(
        cohort=data["cohort"].map(names),
        label=[_number(share) for share in data["share"]],
        ink=[_ink(share, top) for share in data["share"]],
    )
    base = alt.Chart(data).encode(
        x=alt.X(
            "age:O",
            sort=[int(age) for age in ages],
            title=_("Months since the first purchase"),
            axis=alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False, titlePadding=6),
        ),
        y=alt.Y("cohort:N", sort=list(names.values()), title=None),
        tooltip=[
            alt.Tooltip("cohort:N", title=_("First purchase")),
            alt.Tooltip("age:O", title=_("Months since")),
            axes.share_tip("share", title),
        ],
    )
    known = alt.datum.share >= 0
    squares = base.transform_filter(known).mark_rect(stroke=theme.PAPER, strokeWidth=2)
    colour = alt.Color(
        "share:Q",
        title=title,
        scale=alt.Scale(range=list(theme.config()["range"]["ramp"]), domain=[0, top], clamp=True),
        legend=alt.Legend(
            format=".0%", orient="top", direction="horizontal", gradientLength=160, offset=14,
            values=[0, top], titleFontWeight="normal",
        ),
    )  # fmt: skip
    numbers = base.mark_text(fontSize=alt.ExprRef(f"width < {PHONE} ? 9 : 12")).encode(
        text="label:N", color=alt.Color("ink:N", scale=None, legend=None)
    )
    chart = axes.layered(squares.encode(color=colour), numbers, height=max(2, len(names)) * ROW)
    return chart.resolve_scale(color="independent")


def _number(share: float) -> str:
    """Write a share in percent; a small one is not rounded to nothing."""
    if pd.isna(share):
        return "–"
    return format_number(100 * share, 1 if 0 < share < 0.01 else 0)


def _ink(share: float, top: float) -> str:
    """Return the colour of a number on its square that is read best."""
    if pd.isna(share):
        return theme.MUTED
    return theme.PAPER if share > DARK * top else "#000000"


def customer_value(frame: pd.DataFrame, *, currency: str, cost: float | None) -> alt.LayerChart:
    """What a customer has brought by each month since the first purchase, beside what one costs.

    ``frame``: ``age`` (int), ``value`` (base currency), ``customers`` (behind it).
    """
    data = axes.as_float(frame, "value", "customers")
    top = max(axes.largest(data, "value"), cost or 0)
    x = alt.X(
        "age:Q",
        title=_("Months since the first purchase"),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        scale=alt.Scale(domain=[0, max(int(data["age"].max()), 1)], nice=False),
    )
    y = axes.money_y(
        "value", _("Revenue per customer so far"), top, currency, scale=alt.Scale(domainMin=0)
    )
    line = (
        alt.Chart(data)
        .mark_line(point=True)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("age:Q", title=_("Months since")),
                axes.money_tip("value", _("Revenue per customer so far")),
                axes.count_tip("customers", _("Customers")),
            ],
        )
    )
    if cost is None:
        return axes.layered(line)
    paid = pd.DataFrame({"value": [cost], "label": [_("Cost of a new customer")]})
    rule = alt.Chart(paid).mark_rule(strokeDash=[5, 4], color=theme.BAD).encode(
        y=y,
        tooltip=[axes.money_tip("value", _("Cost of a new customer"))],
    )  # fmt: skip
    name = (
        alt.Chart(paid)
        .mark_text(align="right", baseline="bottom", dy=-4, color=theme.BAD)
        .encode(x=alt.value(alt.ExprRef("width")), y=y, text="label:N")
    )
    return axes.layered(rule, line, name)
