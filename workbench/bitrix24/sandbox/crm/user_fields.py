"""User fields (``UF_CRM_…``): their definitions; the values live in the records themselves."""

from __future__ import annotations

import re
from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method, page

USER_FIELDS = Entity(
    "user_fields",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_ID", immutable=True),
        Field("FIELD_NAME", immutable=True),
        Field("USER_TYPE_ID", immutable=True),
        Field("XML_ID"),
        Field("SORT", "integer", default=100),
        Field("MULTIPLE", "char", default="N"),
        Field("MANDATORY", "char", default="N"),
        Field("SHOW_FILTER", default="N"),
        Field("SHOW_IN_LIST", default="Y"),
        Field("EDIT_IN_LIST", default="Y"),
        Field("IS_SEARCHABLE", default="N"),
        Field("SETTINGS", "json"),
        Field("LABELS", "json", hidden=True),
        Field("LIST", "json"),
    ),
    indexes=(("ENTITY_ID", "FIELD_NAME"),),
)


TYPES = (
    "string", "integer", "double", "boolean", "date", "datetime", "money", "url", "address",
    "enumeration", "file", "employee", "crm_status", "crm", "iblock_section", "iblock_element",
)  # fmt: skip
OWNERS = {
    "lead": "CRM_LEAD", "deal": "CRM_DEAL", "contact": "CRM_CONTACT", "company": "CRM_COMPANY",
    "quote": "CRM_QUOTE", "requisite": "CRM_REQUISITE",
}  # fmt: skip
MESSAGES = ("ERROR_MESSAGE", "HELP_MESSAGE")
LABELS = ("EDIT_FORM_LABEL", "LIST_COLUMN_LABEL", "LIST_FILTER_LABEL")


# What a definition of this type says where nobody said otherwise.
SETTINGS: dict[str, Row] = {
    "string": {"SIZE": 20, "ROWS": 1, "REGEXP": "", "MIN_LENGTH": 0, "MAX_LENGTH": 0,
               "DEFAULT_VALUE": ""},
    "integer": {"SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": ""},
    "double": {"PRECISION": 2, "SIZE": 20, "MIN_VALUE": 0, "MAX_VALUE": 0, "DEFAULT_VALUE": ""},
    "boolean": {"DEFAULT_VALUE": 0, "DISPLAY": "CHECKBOX", "LABEL": ["", ""], "LABEL_CHECKBOX": ""},
    "date": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}},
    "datetime": {"DEFAULT_VALUE": {"TYPE": "NONE", "VALUE": ""}},
    "enumeration": {"DISPLAY": "LIST", "LIST_HEIGHT": 1, "CAPTION_NO_VALUE": "",
                    "SHOW_NO_VALUE": "Y"},
}  # fmt: skip


def _settings(row: Row) -> Row:
    return {**SETTINGS.get(row["USER_TYPE_ID"], {}), **(row.get("SETTINGS") or {})}


def _sent(row: Row, *, languages: bool | str) -> Row:
    """A definition in the old form; ``languages``: True for all labels, a code for one."""
    result: Row = {
        "ID": str(row["ID"]),
        **{k: row[k] for k in ("ENTITY_ID", "FIELD_NAME", "USER_TYPE_ID", "XML_ID")},
        "SORT": str(row["SORT"] if row["SORT"] is not None else 100),
        **{
            k: row[k]
            for k in (
                "MULTIPLE",
                "MANDATORY",
                "SHOW_FILTER",
                "SHOW_IN_LIST",
                "EDIT_IN_LIST",
                "IS_SEARCHABLE",
            )
        },
        "SETTINGS": _settings(row),
    }
    labels = row.get("LABELS") or {}
    for name in (*LABELS, *MESSAGES):
        texts = labels if name in LABELS else dict.fromkeys(labels, "")
        if languages is True:
            result[name] = texts
        elif languages:
            result[name] = texts.get(languages) or None
    if row["USER_TYPE_ID"] == "enumeration":
        result["LIST"] = [
            {k: str(v) if k in ("ID", "SORT") else v for k, v in item.items()}
            for item in row.get("LIST") or []
        ]
    return result


