"""Rate, operating time and the limit of one request, against figures worked out by hand."""

import http.server
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import command_line
import pytest

from workbench.bitrix24.sandbox.rest.accounts import PLANS, Accounts, Bucket, Operating, cost

COUNT = 49.803 / 2_390_000  # seconds a row: the documentation's 49.9 s less 0.097 s of the page


# -- the leaky bucket -----------------------------------------------------------------------


def bucket(plan):
    leak, limit = PLANS[plan]
    return Bucket(leak, limit, 0.0)


def test_the_standard_bucket_holds_fifty_and_loses_two_a_second():
    standard = bucket("standard")
    assert [standard.admit(0.0) for _ in range(52)] == [True] * 50 + [False] * 2
    assert standard.admit(0.25) is False  # 49.5 in it
    assert standard.admit(0.5) is True  # 49, and this one makes it full
    assert standard.admit(0.75) is False
    assert [standard.admit(10.75) for _ in range(21)] == [True] * 20 + [False]  # 29.5 left


def test_the_enterprise_bucket_holds_250_and_loses_five_a_second():
    enterprise = bucket("enterprise")
    assert sum(enterprise.admit(0.0) for _ in range(300)) == 250
    assert [enterprise.admit(1.0) for _ in range(6)] == [True] * 5 + [False]
    assert sum(enterprise.admit(1000.0) for _ in range(300)) == 250  # never below empty


def test_a_clock_that_is_set_back_fills_no_bucket():
    standard = bucket("standard")
    assert standard.admit(1_000.0)
    assert sum(standard.admit(0.0) for _ in range(60)) == 49


def test_a_request_each_half_second_is_never_refused():
    standard = bucket("standard")
    assert all(standard.admit(n / 2) for n in range(2_000))


def test_each_address_has_a_bucket_of_its_own_and_ten_thousand_are_remembered():
    accounts = Accounts("standard", None)
    began = time.monotonic()
    assert sum(accounts.admit("10.0.0.1") for _ in range(60)) >= 50
    assert accounts.admit("10.0.0.2")
    for number in range(10_050):
        accounts.admit(f"10.1.{number}")
    assert len(accounts.buckets) == 10_000
    # The full one is not what was forgotten: only what has leaked since fits in.
    admitted = sum(accounts.admit("10.0.0.1") for _ in range(50))
    assert admitted <= 2 * (time.monotonic() - began)
    assert all(Accounts("unlimited", None).admit("10.0.0.1") for _ in range(1_000))


# -- operating time -------------------------------------------------------------------------


def test_baskets_are_minutes_and_the_oldest_leaves_ten_minutes_after_its_first_call():
    used = Operating()
    used.add(30.0, 100.0)
    used.add(59.0, 50.0)  # the same minute
    used.add(60.0, 200.0)  # the next one
    assert used.used(60.0) == 350.0
    assert used.reset_at(60.0) == 630.0
    assert used.used(629.0) == 350.0
    assert used.used(630.0) == 200.0  # the whole first basket has left, not its first call alone
    assert used.reset_at(630.0) == 660.0
    assert used.used(660.0) == 0.0
    assert used.reset_at(700.0) == 1300.0


def test_the_cost_of_a_page_is_the_documented_pair_and_proportional_between():
    assert cost("crm.deal.list", counted=2_390_000, paged=True) == pytest.approx(49.9)
    assert cost("crm.deal.list", counted=0, paged=True) == 0.097
    assert cost("crm.deal.list", counted=239_000, paged=True) == pytest.approx(0.097 + 4.9803)
    assert cost("crm.deal.list", counted=1_000_000, paged=True) == pytest.approx(20.935, abs=0.001)
    assert cost("crm.deal.get", counted=0, paged=False) == 0.03
    assert cost("crm.item.update", counted=0, paged=False) == 0.17


def lines(portal):
    answer = command_line.workbench("sandbox", "stats", portal.url, "--json", check=True)
    assert portal.url.rstrip("/").rsplit("/", 1)[-1] not in answer.stdout
    figures = json.loads(answer.stdout)
    return figures, {(line["caller"], line["method"]): line for line in figures["methods"]}


