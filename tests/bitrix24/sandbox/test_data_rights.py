"""Whose records a user sees and changes: own, the department's with those below it, or all."""

import base64
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

OLD = {"lead": "TITLE", "deal": "TITLE", "contact": "NAME", "company": "TITLE", "quote": "TITLE"}


@dataclass
class People:
    """Four users of two departments and one below; ``boss`` has the department's rights."""

    boss: Any
    mate: Any
    below: Any
    other: Any
    ids: dict[str, int]


@pytest.fixture(scope="module")
def people(empty):
    first = empty.result("department.add", {"NAME": "Sales", "PARENT": 1})
    under = empty.result("department.add", {"NAME": "Sales North", "PARENT": first})
    second = empty.result("department.add", {"NAME": "Service", "PARENT": 1})
    ids, clients = {}, {}
    for name, department in (
        ("boss", first),
        ("mate", first),
        ("below", under),
        ("other", second),
    ):
        fields = {"EMAIL": f"{name}@example.org", "UF_DEPARTMENT": [department], "NAME": name}
        ids[name] = empty.result("user.add", fields)
        clients[name] = empty.webhook(ids[name])
    empty.result("sandbox.user.rights", {"USER_ID": ids["boss"], "RIGHTS": "department"})
    return People(ids=ids, **clients)


@pytest.fixture(scope="module")
def smart(empty):
    kind = empty.result("crm.type.add", {"fields": {"title": "Rights"}})["type"]
    return kind["entityTypeId"]


def clients(people):
    return {"boss": people.boss, "mate": people.mate, "below": people.below, "other": people.other}


@pytest.mark.parametrize("kind", OLD)
def test_old_lists_hold_what_a_user_may_see(empty, people, kind):
    mark = f"Rights {kind}"
    made = {
        name: client.result(f"crm.{kind}.add", {"fields": {OLD[kind]: mark}})
        for name, client in clients(people).items()
    }
    for name, seen in {
        "boss": {"boss", "mate", "below"},
        "mate": {"mate"},
        "below": {"below"},
        "other": {"other"},
    }.items():
        client = clients(people)[name]
        asked = {"filter": {OLD[kind]: mark}, "select": ["ID"]}
        answer = client.call(f"crm.{kind}.list", asked).json()
        assert {int(row["ID"]) for row in answer["result"]} == {made[each] for each in seen}
        assert answer["total"] == len(seen)
        for each, number in made.items():
            got = client.call(f"crm.{kind}.get", {"id": number})
            assert (got.status_code == 200) == (each in seen), (name, each)
    everything = empty.call(f"crm.{kind}.list", {"filter": {OLD[kind]: mark}}).json()
    assert everything["total"] == 4


@pytest.mark.parametrize("kind", OLD)
def test_old_writes_refuse_foreign_records(people, refused, kind):
    number = people.other.result(f"crm.{kind}.add", {"fields": {OLD[kind]: "Foreign"}})
    for method in ("get", "update", "delete"):
        answer = people.boss.call(
            f"crm.{kind}.{method}", {"id": number, "fields": {OLD[kind]: "x"}}
        )
        assert refused(answer) == (400, "")
        assert answer.json()["error_description"] == "Access denied."
    assert people.other.result(f"crm.{kind}.get", {"id": number})[OLD[kind]] == "Foreign"


@pytest.mark.parametrize("entity", [1, 2, 3, 4, 7, 31, "smart"])
def test_universal_methods_keep_to_the_same_rights(people, refused, smart, entity):
    entity = smart if entity == "smart" else entity
    base = {"entityTypeId": entity}
    title = {"title": "Foreign", "name": "Foreign"}
    made = {
        name: client.result("crm.item.add", {**base, "fields": title})["item"]["id"]
        for name, client in clients(people).items()
    }
    asked = {**base, "filter": {"@id": list(made.values())}, "select": ["id"]}
    seen = people.boss.call("crm.item.list", asked).json()
    assert {row["id"] for row in seen["result"]["items"]} == {
        made[name] for name in ("boss", "mate", "below")
    }
    assert seen["total"] == 3
    for method in ("get", "update", "delete"):
        answer = people.boss.call(
            f"crm.item.{method}", {**base, "id": made["other"], "fields": title}
        )
        assert refused(answer) == (400, "ACCESS_DENIED")
    if entity != 3 and entity != 4:
        history = {**base, "filter": {"@OWNER_ID": list(made.values())}}
        rows = people.boss.result("crm.stagehistory.list", history)["items"]
        assert {row["OWNER_ID"] for row in rows} <= {made[n] for n in ("boss", "mate", "below")}


