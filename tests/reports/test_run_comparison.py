"""Two runs side by side, and a run once more: figures worked out here, then real runs."""

import json
import os
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import command_line
import pandas as pd
import pytest
from made_run import made_run
from small_project import SmallProject

from workbench.errors import NoSnapshot, UsageError, WorkbenchError
from workbench.reports import RunRecord, read_record, run_report
from workbench.reports.comparison import Panel, as_plain, compare
from workbench.reports.record import files_of, write_record
from workbench.reports.repeating import repeat
from workbench.settings import settings
from workbench.views.contents import FiguresContent, Notice, TableContent
from workbench.views.figures import Figure
from workbench.views.run_files import keep
from workbench.views.tables import Column
from workbench.warehouse import open_snapshot

SOURCE = {"portal": "p", "snapshot": "s", "as_of": "2026-01-01T00:00:00+00:00", "currency": "EUR"}
DEALS = [Column("deal", "Deal", "text", link="url"), Column("amount", "Amount", "money"),
         Column("closed", "Closed", "date")]  # fmt: skip


def page(hour: int, **panels) -> RunRecord:
    """Write a run whose page has these panels, through what a page writes them with."""
    record = made_run("one", datetime(2026, 1, 1, hour, tzinfo=UTC))
    for name, content in panels.items():
        keep(record.folder, name, content, SOURCE)
    record.files = files_of(record.folder)
    write_record(record)
    return record


def figures(**values) -> FiguresContent:
    """Figures of these values and units; no value is one that is not loaded."""
    return FiguresContent(
        [
            Figure(name, name, value, unit, status="ok" if value is not None else "not loaded")
            for name, (value, unit) in values.items()
        ]
    )


def deals(*rows: tuple) -> TableContent:
    frame = pd.DataFrame(
        [(f"https://p/{key}", title, amount, day) for key, title, amount, day in rows],
        columns=["url", "deal", "amount", "closed"],
    )
    return TableContent("Deals", frame, DEALS)


def panel(name: str, *records: RunRecord) -> Panel:
    return next(each for each in compare(*records).panels if each.name == name)


def test_figures_differ_by_what_they_differ_and_absent_is_never_zero(project: SmallProject):
    a = page(1, f=figures(won=(200.0, "money"), rate=(0.25, "share"), spend=(None, "money"),
                          roi=(3.0, "ratio"), zero=(0, "count"), sum=(0.1 + 0.2, "money"),
                          old=(1, "count")))  # fmt: skip
    b = page(2, f=figures(won=(150.0, "money"), rate=(0.3, "share"), spend=(40.0, "money"),
                          roi=(None, "ratio"), zero=(5, "count"), sum=(0.3, "money"),
                          new=(1, "count")))  # fmt: skip
    found = {each.name: each for each in panel("f", a, b).figures}
    assert {name: each.state for name, each in found.items()} == {
        "won": "changed", "rate": "changed", "spend": "value_added", "roi": "value_removed",
        "zero": "changed", "sum": "same", "old": "removed", "new": "added",
    }  # fmt: skip
    assert (found["won"].difference, found["won"].relative) == (-50, -0.25)
    assert found["rate"].difference == pytest.approx(0.05)
    assert (found["zero"].difference, found["zero"].relative) == (5, None)
    for name in ("spend", "roi", "old", "new"):
        assert (found[name].difference, found[name].relative) == (None, None)
    assert (found["spend"].before, found["spend"].status_before) == (None, "not loaded")
    assert (found["roi"].after, found["roi"].status_after) == (None, "not loaded")
    assert not compare(a, b).identical and compare(a, a).identical


def test_rows_are_paired_by_what_tells_them_apart(project: SmallProject):
    day, later = date(2026, 1, 5), date(2026, 1, 9)
    a = page(1, t=deals((1, "Same name", 10, day), (2, "Same name", 20, day), (3, "Lost", 5, day)))
    b = page(2, t=deals((2, "Same name", 26, later), (4, "New", 7, day), (1, "Same name", 10, day)))
    found = panel("t", a, b)
    assert (found.keys, found.same) == (("url",), 1)
    told = {(row.state, row.key["url"]): row.changes for row in found.rows}
    assert set(told) == {
        ("changed", "https://p/2"), ("added", "https://p/4"), ("removed", "https://p/3"),
    }  # fmt: skip
    amount, closed = told["changed", "https://p/2"]
    assert (amount.before, amount.after, amount.difference) == (20, 26, 6)
    assert (closed.before, closed.after, closed.difference) == (day, later, None)
    json.dumps(as_plain(compare(a, b)), allow_nan=False)


def test_rows_that_nothing_tells_apart_are_counted(project: SmallProject):
    columns = [Column("name", "Name", "text"), Column("n", "n", "count")]

    def table(*rows):
        return TableContent("T", pd.DataFrame(rows, columns=["name", "n"]), columns)

    a, b = page(1, t=table(("x", 1), ("x", 1), ("y", 2))), page(2, t=table(("y", 2), ("x", 1)))
    found = panel("t", a, b)
    assert found.same == 2
    assert [(row.state, row.key) for row in found.rows] == [("removed", {"name": "x", "n": 1})]


def test_a_table_that_became_a_notice_is_not_a_table_of_zeros(project: SmallProject):
    a = page(1, t=deals((1, "A", 10, date(2026, 1, 5))))
    b = page(2, t=Notice("not loaded", "Marketing spend is not loaded."))
    found = panel("t", a, b)
    assert (found.state, found.told) == ("removed", "Marketing spend is not loaded.")
    assert panel("t", b, a).state == "added"
    assert not compare(a, b).identical


