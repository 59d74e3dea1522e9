"""Further subjects of `sdk_scenarios`: what hangs on tasks, records and products; chats."""

from __future__ import annotations

from typing import Any

from sdk_scenarios import name


def products(b24: Any, app: Any) -> None:
    (catalog, *_more) = b24.catalog.catalog.list().result["catalogs"]
    assert b24.catalog.catalog.get(catalog["iblockId"]).result["catalog"]["name"] == catalog["name"]
    fields = {"iblockId": catalog["iblockId"], "name": name("Lamp")}
    product = b24.catalog.product.add(fields).result["element"]
    number = product["id"]
    assert b24.catalog.product.get(number).result["product"]["name"] == fields["name"]
    changed = b24.catalog.product.update(number, {"name": "Other lamp"}).result["element"]
    assert changed["name"] == "Other lamp"
    wanted = {"iblockId": catalog["iblockId"], "id": number}
    found = b24.catalog.product.list(["id", "iblockId", "name"], wanted).result["products"]
    assert [row["name"] for row in found] == ["Other lamp"]
    price = {"catalogGroupId": 1, "currency": "EUR", "price": 20, "productId": number}
    made = b24.catalog.price.add(price).result["price"]
    assert b24.catalog.price.get(made["id"]).result["price"]["price"] == 20
    b24.catalog.price.update(made["id"], {"price": 25, "currency": "EUR"}).result  # noqa: B018 - calls
    prices = b24.catalog.price.list(filter={"productId": number}).result["prices"]
    assert [row["price"] for row in prices] == [25]
    assert b24.catalog.price.delete(made["id"]).result is True
    assert b24.catalog.product.delete(number).result is True


def task_details(b24: Any, app: Any) -> None:
    fields = {"TITLE": name("Task"), "RESPONSIBLE_ID": 1}
    task = int(b24.tasks.task.add(fields).result["task"]["id"])
    comment = int(b24.task.commentitem.add(task, {"POST_MESSAGE": "Said"}).result)
    assert b24.task.commentitem.get(task, comment).result["POST_MESSAGE"] == "Said"
    assert len(b24.task.commentitem.getlist(task).result) == 1
    point = int(b24.task.checklistitem.add(task, {"TITLE": "Point"}).result)
    b24.task.checklistitem.complete(task, point).result  # noqa: B018 - calls
    (row,) = [
        each for each in b24.task.checklistitem.getlist(task).result if each["TITLE"] == "Point"
    ]
    assert row["IS_COMPLETE"] == "Y"
    spent = int(b24.task.elapseditem.add(task, {"SECONDS": 300, "COMMENT_TEXT": "x"}).result)
    assert b24.task.elapseditem.get(task, spent).result["SECONDS"] == "300"
    b24.task.elapseditem.delete(task, spent).result  # noqa: B018 - calls
    b24.tasks.task.start(task).result  # noqa: B018 - calls
    assert b24.tasks.task.get(task, select=["STATUS"]).result["task"]["status"] == "3"
    b24.tasks.task.pause(task).result  # noqa: B018 - calls
    b24.tasks.task.defer(task).result  # noqa: B018 - calls
    b24.tasks.task.renew(task).result  # noqa: B018 - calls
    assert b24.tasks.task.delete(task).result


def bindings(b24: Any, app: Any) -> None:
    deal, other = (b24.crm.deal.add({"TITLE": name("Deal")}).result for _ in range(2))
    call = {"OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 2, "SUBJECT": "Call",
            "COMMUNICATIONS": [{"VALUE": "+33 1", "TYPE": "PHONE"}]}  # fmt: skip
    number = b24.crm.activity.add(call).result
    assert b24.crm.activity.binding.add(number, 2, other).result is True
    bound = b24.crm.activity.binding.list(number).result
    assert {int(each["entityId"]) for each in bound} == {deal, other}
    assert b24.crm.activity.binding.delete(number, 2, other).result is True
    assert b24.crm.activity.binding.move(number, 2, deal, 2, other).result is True


def duplicates(b24: Any, app: Any) -> None:
    phone = "+33 1 99 88 77 66"
    contact = b24.crm.contact.add(
        {"NAME": "Ann", "PHONE": [{"VALUE": phone, "VALUE_TYPE": "WORK"}]}
    ).result
    found = b24.crm.duplicate.findbycomm("PHONE", [phone]).result
    assert contact in found["CONTACT"]


def imports(b24: Any, app: Any) -> None:
    rows = [{"title": f"{name('Row')}"} for _ in range(3)]
    made = b24.crm.item.batch_import(2, rows).result["items"]
    assert len(made) == 3


def presets_and_links(b24: Any, app: Any) -> None:
    preset = b24.crm.requisite.preset.add(
        {"ENTITY_TYPE_ID": 8, "COUNTRY_ID": 132, "NAME": name("Preset")}
    ).result
    assert b24.crm.requisite.preset.get(preset).result["ID"] == str(preset)
    assert b24.crm.requisite.preset.countries().result
    company = b24.crm.company.add({"TITLE": name("Company")}).result
    fields = {"ENTITY_TYPE_ID": 4, "ENTITY_ID": company, "PRESET_ID": preset, "NAME": "Main"}
    requisite = b24.crm.requisite.add(fields).result
    deal = b24.crm.deal.add({"TITLE": name("Deal"), "COMPANY_ID": company}).result
    link = {"ENTITY_TYPE_ID": 2, "ENTITY_ID": deal, "REQUISITE_ID": requisite, "BANK_DETAIL_ID": 0,
            "MC_REQUISITE_ID": 0, "MC_BANK_DETAIL_ID": 0}  # fmt: skip
    assert b24.crm.requisite.link.register(link).result is True
    assert b24.crm.requisite.link.get(2, deal).result["REQUISITE_ID"] == str(requisite)
    assert b24.crm.requisite.link.list(filter={"ENTITY_ID": deal, "ENTITY_TYPE_ID": 2}).result
    assert b24.crm.requisite.link.unregister(2, deal).result is True


def chats(b24: Any, app: Any) -> None:
    chat = b24.im.chat.add(users=[1], title=name("Chat"), type="CHAT").result
    assert b24.im.dialog.get(f"chat{chat}").result["id"] == chat
    message = b24.im.message.add(f"chat{chat}", message="Hello").result
    assert b24.im.message.update(message, message="Hello again").result is True
    read = b24.im.dialog.messages.get(f"chat{chat}").result["messages"]
    assert "Hello again" in [each["text"] for each in read]
    assert 1 in [int(each) for each in b24.im.chat.user.list(chat).result]
    assert b24.im.chat.update_title("Other", chat_id=chat).result is True
    assert b24.im.message.delete(message).result is True


DETAILS = (
    products, task_details, bindings, duplicates, imports, presets_and_links, chats,
)  # fmt: skip
