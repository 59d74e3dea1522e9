"""What a hostile or broken client sends the query service, and that it harms nobody else."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_service import RunningService, copied_home, next_snapshot, running_service, until

from workbench import metrics
from workbench.errors import AccessRefused, QueryError, ServiceUnavailable
from workbench.metrics.service.frames import LENGTH
from workbench.metrics.service.requests import LARGEST_REQUEST, parse_request
from workbench.metrics.service.vault import Reading, Vault, reading
from workbench.metrics.service.viewers import EVERYTHING, Scope, Viewer, load_key, make_token
from workbench.warehouse import newest_snapshot

DEALS = {"kind": "metrics", "metrics": ["deals"]}
MANAGER = Scope(managers=(3,))


def kind(head: dict) -> str:
    return head.get("failure", {}).get("kind", "answered")


def forged() -> list[object]:
    """Tokens that nobody made: another key's, changed ones, and things that are none."""
    good = make_token("me")
    claims = Viewer(id="x" * 20, name="me", scope=EVERYTHING, ends=time.time() + 60)
    own = Fernet(Fernet.generate_key()).encrypt(claims.model_dump_json().encode()).decode()
    unread = Fernet(load_key()).encrypt(b'{"scope": {"everything": true}}').decode()
    changed = [good[:n] + ("A" if good[n] != "A" else "B") + good[n + 1 :] for n in (0, 20, 90, -5)]
    return [own, unread, *changed, good[:-1], good * 100, "é", "null", "a.b.c"]


def test_without_a_token_nothing_is_told(service: RunningService):
    for token in (None, "", 0, [], {}, True):
        for request in (DEALS, "facts"):
            head = service.ask(token, request)
            assert kind(head) == "refused"
            assert head.keys() == {"failure"}


def test_a_forged_token_opens_nothing(service: RunningService):
    for token in forged():
        assert kind(service.ask(token, DEALS)) == "refused"


def test_an_expired_token_opens_nothing(service: RunningService):
    assert kind(service.ask(make_token("me", lifetime=-1), DEALS)) == "refused"
    short = make_token("me", lifetime=1)
    assert kind(service.ask(short, DEALS)) == "answered"
    until(lambda: kind(service.ask(short, DEALS)) == "refused", 10)


