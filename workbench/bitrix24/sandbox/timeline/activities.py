"""Activities: meetings, calls, tasks, letters and to-dos in the timeline of CRM records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.crm.field_descriptions import describe, describe_all
from workbench.bitrix24.sandbox.crm.records import (
    add_record,
    existing,
    identity,
    old_methods,
    update_record,
)
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, Unfit, flag, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.bitrix24.sandbox.timeline.activity_tables import BINDINGS

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

MEETING, CALL, TASK, EMAIL = 1, 2, 3, 4  # TYPE_ID
WAITING, COMPLETED, COMPLETED_BY_ITSELF = "1", "2", "3"  # STATUS
DUE = {MEETING: "START_TIME", CALL: "START_TIME", TASK: "END_TIME"}  # where DEADLINE comes from
TALKS = {CALL: "PHONE", EMAIL: "EMAIL"}  # the type of a communication that does not say it
UNBOUND = (
    "Could not build binding. Please ensure that owner info and communications are defined "
    "correctly."
)

ACTIVITIES = Entity(
    "activities",
    (
        Field("ID", "integer", readonly=True),
        Field("OWNER_ID", "integer"),
        Field("OWNER_TYPE_ID", "integer"),
        Field("TYPE_ID", "integer", required=True),
        Field("PROVIDER_ID"),
        Field("PROVIDER_TYPE_ID"),
        Field("PROVIDER_GROUP_ID"),
        Field("ASSOCIATED_ENTITY_ID", "integer", default=0),
        Field("SUBJECT"),
        Field("CREATED", "datetime", readonly=True),
        Field("LAST_UPDATED", "datetime", readonly=True, index=True),
        Field("START_TIME", "datetime", index=True),
        Field("END_TIME", "datetime"),
        Field("DEADLINE", "datetime"),
        Field("COMPLETED", "char", default="N"),
        Field("STATUS", "integer", default=1),
        Field("RESPONSIBLE_ID", "user"),
        Field("PRIORITY", "integer", default=2),
        Field("NOTIFY_TYPE", "integer", default=0),
        Field("NOTIFY_VALUE", "integer", default=0),
        Field("DESCRIPTION", default=""),
        Field("DESCRIPTION_TYPE", "integer", default=1),
        Field("DIRECTION", "integer", default=0),
        Field("LOCATION", default=""),
        Field("ORIGINATOR_ID"),
        Field("ORIGIN_ID"),
        Field("AUTHOR_ID", "user", readonly=True),
        Field("EDITOR_ID", "user", readonly=True),
        Field("PROVIDER_PARAMS", "json", empty=[]),
        Field("PROVIDER_DATA"),
        Field("RESULT_MARK", "integer", default=0),
        Field("RESULT_VALUE", "double"),
        Field("RESULT_SUM", "double"),
        Field("RESULT_CURRENCY_ID"),
        Field("RESULT_STATUS", "integer", empty="0"),
        Field("RESULT_STREAM", "integer", empty="0"),
        Field("RESULT_SOURCE_ID"),
        Field("AUTOCOMPLETE_RULE", "integer", empty="0"),
        Field("IS_INCOMING_CHANNEL", "char", readonly=True, empty="N"),
        Field("SETTINGS", "json", empty=[]),
        Field("COMMUNICATIONS", "json", hidden=True, multiple=True),
        Field("FILES", "json", hidden=True, multiple=True),
    ),
    event="ACTIVITY",
    created="CREATED",
    modified="LAST_UPDATED",
    created_by="AUTHOR_ID",
    modified_by="EDITOR_ID",
    indexes=(("OWNER_ID", "OWNER_TYPE_ID"),),
)

GONE = ("", "Activity is not found")
old_methods(ACTIVITIES, "crm.activity", update=GONE, delete=GONE)

# What stands beside an activity's own fields, as the portal describes it.
BESIDE = {
    "BINDINGS": Field("BINDINGS", "crm_activity_binding", readonly=True, multiple=True),
    "COMMUNICATIONS": Field(
        "COMMUNICATIONS", "crm_activity_communication", required=True, multiple=True
    ),
    "FILES": Field("FILES", "diskfile", multiple=True),
    "WEBDAV_ELEMENTS": Field("WEBDAV_ELEMENTS", "diskfile", multiple=True),
}


@method("crm.activity.fields", scope="crm")
def activity_fields(call: Call) -> dict[str, Row]:
    """The fields of an activity, with what it is bound to and talks to."""
    beside = {name: describe(field) for name, field in BESIDE.items()}
    beside["WEBDAV_ELEMENTS"]["isDeprecated"] = True
    return {**describe_all(call.state.fields("activities")), **beside}


def _addressed(call: Call, owner: Row, kind: int) -> None:
    """Give every communication of a write its id and its form: text, as the portal keeps it.

    ``owner``, a row with OWNER_TYPE_ID and OWNER_ID, is whose it is where it names nobody; ``kind``
    is the activity's TYPE_ID.
    """
    fields = call.get("fields")
    if not isinstance(fields, dict):
        return
    for key in [k for k in fields if str(k).upper() == "COMMUNICATIONS"]:
        given = fields[key]
        rows = given.values() if isinstance(given, dict) else given
        if not isinstance(given, list | dict):
            continue
        fields[key] = [
            _communication(call, row, owner, kind) for row in rows if isinstance(row, dict)
        ]


def _communication(call: Call, given: Row, owner: Row, kind: int) -> Row:
    number = given.get("ID")
    if not number:
        number = call.state.settings.get("communication", 0) + 1
        call.state.settings["communication"] = number
    row: dict[str, Any] = {"ID": str(number)}
    for name in ("TYPE", "VALUE", "ENTITY_ID", "ENTITY_TYPE_ID"):
        row[name] = str(given.get(name) or "")
    row["TYPE"] = row["TYPE"] or TALKS.get(kind, "")
    if not (positive(row["ENTITY_ID"]) and positive(row["ENTITY_TYPE_ID"])):
        row["ENTITY_ID"] = str(owner.get("OWNER_ID") or "")
        row["ENTITY_TYPE_ID"] = str(owner.get("OWNER_TYPE_ID") or "")
    row["ENTITY_SETTINGS"] = given.get("ENTITY_SETTINGS") or []
    return row


def _follow(call: Call, kind: int) -> None:
    """Complete a write by what follows: the deadline, and what being done and the status say.

    Of meetings, calls and tasks the deadline is not set by itself (crm.activity.add). [?] Where
    COMPLETED and STATUS disagree the former is right: no sample shows them apart.
    """
    fields = call.array("fields")
    given = {str(k).upper(): k for k in fields}
    due = DUE.get(kind)
    if due:
        fields.pop(given.get("DEADLINE", ""), None)
        if due in given:
            fields["DEADLINE"] = fields[given[due]]
    done = (COMPLETED, COMPLETED_BY_ITSELF)
    status = str(fields[given["STATUS"]]) if "STATUS" in given else ""
    if "COMPLETED" in given:
        try:
            is_done = flag(fields[given["COMPLETED"]]) == "Y"
        except ValueError:
            raise Unfit("COMPLETED") from None
        fitting = (status in done) == is_done and status
        fields[given.get("STATUS", "STATUS")] = (
            status if fitting else done[0] if is_done else WAITING
        )
    elif status:
        fields["COMPLETED"] = "Y" if status in done else "N"


def _talking_to(call: Call, owner: Row) -> list[tuple[int, int]] | None:
    """The records besides the owner that a write's communications are with: they are bound too.

    None if it has no communications. ``BINDINGS`` itself is read only (crm.activity.fields).
    Refuses a record that is not the caller's. [?] One that there is not is passed over.
    """
    given = call.array("fields")
    rows = next((v for k, v in given.items() if str(k).upper() == "COMMUNICATIONS"), None)
    if not isinstance(rows, list):
        return None
    own = (positive(owner.get("OWNER_TYPE_ID")), positive(owner.get("OWNER_ID")))
    named = dict.fromkeys((positive(r["ENTITY_TYPE_ID"]), positive(r["ENTITY_ID"])) for r in rows)
    result = []
    for kind, number in named.keys() - {own}:
        entity = call.state.by_type.get(kind)
        row = call.state.get(entity.name, number) if entity else None
        if entity and row:
            if not rights.may(call.state, call.caller.user_id, entity, row):
                raise Refusal("", "Access denied.")
            result.append((kind, number))
    return sorted(result, key=list(named).index)


def bind(state: State, activity: int, further: Iterable[tuple[int, int]]) -> None:
    """Bind an activity to these records (entityTypeId, id) besides its owner, to no others."""
    state.delete_where(BINDINGS.name, {"ACTIVITY_ID": activity})
    state.insert_many(
        BINDINGS.name,
        [
            {"ACTIVITY_ID": activity, "OWNER_TYPE_ID": kind, "OWNER_ID": number}
            for kind, number in further
        ],
    )


def _complete(call: Call) -> None:
    """Refuse an activity that lacks a subject, a type, an owner or somebody to talk to.

    [?] The documentation also asks for ``RESPONSIBLE_ID``; without it whoever is responsible for
    the owner is.
    """
    given = call.array("fields")
    fields = {str(k).upper(): v for k, v in given.items()}
    if not str(fields.get("SUBJECT") or "").strip():
        raise Refusal("", "The field SUBJECT is not defined or empty.")
    kind = positive(fields.get("TYPE_ID"))
    if not kind:
        raise Refusal("", "The field TYPE_ID is not defined or invalid.")
    talks = fields.get("COMMUNICATIONS")
    if not isinstance(talks, list) or not talks:
        raise Refusal("", "The field COMMUNICATIONS is not defined or invalid.")
    if len(talks) > 1 and kind != EMAIL:
        text = "The only one communication is allowed for activity of specified type."
        raise Refusal("", text)
    if not all(positive(fields.get(name)) for name in ("OWNER_TYPE_ID", "OWNER_ID")):
        raise Refusal("", UNBOUND)
    owner = _owned(call, fields)
    if fields.get("RESPONSIBLE_ID") is None:
        given["RESPONSIBLE_ID"] = owner.get("ASSIGNED_BY_ID") or call.caller.user_id
    elif not positive(fields["RESPONSIBLE_ID"]):
        raise Refusal("", "The field RESPONSIBLE_ID is not defined or invalid.")


def _owned(call: Call, fields: Row) -> Row:
    """Refuse the owner that a write names if it is not there or not the caller's."""
    kind, number = (positive(fields.get(name)) for name in ("OWNER_TYPE_ID", "OWNER_ID"))
    entity = call.state.by_type.get(kind)
    missing, barred = Refusal("", UNBOUND), Refusal("", "Access denied.")
    return rights.seen(call.state, call.caller.user_id, entity, number, missing, barred)


@method("crm.activity.add", scope="crm")
def add_activity(call: Call) -> int:
    """A new activity; answers with its id."""
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    _addressed(call, given, positive(given.get("TYPE_ID")))
    _complete(call)
    _follow(call, positive(given.get("TYPE_ID")))
    further = _talking_to(call, given)
    number = add_record(call, ACTIVITIES)
    bind(call.state, number, further or ())
    return number


@method("crm.activity.update", scope="crm")
def update_activity(call: Call) -> bool:
    """Change an activity; new communications bind it anew."""
    row = existing(call, ACTIVITIES, identity(call))
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    owner = {**row, **given}
    _addressed(call, owner, row["TYPE_ID"])
    if {"OWNER_TYPE_ID", "OWNER_ID"} & set(given):
        _owned(call, owner)
    _follow(call, row["TYPE_ID"])
    further = _talking_to(call, owner)
    if further is not None:
        bind(call.state, row["ID"], further)
    return update_record(call, ACTIVITIES)
