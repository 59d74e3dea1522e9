"""`wrong_calls_crm` beside the records: timeline, requisites, disk, chats, catalogue, tasks.

What the documentation leaves open ("40x", a dash) is 400 and the empty code here.
"""

from __future__ import annotations

from wrong_calls_crm import GONE, NO_ID, Wrong

ACTIVITY = {"OWNER_TYPE_ID": 2, "OWNER_ID": "{deal}", "TYPE_ID": 2, "SUBJECT": "x",
            "RESPONSIBLE_ID": 1, "COMMUNICATIONS": [{"TYPE": "PHONE", "VALUE": "1"}]}  # fmt: skip


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in ACTIVITY.items() if key != name}


TIMELINE: list[Wrong] = [
    ("crm.activity.add", {"fields": without("SUBJECT")}, 400, "",
     "The field SUBJECT is not defined or empty"),
    ("crm.activity.add", {"fields": without("TYPE_ID")}, 400, "",
     "The field TYPE_ID is not defined or invalid"),
    ("crm.activity.add", {"fields": without("COMMUNICATIONS")}, 400, "",
     "The field COMMUNICATIONS is not defined or invalid"),
    ("crm.activity.add", {"fields": {**ACTIVITY, "COMMUNICATIONS": [{"VALUE": "1"}] * 2}}, 400, "",
     "The only one communication is allowed for activity of specified type"),
    ("crm.activity.add", {"fields": {**ACTIVITY, "OWNER_ID": 0}}, 400, "",
     "Could not build binding. Please ensure that owner info and communications are defined"),
    ("crm.activity.update", {"id": GONE, "fields": {}}, 400, "", "Activity is not found"),
    ("crm.activity.delete", {"id": GONE}, 400, "", "Activity is not found"),
    ("crm.activity.binding.add", {"activityId": "{activity}"}, 400, "100", ""),
    ("crm.activity.binding.add", {"activityId": GONE, "entityTypeId": 2, "entityId": "{deal}"},
     400, "NOT_FOUND", ""),
    ("crm.activity.binding.add", {"activityId": "{activity}", "entityTypeId": 2, "entityId": GONE},
     400, "OWNER_NOT_FOUND", ""),
    ("crm.activity.binding.add",
     {"activityId": "{activity}", "entityTypeId": 2, "entityId": "{deal}"}, 400,
     "ACTIVITY_IS_ALREADY_BOUND", ""),
    ("crm.activity.binding.delete",
     {"activityId": "{activity}", "entityTypeId": 2, "entityId": "{deal}"}, 400,
     "LAST_BINDING_CANNOT_BE_DELETED", ""),
    ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": "{deal}"}, 400, "100", ""),
    ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": "{deal}", "deadline": "soon"}, 400,
     "WRONG_DATETIME_FORMAT", ""),
    ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": GONE, "deadline": "2026-01-01"}, 400,
     "OWNER_NOT_FOUND", ""),
    ("crm.timeline.comment.add", {}, 400, "100", ""),
    ("crm.timeline.comment.add",
     {"fields": {"ENTITY_ID": GONE, "ENTITY_TYPE": "deal", "COMMENT": "x"}}, 400,
     "OWNER_NOT_FOUND", ""),
    ("crm.timeline.comment.add",
     {"fields": {"ENTITY_ID": "{deal}", "ENTITY_TYPE": "deal", "COMMENT": " "}}, 400,
     "INVALID_ARG_VALUE", ""),
    ("crm.timeline.comment.get", {}, 400, "", NO_ID),
    ("crm.timeline.comment.get", {"id": GONE}, 400, "", "Not found."),
    ("crm.timeline.comment.update", {"id": GONE, "fields": {"COMMENT": "x"}}, 400, "NOT_FOUND", ""),
    ("crm.timeline.comment.update", {"fields": {"COMMENT": "x"}}, 400, "100", ""),
    ("crm.timeline.comment.delete", {"id": GONE}, 400, "NOT_FOUND", "Not found."),
    ("crm.timeline.comment.delete", {}, 400, "100", ""),
]  # fmt: skip

