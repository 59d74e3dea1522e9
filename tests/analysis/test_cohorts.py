"""Cohorts' tables against sums made by hand."""

import numpy as np
import pandas as pd

from workbench.analysis.cohorts import lifetime_value, payback_months, triangle

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
