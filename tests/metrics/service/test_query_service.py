"""The query service gives what the snapshot holds, to each viewer their rows, and stays up."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import psutil
import pytest
from query_service import RunningService, copied_home, next_snapshot, running_service, until

from workbench import metrics
from workbench.errors import AccessRefused, NoSnapshot, QueryError, ServiceUnavailable
from workbench.i18n import use_language
from workbench.metrics.quality import health, look
from workbench.metrics.quality.history import read_history
from workbench.metrics.service.door import Door, newest_data
from workbench.metrics.service.frames import pack, unpack
from workbench.metrics.service.keeper import Keeper, door_environment
from workbench.metrics.service.viewers import Scope, make_token
from workbench.metrics.summaries import SUMMARIES
from workbench.warehouse import Snapshot, newest_snapshot
from workbench.warehouse.records import READS

MANAGERS = Scope(managers=(3, 5))


ASKED = [
    ({"metrics": "won_revenue"}, {}),
    ({"metrics": ["won_revenue", "closed_win_rate"]}, {"by": "manager", "grain": "month"}),
    ({"metrics": "deals"}, {"by": ["stage", "pipeline"], "period": "last_year", "each_n": True}),
    ({"metrics": "won_revenue"}, {"period": "this_year", "compare": "year_ago", "grain": "month"}),
    ({"metrics": "won_revenue"}, {"period": "this_year", "compare": "plan", "by": "manager"}),
    ({"metrics": "leads"}, {"by": "source", "where": "source like '%e%' and created_on > '2026'"}),
    ({"metrics": "marketing_spend"}, {"by": "channel"}),
    ({"metrics": "deals"}, {"by": "uf_crm_type_projet"}),
    ({"metrics": "deals"}, {"start": "2026-01-01", "end": "2026-07-01", "grain": "week"}),
    ({"metrics": "open_deals"}, {"segment": "large_open"}),
]


@pytest.mark.parametrize(("asked", "options"), ASKED)
def test_a_metric_through_the_door_is_the_metric_of_the_snapshot(
    service: RunningService, asked: dict, options: dict
):
    if options.get("segment") and options["segment"] not in metrics_segments():
        options = {}
    direct = metrics.query(asked["metrics"], snapshot=newest_snapshot(), **options)
    served = metrics.query(asked["metrics"], snapshot=service.door(), **options)
    pd.testing.assert_frame_equal(served, direct)
    assert plain(served.attrs) == plain(direct.attrs)


def metrics_segments() -> list[str]:
    from workbench.metrics.segments import load_segments

    return list(load_segments())


def plain(value: object) -> object:
    """Attributes with not-a-number in a form that equals itself."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return repr(value) if isinstance(value, float) else value


def values_for(name: str) -> dict:
    given = {"pipeline_id": 0, "deal_id": 7, "start": None, "end": None}
    days = {"start": pd.Timestamp("2026-01-01").date(), "end": pd.Timestamp("2026-07-01").date()}
    return {key: (given | days)[key] for key in READS[name].values}


@pytest.mark.parametrize("name", READS)
def test_every_named_read_brings_the_rows_of_the_snapshot(service: RunningService, name: str):
    direct, door = newest_snapshot(), service.door()
    values = values_for(name)
    mine, theirs = (each.read(name, **values) for each in (door, direct))
    pd.testing.assert_frame_equal(in_order(mine), in_order(theirs))
    assert door.rows_read == direct.rows_read


def test_what_the_checks_find_is_the_same_and_the_scores_are_kept(
    service: RunningService, home: Path
):
    mine, theirs = service.door().quality(), look(newest_snapshot())
    pd.testing.assert_frame_equal(mine, theirs)
    assert mine.attrs["scores"] == theirs.attrs["scores"] and mine.attrs["scores"]
    assert mine.attrs["examples"] == theirs.attrs["examples"]
    (kept,) = read_history()
    assert (kept.snapshot, kept.scores) == (newest_snapshot().id, mine.attrs["scores"])
    with use_language("en"):
        english = health(service.door())
    titles = {each.check: each.title for each in english.quality.outcomes}
    assert titles["deals_below_zero"] == "Deals of an amount below zero"
    assert len(read_history()) == 1


def test_of_some_of_the_records_no_check_is_told(service: RunningService):
    """What refers to a record that the viewer may not see would seem broken."""
    with pytest.raises(AccessRefused, match="checks"), use_language("en"):
        service.door(MANAGERS).quality()


