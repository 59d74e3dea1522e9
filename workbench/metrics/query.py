"""Any metric, by any of its dimensions, as a tidy frame that knows what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import (
    GRAINS,
    Definition,
    Grain,
    catalogue,
    definition,
    describe,
    dimensions,
    grains,
    leaves,
    suggest,
)
from workbench.metrics.figures import Board, groups, sortable
from workbench.metrics.filters import parse_filter
from workbench.metrics.loaded import (
    HIDDEN,
    Extent,
    extent,
    extents,
    local_day,
    worst,
)
from workbench.metrics.periods import (
    ALL_END,
    ALL_START,
    Period,
    floor_to,
    next_unit,
    resolve_period,
)
from workbench.metrics.sql import Cut, Statement, buckets, extent_statement, statement
from workbench.warehouse import Snapshot, newest_snapshot

Compare = Literal["previous", "year_ago"]


def query(
    metrics: str | Sequence[str],
    by: str | Sequence[str] = (),
    grain: Grain | str | None = None,
    period: Period | str | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    where: str | None = None,
    snapshot: Snapshot | None = None,
    compare: Compare | None = None,
    each_n: bool = False,
) -> pd.DataFrame:
    """Return metrics over a period, cut by dimensions and time.

    One row per unit of ``grain`` and combination of ``by``; columns: ``period`` (first day of
    the day, ISO week, month, quarter or year; only with a grain), the dimensions, one per metric
    and ``n`` (rows behind the first metric; with ``each_n`` also ``n_<metric>`` for the others).
    Money is in the portal's base currency, durations in days, shares are fractions of 1.

    ``period`` is a `Period` or its name, resolved on the day of the data; ``start`` and ``end``
    (exclusive) bound it instead. Without any, everything that is loaded. ``where`` is a filter
    (see `workbench.metrics.filters`). ``compare`` adds ``<metric>_before``, the same figure over
    the previous period or a year ago. Without a snapshot, the newest.

    Sums and counts are 0 where a loaded period holds no row, NaN where it is not loaded; ratios
    and averages of nothing are NaN. ``attrs``: ``metrics`` (definitions), ``as_of``,
    ``snapshot``, ``currency``, ``timezone``, ``period`` {start, end, label}, ``grain``, ``by``,
    ``where``, ``loaded`` {from, to}, ``total`` and ``n`` (per metric, computed anew over the
    whole period, never summed), ``status`` (the worst of ``statuses``, per metric) and ``marks``
    {metric: {first day: mark}} of every unit that is not ``ok`` (see `workbench.metrics.loaded`).

    Raises `QueryError` for an unknown metric, dimension, grain or filter, `ParameterError` for a
    period.
    """
    if snapshot is None:
        snapshot = newest_snapshot()
    asked = _asked(metrics)
    cut = Cut(
        by=_by(asked, by),
        grain=_grain(asked, grain),
        where=parse_filter(where) if where is not None and where.strip() else None,
    )
    today = local_day(snapshot.as_of, snapshot.timezone)
    named = _period(period, start, end, today, snapshot)
    known = extents(snapshot)
    cut = replace(cut, period=_bounded(named, asked, snapshot, today))
    board = Board(snapshot, asked, known, today)
    if compare is not None:
        board.figures(_earlier(cut, compare))  # first, for groups to have one name in both
    frame, marks = board.frame(cut, each_n)
    whole = board.figures(replace(cut, by=(), grain=None))
    if compare is not None:
        frame = _with_before(frame, board, cut, compare)
    statuses = {metric.id: whole.marks[metric.id][cut.period.start] for metric in asked}
    frame.attrs = {
        "metrics": {metric.id: describe(metric) for metric in asked},
        "as_of": snapshot.as_of,
        "snapshot": snapshot.id,
        "currency": snapshot.base_currency,
        "timezone": snapshot.timezone,
        "period": {
            "start": cut.period.start,
            "end": cut.period.end,
            "label": (named if named.is_all else cut.period).label(),
        },
        "grain": cut.grain,
        "by": list(cut.by),
        "where": where,
        "loaded": _loaded(asked, cut, known, today),
        "total": {metric.id: float(whole.values[metric.id].iloc[0]) for metric in asked},
        "n": {metric.id: int(whole.counts[metric.id].iloc[0]) for metric in asked},
        "status": worst(statuses.values()),
        "statuses": statuses,
        "marks": marks,
    }
    if compare is not None:
        frame.attrs["before"] = _before_attrs(board, cut, compare)
    return frame


def statements(
    metric: Definition, cut: Cut, snapshot: Snapshot
) -> list[tuple[list[str], Statement]]:
    """Return the statements that a metric runs, each with the ids of the metrics it counts."""
    return [
        (
            [leaf.id for leaf in group],
            statement(group, cut, as_of=snapshot.as_of, timezone=snapshot.timezone),
        )
        for group in groups([metric])
    ]


def _asked(metrics: str | Sequence[str]) -> list[Definition]:
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    if not names:
        raise QueryError(_("No metric was asked for."), hint=suggest("", catalogue()))
    return [definition(name) for name in dict.fromkeys(names)]


def _by(asked: list[Definition], by: str | Sequence[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys([by] if isinstance(by, str) else by))
    for metric in asked:
        for name in names:
            if name not in dimensions(metric):
                raise QueryError(
                    _("“{metric}” cannot be cut by “{dimension}”.").format(
                        metric=metric.title, dimension=str(name)[:60]
                    ),
                    hint=suggest(str(name), dimensions(metric)),
                )
    return names


def _grain(asked: list[Definition], grain: str | None) -> Grain | None:
    if grain is None:
        return None
    if grain not in GRAINS:
        raise QueryError(
            _("There is no grain “{grain}”.").format(grain=str(grain)[:60]),
            hint=suggest(str(grain), GRAINS),
        )
    for metric in asked:
        if grain not in grains(metric):
            raise QueryError(
                _("“{metric}” is not known by {grain}.").format(metric=metric.title, grain=grain),
                hint=_("Known are: {names}.").format(names=", ".join(grains(metric))),
            )
    return grain


def _period(
    period: Period | str | None,
    start: date | str | None,
    end: date | str | None,
    today: date,
    snapshot: Snapshot,
) -> Period:
    named = resolve_period(period or "all", today, snapshot.timezone)
    if start is None and end is None:
        return named
    first = _day(start, today) if start is not None else named.start
    last = _day(end, today) if end is not None else named.end
    return Period(first, last)


def _day(value: date | str, today: date) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else resolve_period(value, today).start


def _bounded(named: Period, asked: list[Definition], snapshot: Snapshot, today: date) -> Period:
    """Give an unbounded period the days of the first and last row of the metrics' dates."""
    if named.start > ALL_START and named.end < ALL_END:
        return named
    first, last = today, today
    parts = groups(asked)
    # What is counted at a moment has no first day of its own, unless nothing else is asked for.
    dated = [group for group in parts if group[0].date != "as-of"]
    for group in dated or parts:
        ask = extent_statement(group[0], snapshot.timezone)
        row = snapshot.query(ask.sql, ask.parameters).iloc[0]
        if not pd.isna(row["first"]):
            first = min(first, row["first"].date())
            last = max(last, row["last"].date())
    end = last + timedelta(days=1)
    if any("day" not in grains(metric) for metric in asked):
        first, end = floor_to(first, "month"), next_unit(floor_to(last, "month"), "month")
    if named.start > ALL_START:  # open at its end, and perhaps after everything that is known
        return Period(named.start, max(end, named.start + timedelta(days=1)), named.name)
    end = named.end if named.end < ALL_END else end
    return Period(min(first, end - timedelta(days=1)), end, named.name)


