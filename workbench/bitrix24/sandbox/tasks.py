"""Tasks."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from workbench.bitrix24.sandbox import crm, rights
from workbench.bitrix24.sandbox.fields import Entity, Field, Row, old_form
from workbench.bitrix24.sandbox.filters import BadFilter, where
from workbench.bitrix24.sandbox.methods import PAGE, Call, Page, Refusal, method, start_of

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


STRUCTURED = ("UF_CRM_TASK", "UF_TASK_WEBDAV_FILES", "ACCOMPLICES", "AUDITORS", "TAGS")
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
    "matchWorkTime": "N", "taskControl": "N", "addInReport": "N", "siteId": "s1",
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
            result[field.camel] = value or (False if field.name.startswith("UF_") else [])
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


def _one(call: Call, row: Row) -> Row:
    """The answer that holds one task: whole, or the fields that ``select`` names."""
    names = _names(call)
    return {"task": _whole(call, row) if names is None else _sent(call, row, names)}


def _names(call: Call) -> set[str] | None:
    asked = call.get("select")
    wanted = asked.values() if isinstance(asked, dict) else asked or ()
    names = {ALIASES.get(str(n).upper(), str(n).upper()) for n in wanted}
    return None if not names or "*" in names else names


@method("tasks.task.list", scope="task")
def list_tasks(call: Call) -> Page:
    """Tasks; filter, order and select in UPPER_CASE, the answer in camelCase."""
    names = {f.name: f for f in TASKS.fields}
    known = {**names, **{alias: names[name] for alias, name in ALIASES.items()}}
    filter = {str(k).upper(): v for k, v in call.mapping("filter").items()}
    try:
        sql, values = where(filter, known, call.state.zone)
    except BadFilter as error:
        raise Refusal("0", f"Invalid value of filter field '{error.field}'.") from None
    order = {}
    for name, way in call.mapping("order").items():
        field = known.get(str(name).upper())
        if field is None or field.in_body:
            raise Refusal("0", f"Invalid sort field '{str(name)[:60]}'")
        order[field.name] = "ASC" if str(way).upper().startswith("ASC") else "DESC"
    limit, more = rights.readable(call.state, call.caller.user_id, TASKS)
    sql = " AND ".join(part for part in (sql, limit) if part)
    values = [*values, *more]
    start = start_of(call)
    found = call.state.select(
        "tasks", [names["ID"]], sql, values, order=order or {"ID": "DESC"}, limit=PAGE,
        offset=max(0, start),
    )  # fmt: skip
    shown = _names(call)
    rows = [
        _sent(call, row, shown)
        for (key,) in found
        if (row := call.state.get("tasks", key)) is not None
    ]
    if start < 0:
        return Page({"tasks": rows}, 0, None, rows=len(rows))
    total = call.state.count_sql("tasks", sql, values)
    more_at = start + PAGE if start + PAGE < total else None
    return Page({"tasks": rows}, total, more_at, rows=len(rows), counted=total)


def _task(call: Call) -> Row:
    number = call.number("taskId") or call.number("id") or 0
    row = call.state.get("tasks", number)
    if row is None:
        raise Refusal("ERROR_CORE", "Task not found<br>")
    if not rights.may(call.state, call.caller.user_id, TASKS, row):
        raise Refusal("ERROR_CORE", "Access denied<br>")
    return row


@method("tasks.task.get", scope="task")
def get_task(call: Call) -> Row:
    """One task."""
    return _one(call, _task(call))


def _values(call: Call) -> Row:
    given = {str(k).upper(): v for k, v in call.mapping("fields", required=True).items()}
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
    return values


@method("tasks.task.add", scope="task")
def add_task(call: Call) -> Row:
    """A new task; needs ``TITLE`` and ``RESPONSIBLE_ID``."""
    values: dict[str, Any] = _values(call)
    if not str(values.get("TITLE") or "").strip():
        raise Refusal("ERROR_CORE", "The task name is not specified.<br>")
    if call.state.get("users", int(values.get("RESPONSIBLE_ID") or 0)) is None:
        raise Refusal("ERROR_CORE", "The responsible person is not specified.<br>")
    number = crm.add(
        call.state, "tasks", values, actor=call.caller.user_id, connector=call.connector
    )
    return _one(call, call.state.get("tasks", number) or {})


@method("tasks.task.update", scope="task")
def update_task(call: Call) -> Row:
    """Change a task."""
    row = _task(call)
    crm.update(call.state, "tasks", row["ID"], _values(call), actor=call.caller.user_id)
    return _one(call, call.state.get("tasks", row["ID"]) or {})


@method("tasks.task.complete", scope="task")
def complete_task(call: Call) -> Row:
    """Complete a task."""
    row = _task(call)
    done = {"STATUS": 5, "CLOSED_DATE": call.state.timestamp(), "CLOSED_BY": call.caller.user_id}
    crm.update(call.state, "tasks", row["ID"], done, actor=call.caller.user_id)
    return _one(call, call.state.get("tasks", row["ID"]) or {})


@method("tasks.task.delete", scope="task")
def delete_task(call: Call) -> Row:
    """Delete a task."""
    crm.delete(call.state, "tasks", _task(call)["ID"], actor=call.caller.user_id)
    return {"task": True}


@method("tasks.task.getfields", scope="task")
def task_fields(call: Call) -> Row:
    """The fields of a task."""
    return {
        "fields": {
            f.name: {"title": f.title, "type": f.type, "required": f.required} for f in TASKS.fields
        }
    }
