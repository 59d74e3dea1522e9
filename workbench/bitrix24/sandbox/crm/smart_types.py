"""Smart process types: crm.type.*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.crm import relations, stages
from workbench.bitrix24.sandbox.crm.records import written_page
from workbench.bitrix24.sandbox.crm.smart_processes import TYPES
from workbench.bitrix24.sandbox.crm.strictness import refuse_filter, strict_order
from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

FLAGS = (
    "isCategoriesEnabled", "isStagesEnabled", "isBeginCloseDatesEnabled", "isClientEnabled",
    "isUseInUserfieldEnabled", "isLinkWithProductsEnabled", "isMycompanyEnabled",
    "isDocumentsEnabled", "isSourceEnabled", "isObserversEnabled", "isRecyclebinEnabled",
    "isAutomationEnabled", "isBizProcEnabled", "isSetOpenPermissions", "isPaymentsEnabled",
    "isCountersEnabled",
)  # fmt: skip
FIRST = 1030
STAGES = (("NEW", None), ("PREPARATION", None), ("CLIENT", None), ("SUCCESS", "S"), ("FAIL", "F"))


def add_type(
    state: State,
    title: str,
    *,
    actor: int = 1,
    type_id: int | None = None,
    flags: Row | None = None,
) -> int:
    """Make a smart process with its table, one funnel and five stages; returns its entityTypeId.

    ``flags`` say what its items have (see `smart_processes.FLAGGED`), everything if there are none.
    Raises ValueError if the number is taken or not one of a smart process.
    """
    taken = [row["ENTITY_TYPE_ID"] for row in state.find("types")]
    type_id = type_id or max([FIRST - 2, *(n for n in taken if n >= FIRST)]) + 2
    if type_id in state.by_type or not (128 <= type_id < 200 or FIRST <= type_id < 10_000):
        raise ValueError("entityTypeId")
    now = state.timestamp()
    state.add(
        "types",
        {
            "TITLE": title, "CODE": "", "ENTITY_TYPE_ID": type_id, "CREATED_BY": actor,
            "UPDATED_BY": actor, "CREATED_TIME": now, "UPDATED_TIME": now, "FLAGS": flags or {},
        },
    )  # fmt: skip
    number = stages.new_category(state)
    state.add(
        "categories",
        {"ID": number, "NAME": title, "SORT": 500, "ENTITY_TYPE_ID": type_id, "IS_DEFAULT": "Y"},
    )
    state.insert_many(
        "statuses",
        [
            {
                "ENTITY_ID": f"DYNAMIC_{type_id}_STAGE_{number}",
                "STATUS_ID": f"DT{type_id}_{number}:{code}",
                "NAME": code.capitalize(),
                "SORT": 10 * (place + 1),
                "SYSTEM": "Y",
                "CATEGORY_ID": number,
                "SEMANTICS": meaning,
            }
            for place, (code, meaning) in enumerate(STAGES)
        ],
    )
    return type_id


def _sent(row: Row) -> Row:
    flags: dict[str, Any] = row.get("FLAGS") or {}
    return {
        "id": row["ID"],
        "title": row["TITLE"],
        "code": row["CODE"] or "",
        "createdBy": row["CREATED_BY"],
        "entityTypeId": row["ENTITY_TYPE_ID"],
        "customSectionId": None,
        **{name: flags.get(name, "Y") for name in FLAGS},
        "createdTime": row["CREATED_TIME"],
        "updatedTime": row["UPDATED_TIME"],
        "updatedBy": row["UPDATED_BY"],
    }


def _bound(state: State, row: Row) -> Row:
    """What one smart process is linked with; the list of them leaves it out."""
    client = (row.get("FLAGS") or {}).get("isClientEnabled", "Y")
    parents = [
        {"entityTypeId": kind, "isChildrenListEnabled": "Y", "isPredefined": "Y"} for kind in (3, 4)
    ]
    made = relations.related(state, row["ENTITY_TYPE_ID"])
    return {
        **_sent(row),
        "relations": {**made, "parent": [*(parents if client == "Y" else []), *made["parent"]]},
        "linkedUserFields": {
            "CALENDAR_EVENT|UF_CRM_CAL_EVENT": "N",
            "TASKS_TASK|UF_CRM_TASK": "Y",
            "TASKS_TASK_TEMPLATE|UF_CRM_TASK": "N",
        },
        "customSections": [],
    }


NAMES = {f.camel: f for f in TYPES.fields if not f.in_body}


@method("crm.type.list", scope="crm")
def list_types(call: Call) -> Page:
    """The smart processes; administrators only, as the documentation has it."""
    administrator(call)
    try:
        sql, values = where(call.structure("filter"), NAMES, call.state.zone, strict=True)
    except BadFilter as error:
        raise refuse_filter(error) from None
    answer = written_page(
        call,
        "types",
        sql,
        values,
        strict_order(call, NAMES),
        lambda rows: [_sent(row) for row in rows],
    )
    answer.result = {"types": answer.result}
    return answer


def _one(call: Call, column: str, number: int | None) -> Row:
    found = call.state.find("types", {column: number or 0}, limit=1)
    if not found:
        raise Refusal(0, "Smart process not found")
    return found[0]


@method("crm.type.get", scope="crm")
def get_type(call: Call) -> Row:
    """One smart process by its id."""
    return {"type": _bound(call.state, _one(call, "ID", call.number("id")))}


@method("crm.type.getByEntityTypeId", scope="crm")
def get_by_type(call: Call) -> Row:
    """One smart process by its entityTypeId."""
    row = _one(call, "ENTITY_TYPE_ID", call.number("entityTypeId"))
    return {"type": _bound(call.state, row)}


def administrator(call: Call) -> None:
    """Refuse who may not change the settings of the CRM."""
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("ACCESS_DENIED", "Access denied")


def _placed(fields: Row) -> None:
    """Refuse a smart process outside the CRM that names no place."""
    outside = str(fields.get("isExternal", "")).lower() in ("true", "y", "1")
    if outside and not fields.get("customSectionId"):
        raise Refusal(0, "Select a workplace where the SPA will be located")


def _flags(fields: Row) -> Row:
    yes = (True, 1, "1", "Y", "y", "true")
    return {name: "Y" if fields[name] in yes else "N" for name in FLAGS if name in fields}


@method("crm.type.add", scope="crm")
def create_type(call: Call) -> Row:
    """A new smart process."""
    administrator(call)
    fields = call.structure("fields", required=True)
    _placed(fields)
    flags = {**dict.fromkeys(FLAGS, "N"), "isSetOpenPermissions": "Y", **_flags(fields)}
    title = str(fields.get("title") or "").strip()
    if not title:
        raise Refusal("CRM_FIELD_ERROR_REQUIRED", 'The field "title" is required.')
    try:
        wanted = int(fields["entityTypeId"]) if fields.get("entityTypeId") else None
        number = add_type(call.state, title, actor=call.caller.user_id, type_id=wanted, flags=flags)
    except (ValueError, TypeError):
        raise Refusal("INVALID_ARG_VALUE", "entityTypeId is out of allowed range") from None
    relations.relate(call.state, number, fields.get("relations"))
    row = _one(call, "ENTITY_TYPE_ID", number)
    call.state.announce(Change("types", row["ID"], "add", call.caller.user_id))
    return {"type": _bound(call.state, row)}


@method("crm.type.update", scope="crm")
def update_type(call: Call) -> Row:
    """Change a smart process's title, flags or relations."""
    administrator(call)
    row = _one(call, "ID", call.number("id"))
    fields = call.structure("fields", required=True)
    _placed(fields)
    changes: Row = {"UPDATED_TIME": call.state.timestamp(), "UPDATED_BY": call.caller.user_id}
    if fields.get("title"):
        changes["TITLE"] = str(fields["title"])
    changes["FLAGS"] = {**(row.get("FLAGS") or {}), **_flags(fields)}
    call.state.update("types", row["ID"], changes)
    relations.relate(call.state, row["ENTITY_TYPE_ID"], fields.get("relations"))
    call.state.announce(Change("types", row["ID"], "update", call.caller.user_id))
    return get_type(call)


@method("crm.type.delete", scope="crm")
def delete_type(call: Call) -> list[Any]:
    """Delete a smart process that has no items; the answer is an empty list."""
    administrator(call)
    row = _one(call, "ID", call.number("id"))
    type_id = row["ENTITY_TYPE_ID"]
    if call.state.count(f"items_{type_id}"):
        raise Refusal("BX_ERROR", "You cannot delete an entity type that has elements")
    relations.unrelate(call.state, type_id)
    call.state.delete("types", row["ID"])
    call.state.delete_where("categories", {"ENTITY_TYPE_ID": type_id})
    call.state.delete_where("statuses", {"=%ENTITY_ID": f"DYNAMIC_{type_id}_STAGE_%"})
    call.state.delete_where("user_fields", {"ENTITY_ID": f"CRM_{row['ID']}"})
    call.state.by_type.pop(type_id, None)
    call.state.entities.pop(f"items_{type_id}")
    call.state.announce(Change("types", row["ID"], "delete", call.caller.user_id))
    return []
