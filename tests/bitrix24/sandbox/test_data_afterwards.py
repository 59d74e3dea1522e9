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


@pytest.mark.parametrize("stage", [5, True, 0.5])
def test_a_stage_that_is_no_code_is_the_first_one_or_refused(changing, stage):
    number = changing.result("crm.deal.add", {"fields": {"TITLE": "x", "STAGE_ID": stage}})
    assert changing.result("crm.deal.get", {"id": number})["STAGE_ID"] == "NEW"
    data = [{"title": "ok"}, {"title": "x", "stageId": stage}]
    answer = changing.call("crm.item.batchImport", {"entityTypeId": 2, "data": data})
    assert answer.status_code == 200, answer.text


def test_an_option_that_is_gone_does_not_come_back_empty(changing):
    fields = {"FIELD_NAME": "GONE", "USER_TYPE_ID": "enumeration", "LIST": [{"VALUE": "a"}]}
    number = changing.result("crm.deal.userfield.add", {"fields": fields})
    (option,) = changing.result("crm.deal.userfield.get", {"id": number})["LIST"]
    gone = {"id": number, "fields": {"LIST": [{"ID": option["ID"], "DEL": "Y"}]}}
    for _time in range(2):
        changing.result("crm.deal.userfield.update", gone)
    assert changing.result("crm.deal.userfield.get", {"id": number})["LIST"] == []


def test_no_two_options_have_one_code(changing, refused):
    options = [{"VALUE": "a", "XML_ID": "A"}]
    fields = {"FIELD_NAME": "CODES", "USER_TYPE_ID": "enumeration", "LIST": options}
    number = changing.result("crm.deal.userfield.add", {"fields": fields})
    again = {"id": number, "fields": {"LIST": [{"VALUE": "b", "XML_ID": "A"}]}}
    answer = changing.call("crm.deal.userfield.update", again)
    assert refused(answer) == (400, "ERROR_CORE")
    assert len(changing.result("crm.deal.userfield.get", {"id": number})["LIST"]) == 1


