"""``workbench demo``, whole: what it makes, says and serves, and that it leaves nothing running."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import command_line
import httpx
import psutil
import pytest

pytestmark = pytest.mark.timeout(300)


@dataclass
class Demo:
    process: subprocess.Popen
    output: str
    address: str
    home: Path
    started: list[psutil.Process]

    def workbench(self, *arguments: str) -> str:
        return command_line.workbench(
            *arguments, env={**environ(self.home), "WORKBENCH_HOME": str(self.home)}, check=True
        ).stdout


def environ(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
    return kept | {
        "WORKBENCH_HOME": str(home),
        "WORKBENCH_OUTPUTS": str(home.parent / "outputs"),
        "WORKBENCH_CONFIG": str(home.parent / "config"),
        "COLUMNS": "200",
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    """The demonstration, ready, in the language that it has by default."""
    home = tmp_path_factory.mktemp("demo") / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "demo", "--port", "0"],
        env=environ(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        output = "".join(lines)
        found = re.search(r"http://127\.0\.0\.1:\d+", output)
        assert found, output
        tree = psutil.Process(process.pid).children(recursive=True)
        yield Demo(process, output, found[0], home, tree)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)


def test_every_report_is_made_and_named_with_its_rows_seconds_and_file(demo: Demo):
    files = sorted((demo.home.parent / "outputs").glob("*/report.html"))
    assert len(files) == 11 + 3, "ten, one of them again by its schedule; one per process"
    row = r"^ {}.*réussi +[\d\u202f]+ +\d+,\d .*html"
    for title in (
        "Ventes",
        "Marketing",
        "Prévision et scénario",
        "Segments",
        "Une affaire parmi ses",
        "Entonnoir et conversion",
        "Créances clients",
        "Santé des données",
    ):
        assert re.search(row.format(title), demo.output, re.M), title
    assert "Traceback" not in demo.output


def test_a_scheduled_run_survives_the_kill_of_its_worker(demo: Demo):
    (line,) = [line for line in demo.output.splitlines() if line.startswith("Planifié")]
    assert "issue : réussi, tentative 2" in line.replace("\u202f", " ")


def test_a_process_of_the_portal_gets_its_answer_and_moves_the_deals(demo: Demo):
    moved = re.findall(
        r"^ #\d+ .* ok .*en croissance +Nouveau besoin → Devis envoyé", demo.output, re.M
    )
    assert len(moved) == 3
    assert "20 relances" in demo.output and "aucune envoyée" in demo.output


def test_its_data_answer_the_command_line_and_its_pages_the_browser(demo: Demo):
    assert '"deals"' in demo.workbench("metric", "deals", "--json")
    index = httpx.get(demo.address + "/")
    pages = set(re.findall(r'href="(/dashboards/\w+)', index.text))
    assert {"/dashboards/sales", "/dashboards/marketing", "/dashboards/forecast"} <= pages
    assert httpx.get(demo.address + "/dashboards/sales", timeout=60).status_code == 200


def test_its_portal_is_the_one_of_every_command_until_another_is_connected(demo: Demo):
    assert '"problems": {}' in demo.workbench("sync", "--json")
    (proposal,) = json.loads(demo.workbench("decisions", "list", "--json"))[:1]
    (applied,) = json.loads(demo.workbench("decisions", "approve", proposal["id"], "--json"))
    assert applied["status"] == "applied"


def test_a_second_demonstration_leaves_the_running_one_alone(demo: Demo):
    second = command_line.workbench("demo", "--once", env=environ(demo.home))
    assert second.returncode == 2
    assert "tourne déjà" in second.stderr
    assert '"deals"' in demo.workbench("metric", "deals", "--json")


def test_ctrl_c_ends_every_process_that_it_started(demo: Demo):
    names = [" ".join(process.cmdline()) for process in demo.started if process.is_running()]
    for part in ("sandbox start", "serve --port", "app serve", " worker"):
        assert any(part in name for name in names), part
    demo.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert demo.process.wait(20) == 0
    assert time.monotonic() - began < 15
    assert [process for process in demo.started if process.is_running()] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(demo.address + "/")
    assert not (demo.home / "portal.url").exists()
