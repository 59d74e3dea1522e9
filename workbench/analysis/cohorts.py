"""Cohorts of customers: who comes back, for how much, and when their acquisition is paid back.

Frames are those of ``query([...], by=["cohort", "age"])``: ``cohort`` is the month of the first
purchase (``2026-03``), ``age`` the months since then (``00``, ``01``, …).
"""

from __future__ import annotations

import pandas as pd


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
