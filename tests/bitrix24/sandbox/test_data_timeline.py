"""Comments in the timeline of CRM records."""

import base64

import pytest


@pytest.fixture
def deal(empty):
    return empty.result("crm.deal.add", {"fields": {"TITLE": "Talked about"}})


def comment(client, owner, text="Hello", kind="deal", **more):
    fields = {"ENTITY_ID": owner, "ENTITY_TYPE": kind, "COMMENT": text, **more}
    return client.result("crm.timeline.comment.add", {"fields": fields})


def listed(client, owner, kind="deal", **more):
    filter = {"ENTITY_ID": owner, "ENTITY_TYPE": kind}
    return client.result("crm.timeline.comment.list", {"filter": filter, **more})


def test_comments_are_text_rows_of_one_record(empty, deal):
    first, second = comment(empty, deal, "One"), comment(empty, deal, "Two")
    comment(empty, empty.result("crm.deal.add", {"fields": {"TITLE": "Other"}}), "Elsewhere")
    rows = listed(empty, deal, order={"ID": "DESC"})
    assert [row["COMMENT"] for row in rows] == ["Two", "One"]
    row = empty.result("crm.timeline.comment.get", {"id": first})
    assert row == {
        "ID": str(first),
        "ENTITY_ID": str(deal),
        "ENTITY_TYPE": "deal",
        "CREATED": row["CREATED"],
        "COMMENT": "One",
        "AUTHOR_ID": "1",
        "FILES": [],
    }
    only = listed(empty, deal, select=["ID", "COMMENT"], order={"ID": "ASC"})
    assert only == [
        {"ID": str(first), "COMMENT": "One"},
        {"ID": str(second), "COMMENT": "Two"},
    ]


def test_comments_are_changed_and_deleted(empty, deal):
    number = comment(empty, deal, "Tpyo")
    change = {"id": number, "fields": {"COMMENT": "Typo"}, "ownerTypeId": 2, "ownerId": deal}
    assert empty.result("crm.timeline.comment.update", change) == number
    assert listed(empty, deal)[0]["COMMENT"] == "Typo"
    assert empty.result("crm.timeline.comment.delete", {"id": number}) is None
    assert listed(empty, deal) == []


def test_every_kind_of_record_has_comments(empty):
    kind = empty.result("crm.type.add", {"fields": {"title": "Talked about"}})["type"]
    number = kind["entityTypeId"]
    for entity, name in (
        (1, "lead"),
        (3, "contact"),
        (4, "company"),
        (number, f"dynamic_{number}"),
    ):
        fields = {"title": "x", "name": "x"}
        item = empty.result("crm.item.add", {"entityTypeId": entity, "fields": fields})["item"]
        comment(empty, item["id"], "Said", name)
        assert [row["ENTITY_TYPE"] for row in listed(empty, item["id"], name)] == [name]


def test_files_of_a_comment_are_downloaded(empty, deal):
    picture = base64.b64encode(b"GIF89a").decode()
    number = comment(empty, deal, "Look", FILES=[["1.gif", picture], ["a.txt", "aGk="]])
    files = empty.result("crm.timeline.comment.get", {"id": number})["FILES"]
    shown = sorted(files.values(), key=lambda file: file["id"])
    assert [(f["name"], f["type"], f["size"]) for f in shown] == [
        ("1.gif", "image", 6),
        ("a.txt", "file", 2),
    ]
    assert set(files) == {str(file["id"]) for file in shown}
    assert empty.http.get(shown[0]["urlDownload"]).content == b"GIF89a"


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("add", {}, (400, "100")),
        ("add", {"FIELDS": {"COMMENT": "upper case is not taken"}}, (400, "100")),
        ("add", {"fields": {"ENTITY_TYPE": "deal", "ENTITY_ID": 999999}}, (400, "OWNER_NOT_FOUND")),
        ("add", {"fields": {"ENTITY_TYPE": "car", "ENTITY_ID": 1}}, (400, "OWNER_NOT_FOUND")),
        (
            "add",
            {"fields": {"ENTITY_TYPE": "deal", "ENTITY_ID": "DEAL"}},
            (400, "INVALID_ARG_VALUE"),
        ),
        ("update", {"id": 999999, "fields": {}}, (400, "NOT_FOUND")),
        ("delete", {"id": 999999}, (400, "NOT_FOUND")),
        ("delete", {}, (400, "100")),
        ("get", {"id": 999999}, (400, "")),
        ("list", {}, (400, "")),
    ],
)
def test_errors_have_the_documented_codes(empty, deal, refused, method, params, expected):
    if params.get("fields", {}).get("ENTITY_ID") == "DEAL":
        params = {"fields": {**params["fields"], "ENTITY_ID": deal}}
    assert refused(empty.call(f"crm.timeline.comment.{method}", params)) == expected


