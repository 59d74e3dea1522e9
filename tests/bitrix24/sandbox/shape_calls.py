"""For each REST method a call that gets as much of an answer as the documentation's example has."""

from __future__ import annotations

from typing import Any

from shape_world import (
    CALLS,
    EMAIL,
    OLD,
    PHONE,
    PNG,
    Params,
    World,
    names_of,
    nothing,
    row,
    values_of,
)


def person(w: World, example: Any) -> dict[str, Any]:
    fields = {"NAME": "Ann", "LAST_NAME": "Lee", "PHONE": PHONE, "EMAIL": EMAIL}
    return {
        "fields": {**values_of(example), **fields, "IM": [{"VALUE": "x", "VALUE_TYPE": "OTHER"}]}
    }


def _old() -> None:
    def lead(w: World, e: Any) -> Any:
        return person(w, e) | {"fields": {**person(w, e)["fields"], "TITLE": f"Lead {w.next()}"}}

    def deal(w: World, e: Any) -> Any:
        return {
            "fields": {
                **values_of(e), "TITLE": f"Deal {w.next()}", "COMPANY_ID": w.company,
                "CONTACT_IDS": [w.contact], "OPPORTUNITY": 100, "TYPE_ID": "SALE",
            }
        }  # fmt: skip

    def company(w: World, e: Any) -> Any:
        return {"fields": {**values_of(e), "TITLE": f"Company {w.next()}", "PHONE": PHONE,
                           "EMAIL": EMAIL}}  # fmt: skip

    def quote(w: World, e: Any) -> Any:
        return {"fields": {**values_of(e), "TITLE": "Quote", "COMPANY_ID": w.company,
                           "CONTACT_IDS": [w.contact]}}  # fmt: skip

    CALLS.update(
        {
            "crm.lead.add": lead, "crm.deal.add": deal, "crm.contact.add": person,
            "crm.company.add": company, "crm.quote.add": quote,
        }
    )  # fmt: skip
    for family in OLD:
        CALLS[f"{family}.fields"] = nothing
        CALLS[f"{family}.get"] = lambda w, e, f=family: {"id": w.add(f, e)}
        CALLS[f"{family}.delete"] = lambda w, e, f=family: {"id": w.add(f)}
        CALLS[f"{family}.update"] = lambda w, e, f=family: {
            "id": w.add(f), "fields": {"COMMENTS": "changed"}
        }  # fmt: skip
        CALLS[f"{family}.list"] = lambda w, e, f=family: {
            "filter": {"ID": w.add(f, e)}, "select": names_of(e) or ["*", "UF_*"]
        }  # fmt: skip
        user_field_calls(family)
        _links(family)
        CALLS[f"{family}.productrows.set"] = lambda w, e, f=family: {
            "id": w.add(f),
            "rows": [row()],
        }
        CALLS[f"{family}.productrows.get"] = lambda w, e, f=family: {"id": with_rows(w, f)}


def with_rows(w: World, family: str) -> int:
    number = w.add(family)
    w.result(f"{family}.productrows.set", {"id": number, "rows": [row()]})
    return number


def user_field_calls(family: str) -> None:
    def add(w: World, e: Any) -> Any:
        example = (e or {}).get("result")
        kind = "string"
        if isinstance(example, list) and example:
            example = example[0]
        if isinstance(example, dict):
            kind = example.get("USER_TYPE_ID") or "string"
        fields = {
            "FIELD_NAME": f"SHAPE_{w.next()}", "USER_TYPE_ID": kind, "SORT": 100,
            "EDIT_FORM_LABEL": {"en": "Shape", "fr": "Forme"}, "MULTIPLE": "N",
            "SETTINGS": {"DEFAULT_VALUE": "x"} if kind == "string" else {},
        }  # fmt: skip
        if kind == "enumeration":
            fields["LIST"] = [{"VALUE": "One"}, {"VALUE": "Two", "DEF": "Y"}]
        return {"fields": fields}

    full = f"{family}.userfield"
    CALLS[f"{full}.add"] = add
    CALLS[f"{full}.get"] = lambda w, e: {"id": w.add(full, e)}
    CALLS[f"{full}.delete"] = lambda w, e: {"id": w.add(full)}
    CALLS[f"{full}.update"] = lambda w, e: {"id": w.add(full), "fields": {"SORT": 300}}
    CALLS[f"{full}.list"] = lambda w, e: {"filter": {"ID": w.add(full, e), "LANG": "en"}}


