"""Every method called with what no client sends: an answer or a refusal, never a failure."""

import random

import httpx
import pytest
from sandbox_portal import SMALL_COMPANY, running_portal

SEED = 77
NASTY = [
    *("", "0", "-1", "²", "٣", "9" * 400, "1e400", "NaN", "\x00", "<b>", "'; drop table deals;--"),
    *("[]", "{}", "null", "2026-99-99", "2026-02-30T25:61:00+99:99", True, None, 1.5),
    *([], {}, [[[]]], {"a": {"b": 1}}, ["x", None], [1, "a"], {"VALUE": [{}]}, 10**17, -(10**17)),
]
NAMES = [
    *("id", "ID", "filter", "select", "order", "fields", "start", "entityTypeId", "USER_ID"),
    *("TASKID", "taskId", "DIALOG_ID", "MESSAGE", "ownerId", "ownerType", "productRows", "items"),
    *("data", "params", "CALL_ID", "fileContent", "CHAT_ID", "entityId", "field", "values", "CODE"),
    *("rows", "communications", "type", "bindings", "EVENT", "HANDLER", "DOCUMENT_ID"),
]
FIELDS = [
    *("ID", "TITLE", "OPPORTUNITY", "STAGE_ID", ">ID", "!ID", "@ID", "=ID", "%TITLE", "LOGIC", "0"),
    *("DATE_CREATE", ">=DATE_MODIFY", "PHONE", "UF_CRM_X", "categoryId", "ownerId", "DEADLINE"),
]


def parameters(rng: random.Random) -> dict[str, object]:
    given: dict[str, object] = {}
    for name in rng.sample(NAMES, rng.randint(1, 8)):
        given[name] = rng.choice(NASTY)
        if name in ("filter", "fields", "params", "order", "values", "data") and rng.random() < 0.7:
            given[name] = {f: rng.choice(NASTY) for f in rng.sample(FIELDS, rng.randint(1, 4))}
    if rng.random() < 0.5:
        given["id"] = rng.choice([1, 2, "1"])
    if rng.random() < 0.5:
        given["entityTypeId"] = rng.choice([1, 2, 3, 4, 7, 31, 128])
    return given


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    with running_portal(tmp_path_factory.mktemp("hostile"), *SMALL_COMPANY) as portal:
        yield portal


def test_no_method_fails_on_what_no_client_sends(hostile):
    rng = random.Random(SEED)
    with httpx.Client(base_url=hostile.url, timeout=30) as client:
        names = client.get("methods", params={"full": "true"}).json()["result"]
        assert len(names) > 400
        failed = []
        for name in names:
            for _ in range(5):
                given = parameters(rng)
                answer = client.post(name, json=given)
                if answer.status_code >= 500:
                    failed.append((name, answer.status_code, given))
        assert failed == []
        assert client.get("profile").status_code == 200


def test_a_number_beyond_64_bits_is_compared_and_never_found(hostile):
    huge = str(10**30)
    with httpx.Client(base_url=hostile.url, timeout=30) as client:
        for conditions in ({"ID": huge}, {">ID": huge}, {"=ID": 10**18 * 10}):
            answer = client.post("crm.deal.list", json={"filter": conditions})
            assert (answer.status_code, answer.json()["total"]) == (200, 0), conditions
        below = client.post("crm.deal.list", json={"filter": {"<ID": huge}}).json()["total"]
        assert below == client.post("crm.deal.list", json={}).json()["total"] > 100
        assert client.post("crm.deal.get", json={"id": huge}).status_code == 400