def test_a_record_follows_whom_it_is_given_to(people, refused):
    number = people.mate.result("crm.deal.add", {"fields": {"TITLE": "Handed over"}})
    given = {"id": number, "fields": {"ASSIGNED_BY_ID": people.ids["other"]}}
    assert people.boss.result("crm.deal.update", given) is True
    assert refused(people.boss.call("crm.deal.get", {"id": number})) == (400, "")
    assert people.other.result("crm.deal.get", {"id": number})["ID"] == str(number)


def test_rights_to_all_and_administrators_see_everything(empty, people):
    number = people.other.result("crm.deal.add", {"fields": {"TITLE": "Anybody's"}})
    assert people.mate.call("crm.deal.get", {"id": number}).status_code == 400
    empty.result("sandbox.user.rights", {"USER_ID": people.ids["mate"], "RIGHTS": "all"})
    assert people.mate.result("crm.deal.get", {"id": number})["TITLE"] == "Anybody's"
    empty.result("sandbox.user.rights", {"USER_ID": people.ids["mate"], "RIGHTS": "own"})
    empty.result("sandbox.user.rights", {"USER_ID": people.ids["mate"], "ADMIN": "Y"})
    assert people.mate.result("crm.deal.get", {"id": number})["TITLE"] == "Anybody's"
    empty.result("sandbox.user.rights", {"USER_ID": people.ids["mate"], "ADMIN": "N"})
    assert people.mate.call("crm.deal.get", {"id": number}).status_code == 400


def test_only_administrators_give_rights(people, refused):
    params = {"USER_ID": people.ids["other"], "RIGHTS": "all"}
    assert refused(people.other.call("sandbox.user.rights", params)) == (403, "ACCESS_DENIED")


def test_moving_to_another_department_changes_what_the_head_sees(empty, people, refused):
    number = people.other.result("crm.lead.add", {"fields": {"TITLE": "Moves along"}})
    assert refused(people.boss.call("crm.lead.get", {"id": number})) == (400, "")
    user = empty.result("user.get", {"ID": people.ids["other"]})[0]
    mine = empty.result("user.get", {"ID": people.ids["boss"]})[0]["UF_DEPARTMENT"]
    move = {"ID": people.ids["other"], "UF_DEPARTMENT": mine}
    assert empty.result("user.update", move) is True
    assert people.boss.result("crm.lead.get", {"id": number})["TITLE"] == "Moves along"
    empty.result("user.update", {**move, "UF_DEPARTMENT": user["UF_DEPARTMENT"]})


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("crm.status.add", {"fields": {"ENTITY_ID": "SOURCE"}}, (400, "")),
        ("crm.category.add", {"entityTypeId": 2, "fields": {"name": "x"}}, (400, "ACCESS_DENIED")),
        ("crm.type.add", {"fields": {"title": "x"}}, (400, "ACCESS_DENIED")),
        ("crm.currency.add", {"fields": {"CURRENCY": "AAA"}}, (400, "")),
        ("crm.deal.userfield.add", {"fields": {"FIELD_NAME": "X"}}, (403, "")),
        ("department.add", {"NAME": "x"}, (400, "ERROR_CORE")),
        ("user.add", {"EMAIL": "x@example.org"}, (400, "ERROR_CORE")),
        ("crm.item.import", {"entityTypeId": 2, "fields": {}}, (403, "INVALID_CREDENTIALS")),
        ("crm.item.batchImport", {"entityTypeId": 2, "data": []}, (403, "INVALID_CREDENTIALS")),
    ],
)
def test_settings_are_the_administrators(people, refused, method, params, expected):
    assert refused(people.mate.call(method, params)) == expected


def test_a_dismissed_user_gets_nothing(empty, refused):
    fields = {"EMAIL": "gone@example.org", "UF_DEPARTMENT": [1]}
    number = empty.result("user.add", fields)
    client = empty.webhook(number)
    assert client.result("profile")["ID"] == str(number)
    empty.result("user.update", {"ID": number, "ACTIVE": "N"})
    assert refused(client.call("profile")) == (401, "authorization_error")


