"""Any metric, by any of its dimensions, as a tidy frame that knows what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.answered import answered
from workbench.metrics.catalogue import (
    GRAINS,
    Definition,
    Grain,
    Model,
    catalogue,
    definition,
    describe,
    dimensions,
    grains,
    leaves,
    suggest,
)
from workbench.metrics.comparison import Compare, beside_attrs, beside_of, with_beside
from workbench.metrics.figures import Board, groups, rates
from workbench.metrics.filters import Filter, both, parse_filter
from workbench.metrics.loaded import (
    Extent,
    extent,
    extents,
    local_day,
    troubles,
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
from workbench.metrics.segments import segment_filter
from workbench.metrics.service.door import newest_data
from workbench.metrics.sql import (
    Cut,
    Statement,
    extent_statement,
    rows_statement,
    statement,
)
from workbench.metrics.user_fields import models_of, titles_of
from workbench.warehouse import Data, Snapshot


def query(
    metrics: str | Sequence[str],
    by: str | Sequence[str] = (),
    grain: Grain | str | None = None,
    period: Period | str | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    where: str | Filter | None = None,
    snapshot: Data | None = None,
    compare: Compare | None = None,
    each_n: bool = False,
    segment: str | None = None,
) -> pd.DataFrame:
    """Return metrics over a period, cut by dimensions and time.

    One row per unit of ``grain`` and combination of ``by``; columns: ``period`` (first day of
    the day, ISO week, month, quarter or year, fiscal or not; only with a grain), the dimensions
    (the portal's user fields among them), one per metric and ``n`` (rows behind the first metric;
    with ``each_n`` also ``n_<metric>`` for the others).
    Money is in the portal's base currency, durations in days, shares are fractions of 1.

    ``period`` is a `Period` or its name, resolved on the day of the data; ``start`` and ``end``
    (exclusive) bound it instead. Without any, everything that is loaded. ``where`` is a filter
    (see `workbench.metrics.filters`), ``segment`` one that has a name (see
    `workbench.metrics.segments`); with both, what both keep. ``compare`` adds
    ``<metric>_before``, the same figure over the previous period or a year ago (by week, 52 weeks
    ago), or ``<metric>_plan``, what was planned of it. Without a snapshot, the newest.

    Sums and counts are 0 where a loaded period holds no row, NaN where it is not loaded; ratios
    and averages of nothing are NaN. ``attrs``: ``metrics`` (definitions), ``as_of``,
    ``snapshot``, ``currency``, ``timezone``, ``period`` {start, end, label}, ``grain``, ``by``,
    ``where``, ``segment``, ``dimensions`` (their titles {fr, en}), ``ids`` (of pipelines and
    stages: dimension → name shown → its ids; those of one name show what tells them apart),
    ``overlapping`` (those of ``by`` in whose groups a row may be several times), ``loaded``
    {from, to}, ``total`` and ``n``
    (per metric, computed anew over the whole period, never summed), ``rates`` {metric of money:
    {later, none}} (how many amounts were converted at a later rate, or left out for want of one),
    ``status`` (the worst of ``statuses``, per metric) and ``marks`` {metric: {first day: mark}} of
    every unit that is not ``ok`` (see `workbench.metrics.loaded`); ``troubles`` (what is shown as
    it was loaded before: {entity, status}); ``before`` or ``plan`` {period, total, n, statuses,
    compared, unpaired} with a comparison (``unpaired``: units of time in its total that stand
    beside none).

    The previous period of a month, quarter or year is the whole one before it, which may have more
    or fewer days. Unit n stands beside unit n: beside the last ones of the longer one stands
    nothing.

    Raises `QueryError` for an unknown metric, dimension, grain or filter, `ParameterError` for a
    period.
    """
    if snapshot is None:
        snapshot = newest_data()
    if not isinstance(snapshot, Snapshot):
        return snapshot.metrics(
            metrics,
            by,
            period,
            where,
            grain=grain,
            start=start,
            end=end,
            compare=compare,
            each_n=each_n,
            segment=segment,
        )
    asked = _asked(metrics)
    known_models = models_of(snapshot)
    cut = Cut(
        by=_by(asked, by, known_models),
        grain=_grain(asked, grain),
        where=both(as_filter(where), segment_filter(segment)),
        models=known_models,
        today=(today := local_day(snapshot.as_of, snapshot.timezone)),
    )
    named = _period(period, start, end, today, snapshot)
    known = extents(snapshot)
    cut = replace(cut, period=_bounded(named, asked, snapshot, today))
    board = Board(snapshot, asked, known, today)
    beside = None if compare is None else beside_of(board, cut, compare)
    if beside is not None:
        beside.board.figures(beside.cut)  # first, for groups to have one name in both
    frame, marks = board.frame(cut, each_n)
    whole = board.figures(replace(cut, by=(), grain=None))
    if beside is not None:
        frame = with_beside(frame, board, cut, beside)
    planned = [other for _left, other, _column in beside.pairs] if beside is not None else []
    statuses = {metric.id: whole.marks[metric.id][cut.period.start] for metric in asked}
    titles = titles_of(snapshot)
    frame.attrs = {
        "metrics": {metric.id: describe(metric, known_models) for metric in asked},
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
        "where": where.text if isinstance(where, Filter) else where,
        "segment": segment,
        "dimensions": {name: titles[name].model_dump() for name in cut.by},
        "ids": board.ids(cut),
        "overlapping": [
            name
            for name in cut.by
            if any(cut.model(leaf).overlapping(name) for m in asked for leaf in leaves(m))
        ],
        "loaded": _loaded(asked, cut, known, today),
        "total": {metric.id: float(whole.values[metric.id].iloc[0]) for metric in asked},
        "n": {metric.id: int(whole.counts[metric.id].iloc[0]) for metric in asked},
        "rates": {m.id: found for m in asked if (found := rates(m, whole)) is not None},
        "status": worst(statuses.values()),
        "statuses": statuses,
        "marks": marks,
        "troubles": troubles([*asked, *planned], cut, snapshot),
    }
    if beside is not None:
        frame.attrs["plan" if compare == "plan" else "before"] = beside_attrs(beside, cut)
    return frame


def as_filter(where: str | Filter | None) -> Filter | None:
    """Return a filter that is given as text, or as it is; nothing for an empty text."""
    if isinstance(where, str):
        return parse_filter(where) if where.strip() else None
    return where


def rows(
    model: str,
    where: str | Filter | None = None,
    *,
    by: Sequence[str] = (),
    snapshot: Data | None = None,
    segment: str | None = None,
) -> pd.DataFrame:
    """Return the rows of a model that a filter keeps: its columns, and dimensions ``by``.

    Amounts come as float64, days as datetime64. Raises `QueryError` for an unknown name.
    """
    snapshot = snapshot or newest_data()
    if not isinstance(snapshot, Snapshot):
        return snapshot.rows(model, where, by=by, segment=segment)
    if model not in models_of(snapshot):
        raise QueryError(
            _("There are no records “{name}”.").format(name=model[:60]),
            hint=suggest(model, models_of(snapshot)),
        )
    kept = both(as_filter(where), segment_filter(segment))
    cut = Cut(by=tuple(by), where=kept, models=models_of(snapshot))
    ask = rows_statement(model, cut, as_of=snapshot.as_of, timezone=snapshot.timezone)
    return answered(snapshot, ask)


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


def _by(
    asked: list[Definition], by: str | Sequence[str], known: Mapping[str, Model]
) -> tuple[str, ...]:
    names = tuple(dict.fromkeys([by] if isinstance(by, str) else by))
    for metric in asked:
        for name in names:
            if name not in dimensions(metric, known):
                raise QueryError(
                    _("“{metric}” cannot be cut by “{dimension}”.").format(
                        metric=metric.title, dimension=str(name)[:60]
                    ),
                    hint=suggest(str(name), dimensions(metric, known)),
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
        row = answered(snapshot, ask).iloc[0]
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
