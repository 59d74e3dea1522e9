"""More of `wrong_calls_crm` and `wrong_calls_beside`: what the pages say of each method besides."""

from __future__ import annotations

from typing import Any

from wrong_calls_crm import GONE, NO_ID, NOT_ARRAY, Wrong

KINDS = ("deal", "lead", "contact", "company", "quote")
NO_OWNER = "The parameter 'ownerEntityID' is invalid or not defined"
SPA = "Smart process not found"

RECORDS_FURTHER: list[Wrong] = [
    *[
        row
        for kind in KINDS
        for row in (
            (f"crm.{kind}.add", {}, 400, "", NOT_ARRAY),
            (f"crm.{kind}.update", {"id": f"{{{kind}}}"}, 400, "", NOT_ARRAY),
            (f"crm.{kind}.update", {"id": f"{{{kind}}}", "fields": {}, "params": "x"}, 400, "",
             "Parameter 'params' must be array."),
            (f"crm.{kind}.get", {"id": "x"}, 400, "", NO_ID),
            (f"crm.{kind}.get", {"id": -1}, 400, "", NO_ID),
            (f"crm.{kind}.delete", {}, 400, "", NO_ID),
            (f"crm.{kind}.userfield.update", {"id": "{field}", "fields": "x"}, 400, "", NOT_ARRAY),
            (f"crm.{kind}.userfield.update", {"id": GONE, "fields": {}}, 400, "ERROR_NOT_FOUND",
             f"The entity with ID '{GONE}' is not found"),
            (f"crm.{kind}.userfield.delete", {"id": GONE}, 400, "ERROR_NOT_FOUND",
             f"The entity with ID '{GONE}' is not found"),
            (f"crm.{kind}.userfield.add",
             {"fields": {"FIELD_NAME": "É", "USER_TYPE_ID": "string"}}, 400, "ERROR_CORE",
             "Field name contains invalid characters. Allowed characters are: A-Z, 0-9 and _."),
            (f"crm.{kind}.userfield.list", {"order": "x"}, 400, "",
             "Parameter 'order' must be array"),
        )
    ],
    *[
        (f"crm.{kind}.userfield.{verb}", {"id": "{field}", "fields": {}}, 403, "", "Access denied")
        for kind in ("lead", "contact", "company", "quote")
        for verb in ("get", "update", "delete")
    ],
    ("crm.deal.userfield.add", {"fields": {"FIELD_NAME": "DOCUMENTED", "USER_TYPE_ID": "string"}},
     400, "ERROR_CORE", "The field UF_CRM_DOCUMENTED for the CRM_DEAL object already exists"),
    ("crm.deal.add", {"fields": {"TITLE": "x", "CURRENCY_ID": "ZZZ"}}, 400, "",
     'Invalid value for the "Currency" field'),
    ("crm.deal.update", {"id": "{deal}", "fields": {"CURRENCY_ID": "ZZZ"}}, 400, "",
     'Invalid value for the "Currency" field'),
    ("crm.lead.update", {"id": GONE, "fields": {}}, 400, "", "Not found"),
    ("crm.lead.delete", {"id": GONE}, 400, "", "Not found"),
    ("crm.deal.delete", {"id": GONE}, 400, "", "Not found"),
    ("crm.contact.add", {"fields": {"NAME": "x", "EMAIL": [{"VALUE": "nobody"}]}}, 400,
     "ERROR_CORE", ""),
    ("crm.contact.company.add", {"fields": {"COMPANY_ID": 1}}, 400, "", NO_OWNER),
    ("crm.contact.company.add", {"id": "{contact}", "fields": "x"}, 400, "",
     "The parameter 'fields' must be array"),
    ("crm.contact.company.add", {"id": GONE, "fields": {"COMPANY_ID": 1}}, 400, "", "Not found"),
    ("crm.contact.company.add", {"id": "{contact}", "fields": {}}, 400, "",
     "The parameter 'fields' is not valid"),
    ("crm.contact.company.delete", {"fields": {"COMPANY_ID": 1}}, 400, "", NO_OWNER),
    ("crm.contact.company.delete", {"id": GONE, "fields": {"COMPANY_ID": 1}}, 400, "",
     "Not found"),
    ("crm.contact.company.items.get", {}, 400, "", "The parameter "),
    ("crm.contact.company.items.set", {"id": 0, "items": []}, 400, "",
     "The parameter ownerEntityID is invalid or not defined"),
    ("crm.contact.company.items.set", {"id": "{contact}", "items": "x"}, 400, "",
     "The parameter items must be array"),
    ("crm.contact.company.items.set", {"id": GONE, "items": []}, 400, "", "Not found"),
    ("crm.contact.company.items.delete", {"id": 0}, 400, "", "The parameter "),
    *[
        row
        for kind in ("deal", "quote", "company")
        for row in (
            (f"crm.{kind}.contact.delete", {"id": GONE, "fields": {"CONTACT_ID": 1}}, 400, "",
             "Not found"),
            (f"crm.{kind}.contact.items.set", {"id": 0, "items": []}, 400, "",
             "The parameter ownerEntityID is invalid or not defined"),
            (f"crm.{kind}.contact.items.set", {"id": GONE, "items": []}, 400, "", "Not found"),
        )
    ],
    ("crm.deal.contact.items.get", {"id": GONE}, 400, "", "Not found"),
    ("crm.deal.contact.items.delete", {"id": GONE}, 400, "", "Not found"),
    *[
        row
        for kind in ("deal", "lead", "quote")
        for row in (
            (f"crm.{kind}.productrows.get", {"id": GONE}, 400, "", "Not found"),
            (f"crm.{kind}.productrows.set", {"id": 0, "rows": []}, 400, "",
             "The parameter id is invalid or not defined"),
        )
    ],
    *[
        (f"crm.item.{verb}", {"entityTypeId": GONE, "id": 1, "fields": {}}, 400, "NOT_FOUND", SPA)
        for verb in ("add", "get", "update", "delete", "list", "import", "fields")
    ],
    *[
        (f"crm.item.{verb}", {"entityTypeId": 2, "id": GONE, "fields": {}}, 400, "NOT_FOUND", "")
        for verb in ("get", "update", "delete")
    ],
    *[
        (f"crm.item.{verb}", {"entityTypeId": 2, "id": "{deal}", "fields": fields}, 400,
         "CRM_FIELD_ERROR_VALUE_NOT_VALID", "")
        for verb in ("add", "update")
        for fields in (
            {"opportunity": "much"}, {"assignedById": "x"}, {"closedate": "soon"},
            {"currencyId": "ZZZ"}, {"categoryId": GONE}, {"companyId": 10**25},
        )
    ],
    *[
        (method, {**given, name: "x"}, 400, "100",
         f"Invalid value {{x}} to match with parameter {{{name}}}. Should be value of type array.")
        for method, given, names in (
            ("crm.item.list", {"entityTypeId": 2}, ("filter", "order", "select")),
            ("crm.item.add", {"entityTypeId": 2}, ("fields",)),
            ("crm.item.update", {"entityTypeId": 2, "id": "{deal}"}, ("fields",)),
            ("crm.stagehistory.list", {"entityTypeId": 2}, ("filter", "order", "select")),
            ("crm.type.list", {}, ("filter", "order")),
            ("crm.type.add", {}, ("fields",)),
            ("crm.category.add", {"entityTypeId": 2}, ("fields",)),
            ("tasks.task.list", {}, ("filter", "order", "select")),
            ("tasks.task.add", {}, ("fields",)),
        )
        for name in names
    ],
    ("crm.item.list", {"entityTypeId": 2, "filter": {"!0": {"stageId": "NEW"}}}, 400,
     "INVALID_ARG_VALUE", "Invalid filter: field '0' is not allowed in filter"),
    ("crm.item.batchImport", {"entityTypeId": GONE, "data": [{}]}, 400, "NOT_FOUND", SPA),
    ("crm.item.list", {"entityTypeId": 2, "filter": {"0": {"logic": "OR", "colour": 1}}}, 400,
     "INVALID_ARG_VALUE", "Invalid filter: field 'colour' is not allowed in filter"),
    ("crm.item.productrow.add", {"fields": {"ownerId": "{deal}", "ownerType": "C"}}, 400,
     "ENTITY_TYPE_NOT_SUPPORTED", ""),
    ("crm.item.productrow.add", {}, 400, "100", ""),
    ("crm.item.productrow.set", {"ownerType": "D", "ownerId": "{deal}"}, 400, "100", ""),
    ("crm.item.productrow.set", {"ownerType": "C", "ownerId": 1, "productRows": []}, 400,
     "ENTITY_TYPE_NOT_SUPPORTED", ""),
    ("crm.item.productrow.update", {"id": GONE, "fields": {"price": 1}}, 400, "NOT_FOUND", ""),
    ("crm.item.productrow.update", {"fields": {"price": 1}}, 400, "100", ""),
    ("crm.item.productrow.delete", {}, 400, "100", ""),
    ("crm.item.productrow.getAvailableForPayment", {}, 400, "100", ""),
    ("crm.item.productrow.list", {"filter": {"=ownerType": "D", "=ownerId": 1, "colour": 1}}, 400,
     "INVALID_ARG_VALUE", ""),
]  # fmt: skip

