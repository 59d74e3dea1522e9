"""What people write with b24pysdk, subject by subject; each checks what it gets back.

A scenario takes the SDK's client of a webhook and that of an application, and nothing of ours.
"""

from __future__ import annotations

import base64
from datetime import datetime
from itertools import count
from typing import Any

NUMBERS = count(1)
LAMP = {"PRODUCT_NAME": "Lampe", "PRICE": 120.5, "QUANTITY": 2}


def name(what: str) -> str:
    return f"{what} {next(NUMBERS)}"


def portal(b24: Any, app: Any) -> None:
    assert b24.profile().result["ADMIN"] is True
    assert isinstance(b24.server.time().value, datetime)
    assert "crm" in b24.scope().result
    assert b24.method.get("crm.deal.add").result["isExisting"] is True
    assert b24.method.get("crm.no.such").result["isExisting"] is False
    assert app.app.info().result["STATUS"] == "L"
    assert b24.feature.get("rest_offline_extended").result["value"] in ("Y", "N")
    assert b24.user.admin().result is True


def deals(b24: Any, app: Any) -> None:
    title = name("Deal")
    number = b24.crm.deal.add({"TITLE": title, "OPPORTUNITY": 1500.5}).result
    deal = b24.crm.deal.get(number).result
    assert (deal["TITLE"], deal["OPPORTUNITY"], deal["STAGE_ID"]) == (title, "1500.50", "NEW")
    assert b24.crm.deal.update(number, {"STAGE_ID": "WON"}).result is True
    assert b24.crm.deal.get(number).result["STAGE_SEMANTIC_ID"] == "S"
    history = b24.crm.stagehistory.list(2, filter={"OWNER_ID": number}).result["items"]
    assert [row["STAGE_ID"] for row in history] == ["NEW", "WON"]
    found = b24.crm.deal.list(select=["ID"], filter={"=TITLE": title, ">=OPPORTUNITY": 1500})
    assert found.result == [{"ID": str(number)}]
    fields = b24.crm.deal.fields().result
    assert fields["STAGE_ID"]["type"] == "crm_status"
    assert b24.crm.deal.productrows.set(number, [LAMP]).result is True
    rows = b24.crm.deal.productrows.get(number).result
    assert [(row["PRODUCT_NAME"], row["PRICE"]) for row in rows] == [("Lampe", 120.5)]
    assert b24.crm.deal.delete(number).result is True
    assert b24.crm.deal.list(filter={"=TITLE": title}).result == []


def leads(b24: Any, app: Any) -> None:
    phone = [{"VALUE": "+33 1 55 00 11 22", "VALUE_TYPE": "WORK"}]
    number = b24.crm.lead.add({"TITLE": name("Lead"), "NAME": "Ann", "PHONE": phone}).result
    lead = b24.crm.lead.get(number).result
    assert lead["PHONE"][0]["VALUE"] == phone[0]["VALUE"]
    assert lead["HAS_PHONE"] == "Y"
    assert b24.crm.lead.update(number, {"STATUS_ID": "CONVERTED"}).result is True
    (row,) = b24.crm.lead.list(filter={"ID": number}, select=["STATUS_SEMANTIC_ID"]).result
    assert row == {"ID": str(number), "STATUS_SEMANTIC_ID": "S"}
    assert "STATUS_ID" in b24.crm.lead.fields().result
    assert b24.crm.lead.productrows.set(number, [LAMP]).result is True
    assert len(b24.crm.lead.productrows.get(number).result) == 1
    contact = b24.crm.contact.add({"NAME": "Bo"}).result
    assert b24.crm.lead.contact.add(number, {"CONTACT_ID": contact}).result is True
    assert [each["CONTACT_ID"] for each in b24.crm.lead.contact.items.get(number).result] == [
        contact
    ]
    assert b24.crm.lead.contact.items.delete(number).result is True
    assert b24.crm.lead.delete(number).result is True


