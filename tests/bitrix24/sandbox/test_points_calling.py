"""Points 1-8, 17, 18, 42 and 43 of the fidelity checklist: calling, envelopes, errors."""

import re
import time
import xml.etree.ElementTree as ElementTree

import pytest

from workbench.bitrix24.sandbox.rest import forms

ALL = ["crm", "user", "department", "task", "im", "telephony"]


def test_point_01_profile_by_get_has_text_id_boolean_admin_and_time(empty):
    answer = empty.http.get(empty.url + "profile.json")
    assert answer.status_code == 200
    body = answer.json()
    assert body["result"]["ID"] == "1"
    assert body["result"]["ADMIN"] is True
    assert {"start", "finish", "duration", "date_start"} <= set(body["time"])


def test_point_02_wrong_code_is_401_no_auth_found(empty):
    # [?] The documentation's table says NO_AUTH_FOUND, an SDK INVALID_CREDENTIALS: the former.
    answer = empty.http.get(empty.base + "/rest/1/wrongcode/profile")
    assert (answer.status_code, answer.json()["error"]) == (401, "NO_AUTH_FOUND")


def test_point_03_a_call_without_webhook_and_token_is_refused(empty):
    for answer in (
        empty.http.get(empty.base + "/rest/profile?auth=none"),
        empty.http.post(empty.base + "/rest/profile", data={"auth": "none"}),
        empty.http.post(empty.base + "/rest/profile", json={"auth": "none"}),
        empty.http.post(empty.base + "/rest/profile", json={"auth": {"a": 1}}),
        empty.http.get(empty.base + "/rest/profile"),
    ):
        assert answer.status_code == 401
        assert answer.json()["error"] in ("NO_AUTH_FOUND", "invalid_token")


def test_point_05_unknown_method_is_404(empty):
    answer = empty.call("crm.nothing.here")
    assert (answer.status_code, answer.json()["error"]) == (404, "ERROR_METHOD_NOT_FOUND")


def test_point_06_method_outside_the_scope_is_403(empty):
    narrow = empty.webhook(1, ["user"])
    answer = narrow.call("crm.deal.list")
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert narrow.call("profile").status_code == 200


def test_point_07_method_names_in_any_case_and_with_suffix(empty):
    bodies = [
        empty.call(m).json() for m in ("crm.deal.list", "CRM.Deal.LIST", "crm.deal.list.json")
    ]
    for body in bodies:
        del body["time"]
    assert bodies[0] == bodies[1] == bodies[2]


def test_point_08_xml_has_the_root_response(empty):
    title = "a & <b> \u2603 \x01"
    deal = empty.result("crm.deal.add", {"fields": {"TITLE": title}})
    answer = empty.http.get(f"{empty.url}crm.deal.get.xml", params={"id": deal})
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own answer
    assert root.tag == "response"
    assert root.findtext("result/TITLE") == "a & <b> \u2603 "
    assert "xml" in answer.headers["content-type"]
    refused = empty.http.get(f"{empty.url}crm.deal.get.xml?id=99999999")
    assert ElementTree.fromstring(refused.content).findtext("error_description") == "Not found"  # noqa: S314 - our own answer


@pytest.mark.parametrize("encoding", ["query", "form", "multipart", "json"])
def test_the_same_nested_parameters_in_every_encoding(empty, encoding):
    title = f"by {encoding}: é & = [x]"
    pairs = [
        ("fields[NAME]", title),
        ("fields[PHONE][0][VALUE]", "+33 1"),
        ("fields[PHONE][0][VALUE_TYPE]", "WORK"),
        ("fields[PHONE][1][VALUE]", "+33 2"),
    ]
    url = empty.url + "crm.contact.add"
    if encoding == "query":
        answer = empty.http.get(url, params=pairs)
    elif encoding == "form":
        answer = empty.http.post(url, data=dict(pairs))
    elif encoding == "multipart":
        answer = empty.http.post(url, files=[(k, (None, v)) for k, v in pairs])
    else:
        phones = [{"VALUE": "+33 1", "VALUE_TYPE": "WORK"}, {"VALUE": "+33 2"}]
        answer = empty.http.post(url, json={"FIELDS": {"NAME": title, "PHONE": phones}})
    contact = empty.result("crm.contact.get", {"ID": answer.json()["result"]})
    assert contact["NAME"] == title
    assert [p["VALUE"] for p in contact["PHONE"]] == ["+33 1", "+33 2"]
    assert contact["HAS_PHONE"] == "Y"


def test_point_17_a_filter_that_is_no_array(empty):
    answer = empty.call("crm.deal.list", {"filter": "x"})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "",
        "error_description": "Parameter 'filter' must be array.",
    }


def test_point_18_records_that_are_not_there(empty):
    old = empty.http.get(empty.url + "crm.deal.get?id=999999")
    assert (old.status_code, old.json()["error"]) == (400, "")
    assert old.json()["error_description"] == "Not found"
    new = empty.call("crm.item.get", {"entityTypeId": 2, "id": 999999})
    assert (new.status_code, new.json()["error"]) == (400, "NOT_FOUND")


