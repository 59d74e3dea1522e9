"""Deals that stand still, and one deal among its peers, against figures worked by hand."""

import json
from datetime import timedelta

import pandas as pd
import pytest
from hand_company import AS_OF, hand_snapshot

from workbench.analysis import findings
from workbench.analysis.peers import deal_among_peers
from workbench.analysis.stalled import stalled
from workbench.errors import QueryError
from workbench.i18n import use_language
from workbench.metrics import query, rows, summary
from workbench.views.panels.deal import peer
from workbench.views.selection import ALL, Selection, period_of
from workbench.warehouse import newest_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


@pytest.fixture(scope="module")
def deals(snapshot):
    return snapshot.query("SELECT * FROM deals")


@pytest.fixture(scope="module")
def limits(snapshot):
    return snapshot.read("stage_limits")


def limits_by_hand(snapshot) -> pd.DataFrame:
    """What won deals took in each open stage, in plain pandas."""
    deals = snapshot.query("SELECT * FROM deals WHERE is_won")
    stays = snapshot.query("SELECT * FROM deal_stage_stays")
    rows = stays[
        stays["deal_id"].isin(deals["deal_id"])
        & (stays["semantics"] == "P")
        & stays["days"].notna()
    ]
    keys = ["pipeline_id", "stage_id"]
    grouped = rows.groupby([*keys, "deal_id"])["days"].sum().groupby(keys)
    return pd.DataFrame(
        {
            "limit_days": grouped.quantile(0.8),
            "median_days": grouped.median(),
            "won_deals": grouped.size(),
        }
    ).reset_index()


def among_peers(
    snapshot, number: int, as_of, limits: pd.DataFrame, deals: pd.DataFrame | None = None
):
    """The comparison of one deal, with what the page reads; or with other deals beside it."""
    beside = snapshot.read("deals_beside", deal_id=number) if deals is None else deals
    stayed = snapshot.read("days_beside", deal_id=number)["days"]
    return deal_among_peers(snapshot.read("deal", deal_id=number), beside, stayed, limits, as_of)


def test_the_limit_is_what_four_of_five_won_deals_stayed_within(snapshot, limits):
    found = limits.set_index("stage_id")
    assert found["limit_days"].to_dict() == pytest.approx({"NEW": 13, "OFFER": 57, "C2:NEW": 60})
    assert found["won_deals"].to_dict() == {"NEW": 3, "OFFER": 3, "C2:NEW": 1}
    pd.testing.assert_frame_equal(limits, limits_by_hand(snapshot), check_dtype=False)


def test_the_limits_of_the_small_company(company):
    with newest_snapshot() as snapshot:
        found, expected = snapshot.read("stage_limits"), limits_by_hand(snapshot)
    assert len(found) > 5
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_one_deal_stands_still(deals, limits):
    table = stalled(deals, limits, AS_OF)
    assert table["deal_id"].tolist() == [6]
    assert table["age_days"].iloc[0] == 66.5  # 10 April, midnight, to 15 June, noon, in Paris
    assert table["over_days"].iloc[0] == 9.5


def test_the_metric_and_the_list_agree(snapshot, deals, limits):
    counted = query("stalled_deals", snapshot=snapshot)["stalled_deals"].iloc[0]
    assert counted == len(stalled(deals, limits, AS_OF))


def test_the_metric_and_the_list_agree_on_the_small_company(company):
    with newest_snapshot() as snapshot:
        deals = snapshot.query("SELECT * FROM deals")
        limits = snapshot.read("stage_limits")
        counted = query("stalled_deals", by="pipeline", snapshot=snapshot)
        listed = stalled(deals, limits, snapshot.as_of)["pipeline"].value_counts()
    assert counted.set_index("pipeline")["stalled_deals"].to_dict() == listed.to_dict()


def test_nothing_stands_still_where_no_deal_was_ever_won(deals, limits):
    assert stalled(deals, limits.iloc[:0], AS_OF).empty
    assert stalled(deals.iloc[:0], limits, AS_OF).empty


def test_time_makes_more_deals_stand_still(deals, limits):
    later = stalled(deals, limits, AS_OF + timedelta(days=100))
    assert later["deal_id"].tolist() == [6, 7, 8]
    assert later["over_days"].is_monotonic_decreasing


