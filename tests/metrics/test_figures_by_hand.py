"""Every metric against figures worked out by hand on the nine deals of `hand_company`."""

import math
from datetime import date, datetime

import hand_ways
import pandas as pd
import pytest
from hand_company import changed_snapshot, hand_snapshot

from workbench.i18n import use_language
from workbench.metrics import catalogue, query


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


# The first quarter of 2026. Won: deals 1, 2 and 9; lost: 3; created: 1 to 6; open on 1 April,
# 00:00: 4, 5 and 6. Cycles 20, 40 and 90 days.
FIRST_QUARTER = {
    "deals": 6,
    "deals_won": 3,
    "deals_lost": 1,
    "deals_closed": 4,
    "open_deals": 3,
    "open_amount": 3100,
    "closed_win_rate": 0.75,
    "deals_won_of_created": 3,
    "created_win_rate": 0.5,
    "won_revenue": 5000.10,
    "lost_amount": 500,
    "average_won_deal": 5000.10 / 3,
    "won_cycle_mean": 50,
    "won_cycle_median": 40,
    "won_cycle_p90": 80,
    "sales_velocity": 3 * 0.75 * (5000.10 / 3) / 50,
    "stalled_deals": 0,
    "leads": 4,
    "leads_converted": 2,
    "leads_junk": 1,
    "lead_conversion": 0.5,
    "junk_rate": 0.25,
    "marketing_spend": 650,
    "marketing_leads": 3,
    "marketing_revenue": 3000,
    "cost_per_lead": 650 / 3,
    "romi": (3000 - 650) / 650,
    "roas": 3000 / 650,
    "invoiced_amount": 4000,
    "paid_amount": 1000,
    "new_customers": 1,
    "cac": 650,
} | hand_ways.FIRST_QUARTER
# Won in the quarter, with the deals of Acme created in the 90 days before: deal 1 has 9, 1 and 2
# (25, 20 and 15 days old), so has 2 (50, 45, 40); deal 9 has 9, 1, 2 and 6 (90, 85, 80, 0). Only
# the adverts have spend, and only deal 2 came of them.
ATTRIBUTED = {
    "first": 0,
    "last": 1000 + 3000,
    "linear": (1000 + 3000) / 3 + 1000.10 / 4,
    "decay": 1000 * 2 ** (-15 / 30) / (2 ** (-15 / 30) + 2 ** (-20 / 30) + 2 ** (-25 / 30))
    + 3000 * 2 ** (-40 / 30) / (2 ** (-40 / 30) + 2 ** (-45 / 30) + 2 ** (-50 / 30))
    + 1000.10 * 2 ** (-80 / 30) / (1 + 2 ** (-80 / 30) + 2 ** (-85 / 30) + 2**-3),
}
for way, money in ATTRIBUTED.items():
    FIRST_QUARTER |= {
        f"marketing_revenue_{way}": money,
        f"roas_{way}": money / 650,
        f"romi_{way}": (money - 650) / 650,
    }
# Two years of data are needed for the first of these, twenty closed deals in a stage for the rest.
UNKNOWN = ["revenue_year_before", "revenue_year_after", "revenue_year_kept", "nrr", "grr"]
UNKNOWN += ["brier_score", "chance_foretold", "chance_come_true", "chance_bias"]
FIRST_QUARTER |= dict.fromkeys(UNKNOWN, math.nan)
N = {
    "closed_win_rate": 4,
    "created_win_rate": 6,
    "average_won_deal": 3,
    "won_cycle_median": 3,
    "lead_conversion": 4,
    "cost_per_lead": 3,
    "romi": 1,
    "sales_velocity": 4,
    "cac": 1,
    "won_revenue": 3,
}


def test_every_metric_has_a_figure_worked_by_hand():
    assert FIRST_QUARTER.keys() == catalogue().keys()


@pytest.mark.parametrize("metric", FIRST_QUARTER)
def test_the_first_quarter(snapshot, metric):
    frame = query(metric, period="2026-Q1", snapshot=snapshot)
    assert frame[metric].iloc[0] == pytest.approx(FIRST_QUARTER[metric], abs=1e-9, nan_ok=True)
    if metric in N:
        assert frame["n"].iloc[0] == N[metric] == frame.attrs["n"][metric]


