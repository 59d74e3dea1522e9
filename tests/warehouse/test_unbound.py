"""Deleted contacts and companies: what referred to them is unbound, and no date says so."""

from pathlib import Path

import httpx
from portal_truth import children_of, compare, differences, stored_rows
from sandbox_portal import SandboxPortal
from syncing import call, rows, synced

from workbench.bitrix24.entities import entity

CONTACT = """
    SELECT contact_id FROM deals WHERE contact_id IN (SELECT contact_id FROM leads)
    GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
"""
COMPANY = "SELECT company_id FROM contacts GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"


def links_apart(home: Path, url: str, name: str, owners: list[int]) -> list[str]:
    """Compare the links of some records with those that the portal tells one by one."""
    stored = stored_rows(home, name)
    with httpx.Client(base_url=url, timeout=60) as client:
        told = children_of(client, entity(name), owners)
    return compare(name, told, {number: stored[number] for number in owners if number in stored})


def unbind(portal: SandboxPortal, home: Path) -> dict[str, list[int]]:
    """Delete a contact and a company; returns whose links name them, by the kind of link."""
    [(contact,)], [(company,)] = rows(CONTACT), rows(COMPANY)
    second = max(n for n, row in stored_rows(home, "deals").items() if not row["CONTACT_ID"])
    for number in (second - 1, second):
        params = {"id": number, "fields": {"CONTACT_ID": contact, "SORT": 90}}
        call(portal.url, "crm.deal.contact.add", params)
        call(portal.url, "crm.deal.update", {"id": number, "fields": {"UTM_TERM": "bureau"}})
    portal.advance(600)
    synced(portal.url)
    portal.advance(600)
    synced(portal.url)  # nothing is read again for having changed a moment ago
    wanted = {
        "deal_contacts": ("contactIds", contact),
        "contact_companies": ("companyIds", company),
    }
    owners = {
        name: [
            number
            for number, row in stored_rows(home, name).items()
            if str(gone) in (row[column] or "").strip("[]").split(",") and number != contact
        ]
        for name, (column, gone) in wanted.items()
    }
    assert {second - 1, second} <= set(owners["deal_contacts"]) and owners["contact_companies"]
    call(portal.url, "crm.contact.delete", {"id": contact})
    call(portal.url, "crm.company.delete", {"id": company})
    return owners


def test_what_referred_to_them_is_read_anew_with_the_same_sync(loaded_portal, home):
    owners = unbind(loaded_portal, home)
    result = synced(loaded_portal.url)
    assert result.snapshot
    assert differences(home, loaded_portal.url, children=0) == []
    for name, numbers in owners.items():
        assert links_apart(home, loaded_portal.url, name, numbers) == []
    assert 0 < result.rows["deals"] < len(stored_rows(home, "deals")) / 10
    assert rows(
        "SELECT count(*) FROM deals ANTI JOIN contacts USING (contact_id)"
        " WHERE contact_id IS NOT NULL"
    ) == [(0,)]
    assert synced(loaded_portal.url).snapshot is None
