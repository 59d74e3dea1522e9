"""What hangs on a task: task.commentitem.*, task.checklistitem.*, task.elapseditem.*.

Older methods: UPPER_CASE text rows, parameters by name (``TASKID``, ``ITEMID``, ``FIELDS``) or by
place (``0``, ``1``, ``2``), errors with the code ERROR_CORE. Whoever sees the task sees and adds
them; only who wrote a comment or an entry of time changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.bitrix24.sandbox.crm.records import ordering, written_page
from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, old_form
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method
from workbench.bitrix24.sandbox.tasks.task_tables import CHECKLIST, COMMENTS, ELAPSED
from workbench.bitrix24.sandbox.tasks.tasks import TASKS

FAILED = "8/TE/ACTION_FAILED_TO_BE_PROCESSED<br>"
WRONG = "256/TE/WRONG_ARGUMENTS<br>"
UNFOUND = (
    "TASKS_ERROR_EXCEPTION_#512; Check listitem not found or not accessible; "
    "512/TE/ITEM_NOT_FOUND_OR_NOT_ACCESSIBLE<br>"
)
BARRED = "TASKS_ERROR_EXCEPTION_#4; Action is not allowed; 4/TE/ACTION_NOT_ALLOWED<br>"


@dataclass(frozen=True)
class Family:
    """One kind of items: its methods' prefix, its table, what a new one needs and gets."""

    prefix: str
    entity: Entity
    required: str
    missing: tuple[str, str]  # what a new one and a changed one without it are refused with
    author: str
    made: Callable[[Call, Row], Row]
    shown: Callable[[Call, Row], Row]
    own: bool = True  # only the author changes it
    allowed: frozenset[str] = frozenset()  # the only fields that a new one may name, if any
    barred: str = ""  # how a new one for a task that is not the caller's is refused


def _failure(text: str = "Action failed") -> str:
    return f"TASKS_ERROR_EXCEPTION_#8; {text}; {FAILED}"


def _spelt(method_name: str) -> str:
    """The method as the errors name it: ``ctaskchecklistitem::add()``."""
    _task, name, verb = method_name.lower().split(".")
    return f"ctask{name}::{verb}()"


def _wrong(place: int, name: str, method_name: str, what: str) -> Refusal:
    text = f"Param #{place} ({name}) for method {_spelt(method_name)} {what}.; {WRONG}"
    return Refusal("ERROR_CORE", f"TASKS_ERROR_EXCEPTION_#256; {text}")


def _not_given(place: int, name: str, method_name: str) -> Refusal:
    text = f"Param #{place} ({name}) expected by method {_spelt(method_name)}, but not given"
    return Refusal("ERROR_CORE", f"TASKS_ERROR_EXCEPTION_#256; {text}.; {WRONG}")


def _argument(call: Call, name: str, place: int) -> Any:
    return call.get(name, call.get(str(place)))


def _number(call: Call, name: str, place: int) -> int:
    value = _argument(call, name, place)
    said = "taskId" if place == 0 else "itemId"
    if value is None:
        raise _not_given(place, said, call.method)
    try:
        number = 0 if isinstance(value, bool) else int(str(value).strip())
    except ValueError:
        what = 'expected to be of type "integer", but given something else'
        raise _wrong(place, said, call.method, what) from None
    if number <= 0:
        raise Refusal("ERROR_CORE", "TASKS_ERROR_ASSERT_EXCEPTION<br>")
    return number


def _task(call: Call, barred: Refusal | None = None) -> Row:
    row = call.state.get("tasks", _number(call, "TASKID", 0))
    if row is None or not rights.may(call.state, call.caller.user_id, TASKS, row):
        raise barred or Refusal("ERROR_CORE", _failure())
    return row


def _barred(family: Family, verb: str) -> Refusal:
    """How a family says that there is no such item, or none for this caller."""
    if family.entity is ELAPSED:
        return Refusal("ERROR_CORE", "Task not found" if verb == "get" else "ACTION_NOT_ALLOWED")
    return Refusal("ERROR_CORE", UNFOUND if verb == "get" else BARRED)