def test_a_token_is_no_use_in_another_process(service: RunningService):
    token = make_token("victim")
    code = (
        "import sys; sys.path.insert(0, sys.argv[3])\n"
        "from pathlib import Path; from workbench.metrics.service.door import Door\n"
        "from workbench.errors import AccessRefused\n"
        "try:\n    print(len(Door(Path(sys.argv[1]), sys.argv[2]).read('stages')))\n"
        "except AccessRefused as error:\n    print('refused')"
    )

    def elsewhere() -> str:
        return subprocess.run(
            [sys.executable, "-c", code, str(service.folder), token, "."],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert kind(service.ask(token, DEALS)) == "answered"
    assert elsewhere() == "refused"
    token = make_token("victim")
    assert int(elsewhere()) > 0
    assert kind(service.ask(token, DEALS)) == "refused"


def test_another_visitors_answer_cannot_be_had_by_asking_for_it(service: RunningService):
    """What one visitor was answered is kept, but not for another scope."""
    asked = {"kind": "rows", "model": "deals", "where": "amount_base > 0"}
    whole = len(service.door().rows("deals", "amount_base > 0"))
    for extra in ({}, {"scope": "everything"}, {"viewer": "admin"}, {"language": "en"}):
        head = service.ask(make_token("me", MANAGER), asked | extra)
        assert kind(head) == ("query" if extra else "answered")
    own = service.door(MANAGER).rows("deals", "amount_base > 0")
    assert set(own["manager_id"]) == {3}
    assert len(own) < whole


HOSTILE_FILTERS = [
    "1=1",
    "'a' = 'a'",
    "true",
    "deal_id = deal_id",
    "deal_id > 0; DROP TABLE deals",
    "deal_id > 0 -- ",
    "deal_id > 0 /* x */",
    "source = 'a' union select * from users",
    "source in (select email from users)",
    "exists (select 1 from users)",
    "read_csv('/etc/passwd') is not null",
    "source = (select content from read_text('/etc/passwd'))",
    "source = getenv('HOME')",
    "source = 'a' || (select 1)",
    "cast(deal_id as varchar) = '1'",
    "deal_id::varchar = '1'",
    "data.main.deals.manager_id > 0",
    "m.manager_id > 0",
    "deals.manager_id > 0",
    "source = $timezone",
    "source = ?",
    "source = 'it''s' or 1=1",
    "source like 'a' escape 'b' or true",
    "source = 'a\0b'",
    "[1,2][1] = 1",
    "case when true then true end",
    "row_number() over () = 1",
    "source = e'\\x41'",
    "source = ''' or ''1''=''1' = true",
    '"source" = "manager"',
    "(" * 60 + "is_open" + ")" * 60,
    "not " * 500 + "is_open",
    "deal_id in (" + ", ".join(map(str, range(501))) + ")",
    "source in (" + ", ".join(["'x'"] * 900) + ")",
    "x" * 4001,
]


@pytest.mark.parametrize("where", HOSTILE_FILTERS, ids=lambda text: text[:40])
def test_a_hostile_filter_is_refused_and_shows_nobody_elses_rows(
    service: RunningService, where: str
):
    door = service.door(MANAGER)
    for ask in (
        lambda: metrics.query("deals", where=where, by="manager", snapshot=door),
        lambda: door.rows("deals", where),
    ):
        with pytest.raises(QueryError):
            ask()
    assert kind(service.ask(make_token("me", MANAGER), DEALS)) == "answered"


def test_a_long_chain_is_only_a_long_chain(service: RunningService):
    door = service.door(MANAGER)
    long = metrics.query("deals", where="is_open and " * 300 + "is_open", snapshot=door)
    assert long["n"].iloc[0] == metrics.query("deals", where="is_open", snapshot=door)["n"].iloc[0]


def test_quotes_and_odd_letters_are_only_values(service: RunningService):
    door = service.door(MANAGER)
    for value in ("it''s", "”; --", "é\u202e", "%", "'' or ''1''=''1", "\\", "$1", "{x}"):
        assert metrics.query("deals", where=f"source = '{value}'", snapshot=door)["n"].iloc[0] == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.recursive(
        st.sampled_from(
            [
                "1=1",
                "is_open",
                "deal_id > 0",
                "manager_id = 5",
                "source is null",
                "x = 1",
                "select 1",
            ]
        ),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or", "union", ";", ","]), inner).map(
                " ".join
            ),
            inner.map("({})".format),
            inner.map("not {}".format),
            inner.map("({}) is not true".format),
        ),
        max_leaves=8,
    )
)
def test_no_filter_reaches_beyond_the_scope(service: RunningService, where: str):
    try:
        found = service.door(MANAGER).rows("deals", where)
    except QueryError:
        return
    assert set(found["manager_id"]) <= {3}


REFUSED_REQUESTS = [
    {},
    [],
    "",
    "facts ",
    "null",
    "{",
    '"' * 1000,
    "[" * 30_000,
    '{"a":' * 5_000,
    {"kind": "sql", "sql": "select 1"},
    {"kind": "metrics"},
    {"kind": "metrics", "metrics": []},
    {"kind": "metrics", "metrics": ["deals"] * 61},
    {"kind": "metrics", "metrics": ["read_csv('/etc/passwd')"]},
    {"kind": "metrics", "metrics": ["deals"], "by": ["read_text('/etc/passwd')"]},
    {"kind": "metrics", "metrics": ["deals"], "by": ["source); ATTACH '/tmp/x' --"]},
    {"kind": "metrics", "metrics": ["deals"], "by": ["source"] * 9},
    {"kind": "metrics", "metrics": ["deals"], "sql": "select 1"},
    {"kind": "metrics", "metrics": ["deals"], "segment": "../../etc/passwd"},
    {"kind": "metrics", "metrics": ["deals"], "segment": "nobody"},
    {"kind": "metrics", "metrics": ["deals"], "grain": "day'"},
    {"kind": "metrics", "metrics": ["deals"], "period": "1=1"},
    {
        "kind": "metrics",
        "metrics": ["deals"],
        "period": {"start": "2026-02-01", "end": "2026-01-01"},
    },
    {"kind": "metrics", "metrics": ["deals"], "compare": "x"},
    {"kind": "metrics", "metrics": ["deals"], "where": 1},
    {"kind": "rows", "model": "users"},
    {"kind": "rows", "model": "read_csv"},
    {"kind": "rows", "model": "'/etc/passwd'"},
    {"kind": "rows", "model": "data.main.users"},
    {"kind": "read", "name": "ATTACH"},
    {"kind": "read", "name": "stages", "values": {"x": 1}},
    {"kind": "read", "name": "deal"},
    {"kind": "read", "name": "deal", "values": {"deal_id": "1 or 1=1"}},
    {"kind": "read", "name": "deal", "values": {"deal_id": True}},
    {"kind": "read", "name": "deal", "values": {"deal_id": 2**70}},
    {"kind": "read", "name": "deal", "values": {"deal_id": [1]}},
    {"kind": "read", "name": "deal", "values": {"deal_id": "2026-01-01"}},
]


