"""What is done with a task: its statuses, handing it over, who may do what, its files.

Source: api-reference/tasks/status, tasks-task-delegate, -approve, -disapprove, -getaccess.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.disk import disk
from workbench.bitrix24.sandbox.memory.fields import Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.bitrix24.sandbox.tasks.tasks import (
    COMPLETED,
    CONTROLLED,
    DEFERRED,
    IN_PROGRESS,
    PENDING,
    TASKS,
    change,
    closing,
    takes_part,
    task_of,
)

#: Action → (statuses it starts from, status it leads to, code of its refusal).
ACTIONS = {
    "start": ((PENDING, DEFERRED), IN_PROGRESS, "0"),
    "pause": ((IN_PROGRESS,), PENDING, "1048582"),
    "defer": ((PENDING, IN_PROGRESS), DEFERRED, "1048582"),
    "complete": ((PENDING, IN_PROGRESS, DEFERRED), COMPLETED, "0"),
    "renew": ((COMPLETED, CONTROLLED, DEFERRED), PENDING, "1048582"),
    "approve": ((CONTROLLED,), COMPLETED, "1048582"),
    "disapprove": ((CONTROLLED,), PENDING, "1048582"),
}
BY_MAKER = ("approve", "disapprove")


def _maker(call: Call, row: Row) -> bool:
    user = call.caller.user_id
    return user == row.get("CREATED_BY") or rights.is_admin(call.state, user)


def allowed(call: Call, row: Row, action: str) -> bool:
    """Whether the caller may do this with the task now."""
    return row["STATUS"] in ACTIONS[action][0] and (action not in BY_MAKER or _maker(call, row))


def _register(action: str) -> None:
    _from, to, code = ACTIONS[action]

    @method(f"tasks.task.{action}", scope="task")
    def act(call: Call) -> Row:
        barred = Refusal(code, "Action on the task is not allowed (internal error)")
        row = task_of(call, barred)
        if not allowed(call, row, action) or not takes_part(call, row):
            raise barred
        status = to
        if action == "complete" and row.get("TASK_CONTROL") == "Y" and not _maker(call, row):
            status = CONTROLLED
        values = {"STATUS": status, **closing(call, status)}
        if status == IN_PROGRESS and not row.get("DATE_START"):
            values["DATE_START"] = call.state.timestamp()
        return change(call, row, values)


for _action in ACTIONS:
    _register(_action)


@method("tasks.task.delegate", scope="task")
def delegate(call: Call) -> Row:
    """Make somebody else responsible; who was stays on as an observer."""
    barred = Refusal("0", "Action on the task is not allowed (internal error)")
    row = task_of(call, barred)
    user = call.number("userId")
    if user is None:
        raise Refusal("100", "Could not find value for parameter {userId} (internal error)")
    able = takes_part(call, row) and rights.is_active(call.state, user)
    if row["STATUS"] == COMPLETED or not able:
        raise barred
    auditors = [*(row.get("AUDITORS") or []), row["RESPONSIBLE_ID"]]
    kept = [n for n in dict.fromkeys(auditors) if n != user]
    return change(call, row, {"RESPONSIBLE_ID": user, "STATUS": PENDING, "AUDITORS": kept})


@method("tasks.task.getaccess", scope="task")
def access(call: Call) -> Row:
    """What users (the caller if none are named) may do with a task."""
    given = call.get("users")
    given = list(given.values()) if isinstance(given, dict) else given
    if given not in (None, "") and not isinstance(given, list):
        raise Refusal(
            "100",
            "Invalid value {} to match with parameter {users}. Should be value of type array.",
        )
    row = task_of(call)
    users = [n for user in given or [] if (n := positive(user))] or [call.caller.user_id]
    return {"allowedActions": {str(user): _actions(call, row, user) for user in users}}


def _actions(call: Call, row: Row, user: int) -> dict[str, bool]:
    sees = rights.may(call.state, user, TASKS, row)
    maker = user == row.get("CREATED_BY") or rights.is_admin(call.state, user)
    now = {
        action.upper(): sees and row["STATUS"] in before and (action not in BY_MAKER or maker)
        for action, (before, _to, _code) in ACTIONS.items()
    }
    always: dict[str, Any] = {
        "DELEGATE": sees and row["STATUS"] != COMPLETED,
        "EDIT": sees and maker,
        "REMOVE": sees and maker,
        "CHANGE_DEADLINE": sees and maker,
        "CREATE": True,
        "READ": sees,
        "RATE": sees and maker,
        "CHECKLIST_ADD_ITEMS": sees,
        "ELAPSEDTIME.ADD": sees,
    }
    return {**now, **always}


@method("tasks.task.files.attach", scope="task")
def attach_file(call: Call) -> Row:
    """Attach a file of the disk."""
    row = task_of(call, Refusal("0", "Access denied (internal error)"))
    number, given = call.number("fileId"), call.get("fileId")
    if given is None:
        raise Refusal("100", "Could not find value for parameter {fileId} (internal error)")
    if number is None:
        text = f"Invalid value {{{given}}} to match with parameter {{fileId}}."[:200]
        raise Refusal("100", f"{text} Should be value of type int. (internal error)")
    file = call.state.get("disk_objects", number)
    storage = disk.storage(call.state, file["STORAGE_ID"]) if file else None
    if file is None or file["TYPE"] != "file" or file["DELETED_TYPE"]:
        raise Refusal("ERROR_NOT_FOUND", f"Could not find entity with id `{number}`")
    if storage is None or not disk.may(call.state, call.caller.user_id, storage):
        raise Refusal("ERROR_CORE", "Insufficient permissions.<br>")
    files = [*(row.get("UF_TASK_WEBDAV_FILES") or []), f"n{number}"]
    change(call, row, {"UF_TASK_WEBDAV_FILES": list(dict.fromkeys(files))})
    return {"attachmentId": number}
