"""What the portal's memory keeps: through a bulk insert, a kill, a restart."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import command_line
import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.bitrix24.client import Portal
from workbench.bitrix24.sandbox.memory import database
from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.memory.opening import opened
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.new_portal import furnish
from workbench.bitrix24.sandbox.seed import seed_company
from workbench.bitrix24.sandbox.seed.generation import company
from workbench.errors import UsageError, WorkbenchError

TODAY = date(2026, 11, 2)


def dump(state):
    """Every table as it is stored, the portal's own settings included."""
    names = [name for (name,) in state.connection.execute("SELECT name FROM sqlite_master"
             " WHERE type = 'table' ORDER BY name")]  # fmt: skip
    return {name: state.connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def indexes(state):
    found = state.connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
    return {name for (name,) in found}


def pragma(state, name):
    return state.connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_columns_and_rows_are_stored_alike(tmp_path):
    by_columns, by_rows = (State(timezone="Europe/Paris") for _ in range(2))
    for state in (by_columns, by_rows):
        state.settings["member_id"] = "same"
    for name, rows in company("small", seed=3, today=TODAY):
        by_columns.insert_many(name, rows)
        by_rows.insert_many(name, list(rows))
    assert dump(by_columns) == dump(by_rows)


one = st.one_of(
    st.none(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.booleans(),
    st.sampled_from(["Y", "N", "2026-02-03", "2026-02-03T04:05:06+01:00", "03.02.2026", "1e3"]),
)
several = st.lists(one | st.lists(st.integers(), max_size=2), min_size=3, max_size=3)
NAMES = ("TITLE", "PROBABILITY", "OPPORTUNITY", "OPENED", "BEGINDATE", "DATE_CREATE", "UF_CRM_X")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), one | several, min_size=1))
def test_any_columns_are_stored_as_their_rows_would_be_or_refused_like_them(columns):
    table = Columns({"ID": [1, 2, 3], **columns}, 3)
    kept = []
    for rows in (table, list(table)):
        state = State()
        try:
            state.insert_many("deals", rows)
        except (ValueError, OverflowError, TypeError):
            assert state.count("deals") == 0
            kept.append("refused")
        else:
            kept.append(state.connection.execute("SELECT * FROM deals").fetchall())
        state.close()
    assert kept[0] == kept[1]


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match="TITLE: 1 values for 2 rows"):
        Columns({"ID": [1, 2], "TITLE": ["a"]}, 2)


def test_columns_read_as_rows():
    table = Columns({"ID": [1, 2, 3], "TITLE": "same", "OPPORTUNITY": [1.5, None, 2.0]}, 3)
    rows = [
        {"ID": 1, "TITLE": "same", "OPPORTUNITY": 1.5},
        {"ID": 2, "TITLE": "same", "OPPORTUNITY": None},
        {"ID": 3, "TITLE": "same", "OPPORTUNITY": 2.0},
    ]
    assert (list(table), len(table), table[1], table[-1], table[1:]) == (
        rows, 3, rows[1], rows[2], rows[1:],
    )  # fmt: skip


def test_a_bulk_that_fails_leaves_nothing_and_the_portal_goes_on(tmp_path):
    state = State(tmp_path / "portal.sqlite")
    before, with_indexes = dump(state), indexes(state)
    with pytest.raises(RuntimeError), state.bulk():
        state.insert_many("deals", [{"ID": 1, "TITLE": "a"}])
        raise RuntimeError("halfway")
    assert dump(state) == before
    assert indexes(state) == with_indexes
    assert (pragma(state, "journal_mode"), pragma(state, "synchronous")) == ("wal", 1)
    with state.bulk():
        state.insert_many("deals", [{"ID": 1, "TITLE": "a"}])
    assert state.count("deals") == 1
    assert indexes(state) == with_indexes
    assert (pragma(state, "journal_mode"), pragma(state, "synchronous")) == ("wal", 1)


def test_a_portal_in_memory_sorts_its_indexes_on_the_disk(monkeypatch):
    state, stores = State(), []
    declared = database.create_indexes

    def noted(connection, entity):
        stores.append(connection.execute("PRAGMA temp_store").fetchone()[0])
        declared(connection, entity)

    monkeypatch.setattr(database, "create_indexes", noted)
    with state.bulk():
        state.insert_many("deals", [{"ID": 1, "TITLE": "a"}])
    files, memory = 1, 2
    assert set(stores) == {files}
    assert (pragma(state, "temp_store"), pragma(state, "cache_size")) == (memory, -65536)
    state.close()


