"""What real portals do between and inside syncs: rename, delete, mix forms, write at length."""

from datetime import date
from typing import Any

import httpx
import pytest
from between import between
from portal_truth import differences, stored_rows
from syncing import add_deal, call, synced

from workbench.bitrix24.client import Portal
from workbench.warehouse import newest_snapshot
from workbench.warehouse.checks import run_checks, unparsed_counts
from workbench.warehouse.sync import sync

UNICODE = "Ünï 🪑 مرحبا \u202eevil\u202c <script>alert('x')</script> & \"q\" \t\n日本語 e\u0301"


pytestmark = pytest.mark.usefixtures("no_external_sources")


def rows(query: str, *params: Any) -> list[tuple]:
    with newest_snapshot() as snapshot:
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []
        return snapshot.execute(query, list(params)).fetchall()


def test_a_portal_that_is_renamed_keeps_its_data_and_costs_no_full_load(bare_portal, home):
    add_deal(bare_portal.url)
    with between(bare_portal.url) as old:
        synced(old.url)
        old.moved_to = bare_portal.url  # from now on: 302
        with Portal(old.url, "unlimited") as portal:
            result = sync(portal=portal)
        new = httpx.URL(bare_portal.url).netloc.decode()
        assert new in result.remarks[0]  # run `workbench connect`
        assert result.requests <= 6 and result.rows["deals"] <= 1
        assert result.snapshot  # its links go to the new address
    with newest_snapshot() as snapshot:
        assert (snapshot.portal, snapshot.query("SELECT * FROM deals").shape[0]) == (new, 1)
    assert synced(bare_portal.url).requests <= 5  # and with the new address it is the same portal
    assert differences(home, bare_portal.url) == []


def test_renamed_and_deleted_stages_and_pipelines_keep_the_history_readable(bare_portal, home):
    url = bare_portal.url
    pipeline = call(
        url, "crm.category.add", {"entityTypeId": 2, "fields": {"name": "Export", "sort": 500}}
    )["category"]["id"]
    stage = call(
        url,
        "crm.status.add",
        {
            "fields": {"ENTITY_ID": f"DEAL_STAGE_{pipeline}", "STATUS_ID": "VISIT"}
            | {"NAME": "Visite", "SORT": 15}
        },
    )
    code = f"C{pipeline}:VISIT"
    deal = add_deal(url, CATEGORY_ID=pipeline, STAGE_ID=code)
    synced(url)
    query = "SELECT pipeline, stage FROM deals WHERE deal_id = ?"
    assert rows(query, deal) == [("Export", "Visite")]
    call(url, "crm.status.update", {"id": stage, "fields": {"NAME": "Visite & mesures"}})
    call(
        url, "crm.category.update", {"entityTypeId": 2, "id": pipeline, "fields": {"name": "Monde"}}
    )
    assert synced(url).snapshot
    assert rows(query, deal) == [("Monde", "Visite & mesures")]
    bare_portal.advance(600)
    call(url, "crm.deal.update", {"id": deal, "fields": {"STAGE_ID": f"C{pipeline}:WON"}})
    call(url, "crm.status.delete", {"id": stage, "params": {"FORCED": "Y"}})
    synced(url)
    # the history refers to a stage that is gone: its code stands for its name
    stays = (
        "SELECT stage, semantics, left_at IS NULL FROM deal_stage_stays WHERE deal_id = ?"
        " ORDER BY entered_at"
    )
    found = rows(stays, deal)
    assert found[0] == (code, "P", False) and found[1][1:] == ("S", True)
    assert differences(home, url) == []


def test_user_fields_that_come_and_go_between_syncs_come_and_go_in_the_tables(bare_portal, home):
    url = bare_portal.url
    deal = add_deal(url)
    synced(url)
    assert rows("SELECT * FROM deal_fields") == [(deal,)]
    fields = {"FIELD_NAME": "ETAGES", "USER_TYPE_ID": "integer", "MULTIPLE": "Y"}
    number = call(
        url, "crm.deal.userfield.add", {"fields": {**fields, "EDIT_FORM_LABEL": "Étages"}}
    )
    bare_portal.advance(600)
    call(url, "crm.deal.update", {"id": deal, "fields": {"UF_CRM_ETAGES": [3, 5]}})
    synced(url)
    assert rows("SELECT uf_crm_etages FROM deal_fields") == [([3, 5],)]
    assert rows("SELECT label, is_multiple FROM user_fields") == [("Étages", True)]
    call(url, "crm.deal.userfield.delete", {"id": number})
    assert synced(url).snapshot
    assert rows("SELECT * FROM deal_fields") == [(deal,)]
    assert rows("SELECT * FROM user_fields") == []


def test_titles_of_any_kind_and_comments_of_60_kb_arrive_byte_for_byte(bare_portal, home):
    comment = "<p>" + "long & <b>fort</b> 🪑 " * 2600 + "</p>"
    assert len(comment.encode()) > 60_000
    deal = add_deal(bare_portal.url, TITLE=UNICODE, COMMENTS=comment)
    told = call(bare_portal.url, "crm.deal.get", {"id": deal})  # as the portal keeps them
    assert "🪑 مرحبا" in told["TITLE"] and len(told["COMMENTS"].encode()) > 60_000
    synced(bare_portal.url)
    stored = stored_rows(home, "deals")[deal]
    assert (stored["TITLE"], stored["COMMENTS"]) == (told["TITLE"], told["COMMENTS"])
    assert rows("SELECT title FROM deals") == [(told["TITLE"],)]
    assert differences(home, bare_portal.url) == []


