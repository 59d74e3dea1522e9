"""What comes in between: an outage, a slow server, a full disk, another sync, narrower rights."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import command_line
import httpx
import pytest
from between import between
from killed_at import Place, sync_until
from portal_truth import differences, stored_rows
from sandbox_portal import running_portal
from syncing import call, synced

from workbench.bitrix24 import client
from workbench.bitrix24.client import Portal
from workbench.errors import PortalUnreachable
from workbench.i18n import use_language
from workbench.warehouse import newest_snapshot
from workbench.warehouse.findings import read_findings
from workbench.warehouse.publish import snapshot_files
from workbench.warehouse.store import Store
from workbench.warehouse.sync import SyncResult, sync

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.usefixtures("no_external_sources")
PAGES = [
    (502, b"<html><h1>502 Bad Gateway</h1></html>"),
    (200, b"<!DOCTYPE html><title>Authorization</title><form action='/auth/'></form>"),
    (503, b"<html>Maintenance</html>"),
    (200, b'{"result":{"result":{"c0":[{"ID":"1","TITLE":"Aff'),
]


def patiently(url: str, waiting: client.Waiting | None = None, patience: float = 60) -> SyncResult:
    """Sync as `workbench sync` does: in the background, waiting for a portal that is away."""
    with Portal(url, "unlimited", patience=patience, background=True) as portal:
        return sync(portal=portal, waiting=waiting)


# The portal goes away


def test_pages_in_the_middle_of_a_sync_are_waited_out(fresh_portal, home, monkeypatch):
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.05)
    waits: list[str] = []
    with between(fresh_portal.url) as portal:
        # the second to fifth answers of every eight
        portal.page = lambda n: PAGES[n % 8 - 2] if 2 <= n % 8 <= 5 else None
        result = patiently(portal.url, lambda reason, _seconds: waits.append(reason))
    assert not result.problems and result.snapshot
    assert len(waits) > 8 and all("127.0.0.1" in reason for reason in waits)
    assert differences(home, fresh_portal.url, children=5) == []


def test_a_portal_that_stays_away_is_given_up_and_the_next_sync_goes_on(fresh_portal, home):
    with between(fresh_portal.url) as portal, use_language("en"):
        portal.page = lambda n: PAGES[0] if n > 8 else None
        with pytest.raises(PortalUnreachable) as caught:
            patiently(portal.url, patience=2)
        assert "the next sync goes on from there" in caught.value.hint
        with Store.open(home / "warehouse") as store:
            begun = [e.name for e in store.entities() if store.progress(e.name).frontier]
            there = {name: store.count(name) for name in begun}
            assert begun and {store.progress(name).status for name in begun} == {"partial"}
        assert any(there.values()), "nothing was committed before"
        portal.page = lambda _number: None
        rest = patiently(portal.url)
    for name in begun:
        stored = len(stored_rows(home, name))
        assert rest.rows[name] <= stored - there[name] + 50, f"{name} was read from its beginning"
    assert differences(home, fresh_portal.url, children=5) == []


def test_a_file_publishes_nothing_while_a_sync_of_the_portal_is_unfinished(
    loaded_portal, home, tmp_path
):
    """A deal has its new amount already, and still its old products."""
    declared = tmp_path / "project" / "parameters" / "sources.yml"
    declared.write_text((ROOT / "parameters" / "sources.yml").read_text("utf-8"), "utf-8")
    rows = [{"PRODUCT_NAME": "Table", "PRICE": 7, "QUANTITY": 1}]
    for number in (11, 12, 13):
        call(loaded_portal.url, "crm.deal.productrows.set", {"id": number, "rows": rows})
    before = [file.name for file in snapshot_files(home / "warehouse" / "snapshots")]
    portal = {"WORKBENCH_WEBHOOK": loaded_portal.url, "WORKBENCH_PLAN": "unlimited"}
    killed = sync_until(
        Place("children.py", "store_children"), {**os.environ, **portal}, tmp_path / "sync.log"
    )
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    (home / "imports").mkdir()
    plan = "month,pipeline,manager,amount,currency\n2026-01,,,1000,EUR\n"
    (home / "imports" / "targets.csv").write_text(plan, "utf-8")
    with use_language("en"):
        result = sync(["targets"])
    assert result.snapshot is None and "broken off" in " ".join(result.remarks)
    assert [file.name for file in snapshot_files(home / "warehouse" / "snapshots")] == before
    assert synced(loaded_portal.url).snapshot
    assert differences(home, loaded_portal.url, children=5) == []
    with newest_snapshot() as snapshot:
        assert snapshot.execute("SELECT count(*) FROM targets").fetchone() == (1,)


def test_a_server_that_is_too_slow_for_whole_batches_is_asked_for_less(home, tmp_path):
    """Each command costs a tenth of a second, and the server ends requests after half a second."""
    limits = ("--operating", "480", "--real-time", "--request-limit", "0.5")
    with running_portal(tmp_path, "--plan", "unlimited", *limits) as portal:
        result = patiently(portal.url)
        stats = httpx.get(f"{portal.base}/control/stats").json()
    assert not result.problems and result.snapshot
    assert 0 < stats["timed_out"] < 20
    with newest_snapshot() as snapshot:
        sources = snapshot.sources().query("source == 'bitrix24'")
        assert set(sources.status) == {"complete"}


# The disk is full

WITH_LITTLE_ROOM = """
mount -t tmpfs -o size=6m none "$1" && cd "$1" || exit 99
"$2" -m workbench sync bitrix24; echo "first $?"
ls -A home/warehouse/snapshots
"$2" -m workbench sync bitrix24; echo "second $?"
mount -o remount,size=200m "$1"
"$2" -m workbench sync bitrix24; echo "third $?"
cp -r home "$3"
"""


# Kilobytes that are free when a sync begins that finds little to do.
WITH_NEXT_TO_NO_ROOM = """
mount -t tmpfs -o size=200m none "$1" && cd "$1" || exit 99
cp -r "$3" home
for free in 0 4 12 40 120; do
  head -c "${free}k" /dev/zero > kept; cat /dev/zero > filler 2> /dev/null; rm kept
  "$2" -m workbench sync bitrix24; echo "with $free: $?"
  rm filler
