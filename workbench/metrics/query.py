"""Any metric, by any of its dimensions, as a tidy frame that knows what it shows."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import (
    GRAINS,
    Definition,
    Grain,
    definition,
    describe,
    dimensions,
    grains,
    leaves,
    suggest,
)
from workbench.metrics.filters import parse_filter
from workbench.metrics.loaded import (
    HIDDEN,
    Extent,
    extent,
    extents,
    local_day,
    mark,
    ripe_after,
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

NOTHING = "\0"  # stands for a missing dimension value while rows are brought together
MAX_ROWS = 1_000_000

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
    board = _Board(snapshot, asked, known, today)
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
        "period": {"start": cut.period.start, "end": cut.period.end, "label": named.label()},
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
        for group in _groups([metric])
    ]


@dataclass
class _Figures:
    index: pd.MultiIndex
    values: dict[str, pd.Series]
    counts: dict[str, pd.Series]
    marks: dict[str, dict[date, str]]
    labels: dict[str, dict[str, str | None]]


class _Board:
    """The figures of some metrics over one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        asked: list[Definition],
        known: dict[str, Extent],
        today: date,
    ) -> None:
        self.snapshot, self.asked, self.known, self.today = snapshot, asked, known, today
        self._counted: dict[Any, _Figures] = {}

    def figures(self, cut: Cut) -> _Figures:
        """Return the figures of a cut, counted once (an uncut frame is its own total)."""
        key = (cut.by, cut.grain, cut.period)
        if key not in self._counted:
            self._counted[key] = self._count(cut)
        return self._counted[key]

    def _count(self, cut: Cut) -> _Figures:
        """Count every part, bring the parts together on period and dimensions, calculate."""
        spans = buckets(cut.period, cut.grain)
        firsts = [floor_to(span.start, cut.grain) if cut.grain else span.start for span in spans]
        keys = [f"key:{name}" for name in cut.by]
        labels: dict[str, dict[str, str | None]] = {name: {} for name in cut.by}
        parts: dict[str, pd.DataFrame] = {}
        for group in _groups(self.asked):
            ask = statement(group, cut, as_of=self.snapshot.as_of, timezone=self.snapshot.timezone)
            rows = self.snapshot.query(ask.sql, ask.parameters)
            if cut.grain:
                rows["period"] = pd.to_datetime(rows["period"]).dt.date
            else:
                rows["period"] = firsts[0]
            for name in cut.by:
                key = rows[f"key:{name}"].astype(object)
                rows[f"key:{name}"] = key.where(key.notna(), NOTHING)
                for each, label in zip(rows[f"key:{name}"], rows[f"dim:{name}"], strict=True):
                    if labels[name].get(each) is None:
                        labels[name][each] = None if pd.isna(label) else str(label)
            rows = rows.set_index(["period", *keys])
            parts |= {leaf.id: rows for leaf in group}
        index = _grid(firsts, keys, parts)
        ripe = ripe_after(self.snapshot, cut) if self._ripens() else 0.0
        found = _Figures(index, {}, {}, {}, labels)
        for leaf in (leaf for metric in self.asked for leaf in leaves(metric)):
            if leaf.id not in found.values:
                own = extent(leaf, cut, self.known)
                marks = {
                    first: worst(
                        [mark(leaf, span, own, self.today, ripe), _cut_mark(leaf, span, cut.grain)]
                    )
                    for first, span in zip(firsts, spans, strict=True)
                }
                _place(leaf, parts[leaf.id], marks, found)
        for metric in self.asked:
            _calculate(metric, found)
        return found

    def frame(self, cut: Cut, each_n: bool) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
        """Return the tidy frame and the marks of its units that are not ok."""
        found = self.figures(cut)
        keys = found.index.to_frame(index=False)
        columns: dict[str, Any] = {}
        if cut.grain:
            columns["period"] = pd.to_datetime(keys["period"])
        for name in cut.by:
            shown = _distinct(found.labels[name])
            texts = [shown[key] for key in keys[f"key:{name}"]]
            columns[name] = pd.Series(texts, dtype=object)
        for metric in self.asked:
            columns[metric.id] = _typed(metric, found.values[metric.id])
        columns["n"] = found.counts[self.asked[0].id].to_numpy()
        if each_n:
            columns |= {f"n_{m.id}": found.counts[m.id].to_numpy() for m in self.asked[1:]}
        frame = pd.DataFrame(columns)
        behind = sum(found.counts[metric.id].to_numpy() for metric in self.asked)
        if cut.by:
            frame = _without_empty_groups(frame, keys[[f"key:{d}" for d in cut.by]], behind)
        order = [*(["period"] if cut.grain else []), *cut.by]
        if order:
            frame = frame.sort_values(order, key=_sortable, kind="stable", na_position="last")
        marks = {
            metric.id: {
                first.isoformat(): each
                for first, each in found.marks[metric.id].items()
                if each != "ok"
            }
            for metric in self.asked
        }
        return frame.reset_index(drop=True), marks

    def _ripens(self) -> bool:
        return any(leaf.maturity for metric in self.asked for leaf in leaves(metric))


