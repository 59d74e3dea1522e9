"""A company is made whole or not at all, by one process or by two."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing

import psutil
import pytest
from test_state import TODAY, dump, indexes, pragma

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.seed import seed_company
from workbench.bitrix24.sandbox.seed.beside import COMMAND
from workbench.errors import WorkbenchError


def test_a_file_that_somebody_reads_is_filled_all_the_same(tmp_path):
    state = State(tmp_path / "portal.sqlite")
    reader = sqlite3.connect(tmp_path / "portal.sqlite")
    assert reader.execute("SELECT count(*) FROM deals").fetchone() == (0,)
    seed_company(state, "small", today=TODAY)
    assert reader.execute("SELECT count(*) FROM deals").fetchone() == (612,)
    reader.close()


def test_a_seeding_that_is_killed_leaves_an_empty_portal_that_can_be_seeded(tmp_path):
    file = tmp_path / "portal.sqlite"
    State(file).close()
    code = (
        "import sys, datetime\n"
        "from workbench.bitrix24.sandbox.seed import seed_company\n"
        "from workbench.bitrix24.sandbox.memory.state import State\n"
        "seed_company(State(sys.argv[1]), today=datetime.date(2026, 11, 2), deals=200_000)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(file)])
    deadline = time.monotonic() + 60
    while file.stat().st_size < 20_000_000:  # far more than memory keeps back: it is writing
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    [second] = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    second.wait(30)
    assert [kept for kept in tmp_path.iterdir() if kept.name.startswith(".seed-")] == []
    state = State(file)
    assert {name: state.count(name) for name in state.entities if state.count(name)} == {}
    assert pragma(state, "integrity_check") == "ok"
    assert seed_company(state, "small", today=TODAY)["deals"] == 612
    assert file.stat().st_size < 30_000_000


@pytest.mark.parametrize("in_memory", [False, True])
def test_two_processes_make_the_same_company_as_one(tmp_path, in_memory):
    dumps = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        state = State(None if in_memory else folder / "portal.sqlite", timezone="Asia/Tokyo")
        state.settings["member_id"] = "same"
        with_indexes = indexes(state)
        counts = seed_company(state, "small", today=TODAY, deals=3_000, processes=processes)
        assert indexes(state) >= with_indexes
        assert pragma(state, "integrity_check") == "ok"
        assert "attached" not in {
            row[1] for row in state.connection.execute("PRAGMA database_list")
        }
        dumps.append({**dump(state), "counts": counts, "indexes": indexes(state)})
        dumps[-1]["sqlite_sequence"] = sorted(dumps[-1]["sqlite_sequence"])
        state.close()
        assert [file.name for file in folder.iterdir()] == ["portal.sqlite"] * (not in_memory)
    assert dumps[0] == dumps[1]
    assert dumps[0]["counts"]["stage_history"] > 10_000


def test_a_file_of_an_earlier_version_is_seeded_by_two_processes_alike(tmp_path):
    dumps = []
    for processes in (1, 2):
        file = tmp_path / f"{processes}.sqlite"
        State(file).close()
        with closing(sqlite3.connect(file)) as earlier:
            earlier.execute("ALTER TABLE activities DROP COLUMN SUBJECT")
        state = State(file)  # has the column behind the others
        seed_company(state, "small", today=TODAY, processes=processes)
        dumps.append(dump(state)["activities"])
        state.close()
    assert dumps[0] == dumps[1]
    assert len(dumps[0]) > 500 and all(isinstance(row[-1], str) for row in dumps[0])


def test_a_second_process_that_dies_leaves_an_empty_portal_and_says_so(tmp_path):
    state, second = State(tmp_path / "portal.sqlite"), COMMAND

    def kill():
        while not (own := [p for p in psutil.Process().children() if second in p.cmdline()]):
            time.sleep(0.01)
        own[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(WorkbenchError, match="-9"):
        seed_company(state, "demo", today=TODAY, deals=3_000, processes=2)
    killer.join()
    assert {name: state.count(name) for name in state.entities if state.count(name)} == {}
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".seed-")]
    assert seed_company(state, "small", today=TODAY, processes=2)["deals"] == 612
    state.close()


def test_a_folder_that_takes_no_second_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    state = State()
    with pytest.raises(WorkbenchError, match="TMPDIR"):
        seed_company(state, "small", today=TODAY, processes=2)
    assert seed_company(state, "small", today=TODAY, processes=1)["deals"] == 612
    state.close()