done
"$2" -m workbench sync bitrix24; echo "at last: $?"
rm -r "$3"; cp -r home "$3"
"""


def on_a_small_disk(
    script: str, tmp_path: Path, url: str, home: Path
) -> subprocess.CompletedProcess[str]:
    """Run a shell's script that mounts a disk; its arguments: the place, Python, a home beside."""
    unshare = shutil.which("unshare")
    namespace = [unshare or "unshare", "--user", "--map-root-user", "--mount"]
    if not unshare or subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    small = tmp_path / "small"
    small.mkdir()
    shell = [*namespace, "sh", "-c", script, "sh", str(small), sys.executable, str(home)]
    environ = {"WORKBENCH_HOME": str(small / "home"), "WORKBENCH_WEBHOOK": url}
    environ |= {"WORKBENCH_PLAN": "unlimited", "WORKBENCH_LANGUAGE": "en"}
    return subprocess.run(shell, env={**os.environ, **environ}, capture_output=True, text=True)


def test_a_full_disk_is_told_and_what_was_committed_stays(fresh_portal, home, tmp_path):
    home.rmdir()
    done = on_a_small_disk(WITH_LITTLE_ROOM, tmp_path, fresh_portal.url, home)
    assert done.stdout.split("\n")[0].strip() == "first 1", done.stdout + done.stderr
    assert "The disk is full: the warehouse in" in done.stderr
    assert "the next sync goes on from there" in done.stderr
    assert ".building" not in done.stdout, "half a snapshot was left and takes the room"
    assert "Traceback" not in done.stderr
    assert "third 0" in done.stdout and "published" in done.stdout
    assert differences(home, fresh_portal.url, children=5) == []


def test_a_disk_without_any_room_is_told_with_the_file_and_nothing_is_lost(
    loaded_portal, home, tmp_path
):
    number = min(stored_rows(home, "deals"))
    fields = {"TITLE": "Autre", "COMMENTS": "texte " * 9000}
    call(loaded_portal.url, "crm.deal.update", {"id": number, "fields": fields})
    loaded_portal.advance(86_400)  # everything is compared, too
    done = on_a_small_disk(WITH_NEXT_TO_NO_ROOM, tmp_path, loaded_portal.url, home)
    codes = dict(line.split(": ") for line in done.stdout.splitlines() if ": " in line)
    assert codes["with 0"] == "1" and codes["at last"] == "0", done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "Move" not in done.stderr
    failed = sum(code == "1" for code in codes.values())
    full = re.findall(r"The disk is full: .*?(/\S+) cannot\s+be\s+written", done.stderr)
    assert len(full) == failed and all(str(tmp_path) in file for file in full), done.stderr
    assert done.stderr.count("Make room on it.") == failed
    assert differences(home, loaded_portal.url, children=5) == []


@pytest.mark.parametrize("name", ["reconciled.json", "{snapshot}.checked"])
def test_a_file_that_a_full_disk_does_not_take_is_named(loaded_portal, home, name):
    """Linux has a device that is always full; its error names no file."""
    [snapshot] = snapshot_files(home / "warehouse" / "snapshots")
    file = home / "warehouse" / name
    if "snapshot" in name:
        file = snapshot.with_suffix(".checked")
    else:
        loaded_portal.advance(86_400)
    file.with_name(f".{file.name}").symlink_to("/dev/full")
    portal = {"WORKBENCH_WEBHOOK": loaded_portal.url, "WORKBENCH_PLAN": "unlimited"}
    environ = {**os.environ, **portal, "WORKBENCH_LANGUAGE": "en"}
    done = command_line.workbench("sync", "bitrix24", env=environ)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"The disk is full: {file} cannot be written." in " ".join(done.stderr.split())
    assert "Make room" in done.stderr and "next sync goes on" in " ".join(done.stderr.split())
    done = command_line.workbench("sync", "bitrix24", env=environ)
    assert done.returncode == 0 and file.exists(), done.stderr
    assert differences(home, loaded_portal.url, children=0) == []


