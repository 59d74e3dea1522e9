"""What stands beside each unit of time: the day, week or month that it is compared with."""

import math

import pandas as pd
import pytest
from hand_company import changed_snapshot, hand_snapshot

from workbench.metrics import query

CREATED = {
    1: "2024-02-28",
    2: "2024-02-29",
    3: "2024-03-01",
    4: "2024-12-31",
    5: "2025-02-28",
    6: "2023-02-28",
    7: "2025-06-01",  # a Sunday
    8: "2025-06-02",
    9: "2025-06-30",  # a Monday
}
CLOSED = {1: "2024-02-28", 3: "2024-02-29", 5: "2024-02-29", 2: "2024-03-05", 4: "2024-03-05"}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return changed_snapshot(
        tmp_path_factory.mktemp("years"),
        "UPDATE sources SET loaded_from = '2020-01-01'",
        *(f"UPDATE deals SET created_on = '{on}' WHERE deal_id = {key}"
          for key, on in CREATED.items()),
        "UPDATE deals SET closed_on = NULL",
        *(f"UPDATE deals SET closed_on = '{on}' WHERE deal_id = {key}"
          for key, on in CLOSED.items()),
    )  # fmt: skip


def beside(frame: pd.DataFrame, metric: str = "deals") -> dict[str, float]:
    """What stands beside the units that have something there, by their first day."""
    column = frame.set_index(frame["period"].dt.strftime("%Y-%m-%d"))[f"{metric}_before"]
    return column[column.notna() & (column != 0)].to_dict()


def agrees(frame: pd.DataFrame, metric: str = "deals") -> bool:
    return frame[f"{metric}_before"].sum() == frame.attrs["before"]["total"][metric]


def test_a_day_stands_beside_the_same_day_a_year_ago(snapshot):
    frame = query("deals", period="2025", grain="day", compare="year_ago", snapshot=snapshot)
    # Two of 2024: on the 28th and on the 29th of February.
    assert beside(frame) == {"2025-02-28": 2, "2025-03-01": 1, "2025-12-31": 1}
    assert len(frame) == 365 and frame["deals_before"].notna().all() and agrees(frame)
    each = query(
        "deals", period="2025", grain="day", by="manager", compare="year_ago", snapshot=snapshot
    )
    assert each.groupby("period")["deals_before"].sum()["2025-02-28"] == 2 and agrees(each)


def test_both_last_days_of_a_long_february_are_one_day_for_every_metric(snapshot):
    frame = query(
        ["closed_win_rate", "open_deals"],
        period="2025-02-27..2025-03-01",
        grain="day",
        compare="year_ago",
        snapshot=snapshot,
    ).set_index("period")
    day = frame.loc["2025-02-28"]
    assert day["closed_win_rate_before"] == pytest.approx(1 / 3)  # 1 won on the 28th, 3 and 5 lost
    assert day["open_deals_before"] == 2  # 2 and 6, after the 29th; after the 28th only 6


def test_a_day_that_a_year_ago_did_not_have_has_no_value(snapshot):
    frame = query("deals", period="2024-02", grain="day", compare="year_ago", snapshot=snapshot)
    assert beside(frame) == {"2024-02-28": 1} and agrees(frame)
    unknown = frame.loc[frame["deals_before"].isna(), "period"]
    assert unknown.dt.strftime("%Y-%m-%d").tolist() == ["2024-02-29"]
    each = query(
        "deals", period="2024-02", grain="day", by="source", compare="year_ago", snapshot=snapshot
    )
    assert each.loc[each["period"] == "2024-02-29", "deals_before"].isna().all() and agrees(each)


def test_a_period_from_a_leap_day_on_stands_beside_one_from_the_28th_on(snapshot):
    frame = query(
        "deals",
        period="2024-02-29..2024-03-02",
        grain="day",
        compare="year_ago",
        snapshot=snapshot,
    )
    assert beside(frame) == {"2024-02-29": 1} and agrees(frame)


def test_a_week_stands_beside_the_same_weekdays_52_weeks_ago(snapshot):
    frame = query("deals", period="2026-06", grain="week", compare="year_ago", snapshot=snapshot)
    # The weeks of 1 and 29 June 2026 beside those of 2 and 30 June 2025; 1 June 2025 is before.
    assert beside(frame) == {"2026-06-01": 1, "2026-06-29": 1} and agrees(frame)
    before = frame.attrs["before"]["period"]
    assert (before["start"].isoformat(), before["end"].isoformat()) == ("2025-06-02", "2025-07-02")


def test_months_and_years_stand_beside_those_of_the_calendar(snapshot):
    months = query("deals", period="2025", grain="month", compare="year_ago", snapshot=snapshot)
    assert beside(months) == {"2025-02-01": 2, "2025-03-01": 1, "2025-12-01": 1} and agrees(months)
    years = query("deals", period="2024..2025", grain="year", compare="year_ago", snapshot=snapshot)
    assert beside(years) == {"2024-01-01": 1, "2025-01-01": 4} and agrees(years)


def test_a_month_to_come_is_not_0_for_a_group_that_only_the_one_beside_it_has(tmp_path):
    # Deal 4 was won by Bo in April; nothing in June, and July is not there yet.
    frame = query(
        "deals_won",
        period="2026-06..2026-07",
        grain="month",
        by="manager",
        compare="previous",
        snapshot=hand_snapshot(tmp_path),
    )
    assert frame["manager"].tolist() == ["Bo", "Bo"]
    assert frame["deals_won_before"].tolist() == [1, 0]
    assert frame["deals_won"].tolist() == pytest.approx([0, math.nan], nan_ok=True)


def test_days_beyond_a_shorter_month_before_have_no_value(snapshot):
    frame = query("deals", period="2025-03", grain="day", compare="previous", snapshot=snapshot)
    assert beside(frame) == {"2025-03-28": 1}
    assert frame.loc[frame["deals_before"].isna(), "period"].dt.day.tolist() == [29, 30, 31]
