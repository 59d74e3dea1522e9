"""User fields (``UF_CRM_…``): their definitions; the values live in the records themselves."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from workbench.bitrix24.sandbox.crm import file_fields
from workbench.bitrix24.sandbox.crm.records import identity, ordering
from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, Unfit, whole
from workbench.bitrix24.sandbox.memory.filters import BadFilter
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
LONGEST_NAME = 50
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


def settings_of(row: Row) -> Row:
    """The settings of a definition, with what its type says where nobody said otherwise."""
    return {**SETTINGS.get(row["USER_TYPE_ID"], {}), **(row.get("SETTINGS") or {})}


def in_order(row: Row) -> list[Row]:
    """The options of a definition by their SORT."""
    return sorted(row.get("LIST") or [], key=lambda option: (option["SORT"], option["ID"]))


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
        "SETTINGS": settings_of(row),
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
            for item in in_order(row)
        ]
    return result


def _whole(value: Any, name: str) -> int:
    """A whole number of a write. Raises `Unfit`."""
    try:
        return whole(value) or 0
    except (ValueError, TypeError, OverflowError):
        raise Unfit(name) from None


def _options(call: Call, given: Any) -> list[Row]:
    """New options of an enumeration, each with an id that no other has had; none without a text."""
    result = []
    for place, item in enumerate(item for item in _items(given) if _said(item)):
        number = call.state.settings.get("enumeration", 0) + 1
        call.state.settings["enumeration"] = number
        result.append(_option({"SORT": 10 * (place + 1), **item}, number))
    return result


def _said(item: Row) -> str:
    """An option's text without what surrounds it."""
    return str(item.get("VALUE") or "").strip()


def _option(item: Row, number: int) -> Row:
    code = str(item.get("XML_ID") or "")
    said = f"{number} {_said(item)}".encode()
    return {
        "ID": number,
        "SORT": _whole(item.get("SORT") or 10, "LIST"),
        "VALUE": _said(item),
        "DEF": "Y" if str(item.get("DEF", "N")).upper() == "Y" else "N",
        "XML_ID": code or hashlib.md5(said, usedforsecurity=False).hexdigest(),
    }


def _one_default(options: list[Row], multiple: Any) -> list[Row]:
    """The options with one default at most, the first, where a record has one value."""
    if multiple == "Y":
        return options
    defaults = [option for option in options if option["DEF"] == "Y"]
    return [{**o, "DEF": "N"} if o in defaults[1:] else o for o in options]


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
    number = identity(call)
    row = call.state.get("user_fields", number)
    if row is None:
        raise Refusal("ERROR_NOT_FOUND", f"The entity with ID '{number}' is not found.")
    if row["ENTITY_ID"] != owner:
        raise Refusal("", "Access denied.", 403)
    return row


def required(given: Row) -> tuple[str, str]:
    """The type and the name that a new field must be given."""
    for name in ("USER_TYPE_ID", "FIELD_NAME"):
        if not str(given.get(name) or "").strip():
            raise Refusal("", f"The '{name}' field is not found.")
    return str(given["USER_TYPE_ID"]), str(given["FIELD_NAME"]).upper()


def create(call: Call, owner: str, given: Row) -> int:
    """A new definition for an owner's records. Refuses what the portal refuses."""
    kind, name = required(given)
    if not name.startswith("UF_"):
        name = f"UF_CRM_{name}"
    if not re.fullmatch(r"[A-Z0-9_]+", name):
        text = "Field name contains invalid characters. Allowed characters are: A-Z, 0-9 and _."
        raise Refusal("ERROR_CORE", text)
    if len(name) > LONGEST_NAME:
        text = f"Field name is too long (more than {LONGEST_NAME} characters)."
        raise Refusal("ERROR_CORE", text)
    if kind not in TYPES:
        raise Refusal("ERROR_CORE", "Incorrect custom type specified.")
    if call.state.count("user_fields", {"ENTITY_ID": owner, "FIELD_NAME": name}):
        text = f"The field {name} for the {owner} object already exists."
        raise Refusal("ERROR_CORE", text)
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
    number = call.state.add(
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
            "LIST": _one_default(
                _options(call, _distinct(given.get("LIST"))), str(given.get("MULTIPLE")).upper()
            ),
        },
    )
    row = call.state.get("user_fields", number) or {}
    _announce(call, "add", row, options=kind == "enumeration")
    return number


def _announce(call: Call, kind: str, row: Row, *, options: bool = False) -> None:
    """Tell of a changed definition; ``options``: those of its list were written as well."""
    changed = frozenset(["LIST"] if options else [])
    user = call.caller.user_id
    call.state.announce(Change("user_fields", row["ID"], kind, user, before=row, changed=changed))


