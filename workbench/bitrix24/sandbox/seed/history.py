"""Stage history: which record entered which stage when, as rows of crm.stagehistory.list."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.clock import Moments, unix
from workbench.bitrix24.sandbox.seed.columns import pick
from workbench.bitrix24.sandbox.seed.directories import invoice_stage, stage_id

CREATED, MOVED, FINAL = 1, 2, 3


class Stage(NamedTuple):
    """A stage as history names it; ``semantics`` is P, S or F."""

    category_id: int | None
    stage_id: str
    semantics: str


def deal_stages() -> tuple[list[Stage], list[int]]:
    """All deal stages in pipeline order, and the place of each pipeline's first one."""
    stages: list[Stage] = []
    first: list[int] = []
    for p in story.PIPELINES:
        first.append(len(stages))
        codes = [(code, "P") for code, *_ in p.stages]
        codes += [(p.won_stage[0], "S")] + [(code, "F") for code, _ in p.lost_stages]
        stages += [Stage(p.category_id, stage_id(p.category_id, c), s) for c, s in codes]
    return stages, first


def lead_stages() -> list[Stage]:
    """The statuses of leads."""
    return [Stage(None, code, semantics or "P") for code, _, semantics in story.LEAD_STAGES]


def invoice_stages() -> list[Stage]:
    """The stages of smart invoices."""
    return [
        Stage(story.INVOICE_CATEGORY, invoice_stage(code), semantics or "P")
        for code, _, semantics in story.INVOICE_STAGES
    ]


class Events(NamedTuple):
    """Stage entries in order of time: place of the record, stage index, wall time, TYPE_ID."""

    record: NDArray[np.int64]
    stage: NDArray[np.int64]
    at: Moments
    kind: NDArray[np.int64]


def events(
    times: NDArray[np.float64], stages: NDArray[np.int64], labels: list[Stage], end: float
) -> Events:
    """Stage entries of n records.

    ``times`` (n, k) holds wall times, infinite where a stage is not entered, each row ascending
    apart from the gaps; ``stages`` (n, k) indexes ``labels``. Entries at or after ``end`` have
    not happened. The sort by time is stable, so that a record's own order is kept.
    """
    happened = times < end
    record, place = np.nonzero(happened)
    at = times[record, place].astype(np.int64)
    stage = stages[record, place]
    final = np.array([label.semantics != "P" for label in labels])[stage]
    first = np.ones(len(record), dtype=bool)
    first[1:] = record[1:] != record[:-1]
    kind = np.where(final, FINAL, np.where(first, CREATED, MOVED))
    order = np.argsort(at, kind="stable")
    return Events(record[order], stage[order], at[order], kind[order])


def history_rows(
    entity_type: int,
    happened: Events,
    identifiers: NDArray[np.int64],
    labels: list[Stage],
    first_id: int,
    timezone: str,
) -> Columns:
    """Rows for the state; ``identifiers`` maps a record's place to its ID."""
    count = len(happened.record)
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "ENTITY_TYPE_ID": entity_type,
            "TYPE_ID": happened.kind.tolist(),
            "OWNER_ID": identifiers[happened.record].tolist(),
            "CREATED_TIME": unix(happened.at, timezone).tolist(),
            "CATEGORY_ID": pick([s.category_id for s in labels], happened.stage),
            "STAGE_SEMANTIC_ID": pick([s.semantics for s in labels], happened.stage),
            "STAGE_ID": pick([s.stage_id for s in labels], happened.stage),
        },
        count,
    )
