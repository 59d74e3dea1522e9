"""The calls behind the captured answers of real portals, made again on the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from shape_calls import item, smart_type
from shape_world import World, row

Answer = Callable[[World, list[Any]], list[Any]]


def plain(method: str, params: Callable[[World], Any] = lambda w: {}) -> Answer:
    """One call; its whole answer."""
    return lambda w, theirs: [w.client.call(method, params(w)).json()]


def batch(commands: Callable[[World], Any]) -> Answer:
    """One batch; its whole answer."""
    return lambda w, theirs: [w.client.call("batch", {"halt": 0, "cmd": commands(w)}).json()]


def pages(method: str, query: str = "", **first: Any) -> Answer:
    """A first page alone, the following ones in batches, as the captured ones were asked for."""

    def ask(w: World, theirs: list[Any]) -> list[Any]:
        ours = [w.client.call(method, first).json()]
        for answer in theirs[1:]:
            cmd = {
                key: f"{method}?{query}&start={50 * (place + 1)}"
                for place, key in enumerate(answer["result"]["result"])
            }
            ours.append(w.client.call("batch", {"halt": 0, "cmd": cmd}).json())
        return ours

    return ask


def task(w: World) -> Any:
    return {
        "fields": {
            "TITLE": "Task", "DESCRIPTION": "x", "RESPONSIBLE_ID": 1, "TAGS": ["tag"],
            "DEADLINE": "2026-12-09T01:00:00+01:00",
        }
    }  # fmt: skip


def many_tasks(w: World, theirs: list[Any]) -> list[Any]:
    for _ in range(3):
        w.result("batch", {"cmd": ["tasks.task.add?" + urlencode(
            {"fields[TITLE]": "T", "fields[RESPONSIBLE_ID]": 1})] * 40})  # fmt: skip
    return pages("tasks.task.list", "select[]=ID&select[]=STATUS", select=["ID", "STATUS"])(
        w, theirs
    )


def linked(w: World) -> int:
    company = w.add("crm.company")
    w.result("crm.company.contact.add", {"id": company, "fields": {"CONTACT_ID": w.contact}})
    return company


def rows_of_an_item(w: World) -> str:
    made = w.result("crm.item.add", {**item(w, None), "entityTypeId": w.type})["item"]
    owner = {"ownerType": f"T{w.type:x}", "ownerId": made["id"]}
    sent = row()
    rows = [{"productName": sent["PRODUCT_NAME"], "price": 0, "quantity": 0.06, "taxRate": None}]
    w.result("crm.item.productrow.set", {**owner, "productRows": rows})
    return (
        f"crm.item.productrow.list?filter[=ownerType]={owner['ownerType']}"
        f"&filter[=ownerId]={owner['ownerId']}"
    )


def dated_items(w: World) -> Any:
    """Items of a smart process with a date of its own; list two of its fields and that date."""
    made = w.result("crm.type.add", smart_type(w, None))["type"]
    kind, number = made["entityTypeId"], made["id"]
    field = {"entityId": f"CRM_{number}", "fieldName": f"UF_CRM_{number}_171", "userTypeId": "date"}
    w.result("userfieldconfig.add", {"moduleId": "crm", "field": field})
    name = f"ufCrm{number}_171"
    for day in (1, 2, 3):
        fields = {"title": f"t{day}", name: f"2026-03-0{day}"}
        w.result("crm.item.add", {"entityTypeId": kind, "fields": fields})
    return {"entityTypeId": kind, "select": ["id", "title", name]}


def hours(w: World, *seconds: int) -> str:
    """List the time spent on a new task."""
    fields = {"TITLE": "Timed", "RESPONSIBLE_ID": 1}
    task = w.result("tasks.task.add", {"fields": fields})["task"]["id"]
    for each in seconds:
        entry = {"TASKID": task, "FIELDS": {"SECONDS": each}}
        w.result("task.elapseditem.add", entry)
    return f"task.elapseditem.getlist?TASKID={task}"


CAPTURED: dict[str, Answer] = {
    "task_elapseditem_getlist_mixed_types": batch(
        lambda w: {"145572": hours(w), "144518": hours(w, 300, 300)}
    ),
    "batch_list_empty": batch(lambda w: {"order0000000000": "crm.lead.list?filter[ID]=-1"}),
    "call_batch": batch(
        lambda w: {
            "statuses": "crm.status.entity.items?entityId=STATUS",
            "sources": "crm.status.entity.items?entityId=SOURCE",
        }
    ),
    "call_several_success": batch(
        lambda w: {f"order{n}": f"crm.lead.get?id={w.add('crm.lead')}" for n in range(3)}
    ),
    "call_single_success": batch(lambda w: {"order0": f"crm.lead.get?id={w.add('crm.lead')}"}),
    "crm_category_list": plain("crm.category.list", lambda w: {"entityTypeId": 2}),
    "crm_company_contact_items_get": batch(
        lambda w: {"205364": f"crm.company.contact.items.get?id={linked(w)}"}
    ),
    "crm_contact_add_batch": batch(
        lambda w: {"order0000000000": "crm.contact.add?fields[NAME]=Ann"}
    ),
    "crm_dealcategory_stage_list": batch(
        lambda w: {str(n): f"crm.dealcategory.stage.list?ID={n}&" for n in (2, 1, 0)}
    ),
    "crm_dealcategory_stage_list_batch_of_one": batch(
        lambda w: {"0": "crm.dealcategory.stage.list?ID=0&"}
    ),
    "crm_get_batch_mix_success_and_errors": batch(
        lambda w: {
            "0": "crm.lead.get?ID=0",
            "1": "crm.lead.get?ID=999999999",
            "35943": f"crm.lead.get?ID={w.add('crm.lead')}",
        }
    ),
    "crm_get_batch_of_two_error": batch(
        lambda w: {"0": "crm.lead.get?ID=0", "1": "crm.lead.get?ID=999999999"}
    ),
    "crm_item_add": batch(
        lambda w: {"order0000000000": f"crm.item.add?entityTypeId={w.type}&fields[title]=a"}
    ),
    "crm_item_list": plain("crm.item.list", dated_items),
    "crm_item_productrow_list": batch(lambda w: {"cmd0000000000": rows_of_an_item(w)}),
    "crm_lead_fields_success": plain("crm.lead.fields"),
    "crm_lead_get_batch_error": batch(lambda w: {"0": "crm.lead.get?ID=0"}),
    "crm_lead_list_one_page_success": plain(
        "crm.lead.list", lambda w: {"select": ["ID", "TITLE"], "filter": {"<ID": 20}}
    ),
    "crm_lead_list_several_pages_success": pages(
        "crm.lead.list", "select[]=ID&select[]=TITLE", select=["ID", "TITLE"]
    ),
    "crm_stagehistory_list": batch(
        lambda w: {
            "order0000000000": "crm.stagehistory.list?entityTypeId=2&filter[STAGE_ID]=EXECUTING"
            "&select[]=ID&select[]=OWNER_ID&select[]=STAGE_ID&select[]=CREATED_TIME"
        }
    ),
    "get_all_tasks": many_tasks,
    "single_add": plain("tasks.task.add", task),
    "stagehistory": pages("crm.stagehistory.list", "entityTypeId=2", entityTypeId=2),
    "user_fields": plain("user.fields"),
}
