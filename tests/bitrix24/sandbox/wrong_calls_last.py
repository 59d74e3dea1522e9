"""`wrong_calls_further` beside the CRM: disk, chats, catalogue, tasks, people; and more rights."""

from __future__ import annotations

from wrong_calls_beside import ARGUMENT, MISSING, parameter
from wrong_calls_crm import GONE, Wrong

DENIED = "ACCESS_DENIED"
UPLOAD = {"data": {"NAME": "a"}, "fileContent": ["a", "YQ=="]}

DISK_FURTHER: list[Wrong] = [
    *[
        row
        for method, place in (
            ("file.delete", 0), ("file.markDeleted", 0), ("file.restore", 0),
            ("folder.deleteTree", 1), ("folder.getChildren", 1), ("folder.markDeleted", 1),
            ("folder.restore", 1), ("storage.getChildren", 0),
        )
        for row in (
            (f"disk.{method}", {}, 400, "ERROR_ARGUMENT", ARGUMENT.format(place)),
            (f"disk.{method}", {"id": GONE}, 400, "ERROR_NOT_FOUND", MISSING),
        )
    ],
    ("disk.folder.uploadFile", UPLOAD, 400, "ERROR_ARGUMENT", "Invalid value of parameter {Par"),
    ("disk.folder.uploadFile", {**UPLOAD, "id": GONE}, 400, "ERROR_NOT_FOUND", MISSING),
    ("disk.storage.uploadFile", UPLOAD, 400, "ERROR_ARGUMENT", "Invalid value of parameter {Par"),
    ("disk.storage.uploadFile", {**UPLOAD, "id": GONE}, 400, "ERROR_NOT_FOUND", MISSING),
    ("disk.storage.uploadFile", {"id": "{storage}", "fileContent": ["a", "YQ=="]}, 400,
     "DISK_BASE_SERVICE_22001", "Error: required parameter NAME (DISK_BASE_SERVICE_22001)"),
    ("disk.storage.uploadFile", {"id": "{storage}", "data": {"NAME": "a"}, "fileContent": "???"},
     400, "ERROR_COULD_NOT_SAVE_FILE", "Could not save file"),
    ("disk.storage.addFolder", {"id": "{storage}"}, 400, "ERROR_ARGUMENT", ""),
    ("disk.storage.addFolder", {"id": "{storage}", "data": {"NAME": "Documented"}}, 400,
     "DISK_OBJ_22000", "A folder with this name already exists"),
    ("disk.storage.addFolder", {"id": GONE, "data": {"NAME": "x"}}, 400, "ERROR_NOT_FOUND",
     MISSING),
    ("disk.folder.addSubFolder", {"id": GONE, "data": {"NAME": "x"}}, 400, "ERROR_NOT_FOUND",
     MISSING),
    ("disk.folder.addSubFolder", {"id": "{root}", "data": {"NAME": "Documented"}}, 400,
     "DISK_OBJ_22000", "A folder with this name already exists"),
    ("disk.file.copyTo", {"id": GONE, "targetFolderId": "{folder}"}, 400, "ERROR_NOT_FOUND",
     MISSING),
    ("disk.file.copyTo", {"id": "{file}", "targetFolderId": GONE}, 400, "ERROR_NOT_FOUND",
     MISSING),
    ("disk.file.moveTo", {"id": "{file}", "targetFolderId": GONE}, 400, "ERROR_NOT_FOUND",
     MISSING),
    ("disk.folder.copyTo", {"id": "{folder}", "targetFolderId": "{root}"}, 400, "DISK_OBJ_22000",
     "A folder with this name already exists"),
    ("disk.folder.moveTo", {"id": GONE, "targetFolderId": "{root}"}, 400, "ERROR_NOT_FOUND",
     MISSING),
    ("disk.file.rename", {"id": GONE, "newName": "x"}, 400, "ERROR_NOT_FOUND", MISSING),
    ("disk.folder.rename", {"id": GONE, "newName": "x"}, 400, "ERROR_NOT_FOUND", MISSING),
    ("disk.file.uploadVersion", {"id": GONE, "fileContent": ["a", "YQ=="]}, 400,
     "ERROR_NOT_FOUND", MISSING),
]  # fmt: skip