def test_what_was_declared_or_dropped_in_an_undone_call_is_as_before():
    state = State()
    furnish(state)
    kind = {"ID": 1, "TITLE": "Chantiers", "ENTITY_TYPE_ID": 1036}
    with pytest.raises(RuntimeError), state.whole():
        state.insert_many("types", [kind])
        assert state.count("items_1036") == 0
        raise RuntimeError
    assert "items_1036" not in state.entities and 1036 not in state.by_type
    state.insert_many("types", [kind])
    state.add("items_1036", {"TITLE": "kept"})
    with pytest.raises(RuntimeError), state.whole():
        state.entities.pop("items_1036")
        state.by_type.pop(1036)
        raise RuntimeError
    assert state.count("items_1036") == 1 and state.by_type[1036].name == "items_1036"


def test_everything_survives_a_restart(serve, tmp_path):
    file = tmp_path / "portal.sqlite"
    first = State(file, timezone="Asia/Tokyo")
    seed_company(first, "small", today=TODAY)
    first.settings["clock_shift"] = 86_400
    first.add_webhook(1, "secret", {"crm", "user"}, "mine")
    first.add_webhook(1, "secret", {"crm"}, "mine again")
    last = first.add("deals", {"TITLE": "last", "UF_CRM_ARCHITECTE": "Ünï"})
    assert first.delete("deals", last)
    before, members = dump(first), first.settings["member_id"]
    first.close()
    second = State(file)
    assert dump(second) == before
    assert second.settings["member_id"] == members
    assert second.zone == ZoneInfo("Asia/Tokyo")
    assert second.now() - datetime.now(UTC) > datetime.resolution * 86_000_000_000
    hooks = second.webhooks()
    assert [(h.user_id, h.code, h.scopes, h.title) for h in hooks] == [
        (1, "secret", frozenset({"crm"}), "mine again")
    ]
    assert "secret" not in repr(hooks)
    assert second.webhook(1, "secret") == hooks[0]
    assert second.webhook(2, "secret") is None
    assert second.add("deals", {"TITLE": "next"}) > last  # no id is used twice


def test_a_file_of_an_earlier_version_gets_the_indexes_of_this_one(tmp_path):
    first = State(tmp_path / "portal.sqlite")
    declared = indexes(first)
    first.connection.execute("CREATE INDEX deals_of_old ON deals (TITLE)")
    first.connection.execute("DROP INDEX deals_stage_id")
    first.close()
    second = State(tmp_path / "portal.sqlite")
    assert indexes(second) == declared
    assert "deals_stage_id" in declared


def test_a_file_of_an_earlier_version_keeps_each_value_in_its_column(tmp_path):
    first = State(tmp_path / "portal.sqlite")
    for column in ("TITLE", "COMMENTS"):  # as if they came with this version
        first.connection.execute(f'ALTER TABLE companies DROP COLUMN "{column}"')
    first.connection.execute("PRAGMA user_version=0")
    first.close()
    row = {"TITLE": "t", "COMMENTS": "c", "INDUSTRY": "IT", "UF_CRM_NOTE": "n"}
    second = State(tmp_path / "portal.sqlite")
    number = second.add("companies", row)
    assert second.get("companies", number).items() >= row.items()
    columns = {name: [value, value] for name, value in row.items()}
    second.insert_many("companies", Columns(columns, 2))
    assert all(found.items() >= row.items() for found in second.find("companies"))
    assert second.count("companies", {"TITLE": "t", "COMMENTS": "c"}) == 3


