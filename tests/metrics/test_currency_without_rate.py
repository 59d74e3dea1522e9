"""Amounts in a currency that has no exchange rate: left out and said so, never 0."""

import math

import pytest
from hand_company import changed_snapshot

from workbench.metrics import query


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """The company by hand; deal 9, won on 31 March, is in gold, of which nobody has a rate."""
    with changed_snapshot(
        tmp_path_factory.mktemp("gold"),
        "UPDATE deals SET currency = 'XAU', amount_base = NULL, rate_basis = NULL"
        " WHERE deal_id = 9",
    ) as opened:
        yield opened


def test_its_money_is_unknown_and_not_zero(snapshot):
    frame = query(["won_revenue", "deals_won"], by="currency", period="2026-Q1", snapshot=snapshot)
    shown = frame.set_index("currency")
    assert math.isnan(shown.loc["XAU", "won_revenue"])
    assert shown.loc["XAU", "deals_won"] == 1
    assert shown.loc["EUR", "won_revenue"] == 4000


def test_a_total_without_it_says_so(snapshot):
    frame = query("won_revenue", period="2026-Q1", grain="month", snapshot=snapshot)
    assert frame.attrs["total"]["won_revenue"] == 4000
    assert frame.attrs["statuses"]["won_revenue"] == "no rate"
    assert frame.attrs["marks"]["won_revenue"] == {"2026-03-01": "no rate"}


def test_the_average_is_of_the_deals_whose_amount_is_known(snapshot):
    frame = query(["average_won_deal", "deals_won"], period="2026-Q1", snapshot=snapshot)
    assert frame["average_won_deal"][0] == 2000  # (1000 + 3000) / 2; the third won one is in gold
    assert frame.attrs["n"] == {"average_won_deal": 2, "deals_won": 3}


def test_beside_another_period_it_stays_unknown(snapshot):
    frame = query(
        "won_revenue", by="currency", period="2026-Q2", compare="previous", snapshot=snapshot
    ).set_index("currency")
    assert math.isnan(frame.loc["XAU", "won_revenue_before"])
    assert frame.loc["XAU", "won_revenue"] == 0  # nothing in gold was won in the second quarter
    assert frame.loc["CHF", "won_revenue_before"] == 0
