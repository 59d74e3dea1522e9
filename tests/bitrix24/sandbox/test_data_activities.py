"""Activities: to-dos, what they are bound to, who sees them, duplicates by their addresses."""

import pytest


def deal(client, **fields):
    return client.result("crm.deal.add", {"fields": {"TITLE": "Busy", **fields}})


def activity(client, owner, kind=2, **fields):
    fields = {
        "OWNER_TYPE_ID": kind,
        "OWNER_ID": owner,
        "TYPE_ID": 1,
        "SUBJECT": "Meeting",
        "RESPONSIBLE_ID": 1,
        "COMMUNICATIONS": [{"TYPE": "PHONE", "VALUE": "+33 1 00 00 00 00"}],
        **fields,
    }
    return client.result("crm.activity.add", {"fields": fields})


def todo(client, owner, **more):
    due = {"deadline": "2026-12-01T10:00:00+01:00"}
    params = {"ownerTypeId": 2, "ownerId": owner, **due, **more}
    return client.result("crm.activity.todo.add", params)["id"]


def listed(client, **params):
    return [int(row["ID"]) for row in client.result("crm.activity.list", params)]


def bound_to(owner, kind=2):
    return {"BINDINGS": [{"OWNER_TYPE_ID": kind, "OWNER_ID": owner}]}


def test_activities_come_by_their_beginning_and_with_hidden_fields_on_request(empty):
    owner = deal(empty)
    late = activity(empty, owner, START_TIME="2026-05-02T10:00:00+02:00")
    early = activity(empty, owner, START_TIME="2026-05-01T10:00:00+02:00")
    mine = {"filter": {"OWNER_ID": owner, "OWNER_TYPE_ID": 2}}
    assert listed(empty, **mine) == [early, late]
    assert listed(empty, **mine, order={"ID": "ASC"}) == [late, early]
    row = empty.result("crm.activity.list", {"filter": {"ID": early}})[0]
    assert "COMMUNICATIONS" not in row
    row = empty.result(
        "crm.activity.list", {"filter": {"ID": early}, "select": ["ID", "COMMUNICATIONS"]}
    )[0]
    assert "COMMUNICATIONS" in row
    excluded = {"filter": {"OWNER_ID": owner, "OWNER_TYPE_ID": 2, "!%SUBJECT": "meet"}}
    assert listed(empty, **excluded) == []


def test_an_activity_is_bound_to_several_records(empty, refused):
    one, two, three = (deal(empty) for _ in range(3))
    number = activity(empty, one)
    key = {"activityId": number, "entityTypeId": 2, "entityId": two}
    assert empty.result("crm.activity.binding.add", key) is True
    assert refused(empty.call("crm.activity.binding.add", key)) == (
        400,
        "ACTIVITY_IS_ALREADY_BOUND",
    )
    assert empty.result("crm.activity.binding.list", {"activityId": number}) == [
        {"entityTypeId": 2, "entityId": one},
        {"entityTypeId": 2, "entityId": two},
    ]
    assert listed(empty, filter=bound_to(two)) == [number]
    move = {
        "activityId": number,
        "sourceEntityTypeId": 2,
        "sourceEntityId": one,
        "targetEntityTypeId": 2,
        "targetEntityId": three,
    }
    assert empty.result("crm.activity.binding.move", move) is True
    assert listed(empty, filter=bound_to(one)) == []
    assert empty.result("crm.activity.get", {"id": number})["OWNER_ID"] == str(three)
    assert empty.result("crm.activity.binding.delete", key) is True
    assert refused(empty.call("crm.activity.binding.delete", key)) == (400, "BINDING_NOT_FOUND")
    last = {**key, "entityId": three}
    answer = empty.call("crm.activity.binding.delete", last)
    assert refused(answer) == (400, "LAST_BINDING_CANNOT_BE_DELETED")


def bound(client, number):
    rows = client.result("crm.activity.binding.list", {"activityId": number})
    return [(row["entityTypeId"], row["entityId"]) for row in rows]


