"""Figures of the whole path, each beside what a user would use instead, in one run.

`make bench` prints them; nothing here fails for being slow, only for being wrong.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx
import pandas as pd
import pytest
from cold_portal import cold_portal
from fast_bitrix24 import Bitrix
from figures import show

from workbench.metrics import query, resolve_period
from workbench.warehouse import newest_snapshot

pytestmark = pytest.mark.bench
ROOT = Path(__file__).parent.parent.parent
TODAY = "2026-11-02"


def workbench(environ, *arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "workbench", *arguments],
        env={**os.environ, **environ},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    options = ("--company", "demo", "--today", TODAY, "--plan", "unlimited")
    start = time.perf_counter()
    with cold_portal(folder, *options) as portal:
        seeded = time.perf_counter() - start
        environ = {
            "WORKBENCH_HOME": str(folder / "home"),
            "WORKBENCH_OUTPUTS": str(folder / "outputs"),
            "WORKBENCH_WEBHOOK": portal.url,
            "WORKBENCH_PLAN": "unlimited",
        }
        synced = workbench(environ, "sync", "bitrix24")
        yield portal, environ, seeded, synced


def requests_of(portal) -> int:
    return httpx.get(f"{portal.base}/control/stats").json()["requests"]


def test_sync_beside_fast_bitrix24(demo, monkeypatch):
    portal, environ, seeded, synced = demo
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with newest_snapshot() as snapshot:
        rows = int(snapshot.sources()["rows"].sum())
        deals = int(snapshot.query("select count(*) as n from deals").n[0])
    ours = requests_of(portal)
    start = time.perf_counter()
    client = Bitrix(portal.url, verbose=False)
    theirs = client.get_all("crm.deal.list", {"select": ["*", "UF_*"]})
    get_all = time.perf_counter() - start
    asked = requests_of(portal) - ours
    assert len({row["ID"] for row in theirs if row["IS_RECURRING"] != "Y"}) == deals
    show(
        "Sync of 20,000 deals and everything around them, loopback, no rate limit",
        [
            ("portal: seed and start", f"{seeded:.1f} s"),
            (f"workbench sync, {rows:,} rows, all entities", f"{synced:.1f} s"),
            ("  rows per second, with snapshot published", f"{rows / synced:,.0f}"),
            ("  requests", f"{ours:,}"),
            (f"fast-bitrix24 get_all, {len(theirs):,} deals only", f"{get_all:.1f} s"),
            ("  rows per second, in memory", f"{len(theirs) / get_all:,.0f}"),
            ("  requests", f"{asked:,}"),
            ("ratio of rows per second", f"{rows / synced / (len(theirs) / get_all):.1f}"),
        ],
    )


def test_metrics_beside_pandas(demo, monkeypatch):
    _portal, environ, *_rest = demo
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with newest_snapshot() as snapshot:
        period = resolve_period("2026", timezone=snapshot.timezone)
        deals = snapshot.query("select * from deals")

        def ours() -> pd.DataFrame:
            return query(["won_revenue", "closed_win_rate"], by=["manager"], period=period)

        def theirs() -> pd.DataFrame:
            closed = pd.to_datetime(deals["closed_on"])
            inside = deals[(closed >= "2026-01-01") & (closed < "2027-01-01")]
            won = inside[inside["is_won"]].groupby("manager_id")["amount_base"].sum()
            rate = inside.groupby("manager_id")["is_won"].mean()
            return pd.DataFrame({"won_revenue": won, "closed_win_rate": rate})

        timed: dict[str, list[float]] = {"ours": [], "pandas": []}
        for _round in range(9):
            for name, call in (("ours", ours), ("pandas", theirs)):
                start = time.perf_counter()
                frame = call()
                timed[name].append(time.perf_counter() - start)
                total = float(frame["won_revenue"].sum())
                timed.setdefault(f"{name} total", []).append(total)
    assert median(timed["ours total"]) == pytest.approx(median(timed["pandas total"]))
    a, b = median(timed["ours"]) * 1000, median(timed["pandas"]) * 1000
    show(
        "Revenue and win rate by manager, 20,000 deals (median of 9)",
        [
            ("workbench.metrics.query", f"{a:.1f} ms"),
            ("plain pandas on a frame already loaded", f"{b:.1f} ms"),
            ("ratio", f"{a / b:.1f}"),
        ],
    )


def test_a_report_beside_stock_papermill(demo, tmp_path):
    _portal, environ, *_rest = demo
    ours = [workbench(environ, "run", "sales") for _round in range(3)]
    stock = []
    for number in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "papermill", str(ROOT / "notebooks" / "sales.ipynb")]
            + [str(tmp_path / f"{number}.ipynb"), "--no-progress-bar"],
            env={**os.environ, **environ},
            check=True,
            capture_output=True,
        )
        stock.append(time.perf_counter() - start)
    show(
        "The sales report, from the shell (median of 3)",
        [
            ("workbench run: notebook, HTML, charts, tables", f"{median(ours):.1f} s"),
            ("papermill alone: executed notebook", f"{median(stock):.1f} s"),
            ("ratio", f"{median(ours) / median(stock):.2f}"),
        ],
    )


def test_import_times():
    def seconds(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    empty = median(seconds("pass") for _round in range(5))
    rows = [
        (what, f"{(median(seconds(what) for _round in range(5)) - empty) * 1000:.0f} ms")
        for what in ("import workbench", "import pandas", "import altair", "import papermill")
    ]
    show("Imports, beyond a bare interpreter (median of 5)", rows)
