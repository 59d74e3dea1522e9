"""Statements that read less give the figures of those that read everything."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pandas as pd
import pytest
from hand_company import changed_snapshot

from workbench.metrics import catalogue
from workbench.metrics.filters import parse_filter
from workbench.metrics.loaded import local_day
from workbench.metrics.periods import resolve_period
from workbench.metrics.sql import Cut, Statement, statement
from workbench.metrics.user_fields import models_of
from workbench.warehouse import Snapshot, newest_snapshot

SHORT = [
    metric
    for metric in catalogue().values()
    if metric.model in ("deal_stages", "deal_stage_ages") and metric.formula is None
]
FILTERS = (None, "pipeline = 'Direct'", "stage = 'New'", "entries > 0", "source = 'Website'")
FILTERS_OF_COMPANY = (None, "stage like 'N%'", "manager_id in (2, 3)", "purchases > 2")


@pytest.fixture(scope="module")
def hand(tmp_path_factory) -> Iterator[Snapshot]:
    """Two stages of one name, in two pipelines of one name, and deals that were in both."""
    with changed_snapshot(
        tmp_path_factory.mktemp("hand"),
        "UPDATE deal_stages SET stage = 'New', pipeline = 'Direct'",
        "INSERT INTO deal_stages SELECT deal_id, 2, 'Direct', 'C2:NEW', 'New', sort, semantics,"
        " reached_on + 1, has_next, next_on, entries + 1, is_skipped, days, left_on, created_on,"
        " false FROM deal_stages WHERE pipeline_id = 1 AND deal_id IN (2, 6)"
        " QUALIFY row_number() OVER (PARTITION BY deal_id ORDER BY sort) = 1",
    ) as snapshot:
        key = "deal_id, pipeline_id, stage_id"  # as the model promises
        twice = f"SELECT {key} FROM deal_stages GROUP BY ALL HAVING count(*) > 1"
        assert not snapshot.execute(twice).fetchall()
        yield snapshot


def cuts(metric, snapshot: Snapshot, filters: tuple) -> Iterator[tuple[Cut, Cut]]:
    """Ways to cut a metric, each as it is asked for and with the long ways only."""
    known = models_of(snapshot)
    long = known[metric.model].model_copy(update={"narrow": None, "once": []})
    today = local_day(snapshot.as_of, snapshot.timezone)
    names = ("pipeline", "stage", "manager", "department_and_below", "currency")
    for by in (c for n in range(3) for c in combinations(names, n)):
        for where in filters:
            for period in ("this_year", "2026-03"):
                cut = Cut(
                    by=by,
                    grain="month" if period == "this_year" and len(by) < 2 else None,
                    period=resolve_period(period, today),
                    where=parse_filter(where) if where else None,
                    models=known,
                )
                yield cut, replace(cut, models={**known, metric.model: long})


def rows(snapshot: Snapshot, ask: Statement) -> pd.DataFrame:
    found = snapshot.query(ask.sql, ask.parameters)
    counted = found[[name for name in found if name.startswith("n:")]].sum(axis=1)
    found = found[counted > 0]  # groups of which no row counts are not shown
    order = [name for name in found if name.startswith(("key:", "period"))]
    return (found.sort_values(order) if order else found).reset_index(drop=True)


@pytest.mark.parametrize("metric", SHORT, ids=lambda metric: metric.id)
@pytest.mark.parametrize("company", ["hand", "small"])
def test_the_short_way_gives_what_the_long_one_gives(metric, company, request, company_home):
    if company == "hand":
        snapshot, filters = request.getfixturevalue("hand"), FILTERS
    else:
        request.getfixturevalue("monkeypatch").setenv("WORKBENCH_HOME", str(company_home))
        snapshot, filters = newest_snapshot(), FILTERS_OF_COMPANY
    shorter = 0
    if metric.model == "deal_stage_ages":
        filters = tuple(each for each in filters if each != "entries > 0")
    for cut, long in cuts(metric, snapshot, filters):
        asked, all_of_it = (
            statement([metric], each, as_of=snapshot.as_of, timezone=snapshot.timezone)
            for each in (cut, long)
        )
        shorter += asked.sql != all_of_it.sql
        pd.testing.assert_frame_equal(rows(snapshot, asked), rows(snapshot, all_of_it))
    assert shorter


def test_deals_are_counted_by_counting_rows(hand):
    (reach,) = (metric for metric in SHORT if metric.id == "stage_reach")
    asked = {
        cut.by: statement([reach], cut, as_of=hand.as_of, timezone=hand.timezone).sql
        for cut, _long in cuts(reach, hand, (None,))
    }
    assert "DISTINCT deal_id" not in asked[()] + asked[("pipeline", "stage")]
    assert "DISTINCT deal_id" in asked[("stage",)] and "DISTINCT deal_id" in asked[("pipeline",)]
