"""Activities beyond the old six methods: to-dos in a record's timeline."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.memory.fields import Row, moment
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

SETTABLE = ("deadline", "title", "description", "responsibleId")
COLORS = ("1", "2", "3", "4", "5", "6", "7", "default")
CLOSED = "CAN_NOT_UPDATE_COMPLETED_TODO"


def _required(call: Call, *names: str) -> None:
    for name in names:
        if call.get(name) in (None, ""):
            raise Refusal("100", f"Could not find value for parameter {{{name}}}")


def _owner(call: Call) -> tuple[int, int]:
    """The record of a to-do: entityTypeId and id. Refuses one that is not the caller's.

    [?] Both codes are documented without saying which is whose: a kind of record that there is not
    is "CRM object not found", a record that there is not "owner not found".
    """
    entity = call.state.by_type.get(call.number("ownerTypeId") or 0)
    if entity is None:
        raise Refusal("NOT_FOUND", "Not found.")
    missing = Refusal("OWNER_NOT_FOUND", "Owner was not found")
    barred = Refusal("ACCESS_DENIED", "Access denied", 403)
    user, owner = call.caller.user_id, call.number("ownerId") or 0
    rights.seen(call.state, user, entity, owner, missing, barred)
    return call.number("ownerTypeId") or 0, owner


def _values(call: Call, *names: str) -> Row:
    """The columns of the given parameters. Refuses what does not fit."""
    values: Row = {}
    for name in names:
        given = call.get(name)
        if given is None:
            continue
        if name == "deadline":
            try:
                when = moment(given, call.state.zone)
            except ValueError:
                raise Refusal("WRONG_DATETIME_FORMAT", "Wrong datetime format") from None
            values |= {"DEADLINE": when, "START_TIME": when, "END_TIME": when}
        elif name == "responsibleId":
            number = call.number("responsibleId") or 0
            if number <= 0:
                text = 'Parameter "responsibleId" must be greater than 0'
                raise Refusal("INVALID_ARG_VALUE", text)
            if call.state.get("users", number) is None:
                raise Refusal("", "The responsible user is not found")
            values["RESPONSIBLE_ID"] = number
        else:
            values[{"title": "SUBJECT", "description": "DESCRIPTION"}[name]] = str(given)
    return values


def _settings(call: Call, present: Row) -> Row:
    """Reminders and colour, kept among the activity's settings."""
    settings = dict(present)
    offsets: Any = call.get("pingOffsets")
    if isinstance(offsets, list):
        settings["PING_OFFSETS"] = offsets
    color = str(call.get("colorId") or "")
    if color:
        if color not in COLORS:
            raise Refusal("CAN_NOT_UPDATE_WRONG_COLOR_TODO", "Wrong color")
        settings["COLOR"] = color
    return settings


@method("crm.activity.todo.add", scope="crm")
def add_todo(call: Call) -> dict[str, int]:
    """A to-do on a record, due at ``deadline``; the answer is ``{id}``."""
    _required(call, "ownerTypeId", "ownerId", "deadline")
    kind, owner = _owner(call)
    values: Row = {
        "OWNER_ID": owner,
        "OWNER_TYPE_ID": kind,
        "TYPE_ID": 6,
        "PROVIDER_ID": "CRM_TODO",
        "PROVIDER_TYPE_ID": "TODO",
        "SUBJECT": "",
        "DESCRIPTION": "",
        "RESPONSIBLE_ID": call.caller.user_id,
        **_values(call, *SETTABLE),
        "SETTINGS": _settings(call, {"PING_OFFSETS": []}),
    }
    number = crm.add(
        call.state, "activities", values, actor=call.caller.user_id, connector=call.connector
    )
    return {"id": number}


# -- changing -----------------------------------------------------------------------------


def _todo(call: Call, closed: str) -> Row:
    """The to-do of an update; ``closed`` is the code for one that is done."""
    _required(call, "id", "ownerTypeId", "ownerId")
    kind, owner = _owner(call)
    row = call.state.get("activities", call.number("id") or 0)
    if row is None or row["PROVIDER_ID"] != "CRM_TODO":
        raise Refusal("NOT_FOUND", "Not found.")
    if (row["OWNER_TYPE_ID"], row["OWNER_ID"]) != (kind, owner):
        raise Refusal("NOT_FOUND", "Not found.")
    if row["COMPLETED"] == "Y":
        raise Refusal(closed, "Completed activity can not be updated")
    return row


def _save(call: Call, row: Row, values: Row) -> dict[str, int]:
    crm.update(
        call.state,
        "activities",
        row["ID"],
        values,
        actor=call.caller.user_id,
        connector=call.connector,
    )
    return {"id": row["ID"]}


@method("crm.activity.todo.update", scope="crm")
def update_todo(call: Call) -> dict[str, int]:
    """Change a to-do that is not done."""
    row = _todo(call, CLOSED)
    settings = _settings(call, row.get("SETTINGS") or {})
    return _save(call, row, {**_values(call, *SETTABLE), "SETTINGS": settings})


@method("crm.activity.todo.updateDeadline", scope="crm")
def move_todo(call: Call) -> dict[str, int]:
    """Give a to-do another deadline (``value``)."""
    row = _todo(call, CLOSED)
    _required(call, "value")
    call.params["deadline"] = call.get("value")
    return _save(call, row, _values(call, "deadline"))


@method("crm.activity.todo.updateDescription", scope="crm")
def describe_todo(call: Call) -> dict[str, int]:
    """Give a to-do another description (``value``)."""
    row = _todo(call, CLOSED)
    _required(call, "value")
    call.params["description"] = call.get("value")
    return _save(call, row, _values(call, "description"))


@method("crm.activity.todo.updateResponsibleUser", scope="crm")
def hand_over_todo(call: Call) -> dict[str, int]:
    """Make somebody else responsible."""
    row = _todo(call, "CAN_NOT_UPDATE_RESPONSIBLE_USER_COMPLETED_TODO")
    _required(call, "responsibleId")
    return _save(call, row, _values(call, "responsibleId"))


@method("crm.activity.todo.updateColor", scope="crm")
def colour_todo(call: Call) -> dict[str, int]:
    """Give a to-do another colour, ``1`` to ``7`` or ``default``."""
    row = _todo(call, "CAN_NOT_UPDATE_COLOR_COMPLETED_TODO")
    _required(call, "colorId")
    return _save(call, row, {"SETTINGS": _settings(call, row.get("SETTINGS") or {})})
