"""All deals of a portal, by three ways in one run on the same sandbox, and a sync of 1 % changed.

``BENCH_DEALS`` is the number of deals (100,000); an eighth of them is deleted, as real portals have
gaps in their ids. Each way is a process of its own. The sync reads product rows and links of the
deals and publishes a snapshot besides; the others only hold the deals in memory. On loopback they
share two cores with the portal, so look at the load that is printed.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import httpx
import pytest
from figures import show
from sandbox_portal import running_portal
from ways_to_sync import fingerprint

from workbench.bitrix24.budget import USABLE
from workbench.bitrix24.client import Portal
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.rest.accounts import PAGE_SECONDS
from workbench.bitrix24.sandbox.seed import seed_company

pytestmark = pytest.mark.bench
DEALS = int(os.environ.get("BENCH_DEALS", "100000"))
LONGEST = float(os.environ.get("BENCH_SECONDS", "900"))  # then a way is stopped
BASELINES = ("fast-bitrix24", "b24pysdk")
OTHERS = (
    "leads", "contacts", "companies", "invoices", "deal_contacts", "product_rows", "calls", "tasks",
    "types", "items_174",
)  # fmt: skip
SCOPES = ("crm", "user", "department")
SAME = ("rows", "ids", "cents", "texts")
RATE, BURST, PAGES, ROWS = 2, 50, 50, 50  # of the plan standard; of a batch; of a page
OPERATING = 480.0


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The file of a portal whose deals have nothing hanging on them, and its webhook's path."""
    file = tmp_path_factory.mktemp("bench") / "portal.sqlite"
    made = State(file)
    seed_company(made, "demo", seed=7, deals=DEALS)
    hook = made.add_webhook(1, scopes=SCOPES)
    made.close()
    with closing(sqlite3.connect(file)) as connection:
        for table in (*OTHERS, "stage_history", "activities"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM deals WHERE (ID * 2654435761 % 4294967296) % 8 = 0")
        connection.commit()
    return file, f"/rest/{hook.user_id}/{hook.code}/"


def truth(file: Path) -> dict[str, int]:
    with closing(sqlite3.connect(file)) as connection:
        return fingerprint(connection.execute("SELECT ID, TITLE, STAGE_ID, OPPORTUNITY FROM deals"))


def stored(home: Path) -> dict[str, int]:
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT ID, TITLE, STAGE_ID, OPPORTUNITY FROM raw.deals")
        return fingerprint(iter(rows.fetchone, None))


@contextmanager
def portal(folder: Path, state, plan: str, operating: str = "off"):
    """The portal under a plan: its address, its webhook's."""
    file, path = state
    (folder / "portal.url").unlink(missing_ok=True)
    options = ("--state", str(file), "--plan", plan, "--operating", operating, "--control")
    with running_portal(folder, *options) as running:
        yield running.base, running.base + path


def counted(base: str) -> dict[str, float]:
    stats = httpx.get(f"{base}/control/stats", timeout=60).json()
    lines = [line for line in stats["methods"] if line["method"] == "crm.deal.list"]
    return {
        "requests": stats["requests"],
        "refused": stats["refused"],
        "operating": sum(line["operating"] for line in lines),
        "sent": sum(line["rows"] for line in lines),
        "timed out": stats["timed_out"],
    }


def read_by(way: str, base: str, url: str, plan: str, home: Path) -> dict[str, float]:
    """Run one way; what it told, what the portal counted meanwhile, and how it ended."""
    (home / "runtime").mkdir(parents=True, exist_ok=True)
    environ = {
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "WORKBENCH_WEBHOOK": url,
        "WORKBENCH_PLAN": plan,
        "XDG_RUNTIME_DIR": str(home / "runtime"),
    }
    before, load = counted(base), os.getloadavg()[0]
    started = time.perf_counter()
    script = Path(__file__).with_name("ways_to_sync.py")
    told: dict[str, float] = {}
    try:
        ran = subprocess.run(
            [sys.executable, str(script), way, url, plan],
            env=environ,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        if ran.returncode == 0:
            told = json.loads(ran.stdout.splitlines()[-1])
        else:
            print(f"\n{way} ended with: {ran.stderr.strip().splitlines()[-1][:160]}")
    except subprocess.TimeoutExpired:
        print(f"\n{way} was stopped after {LONGEST:.0f} s")
    wall = time.perf_counter() - started
    after = counted(base)
    told["wall"], told["load"] = wall, load
    return told | {name: after[name] - before[name] for name in before}


def lines_of(way: str, told: dict[str, float], expected: dict[str, int]) -> list[tuple[str, str]]:
    """What is printed of one way."""
    asked = f"{told['requests']:,.0f} requests, {told['operating']:,.0f} s of operating time"
    if "seconds" not in told:
        return [
            (f"{way}: stopped after", f"{told['sent']:,.0f} rows"),
            ("  in", f"{told['wall']:.1f} s"),
            ("  asked", asked),
            ("  refused, ended by the gateway", f"{told['refused']:.0f}, {told['timed out']:.0f}"),
        ]
    right = all(told[name] == expected[name] for name in SAME)
    return [
        (f"{way}, load {told['load']:.1f}", f"{told['wall']:.1f} s"),
        ("  asked", asked),
        ("  refused", f"{told['refused']:.0f}"),
        ("  peak memory", f"{told['peak'] / 2**20:,.0f} MB"),
        (f"  {told['rows']:,.0f} rows, all correct", "yes" if right else "NO"),
    ]


def test_the_ways_without_a_limit_and_one_percent_changed(state, tmp_path):
    expected = truth(state[0])
    with closing(sqlite3.connect(state[0])) as connection:
        ids = [number for (number,) in connection.execute("SELECT ID FROM deals ORDER BY ID")]
    home, shown, results = tmp_path / "home", [], {}
    with portal(tmp_path, state, "unlimited") as (base, url):
        for way in (*BASELINES, "workbench"):
            told = read_by(way, base, url, "unlimited", home)
            if way == "workbench":
                told |= stored(home)
            results[way] = told
            shown += lines_of(way, told, expected)
        ours = results["workbench"]
        beyond = ours["requests"] - expected["rows"] / PAGES / ROWS
        shown += [
            ("  deals alone, from the first chunk on", f"{ours['deal_seconds']:.1f} s"),
            ("  publishing the snapshot", f"{ours['publish_seconds']:.1f} s"),
            (
                "  requests beyond those of the deals, a 1,000 deals",
                f"{beyond / expected['rows'] * 1000:.2f}",
            ),
        ]
        for way in BASELINES:
            if "seconds" in results[way]:
                theirs = results[way]
                shown.append(
                    (f"deals alone, rows/s, times {way}", f"{rate(ours) / rate(theirs):.1f}")
                )
                shown.append(
                    (f"peak memory, part of {way}", f"{ours['peak'] / theirs['peak']:.2f}")
                )
        changed = change_some(ids, url, expected["rows"] // 100)
        now = truth(state[0])  # beside the running portal
        again = read_by("workbench", base, url, "unlimited", home)
    assert {name: ours[name] for name in SAME} == expected
    assert now != expected
    assert stored(home) == now
    part = again["requests"] / ours["requests"]
    shown += [
        (f"sync after {changed:,} deals changed", f"{again['wall']:.1f} s"),
        ("  requests", f"{again['requests']:.0f}, {part:.1%} of the full load's"),
    ]
    show(f"{expected['rows']:,} deals, no limit", shown)


def rate(told: dict[str, float]) -> float:
    """Rows a second, without the start of the interpreter."""
    if "deal_seconds" in told:
        return told["deals_then"] / told["deal_seconds"]
    return told["rows"] / told["seconds"]


def change_some(ids: list[int], url: str, n: int) -> int:
    calls = [
        ("crm.deal.update", {"id": number, "fields": {"TITLE": f"Changed {number}"}})
        for number in ids[:: len(ids) // n]
    ]
    with Portal(url, "unlimited") as bitrix:
        assert not [answer.error for answer in bitrix.batch(calls) if answer.error]
    return len(calls)


def test_the_plan_standard_after_its_burst(state, tmp_path, monkeypatch):
    expected = truth(state[0])
    home, shown = tmp_path / "home", []
    with portal(tmp_path, state, "standard") as (base, url):
        for way in BASELINES:
            told = read_by(way, base, url, "standard", home)
            shown += lines_of(way, told, expected)
            httpx.post(f"{base}/control/clock", json={"advance": 3600}, timeout=60)
        (home / "runtime").mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
        with Portal(url, "standard") as bitrix:
            for _ in range(BURST - 5):  # the burst is used up, and the budget knows it
                bitrix.call("server.time")
        told = read_by("workbench", base, url, "standard", home) | stored(home)
    shown += lines_of("workbench, the burst used up", told, expected)
    ceiling = RATE * PAGES * ROWS
    shown += [
        ("  deals, rows/s", f"{rate(told):,.0f}"),
        (f"  of the ceiling of {ceiling:,} rows/s", f"{rate(told) / ceiling:.0%}"),
    ]
    show(f"{expected['rows']:,} deals, plan standard, --operating off", shown)
    assert told["refused"] == 0
    assert {name: told[name] for name in SAME} == expected


def test_the_plan_standard_with_operating_time(state, tmp_path):
    expected = truth(state[0])
    shown = []
    with portal(tmp_path, state, "standard", "480") as (base, url):
        for way in BASELINES:
            told = read_by(way, base, url, "standard", tmp_path / way)
            shown += lines_of(way, told, expected)
            httpx.post(f"{base}/control/clock", json={"advance": 3600}, timeout=60)
        home = tmp_path / "home"
        told = read_by("workbench", base, url, "standard", home) | stored(home)
    shown += lines_of("workbench", told, expected)
    ceiling = OPERATING / PAGE_SECONDS * ROWS / 600
    windows = int(expected["rows"] / ROWS * PAGE_SECONDS // OPERATING)
    used = expected["rows"] / (told["operating"] / PAGE_SECONDS * ROWS)
    shown += [
        ("  ceiling of the formula", f"{ceiling:.0f} rows/s"),
        ("  rows a page, of 50", f"{used:.1%}"),
        ("  of the ceiling (by rows a page × time used)", f"{used * USABLE:.0%}"),
        ("  ten-minute windows that had to pass", str(windows)),
        ("  rows/s by the clock", f"{expected['rows'] / told['wall']:,.0f}"),
    ]
    show(f"{expected['rows']:,} deals, plan standard, --operating 480", shown)
    assert told["refused"] == 0
    assert {name: told[name] for name in SAME} == expected
