"""Points 19-23 of the fidelity checklist: what the CRM does when records are written."""

import time
from datetime import date, timedelta

import pytest


def history(client, deal):
    params = {"entityTypeId": 2, "filter": {"OWNER_ID": deal}, "order": {"ID": "ASC"}}
    return client.result("crm.stagehistory.list", params)["items"]


def test_point_19_a_new_deal_gets_its_defaults(empty):
    number = empty.result("crm.deal.add", {"fields": {"TITLE": "New"}})
    assert isinstance(number, int)
    deal = empty.result("crm.deal.get", {"id": number})
    today = date.fromisoformat(empty.result("server.time")[:10])
    assert deal["STAGE_ID"] == "NEW"
    assert deal["OPENED"] == "Y"
    assert deal["ASSIGNED_BY_ID"] == "1"
    assert deal["BEGINDATE"][:10] == today.isoformat()
    assert deal["CLOSEDATE"][:10] == (today + timedelta(days=7)).isoformat()
    assert (deal["STAGE_SEMANTIC_ID"], deal["CLOSED"]) == ("P", "N")
    assert [row["TYPE_ID"] for row in history(empty, number)] == [1]


def test_point_20_winning_a_deal_moves_it_and_writes_history(empty):
    number = empty.result("crm.deal.add", {"fields": {"TITLE": "To win"}})
    before = empty.result("crm.deal.get", {"id": number})
    time.sleep(1.1)
    assert empty.result("crm.deal.update", {"id": number, "fields": {"STAGE_ID": "WON"}}) is True
    after = empty.result("crm.deal.get", {"id": number})
    assert (after["STAGE_SEMANTIC_ID"], after["CLOSED"]) == ("S", "Y")
    assert after["MOVED_TIME"] > before["MOVED_TIME"]
    assert after["DATE_MODIFY"] > before["DATE_MODIFY"]
    rows = history(empty, number)
    assert [(row["TYPE_ID"], row["STAGE_ID"], row["STAGE_SEMANTIC_ID"]) for row in rows] == [
        (1, "NEW", "P"),
        (3, "WON", "S"),
    ]
    time.sleep(1.1)
    empty.result("crm.deal.update", {"id": number, "fields": {"TITLE": "Won"}})
    renamed = empty.result("crm.deal.get", {"id": number})
    assert renamed["MOVED_TIME"] == after["MOVED_TIME"]
    assert renamed["DATE_MODIFY"] > after["DATE_MODIFY"]


def test_point_21_only_the_universal_method_changes_the_funnel(empty):
    category = empty.result("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Other"}})[
        "category"
    ]["id"]
    number = empty.result("crm.deal.add", {"fields": {"TITLE": "To move"}})
    empty.result("crm.deal.update", {"id": number, "fields": {"CATEGORY_ID": category}})
    assert empty.result("crm.deal.get", {"id": number})["CATEGORY_ID"] == "0"
    moved = {"entityTypeId": 2, "id": number, "fields": {"categoryId": category}}
    item = empty.result("crm.item.update", moved)["item"]
    assert (item["categoryId"], item["stageId"]) == (category, f"C{category}:NEW")
    rows = history(empty, number)
    assert [(row["TYPE_ID"], row["CATEGORY_ID"]) for row in rows] == [(1, 0), (5, category)]
    foreign = {"id": number, "fields": {"STAGE_ID": "WON"}}
    assert empty.result("crm.deal.update", foreign) is True
    stage = empty.result("crm.deal.get", {"id": number})["STAGE_ID"]
    assert stage == f"C{category}:NEW", "a stage of another funnel is passed over"


def test_point_22_an_update_that_changes_nothing_saves_nothing(empty):
    fields = {"title": "Still", "opportunity": 12.5, "contactIds": []}
    item = empty.result("crm.item.add", {"entityTypeId": 2, "fields": fields})["item"]
    time.sleep(1.1)
    same = {"entityTypeId": 2, "id": item["id"], "fields": {**fields, "noSuchField": 1}}
    assert empty.result("crm.item.update", same)["item"]["updatedTime"] == item["updatedTime"]
    same["fields"]["title"] = "Moved"
    assert empty.result("crm.item.update", same)["item"]["updatedTime"] > item["updatedTime"]


