"""The client against a real sandbox portal, and against a server that answers as it is told."""

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import parse_qsl

import httpx
import pytest
from answering import Answering, answering, fine, refused
from hypothesis import given
from hypothesis import strategies as st
from sandbox_portal import running_portal

from workbench import errors
from workbench.bitrix24.client import Portal
from workbench.bitrix24.commands import only_reads, query_string
from workbench.bitrix24.redaction import redact
from workbench.bitrix24.webhook import parse_webhook


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as running:
        yield running


@pytest.fixture
def told(server: Answering) -> Iterator[Portal]:
    with Portal(server.url, "unlimited", patience=8) as portal:
        yield portal


# Against the sandbox


def test_a_call_gives_its_result(portal):
    with Portal(portal.url, "unlimited") as bitrix:
        assert bitrix.call("profile")["ID"] == "1"
        assert bitrix.call("crm.deal.get", {"id": 2})["ID"] == "2"
        assert bitrix.requests == 2


def test_batch_answers_come_in_order_however_many_there_are(portal):
    ids = [*range(90, 30, -1), *range(200, 270)]
    with Portal(portal.url, "unlimited") as bitrix:
        answers = bitrix.batch([("crm.deal.get", {"id": number}) for number in ids])
        assert [int(answer.result["ID"]) for answer in answers] == ids
        assert bitrix.requests == 3  # fifty to a batch


def test_a_failed_command_leaves_the_others_of_its_batch(portal):
    with Portal(portal.url, "unlimited") as bitrix:
        good, bad, list_answer = bitrix.batch(
            [
                ("crm.deal.get", {"id": 1}),
                ("crm.deal.get", {"id": 10**9}),
                ("crm.deal.list", {"select": ["ID"]}),
            ]
        )
    assert good.result["ID"] == "1" and good.error is None
    assert isinstance(bad.error, errors.RecordNotFound) and bad.result is None
    assert len(list_answer.result) == 50
    assert list_answer.total > 50 and list_answer.next == 50


def test_filters_and_unicode_survive_the_way_through_a_batch(fresh_portal):
    title = "Ü & 100 % + «🪑» a=b?c#d [x]\nnew line"
    with Portal(fresh_portal.url, "unlimited") as bitrix:
        [added] = bitrix.batch([("crm.deal.add", {"fields": {"TITLE": title}})])
        assert bitrix.call("crm.deal.get", {"id": added.result})["TITLE"] == title
        [found] = bitrix.batch([("crm.deal.list", {"filter": {"TITLE": title}, "select": ["ID"]})])
        assert [row["ID"] for row in found.result] == [str(added.result)]


def test_the_standard_plan_is_never_refused_by_a_portal_that_keeps_it(tmp_path):
    with (
        running_portal(tmp_path, "--company", "small", "--plan", "standard") as standard,
        Portal(standard.url, "standard") as bitrix,
    ):
        futures = [bitrix.submit([("profile", {})]) for _ in range(56)]
        started = time.monotonic()
        assert all(future.result()[0].result["ID"] == "1" for future in futures)
        assert time.monotonic() - started > 1.5  # the burst is 50, then two a second
        assert httpx.get(f"{standard.base}/control/stats").json()["refused"] == 0


def test_a_scope_that_is_missing_is_access_denied(fresh_portal):
    with Portal(fresh_portal.scoped(["user"]), "unlimited") as bitrix:
        with pytest.raises(errors.AccessDenied, match=r"crm\.deal\.list") as caught:
            bitrix.call("crm.deal.list")
        assert caught.value.code == "INSUFFICIENT_SCOPE"


def test_a_method_at_its_operating_limit_is_waited_for_and_no_other(fresh_portal):
    fresh_portal.fault(fault="429", method="crm.deal.list", times=1)
    with Portal(fresh_portal.url, "unlimited", patience=20) as bitrix:
        started = time.monotonic()
        leads = bitrix.submit([("crm.lead.list", {"select": ["ID"]})])
        assert leads.result()[0].result
        assert time.monotonic() - started < 1.5
        assert len(bitrix.call("crm.deal.list", {"select": ["ID"]})) == 50


