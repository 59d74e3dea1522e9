"""Wrong calls are answered as the documentation says: status, code and text, family by family."""

import base64
from typing import Any

import pytest
import wrong_calls_beside as beside
import wrong_calls_crm as crm

TABLES = {
    "types": crm.TYPES, "directories": crm.DIRECTORIES, "user fields": crm.USER_FIELDS,
    "records": crm.RECORDS, "timeline": beside.TIMELINE, "requisites": beside.REQUISITES,
    "disk": beside.DISK, "chats": beside.CHATS, "catalogue": beside.CATALOGUE,
    "tasks": beside.TASKS,
}  # fmt: skip
ALL = [
    pytest.param(*row, id=f"{family}-{row[0]}-{place}")
    for family, rows in TABLES.items()
    for place, row in enumerate(rows)
]


def identifier(result: Any) -> int:
    while isinstance(result, dict):
        result = result.get("id") or result.get("ID") or next(iter(result.values()))
    return int(result)


@pytest.fixture(scope="module")
def made(empty, colleague) -> dict[str, Any]:
    """The records that wrong calls name."""

    def add(method, params):
        return identifier(empty.result(method, params))

    deal, company = (
        add(f"crm.{kind}.add", {"fields": {"TITLE": "Documented", "SOURCE_ID": "PARTNER"}})
        for kind in ("deal", "company")
    )
    funnel = add("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Documented"}})
    empty.result("crm.deal.add", {"fields": {"TITLE": "x", "CATEGORY_ID": funnel}})
    kinds = [
        empty.result("crm.type.add", {"fields": {"title": f"Documented {n}", "isStagesEnabled": "Y",
                     "isCategoriesEnabled": "Y"}})["type"] for n in (1, 2)
    ]  # fmt: skip
    empty.result("crm.item.add", {"entityTypeId": kinds[0]["entityTypeId"], "fields": {}})
    process = kinds[1]["entityTypeId"]
    funnels = empty.result("crm.category.list", {"entityTypeId": process})["categories"]
    sources = empty.result("crm.status.list", {"filter": {"ENTITY_ID": "SOURCE"}})
    preset = empty.result("crm.requisite.preset.list")[0]["ID"]
    storage = empty.result("disk.storage.getList", {"filter": {"ENTITY_TYPE": "common"}})[0]
    folder = add("disk.storage.addFolder", {"id": storage["ID"], "data": {"NAME": "Documented"}})
    content = base64.b64encode(b"x").decode()
    trashed = add("disk.storage.addFolder", {"id": storage["ID"], "data": {"NAME": "Trashed"}})
    empty.result("disk.folder.markDeleted", {"id": trashed})
    own = empty.result("disk.storage.getList", {"filter": {"ENTITY_TYPE": "user", "ENTITY_ID": 1}})
    user = int(colleague.result("profile")["ID"])
    task = add("tasks.task.add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1}})
    return {
        "deal": deal,
        "company": company,
        "lead": add("crm.lead.add", {"fields": {"TITLE": "Documented"}}),
        "contact": add("crm.contact.add", {"fields": {"NAME": "Documented"}}),
        "quote": add("crm.quote.add", {"fields": {"TITLE": "Documented"}}),
        "funnel": funnel,
        "type": kinds[0]["id"],
        "process": process,
        "process_funnel": funnels[0]["id"],
        "status": next(row["ID"] for row in sources if row["STATUS_ID"] == "PARTNER"),
        "field": add("crm.deal.userfield.add",
                     {"fields": {"FIELD_NAME": "DOCUMENTED", "USER_TYPE_ID": "string"}}),
        "activity": add("crm.activity.todo.add",
                        {"ownerTypeId": 2, "ownerId": deal, "deadline": "2026-01-01T10:00:00"}),
        "preset": preset,
        "requisite": add("crm.requisite.add", {"fields": {"ENTITY_TYPE_ID": 4, "ENTITY_ID": company,
                         "PRESET_ID": preset, "NAME": "Documented"}}),
        "storage": storage["ID"],
        "root": storage["ROOT_OBJECT_ID"],
        "folder": folder,
        "file": add("disk.folder.uploadFile", {"id": folder, "data": {"NAME": "a.txt"},
                    "fileContent": ["a.txt", content]}),
        "trashed": trashed,
        "private": add("disk.storage.uploadFile", {"id": own[0]["ID"], "data": {"NAME": "p.txt"},
                       "fileContent": ["p.txt", content]}),
        "watched": add("tasks.task.add",
                       {"fields": {"TITLE": "w", "RESPONSIBLE_ID": 1, "AUDITORS": [user]}}),
        "given": add("tasks.task.add", {"fields": {"TITLE": "g", "RESPONSIBLE_ID": user}}),
        "chat": add("im.chat.add", {"TITLE": "Documented"}),
        "message": add("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "x"}),
        "product": add("crm.product.add", {"fields": {"NAME": "x", "CODE": "documented",
                       "PRICE": 1, "CURRENCY_ID": "EUR"}}),
        "task": task,
        "subtask": add("tasks.task.add",
                       {"fields": {"TITLE": "y", "RESPONSIBLE_ID": 1, "PARENT_ID": task}}),
        "task_comment": add("task.commentitem.add",
                            {"TASKID": task, "FIELDS": {"POST_MESSAGE": "x"}}),
    }  # fmt: skip


def filled(value: Any, made: dict[str, Any]) -> Any:
    """Parameters with the ids of records in the place of their names."""
    if isinstance(value, dict):
        return {key: filled(item, made) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, made) for item in value]
    if isinstance(value, str) and "{" in value:
        return made.get(value[1:-1]) or value.format(**made)
    return value


def check(client, made, method, params, status, code, text):
    answer = client.call(method, filled(params, made))
    body = answer.json()
    assert "result" not in body, body
    assert (answer.status_code, body["error"]) == (status, code), body
    assert body["error_description"].startswith(text), body


@pytest.mark.parametrize(("method", "params", "status", "code", "text"), ALL)
def test_a_wrong_call_is_answered_as_documented(empty, made, method, params, status, code, text):
    check(empty, made, method, params, status, code, text)


@pytest.mark.parametrize(("method", "params", "status", "code", "text"), crm.RIGHTS)
def test_who_has_no_right_is_refused_as_documented(
    colleague, made, method, params, status, code, text
):
    check(colleague, made, method, params, status, code, text)