def test_point_23_a_deleted_record_is_gone_everywhere(empty):
    numbers = [empty.result("crm.deal.add", {"fields": {"TITLE": "Gone"}}) for _ in range(2)]
    todo = {"ownerTypeId": 2, "ownerId": numbers[0], "deadline": "2027-01-01T10:00:00+01:00"}
    activity = empty.result("crm.activity.todo.add", todo)["id"]
    assert empty.result("crm.item.delete", {"entityTypeId": 2, "id": numbers[0]}) == []
    assert empty.result("crm.deal.delete", {"id": numbers[1]}) is True
    assert empty.result("crm.deal.list", {"filter": {"@ID": numbers}}) == []
    found = {"entityTypeId": 2, "filter": {"@id": numbers}}
    assert empty.result("crm.item.list", found)["items"] == []
    assert history(empty, numbers[0]) == []
    assert empty.call("crm.activity.get", {"id": activity}).status_code == 400
    assert empty.call("crm.deal.delete", {"id": numbers[1]}).status_code == 400
    later = empty.result("crm.deal.add", {"fields": {"TITLE": "Later"}})
    assert later > max(numbers)


@pytest.mark.parametrize(
    ("kind", "type_id", "fields"),
    [
        ("lead", 1, {"TITLE": "A", "NAME": "B", "OPPORTUNITY": "10"}),
        ("deal", 2, {"TITLE": "A", "OPPORTUNITY": "10.50", "UTM_SOURCE": "google"}),
        ("contact", 3, {"NAME": "A", "LAST_NAME": "B", "BIRTHDATE": "1990-05-04"}),
        ("company", 4, {"TITLE": "A", "INDUSTRY": "IT", "REVENUE": "1000"}),
        ("quote", 7, {"TITLE": "A", "OPPORTUNITY": "7"}),
    ],
)
def test_each_entity_is_added_read_changed_and_deleted_in_both_forms(empty, kind, type_id, fields):
    number = empty.result(f"crm.{kind}.add", {"fields": fields})
    row = empty.result(f"crm.{kind}.get", {"id": number})
    for name, value in fields.items():
        if name == "BIRTHDATE":
            assert row[name][:10] == value
        else:
            assert float(row[name]) == float(value) if value[0].isdigit() else row[name] == value
    names = empty.result(f"crm.{kind}.fields")
    assert set(row) - {"PHONE", "EMAIL"} <= set(names)
    item = empty.result("crm.item.get", {"entityTypeId": type_id, "id": number})["item"]
    known = empty.result("crm.item.fields", {"entityTypeId": type_id})["fields"]
    assert {known[name]["upperName"] for name in item if name in known} >= set(fields)
    changed = "LAST_NAME" if kind == "contact" else "TITLE"
    assert empty.result(f"crm.{kind}.update", {"id": number, "fields": {changed: "Z"}}) is True
    assert empty.result(f"crm.{kind}.get", {"id": number})[changed] == "Z"
    assert empty.result(f"crm.{kind}.delete", {"id": number}) is True
    assert empty.call(f"crm.{kind}.get", {"id": number}).json()["error_description"] == "Not found"


def test_a_user_sees_own_or_department_records_only(empty):
    boss = empty.result("user.add", {"EMAIL": "boss@x.example", "UF_DEPARTMENT": [1], "NAME": "B"})
    other = empty.result("user.add", {"EMAIL": "o@x.example", "UF_DEPARTMENT": [1], "NAME": "O"})
    mine = empty.result("crm.deal.add", {"fields": {"TITLE": "M", "ASSIGNED_BY_ID": boss}})
    theirs = empty.result("crm.deal.add", {"fields": {"TITLE": "T", "ASSIGNED_BY_ID": other}})
    limited = empty.webhook(boss)
    filter = {"filter": {"@ID": [mine, theirs]}}
    assert [row["ID"] for row in limited.result("crm.deal.list", filter)] == [str(mine)]
    assert limited.call("crm.deal.list", filter).json()["total"] == 1
    assert (
        limited.call("crm.deal.get", {"id": theirs}).json()["error_description"] == "Access denied."
    )
    refused = limited.call("crm.item.get", {"entityTypeId": 2, "id": theirs})
    assert refused.json()["error"] == "ACCESS_DENIED"
    assert (
        limited.call("crm.deal.update", {"id": theirs, "fields": {"TITLE": "x"}}).status_code == 400
    )
    rows = limited.result("crm.stagehistory.list", {"entityTypeId": 2})["items"]
    assert {row["OWNER_ID"] for row in rows} == {mine}
    assert limited.result("profile")["ADMIN"] is False
    empty.result("user.update", {"ID": boss, "ACTIVE": "N"})
    assert limited.call("profile").status_code == 401


