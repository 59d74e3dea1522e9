"""The store against the portal: counts, pages read again, sums of a full load."""

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from between import between
from portal_truth import differences, pages, stored_rows
from syncing import synced

from workbench.bitrix24.client import Portal
from workbench.errors import PortalUnreachable
from workbench.i18n import said, use_language
from workbench.sources.pages import to_arrow
from workbench.warehouse.findings import Finding, by_entity, read_findings
from workbench.warehouse.reconcile import add_sums, amount_of, begin_sums, compare_sums, keep
from workbench.warehouse.store import Store
from workbench.warehouse.sync import sync

pytestmark = pytest.mark.usefixtures("no_external_sources")


def findings(home: Path, kind: str) -> dict[str, Finding]:
    found = read_findings(home / "warehouse")
    return {each.entity: each for each in found if each.kind == kind}


def damage(home: Path, *statements: str) -> None:
    """Change the store behind the sync's back, as if the day were another."""
    with Store.open(home / "warehouse") as store:
        store.set_info("reconciled_on", "")
        for statement in statements:
            store.connection.execute(statement)


def test_a_first_sync_is_counted_reread_and_summed_and_agrees(portal, home):
    synced(portal.url)
    found = read_findings(home / "warehouse")
    assert {each.outcome for each in found} == {"agrees"}
    counts = findings(home, "count")
    assert {"deals", "leads", "deal_history", "activities", "tasks", "calls"} <= counts.keys()
    assert counts["deals"].compared == len(stored_rows(home, "deals"))
    reread = findings(home, "pages")
    assert len({each.seed for each in reread.values()}) == 1
    assert sum(each.compared for each in reread.values()) > 300  # twenty pages, some short
    assert synced(portal.url).requests <= 5  # not again today


def test_the_sums_are_those_of_the_portals_own_rows(loaded_portal, home):
    truth: dict[tuple[str, str], list] = defaultdict(lambda: [0, Decimal(0)])
    with httpx.Client(base_url=loaded_portal.url, timeout=30) as client:
        for page in pages(client, "crm.deal.list", {"select": ["*"]}):
            for row in page:
                group = truth[row["CATEGORY_ID"], row["STAGE_SEMANTIC_ID"]]
                group[0] += 1
                group[1] += Decimal(row["OPPORTUNITY"] or 0)
    with Store.open(home / "warehouse") as store:
        sums = store.connection.execute(
            "SELECT pipeline, semantics, sum(rows)::INT, sum(amount) FROM state.control_sums"
            " GROUP BY ALL"
        ).fetchall()
    assert {(p, s): [n, amount] for p, s, n, amount in sums} == truth
    assert findings(home, "sums")["deals"].compared == len(truth) > 3


def test_rows_that_are_stored_otherwise_are_found_named_and_mended(portal, home, monkeypatch):
    # Of this seed's pages none holds the newest deals: those are read again, and so right, anyway.
    # Nor do two of them overlap: the second would find mended what the first found wrong.
    monkeypatch.setattr("secrets.randbits", lambda _bits: 5)
    synced(portal.url)
    damage(home, "UPDATE raw.deals SET TITLE = 'wrong', SOURCE_ID = NULL")
    assert synced(portal.url).snapshot
    found = findings(home, "pages")["deals"]
    assert found.outcome == "differs" and found.differing == found.compared >= 50
    assert f"TITLE × {found.differing}" in said(found.detail)
    titles = [row["TITLE"] for row in stored_rows(home, "deals").values()]
    assert len(titles) - titles.count("wrong") == found.differing  # what was read was mended


def test_a_count_that_differs_is_told_with_both_numbers(loaded_portal, home):
    whole = len(stored_rows(home, "deal_history"))
    damage(home, "DELETE FROM raw.deal_history WHERE _id % 2 = 0")
    lost = whole - len(stored_rows(home, "deal_history")) - 12  # of 25 ids read again, 12 are even
    assert lost > 100
    synced(loaded_portal.url)
    found = findings(home, "count")["deal_history"]
    assert (found.outcome, found.differing) == ("differs", lost)
    with use_language("en"):
        assert said(found.detail) == f"{whole - lost} here, {whole} at the portal"
    with use_language("fr"):
        assert said(found.detail) == f"{whole - lost} ici, {whole} sur le portail"
    synced(loaded_portal.url)  # they are never compared by id, so they are read anew
    assert differences(home, loaded_portal.url, children=0) == []


def test_the_same_seed_reads_the_same_pages(loaded_portal, home, monkeypatch):
    asked = []
    for seed in (11, 11, 12):
        monkeypatch.setattr("secrets.randbits", lambda _bits, seed=seed: seed)
        damage(home)
        with between(loaded_portal.url) as it:
            with Portal(it.url, "unlimited") as opened:
                # the same portal, not another
                opened.host = httpx.URL(loaded_portal.url).netloc.decode()
                sync(portal=opened)
            asked.append([c for c in it.asked if "start=-1" in c][-20:])
        assert {each.seed for each in findings(home, "pages").values()} == {seed}
    assert asked[0] == asked[1] != asked[2]


