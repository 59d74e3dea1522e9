"""What people write with fast-bitrix24, subject by subject; each checks what it gets back.

Run as a program (the question on standard input, the outcomes on standard output), so that aiohttp
finds the portal's authority in its environment when it is imported.
"""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from fast_bitrix24 import Bitrix

OLD = (
    ("crm.lead", "TITLE"),
    ("crm.deal", "TITLE"),
    ("crm.contact", "NAME"),
    ("crm.company", "TITLE"),
    ("crm.quote", "TITLE"),
    ("crm.product", "NAME"),
)


def old_entities(b: Bitrix, _asked: Any) -> None:
    for entity, field in OLD:
        number = b.call(f"{entity}.add", {"fields": {field: "First"}})
        record = b.get_by_ID(f"{entity}.get", [number])  # one alone comes without its id
        assert record[field] == "First", (entity, record)
        b.call(f"{entity}.update", {"id": number, "fields": {field: "Second"}})
        rows = b.get_all(f"{entity}.list", {"filter": {"ID": number}})
        assert [row[field] for row in rows] == ["Second"], (entity, rows)
        assert field in b.get_all(f"{entity}.fields")
        b.call(f"{entity}.delete", {"id": number})
        assert b.get_all(f"{entity}.list", {"filter": {"ID": number}}) == []


def items(b: Bitrix, _asked: Any) -> None:
    for kind in (1, 2, 3, 4, 7, 31):
        field = "name" if kind == 3 else "title"
        made = b.call("crm.item.add", {"entityTypeId": kind, "fields": {field: "One"}})
        number = made.get("item", made)["id"]
        b.call("crm.item.update", {"entityTypeId": kind, "id": number, "fields": {field: "Two"}})
        rows = b.get_all("crm.item.list", {"entityTypeId": kind, "filter": {"id": number}})
        assert [row[field] for row in rows] == ["Two"], (kind, rows)
        b.call("crm.item.delete", {"entityTypeId": kind, "id": number})


def around_a_deal(b: Bitrix, _asked: Any) -> None:
    deal = b.call("crm.deal.add", {"fields": {"TITLE": "Deal"}})
    contact = b.call("crm.contact.add", {"fields": {"NAME": "Ann"}})
    b.call("crm.deal.contact.add", {"id": deal, "fields": {"CONTACT_ID": contact}})
    linked = b.call("crm.deal.contact.items.get", {"id": deal}, raw=True)["result"]
    assert [row["CONTACT_ID"] for row in linked] == [contact]
    row = {"PRODUCT_NAME": "Lampe", "PRICE": 10, "QUANTITY": 3}
    b.call("crm.deal.productrows.set", {"id": deal, "rows": [row]})
    rows = b.call("crm.deal.productrows.get", {"id": deal}, raw=True)["result"]
    assert [each["PRICE"] for each in rows] == [10]
    of = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}
    b.call("crm.timeline.comment.add", {"fields": {**of, "COMMENT": "Said"}})
    said = b.get_all("crm.timeline.comment.list", {"filter": of})
    assert [each["COMMENT"] for each in said] == ["Said"]
    todo = {"ownerTypeId": 2, "ownerId": deal, "deadline": "2026-12-01T09:00:00", "title": "Call"}
    b.call("crm.activity.todo.add", todo)
    owned = {"filter": {"OWNER_TYPE_ID": 2, "OWNER_ID": deal}}
    assert len(b.get_all("crm.activity.list", owned)) == 1
    past = {"entityTypeId": 2, "filter": {"OWNER_ID": deal}}
    assert [each["STAGE_ID"] for each in b.get_all("crm.stagehistory.list", past)] == ["NEW"]


def directories(b: Bitrix, _asked: Any) -> None:
    assert b.get_all("crm.status.list", {"filter": {"ENTITY_ID": "SOURCE"}})
    assert b.get_all("crm.category.list", {"entityTypeId": 2})
    assert b.get_all("crm.currency.list")
    assert b.get_all("crm.userfield.types")
    assert b.get_all("crm.deal.userfield.list") == []
    assert b.get_all("disk.storage.getlist")
    assert b.get_by_ID("crm.dealcategory.stage.list", [0])
    assert b.call("scope", raw=True)["result"]
    assert b.call("server.time", raw=True)["result"]


def people_and_tasks(b: Bitrix, _asked: Any) -> None:
    assert b.get_all("user.get", {"filter": {"ACTIVE": True}})
    assert b.get_all("department.get")
    task = b.call("tasks.task.add", {"fields": {"TITLE": "Task", "RESPONSIBLE_ID": 1}})
    assert task.get("task", task)["title"] == "Task"
    rows = b.get_all("tasks.task.list", {"select": ["ID", "TITLE"]})
    assert "Task" in [row["title"] for row in rows]
    assert b.call("im.notify.system.add", {"USER_ID": 1, "MESSAGE": "Hello"})


def several_pages(b: Bitrix, _asked: Any) -> None:
    b.call("crm.lead.add", [{"fields": {"TITLE": "many"}} for _ in range(120)])
    rows = b.get_all("crm.lead.list", {"filter": {"TITLE": "many"}, "select": ["ID"]})
    assert len({row["ID"] for row in rows}) == 120
    answers = b.call_batch({"halt": 0, "cmd": {"a": "crm.lead.list", "b": "profile"}})
    assert len(answers["a"]) == 50


def application(_b: Bitrix, asked: Any) -> None:
    tokens = iter(["expired", asked["token"]])

    async def token() -> str:
        return next(tokens)

    b = Bitrix(asked["endpoint"], token_func=token, verbose=False)
    assert isinstance(b.get_all("crm.deal.list"), list)


SCENARIOS = (
    old_entities, items, around_a_deal, directories, people_and_tasks, several_pages, application,
)  # fmt: skip


def main() -> None:
    asked = json.load(sys.stdin)
    bitrix = Bitrix(
        asked["webhook"], verbose=False, requests_per_second=100.0, request_pool_size=500
    )
    outcomes = {}
    for scenario in SCENARIOS:
        try:
            scenario(bitrix, asked)
            outcomes[scenario.__name__] = ""
        except Exception:
            outcomes[scenario.__name__] = traceback.format_exc(limit=-3)
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
