"""One good run, looked at from all sides: its record, its folder, its page, the command line."""

import hashlib
import html.parser
import json
import os
import re
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import command_line
import nbformat
import pytest
from made_run import made_run
from small_project import SmallProject

from workbench.errors import UsageError
from workbench.i18n import format_month, use_language
from workbench.reports import read_record, run_report, runs
from workbench.reports.html import html as html_of
from workbench.reports.record import code_version
from workbench.reports.run import _folder

SECRETS = {
    "WORKBENCH_WEBHOOK": "https://example.bitrix24.fr/rest/1/verysecretcode1/",
    "WORKBENCH_APP_CLIENT_SECRET": "verysecretcode2",
    "AWS_SECRET_ACCESS_KEY": "verysecretcode3",
    "SOME_TOKEN": "verysecretcode4",
}
HOSTILE = """
from IPython.display import HTML, SVG, Markdown, display
import sys
print("printed <b>text</b>")
print("a warning that is not for readers", file=sys.stderr)
display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="9"><title>A chart</title></svg>'))
display(HTML('<table><tr><td>12</td></tr></table><script src="http://evil.example/x.js"></script>'
             '<img src="http://evil.example/pixel.png"><script>document.title = "run"</script>'))
display(Markdown("## A *second* heading"))
HTML('<a href="https://portal.example/crm/deal/details/7/">deal 7</a>')
"""
CELLS = (
    "import json, os, pathlib, tempfile",
    "pathlib.Path('environment.json').write_text(json.dumps(dict(os.environ)))\n"
    "tempfile.NamedTemporaryFile(delete=False).write(b'x')",
    HOSTILE,
    "os.makedirs('charts'); os.makedirs('tables')\n"
    "pathlib.Path('charts/a.svg').write_text('<svg/>')\n"
    "pathlib.Path('tables/a.csv').write_text('n')\n"
    "pathlib.Path('result.json').write_text(json.dumps({'status': 'ok', 'value': n, 'rows': 41}))",
)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory):
    """A run with secrets around it, in a project under git, by a user with an empty home."""
    folder = tmp_path_factory.mktemp("good {n}")  # papermill formats paths
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        for name, place in {"HOME": "user", "WORKBENCH_HOME": "state"}.items():
            (folder / place).mkdir()
            patch.setenv(name, str(folder / place))
        patch.setenv("WORKBENCH_OUTPUTS", str(folder / "outputs"))
        patch.setenv("WORKBENCH_CONFIG", str(folder / "config"))
        project = SmallProject(folder, patch)
        project.report("good", *CELLS, parameters={"n": 4})
        (project.folder / "requirements.lock").write_text("pandas==3.1.1\n")
        git = ["git", "-C", str(project.folder), "-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "one"], check=True)
        head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
        before = tree(project.folder)
        asked = datetime.now(UTC)
        record = run_report("good", {"period": "2026-Q1"}, queued_at=asked - timedelta(seconds=7))
        yield SimpleNamespace(
            record=record, folder=record.folder, project=project, head=head, before=before,
            user=folder / "user", asked=asked, code=code_version(), base=folder,
        )  # fmt: skip


@pytest.fixture
def there(good, monkeypatch: pytest.MonkeyPatch):
    """The good run, with the environment pointing to its project."""
    monkeypatch.setenv("WORKBENCH_PROJECT", str(good.project.folder))
    monkeypatch.setenv("WORKBENCH_OUTPUTS", str(good.base / "outputs"))
    monkeypatch.setenv("WORKBENCH_HOME", str(good.base / "state"))
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    return good


def test_the_record_says_what_ran(good):
    record = good.record
    assert (record.outcome, record.error, record.failure) == ("succeeded", None, None)
    assert record.given == {"period": "2026-Q1"}
    assert record.parameters == {"period": "2026-Q1", "n": 4}
    assert record.periods == {
        "period": {"start": "2026-01-01", "end": "2026-04-01", "label": "Q1 2026"}
    }
    assert (record.version, record.commit) == (version("analyse-commerciale"), good.head)
    assert good.code == f"{record.version}+{good.head[:10]}"
    assert record.lock == hashlib.sha256(b"pandas==3.1.1\n").hexdigest()
    assert record.snapshot is None  # nothing is synced in this installation
    assert (record.result["value"], record.rows) == (4, 41)
    assert (record.trigger, record.attempts, record.language) == ("manual", 1, "en")


def test_the_record_says_how_long_it_took(good):
    record, timings = good.record, good.record.timings
    assert 7 <= timings.queue < 12
    assert record.seconds == timings.total
    passed = (record.finished_at - record.started_at).total_seconds()
    assert abs(passed - timings.total) < 0.5
    assert min(timings.start, timings.execute, timings.render) > 0
    assert timings.start + timings.execute + timings.render <= timings.total


def test_the_record_lists_the_files_with_their_sizes(good):
    listed = {file.path: file.bytes for file in good.record.files}
    there = {
        str(path.relative_to(good.folder)): path.stat().st_size
        for path in good.folder.rglob("*")
        if path.is_file() and path.name != "run.json"
    }
    assert listed == there
    assert {"notebook.ipynb", "report.html", "log.txt", "charts/a.svg", "tables/a.csv"} <= set(
        listed
    )


def test_the_id_sorts_by_time_and_names_the_report(good):
    assert re.fullmatch(r"\d{8}-\d{6}-good-[0-9a-f]{4}", good.record.id)
    moment = datetime.strptime(good.record.id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    assert abs(moment - (good.asked - timedelta(seconds=7))) < timedelta(seconds=2)


def test_a_run_gets_no_secret(good):
    environment = json.loads((good.folder / "environment.json").read_text())
    assert not set(SECRETS) & set(environment)
    for path in good.folder.rglob("*"):
        if path.is_file():
            assert b"verysecretcode" not in path.read_bytes(), path
    assert environment["WORKBENCH_RUN"] == str(good.folder)
    assert not Path(environment["WORKBENCH_CONFIG"]).exists()


def test_a_run_writes_nowhere_but_in_its_folder(good):
    assert tree(good.project.folder) == good.before
    assert tree(good.user) == {}
    assert [path.name for path in good.base.iterdir() if path.name == "config"] == []
    environment = json.loads((good.folder / "environment.json").read_text())
    assert Path(environment["TMPDIR"]).is_relative_to(good.folder)
    assert not (good.folder / "tmp").exists()


def test_the_executed_notebook_holds_the_parameters(good):
    notebook = nbformat.read(good.folder / "notebook.ipynb", as_version=4)
    assert notebook.metadata.papermill.parameters == good.record.parameters
    assert all(cell.metadata.papermill.status == "completed" for cell in notebook.cells)


class Links(html.parser.HTMLParser):
    """Collects the language, the tags, the addresses and the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.language, self.policy, self.text = "", "", ""
        self._hidden = False

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "html":
            self.language = attributes.get("lang", "")
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        self._hidden = tag in ("style", "script")

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        if not self._hidden:
            self.text += data


def test_the_page_shows_the_report_and_hides_its_making(good):
    page = Links()
    page.feed((good.folder / "report.html").read_text())
    assert page.language == "en"
    for shown in (
        "Trial", "Heading", "A chart", "printed <b>text</b>", "second", "deal 7", "12", "Q1 2026",
        good.record.id, "No portal data",
    ):  # fmt: skip
        assert shown in page.text, shown
    for hidden in ("import json", "print(", "warning that is not", "Traceback", "os.environ"):
        assert hidden not in page.text, hidden


def test_the_policy_of_the_page_allows_no_request_and_no_script(good):
    page = Links()
    page.feed((good.folder / "report.html").read_text())
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules and "connect-src" not in rules
    assert not re.search(r"https?:|\*", page.policy)
    text = (good.folder / "report.html").read_text()
    ours = text.replace("http://evil.example", "").replace("https://portal.example", "")
    assert set(re.findall(r"https?://[^\s\"'<>)]+", ours)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.browser
def test_a_browser_fetches_nothing_for_the_page(good, tmp_path: Path):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("Debian's chromium is not installed")
    with socket.create_server(("127.0.0.1", 0)) as foreign, playwright.sync_playwright() as driver:
        foreign.setblocking(False)
        address = f"http://127.0.0.1:{foreign.getsockname()[1]}"
        copy = tmp_path / "report.html"
        text = (good.folder / "report.html").read_text()
        copy.write_text(text.replace("http://evil.example", address))
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(copy.as_uri())
        page.wait_for_load_state("networkidle")
        assert page.title() == "Trial – Q1 2026"  # the cell's script did not run
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
        with pytest.raises(BlockingIOError):  # nobody called
            foreign.accept()


def test_the_page_speaks_french_for_a_french_run(there):
    notebook = nbformat.read(there.folder / "notebook.ipynb", as_version=4)
    record = there.record.model_copy(update={"language": "fr"})
    page = Links()
    page.feed(html_of(notebook, record))
    assert page.language == "fr"
    assert "D’où viennent les chiffres" in page.text and "Paramètres" in page.text
    assert "Période" in page.text


def test_the_page_names_parameters_as_its_filters_and_leaves_ids_ungrouped(there):
    notebook = nbformat.read(there.folder / "notebook.ipynb", as_version=4)
    values = {"department": "all", "deal_id": 19423, "share": 0.5, "odd": "all"}
    record = there.record.model_copy(update={"language": "fr", "parameters": values})
    page = html_of(notebook, record)
    shown = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    assert {("Service", "Tout"), ("deal_id", "19423"), ("share", "0,5"), ("odd", "all")} <= set(
        shown
    )


def test_relative_periods_are_recorded_with_their_days(there):
    from workbench.reports import load_report
    from workbench.reports.parameters import resolved_periods

    report = load_report("good")
    with use_language("en"):
        got = resolved_periods(
            report, {"period": "last_month", "n": 1}, datetime(2026, 1, 5).date(), "Europe/Paris"
        )
        december = format_month(datetime(2025, 12, 1))
    assert got == {"period": {"start": "2025-12-01", "end": "2026-01-01", "label": december}}


def workbench(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return command_line.workbench(
        *arguments, env={**os.environ, "COLUMNS": "120", **environment}, timeout=60
    )


def test_the_command_line_lists_and_shows_runs(there):
    listed = workbench("runs")
    assert listed.returncode == 0
    assert there.record.id in listed.stdout and "succeeded" in listed.stdout
    assert "réussi" in workbench("runs", WORKBENCH_LANGUAGE="fr").stdout
    shown = workbench("runs", there.record.id)
    assert "2026-Q1 (Q1 2026)" in shown.stdout and "report.html" in shown.stdout
    as_json = json.loads(workbench("runs", "--json").stdout)
    assert [run["id"] for run in as_json] == [there.record.id]
    one = json.loads(workbench("runs", there.record.id, "--json").stdout)
    assert one["result"]["value"] == 4 and one["files"]


@pytest.mark.parametrize(
    "run_id", ["20260101-000000-good-ffff", "../good", "x", "", "%00", "-" * 300]
)
def test_an_unknown_run_is_bad_usage(there, run_id: str):
    with pytest.raises(UsageError):
        read_record(run_id)


def test_bad_usage_on_the_command_line_exits_with_2_and_writes_nothing(there):
    before = sorted(p.name for p in (there.base / "outputs").iterdir())
    for arguments, named in ((["good", "-p", "n=x"], "-p n"), (["nothere"], "good")):
        answer = workbench("run", *arguments)
        assert answer.returncode == 2, answer
        assert named in answer.stderr and "Traceback" not in answer.stderr
    assert sorted(p.name for p in (there.base / "outputs").iterdir()) == before


def test_a_failed_run_exits_with_1_after_its_record(there):
    there.project.report("bad", "raise ValueError('no [bold]luck[/bold]')")
    answer = workbench("run", "bad", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["failure"]["name"] == "ValueError"
    assert "Cell 3: ValueError: no [bold]luck[/bold]" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "no [bold]luck[/bold]" in workbench("runs").stdout


def test_foreign_and_damaged_folders_do_not_disturb_the_list(project: SmallProject, tmp_path: Path):
    outputs = tmp_path / "outputs"
    for name in ("notes", "20260101-000000-good-zzzz", "20260102-000000-good-abcd"):
        (outputs / name).mkdir(parents=True)
    (outputs / "20260102-000000-good-abcd" / "run.json").write_text('{"half": ')
    record = made_run("good", datetime(2026, 1, 3, tzinfo=UTC))
    assert runs() == [record]
    assert runs("other") == []


def test_ids_made_in_the_same_second_are_unique(project: SmallProject):
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = {_folder("good", None, moment).name for _n in range(50)}
    assert len(made) == 50
    same = {_folder("good", "job-7", moment + timedelta(seconds=n)) for n in range(3)}
    assert len(same) == 1
