"""A sync that is killed goes on where its last commit was; readers never see a half."""

import contextlib
import json
import linecache
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import httpx
import pytest
from portal_truth import differences

from workbench.bitrix24.client import Portal
from workbench.warehouse.checks import run_checks
from workbench.warehouse.publish import BUILDING, snapshot_files
from workbench.warehouse.snapshots import Snapshot

ROOT = Path(__file__).parent.parent.parent / "workbench"
FRAME = re.compile(r'File "(.+?)", line (\d+) in (\w+)')
PHASES = {"fetch", "merge", "checkpoint", "rename"}
# Reads the newest snapshot until it is told to end, with the pause that it is given: its facts,
# and every check that the models declare. Prints how many readings there were and how long the
# slowest took.
READER = """
import json, os, signal, sys, time
from workbench.errors import NoSnapshot
from workbench.warehouse import newest_snapshot
from workbench.warehouse.checks import run_checks
going, seen = [True], []
signal.signal(signal.SIGTERM, lambda *_: going.clear())
taken, broken, ids = [], [], set()
print("reading", flush=True)
parent = os.getppid()
while going and os.getppid() == parent:  # a test that is killed leaves no reader behind
    start = time.perf_counter()
    try:
        with newest_snapshot() as snapshot:
            told = snapshot.query("select value from info where key = 'snapshot'").value[0]
            counted = snapshot.query("select count(*) as n from deals").n[0]
            taken.append(time.perf_counter() - start)
            broken += [o.check.sentence for o in run_checks(snapshot) if not o.passed]
            if told != snapshot.path.stem or not counted:
                broken.append(f"{snapshot.path.stem} says it is {told}, {counted} deals")
            ids.add(told)
        time.sleep(float(sys.argv[1]))
    except NoSnapshot:
        time.sleep(0.01)
print(json.dumps({"readings": len(taken), "slowest": max(taken), "snapshots": len(ids),
                  "broken": broken}))
"""


def start_sync(home: Path, url: str, *options: str) -> subprocess.Popen:
    environ = {**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_WEBHOOK": url}
    environ |= {"WORKBENCH_PLAN": "unlimited", "WORKBENCH_LANGUAGE": "en"}
    environ["PYTHONFAULTHANDLER"] = "1"
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", "sync", "bitrix24", *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=no_core_file,
    )


def no_core_file() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, output
    return output


def kill(process: subprocess.Popen) -> str:
    """Kill the whole process group where it stands; returns the phase it was in ("" if ended).

    SIGABRT ends the process as suddenly as SIGKILL does: nothing of Python or DuckDB runs any
    more. But Python's fault handler first writes where each thread was; SIGKILL follows for
    whatever else is in the group.
    """
    if process.poll() is not None:
        process.communicate()
        return ""
    os.killpg(process.pid, signal.SIGABRT)
    output = process.communicate(timeout=30)[0].decode(errors="replace")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return phase(output) if process.returncode == -signal.SIGABRT else ""


def phase(dump: str) -> str:
    """Say what a sync was doing, from the lines of code that its thread stood in.

    ``fetch``: waiting for the portal or taking its answers; ``merge``: inside a transaction of
    rows; ``checkpoint``: committing, or writing the log into the file; ``rename``: from the
    snapshot being written to disk to its final name; ``build`` before that; else ``other``.
    """
    for thread in dump.split("\n\n"):
        frames = [
            (Path(file), int(line), name)
            for file, line, name in FRAME.findall(thread)
            if Path(file).is_relative_to(ROOT)
        ]
        if not any(file.name == "sync.py" and name == "sync" for file, _line, name in frames):
            continue
        file, line, name = frames[0]
        code = linecache.getline(str(file), line)
        inside = {name for _file, _line, name in frames}
        if "COMMIT" in code or (file.name, name) == ("store.py", "close"):
            return "checkpoint"
        if "publish" in inside:
            names = ("sync_to_disk", "rename", "DETACH")
            return "rename" if name in names or any(n in code for n in names) else "build"
        if inside & {"merge", "insert", "keep", "delete_children", "add_pending", "save"}:
            return "merge"
        if inside & {"stream", "fetch", "take"}:
            return "fetch"
        return "other"
    return "other"


def wait_for(process: subprocess.Popen, arrived) -> None:
    """Look without pause until something has happened, or the process has ended."""
    while process.poll() is None and not arrived():
        time.sleep(0.0001)


