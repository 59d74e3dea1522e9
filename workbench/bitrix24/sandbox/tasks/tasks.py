"""Tasks."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.records import written_page
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, moment, old_form, positive
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

TASKS = Entity(
    "tasks",
    (
        Field("ID", "integer", readonly=True),
        Field("PARENT_ID", "integer"),
        Field("TITLE", required=True),
        Field("DESCRIPTION", empty=""),
        Field("PRIORITY", "integer", default=1),
        Field("STATUS", "integer", default=2),
        Field("RESPONSIBLE_ID", "user", required=True, index=True),
        Field("CREATED_BY", "user"),
        Field("CHANGED_BY", "user", readonly=True),
        Field("CLOSED_BY", "user"),
        Field("GROUP_ID", "integer", default=0),
        Field("CREATED_DATE", "datetime", readonly=True),
        Field("CHANGED_DATE", "datetime", readonly=True, index=True),
        Field("CLOSED_DATE", "datetime"),
        Field("DATE_START", "datetime"),
        Field("DEADLINE", "datetime"),
        Field("START_DATE_PLAN", "datetime"),
        Field("END_DATE_PLAN", "datetime"),
        Field("TIME_ESTIMATE", "integer", default=0),
        Field("MARK"),
        Field("TASK_CONTROL", "char", default="N"),
        Field("UF_CRM_TASK", "json", camel="ufCrmTask"),
        Field("UF_TASK_WEBDAV_FILES", "json", camel="ufTaskWebdavFiles"),
        Field("ACCOMPLICES", "json"),
        Field("AUDITORS", "json"),
        Field("TAGS", "json"),
    ),
    event="TASK",
    created="CREATED_DATE",
    modified="CHANGED_DATE",
    created_by="CREATED_BY",
    modified_by="CHANGED_BY",
)


LONGEST = 2**31 - 1  # seconds a plan may span: the portal keeps them in 32 bits
STRUCTURED = ("UF_CRM_TASK", "UF_TASK_WEBDAV_FILES", "ACCOMPLICES", "AUDITORS", "TAGS")
PEOPLE = ("ACCOMPLICES", "AUDITORS")
WRITABLE = tuple(f.name for f in TASKS.fields if not f.readonly)
# What a whole task also has and this portal leaves as a new task has it.
UNSET = (
    "declineReason", "durationFact", "timeSpentInLogs", "xmlId", "forumTopicId", "commentsCount",
    "serviceCommentsCount", "forumId", "exchangeModified", "exchangeId", "viewedDate",
    "forkedByTemplateId", "sorting", "durationPlanSeconds", "durationPlan", "ufMailMessage",
)  # fmt: skip
FIXED = {
    "descriptionInBbcode": "Y", "notViewed": "N", "statusComplete": "1", "multitask": "N",
    "stageId": "0", "replicate": "N", "allowChangeDeadline": "N", "allowTimeTracking": "N",
    "matchWorkTime": "N", "addInReport": "N", "siteId": "s1",
    "subordinate": "N", "outlookVersion": "1", "deadlineCounted": "0", "favorite": "N",
    "durationTypeAll": "days", "durationType": "days", "isMuted": "N", "isPinned": "N",
    "isPinnedInGroup": "N",
}  # fmt: skip
SAID = (
    ("Name", "NAME"), ("LastName", "LAST_NAME"), ("SecondName", "SECOND_NAME"),
    ("WorkPosition", "WORK_POSITION"),
)  # fmt: skip
EMPTY = ("checklist", "files", "dependsOn")
# What may be done with a task: always, while it is open, once it is closed, never.
ALWAYS = (
    "remove", "edit", "create", "changeDeadline", "checklistAddItems", "addFavorite", "rate",
    "elapsedtime.add", "edit.plan", "checklist.add", "favorite.add",
)  # fmt: skip
OPEN = ("complete", "start", "delegate", "defer")
CLOSED = ("renew",)
NEVER = (
    "accept", "decline", "approve", "disapprove", "pause", "deleteFavorite", "edit.originator",
    "checklist.reorder", "dayplan.timer.toggle", "favorite.delete",
)  # fmt: skip
PENDING, IN_PROGRESS, CONTROLLED, COMPLETED, DEFERRED = STATUSES = (2, 3, 4, 5, 6)
# Filters and orders say REAL_STATUS for the stored status.
ALIASES = {"REAL_STATUS": "STATUS"}


def _sent(call: Call, row: Row, names: set[str] | None) -> Row:
    """A task as the portal sends it: camelCase names, text values, ``group`` ``[]`` for none."""
    keep = call.state.keepers("tasks")
    result: Row = {}
    for field in TASKS.fields:
        if names is not None and field.name not in names and field.name != "ID":
            continue
        value = row.get(field.name)
        if field.name in STRUCTURED:
            listed = [str(v) for v in value or ()] if field.name in PEOPLE else value
            result[field.camel] = listed or (False if field.name.startswith("UF_") else [])
            continue
        form = old_form(field, call.state.clock)
        stored = None if value is None else keep[field.name](value)
        result[field.camel] = stored if form is None else form(stored)
    result["group"] = []
    result["subStatus"] = str(row.get("STATUS") or 2)
    return result


def _person(call: Call, number: Any) -> Row:
    user = call.state.get("users", int(number or 0)) or {}
    name = " ".join(str(user[part]) for part in ("NAME", "LAST_NAME") if user.get(part))
    return {
        "id": str(number or 0),
        "name": name,
        "link": f"/company/personal/user/{number or 0}/",
        "icon": "/bitrix/images/tasks/default_avatar.png",
    }


def _whole(call: Call, row: Row) -> Row:
    """A task with everything that the portal tells about one."""
    result: Row = {**_sent(call, row, None), **FIXED, **dict.fromkeys(UNSET)}
    for role, column in (("responsible", "RESPONSIBLE_ID"), ("createdBy", "CREATED_BY")):
        user = call.state.get("users", int(row.get(column) or 0)) or {}
        for tail, part in SAID:
            result[role + tail] = user.get(part) or None
        result[f"{role}Login"] = user.get("EMAIL") or f"user{row.get(column)}"
        result[f"{role}Photo"] = None
    deadline = result.get("deadline")
    closed = row.get("STATUS") == 5
    return {
        **result,
        "deadlineOrig": f"{deadline[:10]} {deadline[11:19]}" if deadline else None,
        "statusChangedBy": result["changedBy"],
        "statusChangedDate": result["changedDate"],
        "activityDate": result["changedDate"],
        "guid": f"{{{uuid5(NAMESPACE_OID, str(row['ID']))}}}",
        **{name: [] for name in EMPTY},
        "creator": _person(call, row.get("CREATED_BY")),
        "responsible": _person(call, row.get("RESPONSIBLE_ID")),
        "newCommentsCount": 0,
        "action": {
            **dict.fromkeys(ALWAYS, True),
            **dict.fromkeys(OPEN, not closed),
            **dict.fromkeys(CLOSED, closed),
            **dict.fromkeys(NEVER, False),
        },
    }


def sent_task(call: Call, row: Row) -> Row:
    """The answer that holds one task: whole, or the fields that ``select`` names."""
    names = _names(call)
    return {"task": _whole(call, row) if names is None else _sent(call, row, names)}


def _names(call: Call) -> set[str] | None:
    wanted = call.structure("select").values()
    names = {ALIASES.get(str(n).upper(), str(n).upper()) for n in wanted}
    return None if not names or "*" in names else names


@method("tasks.task.list", scope="task")
def list_tasks(call: Call) -> Page:
    """Tasks; filter, order and select in UPPER_CASE, the answer in camelCase."""
    names = {f.name: f for f in TASKS.fields}
    known = {**names, **{alias: names[name] for alias, name in ALIASES.items()}}
    filter = {str(k).upper(): v for k, v in call.structure("filter").items()}
    try:
        sql, values = where(filter, known, call.state.zone)
    except BadFilter as error:
        raise Refusal("0", f"Invalid value of filter field '{error.field}'.") from None
    order = {}
    for name, way in call.structure("order").items():
        field = known.get(str(name).upper())
        if field is None or field.in_body:
            raise Refusal("0", "Invalid sorting key (internal error)")
        order[field.name] = "ASC" if str(way).upper().startswith("ASC") else "DESC"
    limit, more = rights.readable(call.state, call.caller.user_id, TASKS)
    sql = " AND ".join(part for part in (sql, limit) if part)
    shown = _names(call)
    answer = written_page(
        call,
        "tasks",
        sql,
        [*values, *more],
        order or {"ID": "DESC"},
        lambda rows: [_sent(call, row, shown) for row in rows],
    )
    answer.result = {"tasks": answer.result}
    return answer


def task_of(call: Call, barred: Refusal | None = None) -> Row:
    """The task that ``taskId`` names. Refuses one that is not there or not the caller's.

    ``barred`` is what a method answers then, if it is not the usual.
    """
    given = call.get("taskId", call.get("id"))
    if given in (None, ""):
        text = "CTaskItem All parameters in the constructor must have real class type"
        raise Refusal("100", f"{text} (internal error)")
    if not str(given).strip().isdecimal():
        raise Refusal("0", "wrong task id (internal error)")
    row = call.state.get("tasks", positive(given))
    if row is None:
        raise barred or Refusal("ERROR_CORE", "Task not found<br>")
    if not rights.may(call.state, call.caller.user_id, TASKS, row):
        raise barred or Refusal("ERROR_CORE", "Access denied<br>")
    return row


@method("tasks.task.get", scope="task")
def get_task(call: Call) -> Row:
    """One task."""
    row = task_of(call)
    asked = call.get("select")
    if asked is not None and not (isinstance(asked, list | dict) and asked):
        text = "Invalid value {} to match with parameter {select}. Should be value of type array."
        raise Refusal("100", f"{text} (internal error)")
    return sent_task(call, row)


def _values(call: Call) -> Row:
    given = {str(k).upper(): v for k, v in call.structure("fields", required=True).items()}
    values = {k: v for k, v in given.items() if k in WRITABLE}
    keep = call.state.keepers("tasks")
    for name, value in values.items():
        if name in keep and value is not None:
            try:
                keep[name](value)
            except (ValueError, TypeError, OverflowError):
                raise Refusal("ERROR_CORE", f"Invalid value of {name}<br>") from None
        elif name in STRUCTURED and not isinstance(value, list):
            values[name] = [value] if value else []
    for name in PEOPLE:
        if name in values:
            values[name] = [number for v in values[name] or () if (number := positive(v))]
    return values


def _checked(call: Call, values: Row, number: int | None = None) -> Row:
    """Refuse values that do not fit together, as the portal says it."""
    state = call.state
    if (
        "RESPONSIBLE_ID" in values
        and state.get("users", positive(values["RESPONSIBLE_ID"])) is None
    ):
        raise Refusal("ERROR_CORE", 'User specified in the "Responsible" field not found<br>')
    parent = positive(values.get("PARENT_ID"))
    if parent and parent == number:
        raise Refusal("ERROR_CORE", "Cannot bind the node to itself<br>")
    if parent and state.get("tasks", parent) is None:
        raise Refusal("ERROR_CORE", 'Task specified in the "Parent Task" field not found<br>')
    if parent and number and number in _above(call, parent):
        raise Refusal("ERROR_CORE", "Creating cyclic links in tasks is prohibited<br>")
    if "STATUS" in values and positive(values["STATUS"]) not in STATUSES:
        word = "Incorrect" if number is None else "Invalid"
        raise Refusal("ERROR_CORE", f"{word} status<br>")
    start, end = (moment(values.get(f"{p}_DATE_PLAN"), state.zone) for p in ("START", "END"))
    if start and end and end < start:
        text = "The end date in scheduling is earlier than the start date<br>"
        raise Refusal("ERROR_CORE", text)
    if start and end and end - start > LONGEST:
        raise Refusal("ERROR_CORE", "The specified task duration is too long<br>")
    return values


def _above(call: Call, number: int) -> set[int]:
    """A task's number and those of all tasks that it is part of."""
    found: set[int] = set()
    while number and number not in found:
        found.add(number)
        number = (call.state.get("tasks", number) or {}).get("PARENT_ID") or 0
    return found


