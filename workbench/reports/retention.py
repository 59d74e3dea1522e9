"""Which runs of a report are kept: those that its file says, and those that are still needed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

from workbench.reports.delivery.book import deliveries_of
from workbench.reports.record import RunRecord, runs
from workbench.reports.report import Report


def outdated(report: Report, now: datetime | None = None) -> list[RunRecord]:
    """Return the runs of a report that its ``retain`` (days) no longer keeps.

    Kept whatever their age: the newest run that succeeded, of each part of a report that has some,
    what is not finished, and what has a delivery that waits or is uncertain.
    """
    if report.retain is None:
        return []
    until = (now or datetime.now(UTC)) - timedelta(days=report.retain)
    newest: set[str | None] = set()
    found = []
    for record in runs(report.name):
        if record.outcome == "succeeded" and record.part not in newest:
            newest.add(record.part)
        elif record.finished and (record.finished_at or record.started_at) < until:
            states = {each.state for each in deliveries_of(record.folder)}
            if not states & {"waiting", "sending", "uncertain"}:
                found.append(record)
    return found


def clear(report: Report) -> int:
    """Delete the runs that are outdated, records and files; return how many."""
    gone = outdated(report)
    for record in gone:
        # Out of the list first, whole: half a run is worse than none.
        aside = record.folder.with_name(f".{record.id}.gone")
        record.folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    return len(gone)
