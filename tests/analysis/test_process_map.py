"""Routes, returns, waiting and the bottleneck on seven deals, small enough to follow by eye."""

from datetime import datetime, timedelta

import pandas as pd
import pytest

from workbench.analysis import process_map as maps
from workbench.i18n import use_language

STAGES = {
    "N": ("New", 10, "P"),
    "O": ("Offer", 20, "P"),
    "W": ("Won", 30, "S"),
    "L": ("Lost", 40, "F"),
}
BEGIN = datetime(2026, 1, 1)
# deal: department, way as stage and days in it
WAYS = {
    1: ("North", [("N", 1), ("O", 4), ("W", None)]),
    2: ("North", [("N", 2), ("O", 6), ("W", None)]),
    3: ("South", [("N", 3), ("O", 10), ("W", None)]),
    4: ("South", [("N", 1), ("O", 2), ("N", 2), ("O", 8), ("W", None)]),
    5: ("South", [("N", 5), ("L", None)]),
    6: (None, [("N", 1), ("N", 1), ("O", 5), ("L", None)]),
    7: ("North", [("W", None)]),
}


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, deals = [], []
    for deal, (department, way) in WAYS.items():
        at = BEGIN
        for code, days in way:
            name, sort, semantics = STAGES[code]
            rows.append((len(rows), deal, 0, code, name, sort, semantics, at, days))
            at += timedelta(days=days or 0)
        deals.append((deal, way[-1][0] == "W", float((at - BEGIN).days), department))
    stays = pd.DataFrame(
        rows,
        columns=["history_id", "deal_id", "pipeline_id", "stage_id", "stage", "sort", "semantics"]
        + ["entered_at", "days"],
    )
    shuffled = stays.sample(frac=1, random_state=3)  # the order of the rows must not matter
    return shuffled, pd.DataFrame(deals, columns=["deal_id", "is_won", "cycle_days", "department"])


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    monkeypatch.setattr(maps, "FEWEST", 2)


def test_routes_have_their_share_their_wins_and_their_cycle():
    stays, deals = frames()
    table = maps.variants(stays, deals).set_index("route")
    straight = table.loc["New → Offer → Won"]
    assert (straight["deals"], straight["share"], straight["won"]) == (3, 3 / 7, 1)
    assert straight["median_days"] == 8 and not straight["loops"]
    assert table.loc["New → Offer → New → Offer → Won", "loops"]
    assert table.loc["New → Offer → Lost", "deals"] == 1  # told twice that it is new
    assert table["share"].sum() == pytest.approx(1) and table.index[0] == "New → Offer → Won"


def test_every_move_is_counted_with_the_days_before_it():
    stays, _deals = frames()
    table = maps.transitions(stays).set_index(["from_stage", "to_stage"])
    forth = table.loc[("New", "Offer")]
    assert (forth["deals"], forth["moves"], forth["back"]) == (5, 6, False)
    back = table.loc[("Offer", "New")]
    assert (back["deals"], back["moves"], back["median_days"], back["back"]) == (1, 1, 2, True)
    assert table.loc[("Offer", "Lost"), "lost"] and len(table) == 5
    assert table["moves"].sum() == 6 + 1 + 4 + 1 + 1


def test_returns_are_told_with_their_share():
    stays, _deals = frames()
    table = maps.loops(stays).set_index("stage")
    assert table.loc["New", ["deals", "returns"]].tolist() == [1, 1]
    assert table.loc["New", "share"] == 1 / 6 and table.loc["Offer", "share"] == 1 / 5


def test_waiting_adds_the_stays_of_a_deal_up():
    stays, _deals = frames()
    table = maps.waiting(stays).set_index("stage")
    assert table.index.tolist() == ["New", "Offer"]
    assert table.loc["New", "total_days"] == 1 + 2 + 3 + 3 + 5 + 2
    assert table.loc["Offer", "median_days"] == 6  # 4, 6, 10, 10, 5
    assert table["share"].tolist() == [16 / 51, 35 / 51]


def test_the_bottleneck_is_where_most_is_waited_and_the_gain_that_of_the_best_team():
    stays, deals = frames()
    found = maps.bottleneck(stays, deals)
    assert found is not None and found.stage == "Offer" and found.deals == 5
    # North: 4 and 6 days, South: 10 and 10; nobody's deal is no team.
    assert (found.best_team, found.best_median_days) == ("North", 5)
    assert found.gain_days == (5 * 2 + 0 * 2) / 5
    with use_language("en"):
        told = maps.finding(found)
    assert "“Offer”: 6 days (median), 69%" in told and "North needs 5 days" in told
    assert "2 days less per deal" in told


def test_one_team_alone_has_nobody_to_learn_from():
    stays, deals = frames()
    found = maps.bottleneck(stays, deals.assign(department="North"))
    assert found is not None and found.best_team is None and found.gain_days == 0
    assert maps.bottleneck(stays.iloc[:0], deals) is None
    with use_language("fr"):
        assert maps.finding(None).endswith(".")


def test_renamed_stages_change_names_only():
    stays, deals = frames()
    renamed = stays.assign(stage=stays["stage"].map(lambda name: f"{name} bis"))
    before, after = maps.transitions(stays), maps.transitions(renamed)
    names = ["from_stage", "to_stage"]
    pd.testing.assert_frame_equal(before.drop(columns=names), after.drop(columns=names))
    assert (
        maps.variants(renamed, deals)["deals"].tolist()
        == maps.variants(stays, deals)["deals"].tolist()
    )