@pytest.mark.parametrize("change", [{"ACTIVE": "N"}, {"USER_TYPE": "extranet"}])
def test_nobody_but_administrators_changes_what_somebody_is(people, refused, change):
    own = {"ID": people.ids["other"], **change}
    assert refused(people.other.call("user.update", own)) == (400, "ERROR_CORE")
    assert people.other.result("user.update", {"ID": own["ID"], "WORK_POSITION": "Seller"}) is True
    assert people.other.result("profile")["ID"] == str(own["ID"])


def test_who_may_not_view_the_catalogue_lists_neither_products_nor_prices(empty, refused):
    user = empty.result("user.add", {"EMAIL": "catalogue@example.org", "UF_DEPARTMENT": [1]})
    caller = empty.webhook(user)
    product = empty.result("catalog.product.add", {"fields": {"iblockId": 24, "name": "Seen"}})
    number = product["element"]["id"]
    price = {"productId": number, "catalogGroupId": 1, "price": 5, "currency": "EUR"}
    empty.result("catalog.price.add", {"fields": price})
    calls = (
        ("catalog.product.list", {"select": ["id", "iblockId"], "filter": {"iblockId": 24}}),
        ("catalog.price.list", {}),
        ("catalog.price.get", {"id": number}),
    )
    for method, params in calls:
        assert caller.call(method, params).status_code == 200
    empty.result("sandbox.user.rights", {"USER_ID": user, "CATALOG": "N"})
    for method, params in calls:
        assert refused(caller.call(method, params)) == (400, 200040300010)
        assert empty.call(method, params).status_code == 200
    empty.result("sandbox.user.rights", {"USER_ID": user, "CATALOG": "Y"})
    assert caller.call(*calls[0]).status_code == 200


def test_lesser_scopes_of_users_only_read_and_only_what_they_show(empty, people, refused):
    brief, basic = empty.webhook(1, ["user_brief"]), empty.webhook(1, ["user_basic"])
    fields = {"EMAIL": "new@example.org", "UF_DEPARTMENT": [1]}
    for client in (brief, basic):
        assert refused(client.call("user.add", fields)) == (403, "insufficient_scope")
        changed = client.call("user.update", {"ID": people.ids["mate"], "NAME": "Other"})
        assert refused(changed) == (403, "insufficient_scope")
    by_mail = {"filter": {"EMAIL": "mate@example.org"}}
    assert [row["ID"] for row in basic.result("user.get", by_mail)] == [str(people.ids["mate"])]
    # For user_brief the condition is none: it finds everybody, and nobody's address.
    everybody = len(empty.result("user.get"))
    assert len(brief.result("user.get", by_mail)) == everybody
    assert len(brief.result("user.get", {"EMAIL": "mate@example.org"})) == everybody


def test_users_are_filtered_by_not_being_active_and_selected_by_one_name(empty, people):
    empty.result("user.update", {"ID": people.ids["other"], "ACTIVE": "N"})
    try:
        gone = empty.result("user.get", {"filter": {"!ACTIVE": True}, "select": "NAME"})
        assert {"ID": str(people.ids["other"]), "NAME": "other"} in gone
        assert str(people.ids["mate"]) not in [row["ID"] for row in gone]
    finally:
        empty.result("user.update", {"ID": people.ids["other"], "ACTIVE": "Y"})


def test_who_may_not_view_the_catalogue_sees_no_product_by_either_door(empty, people, refused):
    product = empty.result("crm.product.add", {"fields": {"NAME": "Lamp"}})
    assert people.mate.result("crm.product.get", {"id": product})["NAME"] == "Lamp"
    empty.result("sandbox.user.rights", {"USER_ID": people.ids["mate"], "CATALOG": "N"})
    try:
        assert refused(people.mate.call("crm.product.get", {"id": product})) == (400, "")
        assert refused(people.mate.call("crm.product.list")) == (400, "")
    finally:
        empty.result("sandbox.user.rights", {"USER_ID": people.ids["mate"], "CATALOG": "Y"})


