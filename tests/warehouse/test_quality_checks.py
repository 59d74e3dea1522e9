"""`workbench check`: what analysts declare, what breaks it, scores, and reports that it stops."""

import json
import re
from pathlib import Path

import pytest
from handmade import Rows, directories, made_rows, make_snapshot
from hypothesis import given
from hypothesis import strategies as st
from small_project import SmallProject
from test_models import AS_OF, deal

from workbench.bitrix24.entities import ENTITIES
from workbench.errors import ConfigurationError, QueryError, WarehouseError
from workbench.i18n import use_language
from workbench.metrics.quality import Check, declared_checks, failed_errors, run_quality
from workbench.metrics.quality.history import keep, read_history
from workbench.reports import gate, run_report
from workbench.reports.report import Report, load_report
from workbench.views.quality_page import quality_html
from workbench.warehouse.snapshots import Snapshot

TITLE = {"fr": "Contrôle", "en": "Check"}


def check(name: str = "one", table: str = "deals", **fields) -> Check:
    return Check(id=name, table=table, title=TITLE, **fields)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Six deals, five companies, six contacts, three leads, with one of each fault."""
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S"}
    rows: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    rows["deals"] = [
        deal(1),
        deal(2, TITLE=" ", ASSIGNED_BY_ID="0"),
        deal(3, OPPORTUNITY="-5"),
        deal(4, CURRENCY_ID="XXX"),
        deal(5, **won, MOVED_TIME="2025-12-31T10:00:00+01:00"),  # won before it was created
        deal(6, TITLE="<script>alert(1)</script>", OPPORTUNITY="-1", CLOSEDATE="2026-02-01"),
    ]
    rows["companies"] = [
        {"ID": "1", "TITLE": "Acme  SA", "PHONE": [{"VALUE": "+33 1 23 45 67 89"}]},
        {"ID": "2", "TITLE": "ACME sa", "PHONE": [{"VALUE": "01.23.45.67.89"}]},
        {"ID": "3", "TITLE": "Zed", "PHONE": [{"VALUE": "112"}]},
        {"ID": "4", "TITLE": "Société Dupli", "EMAIL": [{"VALUE": "Contact@dupli.example"}]},
        {"ID": "5", "TITLE": "SOCIETE\u00a0 DUPLI", "EMAIL": [{"VALUE": "contact@dupli.example"}]},
    ]
    rows["contacts"] = [
        {"ID": "1", "NAME": "Ana", "LAST_NAME": "Roux", "EMAIL": [{"VALUE": "A@x.example "}]},
        {"ID": "2", "NAME": "Ana", "LAST_NAME": "Roux", "EMAIL": [{"VALUE": "a@x.example"}]},
        {"ID": "3", "NAME": "Bo", "EMAIL": [{"VALUE": "none"}]},
        {"ID": "4", "NAME": "Bo", "EMAIL": [{"VALUE": "none"}]},
        {"ID": "5", "NAME": "Zoé", "LAST_NAME": "Dupli"},
        {"ID": "6", "NAME": "zoe", "LAST_NAME": " DUPLI"},
    ]
    rows["leads"] = [
        {"ID": str(number), "TITLE": "a", "NAME": name, "LAST_NAME": "Mai", "STATUS_ID": "NEW"}
        | {"STATUS_SEMANTIC_ID": "P", "DATE_CREATE": "2026-01-10T09:00:00+01:00"}
        for number, name in enumerate(["Ève", "EVE", "Eva"], 1)
    ]
    return make_snapshot(tmp_path_factory.mktemp("home"), rows, as_of=AS_OF)


@pytest.mark.parametrize(
    ("asked", "broken"),
    [
        (check(broken="amount < 0"), [6, 3]),
        (check(broken="amount < 0", where="deal_id < 5"), [3]),
        (check(broken="amount <> 0 and amount_base is null"), [4]),
        (check(filled=["title", "manager_id"]), [2]),
        (check(filled=["title"], placeholders=["Affaire 1", "'; --"]), [2, 1]),
        (check(order=["created_on", "closed_on"]), [5]),
        (check(unique=["amount", "currency", "is_won"]), [2, 1]),
        (check(broken="is_open and expected_close_on < today"), [6]),
        (check(table="companies", duplicates="name"), [5, 4, 2, 1]),
        (check(table="companies", duplicates="e-mail"), [5, 4]),
        (check(table="companies", duplicates="phone"), [2, 1]),
        (check(table="contacts", duplicates="e-mail"), [2, 1]),
        (check(table="contacts", duplicates="name"), [6, 5, 2, 1]),
        (check(table="leads", duplicates="name"), [2, 1]),
        (check(broken="title = 'no such title'"), []),
    ],
)
def test_a_check_finds_exactly_the_records_that_break_it(snapshot, asked, broken):
    (found,) = run_quality(snapshot, [asked]).outcomes[-1:]
    assert found.broken == len(broken) and [each.record for each in found.examples] == broken
    for example in found.examples:
        path = {"deals": "deal", "companies": "company", "contacts": "contact", "leads": "lead"}[
            asked.table
        ]
        expected = f"https://atelier-lumen.example/crm/{path}/details/{example.record}/"
        assert example.link == expected


def test_a_list_without_a_value_is_not_filled(tmp_path):
    """Of deals 1 to 6, only 1 and 2 have a need that is none of the placeholders."""
    fields = [
        {"OWNER": "deal", "FIELD_NAME": "UF_CRM_NEEDS", "USER_TYPE_ID": "string", "MULTIPLE": "Y"}
    ]
    rows: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    needs = [["Light"], ["-", "Desks"], [], False, ["-"], [""]]
    rows["deals"] = [deal(n, UF_CRM_NEEDS=each) for n, each in enumerate(needs, 1)]
    rows["userfields"] = fields
    with make_snapshot(tmp_path, rows, as_of=AS_OF) as made:
        asked = check(table="deal_fields", filled=["uf_crm_needs"], placeholders=["-"])
        (found,) = run_quality(made, [asked]).outcomes[-1:]
    assert found.rows == 6 and [each.record for each in found.examples] == [6, 5, 4, 3]


def test_a_score_is_the_share_of_records_that_nothing_of_weight_finds_broken(snapshot):
    checks = [
        check("below", broken="amount < 0"),  # 3 and 6
        check("again", broken="amount = -5"),  # 3 once more
        check("rate", broken="amount <> 0 and amount_base is null"),  # 4
        check("noted", filled=["company_id"], severity="info"),  # all of them, without weight
    ]
    quality = run_quality(snapshot, checks)
    assert quality.scores["deals"] == 0.5 and quality.scores["contacts"] == 1
    assert [each.check for each in quality.failed][-1] == "noted"


def test_a_close_date_that_is_expected_before_the_deal_was_made_is_told(tmp_path):
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S"}
    rows: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    rows["deals"] = [
        deal(1, CLOSEDATE="2020-01-01"),
        deal(2, CLOSEDATE="2026-01-10"),  # the day on which it was made
        deal(3, **won, CLOSEDATE="2026-01-09"),
        deal(4),
    ]
    with make_snapshot(tmp_path, rows, as_of=AS_OF) as made:
        (found,) = (
            each
            for each in run_quality(made).outcomes
            if each.check == "deals_expected_before_created"
        )
    assert found.severity == "warning" and found.broken == 2
    assert [each.record for each in found.examples] == [3, 1]


def test_scores_are_kept_once_per_snapshot(snapshot, home):
    first = run_quality(snapshot, [check(broken="amount < 0")])
    keep(first)
    (home / "quality.jsonl").open("a").write("not JSON\n[1]\n")
    second = run_quality(snapshot, [])
    second.snapshot = "20300101T000000Z-000000"
    assert len(keep(second)) == 2 and len(keep(second)) == 2
    scores = [round(each.scores["deals"], 3) for each in read_history()]
    assert scores == [0.667, 1]


def test_the_page_shows_what_is_wrong_and_trusts_no_title(snapshot):
    quality = run_quality(snapshot, [check(broken="amount < 0")])
    page = quality_html(quality, [], "Europe/Paris", [("deals", "OPPORTUNITY", 1, "<b>")])
    assert "&lt;script&gt;alert(1)" in page and "<script" not in page and "<b>" not in page
    assert 'href="https://atelier-lumen.example/crm/deal/details/6/"' in page
    assert not re.search(r"(?:src|href)=\"(?!https://atelier-lumen\.example)(?:https?:)?//", page)


def test_the_shipped_checks_are_read_and_hold_on_a_sound_company(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    with make_snapshot(tmp_path, made_rows(deals=60)) as sound:
        quality = run_quality(sound)
        assert len(declared_checks()) >= 20
        assert [each for each in quality.failed if each.severity == "error"] == []
        assert set(quality.scores) >= {"deals", "leads", "companies"}


@pytest.mark.parametrize(
    "text",
    [
        "checks: [1]",
        "check: {}",
        "checks: {A: {}}",
        "checks: {a: {table: deals, title: {fr: x, en: x}}}",
        "checks: {a: {table: deals, title: {fr: x, en: x}, broken: 'a > 1', filled: [a]}}",
        "checks: {a: {table: deals; drop, title: {fr: x, en: x}, filled: [a]}}",
        "checks: {a: {table: deals, title: {fr: x}, filled: [a]}}",
        "checks: {a: {table: deals, title: {fr: x, en: x}, filled: [a], severity: fatal}}",
        "checks: {a: {table: deals, title: {fr: x, en: x}, broken: 'md5(title) = 1'}}",
        "checks: {a: {table: deals, title: {fr: x, en: x}, broken: '1; drop table deals'}}",
        "checks: {a: 3}",
        "checks: {a: {table: deals, title: {fr: x, en: x}, unique: [a], placeholders: [b]}}",
        "checks: {a: [",
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path, text):
    file = tmp_path / "checks.yml"
    file.write_text(text)
    with pytest.raises((ConfigurationError, QueryError)):
        declared_checks(file)


@pytest.mark.parametrize(
    "asked",
    [
        check(table="nothing", filled=["a"]),
        check(filled=["title; drop table deals"]),
        check(unique=['title" OR "1']),
        check(broken="no_such_column = 1"),
        check(order=["created_on", "x"]),
    ],
)
def test_what_the_table_does_not_have_is_said_with_the_check(snapshot, asked):
    with pytest.raises(QueryError, match="one"):
        run_quality(snapshot, [asked])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: {table: deals, %s, duplicates: name}", "duplicates .* companies, contacts, leads"),
        ("a: {table: deals, %s, broken: 'length(title)>1'}", "broken: .*: length"),
        ("a: {table: deals, %s, broken: 'is_won and ('}", "broken: .* at “is_won and [(]”"),
        ('a: {table: deals, %s, where: "title = \'x", filled: [title]}', "where: .* quote"),
        ("a: {table: deals, %s, filled: [a]}\n  a: {table: deals, %s, filled: [b]}", "lines 2, 3"),
        ("a: {table: deals, %s, filled: [a], filled: [b]}", "filled.* lines 2, 2"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_name(tmp_path, content, told):
    file = tmp_path / "checks.yml"
    file.write_text("checks:\n  " + content.replace("%s", "title: {fr: x, en: x}") + "\n")
    with use_language("en"), pytest.raises(ConfigurationError, match=told) as refused:
        declared_checks(file)
    message = refused.value.message
    assert re.match(r"checks\.yml: (a|filled): ", message)
    assert not re.search("sqlglot|Required keyword|Line", message) and "\n" not in message


@pytest.mark.parametrize(
    ("asked", "told", "hint"),
    [
        (check(table="xq", filled=["a"]), "“xq”", "Known are: .*deals"),
        (check(table="xq", portal_totals=True, severity="error"), "“xq”", "Known are: .*deals"),
        (check(table="xq", fresh_hours=3), "“xq”", "Known are: .*marketing_spend"),
        (check(table="bitrix24", fresh_hours=3), "“bitrix24”", ""),
        (check(table="marketing_spend", portal_totals=True), "“marketing_spend”", ""),
        (check(order=["title", "closed_on"]), "“title” and “closed_on”", "two dates"),
        (check(broken="titel = 'x'"), "“titel”", "title"),
    ],
)
def test_a_check_that_cannot_run_has_not_passed(snapshot, asked, told, hint):
    with use_language("en"), pytest.raises(QueryError, match=told) as refused:
        run_quality(snapshot, [asked])
    assert refused.value.message.startswith("checks.yml: one: ")
    assert re.search(hint, refused.value.hint) and "\n" not in str(refused.value)


def test_a_table_that_may_be_loaded_and_is_not_has_neither_passed_nor_failed(snapshot):
    for asked in (check(table="targets", fresh_hours=3), check(table="leads", portal_totals=True)):
        (found,) = run_quality(snapshot, [asked]).outcomes[-1:]
        assert found.rows is None and found.detail


@given(st.text(max_size=60))
def test_no_text_gets_through_a_check_but_a_filter(text):
    try:
        Check(id="one", table="deals", title=TITLE, broken=text)
    except (QueryError, ValueError):
        return


REPORT = Report(notebook="x.ipynb", title=TITLE, tables=["deals"], name="sales")


@pytest.fixture
def failing_home(home: Path) -> tuple[Path, str]:
    """A home whose deals break a check of severity error: deal 1 was won before it was created."""
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S", "MOVED_TIME": "2025-12-31T10:00:00+01:00"}
    rows: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    with make_snapshot(home, rows | {"deals": [deal(1, **won)]}, as_of=AS_OF) as made:
        return home, made.id


def test_a_failed_error_stops_the_reports_of_that_table_only(failing_home):
    _home, snapshot_id = failing_home
    with pytest.raises(WarehouseError, match="deals"):
        gate.notice(REPORT, snapshot_id)
    assert "(1)" in (gate.notice(REPORT, snapshot_id, despite=True) or "")
    willing = REPORT.model_copy(update={"despite_checks": True})
    assert gate.notice(willing, snapshot_id)
    other = REPORT.model_copy(update={"tables": ["leads"]})
    assert gate.notice(other, snapshot_id) is None


def test_the_answer_is_kept_and_a_damaged_file_of_answers_is_no_obstacle(failing_home):
    home, snapshot_id = failing_home
    first = gate.failing(REPORT, snapshot_id)
    kept = json.loads((home / "quality-errors.json").read_text())
    assert list(kept.values()) == [first] and len(first) == 1
    other = gate.failing(REPORT.model_copy(update={"tables": ["leads"]}), snapshot_id)
    kept = json.loads((home / "quality-errors.json").read_text())
    assert list(kept.values()) == [first, other]
    (home / "quality-errors.json").write_text("{")
    assert gate.failing(REPORT, snapshot_id) == first


def test_shipped_reports_name_tables_that_exist(snapshot):
    tables = {
        name for (name,) in snapshot.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }
    for name in ("sales", "marketing", "forecast", "deal", "segments", "customers"):
        assert load_report(name).tables and set(load_report(name).tables) <= tables
    assert failed_errors(snapshot, ["leads"]) == []


def test_an_overridden_report_says_so_on_its_page_and_a_stopped_one_leaves_nothing(
    failing_home, tmp_path, monkeypatch
):
    project = SmallProject(tmp_path, monkeypatch)
    cells = (
        "import workbench as wb\npage = wb.Page('trial', title='Trial')",
        "page.filters(period=period)",
    )
    project.report("trial", *cells, declares='period: str = "all"', tables=["deals"])
    declared = checks_file_of_the_product().read_text("utf-8")
    (project.folder / "parameters" / "checks.yml").write_text(declared, "utf-8")
    with pytest.raises(WarehouseError, match="Trial was not run") as stopped:
        run_report("trial")
    assert "--despite-checks" in stopped.value.hint
    outputs = tmp_path / "outputs"
    assert not outputs.exists() or not any(outputs.iterdir())
    record = run_report("trial", despite_checks=True)
    assert record.outcome == "succeeded", record.error
    assert "Deals closed before they were created (1)" in (record.notice or "")
    page = (record.folder / "report.html").read_text("utf-8")
    assert "The data break what must hold: deals: Deals closed before" in page


def checks_file_of_the_product() -> Path:
    return Path(__file__).parent.parent.parent / "parameters" / "checks.yml"