def test_an_activity_is_bound_to_whom_it_talks_to(empty, colleague, refused):
    """``BINDINGS`` of a write is read only, so crm.activity.fields; who is bound besides the owner
    are the records of COMMUNICATIONS, as the portal's own method builds it."""
    owner, other = deal(empty), deal(empty)
    contact = empty.result("crm.contact.add", {"fields": {"NAME": "Ada"}})
    talk = {"VALUE": "+33 1", "ENTITY_ID": contact, "ENTITY_TYPE_ID": 3}
    named = [{"OWNER_ID": other, "OWNER_TYPE_ID": 2}]
    number = activity(empty, owner, TYPE_ID=2, COMMUNICATIONS=[talk], BINDINGS=named)
    assert bound(empty, number) == [(2, owner), (3, contact)]
    assert listed(empty, filter=bound_to(contact, 3)) == [number]
    (row,) = empty.result(
        "crm.activity.list", {"filter": {"ID": number}, "select": ["COMMUNICATIONS"]}
    )
    assert row["COMMUNICATIONS"][0]["TYPE"] == "PHONE"
    fields = {"SUBJECT": "Later", "BINDINGS": named}
    empty.result("crm.activity.update", {"id": number, "fields": fields})
    assert bound(empty, number) == [(2, owner), (3, contact)]
    fields = {"COMMUNICATIONS": [{"VALUE": "+33 2"}]}
    empty.result("crm.activity.update", {"id": number, "fields": fields})
    assert bound(empty, number) == [(2, owner)]
    (row,) = empty.result(
        "crm.activity.list", {"filter": {"ID": number}, "select": ["COMMUNICATIONS"]}
    )
    told = row["COMMUNICATIONS"][0]
    assert (told["ENTITY_TYPE_ID"], told["ENTITY_ID"]) == ("2", str(owner))
    hidden = {
        "OWNER_TYPE_ID": 2, "OWNER_ID": deal(colleague), "TYPE_ID": 2, "SUBJECT": "x",
        "COMMUNICATIONS": [talk],
    }  # fmt: skip
    assert refused(colleague.call("crm.activity.add", {"fields": hidden})) == (400, "")
    gone = [{**talk, "ENTITY_ID": 999999}]
    assert bound(empty, activity(empty, owner, TYPE_ID=2, COMMUNICATIONS=gone)) == [(2, owner)]


def test_bindings_are_asked_for_by_type_by_id_or_both(empty):
    """The page of crm.activity.list: one of the keys, or their combination."""
    kind = empty.result("crm.type.add", {"fields": {"title": "Bound"}})["type"]["entityTypeId"]
    one = empty.result("crm.item.add", {"entityTypeId": kind, "fields": {"title": "x"}})["item"]
    number = activity(empty, one["id"], kind=kind)
    shared = activity(empty, deal(empty))
    key = {"activityId": shared, "entityTypeId": kind, "entityId": one["id"]}
    empty.result("crm.activity.binding.add", key)
    assert listed(empty, filter={"BINDINGS": [{"OWNER_TYPE_ID": kind}]}) == [number, shared]
    by_id = listed(empty, filter={"BINDINGS": [{"OWNER_ID": one["id"]}], "@ID": [number, shared]})
    assert by_id == [number, shared]


@pytest.mark.parametrize(("kind", "due"), [(1, "START_TIME"), (2, "START_TIME"), (3, "END_TIME")])
def test_the_deadline_follows(empty, kind, due):
    """crm.activity.add: DEADLINE is not set directly; it is START_TIME of calls and meetings and
    END_TIME of tasks."""
    times = {"START_TIME": "2026-05-01T10:00:00+02:00", "END_TIME": "2026-05-01T11:00:00+02:00"}
    wrong = {"DEADLINE": "2027-01-01T00:00:00+01:00"}
    number = activity(empty, deal(empty), TYPE_ID=kind, **times, **wrong)
    row = empty.result("crm.activity.get", {"id": number})
    assert row["DEADLINE"] == row[due] == times[due]
    later = {"start_time": "2026-06-01T10:00:00+02:00", "end_time": "2026-06-01T12:00:00+02:00"}
    for fields in (later, wrong):
        empty.result("crm.activity.update", {"id": number, "fields": fields})
        row = empty.result("crm.activity.get", {"id": number})
        assert row["DEADLINE"] == row[due] == later[due.lower()]


def test_done_and_status_say_the_same(empty):
    """So every sample of the documentation: COMPLETED ``Y`` with STATUS 2, ``N`` with 1."""
    number = activity(empty, deal(empty))
    done = activity(empty, deal(empty), COMPLETED="Y")
    assert empty.result("crm.activity.get", {"id": done})["STATUS"] == "2"
    for fields, status, completed in (
        ({"COMPLETED": "Y"}, "2", "Y"),
        ({"COMPLETED": "N"}, "1", "N"),
        ({"STATUS": 2}, "2", "Y"),
        ({"STATUS": 1}, "1", "N"),
        ({"COMPLETED": "Y", "STATUS": 3}, "3", "Y"),
        ({"SUBJECT": "Still"}, "3", "Y"),
        ({"COMPLETED": "N", "STATUS": 2}, "1", "N"),
    ):
        empty.result("crm.activity.update", {"id": number, "fields": fields})
        row = empty.result("crm.activity.get", {"id": number})
        assert (row["STATUS"], row["COMPLETED"]) == (status, completed), fields
    due = todo(empty, deal(empty))
    empty.result("crm.activity.update", {"id": due, "fields": {"COMPLETED": "Y"}})
    row = empty.result("crm.activity.get", {"id": due})
    assert (row["STATUS"], row["DEADLINE"]) == ("2", "2026-12-01T10:00:00+01:00")


