"""Nothing of what was there before shows through what is written in its place."""

import pytest

STAGES_OF_A_TYPE = 5


def made(client, title, **more):
    return client.result("crm.type.add", {"fields": {"title": title, **more}})["type"]


def test_a_smart_process_made_again_has_its_own_stages_funnel_and_fields(changing):
    flags = {"isStagesEnabled": "Y", "isCategoriesEnabled": "Y"}
    first = made(changing, "First", entityTypeId=1040, **flags)
    funnel = changing.result("crm.category.list", {"entityTypeId": 1040})["categories"][0]
    changing.result(
        "userfieldconfig.add",
        {
            "moduleId": "crm",
            "field": {
                "entityId": f"CRM_{first['id']}",
                "fieldName": f"UF_CRM_{first['id']}_OLD",
                "userTypeId": "string",
            },
        },
    )
    old = f"ufCrm{first['id']}Old"
    assert old in changing.result("crm.item.fields", {"entityTypeId": 1040})["fields"]
    changing.result("crm.type.delete", {"id": first["id"]})
    made(changing, "Second", entityTypeId=1040, **flags)
    (again,) = changing.result("crm.category.list", {"entityTypeId": 1040})["categories"]
    assert again["id"] > funnel["id"]
    assert old not in changing.result("crm.item.fields", {"entityTypeId": 1040})["fields"]
    asked = {"filter": {"ENTITY_ID": f"DYNAMIC_1040_STAGE_{funnel['id']}"}}
    assert changing.result("crm.status.list", asked) == []
    asked = {"filter": {"ENTITY_ID": f"DYNAMIC_1040_STAGE_{again['id']}"}}
    assert len(changing.result("crm.status.list", asked)) == STAGES_OF_A_TYPE


def test_settings_are_replaced_and_not_mixed_with_those_before(changing):
    deal = changing.result("crm.deal.add", {"fields": {"TITLE": "x"}})
    fields = {
        "OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 6, "PROVIDER_ID": "REST_APP",
        "PROVIDER_TYPE_ID": "x", "SUBJECT": "x", "COMMUNICATIONS": [{"VALUE": "1"}],
        "SETTINGS": {"a": 1, "b": {"c": 2}},
    }  # fmt: skip
    number = changing.result("crm.activity.add", {"fields": fields})
    given = {"id": number, "fields": {"SETTINGS": {"b": {"d": 3}}}}
    changing.result("crm.activity.update", given)
    assert changing.result("crm.activity.get", {"id": number})["SETTINGS"] == {"b": {"d": 3}}


def test_telephones_of_a_new_contact_are_numbered_by_the_portal(changing):
    given = [{"ID": 7, "VALUE": "+331"}, {"ID": 7, "VALUE": "+332"}]
    contacts = [
        changing.result("crm.contact.add", {"fields": {"NAME": "x", "PHONE": given}})
        for _time in range(2)
    ]
    numbers = [
        row["ID"]
        for contact in contacts
        for row in changing.result("crm.contact.get", {"id": contact})["PHONE"]
    ]
    assert len(numbers) == 4 == len(set(numbers))


def test_the_subtasks_of_a_deleted_task_pass_to_the_one_above(changing):
    def task(title, **more):
        fields = {"TITLE": title, "RESPONSIBLE_ID": 1, **more}
        return changing.result("tasks.task.add", {"fields": fields})["task"]["id"]

    top = task("top")
    middle = task("middle", PARENT_ID=top)
    low = task("low", PARENT_ID=middle)
    changing.result("tasks.task.delete", {"taskId": middle})
    assert changing.result("tasks.task.get", {"taskId": low})["task"]["parentId"] == top


def test_a_folder_is_not_attached_to_a_task(changing, refused):
    storage = changing.result("disk.storage.getList", {"filter": {"ENTITY_TYPE": "common"}})[0]
    given = {"TITLE": "x", "RESPONSIBLE_ID": 1}
    task = changing.result("tasks.task.add", {"fields": given})["task"]["id"]
    asked = {"taskId": task, "fileId": storage["ROOT_OBJECT_ID"]}
    assert refused(changing.call("tasks.task.files.attach", asked)) == (400, "ERROR_NOT_FOUND")


@pytest.mark.parametrize("moment", ["1900-01-01T00:00:00+00:00", "1901-12-13T20:45:51+01:00"])
def test_moments_of_long_ago_are_kept_and_read(changing, moment):
    task = {"TITLE": "x", "RESPONSIBLE_ID": 1}
    number = changing.result("tasks.task.add", {"fields": task})["task"]["id"]
    fields = {"POST_MESSAGE": "x", "POST_DATE": moment}
    given = {"TASKID": number, "FIELDS": fields}
    comment = changing.result("task.commentitem.add", given)
    asked = {"TASKID": number, "ITEMID": comment}
    year = moment[:4]
    assert changing.result("task.commentitem.get", asked)["POST_DATE"][:4] == year
    entry = {"TASKID": number, "ARFIELDS": {"SECONDS": 60, "CREATED_DATE": moment}}
    asked["ITEMID"] = changing.result("task.elapseditem.add", entry)
    assert changing.result("task.elapseditem.get", asked)["CREATED_DATE"][:4] == year
    changing.result("user.update", {"ID": 1, "DATE_REGISTER": moment})
    assert changing.result("user.get", {"ID": 1})[0]["DATE_REGISTER"][:4] == year
