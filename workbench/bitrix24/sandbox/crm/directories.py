"""Methods over funnels, statuses and stage history: crm.category.*, crm.status.*, …"""

from __future__ import annotations

import re
from typing import Any

from workbench.bitrix24.sandbox.crm import stages
from workbench.bitrix24.sandbox.crm.records import (
    Selection,
    describe,
    describe_all,
    identity,
    ordering,
    read_page,
)
from workbench.bitrix24.sandbox.crm.stages import CATEGORIES, STAGE_HISTORY, STATUSES
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

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


def _administrator(call: Call) -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("ACCESS_DENIED", "Access denied", 403)


@method("crm.category.add", scope="crm")
def add_category(call: Call) -> Row:
    """A new funnel, with the usual stages."""
    _administrator(call)
    entity = _typed(call)
    fields = call.mapping("fields", required=True)
    if not fields.get("name"):
        raise Refusal("BX_EMPTY_REQUIRED", 'The field "name" is required')
    # Funnel numbers are one series over all types, as in the portal's own table.
    number = 1 + max((row["ID"] for row in call.state.find("categories")), default=0)
    sort = int(fields.get("sort") or 500)
    call.state.add(
        "categories",
        {
            "ID": number, "NAME": str(fields["name"]), "SORT": sort, "IS_DEFAULT": "N",
            "ENTITY_TYPE_ID": entity.type_id, "ORIGIN_ID": "", "ORIGINATOR_ID": "",
        },
    )  # fmt: skip
    furnish_funnel(call, entity, number)
    call.params["id"] = number
    return get_category(call)


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
    fields = call.mapping("fields", required=True)
    names = {"name": "NAME", "sort": "SORT", "isDefault": "IS_DEFAULT"}
    call.state.update(
        "categories", row["RECORD"], {names[k]: v for k, v in fields.items() if k in names}
    )
    return get_category(call)


@method("crm.category.delete", scope="crm")
def delete_category(call: Call) -> None:
    """Delete an empty funnel that is not the default one."""
    _administrator(call)
    entity = _typed(call)
    row = _one_category(call)
    if row["IS_DEFAULT"] == "Y" or row["ID"] == 0:
        raise Refusal("REMOVING_DISABLED", "Default category can not be deleted")
    if call.state.count(entity.name, {"CATEGORY_ID": row["ID"]}):
        raise Refusal("REMOVING_DISABLED", "The category is not empty")
    call.state.delete("categories", row["RECORD"])
    call.state.delete_where("statuses", {"ENTITY_ID": stages.directory_of(entity, row["ID"])})


@method("crm.category.fields", scope="crm")
def category_fields(call: Call) -> Row:
    """The fields of a funnel."""
    _typed(call)
    shown = [f for f in CATEGORIES.fields if not f.hidden]
    return {"fields": {f.camel: describe(f, upper=True) for f in shown}}


# -- statuses -----------------------------------------------------------------------------

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
        raise Refusal("", "CRM Status is not found.")
    return _status(row)


@method("crm.status.fields", scope="crm")
def status_fields(call: Call) -> dict[str, Row]:
    """The fields of an entry."""
    extra = describe(Field("EXTRA", "crm_status_extra"))
    return {**describe_all(STATUSES.fields), "EXTRA": extra}


@method("crm.status.add", scope="crm")
def add_status(call: Call) -> int:
    """A new entry of a directory, or a new stage of a funnel."""
    _administrator(call)
    fields = {str(k).upper(): v for k, v in call.mapping("fields", required=True).items()}
    directory = str(fields.get("ENTITY_ID") or "")
    code = str(fields.get("STATUS_ID") or "")
    if directory not in _directories(call):
        raise Refusal("", "The field 'ENTITY_ID' is required.")
    if not code or not fields.get("NAME"):
        raise Refusal("", "The fields 'STATUS_ID' and 'NAME' are required.")
    match = re.fullmatch(r"DEAL_STAGE_(\d+)", directory)
    if match and not code.startswith(f"C{match[1]}:"):
        code = f"C{match[1]}:{code}"
    if call.state.count("statuses", {"ENTITY_ID": directory, "STATUS_ID": code}):
        raise Refusal("", "A status with this code exists already.")
    return call.state.add(
        "statuses",
        {
            "ENTITY_ID": directory, "STATUS_ID": code, "NAME": str(fields["NAME"]), "NAME_INIT": "",
            "SORT": int(fields.get("SORT") or 10), "SYSTEM": "N", "COLOR": fields.get("COLOR"),
            "CATEGORY_ID": int(match[1]) if match else None,
            "SEMANTICS": fields.get("SEMANTICS") or None,
        },
    )  # fmt: skip