def _links(family: str) -> None:
    other = "company" if family == "crm.contact" else "contact"
    full = f"{family}.{other}"
    key = f"{other.upper()}_ID"

    def one(w: World, _e: Any) -> Any:
        return {"id": w.add(family), "fields": {key: getattr(w, other), "SORT": 10}}

    def linked(w: World, _e: Any) -> Any:
        params = one(w, None)
        w.result(f"{full}.add", params)
        return params

    CALLS[f"{full}.fields"] = nothing
    CALLS[f"{full}.add"] = one
    CALLS[f"{full}.delete"] = linked
    CALLS[f"{full}.items.get"] = lambda w, e: {"id": linked(w, e)["id"]}
    CALLS[f"{full}.items.delete"] = lambda w, e: {"id": linked(w, e)["id"]}
    CALLS[f"{full}.items.set"] = lambda w, e: {
        "id": w.add(family), "items": [{key: getattr(w, other), "SORT": 10}]
    }  # fmt: skip


_old()


def activity(w: World, example: Any) -> Any:
    return {
        "fields": {
            "OWNER_TYPE_ID": 2, "OWNER_ID": w.deal, "TYPE_ID": 2, "SUBJECT": "A call",
            "START_TIME": "2026-03-01T10:00:00+01:00", "END_TIME": "2026-03-01T10:30:00+01:00",
            "COMPLETED": "N", "PRIORITY": 2, "RESPONSIBLE_ID": 1, "DIRECTION": 2,
            "DESCRIPTION": "", "DESCRIPTION_TYPE": 1,
            "COMMUNICATIONS": [
                {"VALUE": "+33 1", "ENTITY_ID": w.contact, "ENTITY_TYPE_ID": 3, "TYPE": "PHONE"}
            ],
        }
    }  # fmt: skip


def todo(w: World, _e: Any) -> Any:
    return {
        "ownerTypeId": 2, "ownerId": w.deal, "deadline": "2026-12-01T10:00:00+01:00",
        "title": "To do", "description": "Call back", "responsibleId": 1,
    }  # fmt: skip


def category(w: World, _e: Any) -> Any:
    return {"entityTypeId": 2, "fields": {"name": f"Funnel {w.next()}", "sort": 500}}