def _options(call: Call, given: Any) -> list[Row]:
    """The options of an enumeration, each with an id."""
    items = given.values() if isinstance(given, dict) else given or []
    result = []
    for place, item in enumerate(item for item in items if isinstance(item, dict)):
        number = item.get("ID")
        if not number:
            number = call.state.settings.get("enumeration", 0) + 1
            call.state.settings["enumeration"] = number
        result.append(
            {
                "ID": int(number),
                "SORT": int(item.get("SORT") or 10 * (place + 1)),
                "VALUE": str(item.get("VALUE", "")),
                "DEF": "Y" if str(item.get("DEF", "N")).upper() == "Y" else "N",
                "XML_ID": str(item.get("XML_ID") or ""),
            }
        )
    return result


def _labels(given: Row, present: Row) -> Row:
    label = next((given[k] for k in LABELS if given.get(k)), None) or given.get("LABEL")
    if label is None:
        return present
    if isinstance(label, dict):
        return {**present, **{str(k): str(v) for k, v in label.items()}}
    return {**present, "fr": str(label), "en": str(label)}


def _administrator(call: Call) -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("", "Access denied.", 403)


def _own(call: Call, owner: str) -> Row:
    row = call.state.get("user_fields", call.number("id", 0) or 0)
    if row is None or row["ENTITY_ID"] != owner:
        raise Refusal("ERROR_NOT_FOUND", "The entity with ID is not found.")
    return row


def _create(call: Call, owner: str, given: Row) -> int:
    kind = str(given.get("USER_TYPE_ID") or "")
    if kind not in TYPES:
        raise Refusal("ERROR_CORE", "Invalid user type")
    name = str(given.get("FIELD_NAME") or "").upper()
    if name and not name.startswith("UF_"):
        name = f"UF_CRM_{name}"
    name = name or f"UF_CRM_{call.state.timestamp()}"
    if not re.fullmatch(r"UF_[A-Z0-9_]{1,47}", name):
        raise Refusal("ERROR_CORE", "The field name holds characters that are not allowed.")
    if call.state.count("user_fields", {"ENTITY_ID": owner, "FIELD_NAME": name}):
        raise Refusal("ERROR_CORE", f"The field {name} for the object {owner} already exists.")
    flags = (
        "MULTIPLE",
        "MANDATORY",
        "SHOW_FILTER",
        "SHOW_IN_LIST",
        "EDIT_IN_LIST",
        "IS_SEARCHABLE",
    )
    defaults = dict.fromkeys(("MULTIPLE", "MANDATORY", "SHOW_FILTER", "IS_SEARCHABLE"), "N")
    defaults |= dict.fromkeys(("SHOW_IN_LIST", "EDIT_IN_LIST"), "Y")
    return call.state.add(
        "user_fields",
        {
            "ENTITY_ID": owner,
            "FIELD_NAME": name,
            "USER_TYPE_ID": kind,
            "XML_ID": given.get("XML_ID"),
            "SORT": given.get("SORT") or 100,
            **{k: str(given.get(k) or defaults[k]).upper() for k in flags},
            "SETTINGS": given.get("SETTINGS") if isinstance(given.get("SETTINGS"), dict) else {},
            "LABELS": _labels(given, {}),
            "LIST": _options(call, given.get("LIST")),
        },
    )


def _change(call: Call, row: Row, given: Row) -> None:
    allowed = (
        "SORT",
        "MANDATORY",
        "SHOW_FILTER",
        "SHOW_IN_LIST",
        "EDIT_IN_LIST",
        "IS_SEARCHABLE",
        "XML_ID",
    )
    changes: Row = {k: given[k] for k in allowed if k in given}
    if isinstance(given.get("SETTINGS"), dict):
        changes["SETTINGS"] = given["SETTINGS"]
    if "LIST" in given:
        changes["LIST"] = _merged(call, row.get("LIST") or [], given["LIST"])
    changes["LABELS"] = _labels(given, row.get("LABELS") or {})
    call.state.update("user_fields", row["ID"], changes)


def _merged(call: Call, present: list[Row], given: Any) -> list[Row]:
    """Options after an update: a known ID changes (or goes with ``DEL: Y``), others are added."""
    items = [
        i
        for i in (given.values() if isinstance(given, dict) else given or [])
        if isinstance(i, dict)
    ]
    options = {int(o["ID"]): o for o in present}
    fresh = []
    for item in items:
        number = int(item.get("ID") or 0)
        if number in options:
            if str(item.get("DEL", "N")).upper() == "Y":
                del options[number]
            else:
                settable = ("VALUE", "SORT", "DEF", "XML_ID")
                options[number] |= {k: v for k, v in item.items() if k in settable}
        else:
            fresh.append(item)
    return [*options.values(), *_options(call, fresh)]


