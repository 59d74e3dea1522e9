"""Filters: what they keep, what they refuse, what an address may ask."""

import pytest
from hostile_company import PIPELINE

from workbench.errors import ParameterError
from workbench.i18n import use_language
from workbench.views.selection import (
    ALL,
    choices,
    choose,
    from_address,
    period_of,
    quoted,
)

WANTED = {"period": "last_12_months", "pipeline": ALL, "department": ALL, "source": ALL}


def test_a_filter_keeps_the_rows_it_names_whatever_they_are_called(snapshot):
    chosen = choose(snapshot, {"period": "all", "pipeline": PIPELINE})
    truth = snapshot.query("SELECT count(*) AS n FROM deals WHERE pipeline_id = 1")["n"].iloc[0]
    assert truth > 0
    assert chosen.query("deals")["deals"].iloc[0] == truth
    assert len(chosen.deals()) == truth


@pytest.mark.parametrize("value", ["' or 1=1 --", "O''Brien", "x' OR 'a'='a", "%", "\\'"])
def test_a_literal_stays_one_literal(snapshot, value):
    where = f"pipeline = {quoted(value)}"
    from workbench.metrics import query

    assert query("deals", where=where, period="all", snapshot=snapshot)["deals"].iloc[0] == 0


def test_an_unknown_value_is_refused_with_what_is_allowed(snapshot):
    with use_language("en"), pytest.raises(ParameterError) as caught:
        choose(snapshot, {"period": "all", "pipeline": "nope"})
    assert "nope" in caught.value.message
    assert "Revendeurs" in caught.value.hint
    with pytest.raises(ParameterError):
        choose(snapshot, {"period": "someday"})


def test_choices_are_in_alphabetical_order_and_complete(snapshot):
    offered = choices(snapshot, "pipeline")
    assert offered == sorted(offered, key=str.casefold)
    assert set(offered) == set(snapshot.query("SELECT DISTINCT pipeline FROM deals")["pipeline"])


def test_periods_are_told_from_the_day_of_the_data(snapshot):
    assert str(period_of(snapshot, "last_month").start) == "2026-10-01"


@pytest.mark.parametrize(
    ("query", "expected", "refused"),
    [
        ("", {}, []),
        ("period=2026-Q1&pipeline=Revendeurs", {"period": "2026-Q1", "pipeline": "Revendeurs"}, []),
        ("period=<script>&lang=fr", {}, ["period"]),
        ("pipeline=nope", {}, ["pipeline"]),
        ("pipeline=' or 1=1", {}, ["pipeline"]),
        ("pipeline=Revendeurs&pipeline=nope", {}, ["pipeline"]),
        ("pipeline=%00", {}, ["pipeline"]),
        ("pipeline=" + "a" * 10_000, {}, ["pipeline"]),
        ("unknown=1&__class__=2", {}, []),
        ("source=%FF%FE", {}, ["source"]),
        ("department=all", {}, []),
    ],
)
def test_an_address_chooses_or_is_left_out(snapshot, monkeypatch, query, expected, refused):
    monkeypatch.setenv("QUERY_STRING", query)
    assert from_address(snapshot, WANTED) == ({**WANTED, **expected}, refused)


def test_an_address_with_too_many_fields_is_left_out_whole(snapshot, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "&".join(f"a{i}=1" for i in range(1000)))
    assert from_address(snapshot, WANTED) == (WANTED, sorted(WANTED))


def test_filters_that_a_metric_does_not_know_are_left_out_and_named(snapshot):
    chosen = choose(snapshot, {"period": "all", "pipeline": "Revendeurs"})
    assert chosen.where(["leads"]) is None
    assert chosen.not_applied(["leads"]) == ["pipeline"]
    assert chosen.where(["deals"]) == "pipeline = 'Revendeurs'"


def test_an_answer_kept_from_before_is_not_touched_by_its_reader(snapshot):
    chosen = choose(snapshot, {"period": "all"})
    first = chosen.query("deals", by="pipeline")
    first["deals"] = -1
    assert (chosen.query("deals", by="pipeline")["deals"] > 0).all()


def test_an_answer_speaks_the_language_of_the_moment(snapshot):
    chosen = choose(snapshot, {"period": "last_quarter"})
    labels = []
    for code in ("fr", "en"):
        with use_language(code):
            labels.append(chosen.query("deals").attrs["period"]["label"])
    assert labels == ["T3 2026", "Q3 2026"]
