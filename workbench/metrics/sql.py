"""SQL of counted metrics: one statement per model and date basis.

Every name in it comes from ``models.yml`` and the definitions; every value is bound.
"""
# ruff: noqa: S608 - see above: no text of a user's gets in

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import Basis, Definition, Grain, Join, Model, models, suggest
from workbench.metrics.filters import Filter, write_filter
from workbench.metrics.periods import EVERYTHING, FISCAL, Period, floor_to, next_unit
from workbench.settings import settings

UNRATED = "amount <> 0 AND amount_base IS NULL"  # an amount in a currency without a rate
DEALS = "count(DISTINCT deal_id)"
WORD = re.compile(r"[a-z_]\w*")
TEXT = re.compile("'[^']*'")
# What an expression may name beside columns, as far as models with a narrow table need it.
SQL_WORDS = frozenset(
    ("count", "sum", "avg", "median", "quantile_cont", "distinct", "date_diff", "local_moment")
    + ("and", "or", "not", "is", "null")
)
LATER = "amount_base <> 0 AND rate_basis = 'later'"  # converted at a rate of a later day


@dataclass(frozen=True)
class Cut:
    """How to cut: dimensions, grain, period, filter; ``models`` with the portal's user fields.

    ``leap``: by day, a 29th of February is counted with the 28th. ``today``: the day of the data;
    without it, moments before it are not told from it.
    """

    by: tuple[str, ...] = ()
    grain: Grain | None = None
    period: Period = EVERYTHING
    where: Filter | None = None
    models: Mapping[str, Model] = field(default_factory=models, compare=False, repr=False)
    leap: bool = False
    today: date | None = None

    def model(self, leaf: Definition) -> Model:
        """Return the model that a metric counts over: of today, or of the moments of the cut."""
        own = self.models[str(leaf.model)]
        return self.models[own.then.model] if own.then and self.looks_back(leaf) else own

    def looks_back(self, leaf: Definition) -> bool:
        """Whether the cut asks for what was otherwise at a moment before the day of the data."""
        then = self.models[str(leaf.model)].then
        if then is None or leaf.date != "as-of" or self.today is None:
            return False
        named = {*self.by, *(self.where.names if self.where else ())}
        first = buckets(self.period, self.grain, leap=self.leap)[0]
        return first.end <= self.today and not named.isdisjoint(then.names)


@dataclass(frozen=True)
class Statement:
    """One SELECT and its bound parameters.

    Columns of its result: ``period`` (DATE, with a grain), ``key:D`` and ``dim:D`` per
    dimension (``apart:D`` what tells homonyms apart), ``value:ID`` and ``n:ID`` per metric, and for
    money in the base currency
    ``unrated:ID``, the rows whose currency has no exchange rate, and ``later:ID``, those that were
    converted at the rate of a later day.
    """

    sql: str
    parameters: dict[str, Any] = field(default_factory=dict)


def buckets(period: Period, grain: Grain | None, *, leap: bool = False) -> list[Period]:
    """Split a period into its days, weeks, months, quarters or years (the ends may be cut).

    With ``leap``, a 29th of February is no day of its own but belongs to the 28th.
    """
    if grain is None:
        return [period]
    found = []
    first = floor_to(period.start, grain)
    while first < period.end:
        following = next_unit(first, grain)
        if leap and grain == "day" and (following.month, following.day) == (2, 29):
            following += timedelta(days=1)
        found.append(Period(max(first, period.start), min(following, period.end)))
        first = following
    return found


def source(model: Model) -> str:
    """Return a model's table, or its query in brackets, as it stands after FROM."""
    return model.table if model.table.isidentifier() else f"({model.table})"


def extent_statement(leaf: Definition, timezone: str) -> Statement:
    """Write the statement for the first and last day of a metric's rows (``first``, ``last``)."""
    model = models()[str(leaf.model)]
    model = _narrowed(model, (), Cut(), _days(model, leaf.date))
    day = model.open["from"] if leaf.date == "as-of" else model.dates[leaf.date or "created"]
    sql = f'SELECT min("{day}") AS first, max("{day}") AS last FROM {source(model)} AS m'
    return Statement(sql, _facts(sql, timezone))