def contacts_and_companies(b24: Any, app: Any) -> None:
    company = b24.crm.company.add({"TITLE": name("Company"), "COMPANY_TYPE": "CUSTOMER"}).result
    contact = b24.crm.contact.add({"NAME": "Ann", "LAST_NAME": "Lee", "COMPANY_ID": company}).result
    assert b24.crm.contact.get(contact).result["COMPANY_ID"] == str(company)
    assert b24.crm.contact.update(contact, {"POST": "Head"}).result is True
    assert b24.crm.contact.list(filter={"COMPANY_ID": company}).result[0]["POST"] == "Head"
    assert b24.crm.company.update(company, {"INDUSTRY": "IT"}).result is True
    assert b24.crm.company.get(company).result["INDUSTRY"] == "IT"
    assert b24.crm.company.list(filter={"ID": company}, select=["TITLE"]).result
    assert b24.crm.contact.fields().result["NAME"]["type"] == "string"
    assert b24.crm.company.fields().result["TITLE"]["isRequired"] is True
    other = b24.crm.contact.add({"NAME": "Bo"}).result
    assert b24.crm.company.contact.add(company, {"CONTACT_ID": other}).result is True
    linked = b24.crm.company.contact.items.get(company).result
    assert {each["CONTACT_ID"] for each in linked} == {contact, other}
    assert b24.crm.company.contact.delete(company, {"CONTACT_ID": other}).result is True
    companies = b24.crm.contact.company.items.get(contact).result
    assert [each["COMPANY_ID"] for each in companies] == [company]
    assert "CONTACT_ID" in b24.crm.company.contact.fields().result
    deal = b24.crm.deal.add({"TITLE": name("Deal")}).result
    links = [{"CONTACT_ID": contact, "SORT": 10, "IS_PRIMARY": "Y"}, {"CONTACT_ID": other}]
    assert b24.crm.deal.contact.items.set(deal, links).result is True
    assert len(b24.crm.deal.contact.items.get(deal).result) == 2
    assert b24.crm.deal.contact.delete(deal, {"CONTACT_ID": other}).result is True
    assert b24.crm.contact.delete(contact).result is True
    assert b24.crm.company.delete(company).result is True


def quotes(b24: Any, app: Any) -> None:
    number = b24.crm.quote.add({"TITLE": name("Quote"), "OPPORTUNITY": 10}).result
    assert b24.crm.quote.update(number, {"OPPORTUNITY": 20}).result is True
    assert b24.crm.quote.get(number).result["OPPORTUNITY"] == "20.00"
    assert b24.crm.quote.list(filter={"ID": number}).result[0]["ID"] == str(number)
    assert b24.crm.quote.productrows.set(number, [LAMP]).result is True
    assert b24.crm.quote.productrows.get(number).result[0]["QUANTITY"] == 2
    assert "QUOTE_NUMBER" in b24.crm.quote.fields().result
    assert b24.crm.quote.delete(number).result is True


def items(b24: Any, app: Any) -> None:
    for kind in (1, 2, 3, 4, 7, 31):
        text = name("Item")
        called = "name" if kind == 3 else "title"
        made = b24.crm.item.add(kind, {called: text}).result["item"]
        assert made[called] == text
        assert b24.crm.item.get(kind, made["id"]).result["item"]["id"] == made["id"]
        changed = b24.crm.item.update(kind, made["id"], {called: f"{text}!"}).result["item"]
        assert changed[called] == f"{text}!"
        rows = b24.crm.item.list(kind, filter={"=id": made["id"]}, select=["id", called]).result
        assert rows["items"][0][called] == f"{text}!"
        assert b24.crm.item.fields(kind).value["id"].upper_name == "ID"
        assert b24.crm.item.delete(kind, made["id"]).result == []
    moment = "2020-02-03T10:00:00+01:00"
    past = b24.crm.item.import_(2, {"title": name("Old"), "createdTime": moment}).result["item"]
    assert b24.crm.item.get(2, past["id"]).result["item"]["createdTime"] == moment