def test_an_observer_does_not_hand_a_task_over(empty, people, refused):
    ids = people.ids
    fields = {"TITLE": "Watched", "RESPONSIBLE_ID": ids["other"], "AUDITORS": [ids["mate"]]}
    task = empty.result("tasks.task.add", {"fields": fields})["task"]["id"]
    asked = {"taskId": task, "userId": ids["mate"]}
    assert refused(people.mate.call("tasks.task.delegate", asked)) == (400, "0")
    given = people.other.result("tasks.task.delegate", asked)["task"]
    assert given["responsibleId"] == str(ids["mate"])


def test_counts_follow_the_rights_at_once(empty, people, smart):
    deal = people.other.result("crm.deal.add", {"fields": {"TITLE": "Handed over"}})
    row = {"ownerId": deal, "ownerType": "D", "productName": "x", "price": 1}
    people.other.result("crm.item.productrow.add", {"fields": row})
    owner = {"OWNER_TYPE_ID": 2, "OWNER_ID": deal}
    activity = {**owner, "TYPE_ID": 2, "SUBJECT": "Call", "COMMUNICATIONS": [{"VALUE": "1"}]}
    people.other.call("crm.activity.add", {"fields": activity})
    asked = {
        "crm.stagehistory.list": {"entityTypeId": 2, "filter": {"OWNER_ID": deal}},
        "crm.activity.list": {"filter": owner},
        "crm.item.productrow.list": {"filter": {"@ownerId": [deal], "@ownerType": ["D"]}},
    }

    def totals(client):
        return {name: client.call(name, given).json()["total"] for name, given in asked.items()}

    before = totals(people.other)
    assert before["crm.stagehistory.list"] == before["crm.item.productrow.list"] == 1
    assert set(totals(people.mate).values()) == {0}
    change = {"id": deal, "fields": {"ASSIGNED_BY_ID": people.ids["mate"]}}
    empty.result("crm.deal.update", change)
    assert totals(people.mate) == before
    assert set(totals(people.other).values()) == {0}


def test_who_reads_a_deal_reads_the_files_of_its_comments(empty, people):
    content = base64.b64encode(b"for all readers").decode()
    deal = people.mate.result("crm.deal.add", {"fields": {"TITLE": "Commented"}})
    fields = {"ENTITY_TYPE": "deal", "ENTITY_ID": deal, "COMMENT": "See"}
    given = {"fields": {**fields, "FILES": [["note.txt", content]]}}
    comment = people.mate.result("crm.timeline.comment.add", given)

    def address(client):
        (file,) = client.result("crm.timeline.comment.get", {"id": comment})["FILES"].values()
        return file["urlDownload"]

    seen = address(people.boss)
    assert httpx.get(seen).content == b"for all readers"
    change = {"id": deal, "fields": {"ASSIGNED_BY_ID": people.ids["other"]}}
    empty.result("crm.deal.update", change)
    assert httpx.get(seen).status_code == 403
    assert httpx.get(address(people.other)).content == b"for all readers"


def test_a_company_takes_no_contact_that_its_writer_may_not_see(empty, people):
    contact = people.other.result("crm.contact.add", {"fields": {"NAME": "Theirs"}})
    mine = people.mate.result("crm.contact.add", {"fields": {"NAME": "Mine"}})
    company = people.mate.result("crm.company.add", {"fields": {"TITLE": "Mine"}})
    for ids in ([contact], [mine, contact]):
        change = {"id": company, "fields": {"CONTACT_ID": ids}}
        assert people.mate.call("crm.company.update", change).status_code == 400
        given = {"fields": {"TITLE": "More", "CONTACT_ID": ids}}
        assert people.mate.call("crm.company.add", given).status_code == 400
    assert empty.result("crm.contact.get", {"id": contact})["COMPANY_ID"] in (None, "0")
    people.mate.result("crm.company.update", {"id": company, "fields": {"CONTACT_ID": [mine]}})
    assert empty.result("crm.contact.get", {"id": mine})["COMPANY_ID"] == str(company)


def test_a_user_takes_no_address_of_somebody_else(empty, people, refused):
    ids = people.ids
    client = people.mate
    for wrong in ("garbage", "other@example.org"):
        answer = client.call("user.update", {"ID": ids["mate"], "EMAIL": wrong})
        assert refused(answer) == (400, "ERROR_ARGUMENT")
    assert client.result("user.update", {"ID": ids["mate"], "EMAIL": "mate@example.org"}) is True
