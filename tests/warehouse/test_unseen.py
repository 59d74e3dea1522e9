"""What no change date tells of: imports with old dates, what went while a load was broken."""

from pathlib import Path

import pytest
from portal_truth import differences, stored_rows
from syncing import call, synced

from workbench.errors import PortalUnreachable
from workbench.warehouse import deletions
from workbench.warehouse.findings import Finding, read_findings
from workbench.warehouse.store import Store


def count_of(home: Path, name: str) -> Finding:
    found = read_findings(home / "warehouse")
    return next(each for each in found if (each.kind, each.entity) == ("count", name))


def imported(url: str, **fields: object) -> int:
    """Import a deal that says that it last changed two years ago."""
    old = "2024-10-01T12:00:00+02:00"
    given = {"title": "Reprise", "createdTime": old, "updatedTime": old, **fields}
    answer = call(url, "crm.item.import", {"entityTypeId": 2, "fields": given})
    return int(answer["item"]["id"])


@pytest.mark.parametrize("long", [False, True])
def test_an_import_with_an_old_date_is_seen_at_once_and_costs_no_comparison(
    loaded_portal, home, monkeypatch, long
):
    if long:
        monkeypatch.setattr(deletions, "COUNTED", 0)
    usual = synced(loaded_portal.url).requests
    number = imported(loaded_portal.url)
    deal = call(loaded_portal.url, "crm.deal.get", {"id": number})
    assert deal["DATE_MODIFY"] < "2026"
    result = synced(loaded_portal.url)
    assert number in stored_rows(home, "deals")
    assert differences(home, loaded_portal.url, children=0) == []
    assert result.requests <= usual + 4 and result.rows["deals"] < 50


def test_an_import_beside_a_deletion_leaves_the_count_as_it_was_and_both_are_found(
    loaded_portal, home
):
    gone = min(stored_rows(home, "deals"))
    call(loaded_portal.url, "crm.deal.delete", {"id": gone})
    number = imported(loaded_portal.url)
    synced(loaded_portal.url)
    stored = stored_rows(home, "deals")
    assert number in stored and gone not in stored
    assert differences(home, loaded_portal.url, children=0) == []


def test_more_imports_than_a_page_holds(loaded_portal, home):
    before = stored_rows(home, "deals").keys()
    numbers = {imported(loaded_portal.url) for _ in range(70)}
    synced(loaded_portal.url)
    assert stored_rows(home, "deals").keys() == before | numbers
    assert differences(home, loaded_portal.url, children=0) == []


@pytest.mark.parametrize("long", [False, True])
def test_what_is_deleted_while_a_full_load_is_broken_off_is_gone_with_the_sync_that_ends_it(
    fresh_portal, home, no_external_sources, monkeypatch, long
):
    if long:
        monkeypatch.setattr(deletions, "COUNTED", 0)
    for number in range(6, 30):
        fresh_portal.fault(fault="cut", method="batch", at=number)
    with pytest.raises(PortalUnreachable):
        synced(fresh_portal.url, patience=2)
    fresh_portal.no_faults()
    with Store.open(home / "warehouse") as store:
        begun = [e.name for e in store.entities() if store.progress(e.name).frontier]
        there = [n for n in ("companies", "contacts", "leads") if n in begun and store.count(n)]
    assert there
    for name in there:
        one = {"companies": "company", "contacts": "contact", "leads": "lead"}[name]
        call(fresh_portal.url, f"crm.{one}.delete", {"id": min(stored_rows(home, name))})
    synced(fresh_portal.url)
    assert differences(home, fresh_portal.url, children=0) == []


def test_what_the_next_sync_has_mended_is_no_longer_told(loaded_portal, home):
    with Store.open(home / "warehouse") as store:
        store.connection.execute("DELETE FROM raw.deal_history WHERE _id % 2 = 0")
        store.set_info("reconciled_on", "")
    synced(loaded_portal.url)
    assert count_of(home, "deal_history").outcome == "differs"
    synced(loaded_portal.url)
    assert count_of(home, "deal_history").outcome == "agrees"
    assert count_of(home, "deal_history").compared == len(stored_rows(home, "deal_history"))
