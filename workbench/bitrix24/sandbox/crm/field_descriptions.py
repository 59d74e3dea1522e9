"""Fields as the ``fields`` methods describe them."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.bitrix24.sandbox.crm import links
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row

PARENT_TYPES = {"crm_lead": 1, "crm_deal": 2, "crm_contact": 3, "crm_company": 4, "crm_quote": 7}


def describe(field: Field, *, upper: bool = False) -> Row:
    """One field as the ``fields`` methods describe it."""
    kind = {"money": "double", "json": "object"}.get(field.type, field.type)
    result: Row = {
        "type": kind,
        "isRequired": field.required,
        "isReadOnly": field.readonly,
        "isImmutable": field.immutable,
        "isMultiple": field.multiple,
        "isDynamic": field.dynamic,
        "title": field.title,
    }
    if field.type in PARENT_TYPES and field.name.endswith(f"{field.type[4:].upper()}_ID"):
        result["settings"] = {"parentEntityTypeId": PARENT_TYPES[field.type]}
        if field.name == "MYCOMPANY_ID":
            result["settings"] |= {"isMyCompany": True, "isEmbeddedEditorEnabled": True}
    if field.status:
        result["statusType"] = field.status
    if field.settings:
        settings = dict(field.settings)
        options = settings.pop("LIST", None)
        if settings:
            result["settings"] = settings
        if options:
            result["items"] = [{"ID": str(o["ID"]), "VALUE": o["VALUE"]} for o in options]
    if upper:
        result["upperName"] = field.name
    return result


def describe_all(fields: Sequence[Field]) -> dict[str, Row]:
    """The answer of an old ``fields`` method."""
    shown = (f for f in fields if not f.hidden or f.type == "crm_multifield")
    return {f.name: describe(f) for f in shown}


def with_links(entity: Entity, described: dict[str, Row]) -> dict[str, Row]:
    """Descriptions with the field that takes all linked contacts (or companies) at once."""
    link = links.link_of(entity)
    if link is None:
        return described
    kind = f"crm_{link.column.removesuffix('_ID').lower()}"
    if link.mirrored:
        return {**described, link.column: describe(Field(link.column, kind, multiple=True))}
    result: dict[str, Row] = {}
    for name, description in described.items():
        result[name] = description
        if name == link.column:
            description["isDeprecated"] = True
            description.pop("settings", None)
            result[link.ids] = describe(Field(link.ids, kind, multiple=True))
    return result
