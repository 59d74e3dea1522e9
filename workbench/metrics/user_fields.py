"""The portal's own fields as dimensions: those of the record, of its company and its contact.

A field ``UF_CRM_TYPE`` of deals is the dimension ``uf_crm_type``; that of companies
``company_uf_crm_type``. Which there are, and what they are called, each snapshot says
(``user_fields``). A field of several values puts a record under each of them.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import pandas as pd

from workbench.metrics.catalogue import Column, Join, Kind, Model, Text, dimension_titles, models
from workbench.warehouse import Reader
from workbench.warehouse.state import quoted

KINDS: dict[str, Kind] = {
    "integer": "number",
    "double": "number",
    "money": "number",
    "date": "date",
    "datetime": "date",
    "boolean": "boolean",
}
# Kind of record -> the entity of `Snapshot.sources()` that brings its fields.
ENTITIES = {"deal": "deals", "lead": "leads", "company": "companies", "contact": "contacts"}
NAME = re.compile(r"(?:company_|contact_)?uf_\w+", re.ASCII)

_KEPT = 8
_known: OrderedDict[Hashable, tuple[dict[str, Model], dict[str, Text]]] = OrderedDict()


def models_of(snapshot: Reader) -> dict[str, Model]:
    """Return the models by name, with the user fields of a snapshot among their dimensions."""
    return _of(snapshot)[0]


def titles_of(snapshot: Reader) -> dict[str, Text]:
    """Return the title of every dimension, those of the portal's own fields as it calls them."""
    return _of(snapshot)[1]


def _of(snapshot: Reader) -> tuple[dict[str, Model], dict[str, Text]]:
    # A snapshot never changes.
    key = snapshot.key
    if key not in _known:
        _known[key] = _read(snapshot)
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return _known[key]


def _read(snapshot: Reader) -> tuple[dict[str, Model], dict[str, Text]]:
    found, titles = dict(models()), dict(dimension_titles())
    columns = snapshot.read("columns")
    if "user_fields" not in set(columns["table_name"]):
        return found, titles
    fields = snapshot.read("user_fields").merge(columns, on=["table_name", "column_name"])
    fields = fields[fields["column_name"].str.fullmatch(r"uf_\w+")]
    for name, model in found.items():
        found[name] = _with_fields(model, fields, titles)
    return found, titles


def _with_fields(model: Model, fields: pd.DataFrame, titles: dict[str, Text]) -> Model:
    joins, dimensions = dict(model.joins), dict(model.dimensions)
    for owner, key in model.user_fields.items():
        own = owner in ("deal", "lead")
        for field in fields[fields["owner"] == owner].itertuples():
            name = field.column_name if own else f"{owner}_{field.column_name}"
            if name in dimensions or name in model.fields:
                continue
            joins[name] = _join(name, owner, key, field)
            kind: Kind = KINDS.get(field.kind, "text")
            dimensions[name] = Column(column=name, join=name, kind=kind)
            label = str(field.label)
            titles[name] = (
                Text(fr=label, en=label)
                if own
                else Text(
                    fr=f"{label} ({'société' if owner == 'company' else 'contact'})",
                    en=f"{label} ({owner})",
                )
            )
    return model.model_copy(update={"joins": joins, "dimensions": dimensions})


def _join(name: str, owner: str, key: str, field: Any) -> Join:
    """Return the join of one field's value; of several values, one row for each."""
    column, table = quoted(field.column_name), quoted(field.table_name)
    several = str(field.data_type).endswith("[]")
    if several:
        value = f"unnest(list_distinct({column}))"
    elif "TIMESTAMP" in str(field.data_type):
        value = f"CAST({column} AT TIME ZONE $timezone AS DATE)"
    else:
        value = column
    alias = quoted(f"of {name}")
    return Join(
        sql=(
            f"LEFT JOIN (SELECT {quoted(f'{owner}_id')} AS id, {value} AS value FROM {table})"  # noqa: S608 - names of our own tables, quoted
            f" AS {alias} ON {alias}.id = m.{quoted(key)}"
        ),
        columns={name: f"{alias}.value"},
        entities=[ENTITIES[owner]],
        repeats=several,
    )