def test_stats_tell_requests_commands_rows_and_seconds_of_each_method_and_caller(start_portal):
    portal = start_portal("--plan", "unlimited")
    titles = ("a", "b", "c")
    portal.result("batch", {"cmd": {t: f"crm.deal.add?fields[TITLE]={t}" for t in titles}})
    portal.result("crm.deal.list")
    portal.result("crm.deal.list", {"filter": {"TITLE": "a"}})  # the table is counted all the same
    portal.result("crm.deal.list", {"start": -1})
    pages = {"all": "crm.deal.list?start=-1", "one": "crm.deal.list?filter[TITLE]=b"}
    portal.result("batch", {"cmd": pages | {"no": "crm.deal.get?id=99", "what": "no.method"}})
    other = portal.webhook(1)  # "webhooks of user 1" are one caller in the figures
    other.result("crm.deal.get", {"id": 1})
    figures, by = lines(portal)
    me = "webhook of user 1"
    assert by[me, "crm.deal.list"] == {
        "caller": me, "method": "crm.deal.list", "requests": 3, "inner": 2, "calls": 5,
        "rows": 3 + 1 + 3 + 3 + 1, "operating": pytest.approx(5 * 0.097 + 3 * 3 * COUNT, abs=1e-6),
        "refused": 0, "timed_out": 0,
    }  # fmt: skip
    add, get, batch = (by[me, f"{name}"] for name in ("crm.deal.add", "crm.deal.get", "batch"))
    assert (add["requests"], add["inner"], add["operating"]) == (0, 3, 0.51)
    # One get was refused for its own reason: run, but it never came to cost anything.
    assert (get["requests"], get["inner"], get["calls"], get["operating"]) == (1, 1, 2, 0.03)
    assert (batch["requests"], batch["inner"], batch["operating"]) == (2, 0, 0)
    assert figures["requests"] == 6
    assert figures["rows"] == 11
    assert figures["operating"] == pytest.approx(0.51 + 0.03 + 0.485 + 9 * COUNT, abs=1e-6)
    # What is off is accounted, but clients are told nothing of it.
    assert portal.call("crm.deal.list").json()["time"]["operating"] == 0


@pytest.mark.parametrize(
    ("language", "word", "caller"),
    [
        ("fr", "Requêtes", "webhook utilisateur 1"),
        ("en", "Requests", "webhook of user 1"),
    ],
)
def test_stats_are_a_table_that_fits_a_terminal(empty, language, word, caller):
    empty.result("crm.deal.list")
    answer = command_line.workbench(
        "sandbox",
        "stats",
        empty.url,
        env={**os.environ, "WORKBENCH_LANGUAGE": language, "COLUMNS": "80"},
        check=True,
    )
    assert word in answer.stdout
    assert caller in answer.stdout
    assert "  crm.deal.list " in answer.stdout
    assert "…" not in answer.stdout  # long names go on in the next line
    assert all(len(line) <= 80 for line in answer.stdout.splitlines())


def test_strangers_and_invented_methods_do_not_lengthen_the_figures(start_portal):
    portal = start_portal("--plan", "unlimited")
    for number in range(5):
        portal.http.get(f"{portal.base}/rest/1/wrong{number}/profile")
        portal.call(f"no.such.method{number}")
    _figures, by = lines(portal)
    assert set(by) == {("unidentified", "profile"), ("webhook of user 1", "")}
    assert all(line["requests"] == 5 for line in by.values())


def test_refusals_by_rate_are_counted_for_who_was_refused(start_portal):
    portal = start_portal("--plan", "standard")
    answers = [portal.call("server.time").status_code for _ in range(60)]
    _figures, by = lines(portal)
    line = by["webhook of user 1", "server.time"]
    assert answers.count(503) > 0
    assert (line["requests"], line["refused"]) == (60, answers.count(503))
    assert line["calls"] == answers.count(200)


