"""Cohorts of customers: who comes back, for how much, and when their acquisition is paid back.

Frames are those of ``query([...], by=["cohort", "age"])``: ``cohort`` is the month of the first
purchase (``2026-03``), ``age`` the months since then (``00``, ``01``, …).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from workbench.i18n import _, format_month, format_number, format_percent
from workbench.metrics import format_value

FEWEST = 10  # customers below which nothing is said of a group
EARLY = 3  # months after the first in which newer cohorts are compared with older ones
LATER = (12, 6, 3)  # months after the first that are told of, the first that enough have lived


def triangle(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a metric as a table: one row per cohort, one column per age (int), NaN where unknown.

    A cohort knows only the ages that it has lived through.
    """
    table = frame.assign(age=frame["age"].astype(int)).pivot(
        index="cohort", columns="age", values=metric
    )
    return table.sort_index().sort_index(axis=1)


def lifetime_value(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what a customer has brought by each age, in the base currency.

    ``frame``: ``age``, ``cohort_revenue`` and ``cohort_customers``, by age or by cohort and age.
    One row per age: age, customers (that are old enough), revenue (per customer in that month),
    value (all months up to it). Each month is the mean of those who have lived through it.
    """
    ages = frame.assign(age=frame["age"].astype(int)).groupby("age")
    table = ages[["cohort_customers", "cohort_revenue"]].sum().sort_index()
    revenue = table["cohort_revenue"].astype(float) / table["cohort_customers"]
    return pd.DataFrame(
        {
            "age": table.index,
            "customers": table["cohort_customers"].to_numpy(),
            "revenue": revenue.to_numpy(),
            "value": revenue.cumsum().to_numpy(),
        }
    )


def payback_months(values: pd.DataFrame, cost: float) -> int | None:
    """Return the first age at which a customer has brought ``cost``; None if none has so far.

    ``values``: rows of `lifetime_value`; ``cost``: of acquiring a customer, in the base currency.
    """
    enough = values.loc[values["value"] >= cost, "age"]
    return int(enough.iloc[0]) if len(enough) else None


def lived_through(frame: pd.DataFrame, today: date) -> pd.DataFrame:
    """Leave out the cohort whose first month is not over on ``today``, the day of the data."""
    tomorrow = today + timedelta(days=1)
    running = tomorrow.strftime("%Y-%m")
    return frame[frame["cohort"] < running]


def by_age(frame: pd.DataFrame, part: str, whole: str) -> pd.DataFrame:
    """Return a ratio of all cohorts together: age, part, whole, share; one row per age.

    ``part`` and ``whole`` are columns that add up over cohorts. Each age rests on the cohorts that
    have lived through it, so ``whole`` falls with age.
    """
    ages = frame.assign(age=frame["age"].astype(int)).groupby("age")
    table = ages[[part, whole]].sum().astype(float).sort_index()
    table["share"] = table[part] / table[whole].where(table[whole] != 0)
    return table.reset_index()


@dataclass(frozen=True)
class Change:
    """How often the newer half of the cohorts comes back beside the older half.

    ``since``: the first cohort of the newer half (``2026-03``). Shares are customers active in a
    month, mean of the first three months after the first; ``n``: customers. It is ``clear``
    where it is beyond twice its standard error, which takes a customer's months for one.
    """

    since: str
    newer: float
    older: float
    newer_n: int
    older_n: int

    @property
    def clear(self) -> bool:
        """Whether there is a difference beyond chance."""
        n = self.newer_n + self.older_n
        both = (self.newer * self.newer_n + self.older * self.older_n) / n
        error = math.sqrt(both * (1 - both) * (1 / self.newer_n + 1 / self.older_n))
        return abs(self.newer - self.older) > 2 * error


def change(frame: pd.DataFrame) -> Change | None:
    """Compare the newer half of the cohorts with the older one; None where either is too small.

    ``frame``: cohort, age, cohort_customers, customers_active. Only cohorts that have lived
    through the three months are compared.
    """
    early = frame.assign(age=frame["age"].astype(int))
    early = early[early["age"].between(1, EARLY)]
    known = early.groupby("cohort")["age"].transform("nunique") == EARLY
    table = early[known].groupby("cohort")[["cohort_customers", "customers_active"]].sum()
    older, newer = table.iloc[: len(table) // 2], table.iloc[len(table) // 2 :]
    newer_n, older_n = (int(half["cohort_customers"].sum()) // EARLY for half in (newer, older))
    if min(newer_n, older_n) < FEWEST:
        return None
    newer_share, older_share = (
        float(half["customers_active"].sum() / half["cohort_customers"].sum())
        for half in (newer, older)
    )
    return Change(str(newer.index[0]), newer_share, older_share, newer_n, older_n)


def retention_finding(frame: pd.DataFrame) -> str:
    """Return how many come back, and whether newer cohorts do so more or less often.

    ``frame`` as for `change`.
    """
    table = by_age(frame, "customers_active", "cohort_customers").set_index("age")
    table = table[table.index > 0]
    if table.empty:
        return _("No month after a first purchase is over yet.")
    first = table.iloc[0]
    told = _("{share} of {n} customers bought again in the month after their first.").format(
        share=format_percent(first["share"]), n=format_number(first["cohort_customers"])
    )
    enough = [age for age in LATER if age in table.index]
    enough = [age for age in enough if table.loc[age, "cohort_customers"] >= FEWEST]
    if enough:
        later = table.loc[enough[0]]
        told += " " + _("In month {age}, {share} of {n} did.").format(
            age=enough[0],
            share=format_percent(later["share"]),
            n=format_number(later["cohort_customers"]),
        )
    turn = change(frame)
    if turn is None:
        few = _("There are too few customers to compare newer cohorts with older ones.")
        return f"{told} {few}"
    if not turn.clear:
        sentence = _(
            "Over the first three months, customers since {month} come back as often as those"
            " before: {newer} and {older} a month, no difference beyond chance."
        )
    elif turn.newer > turn.older:
        sentence = _(
            "Over the first three months, customers since {month} come back more often than those"
            " before: {newer} a month against {older}."
        )
    else:
        sentence = _(
            "Over the first three months, customers since {month} come back less often than those"
            " before: {newer} a month against {older}."
        )
    compared = sentence.format(
        month=format_month(month_of(turn.since)),
        newer=format_percent(turn.newer),
        older=format_percent(turn.older),
    )
    return f"{told} {compared}"


@dataclass(frozen=True)
class Repeat:
    """What customers bought again in the ``months`` after their first one.

    ``again`` and ``first``: revenue of those months and of the first, in the base currency, of the
    ``customers`` whose cohorts have lived through all of them.
    """

    months: int
    customers: int
    again: float
    first: float


def repeat_revenue(frame: pd.DataFrame) -> Repeat | None:
    """Return the repeat revenue over 12 months, or over 6 or 3 where too few are old enough.

    ``frame``: cohort, age, cohort_customers, cohort_revenue. None where fewer than ten customers
    have lived through three months.
    """
    rows = frame.assign(age=frame["age"].astype(int))
    for months in LATER:
        old = rows.loc[rows["age"] == months, "cohort"]
        known = rows[rows["cohort"].isin(old) & (rows["age"] <= months)]
        first = known[known["age"] == 0]
        customers = int(first["cohort_customers"].sum())
        if customers >= FEWEST:
            again = known.loc[known["age"] > 0, "cohort_revenue"].astype(float).sum()
            base = first["cohort_revenue"].astype(float).sum()
            return Repeat(months, customers, float(again), float(base))
    return None


def revenue_finding(frame: pd.DataFrame, currency: str) -> str:
    """Return what customers brought again beside what they brought first, in one sentence."""
    found = repeat_revenue(frame)
    if found is None or not found.first > 0:
        return _("Too few customers are three months old to say what they bring again.")
    return _(
        "In the {months} months after their first, {n} customers bought for {again} again: {share}"
        " of the {first} of their first month."
    ).format(
        months=found.months,
        n=format_number(found.customers),
        again=format_value(found.again, "money", currency),
        share=format_percent(found.again / found.first, 0),
        first=format_value(found.first, "money", currency),
    )


def value_finding(values: pd.DataFrame, currency: str, cost: float | None) -> str:
    """Return what a customer has brought, and when that passes the cost of winning one.

    ``values``: rows of `lifetime_value`; ``cost`` in the base currency, None where it is unknown.
    """
    last, first = values.iloc[-1], values.iloc[0]
    told = _(
        "By month {age}, a customer has brought {value}, {first} of it in the first (n = {n})."
    ).format(
        age=format_number(last["age"]),
        n=format_number(last["customers"]),
        value=format_value(last["value"], "money", currency),
        first=format_value(first["value"], "money", currency),
    )
    if cost is None:
        return told
    months = payback_months(values, cost)
    if months is None:
        sentence = _("That is below the {cost} which a new customer costs.")
    elif months == 0:
        sentence = _("A new customer costs {cost}: the first month brings more.")
    else:
        sentence = _("A new customer costs {cost}: passed in month {months}.")
    paid = sentence.format(cost=format_value(cost, "money", currency), months=months)
    return f"{told} {paid}"


def month_of(cohort: str) -> date:
    """Return the first day of a cohort's month (``2026-03``)."""
    return date.fromisoformat(f"{cohort}-01")
