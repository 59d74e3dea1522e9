"""From which fields of the portal a metric comes, read off the SQL itself.

A metric's columns are followed through the query it counts over, the warehouse's models and its
staging views down to the raw fields, which are named as the portal's methods name them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from workbench.bitrix24.entities import ENTITIES, entity
from workbench.metrics.catalogue import Definition, Model, leaves, models
from workbench.warehouse.models import models as warehouse_models
from workbench.warehouse.models import staging
from workbench.warehouse.state import STATE

DIALECT = "duckdb"
# Tables of the warehouse that are no list of the portal: where their values come from.
FILES = {
    "external.marketing_spend": "marketing_spend.csv",
    "external.targets": "targets.csv",
    "external.accounting_documents": "accounting.csv",
    "external.rates": "parameters/rates.csv",
    "external.calendar": "parameters/calendar.yml",
}
Schema = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True, order=True)
class Field:
    """A field as the portal names it: ``crm.deal.list`` and ``OPPORTUNITY``; or a file's column."""

    source: str
    name: str


@dataclass(frozen=True)
class Origin:
    """What a counted metric needs: its column, the model's table, and the fields behind it.

    ``role`` is value, rows or date.
    """

    metric: str
    role: str
    column: str
    fields: tuple[Field, ...]


@cache
def _queries() -> tuple[dict[str, exp.Query], Schema]:
    """Return the queries of staging views and models, every column with its table, and a schema."""
    schema: Schema = {}
    schema["raw"] = {
        each.name: dict.fromkeys(["_id", *each.fields], "VARCHAR") for each in ENTITIES
    }
    for each in sqlglot.parse(STATE, read=DIALECT):
        if isinstance(each, exp.Create) and isinstance(each.this, exp.Schema):
            table = each.this.this
            columns = [column.name for column in each.this.find_all(exp.ColumnDef)]
            schema.setdefault(table.db, {})[table.name] = dict.fromkeys(columns, "VARCHAR")
    schema["external"]["calendar"] = dict.fromkeys(("day", "is_working", "is_holiday"), "VARCHAR")
    found = {}
    texts = [("staging", name, sql) for name, sql in staging().items() if name != "macros"]
    texts += [("snapshot", each.name, each.sql) for each in warehouse_models()]
    for where, name, sql in texts:
        query = _qualified(sqlglot.parse_one(sql, read=DIALECT), schema)
        found[f"{where}.{name}"] = query
        schema.setdefault(where, {})[name] = dict.fromkeys(query.named_selects, "VARCHAR")
    return found, schema


def _qualified(query: exp.Expr, schema: Schema) -> exp.Query:
    known: dict[str, Any] = dict(schema)
    found = qualify(
        query, schema=known, dialect=DIALECT, validate_qualify_columns=False, identify=False
    )
    return cast(exp.Query, found)


@cache
def fields_of(table: str, column: str) -> frozenset[Field]:
    """Return the portal fields behind a column of ``snapshot.x``, ``staging.x`` or ``raw.x``."""
    where, _dot, name = table.partition(".")
    if where == "raw":
        if name not in {each.name for each in ENTITIES}:
            return frozenset({Field(name, column)})
        written = {field.lower(): field for field in entity(name).fields}
        return frozenset({Field(entity(name).method, written.get(column.lower(), "ID"))})
    if table == "state.observed_rates":
        return frozenset({Field("crm.currency.list", "AMOUNT")})
    if table in FILES:
        return frozenset({Field(FILES[table], column)})
    query = _queries()[0].get(table)
    if query is None or column not in query.named_selects:
        return frozenset()
    return frozenset(_behind(query, [column]))


def _behind(query: exp.Query, columns: Iterable[str]) -> set[Field]:
    """Return the fields behind columns of a qualified query."""
    found: set[Field] = set()
    scope = build_scope(query)
    schema: dict[str, Any] = dict(_queries()[1])
    for column in columns:
        tree = lineage(
            column, query, schema, dialect=DIALECT, scope=scope, trim_selects=False, copy=False
        )
        for node in tree.walk():
            found |= _leaf(node)
    return found


def _leaf(node: Node) -> frozenset[Field]:
    table = node.expression.find(exp.Table) if node.downstream == [] else None
    if not isinstance(node.expression, exp.Table) or table is None:
        return frozenset()
    return fields_of(f"{table.db}.{table.name}", node.name.rpartition(".")[2].strip('"'))


@cache
def _counted(name: str, joins: tuple[str, ...]) -> exp.Query:
    """Return the query that a metric model counts over, with the joins that it needs."""
    model: Model = models()[name]
    table = model.table if not model.table.isidentifier() else f"SELECT * FROM {model.table}"  # noqa: S608
    extra = "".join(
        f", {sql} AS {column}"
        for join in joins
        for column, sql in model.joins[join].columns.items()
    )
    joined = " ".join(model.joins[join].sql for join in joins)
    text = f"SELECT m.*{extra} FROM ({table}) AS m {joined}"  # noqa: S608
    tree = sqlglot.parse_one(re.sub(r"\$\w+", "'x'", text), read=DIALECT)
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    for each in tree.find_all(exp.Table):
        if each.name and not each.db and each.name not in named and each.name != "info":
            each.set("db", exp.to_identifier("snapshot"))
    return _qualified(tree, _queries()[1])


def origins(metric: Definition) -> list[Origin]:
    """Return where each column of a metric's counted parts comes from."""
    found = []
    for leaf in leaves(metric):
        model = models()[str(leaf.model)]
        query = _counted(str(leaf.model), tuple(leaf.joins))
        roles = {"value": _columns(leaf.expression), "rows": _columns(leaf.rows)}
        if leaf.date == "as-of":
            roles["date"] = list(model.open.values())
        elif leaf.date:
            roles["date"] = [model.dates[leaf.date]]
        for role, columns in roles.items():
            for column in columns:
                known = column in query.named_selects
                fields = tuple(sorted(_behind(query, [column]))) if known else ()
                if fields:
                    found.append(Origin(leaf.id, role, column, fields))
    return found


def _columns(text: str | None) -> list[str]:
    if not text:
        return []
    tree = sqlglot.parse_one(text, read=DIALECT)
    return list(dict.fromkeys(column.name for column in tree.find_all(exp.Column)))