def test_all_metrics_together_give_the_same_figures_as_one_by_one(snapshot):
    frame = query(list(FIRST_QUARTER), period="2026-Q1", snapshot=snapshot, each_n=True)
    together = frame.iloc[0][list(FIRST_QUARTER)].to_dict()
    assert together == pytest.approx(FIRST_QUARTER, nan_ok=True)
    assert frame.iloc[0]["n_closed_win_rate"] == 4


def test_a_deal_of_the_last_day_is_in_and_one_of_the_next_is_not(snapshot):
    # Deal 9 was won on 31 March, deal 5 lost on 1 April.
    march = query(["deals_won", "deals_lost"], period="2026-03", snapshot=snapshot).iloc[0]
    april = query(["deals_won", "deals_lost"], period="2026-04", snapshot=snapshot).iloc[0]
    assert (march["deals_won"], march["deals_lost"]) == (1, 0)
    assert (april["deals_won"], april["deals_lost"]) == (1, 1)


def test_months_without_a_row_are_zero_and_months_without_data_are_not(snapshot):
    frame = query(
        ["deals_won", "won_revenue", "closed_win_rate", "average_won_deal"],
        grain="month",
        period="2025-11-01..2026-08-31",
        snapshot=snapshot,
    ).set_index("period")
    won = frame["deals_won"]
    assert won["2026-05-01"] == 0 and frame["won_revenue"]["2026-05-01"] == 0
    assert math.isnan(frame["closed_win_rate"]["2026-05-01"])
    assert math.isnan(frame["average_won_deal"]["2026-05-01"])
    assert won[["2025-11-01", "2026-07-01", "2026-08-01"]].isna().all()
    assert won[["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]].tolist() == [1, 1, 1, 1]
    assert frame.attrs["marks"]["deals_won"] == {
        "2025-11-01": "not loaded",
        "2025-12-01": "partial",  # the first row is of 31 December
        "2026-06-01": "partial",  # the data is of 15 June
        "2026-07-01": "not loaded",
        "2026-08-01": "not loaded",
    }
    assert frame.attrs["total"]["deals_won"] == 4 and frame.attrs["status"] == "partial"


def test_open_deals_are_those_at_the_end_of_each_month(snapshot):
    frame = query(["open_deals", "stalled_deals"], grain="month", period="2026", snapshot=snapshot)
    months = frame[frame["open_deals"].notna()]
    # January: 2, 3, 9. February: 4, 9. March: 4, 5, 6. April, May: 6. June, so far: 6, 7, 8.
    assert months["open_deals"].tolist() == [3, 2, 3, 1, 1, 3]
    # Limits: NEW 13 days, OFFER 57, C2:NEW 60. End of January: 3 (15 days); now: 6 (66 days).
    assert months["stalled_deals"].tolist() == [1, 0, 0, 0, 0, 1]
    assert frame["open_deals"].isna().sum() == 6
    assert frame.attrs["total"]["open_deals"] == 3


def test_open_deals_without_a_period_are_todays(snapshot):
    frame = query(["open_deals", "open_amount"], by="pipeline", snapshot=snapshot)
    assert frame["open_deals"].tolist() == [2, 1]
    assert frame["open_amount"].tolist() == [1000, 0]


def test_ratios_by_group_have_totals_of_their_own(snapshot):
    frame = query("closed_win_rate", by="pipeline", period="2026", snapshot=snapshot)
    assert frame["pipeline"].tolist() == ["Direct", "Partners"]
    assert frame["closed_win_rate"].tolist() == [0.75, 0.5]
    assert frame["n"].tolist() == [4, 2]
    assert frame.attrs["total"]["closed_win_rate"] == pytest.approx(4 / 6)


def test_managers_of_the_same_name_stay_apart(snapshot):
    frame = query(["deals_won", "won_revenue"], by="manager", period="2026", snapshot=snapshot)
    assert frame["manager"].tolist() == ["Ana (#1)", "Ana (#2)", "Bo"]
    assert frame["won_revenue"].tolist() == [1000, 3000, 3000.10]


def test_a_deal_with_two_products_counts_under_both_and_once_in_total(snapshot):
    frame = query(["deals_won", "won_revenue"], by="product", period="2026-Q1", snapshot=snapshot)
    rows = {
        row["product"]: (row["deals_won"], row["won_revenue"]) for row in frame.to_dict("records")
    }
    assert rows == {"Desk": (1, 400), "Lamp": (2, 3600), None: (1, 1000.10)}
    assert frame.attrs["total"] == {"deals_won": 3, "won_revenue": 5000.10}


def test_deals_are_cut_by_the_route_that_they_took(snapshot):
    frame = query(["deals_closed", "won_cycle_mean"], by="route", snapshot=snapshot)
    rows = frame.set_index("route")
    straight = rows.loc["New → Offer → Won"]  # deals 1, 2 and 9
    assert (straight["deals_closed"], straight["won_cycle_mean"]) == (3, 50)
    assert rows.loc["New → Lost", "deals_closed"] == 2 and rows.loc["New → Won", "n"] == 1


def test_a_filter_by_product_counts_each_deal_once(snapshot):
    both = query(
        ["deals_won", "won_revenue", "won_cycle_mean"],
        where="product in ('Lamp', 'Desk')",
        snapshot=snapshot,
    ).iloc[0]
    assert (both["deals_won"], both["won_revenue"], both["won_cycle_mean"]) == (2, 4000, 30)
    lamp = query(["deals_won", "won_revenue"], where="product = 'Lamp'", snapshot=snapshot).iloc[0]
    assert (lamp["deals_won"], lamp["won_revenue"]) == (2, 3600)


def test_an_amount_in_a_filter_is_the_deals_own_even_when_cut_by_product(snapshot):
    frame = query(
        "won_revenue",
        by="product",
        where="amount_base >= 1000 and source = 'Website'",
        period="2026-01",
        snapshot=snapshot,
    )
    assert dict(zip(frame["product"], frame["won_revenue"], strict=True)) == {
        "Desk": 400,
        "Lamp": 600,
    }


def test_customer_attributes_come_from_the_company(snapshot):
    frame = query("won_revenue", by="industry", snapshot=snapshot)
    assert dict(zip(frame["industry"], frame["won_revenue"], strict=True)) == {
        "IT": 5000.10,
        None: 2000,
    }


def test_a_new_customer_has_the_source_of_its_first_won_deal(snapshot):
    frame = query("new_customers", by="source", grain="quarter", period="2026", snapshot=snapshot)
    loaded = frame[frame["new_customers"].notna()]
    assert loaded["source"].tolist() == ["Website", "Website"]
    assert loaded["new_customers"].tolist() == [1, 1]  # Acme in Q1, Zed in Q2


def test_channels_are_compared_with_their_own_leads_and_revenue(snapshot):
    frame = query(
        ["marketing_spend", "cost_per_lead", "romi"],
        by="source",
        period="2026-Q1",
        snapshot=snapshot,
    )
    rows = frame.set_index("source")
    assert rows.loc["Adverts", "cost_per_lead"] == 200
    assert rows.loc["Adverts", "romi"] == 4
    none = rows[rows.index.isna()]
    assert none["marketing_spend"].iloc[0] == 50 and none["cost_per_lead"].isna().all()
    assert "Website" not in rows.index  # nothing is spent there


def test_spend_after_its_file_ends_is_not_loaded_and_never_zero(snapshot):
    frame = query("cost_per_lead", grain="month", period="2026-02..2026-05", snapshot=snapshot)
    assert frame["cost_per_lead"].iloc[0] == 150
    assert frame["cost_per_lead"].isna().tolist() == [False, True, True, True]
    # March has spend but no lead; April and May have no file.
    assert frame.attrs["marks"]["cost_per_lead"] == {
        "2026-04-01": "not loaded",
        "2026-05-01": "not loaded",
    }


def test_spend_is_not_cut_inside_a_month(snapshot):
    frame = query(["marketing_spend", "leads"], period="2026-01-01..2026-02-14", snapshot=snapshot)
    assert math.isnan(frame["marketing_spend"].iloc[0]) and frame["leads"].iloc[0] == 4
    assert frame.attrs["statuses"] == {"marketing_spend": "whole months", "leads": "ok"}


def test_without_the_spend_file_marketing_is_not_loaded(tmp_path):
    bare = hand_snapshot(tmp_path, spend=False)
    asked = ["marketing_spend", "cost_per_lead", "romi", "cac", "marketing_leads", "leads"]
    frame = query(asked, period="2026-Q1", snapshot=bare)
    assert frame[asked[:-1]].isna().all(axis=None) and frame["leads"].iloc[0] == 4
    assert frame.attrs["status"] == "not loaded" and frame.attrs["statuses"]["leads"] == "ok"


def test_an_entity_without_access_is_not_loaded_and_one_in_part_is_partial(tmp_path):
    partly = hand_snapshot(tmp_path, statuses={"leads": "denied", "deals": "partial"})
    frame = query(["leads", "deals"], period="2026-Q1", snapshot=partly)
    assert math.isnan(frame["leads"].iloc[0]) and frame["deals"].iloc[0] == 6
    assert frame.attrs["statuses"] == {"leads": "not loaded", "deals": "partial"}


def test_a_cohort_is_immature_until_it_is_as_old_as_nine_of_ten_cycles(snapshot):
    # Won cycles 20, 40, 60, 90: p90 = 81 days. On 15 June the youngest deal of March is 76 days
    # old, of February 107.
    frame = query("created_win_rate", grain="month", period="2026-01..2026-05", snapshot=snapshot)
    assert frame.attrs["marks"]["created_win_rate"] == {
        "2026-03-01": "immature",
        "2026-04-01": "immature",
        "2026-05-01": "immature",
    }
    assert frame["created_win_rate"].iloc[2] == 0  # shown, but marked


def test_the_plan_is_covered_only_while_something_is_left_to_win(tmp_path):
    # Planned 2000 a month; won 1000 in January, 3000 in February, 1000.10 in March.
    with changed_snapshot(
        tmp_path,
        "UPDATE deals SET expected_close_on = '2026-01-31' WHERE deal_id = 6",
        "UPDATE deals SET expected_close_on = '2026-02-28' WHERE deal_id = 7",
        "UPDATE targets SET amount_base = 1000.10 WHERE month = '2026-03-01'",
    ) as due:
        frame = query("pipeline_coverage", grain="month", period="2026-Q1", snapshot=due)
    covered = frame["pipeline_coverage"].tolist()
    assert covered == pytest.approx([0.4, math.nan, math.nan], nan_ok=True)
    assert frame["n"].tolist() == [1, 1, 0]
    assert math.isnan(frame.attrs["total"]["pipeline_coverage"])  # 5000.10 of 5000.10


def test_only_the_pipeline_of_today_is_weighted(snapshot):
    # Deal 6, 66 days in OFFER: half of such were won. Deal 7 is 12 days in NEW: three of four.
    frame = query(
        "weighted_pipeline",
        grain="month",
        period="2026-04..2026-06",
        by="manager",
        compare="previous",
        snapshot=snapshot,
    )
    june = frame[frame["period"] == "2026-06-01"].set_index("manager")
    assert june["weighted_pipeline"].to_dict() == {"Ana (#1)": 200, "Ana (#2)": 450, "Bo": 0}
    over = frame[frame["period"] < "2026-06-01"]
    assert over["weighted_pipeline"].isna().all() and not over["n"].any()
    assert frame["weighted_pipeline_before"].isna().all()
    assert frame.attrs["total"]["weighted_pipeline"] == 650
    assert math.isnan(frame.attrs["before"]["total"]["weighted_pipeline"])
    assert frame.attrs["before"]["n"]["weighted_pipeline"] == 0
    assert frame.attrs["marks"]["weighted_pipeline"] == {
        "2026-04-01": "today only",
        "2026-05-01": "today only",
    }
    day = query(
        "weighted_pipeline", grain="day", period="2026-06-14..2026-06-15", snapshot=snapshot
    )
    assert day["weighted_pipeline"].tolist() == pytest.approx([math.nan, 650], nan_ok=True)


def test_a_deal_closed_late_within_the_period_has_not_left_it(snapshot):
    # Deal 4, due on 31 March, was won on 2 April.
    for period, slipped in {"2026-03": 1, "2026-Q1": 1, "2026-01-01..2026-04-10": 0}.items():
        found = query(["deals_slipped", "deals_due"], period=period, snapshot=snapshot).iloc[0]
        assert (found["deals_slipped"], found["n"]) == (slipped, slipped), period
    # Cut by weeks, each week has its own end: that of 31 March goes on up to 5 April.
    by_week = query("deals_slipped", grain="week", period="2026-03..2026-04", snapshot=snapshot)
    assert by_week["deals_slipped"].sum() == 0
    by_day = query(
        "deals_slipped", grain="day", period="2026-03..2026-04", by="manager", snapshot=snapshot
    )
    late = by_day[by_day["deals_slipped"] > 0]
    assert late[["period", "manager"]].to_numpy().tolist() == [[pd.Timestamp("2026-03-31"), "Bo"]]


def test_what_slips_is_known_once_a_period_is_over(snapshot, tmp_path):
    # Deals 6 and 8 are due in June, and the data is of 15 June: nothing can have left it yet.
    frame = query("slippage", grain="month", period="2026-Q2", snapshot=snapshot)
    assert frame["slippage"].tolist()[0] == 0 and frame["slippage"].iloc[1:].isna().all()
    assert frame.attrs["marks"]["slippage"] == {"2026-06-01": "not over"}
    assert frame.attrs["status"] == "not over" and math.isnan(frame.attrs["total"]["slippage"])
    assert query("slippage", snapshot=snapshot).attrs["status"] == "not over"
    moved = "UPDATE info SET value = '2026-07-02T08:00:00+00:00' WHERE key = 'as_of'"
    later = changed_snapshot(tmp_path, moved)
    frame = query("slippage", period="2026-06", snapshot=later)
    assert frame["slippage"].iloc[0] == 1 and frame.attrs["n"] == {"slippage": 2}


def test_open_deals_of_the_past_stand_in_the_stage_of_that_moment(snapshot, tmp_path):
    # On 10 April, 00:00, deal 6 was still in NEW; it entered OFFER that day.
    def of(period: str, **options) -> dict:
        frame = query("open_deals", by="stage", period=period, **options)
        return dict(zip(frame["stage"], frame["open_deals"], strict=True))

    assert of("2026-04-09", snapshot=snapshot) == {"New": 1}
    assert of("2026-04-10", snapshot=snapshot) == {"Offer": 1}
    assert of("2026-04-09", snapshot=snapshot, where="stage_id = 'OFFER'") == {}
    assert of("2026-04-09", snapshot=snapshot, where="stage = 'New'") == {"New": 1}
    # On 1 February: 2 and 9 in OFFER, 3 in NEW; each moment of a series has its own.
    assert of("2026-01", snapshot=snapshot) == {"New": 1, "Offer": 2}
    series = query(
        ["open_deals", "open_amount", "overdue_deals"],
        by=["pipeline", "stage"],
        grain="month",
        period="2026-01..2026-06",
        snapshot=snapshot,
    )
    assert series.groupby("period")["open_deals"].sum().tolist() == [
        query("open_deals", period=month, snapshot=snapshot)["open_deals"].iloc[0]
        for month in ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06")
    ]
    june = series[(series["period"] == "2026-06-01") & (series["open_deals"] > 0)]
    assert june[["stage", "open_amount"]].to_numpy().tolist() == [
        ["New", 600],
        ["Offer", 400],
        ["New", 0],
    ]
    # A history that begins later than the deal does not tell where it was before.
    late = "UPDATE deal_stage_stays SET entered_on = '2026-04-05' WHERE history_id ="
    first = " (SELECT min(history_id) FROM deal_stage_stays WHERE deal_id = 6)"
    later = changed_snapshot(tmp_path, late + first)
    with use_language("en"):
        assert of("2026-03", snapshot=later) == {"New": 2, "not known at that moment": 1}
    with use_language("fr"):
        assert of("2026-03", snapshot=later)["inconnu à ce moment"] == 1


def test_the_previous_period_stands_beside(snapshot):
    frame = query(
        ["won_revenue", "closed_win_rate"], period="2026-Q2", compare="previous", snapshot=snapshot
    )
    row = frame.iloc[0]
    assert (row["won_revenue"], row["won_revenue_before"]) == (2000, 5000.10)
    assert (row["closed_win_rate"], row["closed_win_rate_before"]) == (0.5, 0.75)
    assert frame.attrs["before"]["total"]["closed_win_rate"] == 0.75


def test_groups_of_either_period_are_compared(snapshot):
    frame = query(
        "won_revenue", by="manager", period="2026-04", compare="previous", snapshot=snapshot
    )
    rows = frame.set_index("manager")
    assert rows.loc["Bo", "won_revenue_before"] == 1000.10
    earlier = query(
        "won_revenue", by="pipeline", period="2026-04", compare="previous", snapshot=snapshot
    ).set_index("pipeline")
    assert earlier.loc["Direct"].tolist()[:1] == [0] and earlier.loc["Direct", "n"] == 0
    assert earlier.loc["Partners", "won_revenue_before"] == 0


def test_months_are_compared_with_the_months_before(snapshot):
    frame = query(
        "deals_won", grain="month", period="2026-03..2026-04", compare="previous", snapshot=snapshot
    )
    assert frame["deals_won"].tolist() == [1, 1]
    assert frame["deals_won_before"].tolist() == [1, 1]  # January and February


def test_everything_is_counted_without_a_period(snapshot):
    frame = query(["deals", "deals_won", "won_revenue", "marketing_spend"], snapshot=snapshot)
    assert frame.iloc[0].to_dict() == {
        "deals": 9,
        "deals_won": 4,
        "won_revenue": 7000.10,
        "marketing_spend": 650,
        "n": 9,
    }
    assert frame.attrs["period"]["start"].isoformat() == "2025-12-01"


def test_weeks_begin_on_monday(snapshot):
    frame = query("deals", grain="week", period="2026-01-05..2026-01-18", snapshot=snapshot)
    assert frame["period"].dt.strftime("%Y-%m-%d").tolist() == ["2026-01-05", "2026-01-12"]
    assert frame["deals"].tolist() == [2, 1]


def test_a_frame_knows_where_it_comes_from(snapshot):
    frame = query("closed_win_rate", period="2026-Q1", snapshot=snapshot)
    attrs = frame.attrs
    assert attrs["snapshot"] == snapshot.id and attrs["as_of"] == snapshot.as_of
    assert attrs["currency"] == "EUR" and attrs["timezone"] == "Europe/Paris"
    assert attrs["loaded"]["to"].isoformat() == "2026-06-15"
    assert attrs["period"]["label"] == "T1 2026"
    meta = attrs["metrics"]["closed_win_rate"]
    assert meta["title"]["en"] == "Win rate (closed)" and meta["date_basis"] == "closed"
    assert meta["formula"] == "deals_won / (deals_won + deals_lost)"


def test_bounds_are_days_however_they_are_given(snapshot):
    for first, last in (
        (date(2026, 1, 1), date(2026, 4, 1)),
        ("2026-01-01", "2026-04-01"),
        (datetime(2026, 1, 1, 9), pd.Timestamp("2026-04-01")),
    ):
        frame = query("deals_won", start=first, end=last, snapshot=snapshot)
        assert frame["deals_won"].iloc[0] == 3
    after = query(["deals_won", "open_deals"], start="2026-04-01", snapshot=snapshot)
    before = query("deals_won", end="2026-04-01", snapshot=snapshot)
    assert after.iloc[0].tolist()[:2] == [1, 3] and before["deals_won"].iloc[0] == 3
