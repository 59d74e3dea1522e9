"""A call does all of what it says or nothing, at once, and only to what the caller may change."""

import time
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest

from workbench.bitrix24.sandbox.memory.fields import Clock


@pytest.fixture
def deal(changing):
    """A deal with one row of 10."""
    number = changing.result("crm.deal.add", {"fields": {"TITLE": "With rows"}})
    given = {"id": number, "rows": [{"PRODUCT_NAME": "x", "PRICE": 10, "QUANTITY": 1}]}
    changing.result("crm.deal.productrows.set", given)
    return number


def rows(client, deal):
    return client.result("crm.deal.productrows.get", {"id": deal})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda row: [{"ID": row, "PRICE": 10}, {"ID": row, "PRICE": 20}],
        lambda _row: [{"PRODUCT_NAME": "y", "PRICE": 1e200, "QUANTITY": 1e200}],
        lambda _row: [{"PRODUCT_NAME": "y", "PRICE": 1e308, "DISCOUNT_RATE": 99.9999}],
    ],
)
def test_rows_that_cannot_be_written_leave_those_that_are_there(changing, deal, wrong):
    before = rows(changing, deal)
    answer = changing.call("crm.deal.productrows.set", {"id": deal, "rows": wrong(before[0]["ID"])})
    assert answer.status_code == 400, answer.text
    assert rows(changing, deal)[0]["PRICE"] == before[0]["PRICE"] == 10
    assert changing.result("crm.deal.update", {"id": deal, "fields": {"TITLE": "still"}}) is True


def test_a_command_of_a_batch_that_fails_takes_no_other_with_it(changing, deal):
    row = rows(changing, deal)[0]["ID"]
    twice = "&".join(f"rows[{n}][ID]={row}&rows[{n}][PRICE]={n}" for n in (1, 2))
    answer = changing.result(
        "batch",
        {
            "cmd": {
                "first": f"crm.deal.update?id={deal}&fields[TITLE]=First",
                "wrong": f"crm.deal.productrows.set?id={deal}&{twice}",
                "last": f"crm.deal.update?id={deal}&fields[COMMENTS]=Last",
            }
        },
    )
    assert list(answer["result"]) == ["first", "last"]
    assert list(answer["result_error"]) == ["wrong"]
    found = changing.result("crm.deal.get", {"id": deal})
    assert (found["TITLE"], found["COMMENTS"]) == ("First", "Last")
    assert len(rows(changing, deal)) == 1


def test_brackets_without_end_are_read_as_quickly_as_others(changing):
    brackets = "a" + "[" * 200_000 + "=1"
    form = {"content-type": "application/x-www-form-urlencoded"}
    began = time.perf_counter()
    answer = httpx.post(f"{changing.url}profile", content=brackets, headers=form, timeout=30)
    assert answer.status_code == 200
    command = f"profile?x={quote('$result[' * 30_000)}"
    assert changing.result("batch", {"cmd": {"a": command}})["result"]["a"]["ID"] == "1"
    assert time.perf_counter() - began < 10  # it took minutes


def test_a_folder_is_not_copied_into_itself_and_a_deep_one_can_be_deleted(changing):
    storage = changing.result("disk.storage.getList", {"filter": {"ENTITY_TYPE": "common"}})[0]
    given = {"id": storage["ID"], "data": {"NAME": "Outer"}}
    outer = changing.result("disk.storage.addFolder", given)["ID"]
    inner = changing.result("disk.folder.addSubFolder", {"id": outer, "data": {"NAME": "Inner"}})
    for target in (outer, inner["ID"]):
        answer = changing.call("disk.folder.copyTo", {"id": outer, "targetFolderId": target})
        assert answer.status_code == 400, answer.text
    assert changing.result("disk.folder.getChildren", {"id": inner["ID"]}) == []
    below = inner["ID"]
    for _level in range(24):
        commands = {"n0": f"disk.folder.addSubFolder?id={below}&data[NAME]=x"}
        for n in range(1, 50):
            commands[f"n{n}"] = f"disk.folder.addSubFolder?id=$result[n{n - 1}][ID]&data[NAME]=x"
        below = changing.result("batch", {"cmd": commands})["result"]["n49"]["ID"]
    assert changing.result("disk.folder.deleteTree", {"id": outer}) is True
    assert changing.call("disk.folder.get", {"id": below}).status_code == 400


