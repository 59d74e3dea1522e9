"""What changes at a portal without any record saying so: its clock, its fields, its numbers."""

from typing import Any

import pytest
from between import between
from portal_truth import differences, stored_rows
from sandbox_portal import running_portal
from syncing import add_deal, call, rows, synced

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.new_portal import furnish
from workbench.warehouse import newest_snapshot
from workbench.warehouse.checks import unparsed_counts

pytestmark = pytest.mark.usefixtures("no_external_sources")
BEYOND_32_BITS = 2**31 + 7


# The clock


@pytest.mark.parametrize("apart", [420, -3 * 3600])
def test_a_portal_whose_clock_is_not_ours_loses_no_change(bare_portal, home, apart):
    bare_portal.advance(apart)
    deal = add_deal(bare_portal.url)
    synced(bare_portal.url)
    call(bare_portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "Plus tard"}})
    new = add_deal(bare_portal.url)
    assert synced(bare_portal.url).changed["deals"] == 2
    assert rows("SELECT deal_id, title FROM deals ORDER BY 1") == [
        (deal, "Plus tard"),
        (new, "Affaire"),
    ]
    assert differences(home, bare_portal.url) == []


def test_a_portal_whose_clock_is_put_right_between_two_syncs_loses_no_change(bare_portal, home):
    ahead = 3 * 3600
    deal = add_deal(bare_portal.url)
    bare_portal.advance(ahead)
    synced(bare_portal.url)
    bare_portal.advance(-ahead)
    call(bare_portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "Entre-temps"}})
    synced(bare_portal.url)
    assert rows("SELECT title FROM deals") == [("Entre-temps",)]
    assert synced(bare_portal.url).rows["deals"] == 1  # by the overlap; no more is read again
    assert differences(home, bare_portal.url) == []


def test_a_clock_that_is_put_right_in_the_middle_of_a_full_load_loses_no_change(bare_portal, home):
    deal = add_deal(bare_portal.url)
    bare_portal.advance(420)
    done = []

    def put_right(result: Any) -> Any:
        if not done and any("TITLE" in row for row in result):
            done.append(True)
            bare_portal.advance(-420)
            params = {"id": deal, "fields": {"TITLE": "Pendant"}}
            call(bare_portal.url, "crm.deal.update", params)
        return result

    with between(bare_portal.url) as portal:
        portal.alter["crm.deal.list"] = put_right  # after its page was answered
        synced(portal.url)
    assert done and rows("SELECT title FROM deals") == [("Pendant",)]


# User fields


def test_a_field_made_anew_under_its_old_name_has_none_of_the_old_values(bare_portal, home):
    url = bare_portal.url
    deal, other = add_deal(url), add_deal(url)
    field = {"FIELD_NAME": "SURFACE", "EDIT_FORM_LABEL": "Surface"}
    number = call(url, "crm.deal.userfield.add", {"fields": field | {"USER_TYPE_ID": "string"}})
    for each in (deal, other):
        call(url, "crm.deal.update", {"id": each, "fields": {"UF_CRM_SURFACE": "environ 20"}})
    synced(url)
    assert rows("SELECT uf_crm_surface FROM deal_fields") == [("environ 20",)] * 2
    bare_portal.advance(600)
    synced(url)
    call(url, "crm.deal.userfield.delete", {"id": number})
    synced(url)
    call(url, "crm.deal.userfield.add", {"fields": field | {"USER_TYPE_ID": "double"}})
    call(url, "crm.deal.update", {"id": deal, "fields": {"UF_CRM_SURFACE": "20.5"}})
    synced(url)
    query = "SELECT deal_id, uf_crm_surface FROM deal_fields ORDER BY 1"
    assert rows(query) == [(deal, 20.5), (other, None)]
    with newest_snapshot() as snapshot:
        assert unparsed_counts(snapshot) == []


def test_an_option_that_is_renamed_is_called_by_its_new_name_everywhere(bare_portal, home):
    url = bare_portal.url
    deal, options = add_deal(url), [{"VALUE": "Nord", "SORT": 1}, {"VALUE": "Sud", "SORT": 2}]
    fields = {"FIELD_NAME": "ZONE", "USER_TYPE_ID": "enumeration", "LIST": options}
    number = call(url, "crm.deal.userfield.add", {"fields": fields})
    listed = call(url, "crm.deal.userfield.get", {"id": number})["LIST"]
    call(url, "crm.deal.update", {"id": deal, "fields": {"UF_CRM_ZONE": listed[1]["ID"]}})
    synced(url)
    assert rows("SELECT uf_crm_zone FROM deal_fields") == [("Sud",)]
    bare_portal.advance(600)
    listed[1] |= {"VALUE": "Midi"}
    call(url, "crm.deal.userfield.update", {"id": number, "fields": {"LIST": listed}})
    result = synced(url)
    assert result.snapshot and not result.changed["deals"]
    assert rows("SELECT uf_crm_zone FROM deal_fields") == [("Midi",)]


# Numbers


def test_pipelines_of_different_kinds_may_have_the_same_number(bare_portal, home):
    """Deals and smart invoices count their pipelines each for themselves."""

    def renumbered(result: dict[str, Any]) -> dict[str, Any]:
        for row in result["categories"]:
            row |= {"id": 1, "name": f"Pipeline of {row['entityTypeId']}"}
        return result

    with between(bare_portal.url) as portal:
        portal.alter["crm.category.list"] = renumbered
        synced(portal.url)
        assert synced(portal.url).snapshot is None
    names = {(row["entityTypeId"], row["name"]) for row in stored_rows(home, "categories").values()}
    assert names == {("2", "Pipeline of 2"), ("31", "Pipeline of 31")}


def test_numbers_beyond_32_bits_are_numbers_as_any_other(tmp_path, home):
    state = State(tmp_path / "portal.sqlite")
    furnish(state)
    moment = "2026-03-04T12:00:00+01:00"
    for number in (1, BEYOND_32_BITS, BEYOND_32_BITS + 1):
        state.add(
            "deals",
            {"ID": number, "TITLE": f"Affaire {number}", "CATEGORY_ID": 0, "STAGE_ID": "NEW"}
            | {"STAGE_SEMANTIC_ID": "P", "OPPORTUNITY": 10.0, "CURRENCY_ID": "EUR"}
            | {"DATE_CREATE": moment, "DATE_MODIFY": moment, "IS_RECURRING": "N"},
        )
    state.close()
    options = ("--state", str(tmp_path / "portal.sqlite"), "--plan", "unlimited", "--control")
    with running_portal(tmp_path, *options) as portal:
        result = synced(portal.url)
        assert not result.problems
        assert result.requests < 60, "the gap between the ids was read step by step"
        rows_of = [{"PRODUCT_NAME": "Pose", "PRICE": 5, "QUANTITY": 2}]
        params = {"id": BEYOND_32_BITS, "rows": rows_of}
        call(portal.url, "crm.deal.productrows.set", params)
        call(portal.url, "crm.deal.delete", {"id": BEYOND_32_BITS + 1})
        new = add_deal(portal.url)
        assert new > BEYOND_32_BITS
        synced(portal.url)
        assert differences(home, portal.url) == []
    assert rows("SELECT deal_id FROM deals ORDER BY 1") == [(1,), (BEYOND_32_BITS,), (new,)]
    assert rows("SELECT deal_id FROM deal_products") == [(BEYOND_32_BITS,)]