def test_a_file_of_a_later_version_is_refused_and_kept(tmp_path):
    file = tmp_path / "portal.sqlite"
    first = State(file)
    first.connection.execute("PRAGMA user_version=99")
    before = dump(first)
    first.close()
    with pytest.raises(UsageError, match="plus récente"):
        State(file)
    with closing(sqlite3.connect(file)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (99,)
        assert {
            name: kept.execute(f'SELECT * FROM "{name}"').fetchall() for name in before
        } == before


def test_the_database_of_another_program_is_refused_and_kept(tmp_path):
    file = tmp_path / "accounts.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.executescript("CREATE TABLE deals (x); INSERT INTO deals VALUES (1)")
    before = file.read_bytes()
    with pytest.raises(UsageError, match=r"accounts\.sqlite"):
        State(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_one_file_has_one_portal_and_a_killed_one_gives_it_back(tmp_path):
    file = tmp_path / "portal.sqlite"
    command = [sys.executable, "-m", "workbench", "sandbox", "start", "--port", "0"]
    command += ["--state", str(file)]
    with running_portal(tmp_path, "--state", str(file)) as portal:
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (second.returncode, second.stdout) == (2, "")
        assert f"Un autre portail utilise déjà {file}." in second.stderr
        with pytest.raises(UsageError), opened(file):
            pass
        assert httpx.get(f"{portal.url}profile").status_code == 200
        portal.process.kill()
    with opened(file) as state:
        assert state.count("users") == 1
    assert not file.with_name("portal.sqlite.lock").exists()


def fill_up(state, pages):
    """Let the disk be full after so many more pages."""
    state.connection.execute(f"PRAGMA max_page_count={pragma(state, 'page_count') + pages}")


def test_a_full_disk_is_told_by_the_file_and_leaves_the_portal_as_it_was(tmp_path):
    file = tmp_path / "portal.sqlite"
    with pytest.raises(WorkbenchError) as told, opened(file) as state:
        before, with_indexes = dump(state), indexes(state)
        fill_up(state, 20)
        seed_company(state, "small", today=TODAY)
    assert str(file) in told.value.message
    assert "full" in told.value.message
    with opened(file) as state:
        assert dump(state) == before
        assert indexes(state) == with_indexes
        title = "x" * 100_000
        fill_up(state, 2)
        with pytest.raises(sqlite3.OperationalError, match="full"):
            state.add("deals", {"TITLE": title})
        fill_up(state, 10_000)
        assert state.get("deals", state.add("deals", {"TITLE": title}))["TITLE"] == title
        assert state.count("deals") == 1
        assert pragma(state, "integrity_check") == "ok"


def test_a_portal_that_is_cut_off_while_it_is_furnished_is_furnished_later(tmp_path):
    def no_money(action, table, *_more):
        wanted = (action, table) == (sqlite3.SQLITE_INSERT, "currencies")
        return sqlite3.SQLITE_DENY if wanted else sqlite3.SQLITE_OK

    state = State(tmp_path / "portal.sqlite")
    state.connection.set_authorizer(no_money)
    with pytest.raises(sqlite3.DatabaseError):
        furnish(state)
    state.connection.set_authorizer(None)
    assert {name for name in state.entities if state.count(name)} == set()
    furnish(state)
    assert state.count("users") == state.count("departments") == state.count("currencies") == 1


@pytest.mark.parametrize(
    ("key", "value"), [("member_id", "{"), ("timezone", '"Mars/Base"'), ("timezone", "12")]
)
def test_settings_that_are_none_are_told_by_the_file(tmp_path, key, value):
    file = tmp_path / "portal.sqlite"
    first = State(file)
    first.connection.execute("INSERT OR REPLACE INTO portal_settings VALUES (?, ?)", (key, value))
    first.close()
    with pytest.raises(UsageError, match=r"portal\.sqlite"), opened(file):
        pass


def plan(state, name, filter):
    """How SQLite goes about a page in order of id."""
    seen = []
    state.connection.set_trace_callback(seen.append)
    state.find(name, filter, limit=50)
    state.connection.set_trace_callback(None)
    return [row[3] for row in state.connection.execute(f"EXPLAIN QUERY PLAN {seen[-1]}")]


@pytest.mark.parametrize(
    ("name", "filter"),
    [
        ("stage_history", {"ENTITY_TYPE_ID": 2, ">ID": 100}),
        ("activities", {"OWNER_TYPE_ID": 2, ">ID": 100}),
        ("product_rows", {"OWNER_TYPE": "D", ">ID": 100}),
        ("deals", {"@STAGE_ID": ["WON", "LOSE"], ">ID": 100}),
        ("deals", {"STAGE_ID": "WON", ">ID": 100}),
        ("deals", {">ID": 100, "%TITLE": "LED"}),
    ],
)
def test_keyset_pages_are_read_in_order_and_never_sorted(name, filter):
    state = State()
    seed_company(state, "small", today=TODAY)
    assert not [step for step in plan(state, name, filter) if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("name", "filter"),
    [
        ("stage_history", {"ENTITY_TYPE_ID": 2, "OWNER_ID": 5}),
        ("activities", {"OWNER_TYPE_ID": 2, "@OWNER_ID": [5, 6]}),
        ("product_rows", {"OWNER_TYPE": "D", "OWNER_ID": 5}),
        ("deals", {"COMPANY_ID": 5}),
    ],
)
def test_what_hangs_on_one_record_is_found_by_an_index(name, filter):
    state = State()
    seed_company(state, "small", today=TODAY)
    assert [step for step in plan(state, name, filter) if "USING INDEX" in step]


def test_a_company_has_as_many_deals_as_asked(start_portal):
    portal = start_portal("--company", "small", "--deals", "30")
    assert portal.call("crm.deal.list", {"filter": {"IS_RECURRING": "N"}}).json()["total"] == 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--deals", "30"], "--company"),
        (["--company", "small", "--deals", "0"], "--deals"),
        (["--company", "small", "--deals", "many"], "--deals"),
        (["--company", "small", "--request-limit", "0"], "--request-limit"),
        (["--company", "small", "--seed", "-1"], "--seed"),
        (["--mapping", "maven_crm"], "--load"),
        (["--company", "small", "--load", ".", "--mapping", "maven_crm"], "--load"),
        (["--today", "0001-01-01"], "0001-01-01"),
        (["--today", "9999-12-31"], "9999-12-31"),
        (["--url-file", "/no/such/folder/url"], "/no/such/folder/url"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said):
    command = [sys.executable, "-m", "workbench", "sandbox", "start", *options]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode != 0
    assert said in answer.stderr + answer.stdout
    assert "Traceback" not in answer.stderr


def test_a_smart_process_survives_a_restart_with_its_items(serve, tmp_path):
    file = str(tmp_path / "portal.sqlite")
    with serve("--state", file) as first:
        made = first.result("crm.type.add", {"fields": {"title": "Sites"}})["type"]["entityTypeId"]
        item = {"entityTypeId": made, "fields": {"title": "Site A"}}
        number = first.result("crm.item.add", item)["item"]["id"]
    with serve("--state", file) as second:
        got = second.result("crm.item.get", {"entityTypeId": made, "id": number})["item"]
        assert got["title"] == "Site A"


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 99])
def test_a_file_that_is_no_portal_is_refused_and_kept(tmp_path, content):
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        State(file)
    assert "notes.txt" in str(refused.value)
    assert file.read_bytes() == content


