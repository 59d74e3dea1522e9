"""Sources that a report requires to be fresh, on data of 15 June 2026, noon in Paris."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hand_company import hand_snapshot
from small_project import HELLO, SmallProject

from workbench.errors import ConfigurationError, WarehouseError
from workbench.reports import load_report, run_report, runs
from workbench.reports.gate import require_fresh


@pytest.fixture
def snapshot(project: SmallProject, home: Path) -> str:
    made = hand_snapshot(home)
    made.close()
    return made.id


def check(project: SmallProject, snapshot: str, source: str, hours: float, now: datetime) -> None:
    project.report("one", HELLO, requires=[{"source": source, "within_hours": hours}])
    require_fresh(load_report("one"), snapshot, now)


def test_a_source_is_fresh_for_the_hours_that_the_file_gives(project, snapshot):
    evening = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)  # six hours after the sync
    check(project, snapshot, "bitrix24", 6, evening)
    check(project, snapshot, "targets", 7, evening)
    with pytest.raises(WarehouseError, match="targets was last loaded 15 Jun 2026") as raised:
        check(project, snapshot, "targets", 5.9, evening)
    assert raised.value.may_pass and "workbench sync targets" in raised.value.hint


def test_a_source_that_is_not_there_is_named(project, snapshot):
    with pytest.raises(ConfigurationError, match="no source “targetz”; there are: accounting"):
        check(project, snapshot, "targetz", 1, datetime.now(UTC))


def test_a_run_on_old_data_leaves_nothing(project, snapshot):
    project.report("one", HELLO, requires=[{"source": "bitrix24", "within_hours": 1}])
    with pytest.raises(WarehouseError, match="was not run"):
        run_report("one")
    assert runs() == []
