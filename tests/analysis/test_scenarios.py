"""The slider: done + win rate × open due, per pipeline; simulation confirms the interval."""

import math

import numpy as np
import pandas as pd
import pytest
from hand_company import hand_snapshot
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis import findings
from workbench.analysis.scenarios import expected_quarter
from workbench.errors import ParameterError
from workbench.i18n import use_language
from workbench.metrics import resolve_period

QUARTER = resolve_period("2026-Q2")


@pytest.fixture(scope="module")
def deals(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand")).query("SELECT * FROM deals")


def test_the_quarter_by_hand(deals):
    # Due by 30 June: deal 6 (400) and deal 8 (no amount); deal 7 is due in August. Won: deal 4.
    table = expected_quarter(deals[deals["is_open"]], 0.35, QUARTER, won=deals[deals["is_won"]])
    rows = table.set_index("pipeline")
    assert rows.loc["Direct", ["done", "open_due", "due_deals"]].tolist() == [0, 400, 1]
    assert rows.loc["Partners", ["done", "open_due", "due_deals"]].tolist() == [2000, 0, 1]
    assert rows["expected"].tolist() == [140, 2000]
    total = table.attrs["total"]
    assert total["expected"] == 2140 and total["done"] == 2000 and total["due_deals"] == 2


def test_a_rate_per_pipeline(deals):
    table = expected_quarter(deals[deals["is_open"]], {1: 0.5}, QUARTER)
    rows = table.set_index("pipeline")
    assert rows["expected"].to_dict() == {"Direct": 200, "Partners": 0}
    assert rows["win_rate"]["Direct"] == 0.5 and math.isnan(rows["win_rate"]["Partners"])


def test_two_pipelines_of_one_name_stay_two(deals):
    alike = deals.assign(pipeline="Sales")
    table = expected_quarter(
        alike[alike["is_open"]], {1: 0.5, 2: 0.25}, QUARTER, won=alike[alike["is_won"]]
    )
    rows = table.set_index("pipeline")
    assert rows["done"].to_dict() == {"Sales (#1)": 0, "Sales (#2)": 2000}
    assert rows["win_rate"].to_dict() == {"Sales (#1)": 0.5, "Sales (#2)": 0.25}


@pytest.mark.parametrize("rate", [-0.1, 1.01, 35, float("nan"), "0.3", None, True])
def test_a_rate_outside_zero_to_one_is_refused(deals, rate):
    with pytest.raises(ParameterError) as error:
        expected_quarter(deals[deals["is_open"]], rate, QUARTER)
    assert error.value.exit_code == 2


def test_a_deal_without_a_planned_close_is_left_out_and_told(deals):
    open_deals = deals[deals["is_open"]].copy()
    open_deals["expected_close_on"] = pd.NaT
    table = expected_quarter(open_deals, 0.5, QUARTER)
    assert table["open_due"].sum() == 0 and table.attrs["without_date"] == 3


def test_no_deal_is_an_empty_scenario(deals):
    table = expected_quarter(deals.iloc[:0], 0.5, QUARTER)
    assert table.empty and table.attrs["total"]["expected"] == 0


def portfolio(amounts) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pipeline_id": 1,
            "pipeline": "Direct",
            "amount_base": [float(amount) for amount in amounts],
            "expected_close_on": pd.Timestamp("2026-06-01"),
        }
    )


@given(st.lists(st.integers(0, 10**6), max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_more_wins_never_bring_less(amounts, one, other):
    low, high = sorted((one, other))
    small = expected_quarter(portfolio(amounts), low, QUARTER).attrs["total"]
    large = expected_quarter(portfolio(amounts), high, QUARTER).attrs["total"]
    assert small["expected"] <= large["expected"] + 1e-6
    for total in (small, large):
        assert total["low"] <= total["expected"] + 1e-6 <= total["high"] + 2e-6
        assert total["done"] <= total["low"] + 1e-6
        assert total["high"] <= total["done"] + total["open_due"] + 1e-6


def test_the_interval_holds_four_of_five_draws():
    rng = np.random.default_rng(5)
    amounts = rng.lognormal(8, 0.6, 60)
    total = expected_quarter(portfolio(amounts), 0.3, QUARTER).attrs["total"]
    drawn = (rng.random((20_000, 60)) < 0.3) @ amounts
    assert total["expected"] == pytest.approx(drawn.mean(), rel=0.01)
    inside = ((drawn >= total["low"]) & (drawn <= total["high"])).mean()
    assert 0.77 < inside < 0.83


def test_the_finding_says_the_totals(deals):
    with use_language("en"):
        table = expected_quarter(deals[deals["is_open"]], 0.35, QUARTER, won=deals[deals["is_won"]])
        told = findings.scenario(table)
    assert told.startswith("Q2 2026: €2,140 expected")
    assert "€2,000 won so far and €400 open" in told