def entities(leaf: Definition, cut: Cut) -> list[str]:
    """Return the entities of the snapshot that a counted metric needs for this cut."""
    model = cut.model(leaf)
    found = list(model.entities)
    for join in _joins(model, [leaf], cut):
        found.extend(model.joins[join].entities)
    return list(dict.fromkeys(found))


def _joins(model: Model, group: Iterable[Definition], cut: Cut) -> list[str]:
    wanted = [join for leaf in group for join in leaf.joins]
    used = [*cut.by, *(cut.where.names if cut.where else ())]
    wanted += [
        join for name in used if name in model.dimensions and (join := model.dimensions[name].join)
    ]
    return sorted(set(wanted))


def converts(leaf: Definition) -> bool:
    """Whether a metric adds up amounts that were brought into the base currency."""
    fields = models()[str(leaf.model)].fields
    return "amount_base" in (leaf.expression or "") and "rate_basis" in fields


def statement(
    group: Sequence[Definition], cut: Cut, *, as_of: datetime, timezone: str
) -> Statement:
    """Write the statement of counted metrics that share a model and a date basis."""
    model = cut.model(group[0])
    basis = group[0].date
    parameters: dict[str, Any] = {}
    for name in cut.by:
        if name not in model.dimensions:
            raise _no_dimension(group[0], model, name)
    today = as_of.astimezone(ZoneInfo(timezone)).date()
    model = _narrowed(model, group, cut, _days(model, basis))
    relation = _relation(model, group, cut, parameters, today)
    selected, grouped = [], []
    if basis == "as-of":
        relation += _moments(model, cut, as_of, timezone, parameters)
        if cut.grain:
            selected.append('b.period AS "period"')
    elif any(leaf.when_over for leaf in group):
        relation += _units(f'm."{model.dates[basis or "created"]}"', cut, parameters)
        if cut.grain:
            selected.append('b.period AS "period"')
    else:
        day = f'm."{model.dates[basis]}"' if basis else ""
        if not cut.period.is_all:
            parameters |= {"start": cut.period.start, "end": cut.period.end}
            relation += f"\nWHERE {day} >= $start AND {day} < $end"
        else:
            relation += f"\nWHERE {day} IS NOT NULL"
        if cut.grain:
            selected.append(f'{_first_day(cut.grain, day, cut.leap)} AS "period"')
    common = _common_rows(group, model, cut)
    if common:
        relation += f"\n{'WHERE' if basis == 'as-of' else 'AND'} ({common})"
    if cut.grain:
        grouped.append('"period"')
    for name in cut.by:
        column = model.dimensions[name]
        # one group per key; its rows may carry several labels, such as a renamed company's
        selected.append(f'min(m."{column.column}") AS "dim:{name}"')
        key = column.key or f'm."{column.column}"'
        selected.append(f'CAST({key} AS VARCHAR) AS "key:{name}"')
        grouped.append(f'"key:{name}"')
        if column.apart:
            told = model.dimensions[column.apart].column
            selected.append(f'any_value(m."{told}") AS "apart:{name}"')
    for leaf in group:
        condition = f" FILTER (WHERE {leaf.rows})" if leaf.rows and not common else ""
        if once := _once_each(leaf, model, cut):
            selected.append(f'count(*) FILTER (WHERE {once}) AS "value:{leaf.id}"')
        else:
            selected.append(f'{leaf.expression}{condition} AS "value:{leaf.id}"')
        selected.append(f'count(*){condition} AS "n:{leaf.id}"')
        if converts(leaf):
            for name, which in (("unrated", UNRATED), ("later", LATER)):
                if name == "unrated" and "amount" not in model.fields:
                    continue
                those = " AND ".join(filter(None, [leaf.rows and f"({leaf.rows})", which]))
                selected.append(f'count(*) FILTER (WHERE {those}) AS "{name}:{leaf.id}"')
    sql = "SELECT\n  " + ",\n  ".join(selected) + f"\nFROM {relation}"
    if grouped:
        sql += "\nGROUP BY " + ", ".join(grouped)
    return Statement(sql, parameters | _facts(sql, timezone))


def _days(model: Model, basis: Basis | None) -> list[str]:
    """Return the columns with the days by which a date basis counts."""
    return list(model.open.values()) if basis == "as-of" else [model.dates[basis or "created"]]


