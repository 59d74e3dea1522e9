"""Filters: a small, safe language over declared dimensions and fields.

``source = 'Web' and amount_base > 100``, ``manager in ('A', 'B')``, ``stage like 'Nég%'``,
``closed_on between '2026-01-01' and '2026-03-31'``, ``industry is null``, ``not is_won``,
``created_on >= last_quarter``, ``closed_on = '2026-Q1'``, ``(source = 'Web') is not true``.

A date is compared with a period (a day is one, too): ``=`` and ``in`` mean on one of its days,
``<`` before the first, ``>`` after the last; ``between A and B`` from A's first to B's last day.
Periods that depend on the day are counted from the day of the data.

The text is parsed with sqlglot only to be understood: the SQL that runs is written here, from a
fixed set of operators, with columns that a model declares and values that are bound. Functions,
subqueries, comments, casts, parameters and second statements are refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from workbench.errors import ParameterError, QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import Kind, suggest
from workbench.metrics.periods import Period, is_relative, resolve_period

MAX_LENGTH = 4000
MAX_DEPTH = 50
MAX_VALUES = 500

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
CONDITIONS: tuple[type[exp.Expr], ...] = (
    *(exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Like, exp.ILike, exp.Is),
    *COMPARISONS,
)
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Filter:
    """A parsed filter; ``names`` are the dimensions and fields that it uses."""

    text: str
    tree: exp.Expr
    names: frozenset[str]


@dataclass(frozen=True)
class _Relative:
    """A bare word on the side of the values: ``last_quarter``."""

    name: str


@dataclass
class _Writer:
    columns: dict[str, tuple[str, Kind]]
    prefix: str
    today: date | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        name = f"{self.prefix}{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


def parse_filter(text: str) -> Filter:
    """Parse ``text`` and check its shape; names are looked up later, per model."""
    if not isinstance(text, str) or not text.strip():
        raise QueryError(_("The filter is empty."), hint=_help())
    if len(text) > MAX_LENGTH:
        raise QueryError(
            _("The filter is longer than {n} characters.").format(n=MAX_LENGTH), hint=_help()
        )
    if "\0" in text:
        raise _refused(_("a null character"))
    try:
        tokens = sqlglot.tokenize(text, read="duckdb")
        if any(token.comments for token in tokens):
            raise _refused(_("a comment"))
        depth = 0
        for token in tokens:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth > MAX_DEPTH:
                raise _refused(_("brackets deeper than {n}").format(n=MAX_DEPTH))
        if any(token.token_type == sqlglot.TokenType.SEMICOLON for token in tokens):
            raise _refused(_("a second statement"))
        trees = sqlglot.parse(text, read="duckdb")
    except ParseError as error:
        place = "".join(error.errors[0][part] or "" for part in ("start_context", "highlight"))
        raise QueryError(
            _("The filter cannot be read: something is wrong or missing at “{place}”.").format(
                place=place[-40:]
            ),
            hint=_help(),
        ) from None
    except SqlglotError:
        raise QueryError(
            _("The filter cannot be read: perhaps a quote is not closed."), hint=_help()
        ) from None
    except RecursionError:
        raise _refused(_("brackets deeper than {n}").format(n=MAX_DEPTH)) from None
    if len(trees) != 1 or trees[0] is None:
        raise _refused(_("a second statement"))
    tree = trees[0]
    names: set[str] = set()
    try:
        _walk(tree, names, _Writer({}, ""), check_only=True)
    except RecursionError:
        raise _refused(_("brackets deeper than {n}").format(n=MAX_DEPTH)) from None
    return Filter(text.strip(), tree, frozenset(names))


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """Return the filter that keeps what both keep; None keeps everything."""
    if first is None or second is None:
        return first or second
    tree = exp.And(
        this=exp.Paren(this=first.tree.copy()), expression=exp.Paren(this=second.tree.copy())
    )
    return Filter(f"({first.text}) and ({second.text})", tree, first.names | second.names)


def rest(kept: Filter) -> Filter:
    """Return the filter that keeps everything else, also where a value is missing."""
    is_true = exp.Is(this=exp.Paren(this=kept.tree.copy()), expression=exp.Boolean(this=True))
    return Filter(f"({kept.text}) is not true", exp.Not(this=is_true), kept.names)


def write_filter(
    parsed: Filter,
    columns: dict[str, tuple[str, Kind]],
    prefix: str = "f",
    today: date | None = None,
) -> tuple[str, dict[str, Any]]:
    """Write a filter as SQL over ``columns`` (name -> column and kind).

    Returns the condition and its parameters, named ``<prefix>0``, ``<prefix>1``, … Raises
    `QueryError` for a name that is not declared or a value of the wrong kind. ``today``: the day
    from which relative periods count.
    """
    for name in sorted(parsed.names - columns.keys()):
        raise QueryError(
            _("The filter names “{name}”, which is not known here.").format(name=name[:60]),
            hint=suggest(name, columns),
        )
    writer = _Writer(columns, prefix, today)
    try:
        return _walk(parsed.tree, set(), writer, check_only=False), writer.parameters
    except RecursionError:
        raise _refused(_("brackets deeper than {n}").format(n=MAX_DEPTH)) from None


def _walk(node: exp.Expr, names: set[str], writer: _Writer, *, check_only: bool) -> str:
    """Return the SQL of a condition; with ``check_only`` just visit and collect names."""

    def condition(child: exp.Expr) -> str:
        return _walk(child, names, writer, check_only=check_only)

    def column(child: exp.Expr) -> tuple[str, Kind]:
        name = _name(child)
        names.add(name)
        return ("NULL", "text") if check_only else writer.columns[name]

    def value(child: exp.Expr, kind: Kind) -> str:
        plain = _value(child)
        return "NULL" if check_only else writer.bind(_of_kind(plain, kind))

    def compared(sql: str, sign: str, child: exp.Expr, kind: Kind) -> str:
        if check_only or kind != "date":
            return f"({sql} {sign} {value(child, kind)})"
        return _beside(sql, sign, _period(_value(child), writer.today), writer)

    match node:
        case exp.Paren():
            return condition(node.this)
        case exp.And() | exp.Or():
            # Flattened, so that a long chain is neither deep here nor in the database.
            word = " AND " if isinstance(node, exp.And) else " OR "
            return f"({word.join(condition(part) for part in node.flatten(unnest=False))})"
        case exp.Not():
            _only(node, "this")
            return f"(NOT {condition(node.this)})"
        case exp.Column():
            sql, kind = column(node)
            if not check_only and kind != "boolean":
                raise QueryError(
                    _("“{name}” alone is not a condition.").format(name=_name(node)), hint=_help()
                )
            return sql
        case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
            _only(node, "this", "expression")
            sign = COMPARISONS[type(node)]
            left, right = node.this, node.expression
            if not isinstance(_bare(left), exp.Column):
                if not isinstance(_bare(right), exp.Column):
                    raise _refused(type(_bare(left)).__name__.lower())
                left, right, sign = right, left, MIRRORED[sign]
            sql, kind = column(left)
            return compared(sql, sign, right, kind)
        case exp.In():
            _only(node, "this", "expressions")
            if not node.expressions or len(node.expressions) > MAX_VALUES:
                raise _refused(_("a list of {n} values").format(n=len(node.expressions)))
            sql, kind = column(node.this)
            if kind == "date":
                each = (compared(sql, "=", item, kind) for item in node.expressions)
                return f"({' OR '.join(each)})"
            listed = ", ".join(value(item, kind) for item in node.expressions)
            return f"({sql} IN ({listed}))"
        case exp.Between():
            _only(node, "this", "low", "high")
            sql, kind = column(node.this)
            ends = node.args["low"], node.args["high"]
            if kind == "date":
                since, until = (
                    compared(sql, *end, kind) for end in zip((">=", "<="), ends, strict=True)
                )
                return f"({since} AND {until})"
            low, high = (value(end, kind) for end in ends)
            return f"({sql} BETWEEN {low} AND {high})"
        case exp.Like() | exp.ILike():
            _only(node, "this", "expression", "negate")
            word = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
            word = f"NOT {word}" if node.args.get("negate") else word
            sql, kind = column(node.this)
            if not check_only and kind != "text":
                raise QueryError(
                    _("LIKE compares texts; “{name}” is none.").format(name=_name(node.this)),
                    hint=_help(),
                )
            return f"({sql} {word} {value(node.expression, 'text')})"
        case exp.Is():
            _only(node, "this", "expression")
            is_condition = isinstance(_bare(node.this), CONDITIONS)
            if is_condition and isinstance(node.expression, exp.Null):
                return f"({condition(node.this)} IS NULL)"
            if is_condition and isinstance(node.expression, exp.Boolean):
                truth = "NULL" if check_only else writer.bind(bool(node.expression.this))
                return f"({condition(node.this)} IS NOT DISTINCT FROM {truth})"
            sql, kind = column(node.this)
            if isinstance(node.expression, exp.Null):
                return f"({sql} IS NULL)"
            if isinstance(node.expression, exp.Boolean):
                return f"({sql} IS NOT DISTINCT FROM {value(node.expression, kind)})"
    raise _refused(type(node).__name__.lower())


def _only(node: exp.Expr, *allowed: str) -> None:
    """Refuse a node that carries more than its allowed arguments (escape, query, unnest, …)."""
    for name, argument in node.args.items():
        if name not in allowed and argument not in (None, False, [], ""):
            raise _refused(f"{type(node).__name__.lower()} {name}")


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _name(node: exp.Expr) -> str:
    node = _bare(node)
    if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
        raise _refused(type(node).__name__.lower())
    _only(node, "this")
    return str(node.this.this) if node.this.quoted else str(node.this.this).lower()


def _beside(sql: str, sign: str, period: Period, writer: _Writer) -> str:
    """Write how a day stands to a period."""
    start, end = (lambda: writer.bind(period.start)), (lambda: writer.bind(period.end))
    match sign:
        case "=":
            return f"({sql} >= {start()} AND {sql} < {end()})"
        case "<>":
            return f"({sql} < {start()} OR {sql} >= {end()})"
        case "<" | ">=":
            return f"({sql} {sign} {start()})"
        case _:  # up to the last day, after the last day
            return f"({sql} {'<' if sign == '<=' else '>='} {end()})"


def _period(value: str | Decimal | bool | _Relative, today: date | None) -> Period:
    """Return the days that a value stands for."""
    name = value.name if isinstance(value, _Relative) else value
    if isinstance(name, str):
        try:
            period = resolve_period(name, today)
        except ParameterError:
            raise _no_date(name) from None
        if not period.is_all:
            return period
    raise _no_date(str(name))


def _no_date(shown: str) -> QueryError:
    return QueryError(
        _("“{value}” is not a date.").format(value=shown[:40]),
        hint=_("Write '2026-01-31', '2026-Q1' or last_quarter."),
    )


def _value(node: exp.Expr) -> str | Decimal | bool | _Relative:
    """Return the literal that a node is; anything else is refused."""
    node = _bare(node)
    match node:
        case exp.Column(this=exp.Identifier(quoted=False)) if is_relative(_name(node)):
            return _Relative(_name(node))
        case exp.Literal() if node.is_string:
            return str(node.this)
        case exp.Literal():
            try:
                number = Decimal(str(node.this))
            except InvalidOperation:
                raise _refused(str(node.this)[:40]) from None
            if not number.is_finite() or not math.isfinite(float(number)):
                raise _refused(str(node.this)[:40])
            return number
        case exp.Boolean():
            return bool(node.this)
        case exp.Neg():
            inner = _value(node.this)
            if isinstance(inner, Decimal):
                return -inner
    raise _refused(type(node).__name__.lower())


def _of_kind(value: str | Decimal | bool | _Relative, kind: Kind) -> Any:
    """Return the value as the kind of its column (no date), or raise `QueryError`."""
    shown = (value.name if isinstance(value, _Relative) else str(value))[:40]
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, Decimal):
        _sign, digits, exponent = value.as_tuple()
        small = isinstance(exponent, int) and -12 <= exponent <= 0 and len(digits) <= 30
        return value if small else float(value)
    wanted = {
        "text": _("a text in single quotes"),
        "number": _("a number"),
        "date": _("a date such as '2026-01-31'"),
        "boolean": _("true or false"),
    }
    raise QueryError(
        _("“{value}” cannot be compared here; {wanted} is needed.").format(
            value=shown, wanted=wanted[kind]
        ),
        hint=_help(),
    )


def _refused(what: str) -> QueryError:
    return QueryError(_("Not allowed in a filter: {what}.").format(what=what), hint=_help())


def _help() -> str:
    return _(
        "Write comparisons of a dimension with values, joined by and/or/not: "
        "source = 'Web' and amount_base > 100; also in (…), between, like, is null, "
        "closed_on = last_quarter."
    )