@method("tasks.task.add", scope="task")
def add_task(call: Call) -> Row:
    """A new task; needs ``TITLE`` and ``RESPONSIBLE_ID``."""
    values: dict[str, Any] = _values(call)
    if not str(values.get("TITLE") or "").strip():
        raise Refusal("ERROR_CORE", "Task title not specified<br>")
    if not values.get("RESPONSIBLE_ID"):
        raise Refusal("ERROR_CORE", "Responsible person not specified<br>")
    number = crm.add(
        call.state,
        "tasks",
        _checked(call, values),
        actor=call.caller.user_id,
        connector=call.connector,
    )
    return sent_task(call, call.state.get("tasks", number) or {})


def change(call: Call, row: Row, values: Row) -> Row:
    """Change a task as the caller and answer with it."""
    crm.update(
        call.state,
        "tasks",
        row["ID"],
        values,
        actor=call.caller.user_id,
        connector=call.connector,
    )
    return sent_task(call, call.state.get("tasks", row["ID"]) or {})


def takes_part(call: Call, row: Row) -> bool:
    """Whether the caller does more with a task than look on, as its observers do."""
    user = call.caller.user_id
    watches = user in (row.get("AUDITORS") or ()) and user not in (
        row.get("CREATED_BY"), row.get("RESPONSIBLE_ID"), *(row.get("ACCOMPLICES") or ()),
    )  # fmt: skip
    return not watches or rights.colleagues(call.state, user) is None