def test_a_count_is_remembered_until_the_next_write_and_long_filters_are_not_kept():
    state = State()
    seed_company(state, "small", today=TODAY)
    filter = {">=OPPORTUNITY": 1_000}
    truth = sum(row["OPPORTUNITY"] >= 1_000 for row in state.find("deals"))
    assert state.count("deals", filter) == state.count("deals", filter) == truth
    state.add("deals", {"OPPORTUNITY": 2_000.0})
    assert state.count("deals", filter) == truth + 1
    kept = len(state._counts)
    for first in range(50):
        ids = list(range(first, first + 500))
        assert state.count("deals", {"@ID": ids}) == sum(1 <= i <= 613 for i in ids)
    assert len(state._counts) == kept


def test_memory_does_not_grow_with_requests(tmp_path):
    with running_portal(tmp_path, *SMALL_COMPANY) as portal:
        process = psutil.Process(portal.process.pid)
        with httpx.Client(timeout=30) as http:

            def ask(first, count):
                for number in range(first, first + count):
                    # Filters, names and callers never seen before, as a year of work would bring.
                    pages = {
                        f"c{n}": f"crm.deal.list?start={-(n % 2)}&filter[>ID]={n}"
                        f"&filter[<OPPORTUNITY]={number}.{n}&filter[%25TITLE]=x{number}"
                        for n in range(50)
                    }
                    answer = http.post(f"{portal.url}batch", json={"cmd": pages}).json()
                    assert answer["result"]["result_error"] == []
                    http.get(f"{portal.base}/rest/1/{number}/x{number}")
                    http.post(f"{portal.url}crm.deal.get{number}", json={f"p{number}": number})

            ask(0, 60)
            before = process.memory_info().rss
            ask(60, 120)
            grown = process.memory_info().rss - before
    assert grown < 8_000_000, f"{grown:,} bytes"


def test_a_look_into_the_file_from_outside_costs_no_later_write(tmp_path):
    """SQLite's locks are of the process: a stray close of the file would give them up."""
    file = tmp_path / "portal.sqlite"
    with running_portal(tmp_path, *SMALL_COMPANY, "--state", str(file)):
        pass
    (tmp_path / "portal.url").unlink()
    with running_portal(tmp_path, *SMALL_COMPANY, "--state", str(file)) as portal:
        with closing(sqlite3.connect(file)) as outside:  # the last to close deletes the log
            outside.execute("SELECT count(*) FROM deals").fetchone()
        with Portal(portal.url, "unlimited") as client:
            for deal in range(1, 21):
                client.call("crm.deal.update", {"id": deal, "fields": {"TITLE": f"seen {deal}"}})
    with closing(sqlite3.connect(file)) as outside:
        (seen,) = outside.execute("SELECT count(*) FROM deals WHERE TITLE LIKE 'seen %'").fetchone()
    assert seen == 20


def test_an_empty_name_is_no_file(tmp_path):
    done = command_line.workbench("sandbox", "start", "--port", "0", "--state", "", timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_what_was_counted_and_known_within_what_is_undone_is_forgotten():
    state = State()
    furnish(state)
    before = len(state.fields("deals"))
    with pytest.raises(ZeroDivisionError), state.whole():
        state.add("deals", {"TITLE": "undone"})
        state.add("user_fields", {"ENTITY_ID": "CRM_DEAL", "FIELD_NAME": "UF_CRM_X"})
        assert (state.count("deals"), len(state.fields("deals"))) == (1, before + 1)
        raise ZeroDivisionError
    assert (state.count("deals"), len(state.fields("deals"))) == (0, before)