def test_product_rows_make_the_amount(empty):
    deal = empty.result("crm.deal.add", {"fields": {"TITLE": "Rows"}})
    rows = [
        {"PRODUCT_NAME": "Lamp", "PRICE": 100.5, "QUANTITY": 2},
        {"PRODUCT_NAME": "Desk", "PRICE": 300, "QUANTITY": 1},
    ]
    assert empty.result("crm.deal.productrows.set", {"id": deal, "rows": rows}) is True
    old = empty.result("crm.deal.productrows.get", {"id": deal})
    assert [(r["PRODUCT_NAME"], float(r["PRICE"])) for r in old] == [("Lamp", 100.5), ("Desk", 300)]
    filter = {"=ownerType": "D", "=ownerId": deal}
    new = empty.result("crm.item.productrow.list", {"filter": filter})["productRows"]
    assert [(r["productName"], r["quantity"]) for r in new] == [("Lamp", 2), ("Desk", 1)]
    assert empty.result("crm.deal.get", {"id": deal})["OPPORTUNITY"] == "501.00"
    assert empty.call("crm.item.productrow.list", {"filter": {"=ownerId": deal}}).status_code == 400


def test_contacts_of_a_deal(empty):
    contacts = [empty.result("crm.contact.add", {"fields": {"NAME": n}}) for n in "AB"]
    fields = {"TITLE": "With people", "CONTACT_IDS": contacts}
    deal = empty.result("crm.deal.add", {"fields": fields})
    links = empty.result("crm.deal.contact.items.get", {"id": deal})
    assert [(link["CONTACT_ID"], link["IS_PRIMARY"]) for link in links] == [
        (contacts[0], "Y"),
        (contacts[1], "N"),
    ]
    assert empty.result("crm.deal.get", {"id": deal})["CONTACT_ID"] == str(contacts[0])
    item = empty.result("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
    assert item["contactIds"] == contacts


def test_a_smart_process_has_items_of_its_own(empty):
    made = empty.result(
        "crm.type.add", {"fields": {"title": "Installations", "isStagesEnabled": "Y"}}
    )["type"]
    type_id = made["entityTypeId"]
    assert type_id >= 128
    listed = empty.result("crm.type.list")["types"]
    assert type_id in [row["entityTypeId"] for row in listed]
    fields = {"title": "Site A", "opportunity": 10, "parentId2": 5}
    item = empty.result("crm.item.add", {"entityTypeId": type_id, "fields": fields})["item"]
    assert item["stageId"].startswith(f"DT{type_id}_")
    assert (item["title"], item["parentId2"]) == ("Site A", 5)
    won = item["stageId"].replace("NEW", "SUCCESS")
    moved = {"entityTypeId": type_id, "id": item["id"], "fields": {"stageId": won}}
    assert empty.result("crm.item.update", moved)["item"]["previousStageId"] == item["stageId"]
    history = empty.result("crm.stagehistory.list", {"entityTypeId": type_id})["items"]
    assert [row["STAGE_SEMANTIC_ID"] for row in history] == ["P", "S"]
    assert empty.call("crm.type.delete", {"id": made["id"]}).status_code == 400
    taken = {"fields": {"title": "x", "entityTypeId": type_id}}
    assert empty.call("crm.type.add", taken).status_code == 400
