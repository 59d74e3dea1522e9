"""The sales report on the small company: what it returns is what the tables say."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from workbench.i18n import use_language
from workbench.metrics import dimension_titles
from workbench.reports import read_record, run_report
from workbench.reports.origin import parameter_name
from workbench.reports.process import run_environment
from workbench.reports.report import load_report, report_names
from workbench.views.filters import filter_title
from workbench.views.selection import AGAINST, SEGMENT
from workbench.warehouse import open_snapshot
from workbench.warehouse.snapshots import snapshots_dir


def test_sales_of_the_last_quarter(company: Path, monkeypatch: pytest.MonkeyPatch):
    record = run_report("sales", {"period": "last_quarter"})
    assert record.outcome == "succeeded", record.error

    newest = max(path.stem for path in snapshots_dir().glob("*.duckdb"))
    assert record.snapshot == newest
    assert run_environment(record)["WORKBENCH_SNAPSHOT"] == newest
    # The company's last day is 2 November 2026, whatever day it is today.
    assert (record.periods["period"]["start"], record.periods["period"]["end"]) == (
        "2026-07-01", "2026-10-01",
    )  # fmt: skip
    with open_snapshot(newest) as snapshot:
        assert (record.as_of, record.timezone) == (snapshot.as_of, "Europe/Paris")
        (won,) = snapshot.execute(
            "SELECT sum(amount_base) FROM deals WHERE is_won AND closed_on >= ? AND closed_on < ?",
            [date(2026, 7, 1), date(2026, 10, 1)],
        ).fetchone()
    assert record.result["value"] == pytest.approx(float(won))
    assert json.loads((record.folder / "result.json").read_text()) == record.result
    assert record.rows == record.result["rows"] > 0

    names = {file.path for file in record.files}
    charts = {name.rsplit(".", 1)[0] for name in names if name.startswith("charts/")}
    assert len(charts) >= 5
    for chart in charts:
        assert {f"{chart}.svg", f"{chart}.png"} <= names
    assert any(name.startswith("tables/") and name.endswith(".csv") for name in names)

    page = (record.folder / "report.html").read_text()
    assert '<html lang="fr">' in page and page.count("<h1") == 1
    assert "<svg" in page and "wb-figure" in page
    assert "page.figures(" not in page and "import workbench" not in page
    assert read_record(record.id) == record


# Of no check of the data: what a snapshot says of itself, and which own fields the portal has.
OF_THE_SNAPSHOT = {"info", "sources", "user_fields"}


@pytest.mark.parametrize("name", report_names())
def test_the_file_of_a_report_names_every_table_that_its_page_reads(name, company_home, home):
    """Otherwise a failed error check of a table that is read would not stop the report."""
    shutil.copytree(company_home / "warehouse", home / "warehouse")  # of which nothing is kept yet
    report = load_report(name)
    names: dict = {}
    for cell in json.loads(report.notebook_file.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102 - our own notebook
        if "parameters" in cell["metadata"].get("tags", []):
            names.update(report.parameters)
    page = names["page"]
    assert not [html for html in page.html if "wb-notice-error" in html]
    read = set(page.snapshot.tables_read)
    assert "deals" in read
    assert report.despite_checks or read - OF_THE_SNAPSHOT <= set(report.tables)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", report_names())
def test_a_run_calls_its_filters_what_the_page_calls_them(name, language):
    filters = {"period", SEGMENT, AGAINST, *dimension_titles()}
    with use_language(language):
        for parameter in load_report(name).notebook_parameters.keys() & filters:
            assert parameter_name(parameter) == filter_title(parameter)
