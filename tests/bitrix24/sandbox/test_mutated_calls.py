"""Known calls with one thing changed: an answer or a refusal, never a failure."""

import copy
import random
from typing import Any

import pytest
import shape_calls_details  # noqa: F401 - adds to CALLS
from right_calls import RIGHT
from shape_world import CALLS, World
from test_shapes import examples
from wrong_calls import TABLES, filled, records

SEED = 31
TIMES = pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.soak)])
VALUES = [
    *("", "0", "-1", "²", "٣", "9" * 400, "9" * 5000, "1e400", "NaN", "\x00", "é" * 300, "1,5"),
    *("2026-99-99", "0000-00-00", "9999-12-31T23:59:59", "10000-01-01", "31.12.2026", "Y", "1 2"),
    *(True, None, 1.5, -1, 10**15, 10**17, -(10**17), 1e308, [], {}, [[[]]], {"a": {"b": 1}}),
    *(["x", None], {"VALUE": [{}]}, [{}], [None], {"0": None}, "$result[a]", "[]", "null"),
]
PREFIXES = ("", "!", ">", "<=", "%", "!%", "=%", "@", "!@", "><", "<>", "?")


def places(value: Any, at: tuple = ()) -> list[tuple]:
    """The paths to everything within a call's parameters."""
    inner = enumerate(value) if isinstance(value, list) else ()
    inner = value.items() if isinstance(value, dict) else inner
    found = [at] if at else []
    for key, item in inner:
        found += places(item, (*at, key))
    return found


def changed(rng: random.Random, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters with one value replaced, left out, or asked for in another way."""
    result = copy.deepcopy(params)
    found = places(result)
    if not found:
        return {rng.choice(("id", "filter", "fields", "select", "order")): rng.choice(VALUES)}
    path = rng.choice(found)
    holder = result
    for step in path[:-1]:
        holder = holder[step]
    key, value = path[-1], copy.deepcopy(rng.choice(VALUES))
    how = rng.random()
    if how < 0.15 and isinstance(holder, dict):
        del holder[key]
    elif how < 0.35 and isinstance(holder, dict):
        holder[f"{rng.choice(PREFIXES)}{key}"] = value
    else:
        holder[key] = value
    return result


@pytest.fixture(scope="module")
def made(changing):
    return records(changing, changing.invited())


def failures(call, calls, changes: int) -> tuple[list, int, int]:
    """What answered with 500, and how many of the changed calls were refused and answered."""
    rng = random.Random(SEED)
    failed, refused, answered = [], 0, 0
    for name, usual in calls:
        for _ in range(changes):
            given = changed(rng, usual or {})
            answer = call(name, given)
            refused += answer.status_code in (400, 403)
            answered += answer.status_code == 200
            if answer.status_code >= 500:
                failed.append((name, answer.text[:100], given))
    return failed, refused, answered


@TIMES
def test_no_method_fails_on_a_documented_call_with_one_thing_changed(furnished, times):
    shown = {each.values[0]: each.values[2] for each in examples() if each.values[0] in CALLS}
    if not shown:
        pytest.skip("../shared/data/bitrix24_doc_examples is not here")
    world = World(furnished)
    calls = [(name, CALLS[name](world, example)) for name, example in sorted(shown.items())]
    failed, refused, answered = failures(world.call, calls, times)
    assert failed == []
    assert min(refused, answered) > len(shown) / 5 > 30


@TIMES
@pytest.mark.parametrize("family", TABLES)
def test_no_method_fails_on_a_wrong_call_with_one_thing_changed(changing, made, family, times):
    calls = [(row[0], filled(row[1], made)) for row in TABLES[family]]
    failed, refused, _answered = failures(changing.call, calls, times)
    assert failed == []
    assert refused > len(calls) / 2


@TIMES
def test_no_method_fails_on_a_right_call_with_one_thing_changed(untouched, times):
    made = records(untouched, untouched.invited())
    calls = [(name, filled(given, made)) for name, given in RIGHT]
    for name, given in calls:
        answer = untouched.call(name, given)
        assert answer.status_code == 200, (name, answer.text)
    failed, _refused, answered = failures(untouched.call, calls, 8 * times)
    assert failed == []
    assert answered > len(calls)


@pytest.mark.parametrize("value", [10**12, 10**17, "9999-12-31T23:59:59+00:00", "0001-01-01"])
def test_what_a_far_date_leaves_can_be_read(changing, made, value):
    dated = ("START_TIME", "CLOSEDATE", "DEADLINE", "PERSONAL_BIRTHDAY", "DATE_START")
    for name, given in RIGHT:
        if isinstance(given.get("fields"), dict):
            fields = given["fields"] | dict.fromkeys(dated, value)
            changing.call(name, filled({**given, "fields": fields}, made))
    for name in ("crm.activity.list", "crm.deal.list", "tasks.task.list", "user.get"):
        answer = changing.call(name, {"order": {"ID": "DESC"}, "start": -1})
        assert answer.status_code == 200, (name, answer.text)


@pytest.mark.parametrize("above", [1, True, 1.5, "1,5", "", None, 0])
def test_no_department_becomes_part_of_itself_or_a_second_top(changing, above):
    below = changing.result("department.add", {"NAME": "Below", "PARENT": 1})
    for number, parent in ((1, above), (below, below), (1, below), (below, above)):
        changing.call("department.update", {"ID": number, "PARENT": parent})
    parents = {int(d["ID"]): d.get("PARENT") for d in changing.result("department.get")}
    assert parents[1] is None
    assert parents[below] == "1"


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("crm.activity.list", {"filter": {"BINDINGS": True}}),
        ("crm.activity.list", {"filter": {"BINDINGS": -1}}),
        ("userfieldconfig.list", {"moduleId": "crm", "filter": {"entityId": {"a": {"b": 1}}}}),
    ],
)
def test_a_filter_of_the_wrong_form_is_refused(changing, method, given):
    assert changing.call(method, given).status_code == 400


@pytest.mark.parametrize("value", ["9" * 400, 1e308, -1, "x"])
def test_a_link_that_cannot_be_an_id_leads_nowhere(changing, value):
    given = {"entityTypeId": 2, "fields": {"title": "x", "parentId1": value}}
    made = changing.result("crm.item.add", given)["item"]
    assert not made.get("parentId1")
    number = changing.result("crm.deal.add", {"fields": {"TITLE": "x", "PARENT_ID_1": value}})
    assert "PARENT_ID_1" not in changing.result("crm.deal.get", {"id": number})