REQUISITE = {"ENTITY_TYPE_ID": 4, "ENTITY_ID": "{company}", "PRESET_ID": "{preset}", "NAME": "x"}
REQUISITES: list[Wrong] = [
    ("crm.requisite.add", {"fields": {**REQUISITE, "ENTITY_TYPE_ID": 2}}, 400, "",
     "ENTITY_TYPE_ID is not defined or invalid."),
    ("crm.requisite.add", {"fields": {**REQUISITE, "ENTITY_ID": 0}}, 400, "",
     "ENTITY_ID is not defined or invalid."),
    ("crm.requisite.add", {"fields": {**REQUISITE, "PRESET_ID": 0}}, 400, "",
     "PRESET_ID is not defined or invalid."),
    ("crm.requisite.add", {"fields": {**REQUISITE, "ENTITY_ID": GONE}}, 400, "",
     "Entity not found."),
    ("crm.requisite.get", {"id": GONE}, 400, "", f"The Requisite with ID '{GONE}' is not found"),
    ("crm.requisite.delete", {}, 400, "", NO_ID),
    ("crm.requisite.bankdetail.add", {"fields": {"NAME": "x"}}, 400, "",
     "ENTITY_ID is not defined or invalid"),
    ("crm.requisite.bankdetail.get", {"id": GONE}, 400, "",
     f"The RequisiteBankDetail with ID '{GONE}' is not found"),
    ("crm.requisite.preset.add", {"fields": {"COUNTRY_ID": 132, "NAME": "x"}}, 400, "",
     "ENTITY_TYPE_ID is not defined or invalid"),
    ("crm.requisite.preset.get", {"id": GONE}, 400, "", f"The Preset with ID '{GONE}' is not fou"),
    ("crm.requisite.preset.delete", {"id": "{preset}"}, 400, "",
     "You cannot delete the template because requisites have already been created for it"),
    ("crm.requisite.preset.field.list", {"preset": {"ID": GONE}}, 400, "",
     f"The Preset with ID '{GONE}' is not found"),
    ("crm.requisite.preset.field.get", {"id": GONE, "preset": {"ID": "{preset}"}}, 400, "",
     f"The PresetField with ID '{GONE}' is not found"),
    ("crm.requisite.preset.field.add",
     {"preset": {"ID": "{preset}"}, "fields": {"FIELD_NAME": "COLOUR"}}, 400, "",
     "The field 'COLOUR' can not be added."),
    ("crm.requisite.preset.field.availabletoadd", {"preset": {"ID": GONE}}, 400, "",
     "Template not found."),
    ("crm.requisite.link.get", {"entityTypeId": 2}, 400, "", "entityId is not defined or invalid"),
    ("crm.requisite.link.get", {"entityTypeId": 2, "entityId": "{deal}"}, 400, "", "Not found"),
    ("crm.requisite.link.register", {"fields": {"ENTITY_TYPE_ID": 2, "ENTITY_ID": "{deal}"}}, 400,
     "", "REQUISITE_ID is not defined or invalid"),
    ("crm.address.add", {"fields": {"ENTITY_TYPE_ID": 8, "ENTITY_ID": "{requisite}"}}, 400, "",
     "TYPE_ID is not defined or invalid"),
    ("crm.address.add", {"fields": {"TYPE_ID": 1, "ENTITY_ID": "{requisite}"}}, 400, "",
     "ENTITY_TYPE_ID is not defined or invalid"),
    ("crm.address.delete",
     {"fields": {"TYPE_ID": 9, "ENTITY_TYPE_ID": 8, "ENTITY_ID": "{requisite}"}}, 400, "",
     "TypeAddress not found."),
]  # fmt: skip

