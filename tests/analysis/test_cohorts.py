"""Cohorts' tables against sums made by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis import cohorts
from workbench.analysis.cohorts import lifetime_value, payback_months, triangle
from workbench.i18n import use_language

COHORTS = pd.DataFrame(
    {
        "cohort": ["2026-01", "2026-01", "2026-01", "2026-02", "2026-02"],
        "age": ["00", "01", "02", "00", "01"],
        "cohort_customers": [4, 4, 4, 6, 6],
        "cohort_revenue": [400.0, 100.0, 60.0, 600.0, 50.0],
        "retention_rate": [1, 0.5, 0.25, 1, 1 / 6],
    }
)


def test_a_triangle_is_empty_where_a_cohort_is_too_young():
    table = triangle(COHORTS, "retention_rate")
    assert table.loc["2026-01"].tolist() == [1, 0.5, 0.25]
    assert np.isnan(table.loc["2026-02", 2])


def test_value_adds_the_months_of_those_who_lived_through_them():
    table = lifetime_value(COHORTS)
    assert table["revenue"].tolist() == [100, 15, 15]  # 1000/10, 150/10, 60/4
    assert table["value"].tolist() == [100, 115, 130] and table["customers"].tolist() == [10, 10, 4]
    assert payback_months(table, 110) == 1 and payback_months(table, 131) is None


def cohort(month: str, customers: int, active: list[int], revenue: list[float]) -> pd.DataFrame:
    """Rows of one cohort: the first month, then those with ``active`` customers."""
    return pd.DataFrame(
        {
            "cohort": month,
            "age": [f"{age:02d}" for age in range(len(active) + 1)],
            "cohort_customers": customers,
            "customers_active": [customers, *active],
            "cohort_revenue": revenue,
        }
    )


STEADY = pd.concat(
    [
        cohort("2026-01", 40, [8, 4, 4], [4000.0, 800, 400, 400]),
        cohort("2026-02", 60, [12, 6, 6], [6000.0, 1200, 600, 600]),
    ]
)
FALLEN = pd.concat([STEADY, cohort("2026-03", 100, [1, 0, 2], [9000.0, 100, 0, 200])])


def test_an_age_rests_on_the_cohorts_that_have_lived_through_it():
    young = pd.concat([STEADY, cohort("2026-04", 20, [6], [2000.0, 700])])
    table = cohorts.by_age(young, "customers_active", "cohort_customers")
    assert table["age"].tolist() == [0, 1, 2, 3]
    assert table["cohort_customers"].tolist() == [120, 120, 100, 100]
    assert table["share"].tolist() == [1, 26 / 120, 0.1, 0.1]  # 8 + 12 + 6, 4 + 6, 4 + 6


@pytest.mark.parametrize(("today", "kept"), [("2026-03-30", 2), ("2026-03-31", 3)])
def test_a_cohort_counts_from_the_last_day_of_its_first_month(today, kept):
    left = cohorts.lived_through(FALLEN, date.fromisoformat(today))
    assert left["cohort"].nunique() == kept


def test_newer_cohorts_are_told_apart_only_beyond_chance():
    # 40 customers: 16 of 120 months; 60 customers: 24 of 180.
    same = cohorts.change(STEADY)
    assert (same.since, same.newer_n, same.older_n) == ("2026-02", 60, 40)
    assert same.newer == same.older == pytest.approx(16 / 120) and not same.clear
    # The newer half is now February and March: 24 + 3 of 480 months.
    fallen = cohorts.change(FALLEN)
    assert (fallen.since, fallen.newer_n, fallen.older_n) == ("2026-02", 160, 40)
    assert fallen.newer == pytest.approx(27 / 480) and not fallen.clear
    only_two = FALLEN[FALLEN["cohort"] != "2026-01"]
    # 24 of 180 against 3 of 300: 12.3 points; twice the error is 7.5.
    told = cohorts.change(only_two)
    assert told.clear and told.newer == 0.01 and told.older == pytest.approx(24 / 180)


def test_too_few_or_too_young_customers_are_not_compared():
    assert cohorts.change(cohort("2026-01", 40, [8, 4, 4], [1.0, 1, 1, 1])) is None
    few = pd.concat([STEADY, cohort("2026-03", 9, [0, 0, 0], [9.0, 0, 0, 0])])
    assert cohorts.change(few[few["cohort"] != "2026-01"]) is None
    young = pd.concat([STEADY, cohort("2026-03", 500, [0], [9.0, 0])])
    assert cohorts.change(young) == cohorts.change(STEADY)


def test_repeat_revenue_is_of_cohorts_that_have_lived_through_all_its_months():
    young = pd.concat([STEADY, cohort("2026-04", 500, [400], [9e6, 9e6])])
    found = cohorts.repeat_revenue(young)
    assert (found.months, found.customers, found.again, found.first) == (3, 100, 4000, 10_000)
    assert cohorts.repeat_revenue(cohort("2026-01", 9, [1, 1, 1], [1.0, 1, 1, 1])) is None


def test_the_findings_say_what_the_rows_say():
    with use_language("en"):
        steady, fallen = map(
            cohorts.retention_finding, (STEADY, FALLEN[FALLEN["cohort"] != "2026-01"])
        )
        again = cohorts.revenue_finding(STEADY, "EUR")
        values = lifetime_value(STEADY)
        worth = [cohorts.value_finding(values, "EUR", cost) for cost in (None, 90, 125, 900)]
        young = cohorts.retention_finding(STEADY[STEADY["age"] == "00"])
    assert steady.startswith("20.0% of 100 customers bought again in the month after")
    assert "In month 3, 10.0% of 100 did." in steady and "no difference beyond chance" in steady
    assert "customers since Mar 2026 come back less often" in fallen
    assert "1.0% a month against 13.3%" in fallen
    assert "100 customers bought for €4,000 again: 40% of the €10,000" in again
    # 100 in the first month, then 20, 10, 10.
    assert worth[0] == "By month 3, a customer has brought €140, €100 of it in the first (n = 100)."
    assert worth[1].endswith("A new customer costs €90.00: the first month brings more.")
    assert worth[2].endswith("A new customer costs €125: passed in month 2.")
    assert worth[3].endswith("That is below the €900 which a new customer costs.")
    assert young == "No month after a first purchase is over yet."