def product_rows(b24: Any, app: Any) -> None:
    deal = b24.crm.deal.add({"TITLE": name("Deal")}).result
    owner = {"ownerType": "D", "ownerId": deal}
    lamp = {"productName": "Lampe", "price": 99.5, "quantity": 2}
    row = b24.crm.item.productrow.add({**owner, **lamp}).result["productRow"]
    assert b24.crm.item.productrow.get(row["id"]).result["productRow"]["price"] == 99.5
    changed = b24.crm.item.productrow.update(row["id"], {"price": 50}).result["productRow"]
    assert changed["price"] == 50
    found = b24.crm.item.productrow.list(filter={"=ownerType": "D", "=ownerId": deal}).result
    assert [each["id"] for each in found["productRows"]] == [row["id"]]
    assert b24.crm.deal.get(deal).result["OPPORTUNITY"] == "100.00"
    rows = b24.crm.item.productrow.set(deal, "D", [lamp, lamp]).result["productRows"]
    assert len(rows) == 2
    assert "price" in b24.crm.item.productrow.fields().value
    assert b24.crm.item.productrow.delete(rows[0]["id"]).result is None
    assert b24.crm.item.productrow.get_available_for_payment(deal, "D").result["productRows"]


def smart_processes(b24: Any, app: Any) -> None:
    kind = b24.crm.type.add({"title": name("Orders"), "isStagesEnabled": "Y"}).result["type"]
    number = kind["entityTypeId"]
    assert number >= 128
    assert b24.crm.type.get(kind["id"]).result["type"]["entityTypeId"] == number
    assert b24.crm.type.get_by_entity_type_id(number).result["type"]["id"] == kind["id"]
    assert (
        b24.crm.type.update(kind["id"], {"title": "Renamed"}).result["type"]["title"] == "Renamed"
    )
    assert kind["id"] in [each["id"] for each in b24.crm.type.list().result["types"]]
    made = b24.crm.item.add(number, {"title": "One"}).result["item"]
    funnel = b24.crm.category.add({"name": "Second"}, number).result["category"]
    assert b24.crm.category.get(funnel["id"], number).result["category"]["name"] == "Second"
    b24.crm.category.update(funnel["id"], {"name": "Other"}, number).result  # noqa: B018 - calls
    names = [each["name"] for each in b24.crm.category.list(number).result["categories"]]
    assert "Other" in names
    assert "sort" in b24.crm.category.fields(number).value
    moved = b24.crm.item.update(number, made["id"], {"categoryId": funnel["id"]}).result["item"]
    assert moved["categoryId"] == funnel["id"]
    b24.crm.item.delete(number, made["id"]).result  # noqa: B018 - calls
    b24.crm.category.delete(funnel["id"], number).result  # noqa: B018 - calls
    assert "isStagesEnabled" in b24.crm.type.fields().result["fields"]
    assert b24.crm.type.delete(kind["id"]).result == []


def directories(b24: Any, app: Any) -> None:
    code = name("S").replace(" ", "")
    fields = {"ENTITY_ID": "SOURCE", "STATUS_ID": code, "NAME": "Fair", "SORT": 90}
    number = b24.crm.status.add(fields).result
    assert b24.crm.status.get(number).result["STATUS_ID"] == code
    assert b24.crm.status.update(number, {"NAME": "Trade fair"}).result is True
    (row,) = b24.crm.status.list(filter={"ENTITY_ID": "SOURCE", "STATUS_ID": code}).result
    assert row["NAME"] == "Trade fair"
    assert code in [each["STATUS_ID"] for each in b24.crm.status.entity.items("SOURCE").result]
    assert "SOURCE" in [each["ID"] for each in b24.crm.status.entity.types().result]
    assert "SEMANTICS" in b24.crm.status.fields().result
    assert b24.crm.status.delete(number).result is True
    assert b24.crm.settings.mode.get().result in (1, 2)
    assert "DEAL" in [each["SYMBOL_CODE"] for each in b24.crm.enum.ownertype().result]


