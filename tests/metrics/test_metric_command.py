"""`workbench metric`, `forecast` and `scenario` as a user runs them."""

import json
from functools import partial

import metric_calls
import pytest
from hand_company import changed_snapshot, hand_snapshot

from workbench.warehouse import Snapshot


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hand")
    hand_snapshot(folder).close()
    return folder


@pytest.fixture
def workbench(home):
    return partial(metric_calls.workbench, WORKBENCH_HOME=str(home))


def test_json_holds_rows_totals_and_what_is_known_about_them(workbench):
    answer = json.loads(
        workbench(
            *("metric", "won_revenue", "closed_win_rate", "--by", "pipeline", "--grain", "quarter"),
            *("--period", "2026", "--json"),
        )
    )
    first = answer["rows"][0]
    assert first == {
        "period": "2026-01-01",
        "pipeline": "Direct",
        "won_revenue": 5000.1,
        "closed_win_rate": 0.75,
        "n": 3,
        "n_closed_win_rate": 4,
    }
    assert answer["rows"][-1]["won_revenue"] is None  # the fourth quarter has not come
    assert answer["total"] == {"won_revenue": 7000.1, "closed_win_rate": pytest.approx(4 / 6)}
    assert answer["currency"] == "EUR" and answer["as_of"] == "2026-06-15T10:00:00+00:00"
    assert answer["metrics"]["closed_win_rate"]["title"]["fr"] == "Taux de gain (closes)"


def test_from_and_to_are_days_that_count(workbench):
    # Deal 9 was won on 31 March, deal 5 lost on 1 April.
    asked = ("metric", "deals_won", "deals_lost", "--json", "--from", "2026-03-31", "--to")
    assert json.loads(workbench(*asked, "2026-03-31"))["rows"] == [
        {"deals_won": 1, "deals_lost": 0, "n": 1, "n_deals_lost": 0}
    ]
    assert json.loads(workbench(*asked, "2026-04"))["rows"][0]["deals_lost"] == 1


def test_a_table_speaks_the_readers_language(workbench):
    asked = ("metric", "won_revenue", "--by", "source", "--period", "2026-Q1")
    english, french = workbench(*asked), workbench(*asked, language="fr")
    assert "Won revenue" in english and "€3,000" in english and "Total" in english
    assert "Chiffre d’affaires gagné" in french and "3\u202f000\u00a0€" in french
    assert "Données du 15 juin 2026 12:00" in french and "Data as of 15 Jun 2026 12:00" in english


def test_a_value_that_looks_like_markup_is_printed_as_it_is(workbench, tmp_path):
    changed_snapshot(
        tmp_path, "UPDATE deals SET source = '[/red]<b>[bold]' WHERE deal_id = 2"
    ).close()
    out = workbench("metric", "deals_won", "--by", "source", WORKBENCH_HOME=str(tmp_path))
    assert "[/red]<b>[bold]" in out