DIRECTORIES_FURTHER: list[Wrong] = [
    *[
        row
        for verb in ("delete", "fields", "get", "list", "update")
        for row in (
            (f"crm.category.{verb}", {"entityTypeId": 1, "id": 1, "fields": {"name": "x"}}, 400,
             "ENTITY_TYPE_NOT_SUPPORTED", ""),
            (f"crm.category.{verb}", {"entityTypeId": GONE, "id": 1, "fields": {"name": "x"}}, 400,
             "NOT_FOUND", SPA),
        )
    ],
    ("crm.category.list", {}, 400, "100", "Could not find value for parameter {entityTypeId}"),
    ("crm.category.get", {"entityTypeId": 2}, 400, "100", "Could not find value for parameter {id"),
    ("crm.category.add", {"entityTypeId": 2}, 400, "100", "Could not find value for parameter {fi"),
    ("crm.currency.delete", {"id": ""}, 400, "", ""),
    ("crm.currency.delete", {"id": "EURO"}, 400, "", ""),
    ("crm.currency.update", {"id": "ZZZ", "fields": {"AMOUNT": 1}}, 400, "", ""),
    ("crm.status.get", {}, 400, "", ""),
    *[
        ("crm.status.add", {"fields": {"ENTITY_ID": directory, "STATUS_ID": code, "NAME": "x"}},
         400, "ERROR_CORE", "The specified status ID is not valid")
        for directory, code in (
            ("STATUS", "A" * 22), ("DEAL_STAGE", "A" * 23), ("DEAL_STAGE", "A B"),
            ("QUOTE_STATUS", "É"), ("SOURCE", "A" * 51),
        )
    ],
    ("department.update", {"ID": 1, "PARENT": 1}, 400, "ERROR_CORE", ""),
    ("department.update", {"ID": 1, "PARENT": GONE}, 400, "ERROR_CORE", "Department not found"),
    ("department.delete", {"ID": 1}, 400, "ERROR_CORE", ""),
    ("crm.status.list", {"filter": "x"}, 400, "", ""),
    ("crm.stagehistory.list", {}, 400, "100", ""),
    ("crm.type.update", {"id": "{type}"}, 400, "100", "Could not find value for parameter {fields"),
    ("crm.type.update", {"id": GONE, "fields": {}}, 400, 0, SPA),
]  # fmt: skip