def _asked(metrics: str | Sequence[str]) -> list[Definition]:
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    if not names:
        raise QueryError(_("No metric was asked for."), hint=suggest("", ()))
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
    groups = _groups(asked)
    # What is counted at a moment has no first day of its own, unless nothing else is asked for.
    dated = [group for group in groups if group[0].date != "as-of"]
    for group in dated or groups:
        ask = extent_statement(group[0], snapshot.timezone)
        row = snapshot.query(ask.sql, ask.parameters).iloc[0]
        if not pd.isna(row["first"]):
            first = min(first, row["first"].date())
            last = max(last, row["last"].date())
    end = last + timedelta(days=1)
    if any("day" not in grains(metric) for metric in asked):
        first, end = floor_to(first, "month"), next_unit(floor_to(last, "month"), "month")
    first = named.start if named.start > ALL_START else first
    end = named.end if named.end < ALL_END else end
    return Period(min(first, end - timedelta(days=1)), end, named.name)


def _groups(asked: Iterable[Definition]) -> list[list[Definition]]:
    """Group the counted parts that one statement can bring."""
    groups: dict[tuple[str | None, str | None, tuple[str, ...]], dict[str, Definition]] = {}
    for metric in asked:
        for leaf in leaves(metric):
            groups.setdefault((leaf.model, leaf.date, tuple(leaf.joins)), {})[leaf.id] = leaf
    return [list(group.values()) for group in groups.values()]


def _grid(firsts: list[date], keys: list[str], parts: dict[str, pd.DataFrame]) -> pd.MultiIndex:
    """Return every unit of time with every combination of dimension values that occurs."""
    names = ["period", *keys]
    if not keys:
        return pd.MultiIndex.from_arrays([firsts], names=names)
    seen: dict[tuple[Any, ...], None] = {}
    for rows in {id(rows): rows for rows in parts.values()}.values():
        combinations = rows.index.droplevel("period").unique()
        seen |= dict.fromkeys((c if isinstance(c, tuple) else (c,)) for c in combinations)
    if len(seen) * len(firsts) > MAX_ROWS:
        raise QueryError(
            _("This would be {n} rows.").format(n=len(seen) * len(firsts)),
            hint=_("Take a coarser grain, fewer dimensions or a filter."),
        )
    tuples = [(first, *combination) for first in firsts for combination in seen]
    return (
        pd.MultiIndex.from_tuples(tuples, names=names)
        if tuples
        else pd.MultiIndex.from_arrays([[] for _name in names], names=names)
    )


def _cut_mark(leaf: Definition, span: Period, grain: Grain | None) -> str:
    """Return ``partial`` for a unit of time that the period shows in part only."""
    if grain is None or leaf.date == "as-of":
        return "ok"
    first = floor_to(span.start, grain)
    return "ok" if (span.start, span.end) == (first, next_unit(first, grain)) else "partial"


