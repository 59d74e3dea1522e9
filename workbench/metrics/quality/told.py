"""What the checks find, for readers on either side of the query service's door."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from workbench.metrics.quality.history import Score, joined, keep, read_history
from workbench.metrics.quality.outcomes import Example, Outcome, Quality, run_quality
from workbench.warehouse import Data, Snapshot
from workbench.warehouse.checks import unparsed_counts


@dataclass(frozen=True)
class Health:
    """The outcomes on a snapshot, the scores so far, and the values that cannot be read.

    ``history``: oldest first, this snapshot among them; ``unparsed``: entity, field, count, one
    example.
    """

    quality: Quality
    history: list[Score]
    unparsed: list[tuple[str, str, int, str]]


def health(data: Data) -> Health:
    """Run the checks on the data, or ask the query service to.

    Raises `AccessRefused` for a viewer who may see a part of the records only: of a part, what
    refers to the rest would seem broken.
    """
    frame = look(data) if isinstance(data, Snapshot) else data.quality()
    facts = frame.attrs
    outcomes = [_outcome(row, facts["examples"]) for row in frame.to_dict("records")]
    quality = Quality(
        facts["snapshot"], facts["done_at"], outcomes, facts["scores"], facts["records"]
    )
    history = [Score(*each) for each in facts["history"]]
    return Health(quality, history, [tuple(each) for each in facts["unparsed"]])


def look(snapshot: Snapshot, *, remember: bool = False) -> pd.DataFrame:
    """Run the checks; return one row per outcome: the fields of `Outcome` but its examples.

    ``attrs``: snapshot, done_at, scores and records (by entity), examples (check → record, name,
    link), history (of `Score`), unparsed. With ``remember`` the scores are entered in the history,
    which whoever only reads leaves as it is.
    """
    quality = run_quality(snapshot)
    history = joined(read_history(), quality)
    if remember:
        with suppress(OSError):  # a home that cannot be written is no reason to tell nothing
            keep(quality)
    rows = [asdict(replace(each, examples=())) for each in quality.outcomes]
    frame = pd.DataFrame(rows).drop(columns="examples").astype({"rows": "Int64"})
    frame.attrs = {
        "snapshot": quality.snapshot,
        "done_at": quality.done_at,
        "scores": quality.scores,
        "records": quality.records,
        "examples": {
            each.check: [[one.record, one.name, one.link] for one in each.examples]
            for each in quality.outcomes
            if each.examples
        },
        "history": [[each.snapshot, each.done_at, each.scores] for each in history],
        "unparsed": [list(each) for each in unparsed_counts(snapshot)],
    }
    return frame


def _outcome(row: dict[Any, Any], examples: dict[str, list[list[Any]]]) -> Outcome:
    fields = {str(name): value for name, value in row.items()}
    fields["rows"] = None if pd.isna(fields["rows"]) else int(fields["rows"])
    fields["broken"] = int(fields["broken"])
    shown = tuple(Example(*each) for each in examples.get(fields["check"], []))
    return Outcome(**fields, examples=shown)
