"""Which changes are told to whom: every event that can be bound, and outgoing webhooks."""

import json
import time
from collections.abc import Iterator

import pytest
from listener import Listener, listening, wait_until
from portal_application import Application, add_application, ordinary_user, webhook_call
from sandbox_portal import running_portal

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator:
    options = ("--plan", "unlimited", "--control")
    with running_portal(tmp_path_factory.mktemp("p"), *options) as running:
        yield running


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


@pytest.fixture
def application(portal, listener) -> Iterator[Application]:
    added = add_application(portal, listener)
    listener.posts.clear()
    yield added
    webhook_call(portal.url, "sandbox.application.delete", {"CLIENT_ID": added.client_id})


def result(portal, method: str, params: dict | None = None):
    status, body = webhook_call(portal.url, method, params)
    assert status == 200, body
    return body["result"]


def told(listener: Listener, count: int) -> list[tuple[str, dict]]:
    """The events that came and what they say, once there are so many."""
    listener.wait_for(count)
    time.sleep(0.1)  # one too many would come now
    posts, listener.posts[:] = list(listener.posts), []
    return sorted(
        (
            post["event"],
            {key.removeprefix("data"): value for key, value in post.items() if key[:4] == "data"},
        )
        for post in posts
    )


def bind_all(application: Application, listener: Listener, part: str) -> None:
    names = [n for n in application.call("events")[1]["result"] if part in n]
    for name in names:
        bound = {"event": name, "handler": f"{listener.url}/events"}
        assert application.call("event.bind", bound)[1]["result"] is True


def test_definitions_of_user_fields_are_told_with_their_name(portal, application, listener):
    bind_all(application, listener, "USERFIELD")
    given = {"FIELD_NAME": "COLOUR", "USER_TYPE_ID": "enumeration", "LIST": [{"VALUE": "red"}]}
    number = result(portal, "crm.deal.userfield.add", {"fields": given})
    said = {
        "[FIELDS][ID]": str(number),
        "[FIELDS][ENTITY_ID]": "CRM_DEAL",
        "[FIELDS][FIELD_NAME]": "UF_CRM_COLOUR",
    }
    # The values of a list come with an event of their own, paired with the other.
    both = [("ONCRMDEALUSERFIELDADD", said), ("ONCRMDEALUSERFIELDSETENUMVALUES", said)]
    assert told(listener, 2) == both
    result(portal, "crm.deal.userfield.update", {"id": number, "fields": {"SORT": 5}})
    assert told(listener, 1) == [("ONCRMDEALUSERFIELDUPDATE", said)]
    options = {"id": number, "fields": {"LIST": [{"VALUE": "blue"}]}}
    result(portal, "crm.deal.userfield.update", options)
    assert [event for event, _said in told(listener, 2)] == [
        "ONCRMDEALUSERFIELDSETENUMVALUES",
        "ONCRMDEALUSERFIELDUPDATE",
    ]
    result(portal, "crm.deal.userfield.delete", {"id": number})
    assert told(listener, 1) == [("ONCRMDEALUSERFIELDDELETE", said)]
    field = {"entityId": "CRM_LEAD", "fieldName": "UF_CRM_SIZE", "userTypeId": "string"}
    result(portal, "userfieldconfig.add", {"moduleId": "crm", "field": field})
    ((event, said),) = told(listener, 1)
    assert (event, said["[FIELDS][FIELD_NAME]"]) == ("ONCRMLEADUSERFIELDADD", "UF_CRM_SIZE")


def test_a_refused_definition_is_not_told(portal, application, listener):
    bind_all(application, listener, "USERFIELD")
    given = {"FIELD_NAME": "COLOUR", "USER_TYPE_ID": "nothing"}
    assert webhook_call(portal.url, "crm.deal.userfield.add", {"fields": given})[0] == 400
    given = {"FIELD_NAME": "TOLD", "USER_TYPE_ID": "string"}
    result(portal, "crm.company.userfield.add", {"fields": given})
    assert [event for event, _said in told(listener, 1)] == ["ONCRMCOMPANYUSERFIELDADD"]


def test_smart_processes_are_told_by_their_id(portal, application, listener):
    bind_all(application, listener, "ONCRMTYPE")
    made = result(portal, "crm.type.add", {"fields": {"title": "Visits"}})["type"]
    result(portal, "crm.type.update", {"id": made["id"], "fields": {"title": "Calls"}})
    result(portal, "crm.type.delete", {"id": made["id"]})
    said = {"[FIELDS][ID]": str(made["id"])}
    assert told(listener, 3) == [
        ("ONCRMTYPEADD", said),
        ("ONCRMTYPEDELETE", said),
        ("ONCRMTYPEUPDATE", said),
    ]


def test_comments_of_tasks_are_told_with_their_task(portal, application, listener):
    bind_all(application, listener, "ONTASKCOMMENT")
    fields = {"TITLE": "Call", "RESPONSIBLE_ID": 1}
    task = int(result(portal, "tasks.task.add", {"fields": fields})["task"]["id"])
    text = {"TASKID": task, "FIELDS": {"POST_MESSAGE": "done?"}}
    number = result(portal, "task.commentitem.add", text)
    result(portal, "task.commentitem.update", {**text, "ITEMID": number})
    result(portal, "task.commentitem.delete", {"TASKID": task, "ITEMID": number})
    # A point of the checklist is no comment.
    point = {"TASKID": task, "FIELDS": {"TITLE": "first"}}
    result(portal, "task.checklistitem.add", point)
    posts = told(listener, 3)
    assert [event for event, _said in posts] == [f"ONTASKCOMMENT{w}" for w in
                                                 ("ADD", "DELETE", "UPDATE")]  # fmt: skip
    added = posts[0][1]
    assert added["[FIELDS_BEFORE]"] == "undefined"
    assert added["[FIELDS_AFTER][ID]"] == str(number)
    assert added["[FIELDS_AFTER][TASK_ID]"] == str(task)
    assert added["[IS_ACCESSIBLE_BEFORE]"] == "N"