BIG = [{"MESSAGE": "x" * 60_001}]
CHATS_FURTHER: list[Wrong] = [
    *[
        row
        for name in ("im.notify", "im.notify.personal.add", "im.notify.system.add")
        for row in (
            (name, {"MESSAGE": "x"}, 400, "USER_ID_EMPTY", "User ID can't be empty"),
            (name, {"MESSAGE": "x", "USER_ID": 0}, 400, "USER_ID_EMPTY", ""),
            (name, {"USER_ID": 1}, 400, "MESSAGE_EMPTY", "Message can't be empty"),
            (name, {"USER_ID": 1, "MESSAGE": " "}, 400, "MESSAGE_EMPTY", ""),
            (name, {"USER_ID": 1, "MESSAGE": "x", "ATTACH": BIG}, 400, "ATTACH_OVERSIZE",
             "You have exceeded the maximum allowable size of attach"),
            (name, {"USER_ID": 1, "MESSAGE": "x", "ATTACH": "x"}, 400, "ATTACH_ERROR",
             "Incorrect attach params"),
        )
    ],
    ("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "x", "ATTACH": BIG}, 400, "ATTACH_OVERSIZE",
     "You have exceeded the maximum allowable size of attach"),
    ("im.message.add", {"DIALOG_ID": "0", "MESSAGE": "x"}, 400, "USER_ID_EMPTY",
     "User ID can't be empty"),
    ("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "   "}, 400, "MESSAGE_EMPTY", ""),
    ("im.message.update", {"MESSAGE_ID": "{message}", "MESSAGE": "x", "ATTACH": "x"}, 400,
     "ATTACH_ERROR", "Incorrect attach params"),
    ("im.message.update", {"MESSAGE_ID": "{message}", "MESSAGE": "x", "ATTACH": BIG}, 400,
     "ATTACH_OVERSIZE", ""),
    ("im.message.update", {"MESSAGE_ID": "{message}", "MESSAGE": "x", "MENU": "x"}, 400,
     "MENU_ERROR", "Incorrect menu params"),
    ("im.message.update", {"MESSAGE_ID": "{message}", "MESSAGE": "x",
     "KEYBOARD": [{"TEXT": "x" * 60_001}]}, 400, "KEYBOARD_OVERSIZE", ""),
    ("im.message.update", {"MESSAGE_ID": "{message}", "MESSAGE": "x",
     "MENU": [{"TEXT": "x" * 60_001}]}, 400, "MENU_OVERSIZE", ""),
    ("im.dialog.messages.get", {}, 400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty"),
    ("im.dialog.read", {}, 400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty"),
    ("im.dialog.users.list", {}, 400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty"),
    ("im.notify.get", {"LAST_ID": "x", "LAST_TYPE": 1}, 400, "LAST_ID_STRING",
     "Last notification ID can't be string"),
]  # fmt: skip

CURRENCY = {"purchasingPrice": 1, "purchasingCurrency": "ZZZ"}
CATALOGUE_FURTHER: list[Wrong] = [
    ("catalog.price.delete", {}, 400, "100", "Could not find value for parameter {id}"),
    ("catalog.price.delete", {"id": GONE}, 400, 0, "Price does not exist"),
    ("catalog.price.get", {}, 400, "100", "Could not find value for parameter {id}"),
    ("catalog.product.update", {"fields": {"name": "x"}}, 400, "100",
     "Could not find value for parameter {id}"),
    ("catalog.product.update", {"id": GONE, "fields": {"name": "x"}}, 400, 0,
     "product does not exist"),
    ("catalog.product.update", {"id": "{product}", "fields": CURRENCY}, 400, 0, ""),
    ("catalog.product.update", {"id": "{product}", "fields": {"createdBy": GONE}}, 400, 0, ""),
    ("catalog.product.update", {"id": "{product}", "fields": {"modifiedBy": GONE}}, 400, 0, ""),
    ("catalog.product.update", {"id": "{product}", "fields": {"vatId": GONE}}, 400, 0, ""),
    ("catalog.product.update", {"id": "{product}", "fields": {"iblockSectionId": GONE}}, 400, 0,
     ""),
    ("catalog.product.delete", {"id": GONE}, 400, 0, ""),
    ("catalog.product.delete", {}, 400, "100", "Could not find value for parameter {id}"),
    ("catalog.product.getFieldsByFilter", {"filter": {"productType": 1}}, 400, 0, ""),
    ("catalog.product.list", {}, 400, 0, ""),
]  # fmt: skip

CHECK = "ctaskchecklistitem"
FIELDS = "TASKS_ERROR_EXCEPTION_#256; Param #2 (arFields) expected by method"
TASKS_FURTHER: list[Wrong] = [
    ("tasks.task.get", {"taskId": "{task}", "select": "ID"}, 400, "100",
     "Invalid value {"),
    ("tasks.task.get", {"taskId": "x"}, 400, "0", "wrong task id"),
    ("tasks.task.get", {}, 400, "100", "CTaskItem All parameters in the constructor must have"),
    ("tasks.task.delegate", {"taskId": "x", "userId": 1}, 400, "0", "wrong task id"),
    ("tasks.task.delegate", {"userId": 1}, 400, "100", "CTaskItem All parameters"),
    *[
        ("tasks.task.update", {"taskId": "{task}", "fields": fields}, 400, "ERROR_CORE", "")
        for fields in (
            {"RESPONSIBLE_ID": GONE}, {"STATUS": 99}, {"PARENT_ID": GONE},
            {"START_DATE_PLAN": "2026-02-01", "END_DATE_PLAN": "2026-01-01"},
        )
    ],
    ("tasks.task.list", {"order": {"COLOUR": "asc"}}, 400, "0", ""),
    *[
        row
        for verb in ("renew", "update", "complete", "delete", "get")
        for row in (
            (f"task.checklistitem.{verb}", {"ITEMID": 1, "FIELDS": {"TITLE": "x"}}, 400,
             "ERROR_CORE", parameter(0, "taskId", f"{CHECK}::{verb}", "given")),
            (f"task.checklistitem.{verb}", {"TASKID": "{task}", "FIELDS": {"TITLE": "x"}}, 400,
             "ERROR_CORE", parameter(1, "itemId", f"{CHECK}::{verb}", "given")),
            (f"task.checklistitem.{verb}", {"TASKID": "x", "ITEMID": 1, "FIELDS": {}}, 400,
             "ERROR_CORE", parameter(0, "taskId", f"{CHECK}::{verb}", "type")),
        )
    ],
    ("task.checklistitem.update", {"TASKID": "{task}", "ITEMID": "x", "FIELDS": {}}, 400,
     "ERROR_CORE", parameter(1, "itemId", f"{CHECK}::update", "type")),
    ("task.checklistitem.update", {"TASKID": "{task}", "ITEMID": 1}, 400, "ERROR_CORE", FIELDS),
    ("task.commentitem.add", {"TASKID": "x", "FIELDS": {"POST_MESSAGE": "x"}}, 400, "ERROR_CORE",
     parameter(0, "taskId", "ctaskcommentitem::add", "type")),
    ("task.commentitem.add", {"TASKID": "{task}", "FIELDS": {"POST_MESSAGE": "x", "COLOUR": 1}},
     400, "ERROR_CORE", "TASKS_ERROR_EXCEPTION_#256; Param #1 (arFields) for method "
     "ctaskcommentitem::add() must not contain key"),
    ("task.commentitem.update", {"TASKID": "{task}", "ITEMID": GONE,
     "FIELDS": {"POST_MESSAGE": "x"}}, 400, "ERROR_CORE",
     "TASKS_ERROR_EXCEPTION_#4; Action is not allowed; 4/TE/ACTION_NOT_ALLOWED"),
    ("task.elapseditem.add", {"TASKID": GONE, "ARFIELDS": {"SECONDS": 1, "COMMENT_TEXT": "x"}},
     400, "ERROR_CORE", ""),
    ("task.elapseditem.update", {"TASKID": "{task}", "ITEMID": GONE,
     "ARFIELDS": {"SECONDS": 1, "COMMENT_TEXT": "x"}}, 400, "ERROR_CORE", ""),
]  # fmt: skip

NO_WAY = "Access denied"
RIGHTS_FURTHER: list[Wrong] = [
    *[
        row
        for kind in ("deal", "lead", "contact", "company", "quote")
        for row in (
            (f"crm.{kind}.get", {"id": f"{{{kind}}}"}, 400, "", NO_WAY),
            (f"crm.{kind}.update", {"id": f"{{{kind}}}", "fields": {"COMMENTS": "x"}}, 400, "",
             NO_WAY),
            (f"crm.{kind}.delete", {"id": f"{{{kind}}}"}, 400, "", NO_WAY),
            (f"crm.{kind}.userfield.add",
             {"fields": {"FIELD_NAME": "MINE", "USER_TYPE_ID": "string"}}, 403, "", NO_WAY),
        )
    ],
    *[
        row
        for kind in ("deal", "lead", "quote")
        for row in (
            (f"crm.{kind}.productrows.get", {"id": f"{{{kind}}}"}, 400, "", NO_WAY),
            (f"crm.{kind}.productrows.set", {"id": f"{{{kind}}}", "rows": []}, 400, "", NO_WAY),
        )
    ],
    *[
        row
        for kind, other in (("deal", "contact"), ("company", "contact"), ("contact", "company"))
        for row in (
            (f"crm.{kind}.{other}.items.get", {"id": f"{{{kind}}}"}, 403, DENIED, "Access denied!"),
            (f"crm.{kind}.{other}.items.set", {"id": f"{{{kind}}}", "items": []}, 403, DENIED,
             "Access denied!"),
            (f"crm.{kind}.{other}.items.delete", {"id": f"{{{kind}}}"}, 403, DENIED,
             "Access denied!"),
        )
    ],
    *[
        (f"crm.item.{verb}", {"entityTypeId": 2, "id": "{deal}", "fields": {"title": "x"}}, 400,
         DENIED, "")
        for verb in ("get", "update", "delete")
    ],
    ("crm.activity.get", {"id": "{activity}"}, 400, "", NO_WAY),
    ("crm.activity.update", {"id": "{activity}", "fields": {"SUBJECT": "x"}}, 400, "", NO_WAY),
    ("crm.activity.delete", {"id": "{activity}"}, 400, "", NO_WAY),
    ("crm.activity.add", {"fields": {"OWNER_TYPE_ID": 2, "OWNER_ID": "{deal}", "TYPE_ID": 2,
     "SUBJECT": "x", "RESPONSIBLE_ID": 1, "COMMUNICATIONS": [{"VALUE": "1"}]}}, 400, "", NO_WAY),
    ("crm.activity.binding.list", {"activityId": "{activity}"}, 400, DENIED, ""),
    ("crm.activity.todo.update", {"id": "{activity}", "ownerTypeId": 2, "ownerId": "{deal}"}, 403,
     DENIED, ""),
    ("crm.timeline.comment.get", {"id": "{comment}"}, 400, "", NO_WAY),
    ("crm.timeline.comment.update", {"id": "{comment}", "fields": {"COMMENT": "x"}}, 400, DENIED,
     ""),
    ("crm.timeline.comment.delete", {"id": "{comment}"}, 400, DENIED, ""),
    ("crm.requisite.add", {"fields": {"ENTITY_TYPE_ID": 4, "ENTITY_ID": "{company}",
     "PRESET_ID": "{preset}", "NAME": "x"}}, 400, "", NO_WAY),
    ("crm.requisite.update", {"id": "{requisite}", "fields": {"NAME": "x"}}, 400, "", NO_WAY),
    ("crm.requisite.delete", {"id": "{requisite}"}, 400, "", NO_WAY),
    ("crm.requisite.bankdetail.add", {"fields": {"ENTITY_ID": "{requisite}", "NAME": "x"}}, 400,
     "", NO_WAY),
    ("crm.requisite.userfield.add", {"fields": {"FIELD_NAME": "A", "USER_TYPE_ID": "string"}}, 403,
     "", NO_WAY),
    ("crm.address.add", {"fields": {"TYPE_ID": 1, "ENTITY_TYPE_ID": 4, "ENTITY_ID": "{company}"}},
     400, "", NO_WAY),
    ("crm.requisite.preset.add", {"fields": {"ENTITY_TYPE_ID": 8, "COUNTRY_ID": 132, "NAME": "x"}},
     400, "", NO_WAY),
    ("crm.item.productrow.add", {"fields": {"ownerId": "{deal}", "ownerType": "D"}}, 400, DENIED,
     ""),
    ("crm.item.productrow.list", {"filter": {"=ownerType": "D", "=ownerId": "{deal}"}}, 400,
     DENIED, ""),
    ("crm.currency.update", {"id": "EUR", "fields": {"AMOUNT": 1}}, 400, "", NO_WAY),
    ("crm.currency.localizations.set", {"id": "EUR", "localizations": {}}, 400, "", NO_WAY),
    ("catalog.product.update", {"id": "{product}", "fields": {"name": "x"}}, 400, 200040300040,
     ""),
    ("catalog.price.update", {"id": "{product}", "fields": {"price": 1, "currency": "EUR"}}, 400,
     200040300020, "Access Denied"),
    ("catalog.product.getFieldsByFilter", {"filter": {"iblockId": 24, "productType": 1}}, 400,
     200040300010, ""),
    ("disk.folder.get", {"id": "{private_root}"}, 400, DENIED, ""),
    ("disk.folder.getChildren", {"id": "{private_root}"}, 400, DENIED, ""),
    ("disk.folder.uploadFile", {"id": "{private_root}", **UPLOAD}, 400, DENIED, ""),
    ("disk.folder.addSubFolder", {"id": "{private_root}", "data": {"NAME": "x"}}, 400, DENIED, ""),
    ("disk.storage.get", {"id": "{private_storage}"}, 400, DENIED, ""),
    ("disk.storage.uploadFile", {"id": "{private_storage}", **UPLOAD}, 400, DENIED, ""),
    ("disk.storage.addFolder", {"id": "{private_storage}", "data": {"NAME": "x"}}, 400, DENIED, ""),
    *[
        (f"disk.file.{verb}", {"id": "{private}", "newName": "x", "targetFolderId": "{folder}",
         "fileContent": ["a", "YQ=="]}, 400, DENIED, "")
        for verb in ("delete", "markDeleted", "rename", "copyTo", "moveTo", "uploadVersion")
    ],
    ("im.message.delete", {"MESSAGE_ID": "{message}"}, 403, "CANT_EDIT_MESSAGE", ""),
    ("im.chat.user.add", {"CHAT_ID": "{chat}", "USERS": [1]}, 403, "ACCESS_ERROR", ""),
    ("im.dialog.messages.get", {"DIALOG_ID": "chat{chat}"}, 403, "ACCESS_ERROR", ""),
    ("im.dialog.users.list", {"DIALOG_ID": "chat{chat}"}, 403, "ACCESS_ERROR", ""),
    ("tasks.task.get", {"taskId": "{task}"}, 400, "ERROR_CORE", ""),
    *[
        (f"crm.{kind}.contact.add", {"id": f"{{my_{kind}}}", "fields": {"CONTACT_ID": "{contact}"}},
         400, "", "[Contact #")
        for kind in ("deal", "quote")
    ],
    ("crm.quote.contact.items.set", {"id": "{my_quote}", "items": [{"CONTACT_ID": "{contact}"}]},
     400, "", "[Contact #"),
    ("tasks.task.delegate", {"taskId": "{task}", "userId": 1}, 400, "0",
     "Action on the task is not allowed"),
    ("task.checklistitem.add", {"TASKID": "{task}", "FIELDS": {"TITLE": "x"}}, 400, "ERROR_CORE",
     ""),
    ("task.commentitem.add", {"TASKID": "{task}", "FIELDS": {"POST_MESSAGE": "x"}}, 400,
     "ERROR_CORE", "Insufficient permissions to add a comment"),
]  # fmt: skip
