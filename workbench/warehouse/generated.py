"""Tables whose shape the portal decides: smart processes brought together, user fields typed.

``raw.smart_items``, ``raw.smart_history`` and ``raw.product_rows`` are views over the raw tables of
every smart process (and of every kind of record that has product rows). ``deal_fields``,
``lead_fields`` and so on hold the values of user fields, one column each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.bitrix24.entities import (
    DEAL_PRODUCTS,
    INVOICE_PRODUCTS,
    LEAD_PRODUCTS,
    QUOTE_PRODUCTS,
)
from workbench.bitrix24.entity import Entity, items, product_rows, stage_history
from workbench.warehouse.store import Store, quoted

# What a kind of record is called in ``user_fields``, its raw table, its id.
OWNERS = {
    "deal": ("deals", "deal_id"),
    "lead": ("leads", "lead_id"),
    "contact": ("contacts", "contact_id"),
    "company": ("companies", "company_id"),
    "quote": ("quotes", "quote_id"),
    "invoice": ("invoices", "invoice_id"),
}
# How values of a user field's type are read; others stay text.
CASTS = {
    "integer": "as_int({})",
    "employee": "as_link({})",
    "double": "as_number({})",
    "money": "as_money(split_part({}, '|', 1))",
    "date": "as_date({})",
    "datetime": "as_time({})",
    "boolean": "as_flag({})",
}
TYPES = {
    "integer": "BIGINT",
    "employee": "BIGINT",
    "double": "DOUBLE",
    "money": "DECIMAL(18, 2)",
    "date": "DATE",
    "datetime": "TIMESTAMPTZ",
    "boolean": "BOOLEAN",
}


def _together(parts: Sequence[tuple[int, Entity]], pattern: Entity) -> str:
    """Return the query for rows of several raw tables, each with its entityTypeId."""
    names = ", ".join(quoted(name) for name in pattern.fields)
    queries = [
        f'SELECT {type_id}::VARCHAR AS "entityTypeId", _id, {names} FROM raw.{quoted(part.name)}'  # noqa: S608
        for type_id, part in parts
    ]
    nothing = ", ".join(f"NULL::VARCHAR AS {quoted(name)}" for name in pattern.fields)
    empty = f'SELECT NULL::VARCHAR AS "entityTypeId", NULL::BIGINT AS _id, {nothing} WHERE false'
    return " UNION ALL ".join([*queries, empty])


def raw_views(store: Store) -> dict[str, str]:
    """Return the queries of the views ``raw.smart_items``, ``smart_history``, ``product_rows``."""
    found: dict[str, list[tuple[int, Entity]]] = {"": [], "_history": [], "_products": []}
    for process in store.smart_processes():
        for part in process.entities():
            found[part.name.removeprefix(process.name)].append((process.type_id, part))
    own = [(2, DEAL_PRODUCTS), (1, LEAD_PRODUCTS), (7, QUOTE_PRODUCTS), (31, INVOICE_PRODUCTS)]
    return {
        "smart_items": _together(found[""], items("", 0)),
        "smart_history": _together(found["_history"], stage_history("", "", 0)),
        "product_rows": _together([*own, *found["_products"]], product_rows("", "", "")),
    }


@dataclass
class FieldTable:
    """The table of one kind of record's user fields: its query, and what its columns are called.

    ``unparsed`` are queries for values that their type refuses.
    """

    name: str
    sql: str
    labels: dict[str, str] = field(default_factory=dict)
    unparsed: list[str] = field(default_factory=list)


def field_tables(store: Store) -> list[FieldTable]:
    """Return the tables of user fields, for every kind of record that has such fields.

    A field that the portal no longer declares is left out. Needs the staging views.
    """
    owners = dict(OWNERS)
    for process in store.smart_processes():
        owners[process.name] = (process.name, "item_id")
    tables = []
    for owner, (raw, key) in owners.items():
        rows = store.connection.execute(
            "SELECT field, label, kind, is_multiple, options FROM staging.user_fields"
            " WHERE owner = ? AND field IS NOT NULL ORDER BY sort NULLS LAST, field",
            [owner],
        ).fetchall()
        columns = {plain(name): name for name in store.columns(raw)}
        table = FieldTable(f"{owner}_fields", "")
        parts = [f"_id AS {key}"]
        for name, label, kind, is_multiple, options in rows:
            column = name.lower()
            if column in table.labels:
                continue
            table.labels[column] = label or name
            source = columns.get(plain(name))
            parts.append(
                f"{value(source, kind, is_multiple, options)} AS {quoted(column)}"
                if source
                else f"NULL::{TYPES.get(kind, 'VARCHAR')}{'[]' if is_multiple else ''}"
                f" AS {quoted(column)}"
            )
            if source and kind in CASTS and kind != "boolean" and not is_multiple:
                table.unparsed.append(
                    f"SELECT {_text(raw)} AS entity, _id AS record_id, {_text(source)} AS field,"  # noqa: S608
                    f" {quoted(source)} AS value FROM raw.{quoted(raw)}"
                    f" WHERE {quoted(source)} IS NOT NULL"
                    f" AND {refused(quoted(source), kind)}"
                )
        table.sql = f"SELECT {', '.join(parts)} FROM raw.{quoted(raw)} ORDER BY _id"  # noqa: S608
        tables.append(table)
    return tables


def value(source: str, kind: str, is_multiple: bool, options: str | None) -> str:
    """Return the expression for a field's typed value (a list if it has several)."""
    column = quoted(source)
    if kind == "enumeration":
        names = _options(options)
        listed = ", ".join(f"{_text(key)}: {_text(text)}" for key, text in names.items())
        # an option that was deleted keeps its number
        one = f"coalesce(MAP {{{listed}}}[{{0}}], {{0}})" if names else "{0}"
    else:
        one = CASTS.get(kind, "{0}")
    one = one.replace("{}", "{0}")
    if is_multiple:
        return f"list_transform(as_texts({column}), lambda each: {one.replace('{0}', 'each')})"
    if kind == "boolean":
        return f"CASE WHEN {column} IS NOT NULL THEN {one.replace('{0}', column)} END"
    return one.replace("{0}", column)


def refused(column: str, kind: str) -> str:
    """Return the condition under which a type refuses a value (0 means nobody, not a mistake)."""
    cast = CASTS["integer" if kind == "employee" else kind]
    return f"{cast.replace('{}', column)} IS NULL"


def _options(text: str | None) -> dict[str, str]:
    try:
        listed = json.loads(text or "[]")
    except ValueError:
        return {}
    found = {}
    for option in listed if isinstance(listed, list) else []:
        if isinstance(option, dict):
            row = {str(name).lower(): each for name, each in option.items()}
            if row.get("id") is not None:
                found[str(row["id"])] = str(row.get("value") or row["id"])
    return found


def plain(name: str) -> str:
    """Return a field's name without what the universal methods change in it."""
    return name.replace("_", "").lower()


def _text(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"
