"""What figures can be cut by: fiscal time, departments with those below, user fields."""

import pandas as pd
import pytest
from hand_company import changed_snapshot, hand_snapshot

from workbench.errors import QueryError
from workbench.i18n import use_language
from workbench.metrics import query
from workbench.views.selection import choose


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


def groups(frame: pd.DataFrame, by: str, metric: str) -> dict:
    return {row[by]: row[metric] for row in frame.to_dict("records")}


def test_a_fiscal_year_begins_in_the_month_that_the_setting_names(snapshot, monkeypatch):
    monkeypatch.setenv("WORKBENCH_FISCAL_YEAR_START", "4")
    frame = query("won_revenue", grain="fiscal_year", period="all", snapshot=snapshot)
    # Deals 1, 2 and 9 before April, deal 4 on 2 April.
    assert frame["period"].dt.strftime("%Y-%m").tolist() == ["2025-04", "2026-04"]
    assert frame["won_revenue"].tolist() == [5000.10, 2000]
    year = query("won_revenue", period="FY2025", snapshot=snapshot)
    assert year["won_revenue"][0] == 5000.10
    assert year.attrs["period"]["label"] == "Exercice 2025/26"


@pytest.mark.parametrize("start", range(1, 13))
def test_fiscal_units_hold_what_plain_pandas_puts_into_them(snapshot, monkeypatch, start):
    monkeypatch.setenv("WORKBENCH_FISCAL_YEAR_START", str(start))
    rows = snapshot.query("SELECT created_on, deal_id FROM deals")
    frequency = "Q-" + pd.Timestamp(2025, (start - 2) % 12 + 1, 1).strftime("%b").upper()
    truth = rows.groupby(rows["created_on"].dt.to_period(frequency)).size()
    frame = query("deals", grain="fiscal_quarter", period="all", snapshot=snapshot)
    ours = frame[frame["n"] > 0].set_index("period")["deals"]
    assert ours.to_dict() == {unit.start_time: n for unit, n in truth.items()}


def test_a_department_counts_for_everyone_above_it_and_once_in_total(snapshot):
    frame = query(["deals_won", "won_revenue"], by="department_and_below", snapshot=snapshot)
    # North: 1; South: 2, 4, 9.
    assert groups(frame, "department_and_below", "deals_won") == {
        "Sales": 4,
        "North": 1,
        "South": 3,
    }
    assert groups(frame, "department_and_below", "won_revenue")["Sales"] == 7000.10
    assert frame.attrs["total"] == {"deals_won": 4, "won_revenue": 7000.10}
    assert frame.attrs["overlapping"] == ["department_and_below"]


def test_a_circle_of_departments_ends(tmp_path):
    with changed_snapshot(
        tmp_path, "UPDATE departments SET parent_id = 1 WHERE department_id = 9"
    ) as circular:
        frame = query("deals_won", by="department_and_below", snapshot=circular)
    assert groups(frame, "department_and_below", "deals_won") == {
        "Sales": 4,
        "North": 4,
        "South": 3,
    }


def test_filters_by_departments_and_products_count_each_deal_once(snapshot):
    where = "product = 'Lamp' or department_and_below in ('Sales', 'South')"
    frame = query(["deals_won", "won_revenue"], where=where, snapshot=snapshot)
    assert frame.attrs["total"] == {"deals_won": 4, "won_revenue": 7000.10}
    cut = query(
        "won_revenue",
        by="department_and_below",
        where="product in ('Lamp', 'Desk')",
        snapshot=snapshot,
    )
    assert groups(cut, "department_and_below", "won_revenue") == {
        "Sales": 4000,
        "North": 1000,
        "South": 3000,
    }


def test_the_portals_own_fields_are_dimensions_under_its_own_titles(snapshot):
    frame = query("won_revenue", by="uf_crm_kind", snapshot=snapshot)
    assert groups(frame, "uf_crm_kind", "won_revenue") == {"New": 3000, "Old": 3000, None: 1000.10}
    assert frame.attrs["dimensions"]["uf_crm_kind"] == {"fr": "Kind", "en": "Kind"}
    assert "uf_crm_kind" in frame.attrs["metrics"]["won_revenue"]["dimensions"]
    assert (
        "uf_crm_kind"
        not in query("leads", snapshot=snapshot).attrs["metrics"]["leads"]["dimensions"]
    )


def test_a_field_of_several_values_puts_a_deal_under_each(snapshot):
    frame = query("won_revenue", by="uf_crm_needs", snapshot=snapshot)
    assert groups(frame, "uf_crm_needs", "won_revenue") == {
        "Light": 4000,
        "Desks": 1000,
        None: 3000.10,
    }
    assert frame.attrs["total"]["won_revenue"] == 7000.10
    inside = query("won_revenue", where="uf_crm_needs in ('Light', 'Desks')", snapshot=snapshot)
    assert inside["won_revenue"][0] == 4000


