"""Calls of the shape tests about requisites, addresses and the CRM's fixed lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shape_calls import one_of, user_field_calls
from shape_world import CALLS, World, nothing

Call = Callable[[World, Any], Any]
LINKED = ("REQUISITE_ID", "BANK_DETAIL_ID", "MC_REQUISITE_ID", "MC_BANK_DETAIL_ID")


def requisite(w: World, _e: Any) -> Any:
    return {"fields": {"ENTITY_TYPE_ID": 4, "ENTITY_ID": w.company, "PRESET_ID": 1, "NAME": "Main"}}


def made(w: World) -> int:
    return int(w.result("crm.requisite.add", requisite(w, None)))


def account(w: World, _e: Any) -> Any:
    return {"fields": {"ENTITY_ID": made(w), "NAME": "Bank", "RQ_IBAN": "FR76", "SORT": 100}}


def preset(w: World, _e: Any) -> Any:
    return {"fields": {"ENTITY_TYPE_ID": 8, "COUNTRY_ID": 132, "NAME": f"Preset {w.next()}"}}


def of_preset(w: World, **more: Any) -> Any:
    return {"preset": {"ID": w.result("crm.requisite.preset.add", preset(w, None))}, **more}


def shown(w: World, **more: Any) -> Any:
    params = of_preset(w, fields={"FIELD_NAME": "RQ_NAME", "FIELD_TITLE": "Name"})
    number = w.result("crm.requisite.preset.field.add", params)
    return {**params, "id": number, **more}


def link(w: World, _e: Any) -> Any:
    deal = w.result("crm.deal.add", {"fields": {"TITLE": "x", "COMPANY_ID": w.company}})
    owner = {"ENTITY_TYPE_ID": 2, "ENTITY_ID": deal}
    return {"fields": {**owner, **dict.fromkeys(LINKED, 0), "REQUISITE_ID": made(w)}}


def linked(w: World) -> Any:
    params = link(w, None)
    w.result("crm.requisite.link.register", params)
    return params["fields"]


def of_link(w: World, _e: Any) -> Any:
    return {"entityTypeId": 2, "entityId": linked(w)["ENTITY_ID"]}


def address(w: World, _e: Any) -> Any:
    place = {"CITY": "Lyon", "ADDRESS_1": "1 rue A", "COUNTRY": "France"}
    return {"fields": {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": made(w), **place}}


def located(w: World, _e: Any = None) -> Any:
    params = address(w, None)
    w.result("crm.address.add", params)
    return params


def many(times: int, make: Callable[[], Any]) -> list[Any]:
    return [make() for _ in range(times)]


def addresses(w: World, example: Any) -> Any:
    made_ones = many(len(example["result"]), lambda: located(w)["fields"]["ENTITY_ID"])
    return {"filter": {"ENTITY_TYPE_ID": 8, "@ENTITY_ID": made_ones}}


def listing(add: str, make: Call) -> Call:
    """List as many new records as the example has, with the fields that its rows have."""

    def call(w: World, example: Any) -> Any:
        ids = many(len(example["result"]), lambda: w.result(add, make(w, None)))
        names = sorted({name for row in example["result"] for name in row})
        return {"filter": {"@ID": ids}, "select": [n for n in names if n[:3] != "UF_"] or ["ID"]}

    return call


def product(w: World, _e: Any) -> Any:
    return {"fields": {"name": f"Lamp {w.next()}", "iblockId": 24, "measure": 5, "sort": 100}}


def product_id(w: World) -> int:
    return int(w.result("catalog.product.add", product(w, None))["element"]["id"])


def price(w: World, _e: Any = None) -> Any:
    price = {"catalogGroupId": 1, "price": 10.5, "currency": "EUR"}
    return {"fields": {"productId": product_id(w), **price}}


def price_id(w: World) -> int:
    return int(w.result("catalog.price.add", price(w))["price"]["id"])


def products(w: World, example: Any) -> Any:
    rows = example["result"]["products"]
    ids = many(len(rows), lambda: product_id(w))
    return {"filter": {"iblockId": 24, "@id": ids}, "select": ["*"]}


def prices(w: World, example: Any) -> Any:
    rows = example["result"]["prices"]
    return {"filter": {"@id": many(len(rows), lambda: price_id(w))}, "select": list(rows[0])}


def busy(w: World) -> Any:
    owner = w.add("crm.deal")
    fields = {"OWNER_TYPE_ID": 2, "OWNER_ID": owner, "TYPE_ID": 1, "SUBJECT": "x",
              "COMMUNICATIONS": [{"TYPE": "PHONE", "VALUE": "1"}]}  # fmt: skip
    return {"activityId": w.result("crm.activity.add", {"fields": fields}), "owner": owner}


def binding(w: World, _e: Any) -> Any:
    number = busy(w)["activityId"]
    return {"activityId": number, "entityTypeId": 2, "entityId": w.add("crm.deal")}


def doubly(w: World, _e: Any) -> Any:
    params = binding(w, None)
    w.result("crm.activity.binding.add", params)
    return params


def moving(w: World, _e: Any) -> Any:
    made = busy(w)
    return {
        "activityId": made["activityId"],
        "sourceEntityTypeId": 2,
        "sourceEntityId": made["owner"],
        "targetEntityTypeId": 2,
        "targetEntityId": w.add("crm.deal"),
    }


def todo(**more: Any) -> Call:
    def call(w: World, _e: Any) -> Any:
        owner = {"ownerTypeId": 2, "ownerId": w.add("crm.deal")}
        due = {"deadline": "2026-12-01T10:00:00+01:00"}
        return {"id": w.result("crm.activity.todo.add", {**owner, **due})["id"], **owner, **more}

    return call


def twins(w: World, _e: Any) -> Any:
    mail = f"twin{w.next()}@example.org"
    fields = {"NAME": "Twin", "EMAIL": [{"VALUE": mail}]}
    many(2, lambda: w.result("crm.contact.add", {"fields": fields}))
    return {"type": "EMAIL", "values": [mail]}


def imported(w: World, example: Any) -> Any:
    rows = example["result"]["items"]
    data = [{"title": "x"} if "item" in row else {"stageId": "no"} for row in rows]
    return {"entityTypeId": 4, "data": data}


CALLS |= {
    "crm.requisite.add": requisite,
    "crm.requisite.fields": nothing,
    "crm.requisite.get": one_of("crm.requisite"),
    "crm.requisite.delete": one_of("crm.requisite"),
    "crm.requisite.update": one_of("crm.requisite", fields={"NAME": "Other"}),
    "crm.requisite.list": listing("crm.requisite.add", requisite),
    "crm.requisite.bankdetail.add": account,
    "crm.requisite.bankdetail.fields": nothing,
    "crm.requisite.bankdetail.get": one_of("crm.requisite.bankdetail"),
    "crm.requisite.bankdetail.delete": one_of("crm.requisite.bankdetail"),
    "crm.requisite.bankdetail.update": one_of("crm.requisite.bankdetail", fields={"NAME": "B"}),
    "crm.requisite.bankdetail.list": listing("crm.requisite.bankdetail.add", account),
    "crm.requisite.preset.add": preset,
    "crm.requisite.preset.fields": nothing,
    "crm.requisite.preset.countries": nothing,
    "crm.requisite.preset.get": one_of("crm.requisite.preset"),
    "crm.requisite.preset.delete": one_of("crm.requisite.preset"),
    "crm.requisite.preset.update": one_of("crm.requisite.preset", fields={"NAME": "Other"}),
    "crm.requisite.preset.list": listing("crm.requisite.preset.add", preset),
    "crm.requisite.preset.field.add": lambda w, e: of_preset(w, fields={"FIELD_NAME": "RQ_NAME"}),
    "crm.requisite.preset.field.fields": nothing,
    "crm.requisite.preset.field.availabletoadd": lambda w, e: of_preset(w),
    "crm.requisite.preset.field.get": lambda w, e: shown(w),
    "crm.requisite.preset.field.delete": lambda w, e: shown(w),
    "crm.requisite.preset.field.update": lambda w, e: shown(w, fields={"FIELD_NAME": "RQ_NAME"}),
    "crm.requisite.preset.field.list": lambda w, e: {"preset": {"ID": 1}},
    "crm.requisite.link.fields": nothing,
    "crm.requisite.link.register": link,
    "crm.requisite.link.get": of_link,
    "crm.requisite.link.unregister": of_link,
    "crm.requisite.link.list": lambda w, e: {
        "filter": {"@ENTITY_ID": [linked(w)["ENTITY_ID"] for _ in e["result"]]}
    },
    "crm.address.fields": nothing,
    "crm.address.add": address,
    "crm.address.list": addresses,
    "crm.address.delete": located,
    "crm.address.update": located,
    "crm.activity.binding.add": binding,
    "crm.activity.binding.delete": doubly,
    "crm.activity.binding.list": doubly,
    "crm.activity.binding.move": moving,
    "crm.activity.todo.update": todo(title="x"),
    "crm.activity.todo.updatecolor": todo(colorId="1"),
    "crm.activity.todo.updatedeadline": todo(value="2026-12-02T10:00:00+01:00"),
    "crm.activity.todo.updatedescription": todo(value="x"),
    "crm.activity.todo.updateresponsibleuser": todo(responsibleId=1),
    "crm.duplicate.findbycomm": twins,
    "crm.item.batchimport": imported,
    "crm.multifield.fields": nothing,
    "catalog.catalog.get": lambda w, e: {"id": 24},
    "catalog.catalog.list": nothing,
    "catalog.product.add": product,
    "catalog.product.get": lambda w, e: {"id": product_id(w)},
    "catalog.product.list": products,
    "catalog.product.delete": lambda w, e: {"id": product_id(w)},
    "catalog.product.update": lambda w, e: {"id": product_id(w), "fields": {"name": "Desk"}},
    "catalog.product.getfieldsbyfilter": lambda w, e: {"filter": {"iblockId": 24}},
    "catalog.price.add": price,
    "catalog.price.get": lambda w, e: {"id": price_id(w)},
    "catalog.price.list": prices,
    "catalog.price.delete": lambda w, e: {"id": price_id(w)},
    "catalog.price.update": lambda w, e: {
        "id": price_id(w), "fields": {"price": 11.5, "currency": "EUR"},
    },
    **{
        f"crm.enum.{name}": nothing
        for name in (
            "activitytype", "activitydirection", "activitypriority", "activitystatus",
            "activitynotifytype", "contenttype", "addresstype", "settings.mode", "fields",
            "ownertype",
        )
    },
}  # fmt: skip

user_field_calls("crm.requisite")