@method("tasks.task.update", scope="task")
def update_task(call: Call) -> Row:
    """Change a task."""
    barred = Refusal("0", "Action on the task is not allowed (internal error)")
    row = task_of(call, barred)
    if not takes_part(call, row):
        raise barred
    values = _checked(call, _values(call), row["ID"])
    if "STATUS" in values:
        values |= closing(call, positive(values["STATUS"]))
    return change(call, row, values)


def closing(call: Call, status: int) -> Row:
    """What a task has besides its status once it is completed, or no longer."""
    if status == COMPLETED:
        return {"CLOSED_DATE": call.state.timestamp(), "CLOSED_BY": call.caller.user_id}
    return {"CLOSED_DATE": None, "CLOSED_BY": None}


@method("tasks.task.delete", scope="task")
def delete_task(call: Call) -> Row:
    """Delete a task; its maker and administrators may. [?] Its subtasks pass to the one above."""
    barred = Refusal("1048582", "No access to delete the task (internal error)")
    row = task_of(call, barred)
    user = call.caller.user_id
    if user != row.get("CREATED_BY") and not rights.is_admin(call.state, user):
        raise barred
    crm.delete(call.state, "tasks", row["ID"], actor=user, connector=call.connector)
    for below in call.state.find("tasks", {"PARENT_ID": row["ID"]}):
        call.state.update("tasks", below["ID"], {"PARENT_ID": row["PARENT_ID"]})
    return {"task": True}


@method("tasks.task.getfields", scope="task")
def task_fields(call: Call) -> Row:
    """The fields of a task."""
    return {
        "fields": {
            f.name: {"title": f.title, "type": f.type, "required": f.required} for f in TASKS.fields
        }
    }
