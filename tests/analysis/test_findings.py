"""Findings: one sentence, its numbers those of the frame, in the reader's language."""

import pandas as pd
import pytest
from hand_company import hand_snapshot

from workbench.analysis import findings
from workbench.analysis.forecast import forecast
from workbench.i18n import format_percent, use_language
from workbench.metrics import catalogue, dimensions, query


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


def test_over_time_the_last_complete_month_is_compared(snapshot):
    frame = query("won_revenue", grain="month", period="2026-01..2026-03", snapshot=snapshot)
    assert findings.main(frame) == ("Won revenue in Mar 2026: €1,000, −67% against Feb 2026.")


def test_a_running_month_is_not_called_a_fall(snapshot):
    frame = query("deals", grain="month", period="2026", snapshot=snapshot)
    assert findings.main(frame).startswith("Deals created in May 2026: 0")


def test_a_cohort_too_recent_to_judge_is_not_called_a_fall(snapshot):
    # Of the deals of January two of three were won, of February one of one; March is immature.
    frame = query("created_win_rate", grain="month", period="2026-01..2026-05", snapshot=snapshot)
    told = findings.main(frame)
    assert told.startswith("Win rate (created) in Feb 2026: 100.0%, +33.3 points against Jan 2026")


def test_shares_change_by_points(snapshot):
    frame = query("closed_win_rate", period="2026-Q2", compare="previous", snapshot=snapshot)
    assert findings.main(frame) == (
        "Win rate (closed) in Q2 2026: 50.0%, −25 points against Q1 2026."
    )


def test_the_leader_has_its_share_of_the_total(snapshot):
    frame = query("won_revenue", by="source", period="2026-Q1", snapshot=snapshot)
    assert findings.main(frame) == ("Won revenue: Adverts leads with €3,000, 60% of the total.")


def test_spend_is_told_beside_the_revenue_that_it_brings(company):
    frame = query(["marketing_spend", "marketing_revenue"], by="source", period="all")
    told = findings.spend(frame)
    rows = frame.dropna(subset=["marketing_spend"]).set_index("source").astype(float)
    first = rows["marketing_spend"].idxmax()
    shares = rows.loc[first] / rows.sum()
    assert told.startswith(f"{first} takes {shares['marketing_spend'] * 100:.0f}% of the spend (€")
    assert told.endswith(f"brings {shares['marketing_revenue'] * 100:.0f}% of the revenue.")


def test_without_revenue_only_the_spend_is_told(company):
    frame = query(["marketing_spend", "marketing_revenue"], by="source", period="all")
    frame.attrs["total"]["marketing_revenue"] = None
    assert "leads with" in findings.spend(frame)


def test_groups_of_few_rows_are_not_ranked(snapshot):
    frame = query("closed_win_rate", by="manager", snapshot=snapshot)
    assert findings.main(frame) == "Win rate (closed): too few rows to compare."


def test_groups_with_enough_rows_are_ranked_from_first_to_last(company):
    frame = query("closed_win_rate", by="source", period="all")
    told = findings.main(frame)
    ranked = frame[frame["n"] >= 10].sort_values("closed_win_rate")
    assert f"highest for {ranked['source'].iloc[-1]} (" in told
    assert f"lowest for {ranked['source'].iloc[0]} (" in told
    assert f"{frame.attrs['total']['closed_win_rate'] * 100:.1f}% overall" in told


def test_what_is_not_loaded_is_said_to_be_so(snapshot):
    frame = query("won_revenue", period="2020", snapshot=snapshot)
    assert findings.main(frame) == "Won revenue: not loaded for 2020."
    empty = query("average_won_deal", period="2026-05", snapshot=snapshot)
    assert findings.main(empty) == "Average won deal: nothing to count in May 2026."


@pytest.mark.parametrize("metric", catalogue())
def test_every_metric_has_a_finding_in_every_shape(snapshot, metric):
    known = dimensions(catalogue()[metric])
    by = "source" if "source" in known else "customer" if "customer" in known else known[0]
    shapes = [
        {},
        {"grain": "month"},
        {"by": by},
        {"by": by, "grain": "quarter"},
        {"compare": "year_ago"},
    ]
    for shape in shapes:
        frame = query(metric, period="2026", snapshot=snapshot, **shape)
        for code in ("fr", "en"):
            with use_language(code):
                told = findings.main(frame)
            assert told.endswith(".") and "nan" not in told.lower() and "{" not in told
            assert catalogue()[metric].title.model_dump()[code] in told


def test_an_unset_group_is_named_as_such(snapshot):
    frame = query("won_revenue", by="industry", where="industry is null", snapshot=snapshot)
    assert findings.main(frame).startswith("Won revenue: not set leads")


def test_the_forecast_is_told_with_its_error_beside_the_baselines():
    days = pd.date_range("2023-01-01", periods=36, freq="MS")
    values = [1000 * 1.02**t * (1.3 if t % 12 == 11 else 1) for t in range(36)]
    result = forecast(pd.DataFrame({"period": days, "value": values}))
    told = findings.forecast(result)
    assert told.startswith("The next 3 months bring about €")
    assert "exponential smoothing erred by" in told and "last year’s month by" in told
    few = forecast(pd.DataFrame({"period": days[:2], "value": values[:2]}))
    shares = findings.forecast(result, "share", adds_up=False)
    assert "bring" not in shares
    assert format_percent(float(result.future["value"].iloc[0]), 1) in shares
    assert findings.forecast(few) == "There are too few complete months for a forecast."
