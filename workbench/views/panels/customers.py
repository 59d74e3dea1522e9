"""Panels of the page of customers: who comes back, for how much, and what a customer is worth.

Cohorts are companies by the month of their first purchase; the page's period chooses those months.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.analysis import cohorts as found
from workbench.i18n import _, format_number
from workbench.metrics.loaded import HIDDEN
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, FiguresContent, Notice
from workbench.views.figures import figures_from
from workbench.views.panels import parts
from workbench.views.selection import Selection
from workbench.views.tables import Column

COHORTS = (
    "cohort_customers",
    "customers_active",
    "retention_rate",
    "cohort_revenue",
    "revenue_retention",
)
COMPARED = ("new_customers", "regular_customers", "churn_rate", "nrr", "grr")
# Those of an earlier period have had more time: beside them, these would always seem to fall.
ALONE = ("repeat_customers", "repeat_rate", "customer_value")


def figures(selection: Selection) -> Content:
    """Return the key figures; only those that do not grow with time beside the period before."""
    compared = parts.figures(selection, COMPARED)
    frame = selection.query(ALONE)
    note = parts.not_applied_note(selection, [*COMPARED, *ALONE])
    shown = compared.figures if isinstance(compared, FiguresContent) else []
    return FiguresContent([*figures_from(frame), *shown], note)


def retention(selection: Selection) -> Content:
    """Return which share of each cohort bought again in each month since its first purchase."""
    title = _("Customers who buy again")
    frame = _by_cohort(selection)
    if (notice := _absent(frame, title)) is not None:
        return notice
    told = found.retention_finding(frame)
    return _heat_map(frame, title, "retention_rate", _("Active customers, %"), told)


def repeat_revenue(selection: Selection) -> Content:
    """Return what each cohort brought in each month since, beside its first month."""
    title = _("Revenue that comes again")
    frame = _by_cohort(selection)
    if (notice := _absent(frame, title)) is not None:
        return notice
    told = found.revenue_finding(frame, selection.currency)
    return _heat_map(frame, title, "revenue_retention", _("In % of the first month"), told)


def value(selection: Selection) -> Content:
    """Return what a customer has brought by each month, beside the cost of winning one."""
    title = _("What a customer brings")
    frame = _by_cohort(selection)
    if (notice := _absent(frame, title)) is not None:
        return notice
    known = found.lifetime_value(found.lived_through(frame, selection.today))
    enough = known[known["customers"] >= found.FEWEST]
    if enough.empty:
        return Notice("empty", _("There are fewer than ten customers in this selection."), title)
    cost = _cost(selection)
    return ChartContent(
        title,
        charts.customer_value(enough, currency=selection.currency, cost=cost),
        found.value_finding(enough, selection.currency, cost),
        enough,
        [
            Column("age", _("Months since the first purchase"), values.COUNT),
            Column("customers", _("Customers"), values.COUNT),
            Column("revenue", _("Revenue per customer in that month"), values.MONEY),
            Column("value", _("Revenue per customer so far"), values.MONEY),
        ],
        parts.joined(
            _(
                "Revenue, not margin. Each month is the mean of the customers old enough for it;"
                " months with fewer than ten of them are left out."
            ),
            parts.rate_note(frame, "cohort_revenue"),
        ),
    )


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: the share of the period's new customers that came back."""
    return parts.answer(selection, "repeat_rate", compare=None)


def _by_cohort(selection: Selection) -> pd.DataFrame:
    return selection.query(COHORTS, by=("cohort", "age"))


def _absent(frame: pd.DataFrame, title: str) -> Notice | None:
    if (notice := parts.absent(frame, title, "cohort_customers")) is not None:
        return notice
    if not (frame["age"].astype(int) > 0).any():
        text = _("No month after a first purchase is over yet.")
        return Notice("empty", text, title)
    return None


def _heat_map(frame: pd.DataFrame, title: str, metric: str, scale: str, told: str) -> ChartContent:
    """Draw a metric by cohort and age; its table has a row per cohort, a column per month since."""
    wide = found.triangle(frame, metric)
    wide = wide[[age for age in wide.columns if age > 0]].astype(float)
    sizes = frame[frame["age"] == "00"].set_index("cohort")["cohort_customers"]
    months = [pd.Timestamp(found.month_of(cohort)) for cohort in wide.index]
    names = {age: f"month_{age:02d}" for age in wide.columns}
    table = wide.rename(columns=names)
    table.insert(0, "cohort", months)
    table.insert(1, "customers", sizes.reindex(wide.index).to_numpy())
    table = table.reset_index(drop=True)
    table.columns.name = None
    drawn = table.melt(
        ["cohort", "customers"], list(names.values()), var_name="age", value_name="share"
    )
    drawn = drawn.assign(age=drawn["age"].str.removeprefix("month_").astype(int))
    return ChartContent(
        title,
        charts.cohorts(drawn, scale),
        told,
        table,
        [
            Column("cohort", _("First purchase"), "month"),
            Column("customers", _("Customers"), values.COUNT),
            *(Column(name, f"+{format_number(age)}", values.SHARE) for age, name in names.items()),
        ],
        parts.joined(
            _("n: customers of the cohort. –: not known yet, that month is not over; 0: none."),
            _limits_note(len(wide), len(wide.columns)),
            _("Customers whose first purchase is older than the loaded data count as new."),
            parts.rate_note(frame, metric),
        ),
    )


def _limits_note(cohorts: int, ages: int) -> str:
    """Say what only the table has."""
    if cohorts <= charts.MOST_COHORTS and ages <= charts.MOST_AGES:
        return ""
    return _(
        "The chart has the newest {cohorts} months and {ages} months after each, the table all."
    ).format(cohorts=charts.MOST_COHORTS, ages=charts.MOST_AGES)


def _cost(selection: Selection) -> float | None:
    """Return what a new customer of the period cost; None where no spend is known."""
    if selection.chosen:  # the spend is that of all customers
        return None
    frame = selection.query("cac")
    cost = frame.attrs["total"]["cac"]
    if frame.attrs["statuses"]["cac"] in HIDDEN or values.is_missing(cost) or not cost > 0:
        return None
    return float(cost)