def test_numbers_and_truths_of_the_portals_fields_are_what_they_are(snapshot):
    frame = query("deals_won", by="uf_crm_floors", snapshot=snapshot)
    assert frame["uf_crm_floors"].tolist()[:2] == [3, 12]
    assert query("deals_won", where="uf_crm_floors > 3", snapshot=snapshot)["deals_won"][0] == 1
    key = query("won_revenue", by="company_uf_crm_key", snapshot=snapshot)
    assert groups(key, "company_uf_crm_key", "won_revenue") == {"oui": 5000.10, "non": 2000}
    with pytest.raises(QueryError):
        query("deals", by="uf_crm_kindly", snapshot=snapshot)


def test_the_plan_stands_beside_what_was_won(snapshot):
    frame = query("won_revenue", grain="month", period="2026-Q1", compare="plan", snapshot=snapshot)
    plan = query("plan_amount", grain="month", period="2026-Q1", snapshot=snapshot)
    assert frame["won_revenue"].tolist() == [1000, 3000, 1000.10]
    assert frame["won_revenue_plan"].to_numpy() == pytest.approx(plan["plan_amount"], nan_ok=True)
    assert frame.attrs["plan"]["total"]["won_revenue"] == plan.attrs["total"]["plan_amount"] > 0


def test_where_there_is_no_plan_it_says_by_what_it_is_known(snapshot):
    with pytest.raises(QueryError, match="source") as error:
        query("won_revenue", by="source", compare="plan", snapshot=snapshot)
    assert "pipeline" in error.value.hint
    with pytest.raises(QueryError, match="week"):
        query("won_revenue", grain="week", period="2026-Q1", compare="plan", snapshot=snapshot)
    with pytest.raises(QueryError):
        query("leads", compare="plan", snapshot=snapshot)


def test_amounts_at_a_later_rate_are_marked_and_counted(tmp_path):
    with changed_snapshot(
        tmp_path, "UPDATE deals SET rate_basis = 'later' WHERE deal_id = 4"
    ) as late:
        frame = query(
            ["won_revenue", "average_won_deal", "deals_won"],
            grain="month",
            period="2026-03..2026-04",
            snapshot=late,
        )
    assert frame.attrs["marks"]["won_revenue"] == {"2026-04-01": "later rate"}
    assert frame.attrs["statuses"]["average_won_deal"] == "later rate"
    assert frame.attrs["rates"]["won_revenue"] == {"later": 1, "none": 0}
    assert "deals_won" not in frame.attrs["rates"]
    assert frame["won_revenue"].tolist() == [1000.10, 2000]


def test_a_calendar_shifted_by_whole_weeks_shifts_the_result(snapshot, tmp_path):
    shifted = changed_snapshot(
        tmp_path,
        "UPDATE deals SET created_on = created_on - 364, closed_on = closed_on - 364",
        "UPDATE sources SET loaded_from = loaded_from - 364",
    )
    asked = ["deals", "deals_won", "won_revenue", "closed_win_rate"]
    now = query(asked, grain="week", period="2026-01-05..2026-04-26", snapshot=snapshot)
    then = query(asked, grain="week", period="2025-01-06..2025-04-27", snapshot=shifted)
    assert (now["period"] - then["period"]).unique().tolist() == [pd.Timedelta(days=364)]
    pd.testing.assert_frame_equal(now.drop(columns="period"), then.drop(columns="period"))


def test_renaming_stages_and_pipelines_changes_no_figure(snapshot, tmp_path):
    renamed = changed_snapshot(
        tmp_path,
        "UPDATE deals SET stage = 'É ' || stage_id, pipeline = 'P' || pipeline_id",
        "UPDATE stages SET stage = 'É ' || stage_id, pipeline = 'P' || pipeline_id",
    )
    asked = ["deals_won", "won_revenue", "closed_win_rate", "open_amount", "stalled_deals"]
    one = query(asked, by="source", period="2026", snapshot=snapshot)
    other = query(asked, by="source", period="2026", snapshot=renamed)
    pd.testing.assert_frame_equal(one, other)
    by_stage = query("won_revenue", by="stage", period="2026", snapshot=renamed)
    assert sorted(by_stage["won_revenue"]) == sorted(
        query("won_revenue", by=["pipeline", "stage"], period="2026", snapshot=snapshot)[
            "won_revenue"
        ]
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("activities", {"North": 1, "South": 2, "Sales": 3}),
        ("calls", {"North": 1, "South": 1, "Sales": 2}),
        ("invoiced_amount", {"North": 1000, "South": 3000, "Sales": 4000}),
    ],
)
def test_what_belongs_to_people_is_known_by_department_with_those_below(snapshot, metric, expected):
    frame = query(metric, by="department_and_below", snapshot=snapshot)
    assert groups(frame, "department_and_below", metric) == expected