TODO: dict[str, Any] = {"id": "{activity}", "ownerTypeId": 2, "ownerId": "{deal}"}
VERBS = {
    "update": {}, "updateColor": {"colorId": "1"}, "updateDeadline": {"value": "2026-01-01"},
    "updateDescription": {"value": "x"}, "updateResponsibleUser": {"responsibleId": 1},
}  # fmt: skip
MOVE: dict[str, Any] = {
    "activityId": "{activity}", "sourceEntityTypeId": 2, "sourceEntityId": "{deal}",
    "targetEntityTypeId": 2, "targetEntityId": "{other}",
}  # fmt: skip

TIMELINE_FURTHER: list[Wrong] = [
    *[
        row
        for verb, more in VERBS.items()
        for row in (
            (f"crm.activity.todo.{verb}", {**more, "id": "{activity}"}, 400, "100", ""),
            (f"crm.activity.todo.{verb}", {**TODO, **more, "id": GONE}, 400, "NOT_FOUND", ""),
            (f"crm.activity.todo.{verb}", {**TODO, **more, "ownerId": GONE}, 400,
             "OWNER_NOT_FOUND", ""),
        )
    ],
    ("crm.activity.todo.add", {"ownerTypeId": 9999, "ownerId": 1, "deadline": "2026-01-01"}, 400,
     "NOT_FOUND", "Not found."),
    ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": "{deal}", "deadline": "2026-01-01",
     "responsibleId": "x"}, 400, "INVALID_ARG_VALUE", ""),
    ("crm.activity.todo.updateDeadline", {**TODO, "value": "soon"}, 400, "WRONG_DATETIME_FORMAT",
     ""),
    ("crm.activity.todo.update", {**TODO, "deadline": "soon"}, 400, "WRONG_DATETIME_FORMAT", ""),
    ("crm.activity.todo.updateColor", {**TODO, "colorId": "99"}, 400,
     "CAN_NOT_UPDATE_WRONG_COLOR_TODO", ""),
    ("crm.activity.todo.updateResponsibleUser", {**TODO, "responsibleId": 0}, 400,
     "INVALID_ARG_VALUE", 'Parameter "responsibleId" must be greater than 0'),
    ("crm.activity.todo.updateDeadline", TODO, 400, "100", ""),
    ("crm.activity.binding.move", {"activityId": "{activity}"}, 400, "100", ""),
    ("crm.activity.binding.move", {**MOVE, "activityId": GONE}, 400, "NOT_FOUND", ""),
    ("crm.activity.binding.move", {**MOVE, "targetEntityId": GONE}, 400, "OWNER_NOT_FOUND", ""),
    ("crm.activity.binding.move", {**MOVE, "targetEntityTypeId": 1, "targetEntityId": "{lead}"},
     400, "SOURCE_AND_TARGET_ENTITY_TYPES_ARE_NOT_EQUAL_ERROR", ""),
    ("crm.activity.binding.move", {**MOVE, "targetEntityId": "{deal}"}, 400,
     "SOURCE_AND_TARGET_ENTITY_ID_ARE_EQUAL_ERROR", ""),
    ("crm.activity.binding.move",
     {**MOVE, "sourceEntityId": "{other}", "targetEntityId": "{deal}"}, 400, "BINDING_NOT_FOUND",
     ""),
    ("crm.activity.binding.delete",
     {"activityId": "{activity}", "entityTypeId": 1, "entityId": "{lead}"}, 400,
     "BINDING_NOT_FOUND", ""),
    ("crm.activity.binding.delete", {"activityId": "{activity}"}, 400, "100", ""),
    ("crm.activity.binding.delete", {"activityId": GONE, "entityTypeId": 2, "entityId": "{deal}"},
     400, "NOT_FOUND", ""),
    ("crm.activity.binding.list", {}, 400, "100", ""),
    ("crm.activity.get", {}, 400, "", NO_ID),
    ("crm.activity.get", {"id": GONE}, 400, "", ""),
    ("crm.activity.add", {}, 400, "", NOT_ARRAY),
    ("crm.timeline.comment.list", {"filter": {"ENTITY_TYPE": "deal", "ENTITY_ID": GONE}}, 400, "",
     "Access denied"),
    ("crm.timeline.comment.update", {"id": "{comment}", "fields": {"COMMENT": ""}}, 400,
     "INVALID_ARG_VALUE", ""),
    ("crm.timeline.comment.update", {"id": "{comment}", "ownerTypeId": 2, "ownerId": GONE,
     "fields": {"COMMENT": "x"}}, 400, "OWNER_NOT_FOUND", ""),
    ("crm.timeline.comment.delete", {"id": "{comment}", "ownerTypeId": 2, "ownerId": GONE}, 400,
     "OWNER_NOT_FOUND", ""),
]  # fmt: skip