# Errors


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [
        (401, "NO_AUTH_FOUND", "Wrong authorization data", errors.BadCredentials),
        (401, "expired_token", "expired", errors.BadCredentials),
        (401, "INVALID_CREDENTIALS", "", errors.BadCredentials),
        (403, "INVALID_CREDENTIALS", "", errors.AccessDenied),
        (403, "insufficient_scope", "", errors.AccessDenied),
        (400, "ACCESS_DENIED", "no", errors.AccessDenied),
        (400, "", "Access denied.", errors.AccessDenied),
        (400, "", "Not found", errors.RecordNotFound),
        (400, "NOT_FOUND", "", errors.RecordNotFound),
        (404, "ERROR_METHOD_NOT_FOUND", "Method not found!", errors.PortalError),
        (503, "OVERLOAD_LIMIT", "", errors.PortalError),
        (400, 0, "odd", errors.PortalError),
        (200, "ERROR_ARGUMENT", "in an answer of 200", errors.PortalError),
        (400, {"code": "BITRIX_REST_V3_X", "message": "three"}, "", errors.PortalError),
    ],
)
def test_an_error_is_known_by_its_code_whatever_the_status(server, told, status, code, text, kind):
    server.say = lambda _path, _body: refused(status, code, text)
    with pytest.raises(errors.PortalError) as caught:
        told.call("crm.deal.update", {"id": 1})
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert len(server.seen) == 1


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b'"x"', b"\xff\xfe", b'{"a":1}'])
def test_an_answer_that_is_not_the_portals_is_told_so(server, told, body):
    server.say = lambda _path, _body: (404, {}, body)
    with pytest.raises(errors.PortalUnreachable, match=r"Bitrix24"):
        told.call("crm.deal.update")


def test_no_text_of_an_error_holds_the_secret(server, told):
    def worst(path: str, _body: object):
        return refused(400, "X", f"bad request {server.base}{path}?auth=s3cretc0de")

    server.say = worst
    for method in ("crm.deal.get", "crm.deal.update"):
        try:
            told.call(method)
        except errors.PortalError as error:
            texts = [str(error), repr(error), repr(vars(error)), traceback.format_exc()]
            assert not any("s3cretc0de" in text for text in texts)
    assert "s3cretc0de" not in repr(told) + repr(parse_webhook(server.url))


def test_nothing_is_logged_that_holds_the_secret_or_a_customer(server, told, caplog):
    with caplog.at_level(logging.DEBUG):
        server.in_turn(fine({"TITLE": "Client confidentiel"}))
        told.call("crm.deal.get", {"id": 1})
    assert "s3cretc0de" not in caplog.text
    assert "confidentiel" not in caplog.text


def test_an_unreachable_host_is_told_at_once():
    started = time.monotonic()
    with (
        Portal("http://127.0.0.1:9/rest/1/code/", "unlimited") as bitrix,
        pytest.raises(errors.PortalUnreachable) as caught,
    ):
        bitrix.call("profile")
    assert time.monotonic() - started < 2
    assert "code" not in str(caught.value).replace("codes", "")


# Limits and broken lines


def test_too_many_requests_are_waited_out_for_writes_too(server, told):
    server.in_turn(refused(503, "QUERY_LIMIT_EXCEEDED"), fine(7))
    assert told.call("crm.deal.add", {"fields": {}}) == 7
    assert len(server.seen) == 2


def test_patience_has_an_end(server):
    server.say = lambda _path, _body: refused(503, "QUERY_LIMIT_EXCEEDED")
    with Portal(server.url, "unlimited", patience=1) as bitrix:
        with pytest.raises(errors.QueryLimitExceeded):
            bitrix.call("profile")
        assert len(server.seen) < 6


