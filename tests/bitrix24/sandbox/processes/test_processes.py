"""Business processes of the sandbox over HTTP; the points are those of the fidelity checklist."""

import json

import command_line
import pytest
from listener import wait_until
from portal_application import add_application, ordinary_user, webhook_call
from process_calls import (
    TEMPLATE,
    activity,
    add_template,
    called,
    ended,
    new_deal,
    process,
    stage,
    start,
)
from sandbox_portal import SMALL_COMPANY, running_portal

pytestmark = pytest.mark.timeout(60)


def test_point_34_activities_are_registered_by_an_application_of_an_administrator(portal, listener):
    given = activity(listener, CODE="point34")
    status, body = webhook_call(portal.url, "bizproc.activity.add", given)
    assert (status, body["error"]) == (400, "ACCESS_DENIED")
    assert body["error_description"] == "Application context required"
    fresh = add_application(portal, listener)
    ordinary = fresh.sign_in(ordinary_user(portal))["access_token"]
    status, body = fresh.call("bizproc.activity.add", given, token=ordinary)
    assert (status, body["error_description"]) == (400, "Access denied!")
    assert fresh.call("bizproc.activity.add", given)[1]["result"] is True
    status, body = fresh.call("bizproc.activity.add", given)
    assert (status, body["error"]) == (400, "ERROR_ACTIVITY_ALREADY_INSTALLED")
    status, body = fresh.call("bizproc.activity.add", {**given, "CODE": "a b"})
    assert body["error_description"] == "Wrong activity code!"
    assert fresh.call("bizproc.activity.list")[1]["result"] == ["point34"]
    assert fresh.call("bizproc.robot.list")[1]["result"] == []
    update = {"CODE": "point34", "FIELDS": {"NAME": "Other"}}
    assert fresh.call("bizproc.activity.update", update)[1]["result"] is True
    assert fresh.call("bizproc.activity.delete", {"CODE": "point34"})[1]["result"] is True
    status, body = fresh.call("bizproc.activity.delete", {"CODE": "point34"})
    assert body["error"] == "ERROR_ACTIVITY_NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"CODE": ""}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Empty activity code!"),
        ({"NAME": ""}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Empty activity NAME!"),
        ({"PROPERTIES": "x"}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong properties array!"),
        (
            {"PROPERTIES": {"1a": {"Name": "x"}}},
            "ERROR_ACTIVITY_VALIDATION_FAILURE",
            "Wrong property key 1a!",
        ),
        (
            {"PROPERTIES": {"a": {"Type": "int"}}},
            "ERROR_ACTIVITY_VALIDATION_FAILURE",
            "Empty property NAME a!",
        ),
        ({"HANDLER": "ftp://x/y"}, "ERROR_UNSUPPORTED_PROTOCOL", ""),
        ({"HANDLER": "http://elsewhere.example/y"}, "ERROR_WRONG_HANDLER_URL", ""),
    ],
)
def test_a_wrong_registration_is_refused_with_the_portals_words(
    application, listener, change, error, text
):
    given = {**activity(listener, CODE="wrong"), **change}
    status, body = application.call("bizproc.activity.add", given)
    assert (status, body["error"]) == (400, error)
    assert text in body["error_description"]