@pytest.mark.parametrize("change", [{"NAME": ""}, {"NAME": None}])
def test_a_stage_keeps_a_name_that_there_is(changing, change, refused):
    asked = {"filter": {"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "NEW"}}
    (row,) = changing.result("crm.status.list", asked)
    answer = changing.call("crm.status.update", {"id": row["ID"], "fields": change})
    assert refused(answer) == (400, "ERROR_CORE")
    assert changing.result("crm.status.list", asked) == [row]


def test_what_a_stage_means_does_not_change(changing, refused):
    """crm.status.fields: SEMANTICS is immutable, and the page of crm.status.update does not have
    it. So what deals keep of their stage is what the stage says. It could be changed, and then
    STAGE_SEMANTIC_ID of its deals said another thing than crm.status.list."""
    described = changing.result("crm.status.fields")
    assert (described["SEMANTICS"]["type"], described["SEMANTICS"]["isImmutable"]) == ("char", True)
    fields = {"ENTITY_ID": "DEAL_STAGE", "STATUS_ID": "MEANT", "NAME": "Meant", "SORT": 25}
    stage = changing.result("crm.status.add", {"fields": fields})
    deal = changing.result("crm.deal.add", {"fields": {"TITLE": "x", "STAGE_ID": "MEANT"}})
    for meaning in ("F", "S", "X"):
        given = {"id": stage, "fields": {"SEMANTICS": meaning, "NAME": f"Meant {meaning}"}}
        assert changing.result("crm.status.update", given) is True
        row = changing.result("crm.status.get", {"id": stage})
        assert (row["SEMANTICS"], row["NAME"]) == (None, f"Meant {meaning}")
        assert changing.result("crm.deal.get", {"id": deal})["STAGE_SEMANTIC_ID"] == "P"
    second = {**fields, "STATUS_ID": "WON_AGAIN", "SORT": 65, "SEMANTICS": "S"}
    answer = changing.call("crm.status.add", {"fields": second})
    assert refused(answer) == (400, "ERROR_CORE")


def test_records_keep_an_option_that_is_gone(changing):
    """[?] The documentation is silent; so the portal's own code: an option is a row of a table, its
    id stays in the records, is found by filters, and stands for nothing in LIST."""
    options = [{"VALUE": "a"}, {"VALUE": "b"}, {"VALUE": "c"}]
    fields = {"FIELD_NAME": "KEPT", "USER_TYPE_ID": "enumeration", "LIST": options}
    number = changing.result("crm.deal.userfield.add", {"fields": fields})
    first, second, third = changing.result("crm.deal.userfield.get", {"id": number})["LIST"]
    name = "UF_CRM_KEPT"
    deal = changing.result("crm.deal.add", {"fields": {"TITLE": "x", name: first["ID"]}})
    lists = {"LIST": [{"ID": first["ID"], "DEL": "Y"}, {"ID": second["ID"], "VALUE": " "}]}
    changing.result("crm.deal.userfield.update", {"id": number, "fields": lists})
    assert changing.result("crm.deal.userfield.get", {"id": number})["LIST"] == [third]
    assert changing.result("crm.deal.get", {"id": deal})[name] == first["ID"]
    asked = {"filter": {name: first["ID"]}, "select": ["ID", name]}
    assert changing.result("crm.deal.list", asked) == [{"ID": str(deal), name: first["ID"]}]
    seen = changing.result("crm.deal.fields")[name]["items"]
    assert [item["ID"] for item in seen] == [third["ID"]]


def test_options_are_told_in_their_order_each_with_a_code_and_one_the_default(changing):
    options = [
        {"VALUE": "late", "SORT": 30, "DEF": "Y"}, {"VALUE": " early ", "SORT": 10, "DEF": "Y"},
        {"VALUE": ""},
    ]  # fmt: skip
    fields = {"FIELD_NAME": "ORDERLY", "USER_TYPE_ID": "enumeration", "LIST": options}
    number = changing.result("crm.deal.userfield.add", {"fields": fields})
    told = changing.result("crm.deal.userfield.get", {"id": number})["LIST"]
    assert [(o["VALUE"], o["DEF"]) for o in told] == [("early", "N"), ("late", "Y")]
    assert all(len(o["XML_ID"]) == 32 for o in told) and told[0]["XML_ID"] != told[1]["XML_ID"]
    early = {"ID": told[0]["ID"], "VALUE": "early", "DEF": "Y"}
    foreign = {"ID": 999999, "VALUE": "not mine"}
    given = {"id": number, "fields": {"LIST": [early, foreign, {"VALUE": "new", "SORT": 20}]}}
    changing.result("crm.deal.userfield.update", given)
    told = changing.result("crm.deal.userfield.get", {"id": number})["LIST"]
    expected = [("early", "Y"), ("new", "N"), ("late", "N")]
    assert [(o["VALUE"], o["DEF"]) for o in told] == expected


def test_settings_of_a_field_that_an_update_does_not_name_stay(changing):
    settings = {"DEFAULT_VALUE": "x", "ROWS": 3}
    fields = {"FIELD_NAME": "ROWED", "USER_TYPE_ID": "string", "SETTINGS": settings}
    number = changing.result("crm.deal.userfield.add", {"fields": fields})
    given = {"id": number, "fields": {"SETTINGS": {"ROWS": 4}}}
    changing.result("crm.deal.userfield.update", given)
    told = changing.result("crm.deal.userfield.get", {"id": number})["SETTINGS"]
    assert (told["DEFAULT_VALUE"], told["ROWS"]) == ("x", 4)


def test_what_is_named_in_a_select_comes(changing):
    beside = {"child": [{"entityTypeId": 2, "isChildrenListEnabled": "true"}]}
    kind = made(changing, "Named", isStagesEnabled="Y", relations=beside)["entityTypeId"]
    site = changing.result("crm.item.add", {"entityTypeId": kind, "fields": {"title": "x"}})
    fields = {"title": "x", "observers": [1], f"parentId{kind}": site["item"]["id"]}
    given = {"entityTypeId": 2, "fields": fields}
    deal = changing.result("crm.item.add", given)["item"]["id"]
    select = ["id", "observers", f"parentId{kind}"]
    asked = {"entityTypeId": 2, "filter": {"id": deal}, "select": select}
    (found,) = changing.result("crm.item.list", asked)["items"]
    assert found == {"id": deal, "observers": [1], f"parentId{kind}": site["item"]["id"]}


def test_languages_of_a_currency_are_forgotten_by_name(changing):
    said = {"localizations": {"de": {"FULL_NAME": "Euro"}}, "id": "EUR"}
    changing.result("crm.currency.localizations.set", said)
    for wrong in (5, True):
        given = {"id": "EUR", "lids": wrong}
        assert changing.call("crm.currency.localizations.delete", given).status_code == 200
    assert "de" in changing.result("crm.currency.localizations.get", {"id": "EUR"})
    changing.result("crm.currency.localizations.delete", {"id": "EUR", "lids": "de"})
    assert "de" not in changing.result("crm.currency.localizations.get", {"id": "EUR"})


def test_a_folder_stays_where_it_is(changing):
    storage = changing.result("disk.storage.getList", {"filter": {"ENTITY_TYPE": "common"}})[0]
    given = {"id": storage["ID"], "data": {"NAME": "Stays"}}
    folder = changing.result("disk.storage.addFolder", given)
    move = {"id": folder["ID"], "targetFolderId": storage["ROOT_OBJECT_ID"]}
    assert changing.result("disk.folder.moveTo", move)["NAME"] == "Stays"


def test_duplicates_by_several_addresses_and_numbers_at_once(changing):
    def contact(**fields):
        return changing.result("crm.contact.add", {"fields": {"NAME": "x", **fields}})

    first = contact(EMAIL=[{"VALUE": "One@Example.org"}], PHONE=[{"VALUE": "+33 6 12 34 56 71"}])
    second = contact(EMAIL=[{"VALUE": "two%@example.org"}], PHONE=[{"VALUE": "0612345672"}])
    contact(EMAIL=[{"VALUE": "one@example.org.uk"}, {"VALUE": "twox@example.org"}])
    for kind, values in {
        "EMAIL": ["one@example.org", "TWO%@example.org", "three@example.org"],
        "PHONE": ["+33612345671", "+33612345672", "+33612345679"],
    }.items():
        found = changing.result("crm.duplicate.findbycomm", {"type": kind, "values": values})
        assert sorted(found["CONTACT"]) == [first, second], kind
    assert changing.result("crm.duplicate.findbycomm", {"type": "EMAIL", "values": [" "]}) == []


def test_a_deleted_smart_process_takes_no_user_field_any_more(changing):
    kind = made(changing, "Gone")
    changing.result("crm.type.delete", {"id": kind["id"]})
    name = f"UF_CRM_{kind['id']}_X"
    field = {"entityId": f"CRM_{kind['id']}", "fieldName": name, "userTypeId": "string"}
    answer = changing.call("userfieldconfig.add", {"moduleId": "crm", "field": field})
    assert answer.status_code == 400


def test_an_invoice_is_open_to_all_however_that_is_said(changing):
    for given in (1, True, "Y"):
        fields = {"title": "x", "opened": given}
        item = changing.result("crm.item.add", {"entityTypeId": 31, "fields": fields})["item"]
        assert item["opened"] == "Y", given
        asked = {"entityTypeId": 31, "filter": {"id": item["id"], "opened": "Y"}}
        assert len(changing.result("crm.item.list", asked)["items"]) == 1


def test_an_administrator_is_made_by_true_and_found_by_a_list(changing):
    fields = {"EMAIL": "chief@example.org", "UF_DEPARTMENT": [1]}
    number = changing.result("user.add", fields)
    changing.result("sandbox.user.rights", {"USER_ID": number, "ADMIN": True})
    assert changing.webhook(number).result("user.admin") is True
    active = changing.result("user.get", {"filter": {"ACTIVE": [True], "ID": number}})
    assert [row["ID"] for row in active] == [str(number)]


def test_users_are_found_by_any_part_of_their_names_and_by_position(changing):
    fields = {"NAME": "Zoé", "LAST_NAME": "Lefèvre", "WORK_POSITION": "Vendeuse 100 %"}
    given = {**fields, "EMAIL": "zoe@example.org", "UF_DEPARTMENT": [1]}
    number = changing.result("user.add", given)
    for text in ("lefÈvre", "Zoé Lef", "vendeuse 100 %"):
        found = changing.result("user.search", {"FILTER": {"FIND": text}})
        assert [row["ID"] for row in found] == [str(number)], text
    assert changing.result("user.search", {"FILTER": {"FIND": "100 _"}}) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/pass\\wd\r\nx.txt", "wdx.txt"),
        ("é" * 400 + ".pdf", "é" * 251 + ".pdf"),
        ("x" * 400, "x" * 255),
        (" Mémo .txt ", "Mémo .txt"),
    ],
)
def test_a_file_of_a_comment_has_a_name_that_files_have(changing, given, kept):
    deal = changing.result("crm.deal.add", {"fields": {"TITLE": "Commented"}})
    fields = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": "c", "FILES": [[given, "YQ=="]]}
    comment = changing.result("crm.timeline.comment.add", {"fields": fields})
    files = changing.result("crm.timeline.comment.get", {"id": comment})["FILES"]
    assert [file["name"] for file in files.values()] == [kept]
    changing.result("disk.file.delete", {"id": next(iter(files))})