ADDRESS: dict[str, Any] = {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": "{requisite}"}


def lacking(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {"fields": {key: value for key, value in given.items() if key != name}}


REQUISITES_FURTHER: list[Wrong] = [
    *[
        (f"crm.address.{verb}", lacking(ADDRESS, name), 400, "",
         f"{name} is not defined or invalid")
        for verb in ("add", "update", "delete")
        for name in ADDRESS
    ],
    ("crm.address.update", {"fields": ADDRESS | {"TYPE_ID": 9, "CITY": "x"}}, 400, "",
     "TypeAddress not found"),
    ("crm.requisite.get", {}, 400, "", NO_ID),
    ("crm.requisite.add", {}, 400, "", NOT_ARRAY),
    ("crm.requisite.update", {"id": GONE, "fields": {"NAME": "x"}}, 400, "",
     f"The Requisite with ID '{GONE}' is not found"),
    ("crm.requisite.update", {"fields": {"NAME": "x"}}, 400, "", NO_ID),
    ("crm.requisite.update", {"id": "{requisite}", "fields": {"ENTITY_TYPE_ID": 2}}, 400, "",
     "ENTITY_TYPE_ID is not defined or invalid."),
    ("crm.requisite.update", {"id": "{requisite}", "fields": {"ENTITY_ID": 0}}, 400, "",
     "ENTITY_ID is not defined or invalid."),
    ("crm.requisite.update", {"id": "{requisite}", "fields": {"PRESET_ID": GONE}}, 400, "",
     "PRESET_ID is not defined or invalid."),
    ("crm.requisite.delete", {"id": GONE}, 400, "", f"The Requisite with ID '{GONE}' is not fou"),
    ("crm.requisite.bankdetail.delete", {"id": GONE}, 400, "",
     f"The RequisiteBankDetail with ID '{GONE}' is not found"),
    ("crm.requisite.bankdetail.delete", {}, 400, "", NO_ID),
    ("crm.requisite.bankdetail.get", {}, 400, "", NO_ID),
    ("crm.requisite.bankdetail.update", {"fields": {"NAME": "x"}}, 400, "", NO_ID),
    ("crm.requisite.bankdetail.update", {"id": GONE, "fields": {"NAME": "x"}}, 400, "",
     f"The RequisiteBankDetail with ID '{GONE}' is not found"),
    ("crm.requisite.link.get", {"entityId": 1}, 400, "", "entityTypeId is not defined or invalid"),
    ("crm.requisite.link.unregister", {"entityId": 1}, 400, "", "entityTypeId is not defined"),
    ("crm.requisite.link.unregister", {"entityTypeId": 2}, 400, "", "entityId is not defined or i"),
    *[
        ("crm.requisite.link.register",
         lacking({"ENTITY_TYPE_ID": 2, "ENTITY_ID": "{deal}", "REQUISITE_ID": 0,
                  "BANK_DETAIL_ID": 0, "MC_REQUISITE_ID": 0, "MC_BANK_DETAIL_ID": 0}, name),
         400, "", f"{name} is not defined or invalid")
        for name in ("ENTITY_TYPE_ID", "ENTITY_ID", "REQUISITE_ID", "BANK_DETAIL_ID",
                     "MC_REQUISITE_ID", "MC_BANK_DETAIL_ID")
    ],
    ("crm.requisite.preset.delete", {"id": GONE}, 400, "", f"The Preset with ID '{GONE}' is not f"),
    ("crm.requisite.preset.update", {"id": GONE, "fields": {"NAME": "x"}}, 400, "",
     f"The Preset with ID '{GONE}' is not found"),
    ("crm.requisite.preset.field.delete", {"id": GONE, "preset": {"ID": "{preset}"}}, 400, "",
     f"The PresetField with ID '{GONE}' is not found"),
    ("crm.requisite.preset.field.update", {"id": GONE, "preset": {"ID": "{preset}"},
     "fields": {"SORT": 1}}, 400, "", f"The PresetField with ID '{GONE}' is not found"),
    ("crm.requisite.preset.field.update", {"preset": {"ID": "{preset}"}, "fields": {"SORT": 1}},
     400, "", NO_ID),
    *[
        (f"crm.requisite.preset.field.{verb}", {"id": 1, "preset": {"ID": GONE},
         "fields": {"FIELD_NAME": "RQ_INN"}}, 400, "", f"The Preset with ID '{GONE}' is not found")
        for verb in ("get", "add", "update", "delete")
    ],
]  # fmt: skip
