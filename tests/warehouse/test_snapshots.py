"""Publishing and reading: immutable, whole, closed to everything else."""

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import command_line
import duckdb
import pytest
from handmade import fill, made_rows, make_snapshot

from workbench.dashboards.pages import data_stamp, snapshot_facts
from workbench.errors import NoSnapshot, QueryError, WarehouseError
from workbench.i18n import use_language
from workbench.views.stamp import troubles_html
from workbench.warehouse import newest_snapshot, open_snapshot
from workbench.warehouse.publish import new_id, publish, snapshot_files
from workbench.warehouse.retention import NEWEST
from workbench.warehouse.snapshots import Snapshot
from workbench.warehouse.statements import only_select
from workbench.warehouse.store import Store
from workbench.warehouse.sync import publish_if_changed

AS_OF = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    make_snapshot(home, made_rows(deals=60)).close()
    return home


@pytest.fixture
def published(made_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_HOME", str(made_home))
    return made_home


def test_without_a_sync_there_is_no_snapshot_and_the_way_to_one_is_told(home):
    with pytest.raises(NoSnapshot, match="sync"):
        newest_snapshot()


def test_the_facts_are_those_of_the_sync(published):
    with newest_snapshot() as snapshot:
        assert snapshot.portal == "atelier-lumen.example"
        assert snapshot.portal_url == "https://atelier-lumen.example"
        assert (snapshot.base_currency, snapshot.timezone) == ("EUR", "Europe/Paris")
        assert snapshot.as_of == AS_OF and snapshot.as_of.tzinfo is not None
        assert snapshot.path.stem == snapshot.id


@pytest.mark.parametrize(
    "sql",
    [
        "COPY deals TO '{file}'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH '{file}' AS other",
        "CREATE TABLE x (a INT)",
        "DELETE FROM deals",
        "SET enable_external_access = true",
        "SET threads = 8",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list; DROP TABLE deals",
        "CALL pragma_version(); COPY deals TO '{file}'",
    ],
)
def test_a_snapshot_can_only_be_read(published, tmp_path, sql):
    file = tmp_path / "out.csv"
    with newest_snapshot() as snapshot:
        before = snapshot.path.read_bytes()
        with pytest.raises(QueryError):
            snapshot.query(sql.format(file=file))
        assert not file.exists()
        assert snapshot.path.read_bytes() == before


def test_variables_of_the_program_are_not_tables(published):
    import pandas as pd

    secret_frame = pd.DataFrame({"a": [1]})
    with newest_snapshot() as snapshot, pytest.raises(QueryError):
        snapshot.query("SELECT * FROM secret_frame")
    assert len(secret_frame) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'infinity'::DATE AS d",
        "SELECT list(i) AS l FROM range(2_000_000_000) AS t(i)",
        "SELECT CAST(title AS INTEGER) FROM deals",
    ],
    ids=["no such day", "too large", "no number"],
)
def test_a_query_that_fails_while_it_is_fetched_is_told(published, sql):
    with newest_snapshot() as snapshot, pytest.raises(QueryError, match="requête"):
        snapshot.query(sql)


def test_values_are_bound_not_pasted(published):
    with newest_snapshot() as snapshot:
        text = "x' OR '1'='1"
        assert snapshot.query("SELECT * FROM deals WHERE title = ?", [text]).empty
        assert snapshot.query("SELECT $t AS t", {"t": text}).t[0] == text


def test_moments_come_in_the_portals_time_zone(published):
    with newest_snapshot() as snapshot:
        found = snapshot.query("SELECT created_at FROM deals LIMIT 1")
        assert str(found.created_at.dt.tz) == "Europe/Paris"


def test_a_pinned_snapshot_is_the_one_that_is_read(published, monkeypatch):
    first = newest_snapshot().id
    with Store.open(published / "warehouse") as store:
        second = publish(store, AS_OF)
    assert newest_snapshot().id == second > first
    monkeypatch.setenv("WORKBENCH_SNAPSHOT", first)
    assert newest_snapshot().id == first
    monkeypatch.setenv("WORKBENCH_SNAPSHOT", "20200101T000000Z-ffffff")
    with pytest.raises(NoSnapshot, match=first):
        newest_snapshot()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x", ".building"])
def test_only_published_snapshots_can_be_opened(published, name):
    with pytest.raises(NoSnapshot):
        open_snapshot(name)


