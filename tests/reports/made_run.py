"""The record of a run, written without a run."""

from datetime import datetime
from typing import Any

from workbench.reports.record import RunRecord, write_record


def made_run(report: str, started_at: datetime, *, end: str = "abcd", **given: Any) -> RunRecord:
    """Write and return a record as of a run that succeeded; ``given`` are its other fields."""
    usual = {
        "id": f"{started_at:%Y%m%d-%H%M%S}-{report}-{end}",
        "title": report,
        "notebook": f"{report}.ipynb",
        "outcome": "succeeded",
        "language": "en",
        "version": "1",
        "timeout": 60,
    }
    record = RunRecord(**{**usual, **given}, report=report, started_at=started_at)
    record.folder.mkdir(parents=True)
    write_record(record)
    return record
