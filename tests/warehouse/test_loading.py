"""A portal over HTTP, synced, compared with the portal row by row."""

import json

import duckdb
import pytest
from handmade import made_rows, make_snapshot
from portal_truth import differences, stored_rows
from syncing import synced

from workbench.bitrix24.client import Portal
from workbench.errors import PortalUnreachable, SyncRunning, WarehouseError
from workbench.warehouse import newest_snapshot
from workbench.warehouse.checks import run_checks
from workbench.warehouse.findings import read_findings
from workbench.warehouse.store import Store
from workbench.warehouse.sync import sync

pytestmark = pytest.mark.usefixtures("no_external_sources")


def change(url: str, calls: list[tuple[str, dict]]) -> None:
    with Portal(url, "unlimited") as portal:
        failed = [answer.error for answer in portal.batch(calls) if answer.error]
        assert not failed


def test_a_first_sync_brings_every_row_and_its_snapshot_passes_all_checks(fresh_portal, home):
    result = synced(fresh_portal.url)
    assert not result.problems
    assert result.snapshot
    assert differences(home, fresh_portal.url) == []
    with newest_snapshot() as snapshot:
        assert snapshot.id == result.snapshot
        assert snapshot.timezone == "Europe/Paris"
        assert snapshot.base_currency == "EUR"
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []
        assert set(snapshot.sources().query("source == 'bitrix24'").status) == {"complete"}
        deals = len(stored_rows(home, "deals"))
        templates = snapshot.query("SELECT count(*) AS n FROM deals").n[0]
        assert 0 < templates < deals  # recurring templates are no deals


def test_an_unchanged_portal_costs_a_handful_of_requests_and_no_snapshot(fresh_portal, home):
    first = synced(fresh_portal.url)
    again = synced(fresh_portal.url)
    assert again.requests <= 5
    assert again.snapshot is None
    assert sum(again.changed.values()) == 0
    with newest_snapshot() as snapshot:
        assert snapshot.id == first.snapshot


def test_changed_new_and_deleted_records_arrive_with_the_next_sync(loaded_portal, home):
    ids = sorted(stored_rows(home, "deals"))
    loaded_portal.advance(3600)
    with Portal(loaded_portal.url, "unlimited") as portal:
        new = portal.call(
            "crm.deal.add", {"fields": {"TITLE": "Nouveau bureau", "OPPORTUNITY": 10}}
        )
    change(
        loaded_portal.url,
        [
            ("crm.deal.update", {"id": ids[3], "fields": {"TITLE": "Ünïcode 🪑 <b>&amp;"}}),
            (
                "crm.deal.update",
                {
                    "id": ids[5],
                    "fields": {"OPPORTUNITY": "1234.56", "IS_MANUAL_OPPORTUNITY": "Y"},
                },
            ),
            ("crm.deal.delete", {"id": ids[7]}),
            ("crm.lead.delete", {"id": min(stored_rows(home, "leads"))}),
            (
                "crm.deal.productrows.set",
                {
                    "id": ids[3],
                    "rows": [{"PRODUCT_NAME": "Lampe", "PRICE": 99, "QUANTITY": 2}],
                },
            ),
        ],
    )
    result = synced(loaded_portal.url)
    assert result.snapshot
    assert differences(home, loaded_portal.url) == []
    with newest_snapshot() as snapshot:
        found = snapshot.query(
            "SELECT deal_id, title, amount FROM deals WHERE deal_id IN (?, ?, ?, ?)"
            " ORDER BY deal_id",
            [new, ids[3], ids[5], ids[7]],
        )
        assert list(found.deal_id) == [ids[3], ids[5], new]
        assert found.title[0] == "Ünïcode 🪑 <b>&amp;"
        assert found.amount[1] == 1234.56


def test_thousands_of_changes_are_read_on_behind_the_first_page(loaded_portal, home):
    loaded_portal.advance(7200)
    ids = sorted(stored_rows(home, "deals"))[:420]
    change(
        loaded_portal.url,
        [("crm.deal.update", {"id": n, "fields": {"UTM_CAMPAIGN": f"c{n}"}}) for n in ids],
    )
    result = synced(loaded_portal.url)
    assert result.changed["deals"] == len(ids)
    assert differences(home, loaded_portal.url, children=0) == []


def test_records_that_change_or_vanish_between_two_pages_are_neither_lost_nor_doubled(
    fresh_portal, home
):
    fresh_portal.fault(fault="change", method="crm.deal.list", every=3, entity="deals", n=2)
    fresh_portal.fault(fault="delete", method="crm.lead.list", nth=4, entity="leads", n=3)
    fresh_portal.fault(fault="delete", method="crm.deal.list", nth=6, entity="deals", n=3)
    synced(fresh_portal.url)
    fresh_portal.no_faults()
    synced(fresh_portal.url)
    assert differences(home, fresh_portal.url) == []


def test_limits_and_broken_answers_on_the_way_are_waited_out(fresh_portal, home):
    fresh_portal.fault(fault="503", method="batch", nth=3)
    fresh_portal.fault(fault="500", method="batch", nth=5)
    fresh_portal.fault(fault="cut", method="batch", nth=7)
    result = synced(fresh_portal.url)
    fresh_portal.no_faults()
    assert not result.problems
    assert differences(home, fresh_portal.url, children=5) == []