def test_a_row_that_has_just_changed_is_no_mistake(loaded_portal, home):
    first = min(stored_rows(home, "deals"))
    with Portal(loaded_portal.url, "unlimited") as portal:
        portal.call("crm.deal.update", {"id": first, "fields": {"TITLE": "Nouveau"}})
    damage(home, "UPDATE raw.deals SET TITLE = 'old' WHERE _id = (SELECT min(_id) FROM raw.deals)")
    synced(loaded_portal.url)
    assert findings(home, "pages")["deals"].outcome == "agrees"
    assert differences(home, loaded_portal.url, children=0) == []


def test_sums_of_a_full_load_that_was_interrupted_still_agree(fresh_portal, home):
    for number in range(6, 30):
        fresh_portal.fault(fault="cut", method="batch", at=number)
    with pytest.raises(PortalUnreachable):
        synced(fresh_portal.url, patience=2)
    fresh_portal.no_faults()
    synced(fresh_portal.url)
    assert findings(home, "sums")["deals"].outcome == "agrees"


def test_what_is_stored_otherwise_than_it_came_in_makes_the_sums_differ(home):
    rows: list[dict[str, object]] = [
        {"ID": "1", "CATEGORY_ID": "0", "STAGE_SEMANTIC_ID": "S", "OPPORTUNITY": "10.005"},
        {"ID": 2, "CATEGORY_ID": 0, "STAGE_SEMANTIC_ID": "S", "OPPORTUNITY": 5},
        {"ID": 2, "CATEGORY_ID": 0, "STAGE_SEMANTIC_ID": "S", "OPPORTUNITY": 7},  # read twice
        {"ID": 3, "CATEGORY_ID": "0", "STAGE_SEMANTIC_ID": "P", "OPPORTUNITY": "many"},
        {"ID": 4, "CATEGORY_ID": None, "STAGE_SEMANTIC_ID": "", "OPPORTUNITY": False},
    ]
    insert = "INSERT INTO raw.deals (_id, CATEGORY_ID, STAGE_SEMANTIC_ID, OPPORTUNITY) VALUES "
    with Store.open(home / "warehouse") as store:
        begin_sums(store)
        add_sums(store, to_arrow(rows, "ID"))
        store.connection.execute(
            insert + "(1, '0', 'S', '10.005'), (2, '0', 'S', '7'), (3, '0', 'P', 'many'),"
            " (4, NULL, NULL, NULL)"
        )
        found = compare_sums(store)
        assert (found.outcome, found.compared) == ("agrees", 3)
        store.connection.execute("UPDATE raw.deals SET OPPORTUNITY = '6.99' WHERE _id = 2")
        found = compare_sums(store)
        assert (found.outcome, found.differing) == ("differs", 1)
        with use_language("en"):
            assert said(found.detail) == (
                "pipeline 0 S: 2 rows with 17.01 came in, 2 with 17.00 are here"
            )


@pytest.mark.parametrize(
    ("given", "amount"),
    [("19.995", "20.00"), (19000, "19000"), (None, "0"), ([], "0"), ("1e99", "0"), ("nan", "0")]
    + [("Infinity", "0"), ("12,5", "0"), (True, "0")],
)
def test_an_amount_counts_as_the_warehouse_reads_it(given, amount):
    assert amount_of(given) == Decimal(amount)


def test_findings_take_the_place_of_older_ones_and_a_damaged_file_holds_none(home):
    folder = home / "warehouse"
    with Store.open(folder) as store:
        keep(
            store,
            [
                Finding("count", "deals", "t1", "differs", 9, 1),
                Finding("sums", "deals", "t1", "agrees"),
            ],
        )
        keep(
            store,
            [
                Finding("count", "deals", "t2", "agrees", 9),
                Finding("count", "gone", "t2", "agrees"),
            ],
        )
    found = by_entity(read_findings(folder))
    assert found.keys() == {"deals"}  # there is no kind of record called gone
    assert (
        found["deals"]["count"]["done_at"] == "t2" and found["deals"]["sums"]["outcome"] == "agrees"
    )
    for content in ("{", "[1]", '[{"kind": 1}]'):
        (folder / "reconciled.json").write_text(content)
        assert read_findings(folder) == []


def test_sources_as_json_says_what_was_compared_and_found(portal, home, monkeypatch, capsys):
    from workbench.cli.data import sources

    synced(portal.url)
    capsys.readouterr()
    sources(as_json=True)
    rows = {row["entity"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows["deals"]["reconciled"]) == {"count", "pages", "sums"}
    assert rows["deals"]["reconciled"]["sums"]["outcome"] == "agrees"
    assert isinstance(rows["deals"]["reconciled"]["pages"]["seed"], int)
    assert rows["users"]["reconciled"] == {}
    damage(home, "UPDATE raw.deals SET TITLE = 'wrong'")
    synced(portal.url)
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    sources()
    assert "rows read again were stored otherwise" in " ".join(capsys.readouterr().out.split())