def currencies(b24: Any, app: Any) -> None:
    base = b24.crm.currency.base.get().result
    assert (
        b24.crm.currency.add({"CURRENCY": "SEK", "AMOUNT": 0.09, "AMOUNT_CNT": 1}).result == "SEK"
    )
    assert b24.crm.currency.get("SEK").result["AMOUNT"] == "0.0900"
    assert b24.crm.currency.update("SEK", {"AMOUNT": 0.1}).result is True
    rates = {row["CURRENCY"]: row["AMOUNT"] for row in b24.crm.currency.list().result}
    assert (rates["SEK"], base in rates) == ("0.1000", True)
    assert "AMOUNT_CNT" in b24.crm.currency.fields().result
    assert b24.crm.currency.base.set(base).result is True
    formats = {"fr": {"FULL_NAME": "Couronne", "FORMAT_STRING": "# kr"}}
    assert b24.crm.currency.localizations.set("SEK", formats).result is True
    assert b24.crm.currency.localizations.get("SEK").result["fr"]["FULL_NAME"] == "Couronne"
    assert b24.crm.currency.localizations.delete("SEK", ["fr"]).result is True
    assert "FULL_NAME" in b24.crm.currency.localizations.fields().result
    assert b24.crm.currency.delete("SEK").result is True


def activities(b24: Any, app: Any) -> None:
    deal = b24.crm.deal.add({"TITLE": name("Deal")}).result
    call = {
        "OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 2, "SUBJECT": "Call", "DIRECTION": 2,
        "START_TIME": "2026-03-01T10:00:00+01:00", "COMPLETED": "N",
        "COMMUNICATIONS": [{"VALUE": "+33 1", "TYPE": "PHONE", "ENTITY_TYPE_ID": 2,
                            "ENTITY_ID": deal}],
    }  # fmt: skip
    number = b24.crm.activity.add(call).result
    assert b24.crm.activity.get(number).result["SUBJECT"] == "Call"
    assert b24.crm.activity.update(number, {"COMPLETED": "Y"}).result is True
    found = b24.crm.activity.list(
        filter={"OWNER_TYPE_ID": 2, "OWNER_ID": deal}, select=["*", "COMMUNICATIONS"]
    ).result
    assert [(row["ID"], row["COMPLETED"]) for row in found] == [(str(number), "Y")]
    assert found[0]["COMMUNICATIONS"][0]["VALUE"] == "+33 1"
    assert "SUBJECT" in b24.crm.activity.fields().result
    assert b24.crm.activity.delete(number).result is True