def test_point_33_the_call_that_crosses_the_limit_is_answered_the_next_one_refused(start_portal):
    # [?] "terminated" in the text, completed in the example: completed here.
    portal = start_portal("--plan", "unlimited", "--operating", "1")
    page = {"start": -1}
    answers = [portal.call("crm.deal.list", page) for _ in range(14)]
    # Ten pages cost 0.97 s, the eleventh 1.067 s: that one crosses.
    assert [a.status_code for a in answers] == [200] * 11 + [429] * 3
    told = [a.json()["time"]["operating"] for a in answers[:11]]
    assert told == [pytest.approx(0.097 * n) for n in range(1, 12)]
    reset = answers[0].json()["time"]["operating_reset_at"]
    assert 0 < reset - time.time() <= 600
    batch = portal.result("batch", {"cmd": {"d": "crm.deal.list", "l": "crm.lead.list"}})
    assert batch["result_error"]["d"]["error"] == "OPERATION_TIME_LIMIT"
    assert "l" in batch["result"]
    other = portal.webhook(1)
    assert other.call("crm.deal.list", page).status_code == 200  # the limit is each webhook's own
    _figures, by = lines(portal)
    assert by["webhook of user 1", "crm.deal.list"]["refused"] == 4
    portal.control("clock", {"advance": 600})
    assert portal.call("crm.deal.list", page).status_code == 200


def test_a_request_that_costs_too_much_ends_with_504_and_keeps_what_it_had_written(start_portal):
    portal = start_portal("--plan", "unlimited", "--operating", "480", "--request-limit", "1")
    commands = {f"c{n}": f"crm.deal.add?fields[TITLE]={n}" for n in range(9)}
    began = time.monotonic()
    answer = portal.call("batch", {"cmd": commands})
    assert answer.status_code == 504
    assert time.monotonic() - began < 1  # nobody waits
    # Five writes cost 0.85 s, the sixth 1.02 s: it was the last one run.
    titles = [row["TITLE"] for row in portal.result("crm.deal.list", {"order": {"ID": "ASC"}})]
    assert titles == ["0", "1", "2", "3", "4", "5"]
    _figures, by = lines(portal)
    assert by["webhook of user 1", "batch"]["timed_out"] == 1
    assert by["webhook of user 1", "crm.deal.add"]["operating"] == 1.02


def test_in_real_time_callers_wait_side_by_side_for_what_their_calls_cost(start_portal):
    portal = start_portal("--plan", "unlimited", "--real-time", "--request-limit", "1")
    commands = {f"c{n}": f"crm.deal.add?fields[TITLE]={n}" for n in range(5)}

    def timed(_n):
        began = time.monotonic()
        status = portal.call("batch", {"cmd": commands}).status_code
        return status, time.monotonic() - began

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(timed, range(4)))
    assert [status for status, _seconds in answers] == [200] * 4
    assert all(seconds >= 0.84 for _status, seconds in answers)
    assert time.monotonic() - began < 4 * 0.85
    began = time.monotonic()
    long = {f"c{n}": f"crm.deal.add?fields[TITLE]={n}" for n in range(9)}
    assert portal.call("batch", {"cmd": long}).status_code == 504
    assert time.monotonic() - began >= 0.99


@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "much", ""])
def test_an_operating_limit_that_is_none_is_refused(value):
    answer = command_line.workbench("sandbox", "start", f"--operating={value}", timeout=60)
    assert answer.returncode != 0
    assert "--operating" in answer.stderr + answer.stdout
    assert "Traceback" not in answer.stderr


def asked(address):
    """What ``stats`` says of an address that is no portal's."""
    return command_line.workbench(
        "sandbox", "stats", address, "--json", env={**os.environ, "WORKBENCH_LANGUAGE": "en"}
    )


@pytest.mark.parametrize("address", ["foo", "http://[::1"])
def test_what_is_no_address_is_told_as_that(address):
    done = asked(address)
    assert done.returncode == 2
    assert f"“{address}” is no address of a portal." in done.stderr
    assert "Traceback" not in done.stderr


class Other(http.server.BaseHTTPRequestHandler):
    """Another server, which knows every address and answers something."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"methods": []}')

    def log_message(self, *_of):
        """Say nothing."""


def test_another_server_is_no_portal_and_no_password_is_printed():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        done = asked(f"http://me:hidden@127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert done.returncode == 1
    assert f"127.0.0.1:{server.server_port} is not a running sandbox portal" in done.stderr
    assert "hidden" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
