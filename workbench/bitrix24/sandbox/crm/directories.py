"""Methods over funnels and directories: crm.category.*, crm.status.*."""

from __future__ import annotations

import re
from typing import Any

from workbench.bitrix24.sandbox.crm import stages
from workbench.bitrix24.sandbox.crm.field_descriptions import describe, describe_all
from workbench.bitrix24.sandbox.crm.records import identity, ordering
from workbench.bitrix24.sandbox.crm.stages import CATEGORIES, STATUSES
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, Unfit, whole
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

DEFAULT_FUNNEL = "This funnel is the default funnel"

# -- funnels ------------------------------------------------------------------------------


def _typed(call: Call) -> Entity:
    type_id = call.number("entityTypeId")
    if type_id is None:
        raise Refusal("100", "Could not find value for parameter {entityTypeId}")
    entity = call.state.by_type.get(type_id)
    if entity is None:
        raise Refusal("NOT_FOUND", "Smart process not found")
    if not entity.has("CATEGORY_ID"):
        raise Refusal(
            "ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {{{entity.event.title()}}} is not supported"
        )
    return entity


def _category(row: Row) -> Row:
    return {
        "id": row["ID"],
        "name": row["NAME"],
        "sort": row["SORT"],
        "entityTypeId": row["ENTITY_TYPE_ID"],
        "isDefault": row["IS_DEFAULT"],
        "originId": row["ORIGIN_ID"] or "",
        "originatorId": row["ORIGINATOR_ID"] or "",
    }


def categories(call: Call, type_id: int) -> list[Row]:
    """The funnels of one entity type in their order."""
    order = [("SORT", "ASC"), ("ID", "ASC")]
    return call.state.find("categories", {"ENTITY_TYPE_ID": type_id}, order=order)


def _one_category(call: Call) -> Row:
    entity = _typed(call)
    number = call.number("id")
    if call.get("id") is None:
        raise Refusal("100", "Could not find value for parameter {id}")
    for row in categories(call, entity.type_id):
        if row["ID"] == number:
            return row
    raise Refusal("NOT_FOUND", "Category not found")


@method("crm.category.list", scope="crm")
def list_categories(call: Call) -> Page:
    """The funnels of one entity type, all on one page."""
    rows = [_category(row) for row in categories(call, _typed(call).type_id)]
    return Page({"categories": rows}, len(rows), None, rows=len(rows))


@method("crm.category.get", scope="crm")
def get_category(call: Call) -> Row:
    """One funnel."""
    return {"category": _category(_one_category(call))}


def _administrator(call: Call, code: str = "ACCESS_DENIED") -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal(code, "Access denied" if code else "Access denied.")


@method("crm.category.add", scope="crm")
def add_category(call: Call) -> Row:
    """A new funnel, with the usual stages."""
    _administrator(call)
    entity = _typed(call)
    fields = call.structure("fields", required=True)
    if not str(fields.get("name") or "").strip():
        raise Refusal(0, "Field 'NAME' is required")
    # Funnel numbers are one series over all types, as in the portal's own table.
    number = stages.new_category(call.state)
    call.state.add(
        "categories",
        {
            "SORT": 500, **_funnel(fields), "ID": number, "IS_DEFAULT": "N",
            "ENTITY_TYPE_ID": entity.type_id, "ORIGIN_ID": "", "ORIGINATOR_ID": "",
        },
    )  # fmt: skip
    _make_default(call, entity, number, fields)
    furnish_funnel(call, entity, number)
    call.params["id"] = number
    return get_category(call)


def _funnel(fields: Row) -> Row:
    """The name and the order of a write. Raises `Unfit`."""
    values: Row = {}
    if "name" in fields:
        values["NAME"] = str(fields["name"]).strip()
    if fields.get("sort") not in (None, ""):
        try:
            values["SORT"] = max(0, whole(fields["sort"]) or 0)
        except (ValueError, TypeError):
            raise Unfit("sort") from None
    return values


def _make_default(call: Call, entity: Entity, number: int, fields: Row) -> None:
    """Let a funnel of a smart process be the default one in the place of the one that was."""
    if entity.name == "deals" or str(fields.get("isDefault") or "").upper() != "Y":
        return
    for row in categories(call, entity.type_id):
        flag = "Y" if row["ID"] == number else "N"
        call.state.update("categories", row["RECORD"], {"IS_DEFAULT": flag})


