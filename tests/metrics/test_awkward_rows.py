"""Rows as real portals have them: buyers without a company, homonyms, moved deals, no prices."""

from functools import partial

import pytest
from hand_company import changed_snapshot, day

from workbench.errors import QueryError
from workbench.metrics import query


@pytest.fixture
def changed(tmp_path):
    """Return the hand company after some SQL."""
    return partial(changed_snapshot, tmp_path)


def test_people_who_buy_without_a_company_are_customers_of_their_own(changed):
    snapshot = changed(
        "UPDATE deals SET company_id = NULL, contact_id = deal_id, customer = 'Jean'"
        " WHERE deal_id IN (1, 2)",
        "UPDATE deals SET company_id = NULL, contact_id = 9, customer = 'Inès' WHERE deal_id = 9",
    )
    frame = query("won_revenue", by="customer", period="2026-Q1", snapshot=snapshot)
    assert dict(zip(frame["customer"], frame["won_revenue"], strict=True)) == {
        "Inès": 1000.10,
        "Jean (#contact 1)": 1000,
        "Jean (#contact 2)": 3000,
    }


def test_a_company_under_two_names_is_one_customer(changed):
    snapshot = changed("UPDATE deals SET customer = 'Acme SA' WHERE deal_id = 2")
    frame = query("deals_won", by="customer", period="2026-Q1", snapshot=snapshot)
    assert frame[["customer", "deals_won"]].to_numpy().tolist() == [["Acme", 3]]


def test_leads_of_a_typed_in_company_are_one_customer(changed):
    snapshot = changed("UPDATE leads SET customer = CASE WHEN lead_id < 3 THEN 'A' ELSE 'B' END")
    frame = query("leads", by="customer", snapshot=snapshot)
    assert frame[["customer", "leads"]].to_numpy().tolist() == [["A", 2], ["B", 3]]


def test_homonyms_keep_their_names_in_a_period_with_only_one_of_them(changed):
    # Created in the second quarter: 7 by the second Ana, 8 by Bo; in the first both Anas.
    frame = query(
        "deals", by="manager", period="2026-Q2", compare="previous", snapshot=changed()
    ).set_index("manager")
    assert frame["deals"].to_dict() == {"Ana (#1)": 0, "Ana (#2)": 1, "Bo": 1}
    assert frame["deals_before"].to_dict() == {"Ana (#1)": 3, "Ana (#2)": 1, "Bo": 2}


def test_products_without_a_price_share_a_deal_out_evenly(changed):
    snapshot = changed(
        "UPDATE deal_products SET amount = NULL WHERE deal_id = 1",
        "UPDATE deal_products SET product = 'Rug', amount = NULL WHERE deal_id = 2 AND row_id = 4",
    )
    frame = query("won_revenue", by="product", period="2026-Q1", snapshot=snapshot)
    revenue = dict(zip(frame["product"], frame["won_revenue"], strict=True))
    # Of deal 2 the only priced product takes all.
    assert revenue == {"Desk": 500, "Lamp": 500 + 3000, "Rug": 0, None: 1000.10}


def test_a_filter_by_product_looks_at_every_stay_of_a_deal(changed):
    # At the end of January deal 3 had been in NEW for 15 days, over the limit of 13; it has a
    # second stay, in LOSE. Deal 6 stands still in its second stage today.
    snapshot = changed(
        "INSERT INTO deal_products VALUES (5, 3, NULL, 'Lamp', 1, 1, 1)",
        "INSERT INTO deal_products VALUES (6, 6, NULL, 'Lamp', 1, 1, 1)",
        "INSERT INTO deal_products VALUES (7, 6, NULL, 'Desk', 1, 1, 1)",
    )
    for where in ("product in ('Lamp', 'Desk')", "deal_id in (3, 6)"):
        frame = query("stalled_deals", grain="month", period="2026", where=where, snapshot=snapshot)
        assert frame["stalled_deals"].dropna().tolist() == [1, 0, 0, 0, 0, 1]


def test_a_deal_that_changed_its_pipeline_stood_still_in_the_old_one(changed):
    # Deal 4 was in C2:NEW for 60 days and belongs to pipeline 1 today; deal 5, won now, took 17.
    snapshot = changed(
        "UPDATE deals SET pipeline_id = 1, pipeline = 'Direct', is_won = false, is_open = true,"
        " closed_on = NULL WHERE deal_id = 4",
        "UPDATE deals SET is_won = true, is_lost = false WHERE deal_id = 5",
        "UPDATE stage_limits SET limit_days = 17, median_days = 17 WHERE stage_id = 'C2:NEW'",
    )
    march = query("stalled_deals", period="2026-03", by="pipeline", snapshot=snapshot)
    assert march.set_index("pipeline")["stalled_deals"].to_dict() == {"Direct": 1}


def test_a_start_after_everything_known_is_not_loaded(changed):
    frame = query("deals", start="2030-01-01", snapshot=changed())
    assert frame["deals"].isna().all() and frame.attrs["status"] == "not loaded"
    assert frame.attrs["period"]["start"] == day("2030-01-01")


def test_a_period_without_an_end_is_labelled_by_the_days_that_it_shows(changed):
    attrs = query("deals", start="2026-01-05", snapshot=changed()).attrs
    assert attrs["period"]["label"] == "5 janv. 2026 – 15 juin 2026"


def test_millions_of_days_are_refused_before_they_are_counted(changed):
    snapshot = changed()
    with pytest.raises(QueryError) as error:
        query("deals", grain="day", period="1971..2198", snapshot=snapshot)
    assert error.value.exit_code == 2
    assert len(query("deals", grain="year", period="1971..2198", snapshot=snapshot)) == 228


def test_the_rows_read_are_those_of_the_tables_that_were_asked(changed):
    snapshot = changed()
    assert snapshot.rows_read == 0
    query("won_revenue", by="product", snapshot=snapshot)
    snapshot.query("SELECT count(*) AS leads FROM deals")  # a table's name, but not in its place
    asked = ("deals", "deal_products", "sources", "user_fields")
    counts = [snapshot.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in asked]
    assert snapshot.rows_read == sum(counts)