def _with_before(frame: pd.DataFrame, board: Board, cut: Cut, compare: Compare) -> pd.DataFrame:
    """Add the earlier figures, unit by unit and group by group; a group may be in one only."""
    earlier = _earlier(cut, compare)
    before, _marks = board.frame(earlier, each_n=False)
    names = {metric.id: f"{metric.id}_before" for metric in board.asked}
    right = before[[*(["period"] if cut.grain else []), *cut.by, *names]].rename(columns=names)
    if not cut.grain and not cut.by:
        return frame.join(right)
    left, keys = frame, list(cut.by)
    if cut.grain:
        units = [floor_to(span.start, cut.grain) for span in buckets(cut.period, cut.grain)]
        olds = [floor_to(span.start, cut.grain) for span in buckets(earlier.period, cut.grain)]
        shift = {pd.Timestamp(a): pd.Timestamp(b) for a, b in zip(olds, units, strict=False)}
        right = right.assign(period=right["period"].map(shift)).dropna(subset=["period"])
        keys = ["period", *keys]
    whole = board.figures(replace(cut, by=(), grain=None))
    whole_before = board.figures(replace(earlier, by=(), grain=None))
    both = left.merge(right, how="outer", on=keys, indicator=True)
    sides = both.pop("_merge")
    for metric in board.asked:
        for figures, column, other in (
            (whole, metric.id, "right_only"),
            (whole_before, names[metric.id], "left_only"),
        ):
            if metric.additive and next(iter(figures.marks[metric.id].values())) not in HIDDEN:
                empty = leaves(metric)[0].when_empty
                both[column] = both[column].mask(sides == other, empty)
    counts = [column for column in frame if column == "n" or column.startswith("n_")]
    both[counts] = both[counts].fillna(0).astype("int64")
    return both.sort_values(keys, key=sortable, kind="stable", na_position="last").reset_index(
        drop=True
    )


def _earlier(cut: Cut, compare: Compare) -> Cut:
    if compare not in ("previous", "year_ago"):
        raise QueryError(
            _("There is no comparison “{name}”.").format(name=str(compare)[:60]),
            hint=suggest(str(compare), ("previous", "year_ago")),
        )
    period = cut.period.previous() if compare == "previous" else cut.period.year_ago()
    return replace(cut, period=period)


def _before_attrs(board: Board, cut: Cut, compare: Compare) -> dict[str, Any]:
    earlier = replace(_earlier(cut, compare), by=(), grain=None)
    whole, period = board.figures(earlier), earlier.period
    return {
        "period": {"start": period.start, "end": period.end, "label": period.label()},
        "total": {m.id: float(whole.values[m.id].iloc[0]) for m in board.asked},
        "n": {m.id: int(whole.counts[m.id].iloc[0]) for m in board.asked},
        "statuses": {m.id: whole.marks[m.id][period.start] for m in board.asked},
    }


def _loaded(
    asked: list[Definition], cut: Cut, known: dict[str, Extent], today: date
) -> dict[str, date | None]:
    """Return the days that every asked metric has: the latest first and the earliest last day."""
    own = [extent(leaf, cut, known) for metric in asked for leaf in leaves(metric)]
    usable = [each for each in own if each.usable]
    if len(usable) < len(own):
        return {"from": None, "to": None}
    firsts = [each.first for each in usable if each.first is not None]
    lasts = [min(each.last or today, today) for each in usable]
    return {"from": max(firsts, default=None), "to": min(lasts, default=None)}