def test_what_is_not_loaded_is_said(workbench):
    out = workbench("metric", "deals", "--period", "2020")
    assert "not loaded for this period" in out and "–" in out
    assert json.loads(workbench("metric", "deals", "--period", "2020", "--json"))["rows"] == [
        {"deals": None, "n": 0}
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["metric"], "--list"),
        (["metric", "won_revenu"], "won_revenue"),
        (["metric", "deals", "--by", "sauce"], "source"),
        (["metric", "deals", "--grain", "fortnight"], "month"),
        (["metric", "marketing_spend", "--grain", "day"], "month, quarter, year"),
        (["metric", "deals", "--period", "someday"], "last_quarter"),
        (["metric", "deals", "--period", "2026", "--from", "2026-01-01"], "--period"),
        (["metric", "deals", "--from", "2026-02-01", "--to", "2026-01-01"], "to 2026-01-01."),
        (["metric", "deals", "--from", "31/01/2026"], "2026-01-15"),
        (["metric", "deals", "--where", "lower(source) = 'x'"], "source = 'Web'"),
        (["metric", "deals", "--where", "1=1; drop table deals"], "second statement"),
        (["metric", "deals", "--compare", "yesterday"], "previous"),
        (["metric", "romi", "--explain", "nosuch"], "nosuch"),
        (["scenario", "--win-rate", "35"], "between 0 and 1"),
        (["scenario", "--quarter", "soon"], "2026-Q1"),
        (["forecast", "nosuch"], "nosuch"),
        (["forecast", "--horizon", "99"], "horizon"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_ends_with_2_and_says_what_is_right(workbench, arguments, told):
    assert told in workbench(*arguments, code=2)


def test_without_data_the_answer_is_1_and_what_to_do(workbench, tmp_path):
    assert "workbench sync" in workbench("metric", "deals", code=1, WORKBENCH_HOME=str(tmp_path))


def test_the_list_needs_no_data(workbench, tmp_path):
    listed = json.loads(workbench("metric", "--list", "--json", WORKBENCH_HOME=str(tmp_path)))
    assert {"deals", "romi", "sales_velocity"} <= {one["id"] for one in listed}
    assert "won_cycle_median" in workbench("metric", "--list", WORKBENCH_HOME=str(tmp_path))


def test_explain_shows_the_definition_and_sql_that_runs(workbench, home):
    out = workbench("metric", "romi", "--explain")
    assert "(marketing_revenue - marketing_spend) / marketing_spend" in out
    assert "crm.deal.list" in out and "marketing_spend.csv" in out
    (told,) = json.loads(workbench("metric", "won_revenue", "--explain", "--json"))
    with Snapshot(next((home / "warehouse" / "snapshots").glob("*.duckdb"))) as snapshot:
        assert snapshot.query(told["sql"][0]["sql"]).iloc[0, 0] == 7000.10


def test_forecast_has_its_errors_and_says_when_there_are_too_few_months(workbench):
    answer = json.loads(workbench("forecast", "--json"))
    assert answer["status"] == "ok" and len(answer["future"]) == 3
    assert answer["errors"].keys() == {"ets", "seasonal_naive"}
    assert answer["history"][-1]["period"] == "2026-05-01"  # June is not over
    few = json.loads(workbench("forecast", "--where", "created_on > '2026-06-01'", "--json"))
    assert few["status"] == "constant"  # no month before had a deal won that is so young


def test_scenario_by_hand(workbench):
    answer = json.loads(
        workbench("scenario", "--win-rate", "0.35", "--quarter", "2026-Q2", "--json")
    )
    assert answer["total"]["expected"] == 2140
    assert "€2,140" in workbench("scenario", "--win-rate", "0.35", "--quarter", "2026-Q2")
    own = json.loads(workbench("scenario", "--quarter", "2026-Q2", "--json"))
    # Closed in the twelve months to May: Direct 3 of 4, Partners 1 of 2.
    assert [row["win_rate"] for row in own["rows"]] == [0.75, 0.5]


def test_a_week_that_the_period_cuts_is_marked_in_the_table(workbench):
    # January 2026 begins on a Thursday and ends on a Saturday; June 15 is a Monday.
    out = workbench("metric", "deals", "--grain", "week", "--period", "2026-01")
    lines = [line.strip() for line in out.splitlines() if " – " in line and " n " not in line]
    assert len(lines) == 5 and [" *  " in line for line in lines] == [True, *[False] * 3, True]
    assert "* in part: not all of its days lie in the period and are loaded." in out
    assert "en partie" in workbench(
        *("metric", "deals", "--grain", "week", "--period", "2026-01"), language="fr"
    )
    whole = workbench("metric", "deals", "--grain", "month", "--period", "2026-Q1")
    assert "*" not in whole


def test_a_longer_period_before_says_what_stands_beside_nothing(workbench):
    asked = ("metric", "deals", "--compare", "previous", "--grain", "day", "--period", "2026-02")
    out = " ".join(workbench(*asked).split())
    assert "Jan 2026 has 31 days, Feb 2026 has 28." in out
    assert "Its last 3 rows stand beside none and are in its total only." in out
    before = json.loads(workbench(*asked, "--json"))["before"]
    # Deals 1, 2 and 3 were created in January; of the 29th to the 31st there is none.
    assert (before["unpaired"], before["compared"]) == (3, "previous")
    assert before["total"] == {"deals": 3}
    even = workbench(
        "metric", "deals", "--compare", "previous", "--period", "2026-01-08..2026-01-14"
    )
    assert "stand" not in even and "days" not in even


def test_a_refused_plan_says_that_the_older_one_is_shown(tmp_path):
    changed_snapshot(
        tmp_path, "UPDATE sources SET status = 'stale' WHERE entity = 'targets'"
    ).close()
    asked = ("metric", "won_revenue", "--compare", "plan", "--period", "2026-Q1")
    out = " ".join(metric_calls.workbench(*asked, WORKBENCH_HOME=str(tmp_path)).split())
    assert "the file was refused or not found at the last sync; what was loaded before" in out
    answer = metric_calls.workbench(*asked, "--json", WORKBENCH_HOME=str(tmp_path))
    assert json.loads(answer)["troubles"] == [{"entity": "targets", "status": "refused"}]
    alone = metric_calls.workbench("metric", "won_revenue", WORKBENCH_HOME=str(tmp_path))
    assert "file was refused" not in alone


ANSWERS = [
    ("ranking",),
    ("process", "--period", "2026"),
    ("forecast",),
    ("scenario",),
    ("segments", "compare", "recent", "rest"),
    ("segments", "show", "recent"),
    ("cohorts", "--period", "all"),
]


@pytest.mark.parametrize("asked", ANSWERS, ids=" ".join)
def test_every_answer_says_what_it_is_of_when_and_of_how_many(asked, home, tmp_path):
    (tmp_path / "parameters").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "parameters" / "segments.yml").write_text(
        "segments:\n  recent:\n    title: {fr: Récentes, en: Recent}\n"
        "    where: created_on > '2026-01-31'\n",
        "utf-8",
    )
    environ = {"WORKBENCH_HOME": str(home), "WORKBENCH_PROJECT": str(tmp_path)}
    told = " ".join(metric_calls.workbench(*asked, **environ).split())
    assert "Data as of" in told and "snapshot 20260615T100000Z-000000." in told
    assert " n " in told or "n:" in told or " n = " in told or "deals" in told
    answer = json.loads(metric_calls.workbench(*asked, "--json", **environ))
    assert answer["as_of"].startswith("2026-06-15T10:00") and answer["timezone"] == "Europe/Paris"
    assert answer["snapshot"] == "20260615T100000Z-000000"
    assert answer.get("definition") or answer["metrics"]
    french = metric_calls.workbench(*asked, language="fr", **environ)
    assert "Données du" in french


def test_an_explanation_is_french_down_to_its_signs(workbench):
    told = workbench("metric", "slippage", "closed_win_rate", "--explain", language="fr")
    assert "STAGE_SEMANTIC_ID\u202f; crm.stagehistory.list" in told
    assert "Date retenue\u202f: " in told and "aucune règle" in told