SUMMED = {
    "pipeline_id": 0,
    "most": 3,
    "start": date(2026, 4, 1),
    "end": date(2026, 7, 1),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_summary_brings_the_rows_of_the_snapshot(service: RunningService, name: str):
    direct, door = newest_snapshot(), service.door()
    values = {key: SUMMED[key] for key in SUMMARIES[name].values}
    for where in ("", "manager_id in (2, 3) and department_and_below like '%e%'"):
        mine, theirs = (
            metrics.summary(name, where, snapshot=each, **values) for each in (door, direct)
        )
        assert len(theirs)
        pd.testing.assert_frame_equal(in_order(mine), in_order(theirs))
    assert door.rows_read == direct.rows_read
    with pytest.raises(QueryError):
        metrics.summary(name, snapshot=door, **values, other=1)
    with pytest.raises(QueryError, match="deals"):
        metrics.summary("deals", snapshot=door)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.columns[frame.dtypes == "object"]:
        frame[name] = frame[name].where(frame[name].notna(), None)
    order = frame.astype(str).sort_values(list(frame.columns)).index
    return frame.loc[order].reset_index(drop=True)


def test_a_frame_travels_unchanged():
    frame = pd.DataFrame(
        {
            "text": pd.Series(["é", None, "x"], dtype=object),
            "new": pd.Series(["a", None, "b"], dtype="str"),
            "n": [1, 2, 3],
            "x": [1.5, float("nan"), -0.0],
            "day": pd.to_datetime(["2026-01-01", None, "2026-03-01"]).astype("datetime64[s]"),
            "yes": [True, False, True],
            "nothing": pd.Series([None, None, None], dtype=object),
        }
    )
    frame.attrs = {"as_of": pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime(), "n": {"a": 1.0}}
    back = unpack(pack(frame))
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs == frame.attrs
    pd.testing.assert_frame_equal(unpack(pack(frame.iloc[:0])), frame.iloc[:0])


def raw_file(home: Path) -> duckdb.DuckDBPyConnection:
    """Open a copy: this process may have the file itself open, with other settings."""
    copy = home / "copy.duckdb"
    shutil.copy(max((home / "warehouse" / "snapshots").glob("*.duckdb")), copy)
    return duckdb.connect(str(copy), read_only=True)


def test_a_manager_sees_their_rows_in_whatever_they_ask(service: RunningService, home: Path):
    """Truth: the raw rows of the file, in plain SQL."""
    door = service.door(MANAGERS)
    with raw_file(home) as raw:
        own = "manager_id IN (3, 5)"
        deals = raw.execute(f"SELECT count(*) FROM deals WHERE {own}").fetchone()[0]
        everyone = raw.execute("SELECT count(*) FROM deals").fetchone()[0]
        pipeline, stays = raw.execute(
            "SELECT pipeline_id, count(visit) FROM deal_stage_stays WHERE deal_id IN"
            f" (SELECT deal_id FROM deals WHERE closed_on IS NOT NULL AND {own})"
            " GROUP BY ALL ORDER BY 2 DESC LIMIT 1"
        ).fetchone()
        won = raw.execute(f"SELECT sum(amount_base) FROM deals WHERE is_won AND {own}").fetchone()
        names = {
            name
            for (name,) in raw.execute(f"SELECT DISTINCT manager FROM deals WHERE {own}").fetchall()
        }
        found = raw.execute("SELECT min(deal_id) FROM deals WHERE manager_id NOT IN (3, 5)")
        other = found.fetchone()[0]
    assert 0 < deals < everyone
    assert len(door.rows("deals")) == deals
    assert set(metrics.query("won_revenue", by="manager", snapshot=door)["manager"]) <= names
    total = metrics.query("won_revenue", snapshot=door)
    assert total["won_revenue"].iloc[0] == pytest.approx(float(won[0]))
    ever = "not closed_on is null"
    moves = metrics.summary("moves", ever, snapshot=door, pipeline_id=pipeline)
    assert moves["moves"].sum() == stays > 0
    assert metrics.summary("deals_by_pipeline", snapshot=door)["deals"].sum() == deals
    assert set(door.read("values_of_manager")["value"]) == names
    # A filter cannot widen them, nor a dimension, nor a comparison.
    wide = metrics.query("deals", where="manager_id > 0 or is_open or not is_open", snapshot=door)
    assert wide["deals"].iloc[0] == deals
    assert door.read("deal", deal_id=other).empty


def test_a_department_is_its_people(service: RunningService, home: Path):
    with raw_file(home) as raw:
        department, count = raw.execute(
            "SELECT u.department_id, count(*) FROM deals AS d JOIN users AS u"
            " ON u.user_id = d.manager_id GROUP BY ALL ORDER BY ALL LIMIT 1"
        ).fetchone()
    assert len(service.door(Scope(departments=(department,))).rows("deals")) == count


def test_who_has_no_rows_sees_none(service: RunningService):
    door = service.door(Scope())
    assert door.rows("deals").empty
    assert metrics.query("won_revenue", snapshot=door)["won_revenue"].iloc[0] == 0


def test_what_has_no_owner_is_not_for_a_manager(service: RunningService):
    for metric in ("marketing_spend", "cac", "booked_revenue"):
        with pytest.raises(AccessRefused):
            metrics.query(metric, snapshot=service.door(MANAGERS))
    assert service.door(MANAGERS).sources()["rows"].isna().all()


def test_answers_are_shared_within_a_scope_and_never_across(service: RunningService):
    asked = {"by": "pipeline", "grain": "quarter"}
    first = service.door()
    began = time.perf_counter()
    whole = metrics.query("deals", snapshot=first, **asked)
    computed = time.perf_counter() - began
    began = time.perf_counter()
    again = metrics.query("deals", snapshot=service.door(), **asked)
    assert time.perf_counter() - began < max(computed, 0.05)
    pd.testing.assert_frame_equal(whole, again)
    part = metrics.query("deals", snapshot=service.door(MANAGERS), **asked)
    other = metrics.query("deals", snapshot=service.door(Scope(managers=(3,))), **asked)
    assert whole["deals"].sum() > part["deals"].sum() > other["deals"].sum()


def test_a_mistake_is_told_as_without_a_door(service: RunningService):
    for wrong in ({"by": "planet"}, {"where": "planet = 'x'"}, {"grain": "hour"}):
        with pytest.raises(QueryError) as direct:
            metrics.query("deals", snapshot=newest_snapshot(), **wrong)
        with pytest.raises(QueryError) as served:
            metrics.query("deals", snapshot=service.door(), **wrong)
        assert served.value.message == direct.value.message
    with pytest.raises(QueryError):
        service.door().rows("planets")


def test_its_sockets_key_and_log_are_private(service: RunningService, home: Path):
    assert stat.S_IMODE(service.folder.stat().st_mode) == 0o700
    sockets = [file for file in service.folder.glob("*.sock") if not file.is_symlink()]
    assert sockets
    assert {stat.S_IMODE(file.stat().st_mode) for file in sockets} == {0o600}
    assert stat.S_IMODE((home / "queries.key").stat().st_mode) == 0o600
    assert str(home) not in str(service.folder)


def test_a_process_with_a_door_opens_no_snapshot(service: RunningService, home: Path):
    code = (
        "import psutil, workbench as wb; from workbench.errors import AccessRefused\n"
        "print(wb.query('deals')['deals'].iloc[0])\n"
        "try:\n    wb.newest_snapshot()\nexcept AccessRefused:\n    print('refused')\n"
        "me = psutil.Process()\n"
        "print([f.path for f in me.open_files()], [m.path for m in me.memory_maps()])\n"
        "print(me.environ())"
    )
    given = os.environ | door_environment("page") | {"WORKBENCH_QUERIES": str(service.folder)}
    told = subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True
    ).stdout
    count, refused, *held = told.splitlines()
    assert int(count) == metrics.query("deals", snapshot=newest_snapshot())["deals"].iloc[0]
    assert refused == "refused"
    assert str(home / "warehouse") not in "".join(held)