def test_a_portal_that_goes_away_leaves_what_was_committed_and_no_snapshot(fresh_portal, home):
    fresh_portal.fault(fault="500", method="batch", rate=1.0)
    with pytest.raises(PortalUnreachable):
        synced(fresh_portal.url)
    fresh_portal.no_faults()
    assert not list((home / "warehouse").glob("snapshots/*.duckdb"))
    assert not synced(fresh_portal.url).problems
    assert differences(home, fresh_portal.url, children=5) == []


def test_a_missing_scope_is_reported_and_the_rest_goes_on(fresh_portal, home):
    result = synced(fresh_portal.scoped(["crm"]))
    assert set(result.problems) == {"users", "departments"}
    with newest_snapshot() as snapshot:
        sources = snapshot.sources().set_index("entity")
        assert sources.status["users"] == "denied"
        assert sources.missing["users"] == "scope user"
        lacking = {name: sources.missing[name] for name in ("tasks", "calls", "item_userfields")}
        assert lacking == {
            "tasks": "scope task",
            "calls": "scope telephony",
            "item_userfields": "scope userfieldconfig",
        }
        assert len(result.remarks) == 3  # nobody needs these: no failure, but said
        assert sources.status["deals"] == "complete"
        managers = snapshot.query("SELECT DISTINCT manager FROM deals WHERE manager IS NOT NULL")
        assert managers.manager.str.startswith("#").all()  # the id stands for the name
    # once the scope is given the names come
    scopes = ["crm", "user", "department", "task", "telephony", "userfieldconfig"]
    whole = synced(fresh_portal.scoped(scopes))
    assert not whole.problems and not whole.remarks
    with newest_snapshot() as snapshot:
        assert set(snapshot.sources().query("source == 'bitrix24'").status) == {"complete"}


def test_a_full_sync_repairs_what_was_damaged_here(loaded_portal, home):
    with Store.open(home / "warehouse") as store:
        store.connection.execute("DELETE FROM raw.deals WHERE _id % 3 = 0")
        store.connection.execute("UPDATE raw.leads SET TITLE = 'wrong' WHERE _id % 5 = 0")
        store.connection.execute("INSERT INTO raw.companies (_id, TITLE) VALUES (999999, 'ghost')")
    assert synced(loaded_portal.url, full=True).snapshot
    assert differences(home, loaded_portal.url) == []


def test_a_damaged_file_is_to_be_moved_away(loaded_portal, home):
    file = home / "warehouse" / "sync.duckdb"
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"\xff" * 1_000_000)
    with pytest.raises(WarehouseError) as told:
        synced(loaded_portal.url, full=True)
    assert str(file) in told.value.hint
    file.rename(file.with_suffix(".damaged"))
    assert synced(loaded_portal.url).snapshot
    assert differences(home, loaded_portal.url, children=5) == []


def test_deals_missing_here_are_found_by_the_count_and_fetched(loaded_portal, home):
    with Store.open(home / "warehouse") as store:
        store.connection.execute("DELETE FROM raw.deals WHERE _id % 4 = 0")
    synced(loaded_portal.url)
    assert differences(home, loaded_portal.url) == []


def test_a_second_sync_is_told_that_one_is_running(home, portal):
    with Store.open(home / "warehouse"), pytest.raises(SyncRunning):
        synced(portal.url)


def test_spend_that_is_no_longer_declared_is_not_loaded(home, tmp_path):
    make_snapshot(home, made_rows(deals=10)).close()
    (tmp_path / "project" / "parameters" / "sources.yml").write_text("sources: {}")
    assert sync().snapshot and sync().snapshot is None
    with newest_snapshot() as snapshot:
        assert snapshot.query("SELECT * FROM marketing_spend").empty
        assert snapshot.sources().set_index("entity").status["marketing_spend"] == "not loaded"


def test_another_portal_is_loaded_anew_not_mixed_in(fresh_portal, portal, home):
    synced(portal.url)
    change(fresh_portal.url, [("crm.deal.delete", {"id": 5}), ("crm.deal.delete", {"id": 6})])
    synced(fresh_portal.url)
    assert differences(home, fresh_portal.url, children=5) == []
    counts = {f.entity: f for f in read_findings(home / "warehouse") if f.kind == "count"}
    assert counts["deals"].compared == len(stored_rows(home, "deals"))


def test_a_user_field_added_between_two_syncs_is_kept(loaded_portal, home):
    loaded_portal.advance(600)
    with Portal(loaded_portal.url, "unlimited") as portal:
        portal.call(
            "crm.deal.userfield.add",
            {
                "fields": {
                    "FIELD_NAME": "SURFACE",
                    "USER_TYPE_ID": "double",
                    "EDIT_FORM_LABEL": "m²",
                }
            },
        )
        first = min(stored_rows(home, "deals"))
        portal.call("crm.deal.update", {"id": first, "fields": {"UF_CRM_SURFACE": "120.5"}})
    synced(loaded_portal.url)
    assert stored_rows(home, "deals")[first]["UF_CRM_SURFACE"] == "120.5"


def test_the_snapshots_facts_hold_no_secret(fresh_portal, home):
    synced(fresh_portal.url)
    code = fresh_portal.url.rstrip("/").split("/")[-1]
    with newest_snapshot() as snapshot:
        facts = json.dumps(snapshot.execute("SELECT * FROM info").fetchall())
    assert code not in facts
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb"), read_only=True) as connection:
        assert code not in json.dumps(connection.execute("FROM state.info").fetchall())
