"""A sync that is killed goes on where its last commit was; readers never see a half."""

import contextlib
import json
import linecache
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import command_line
import duckdb
import httpx
import pytest
from killed_at import Place, sync_until
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


@dataclass(frozen=True)
class Sync:
    """A sync in a process of its own, and what it says."""

    process: BaseProcess
    output: Path

    def ends(self) -> str:
        """Wait for its end; what it said."""
        self.process.join(60)
        said = self.output.read_text(errors="replace")
        assert self.process.exitcode == 0, said
        return said


def surroundings(home: Path, url: str) -> dict[str, str]:
    environ = {**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_WEBHOOK": url}
    return environ | {"WORKBENCH_PLAN": "unlimited", "WORKBENCH_LANGUAGE": "en"}


def start_sync(home: Path, url: str, *options: str) -> Sync:
    environ = surroundings(home, url) | {"PYTHONFAULTHANDLER": "1"}
    output = home.parent / "sync.log"
    output.unlink(missing_ok=True)
    started = command_line.start("sync", "bitrix24", *options, output=output, env=environ)
    return Sync(started, output)


def kill(sync: Sync) -> str:
    """Kill a sync where it stands; returns the phase it was in ("" if it had ended).

    SIGABRT ends the process as suddenly as SIGKILL does: nothing of Python or DuckDB runs any
    more. But Python's fault handler first writes where each thread was.
    """
    if not sync.process.is_alive():
        return ""
    os.kill(sync.process.pid, signal.SIGABRT)
    sync.process.join(30)
    killed = sync.process.exitcode == -signal.SIGABRT
    return phase(sync.output.read_text(errors="replace")) if killed else ""


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


def wait_for(process: BaseProcess, arrived) -> None:
    """Look without pause until something has happened, or the process has ended."""
    while not arrived() and process.is_alive():
        time.sleep(0.0005)


def aim(process: BaseProcess, home: Path, rng: random.Random, target: str, usual: float):
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


@contextlib.contextmanager
def read_meanwhile(home: Path, pause: float) -> Iterator[dict]:
    """Let another process read all the time; what it tells at the end is checked."""
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(pause)],
        env={**os.environ, "WORKBENCH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None and reader.stdout.readline() == "reading\n"
    told: dict = {}
    try:
        yield told
    finally:
        reader.terminate()
        told |= json.loads(reader.communicate(timeout=60)[0])
    print("reader:", told)
    assert told["broken"] == []
    assert told["readings"] > 5 and told["snapshots"] > 1
    assert told["slowest"] < 5, "the reader was kept waiting"


def nothing_is_lost(home: Path, url: str) -> None:
    """Compare the warehouse with the portal, and try every snapshot."""
    assert differences(home, url, children=20) == []
    for file in snapshot_files(home / "warehouse" / "snapshots"):
        with Snapshot(file) as snapshot:
            assert [o.check for o in run_checks(snapshot) if not o.passed] == []


def run_with_kills(portal, home: Path, seed: int, *, least: int, most: int) -> Counter:
    """Kill syncs, at least ``least`` times and until each phase was met; compare at the end."""
    rng = random.Random(seed)
    started = time.monotonic()
    start_sync(home, portal.url).ends()
    usual = time.monotonic() - started
    hits: Counter[str] = Counter()
    with read_meanwhile(home, 0):
        for attempt in range(most):
            lacking = sorted(PHASES - hits.keys())
            if hits.total() >= least and not lacking:
                break
            targets = ["any", *(lacking or sorted(PHASES))]
            target = targets[attempt % len(targets)]
            disturb(portal, rng, attempt)
            sync = start_sync(home, portal.url, "--full")
            aim(sync.process, home, rng, target, usual)
            if met := kill(sync):
                hits[met] += 1
        start_sync(home, portal.url).ends()
    print(f"seed {seed}: killed in {dict(hits)}")
    nothing_is_lost(home, portal.url)
    assert hits.keys() >= PHASES, f"never killed in {PHASES - hits.keys()}"
    return hits


# In each phase of a sync: before a line of its code, or within what that line began.
PLACES = [
    Place("portal.py", "fetch", "return", nth=6, late=0.003),
    Place("store.py", "merge", "DELETE FROM", nth=2),
    Place("store.py", "merge", "INSERT INTO", nth=1, late=0.0005),
    Place("store.py", "transaction", "COMMIT", nth=9),
    Place("store.py", "transaction", "COMMIT", nth=30, late=0.0003),
    Place("publish.py", "_build", "connection.execute(statement)", nth=12),
    Place("publish.py", "publish", "building.rename"),
    Place("publish.py", "publish", "drop_others"),
]


@pytest.mark.timeout(240)
def test_syncs_killed_in_every_phase_lose_nothing(loaded_portal, home):
    rng = random.Random(20261124)
    environ = surroundings(home, loaded_portal.url)
    with read_meanwhile(home, 1):
        for attempt, place in enumerate(PLACES):
            disturb(loaded_portal, rng, attempt)
            killed = sync_until(place, environ, home.parent / "sync.log")
            killed.join(60)
            assert killed.exitcode == -signal.SIGKILL, (place, killed.exitcode)
        start_sync(home, loaded_portal.url).ends()
    nothing_is_lost(home, loaded_portal.url)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_fifty_killed_syncs_lose_nothing(fresh_portal, home):
    seed = random.randrange(10**6)
    print("seed", seed)
    assert run_with_kills(fresh_portal, home, seed, least=50, most=150).total() >= 50


def test_a_first_load_killed_half_way_goes_on_from_there(fresh_portal, home):
    # every second batch is refused, so that the sync takes its time and can be met half-way
    fresh_portal.fault(fault="503", method="batch", every=2)
    process = start_sync(home, fresh_portal.url).process
    deadline = time.monotonic() + 60
    while requests_made(fresh_portal) < 20:
        assert time.monotonic() < deadline and process.is_alive()
        time.sleep(0.02)
    process.kill()
    process.join(10)
    fresh_portal.no_faults()
    assert snapshot_files(home / "warehouse" / "snapshots") == []
    # opening replays the log of the killed process
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb")) as connection:
        committed = connection.execute(
            "SELECT entity FROM state.progress WHERE frontier > 0"
        ).fetchall()
    assert committed, "killed before any page was committed"
    output = start_sync(home, fresh_portal.url).ends()
    assert "published" in output
    assert differences(home, fresh_portal.url, children=20) == []


def requests_made(portal) -> int:
    return httpx.get(f"{portal.base}/control/stats").json()["requests"]