def test_every_form_in_which_portals_send_values_means_the_same(bare_portal, home):
    """One deal in eight forms: text, numbers, and each way of being empty."""
    url = bare_portal.url
    ids = [add_deal(url, OPPORTUNITY="1234.50", CURRENCY_ID="EUR") for _ in range(8)]
    empties: list[Any] = [None, "", False, [], {}]
    forms: list[dict[str, Any]] = [
        {"OPPORTUNITY": "1234.50", "CATEGORY_ID": "0", "IS_RECURRING": "N", "COMPANY_ID": "0"},
        {"OPPORTUNITY": 1234.5, "CATEGORY_ID": 0, "IS_RECURRING": False, "COMPANY_ID": 0},
        {"OPPORTUNITY": "1234.5000", "IS_RECURRING": "0", "CATEGORY_ID": None},
        *({"COMPANY_ID": e, "SOURCE_ID": e, "IS_RECURRING": e, "CATEGORY_ID": e} for e in empties),
    ]

    def mixed(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in result:
            row["ID"] = int(row["ID"]) if int(row["ID"]) % 2 else row["ID"]
            row |= forms[ids.index(int(row["ID"]))] if "TITLE" in row else {}
        return result

    with between(url) as portal:
        portal.alter["crm.deal.list"] = mixed
        synced(portal.url)
    found = rows(
        "SELECT amount, pipeline_id, company_id, source_id, is_open FROM deals ORDER BY deal_id"
    )
    assert len(found) == 8
    assert {(float(row[0]), *row[1:3], row[4]) for row in found} == {(1234.5, 0, None, True)}
    assert {row[3] for row in found[3:]} == {None}
    with newest_snapshot() as snapshot:
        assert unparsed_counts(snapshot) == []


def test_what_does_not_parse_is_kept_flagged_and_counted_over_http(bare_portal, home):
    ids = [add_deal(bare_portal.url) for _ in range(3)]
    wrong = {"OPPORTUNITY": "12,5 €", "CLOSEDATE": "bientôt", "DATE_CREATE": "31.12.2025"}

    def spoil(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | (wrong if int(row["ID"]) == ids[1] else {}) for row in result]

    with between(bare_portal.url) as portal:
        portal.alter["crm.deal.list"] = spoil
        assert not synced(portal.url).problems
    assert [row[0] for row in rows("SELECT deal_id FROM deals")] == [ids[0], ids[2]]
    with newest_snapshot() as snapshot:
        assert unparsed_counts(snapshot) == [
            ("deals", name, 1, value) for name, value in sorted(wrong.items())
        ]
    assert stored_rows(home, "deals")[ids[1]]["OPPORTUNITY"] == "12,5 €"


def test_moments_around_both_changes_of_the_clock_fall_on_the_portals_days(bare_portal, home):
    """Paris: 29 March 2026, 01:00 UTC on, is summer; 25 October 2026, 01:00 UTC on, is winter."""
    moments = {
        "2026-03-29T01:59:59+01:00": date(2026, 3, 29),
        "2026-03-28T23:59:59+01:00": date(2026, 3, 28),
        "2026-03-29T23:30:00+02:00": date(2026, 3, 29),
        "2026-10-25T02:30:00+02:00": date(2026, 10, 25),
        "2026-10-25T02:30:00+01:00": date(2026, 10, 25),
        "2026-10-26T00:30:00+01:00": date(2026, 10, 26),
        "2026-10-25T00:30:00+02:00": date(2026, 10, 25),
    }
    ids = [add_deal(bare_portal.url) for _ in moments]

    def created(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
        when = dict(zip(ids, moments, strict=True))
        return [
            row | ({"DATE_CREATE": when[int(row["ID"])]} if "TITLE" in row else {})
            for row in result
        ]

    with between(bare_portal.url) as portal:
        portal.alter["crm.deal.list"] = created
        synced(portal.url)
    with newest_snapshot() as snapshot:
        assert snapshot.timezone == "Europe/Paris"
    assert [row[0] for row in rows("SELECT created_on FROM deals ORDER BY deal_id")] == list(
        moments.values()
    )


def test_money_in_several_currencies_keeps_the_rate_of_the_day_it_was_seen(bare_portal, home):
    url = bare_portal.url
    call(
        url,
        "crm.currency.add",
        {"fields": {"CURRENCY": "CHF", "AMOUNT": "105.0000", "AMOUNT_CNT": 100}},
    )
    won = add_deal(url, CURRENCY_ID="CHF", OPPORTUNITY="200", STAGE_ID="WON")
    synced(url)
    query = "SELECT amount_base, rate_basis FROM deals WHERE deal_id = ?"
    assert [(float(a), b) for a, b in rows(query, won)] == [(210.0, "observed")]
    bare_portal.advance(3 * 86_400)
    call(url, "crm.currency.update", {"id": "CHF", "fields": {"AMOUNT": "110.0000"}})
    later = add_deal(url, CURRENCY_ID="CHF", OPPORTUNITY="200", STAGE_ID="WON")
    synced(url)
    assert [(float(a), b) for a, b in rows(query, won)] == [(210.0, "observed")]  # as it was won
    assert [(float(a), b) for a, b in rows(query, later)] == [(220.0, "observed")]
    assert [float(r[0]) for r in rows("SELECT rate FROM rates WHERE currency = 'CHF'")] == [
        1.05,
        1.10,
    ]
