"""A delivery only when a metric left its forecast band, on three years of a company's months."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hand_company import changed_snapshot
from made_run import made_run
from small_project import HELLO, SmallProject

from workbench.reports.delivery.attempt import attempt, plan
from workbench.reports.delivery.band import band_of
from workbench.reports.record import RunRecord

FILE = [{"by": "folder", "path": "to", "files": [], "only_if": {"outside_forecast": "won_revenue"}}]


def months(last: int) -> tuple[str, ...]:
    """Thirty-six months around 1,000 each, the last of them, May 2026, of an amount of its own.

    June is not over on the day of the data and must not count, whatever it holds.
    """
    made = (
        "CREATE TABLE made AS SELECT d.* REPLACE ((1000 + n)::BIGINT AS deal_id,"
        " (DATE '2023-06-15' + to_months(n::INTEGER))::DATE AS closed_on,"
        " (DATE '2023-06-01' + to_months(n::INTEGER))::DATE AS created_on,"
        f" (CASE n WHEN 35 THEN {last} WHEN 36 THEN 90000 ELSE 960 + 20 * ((n * 7) % 5) END)"
        "::DECIMAL(18,2) AS amount_base) FROM deals d, range(37) t(n) WHERE d.deal_id = 1"
    )
    return (
        made,
        "UPDATE made SET closed_on = DATE '2026-06-10' WHERE deal_id = 1036",
        "UPDATE sources SET loaded_from = DATE '2023-01-01' WHERE source = 'bitrix24'",
        "DELETE FROM deals",
        "INSERT INTO deals SELECT * FROM made",
    )


STARTED = datetime(2026, 6, 15, 10, tzinfo=UTC)


def run_on(snapshot: str, **parameters: str) -> RunRecord:
    return made_run("one", STARTED, snapshot=snapshot, parameters=parameters)


@pytest.mark.parametrize(("last", "state"), [(1000, "skipped"), (9000, "sent"), (100, "sent")])
def test_it_is_sent_when_the_last_whole_month_is_out_of_the_band(
    project: SmallProject, home: Path, last: int, state: str
):
    with changed_snapshot(home, *months(last)) as snapshot:
        record = run_on(snapshot.id)
    project.report("one", HELLO, deliver=FILE)
    band = band_of(record, "won_revenue")
    assert band is not None
    assert (band.month.isoformat(), band.value) == ("2026-05-01", last)
    assert band.low < 1000 < band.high < 2000
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == state
    if state == "skipped":
        assert "May 2026: 1,000, forecast between" in delivery.detail


def test_a_short_history_has_no_band(project: SmallProject, home: Path):
    spring = "UPDATE sources SET loaded_from = DATE '2026-04-01' WHERE source = 'bitrix24'"
    with changed_snapshot(home, spring) as snapshot:
        record = run_on(snapshot.id)
    project.report("one", HELLO, deliver=FILE)
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == "skipped" and "too short a history" in delivery.detail


def test_the_runs_filters_count_and_unknown_metrics_are_named(project: SmallProject, home: Path):
    with changed_snapshot(home, *months(1000)) as snapshot:
        record = run_on(snapshot.id, manager="Bo")  # the made deals are Ana's
    assert band_of(record, "won_revenue") is None
    other = [{**FILE[0], "only_if": {"outside_forecast": "revenu"}}]
    project.report("one", HELLO, deliver=other)
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == "failed" and "revenu" in delivery.error