@pytest.mark.parametrize("request_", REFUSED_REQUESTS, ids=lambda each: str(each)[:50])
def test_what_is_no_request_is_refused_in_one_line(service: RunningService, request_: object):
    head = service.ask(make_token("me"), request_)
    assert kind(head) in ("query", "parameter")
    assert "\n" not in head["failure"]["message"]
    assert "Traceback" not in str(head)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_bytes_are_a_request_by_chance(noise: bytes):
    with pytest.raises(QueryError):
        parse_request(noise)


def test_what_is_no_message_harms_nobody(service: RunningService):
    for message in (b"", b"x", b"\xff" * 100, b"{}", b"[]", b'{"token": 1}', b"\0" * 1000):
        assert kind(service.send(message)) == "refused"
    for start in (
        LENGTH.pack(2**63),
        LENGTH.pack(LARGEST_REQUEST + 1) + b"x" * 100,
        b"\xff" * 8,
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with service.connection() as connection:
            connection.sendall(start)
            assert connection.recv(1) == b""  # closed
    assert kind(service.ask(make_token("me"), DEALS)) == "answered"


def test_who_says_half_of_it_is_let_go_and_others_are_served(service: RunningService):
    slow = [service.connection() for _n in range(50)]
    for connection in slow:
        connection.sendall(LENGTH.pack(500) + b'{"token"')
    began = time.perf_counter()
    assert kind(service.ask(make_token("me"), DEALS)) == "answered"
    assert time.perf_counter() - began < 8
    for connection in slow:
        assert connection.recv(1) == b""
        connection.close()


def test_two_hundred_clients_at_once_are_all_answered(service: RunningService):
    direct = newest_snapshot()
    truth = {
        number: metrics.query("deals", where=f"deal_id > {number}", snapshot=direct)["deals"].iloc[
            0
        ]
        for number in range(0, 500, 25)
    }

    def ask(number: int) -> bool:
        door = service.door()
        where = f"deal_id > {number}"
        return metrics.query("deals", where=where, snapshot=door)["deals"].iloc[0] == truth[number]

    gate = threading.Barrier(200)

    def at_once(number: int) -> bool:
        gate.wait(60)
        return ask(number)

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(at_once, [number for number in truth for _n in range(10)]))
    assert answers == [True] * 200