def _narrowed(model: Model, group: Sequence[Definition], cut: Cut, days: Sequence[str]) -> Model:
    """Return the model over its narrow table, if a statement names no column but its."""
    if model.narrow is None or _joins(model, group, cut):
        return model
    known = model.filterable()
    named = [*days]
    for name in cut.where.names if cut.where else ():
        named.append(known[name][0] if name in known else name)
    for name in cut.by:
        column = model.dimensions[name]
        named += [column.column, column.key or ""]
        named += [model.dimensions[column.apart].column] if column.apart else []
    for leaf in group:
        named += [leaf.expression or "", leaf.rows or ""]
    words = set(WORD.findall(TEXT.sub("", " ".join(named)).lower()))
    if not words <= SQL_WORDS | set(model.narrow.columns):
        return model
    return model.model_copy(update={"table": model.narrow.table})


def _common_rows(group: Sequence[Definition], model: Model, cut: Cut) -> str | None:
    """Return the condition that all metrics of a group have, for others not to be read at all.

    None where a group's label may come from the others: its rows may carry several.
    """
    conditions = {leaf.rows for leaf in group}
    if len(conditions) > 1 or any(model.dimensions[name].key for name in cut.by):
        return None
    return conditions.pop()


def _once_each(leaf: Definition, model: Model, cut: Cut) -> str | None:
    """Return the condition for rows of which each deal has one, to count deals by counting rows."""
    if leaf.expression != DEALS or leaf.rows or set(_days(model, leaf.date)) & set(model.apart):
        return None
    if any(model.joins[name].repeats for name in _joins(model, [leaf], cut)):
        return None
    cut_by = set(cut.by).intersection(model.apart)
    filtered = cut.where.names.intersection(model.apart) if cut.where else frozenset()
    for each in model.once:
        if cut_by == set(each.by) and filtered <= set(each.by):
            return each.rows
    return None


def _facts(sql: str, timezone: str) -> dict[str, Any]:
    """Return what a model's query may name beside its tables, as far as a statement does."""
    facts = {"timezone": timezone, "attribution_days": settings().attribution_days}
    return {name: value for name, value in facts.items() if f"${name}" in sql}


def _first_day(grain: Grain, day: str, leap: bool) -> str:
    """Return the first day of the unit of time that holds a day, as SQL."""
    if grain not in FISCAL:
        first = f"CAST(date_trunc('{grain}', {day}) AS DATE)"
        if leap and grain == "day":
            return f"{first} - CAST(month({day}) = 2 AND day({day}) = 29 AS INTEGER)"
        return first
    over = f"to_months({settings().fiscal_year_start - 1})"
    return f"CAST(date_trunc('{grain.removeprefix('fiscal_')}', {day} - {over}) + {over} AS DATE)"


def rows_statement(name: str, cut: Cut, *, as_of: datetime, timezone: str) -> Statement:
    """Write the statement for the rows of a model that the cut's filter keeps, all its columns.

    The dimensions of ``cut.by`` are joined to them; none may repeat rows.
    """
    model = cut.models[name]
    parameters: dict[str, Any] = {}
    relation = _relation(model, (), cut, parameters, as_of.astimezone(ZoneInfo(timezone)).date())
    return Statement(f"SELECT * FROM {relation}", parameters | _facts(relation, timezone))


def _relation(
    model: Model,
    group: Sequence[Definition],
    cut: Cut,
    parameters: dict[str, Any],
    today: date,
) -> str:
    """Return the rows to count, filtered, as a derived table ``m``."""
    joins = [model.joins[name] for name in _joins(model, group, cut)]
    own = {name for join in joins for name in join.columns}
    extra = "".join(f', {sql} AS "{name}"' for join in joins for name, sql in join.columns.items())
    joined = "".join(f"\n  {join.sql}" for join in joins)
    inner = (
        f"SELECT m.*{extra} FROM {source(model)} AS m{joined}"
        if own
        else f"SELECT * FROM {source(model)} AS m"
    )
    if cut.where is not None:
        condition, bound = write_filter(cut.where, model.filterable(), today=today)
        parameters |= bound
        inner = f"SELECT * FROM ({inner}) AS m WHERE {condition}"
    return f"({_once(inner, model, joins, cut.by)}) AS m"


