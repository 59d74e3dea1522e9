"""The query service beside DuckDB in process, and what it takes with twenty pages open.

`make bench ARGS=tests/bench/test_door.py`; sizes: see conftest.py.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from figures import show
from jupyter_client.manager import KernelManager

sys.path.insert(0, str(Path(__file__).parent.parent))
from query_service import RunningService, served

from workbench import metrics
from workbench.kernels import keeper
from workbench.kernels.specs import JUPYTER
from workbench.metrics.service.keeper import door_environment
from workbench.metrics.service.vault import Reading, Vault, reading
from workbench.metrics.service.viewers import EVERYTHING
from workbench.warehouse import newest_snapshot

pytestmark = pytest.mark.bench
ROUNDS, KERNELS = 60, 20
PAGE = """
from workbench.metrics.service.door import newest_data
from workbench.views import panels
from workbench.views.selection import choose
chosen = choose(newest_data(), {"period": "last_12_months"})
for panel in ("figures", "revenue_by_month", "win_rate_by_month", "managers"):
    getattr(panels.sales, panel)(chosen)
"""


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[RunningService]:
    with served(home) as running:
        yield running


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


def milliseconds(found: list[float]) -> str:
    return f"{1000 * statistics.median(found):.1f} ms"


def test_overhead_of_the_door(service: RunningService, home: Path):
    """Both read 1,000 deals, other ones each time, in turn; nothing comes from a cache."""
    direct, door = newest_snapshot(), service.door()
    (process,) = service.processes()
    walls: dict[str, list[float]] = {"direct": [], "door": [], "kept": []}
    used: dict[str, list[float]] = {"direct": [], "door": []}
    for n in range(ROUNDS + 5):
        where = f"deal_id >= {10 * n + 1} and deal_id < {10 * n + 1001}"
        for name, reader in (("direct", direct), ("door", door)):
            began, mine = time.perf_counter(), time.process_time()
            theirs = sum(process.cpu_times()[:2])
            found = metrics.rows("deals", where, snapshot=reader)
            walls[name].append(time.perf_counter() - began)
            own = sum(process.cpu_times()[:2]) - theirs
            used[name].append(time.process_time() - mine + own)
            assert len(found) == 1000
        began = time.perf_counter()
        metrics.rows("deals", where, snapshot=door)
        walls["kept"].append(time.perf_counter() - began)
    for each in (*walls.values(), *used.values()):
        del each[:5]  # warming up
    overhead = [b - a for a, b in zip(walls["direct"], walls["door"], strict=True)]
    spent = [sum(used[name]) / ROUNDS for name in ("direct", "door")]
    show(
        f"1,000 deals of {direct.read('columns').shape[0]} columns in all, median of {ROUNDS}",
        [
            ("DuckDB in process", milliseconds(walls["direct"])),
            ("through the door, computed", milliseconds(walls["door"])),
            ("through the door, kept from another visitor", milliseconds(walls["kept"])),
            ("overhead, pair by pair", milliseconds(overhead)),
            (
                "overhead, the best quarter of the pairs",
                milliseconds(sorted(overhead)[: ROUNDS // 2]),
            ),
            ("CPU of both sides: in process", f"{1000 * spent[0]:.1f} ms"),
            ("CPU of both sides: through the door", f"{1000 * spent[1]:.1f} ms"),
        ],
    )


def test_overhead_on_a_metric_of_a_thousand_rows(service: RunningService):
    direct, door = newest_snapshot(), service.door()
    walls: dict[str, list[float]] = {"direct": [], "door": [], "kept": []}
    for n in range(12):
        for name, reader in (("direct", direct), ("door", door), ("kept", door)):
            began = time.perf_counter()
            found = metrics.query(
                "deals",
                by=["manager", "source"],
                grain="quarter",
                where=f"deal_id > {n}",
                snapshot=reader,
            )
            walls[name].append(time.perf_counter() - began)
    overhead = [b - a for a, b in zip(walls["direct"], walls["door"], strict=True)]
    show(
        f"deals by manager, source and quarter: {len(found):,} rows, median of 12",
        [
            ("DuckDB in process", milliseconds(walls["direct"])),
            ("through the door, computed", milliseconds(walls["door"])),
            ("through the door, kept", milliseconds(walls["kept"])),
            ("overhead, pair by pair", milliseconds(overhead)),
        ],
    )


def test_a_kill_is_made_good(service: RunningService):
    door, times = service.door(), []
    for _round in range(7):
        (victim,) = service.processes()
        began = time.perf_counter()
        victim.kill()
        door.read("stages")
        times.append(time.perf_counter() - began)
    show("Answered again after kill -9", [("median of 7", milliseconds(times))])


def shares(process: psutil.Process) -> tuple[int, int]:
    """Proportional and private memory (bytes)."""
    found = process.memory_full_info()
    return found.pss, found.uss


def test_memory_of_twenty_pages(service: RunningService, home: Path, monkeypatch):
    """Kernels forked from one zygote; each has drawn four panels of the sales page and is idle."""
    monkeypatch.setenv("JUPYTER_PATH", str(JUPYTER))
    keeper.address()
    page = {"WORKBENCH_QUERIES": str(service.folder), "OPENBLAS_NUM_THREADS": "1"}
    managers, clients = [], []
    began = time.perf_counter()
    try:
        for _n in range(KERNELS):
            manager = KernelManager(kernel_name="python3")
            environment = os.environ | door_environment("bench") | page
            manager.start_kernel(env=environment)
            managers.append(manager)
            client = manager.client()
            client.start_channels()
            clients.append(client)
            client.wait_for_ready(timeout=300)
            told = client.execute_interactive(PAGE, timeout=300)["content"]
            assert told["status"] == "ok", told
        seconds = time.perf_counter() - began
        pids = [manager.provisioner.pid for manager in managers]
        kernels = [shares(psutil.Process(pid)) for pid in pids]
        zygote = shares(psutil.Process(psutil.Process(pids[0]).ppid()))
        serving = [
            shares(each) for each in (psutil.Process(service.supervisor.pid), *service.processes())
        ]
        pss, uss = (sum(each[n] for each in [*kernels, zygote, *serving]) for n in (0, 1))
        show(
            f"{KERNELS} pages open and idle, all drawn within {seconds:.0f} s",
            [
                (
                    "kernel, private, median",
                    f"{statistics.median(k[1] for k in kernels) / 1e6:.0f} MB",
                ),
                ("kernels, proportional", f"{sum(k[0] for k in kernels) / 1e6:.0f} MB"),
                ("zygote, proportional", f"{zygote[0] / 1e6:.0f} MB"),
                ("query service, proportional", f"{sum(s[0] for s in serving) / 1e6:.0f} MB"),
                ("all together, proportional", f"{pss / 1e6:.0f} MB"),
                ("all together, private only", f"{uss / 1e6:.0f} MB"),
            ],
        )
    finally:
        for client, manager in zip(clients, managers, strict=False):
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        keeper.end_zygote()


def test_a_query_that_needs_more_than_it_may_take(home: Path, tmp_path: Path):
    """On the full size: what would need gigabytes ends in an error, and memory stays."""
    newest = max((home / "warehouse" / "snapshots").glob("*.duckdb"))
    copy = tmp_path / newest.name
    copy.symlink_to(newest)
    vault = Vault(copy, memory="200MB", threads=2)
    reading.set(Reading(60))
    before = psutil.Process().memory_info().rss
    try:
        vault.scoped(EVERYTHING).query("SELECT list(s ORDER BY hash(s)) FROM deal_stage_stays AS s")
        outcome = "answered"
    except Exception as error:
        outcome = type(error).__name__
    grown = psutil.Process().memory_info().rss - before
    show("All stays sorted into one list, 200 MB", [(outcome, f"{grown / 1e6:.0f} MB more")])