def aim(process: subprocess.Popen, home: Path, rng: random.Random, target: str, usual: float):
    """Let a sync run up to a random moment, of all its time or near the phase that is wanted."""
    folder = home / "warehouse" / "snapshots"
    before = len(snapshot_files(folder)), snapshot_files(folder)[-1:]
    lock, log = home / "warehouse" / "sync.lock", home / "warehouse" / "sync.duckdb.wal"
    wait_for(process, lambda: lock.read_text().strip() == str(process.pid))  # imports are done
    if target == "any":
        time.sleep(rng.uniform(0, usual))
    elif target in ("fetch", "merge"):
        start = log.stat().st_mtime_ns if log.exists() else 0
        wait_for(process, lambda: log.exists() and log.stat().st_mtime_ns != start)
        time.sleep(rng.uniform(0, usual / 2))
    elif target == "rename":
        # DuckDB writes a log of the snapshot, then its tables, then takes the log away; from
        # there to the final name it is a millisecond or two
        logged = [False]

        def written() -> bool:
            with contextlib.suppress(FileNotFoundError):
                if any(log.stat().st_size for log in folder.glob(f".*{BUILDING}.wal")):
                    logged[0] = True
                    return rng.random() < 0.005
            return logged[0]

        wait_for(process, written)
    else:
        wait_for(
            process, lambda: before != (len(snapshot_files(folder)), snapshot_files(folder)[-1:])
        )
        time.sleep(rng.uniform(0, 0.03))


def disturb(portal, rng: random.Random, attempt: int) -> None:
    """Change five deals and delete one of them, so that each sync has something to do."""
    with Portal(portal.url, "unlimited") as bitrix:
        chosen = rng.sample(range(1, 600), 5)
        fields = {"TITLE": f"Version {attempt}", "OPPORTUNITY": rng.randint(1, 9999)}
        bitrix.batch([("crm.deal.update", {"id": n, "fields": fields}) for n in chosen])
        bitrix.batch([("crm.deal.delete", {"id": chosen[0]})])


def run_with_kills(
    portal, home: Path, seed: int, *, least: int, most: int, pause: float = 0
) -> Counter:
    """Kill syncs, at least ``least`` times and until each phase was met; compare at the end."""
    rng = random.Random(seed)
    started = time.monotonic()
    finish(start_sync(home, portal.url))
    usual = time.monotonic() - started
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(pause)],
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None and reader.stdout.readline() == "reading\n"
    hits: Counter[str] = Counter()
    try:
        for attempt in range(most):
            lacking = sorted(PHASES - hits.keys())
            if hits.total() >= least and not lacking:
                break
            targets = ["any", *(lacking or sorted(PHASES))]
            target = targets[attempt % len(targets)]
            disturb(portal, rng, attempt)
            process = start_sync(home, portal.url, "--full")
            aim(process, home, rng, target, usual)
            if met := kill(process):
                hits[met] += 1
        finish(start_sync(home, portal.url))
    finally:
        reader.terminate()
        told = json.loads(reader.communicate(timeout=60)[0])
    print(f"seed {seed}: killed in {dict(hits)}; reader: {told}")
    assert told["broken"] == []
    assert told["readings"] > 10 and told["snapshots"] > 1
    assert differences(home, portal.url, children=20) == []
    for file in snapshot_files(home / "warehouse" / "snapshots"):
        with Snapshot(file) as snapshot:
            assert [o.check for o in run_checks(snapshot) if not o.passed] == []
    assert hits.keys() >= PHASES, f"never killed in {PHASES - hits.keys()}"
    assert told["slowest"] < 5, "the reader was kept waiting"
    return hits


@pytest.mark.timeout(300)
def test_syncs_killed_in_every_phase_lose_nothing(fresh_portal, home):
    run_with_kills(fresh_portal, home, 20261124, least=6, most=30, pause=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_fifty_killed_syncs_lose_nothing(fresh_portal, home):
    seed = random.randrange(10**6)
    print("seed", seed)
    assert run_with_kills(fresh_portal, home, seed, least=50, most=150).total() >= 50


def test_a_first_load_killed_half_way_goes_on_from_there(fresh_portal, home):
    # every second batch is refused, so that the sync takes its time and can be met half-way
    fresh_portal.fault(fault="503", method="batch", every=2)
    process = start_sync(home, fresh_portal.url)
    deadline = time.monotonic() + 60
    while requests_made(fresh_portal) < 20:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    fresh_portal.no_faults()
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
