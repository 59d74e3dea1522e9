"""Real servers on small projects of their own: notebooks and report files written by code."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import psutil
import yaml

from workbench.kernels import keeper

SECRET = "v3rys3cretc0de"
SERVE = [sys.executable, "-m", "workbench", "serve", "--no-browser"]
READY = 60  # seconds

CHART = """
import altair as alt
import ipywidgets
import pandas as pd
from workbench.i18n import _, format_number, language
from workbench.views.live import LiveChart, Runtime

sales = pd.DataFrame({
    "month": ["2026-01", "2026-02", "2026-03"] * 2,
    "team": ["North"] * 3 + ["South"] * 3,
    "amount": [1000.5, 2000, 3000, 40000, 30000, 20000],
})

def chart(team):
    rows = sales[sales.team == team]
    bars = alt.Chart(rows, description=team).mark_bar().encode(x="month:O", y="amount:Q")
    return bars.properties(width=600)

def total(team):
    return format_number(sales[sales.team == team].amount.sum(), 1)
"""
WIDGETS = """
runtime = Runtime()
label = "Team" if language() == "en" else "Équipe"
team = ipywidgets.Dropdown(options=["North", "South"], description=label)
shown = LiveChart(chart("North"))
figure = ipywidgets.HTML(f"<output>{total('North')}</output>")

def follow(_change):
    shown.chart = chart(team.value)
    figure.value = f"<output>{total(team.value)}</output>"

team.observe(follow, "value")
ipywidgets.VBox([runtime, team, figure, shown])
"""
HEADING = """
from IPython.display import HTML
HTML("<h1>Sales</h1>" if language() == "en" else "<h1>Ventes</h1>")
"""
FAILS = """
def deep():
    raise RuntimeError("s3cret detail of /srv/private/file.csv")
deep()
"""
FAILS_INSIDE = """
import warnings, ipywidgets
warnings.warn("warned about /srv/private/file.csv")
output = ipywidgets.Output()
with output:
    raise ValueError("s3cret inside of /srv/private/file.csv")
"""
FAILS_LATER = """
button = ipywidgets.Button(description="Compute")
def compute(_button):
    raise KeyError("s3cret later in /srv/private/file.csv")
button.on_click(compute)
ipywidgets.VBox([output, button])
"""
NOTEBOOKS = {
    "sales": ["# Hidden from nobody", CHART, HEADING, WIDGETS],
    "broken": [FAILS, "print('never shown')"],
    "partly": [FAILS_INSIDE, FAILS_LATER],
    "environ": ["import os, sys; print(sorted(os.environ.items()), sys.flags.utf8_mode)"],
    "slow": ["print('started')", "import time; time.sleep(300)"],
    "dies": ["import os; os._exit(1)"],
    "unlisted": ["print('nobody may see this')"],
}


def write_project(folder: Path, home: Path, names: list[str] | None = None) -> Path:
    """Write a project whose reports are dashboards, except ``unlisted``; return its folder."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "parameters" / "reports").mkdir(parents=True)
    for name in names or list(NOTEBOOKS):
        cells = [
            nbformat.v4.new_markdown_cell(source)
            if source.startswith("# ")
            else nbformat.v4.new_code_cell(source)
            for source in NOTEBOOKS[name]
        ]
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / f"{name}.ipynb"
        )
        report = {
            "notebook": f"{name}.ipynb",
            "title": {"fr": f"Titre {name}", "en": f"Title {name}"},
            "description": {"fr": f"À propos de {name}", "en": f"About {name}"},
            "dashboard": name != "unlisted",
        }
        (folder / "parameters" / "reports" / f"{name}.yml").write_text(yaml.safe_dump(report))
    home.mkdir(exist_ok=True)
    return folder


@dataclass
class Server:
    """A running ``workbench serve``."""

    address: str
    process: subprocess.Popen
    home: Path
    said: str = ""

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.address + path, timeout=60, **options)

    def health(self) -> dict:
        return self.get("healthz").json()

    def log(self) -> str:
        return (self.home / "logs" / "dashboards.log").read_text()

    def kernels(self) -> list[psutil.Process]:
        """Its kernels, whosever children they are."""
        return kernels_of(self.process.pid)

    def until(self, true, seconds: float = 20) -> bool:
        """Wait for something to become true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if true():
                return True
            time.sleep(0.1)
        return False


def kernels_of(server: int) -> list[psutil.Process]:
    """The kernels that name this process as their starter."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # gone since it was listed
            if process.environ().get("JPY_PARENT_PID") == str(server):
                found.append(process)
    return found


@contextmanager
def serving(
    project: Path, home: Path, *options: str, own_zygote: bool = False, **environ: str
) -> Iterator[Server]:
    """Run a server on a port of its own until the block ends; nothing of it may be left.

    Its kernels are forked from the zygote of these tests, or from one that it starts for itself.
    """
    given = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    given |= {"WORKBENCH_PROJECT": str(project), "WORKBENCH_HOME": str(home)} | environ
    if not own_zygote:
        keeper.keep_zygote()
        given |= keeper.handed_on()
    process = subprocess.Popen(
        [*SERVE, "--port", "0", *options],
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        lines = ""
        while not (found := re.search(r"http://\S+/", lines)):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(lines)
            lines += line
        yield Server(found.group(), process, home, lines)
    finally:
        end(process)


def end(process: subprocess.Popen, how: int = signal.SIGTERM) -> float:
    """End a server; return how long it took. Fails if it leaves a process behind."""
    started = time.monotonic()
    family = []
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True) + kernels_of(process.pid)
        process.send_signal(how)
    process.wait(20)
    process.stdout.close()
    _gone, left = psutil.wait_procs(family, timeout=10)
    for each in left:
        each.kill()
    assert not left
    return time.monotonic() - started
