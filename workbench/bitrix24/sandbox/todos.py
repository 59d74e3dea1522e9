"""Activities beyond the old six methods: to-dos in a record's timeline."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox import crm, rights
from workbench.bitrix24.sandbox.fields import Row, moment
from workbench.bitrix24.sandbox.methods import Call, Refusal, method


@method("crm.activity.todo.add", scope="crm")
def add_todo(call: Call) -> dict[str, int]:
    """A to-do on a record, due at ``deadline``; the answer is ``{id}``."""
    for name in ("ownerTypeId", "ownerId", "deadline"):
        if call.get(name) in (None, ""):
            raise Refusal("100", f"Could not find value for parameter {{{name}}}")
    entity = call.state.by_type.get(call.number("ownerTypeId") or 0)
    owner = call.number("ownerId") or 0
    row = call.state.get(entity.name, owner) if entity else None
    if entity is None or row is None:
        raise Refusal("OWNER_NOT_FOUND", "Owner was not found")
    if not rights.may(call.state, call.caller.user_id, entity, row):
        raise Refusal("ACCESS_DENIED", "Access denied", 403)
    try:
        deadline = moment(call.get("deadline"), call.state.zone)
    except ValueError:
        raise Refusal("WRONG_DATETIME_FORMAT", "Wrong datetime format") from None
    responsible = call.number("responsibleId") or call.caller.user_id
    if call.state.get("users", responsible) is None:
        raise Refusal("", "The responsible user is not found")
    offsets: Any = call.get("pingOffsets")
    values: Row = {
        "OWNER_ID": owner,
        "OWNER_TYPE_ID": entity.type_id,
        "TYPE_ID": 6,
        "PROVIDER_ID": "CRM_TODO",
        "PROVIDER_TYPE_ID": "TODO",
        "SUBJECT": str(call.get("title") or ""),
        "DESCRIPTION": str(call.get("description") or ""),
        "DEADLINE": deadline,
        "START_TIME": deadline,
        "END_TIME": deadline,
        "RESPONSIBLE_ID": responsible,
        "SETTINGS": {"PING_OFFSETS": offsets if isinstance(offsets, list) else []},
    }
    number = crm.add(
        call.state, "activities", values, actor=call.caller.user_id, connector=call.connector
    )
    return {"id": number}