def test_point_35_the_handler_gets_the_documented_form(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
    deal = new_deal(portal)
    number = start(portal, template, deal)
    post = called(listener, number)
    assert post["code"] == "md5_action"
    assert [post[f"document_id[{n}]"] for n in range(3)] == [
        "crm",
        "CCrmDocumentDeal",
        f"DEAL_{deal}",
    ]
    assert post["document_type[2]"] == "DEAL"
    assert post["properties[inputString]"] == "deal Lamps & <b>"
    assert post["use_subscription"] == "Y"
    assert post["timeout_duration"] == "60"
    assert post["event_token"].split("|")[:2] == [number, "first"]
    assert post["auth[application_token]"] == application.application_token
    assert post["auth[member_id]"] == application.member_id
    assert application.call("profile", token=post["auth[access_token]"])[0] == 200


def test_point_36_the_answer_is_taken_once_and_only_with_the_token(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
    deal = new_deal(portal)
    number = start(portal, template, deal)
    token = called(listener, number)["event_token"]
    answer = {"RETURN_VALUES": {"hash": "abc", "size": "12.5", "unknown": "x"}}
    for forged in (token[:-1] + ("0" if token[-1] != "0" else "1"), "x", "", "a|b|c.d"):
        status, body = application.call("bizproc.event.send", {"EVENT_TOKEN": forged, **answer})
        assert (status, body["error"]) == (403, "ACCESS_DENIED")
    assert process(portal, number)["STATE"] == "waiting"
    given = {"EVENT_TOKEN": token, "LOG_MESSAGE": "done", **answer}
    assert application.call("bizproc.event.send", given)[1]["result"] is True
    found = ended(portal, number)
    assert found["STATE"] == "completed"
    assert found["RESULTS"] == {"first": {"hash": "abc", "size": "12.5", "IsTimeout": "0"}}
    assert stage(portal, deal) == "PREPARATION"
    status, body = application.call("bizproc.event.send", given)
    assert (status, body["error"]) == (403, "ACCESS_DENIED")
    assert [entry["kind"] for entry in found["LOG"]] == [
        *("started", "called", "returned", "case", "stage", "notified", "completed"),
    ]
    notified = next(e for e in found["LOG"] if e["kind"] == "notified")
    assert notified["data"] == {"user": "1", "message": "hash abc"}


def test_a_token_of_one_application_is_no_use_to_another(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
    number = start(portal, template, new_deal(portal))
    token = called(listener, number)["event_token"]
    other = add_application(portal, listener)
    status, _body = other.call("bizproc.event.send", {"EVENT_TOKEN": token})
    assert status == 403
    assert process(portal, number)["STATE"] == "waiting"


def test_point_39_a_change_by_a_robot_brings_no_tokens(portal, application, listener):
    bound = {"event": "ONCRMDEALUPDATE", "handler": f"{listener.url}/events"}
    application.call("event.bind", bound)
    template = add_template(
        portal, "name: mover\ntitle: {fr: a, en: b}\nsteps: [{set_stage: EXECUTING}]"
    )
    deal = new_deal(portal)
    assert ended(portal, start(portal, template, deal))["STATE"] == "completed"

    def post_of():
        key = "data[FIELDS][ID]"
        return next((p for p in listener.posts if p.get(key) == str(deal)), None)

    post = wait_until(post_of)
    assert post["event"] == "ONCRMDEALUPDATE"
    assert "auth[access_token]" not in post
    assert post["auth[application_token]"] == application.application_token
    application.call("event.unbind", bound)


def test_the_stage_history_shows_what_the_process_did(portal, application):
    template = add_template(
        portal, "name: mover\ntitle: {fr: a, en: b}\nsteps: [{set_stage: EXECUTING}]"
    )
    deal = new_deal(portal)
    ended(portal, start(portal, template, deal))
    given = {"entityTypeId": 2, "filter": {"OWNER_ID": deal}, "order": {"ID": "ASC"}}
    rows = webhook_call(portal.url, "crm.stagehistory.list", given)[1]["result"]["items"]
    assert [(str(r["TYPE_ID"]), r["STAGE_ID"]) for r in rows] == [("1", "NEW"), ("2", "EXECUTING")]


def test_an_activity_that_does_not_answer_in_time_is_passed_over(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="hasty", timeout=0.3))
    deal = new_deal(portal)
    number = start(portal, template, deal)
    token = called(listener, number)["event_token"]
    assert ended(portal, number)["STATE"] == "completed"
    assert stage(portal, deal) == "FINAL_INVOICE"
    status, _body = application.call("bizproc.event.send", {"EVENT_TOKEN": token})
    assert status == 403


def test_a_handler_that_fails_is_called_once_and_the_process_waits_on(
    portal, application, listener
):
    template = add_template(portal, TEMPLATE.format(name="hasty", timeout=1))
    listener.status = 500
    number = start(portal, template, new_deal(portal))
    called(listener, number)
    found = ended(portal, number)
    kinds = [entry["kind"] for entry in found["LOG"]]
    assert kinds[:4] == ["started", "called", "not delivered", "timeout"]
    assert sum(p.get("workflow_id") == number for p in listener.posts) == 1


def test_an_activity_without_subscription_is_not_waited_for(portal, application, listener):
    given = activity(listener, CODE="no_wait", USE_SUBSCRIPTION="N")
    application.call("bizproc.activity.add", given)
    text = TEMPLATE.format(name="quick", timeout=60).replace("md5_action", "no_wait")
    number = start(portal, add_template(portal, text), new_deal(portal))
    assert ended(portal, number)["STATE"] == "completed"
    post = called(listener, number)
    assert post["use_subscription"] == "N"
    status, _body = application.call("bizproc.event.send", {"EVENT_TOKEN": post["event_token"]})
    assert status == 403


def test_an_activity_logs_into_its_process(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
    number = start(portal, template, new_deal(portal))
    token = called(listener, number)["event_token"]
    status, body = application.call("bizproc.activity.log", {"EVENT_TOKEN": token})
    assert (status, body["error"]) == (400, "ERROR_EMPTY_LOG_MESSAGE")
    given = {"EVENT_TOKEN": token, "LOG_MESSAGE": "half way"}
    assert webhook_call(portal.url, "bizproc.activity.log", given)[1]["result"] is True
    assert process(portal, number)["LOG"][-1]["data"]["message"] == "half way"


def test_a_robot_runs_when_a_deal_reaches_its_stage(portal, application, listener):
    text = TEMPLATE.format(name="robot", timeout=60) + "start_on_stage: PREPAYMENT_INVOICE\n"
    template = add_template(portal, text)
    deal = new_deal(portal)
    given = {"id": deal, "fields": {"STAGE_ID": "PREPAYMENT_INVOICE"}}
    webhook_call(portal.url, "crm.deal.update", given)

    def post_of():
        return next((p for p in listener.posts if p.get("document_id[2]") == f"DEAL_{deal}"), None)

    number = wait_until(post_of)["workflow_id"]
    found = process(portal, number)
    assert found["TEMPLATE_ID"] == template
    assert found["LOG"][0]["data"]["user"] == 0
    add_template(portal, text.replace("PREPAYMENT_INVOICE", "NEVER"))  # later tests move deals


def test_several_processes_wait_on_one_deal_and_are_listed(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
    deal = new_deal(portal)
    numbers = [start(portal, template, deal) for _ in range(3)]
    tokens = [called(listener, number)["event_token"] for number in numbers]
    given = {"SELECT": ["ID", "DOCUMENT_ID"], "FILTER": {"DOCUMENT_ID": f"DEAL_{deal}"}}
    rows = webhook_call(portal.url, "bizproc.workflow.instances", given)[1]["result"]
    assert [row["ID"] for row in rows] == numbers
    application.call(
        "bizproc.event.send",
        {"EVENT_TOKEN": tokens[1], "RETURN_VALUES": {"hash": "b", "size": 1}},
    )
    assert ended(portal, numbers[1])["STATE"] == "completed"
    states = [process(portal, number)["STATE"] for number in numbers]
    assert states == ["waiting", "completed", "waiting"]
    terminate = {"ID": numbers[0], "STATUS": "enough"}
    assert webhook_call(portal.url, "bizproc.workflow.terminate", terminate)[1]["result"] is True
    assert process(portal, numbers[0])["STATE"] == "terminated"
    status, _body = application.call("bizproc.event.send", {"EVENT_TOKEN": tokens[0]})
    assert status == 403
    assert webhook_call(portal.url, "bizproc.workflow.kill", {"ID": numbers[2]})[1]["result"]
    assert webhook_call(portal.url, "sandbox.process.get", {"ID": numbers[2]})[0] == 400


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({}, "ERROR_WRONG_WORKFLOW_ID", "Empty TEMPLATE_ID"),
        ({"TEMPLATE_ID": 10**6}, "ERROR_WRONG_WORKFLOW_ID", "Template not found"),
        ({"TEMPLATE_ID": 1, "DOCUMENT_ID": "DEAL_1"}, "", "Wrong DOCUMENT_ID!"),
        (
            {"TEMPLATE_ID": 1, "DOCUMENT_ID": ["crm", "CCrmDocumentDeal", "DEAL_0"]},
            "",
            "Wrong DOCUMENT_ID!",
        ),
        (
            {"TEMPLATE_ID": 1, "DOCUMENT_ID": ["crm", "CCrmDocumentLead", "LEAD_1"]},
            "",
            "Template type and DOCUMENT_ID mismatch!",
        ),
    ],
)
def test_a_wrong_start_is_refused(portal, given, code, text):
    status, body = webhook_call(portal.url, "bizproc.workflow.start", given)
    assert (status, body["error"], body["error_description"]) == (400, code, text)


def test_a_failing_step_ends_its_process_and_not_the_portal(portal):
    text = "name: broken\ntitle: {fr: a, en: b}\nsteps: [{set_stage: NOWHERE}]"
    number = start(portal, add_template(portal, text), new_deal(portal))
    found = ended(portal, number)
    assert found["STATE"] == "failed"
    assert found["LOG"][-1]["data"]["reason"].startswith("ValueError")


def test_processes_survive_a_kill_of_the_portal(tmp_path, listener):
    state = ("--state", str(tmp_path / "portal.sqlite"), *SMALL_COMPANY)
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    with running_portal(first, *state) as portal:
        application = add_application(portal, listener)
        application.call("bizproc.activity.add", activity(listener))
        waiting = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
        hasty = add_template(portal, TEMPLATE.format(name="hasty", timeout=2))
        deals = [new_deal(portal) for _ in range(4)]
        numbers = [start(portal, waiting, deal) for deal in deals[:3]]
        late = start(portal, hasty, deals[3])
        tokens = [called(listener, number)["event_token"] for number in (*numbers, late)]
        before = len(listener.posts)
        portal.process.kill()
        portal.process.join()
    with running_portal(second, *state) as portal:
        application.base = portal.base
        assert [process(portal, number)["STATE"] for number in numbers] == ["waiting"] * 3
        for number, token in list(zip(numbers, tokens, strict=False))[:2]:
            given = {"EVENT_TOKEN": token, "RETURN_VALUES": {"hash": "a", "size": 20}}
            assert application.call("bizproc.event.send", given)[1]["result"] is True
            assert ended(portal, number)["STATE"] == "completed"
        assert [stage(portal, deal) for deal in deals[:3]] == ["PREPARATION"] * 2 + ["NEW"]
        assert ended(portal, late)["LOG"][-3]["data"]["case"] == "late"
        assert len(listener.posts) == before  # nothing was called twice


@pytest.mark.parametrize("text", ["[" * 5_000, "name: 2020-13-45", f"name: {'9' * 5_000}"])
def test_a_template_that_yaml_cannot_read_is_refused(portal, text):
    status, body = webhook_call(portal.url, "sandbox.process.add", {"TEMPLATE": text})
    assert (status, body["error"]) == (400, "ERROR_TEMPLATE_VALIDATION_FAILURE")


def test_run_process_starts_waits_and_prints(portal, application, listener, tmp_path):
    text = "name: plain\ntitle: {fr: a, en: b}\nsteps: [{set_stage: EXECUTING}, {log: fin}]"
    add_template(portal, text)
    deal = new_deal(portal)
    answer = command_line.workbench(
        "sandbox",
        "run-process",
        str(deal),
        "--process",
        "plain",
        "--json",
        env={
            "WORKBENCH_WEBHOOK": portal.url,
            "WORKBENCH_PLAN": "unlimited",
            "PATH": "",
            "WORKBENCH_HOME": str(tmp_path),
        },
        check=True,
    )
    (run,) = json.loads(answer.stdout)
    # The portal's names of NEW and EXECUTING.
    assert (run["stage_before"], run["stage_after"]) == ("Nouveau besoin", "Négociation")
    assert run["state"] == "completed"
    assert run["log"][-2]["message"] == "fin"