def test_a_damaged_file_is_told(published):
    broken = published / "warehouse" / "snapshots" / "29990101T000000Z-aaaaaa.duckdb"
    broken.write_bytes(b"not a database")
    try:
        with pytest.raises(WarehouseError, match="29990101"):
            open_snapshot(broken.stem)
    finally:
        broken.unlink()


def without_facts(whole: bytes) -> bytes:
    """A database that is whole and no snapshot."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.duckdb"
        with duckdb.connect(str(file)) as database:
            database.execute("CREATE TABLE info (key VARCHAR, value VARCHAR)")
        return file.read_bytes()


DAMAGES = {
    "no database": lambda whole: b"not a database",
    "empty": lambda whole: b"",
    "cut short": lambda whole: whole[:-1],
    "half": lambda whole: whole[: len(whole) // 2],
    "overwritten": lambda whole: whole[:8_192] + b"\xff" * 300_000 + whole[308_192:],
    "no facts": without_facts,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_newest_snapshot_is_passed_over_and_told_and_the_next_sync_replaces_it(
    home, monkeypatch, damage
):
    make_snapshot(home, made_rows(deals=20)).close()
    with newest_snapshot() as whole:
        good = whole.id
        assert (whole.passed_over, whole.warning) == ((), "")
    folder = home / "warehouse" / "snapshots"
    broken = folder / "29990101T000000Z-aaaaaa.duckdb"
    broken.write_bytes(damage((folder / f"{good}.duckdb").read_bytes()))
    for pinned in ("", good):  # a run is pinned to what was read when it began
        monkeypatch.setenv("WORKBENCH_SNAPSHOT", pinned)
        with use_language("en"), newest_snapshot() as snapshot:
            assert snapshot.id == good
            assert snapshot.passed_over == (broken.stem,)
            assert broken.stem in snapshot.warning
            assert snapshot.query("SELECT count(*) AS n FROM deals").n[0] == 20
            assert broken.stem in troubles_html(snapshot)
    monkeypatch.setenv("WORKBENCH_SNAPSHOT", "")
    assert broken.stem in data_stamp()["stamp"]
    assert snapshot_facts() | {"as_of": ""} == {
        "snapshot": good, "as_of": "", "damaged": [broken.stem],
    }  # fmt: skip
    shown = command_line.workbench("sources", "--json", check=True)
    assert broken.stem in shown.stderr
    assert {row["entity"] for row in json.loads(shown.stdout)} >= {"deals"}
    with Store.open(home / "warehouse") as store:
        made = publish_if_changed(store, AS_OF)  # nothing has changed, and yet
        assert made and made > broken.stem
    with newest_snapshot() as snapshot:
        assert (snapshot.id, snapshot.passed_over) == (made, ())


def test_only_damaged_snapshots_are_an_error(home):
    make_snapshot(home, made_rows(deals=5)).close()
    for file in snapshot_files(home / "warehouse" / "snapshots"):
        file.write_bytes(b"not a database")
    with pytest.raises(WarehouseError, match=r"2026\d+T"):
        newest_snapshot()


def test_the_newest_five_are_kept_and_readers_keep_theirs(tmp_path):
    with Store.open(tmp_path / "warehouse") as store:
        fill(store, made_rows(deals=20))
        ids = [publish(store, AS_OF)]
        folder = tmp_path / "warehouse" / "snapshots"
        reader = Snapshot(folder / f"{ids[0]}.duckdb")
        for _ in range(NEWEST + 1):
            ids.append(publish(store, AS_OF))
        assert ids == sorted(ids) and len(set(ids)) == len(ids)
        assert [file.stem for file in snapshot_files(folder)] == ids[-NEWEST:]
        assert reader.query("SELECT count(*) AS n FROM deals").n[0] == 20  # its file is gone
        assert not list(folder.glob(".*"))


def test_ids_go_up_even_when_the_clock_goes_back(tmp_path):
    noon = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    first = new_id(tmp_path, noon)
    (tmp_path / f"{first}.duckdb").touch()
    assert first[:16] == "20261124T120000Z"
    assert new_id(tmp_path, noon) > first
    assert new_id(tmp_path, noon.replace(hour=3)) > first


def test_what_an_interrupted_publishing_left_is_cleared_away(tmp_path):
    folder = tmp_path / "warehouse" / "snapshots"
    folder.mkdir(parents=True)
    (folder / ".20260101T000000Z-abcdef.building").write_bytes(b"half")
    (folder / ".20260101T000000Z-abcdef.building.wal").write_bytes(b"half")
    assert snapshot_files(folder) == []
    make_snapshot(tmp_path, made_rows(deals=10)).close()
    assert [file.suffix for file in folder.iterdir()] == [".duckdb"]


def test_nothing_is_published_when_nothing_has_changed(tmp_path):
    with Store.open(tmp_path / "warehouse") as store:
        fill(store, made_rows(deals=10))
        assert publish_if_changed(store, AS_OF)
        assert publish_if_changed(store, AS_OF) is None
        store.set_info("unpublished", "Y")
        assert publish_if_changed(store, AS_OF)
        store.set_info("published_models", "older SQL")
        assert publish_if_changed(store, AS_OF)


def test_readers_see_whole_snapshots_while_new_ones_are_published(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    make_snapshot(tmp_path, made_rows(deals=40)).close()
    seen: list[tuple[str, int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with newest_snapshot() as snapshot:
                count = snapshot.execute("SELECT count(*) FROM deals").fetchone()
                seen.append((snapshot.id, count[0]))
            time.sleep(0.01)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with Store.open(tmp_path / "warehouse") as store:
            for _ in range(4):
                publish(store, AS_OF)
    finally:
        stop.set()
        reader.join()
    assert {count for _id, count in seen} == {40}
    assert len({snapshot for snapshot, _count in seen}) > 1


def test_reading_from_many_threads_is_safe(published):
    with newest_snapshot() as snapshot:
        results: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: results.append(
                    int(snapshot.query("SELECT count(*) AS n FROM activities").n[0])
                )
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 8 and len(set(results)) == 1


# Analysts' SQL


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from deals",
        "with a as (select 1 as x) select * from a",
        "select 1 union all select 2",
        "from deals select deal_id limit 3",
        "select * from range(3)",
        "select unnest([1, 2])",
        "select deal_id, sum(amount_base) over (partition by manager) from deals limit 1",
        "select * from (values (1), (2)) as t(x);",
        "select 'delete from deals' as text -- drop",
    ],
)
def test_a_select_may_run(published, sql):
    with newest_snapshot() as snapshot:
        assert len(snapshot.query(only_select(sql))) >= 1


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "drop table deals",
        "select 1; select 2",
        "select 1; drop table deals",
        "insert into deals select * from deals",
        "with x as (select 1) delete from deals",
        "create table x as select 1",
        "copy deals to 'x.csv'",
        "attach 'x.db'",
        "set threads = 1",
        "pragma database_list",
        "explain select 1",
        "select * from read_csv('/etc/passwd')",
        "select * from read_parquet(['a'])",
        "select * from '/etc/passwd'",
        "select * from 'x.csv'",
        "select * from glob('*')",
        "select (select * from read_text('/etc/passwd'))",
        "call pragma_version()",
        "selekt 1",
        "select (",
        "select 1 into x",
        "install httpfs",
    ],
)
def test_anything_else_may_not(sql):
    with pytest.raises(QueryError):
        only_select(sql)


def test_a_sync_that_finds_nothing_new_moves_only_the_moment_of_the_check(tmp_path):
    with Store.open(tmp_path / "warehouse") as store:
        fill(store, made_rows(deals=10))
        snapshot_id = publish_if_changed(store, AS_OF)
        later = AS_OF.replace(hour=21)
        assert publish_if_changed(store, later) is None
    file = tmp_path / "warehouse" / "snapshots" / f"{snapshot_id}.duckdb"
    with Snapshot(file) as snapshot:
        assert snapshot.as_of == AS_OF
        assert snapshot.checked_at == later
    file.with_suffix(".checked").write_text("nonsense")
    with Snapshot(file) as snapshot:
        assert snapshot.checked_at == AS_OF


def test_what_does_not_fit_into_memory_is_built_with_more_of_it(home, monkeypatch):
    monkeypatch.setattr("workbench.warehouse.publish.MEMORY", ("20MB",))
    with pytest.raises(duckdb.OutOfMemoryException):
        make_snapshot(home, made_rows(deals=3000))
    folder = home / "warehouse" / "snapshots"
    assert list(folder.iterdir()) == []
    monkeypatch.setattr("workbench.warehouse.publish.MEMORY", ("20MB", "400MB"))
    with make_snapshot(home, made_rows(deals=3000)) as snapshot:
        assert snapshot.query("SELECT count(*) AS n FROM deals").n[0] == 3000
