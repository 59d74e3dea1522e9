"""Definitions of user fields in the universal form: userfieldconfig.*.

Errors have the empty code, as the documentation prints them.
Source: api-reference/crm/universal/userfieldconfig.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm.user_fields import (
    change,
    create,
    in_order,
    remove,
    required,
    settings_of,
)
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.memory.filters import BadFilter
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method, page

UNSEEN = "You do not have permission to view user field settings"
UNCHANGED = "You cannot change the settings of the user field"
UNDELETED = "You cannot delete the user field"


def _config(row: Row, language: str | None = None) -> Row:
    """A definition in the universal form; ``language`` "" leaves labels out, None takes all."""
    labels = row.get("LABELS") or {}
    if language is not None:
        labels = {k: v for k, v in labels.items() if k == language}
    unsaid = dict.fromkeys(labels) or None
    result: Row = {
        "id": str(row["ID"]),
        "entityId": row["ENTITY_ID"],
        "fieldName": row["FIELD_NAME"],
        "userTypeId": row["USER_TYPE_ID"],
        "xmlId": row["XML_ID"],
        "sort": str(row["SORT"] if row["SORT"] is not None else 100),
        "multiple": row["MULTIPLE"],
        "mandatory": row["MANDATORY"],
        "showFilter": row["SHOW_FILTER"],
        "showInList": row["SHOW_IN_LIST"],
        "editInList": row["EDIT_IN_LIST"],
        "isSearchable": row["IS_SEARCHABLE"],
        "settings": settings_of(row),
    }
    if language != "":
        result |= {
            "languageId": {k: k for k in labels},
            "editFormLabel": labels,
            "listColumnLabel": unsaid,
            "listFilterLabel": unsaid,
            "errorMessage": unsaid,
            "helpMessage": unsaid,
        }
    if row["USER_TYPE_ID"] == "enumeration":
        result["enum"] = [
            {
                "id": str(o["ID"]),
                "userFieldId": str(row["ID"]),
                "value": o["VALUE"],
                "def": o["DEF"],
                "sort": str(o["SORT"]),
                "xmlId": o["XML_ID"],
            }
            for o in in_order(row)
        ]
    return result


def module(call: Call) -> None:
    """Refuse another ``moduleId`` than the CRM's, and callers without its scope."""
    name = str(call.get("moduleId") or "")
    if not name:
        raise Refusal("100", "Could not find value for parameter {moduleId}")
    if name != "crm":
        raise Refusal("", "No settings for UserFieldAccess")
    if "crm" not in call.caller.scopes:
        raise Refusal("", "The current method required more scopes. (crm)")


def _definition(call: Call, text: str) -> Row:
    """The definition that ``id`` names; ``text`` is how one that is not there is refused."""
    row = call.state.get("user_fields", call.number("id", 0) or 0)
    if row is None:
        raise Refusal("", text)
    return row


def _administrator(call: Call, text: str) -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("", text)


@method("userfieldconfig.list", scope="userfieldconfig")
def list_configs(call: Call) -> Page:
    """Definitions of one owner (``filter[entityId]``) in the universal form."""
    module(call)
    filter = call.mapping("filter")
    names = {
        "entityId": "ENTITY_ID",
        "id": "ID",
        "fieldName": "FIELD_NAME",
        "userTypeId": "USER_TYPE_ID",
    }
    kept = {names[k]: v for k, v in filter.items() if k in names}
    asked = call.get("select")
    language = str(asked.get("language") or "") if isinstance(asked, dict) else ""
    try:
        rows = call.state.find("user_fields", kept)
    except BadFilter as error:
        raise Refusal("", f"Invalid value of filter field '{error.field}'.") from None
    found = [_config(row, language) for row in rows]
    answer = page(call, found)
    answer.result = {"fields": answer.result}
    return answer


@method("userfieldconfig.get", scope="userfieldconfig")
def get_config(call: Call) -> Row:
    """One definition."""
    module(call)
    return {"field": _config(_definition(call, UNSEEN))}


def _upper(given: dict[str, Any]) -> Row:
    names = {
        "userTypeId": "USER_TYPE_ID",
        "fieldName": "FIELD_NAME",
        "editFormLabel": "EDIT_FORM_LABEL",
        "xmlId": "XML_ID",
        "showFilter": "SHOW_FILTER",
        "showInList": "SHOW_IN_LIST",
        "editInList": "EDIT_IN_LIST",
        "isSearchable": "IS_SEARCHABLE",
    }
    result = {names.get(k, k.upper()): v for k, v in given.items()}
    options = given.get("enum")
    options = list(options.values()) if isinstance(options, dict) else options
    if isinstance(options, list):
        result["LIST"] = [
            {{"xmlId": "XML_ID"}.get(k, k.upper()): v for k, v in o.items()}
            for o in options
            if isinstance(o, dict)
        ]
    return result


@method("userfieldconfig.add", scope="userfieldconfig")
def add_config(call: Call) -> Row:
    """A new definition; ``field.entityId`` names the owner (``CRM_DEAL``, ``CRM_1036``)."""
    module(call)
    _administrator(call, "Access denied")
    given = call.structure("field", required=True)
    owner = str(given.get("entityId") or "")
    if owner not in {e.uf_entity for e in call.state.entities.values() if e.uf_entity}:
        raise Refusal("", "You cannot create custom fields")
    fields = _upper(given)
    _kind, name = required(fields)
    # Fields of smart processes carry their owner in the name, those of deals and the like do not.
    if not name.startswith(f"UF_{owner}_" if owner[4:].isdecimal() else "UF_CRM_"):
        raise Refusal("", "You cannot create custom fields")
    if call.state.count("user_fields", {"ENTITY_ID": owner, "FIELD_NAME": name}):
        raise Refusal("", f"Field {name} already exists")
    call.params["id"] = create(call, owner, fields)
    return get_config(call)


@method("userfieldconfig.update", scope="userfieldconfig")
def update_config(call: Call) -> Row:
    """Change a definition."""
    module(call)
    _administrator(call, UNCHANGED)
    row = _definition(call, UNCHANGED)
    change(call, row, _upper(call.structure("field", required=True)))
    return get_config(call)


@method("userfieldconfig.delete", scope="userfieldconfig")
def delete_config(call: Call) -> None:
    """Delete a definition with the values that records have."""
    module(call)
    _administrator(call, UNDELETED)
    remove(call, _definition(call, UNDELETED))
