"""Children that change without a new date of the record that they go with."""

from pathlib import Path
from typing import Any

import httpx
from between import between
from portal_truth import children_of, compare, differences, stored_rows
from sandbox_portal import SandboxPortal
from syncing import call, synced

from workbench.bitrix24.client import Portal
from workbench.bitrix24.entities import entity
from workbench.i18n import said, use_language
from workbench.warehouse import silent_changes
from workbench.warehouse.findings import Finding, read_findings
from workbench.warehouse.store import Store
from workbench.warehouse.sync import sync

DAY = 86_400


def other_rows(portal: SandboxPortal, deal: int) -> None:
    """Give a deal other product rows of the same total; its date stays."""
    before = call(portal.url, "crm.deal.get", {"id": deal})
    rows = [
        {"productName": "Autre", "price": before["OPPORTUNITY"], "quantity": 1},
        {"productName": "Offert", "price": 0, "quantity": 2},
    ]
    params: dict[str, Any] = {"ownerType": "D", "ownerId": deal, "productRows": rows}
    call(portal.url, "crm.item.productrow.set", params)
    after = call(portal.url, "crm.deal.get", {"id": deal})
    assert [before[n] for n in ("DATE_MODIFY", "OPPORTUNITY")] == [
        after[n] for n in ("DATE_MODIFY", "OPPORTUNITY")
    ]


def stale(portal: SandboxPortal, home: Path, name: str, owners: list[int]) -> list[str]:
    """Compare the children of some records with what the portal tells of one after the other."""
    kind = entity(name)
    stored = stored_rows(home, name).items()
    with httpx.Client(base_url=portal.url, timeout=60) as client:
        told = children_of(client, kind, owners)
    mine = {n: row for n, row in stored if int(row[kind.owner_field] or 0) in owners}
    return compare(name, told, mine)


def pages(home: Path) -> dict[str, Finding]:
    found = read_findings(home / "warehouse")
    return {each.entity: each for each in found if each.kind == "pages"}


def with_rows(home: Path) -> list[int]:
    return sorted({int(row["ownerId"] or 0) for row in stored_rows(home, "deal_products").values()})


def test_product_rows_of_the_same_total_are_seen_the_next_day_and_lead_to_all_others(
    loaded_portal, home
):
    """One of a random page, or of the day's part, is enough for all."""
    deals = with_rows(home)
    for deal in deals[::3]:
        other_rows(loaded_portal, deal)
    synced(loaded_portal.url)
    assert stale(loaded_portal, home, "deal_products", deals[::3])
    loaded_portal.advance(DAY)
    result = synced(loaded_portal.url)
    assert stale(loaded_portal, home, "deal_products", deals) == []
    assert differences(home, loaded_portal.url, children=5) == []
    found = pages(home)["deal_products"]
    assert (found.outcome, found.differing) == ("differs", len(deals[::3]))
    told = " ".join(result.remarks)
    assert str(len(deals[::3])) in told and result.snapshot
    with use_language("en"):
        assert said(found.detail).startswith("of the records ")
    assert synced(loaded_portal.url).snapshot is None
    loaded_portal.advance(DAY)
    assert not synced(loaded_portal.url).remarks
    assert pages(home)["deal_products"].outcome == "agrees"


def test_links_made_from_the_other_end_are_seen_too(loaded_portal, home, monkeypatch):
    monkeypatch.setattr("workbench.warehouse.reconcile.PAGES", 0)
    monkeypatch.setattr(silent_changes, "ROUND", 1)
    links = stored_rows(home, "contact_companies")
    contact = max(n for n, row in links.items() if row["companyIds"])
    held = {row["companyIds"] for row in links.values()}
    company = next(n for n in stored_rows(home, "companies") if f"[{n}]" not in held)
    date = call(loaded_portal.url, "crm.contact.get", {"id": contact})["DATE_MODIFY"]
    items = [{"CONTACT_ID": contact}]
    call(loaded_portal.url, "crm.company.contact.items.set", {"id": company, "items": items})
    assert call(loaded_portal.url, "crm.contact.get", {"id": contact})["DATE_MODIFY"] == date
    synced(loaded_portal.url)
    assert stale(loaded_portal, home, "contact_companies", [contact])
    loaded_portal.advance(DAY)
    synced(loaded_portal.url)
    assert stale(loaded_portal, home, "contact_companies", [contact]) == []


def test_every_record_has_its_turn_within_the_days_of_a_round(loaded_portal, home, monkeypatch):
    """A single deal, and no page at all that happens to hold it."""
    monkeypatch.setattr(silent_changes, "ROUND", 5)
    monkeypatch.setattr("workbench.warehouse.reconcile.PAGES", 0)
    deal = with_rows(home)[0]  # the oldest comes last
    other_rows(loaded_portal, deal)
    days = 0
    while stale(loaded_portal, home, "deal_products", [deal]) and days < 9:
        loaded_portal.advance(DAY)
        synced(loaded_portal.url)
        days += 1
    assert days in (4, 5) and not stale(loaded_portal, home, "deal_products", [deal])


def test_a_wider_look_goes_on_day_after_day_until_all_had_their_turn(
    loaded_portal, home, monkeypatch
):
    monkeypatch.setattr(silent_changes, "WIDER", 200)
    deals = with_rows(home)
    for deal in (*deals[:9], deals[-1]):  # the newest is among the first day's
        other_rows(loaded_portal, deal)
    number, days = len(stored_rows(home, "deals")), 0
    while stale(loaded_portal, home, "deal_products", deals[:9]) and days < 9:
        loaded_portal.advance(DAY)
        synced(loaded_portal.url)
        days += 1
        with Store.open(home / "warehouse") as store:
            left = int(store.info("silent changes of deal_products, left"))
        assert left == max(number - 200 * days, 0)
        found = pages(home)["deal_products"]
        if left and found.outcome == "differs":
            assert str(left) in said(found.detail)
    assert days > 2 and not stale(loaded_portal, home, "deal_products", deals[-1:])


def test_what_changes_with_its_date_during_a_sync_is_no_finding(loaded_portal, home):
    deal = with_rows(home)[-1]
    rows = [{"PRODUCT_NAME": "Table", "PRICE": 7, "QUANTITY": 1}]
    loaded_portal.advance(DAY)

    def meanwhile(result: Any) -> Any:
        """Changes have been asked for with the same request."""
        if it.requests == 1:
            call(loaded_portal.url, "crm.deal.productrows.set", {"id": deal, "rows": rows})
        return result

    with between(loaded_portal.url) as it, Portal(it.url, "unlimited") as opened:
        it.alter["server.time"] = meanwhile
        opened.host = httpx.URL(loaded_portal.url).netloc.decode()  # the same portal
        sync(portal=opened)
    assert stale(loaded_portal, home, "deal_products", [deal]) == []
    assert pages(home)["deal_products"].outcome == "agrees"
    assert synced(loaded_portal.url).changed["deals"]
