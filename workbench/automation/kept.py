"""Snapshots that a run, an undecided decision or a trigger refers to: they are kept that long."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from workbench.automation.triggers.book import book_file, seen_snapshots
from workbench.settings import settings


def referred_snapshots() -> set[str]:
    """Return the ids of the snapshots that runs, undecided proposals and triggers name.

    A record that cannot be read refers to nothing.
    """
    current = settings()
    proposed = of_proposals(current.home_dir / "ledger.sqlite")
    return of_runs(current.outputs_dir) | proposed | seen_snapshots(book_file())


def of_runs(folder: Path) -> set[str]:
    """Return the snapshots named by the run records below a folder."""
    found = set()
    for file in folder.glob("*/run.json"):
        try:
            record = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        name = record.get("snapshot") if isinstance(record, dict) else None
        if isinstance(name, str):
            found.add(name)
    return found


def of_proposals(ledger: Path) -> set[str]:
    """Return the snapshots of proposals that nobody has decided, or whose action is under way."""
    if not ledger.is_file():
        return set()
    try:
        with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "select distinct snapshot from proposals"
                " where status in ('proposed', 'approved', 'failed')"
            )
            return {str(name) for (name,) in rows}
    except sqlite3.Error:
        return set()
