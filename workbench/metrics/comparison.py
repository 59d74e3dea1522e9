"""Figures beside those of another period, or beside their plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import (
    Definition,
    Grain,
    catalogue,
    definition,
    dimensions,
    filterable,
    grains,
    leaves,
    suggest,
)
from workbench.metrics.figures import Board, sortable
from workbench.metrics.loaded import HIDDEN
from workbench.metrics.periods import floor_to, shift_months
from workbench.metrics.sql import Cut, buckets

Compare = Literal["previous", "year_ago", "plan"]
COMPARISONS: tuple[Compare, ...] = ("previous", "year_ago", "plan")


@dataclass(frozen=True)
class Beside:
    """What figures are set beside: a board, its cut and how that was found.

    ``pairs``: (the metric, the one beside it, the name of that one's column).
    """

    board: Board
    cut: Cut
    compare: Compare
    pairs: tuple[tuple[Definition, Definition, str], ...]


def beside_of(board: Board, cut: Cut, compare: Compare) -> Beside:
    """Return what the asked metrics are compared with; `QueryError` where that is not known.

    A year ago, a day is the same day of the calendar, and a week the same weekdays, 52 weeks
    earlier (the whole period too, so that the weeks add up to what stands beside the total).
    """
    if compare not in COMPARISONS:
        raise QueryError(
            _("There is no comparison “{name}”.").format(name=str(compare)[:60]),
            hint=suggest(str(compare), COMPARISONS),
        )
    if compare == "plan":
        return _plan(board, cut)
    pairs = tuple((metric, metric, f"{metric.id}_before") for metric in board.asked)
    if compare == "previous":
        return Beside(board, replace(cut, period=cut.period.previous()), compare, pairs)
    ago = replace(cut, period=cut.period.year_ago(cut.grain), leap=True)
    return Beside(board, ago, compare, pairs)


def _plan(board: Board, cut: Cut) -> Beside:
    pairs = tuple(
        (metric, definition(metric.plan), f"{metric.id}_plan")
        for metric in board.asked
        if metric.plan is not None
    )
    if not pairs:
        titles = ", ".join(str(metric.title) for metric in board.asked)
        planned_of = (str(each.title) for each in catalogue().values() if each.plan is not None)
        raise QueryError(
            _("Nothing is planned of: {names}.").format(names=titles),
            hint=_("There is a plan of: {names}.").format(names=", ".join(planned_of)),
        )
    for _metric, plan, _column in pairs:
        known = {*dimensions(plan, cut.models)}
        named = {*(cut.where.names if cut.where else ())}
        unknown = [name for name in cut.by if name not in known]
        unknown += sorted(named - filterable(plan, cut.models))
        if cut.grain and cut.grain not in grains(plan):
            unknown.append(cut.grain)
        if unknown:
            raise QueryError(
                _("The plan is not known by {names}.").format(names=", ".join(unknown)),
                hint=_("Known are: {names}.").format(names=", ".join([*known, *grains(plan)])),
            )
    planned = Board(board.snapshot, [plan for _m, plan, _c in pairs], board.known, board.today)
    return Beside(planned.named_as(board), cut, "plan", pairs)


def with_beside(frame: pd.DataFrame, board: Board, cut: Cut, beside: Beside) -> pd.DataFrame:
    """Add what stands beside, unit by unit and group by group; a group may be in one only.

    A unit that nothing stands beside, such as a 29th of February a year ago, has no value there.
    """
    other, _marks = beside.board.frame(beside.cut, each_n=False)
    names = {right.id: column for _left, right, column in beside.pairs}
    right = other[[*(["period"] if cut.grain else []), *cut.by, *names]].rename(columns=names)
    if not cut.grain and not cut.by:
        return frame.join(right)
    left, keys = frame, list(cut.by)
    if cut.grain:
        shift = _shift(cut, cut.grain, beside)
        right = right.assign(period=right["period"].map(shift)).dropna(subset=["period"])
        keys = ["period", *keys]
    whole = board.figures(replace(cut, by=(), grain=None))
    whole_beside = beside.board.figures(replace(beside.cut, by=(), grain=None))
    both = left.merge(right, how="outer", on=keys, indicator=True)
    sides = both.pop("_merge")
    for metric, other_metric, name in beside.pairs:
        for figures, column, one, missing in (
            (whole, metric.id, metric, "right_only"),
            (whole_beside, name, other_metric, "left_only"),
        ):
            if one.additive and next(iter(figures.marks[one.id].values())) not in HIDDEN:
                empty = leaves(one)[0].when_empty
                both[column] = both[column].mask(sides == missing, empty)
        if cut.grain:
            away = _hidden(board.figures(cut).marks[metric.id])
            both[metric.id] = both[metric.id].mask(both["period"].isin(away))
            away = _hidden(beside.board.figures(beside.cut).marks[other_metric.id])
            here = [unit for old, unit in shift.items() if old not in away]
            both[name] = both[name].where(both["period"].isin(here))
    counts = [column for column in frame if column == "n" or column.startswith("n_")]
    both[counts] = both[counts].fillna(0).astype("int64")
    return both.sort_values(keys, key=sortable, kind="stable", na_position="last").reset_index(
        drop=True
    )


def _hidden(marks: dict[date, str]) -> set[pd.Timestamp]:
    """Return the units of time that have no value, also where a group is in the other only."""
    return {pd.Timestamp(first) for first, each in marks.items() if each in HIDDEN}


def _shift(cut: Cut, grain: Grain, beside: Beside) -> dict[pd.Timestamp, pd.Timestamp]:
    """Return the unit of time of the cut that each unit beside it belongs to."""
    olds = [span.start for span in buckets(beside.cut.period, grain, leap=beside.cut.leap)]
    if beside.compare == "year_ago" and grain == "day":
        # A period that begins on a 29th of February stands beside one that begins on the 28th.
        units = [max(shift_months(old, 12), cut.period.start) for old in olds]
    else:
        units = [floor_to(span.start, grain) for span in buckets(cut.period, grain)]
    return {
        pd.Timestamp(floor_to(old, grain)): pd.Timestamp(unit)
        for old, unit in zip(olds, units, strict=False)
    }


def beside_attrs(beside: Beside, cut: Cut) -> dict[str, Any]:
    """Return period, totals, n and statuses of what stands beside, by the metric it belongs to.

    And how it was ``compared``, and how many of its units of time are ``unpaired``: it is longer
    than the period of ``cut``, so they are in its totals and beside no unit.
    """
    whole = beside.board.figures(replace(beside.cut, by=(), grain=None))
    period, grain = beside.cut.period, beside.cut.grain
    unpaired = 0
    if grain and beside.compare == "previous":
        unpaired = max(len(buckets(period, grain)) - len(buckets(cut.period, grain)), 0)
    return {
        "compared": beside.compare,
        "unpaired": unpaired,
        "period": {"start": period.start, "end": period.end, "label": period.label()},
        "total": {m.id: float(whole.values[o.id].iloc[0]) for m, o, _c in beside.pairs},
        "n": {m.id: int(whole.counts[o.id].iloc[0]) for m, o, _c in beside.pairs},
        "statuses": {m.id: whole.marks[o.id][period.start] for m, o, _c in beside.pairs},
    }