def test_a_write_whose_answer_was_lost_is_not_repeated(server, told):
    server.say = lambda _path, _body: (200, {}, None)
    with pytest.raises(errors.PortalUnreachable):
        told.call("crm.deal.add", {"fields": {"TITLE": "once"}})
    assert len(server.seen) == 1
    with pytest.raises(errors.PortalUnreachable):
        told.batch([("crm.deal.list", {}), ("crm.deal.update", {"id": 1})])
    assert len(server.seen) == 2


def test_a_read_whose_line_broke_is_repeated(server, told):
    server.in_turn((200, {}, None), refused(500, "INTERNAL_SERVER_ERROR"), fine([1]))
    assert told.call("crm.deal.list") == [1]


def test_only_commands_that_met_a_limit_are_sent_again(server, told):
    def say(_path: str, body: dict):
        commands = body["cmd"]
        first = len(server.seen) == 1
        late = {"c1": {"error": "OPERATION_TIME_LIMIT", "error_description": ""}} if first else {}
        done = {key: key for key in commands if key not in late}
        return fine({"result": done, "result_error": late or [], "result_time": []})

    server.say = say
    answers = told.batch([("crm.deal.update", {"id": n}) for n in range(3)])
    assert [answer.result for answer in answers] == ["c0", "c1", "c2"]
    assert list(server.seen[1][1]["cmd"]) == ["c1"]


# A renamed portal


def test_a_renamed_portal_gets_the_same_request_with_its_body(server, told):
    with answering() as new:
        new.say = lambda _path, body: fine(body["fields"]["TITLE"])
        server.say = lambda path, _body: (302, {"Location": new.base + path}, b"")
        assert told.call("crm.deal.add", {"fields": {"TITLE": "kept"}}) == "kept"
        assert told.call("crm.deal.add", {"fields": {"TITLE": "again"}}) == "again"
        assert len(server.seen) == 1  # the new address is remembered
        assert told.host == new.base.removeprefix("http://")
        assert told.moved_to == new.url


@pytest.mark.parametrize("location", ["http://elsewhere.example/login", "ftp://x/rest/1/a/", "/x"])
def test_the_secret_does_not_follow_a_redirect_to_a_strange_place(server, told, location):
    server.say = lambda _path, _body: (302, {"Location": location}, b"")
    with pytest.raises(errors.PortalUnreachable):
        told.call("profile")
    assert len(server.seen) == 1


def test_a_circle_of_redirects_ends(server, told):
    server.say = lambda path, _body: (302, {"Location": server.base + path}, b"")
    with pytest.raises(errors.PortalUnreachable):
        told.call("profile")


# Tokens


def test_an_expired_token_is_renewed_once_for_all_calls(server):
    renewals = []

    def refresh() -> str:
        renewals.append(threading.get_ident())
        return "new"

    def say(_path: str, body: dict):
        return fine(1) if body["auth"] == "new" else refused(401, "expired_token")

    server.say = say
    with Portal.with_token(f"{server.base}/rest/", "old", refresh, plan="unlimited") as bitrix:
        futures = [bitrix.submit([("profile", {})]) for _ in range(4)]
        for future in futures:
            future.result()
        assert bitrix.call("profile") == 1
    assert len(renewals) == 1
    assert "new" not in repr(bitrix)


def test_a_token_that_stays_expired_ends_the_call(server):
    server.say = lambda _path, _body: refused(401, "expired_token")
    with Portal.with_token(f"{server.base}/rest/", "a", lambda: "b", plan="unlimited") as bitrix:
        with pytest.raises(errors.BadCredentials):
            bitrix.call("profile")
        assert len(server.seen) == 2


# Where it is called from


def test_calls_work_inside_a_running_event_loop_and_from_threads(portal):
    async def inside() -> str:
        with Portal(portal.url, "unlimited") as bitrix:
            return bitrix.call("profile")["ID"]

    assert asyncio.run(inside()) == "1"
    with Portal(portal.url, "unlimited") as bitrix:
        found: list[str] = []
        threads = [
            threading.Thread(
                target=lambda n=n: found.append(bitrix.call("crm.deal.get", {"id": n})["ID"])
            )
            for n in range(1, 9)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(int, found)) == list(range(1, 9))