def furnish_funnel(call: Call, entity: Entity, number: int) -> None:
    """Give a new funnel the stages of the first one, with codes of its own."""
    from_rows = stages.stages(call.state, entity, 0) if entity.name == "deals" else []
    head = f"C{number}:" if entity.name == "deals" else f"DT{entity.type_id}_{number}:"
    basic = [
        {"STATUS_ID": code, "NAME": code.title(), "SORT": 10 * (n + 1), "SEMANTICS": meaning}
        for n, (code, meaning) in enumerate(
            (
                ("NEW", None),
                ("PREPARATION", None),
                ("CLIENT", None),
                ("SUCCESS", "S"),
                ("FAIL", "F"),
            )
        )
    ]
    call.state.insert_many(
        "statuses",
        [
            {
                "ENTITY_ID": stages.directory_of(entity, number),
                "STATUS_ID": f"{head}{row['STATUS_ID']}",
                "NAME": row["NAME"],
                "NAME_INIT": row["NAME"],
                "SORT": row["SORT"],
                "SYSTEM": "Y",
                "CATEGORY_ID": number,
                "COLOR": row.get("COLOR") or "#39A8EF",
                "SEMANTICS": row["SEMANTICS"],
            }
            for row in from_rows or basic
        ],
    )


@method("crm.category.update", scope="crm")
def update_category(call: Call) -> Row:
    """Change a funnel's name, order or whether it is the default."""
    _administrator(call)
    row = _one_category(call)
    fields = call.structure("fields", required=True)
    if "name" in fields and not str(fields["name"] or "").strip():
        raise Refusal(0, "Field 'NAME' is required")
    call.state.update("categories", row["RECORD"], _funnel(fields))
    _make_default(call, _typed(call), row["ID"], fields)
    return get_category(call)


@method("crm.category.delete", scope="crm")
def delete_category(call: Call) -> None:
    """Delete an empty funnel that is not the default one."""
    _administrator(call)
    entity = _typed(call)
    row = _one_category(call)
    of_deals = entity.name == "deals"
    if row["IS_DEFAULT"] == "Y" or row["ID"] == 0:
        text = "Default deal category cannot be deleted"
        raise Refusal(0, text) if of_deals else Refusal("BX_ERROR", DEFAULT_FUNNEL)
    if call.state.count(entity.name, {"CATEGORY_ID": row["ID"]}):
        text = f"Deals related to the funnel {row['NAME']} found"
        raise (
            Refusal(0, text)
            if of_deals
            else Refusal("BX_ERROR", "Elements related to the funnel found")
        )
    call.state.delete("categories", row["RECORD"])
    call.state.delete_where("statuses", {"ENTITY_ID": stages.directory_of(entity, row["ID"])})


@method("crm.category.fields", scope="crm")
def category_fields(call: Call) -> Row:
    """The fields of a funnel."""
    _typed(call)
    shown = [f for f in CATEGORIES.fields if not f.hidden]
    return {"fields": {f.camel: describe(f, upper=True) for f in shown}}


# -- statuses -----------------------------------------------------------------------------

AFTER_THE_END = (
    "Cannot create more stages after the final stage because the final successful stage already "
    "exists. Try using sort order values less than that of the final stage."
)

#: How long the codes of stages may be; those of other directories 50.
LONGEST = {"STATUS": 21, "QUOTE_STATUS": 22, "DEAL_STAGE": 22}

_MEANING = {None: "process", "": "process", "P": "process", "S": "success", "F": "failure"}


def _status(row: Row) -> Row:
    text = {k: None if row.get(k) is None else str(row[k]) for k in row}
    result = {
        key: text.get(key)
        for key in (
            "ID",
            "ENTITY_ID",
            "STATUS_ID",
            "NAME",
            "NAME_INIT",
            "SORT",
            "SYSTEM",
            "CATEGORY_ID",
            "COLOR",
            "SEMANTICS",
        )
    }
    result["NAME_INIT"] = result["NAME_INIT"] or ""
    if "STAGE" in row["ENTITY_ID"] or row["ENTITY_ID"] in ("STATUS", "QUOTE_STATUS"):
        meaning = _MEANING.get(row["SEMANTICS"], "process")
        if meaning == "failure" and row["STATUS_ID"].split(":")[-1] == "APOLOGY":
            meaning = "apology"
        return {**result, "EXTRA": {"SEMANTICS": meaning, "COLOR": row["COLOR"]}}
    return result


