"""The workbook of a run, read back cell by cell."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_run import made_run

import workbench as wb
from workbench.i18n import use_language
from workbench.reports.record import RunRecord
from workbench.reports.workbook import sheet_names, write_workbook
from workbench.views.tables import Column

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", '=HYPERLINK("http://x.example")', "{=1}"]


@pytest.fixture
def run(company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A page outside of a kernel that writes into a run's folder."""
    record = made_run(
        "sales",
        datetime(2026, 11, 2, 6, tzinfo=UTC),
        title="Ventes",
        timezone="Europe/Paris",
        parameters={"period": "last_quarter"},
        periods={"period": {"start": "2026-07-01", "end": "2026-10-01", "label": "T3 2026"}},
        language="fr",
    )
    monkeypatch.setenv("WORKBENCH_RUN", str(record.folder))
    return record


def workbook(record: RunRecord) -> openpyxl.Workbook:
    with use_language(record.language):  # the language of a fixture's own page
        assert write_workbook(record.folder, record)
    return openpyxl.load_workbook(record.folder / "report.xlsx")


def rows(sheet) -> list[list]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_figures_and_tables_are_the_numbers_of_the_warehouse(run: RunRecord):
    page = wb.Page("sales", title="Ventes")
    page.filters(period="last_quarter")
    page.figures(wb.panels.sales.figures)
    page.chart("managers", wb.panels.sales.managers)
    run.snapshot = page.snapshot.id
    book = workbook(run)
    assert book.sheetnames == ["À propos", "Responsables"]
    told = page.snapshot.execute(
        "SELECT manager, sum(amount_base), count(*) FROM deals WHERE is_won"
        " AND closed_on >= '2026-07-01' AND closed_on < '2026-10-01' GROUP BY 1"
    ).fetchall()

    about = rows(book["À propos"])
    facts = {row[0]: row[1] for row in about}
    assert facts["Chiffre d’affaires gagné"] == pytest.approx(float(sum(t[1] for t in told)))
    assert facts["Affaires gagnées"] == sum(t[2] for t in told)
    assert facts["Données"] == page.snapshot.id and facts["Exécution"] == run.id
    assert facts["Période"] == "T3 2026 (last_quarter)"
    definition = next(row[3] for row in about if row[0] == "Affaires gagnées")
    assert "Nombre d’affaires" in definition and "date de clôture" in definition

    sheet = book["Responsables"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", f"A1:F{len(told) + 1}")
    assert sheet.print_title_rows == "$1:$1"
    head, *body = rows(sheet)
    assert head[:3] == ["Responsable", "Chiffre d’affaires gagné", "Affaires gagnées"]
    found = {row[0]: (row[1], row[2]) for row in body}
    assert found == {name: (pytest.approx(float(amount)), count) for name, amount, count in told}
    assert sheet["B2"].number_format == '#,##0"\xa0€"'
    assert sheet["D2"].number_format == '0.0"\u202f"%'
    assert sheet["B2"].data_type == sheet["C2"].data_type == "n"


def test_every_kind_of_cell_is_what_it_is(run: RunRecord):
    moment = pd.Timestamp("2026-07-01 22:30", tz="UTC")
    frame = pd.DataFrame(
        {
            "text": ["a", None],
            "whole": pd.array([5, None], "Int64"),
            "number": [1.5, float("inf")],
            "decimal": [Decimal("12.34"), None],
            "yes": [True, False],
            "day": pd.to_datetime(["2026-03-31", None]),
            "old": [date(1850, 1, 1), None],
            "moment": [moment, pd.NaT],
            "big": [2**60, 1],
            "mixed": ["x", 3],
            "listed": [["a", "b"], []],
        }
    )
    page = wb.Page("sales")
    columns = [Column(name, name, "date" if name == "day" else "text") for name in frame]
    page.table("kinds", frame, title="Kinds", columns=columns)
    head, first, second = rows(workbook(run)["Kinds"])
    assert dict(zip(head, first, strict=True)) == {
        "text": "a", "whole": 5, "number": 1.5, "decimal": 12.34, "yes": True,
        "day": datetime(2026, 3, 31), "old": "1850-01-01", "moment": datetime(2026, 7, 2, 0, 30),
        "big": str(2**60), "mixed": "x", "listed": "a, b",
    }  # fmt: skip
    assert second == [None, None, None, None, False, None, None, None, 1, "3", ""]
    kept = pq.read_table(run.folder / "tables" / "kinds.parquet")
    assert kept.column("whole").to_pylist() == [5, None]
    assert kept.column("moment")[0].as_py() == moment


def test_no_text_becomes_a_formula_and_only_web_addresses_become_links(run: RunRecord):
    addresses = ["https://p.example/1", "javascript:alert(1)", "file:///etc/passwd", "", None]
    frame = pd.DataFrame({"name": [*EVIL, "", ""], "to": addresses * 2})
    page = wb.Page("sales")
    page.table("evil", frame, title="=Evil [1]", columns=[Column("name", "=Name", link="to")])
    sheet = workbook(run)["=Evil 1"]
    texts = list(sheet["A"])[: len(EVIL) + 1]
    assert [cell.value for cell in texts] == ["=Name", *EVIL]
    assert {cell.data_type for cell in texts} == {"s"}
    targets = {cell.row: cell.hyperlink.target for cell in sheet["A"] if cell.hyperlink}
    assert targets == {2: "https://p.example/1", 7: "https://p.example/1"}


def test_a_page_that_shows_nothing_has_no_workbook(run: RunRecord):
    assert not write_workbook(run.folder, run)
    assert not (run.folder / "report.xlsx").exists()


def test_sheets_have_names_that_a_spreadsheet_takes():
    titles = [
        "a" * 40,
        "A" * 40,
        "a:b/c",
        "History",
        "'quoted'",
        "",
        "[]",
        "Entonnoir\u202f: Ventes",
    ]
    names = sheet_names(titles)
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert 1 <= len(name) <= 31 and not set(name) & set("[]:*?/\\") and name.strip("'") == name
    assert names[1] == "A" * 27 + " (2)"
    assert names[-1] == "Entonnoir Ventes"


def test_parquet_and_csv_say_what_they_hold_and_as_of_when(run: RunRecord):
    page = wb.Page("sales")
    page.filters(period="last_quarter")
    page.chart("managers", wb.panels.sales.managers)
    about = json.loads(
        pq.read_schema(run.folder / "tables" / "managers.parquet").metadata[b"workbench"]
    )
    assert about["snapshot"] == page.snapshot.id
    assert datetime.fromisoformat(about["as_of"]) - page.snapshot.as_of == timedelta()
    won = next(column for column in about["columns"] if column["name"] == "won_revenue")
    assert won["unit"] == "money" and won["definition"].startswith("Somme des montants")
    beside = json.loads((run.folder / "tables" / "managers.csv-metadata.json").read_text("utf-8"))
    assert beside["url"] == "managers.csv" and beside["dc:identifier"] == page.snapshot.id
    assert beside["tableSchema"]["columns"][1]["dc:description"] == won["definition"]
    picture = (run.folder / "charts" / "managers.svg").read_text("utf-8")
    assert page.snapshot.id in picture