def test_an_outgoing_webhook_is_told_without_any_token_of_a_user(portal, listener):
    given = {"HANDLER": f"{listener.url}/out", "EVENTS": ["onCrmDealAdd", "ONCRMDEALUPDATE"]}
    made = result(portal, "sandbox.outgoing.add", {**given, "TITLE": "Ours"})
    deal = result(portal, "crm.deal.add", {"fields": {"TITLE": "x"}})
    (post,) = listener.wait_for(1)
    assert listener.paths == ["/out"]
    assert listener.types == ["application/x-www-form-urlencoded"]
    assert (post["event"], post["data[FIELDS][ID]"]) == ("ONCRMDEALADD", str(deal))
    assert {name for name in post if name.startswith("auth")} == {
        f"auth[{name}]"
        for name in (
            *("domain", "client_endpoint", "server_endpoint", "member_id"),
            "application_token",
        )
    }
    assert post["auth[application_token]"] == made["APPLICATION_TOKEN"]
    assert post["auth[client_endpoint]"] == f"{portal.base}/rest/"
    # Never a second time, also if it fails; the next event comes.
    listener.status = 500
    result(portal, "crm.deal.update", {"id": deal, "fields": {"TITLE": "y"}})
    listener.wait_for(2)
    listener.status = 200
    result(portal, "crm.deal.update", {"id": deal, "fields": {"TITLE": "z"}})
    listener.wait_for(3)
    time.sleep(0.2)
    assert [p["event"] for p in listener.posts] == ["ONCRMDEALADD", *["ONCRMDEALUPDATE"] * 2]
    # What the portal shows later has no secret in it.
    (row,) = result(portal, "sandbox.outgoing.list")
    assert row["EVENTS"] == ["ONCRMDEALADD", "ONCRMDEALUPDATE"]
    assert made["APPLICATION_TOKEN"] not in json.dumps(row)
    assert result(portal, "sandbox.outgoing.delete", {"ID": made["ID"]}) is True
    result(portal, "crm.deal.update", {"id": deal, "fields": {"TITLE": "unheard"}})
    assert result(portal, "sandbox.outgoing.list") == []
    time.sleep(0.2)
    assert len(listener.posts) == 3


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"EVENTS": ["ONCRMDEALMOVETOCATEGORY"]}, "ERROR_EVENT_NOT_FOUND"),  # applications only
        ({"EVENTS": ["ONOFFLINEEVENT"]}, "ERROR_EVENT_NOT_FOUND"),
        ({"EVENTS": ["ONAPPTEST"]}, "ERROR_EVENT_NOT_FOUND"),
        ({"EVENTS": ["ONNOTHING"]}, "ERROR_EVENT_NOT_FOUND"),
        ({"EVENTS": [{"a": 1}]}, "ERROR_EVENT_NOT_FOUND"),
        ({"EVENTS": {"a": "b"}}, "ERROR_EVENT_NOT_FOUND"),
        ({"EVENTS": []}, "ERROR_ARGUMENT"),
        ({"EVENTS": ["ONCRMDEALADD"], "HANDLER": "file:///etc/passwd"}, "ERROR_WRONG_HANDLER_URL"),
        ({"EVENTS": ["ONCRMDEALADD"], "HANDLER": ""}, "ERROR_WRONG_HANDLER_URL"),
    ],
)
def test_an_outgoing_webhook_that_cannot_be_is_refused(portal, given, error):
    asked = {"HANDLER": "http://127.0.0.1:9/x", **given}
    status, body = webhook_call(portal.url, "sandbox.outgoing.add", asked)
    assert (status, body["error"]) == (400, error)
    assert result(portal, "sandbox.outgoing.list") == []


def test_outgoing_webhooks_are_for_administrators(portal):
    result(portal, "user.add", {"EMAIL": "own@example.org", "UF_DEPARTMENT": [1]})
    url = portal.scoped(None, ordinary_user(portal))
    asked = {"HANDLER": "http://127.0.0.1:9/x", "EVENTS": "ONCRMDEALADD"}
    for verb in ("add", "list", "delete"):
        status, body = webhook_call(url, f"sandbox.outgoing.{verb}", {**asked, "ID": 1})
        assert (status, body["error"]) == (403, "ACCESS_DENIED")
    # A webhook posing as an application's handler has no events to bind either.
    assert webhook_call(portal.url, "sandbox.outgoing.delete", {"ID": "x"})[0] == 400


def test_what_is_queued_goes_out_after_a_restart_and_what_was_sent_does_not(tmp_path, listener):
    state = ("--state", str(tmp_path / "portal.sqlite"), "--plan", "unlimited")
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    events = {"EVENTS": ["ONCRMDEALADD"], "HANDLER": f"{listener.url}/out"}
    with running_portal(first, *state) as portal:
        result(portal, "sandbox.outgoing.add", events)
        listener.delay = 3.0  # four senders are held up, the fifth POST waits in the queue
        deals = [
            str(result(portal, "crm.deal.add", {"fields": {"TITLE": f"{n}"}})) for n in range(6)
        ]
        listener.wait_for(4)
        portal.process.kill()
        portal.process.join()
    listener.delay = 0
    with running_portal(second, *state):
        listener.wait_for(6)
        time.sleep(0.3)
    heard = [post["data[FIELDS][ID]"] for post in listener.posts]
    assert sorted(heard) == sorted(deals)
    assert wait_until(lambda: set(heard[:4]) == set(deals[:4]))
