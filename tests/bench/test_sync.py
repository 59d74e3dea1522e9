"""All deals of a portal, by three ways in one run on the same sandbox, and a sync of 1 % changed.

``BENCH_DEALS`` is the number of deals (100,000; figures of record: 500000); an eighth of them is
deleted, as real portals have gaps in their ids. Each way is a process of its own. The others only
decode the answers and hold them in memory; the sync types, stores and merges the deals, reads their
product rows and links and publishes a snapshot, hence its phases, each with its processor time. On
loopback all share two cores with the portal: look at the load that is printed, and at the portal's
processor time, for no way can be faster than its one core.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import httpx
import psutil
import pytest
from cold_portal import cold_portal
from figures import show
from ways_to_sync import fingerprint

from workbench.bitrix24.budget import USABLE
from workbench.bitrix24.client import Portal
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.rest.accounts import PAGE_SECONDS
from workbench.bitrix24.sandbox.seed import seed_company

pytestmark = pytest.mark.bench
DEALS = int(os.environ.get("BENCH_DEALS", "100000"))
LONGEST = float(os.environ.get("BENCH_SECONDS", "1800"))  # then a way is stopped
BASELINES = ("fast-bitrix24", "b24pysdk")
OTHERS = (
    "leads", "contacts", "companies", "invoices", "deal_contacts", "product_rows", "calls", "tasks",
    "types", "items_174",
)  # fmt: skip
SCOPES = ("crm", "user", "department")
SAME = ("rows", "ids", "cents", "texts")
RATE, BURST, PAGES, ROWS = 2, 50, 50, 50  # of the plan standard; of a batch; of a page
MILLION = 8 * 142_858  # an eighth of them is deleted
MEMORY = 500 * 10**6  # bytes that a full load of a million deals may take
OPERATING, WINDOW = 480.0, 600.0  # seconds of a method, in seconds
CHILDREN = {"product rows": "crm.item.productrow.list", "contact links": "crm.item.list"}


class Running(NamedTuple):
    """A portal: its address, its webhook's, its process."""

    base: str
    url: str
    process: psutil.Process