def test_settings_name_the_portal_and_its_absence_is_told(monkeypatch, portal, home):
    with pytest.raises(errors.ConfigurationError):
        Portal.from_settings()
    monkeypatch.setenv("WORKBENCH_WEBHOOK", portal.url)
    with Portal.from_settings() as bitrix:
        assert bitrix.host in portal.base


# Addresses and encodings


@pytest.mark.parametrize(
    "text",
    [
        "https://b24.example/rest/1/abc/",
        " https://b24.example/rest/1/abc ",
        '"https://b24.example/rest/1/abc/profile.json"',
        "https://b24.example//rest/1/abc/crm.deal.list",
        "https://b24.example/rest/1/abc/?x=1",
    ],
)
def test_a_webhook_is_read_as_people_paste_it(text):
    assert parse_webhook(text).url == "https://b24.example/rest/1/abc/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "https://",
        "https://b24.example",
        "https://b24.example/rest/abc/",
        "https://b24.example/rest/x/abc/",
        "https://b24.example/rest/1/",
        "https://b24.example/crm/deal/1/",
        "http://b24.example/rest/1/secretcode/",
        "ftp://b24.example/rest/1/secretcode/",
        "https://u:p@b24.example/rest/1/secretcode/",
        "https://b24.example:99999/rest/1/secretcode/",
        "https://[b24/rest/1/secretcode/",
        "https://b24.example/rest/1/a/../../x",
        "javascript:alert(1)",
        "https://b24 example/rest/1/secretcode/",
        "\x00",
        "https://b24.example/rest/1/" + "a/" * 500,
    ],
)
def test_what_is_no_webhook_is_refused_without_repeating_it(text):
    with pytest.raises(errors.ConfigurationError) as caught:
        parse_webhook(text)
    assert "secretcode" not in str(caught.value)


nested = st.recursive(
    st.text(min_size=1),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(st.text("abcXYZ_>=@!%", min_size=1), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [str(value)]


@given(st.dictionaries(st.text("abcXYZ_", min_size=1), nested, max_size=4))
def test_every_value_survives_the_encoding(params):
    decoded = parse_qsl(query_string(params), keep_blank_values=True, strict_parsing=bool(params))
    assert [value for _key, value in decoded] == leaves(params)


def test_the_encoding_is_the_portals():
    params = {
        "filter": {">=DATE": "2026-01-01", "@ID": [1, 2], "logic": None},
        "select": ["ID", "UF_*"],
        "flag": True,
        "none": [],
        "amount": Decimal("12.50"),
        "share": 1e-7,
    }
    assert parse_qsl(query_string(params), keep_blank_values=True) == [
        ("filter[>=DATE]", "2026-01-01"),
        ("filter[@ID][0]", "1"),
        ("filter[@ID][1]", "2"),
        ("filter[logic]", ""),
        ("select[0]", "ID"),
        ("select[1]", "UF_*"),
        ("flag", "1"),
        ("none", ""),
        ("amount", "12.50"),
        ("share", "0.0000001"),
    ]


@pytest.mark.parametrize("method", ["crm.deal.list", "CRM.Deal.GET", "profile", "server.time"])
def test_reads_are_known(method):
    assert only_reads(method)


@pytest.mark.parametrize(
    "method",
    ["crm.deal.add", "crm.deal.update", "bizproc.event.send", "im.notify", "event.offline.get"],
)
def test_writes_are_known(method):
    assert not only_reads(method)


def test_secrets_are_taken_out_of_texts():
    text = 'GET https://x.example/rest/1/abc123/crm.deal.get?auth=tok&x=1 {"access_token": "tt"}'
    shown = redact(text, ["hidden"])
    assert "abc123" not in shown and "tok&" not in shown and '"tt"' not in shown
    assert "x.example" in shown and "crm.deal.get" in shown
