"""Scores over time: one line per snapshot that was checked, in the installation's home."""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workbench.metrics.quality.outcomes import Quality
from workbench.settings import private_file, private_folder, settings

KEPT = 1000  # lines


@dataclass(frozen=True)
class Score:
    """The scores of one snapshot: entity → share of records that break nothing."""

    snapshot: str
    done_at: datetime
    scores: dict[str, float]


def history_file() -> Path:
    """Return where the scores are kept."""
    return settings().home_dir / "quality.jsonl"


def read_history() -> list[Score]:
    """Return the kept scores, oldest snapshot first; a line that cannot be read is passed over."""
    try:
        lines = history_file().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
            scores = {str(name): float(value) for name, value in row["scores"].items()}
            moment = datetime.fromisoformat(row["done_at"])
            found.append(Score(str(row["snapshot"]), moment, scores))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def keep(quality: Quality) -> list[Score]:
    """Add a snapshot's scores (in the place of earlier ones of the same) and return them all."""
    file = history_file()
    private_folder(file.parent)
    with private_file(file.with_suffix(".lock")).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a command and a query service may both have looked
        found = joined(read_history(), quality)
        _write(file, found)
    return found


def joined(history: list[Score], quality: Quality) -> list[Score]:
    """Return the scores with those of a snapshot among them, the oldest snapshot first."""
    found = {each.snapshot: each for each in history}
    found[quality.snapshot] = Score(quality.snapshot, quality.done_at, quality.scores)
    return [found[name] for name in sorted(found)]


def _write(file: Path, found: list[Score]) -> None:
    lines = [
        json.dumps(
            {
                "snapshot": each.snapshot,
                "done_at": each.done_at.isoformat(),
                "scores": each.scores,
            }
        )
        for each in found[-KEPT:]
    ]
    partial = file.with_name(f".{file.name}")
    partial.write_text("\n".join(lines) + "\n", "utf-8")
    partial.replace(file)