ARGUMENT = "Invalid value of parameter {{Parameter #{}}}"
MISSING = f"Could not find entity with id `{GONE}`"
DISK: list[Wrong] = [
    *[
        (f"disk.{kind}.{verb}", params, 400, code, text)
        for kind, place in (("file", 0), ("folder", 1), ("storage", 0))
        for verb, params, code, text in (
            ("get", {}, "ERROR_ARGUMENT", ARGUMENT.format(place)),
            ("get", {"id": GONE}, "ERROR_NOT_FOUND", MISSING),
        )
    ],
    *[
        (f"disk.{kind}.{verb}", {"id": f"{{{kind}}}"}, 400, "ERROR_ARGUMENT", "Invalid value of")
        for kind in ("file", "folder")
        for verb in ("copyTo", "moveTo", "rename")
    ],
    ("disk.file.copyTo", {"id": "{file}", "targetFolderId": "{folder}"}, 400, "DISK_OBJ_22000",
     "A file with this name already exists"),
    ("disk.file.rename", {"id": "{file}", "newName": ""}, 400, "0", "Empty name"),
    ("disk.file.uploadVersion", {"id": "{file}"}, 400, "ERROR_ARGUMENT", "Invalid value of"),
    ("disk.file.uploadVersion", {"id": "{file}", "fileContent": ["a", "???"]}, 400,
     "DISK_FILE_22002", "Could not save file"),
    ("disk.folder.addSubFolder", {"id": "{folder}", "data": {}}, 400, "ERROR_ARGUMENT",
     ARGUMENT.format(1)),
    ("disk.folder.deleteTree", {"id": "{root}"}, 400, "DISK_OBJ_22000",
     "Could not delete root folder"),
    ("disk.folder.markDeleted", {"id": "{root}"}, 400, "DISK_OBJ_22000",
     "Could not delete root folder"),
    ("disk.folder.moveTo", {"id": "{root}", "targetFolderId": "{folder}"}, 400, "",
     "Could not move root folder"),
    ("disk.folder.uploadFile", {"id": "{folder}", "fileContent": ["a", "YQ=="]}, 400,
     "DISK_BASE_SERVICE_22001", "Error: required parameter NAME (DISK_BASE_SERVICE_22001)"),
    ("disk.folder.uploadFile",
     {"id": "{folder}", "data": {"NAME": "a"}, "fileContent": ["a", "???"]}, 400,
     "ERROR_COULD_NOT_SAVE_FILE", "Could not save file"),
    ("disk.storage.uploadFile",
     {"id": "{storage}", "data": {"NAME": "a"}, "fileContent": ["a", "YQ=="], "rights": "all"},
     400, "", "Invalid rights format"),
    ("disk.file.search", {}, 400, "ERROR_ARGUMENT",
     "Invalid value of parameter { Parameter #0 [ <required> $QUERY ] }"),
    ("disk.file.search", {"QUERY": "ab"}, 400, "INVALID_QUERY", "Search query is invalid."),
    ("disk.file.search", {"QUERY": ["abc"]}, 400, "INVALID_QUERY", "Search query is invalid."),
    ("disk.file.search", {"QUERY": "abc", "TYPE": "disk"}, 400, "INVALID_TYPE", ""),
    ("disk.file.search", {"QUERY": "abc", "FILTER": {"NAME": "x"}}, 400, "INVALID_FILTER", ""),
    ("disk.file.search", {"QUERY": "abc", "FILTER": {"STORAGE_ID": GONE}}, 400, "NOT_FOUND",
     "Search scope was not found."),
    ("disk.file.search", {"QUERY": "abc", "FILTER": {"FOLDER_ID": GONE}}, 400, "NOT_FOUND",
     "Search scope was not found."),
    ("disk.file.search", {"QUERY": "abc", "FILTER": "x"}, 400, "NOT_FOUND",
     "Search scope was not found."),
]  # fmt: skip

