"""What `workbench sources` says of a kind of record: each status comes about, in two languages."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from between import Refused, between
from sandbox_portal import SandboxPortal, running_portal
from syncing import synced

from workbench.bitrix24.entities import title
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.new_portal import furnish
from workbench.cli import data
from workbench.cli.data import sources
from workbench.i18n import use_language

pytestmark = pytest.mark.usefixtures("no_external_sources")
FAR = 9_000  # in a window of ids of its own
DAYS = ("2025-03-04", "2025-06-30", "2026-02-01", "2026-10-25")


@pytest.fixture(scope="module")
def four_deals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxPortal]:
    """A portal with three deals and, far away, a fourth, and a lead."""
    folder = tmp_path_factory.mktemp("four")
    state = State(folder / "portal.sqlite")
    furnish(state)
    for number, day in zip((1, 2, 3, FAR), DAYS, strict=True):
        moment = f"{day}T12:00:00+01:00"
        state.add(
            "deals",
            {"ID": number, "TITLE": f"Affaire {number}", "CATEGORY_ID": 0, "STAGE_ID": "NEW"}
            | {"STAGE_SEMANTIC_ID": "P", "OPPORTUNITY": 10.0, "CURRENCY_ID": "EUR"}
            | {"DATE_CREATE": moment, "DATE_MODIFY": moment, "IS_RECURRING": "N"},
        )
    state.add("leads", {"ID": 1, "TITLE": "Demande", "STATUS_ID": "NEW"})
    state.close()
    options = ("--state", str(folder / "portal.sqlite"), "--plan", "unlimited")
    with running_portal(folder, *options) as it:
        yield it


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """What ``workbench sources --json`` prints, by entity."""

    def ask() -> dict[str, dict[str, Any]]:
        capsys.readouterr()
        sources(as_json=True)
        return {row["entity"]: row for row in json.loads(capsys.readouterr().out)}

    return ask


def refuse(code: str, text: str, if_id: int = 0) -> Callable[[Any], Any]:
    """Refuse a list; with ``if_id`` only the page that this row is on."""

    def answer(result: Any) -> Any:
        if if_id and not any(row["ID"] == str(if_id) and "TITLE" in row for row in result):
            return result
        raise Refused(code, text)

    return answer


def test_what_came_whole_is_complete_with_its_days_rows_and_comparisons(four_deals, home, told):
    synced(four_deals.url)
    deals = told()["deals"]
    assert (deals["status"], deals["rows"], deals["missing"]) == ("complete", 4, None)
    assert [deals[name][:10] for name in ("loaded_from", "loaded_to")] == [DAYS[0], DAYS[-1]]
    assert deals["last_sync"] and deals["reason"] == ""
    assert {kind: each["outcome"] for kind, each in deals["reconciled"].items()} == {
        "count": "agrees", "pages": "agrees", "sums": "agrees"
    }  # fmt: skip


def test_what_never_came_is_failed_and_the_rest_goes_on(four_deals, home, told):
    with between(four_deals.url) as portal:
        portal.alter["crm.lead.list"] = refuse("100", "Wrong weather")
        assert "Wrong weather" in synced(portal.url).problems["leads"]
    leads = told()["leads"]
    assert (leads["status"], leads["rows"], leads["last_sync"]) == ("failed", 0, None)
    assert "Wrong weather" in leads["reason"]
    assert told()["deals"]["status"] == "complete"


def test_what_came_before_and_not_this_time_is_stale_and_stays(four_deals, home, told):
    with between(four_deals.url) as portal:
        synced(portal.url)
        before = told()["deals"]
        portal.alter["crm.deal.list"] = refuse("100", "Wrong weather")
        assert synced(portal.url).snapshot  # for its sources say so
        deals = told()["deals"]
        assert (deals["status"], deals["rows"]) == ("stale", 4)
        assert deals["last_sync"] == before["last_sync"]
        portal.alter.clear()
        synced(portal.url)
    assert told()["deals"]["status"] == "complete"


def test_what_came_in_part_is_partial_and_the_next_sync_goes_on_from_there(four_deals, home, told):
    with between(four_deals.url) as portal:
        portal.alter["crm.deal.list"] = refuse("100", "Wrong weather", if_id=FAR)
        synced(portal.url)
        deals = told()["deals"]
        assert (deals["status"], deals["rows"]) == ("partial", 3)
        portal.alter.clear()
        portal.asked.clear()
        synced(portal.url)
        first = next(c for c in portal.asked if c.startswith("crm.deal.list") and "%2A" in c)
        assert "filter[%3EID]=7500" in first, "windows that are in were read again"
    assert (told()["deals"]["status"], told()["deals"]["rows"]) == ("complete", 4)


def test_what_a_right_keeps_back_is_denied(four_deals, home, told):
    with between(four_deals.url) as portal:
        portal.alter["crm.lead.list"] = refuse("ACCESS_DENIED", "Access denied")
        synced(portal.url)
    assert (told()["leads"]["status"], told()["leads"]["missing"]) == ("denied", "right read leads")


@pytest.mark.parametrize("written_in", ["fr", "en"])
def test_why_is_said_in_the_language_of_who_reads_it(
    four_deals, home, told, capsys, monkeypatch, written_in
):
    def in_language(code: str) -> dict[str, dict[str, Any]]:
        monkeypatch.setenv("WORKBENCH_LANGUAGE", code)
        return told()

    monkeypatch.setenv("WORKBENCH_LANGUAGE", written_in)
    with between(four_deals.url) as portal:
        portal.alter["crm.lead.list"] = refuse("100", "Wrong weather")
        portal.alter["crm.quote.list"] = refuse("ACCESS_DENIED", "Access denied")
        synced(portal.url)
        english, french = in_language("en"), in_language("fr")
        assert english["leads"]["reason"] == "The portal refuses crm.lead.list: Wrong weather"
        assert french["leads"]["reason"] == "Le portail refuse crm.lead.list\u202f: Wrong weather"
        assert english["quotes"]["reason"] == "the webhook’s user may not read this: Quotes"
        assert french["quotes"]["reason"].endswith("Devis")
        # Another language is no change of the data.
        monkeypatch.setenv("WORKBENCH_LANGUAGE", {"fr": "en", "en": "fr"}[written_in])
        assert synced(portal.url).snapshot is None
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    sources()
    assert "The portal refuses crm.lead.list: Wrong weather" in capsys.readouterr().out


def test_a_file_with_mistakes_says_its_first_one_in_both_languages(
    four_deals, home, told, monkeypatch, tmp_path: Path
):
    file = tmp_path / "project" / "parameters" / "rates.csv"
    file.write_text("currency,date,rate\nEUR,2024-01-01,1\nCHF,yesterday,2\n")
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "fr")
    assert len(synced(four_deals.url).problems["rates"].splitlines()) > 1
    french = told()["rates"]["reason"]
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    english = told()["rates"]
    assert english["status"] == "failed"
    assert english["reason"] == (
        "rates.csv, line 2, column currency: this is the portal’s base currency"
    )
    assert french != english["reason"] and "rates.csv" in french and "\n" not in french


def test_what_one_scope_keeps_back_is_told_in_one_line(four_deals, home, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    monkeypatch.setenv("WORKBENCH_PLAN", "unlimited")
    with between(four_deals.url) as portal:
        for method in ("crm.lead.list", "crm.quote.list"):
            portal.alter[method] = refuse("insufficient_scope", "")
        monkeypatch.setenv("WORKBENCH_WEBHOOK", portal.url)
        with pytest.raises(typer.Exit):
            data.sync(["bitrix24"])
    told = [line for line in capsys.readouterr().out.splitlines() if "scope" in line]
    assert len(told) == 1 and told[0].startswith("Leads, Quotes, Lead products, Quote products: ")
    assert "no scope “crm”. Tick the scope" in told[0]


def test_what_belongs_to_a_smart_process_is_called_by_its_name():
    with use_language("en"):
        assert title("smart_174", "Chantiers") == "Chantiers"
        assert title("smart_174_history", "Chantiers") == "Chantiers, stage history"
        assert title("smart_174_products") == "Smart process 174, products"