def test_every_row_of_a_plan_counts_under_a_filter_of_departments(tmp_path):
    # Two rows of one month: 3,000 of a manager of the South and 500 beside it.
    more = changed_snapshot(
        tmp_path,
        "INSERT INTO targets SELECT * REPLACE (500 AS amount_base) FROM targets"
        " WHERE manager_id = 3",
    )
    for name in ("South", "Sales"):
        where = f"department_and_below = '{name}'"
        frame = query("plan_amount", where=where, period="2026-06", snapshot=more)
        assert (frame["plan_amount"].iloc[0], frame.attrs["n"]["plan_amount"]) == (3500, 2)


def test_a_page_filtered_by_a_department_has_those_below_it(snapshot):
    chosen = choose(snapshot, {"department": "Sales", "period": "all"})
    assert len(chosen.deals()) == chosen.query("deals")["deals"].iloc[0] == 9
    south = choose(snapshot, {"department": "South", "period": "all"})
    assert south.query("deals")["deals"].iloc[0] == 6
    assert chosen.applies("department", ["plan_amount", "calls"])


def test_an_older_snapshot_says_so_where_it_lacks_what_is_asked(tmp_path):
    older = changed_snapshot(tmp_path, "DROP TABLE deal_stages")
    assert query("deals", snapshot=older)["deals"].iloc[0] == 9
    with use_language("en"), pytest.raises(QueryError, match="made by another version"):
        query("stage_reach", snapshot=older)
    changed = changed_snapshot(tmp_path / "b", "ALTER TABLE marketing_spend DROP COLUMN rate_basis")
    with use_language("fr"), pytest.raises(QueryError, match="une autre version du programme"):
        query("marketing_spend", snapshot=changed)


def test_stages_and_pipelines_of_one_name_stay_apart(snapshot, tmp_path):
    # "New" is a stage of both pipelines: deal 7 is in one of them, deal 8 in the other.
    assert groups(query("open_deals", by="stage", snapshot=snapshot), "stage", "open_deals") == {
        "New · Direct": 1,
        "New · Partners": 1,
        "Offer": 1,
    }
    both = query("open_deals", by=["pipeline", "stage"], snapshot=snapshot)
    assert both["stage"].tolist() == ["New", "Offer", "New"]
    alike = changed_snapshot(
        tmp_path,
        "UPDATE deals SET pipeline = 'Sales'",
        "UPDATE stages SET pipeline = 'Sales'",
        "UPDATE targets SET pipeline = 'Sales' WHERE pipeline IS NOT NULL",
    )
    frame = query("won_revenue", by="pipeline", period="2026", snapshot=alike)
    assert groups(frame, "pipeline", "won_revenue") == {"Sales (#1)": 5000.10, "Sales (#2)": 2000}
    assert frame.attrs["ids"] == {"pipeline": {"Sales (#1)": ["1"], "Sales (#2)": ["2"]}}
    assert groups(query("open_deals", by="stage", snapshot=alike), "stage", "open_deals") == {
        "New (#NEW)": 1,
        "New (#C2:NEW)": 1,
        "Offer": 1,
    }
    # Beside the plan, which knows one of them: no group comes twice.
    planned = query("won_revenue", by="pipeline", period="2026", compare="plan", snapshot=alike)
    names = planned["pipeline"].dropna().tolist()
    assert names == ["Sales (#1)", "Sales (#2)"]


def test_what_refers_to_a_record_that_is_gone_says_so_and_stays_in_the_total(tmp_path):
    # Company 11 was deleted; its deal 4 (2,000) was won. So was department 2, not its people.
    gone = changed_snapshot(
        tmp_path,
        "UPDATE deals SET customer = NULL WHERE company_id = 11",
        "UPDATE deals SET department = NULL WHERE department_id = 2",
        "UPDATE deals SET manager = '#3' WHERE manager_id = 3",
        "DELETE FROM customers WHERE company_id = 11",
        "DELETE FROM departments WHERE department_id = 2",
    )
    with use_language("en"):
        known = {"customer": "#11, no", "department": "#2, no", "manager": "#3, no"}
        for by, name in known.items():
            frame = query(["won_revenue", "deals"], by=by, period="2026", snapshot=gone)
            labels = [label for label in frame[by] if label is not None]
            assert len([label for label in labels if label.startswith(name)]) == 1, labels
            for metric in ("won_revenue", "deals"):
                assert frame[metric].sum() == pytest.approx(frame.attrs["total"][metric])
        before = query("deals", by="customer", period="2026-Q2", compare="previous", snapshot=gone)
        assert before["customer"].notna().sum() == before["customer"].nunique()
        # A department that is gone has nothing above it, but is there itself.
        whole = query("deals", by="department_and_below", period="2026", snapshot=gone)
        found = groups(whole, "department_and_below", "deals")
        assert found["#2, no longer in the data"] == 5 and None not in found