def test_nobody_sees_more_by_changing_the_own_department(changing):
    mail = {"EMAIL": "narrow@example.org", "UF_DEPARTMENT": [1]}
    number = changing.result("user.add", mail)
    own = changing.webhook(number)
    assert own.call("user.update", {"ID": number, "UF_DEPARTMENT": [1]}).status_code == 400
    assert own.result("user.update", {"ID": number, "NAME": "Mine"}) is True


@pytest.mark.parametrize(
    ("method", "filter"),
    [
        ("crm.deal.list", {"%TITLE": ["x"] * 1_100}),
        ("crm.deal.list", {"%TITLE": "x" * 60_000}),
        ("crm.activity.list", {"BINDINGS": [{"OWNER_TYPE_ID": 2, "OWNER_ID": 1}] * 1_100}),
    ],
)
def test_more_than_the_portal_can_look_for_is_refused(changing, deal, method, filter):
    answer = changing.call(method, {"filter": filter})
    assert (answer.status_code, answer.json()["error"]) == (400, "ERROR_ARGUMENT"), answer.text


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
)
@pytest.mark.parametrize("year", [2026, 1950])
def test_moments_are_written_in_every_zone_as_the_calendar_has_them(zone, year):
    clock, there = Clock(ZoneInfo(zone)), ZoneInfo(zone)
    begin = int(datetime(year, 4, 4, tzinfo=UTC).timestamp())
    for seconds in range(begin, begin + 3 * 86_400, 437):
        assert clock.iso(seconds) == datetime.fromtimestamp(seconds, there).isoformat()[:25]


def test_a_moment_of_before_there_were_time_zones_is_read_as_it_was_written(changing):
    given = {"TITLE": "old", "RESPONSIBLE_ID": 1, "DEADLINE": "1900-01-01T12:00:00+01:00"}
    number = changing.result("tasks.task.add", {"fields": given})["task"]["id"]
    shown = changing.result("tasks.task.get", {"taskId": number})["task"]["deadline"]
    read = datetime.fromisoformat(shown)
    assert abs((read - datetime.fromisoformat(given["DEADLINE"])).total_seconds()) < 60
    assert changing.call("tasks.task.list", {"order": {"ID": "DESC"}}).status_code == 200


@pytest.mark.parametrize("levels", [100, 250, 900])
def test_what_is_nested_too_deep_to_be_sent_again_is_not_stored(changing, deal, levels):
    nested = {}
    for _level in range(levels):
        nested = {"a": nested}
    fields = {"OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 6, "SUBJECT": "deep"}
    given = {"fields": {**fields, "SETTINGS": nested}}
    assert changing.call("crm.activity.add", given).status_code in (200, 400)
    found = changing.call("crm.activity.list", {"filter": {"OWNER_ID": deal}})
    assert found.status_code == 200, found.text


@pytest.mark.parametrize("handler", ["http://[bad", "ftp://host/x", "http:///path", "no address"])
def test_a_handler_that_nothing_can_be_sent_to_is_refused(changing, handler):
    given = {"TITLE": "A", "SCOPE": "crm", "HANDLER": handler, "INSTALL": handler}
    assert changing.call("sandbox.application.add", given).status_code == 400
    event = {"event": "ONCRMDEALADD", "handler": handler, "auth_type": 1}
    pair = changing.application("crm,placement,bizproc")
    token = {"auth": pair["access_token"]}
    for method, params in (
        ("event.bind", event),
        ("placement.bind", {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": handler, "TITLE": "x"}),
        ("bizproc.activity.add", {"CODE": "x", "HANDLER": handler, "NAME": "x"}),
    ):
        answer = changing.http.post(f"{changing.base}/rest/{method}", json={**params, **token})
        assert 400 <= answer.status_code < 500, (method, answer.text)
