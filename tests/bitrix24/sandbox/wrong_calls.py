"""The tables of wrong calls together, and the records that they name."""

import base64
from typing import Any

import wrong_calls_beside as beside
import wrong_calls_crm as crm
import wrong_calls_further as further
import wrong_calls_last as last

TABLES = {
    "types": crm.TYPES, "directories": crm.DIRECTORIES, "user fields": crm.USER_FIELDS,
    "records": crm.RECORDS, "timeline": beside.TIMELINE, "requisites": beside.REQUISITES,
    "disk": beside.DISK, "chats": beside.CHATS, "catalogue": beside.CATALOGUE,
    "tasks": beside.TASKS, "more records": further.RECORDS_FURTHER,
    "more directories": further.DIRECTORIES_FURTHER, "more timeline": further.TIMELINE_FURTHER,
    "more requisites": further.REQUISITES_FURTHER, "more disk": last.DISK_FURTHER,
    "more chats": last.CHATS_FURTHER, "more catalogue": last.CATALOGUE_FURTHER,
    "more tasks": last.TASKS_FURTHER,
}  # fmt: skip
RIGHTS = [*crm.RIGHTS, *last.RIGHTS_FURTHER]


def identifier(result: Any) -> int:
    while isinstance(result, dict):
        result = result.get("id") or result.get("ID") or next(iter(result.values()))
    return int(result)


def records(empty, colleague) -> dict[str, Any]:
    """Make the records that the calls name; their ids."""

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
        "other": add("crm.deal.add", {"fields": {"TITLE": "Other"}}),
        "comment": add("crm.timeline.comment.add", {"fields": {"ENTITY_TYPE": "deal",
                       "ENTITY_ID": deal, "COMMENT": "Documented"}}),
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
        **{
            f"my_{kind}": identifier(
                colleague.result(f"crm.{kind}.add", {"fields": {"TITLE": "Mine"}})
            )
            for kind in ("deal", "quote")
        },
        "private_storage": own[0]["ID"],
        "private_root": own[0]["ROOT_OBJECT_ID"],
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