FORBIDDEN = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/*')",
    "ATTACH '/tmp/other.duckdb' AS other",
    "COPY deals TO '/tmp/deals.csv'",
    "EXPORT DATABASE '/tmp/all'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET memory_limit",
    "SET memory_limit = '10GB'",
    "SET temp_directory = '/tmp'",
    "PRAGMA database_list; ATTACH '/tmp/x'",
    "DELETE FROM data.main.deals",
    "DROP TABLE data.main.deals",
    "CREATE TABLE data.main.more AS SELECT 1",
]


@pytest.fixture(scope="module")
def vault(home: Path) -> Vault:
    """The inside of a service, with a file of its own: this process may have the other open."""
    file = home / "inside.duckdb"
    file.write_bytes(max((home / "warehouse" / "snapshots").glob("*.duckdb")).read_bytes())
    return Vault(file, memory="100MB", threads=2)


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_even_sql_could_neither_read_a_file_nor_attach_nor_change(vault: Vault, sql: str):
    """Nobody can send SQL; this is the second wall."""
    reading.set(Reading(20))
    for scope in (EVERYTHING, MANAGER):
        with pytest.raises((QueryError, AccessRefused)):
            vault.scoped(scope).query(sql)


def test_a_query_that_needs_ten_gigabytes_ends_and_others_go_on(vault: Vault):
    before = psutil.Process().memory_info().rss
    snapshot = vault.scoped(EVERYTHING)
    for sql in (
        "SELECT count(*) FROM (SELECT DISTINCT hash(i), i || 'x' FROM range(400000000) AS t(i))",
        "SELECT list(i) FROM range(1300000000) AS t(i)",
        "SELECT * FROM range(600000000) AS t(i) ORDER BY hash(i)",
    ):
        reading.set(Reading(30))
        with pytest.raises(ServiceUnavailable) as told:
            snapshot.query(sql)
        assert re.search("mémoire|a duré", told.value.message)  # a busy machine is too slow
        reading.set(Reading(20))
        assert len(snapshot.read("stages")) > 0
    assert psutil.Process().memory_info().rss - before < 700 * 1024**2
    reading.set(Reading(120))
    with pytest.raises(QueryError, match="256"):
        snapshot.query("SELECT * FROM range(40000000) AS t(i)")


@pytest.fixture(scope="module")
def large(company_home: Path, tmp_path_factory: pytest.TempPathFactory):
    """A service of 120,000 deals with little time and memory for each query."""
    home = copied_home(company_home, tmp_path_factory.mktemp("large"))
    next_snapshot(
        home,
        1,
        "INSERT INTO deals SELECT d.* REPLACE (d.deal_id + 1000 * (n + 1) AS deal_id)"
        " FROM deals AS d, range(200) AS t(n)",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        limits = {"WORKBENCH_QUERY_SECONDS": "20", "WORKBENCH_QUERY_MEMORY": "40MB"}
        with running_service(home, **limits) as running:
            yield running


@pytest.fixture
def on_large(large: RunningService, monkeypatch: pytest.MonkeyPatch) -> RunningService:
    monkeypatch.setenv("WORKBENCH_HOME", str(large.home))
    return large


GREEDY = {"by": ["customer", "product", "recency_score", "manager"], "grain": "day"}


def test_what_takes_too_long_or_too_much_is_stopped(on_large: RunningService):
    (process,) = on_large.processes()
    door = on_large.door()
    began = time.perf_counter()
    with pytest.raises((ServiceUnavailable, QueryError)):
        metrics.query("deals", snapshot=door, **GREEDY)
    assert time.perf_counter() - began < 60
    assert process.is_running()
    assert len(door.read("stages")) > 0
    assert process.memory_info().rss < 900 * 1024**2


def ask_and_hold(service: RunningService, request: dict) -> socket.socket:
    connection = service.connection()
    body = {"token": make_token("me"), "language": "en", "request": json.dumps(request)}
    message = json.dumps(body).encode()
    connection.sendall(LENGTH.pack(len(message)) + message)
    return connection


def test_a_query_ends_with_its_asker(on_large: RunningService):
    (process,) = on_large.processes()
    for _n in range(8):
        ask_and_hold(on_large, {"kind": "metrics", "metrics": ["deals"], **GREEDY}).close()
    time.sleep(1.5)

    def is_quiet() -> bool:
        before = sum(process.cpu_times()[:2])
        time.sleep(0.3)
        return sum(process.cpu_times()[:2]) - before < 0.05

    # They would go on for their twenty seconds otherwise.
    until(is_quiet, 15)
    assert len(on_large.door().read("stages")) > 0


def test_a_client_that_stops_reading_is_dropped_and_holds_nobody_up(on_large: RunningService):
    rows = {"kind": "rows", "model": "deals", "where": "deal_id < 12000"}
    deaf = [ask_and_hold(on_large, rows) for _n in range(20)]
    for number in range(3):
        assert len(on_large.door().rows("deals", f"deal_id = {number + 10}")) <= 1
    time.sleep(11)
    for connection in deaf:
        connection.settimeout(30)
        got = 0
        try:
            while part := connection.recv(1 << 20):
                got += len(part)
        except ConnectionError:
            pass
        connection.close()
        assert got < 1_000_000  # the answer has some megabytes; the rest was never sent
    (process,) = on_large.processes()
    until(lambda: len(process.net_connections("unix")) < 10)


def test_the_log_tells_of_refusals_and_holds_no_token(service: RunningService, home: Path):
    token = make_token("me", lifetime=-5)
    service.ask(token, DEALS)
    log = (home / "logs" / "queries.log").read_text()
    assert "refused" in log
    assert token not in log
    assert str(os.getpid()) in log


def test_a_frame_too_large_for_the_cache_is_still_answered(on_large: RunningService):
    door = on_large.door()
    found = [door.rows("deals", "deal_id < 8000") for _n in range(2)]
    pd.testing.assert_frame_equal(*found)