def _items(given: Any) -> list[Row]:
    """The options that a write names; whatever is none of them is passed over."""
    rows = given.values() if isinstance(given, dict) else given
    return [row for row in rows if isinstance(row, dict)] if isinstance(given, dict | list) else []


def _distinct(given: Any) -> list[Row]:
    """The options of a write. Refuses two with the same XML_ID."""
    options = _items(given)
    seen: set[str] = set()
    for code in (str(item.get("XML_ID") or "") for item in options):
        if code in seen:
            raise Refusal("ERROR_CORE", f"List item with value XML_ID={code} already exists.")
        seen |= {code} - {""}
    return options


def change(call: Call, row: Row, given: Row) -> None:
    """Change a definition."""
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
        changes["SETTINGS"] = {**(row.get("SETTINGS") or {}), **given["SETTINGS"]}
    if "LIST" in given:
        options = _merged(call, row.get("LIST") or [], given["LIST"])
        changes["LIST"] = _one_default(options, row["MULTIPLE"])
    changes["LABELS"] = _labels(given, row.get("LABELS") or {})
    call.state.update("user_fields", row["ID"], changes)
    _announce(call, "update", row, options="LIST" in changes)


def remove(call: Call, row: Row) -> bool:
    """Delete a definition with the values that records have."""
    state = call.state
    for entity in state.entities.values():
        if entity.uf_entity == row["ENTITY_ID"]:
            state.forget(entity.name, row["FIELD_NAME"])
            file_fields.forget_field(state, entity, row["FIELD_NAME"])
    done = state.delete("user_fields", row["ID"])
    _announce(call, "delete", row)
    return done


def _merged(call: Call, present: list[Row], given: Any) -> list[Row]:
    """Options after an update: those with a known ID change, those without one are added.

    One without a text goes, as with ``DEL: Y``; the records keep the ID of one that is gone, which
    stands for nothing any more. A foreign ID is passed over. [?] Undocumented; so the portal's own
    code, where an option is a row of a table and nothing else looks after it.
    """
    options = {int(o["ID"]): o for o in present}
    fresh, defaults = [], []
    for item in _distinct(given):
        number = _whole(item.get("ID") or 0, "LIST")
        goes = str(item.get("DEL", "N")).upper() == "Y" or not _said(item)
        if number in options and goes:
            del options[number]
        elif number in options:
            options[number] = _option({**options[number], **item}, number)
            defaults += [number] if options[number]["DEF"] == "Y" and "DEF" in item else []
        elif not number and not goes:
            fresh.append(item)
    _distinct([*options.values(), *fresh])
    kept = [options.pop(number) for number in defaults]
    return [*kept, *options.values(), *_options(call, fresh)]


def _methods(kind: str, owner: str) -> None:
    """``crm.<kind>.userfield.*``."""

    @method(f"crm.{kind}.userfield.list", scope="crm")
    def list_all(call: Call) -> Page:
        known = call.state.entities["user_fields"].by_name
        order = ordering(call.mapping("order"), known) or {"SORT": "ASC"}
        filter = {k.upper(): v for k, v in call.mapping("filter").items()}
        language = str(filter.pop("LANG", "") or "")
        names = ("ID", "FIELD_NAME", "USER_TYPE_ID", "XML_ID", "SORT", "MULTIPLE", "MANDATORY")
        kept = {k: v for k, v in filter.items() if k.lstrip("=!@%") in names}
        try:
            rows = call.state.find("user_fields", {**kept, "ENTITY_ID": owner}, order=order)
        except BadFilter as error:
            raise Refusal("", f"Invalid value of filter field '{error.field}'.") from None
        return page(call, [_sent(row, languages=language) for row in rows])

    @method(f"crm.{kind}.userfield.get", scope="crm")
    def get_one(call: Call) -> Row:
        return _sent(_own(call, owner), languages=True)

    @method(f"crm.{kind}.userfield.add", scope="crm")
    def add_one(call: Call) -> int:
        _administrator(call)
        given = {k.upper(): v for k, v in call.array("fields").items()}
        return create(call, owner, given)

    @method(f"crm.{kind}.userfield.update", scope="crm")
    def update_one(call: Call) -> bool:
        _administrator(call)
        given = {k.upper(): v for k, v in call.array("fields").items()}
        change(call, _own(call, owner), given)
        return True

    @method(f"crm.{kind}.userfield.delete", scope="crm")
    def delete_one(call: Call) -> bool:
        _administrator(call)
        return remove(call, _own(call, owner))


for _kind, _owner in OWNERS.items():
    _methods(_kind, _owner)


@method("crm.userfield.types", scope="crm")
def types_of_fields(call: Call) -> list[Row]:
    """The types that a user field may have."""
    return [{"ID": name, "title": name.replace("_", " ").capitalize()} for name in TYPES]
