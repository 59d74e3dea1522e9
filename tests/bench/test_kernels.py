"""A kernel forked from the zygote beside a stock one, in one run.

`make bench ARGS=tests/bench/test_kernels.py`
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import nbformat
import papermill
import psutil
import pytest
from figures import show
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_notebook

from workbench.kernels import keeper
from workbench.kernels.runner import start_python
from workbench.kernels.specs import JUPYTER

pytestmark = pytest.mark.bench
IMPORTS = "import workbench.views.page, workbench.views.panels"
PAPERMILL = "workbench.reports.notebook, workbench.reports.html"
KINDS = ("forked", "stock")


@pytest.fixture(scope="module", autouse=True)
def zygote() -> Iterator[None]:
    yield
    keeper.end_zygote()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let kernels that are started from now on be forked or stock."""

    def change(kind: str) -> None:
        monkeypatch.setenv("WORKBENCH_KERNELS", kind)
        monkeypatch.delenv("JUPYTER_PATH", raising=False)
        if kind == "forked":
            monkeypatch.setenv("JUPYTER_PATH", str(JUPYTER))
            keeper.address()

    return change


def idle_kernel() -> tuple[float, float]:
    """Seconds until the package is imported in a new kernel; its private memory (MB) then."""
    begun = time.perf_counter()
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        assert client.execute_interactive(IMPORTS, timeout=120)["content"]["status"] == "ok"
        seconds = time.perf_counter() - begun
        time.sleep(1)
        return seconds, psutil.Process(manager.provisioner.pid).memory_full_info().uss / 1e6
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_kernel_with_the_package_imported(use):
    begun = time.perf_counter()
    use("forked")
    preloaded = time.perf_counter() - begun
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for _round in range(5):
        for kind in KINDS:
            use(kind)
            found[kind].append(idle_kernel())
    seconds = {kind: median(s for s, _ in found[kind]) for kind in KINDS}
    memory = {kind: median(m for _, m in found[kind]) for kind in KINDS}
    show(
        "Kernel ready with the package imported, median of 5, one after the other",
        [
            ("forked: ready", f"{seconds['forked']:.2f} s"),
            ("stock: ready", f"{seconds['stock']:.2f} s"),
            ("  times as fast", f"{seconds['stock'] / seconds['forked']:.1f}"),
            ("forked: private memory, idle", f"{memory['forked']:.0f} MB"),
            ("stock: private memory, idle", f"{memory['stock']:.0f} MB"),
            ("  share", f"{memory['forked'] / memory['stock']:.0%}"),
            ("once for all: the zygote's imports", f"{preloaded:.2f} s"),
        ],
    )
    assert memory["forked"] < memory["stock"]


def test_the_process_that_runs_papermill(use):
    code = f"import {PAPERMILL}, time; print(time.monotonic(), time.process_time())"

    def start() -> tuple[float, float]:
        """Seconds until the process has its imports, and those of CPU that it took itself."""
        begun = time.monotonic()
        given = {"env": dict(os.environ), "stdout": subprocess.PIPE}
        with start_python(["-P", "-c", code], **given) as process:
            ready, cpu = map(float, process.stdout.read().split())
        return ready - begun, cpu

    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for _round in range(3):
        for kind in KINDS:
            use(kind)
            found[kind].append(start())
    seconds = {kind: median(s for s, _ in found[kind]) for kind in KINDS}
    cpu = {kind: median(c for _, c in found[kind]) for kind in KINDS}
    show(
        "The process that runs papermill, ready to do so, median of 3",
        [
            ("forked", f"{seconds['forked']:.2f} s"),
            ("stock", f"{seconds['stock']:.2f} s"),
            ("  times as fast", f"{seconds['stock'] / seconds['forked']:.1f}"),
            ("forked: CPU of its own", f"{cpu['forked']:.2f} s"),
            ("stock: CPU of its own", f"{cpu['stock']:.2f} s"),
        ],
    )
    assert seconds["forked"] < seconds["stock"]


def test_eight_notebooks_two_at_a_time(use, tmp_path):
    notebook = new_notebook(
        cells=[
            new_code_cell(IMPORTS),
            new_code_cell("import pandas as pd, altair as alt, duckdb"),
            new_code_cell("n = duckdb.sql('select sum(i) from range(1000) t(i)').fetchone()[0]"),
            new_code_cell(
                "alt.Chart(pd.DataFrame({'x': [n]})).mark_bar().encode(x='x:Q').to_dict()"
            ),
        ]
    )
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    source = tmp_path / "source.ipynb"
    nbformat.write(notebook, source)

    def execute(number: int) -> None:
        papermill.execute_notebook(
            source, tmp_path / f"{os.getpid()}-{number}.ipynb", progress_bar=False
        )

    seconds = {}
    for kind in KINDS:
        use(kind)
        begun = time.perf_counter()
        with ThreadPoolExecutor(2) as two:
            list(two.map(execute, range(8)))
        seconds[kind] = time.perf_counter() - begun
    show(
        "Eight notebooks by papermill, two at a time",
        [
            ("forked", f"{seconds['forked']:.2f} s"),
            ("stock", f"{seconds['stock']:.2f} s"),
            ("  times as fast", f"{seconds['stock'] / seconds['forked']:.1f}"),
        ],
    )