def made_portal(folder: Path, deals: int) -> tuple[Path, str]:
    """The file of a portal whose deals have nothing hanging on them, and its webhook's path."""
    file = folder / "portal.sqlite"
    made = State(file)
    seed_company(made, "demo", seed=7, deals=deals)
    hook = made.add_webhook(1, scopes=SCOPES)
    made.close()
    with closing(sqlite3.connect(file)) as connection:
        for table in (*OTHERS, "stage_history", "activities"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM deals WHERE (ID * 2654435761 % 4294967296) % 8 = 0")
        connection.commit()
    return file, f"/rest/{hook.user_id}/{hook.code}/"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A portal of as many deals as ``BENCH_DEALS`` says."""
    return made_portal(tmp_path_factory.mktemp("bench"), DEALS)


def truth(file: Path) -> dict[str, int]:
    with closing(sqlite3.connect(file)) as connection:
        return fingerprint(connection.execute("SELECT ID, TITLE, STAGE_ID, OPPORTUNITY FROM deals"))


def stored(home: Path) -> dict[str, int]:
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT ID, TITLE, STAGE_ID, OPPORTUNITY FROM raw.deals")
        return fingerprint(iter(rows.fetchone, None))


@contextmanager
def portal(folder: Path, state, plan: str, operating: str = "off"):
    """The portal under a plan."""
    file, path = state
    (folder / "portal.url").unlink(missing_ok=True)
    options = ("--state", str(file), "--plan", plan, "--operating", operating, "--control")
    with cold_portal(folder, *options) as running:
        yield Running(running.base, running.base + path, running.process)


def counted(running: Running) -> dict[str, float]:
    stats = httpx.get(f"{running.base}/control/stats", timeout=60).json()
    commands = {
        name: sum(line["inner"] for line in stats["methods"] if line["method"] == method)
        for name, method in CHILDREN.items()
    }
    lines = [line for line in stats["methods"] if line["method"] == "crm.deal.list"]
    return {
        "requests": stats["requests"],
        "refused": stats["refused"],
        "operating": sum(line["operating"] for line in lines),
        "sent": sum(line["rows"] for line in lines),
        "timed out": stats["timed_out"],
        "portal_cpu": sum(running.process.cpu_times()[:2]),
        **commands,
    }


def read_by(
    way: str, running: Running, plan: str, home: Path, longest: float = LONGEST
) -> dict[str, float]:
    """Run one way; what it told, what the portal counted meanwhile, and how it ended."""
    (home / "runtime").mkdir(parents=True, exist_ok=True)
    environ = {
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "WORKBENCH_WEBHOOK": running.url,
        "WORKBENCH_PLAN": plan,
        "XDG_RUNTIME_DIR": str(home / "runtime"),
    }
    before, load = counted(running), os.getloadavg()[0]
    started = time.perf_counter()
    script = Path(__file__).with_name("ways_to_sync.py")
    told: dict[str, float] = {}
    try:
        ran = subprocess.run(
            [sys.executable, str(script), way, running.url, plan],
            env=environ,
            capture_output=True,
            text=True,
            timeout=longest,
        )
        if ran.returncode == 0:
            told = json.loads(ran.stdout.splitlines()[-1])
        else:
            print(f"\n{way} ended with: {ran.stderr.strip().splitlines()[-1][:160]}")
    except subprocess.TimeoutExpired:
        print(f"\n{way} was stopped after {longest:.0f} s")
    wall = time.perf_counter() - started
    after = counted(running)
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
        ("  processor: its own, the portal's", f"{told['cpu']:.1f} s, {told['portal_cpu']:.1f} s"),
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
    with portal(tmp_path, state, "unlimited") as running:
        for way in (*BASELINES, "workbench"):
            told = read_by(way, running, "unlimited", home)
            if way == "workbench":
                told |= stored(home)
            results[way] = told
            shown += lines_of(way, told, expected)
        ours = results["workbench"]
        shown += phases(ours, expected["rows"])
        for way in BASELINES:
            if "seconds" in results[way]:
                theirs = results[way]
                shown.append(
                    (f"deals alone, rows/s, times {way}", f"{rate(ours) / rate(theirs):.1f}")
                )
                shown.append(
                    (f"peak memory, part of {way}", f"{ours['peak'] / theirs['peak']:.2f}")
                )
        changed = change_some(ids, running.url, expected["rows"] // 100)
        now = truth(state[0])  # beside the running portal
        again = read_by("workbench", running, "unlimited", home)
    assert {name: ours[name] for name in SAME} == expected
    assert now != expected
    assert stored(home) == now
    part = again["requests"] / ours["requests"]
    shown += [
        (f"sync after {changed:,} deals changed", f"{again['wall']:.1f} s"),
        ("  requests", f"{again['requests']:.0f}, {part:.1%} of the full load's"),
    ]
    show(f"{expected['rows']:,} deals, no limit", shown)


def phases(ours: dict[str, float], deals: int) -> list[tuple[str, str]]:
    """What is printed of the sync's parts; the other ways fetch and decode, no more."""

    def part(name: str, rows: float) -> str:
        return f"{ours[name]:.1f} s, {ours[name] / rows * 1e6:.0f} µs a deal"

    then = ours["deals_then"]
    return [
        ("  deals alone, from the first chunk on", f"{ours['deal_seconds']:.1f} s"),
        ("    processor: fetching and decoding", part("fetch_cpu", then)),
        ("    processor: typing and storing", part("store_cpu", then)),
        ("  then children, changes: processor", part("children_cpu", deals)),
        ("  publishing the snapshot", f"{ours['publish_seconds']:.1f} s"),
        ("    processor", part("publish_cpu", deals)),
        ("  peak memory before publishing", f"{ours['load_peak'] / 2**20:,.0f} MB"),
        *(
            (f"  requests a 1,000 deals: {name}", f"{ours[name] / PAGES / deals * 1000:.2f}")
            for name in CHILDREN
        ),
    ]


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
    with portal(tmp_path, state, "standard") as running:
        for way in BASELINES:
            told = read_by(way, running, "standard", home)
            shown += lines_of(way, told, expected)
            httpx.post(f"{running.base}/control/clock", json={"advance": 3600}, timeout=60)
        (home / "runtime").mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
        with Portal(running.url, "standard") as bitrix:
            for _ in range(BURST - 5):  # the burst is used up, and the budget knows it
                bitrix.call("server.time")
        told = read_by("workbench", running, "standard", home) | stored(home)
    shown += lines_of("workbench, the burst used up", told, expected)
    ceiling = RATE * PAGES * ROWS
    shown += [
        ("  deals, rows/s", f"{rate(told):,.0f}"),
        (f"  of the ceiling of {ceiling:,} rows/s", f"{rate(told) / ceiling:.0%}"),
    ]
    show(f"{expected['rows']:,} deals, plan standard, --operating off", shown)
    assert told["refused"] == 0
    assert {name: told[name] for name in SAME} == expected


def soonest(rows: int) -> float:
    """Seconds after which full pages of so many rows can have been read under both limits.

    Pages cost operating time as soon as they are asked for; when the window's is used up, nothing
    more comes until the first minute has left it.
    """
    in_window = OPERATING / PAGE_SECONDS * ROWS
    windows = int(rows / in_window)
    requests = (rows - windows * in_window) / PAGES / ROWS  # of the last window
    return windows * WINDOW + max(0.0, requests - BURST) / RATE


def longest_of_ours(rows: int) -> float:
    """Seconds after which our sync is stopped where operating time is limited.

    The others read the deals only. Ours reads the product rows and contact links of each deal as
    well, by methods whose windows of operating time run one after the other: as many pages of links
    as of deals, some two pages of product rows. It may take twice what that needs at best.
    """
    windows = -(-rows * PAGE_SECONDS / ROWS // OPERATING)
    return max(LONGEST, 2 * (1 + 1 + 2) * windows * WINDOW)


def test_the_plan_standard_with_operating_time(state, tmp_path):
    expected = truth(state[0])
    shown = []
    home = tmp_path / "home"
    name = f"{expected['rows']:,} deals, plan standard, --operating 480"
    with portal(tmp_path, state, "standard", f"{OPERATING:.0f}") as running:
        for way in BASELINES:
            told = read_by(way, running, "standard", tmp_path / way)
            shown += lines_of(way, told, expected)
            httpx.post(f"{running.base}/control/clock", json={"advance": 3600}, timeout=60)
        told = read_by("workbench", running, "standard", home, longest_of_ours(expected["rows"]))
    if "seconds" not in told:  # then the others' figures are worth seeing all the same
        show(name, [*shown, *lines_of("workbench", told, expected)])
        pytest.fail("our own sync was stopped")
    told |= stored(home)
    shown += lines_of("workbench", told, expected)
    steady = OPERATING / PAGE_SECONDS * ROWS / WINDOW
    earliest = soonest(expected["rows"])
    took = told["deal_seconds"] / told["deals_then"] * expected["rows"]
    shown += [
        ("  ceiling of the formula, window after window", f"{steady:.0f} rows/s"),
        ("  all deals may be there after", f"{earliest:.0f} s"),
        ("  they were after", f"{took:.0f} s, {expected['rows'] / took:,.0f} rows/s"),
        ("  of the ceiling", f"{earliest / took:.0%}"),
        (
            "  rows a page, of 50",
            f"{expected['rows'] * PAGE_SECONDS / told['operating'] / ROWS:.1%}",
        ),
        ("  share of the operating time that is used", f"{USABLE:.0%}"),
    ]
    show(name, shown)
    assert told["refused"] == 0
    assert {name: told[name] for name in SAME} == expected


def test_the_memory_of_a_million_deals(tmp_path):
    state = made_portal(tmp_path, MILLION)
    expected = truth(state[0])
    home = tmp_path / "home"
    with portal(tmp_path, state, "unlimited") as running:
        told = read_by("workbench", running, "unlimited", home) | stored(home)
    shown = lines_of("workbench", told, expected) + phases(told, expected["rows"])
    show(f"{expected['rows']:,} deals with all fields, no limit", shown)
    assert {name: told[name] for name in SAME} == expected
    assert told["peak"] < MEMORY
