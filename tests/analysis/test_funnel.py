"""Reach and conversion on deals that skip stages, come back, and change their pipeline."""

import pandas as pd
import pytest
from hand_company import changed_snapshot, hand_snapshot

from workbench.analysis import findings
from workbench.analysis.funnel import reach
from workbench.i18n import use_language
from workbench.metrics import query


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


@pytest.fixture(scope="module")
def stages(snapshot):
    return snapshot.query("SELECT * FROM stages")


def reached(snapshot, **options) -> pd.DataFrame:
    return query("stage_reach", by=["pipeline", "stage"], snapshot=snapshot, **options)


def counts(table: pd.DataFrame) -> dict[str, int]:
    return dict(zip(table["stage_id"], table["reached"], strict=True))


def test_the_funnel_of_all_deals(snapshot, stages):
    table = reach(reached(snapshot), stages)
    # NEW: 1, 2, 3, 6, 7, 9; OFFER: 1, 2, 6, 9; WON: 1, 2, 9. C2:NEW: 4, 5, 8; C2:WON: 4.
    assert counts(table) == {"NEW": 6, "OFFER": 4, "WON": 3, "C2:NEW": 3, "C2:WON": 1}
    direct = table[table["pipeline_id"] == 1]
    assert direct["step_conversion"].tolist()[1:] == pytest.approx([4 / 6, 3 / 4])
    assert direct["cumulative_conversion"].tolist() == pytest.approx([1, 4 / 6, 3 / 6])
    assert direct["step_conversion"].isna().tolist() == [True, False, False]


def test_the_funnel_of_a_cohort(snapshot, stages):
    table = reach(reached(snapshot, period="2026-01"), stages)
    assert counts(table) == {"NEW": 3, "OFFER": 2, "WON": 2, "C2:NEW": 0, "C2:WON": 0}
    partners = table[table["pipeline_id"] == 2]
    assert partners[["step_conversion", "cumulative_conversion"]].isna().all(axis=None)


def test_a_stage_nobody_reached_ends_the_conversion(snapshot, stages):
    table = reach(reached(snapshot, where="stage = 'New'"), stages)
    direct = table[table["pipeline_id"] == 1]
    assert direct["cumulative_conversion"].tolist() == [1, 0, 0]
    assert direct["step_conversion"].iloc[1] == 0 and pd.isna(direct["step_conversion"].iloc[2])


def test_stages_and_pipelines_of_one_name_have_their_own_counts(tmp_path):
    alike = changed_snapshot(
        tmp_path,
        *(
            f"UPDATE {table} SET pipeline = 'Sales', stage = 'Work' WHERE semantics = 'P'"
            for table in ("stages", "deal_stages", "deals")
        ),
    )
    table = reach(reached(alike), alike.query("SELECT * FROM stages"))
    assert counts(table) == {"NEW": 6, "OFFER": 4, "WON": 3, "C2:NEW": 3, "C2:WON": 1}
    # What the counts do not hold is none of what has its name.
    table = reach(reached(alike, where="pipeline_id = 2"), alike.query("SELECT * FROM stages"))
    assert counts(table) == {"NEW": 0, "OFFER": 0, "WON": 0, "C2:NEW": 3, "C2:WON": 1}


def test_no_deal_is_an_empty_funnel(snapshot, stages):
    table = reach(reached(snapshot, where="deal_id = 0"), stages)
    assert table["reached"].tolist() == [0] * 5
    with use_language("en"):
        assert findings.funnel(table) == "No deal has come past its first stage yet."


def test_renaming_stages_changes_no_number(snapshot, stages):
    found = reached(snapshot)
    names = {
        "stage": lambda frame: frame["stage"] + "!",
        "pipeline": lambda frame: "a " + frame["pipeline"],
    }
    numbers = ["reached", "step_conversion", "cumulative_conversion"]
    pd.testing.assert_frame_equal(
        reach(found, stages)[numbers],
        reach(found, stages.assign(**names))[numbers],
    )


def test_the_finding_names_the_step_that_loses_most(snapshot, stages):
    table = reach(reached(snapshot), stages)
    with use_language("en"):
        assert findings.funnel(table) == (
            "Direct: the largest loss is before “Offer”; 67% of the deals in “New” get there."
        )
