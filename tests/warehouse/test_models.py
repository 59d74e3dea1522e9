"""What the tables mean: moments, days, money, reach, and values that do not parse."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from handmade import Rows, directories, fill, made_rows, make_snapshot

from workbench.bitrix24.entities import ENTITIES
from workbench.errors import ConfigurationError
from workbench.warehouse.checks import declared_checks, run_checks, unparsed_counts
from workbench.warehouse.models import TESTS, models, read_model, staging
from workbench.warehouse.publish import publish
from workbench.warehouse.rates import observe_rates
from workbench.warehouse.snapshots import Snapshot
from workbench.warehouse.store import Store

AS_OF = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def deal(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "ID": str(number),
        "TITLE": f"Affaire {number}",
        "CATEGORY_ID": "0",
        "STAGE_ID": "NEW",
        "STAGE_SEMANTIC_ID": "P",
        "IS_RECURRING": "N",
        "CURRENCY_ID": "EUR",
        "OPPORTUNITY": "100.00",
        "DATE_CREATE": "2026-01-10T09:00:00+01:00",
        "DATE_MODIFY": "2026-01-10T09:00:00+01:00",
        "MOVED_TIME": "2026-01-10T09:00:00+01:00",
        "ASSIGNED_BY_ID": "2",
    } | fields


def entry(number: int, owner: int, at: str, stage: str, semantics: str = "P", pipeline: int = 0):
    return {
        "ID": str(number),
        "TYPE_ID": "2",
        "OWNER_ID": str(owner),
        "CREATED_TIME": at,
        "CATEGORY_ID": str(pipeline),
        "STAGE_SEMANTIC_ID": semantics,
        "STAGE_ID": stage,
    }


def company(tmp_path: Path, **rows: list[dict[str, Any]]) -> Snapshot:
    """A snapshot of the directories with only these rows besides."""
    given: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    return make_snapshot(tmp_path, given | rows, as_of=AS_OF)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return make_snapshot(tmp_path_factory.mktemp("home"))


def test_every_declared_test_holds_on_a_sound_company(snapshot):
    assert [o.check for o in run_checks(snapshot) if not o.passed] == []


def test_every_model_declares_its_grain_and_a_unique_key():
    for model in models():
        assert model.header.get("grain") and model.header.get("title"), model.name
        assert model.tests.get("unique"), model.name
    kinds = {check.rule for check in declared_checks()}
    assert kinds == set(TESTS) and len(declared_checks()) > 60


def test_a_test_of_an_unknown_kind_is_refused(tmp_path):
    file = tmp_path / "deals.sql"
    file.write_text("-- title: Deals\n-- tests:\n--   true: [amount > 0]\nSELECT 1")
    with pytest.raises(ConfigurationError, match=r"deals\.sql: there is no test True"):
        read_model(file)


def test_a_broken_rule_is_counted(tmp_path):
    strange = deal(2, STAGE_SEMANTIC_ID="X")  # neither open nor won nor lost
    with company(tmp_path, deals=[deal(1), strange], deal_products=[]) as snapshot:
        broken = [
            (o.check.rule, o.check.subject, o.broken) for o in run_checks(snapshot) if o.broken
        ]
        assert ("accepted", "semantics (P, S, F)", 1) in broken


def test_counts_agree_with_the_raw_rows(snapshot):
    rows = made_rows()
    counts = {
        table: snapshot.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("deals", "leads", "activities", "invoices", "customers", "products")
    }
    assert counts == {
        "deals": len(rows["deals"]),
        "leads": len(rows["leads"]),
        "activities": len(rows["activities"]),
        "invoices": len(rows["invoices"]),
        "customers": len(rows["companies"]),
        "products": 3,
    }
    won = sum(row["STAGE_SEMANTIC_ID"] == "S" for row in rows["deals"])
    assert snapshot.query("SELECT count(*) FILTER (is_won) AS n FROM deals").n[0] == won


def test_a_deal_is_closed_when_it_last_entered_its_final_stage(tmp_path):
    history = [
        entry(1, 1, "2026-01-10T09:00:00+01:00", "NEW"),
        entry(2, 1, "2026-02-01T10:00:00+01:00", "WON", "S"),
        entry(3, 1, "2026-02-05T10:00:00+01:00", "EXECUTING"),
        entry(4, 1, "2026-03-01T10:00:00+01:00", "WON", "S"),
    ]
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S", "MOVED_TIME": "2026-04-01T10:00:00+02:00"}
    with company(
        tmp_path, deals=[deal(1, **won), deal(2, **won), deal(3)], deal_history=history
    ) as snapshot:
        found = snapshot.query("SELECT closed_on, cycle_days, is_open FROM deals ORDER BY deal_id")
        assert found.closed_on[0].date() == date(2026, 3, 1)
        assert found.closed_on[1].date() == date(2026, 4, 1)  # no history: MOVED_TIME
        assert found.closed_on.isna()[2] and found.is_open[2]
        assert found.cycle_days[0] == pytest.approx(50 + 1 / 24)
        # the clock went forward in between: 81 days and one hour on the wall
        assert found.cycle_days[1] == pytest.approx(81 + 1 / 24)


def test_days_are_those_of_the_portals_clock_across_daylight_saving(tmp_path):
    deals = [
        deal(1, DATE_CREATE="2026-03-28T23:30:00+00:00"),  # 00:30 in Paris, winter
        deal(2, DATE_CREATE="2026-03-29T22:30:00+00:00"),  # 00:30 in Paris, summer
        deal(3, DATE_CREATE="2026-10-25T02:30:00+02:00"),  # the hour that comes twice …
        deal(4, DATE_CREATE="2026-10-25T02:30:00+01:00"),  # … and its second time
        deal(5, DATE_CREATE="2026-12-31T23:59:59+01:00"),
        deal(6, DATE_CREATE="2026-06-01 12:00:00"),  # without an offset: the portal's own
    ]
    with company(tmp_path, deals=deals) as snapshot:
        found = snapshot.query("SELECT created_on, created_at FROM deals ORDER BY deal_id")
        assert [day.date().isoformat() for day in found.created_on] == [
            "2026-03-29",
            "2026-03-30",
            "2026-10-25",
            "2026-10-25",
            "2026-12-31",
            "2026-06-01",
        ]
        assert (found.created_at[3] - found.created_at[2]).total_seconds() == 3600
        assert found.created_at[5].isoformat() == "2026-06-01T12:00:00+02:00"


def test_recurring_templates_are_no_deals(tmp_path):
    with company(tmp_path, deals=[deal(1), deal(2, IS_RECURRING="Y")]) as snapshot:
        assert list(snapshot.query("SELECT deal_id FROM deals").deal_id) == [1]


def test_money_is_converted_at_the_rate_known_on_the_closing_day(tmp_path):
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S", "CURRENCY_ID": "CHF"}
    deals = [
        deal(1, **won, MOVED_TIME="2026-02-01T10:00:00+01:00"),  # before any rate was seen
        deal(2, **won, MOVED_TIME="2026-06-15T10:00:00+02:00"),
        deal(3, **won, MOVED_TIME="2026-09-15T10:00:00+02:00"),
        deal(4, CURRENCY_ID="CHF"),  # open: today's
        deal(5),
        deal(6, CURRENCY_ID="XXX"),
    ]
    rows: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    with Store.open(tmp_path / "warehouse") as store:
        for day, amount in [("2026-06-01", "105.0000"), ("2026-09-01", "110.0000")]:
            rows["currencies"][1]["AMOUNT"] = amount
            fill(store, rows | {"deals": deals}, spend=False)
            store.connection.execute(
                "DELETE FROM state.observed_rates WHERE observed_on > '2026-11-01'"
            )
            observe_rates(store, date.fromisoformat(day))
        snapshot_id = publish(store, AS_OF)
    with Snapshot(tmp_path / "warehouse" / "snapshots" / f"{snapshot_id}.duckdb") as snapshot:
        found = snapshot.query("SELECT amount_base, rate_basis FROM deals ORDER BY deal_id")
        assert list(found.amount_base[:5]) == [105.0, 105.0, 110.0, 110.0, 100.0]
        assert list(found.rate_basis[:5]) == ["later", "observed", "observed", "observed", "base"]
        assert found.amount_base.isna()[5] and found.rate_basis.isna()[5]
        rates = snapshot.query("SELECT * FROM rates WHERE currency = 'CHF' ORDER BY observed_on")
        assert list(rates.rate) == [1.05, 1.10]  # per unit: AMOUNT is for AMOUNT_CNT = 100


def test_reach_counts_later_stages_but_not_lost_ones(tmp_path):
    history = [
        entry(1, 1, "2026-01-10T09:00:00+01:00", "NEW"),
        entry(2, 1, "2026-01-20T09:00:00+01:00", "EXECUTING"),  # two stages skipped
        entry(3, 2, "2026-01-10T09:00:00+01:00", "NEW"),
        entry(4, 2, "2026-01-15T09:00:00+01:00", "LOSE", "F"),
        entry(5, 3, "2026-02-01T09:00:00+01:00", "WON", "S"),  # won straight away
        entry(6, 4, "2026-02-01T09:00:00+01:00", "NEW"),
        entry(7, 4, "2026-02-03T09:00:00+01:00", "C1:PREPARATION", "P", 1),  # changed pipeline
    ]
    deals = [
        deal(1, STAGE_ID="EXECUTING"),
        deal(2, STAGE_ID="LOSE", STAGE_SEMANTIC_ID="F"),
        deal(3, STAGE_ID="WON", STAGE_SEMANTIC_ID="S"),
        deal(4, CATEGORY_ID="1", STAGE_ID="C1:PREPARATION"),
    ]
    with company(tmp_path, deals=deals, deal_history=history) as snapshot:
        found = snapshot.execute(
            "SELECT deal_id, stage_id, reached_on FROM deal_reach ORDER BY deal_id, sort, stage_id"
        ).fetchall()
    first, moved = date(2026, 1, 10), date(2026, 1, 20)
    assert [row[1:] for row in found if row[0] == 1] == [
        ("NEW", first),
        ("PREPARATION", moved),
        ("PREPAYMENT_INVOICE", moved),
        ("EXECUTING", moved),
    ]
    assert [row[1] for row in found if row[0] == 2] == ["NEW"]
    assert [row[1] for row in found if row[0] == 3] == [
        "NEW",
        "PREPARATION",
        "PREPAYMENT_INVOICE",
        "EXECUTING",
        "WON",
    ]
    assert sorted(row[1] for row in found if row[0] == 4) == ["C1:NEW", "C1:PREPARATION", "NEW"]


def test_stays_end_where_the_next_begins(tmp_path):
    history = [
        entry(1, 1, "2026-01-10T09:00:00+01:00", "NEW"),
        entry(2, 1, "2026-01-20T21:00:00+01:00", "EXECUTING"),
    ]
    with company(
        tmp_path, deals=[deal(1, STAGE_ID="EXECUTING"), deal(2)], deal_history=history
    ) as snapshot:
        found = snapshot.query(
            "SELECT history_id, deal_id, stage, days FROM deal_stage_stays ORDER BY deal_id, days"
        )
        assert list(found.history_id) == [1, 2, -2]  # deal 2 has no history: its present stage
        assert found.days[0] == 10.5
        assert found.days.isna()[1] and found.days.isna()[2]


def test_a_deleted_stage_and_a_deleted_pipeline_keep_their_code_as_name(tmp_path):
    deals = [
        deal(1, STAGE_ID="UC_GONE"),
        deal(2, CATEGORY_ID="9", STAGE_ID="C9:WON", STAGE_SEMANTIC_ID="S"),
    ]
    with company(tmp_path, deals=deals) as snapshot:
        found = snapshot.query("SELECT pipeline, stage, is_won FROM deals ORDER BY deal_id")
        assert list(found.stage) == ["UC_GONE", "C9:WON"]
        assert list(found.pipeline) == ["Ventes directes", "#9"]
        assert list(found.is_won) == [False, True]
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []


@pytest.mark.parametrize("empty", [None, "", False, [], {}])
def test_every_form_of_empty_is_empty(tmp_path, empty):
    names = ("COMPANY_ID", "OPPORTUNITY", "CLOSEDATE", "UTM_SOURCE", "PROBABILITY", "SOURCE_ID")
    with company(tmp_path, deals=[deal(1, **dict.fromkeys(names, empty))]) as snapshot:
        row = snapshot.query(
            "SELECT company_id, amount, expected_close_on, utm_source, probability, source"
            " FROM deals"
        )
        assert row.isna().all(axis=None)
        assert unparsed_counts(snapshot) == []


def test_booleans_in_all_their_forms(tmp_path):
    yes, no = ["Y", "y", "1", 1, True, "true"], ["N", "0", 0, False, "", None, [], {}]
    people = [
        {"ID": str(number), "ACTIVE": form, "NAME": "A"} for number, form in enumerate(yes + no)
    ]
    with company(tmp_path, users=people) as snapshot:
        found = snapshot.query("SELECT active FROM users ORDER BY user_id")
        assert list(found.active) == [True] * len(yes) + [False] * len(no)


def test_numbers_and_strings_are_the_same(tmp_path):
    deals = [
        deal(1, ID=1, OPPORTUNITY=19000, COMPANY_ID=7, CATEGORY_ID=0),
        deal(2, OPPORTUNITY="19000.00", COMPANY_ID="7"),
        deal(3, OPPORTUNITY=19000.0, COMPANY_ID="0"),
    ]
    with company(tmp_path, deals=deals) as snapshot:
        found = snapshot.query("SELECT amount, company_id, pipeline_id FROM deals ORDER BY deal_id")
        assert list(found.amount) == [19000.0] * 3
        assert list(found.company_id[:2]) == [7, 7] and found.company_id.isna()[2]


def test_a_value_that_does_not_parse_is_kept_flagged_and_counted(tmp_path):
    deals = [
        deal(1, OPPORTUNITY="12,5 €", CLOSEDATE="bientôt"),
        deal(2, OPPORTUNITY="many", MOVED_TIME="31.12.2026"),
        deal(3, ASSIGNED_BY_ID="Camille"),
    ]
    with company(tmp_path, deals=deals) as snapshot:
        assert snapshot.query("SELECT count(*) AS n FROM deals").n[0] == 3
        assert snapshot.query("SELECT amount FROM deals").amount.isna().sum() == 2
        assert unparsed_counts(snapshot) == [
            ("deals", "ASSIGNED_BY_ID", 1, "Camille"),
            ("deals", "CLOSEDATE", 1, "bientôt"),
            ("deals", "MOVED_TIME", 1, "31.12.2026"),
            ("deals", "OPPORTUNITY", 2, "12,5 €"),
        ]
    with Store.open(tmp_path / "warehouse") as store:
        kept = store.connection.execute("SELECT OPPORTUNITY FROM raw.deals WHERE _id = 2")
        assert kept.fetchone() == ("many",)


@pytest.mark.parametrize(
    "moment",
    ["infinity", "-infinity", "290000-01-01T00:00:00+00:00", "0202-05-01T10:00:00+01:00", "epoch?"],
)
def test_a_moment_that_no_calendar_shows_stops_no_snapshot(tmp_path, moment):
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S"}
    deals = [deal(1), deal(2, **won, MOVED_TIME=moment, CLOSEDATE=moment), deal(3)]
    with company(tmp_path, deals=[*deals, deal(4, DATE_CREATE=moment)]) as snapshot:
        found = snapshot.query("SELECT * FROM deals ORDER BY deal_id")
        assert list(found.deal_id) == [1, 2, 3]
        assert found.closed_on[1].date() == date(2026, 1, 10)  # the last change stands in
        assert found.expected_close_on.isna().all()
        flagged = {(field, count) for _entity, field, count, _value in unparsed_counts(snapshot)}
        assert flagged == {("CLOSEDATE", 1), ("DATE_CREATE", 1), ("MOVED_TIME", 1)}


def test_money_beyond_all_bounds_stops_no_snapshot_and_fails_a_check(tmp_path):
    most = "9999999999999999.99"
    deals = [deal(1, CURRENCY_ID="CHF", OPPORTUNITY=most), deal(2), deal(3, CURRENCY_ID="XXX")]
    sold = [{"id": n, "ownerId": 2, "price": 5, "quantity": q} for n, q in [(1, "1e300"), (2, 2)]]
    with company(tmp_path, deals=deals, deal_products=sold) as snapshot:
        found = snapshot.query("SELECT amount_base FROM deals ORDER BY deal_id")
        assert found.amount_base.isna().tolist() == [True, False, True]
        assert snapshot.execute("SELECT sum(amount) FROM deal_products").fetchone() == (10,)
        broken = {o.check.subject: o.broken for o in run_checks(snapshot) if not o.passed}
        assert broken == {"amount_base IS NOT NULL OR coalesce(amount, 0) = 0": 2}


def test_spend_of_a_source_that_the_portal_lacks_goes_under_the_name_of_its_leads(tmp_path):
    rows = made_rows(deals=30)
    rows["statuses"] = [row for row in rows["statuses"] if row["STATUS_ID"] != "ADVERTISING"]
    with make_snapshot(tmp_path, rows) as snapshot:
        spent = snapshot.query("SELECT DISTINCT source FROM marketing_spend").source
        leads = snapshot.query("SELECT DISTINCT source FROM leads").source
        assert "ADVERTISING" in set(spent) & set(leads)


@pytest.mark.parametrize(
    "title",
    [
        "<script>alert(1)</script>",
        "'; DROP TABLE deals; --",
        "🪑 ünï\u0000code\u202e",
        "x" * 60_000,
    ],
)
def test_any_text_arrives_as_it_is(tmp_path, title):
    with company(tmp_path, deals=[deal(1, TITLE=title)]) as snapshot:
        assert snapshot.execute("SELECT title FROM deals").fetchone() == (title,)


def test_a_field_named_to_hurt_is_only_a_column(tmp_path):
    names = ['UF_"; DROP TABLE raw.deals; --', "uf_crm_1", "UF_CRM_1", "_id", "select"]
    with company(tmp_path, deals=[deal(1, **dict.fromkeys(names, "v"))]) as snapshot:
        assert snapshot.query("SELECT count(*) AS n FROM deals").n[0] == 1


def test_managers_departments_and_sources_have_names(tmp_path):
    deals = [deal(1, SOURCE_ID="WEB"), deal(2, ASSIGNED_BY_ID="77", SOURCE_ID="UC_X")]
    with company(tmp_path, deals=deals) as snapshot:
        found = snapshot.query("SELECT manager, department, source FROM deals ORDER BY deal_id")
        assert list(found.manager) == ["Hugo Morel", "#77"]  # 77 is not among the users
        assert found.department[0] == "Ventes Paris"
        assert list(found.source) == ["Site web", "UC_X"]


def test_an_invoice_is_paid_on_the_day_it_moved_to_a_paid_stage(snapshot):
    found = snapshot.query("SELECT semantics, paid_on, amount_base FROM invoices")
    assert (found.semantics == "S").equals(found.paid_on.notna())
    assert found.amount_base.notna().all()


def test_customers_know_their_first_and_last_purchase(snapshot):
    found = snapshot.query(
        "SELECT c.company_id, c.won_deals, c.won_amount_base, count(d.deal_id) AS n,"
        " coalesce(sum(d.amount_base), 0) AS total, min(d.closed_on) AS first, c.first_won_on"
        " FROM customers AS c LEFT JOIN deals AS d ON d.company_id = c.company_id AND d.is_won"
        " GROUP BY ALL"
    )
    assert (found.won_deals == found.n).all()
    assert ((found.won_amount_base - found.total).abs() < 0.005).all()
    assert found["first"].equals(found.first_won_on)


def test_spend_is_empty_and_not_loaded_without_a_file(tmp_path):
    with make_snapshot(tmp_path, made_rows(deals=30), spend=False) as snapshot:
        assert snapshot.query("SELECT * FROM marketing_spend").empty
        status = snapshot.sources().set_index("entity").status
        assert status["marketing_spend"] == "not loaded"


def test_an_empty_portal_has_all_tables_and_no_rows(tmp_path):
    with make_snapshot(tmp_path, {e.name: [] for e in ENTITIES}, spend=False) as snapshot:
        tables = {name for (name,) in snapshot.execute("SHOW TABLES").fetchall()}
        assert {model.name for model in models()} <= tables
        assert snapshot.query("SELECT * FROM deals").empty
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []


def test_staging_only_renames_and_casts():
    for name, sql in staging().items():
        if name not in ("macros", "rate_periods"):
            assert " JOIN " not in sql.upper() and " WHERE " not in sql.upper(), name