def test_killed_it_is_back_and_nobody_notices(service: RunningService):
    """Times while other tests run are the machine's; the benchmark has the figure."""
    door = service.door()
    for number in range(3):
        (victim,) = service.processes()
        victim.kill()
        assert len(door.read("stages")) > 0
        assert metrics.query("deals", by="stage", where=f"deal_id > {number}", snapshot=door)[
            "n"
        ].sum()
    assert len(service.processes()) == 1


def test_a_kill_in_the_middle_of_a_query_is_answered_by_the_next_process(service: RunningService):
    doors = [service.door() for _n in range(8)]
    truth = metrics.query("won_revenue", by="customer", grain="month", snapshot=newest_snapshot())
    found: list[pd.DataFrame] = []

    def ask(number: int) -> None:
        where = f"deal_id > {-number}"  # an answer of its own
        found.append(
            metrics.query(
                "won_revenue", by="customer", grain="month", where=where, snapshot=doors[number]
            )
        )

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    (victim,) = service.processes()
    victim.kill()
    for thread in threads:
        thread.join(120)
    assert len(found) == 8
    for frame in found:
        assert frame["won_revenue"].sum() == pytest.approx(truth["won_revenue"].sum())


def test_a_process_that_is_told_to_leave_before_it_has_begun_answers_first(
    company_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = copied_home(company_home, tmp_path / "home")
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    with running_service(home, idle=1) as service:
        before = service.door()
        whole = len(before.rows("deals"))
        made = next_snapshot(home, 1, "DELETE FROM deals WHERE deal_id % 2 = 0")
        until(lambda: service.door().id == made)
        until(lambda: len(service.processes()) == 1)
        known, ended = {each.pid for each in service.processes()}, threading.Event()

        def hasten() -> None:
            while not ended.is_set():
                for pid in {each.pid for each in service.processes()} - known:
                    os.kill(pid, signal.SIGUSR1)
                    known.add(pid)

        hurry = threading.Thread(target=hasten)
        hurry.start()
        try:
            assert len(before.rows("deals", "deal_id > 0")) == whole
        finally:
            ended.set()
            hurry.join(10)
        assert len(known) == 2
        until(lambda: len(service.processes()) == 1)  # and leaves


def test_a_new_snapshot_takes_over_under_load_and_a_pinned_one_stays(
    company_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = copied_home(company_home, tmp_path / "home")
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    with running_service(home, idle=1) as service:
        before = service.door()
        whole = len(before.rows("deals"))
        ended, problems, seen = threading.Event(), [], set()

        def load() -> None:
            while not ended.is_set():
                try:
                    door = service.door()
                    seen.add((door.id, len(door.rows("deals"))))
                except Exception as error:
                    problems.append(error)

        threads = [threading.Thread(target=load) for _n in range(4)]
        for thread in threads:
            thread.start()
        made = next_snapshot(home, 1, "DELETE FROM deals WHERE deal_id % 2 = 0")
        until(lambda: service.door().id == made)
        until(lambda: len([each for each in seen if each[0] == made]) > 0)
        ended.set()
        for thread in threads:
            thread.join(60)
        assert not problems
        after = service.door()
        assert seen == {(before.id, whole), (made, len(after.rows("deals")))}
        assert len(after.rows("deals")) < whole
        # Who holds the old one keeps it; its process leaves, and comes back when it is asked.
        assert len(before.rows("deals", "is_open or not is_open")) == whole
        until(lambda: len(service.processes()) == 1)
        assert len(before.rows("deals", "deal_id > 0")) == whole
        assert len(service.door(name=before.id).rows("deals")) == whole
        # Not kept any more, and nobody at it: said so.
        until(lambda: len(service.processes()) == 1)
        (home / "warehouse" / "snapshots" / f"{before.id}.duckdb").unlink()
        until(lambda: not (service.folder / f"{before.id}.sock").exists())
        with pytest.raises(NoSnapshot):
            before.rows("deals")


def test_a_damaged_newest_snapshot_is_passed_over(
    company_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = copied_home(company_home, tmp_path / "home")
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    folder = home / "warehouse" / "snapshots"
    good = max(folder.glob("*.duckdb"))
    (folder / "20990101T000001Z-aaaaaa.duckdb").write_bytes(good.read_bytes()[: 1024 * 1024])
    with running_service(home) as service:
        door = service.door()
        assert door.id == good.stem
        assert "20990101T000001Z-aaaaaa" in door.warning


def test_a_second_keeper_waits_and_takes_over(
    company_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORKBENCH_HOME", str(copied_home(company_home, tmp_path / "home")))
    first, second = Keeper(), Keeper()
    try:
        first.begin()
        folder = Path(door_environment("x")["WORKBENCH_QUERIES"])
        until(lambda: (folder / "newest.sock").exists())
        second.begin()
        until(lambda: second.process is not None)
        door = Door(folder, make_token("x"))
        first.process.kill()  # dies hard; started again, unless the second is faster
        first.wanted = False
        first.process.wait(10)
        until(lambda: psutil.Process(second.process.pid).children())
        assert len(door.read("stages")) > 0
        assert len(Door(folder, make_token("x")).read("stages")) > 0
    finally:
        first.end()
        second.end()
    assert not list(folder.glob("*.sock"))


def test_it_ends_with_its_owner_and_leaves_nothing(
    company_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORKBENCH_HOME", str(copied_home(company_home, tmp_path / "home")))
    code = (
        "import sys, time; from workbench.metrics.service import keeper;"
        "keeper.keep_queries(); assert keeper.wait_for_queries();"
        "print(keeper._keeper.process.pid, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    supervisor = psutil.Process(int(owner.stdout.readline()))
    family = [supervisor, *supervisor.children()]
    assert len(family) == 2
    owner.kill()
    owner.wait()
    until(lambda: not any(each.is_running() for each in family), 20)


def test_without_a_service_the_door_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("workbench.metrics.service.door.PATIENCE", 0.3)
    with pytest.raises(ServiceUnavailable):
        Door(tmp_path, make_token("x"))


def test_analysts_read_the_snapshot_directly():
    assert isinstance(newest_data(), Snapshot)
