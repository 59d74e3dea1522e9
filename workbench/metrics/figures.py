"""Figures on one grid: parts counted, brought together on time and dimensions, and calculated."""

from __future__ import annotations

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _, format_number
from workbench.metrics.answered import answered, total
from workbench.metrics.catalogue import (
    PERIOD_DAYS,
    POSITIVE,
    Definition,
    Grain,
    Maturity,
    definition,
    leaves,
    parts,
)
from workbench.metrics.loaded import HIDDEN, Extent, extent, mark, ripe_after, worst
from workbench.metrics.periods import Period, floor_to, next_unit
from workbench.metrics.sql import Cut, buckets, converts, statement
from workbench.warehouse import Snapshot

# Stands for a missing dimension value while rows are brought together; numpy cuts a last \0 off.
NOTHING = "\0nothing"
FEW = ("pipeline", "stage")
MAX_ROWS = 1_000_000
MAX_UNITS = 40_000  # units of time: a century of days
SHORTEST: dict[Grain, int] = {
    **{"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365},
    **{"fiscal_quarter": 89, "fiscal_year": 365},
}


@dataclass
class Figures:
    """Values, rows behind them and marks of every metric, over one index of time and keys.

    ``rates``: of a counted metric of money, how many amounts were converted at a ``later`` rate,
    and how many are left out because there is ``none``.
    """

    index: pd.MultiIndex
    values: dict[str, pd.Series]
    counts: dict[str, pd.Series]
    marks: dict[str, dict[date, str]]
    rates: dict[str, dict[str, int]] = field(default_factory=dict)


class Board:
    """The figures of some metrics over one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        asked: list[Definition],
        known: dict[str, Extent],
        today: date,
    ) -> None:
        self.snapshot, self.asked, self.known, self.today = snapshot, asked, known, today
        self._counted: dict[Any, Figures] = {}
        # dimension → key → label; shared by all cuts, so that a group has one name in all of them
        self._labels: dict[str, dict[str, Any]] = {}
        self._apart: dict[str, dict[str, Any]] = {}  # … and what tells homonyms apart

    def figures(self, cut: Cut) -> Figures:
        """Return the figures of a cut, counted once (an uncut frame is its own total)."""
        key = (cut.by, cut.grain, cut.period, cut.leap)
        if key not in self._counted:
            self._counted[key] = self._count(cut)
        return self._counted[key]

    def _count(self, cut: Cut) -> Figures:
        """Count every part, bring the parts together on period and dimensions, calculate."""
        _bearable(cut.period.days / SHORTEST[cut.grain] if cut.grain else 1)
        spans = buckets(cut.period, cut.grain, leap=cut.leap)
        firsts = [floor_to(span.start, cut.grain) if cut.grain else span.start for span in spans]
        keys = [f"key:{name}" for name in cut.by]
        parts: dict[str, pd.DataFrame] = {}
        for group in groups(self.asked):
            ask = statement(group, cut, as_of=self.snapshot.as_of, timezone=self.snapshot.timezone)
            rows = (answered if cut.by or cut.grain else total)(self.snapshot, ask)
            if cut.grain:
                rows["period"] = pd.to_datetime(rows["period"]).dt.date
            else:
                rows["period"] = firsts[0]
            for name in cut.by:
                key = rows[f"key:{name}"].astype(object)
                rows[f"key:{name}"] = key.where(key.notna(), NOTHING)
                labels = self._labels.setdefault(name, {})
                for each, label in zip(rows[f"key:{name}"], rows[f"dim:{name}"], strict=True):
                    if labels.get(each) is None:
                        labels[each] = _label(label)
                if _looked_for_then(group[0], cut, name) and NOTHING in labels:
                    labels[NOTHING] = _("not known at that moment")
                if f"apart:{name}" in rows:
                    told = zip(rows[f"key:{name}"], rows[f"apart:{name}"], strict=True)
                    self._apart.setdefault(name, {}).update(told)
            rows = rows.set_index(["period", *keys])
            parts |= {leaf.id: rows for leaf in group}
        index = _grid(firsts, keys, parts)
        ripe = {rule: ripe_after(self.snapshot, cut, rule) for rule in self._rules()}
        found = Figures(index, {}, {}, {})
        found.values[PERIOD_DAYS] = _days(index, firsts, spans, self.today)
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
            shown = self.labels(cut, name)
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
            frame = _without_emptygroups(frame, keys[[f"key:{d}" for d in cut.by]], behind)
        order = [*(["period"] if cut.grain else []), *cut.by]
        if order:
            frame = frame.sort_values(order, key=sortable, kind="stable", na_position="last")
        marks = {
            metric.id: {
                first.isoformat(): each
                for first, each in found.marks[metric.id].items()
                if each != "ok"
            }
            for metric in self.asked
        }
        return frame.reset_index(drop=True), marks

    def labels(self, cut: Cut, dimension: str) -> dict[str, Any]:
        """Return the name of each group by its key, no two alike among what stands beside it."""
        columns = (cut.model(leaf).dimensions[dimension] for m in self.asked for leaf in leaves(m))
        apart = next((column.apart for column in columns if column.apart), None)
        told, names = self._apart.get(dimension, {}), self._labels.get(dimension, {})
        return _distinct({k: _named(k, v) for k, v in names.items()}, told, beside=apart in cut.by)

    def ids(self, cut: Cut) -> dict[str, dict[str, list[str]]]:
        """Return dimension → name shown → ids, of the dimensions of which a portal has few.

        A name has several ids only where another dimension of the cut tells them apart.
        """
        found: dict[str, dict[str, list[str]]] = {}
        for name in (each for each in cut.by if each in FEW):
            shown = found.setdefault(name, {})
            for key, label in sorted(self.labels(cut, name).items()):
                if label is not None and key != NOTHING:
                    shown.setdefault(label, []).append(key)
        return found

    def named_as(self, other: Board) -> Board:
        """Share the names of groups with another board, for both to call one group the same."""
        self._labels, self._apart = other._labels, other._apart
        return self

    def _rules(self) -> set[Maturity]:
        """Return the maturity rules of what is counted."""
        counted = (leaf for metric in self.asked for leaf in leaves(metric))
        return {leaf.maturity for leaf in counted if leaf.maturity}


def groups(asked: Iterable[Definition]) -> list[list[Definition]]:
    """Group the counted parts that one statement can bring."""
    found: dict[tuple[Any, ...], dict[str, Definition]] = {}
    for metric in asked:
        for leaf in leaves(metric):
            key = (leaf.model, leaf.date, leaf.when_over, tuple(leaf.joins))
            found.setdefault(key, {})[leaf.id] = leaf
    return [list(group.values()) for group in found.values()]


def _looked_for_then(leaf: Definition, cut: Cut, dimension: str) -> bool:
    """Whether a dimension is asked for as it was at an earlier moment, which may not be known."""
    then = cut.models[str(leaf.model)].then
    return then is not None and dimension in then.names and cut.looks_back(leaf)


def _bearable(rows: float, most: int = MAX_UNITS) -> None:
    """Refuse an answer that nobody could read, before it is made."""
    if rows > most:
        raise QueryError(
            _("This would be {n} rows.").format(n=format_number(rows)),
            hint=_("Take a coarser grain, a shorter period, fewer dimensions or a filter."),
        )


def _grid(firsts: list[date], keys: list[str], parts: dict[str, pd.DataFrame]) -> pd.MultiIndex:
    """Return every unit of time with every combination of dimension values that occurs."""
    names = ["period", *keys]
    if not keys:
        return pd.MultiIndex.from_arrays([firsts], names=names)
    seen: dict[tuple[Any, ...], None] = {}
    for rows in {id(rows): rows for rows in parts.values()}.values():
        combinations = rows.index.droplevel("period").unique()
        seen |= dict.fromkeys((c if isinstance(c, tuple) else (c,)) for c in combinations)
    _bearable(len(seen) * len(firsts), MAX_ROWS)
    tuples = [(first, *combination) for first in firsts for combination in seen]
    return (
        pd.MultiIndex.from_tuples(tuples, names=names)
        if tuples
        else pd.MultiIndex.from_arrays([[] for _name in names], names=names)
    )


def _days(index: pd.MultiIndex, firsts: list[date], spans: list[Period], today: date) -> pd.Series:
    """Return the days of each unit of time, up to that of the data."""
    tomorrow = today + timedelta(days=1)
    days = {
        first: max((min(span.end, tomorrow) - span.start).days, 0)
        for first, span in zip(firsts, spans, strict=True)
    }
    return pd.Series(index.get_level_values("period").map(days), index=index, dtype=float)


def _cut_mark(leaf: Definition, span: Period, grain: Grain | None) -> str:
    """Return ``partial`` for a unit of time that the period shows in part only."""
    if grain is None or leaf.date == "as-of":
        return "ok"
    first = floor_to(span.start, grain)
    return "ok" if (span.start, span.end) == (first, next_unit(first, grain)) else "partial"


def _place(leaf: Definition, rows: pd.DataFrame, marks: dict[date, str], found: Figures) -> None:
    if rows.index.nlevels == 1:
        rows = rows.set_axis(pd.MultiIndex.from_arrays([rows.index], names=["period"]))
    placed = rows[[f"value:{leaf.id}", f"n:{leaf.id}"]].reindex(found.index)
    value = placed[f"value:{leaf.id}"].astype(float)
    n = placed[f"n:{leaf.id}"].fillna(0).astype("int64")
    unrated = _rows_marked(leaf, rows, "unrated", "no rate", marks, found)
    later = _rows_marked(leaf, rows, "later", "later rate", marks, found)
    if converts(leaf):
        found.rates[leaf.id] = {"later": int(later.sum()), "none": int(unrated.sum())}
    value = value.where(value.notna() | (unrated > 0), leaf.when_empty)
    hidden = {first for first, each in marks.items() if each in HIDDEN}
    if hidden:
        away = found.index.get_level_values("period").isin(hidden)
        value, n = value.mask(away), n.mask(away, 0)
    found.values[leaf.id], found.counts[leaf.id], found.marks[leaf.id] = value, n, marks


def _rows_marked(
    leaf: Definition,
    rows: pd.DataFrame,
    column: str,
    mark_: str,
    marks: dict[date, str],
    found: Figures,
) -> pd.Series:
    """Return how many rows of each group a column counts, and mark the units that have any."""
    if f"{column}:{leaf.id}" not in rows:
        return pd.Series(0, index=found.index)
    counted = rows[f"{column}:{leaf.id}"].reindex(found.index).fillna(0).astype("int64")
    for first in set(found.index.get_level_values("period")[(counted > 0).to_numpy()]):
        marks[first] = worst([marks[first], mark_])
    return counted


def rates(metric: Definition, found: Figures) -> dict[str, int] | None:
    """Return how many amounts behind a metric have a later rate or none; None if it has no money.

    A part that counts most of them speaks for the whole: the parts of a ratio count the same rows.
    """
    own = [found.rates[leaf.id] for leaf in leaves(metric) if leaf.id in found.rates]
    if not own:
        return None
    return {kind: max(each[kind] for each in own) for kind in ("later", "none")}


def _calculate(metric: Definition, found: Figures) -> None:
    """Calculate a formula from its parts; a division by nothing is nothing."""
    if metric.id in found.values:
        return
    tree = ast.parse(metric.formula or "", mode="eval").body
    for part in parts(metric):
        _calculate(part, found)
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
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name == POSITIVE:
            value = _apply(inner, values)
            return value.where(value > 0)
    raise QueryError(f"formula: {ast.unparse(node)}")


def _typed(metric: Definition, values: pd.Series) -> np.ndarray[Any, Any]:
    plain = values.to_numpy(dtype=float)
    whole = metric.unit == "count" and bool(np.isfinite(plain).all())
    return plain.round().astype("int64") if whole else plain


def _label(value: Any) -> Any:
    """Return the name of a group: a text, a number, a day as ``2026-01-31``; None without one."""
    if pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return _("yes") if value else _("no")
    if isinstance(value, int | float | np.number):
        return int(value) if float(value).is_integer() else float(value)
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else str(value)


def _named(key: str, label: Any) -> Any:
    """Return a label; of a record that others refer to but that is no longer there, its number."""
    if key == NOTHING or label not in (None, f"#{key}"):
        return label
    return _("#{id}, no longer in the data").format(id=key)


def _distinct(
    labels: dict[str, Any], apart: Mapping[str, Any], *, beside: bool = False
) -> dict[str, Any]:
    """Return the labels by key, homonyms told apart: by what stands in ``apart``, or by their key.

    ``beside``: what tells them apart is shown in a column of its own.
    """
    counts = Counter(label for label in labels.values() if label is not None)
    pairs = Counter((label, apart.get(key)) for key, label in labels.items())

    def shown(key: str, label: Any) -> Any:
        if counts[label] < 2 or key == NOTHING:
            return label
        told = apart.get(key)
        if pairs[label, told] > 1 or told is None or pd.isna(told):
            return f"{label} (#{key})"
        return label if beside else f"{label} · {told}"

    return {key: shown(key, label) for key, label in labels.items()}


def _without_emptygroups(
    frame: pd.DataFrame, keys: pd.DataFrame, behind: np.ndarray[Any, Any]
) -> pd.DataFrame:
    """Drop combinations with no row behind any metric in any unit of time."""
    behind_all = pd.Series(behind).groupby([keys[name] for name in keys]).transform("sum")
    return frame[behind_all.to_numpy() > 0]


def sortable(column: pd.Series) -> pd.Series:
    """Return a column as it is sorted: texts without regard to case."""
    if column.dtype != object:
        return column
    return column.map(
        lambda label: label.casefold() if isinstance(label, str) else label, na_action="ignore"
    )