@method("crm.status.list", scope="crm")
def list_statuses(call: Call) -> Page:
    """Entries of the directories, all that the filter finds on one page."""
    names = {f.name: f for f in STATUSES.fields}
    try:
        sql, values = where(call.mapping("filter"), names, call.state.zone)
    except BadFilter as error:
        raise Refusal("", f"Invalid value of filter field '{error.field}'.") from None
    order = ordering(call.get("order"), names) or {"ENTITY_ID": "ASC", "SORT": "ASC"}
    columns = list(STATUSES.fields)
    found = call.state.select("statuses", columns, sql, values, order=order)
    rows = [_status({f.name: v for f, v in zip(columns, row, strict=False)}) for row in found]
    return Page(rows, len(rows), None, rows=len(rows))


@method("crm.status.get", scope="crm")
def get_status(call: Call) -> Row:
    """One entry."""
    row = call.state.get("statuses", identity(call))
    if row is None:
        raise Refusal("", "Status is not found.")
    return _status(row)


@method("crm.status.fields", scope="crm")
def status_fields(call: Call) -> dict[str, Row]:
    """The fields of an entry."""
    further = (Field("SEMANTICS", "char", immutable=True), Field("EXTRA", "crm_status_extra"))
    return {**describe_all(STATUSES.fields), **describe_all(further)}


@method("crm.status.add", scope="crm")
def add_status(call: Call) -> int:
    """A new entry of a directory, or a new stage of a funnel."""
    _administrator(call, "")
    fields = {str(k).upper(): v for k, v in call.array("fields").items()}
    missing = [name for name in ("ENTITY_ID", "STATUS_ID") if not fields.get(name)]
    if missing:
        raise Refusal("", "".join(f"The field {name} is required." for name in missing))
    directory, code = str(fields["ENTITY_ID"]), str(fields["STATUS_ID"])
    if directory not in _directories(call):
        raise Refusal("", "Specified entity type is not supported.")
    if not fields.get("NAME"):
        raise Refusal("", "The field Title is required.")
    sort = _sort(fields.get("SORT"))
    won = [
        row["SORT"] for row in stages.directory(call.state, directory) if row["SEMANTICS"] == "S"
    ]
    meaning = str(fields.get("SEMANTICS") or "").upper()
    meaning = meaning if meaning in ("S", "F") else ""
    if directory.startswith("DEAL_STAGE") and won and sort > min(won) and not meaning:
        raise Refusal("", AFTER_THE_END)
    if won and meaning == "S":
        raise Refusal("ERROR_CORE", "The final successful stage already exists.")
    head, funnel = _head(directory)
    code = code.removeprefix(head)
    longest = LONGEST.get(directory, 22 - len(head) if head else 50)
    staged = head or directory in LONGEST
    if len(code) > longest or (staged and not re.fullmatch(r"[A-Za-z0-9_-]+", code)):
        raise Refusal("ERROR_CORE", "The specified status ID is not valid.")
    code = head + code
    if call.state.count("statuses", {"ENTITY_ID": directory, "STATUS_ID": code}):
        raise Refusal("ERROR_CORE", "The specified status ID already exists.")
    return call.state.add(
        "statuses",
        {
            "ENTITY_ID": directory, "STATUS_ID": code, "NAME": str(fields["NAME"]), "NAME_INIT": "",
            "SORT": sort, "SYSTEM": "N", "COLOR": fields.get("COLOR"),
            "CATEGORY_ID": funnel,
            "SEMANTICS": meaning or None,
        },
    )  # fmt: skip


def _head(directory: str) -> tuple[str, int | None]:
    """What stands before the codes of a funnel's stages, and the funnel."""
    match = re.fullmatch(r"(DEAL|DYNAMIC_(\d+)|SMART_INVOICE)_STAGE_(\d+)", directory)
    if match is None:
        return "", None
    head = "C" if match[1] == "DEAL" else f"DT{match[2] or 31}_"
    return f"{head}{match[3]}:", int(match[3])