CHATS: list[Wrong] = [
    *[
        (f"im.chat.{verb}", params, 400, "CHAT_ID_EMPTY", "Chat ID can't be empty")
        for verb, params in (
            ("leave", {}), ("updateTitle", {"TITLE": "x"}), ("user.add", {"USERS": [1]}),
            ("user.delete", {"USER_ID": 1}), ("user.list", {}),
        )
    ],
    ("im.chat.updateTitle", {"CHAT_ID": "{chat}"}, 400, "TITLE_EMPTY", "Title can't be empty"),
    ("im.chat.updateTitle", {"DIALOG_ID": "1", "TITLE": "x"}, 400, "DIALOG_ID_EMPTY", ""),
    ("im.chat.user.delete", {"CHAT_ID": "{chat}"}, 400, "USER_ID_EMPTY", ""),
    ("im.chat.user.delete", {"CHAT_ID": "{chat}", "USER_ID": GONE}, 400, "USER_NOT_FOUND", ""),
    ("im.chat.user.list", {"CHAT_ID": GONE}, 403, "ACCESS_ERROR", "Action unavailable"),
    ("im.dialog.get", {}, 400, "DIALOG_ID_EMPTY", "Dialog ID can't be empty"),
    ("im.dialog.get", {"DIALOG_ID": f"chat{GONE}"}, 403, "ACCESS_ERROR", ""),
    ("im.dialog.messages.get", {"DIALOG_ID": "chat{chat}", "FIRST_ID": "a"}, 400,
     "FIRST_ID_STRING", "First ID can't be string"),
    ("im.dialog.messages.get", {"DIALOG_ID": "chat{chat}", "LAST_ID": "a"}, 400,
     "LAST_ID_STRING", "Last ID can't be string"),
    ("im.message.add", {"DIALOG_ID": "1"}, 400, "MESSAGE_EMPTY", "Message can't be empty"),
    ("im.message.add", {"DIALOG_ID": f"{GONE}", "MESSAGE": "x"}, 400, "USER_NOT_FOUND", ""),
    ("im.message.add", {"DIALOG_ID": f"chat{GONE}", "MESSAGE": "x"}, 400, "CHAT_ID", ""),
    ("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "x", "KEYBOARD": "buttons"}, 400,
     "KEYBOARD_ERROR", "Incorrect keyboard params"),
    ("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "x", "MENU": "items"}, 400, "MENU_ERROR",
     "Incorrect menu params"),
    ("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "x", "ATTACH": "x"}, 400, "ATTACH_ERROR", ""),
    ("im.message.add", {"DIALOG_ID": "1", "MESSAGE": "x", "REPLY_ID": GONE}, 400,
     "REPLY_ACCESS_ERROR", ""),
    ("im.message.add", {"DIALOG_ID": "chat{chat}", "MESSAGE": "x", "REPLY_ID": "{message}"}, 400,
     "REPLY_FROM_OTHER_CHAT_ERROR", ""),
    ("im.message.update", {"MESSAGE": "x"}, 400, "MESSAGE_ID_ERROR", "Message ID can't be empty"),
    ("im.message.update", {"MESSAGE_ID": "{message}", "KEYBOARD": "x"}, 400, "KEYBOARD_ERROR", ""),
    ("im.message.delete", {}, 400, "MESSAGE_ID_ERROR", ""),
    ("im.notify.personal.add", {"MESSAGE": "x"}, 400, "USER_ID_EMPTY", ""),
    ("im.notify.delete", {}, 400, "PARAMS_ERROR", "Incorrect params"),
    ("im.notify.delete", {"TAG": "x"}, 403, "ACCESS_DENIED", "Access denied! Client ID not spec"),
    ("im.notify.get", {"LAST_ID": 1}, 400, "LAST_ID_AND_LAST_TYPE", ""),
    ("im.notify.read.list", {"IDS": "x"}, 400, "PARAMS_ERROR", "No IDS param or it is not an arr"),
    ("im.user.get", {"ID": 0}, 400, "ID_EMPTY", ""),
    ("im.user.get", {"ID": GONE}, 400, "USER_NOT_EXISTS", ""),
]  # fmt: skip

CATALOGUE: list[Wrong] = [
    ("catalog.product.add", {}, 400, "100", "Could not find value for parameter {fields}"),
    ("catalog.product.add", {"fields": {"iblockId": 24}}, 400, 0, "Required fields: name"),
    ("catalog.product.add", {"fields": {"iblockId": GONE, "name": "x"}}, 400, 200040300000, ""),
    ("catalog.product.add", {"fields": {"iblockId": 24, "name": "x", "createdBy": GONE}}, 400, 0,
     ""),
    ("catalog.product.add", {"fields": {"iblockId": 24, "name": "x", "code": "documented"}}, 400, 0,
     ""),
    ("catalog.product.add", {"fields": {"iblockId": 24, "name": "x", "purchasingPrice": 1,
     "purchasingCurrency": "ZZZ"}}, 400, 0, ""),
    ("catalog.product.get", {}, 400, "100", "Could not find value for parameter {id}"),
    ("catalog.product.get", {"id": GONE}, 400, 0, "product does not exist"),
    ("catalog.product.update", {"id": "{product}"}, 400, "100", "Could not find value for param"),
    ("catalog.product.list", {"select": ["id"], "filter": {"iblockId": 24}}, 400, 0, ""),
    ("catalog.product.list", {"select": ["id", "iblockId"]}, 400, 0, ""),
    ("catalog.product.getFieldsByFilter", {}, 400, "100", ""),
    ("catalog.price.add", {}, 400, "100", "Could not find value for parameter {fields}"),
    ("catalog.price.add", {"fields": {"productId": "{product}"}}, 400, 0, "Required fields: "),
    ("catalog.price.add", {"fields": {"productId": "{product}", "catalogGroupId": 9, "price": 1,
     "currency": "EUR"}}, 400, 0, "Validate price error. Catalog price group is wrong"),
    ("catalog.price.add", {"fields": {"productId": "{product}", "catalogGroupId": 1, "price": 1,
     "currency": "EUR"}}, 400, 0, "Validate price error. Catalog product is allowed has only sin"),
    ("catalog.price.get", {"id": GONE}, 400, 0, "Price does not exist"),
    ("catalog.price.update", {"id": "{product}", "fields": {"price": 2}}, 400, 0,
     "Required fields: currency"),
    ("catalog.price.update", {"id": "{product}", "fields": {}}, 400, "100", ""),
    ("catalog.catalog.get", {}, 400, "100", ""),
    ("catalog.catalog.get", {"id": GONE}, 400, 0, ""),
]  # fmt: skip

NO_TASK = "CTaskItem All parameters in the constructor must have real class type"
ASSERTED = "TASKS_ERROR_ASSERT_EXCEPTION<br>"
ITEMS = {"checklistitem": "ctaskchecklistitem", "commentitem": "ctaskcommentitem",
         "elapseditem": "ctaskelapseditem"}  # fmt: skip


def parameter(place: int, name: str, method: str, what: str) -> str:
    text = (
        f'for method {method}() expected to be of type "integer", but given something else'
        if what == "type"
        else f"expected by method {method}(), but not given"
    )
    return f"TASKS_ERROR_EXCEPTION_#256; Param #{place} ({name}) {text}.; 256/TE/WRONG_ARGUMENTS"


TASKS: list[Wrong] = [
    ("tasks.task.add", {}, 400, "100", "Could not find value for parameter {fields}"),
    ("tasks.task.add", {"fields": {"RESPONSIBLE_ID": 1}}, 400, "ERROR_CORE",
     "Task title not specified"),
    ("tasks.task.add", {"fields": {"TITLE": "x"}}, 400, "ERROR_CORE",
     "Responsible person not specified"),
    ("tasks.task.add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": GONE}}, 400, "ERROR_CORE",
     'User specified in the "Responsible" field not found'),
    ("tasks.task.add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1, "STATUS": 99}}, 400,
     "ERROR_CORE", "Incorrect status"),
    ("tasks.task.add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1, "PARENT_ID": GONE}}, 400,
     "ERROR_CORE", 'Task specified in the "Parent Task" field not found'),
    ("tasks.task.add",
     {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1, "START_DATE_PLAN": "2026-02-01T09:00:00",
                 "END_DATE_PLAN": "2026-01-01T09:00:00"}}, 400, "ERROR_CORE",
     "The end date in scheduling is earlier than the start date"),
    ("tasks.task.add",
     {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1, "START_DATE_PLAN": "2026-02-01T09:00:00",
                 "END_DATE_PLAN": "2999-01-01T09:00:00"}}, 400, "ERROR_CORE",
     "The specified task duration is too long"),
    ("tasks.task.update", {"taskId": "{task}", "fields": {"PARENT_ID": "{task}"}}, 400,
     "ERROR_CORE", "Cannot bind the node to itself"),
    ("tasks.task.update", {"taskId": "{task}", "fields": {"PARENT_ID": "{subtask}"}}, 400,
     "ERROR_CORE", "Creating cyclic links in tasks is prohibited"),
    ("tasks.task.update", {"taskId": "{task}"}, 400, "100", "Could not find value for parameter"),
    ("tasks.task.get", {"taskId": "{task}", "select": ""}, 400, "100",
     "Invalid value {} to match with parameter {select}. Should be value of type array."),
    ("tasks.task.list", {"order": {"COLOUR": "asc"}}, 400, "0", "Invalid sorting key"),
    ("tasks.task.delegate", {"taskId": "{task}"}, 400, "100", "Could not find value for parameter"),
    ("tasks.task.getaccess", {"taskId": "{task}", "users": "x"}, 400, "100", "Invalid value {} "),
    ("tasks.task.files.attach", {"taskId": "{task}"}, 400, "100", "Could not find value for para"),
    ("tasks.task.files.attach", {"taskId": "{task}", "fileId": "x"}, 400, "100",
     "Invalid value {x} to match with parameter {fileId}. Should be value of type int."),
    *[
        (f"tasks.task.{verb}", params, 400, code, text)
        for verb in ("complete", "start", "pause", "defer", "renew", "approve", "disapprove",
                     "delete", "update", "get", "getaccess", "files.attach")
        for params, code, text in (
            ({"fields": {"TITLE": "x"}, "fileId": 1}, "100", NO_TASK),
            ({"taskId": "x", "fields": {"TITLE": "x"}, "fileId": 1}, "0", "wrong task id"),
        )
    ],
    *[
        (f"tasks.task.{verb}", {"taskId": GONE}, 400, code, "Action on the task is not allowed")
        for verb, code in (
            ("complete", "0"), ("start", "0"), ("pause", "1048582"), ("defer", "1048582"),
            ("renew", "1048582"), ("approve", "1048582"), ("disapprove", "1048582"),
        )
    ],
    ("tasks.task.delete", {"taskId": GONE}, 400, "1048582", "No access to delete the task"),
    *[
        (f"task.{name}.{verb}", params, 400, "ERROR_CORE", text)
        for name, owner in ITEMS.items()
        for verb, params, text in (
            ("get", {"TASKID": "{task}"}, parameter(1, "itemId", f"{owner}::get", "given")),
            ("get", {"TASKID": "x", "ITEMID": 1}, parameter(0, "taskId", f"{owner}::get", "type")),
            ("delete", {"TASKID": "{task}"}, parameter(1, "itemId", f"{owner}::delete", "given")),
            ("getlist", {"TASKID": "x"}, parameter(0, "taskId", f"{owner}::getlist", "type")),
        )
        if name != "elapseditem"
    ],
    ("task.checklistitem.complete", {"TASKID": "{task}", "ITEMID": 0}, 400, "ERROR_CORE", ASSERTED),
    ("task.checklistitem.complete", {"ITEMID": 1}, 400, "ERROR_CORE",
     parameter(0, "taskId", "ctaskchecklistitem::complete", "given")),
    ("task.checklistitem.get", {"TASKID": "{task}", "ITEMID": GONE}, 400, "ERROR_CORE",
     "TASKS_ERROR_EXCEPTION_#512; Check listitem not found or not accessible; 512/TE/ITEM_NOT_F"),
    ("task.checklistitem.add", {"TASKID": "{task}"}, 400, "ERROR_CORE",
     "TASKS_ERROR_EXCEPTION_#256; Param #1 (arFields) expected by method ctaskchecklistitem::ad"),
    ("task.checklistitem.add", {"TASKID": "{task}", "FIELDS": {"SORT_INDEX": 1}}, 400,
     "ERROR_CORE", "TASKS_ERROR_EXCEPTION_#8; Item name not specified; 8/TE/ACTION_FAILED_TO_BE"),
    ("task.checklistitem.getlist", {"TASKID": GONE}, 400, "ERROR_CORE",
     "TASKS_ERROR_EXCEPTION_#8; Action failed; 8/TE/ACTION_FAILED_TO_BE_PROCESSED<br>"),
    ("task.checklistitem.getlist", {"TASKID": "{task}", "ORDER": {"IS_COMPLETED": "asc"}}, 400,
     "ERROR_CORE", "TASKS_ERROR_EXCEPTION_#256; Param #1 (arOrder) for method ctaskchecklist"),
    ("task.commentitem.add", {"TASKID": "{task}", "FIELDS": {"POST_MESSAGE": ""}}, 400,
     "ERROR_CORE", "Comment text is not specified"),
    ("task.commentitem.add", {"TASKID": GONE, "FIELDS": {"POST_MESSAGE": "x"}}, 400, "ERROR_CORE",
     "Insufficient permissions to add a comment"),
    ("task.commentitem.get", {"TASKID": "{task}", "ITEMID": GONE}, 400, "ERROR_CORE",
     "TASKS_ERROR_EXCEPTION_#512; Check listitem not found or not accessible; 512/TE/ITEM_NOT_F"),
    ("task.commentitem.update", {"TASKID": "{task}", "ITEMID": "{task_comment}",
     "FIELDS": {"POST_MESSAGE": ""}}, 400, "ERROR_CORE", "Comment text not specified"),
    ("task.commentitem.delete", {"TASKID": "{task}", "ITEMID": GONE}, 400, "ERROR_CORE",
     "TASKS_ERROR_EXCEPTION_#4; Action is not allowed; 4/TE/ACTION_NOT_ALLOWED"),
    ("task.commentitem.getlist", {"TASKID": "{task}", "FILTER": {"%COLOUR": "x"}}, 400,
     "ERROR_CORE", "TASKS_ERROR_EXCEPTION_#256; Param #2 (arFilter) for method ctaskcommentitem::"),
    ("task.elapseditem.get", {"TASKID": GONE, "ITEMID": 1}, 400, "ERROR_CORE", "Task not found"),
    ("task.elapseditem.delete", {"TASKID": "{task}", "ITEMID": GONE}, 400, "ERROR_CORE",
     "ACTION_NOT_ALLOWED"),
]  # fmt: skip