# Another sync


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Another sync is running (process {pid})"), ("fr", "déjà en cours|est en cours")],
)
def test_a_second_command_is_told_who_is_at_it_and_changes_nothing(
    bare_portal, home, language, said
):
    environ = {**os.environ, "WORKBENCH_WEBHOOK": bare_portal.url, "WORKBENCH_LANGUAGE": language}
    with Store.open(home / "warehouse") as store:
        before = store.connection.execute("FROM state.info").fetchall()
        done = command_line.workbench("sync", "bitrix24", env=environ)
        assert store.connection.execute("FROM state.info").fetchall() == before
    assert done.returncode == 1 and "Traceback" not in done.stderr
    words = said.format(pid=os.getpid()).split("|")
    assert any(word in done.stderr for word in words) and str(os.getpid()) in done.stderr
    stats = httpx.get(f"{bare_portal.base}/control/stats").json()
    assert stats["requests"] == 0, "the portal was asked all the same"


# Rights become narrower and wider again


def test_a_user_who_sees_only_what_is_theirs_has_exactly_that_and_it_is_said(bare_portal, home):
    url = bare_portal.url
    person = {"EMAIL": "a@b.example", "NAME": "Ana", "UF_DEPARTMENT": [1]}
    user = int(call(url, "user.add", person))
    deals = [
        int(call(url, "crm.deal.add", {"fields": {"TITLE": "Affaire", "ASSIGNED_BY_ID": owner}}))
        for owner in (1, user, 1)
    ]
    scopes = ["crm", "user", "department", "task", "telephony", "userfieldconfig"]
    theirs = bare_portal.scoped(scopes, user)
    call(url, "sandbox.user.rights", {"USER_ID": user, "RIGHTS": "all", "ADMIN": "N"})
    synced(theirs)
    assert sorted(stored_rows(home, "deals")) == deals
    call(url, "sandbox.user.rights", {"USER_ID": user, "RIGHTS": "own"})
    result = synced(theirs)
    assert sorted(stored_rows(home, "deals")) == [deals[1]]
    history = {row["OWNER_ID"] for row in stored_rows(home, "deal_history").values()}
    assert history == {str(deals[1])}
    assert any(str(user) in remark for remark in result.remarks)
    with newest_snapshot() as snapshot:
        sources = snapshot.sources().set_index("entity")
        assert sources.missing["deals"] == f"records hidden from user {user}"
        assert (sources.status["types"], sources.missing["types"]) == ("denied", "right read types")
    call(url, "sandbox.user.rights", {"USER_ID": user, "RIGHTS": "all"})
    synced(theirs)
    assert sorted(stored_rows(home, "deals")) == deals


def test_a_small_list_that_shrinks_between_its_pages_loses_no_row(bare_portal, home):
    names = [f"Service {n:03}" for n in range(130)]
    with Portal(bare_portal.url, "unlimited") as portal:
        calls = [("department.add", {"NAME": name, "PARENT": 1}) for name in names]
        assert not [answer.error for answer in portal.batch(calls) if answer.error]
    # the first page is asked for with all other small lists, the others after it
    rule = {"fault": "delete", "method": "department.get", "at": 2, "entity": "departments"}
    rule |= {"ids": [3, 4, 5]}
    bare_portal.fault(**rule)
    synced(bare_portal.url)
    faults = httpx.get(f"{bare_portal.base}/control/faults").json()["faults"]
    assert faults[0]["struck"] == 1
    assert len(stored_rows(home, "departments")) > 120
    assert differences(home, bare_portal.url, children=0) == []


def test_rows_of_a_list_that_only_grows_go_once_the_portal_has_fewer(loaded_portal, home):
    history = stored_rows(home, "deal_history")
    with Store.open(home / "warehouse") as store:  # some that the portal does not have
        columns = ", ".join(f'"{name}"' for name in store.columns("deal_history"))
        store.connection.execute(
            f"INSERT INTO raw.deal_history (_id, {columns})"
            f" SELECT _id + 1000000, {columns} FROM raw.deal_history LIMIT 3"
        )
        store.set_info("reconciled_on", "yesterday")
    synced(loaded_portal.url)
    [count] = [
        each
        for each in read_findings(home / "warehouse")
        if (each.kind, each.entity) == ("count", "deal_history")
    ]
    assert (count.outcome, count.differing) == ("differs", 3)
    synced(loaded_portal.url)
    assert stored_rows(home, "deal_history").keys() == history.keys()
