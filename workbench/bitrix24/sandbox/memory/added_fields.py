"""The fields that a portal's settings add to an entity's own: user fields and links to parents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row

#: What a link to a record of the CRM itself is called; one to an item is called as its process.
TITLES = {1: "Lead", 2: "Deal", 7: "Quote", 31: "Invoice"}


def with_added(
    entity: Entity, defined: Iterable[Row], parents: Sequence[int], types: Iterable[Row]
) -> list[Field]:
    """An entity's fields, with its user fields and the links to its parents.

    ``defined`` are the definitions of the former, ``parents`` the entityTypeIds of the latter,
    ``types`` the smart processes. A parent that has a column of its own is described as all are.
    """
    titles = {**TITLES, **{row["ENTITY_TYPE_ID"]: row["TITLE"] for row in types}}
    links = {}
    for number in parents:
        name = f"PARENT_ID_{number}"
        link = entity.by_name.get(name) or Field(name, loose=True)
        described = {"settings": {"parentEntityTypeId": number}, "title": titles.get(number, "")}
        links[name] = replace(link, type="crm_entity", **described)
    own = [links.pop(field.name, field) for field in entity.fields]
    return [*own, *links.values(), *(_user_field(row) for row in defined)]


def _user_field(row: Row) -> Field:
    """A user field's definition as a field of the records."""
    labels = row.get("LABELS") or {}
    settings: dict[str, Any] = dict(row.get("SETTINGS") or {})
    return Field(
        row["FIELD_NAME"],
        row["USER_TYPE_ID"] or "string",
        required=row["MANDATORY"] == "Y",
        multiple=row["MULTIPLE"] == "Y",
        dynamic=True,
        empty="",
        settings={**settings, "LIST": row["LIST"]} if row.get("LIST") else settings or None,
        title=labels.get("fr") or labels.get("en") or row["FIELD_NAME"],
    )