@method("crm.status.update", scope="crm")
def update_status(call: Call) -> bool:
    """Change an entry's name, order or colour.

    What a stage means stays: SEMANTICS is immutable (crm.status.fields), so what records keep of it
    is what their stages say.
    """
    _administrator(call, "")
    number = _entry(call)
    if call.state.get("statuses", number) is None:
        raise Refusal("", "Status is not found.")
    fields = {str(k).upper(): v for k, v in call.array("fields").items()}
    changes = {k: v for k, v in fields.items() if k in ("NAME", "SORT", "COLOR")}
    if "NAME" in changes and not str(changes["NAME"] or "").strip():
        raise Refusal("ERROR_CORE", "The required field 'NAME' is not specified.")
    call.state.update("statuses", number, changes)
    return True


@method("crm.status.delete", scope="crm")
def delete_status(call: Call) -> bool:
    """Delete an entry that is not the system's own and that no record has."""
    _administrator(call, "")
    number = _entry(call)
    row = call.state.get("statuses", number)
    if row is None:
        raise Refusal("", "Status is not found.")
    if row["SYSTEM"] == "Y" and str(call.mapping("params").get("FORCED") or "N").upper() != "Y":
        raise Refusal(
            "",
            "CRM System Status can be deleted only if parameter FORCED is specified "
            "and equal to 'Y'.",
        )
    if _used(call, row):
        raise Refusal("", "There are active items in this status.")
    return call.state.delete("statuses", number)


def _entry(call: Call) -> int:
    number = call.number("id")
    if number is None or number <= 0:
        raise Refusal("", "Invalid identifier.")
    return number


def _sort(value: Any) -> int:
    try:
        return int(str(value)) if value not in (None, "") else 10
    except ValueError:
        return 10


def _used(call: Call, entry: Row) -> bool:
    """Whether records have this entry of a directory, or stand in this stage."""
    for entity in call.state.entities.values():
        for field in entity.columns:
            if field.type != "crm_status":
                continue
            mine = field.status == entry["ENTITY_ID"] or (
                field.name == entity.stage
                and entry["ENTITY_ID"] in _stage_directories(call, entity)
            )
            if mine and call.state.count(entity.name, {field.name: entry["STATUS_ID"]}):
                return True
    return False


def _stage_directories(call: Call, entity: Entity) -> set[str]:
    if not entity.type_id:
        return set()
    numbers = [row["ID"] for row in categories(call, entity.type_id)] or [None]
    return {stages.directory_of(entity, number) for number in numbers}


def _directories(call: Call) -> dict[str, Row]:
    """The directories that there are, by ENTITY_ID."""
    known = {
        name: {"ID": name, "NAME": name.replace("_", " ").capitalize()}
        for name in (
            "STATUS", "SOURCE", "CONTACT_TYPE", "COMPANY_TYPE", "EMPLOYEES", "INDUSTRY",
            "DEAL_TYPE",             "QUOTE_STATUS", "HONORIFIC", "CALL_LIST", "DEAL_STAGE",
        )
    }  # fmt: skip
    for row in call.state.find("categories"):
        entity = call.state.by_type.get(row["ENTITY_TYPE_ID"])
        if entity is not None and entity.stage:
            name = stages.directory_of(entity, row["ID"])
            known[name] = {"ID": name, "NAME": row["NAME"], "CATEGORY_ID": row["ID"]}
    return known


@method("crm.status.entity.types", scope="crm")
def directory_types(call: Call) -> list[Row]:
    """The directories that there are."""
    return list(_directories(call).values())


@method("crm.status.entity.items", scope="crm")
def directory_items(call: Call) -> list[Row]:
    """The entries of one directory."""
    name = str(call.get("entityId") or "")
    if not name:
        raise Refusal("", "The parameter entityId is not defined or invalid.")
    return [
        {"NAME": row["NAME"], "SORT": row["SORT"], "STATUS_ID": row["STATUS_ID"]}
        for row in stages.directory(call.state, name)
    ]
