"""The cohorts of the customers' page through the query service, beside plain pandas."""

import pandas as pd
import pytest
from query_service import RunningService

from workbench.metrics.service.viewers import EVERYTHING, Scope
from workbench.views.panels import customers
from workbench.views.selection import choices, choose
from workbench.warehouse import newest_snapshot

PANELS = (customers.retention, customers.repeat_revenue, customers.value)


def test_each_panel_is_the_one_of_the_snapshot(service: RunningService):
    with newest_snapshot() as snapshot:
        wanted = {"period": "all", "industry": "all"}
        for make in PANELS:
            direct, served = make(choose(snapshot, wanted)), make(choose(service.door(), wanted))
            pd.testing.assert_frame_equal(served.data, direct.data)
            assert served.finding == direct.finding
            assert served.chart.to_dict() == direct.chart.to_dict()
        offered = choices(service.door(), "industry")
        assert offered == choices(snapshot, "industry") != []


@pytest.mark.parametrize("scope", [EVERYTHING, Scope(managers=(3, 5))], ids=["all", "two"])
def test_a_viewers_cohorts_are_those_of_their_deals(service: RunningService, scope: Scope):
    with newest_snapshot() as snapshot:
        deals = snapshot.query(
            "SELECT company_id, closed_on, manager_id FROM deals WHERE is_won AND company_id > 0"
        )
        today = snapshot.as_of.date()
    if scope is not EVERYTHING:
        deals = deals[deals["manager_id"].isin(scope.managers)]
    month = pd.to_datetime(deals["closed_on"]).dt.to_period("M")
    deals = deals.assign(month=month, first=month.groupby(deals["company_id"]).transform("min"))
    deals = deals.assign(age=(deals["month"] - deals["first"]).map(lambda gap: gap.n))
    seen = deals.groupby(["first", "age"])["company_id"].nunique()
    shown = customers.retention(choose(service.door(scope), {"period": "all"})).data
    assert len(shown) == deals["first"].nunique() > 5
    assert shown["customers"].sum() == deals["company_id"].nunique()
    known = 0
    for row in shown.to_dict("records"):
        first = pd.Period(row["cohort"], "M")
        for age in range(1, len(shown.columns) - 1):
            if (first + age).end_time.date() >= today:
                assert row[f"month_{age:02d}"] != row[f"month_{age:02d}"], "not over, so unknown"
                continue
            known += 1
            share = seen.get((first, age), 0) / row["customers"]
            assert row[f"month_{age:02d}"] == pytest.approx(share)
    assert known > 50