def currency(w: World, _e: Any) -> Any:
    code = "X" + chr(65 + w.next() // 26 % 26) + chr(65 + w.number % 26)
    lang = {"en": {"FULL_NAME": "Coin", "DECIMALS": 2, "FORMAT_STRING": "# c", "DEC_POINT": ".",
                   "THOUSANDS_VARIANT": "C", "HIDE_ZERO": "N"}}  # fmt: skip
    return {"fields": {"CURRENCY": code, "AMOUNT": 2, "AMOUNT_CNT": 1, "SORT": 300, "LANG": lang}}


def new_currency(w: World) -> str:
    params = currency(w, None)
    w.result("crm.currency.add", params)
    return params["fields"]["CURRENCY"]


def status(w: World, _e: Any) -> Any:
    return {
        "fields": {"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": f"S{w.next()}", "NAME": "Shape",
                   "SORT": 600, "COLOR": "#112233", "SEMANTICS": "F"}
    }  # fmt: skip


def comment(w: World, _e: Any) -> Any:
    return {
        "fields": {"ENTITY_ID": w.deal, "ENTITY_TYPE": "deal", "COMMENT": "Said",
                   "FILES": [["1.png", PNG]]}
    }  # fmt: skip


def smart_type(w: World, _e: Any) -> Any:
    return {
        "fields": {
            "title": f"Process {w.next()}", "isCategoriesEnabled": "Y", "isStagesEnabled": "Y",
            "isClientEnabled": "Y", "isLinkWithProductsEnabled": "Y", "isObserversEnabled": "Y",
            "isBeginCloseDatesEnabled": "Y", "isSourceEnabled": "Y", "isUseInUserfieldEnabled": "Y",
            "isMycompanyEnabled": "Y", "isAutomationEnabled": "Y", "isBizProcEnabled": "Y",
        }
    }  # fmt: skip


def type_id(w: World) -> int:
    return int(w.result("crm.type.add", smart_type(w, None))["type"]["id"])


def field_config(w: World, e: Any) -> Any:
    result = (e or {}).get("result") or {}
    example = (
        result.get("field") or (result.get("fields") or [{}])[0] if isinstance(result, dict) else {}
    )
    kind = example.get("userTypeId") or "enumeration"
    field: dict[str, Any] = {
        "entityId": "CRM_DEAL", "fieldName": f"UF_CRM_SHAPE_{w.next()}", "userTypeId": kind,
        "editFormLabel": {"en": "Shape", "fr": "Forme"}, "multiple": "Y",
    }  # fmt: skip
    if kind == "enumeration":
        field["enum"] = [{"value": "One"}, {"value": "Two", "def": "Y"}]
    return {"moduleId": "crm", "field": field}


def item(w: World, e: Any) -> Any:
    given = (((e or {}).get("result") or {}).get("item") or {}) if isinstance(e, dict) else {}
    kind = int(given.get("entityTypeId") or 1)
    fields = {
        "title": f"Item {w.next()}", "opportunity": 999.9, "currencyId": "EUR",
        "companyId": w.company, "contactId": w.contact, "sourceId": "WEB", "comments": "x",
        "sourceDescription": "",
        "name": "Ann", "lastName": "Lee", "birthdate": "2000-01-01", "opened": "Y",
        "fm": {"0": {"valueType": "WORK", "value": "+33 1", "typeId": "PHONE"}},
    }  # fmt: skip
    return {"entityTypeId": kind if kind < 128 else w.type, "fields": fields}


def item_id(w: World, e: Any = None) -> dict[str, Any]:
    params = item(w, e)
    made = w.result("crm.item.add", params)["item"]["id"]
    return {"entityTypeId": params["entityTypeId"], "id": made}


def product_row(w: World, _e: Any) -> Any:
    return {
        "fields": {"ownerType": "D", "ownerId": w.deal, "productName": "Lampe", "price": 99.5,
                   "quantity": 2, "taxRate": 20, "taxIncluded": "Y", "measureCode": 796}
    }  # fmt: skip


def colleague(w: World, _e: Any) -> Any:
    return {
        "EMAIL": f"u{w.next()}@atelier.example", "NAME": "Bo", "LAST_NAME": "Li",
        "UF_DEPARTMENT": [1], "WORK_POSITION": "Sales", "PERSONAL_MOBILE": "+33 6",
        "PERSONAL_CITY": "Lyon", "PERSONAL_BIRTHDAY": "1990-01-01", "PERSONAL_GENDER": "F",
    }  # fmt: skip


def call(w: World, _e: Any) -> Any:
    return {
        "USER_ID": 1, "PHONE_NUMBER": PHONE[0]["VALUE"], "TYPE": 2, "CRM_ENTITY_TYPE": "CONTACT",
        "CRM_ENTITY_ID": w.contact, "CALL_START_DATE": "2026-03-10T11:19:38+01:00",
    }  # fmt: skip


def ringing(w: World, **more: Any) -> Any:
    return {
        "CALL_ID": w.result("telephony.externalcall.register", call(w, None))["CALL_ID"],
        **more,
    }


def finished(w: World, **more: Any) -> Any:
    params = ringing(w)
    w.result("telephony.externalcall.finish", {**params, "USER_ID": 1, "DURATION": 95})
    return {**params, **more}


def line(w: World, _e: Any) -> Any:
    return {"NUMBER": f"1415{w.next():07}", "NAME": "Support line", "CRM_AUTO_CREATE": "N"}


def number_of_line(w: World) -> Any:
    params = line(w, None)
    w.result("telephony.externalline.add", params)
    return {"NUMBER": params["NUMBER"]}


def record(w: World, e: Any) -> Any:
    content = {} if "uploadUrl" in e["result"] else {"FILE_CONTENT": PNG}
    return finished(w, FILENAME="1.mp3", **content)


def one_of(family: str, key: str = "id", **more: Any) -> Params:
    return lambda w, e: {key: w.add(family, e), **more}


CALLS |= {
    "crm.activity.add": activity,
    "crm.activity.fields": nothing,
    "crm.activity.get": one_of("crm.activity"),
    "crm.activity.delete": one_of("crm.activity"),
    "crm.activity.update": one_of("crm.activity", fields={"SUBJECT": "Other"}),
    "crm.activity.list": lambda w, e: {
        "filter": {"ID": w.add("crm.activity")}, "select": names_of(e) or ["*"]
    },
    "crm.activity.todo.add": todo,
    "crm.category.add": category,
    "crm.category.fields": lambda w, e: {"entityTypeId": 2},
    "crm.category.get": one_of("crm.category", entityTypeId=2),
    "crm.category.delete": one_of("crm.category", entityTypeId=2),
    "crm.category.update": one_of("crm.category", entityTypeId=2, fields={"sort": 700}),
    "crm.category.list": lambda w, e: {"entityTypeId": 2},
    "crm.currency.add": currency,
    "crm.currency.fields": nothing,
    "crm.currency.get": lambda w, e: {"id": new_currency(w)},
    "crm.currency.delete": lambda w, e: {"id": new_currency(w)},
    "crm.currency.update": lambda w, e: {"id": new_currency(w), "fields": {"AMOUNT": 3}},
    "crm.currency.list": nothing,
    "crm.currency.base.get": nothing,
    "crm.currency.base.set": lambda w, e: {"id": "EUR"},
    "crm.currency.localizations.fields": nothing,
    "crm.currency.localizations.get": lambda w, e: {"id": new_currency(w)},
    "crm.currency.localizations.delete": lambda w, e: {"id": new_currency(w), "lids": ["en"]},
    "crm.currency.localizations.set": lambda w, e: {
        "id": new_currency(w), "localizations": {"fr": {"FULL_NAME": "Couronne"}}
    },
    "crm.userfield.fields": nothing,
    "crm.userfield.enumeration.fields": nothing,
    "crm.userfield.settings.fields": lambda w, e: {"type": "double"},
    "userfieldconfig.gettypes": lambda w, e: {"moduleId": "crm"},
    "crm.activity.communication.fields": nothing,
    "crm.type.fields": nothing,
    "crm.enum.ownertype": lambda w, e: {"_": w.type},
    "crm.status.add": status,
    "crm.status.fields": nothing,
    "crm.status.get": one_of("crm.status"),
    "crm.status.delete": one_of("crm.status"),
    "crm.status.update": one_of("crm.status", fields={"NAME": "Other"}),
    "crm.status.list": lambda w, e: {"filter": {"ID": w.add("crm.status")}},
    "crm.status.entity.items": lambda w, e: {"entityId": "DEAL_STAGE"},
    "crm.status.entity.types": nothing,
    "crm.settings.mode.get": nothing,
    "crm.stagehistory.list": lambda w, e: {
        "entityTypeId": 1 if "STATUS_ID" in names_of(e) else 2,
        "filter": {"OWNER_ID": w.add("crm.lead" if "STATUS_ID" in names_of(e) else "crm.deal")},
    },
    "crm.timeline.comment.add": comment,
    "crm.timeline.comment.fields": nothing,
    "crm.timeline.comment.get": one_of("crm.timeline.comment"),
    "crm.timeline.comment.delete": one_of("crm.timeline.comment"),
    "crm.timeline.comment.update": one_of("crm.timeline.comment", fields={"COMMENT": "Other"}),
    "crm.timeline.comment.list": lambda w, e: {
        "filter": {"ENTITY_ID": w.deal, "ENTITY_TYPE": "deal", "ID": w.add("crm.timeline.comment")},
        "select": names_of(e),
    },
    "crm.type.add": smart_type,
    "crm.type.get": lambda w, e: {"id": type_id(w)},
    "crm.type.delete": lambda w, e: {"id": type_id(w)},
    "crm.type.update": lambda w, e: {"id": type_id(w), "fields": {"title": "Other"}},
    "crm.type.list": lambda w, e: {"filter": {"id": type_id(w)}},
    "crm.type.getbyentitytypeid": lambda w, e: {"entityTypeId": w.type},
    "crm.userfield.types": nothing,
    "crm.item.add": item,
    "crm.item.import": item,
    "crm.item.get": item_id,
    "crm.item.delete": item_id,
    "crm.item.update": lambda w, e: {**item_id(w, e), "fields": {"title": "Other"}},
    "crm.item.fields": lambda w, e: {"entityTypeId": w.type},
    "crm.item.list": lambda w, e: {
        "entityTypeId": 1, "filter": {"id": item_id(w)["id"]}, "select": names_of(e) or ["*"]
    },
    "crm.item.productrow.add": product_row,
    "crm.item.productrow.fields": nothing,
    "crm.item.productrow.get": one_of("crm.item.productrow"),
    "crm.item.productrow.delete": one_of("crm.item.productrow"),
    "crm.item.productrow.update": one_of("crm.item.productrow", fields={"price": 5}),
    "crm.item.productrow.list": lambda w, e: {
        "filter": {"=ownerType": "D", "=ownerId": w.deal, "=id": w.add("crm.item.productrow")}
    },
    "crm.item.productrow.set": lambda w, e: {
        "ownerType": "D", "ownerId": w.add("crm.deal"),
        "productRows": [{"productName": "Lampe", "price": 10.5, "quantity": 1}],
    },
    "crm.item.productrow.getavailableforpayment": lambda w, e: {
        "ownerType": "D", "ownerId": w.deal
    },
    "user.add": colleague,
    "user.current": nothing,
    "user.fields": nothing,
    "user.get": lambda w, e: {"ID": w.user},
    "user.search": lambda w, e: {"FILTER": {"ID": w.user}},
    "user.update": lambda w, e: {"ID": w.user, "WORK_POSITION": "Head"},
    "userfieldconfig.add": field_config,
    "userfieldconfig.get": one_of("userfieldconfig", moduleId="crm"),
    "userfieldconfig.delete": one_of("userfieldconfig", moduleId="crm"),
    "userfieldconfig.update": one_of("userfieldconfig", moduleId="crm", field={"sort": 300}),
    "userfieldconfig.list": lambda w, e: {
        "moduleId": "crm", "filter": {"id": w.add("userfieldconfig", e)},
        "select": {"0": "*", "language": "en"},
    },
    "voximplant.statistic.get": lambda w, e: {"FILTER": {"CALL_ID": finished(w)["CALL_ID"]}},
    "telephony.externalcall.register": call,
    "telephony.externalcall.finish": lambda w, e: ringing(
        w, USER_ID=1, DURATION=95, STATUS_CODE="200", VOTE=5
    ),
    "telephony.externalcall.show": lambda w, e: ringing(w, USER_ID=1),
    "telephony.externalcall.hide": lambda w, e: ringing(w, USER_ID=1),
    "telephony.externalcall.attachrecord": record,
    "telephony.externalcall.searchcrmentities": lambda w, e: {
        "PHONE_NUMBER": PHONE[0]["VALUE"] if w.contact else ""
    },
    "telephony.externalline.add": line,
    "telephony.externalline.get": lambda w, e: number_of_line(w),
    "telephony.externalline.update": lambda w, e: {**number_of_line(w), "NAME": "Other"},
    "telephony.externalline.delete": lambda w, e: number_of_line(w),
}  # fmt: skip