def test_a_deleted_record_takes_only_the_activities_of_its_own_along(empty, refused):
    one, two = deal(empty), deal(empty)
    alone, shared = activity(empty, one), activity(empty, one)
    key = {"activityId": shared, "entityTypeId": 2, "entityId": two}
    empty.result("crm.activity.binding.add", key)
    empty.result("crm.deal.delete", {"id": one})
    assert refused(empty.call("crm.activity.get", {"id": alone})) == (400, "")
    assert empty.result("crm.activity.get", {"id": shared})["OWNER_ID"] == str(two)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("list", {}, "100"),
        ("list", {"activityId": 999999}, "NOT_FOUND"),
        ("add", {"activityId": "IT", "entityTypeId": 2, "entityId": 999999}, "OWNER_NOT_FOUND"),
        ("add", {"activityId": "IT", "entityTypeId": 2}, "100"),
        (
            "move",
            {
                "activityId": "IT",
                "sourceEntityTypeId": 2,
                "sourceEntityId": "DEAL",
                "targetEntityTypeId": 2,
                "targetEntityId": "DEAL",
            },
            "SOURCE_AND_TARGET_ENTITY_ID_ARE_EQUAL_ERROR",
        ),
    ],
)
def test_bindings_refuse_with_the_documented_codes(empty, refused, method, params, code):
    owner = deal(empty)
    names = {"IT": activity(empty, owner), "DEAL": owner}
    params = {k: names.get(v, v) for k, v in params.items()}
    assert refused(empty.call(f"crm.activity.binding.{method}", params)) == (400, code)


def test_activities_are_for_those_who_see_the_record(empty, colleague, refused):
    mine = int(colleague.result("profile")["ID"])
    hidden = activity(empty, deal(empty), RESPONSIBLE_ID=mine)
    own = deal(colleague)
    seen = activity(empty, own)
    assert refused(colleague.call("crm.activity.get", {"id": hidden})) == (400, "")
    assert colleague.result("crm.activity.get", {"id": seen})["ID"] == str(seen)
    numbers = listed(colleague)
    assert seen in numbers and hidden not in numbers
    binding = {"activityId": seen, "entityTypeId": 2, "entityId": deal(empty)}
    answer = colleague.call("crm.activity.binding.add", binding)
    assert refused(answer) == (400, "ACCESS_DENIED")


def test_todos_are_changed_until_they_are_done(empty, refused):
    owner = deal(empty)
    number = todo(empty, owner, title="Call", pingOffsets=[0, 15], colorId="2")
    key = {"id": number, "ownerTypeId": 2, "ownerId": owner}
    later = "2026-12-24T08:00:00+01:00"
    for method, more in (
        ("update", {"title": "Ring"}),
        ("updateDeadline", {"value": later}),
        ("updateDescription", {"value": "Ask for Ada"}),
        ("updateResponsibleUser", {"responsibleId": 1}),
        ("updateColor", {"colorId": "3"}),
    ):
        answer = empty.result(f"crm.activity.todo.{method}", {**key, **more})
        assert answer == {"id": number}
    row = empty.result("crm.activity.get", {"id": number})
    assert (row["SUBJECT"], row["DESCRIPTION"], row["DEADLINE"]) == ("Ring", "Ask for Ada", later)
    assert row["PROVIDER_ID"] == "CRM_TODO"
    wrong = {**key, "colorId": "99"}
    answer = empty.call("crm.activity.todo.updateColor", wrong)
    assert refused(answer) == (400, "CAN_NOT_UPDATE_WRONG_COLOR_TODO")
    answer = empty.call("crm.activity.todo.updateDeadline", {**key, "value": "soon"})
    assert refused(answer) == (400, "WRONG_DATETIME_FORMAT")
    elsewhere = {**key, "ownerId": deal(empty), "title": "x"}
    assert refused(empty.call("crm.activity.todo.update", elsewhere)) == (400, "NOT_FOUND")
    empty.result("crm.activity.update", {"id": number, "fields": {"COMPLETED": "Y"}})
    answer = empty.call("crm.activity.todo.update", {**key, "title": "x"})
    assert refused(answer) == (400, "CAN_NOT_UPDATE_COMPLETED_TODO")


def test_duplicates_are_found_by_telephone_and_mail(empty, colleague, refused):
    fields = {
        "NAME": "Twin",
        "PHONE": [{"VALUE": "+33 4 11 22 33 44"}],
        "EMAIL": [{"VALUE": "Twin@Example.org"}],
    }
    contact = empty.result("crm.contact.add", {"fields": fields})
    lead = empty.result("crm.lead.add", {"fields": {**fields, "TITLE": "Twin"}})
    by_phone = {"type": "PHONE", "values": ["0411223344"]}
    found = empty.result("crm.duplicate.findbycomm", by_phone)
    assert found == {"CONTACT": [contact], "LEAD": [lead]}
    by_mail = {"type": "EMAIL", "values": ["twin@example.org"], "entity_type": "CONTACT"}
    assert empty.result("crm.duplicate.findbycomm", by_mail) == {"CONTACT": [contact]}
    assert colleague.result("crm.duplicate.findbycomm", by_phone) == []
    assert empty.call("crm.duplicate.findbycomm").status_code == 400