@method("crm.status.update", scope="crm")
def update_status(call: Call) -> bool:
    """Change an entry's name, order, colour or meaning."""
    _administrator(call)
    number = identity(call)
    if call.state.get("statuses", number) is None:
        raise Refusal("", "Status is not found.")
    fields = {str(k).upper(): v for k, v in call.mapping("fields", required=True).items()}
    changes = {k: v for k, v in fields.items() if k in ("NAME", "SORT", "COLOR", "SEMANTICS")}
    call.state.update("statuses", number, changes)
    return True


@method("crm.status.delete", scope="crm")
def delete_status(call: Call) -> bool:
    """Delete an entry that is not the system's own."""
    _administrator(call)
    number = identity(call)
    row = call.state.get("statuses", number)
    if row is None:
        raise Refusal("", "Status is not found.")
    if row["SYSTEM"] == "Y" and str(call.mapping("params").get("FORCED") or "N").upper() != "Y":
        raise Refusal(
            "",
            "CRM System Status can be deleted only if parameter FORCED is specified "
            "and equal to 'Y'.",
        )
    return call.state.delete("statuses", number)


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


# -- stage history ------------------------------------------------------------------------


def _native(field: Field, call: Call) -> Any:
    return call.state.clock.iso if field.type == "datetime" else None


@method("crm.stagehistory.list", scope="crm")
def list_stage_history(call: Call) -> Page:
    """Stage history of one entity type: numbers as numbers, as the documentation's sample shows.

    Older portals sent text; leads have ``STATUS_ID`` and ``STATUS_SEMANTIC_ID`` instead.
    """
    type_id = call.number("entityTypeId")
    entity = call.state.by_type.get(type_id or 0)
    if entity is None or not entity.stage:
        raise Refusal(0, "Entity type is not supported")
    fields = [f for f in STAGE_HISTORY.fields if not f.hidden]
    renamed = {"STAGE_ID": "STATUS_ID", "STAGE_SEMANTIC_ID": "STATUS_SEMANTIC_ID"}
    names = {f.name: f for f in fields}
    if entity.name in ("leads", "quotes"):
        names = {renamed.get(n, n): f for n, f in names.items() if n != "CATEGORY_ID"}
    sql, values = _history_conditions(call, entity, names)
    asked = call.get("select")
    wanted = {str(n) for n in (asked.values() if isinstance(asked, dict) else asked or ())}
    chosen = {n: f for n, f in names.items() if not wanted or "*" in wanted or n in wanted}
    chosen = chosen or names
    answer = read_page(
        call,
        STAGE_HISTORY,
        Selection(
            list(chosen.values()),
            list(chosen),
            [_native(f, call) for f in chosen.values()],
            [],
        ),
        sql,
        values,
        ordering(call.get("order"), names) or {"ID": "ASC"},
    )
    answer.result = {"items": answer.result}
    return answer


def _history_conditions(
    call: Call, entity: Entity, names: dict[str, Field]
) -> tuple[str, list[Any]]:
    try:
        sql, values = where(call.mapping("filter"), names, call.state.zone)
    except BadFilter as error:
        raise Refusal(0, f"Invalid value of filter field '{error.field}'.") from None
    parts = ['"ENTITY_TYPE_ID" = ?', sql]
    values = [entity.type_id, *values]
    limit, more = rights.readable(call.state, call.caller.user_id, entity)
    if limit:
        table = f'"{entity.name}"'
        owner = f'{table}."ID" = "stage_history"."OWNER_ID"'
        parts.append(f"EXISTS (SELECT 1 FROM {table} WHERE {owner} AND {limit})")  # noqa: S608
        values += more
    return " AND ".join(part for part in parts if part), values