def _item(call: Call, family: Family) -> Row:
    barred = _barred(family, call.method.rpartition(".")[2].lower())
    numbers = [_number(call, name, place) for place, name in enumerate(("TASKID", "ITEMID"))]
    task = _task(call, barred)
    row = call.state.get(family.entity.name, numbers[1])
    if row is None or row["TASK_ID"] != task["ID"]:
        raise barred
    return row


def _fields(call: Call, family: Family, place: int, allowed: frozenset[str] = frozenset()) -> Row:
    given = call.get("ARFIELDS", _argument(call, "FIELDS", place))  # time entries say so
    if not isinstance(given, dict) or not given:
        raise _not_given(place, "arFields", call.method)
    for key in given:
        if allowed and str(key).upper() not in allowed:
            what = f"must not contain key `{str(key)[:60]}`"
            raise _wrong(place, "arFields", call.method, what)
    keep = call.state.keepers(family.entity.name)
    names = {f.name for f in family.entity.fields if not f.readonly}
    try:
        return {
            str(k).upper(): keep[str(k).upper()](v)
            for k, v in given.items()
            if str(k).upper() in names
        }
    except (ValueError, TypeError, OverflowError):
        raise Refusal("ERROR_CORE", _failure("Invalid value")) from None


def _changeable(call: Call, family: Family) -> Row:
    row = _item(call, family)
    author = row[family.author] == call.caller.user_id
    if family.own and not author and not rights.is_admin(call.state, call.caller.user_id):
        raise _barred(family, "update")
    return row


def _sent(call: Call, entity: Entity, row: Row) -> Row:
    """A row in the old form: everything as text."""
    keep = call.state.keepers(entity.name)
    result: Row = {}
    for field in entity.fields:
        value = row.get(field.name)
        stored = None if value is None else keep[field.name](value)
        form = old_form(field, call.state.clock)
        result[field.name] = stored if form is None else form(stored)
    return result


def _name(call: Call, number: Any) -> str:
    user = call.state.get("users", number or 0) or {}
    return f"{user.get('NAME') or ''} {user.get('LAST_NAME') or ''}".strip()


# -- the three kinds ----------------------------------------------------------------------


def _shown_comment(call: Call, row: Row) -> Row:
    sent = _sent(call, COMMENTS, row)
    return {
        "POST_MESSAGE_HTML": None,
        "ID": sent["ID"],
        "AUTHOR_ID": sent["AUTHOR_ID"],
        "AUTHOR_NAME": _name(call, row["AUTHOR_ID"]),
        "AUTHOR_EMAIL": "",
        "POST_DATE": sent["POST_DATE"],
        "POST_MESSAGE": sent["POST_MESSAGE"],
    }