def test_a_table_that_is_gone_is_told_and_not_taken_for_empty(project: SmallProject):
    a, b = (page(hour, t=deals((1, "A", 10, date(2026, 1, 5)))) for hour in (1, 2))
    (a.folder / "tables" / "t.parquet").write_bytes(b"no table")
    assert panel("t", a, b).state == "unreadable" and not compare(a, b).identical
    (a.folder / "contents.json").unlink()
    with pytest.raises(WorkbenchError, match="is gone or damaged"):
        compare(a, b)


def test_what_cannot_be_compared_is_refused(project: SmallProject):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    one, other = made_run("one", moment), made_run("other", moment)
    failed = made_run("one", moment, end="dead", outcome="failed")
    with pytest.raises(UsageError, match="other"):
        compare(one, other)
    with pytest.raises(WorkbenchError, match="did not succeed"):
        compare(one, failed)


def workbench(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return command_line.workbench(
        *arguments, env={**os.environ, "COLUMNS": "140", **environment}, timeout=120
    )


ASKED = """
import json
from workbench.warehouse import newest_snapshot
with newest_snapshot() as snapshot:
    won = snapshot.execute(
        "SELECT sum(amount_base)::DOUBLE, count(*) FROM deals WHERE is_won"
    ).fetchone()
json.dump({"value": won[0], "rows": won[1], "n": n}, open("result.json", "w"))
"""


@pytest.fixture
def own_company(project: SmallProject, company_home: Path, home: Path) -> SmallProject:
    """The small company's snapshot in a home that a test may change."""
    shutil.copytree(company_home / "warehouse" / "snapshots", home / "warehouse" / "snapshots")
    return project


def test_a_run_is_repeated_on_its_own_data_as_long_as_they_are_kept(own_company: SmallProject):
    own_company.report("one", ASKED, parameters={"n": 4}, requires=[
        {"source": "bitrix24", "within_hours": 8784}])  # fmt: skip
    first = run_report("one", {"period": "last_quarter"})
    assert first.outcome == "succeeded", first.error
    folder = settings().home_dir / "warehouse" / "snapshots"
    with open_snapshot(first.snapshot) as snapshot:
        (won,) = snapshot.execute("SELECT sum(amount_base) FROM deals WHERE is_won").fetchone()
    assert first.result["value"] == pytest.approx(float(won))
    # A newer snapshot, and a report file that says otherwise: the run's own count.
    newer = "29991231T000000Z-abcdef"
    shutil.copy(folder / f"{first.snapshot}.duckdb", folder / f"{newer}.duckdb")
    own_company.report("one", ASKED, parameters={"n": 9}, requires=[
        {"source": "bitrix24", "within_hours": 0.0001}])  # fmt: skip

    again = workbench("runs", "rerun", first.id, "--json")
    assert again.returncode == 0, again.stderr
    second = read_record(json.loads(again.stdout)["id"])
    assert (second.repeats, second.snapshot) == (first.id, first.snapshot)
    assert (second.parameters, second.periods) == (first.parameters, first.periods)
    assert second.result == first.result and compare(first, second).identical
    told = workbench("runs", "diff", first.id, second.id)
    assert told.returncode == 0 and "are the same in both" in told.stdout
    assert "sont les mêmes" in workbench(
        "runs", "diff", first.id, second.id, WORKBENCH_LANGUAGE="fr"
    ).stdout  # fmt: skip
    shown = workbench("runs", second.id).stdout.split()
    assert shown[shown.index("Repeats") + 1] == first.id

    (folder / f"{first.snapshot}.duckdb").unlink()
    before = sorted(settings().outputs_dir.iterdir())
    gone = workbench("runs", "rerun", first.id)
    assert gone.returncode == 1 and "Traceback" not in gone.stderr
    assert first.snapshot in gone.stderr and f"runs rerun {first.id} --newest" in gone.stderr
    assert sorted(settings().outputs_dir.iterdir()) == before
    with pytest.raises(NoSnapshot):
        repeat(first)
    own_company.report("one", ASKED.replace("sum(", "2 * sum("), parameters={"n": 9})
    third = repeat(first, newest=True)
    assert (third.snapshot, third.repeats) == (newer, first.id)
    (value,) = (each for each in compare(first, third).result if each.name == "value")
    assert value.difference == pytest.approx(float(won)) and value.relative == pytest.approx(1)
    both = json.loads(workbench("runs", "diff", first.id, third.id, "--json").stdout)
    assert both["made_with"]["snapshot"] == {
        "before": first.snapshot, "after": newer, "differs": True,
    }  # fmt: skip
    assert both["identical"] is False


def test_the_command_line_tells_figures_and_rows(project: SmallProject):
    day = date(2026, 1, 5)
    a = page(1, f=figures(won=(200.0, "money"), spend=(None, "money")),
             t=deals((1, "A\x1b[2J", 10, day)))  # fmt: skip
    b = page(2, f=figures(won=(150.0, "money"), spend=(40.0, "money")),
             t=deals((1, "A\x1b[2J", 30, day), (2, "B", 7, day)))  # fmt: skip
    told = workbench("runs", "diff", a.id, b.id)
    assert told.returncode == 0, told.stderr
    for text in (
        "€200",
        "€150",
        "−€50",
        "25.0%",
        "not loaded",
        "no value before",
        "+€20",
        "only in",
    ):
        assert text in told.stdout, (text, told.stdout)
    assert "\x1b[2J" not in told.stdout
    assert workbench("runs", "diff", a.id, "nothing").returncode == 2
    assert json.loads(workbench("runs", "--json", a.id).stdout)["id"] == a.id