def _once(inner: str, model: Model, joins: Sequence[Join], by: Sequence[str]) -> str:
    """Share out or bring together what repeating joins multiplied.

    A join that rows are cut by keeps them apart; one that only a filter names leaves one row per
    record again.
    """
    # Those that share money out come last, when nothing else multiplies it any more.
    repeating = sorted((j for j in joins if j.repeats), key=lambda j: bool(j.replace))
    while repeating:
        join, *repeating = repeating
        if join.replace:
            shared = ", ".join(f'{sql} AS "{name}"' for name, sql in join.replace.items())
            inner = f"SELECT * REPLACE ({shared}) FROM ({inner}) AS m"
        if any(name in join.columns for name in by):
            continue
        apart = [
            *(column for other in repeating for column in other.columns),
            *(
                column
                for other in joins
                if other.repeats
                for column in other.columns
                if column in by
            ),
        ]
        record = ", ".join(f'"{column}"' for column in dict.fromkeys([model.key, *apart]))
        whole = ", ".join(
            f'sum("{name}") OVER (PARTITION BY {record}) AS "{name}"' for name in join.replace
        )
        kept = f"* REPLACE ({whole})" if whole else "*"
        once = f"QUALIFY row_number() OVER (PARTITION BY {record}) = 1"
        inner = f"SELECT {kept} FROM ({inner}) AS m {once}"
    return inner


def _moments(
    model: Model, cut: Cut, as_of: datetime, timezone: str, parameters: dict[str, Any]
) -> str:
    """Join the rows that were open at the end of each bucket, or at ``as_of`` if that is sooner.

    ``b.until`` is the day after the moment, ``b.moment`` the moment itself, ``b.local_moment`` the
    same on the portal's clock.
    """
    zone = ZoneInfo(timezone)
    tomorrow = as_of.astimezone(zone).date() + timedelta(days=1)
    rows = []
    for i, span in enumerate(buckets(cut.period, cut.grain, leap=cut.leap)):
        until = min(span.end, tomorrow)
        moment = min(datetime.combine(until, time(), zone), as_of)
        first = floor_to(span.start, cut.grain or "day")
        local = moment.astimezone(zone).replace(tzinfo=None)
        parameters |= {f"p{i}": first, f"u{i}": until, f"m{i}": moment, f"l{i}": local}
        rows.append(
            f"(CAST($p{i} AS DATE), CAST($u{i} AS DATE), CAST($m{i} AS TIMESTAMPTZ),"
            f" CAST($l{i} AS TIMESTAMP))"
        )
    opened, ended = (f'm."{model.open[name]}"' for name in ("from", "until"))
    # What follows from the bounds of all buckets can be applied before every other join.
    last = len(rows) - 1
    open_then = f"{opened} < $u{last} AND ({ended} IS NULL OR {ended} >= $u0)"
    if last:
        open_then += f"\n  AND {opened} < b.until AND ({ended} IS NULL OR {ended} >= b.until)"
    return (
        f"\nJOIN (VALUES {', '.join(rows)}) AS b(period, until, moment, local_moment)"
        f"\n  ON {open_then}"
    )


def _units(day: str, cut: Cut, parameters: dict[str, Any]) -> str:
    """Join each row with the unit of time that holds its day; ``b.until`` is the day after it."""
    rows = []
    for i, span in enumerate(buckets(cut.period, cut.grain, leap=cut.leap)):
        first = floor_to(span.start, cut.grain or "day")
        parameters |= {f"p{i}": first, f"s{i}": span.start, f"u{i}": span.end}
        rows.append(f"(CAST($p{i} AS DATE), CAST($s{i} AS DATE), CAST($u{i} AS DATE))")
    return (
        f"\nJOIN (VALUES {', '.join(rows)}) AS b(period, start, until)"
        f"\n  ON {day} >= b.start AND {day} < b.until"
    )


def _no_dimension(leaf: Definition, model: Model, name: str) -> QueryError:
    return QueryError(
        _("“{metric}” cannot be cut by “{dimension}”.").format(
            metric=leaf.title, dimension=name[:60]
        ),
        hint=suggest(name, model.dimensions),
    )