@pytest.mark.parametrize("no", ["", None, "N", False, 0])
def test_somebody_is_active_or_not(changing, no):
    user = {"EMAIL": f"one.of{no!r}@example.org".replace("'", ""), "UF_DEPARTMENT": [1]}
    number = changing.result("user.add", user)

    def known(active):
        found = changing.result("user.get", {"FILTER": {"ID": number, "ACTIVE": active}})
        return [row["ACTIVE"] for row in found]

    assert (known(True), known(False)) == ([True], [])
    changing.result("user.update", {"ID": number, "ACTIVE": no})
    assert (known(True), known(False)) == ([], [False])
    changing.result("user.update", {"ID": number, "ACTIVE": True})
    assert (known(True), known(False)) == ([True], [])


def test_an_address_is_somebodys_in_any_case(changing, refused):
    first = {"EMAIL": "Case@Example.org", "UF_DEPARTMENT": [1]}
    number = changing.result("user.add", first)
    again = changing.call("user.add", {**first, "EMAIL": "case@example.ORG"})
    assert refused(again) == (400, "ERROR_ARGUMENT")
    change = {"ID": number, "EMAIL": "CASE@example.org"}
    assert changing.result("user.update", change) is True
    assert refused(changing.call("user.update", {**change, "ID": 1}))[0] == 400
