"""Our answers have the shape of Bitrix24's own: its documentation's examples, captured answers."""

import csv
import importlib
import json
import re
from pathlib import Path

import pytest
import shape_calls_details  # noqa: F401 - adds to CALLS
from captured_calls import CAPTURED
from shape_exceptions import EXCEPTIONS, NOT_ANSWERED
from shape_world import CALLS, World
from shapes import answer_differences

from workbench.bitrix24.sandbox.portal import load_methods
from workbench.bitrix24.sandbox.rest.methods import METHODS

DATA = Path(__file__).parents[4] / "shared" / "data"
EXAMPLES = DATA / "bitrix24_doc_examples" / "doc_response_examples.json"


# Examples on a page that tells of several methods.
OVERVIEWS = {
    281: "crm.userfield.types",
    282: "crm.userfield.fields",
    283: "crm.userfield.settings.fields",
}


def letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_methods() -> dict[str, str]:
    """The sandbox's methods by their letters: pages of the documentation are named so."""
    load_methods()
    importlib.import_module("workbench.bitrix24.sandbox.memory.catalogue")
    return {letters(name): name for name in METHODS}


def examples() -> list:
    """Every example answer whose method the sandbox has, as (method, place, answer)."""
    if not EXAMPLES.exists():
        why = "../shared/data/bitrix24_doc_examples is not here"
        return [pytest.param("", 0, {}, marks=pytest.mark.skip(reason=why))]
    known = known_methods()
    found = []
    for place, example in enumerate(json.loads(EXAMPLES.read_text("utf-8"))):
        page = example["page"].rsplit("/", 1)[-1].removesuffix(".md")
        method = OVERVIEWS.get(place) or known.get(letters(page))
        if method:
            found.append(pytest.param(method, place, example["response"], id=f"{method}-{place}"))
    return found


@pytest.fixture(scope="module")
def world(furnished):
    return World(furnished)


@pytest.mark.parametrize(("method", "place", "example"), examples())
def test_an_answer_has_the_shape_of_the_documented_example(world, method, place, example):
    assert method in CALLS, f"{method} has an example and no call to compare it with"
    answer = world.call(method, CALLS[method](world, example))
    excused = EXCEPTIONS.get((method, place), {})
    found = (
        answer_differences(example, answer.json()) if answer.status_code == 200 else [": refused"]
    )
    assert [each for each in found if each.split(": ")[0] not in excused] == []
    assert set(excused) <= {each.split(": ")[0] for each in found}, "an exception without need"


def captured() -> list:
    """The captured answers, one file each; the questions beside some of them are no answers."""
    files = sorted((DATA / "bitrix24_real_responses" / "responses").glob("*.json"))
    if not files:
        why = "../shared/data/bitrix24_real_responses is not here"
        return [pytest.param(None, marks=pytest.mark.skip(reason=why))]
    return [pytest.param(f, id=f.stem) for f in files if not f.stem.endswith("__request")]


@pytest.mark.parametrize("file", captured())
def test_an_answer_has_the_shape_of_a_captured_one(world, file):
    if file.stem in NOT_ANSWERED:
        assert world.client.call(NOT_ANSWERED[file.stem]).status_code == 404
        pytest.skip(f"the sandbox has no {NOT_ANSWERED[file.stem]}")
    theirs = json.loads(file.read_text("utf-8"))
    theirs = theirs if isinstance(theirs, list) else [theirs]
    ours = CAPTURED[file.stem](world, theirs)
    excused = EXCEPTIONS.get(file.stem, {})
    found = [
        each
        for their, our in zip(theirs, ours, strict=True)
        for each in answer_differences(their, our)
    ]
    assert [each for each in found if each.split(": ")[0] not in excused] == []
    assert set(excused) <= {each.split(": ")[0] for each in found}, "an exception without need"


def test_the_table_of_stage_history_has_the_columns_of_our_rows(world, shared_data):
    file = shared_data / "bitrix24_real_responses" / "stagehistory_flat.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        theirs = list(csv.DictReader(lines))
    rows = world.result("crm.stagehistory.list", {"entityTypeId": 2})["items"]
    assert rows
    assert all(set(row) == set(theirs[0]) for row in rows)


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ({"a": "1"}, {"a": 1}, [".a: number instead of text"]),
        ({"a": 1}, {"a": True}, [".a: truth instead of number"]),
        ({"a": 1}, {"A": 1}, [".a: spelt A"]),
        ({"a": 1}, {}, [".a: not there"]),
        ({"a": None}, {"a": ""}, [".a: text instead of null"]),
        ({"a": []}, {"a": {}}, [".a: map instead of list"]),
        ({"a": None}, {"a": "something"}, []),
        ({"a": False}, {"a": "N"}, [".a: text instead of truth"]),
        ({"a": [{"b": "1"}]}, {"a": [{"b": "1"}, {"b": 2}]}, [".a[].b: number instead of text"]),
        ({"a": [{"b": "1"}]}, {"a": [{"c": "1"}]}, [".a[].b: not there"]),
        ({"a": [{"b": "1"}, {"c": 1}]}, {"a": [{"c": 1}]}, []),
        ({"7": {"b": 1}}, {"9": {"b": "1"}}, ["[].b: text instead of number"]),
        ({"7": {"b": 1}}, {"name": {"b": 1}}, [": names instead of numbers or languages"]),
        ({"result": [], "next": 50}, {"result": []}, []),
        (
            {"result": [], "next": 50},
            {"result": [], "next": "50"},
            [".next: text instead of number"],
        ),
        ({"UF_CRM_1": "x"}, {}, []),
    ],
)
def test_the_comparison_sees_what_differs(theirs, ours, found):
    assert answer_differences(theirs, ours) == found
