"""`workbench segments` and `workbench metric --segment` as a user runs them."""

import json
from functools import partial

import metric_calls
import pytest
from hand_company import hand_snapshot


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segments")
    (folder / "parameters").mkdir()
    (folder / "notebooks").mkdir()
    hand_snapshot(folder / "home").close()
    return folder


@pytest.fixture
def workbench(project):
    return partial(
        metric_calls.workbench,
        WORKBENCH_HOME=str(project / "home"),
        WORKBENCH_PROJECT=str(project),
    )


def test_a_segment_is_saved_listed_counted_shown_and_deleted(workbench, project):
    workbench(
        "segments", "save", "web", "source = 'Website'", "--title-fr", "Site", "--title", "Web"
    )
    (listed,) = json.loads(workbench("segments", "--json"))
    assert listed["where"] == "source = 'Website'"
    assert listed["title"] == {"fr": "Site", "en": "Web"}
    assert listed["file"] == str(project / "parameters" / "segments.yml")
    answer = json.loads(
        workbench("metric", "deals_won", "won_revenue", "--segment", "web", "--json")
    )
    assert answer["total"] == {"deals_won": 3, "won_revenue": 4000.1}
    assert answer["segment"] == "web"
    assert "Site" in workbench("metric", "deals_won", "--segment", "web", language="fr")
    shown = json.loads(workbench("segments", "show", "web", "--json"))
    assert shown["figures"]["won_revenue"]["segment"] == 4000.1
    assert shown["figures"]["won_revenue"]["everyone"] == 7000.1
    assert "source = 'Website'" in workbench("segments", "show", "web")
    compared = json.loads(workbench("segments", "compare", "web", "--json"))
    assert (compared["n_a"], compared["n_b"], compared["given"]) == (5, 4, ["source"])
    assert "too few records" in workbench("segments", "compare", "web")
    workbench("segments", "delete", "web")
    assert json.loads(workbench("segments", "list", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["segments", "show", "nosuch"], "nosuch"),
        (["segments", "save", "x", "1=1; drop table deals"], "second statement"),
        (["segments", "save", "x", "lower(source) = 'a'"], "lower"),
        (["segments", "save", "x", "sauce = 'a'"], "source"),
        (["segments", "save", "X Y", "is_won"], "large_open"),
        (["metric", "deals", "--segment", "nosuch"], "nosuch"),
        (["forecast", "--segment", "nosuch"], "nosuch"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_is_right(workbench, arguments, told):
    assert told in workbench(*arguments, code=2)
