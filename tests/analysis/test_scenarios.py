"""The slider: done + win rate × open due, per pipeline; simulation confirms the interval."""

import math
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hand_company import changed_snapshot, hand_snapshot
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis import findings
from workbench.analysis.scenarios import expected_quarter
from workbench.errors import ParameterError
from workbench.i18n import use_language
from workbench.metrics import resolve_period, rows, summary
from workbench.warehouse import newest_snapshot

QUARTER = resolve_period("2026-Q2")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


@pytest.fixture(scope="module")
def amounts(snapshot):
    return summary("quarter", snapshot=snapshot, start=QUARTER.start, end=QUARTER.end)


def plain_amounts(deals: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    """The summary once more: row by row, amounts as decimals."""
    found: dict[int, dict] = {}
    for deal in deals.to_dict("records"):
        closed, planned = deal["closed_on"], deal["expected_close_on"]
        won = deal["is_won"] and pd.Timestamp(start) <= closed < pd.Timestamp(end)
        due = deal["is_open"] and planned < pd.Timestamp(end)
        if not (won or deal["is_open"]):
            continue
        row = found.setdefault(
            deal["pipeline_id"],
            {"pipeline": deal["pipeline"], **dict.fromkeys(COUNTED, Decimal(0))},
        )
        known = not pd.isna(deal["amount_base"])
        amount = Decimal(str(deal["amount_base"])) if known else Decimal(0)
        row["done"] += amount * won
        row["open_due"] += amount * due
        row["due_deals"] += due
        row["due_squares"] += amount**2 * due
        row["without_date"] += deal["is_open"] and pd.isna(planned)
        row["later"] += (won or due) and amount != 0 and deal["rate_basis"] == "later"
        row["unrated"] += (won or due) and not known and (deal["amount"] or 0) > 0
    rows = [{"pipeline_id": key, **found[key]} for key in sorted(found)]
    return pd.DataFrame(rows).astype(dict.fromkeys(COUNTED, float))


COUNTED = ["done", "open_due", "due_deals", "due_squares", "without_date", "later", "unrated"]


@pytest.mark.parametrize("where", ["", "source = 'Website'", "department_and_below = 'Sales'"])
def test_the_amounts_are_those_of_the_rows(tmp_path, where):
    snapshot = changed_snapshot(
        tmp_path,
        "UPDATE deals SET rate_basis = 'later' WHERE deal_id = 4",
        "UPDATE deals SET amount_base = NULL WHERE deal_id = 6",
        "UPDATE deals SET expected_close_on = NULL WHERE deal_id = 7",
    )
    days = {"start": QUARTER.start, "end": QUARTER.end}
    ours = summary("quarter", where, snapshot=snapshot, **days)
    theirs = plain_amounts(rows("deals", where, snapshot=snapshot), **days)
    assert ours["without_date"].sum() == ("Website" not in where)
    pd.testing.assert_frame_equal(ours.fillna(0), theirs, check_dtype=False)


@pytest.mark.parametrize("quarter", ["2026-Q1", "2026-Q2", "2026-Q3"])
def test_the_amounts_of_the_small_company(company, quarter):
    period = resolve_period(quarter)
    with newest_snapshot() as snapshot:
        days = {"start": period.start, "end": period.end}
        ours = summary("quarter", snapshot=snapshot, **days)
        theirs = plain_amounts(snapshot.query("SELECT * FROM deals"), **days)
    pd.testing.assert_frame_equal(ours.fillna(0), theirs, check_dtype=False)


def test_the_quarter_by_hand(amounts):
    # Due by 30 June: deal 6 (400) and deal 8 (no amount); deal 7 is due in August. Won: deal 4.
    table = expected_quarter(amounts, 0.35, QUARTER)
    rows = table.set_index("pipeline")
    assert rows.loc["Direct", ["done", "open_due", "due_deals"]].tolist() == [0, 400, 1]
    assert rows.loc["Partners", ["done", "open_due", "due_deals"]].tolist() == [2000, 0, 1]
    assert rows["expected"].tolist() == [140, 2000]
    total = table.attrs["total"]
    assert total["expected"] == 2140 and total["done"] == 2000 and total["due_deals"] == 2


def test_a_rate_per_pipeline(amounts):
    table = expected_quarter(amounts.assign(done=0.0), {1: 0.5}, QUARTER)
    rows = table.set_index("pipeline")
    assert rows["expected"].to_dict() == {"Direct": 200, "Partners": 0}
    assert rows["win_rate"]["Direct"] == 0.5 and math.isnan(rows["win_rate"]["Partners"])


def test_two_pipelines_of_one_name_stay_two(amounts):
    table = expected_quarter(amounts.assign(pipeline="Sales"), {1: 0.5, 2: 0.25}, QUARTER)
    rows = table.set_index("pipeline")
    assert rows["done"].to_dict() == {"Sales (#1)": 0, "Sales (#2)": 2000}
    assert rows["win_rate"].to_dict() == {"Sales (#1)": 0.5, "Sales (#2)": 0.25}


@pytest.mark.parametrize("rate", [-0.1, 1.01, 35, float("nan"), "0.3", None, True])
def test_a_rate_outside_zero_to_one_is_refused(amounts, rate):
    with pytest.raises(ParameterError) as error:
        expected_quarter(amounts, rate, QUARTER)
    assert error.value.exit_code == 2


def test_a_deal_without_a_planned_close_is_left_out_and_told(tmp_path):
    snapshot = changed_snapshot(tmp_path, "UPDATE deals SET expected_close_on = NULL")
    amounts = summary("quarter", snapshot=snapshot, start=QUARTER.start, end=QUARTER.end)
    table = expected_quarter(amounts, 0.5, QUARTER)
    assert table["open_due"].sum() == 0 and table.attrs["without_date"] == 3


def test_no_deal_is_an_empty_scenario(amounts):
    table = expected_quarter(amounts.iloc[:0], 0.5, QUARTER)
    assert table.empty and table.attrs["total"]["expected"] == 0


def portfolio(amounts) -> pd.DataFrame:
    due = pd.Series(amounts, dtype=float)
    row = dict.fromkeys(COUNTED, 0) | {"open_due": due.sum(), "due_deals": len(due)}
    return pd.DataFrame(
        [{"pipeline_id": 1, "pipeline": "Direct", **row, "due_squares": float((due**2).sum())}]
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


def test_the_finding_says_the_totals(amounts):
    with use_language("en"):
        told = findings.scenario(expected_quarter(amounts, 0.35, QUARTER))
    assert told.startswith("Q2 2026: €2,140 expected")
    assert "€2,000 won so far and €400 open" in told