def comments(b24: Any, app: Any) -> None:
    deal = b24.crm.deal.add({"TITLE": name("Deal")}).result
    fields = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": "Said"}
    number = b24.crm.timeline.comment.add(fields).result
    assert b24.crm.timeline.comment.get(number).result["COMMENT"] == "Said"
    assert b24.crm.timeline.comment.update(number, {"COMMENT": "Other"}).result
    rows = b24.crm.timeline.comment.list({"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}).result
    assert [row["COMMENT"] for row in rows] == ["Other"]
    assert "COMMENT" in b24.crm.timeline.comment.fields().result
    b24.crm.timeline.comment.delete(number).result  # noqa: B018 - calls
    assert b24.crm.timeline.comment.list({"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}).result == []


def user_fields(b24: Any, app: Any) -> None:
    options = [{"VALUE": "Red"}, {"VALUE": "Blue", "DEF": "Y"}]
    label = name("COLOUR").replace(" ", "_")
    fields = {"FIELD_NAME": label, "USER_TYPE_ID": "enumeration", "LIST": options,
              "EDIT_FORM_LABEL": {"en": "Colour", "fr": "Couleur"}}  # fmt: skip
    number = b24.crm.deal.userfield.add(fields).result
    field = b24.crm.deal.userfield.get(number).result
    red = next(option["ID"] for option in field["LIST"] if option["VALUE"] == "Red")
    assert field["EDIT_FORM_LABEL"]["fr"] == "Couleur"
    deal = b24.crm.deal.add({"TITLE": "d", field["FIELD_NAME"]: red}).result
    assert b24.crm.deal.get(deal).result[field["FIELD_NAME"]] == red
    assert b24.crm.deal.userfield.update(number, {"MANDATORY": "N", "SORT": 7}).result is True
    listed = b24.crm.deal.userfield.list(filter={"FIELD_NAME": field["FIELD_NAME"]}).result
    assert listed[0]["SORT"] == "7"
    assert "enumeration" in [each["ID"] for each in b24.crm.userfield.types().result]
    assert b24.crm.deal.userfield.delete(number).result is True
    assert "SORT" in b24.crm.userfield.fields().result
    for owner in (b24.crm.lead, b24.crm.contact, b24.crm.company, b24.crm.quote):
        made = owner.userfield.add({"FIELD_NAME": label, "USER_TYPE_ID": "integer"}).result
        assert owner.userfield.get(made).result["USER_TYPE_ID"] == "integer"
        assert owner.userfield.delete(made).result is True
    full = {"entityId": "CRM_DEAL", "fieldName": f"UF_CRM_{label}_2", "userTypeId": "string"}
    config = b24.userfieldconfig.add("crm", full).result["field"]
    assert (
        b24.userfieldconfig.get("crm", int(config["id"])).result["field"]["userTypeId"] == "string"
    )
    b24.userfieldconfig.update("crm", int(config["id"]), field={"sort": 5}).result  # noqa: B018 - calls
    found = b24.userfieldconfig.list("crm", filter={"entityId": "CRM_DEAL"}).result["fields"]
    assert {each["id"]: each["sort"] for each in found}[config["id"]] == "5"
    b24.userfieldconfig.delete("crm", int(config["id"])).result  # noqa: B018 - calls


def people(b24: Any, app: Any) -> None:
    department = b24.department.add(name("Sales"), 1).result
    assert b24.department.update(int(department), name="Export").result is True
    (found,) = b24.department.get(bitrix_id=int(department)).result
    assert found["NAME"] == "Export"
    assert "NAME" in b24.department.fields().result
    user = b24.user.add(
        {"EMAIL": f"{name('u').replace(' ', '')}@atelier.example", "NAME": "Zoe",
         "UF_DEPARTMENT": [int(department)]}
    ).result  # fmt: skip
    number = int(user)
    assert b24.user.update({"ID": number, "WORK_POSITION": "Head"}).result is True
    (row,) = b24.user.get(filter={"ID": number}).result
    assert (row["WORK_POSITION"], row["ACTIVE"]) == ("Head", True)
    assert b24.user.search(filter={"NAME": "Zoe"}).result
    assert b24.user.current().result["ID"] == "1"
    assert "EMAIL" in b24.user.fields().result
    assert b24.department.delete(int(department)).result is True


def tasks(b24: Any, app: Any) -> None:
    fields = {"TITLE": name("Task"), "RESPONSIBLE_ID": 1, "UF_CRM_TASK": ["D_1"]}
    number = int(b24.tasks.task.add(fields).result["task"]["id"])
    assert b24.tasks.task.get(number).result["task"]["responsible"]["id"] == "1"
    b24.tasks.task.update(number, {"TITLE": "Other"}).result  # noqa: B018 - calls
    rows = b24.tasks.task.list(filter={"ID": number}, select=["ID", "TITLE"]).result["tasks"]
    assert rows[0]["title"] == "Other"
    b24.tasks.task.complete(number).result  # noqa: B018 - calls
    assert b24.tasks.task.get(number, select=["STATUS"]).result["task"]["status"] == "5"
    assert "TITLE" in b24.tasks.task.get_fields().result["fields"]
    assert b24.tasks.task.delete(number).result


def messages(b24: Any, app: Any) -> None:
    assert isinstance(b24.im.notify.system.add(1, "From the system").result, int)
    assert isinstance(b24.im.notify.personal.add(1, "From a person").result, int)
    assert app.im.notify.system.add(1, "x", tag="T", sub_tag="S").result
    assert app.im.notify.delete(tag="T").result is True
    assert isinstance(b24.im.message.add("1", message="[b]Hello[/b]").result, int)


def calls(b24: Any, app: Any) -> None:
    call = app.telephony.external_call.register("+33 1 77 00 11 22", 1, user_id=1).result
    done = app.telephony.external_call.finish(call["CALL_ID"], user_id=1, duration=95).result
    assert done["CALL_DURATION"] == 95
    (row,) = b24.voximplant.statistic.get(filter={"CALL_ID": call["CALL_ID"]}).result
    assert (row["CALL_DURATION"], row["CALL_TYPE"]) == ("95", "1")
    assert isinstance(app.telephony.external_call.search_crm_entities("+33 1").result, list)
    line = f"1415{next(NUMBERS):07}"
    assert app.telephony.external_line.add(line, name="Support").result["ID"]
    assert line in [each["NUMBER"] for each in app.telephony.external_line.get().result]
    assert app.telephony.external_line.delete(line).result == []


def files(b24: Any, app: Any) -> None:
    storage = b24.disk.storage.get_list(filter={"ENTITY_TYPE": "common"}).result[0]
    root = int(storage["ROOT_OBJECT_ID"])
    folder = b24.disk.folder.add_sub_folder(root, {"NAME": name("Reports")}).result
    content = ["a.txt", base64.b64encode(b"hello").decode()]
    file = b24.disk.folder.upload_file(
        int(folder["ID"]), data={"NAME": "a.txt"}, file_content=content
    ).result
    assert b24.disk.file.get(int(file["ID"])).result["SIZE"] == "5"
    children = b24.disk.folder.get_children(int(folder["ID"])).result
    assert [child["NAME"] for child in children] == ["a.txt"]
    assert b24.disk.folder.get(int(folder["ID"])).result["NAME"] == folder["NAME"]
    assert b24.disk.storage.get(int(storage["ID"])).result["NAME"] == storage["NAME"]
    assert b24.disk.file.rename(int(file["ID"]), "b.txt").result["NAME"] == "b.txt"
    assert b24.disk.file.delete(int(file["ID"])).result is True


def requisites(b24: Any, app: Any) -> None:
    company = b24.crm.company.add({"TITLE": name("Company")}).result
    preset = int(b24.crm.requisite.preset.list().result[0]["ID"])
    fields = {"ENTITY_TYPE_ID": 4, "ENTITY_ID": company, "PRESET_ID": preset, "NAME": "Main"}
    number = b24.crm.requisite.add(fields).result
    assert b24.crm.requisite.get(number).result["NAME"] == "Main"
    assert b24.crm.requisite.update(number, {"NAME": "Second"}).result is True
    found = b24.crm.requisite.list(filter={"ENTITY_TYPE_ID": 4, "ENTITY_ID": company}).result
    assert [row["NAME"] for row in found] == ["Second"]
    assert "PRESET_ID" in b24.crm.requisite.fields().result
    bank = {"ENTITY_ID": number, "NAME": "Bank", "RQ_ACC_NUM": "123"}
    account = b24.crm.requisite.bankdetail.add(bank).result
    assert b24.crm.requisite.bankdetail.get(account).result["NAME"] == "Bank"
    assert b24.crm.requisite.bankdetail.delete(account).result is True
    place = {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": number}
    assert b24.crm.address.add({**place, "CITY": "Lyon"}).result is True
    rows = b24.crm.address.list(filter=place).result
    assert [row["CITY"] for row in rows] == ["Lyon"]
    assert b24.crm.address.delete(place).result is True
    assert b24.crm.requisite.delete(number).result is True


def batches_and_long_lists(b24: Any, app: Any) -> None:
    title = name("Many")
    added = [b24.crm.deal.add({"TITLE": title}) for _ in range(60)]
    answers = b24.call_batches(added).result
    assert len(answers.result) == 60
    every = b24.crm.deal.list(filter={"TITLE": title}, select=["ID"]).as_list().result
    assert len(every) == 60
    quick = b24.crm.deal.list(filter={"TITLE": title}, select=["ID"]).as_list_fast().result
    assert len({row["ID"] for row in quick}) == 60
    mixed = b24.call_batch(
        {"good": b24.crm.deal.get(int(every[0]["ID"])), "bad": b24.crm.deal.get(9**9)}
    )
    assert mixed.result.result["good"]["TITLE"] == title
    assert mixed.result.result_error["bad"]["error_description"] == "Not found"


SCENARIOS = (
    portal, deals, leads, contacts_and_companies, quotes, items, product_rows, smart_processes,
    directories, currencies, activities, comments, user_fields, people, tasks, messages, calls,
    files, requisites, batches_and_long_lists,
)  # fmt: skip
