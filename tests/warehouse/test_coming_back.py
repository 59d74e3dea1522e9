"""Records that were out of sight for a while, or are seen at last, come with all they have."""

from pathlib import Path

import httpx
import pytest
from between import between
from portal_truth import entity_differences, stored_rows
from syncing import call, synced

from workbench.bitrix24.entities import entity
from workbench.warehouse import newest_snapshot

ORDINARY = 4  # a user who is no administrator
HISTORIES = ("deal_history", "lead_history", "invoice_history")
OWNERS = ("deals", "leads", "invoices")
SCOPES = ["crm", "user", "department", "task", "telephony", "userfieldconfig"]


def allow(url: str, rights: str) -> None:
    call(url, "sandbox.user.rights", {"USER_ID": ORDINARY, "RIGHTS": rights})


def apart(home: Path, url: str) -> list[str]:
    """Compare the records and their history with what a webhook's user may see."""
    with httpx.Client(base_url=url, timeout=60) as client:
        names = (*OWNERS, *HISTORIES)
        return [line for n in names for line in entity_differences(home, client, entity(n), 0)]


def test_what_comes_back_has_its_stage_history_with_the_same_sync(fresh_portal, home):
    theirs = fresh_portal.scoped(SCOPES, ORDINARY)
    allow(fresh_portal.url, "all")
    synced(theirs)
    before = {name: len(stored_rows(home, name)) for name in HISTORIES}
    allow(fresh_portal.url, "own")
    synced(theirs)
    for name, rows in before.items():
        assert 0 < len(stored_rows(home, name)) < rows
    allow(fresh_portal.url, "all")
    assert synced(theirs).snapshot
    assert {name: len(stored_rows(home, name)) for name in HISTORIES} == before
    assert apart(home, theirs) == []
    with newest_snapshot() as snapshot:
        stays = snapshot.query("SELECT count(DISTINCT deal_id) AS n FROM deal_stage_stays").n[0]
        assert stays == snapshot.query("SELECT count(*) AS n FROM deals").n[0]
    assert synced(theirs).snapshot is None


def test_a_record_given_to_someone_comes_with_its_history_and_no_other_is_read(fresh_portal, home):
    theirs = fresh_portal.scoped(SCOPES, ORDINARY)
    allow(fresh_portal.url, "own")
    synced(theirs)
    mine = stored_rows(home, "deals")
    listed = call(fresh_portal.url, "crm.deal.list", {"filter": {"<ID": max(mine)}})
    given = next(int(row["ID"]) for row in listed if int(row["ID"]) not in mine)
    fresh_portal.advance(600)
    fields = {"ASSIGNED_BY_ID": ORDINARY}
    call(fresh_portal.url, "crm.deal.update", {"id": given, "fields": fields})
    new = call(fresh_portal.url, "crm.deal.add", {"fields": {"TITLE": "Affaire", **fields}})
    result = synced(theirs)
    owners = {int(row["OWNER_ID"] or 0) for row in stored_rows(home, "deal_history").values()}
    assert {given, new} <= owners
    assert apart(home, theirs) == []
    assert result.rows["deal_history"] < 50  # those that are read again, and its own


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "ERROR_CORE"])
def test_a_history_that_is_refused_by_its_owners_is_told_once_and_read_the_next_day(
    fresh_portal, home, code
):
    with between(fresh_portal.scoped(SCOPES, ORDINARY)) as it:

        def refuse(command: str) -> tuple[str, str] | None:
            by_owner = "stagehistory" in command and "OWNER_ID" in command
            return (code, "Access denied to the filter") if by_owner else None

        it.refuse = refuse
        allow(fresh_portal.url, "all")
        synced(it.url)
        before = {name: len(stored_rows(home, name)) for name in HISTORIES}
        allow(fresh_portal.url, "own")
        synced(it.url)
        allow(fresh_portal.url, "all")
        assert set(synced(it.url).problems) & set(HISTORIES)
        for _ in range(2):
            again = synced(it.url)
            assert not set(again.problems) & set(HISTORIES) and again.requests < 9
            told = {each.entity: each for each in sources()}
            assert told["deal_history"].status == "partial"
            refused = "right read deal_history" if code == "ACCESS_DENIED" else "filter"
            assert refused in told["deal_history"].missing
        fresh_portal.advance(86_400)
        assert not set(synced(it.url).problems) & set(HISTORIES)
        assert {name: len(stored_rows(home, name)) for name in HISTORIES} == before
        assert apart(home, it.url) == []
        assert {each.status for each in sources() if each.entity in HISTORIES} == {"complete"}


def sources() -> list:
    with newest_snapshot() as snapshot:
        return list(snapshot.sources().itertuples(index=False))