def _place(leaf: Definition, rows: pd.DataFrame, marks: dict[date, str], found: _Figures) -> None:
    if rows.index.nlevels == 1:
        rows = rows.set_axis(pd.MultiIndex.from_arrays([rows.index], names=["period"]))
    placed = rows[[f"value:{leaf.id}", f"n:{leaf.id}"]].reindex(found.index)
    value = placed[f"value:{leaf.id}"].astype(float).fillna(leaf.when_empty)
    n = placed[f"n:{leaf.id}"].fillna(0).astype("int64")
    hidden = {first for first, each in marks.items() if each in HIDDEN}
    if hidden:
        away = found.index.get_level_values("period").isin(hidden)
        value, n = value.mask(away), n.mask(away, 0)
    found.values[leaf.id], found.counts[leaf.id], found.marks[leaf.id] = value, n, marks


def _calculate(metric: Definition, found: _Figures) -> None:
    """Calculate a formula from its parts; a division by nothing is nothing."""
    if metric.id in found.values:
        return
    tree = ast.parse(metric.formula or "", mode="eval").body
    for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
        _calculate(definition(name), found)
    value = _apply(tree, found.values)
    found.values[metric.id] = value.where(np.isfinite(value))
    own = [leaf.id for leaf in leaves(metric)]
    behind = metric.n_of or own
    for name in behind:
        _calculate(definition(name), found)
    found.counts[metric.id] = pd.concat([found.counts[name] for name in behind], axis=1).sum(axis=1)
    found.marks[metric.id] = {
        first: worst(found.marks[leaf][first] for leaf in own) for first in found.marks[own[0]]
    }


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _apply(node: ast.expr, values: dict[str, pd.Series]) -> Any:
    match node:
        case ast.Name():
            return values[node.id]
        case ast.Constant(value=int() | float()):
            return node.value
        case ast.BinOp() if type(node.op) in _OPERATORS:
            left, right = _apply(node.left, values), _apply(node.right, values)
            return _OPERATORS[type(node.op)](left, right)
    raise QueryError(f"formula: {ast.unparse(node)}")


def _typed(metric: Definition, values: pd.Series) -> np.ndarray[Any, Any]:
    plain = values.to_numpy(dtype=float)
    whole = metric.unit == "count" and bool(np.isfinite(plain).all())
    return plain.round().astype("int64") if whole else plain


def _distinct(labels: dict[str, str | None]) -> dict[str, str | None]:
    """Return the labels by key, those of homonyms told apart by their key."""
    texts = [label for label in labels.values() if label is not None]
    twice = (
        {text for text in texts if texts.count(text) > 1} if len(set(texts)) < len(texts) else ()
    )
    return {
        key: f"{label} (#{key})" if label in twice and key != NOTHING else label
        for key, label in labels.items()
    }


def _without_empty_groups(
    frame: pd.DataFrame, keys: pd.DataFrame, behind: np.ndarray[Any, Any]
) -> pd.DataFrame:
    """Drop combinations with no row behind any metric in any unit of time."""
    behind_all = pd.Series(behind).groupby([keys[name] for name in keys]).transform("sum")
    return frame[behind_all.to_numpy() > 0]


def _sortable(column: pd.Series) -> pd.Series:
    return (
        column.map(lambda text: text.casefold(), na_action="ignore")
        if (column.dtype == object)
        else column
    )


def _with_before(frame: pd.DataFrame, board: _Board, cut: Cut, compare: Compare) -> pd.DataFrame:
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
    both = left.merge(right, how="outer", on=keys)
    for metric in board.asked:
        for figures, column in ((whole, metric.id), (whole_before, names[metric.id])):
            if metric.additive and next(iter(figures.marks[metric.id].values())) not in HIDDEN:
                both[column] = both[column].fillna(leaves(metric)[0].when_empty)
    counts = [column for column in frame if column == "n" or column.startswith("n_")]
    both[counts] = both[counts].fillna(0).astype("int64")
    return both.sort_values(keys, key=_sortable, kind="stable", na_position="last").reset_index(
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


def _before_attrs(board: _Board, cut: Cut, compare: Compare) -> dict[str, Any]:
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
