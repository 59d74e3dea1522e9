"""Every way to call: verbs, encodings, nesting, names, suffixes, tokens, envelopes, batches."""

import json
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote, urlencode

import pytest


def xml(answer):
    return ElementTree.fromstring(answer.content)  # noqa: S314 - our own answer


@pytest.fixture(scope="module")
def deals(empty):
    """Three deals of one name, amounts 10, 20, 30."""
    return [
        empty.result("crm.deal.add", {"fields": {"TITLE": "called", "OPPORTUNITY": n}})
        for n in (10, 20, 30)
    ]


@pytest.fixture(scope="module")
def token(empty):
    return empty.application("crm,user")["access_token"]


# -- the same question in every encoding --------------------------------------------------

ASKED = {"filter": {"TITLE": "called", ">=OPPORTUNITY": 20}, "select": ["ID", "OPPORTUNITY"],
         "order": {"ID": "DESC"}}  # fmt: skip
PAIRS = [
    ("filter[TITLE]", "called"),
    ("filter[>=OPPORTUNITY]", "20"),
    ("select[]", "ID"),
    ("select[]", "OPPORTUNITY"),
    ("order[ID]", "DESC"),
]
WAYS = {
    "query": lambda http, url, more: http.get(url, params=[*PAIRS, *more.items()]),
    "query with numbered places": lambda http, url, more: http.get(
        url, params=[(k.replace("[]", f"[{n}]"), v) for n, (k, v) in enumerate(PAIRS)]
        + list(more.items()),
    ),
    "query, brackets and signs encoded": lambda http, url, more: http.get(
        url + "?" + urlencode([*PAIRS, *more.items()], quote_via=quote, safe="")
    ),
    "post, all in the query": lambda http, url, more: http.post(
        url, params=[*PAIRS, *more.items()]
    ),
    "form": lambda http, url, more: http.post(
        url, content=urlencode([*PAIRS, *more.items()]),
        headers={"content-type": "application/x-www-form-urlencoded; charset=UTF-8"},
    ),
    "form without a content type": lambda http, url, more: http.post(
        url, content=urlencode([*PAIRS, *more.items()]).encode()
    ),
    "multipart": lambda http, url, more: http.post(
        url, files=[(k, (None, v)) for k, v in [*PAIRS, *more.items()]]
    ),
    "json": lambda http, url, more: http.post(url, json={**ASKED, **more}),
    "json with another charset named": lambda http, url, more: http.post(
        url, json={**ASKED, **more}, headers={"content-type": "application/json; charset=utf-8"}
    ),
    "json without a content type": lambda http, url, more: http.post(
        url, content=json.dumps({**ASKED, **more}).encode()
    ),
    "half in the query, half in the body": lambda http, url, more: http.post(
        url, params=[*PAIRS[2:], *more.items()], json={"filter": ASKED["filter"]}
    ),
    "names in another case": lambda http, url, more: http.post(
        url, json={**{key.upper(): value for key, value in ASKED.items()}, **more}
    ),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["", ".json", ".JSON"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["webhook", "token"])
def test_one_question_in_every_encoding_has_one_answer(empty, deals, token, way, suffix, by):
    url = empty.url if by == "webhook" else f"{empty.base}/rest/"
    more = {} if by == "webhook" else {"auth": token}
    answer = WAYS[way](empty.http, f"{url}crm.deal.list{suffix}", more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert body["result"] == [
        {"ID": str(deals[2]), "OPPORTUNITY": "30.00"},
        {"ID": str(deals[1]), "OPPORTUNITY": "20.00"},
    ]
    assert (body["total"], "next" in body) == (2, False)


@pytest.mark.parametrize(
    "name", ["crm.deal.list", "CRM.DEAL.LIST", "Crm.Deal.List", "crm.deal.LIST.json"]
)
def test_method_names_in_any_case(empty, deals, name):
    assert len(empty.result(name, ASKED)) == 2


def test_the_body_wins_over_the_query(empty, deals):
    answer = empty.http.post(f"{empty.url}crm.deal.get?id={deals[0]}", json={"id": deals[1]})
    assert answer.json()["result"]["ID"] == str(deals[1])


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE"])
def test_other_verbs_are_refused(empty, verb):
    assert empty.http.request(verb, f"{empty.url}profile").status_code == 405


def test_a_head_request_has_the_head_of_the_answer(empty):
    answer = empty.http.head(f"{empty.url}profile")
    assert (answer.status_code, answer.content) == (200, b"")


def test_nesting_of_any_depth_and_holes_in_it(empty):
    pairs = [
        ("fields[NAME]", "Nested"),
        ("fields[PHONE][5][VALUE]", "+33 5"),
        ("fields[PHONE][9][VALUE]", "+33 9"),
        ("fields[EMAIL][n0][VALUE]", "a@atelier.example"),
        ("fields[EMAIL][n0][VALUE_TYPE]", "HOME"),
        ("params[REGISTER_SONET_EVENT]", "Y"),
    ]
    contact = empty.http.post(f"{empty.url}crm.contact.add", data=dict(pairs)).json()["result"]
    row = empty.result("crm.contact.get", {"id": contact})
    assert [each["VALUE"] for each in row["PHONE"]] == ["+33 5", "+33 9"]
    assert [(each["VALUE"], each["VALUE_TYPE"]) for each in row["EMAIL"]] == [
        ("a@atelier.example", "HOME")
    ]


def test_a_nested_or_is_read_from_a_form_too(empty, deals):
    pairs = {
        "entityTypeId": "2",
        "filter[0][logic]": "OR",
        "filter[0][0][=id]": str(deals[0]),
        "filter[0][1][=id]": str(deals[2]),
        "select[]": "id",
        "order[id]": "asc",
    }
    answer = empty.http.post(f"{empty.url}crm.item.list", data=pairs)
    assert [item["id"] for item in answer.json()["result"]["items"]] == [deals[0], deals[2]]


@pytest.mark.parametrize("text", ["é ✓ + & = % # ? [x]", "plus+and space", "100%25", "\u202f«»"])
@pytest.mark.parametrize("way", ["query", "form", "multipart", "json"])
def test_any_text_comes_through_in_every_encoding(empty, text, way):
    url = f"{empty.url}crm.lead.add"
    if way == "query":
        answer = empty.http.get(url, params={"fields[TITLE]": text})
    elif way == "form":
        answer = empty.http.post(url, data={"fields[TITLE]": text})
    elif way == "multipart":
        answer = empty.http.post(url, files={"fields[TITLE]": (None, text)})
    else:
        answer = empty.http.post(url, json={"fields": {"TITLE": text}})
    assert empty.result("crm.lead.get", {"id": answer.json()["result"]})["TITLE"] == text


# -- xml ------------------------------------------------------------------------------------


def test_xml_has_the_same_answer_with_the_root_response(empty, deals, token):
    for answer in (
        empty.http.post(f"{empty.url}crm.deal.list.xml", json=ASKED),
        empty.http.get(f"{empty.url}CRM.deal.list.XML", params=PAIRS),
        empty.http.post(f"{empty.base}/rest/crm.deal.list.xml", json={**ASKED, "auth": token}),
    ):
        assert answer.headers["content-type"].startswith("text/xml")
        root = xml(answer)
        assert root.tag == "response"
        assert [each.findtext("ID") for each in root.findall("result/item")] == [
            str(deals[2]), str(deals[1]),
        ]  # fmt: skip
        assert root.findtext("total") == "2"
        assert float(root.findtext("time/duration")) >= 0


def test_a_batch_as_xml(empty, deals):
    cmd = {"good": f"crm.deal.get?id={deals[0]}", "bad": "crm.deal.get?id=999999999"}
    root = xml(empty.http.post(f"{empty.url}batch.xml", json={"cmd": cmd}))
    assert root.findtext("result/result/good/ID") == str(deals[0])
    assert root.findtext("result/result_error/bad/error_description") == "Not found"


# -- who calls ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["query", "form", "multipart", "json", "header"])
def test_the_token_is_read_from_query_form_parts_and_json(empty, token, way):
    url = f"{empty.base}/rest/user.current"
    answer = {
        "query": lambda: empty.http.get(url, params={"auth": token}),
        "form": lambda: empty.http.post(url, data={"auth": token}),
        "multipart": lambda: empty.http.post(url, files={"auth": (None, token)}),
        "json": lambda: empty.http.post(url, json={"auth": token}),
        "header": lambda: empty.http.get(url, headers={"Authorization": f"Bearer {token}"}),
    }[way]()
    # [?] No page names a header; a call with nothing but it has no authorization.
    assert answer.status_code == (401 if way == "header" else 200)


def test_a_token_does_not_stand_for_a_webhook_nor_a_webhook_for_a_token(empty, token):
    code = empty.url.rstrip("/").rsplit("/", 1)[1]
    assert empty.http.get(f"{empty.base}/rest/1/{token}/profile").status_code == 401
    assert empty.http.get(f"{empty.base}/rest/profile", params={"auth": code}).status_code == 401
    assert empty.http.get(f"{empty.base}/rest/2/{code}/profile").status_code == 401


# -- envelopes of errors ----------------------------------------------------------------------

ERRORS = [
    ("crm.deal.get", {"id": 999_999_999}, 400, ""),
    ("crm.deal.get", {"id": "x"}, 400, ""),
    ("crm.deal.list", {"filter": "x"}, 400, ""),
    ("crm.item.get", {"entityTypeId": 2, "id": 999_999_999}, 400, "NOT_FOUND"),
    ("crm.item.get", {"entityTypeId": 2}, 400, "100"),
    ("crm.item.list", {}, 400, "100"),
    ("crm.item.list", {"entityTypeId": 5}, 400, "ENTITY_TYPE_NOT_SUPPORTED"),
    ("crm.item.list", {"entityTypeId": 2, "filter": {"none": 1}}, 400, "INVALID_ARG_VALUE"),
    ("crm.category.list", {"entityTypeId": 1}, 400, "ENTITY_TYPE_NOT_SUPPORTED"),
    ("crm.stagehistory.list", {"entityTypeId": 4}, 400, 0),
    ("tasks.task.list", {"order": {"NONE": "asc"}}, 400, "0"),
    ("im.notify.system.add", {"USER_ID": 1}, 400, "MESSAGE_EMPTY"),
    ("no.such.method", {}, 404, "ERROR_METHOD_NOT_FOUND"),
    ("", {}, 404, "ERROR_METHOD_NOT_FOUND"),
    ("placement.bind", {}, 403, "WRONG_AUTH_TYPE"),
]


@pytest.mark.parametrize(("method", "params", "status", "code"), ERRORS)
def test_an_error_has_its_status_its_code_and_its_text(empty, method, params, status, code):
    answer = empty.call(method, params)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, code), body
    assert isinstance(body["error_description"], str)
    assert "result" not in body
    if method:
        root = xml(empty.http.post(f"{empty.url}{method}.xml", json=params))
        assert root.findtext("error") == str(code)


def test_the_same_error_within_a_batch_has_no_status_of_its_own(empty):
    cmd = {
        f"c{n}": f"{method}?"
        + urlencode({k: v for k, v in params.items() if not isinstance(v, dict)})
        for n, (method, params, _status, _code) in enumerate(ERRORS)
        if method and not any(isinstance(value, dict) for value in params.values())
    }
    answer = empty.call("batch", {"cmd": cmd})
    assert answer.status_code == 200
    errors = answer.json()["result"]["result_error"]
    assert {key: each["error"] for key, each in errors.items()} == {
        f"c{n}": code for n, (_m, _p, _s, code) in enumerate(ERRORS) if f"c{n}" in cmd
    }
    assert all("error_description" in each for each in errors.values())


# -- batches ---------------------------------------------------------------------------------


def batch(empty, cmd, **more):
    return empty.result("batch", {"cmd": cmd, **more})


@pytest.mark.parametrize("way", ["json", "json list", "form", "form list", "query", "multipart"])
def test_the_commands_of_a_batch_in_every_encoding(empty, deals, way):
    cmd = {"a": f"crm.deal.get?id={deals[0]}", "b": f"crm.deal.list?filter[ID]={deals[1]}"}
    url = f"{empty.url}batch"
    pairs = {f"cmd[{key}]": value for key, value in cmd.items()}
    listed = {f"cmd[{n}]": value for n, value in enumerate(cmd.values())}
    answer = {
        "json": lambda: empty.http.post(url, json={"halt": 0, "cmd": cmd}),
        "json list": lambda: empty.http.post(url, json={"halt": 0, "cmd": list(cmd.values())}),
        "form": lambda: empty.http.post(url, data={"halt": "0", **pairs}),
        "form list": lambda: empty.http.post(url, data=listed),
        "query": lambda: empty.http.get(url, params=pairs),
        "multipart": lambda: empty.http.post(url, files={k: (None, v) for k, v in pairs.items()}),
    }[way]()
    result = answer.json()["result"]
    first, second = (0, 1) if "list" in way else ("a", "b")
    assert result["result"][first]["ID"] == str(deals[0])
    assert result["result"][second][0]["ID"] == str(deals[1])
    assert result["result_error"] == []
    keys = range(2) if "list" in way else cmd
    assert all(result["result_time"][key]["duration"] >= 0 for key in keys)
    assert list(result["result_total"]) == (["1"] if "list" in way else ["b"])


def test_a_command_as_a_parameter_of_an_address_is_encoded_twice(empty):
    inner = "crm.lead.add?" + urlencode({"fields[TITLE]": "John&Martin = 100%"})
    answer = empty.http.get(f"{empty.url}batch?cmd[a]={quote(inner, safe='')}")
    lead = answer.json()["result"]["result"]["a"]
    assert empty.result("crm.lead.get", {"id": lead})["TITLE"] == "John&Martin = 100%"


def test_sections_tell_totals_and_following_pages(hundred):
    result = hundred.result(
        "batch",
        {"cmd": {"all": "crm.deal.list", "last": "crm.deal.list?start=100", "one": "profile",
                 "uncounted": "crm.deal.list?start=-1"}},
    )  # fmt: skip
    assert result["result_total"]["all"] == result["result_total"]["last"] == 120
    assert result["result_next"] == {"all": 50}
    assert set(result["result_time"]) == {"all", "last", "one", "uncounted"}
    assert len(result["result"]["last"]) == 20


def test_references_reach_into_results_of_any_shape(empty, deals):
    result = batch(
        empty,
        {
            "list": f"crm.deal.list?filter[@ID][]={deals[0]}&filter[@ID][]={deals[1]}"
            "&order[ID]=ASC",
            "get": "crm.deal.get?id=$result[list][1][ID]",
            "item": "crm.item.get?entityTypeId=2&id=$result[list][0][ID]",
            "text": "crm.lead.add?fields[TITLE]=$result[get][TITLE] $result[item][item][id]!",
            "read": "crm.lead.get?id=$result[text]",
            "encoded": "crm.deal.get?id=%24result%5Blist%5D%5B0%5D%5BID%5D",
            "whole": "crm.deal.list?filter=$result[filter]",
        },
    )
    found = result["result"]
    assert found["get"]["ID"] == str(deals[1])
    assert found["item"]["item"]["id"] == deals[0]
    assert found["read"]["TITLE"] == f"called {deals[0]}!"
    assert found["encoded"]["ID"] == str(deals[0])
    assert result["result_error"]["whole"]["error_description"] == (
        "Parameter 'filter' must be array."
    ), "what does not resolve stays text"


def test_references_to_numbered_commands(empty, deals):
    result = batch(empty, [f"crm.deal.get?id={deals[0]}", "crm.deal.get?id=$result[0][ID]"])
    assert [each["ID"] for each in result["result"]] == [str(deals[0])] * 2


def test_references_to_a_later_or_failed_command_stay_text(empty):
    result = batch(
        empty,
        {
            "early": "crm.lead.add?fields[TITLE]=$result[late]",
            "late": "crm.lead.add?fields[TITLE]=late",
            "read": "crm.lead.get?id=$result[early]",
            "failed": "crm.deal.get?id=999999999",
            "after": "crm.deal.get?id=$result[failed][ID]",
        },
    )
    assert result["result"]["read"]["TITLE"] == "$result[late]"
    assert set(result["result_error"]) == {"failed", "after"}


@pytest.mark.parametrize("halt", [1, "1", True, "true"])
def test_halt_in_every_form_stops_at_the_first_error(empty, halt):
    cmd = {"a": "profile", "b": "no.such.method", "c": "profile"}
    result = batch(empty, cmd, halt=halt)
    assert (list(result["result"]), list(result["result_error"])) == (["a"], ["b"])
    assert list(result["result_time"]) == ["a"]


@pytest.mark.parametrize("halt", [0, "0", False, "false", None, ""])
def test_without_halt_every_command_is_run(empty, halt):
    cmd = {"a": "profile", "b": "no.such.method", "c": "profile"}
    assert list(batch(empty, cmd, halt=halt)["result"]) == ["a", "c"]


def test_fifty_commands_are_allowed_and_the_fifty_first_is_not(empty):
    assert len(batch(empty, ["profile"] * 50)["result"]) == 50
    result = batch(empty, {f"c{n}": "profile" for n in range(60)})
    assert len(result["result"]) == 50
    assert {each["error"] for each in result["result_error"].values()} == {
        "ERROR_BATCH_LENGTH_EXCEEDED"
    }
    assert len(result["result_error"]) == 10


def test_what_may_not_be_in_a_batch(empty):
    cmd = {"batch": "batch?cmd[a]=profile", "upload": "disk.folder.uploadfile?id=1"}
    errors = batch(empty, cmd)["result_error"]
    assert {each["error"] for each in errors.values()} == {"ERROR_BATCH_METHOD_NOT_ALLOWED"}
    assert set(errors) == set(cmd)


@pytest.mark.parametrize("cmd", [None, "", "profile", 5, [], {}, [None, 1, ["x"], {"a": 1}, ""]])
def test_a_batch_of_nonsense_gets_an_answer(empty, cmd):
    answer = empty.call("batch", {"cmd": cmd})
    assert answer.status_code in (200, 400)
    body = answer.json()
    if answer.status_code == 200:
        assert body["result"]["result"] == []
    else:
        assert body["error_description"] == "Parameter 'cmd' must be array."


def test_each_command_runs_as_the_caller_of_the_batch(empty, token):
    answer = empty.http.post(
        f"{empty.base}/rest/batch",
        json={"auth": token, "cmd": {"a": "crm.deal.list", "b": "tasks.task.list"}},
    )
    result = answer.json()["result"]
    assert "a" in result["result"]
    assert result["result_error"]["b"]["error"] == "insufficient_scope"


@pytest.mark.parametrize("depth", [200, 900, 5000])
@pytest.mark.parametrize("method", ["crm.deal.list", "crm.item.list", "batch", "crm.deal.add"])
def test_nesting_beyond_all_measure_gets_an_answer(empty, depth, method):
    deep = '{"a":' * depth + "1" + "}" * depth
    body = f'{{"entityTypeId":2,"filter":{deep},"fields":{{"TITLE":{deep}}},"cmd":{deep}}}'
    answer = empty.http.post(
        f"{empty.url}{method}", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (200, 400), answer.text[:200]
    brackets = "filter" + "[a]" * depth + "=1"
    assert empty.http.get(f"{empty.url}{method}?{brackets}").status_code in (200, 400, 404, 431)
    assert empty.call("profile").status_code == 200


def test_the_token_is_found_in_any_case(empty, token):
    for name in ("auth", "AUTH", "Auth"):
        answer = empty.http.post(f"{empty.base}/rest/profile", json={name: token})
        assert answer.status_code == 200, name
        assert name not in answer.text


def test_what_xml_cannot_hold_is_left_out_of_it(empty):
    number = empty.result("crm.deal.add", {"fields": {"TITLE": "a\ufffeb\x0bc\uffff\U0001f600"}})
    answer = empty.http.get(f"{empty.url}crm.deal.get.xml", params={"id": number})
    assert xml(answer).findtext("result/TITLE") == "abc\U0001f600"


def test_a_file_where_a_text_belongs_is_a_wrong_value(empty):
    part = {"fields[TITLE]": ("a.txt", b"\xff\x00", "text/plain")}
    answer = empty.http.post(f"{empty.url}crm.deal.add", files=part)
    assert answer.status_code == 400, answer.text
    assert "TITLE" in answer.json()["error_description"]


def test_a_result_is_not_found_by_a_number_without_end_nor_doubled_without_end(empty):
    far = f"crm.deal.get?id=$result[a][{'9' * 5_000}]"
    answer = empty.result("batch", {"cmd": {"a": "crm.deal.list", "b": far}})
    assert list(answer["result_error"]) == ["b"]
    title = quote("$result[d0][TITLE]" * 40)
    commands = {"a0": "crm.deal.add?fields[TITLE]=" + "x" * 30, "d0": "crm.deal.get?id=$result[a0]"}
    for n in range(1, 5):
        again = title.replace("d0", f"d{n - 1}")
        commands[f"a{n}"] = f"crm.deal.add?fields[TITLE]={again}"
        commands[f"d{n}"] = f"crm.deal.get?id=$result[a{n}]"
    answer = empty.result("batch", {"cmd": commands})
    assert answer["result_error"]["a3"]["error"] == "INVALID_REQUEST"
    many = "&".join(f"f[{n}]=a$result[d2][TITLE]" for n in range(40))
    answer2 = empty.result("batch", {"cmd": {**commands, "e": f"profile?{many}"}})
    assert answer2["result_error"]["e"]["error"] == "INVALID_REQUEST"
    assert len(answer["result"]["d2"]["TITLE"]) == 30 * 40**2
