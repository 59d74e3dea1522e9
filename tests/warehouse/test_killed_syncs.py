"""A sync that is killed goes on where its last commit was; readers never see a half."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import httpx
import pytest
from portal_truth import differences

from workbench.bitrix24.client import Portal
from workbench.warehouse.checks import run_checks
from workbench.warehouse.publish import snapshot_files
from workbench.warehouse.snapshots import Snapshot


def start_sync(home: Path, url: str, *options: str) -> subprocess.Popen:
    environ = {**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_WEBHOOK": url}
    environ |= {"WORKBENCH_PLAN": "unlimited", "WORKBENCH_LANGUAGE": "en"}
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", "sync", "bitrix24", *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, output
    return output


def kill_after(process: subprocess.Popen, seconds: float) -> bool:
    """Kill the whole process group after ``seconds``; False if it had ended by itself."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    process.communicate()
    return False


def every_snapshot_is_whole(home: Path) -> None:
    for file in snapshot_files(home / "warehouse" / "snapshots"):
        with Snapshot(file) as snapshot:
            assert [o.check for o in run_checks(snapshot) if not o.passed] == []


def run_with_kills(portal, home: Path, times: int, seed: int) -> int:
    rng = random.Random(seed)
    started = time.monotonic()
    finish(start_sync(home, portal.url))
    usual = time.monotonic() - started
    killed = 0
    for attempt in range(times):
        with Portal(portal.url, "unlimited") as bitrix:
            chosen = rng.sample(range(1, 600), 5)
            fields = {"TITLE": f"Version {attempt}", "OPPORTUNITY": rng.randint(1, 9999)}
            bitrix.batch([("crm.deal.update", {"id": n, "fields": fields}) for n in chosen])
            bitrix.batch([("crm.deal.delete", {"id": chosen[0]})])
        # the interpreter needs some 0.4 s before any of our code runs
        process = start_sync(home, portal.url, "--full")
        killed += kill_after(process, rng.uniform(0.4, max(usual * 1.1, 1.0)))
        every_snapshot_is_whole(home)
    finish(start_sync(home, portal.url))
    assert differences(home, portal.url, children=20) == []
    every_snapshot_is_whole(home)
    return killed


def test_killed_syncs_lose_nothing(fresh_portal, home):
    seed = random.randrange(10**6)
    print("seed", seed)
    assert run_with_kills(fresh_portal, home, 6, seed) >= 1


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_fifty_killed_syncs_lose_nothing(fresh_portal, home):
    seed = random.randrange(10**6)
    print("seed", seed)
    assert run_with_kills(fresh_portal, home, 50, seed) >= 25


def test_a_first_load_killed_half_way_goes_on_from_there(fresh_portal, home):
    # every second batch is refused, so that the sync takes its time and can be met half-way
    slow = {"fault": "503", "method": "batch", "every": 2}
    httpx.post(f"{fresh_portal.base}/control/faults", json=slow).raise_for_status()
    process = start_sync(home, fresh_portal.url)
    deadline = time.monotonic() + 60
    while requests_made(fresh_portal) < 12:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    httpx.delete(f"{fresh_portal.base}/control/faults").raise_for_status()
    assert snapshot_files(home / "warehouse" / "snapshots") == []
    # opening replays the log of the killed process
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb")) as connection:
        committed = connection.execute(
            "SELECT entity FROM state.progress WHERE frontier > 0"
        ).fetchall()
    assert committed, "killed before any page was committed"
    output = finish(start_sync(home, fresh_portal.url))
    assert "published" in output
    assert differences(home, fresh_portal.url, children=20) == []


def requests_made(portal) -> int:
    return httpx.get(f"{portal.base}/control/stats").json()["requests"]