def _shown_entry(call: Call, row: Row) -> Row:
    sent = _sent(call, ELAPSED, row)
    return {**sent, "MINUTES": str((row["SECONDS"] or 0) // 60)}


def _new_entry(call: Call, values: Row) -> Row:
    now = call.state.timestamp()
    return {"CREATED_DATE": now, "DATE_START": now, "DATE_STOP": now, "SOURCE": 2, **values}


def _shown_point(call: Call, row: Row) -> Row:
    return {**_sent(call, CHECKLIST, row), "MEMBERS": [], "ATTACHMENTS": []}


def _new_point(call: Call, values: Row) -> Row:
    present = call.state.count(CHECKLIST.name, {"TASK_ID": _task(call)["ID"]})
    return {"SORT_INDEX": present, "IS_COMPLETE": "N", "IS_IMPORTANT": "N", **values}


FAMILIES = (
    Family(
        "task.commentitem",
        COMMENTS,
        "POST_MESSAGE",
        ("Comment text is not specified.<br>", "Comment text not specified.<br>"),
        "AUTHOR_ID",
        lambda call, values: {"POST_DATE": call.state.timestamp(), **values},
        _shown_comment,
        barred="Insufficient permissions to add a comment.<br>",
        allowed=frozenset(("POST_MESSAGE", "AUTHOR_ID", "POST_DATE", "UF_FORUM_MESSAGE_DOC")),
    ),
    Family(
        "task.checklistitem",
        CHECKLIST,
        "TITLE",
        (_failure("Item name not specified"),) * 2,
        "CREATED_BY",
        _new_point,
        _shown_point,
        own=False,
    ),
    Family(
        "task.elapseditem",
        ELAPSED,
        "SECONDS",
        (_failure("Time not specified"),) * 2,
        "USER_ID",
        _new_entry,
        _shown_entry,
    ),
)


def _announce(call: Call, entity: Entity, kind: str, row: Row) -> None:
    """Tell of a change of a task's item."""
    user = call.caller.user_id
    call.state.announce(Change(entity.name, row["ID"], kind, user, before=row))


def _register(family: Family) -> None:
    name, entity = family.prefix, family.entity

    @method(f"{name}.add", scope="task")
    def add(call: Call) -> int:
        task = _task(call, Refusal("ERROR_CORE", family.barred) if family.barred else None)
        values = _fields(call, family, 1, allowed=family.allowed)
        if values.get(family.required) in (None, "", 0):
            raise Refusal("ERROR_CORE", family.missing[0])
        author = {family.author: call.caller.user_id}
        row = {**author, **family.made(call, values), "TASK_ID": task["ID"]}
        number = call.state.add(entity.name, row)
        _announce(call, entity, "add", {**row, "ID": number})
        return number

    @method(f"{name}.get", scope="task")
    def get(call: Call) -> Row:
        return family.shown(call, _item(call, family))

    @method(f"{name}.getlist", scope="task")
    def list_items(call: Call) -> Page:
        task = _task(call)
        filter = _argument(call, "FILTER", 2)
        names = {f.name: f for f in entity.fields}
        try:
            sql, values = where(
                filter if isinstance(filter, dict) else {}, names, call.state.zone, strict=True
            )
        except BadFilter as error:
            key = next((k for k in filter if str(k).endswith(error.field)), error.field)
            what = f'must not contain key "{str(key)[:60]}"'
            raise _wrong(2, "arFilter", call.method, what) from None
        sql = " AND ".join(part for part in (sql, '"TASK_ID" = ?') if part)
        asked = _argument(call, "ORDER", 1)
        for key in asked if isinstance(asked, dict) else ():
            if str(key).upper() not in names:
                what = f'must not contain key "{str(key)[:60]}"'
                raise _wrong(1, "arOrder", call.method, what)
        order = ordering(asked, names)

        def write(rows: list[Row]) -> list[Row]:
            return [family.shown(call, row) for row in rows]

        return written_page(call, entity.name, sql, [*values, task["ID"]], order, write)

    @method(f"{name}.update", scope="task")
    def update(call: Call) -> bool:
        for place, key in enumerate(("TASKID", "ITEMID")):
            _number(call, key, place)
        values = _fields(call, family, 2)
        row = _changeable(call, family)
        if family.required in values and values[family.required] in (None, "", 0):
            raise Refusal("ERROR_CORE", family.missing[1])
        done = call.state.update(entity.name, row["ID"], values)
        _announce(call, entity, "update", row)
        return done

    @method(f"{name}.delete", scope="task")
    def delete(call: Call) -> bool:
        row = _changeable(call, family)
        done = call.state.delete(entity.name, row["ID"])
        _announce(call, entity, "delete", row)
        return done


for _family in FAMILIES:
    _register(_family)


def _toggle(call: Call, *, done: bool) -> bool:
    row = _item(call, FAMILIES[1])
    stamp = {"TOGGLED_BY": call.caller.user_id, "TOGGLED_DATE": call.state.timestamp()}
    changes: Row = {"IS_COMPLETE": "Y" if done else "N", **stamp}
    return call.state.update(CHECKLIST.name, row["ID"], changes)


@method("task.checklistitem.complete", scope="task")
def complete_point(call: Call) -> bool:
    """Tick a point of a checklist."""
    return _toggle(call, done=True)


@method("task.checklistitem.renew", scope="task")
def renew_point(call: Call) -> bool:
    """Take the tick away."""
    return _toggle(call, done=False)