def test_point_42_notifications_say_what_is_wrong(empty):
    empty_message = empty.call("im.notify.system.add", {"USER_ID": 1, "MESSAGE": "  "})
    assert empty_message.json()["error"] == "MESSAGE_EMPTY"
    attach = [{"MESSAGE": "x" * 60_001}]
    big = empty.call("im.notify.system.add", {"USER_ID": 1, "MESSAGE": "a", "ATTACH": attach})
    assert big.status_code in (400, 403)
    assert big.json()["error"] == "ATTACH_OVERSIZE"
    good = {"USER_ID": 1, "MESSAGE": "a", "ATTACH": [{"MESSAGE": "x" * 50_000}]}
    assert isinstance(empty.result("im.notify.personal.add", good), int)


def test_point_43_rest_3_has_its_own_error_shape(empty):
    path = empty.url.replace("/rest/", "/rest/api/")
    for method, body in (("tasks.task.get", {"id": 12345}), ("no.such.method", {})):
        answer = empty.http.post(path + method, json=body)
        assert 400 <= answer.status_code < 500
        assert "result" not in answer.json()
        assert re.fullmatch(r"BITRIX_REST_V3_EXCEPTION_\w+", answer.json()["error"]["code"])
    scopes = empty.http.post(path + "rest.scope.list", json={})
    assert "crm" in scopes.json()["result"]["items"]


@pytest.mark.parametrize(
    "params",
    [
        {"filter": {"ID": {"a": {"b": 1}}}},
        {"filter": {">=DATE_CREATE": "yesterday"}},
        {"filter": {"OPPORTUNITY": "1e999"}},
        {"filter": {"'; DROP TABLE deals; --": 1, "ID) OR (1=1": 2}},
        {"order": {"ID; DROP TABLE deals": "ASC", "ID": "ASC; DROP"}},
        {"select": [["ID"], {"a": 1}, None, 5]},
        {"start": "a", "filter": []},
        {"filter": {"@ID": list(range(6000))}},
        {"filter": {"ID": 10**400}},
        {"start": 10**30},
    ],
)
def test_hostile_parameters_get_an_answer_not_a_crash(empty, params):
    for method in ("crm.deal.list", "crm.item.list", "user.get", "tasks.task.list"):
        answer = empty.call(method, {**params, "entityTypeId": 2})
        assert answer.status_code in (200, 400), (method, answer.status_code, answer.text[:200])
        assert "error" in answer.json() or "result" in answer.json()
    assert isinstance(empty.call("crm.deal.list").json()["total"], int)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b"\xff\xfe", b"a[[]=1&[b]=2&c]]=3&=4", "a[²]=1&a[]=2".encode()]
)
def test_hostile_bodies_get_an_answer_not_a_crash(empty, body):
    for kind in (
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ):
        answer = empty.http.post(
            empty.url + "crm.deal.list", content=body, headers={"content-type": kind}
        )
        assert answer.status_code in (200, 400), (kind, answer.text[:200])


def test_a_number_that_is_no_digit_of_ours_is_no_crash(empty):
    for path in ("/rest/²/x/profile", "/rest/api/²/x/profile"):
        assert empty.http.get(empty.base + path).status_code in (400, 401, 404)
    assert empty.call("batch", {"cmd": {"a": "profile", "b": "crm.deal.get?id=$result[a][²]"}})


def test_many_parameters_without_a_number_are_read_at_once_and_in_order():
    started = time.monotonic()
    read = forms.parse("&".join(f"a[b][]={number}" for number in range(25_000)))
    assert read == {"a": {"b": [str(number) for number in range(forms.MAX_VARIABLES)]}}
    assert forms.parse("a[7]=x&a[]=y&a[c]=z") == {"a": {"7": "x", "8": "y", "c": "z"}}
    assert forms.parse("a[]=1&a=2&a[]=3") == {"a": ["3"]}
    assert time.monotonic() - started < 5  # a count over all at each took minutes


def test_rest_3_checks_its_parameters_and_who_may_see_a_task(empty, colleague):
    fields = {"TITLE": "Hidden", "RESPONSIBLE_ID": 1}
    task = int(empty.result("tasks.task.add", {"fields": fields})["task"]["id"])

    def asked(client, given):
        url = client.url.replace("/rest/", "/rest/api/") + "tasks.task.get"
        answer = client.http.post(url, json=given)
        body = answer.json()
        found = body.get("error", {})
        code = found.get("code", "").removeprefix("BITRIX_REST_V3_EXCEPTION_")
        return answer.status_code, code, [v["field"] for v in found.get("validation", ())]

    invalid = "VALIDATION_REQUESTVALIDATIONEXCEPTION"
    assert asked(empty, {"id": task}) == (200, "", [])
    assert asked(colleague, {"id": task}) == (403, "ACCESSDENIEDEXCEPTION", [])
    assert asked(empty, {}) == (400, invalid, ["id"])
    assert asked(empty, {"id": str(task)}) == (400, invalid, ["id"])
    assert asked(empty, {"id": True}) == (400, invalid, ["id"])
    assert asked(empty, {"id": 10**12}) == (400, "ENTITYNOTFOUNDEXCEPTION", [])
    for path in ("/rest/api/", "/rest/"):
        answer = empty.http.get(f"{empty.base}{path}{'9' * 5000}/x/profile")
        assert answer.status_code == 401
