"""What activities are bound to: crm.activity.binding.*, and lists of activities by it.

An activity is bound to its owner and may be bound to further records. Whoever may see its owner
may see and change it. Source: api-reference/crm/timeline/activities/binding.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.records import (
    choose,
    conditions,
    ordering,
    read_page,
    selection,
)
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method
from workbench.bitrix24.sandbox.timeline.activities import ACTIVITIES, bind
from workbench.bitrix24.sandbox.timeline.activity_tables import BINDINGS

Key = tuple[int, int]  # entityTypeId, id


def bindings(call: Call, activity: Row) -> list[Key]:
    """What an activity is bound to, its owner first."""
    rows = call.state.find(BINDINGS.name, {"ACTIVITY_ID": activity["ID"]})
    own = [(activity["OWNER_TYPE_ID"], activity["OWNER_ID"])] if activity["OWNER_ID"] else []
    return [*own, *((row["OWNER_TYPE_ID"], row["OWNER_ID"]) for row in rows)]


# -- lists --------------------------------------------------------------------------------


def _bound(given: Any) -> tuple[str, list[Any]]:
    """The filter ``BINDINGS``: activities bound to any of these records.

    Each is named by OWNER_TYPE_ID, OWNER_ID or both (crm.activity.list).
    """
    rows = list(given.values()) if isinstance(given, dict) else given or []
    rows = [] if isinstance(rows, str) else rows
    if not isinstance(rows, list):
        raise Refusal("", "Invalid value of filter field 'BINDINGS'.")
    if rows and not isinstance(rows[0], dict):
        rows = [given]
    parts: list[str] = []
    values: list[Any] = []
    if not all(isinstance(row, dict) for row in rows):
        raise Refusal("", "Invalid value of filter field 'BINDINGS'.")
    for row in rows:
        keys = {str(k).upper().lstrip("="): v for k, v in row.items()}
        pair = {
            name: positive(keys[name]) for name in ("OWNER_TYPE_ID", "OWNER_ID") if name in keys
        }
        if not pair or not all(pair.values()):
            raise Refusal("", "Invalid value of filter field 'BINDINGS'.")
        same = " AND ".join(f'"{name}" = ?' for name in pair)
        further = f'SELECT "ACTIVITY_ID" FROM "{BINDINGS.name}" WHERE {same}'  # noqa: S608 - names of our own
        parts.append(f'(({same}) OR "ID" IN ({further}))')
        values += [*pair.values()] * 2
    return f"({' OR '.join(parts)})" if parts else "1 = 0", values


@method("crm.activity.list", scope="crm")
def list_activities(call: Call) -> Page:
    """Activities, by their beginning unless ordered otherwise; ``BINDINGS`` asks for records'."""
    fields = call.state.fields(ACTIVITIES.name)
    filter = dict(call.mapping("filter"))
    asked = [filter.pop(k) for k in list(filter) if str(k).upper().lstrip("=") == "BINDINGS"]
    sql, values = conditions(call, ACTIVITIES, fields, filter)
    for given in asked:
        more, bound = _bound(given)
        sql, values = (f"{sql} AND {more}" if sql else more), [*values, *bound]
    order = ordering(call.get("order"), {f.name: f for f in fields if not f.hidden})
    chosen = selection(call.state, ACTIVITIES, choose(ACTIVITIES, fields, call.get("select")))
    return read_page(call, ACTIVITIES, chosen, sql, values, order or {"START_TIME": "ASC"})


# -- bindings -----------------------------------------------------------------------------


def _activity(call: Call) -> Row:
    number = call.number("activityId")
    if number is None:
        raise Refusal("100", "Could not find value for parameter {activityId}")
    return _seen(call, ACTIVITIES, number, Refusal("NOT_FOUND", "Element not found"))


def _seen(call: Call, entity: Entity | None, number: int | None, missing: Refusal) -> Row:
    barred = Refusal("ACCESS_DENIED", "Access denied")
    return rights.seen(call.state, call.caller.user_id, entity, number, missing, barred)


def _record(call: Call, kind: str, number: str) -> Key:
    """The record that two parameters name; the caller must be able to see it."""
    for name in (kind, number):
        if call.number(name) is None:
            raise Refusal("100", f"Could not find value for parameter {{{name}}}")
    entity = call.state.by_type.get(call.number(kind) or 0)
    missing = Refusal("OWNER_NOT_FOUND", "Owner was not found")
    row = _seen(call, entity, call.number(number), missing)
    return call.number(kind) or 0, int(row["ID"])


def _rebind(call: Call, activity: Row, wanted: list[Key]) -> bool:
    """Write bindings anew; the first is the owner."""
    bind(call.state, activity["ID"], wanted[1:])
    owner = {"OWNER_TYPE_ID": wanted[0][0], "OWNER_ID": wanted[0][1]}
    crm.update(
        call.state,
        ACTIVITIES.name,
        activity["ID"],
        owner,
        actor=call.caller.user_id,
        connector=call.connector,
    )
    return True


@method("crm.activity.binding.list", scope="crm")
def list_bindings(call: Call) -> list[Row]:
    """What an activity is bound to."""
    return [
        {"entityTypeId": kind, "entityId": number}
        for kind, number in bindings(call, _activity(call))
    ]


@method("crm.activity.binding.add", scope="crm")
def add_binding(call: Call) -> bool:
    """Bind an activity to one record more."""
    activity = _activity(call)
    key = _record(call, "entityTypeId", "entityId")
    present = bindings(call, activity)
    if key in present:
        raise Refusal("ACTIVITY_IS_ALREADY_BOUND", "Activity is already bound to this entity")
    return _rebind(call, activity, [*present, key])


@method("crm.activity.binding.delete", scope="crm")
def delete_binding(call: Call) -> bool:
    """Unbind an activity from a record that is not its only one."""
    activity = _activity(call)
    key = _record(call, "entityTypeId", "entityId")
    present = bindings(call, activity)
    if key not in present:
        raise Refusal("BINDING_NOT_FOUND", "Activity is not bound to this entity")
    if len(present) == 1:
        raise Refusal("LAST_BINDING_CANNOT_BE_DELETED", "The last binding cannot be deleted")
    return _rebind(call, activity, [each for each in present if each != key])


@method("crm.activity.binding.move", scope="crm")
def move_binding(call: Call) -> bool:
    """Bind an activity to another record of the same kind instead."""
    activity = _activity(call)
    source = _record(call, "sourceEntityTypeId", "sourceEntityId")
    target = _record(call, "targetEntityTypeId", "targetEntityId")
    if source[0] != target[0]:
        raise Refusal(
            "SOURCE_AND_TARGET_ENTITY_TYPES_ARE_NOT_EQUAL_ERROR",
            "Source and target entity types are not equal",
        )
    if source == target:
        raise Refusal(
            "SOURCE_AND_TARGET_ENTITY_ID_ARE_EQUAL_ERROR", "Source and target are the same"
        )
    present = bindings(call, activity)
    if source not in present:
        raise Refusal("BINDING_NOT_FOUND", "Activity is not bound to this entity")
    if target in present:
        raise Refusal("ACTIVITY_IS_ALREADY_BOUND", "Activity is already bound to this entity")
    return _rebind(call, activity, [target if each == source else each for each in present])