def test_a_comment_of_another_record_is_not_changed(empty, deal, refused):
    number = comment(empty, deal)
    for method in ("update", "delete"):
        params = {"id": number, "fields": {}, "ownerTypeId": 2, "ownerId": deal + 1}
        answer = empty.call(f"crm.timeline.comment.{method}", params)
        assert refused(answer) == (400, "OWNER_NOT_FOUND")


def test_comments_are_for_those_who_see_the_record(empty, colleague, refused, deal):
    number = comment(empty, deal)
    fields = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": "x"}
    answer = colleague.call("crm.timeline.comment.add", {"fields": fields})
    assert refused(answer) == (400, "ACCESS_DENIED")
    for method in ("update", "delete"):
        answer = colleague.call(f"crm.timeline.comment.{method}", {"id": number, "fields": {}})
        assert refused(answer) == (400, "ACCESS_DENIED")
    assert refused(colleague.call("crm.timeline.comment.get", {"id": number})) == (400, "")
    filter = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}
    answer = colleague.call("crm.timeline.comment.list", {"filter": filter})
    assert refused(answer) == (400, "")
    own = colleague.result("crm.deal.add", {"fields": {"TITLE": "Own"}})
    comment(colleague, own, "Mine")
    assert [row["COMMENT"] for row in listed(colleague, own)] == ["Mine"]


def test_what_happens_in_the_timeline_is_noted_on_the_record_and_changes_nothing_else(empty):
    for kind, family in (("deal", "crm.deal"), ("lead", "crm.lead"), ("contact", "crm.contact")):
        given = {"TITLE": "Quiet", "NAME": "Quiet"}
        number = empty.result(f"{family}.add", {"fields": given})
        before = empty.result(f"{family}.get", {"id": number})
        for step in (1, 2):
            empty.control("clock", {"advance": 60})
            if step == 1:
                comment(empty, number, kind=kind)
            else:
                type_id = {"deal": 2, "lead": 1, "contact": 3}[kind]
                fields = {"OWNER_TYPE_ID": type_id, "OWNER_ID": number, "TYPE_ID": 2}
                more = {"SUBJECT": "Call", "COMMUNICATIONS": [{"VALUE": "1"}]}
                empty.result("crm.activity.add", {"fields": {**fields, **more}})
            after = empty.result(f"{family}.get", {"id": number})
            assert after["LAST_ACTIVITY_TIME"] > before["LAST_ACTIVITY_TIME"]
            assert after["LAST_ACTIVITY_BY"] == "1"
            changed = {key for key in after if after[key] != before[key]}
            assert changed == {"LAST_ACTIVITY_TIME"}
            before = after


def test_who_was_last_active_is_who_wrote(empty, colleague):
    them = colleague.result("profile")["ID"]
    fields = {"TITLE": "Shared", "ASSIGNED_BY_ID": them}
    number = empty.result("crm.deal.add", {"fields": fields})
    comment(colleague, number, "Theirs")
    after = empty.result("crm.deal.get", {"id": number})
    assert after["LAST_ACTIVITY_BY"] == str(them) != "1"
    assert after["MODIFY_BY_ID"] == "1"


def test_nobody_writes_activities_to_records_of_others(empty, colleague, refused, deal):
    mine = colleague.result("crm.deal.add", {"fields": {"TITLE": "Mine"}})
    call = {"TYPE_ID": 2, "SUBJECT": "Call", "COMMUNICATIONS": [{"VALUE": "1"}], "OWNER_TYPE_ID": 2}
    number = colleague.result("crm.activity.add", {"fields": {**call, "OWNER_ID": mine}})
    given = {"fields": {**call, "OWNER_ID": deal}}
    assert refused(colleague.call("crm.activity.add", given)) == (400, "")
    moved = {"id": number, "fields": {"OWNER_ID": deal}}
    assert refused(colleague.call("crm.activity.update", moved)) == (400, "")
    assert colleague.result("crm.activity.get", {"id": number})["OWNER_ID"] == str(mine)
    gone = {"fields": {**call, "OWNER_ID": 99_999_999}}
    assert refused(empty.call("crm.activity.add", gone)) == (400, "")
