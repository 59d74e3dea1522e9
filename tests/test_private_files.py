"""What holds the portal's data or secrets is readable by its user alone."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from listener import wait_until
from sandbox_portal import SMALL_COMPANY, SandboxPortal, running_portal

from workbench.settings import private_file, private_folder

WRITE_EVERYTHING = """
import os
os.umask(0o022)
from datetime import timedelta
from workbench.automation import decisions, handler, queue, worker
from workbench.bitrix24 import oauth
from workbench.cli.processes import Processes
from workbench.views import visit
from workbench.warehouse.sync import sync
queue.enqueue("report", {"report": "nowhere"}, id="a")
worker.work(once=True)
sync()
decisions.ledger()
oauth.save(oauth.Installation(member_id="m", domain="d", client_endpoint="e", access_token="a",
                              refresh_token="r", application_token="t"))
handler.write_log()
visit.log_to_file()
Processes(queue.queue_file().parent / "logs" / "demo")
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def readable_by_others(folder: Path) -> list[str]:
    """Return the files that another user could read, through folders that let them in."""
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if mode(Path(here, name)) & 0o077]
        found += [name for name in files if mode(Path(here, name)) & 0o077]
    return sorted(found)


@pytest.mark.parametrize("home_mode", [None, 0o755], ids=["a new home", "a home of others' eyes"])
def test_no_other_user_can_read_the_home(
    portal: SandboxPortal, tmp_path: Path, home_mode: int | None
):
    home = tmp_path / "new" / "home"
    if home_mode:
        home.mkdir(parents=True)
        home.chmod(home_mode)
        (home / "warehouse").mkdir(mode=0o755)  # by an earlier version
    environ = {
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "WORKBENCH_WEBHOOK": portal.url,
        "WORKBENCH_PLAN": "unlimited",
    }
    subprocess.run([sys.executable, "-c", WRITE_EVERYTHING], env=environ, check=True)
    there = {path.name for path in home.rglob("*")}
    assert there >= {
        *("sync.duckdb", "snapshots", "queue.sqlite", "ledger.sqlite", "handler.log", "m.json"),
        *("worker.log", "pages.log"),
    }
    if home_mode is None:
        assert (mode(home), mode(home.parent)) == (0o700, 0o700)
    else:
        assert mode(home) == home_mode  # its user made it so
        # What says nothing about the portal: a lock, and the names of queue's own bookkeeping.
        assert readable_by_others(home) == ["worker.lock"]
        assert mode(home / "warehouse") == 0o700


def test_no_other_user_can_read_a_portal_kept_in_a_file(tmp_path: Path):
    state = tmp_path / "portal.sqlite"
    tmp_path.chmod(0o755)
    old = os.umask(0o022)
    try:
        with running_portal(tmp_path, *SMALL_COMPANY, "--state", str(state)):
            beside = [file for file in tmp_path.iterdir() if file.name.startswith("portal.sqlite")]
            assert len(beside) >= 2  # what is not yet in the file itself
            assert {mode(file) for file in beside} == {0o600}
        state.chmod(0o644)  # of an earlier version
        (tmp_path / "portal.url").unlink()
        with running_portal(tmp_path, "--state", str(state)):
            assert mode(state) == 0o600
    finally:
        os.umask(old)


def test_a_file_that_is_no_portal_keeps_its_mode(tmp_path: Path):
    other = tmp_path / "figures.csv"
    other.write_text("a,b\n" * 1000)
    other.chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "sandbox", "start", "--port", "0"]
        + ["--state", str(other)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "figures.csv" in done.stderr and "Traceback" not in done.stderr
    assert mode(other) == 0o644


def test_a_private_file_keeps_its_content(home: Path):
    file = home / "data.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("create table t (a)")
    file.chmod(0o666)
    private_file(file)
    assert mode(file) == 0o600
    assert sqlite3.connect(file).execute("select count(*) from t").fetchone() == (0,)
    assert mode(private_folder(home / "a" / "b")) == mode(home / "a") == 0o700


def test_the_webhook_s_code_reaches_no_log(tmp_path: Path):
    with running_portal(tmp_path, *SMALL_COMPANY) as portal:
        code = portal.url.rstrip("/").rsplit("/", 1)[1]
        assert len(code) >= 16
        log = tmp_path / "portal.log"
        wait_until(lambda: "Ctrl-C" in log.read_text())
        text = log.read_text()
        assert portal.base in text  # the address is told, and where the webhook is
        assert str(tmp_path / "portal.url") in text
        assert code not in text
