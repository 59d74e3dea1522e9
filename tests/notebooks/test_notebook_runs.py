"""Every notebook runs, still and live, in both languages, on names that try to be code."""

import json
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from babel.messages.pofile import read_po
from hostile_company import FORMULA, MARKUP, PICTURE, PIPELINE, SCRIPT, TITLES
from nbclient import NotebookClient

from workbench import metrics
from workbench.metrics.segments import load_segments

ROOT = Path(__file__).parent.parent.parent
NAMES = (
    "sales",
    "marketing",
    "forecast",
    "deal",
    "segments",
    "scorecard",
    "customers",
    "funnel",
    "receivables",
    "data_health",
)
CATALOGUES = ("views", "notebooks", "analysis")
# French names of the company itself.
SPOKEN_BY_THE_COMPANY = ("Ventes directes", "Devis envoyé", "Site web", "Google Ads")
CHARTS = {
    "sales": {
        "revenue_by_month",
        "win_rate_by_month",
        "pipelines",
        "managers",
        "sources",
        "funnel",
        "process_map",
    },
    "marketing": {"spend_and_revenue", "cost_per_lead_by_month", "romi_by_month"},
    "forecast": {"forecast", "backtest", "scenario", "stalled"},
    "deal": {"amounts"},
    "segments": {"differences", "shares", "sizes"},
    "scorecard": {"pipelines", "sources", "funnel"},
    "customers": {"retention", "repeat_revenue", "value"},
    "funnel": {"funnel", "won_by_month", "managers", "sources", "lead_sources"},
    "receivables": {"ageing", "by_month", "dso", "paid_late"},
    "data_health": {"scores", "scores_over_time"},
}
WITHOUT_MONEY = ("funnel", "data_health")


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_leaves_its_charts_tables_and_answer(execute, name, language):
    done = execute(name, language)
    folder = done.folder
    assert {path.stem for path in (folder / "charts").glob("*.svg")} == CHARTS[name]
    assert {path.stem for path in (folder / "charts").glob("*.png")} == CHARTS[name]
    assert {path.stem for path in (folder / "tables").glob("*.csv")} >= CHARTS[name]
    assert done.html.count("<svg") == 2 * len(CHARTS[name])  # for wide and narrow screens
    assert done.result["status"] == "ok"
    assert isinstance(done.result["value"], float)
    assert done.result["summary"]
    assert "wb-notice" not in done.html


@pytest.mark.parametrize("name", NAMES)
def test_names_from_the_portal_stay_text(execute, name):
    html = execute(name, "fr").html
    assert SCRIPT not in html
    assert MARKUP not in html
    assert "javascript:" not in re.sub(r">[^<]*<", "><", html)
    for address in re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", html):
        assert address.startswith(("https://atelier-lumen.example/crm/", "#"))
    for table in (execute(name, "fr").folder / "tables").glob("*.csv"):
        assert not re.search(r"(?m)(^|,)\"?[=@]", table.read_text("utf-8-sig"))


def test_the_hostile_names_are_really_shown(execute):
    seen = execute("forecast", "fr").text + execute("sales", "fr").text
    assert MARKUP in seen
    assert PICTURE in seen
    stalled = (execute("forecast", "fr").folder / "tables" / "stalled_deals.csv").read_text("utf-8")
    assert any(title in stalled for title in (SCRIPT, FORMULA.replace('"', '""')))


def fixed_texts() -> dict[str, str]:
    """English → French of the texts that a reader sees, without what is put into them."""
    pairs: dict[str, str] = {}
    for catalogue in CATALOGUES:
        with (ROOT / "workbench" / "i18n" / "fr" / f"{catalogue}.po").open("rb") as file:
            for entry in read_po(file, locale="fr"):
                if isinstance(entry.id, str) and entry.id:
                    pairs[entry.id] = str(entry.string)
    for metric in metrics.catalogue().values():
        pairs[metric.title.en], pairs[metric.help.en] = metric.title.fr, metric.help.fr
    return pairs


def fragments(text: str) -> list[str]:
    """The parts of a text between placeholders that are long enough to be told apart."""
    return [p.strip(" .,:;*#“”«»\u202f") for p in re.split(r"\{[^}]*\}", text)]


def recognisable(texts: list[str], other: list[str]) -> set[str]:
    found = {part for text in texts for part in fragments(text) if len(part) >= 7}
    everything = "\n".join(other)
    return {part for part in found if part not in everything}


