"""What describes other things: the fields of definitions, of types and of communications.

Titles in English, as the portal's own documentation prints them.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm.field_descriptions import describe
from workbench.bitrix24.sandbox.crm.smart_types import FLAGS, administrator
from workbench.bitrix24.sandbox.crm.user_field_configs import module
from workbench.bitrix24.sandbox.crm.user_fields import SETTINGS, TYPES
from workbench.bitrix24.sandbox.memory.fields import Field, Row
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

_DEFINITION = (
    ("ID", "int", "ID", "isReadOnly"),
    ("ENTITY_ID", "string", "Object", "isImmutable"),
    ("FIELD_NAME", "string", "Code", "isImmutable"),
    ("USER_TYPE_ID", "string", "Data Type", "isImmutable"),
    ("XML_ID", "string", "External ID (XML ID)", ""),
    ("SORT", "int", "Sorting", ""),
    ("MULTIPLE", "char", "Multiple", ""),
    ("MANDATORY", "char", "Mandatory", ""),
    ("SHOW_FILTER", "char", "Show in list filter", ""),
    ("SHOW_IN_LIST", "char", "Show in list", ""),
    ("EDIT_IN_LIST", "char", "Allow user editing", ""),
    ("IS_SEARCHABLE", "char", "Field values are searchable", ""),
    ("EDIT_FORM_LABEL", "string", "Label in edit form", ""),
    ("LIST_COLUMN_LABEL", "string", "Header in list", ""),
    ("LIST_FILTER_LABEL", "string", "Filter label in list", ""),
    ("ERROR_MESSAGE", "string", "Error message", ""),
    ("HELP_MESSAGE", "string", "Help", ""),
    ("LIST", "uf_enum_element", "List elements", "isMultiple"),
    ("SETTINGS", "object", "Additional settings (dependent on type)", ""),
)
_OPTION = (
    ("ID", "int", "ID", "isReadOnly"),
    ("SORT", "int", "Sorting", ""),
    ("VALUE", "string", "Value", ""),
    ("DEF", "string", "Default Value", ""),
    ("DEL", "string", "Element Deletion Flag", ""),
)
_COMMUNICATION = (
    Field("ID", "integer", readonly=True, title="ID"),
    Field("ACTIVITY_ID", "integer", readonly=True, title="Activity"),
    Field("ENTITY_ID", "integer", title="Entity element ID"),
    Field("ENTITY_TYPE_ID", "integer", title="Entity type"),
    Field("TYPE", title="Type"),
    Field("VALUE", title="Value"),
)
_TYPE = (
    Field("ID", "integer", readonly=True, camel="id", title="ID"),
    Field("TITLE", required=True, camel="title"),
    Field("CODE", camel="code", title="Symbolic Code"),
    Field("CREATED_BY", "user", readonly=True, camel="createdBy"),
    Field("ENTITY_TYPE_ID", "integer", required=True, immutable=True, camel="entityTypeId"),
    Field("CUSTOM_SECTION_ID", "integer", immutable=True, camel="customSectionId"),
)
_MOMENTS = (
    Field("CREATED_TIME", "datetime", camel="createdTime"),
    Field("UPDATED_TIME", "datetime", camel="updatedTime"),
    Field("UPDATED_BY", "user", readonly=True, camel="updatedBy"),
)


def _brief(rows: tuple[tuple[str, str, str, str], ...]) -> dict[str, Row]:
    """Descriptions that name only what is out of the ordinary."""
    return {
        name: {"type": kind, "title": title, **({sign: True} if sign else {})}
        for name, kind, title, sign in rows
    }


@method("crm.userfield.fields", scope="crm")
def fields_of_definition(_call: Call) -> dict[str, Row]:
    """The fields of a user field's definition."""
    return _brief(_DEFINITION)


@method("crm.userfield.enumeration.fields", scope="crm")
def fields_of_option(_call: Call) -> dict[str, Row]:
    """The fields of one option of an enumeration."""
    return _brief(_OPTION)


@method("crm.userfield.settings.fields", scope="crm")
def fields_of_settings(call: Call) -> dict[str, Row]:
    """What the SETTINGS of a ``type`` hold."""
    kinds = {int: "int", str: "string"}
    if not call.get("type"):
        raise Refusal("", "Parameter 'type' is not specified or empty.")
    return {
        name: {
            "type": kinds.get(type(value), "object"),
            "title": name.replace("_", " ").capitalize(),
        }
        for name, value in SETTINGS.get(str(call.get("type") or ""), {}).items()
    }


@method("userfieldconfig.getTypes", scope="userfieldconfig")
def types_of_configs(call: Call) -> Row:
    """The types that a user field may have, by name."""
    module(call)
    return {
        "types": {
            name: {"userTypeId": name, "description": name.replace("_", " ").capitalize()}
            for name in TYPES
        }
    }


@method("crm.activity.communication.fields", scope="crm")
def fields_of_communication(_call: Call) -> dict[str, Row]:
    """The fields of an activity's communication."""
    return {field.name: describe(field) for field in _COMMUNICATION}


@method("crm.type.fields", scope="crm")
def fields_of_type(call: Call) -> Row:
    """The fields of a smart process."""
    administrator(call)
    flags = tuple(Field(_upper(name), "boolean", camel=name) for name in FLAGS)
    fields: Any = (*_TYPE, *flags, *_MOMENTS)
    return {"fields": {field.camel: describe(field, upper=True) for field in fields}}


def _upper(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)