def test_a_deal_among_its_peers(snapshot, limits):
    deal = among_peers(snapshot, 6, AS_OF, limits)
    assert (deal.status, deal.pipeline, deal.stage) == ("stalled", "Direct", "Offer")
    # 400 is the smallest of 1000, 3000, 500, 400, 600, 1000.10.
    assert deal.amount_percentile == pytest.approx(0.5 / 6) and deal.peers == 6
    assert (deal.age_days, deal.median_days, deal.limit_days) == (66.5, 30, 57)
    assert deal.age_percentile == pytest.approx(2 / 3) and deal.won_peers == 3
    # Closed in the 90 days to 15 June: 9 (31 March); in the 90 before: 1, 2 and 3.
    assert (deal.win_rate, deal.win_rate_n) == (1, 1)
    assert (deal.win_rate_before, deal.win_rate_before_n) == (pytest.approx(2 / 3), 3)
    assert deal.change_percent == pytest.approx(50)
    json.dumps(deal.as_dict())


def test_a_deal_that_is_late_and_ones_that_are_closed(snapshot, limits):
    # Deal 7: 12.5 days in NEW, where the median is 10 and the limit 13.
    assert among_peers(snapshot, 7, AS_OF, limits).status == "late"
    assert among_peers(snapshot, 7, AS_OF - timedelta(days=10), limits).status == "on_time"
    assert among_peers(snapshot, 1, AS_OF, limits).status == "won"
    lost = among_peers(snapshot, 3, AS_OF, limits)
    assert lost.status == "lost" and lost.age_days is None


def test_a_deal_without_an_amount_or_peers_has_no_rank(snapshot, deals, limits):
    deal = among_peers(snapshot, 8, AS_OF, limits)
    assert deal.amount is None and deal.amount_percentile is None
    lonely = among_peers(snapshot, 8, AS_OF, limits.iloc[:0], deals[deals["deal_id"] == 8])
    assert lonely.win_rate is None and lonely.limit_days is None and lonely.status == "on_time"
    assert lonely.won_peers == 0 and lonely.age_percentile is None
    with use_language("en"):
        assert findings.peer(lonely) == "“Deal 8”: nothing to compare it with yet."


def test_an_unknown_deal_is_refused(snapshot):
    chosen = Selection(snapshot, period_of(snapshot, ALL), inputs={"deal_id": 4711})
    with use_language("en"), pytest.raises(QueryError, match="no deal 4711"):
        peer(chosen)


def test_the_summaries_of_standing_deals_are_those_of_the_list(company):
    with newest_snapshot() as snapshot:
        where = "manager_id in (2, 3, 4)"
        deals = rows("deals", where, snapshot=snapshot)
        listed = stalled(deals, snapshot.read("stage_limits"), snapshot.as_of)
        counts = summary("standing", where, snapshot=snapshot)
        longest = summary("longest_standing", where, snapshot=snapshot, most=5)
    keys = ["pipeline", "stage"]
    ours = counts.set_index(keys).sort_index()
    theirs = listed.groupby(keys).agg(stalled=("deal_id", "size"), amount=("amount_base", "sum"))
    theirs = theirs.reindex(ours.index)
    assert ours["open"].to_dict() == deals[deals["is_open"]].groupby(keys).size().to_dict()
    assert ours["stalled"].tolist() == theirs["stalled"].fillna(0).tolist()
    assert ours["amount"].fillna(0).tolist() == pytest.approx(theirs["amount"].fillna(0).tolist())
    assert len(listed) > 5 and longest["of_all"].tolist() == [len(listed)] * 5
    shown = ["deal_id", "title", "manager", "amount_base", "age_days", "limit_days"]
    pd.testing.assert_frame_equal(longest[shown], listed[shown].head(5), check_dtype=False)


def test_findings_say_the_same_numbers(snapshot, deals, limits):
    counts = summary("standing", snapshot=snapshot)
    with use_language("en"):
        assert findings.stalled(counts) == (
            "1 of 3 open deals stands still (€400); most are in “Offer”."
        )
        assert "66.5 days in “Offer”" in findings.peer(among_peers(snapshot, 6, AS_OF, limits))
        nothing = summary("standing", "stage = 'New'", snapshot=snapshot)
        assert findings.stalled(nothing) == "No open deal stands still."
    with use_language("fr"):
        told = findings.stalled(counts)
        assert (
            told == "1 affaire ouverte sur 3 est à l’arrêt (400\u00a0€), dans «\u202fOffer\u202f»."
        )
