"""The panels of data health on a few records with known faults."""

import json
from pathlib import Path

import pandas as pd
import pytest
from handmade import Rows, directories, make_snapshot
from test_models import AS_OF, deal

from workbench.bitrix24.entities import ENTITIES
from workbench.errors import ParameterError
from workbench.i18n import use_language
from workbench.metrics.quality.history import history_file
from workbench.views import panel
from workbench.views.contents import TextContent
from workbench.views.panels import health
from workbench.views.selection import Selection, choose
from workbench.warehouse import Snapshot

CARD = "https://atelier-lumen.example/crm/"


def rows_of(deals: list[dict], companies: list[dict]) -> Rows:
    empty: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    return empty | {"deals": deals, "companies": companies}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Four deals, of which 2 and 4 are of an amount below zero; three companies, two of a name."""
    deals = [
        deal(number, COMPANY_ID="3", OPPORTUNITY=amount)
        for number, amount in enumerate(("5", "-5", "7", "-1"), 1)
    ]
    deals[3]["TITLE"] = "<script>alert(1)</script>"
    phone = [{"VALUE": "+33 1 23 45 67 89"}]
    companies = [
        {"ID": str(number), "TITLE": name, "PHONE": phone}
        for number, name in enumerate(["Acme", "ACME", "Zed"], 1)
    ]
    with make_snapshot(
        tmp_path_factory.mktemp("faulty"), rows_of(deals, companies), as_of=AS_OF
    ) as opened:
        yield opened


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    health._looks.clear()
    with use_language("en"):
        yield tmp_path


def chosen(snapshot: Snapshot, **inputs: str) -> Selection:
    found = choose(snapshot, {})
    return Selection(found.snapshot, found.period, {}, inputs)


def broken(content, check: str) -> pd.Series:
    (found,) = [row for _n, row in content.data.iterrows() if row["check"] == check]
    return found


def test_what_is_wrong_is_counted_with_its_share(company):
    shown = health.failed(chosen(company))
    below = broken(shown, "Deals of an amount below zero")
    assert (below["broken"], below["rows"], below["share"]) == (2, 4, 0.5)
    assert (below["severity"], below["entity"]) == ("warning", "Deals")
    alike = broken(shown, "Companies of the same name")
    assert (alike["broken"], alike["rows"]) == (2, 3)
    order = ["error", "warning", "note"]
    assert shown.data["severity"].map(order.index).is_monotonic_increasing


def test_records_to_put_right_lead_to_their_cards_and_stay_text(company):
    shown = health.examples(chosen(company))
    found = shown.data[shown.data["check"] == "Deals of an amount below zero"]
    assert found["link"].tolist() == [f"{CARD}deal/details/4/", f"{CARD}deal/details/2/"]
    html = panel.still_html(shown, "examples", panel.Setting("EUR", "Europe/Paris", None, "", {}))
    assert f'href="{CARD}deal/details/4/"' in html
    assert "<script" not in html and "&lt;script&gt;" in html


def test_a_score_is_told_with_its_records(company):
    shown = health.scores(chosen(company))
    scores = shown.data.set_index("entity")
    # One of three companies has a name of its own.
    assert scores.loc["Companies", "score"] == pytest.approx(1 / 3)
    assert scores["n"].to_dict() == {"Deals": 4, "Companies": 3}
    # Of the deals, those that any check of weight names.
    listed = health.examples(chosen(company, severity="warning")).data
    faulty = listed[listed["link"].str.contains("/deal/")]["number"].nunique()
    assert scores.loc["Deals", "score"] == pytest.approx(1 - faulty / 4)
    assert shown.finding == "Lowest: Companies, 33.3%; 2 of 3 records have a fault."


def test_the_figures_count_the_checks(company):
    shown = {each.id: each for each in health.figures(chosen(company)).figures}
    table = health.failed(chosen(company)).data
    assert shown["checks_warning"].value == (table["severity"] == "warning").sum() > 0
    assert shown["checks_error"].value == (table["severity"] == "error").sum()
    run = sum(shown[f"checks_{severity}"].n for severity in health.SEVERITIES)
    assert shown["checks_passed"].n == run
    assert shown["checks_passed"].value == pytest.approx(1 - len(table) / run)
    told = health.answer(chosen(company))
    assert told["value"] == shown["checks_passed"].value
    assert told["summary"].startswith(f"{run - len(table)} of {run} checks passed.")


def test_only_what_is_grave_enough_is_listed(company):
    every = health.failed(chosen(company, severity="info")).data
    assert "note" in set(every["severity"])
    assert set(health.failed(chosen(company, severity="warning")).data["severity"]) == {"warning"}
    assert isinstance(health.failed(chosen(company, severity="error")), TextContent)
    with pytest.raises(ParameterError, match="grave"):
        health.failed(chosen(company, severity="grave"))


def test_scores_over_time_take_the_last_of_each_day_and_this_snapshot(company, home):
    earlier = [
        ("20260101T080000Z-000000", {"deals": 0.5, "companies": 0.25}),
        ("20260101T100000Z-000000", {"deals": 0.75, "companies": 0.25}),
        ("20260102T080000Z-000000", {"deals": 0.6}),
    ]
    lines = [
        json.dumps({"snapshot": name, "done_at": "2026-03-01T00:00:00+00:00", "scores": scores})
        for name, scores in earlier
    ]
    history_file().write_text("\n".join(lines), "utf-8")
    shown = health.scores_over_time(chosen(company))
    rows = shown.data.assign(day=shown.data["day"].dt.strftime("%m-%d"))
    assert rows.iloc[:3].values.tolist() == [
        ["01-01", "Deals", 0.75], ["01-01", "Companies", 0.25], ["01-02", "Deals", 0.6],
    ]  # fmt: skip
    assert len(rows) == 5 and rows["day"].iloc[-1] > "01-02"
    assert shown.finding.startswith("Deals moved most: from 75.0% on 1 Jan 2026 to ")
    # Whoever only reads leaves the history as it is.
    assert len(history_file().read_text("utf-8").splitlines()) == 3


def test_one_day_is_nothing_to_compare(company):
    assert health.scores_over_time(chosen(company)).finding.startswith("One day so far")


def test_what_is_loaded_and_what_could_not_be_read(tmp_path):
    rows = rows_of([deal(1, OPPORTUNITY="much")], [{"ID": "1", "TITLE": "Acme"}])
    with make_snapshot(tmp_path / "odd", rows, as_of=AS_OF) as odd:
        shown = health.unreadable(chosen(odd))
        assert shown.data[["entity", "n", "example"]].values.tolist() == [["Deals", 1, "much"]]
        loaded = health.sources(chosen(odd)).data.set_index("entity")
        assert (loaded.loc["Deals", "status"], loaded.loc["Deals", "rows"]) == ("complete", 1)


def test_where_every_value_was_read_it_says_so(company):
    shown = health.unreadable(chosen(company))
    assert isinstance(shown, TextContent) and shown.text.startswith("Every value")