def _methods(kind: str, owner: str) -> None:
    """``crm.<kind>.userfield.*``."""

    @method(f"crm.{kind}.userfield.list", scope="crm")
    def list_all(call: Call) -> Page:
        filter = {k.upper(): v for k, v in call.mapping("filter").items()}
        language = str(filter.pop("LANG", "") or "")
        names = ("ID", "FIELD_NAME", "USER_TYPE_ID", "XML_ID", "SORT", "MULTIPLE", "MANDATORY")
        kept = {k: v for k, v in filter.items() if k.lstrip("=!@%") in names}
        rows = call.state.find("user_fields", {**kept, "ENTITY_ID": owner}, order=[("SORT", "ASC")])
        return page(call, [_sent(row, languages=language) for row in rows])

    @method(f"crm.{kind}.userfield.get", scope="crm")
    def get_one(call: Call) -> Row:
        return _sent(_own(call, owner), languages=True)

    @method(f"crm.{kind}.userfield.add", scope="crm")
    def add_one(call: Call) -> int:
        _administrator(call)
        given = {k.upper(): v for k, v in call.mapping("fields", required=True).items()}
        return _create(call, owner, given)

    @method(f"crm.{kind}.userfield.update", scope="crm")
    def update_one(call: Call) -> bool:
        _administrator(call)
        given = {k.upper(): v for k, v in call.mapping("fields", required=True).items()}
        _change(call, _own(call, owner), given)
        return True

    @method(f"crm.{kind}.userfield.delete", scope="crm")
    def delete_one(call: Call) -> bool:
        _administrator(call)
        return call.state.delete("user_fields", _own(call, owner)["ID"])


for _kind, _owner in OWNERS.items():
    _methods(_kind, _owner)


@method("crm.userfield.types", scope="crm")
def types_of_fields(call: Call) -> list[Row]:
    """The types that a user field may have."""
    return [{"ID": name, "title": name.replace("_", " ").capitalize()} for name in TYPES]


# -- userfieldconfig.*: the same definitions in the universal form ------------------------


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
        "settings": _settings(row),
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
            for o in row.get("LIST") or []
        ]
    return result


def _module(call: Call) -> None:
    if str(call.get("moduleId") or "") != "crm":
        raise Refusal("100", "Could not find value for parameter {moduleId}")
    if "crm" not in call.caller.scopes:
        raise Refusal("insufficient_scope", "The request requires higher privileges", 403)


@method("userfieldconfig.list", scope="userfieldconfig")
def list_configs(call: Call) -> Page:
    """Definitions of one owner (``filter[entityId]``) in the universal form."""
    _module(call)
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
    found = [_config(row, language) for row in call.state.find("user_fields", kept)]
    answer = page(call, found)
    answer.result = {"fields": answer.result}
    return answer


@method("userfieldconfig.get", scope="userfieldconfig")
def get_config(call: Call) -> Row:
    """One definition."""
    _module(call)
    row = call.state.get("user_fields", call.number("id", 0) or 0)
    if row is None:
        raise Refusal("NOT_FOUND", "Field not found")
    return {"field": _config(row)}


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
    _module(call)
    _administrator(call)
    given = call.mapping("field", required=True)
    owner = str(given.get("entityId") or "")
    if owner not in {e.uf_entity for e in call.state.entities.values() if e.uf_entity}:
        raise Refusal("ERROR_ENTITY_ID", "Unknown entityId")
    call.params["id"] = _create(call, owner, _upper(given))
    return get_config(call)


@method("userfieldconfig.update", scope="userfieldconfig")
def update_config(call: Call) -> Row:
    """Change a definition."""
    _module(call)
    _administrator(call)
    get_config(call)
    row = call.state.get("user_fields", call.number("id", 0) or 0)
    if row is not None:
        _change(call, row, _upper(call.mapping("field", required=True)))
    return get_config(call)


@method("userfieldconfig.delete", scope="userfieldconfig")
def delete_config(call: Call) -> None:
    """Delete a definition; the records keep their values, unseen."""
    _module(call)
    _administrator(call)
    get_config(call)
    call.state.delete("user_fields", call.number("id", 0) or 0)