@pytest.mark.parametrize("name", NAMES)
def test_each_language_shows_its_own_texts_only(execute, name):
    pairs = fixed_texts()
    english = recognisable(list(pairs), list(pairs.values()))
    french = recognisable(list(pairs.values()), list(pairs))
    assert len(english) > 100
    for language, own, foreign in (("fr", french, english), ("en", english, french)):
        text = " ".join(execute(name, language).text.split(" "))
        assert not [part for part in foreign if re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text)]
        assert sum(part in text for part in own) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_no_english_word_is_left_in_french_and_no_french_one_in_english(execute, name):
    """Also for texts that no catalogue knows: the small words of each language give them away."""
    english = r"\b(the|of|and|with|by|from|this|was|were|for|than|counted|deals?|leads)\b"
    french = r"\b(les?|des?|du|une?|avec|par|dans|pour|affaires?|prospects?|clôture)\b"
    # Attributes speak too: labels of buttons, names of regions.
    for language, foreign in (("fr", english), ("en", french)):
        done = execute(name, language)
        labels = " ".join(re.findall(r'(?:aria-label|title)="([^"]*)"', done.html))
        text = f"{done.text} {labels}"
        # They hold and, or, not; one may be a part of another.
        filters = sorted((each.where for each in load_segments().values()), key=len, reverse=True)
        for own in (MARKUP, PICTURE, PIPELINE, *SPOKEN_BY_THE_COMPANY, *TITLES, *filters):
            text = text.replace(own, " ")
        found = re.search(foreign, text, re.IGNORECASE)
        assert found is None, text[max(0, found.start() - 80) : found.end() + 80]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_follow_the_language(execute, name):
    french, english = execute(name, "fr").text, execute(name, "en").text
    if name not in WITHOUT_MONEY:
        assert re.search(r"\d\u00a0k?€", french)
        assert re.search(r"€\d", english)
    assert not re.search(r"€\s?\d", french)
    assert not re.search(r"\d\s?k?€", english)
    assert not re.search(r"\d[ \u00a0]%", french), "a narrow no-break space stands before %"
    assert not re.search(r"\d\s%", english)


def test_a_deal_that_is_not_there_fails_with_its_number(hostile_home, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(hostile_home))
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    monkeypatch.setenv("WORKBENCH_RUN", str(tmp_path))
    with pytest.raises(papermill.PapermillExecutionError, match="There is no deal 999999"):
        papermill.execute_notebook(
            ROOT / "notebooks" / "deal.ipynb",
            tmp_path / "notebook.ipynb",
            parameters={"deal_id": 999_999},
            progress_bar=False,
        )
    assert not (tmp_path / "result.json").exists()


def test_a_deals_answer_is_that_of_its_pipeline(execute, hostile_home, monkeypatch):
    import workbench as wb

    monkeypatch.setenv("WORKBENCH_HOME", str(hostile_home))
    done = execute("deal", "en", (("deal_id", 7), ("metric", "deals_won"), ("period", "2026-Q3")))
    with wb.newest_snapshot() as snapshot:
        counts = snapshot.query(
            "SELECT count(*) FILTER (closed_on >= '2026-07-01' AND closed_on < '2026-10-01') AS q3,"
            " count(*) FILTER (closed_on >= '2026-04-01' AND closed_on < '2026-07-01') AS q2"
            " FROM deals WHERE is_won"
            " AND pipeline_id = (SELECT any_value(pipeline_id) FROM deals WHERE deal_id = 7)"
        ).iloc[0]
    assert done.result["deal_id"] == 7
    assert done.result["value"] == counts["q3"]
    assert done.result["previous"] == counts["q2"]
    expected = (counts["q3"] / counts["q2"] - 1) * 100
    assert done.result["change_percent"] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["sales", "forecast"])
def test_it_runs_live_in_a_kernel_as_voila_starts_it(hostile_home, monkeypatch, name):
    monkeypatch.setenv("WORKBENCH_HOME", str(hostile_home))
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("QUERY_STRING", f"lang=en&period=2026&pipeline={SCRIPT}")
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type in ("error", "stream")]
    shown = json.dumps(notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"])
    state = json.loads(shown)["state"]
    charts = [each for each in state.values() if each["state"].get("spec")]
    assert len(charts) == len(CHARTS[name])
    bundles = [each for each in state.values() if len(each["state"].get("bundle", "")) > 100_000]
    assert len(bundles) == 1
    lists = [each["state"] for each in state.values() if each["model_name"] == "DropdownModel"]
    assert {each["description"] for each in lists} >= {"Period", "Pipeline", "Department"}
    html = "".join(out["data"].get("text/html", "") for out in outputs)
    assert "wb-notice-address" in html
    assert SCRIPT not in html
