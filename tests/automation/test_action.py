"""From a call's settings to the answer: validation, results, sending."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener import Listener, listening, wait_until
from portal_application import Application, add_application, installation_of, webhook_call
from pydantic import SecretStr
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.automation import action, delivery, queue
from workbench.bitrix24 import activity, oauth
from workbench.i18n import use_language
from workbench.reports import load_report
from workbench.reports.parameters import notebook_parameters

pytestmark = pytest.mark.timeout(120)
DEAL = ["crm", "CCrmDocumentDeal", "DEAL_7"]


def test_settings_become_a_report_and_its_parameters():
    given = {
        "report": "deal",
        "metric": "closed_win_rate",
        "period": "last_quarter",
        "compare": "year_ago",
        "scope": "manager",
        "segment": "amount_base > 1000",
        "horizon": "3",
        "rule": "stalled_deals",
    }
    name, parameters = action.request(DEAL, given)
    assert name == "deal"
    assert parameters == {
        "deal_id": 7,
        "metric": "closed_win_rate",
        "period": "last_quarter",
        "compare": "year_ago",
        "scope": "manager",
        "segment": "amount_base > 1000",
        "horizon": 3,
    }


def test_what_is_not_set_has_the_default_of_the_notebook():
    name, parameters = action.request(DEAL, dict.fromkeys(activity.SETTINGS, ""))
    assert action.request(DEAL, {}) == (name, parameters)
    own = notebook_parameters(load_report("deal").notebook_file)
    assert name == "deal"
    assert parameters == {name: each.default for name, each in own.items()} | {"deal_id": 7}


HOSTILE = [
    "'; DROP TABLE deals; --",
    "<script>alert(1)</script>",
    "[url=http://x]y[/url]",
    "a\nb\x00c",
    "9" * 500,
    "../../etc/passwd",
    "é" * 200,
]


@pytest.mark.parametrize("key", activity.SETTINGS)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_wrong_setting_is_named_with_what_is_possible(key, value):
    with use_language("en"), pytest.raises(action.Invalid) as refused:
        action.request(DEAL, {key: value})
    text = str(refused.value)
    assert key in text
    assert text.isprintable()
    assert len(text) < 2_000


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(activity.SETTINGS), st.text()))
def test_any_setting_is_used_or_refused(chosen):
    try:
        name, parameters = action.request(DEAL, chosen)
    except action.Invalid:
        return
    assert name in action.action_reports()
    assert parameters["period"] in activity.PERIODS


@pytest.mark.parametrize("value", [["a"], {"a": "b"}])
def test_a_setting_is_one_text(value):
    with pytest.raises(action.Invalid):
        action.request(DEAL, {"metric": value})


@pytest.mark.parametrize(
    "document",
    [
        ["crm", "CCrmDocumentLead", "LEAD_7"],
        ["crm", "CCrmDocumentDeal", "DEAL_0"],
        ["crm", "CCrmDocumentDeal", "DEAL_7; x"],
        ["crm", "CCrmDocumentDeal", "DEAL_" + "9" * 30],
        ["x", "y", "z"],
    ],
)
def test_only_deals_are_analysed(document):
    with pytest.raises(action.Invalid):
        action.request(document, {})


def test_results_become_a_typed_answer():
    answer = action.of_result({"status": "ok", "value": 12, "change_percent": -3.5, "rows": 9})
    assert answer.value == 12.0
    values = answer.return_values()
    assert values["value"] == "12"
    assert values["change_percent"] == "-3.5"
    assert values["forecast"] == ""
    assert set(values) == set(activity.return_properties())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_sent_empty(number):
    assert action.of_result({"value": number}).return_values()["value"] == ""


def test_no_data_is_its_own_status():
    assert action.of_result({"status": "no data"}).status == "empty"


@pytest.mark.parametrize("result", [{"value": "many"}, {"status": "fine"}, {"as_of": "soon"}])
def test_results_of_a_wrong_type_are_an_error(result):
    assert action.of_result(result).status == "error"


def test_every_result_and_setting_is_named_in_every_language_of_a_portal():
    form = activity.properties({"deal": "x"}, {"m": "y"}, {"r": "z"})
    payload = activity.registration("https://a.example/x", form, "1")
    named = [payload["NAME"], payload["DESCRIPTION"]]
    named += [p["Name"] for p in payload["PROPERTIES"].values()]
    named += [p["Name"] for p in payload["RETURN_PROPERTIES"].values()]
    for texts in named:
        assert set(texts) == set(activity.PORTAL_LANGUAGES)
        assert all(texts.values())
    assert payload["NAME"]["fr"] == "Analyse Commerciale"
    assert payload["NAME"]["de"] == payload["NAME"]["en"] == "Business Analytics"
    json.dumps(payload)


def test_a_call_that_cannot_run_is_answered_with_the_reason(home):
    given = payload(Application("", "", ""), "x", properties={"period": "sometimes"})
    with use_language("en"):
        assert action.analyse(given).status == "invalid"
        answer = action.analyse(payload(Application("", "", ""), "x"))
    assert answer.status == "error"  # nothing has been synced
    assert answer.error


# -- sending ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator:
    with running_portal(tmp_path_factory.mktemp("p"), *SMALL_COMPANY, "--control") as running:
        yield running


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


@pytest.fixture
def application(portal, listener, home, monkeypatch) -> Application:
    """An application with the registered action, known to this installation."""
    made = add_application(portal, listener)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_ID", made.client_id)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_SECRET", made.client_secret)
    monkeypatch.setenv("WORKBENCH_OAUTH_SERVER", portal.base)
    monkeypatch.setenv("WORKBENCH_PLAN", "unlimited")
    form = activity.properties({"deal": "x"}, {"m": "y"}, {"r": "z"})
    given = activity.registration(f"{listener.url}/action", form, "1")
    given["CODE"] = f"action_{made.client_id[6:12]}"
    assert made.call("bizproc.activity.add", given)[1]["result"] is True
    made.extra["code"] = given["CODE"]
    oauth.save(installation_of(made))
    return made


def waiting_process(portal, listener, application, wait: str = "true") -> dict[str, str]:
    """Start a process that calls the action; returns the POST that it got."""
    template = f"""
name: caller_{application.extra["code"]}
title: {{fr: a, en: b}}
steps:
  - activity: {application.extra["code"]}
    name: analysis
    wait: {wait}
"""
    number = webhook_call(portal.url, "sandbox.process.add", {"TEMPLATE": template})[1]["result"]
    deal = webhook_call(portal.url, "crm.deal.add", {"fields": {"TITLE": "x"}})[1]["result"]
    started = webhook_call(
        portal.url,
        "bizproc.workflow.start",
        {"TEMPLATE_ID": number, "DOCUMENT_ID": ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]},
    )[1]["result"]
    return wait_until(
        lambda: next((p for p in listener.posts if p.get("workflow_id") == started), None)
    )


def payload(application: Application, token: str, **more) -> dict:
    return {
        "key": "action-" + "a" * 32,
        "member_id": application.member_id,
        "event_token": token,
        "workflow_id": "w",
        "document_id": DEAL,
        "properties": {},
        "waits": True,
        "timeout_duration": 0,
        "received": "2026-11-02T10:00:00+00:00",
        "language": "en",
        **more,
    }


def first_try(call: dict, answer: activity.Answer) -> dict:
    """Return what is queued to send ``answer`` to the process of a call."""
    assert delivery.hand_in(call, answer) is True
    assert delivery.hand_in(call, answer) is False
    job = queue.job(f"{call['key']}.1")
    assert (job.kind, job.state) == ("answer", "queued")
    return job.payload


def outcomes(call: dict, answer: activity.Answer) -> list[str]:
    """Make try after try, without the pauses between them; return what each came to."""
    due, found = first_try(call, answer), []
    while due:
        found.append(delivery.deliver(due)["outcome"])
        following = queue.job(f"{call['key']}.{len(found) + 1}")
        due = following and following.payload
    return found


def test_an_answer_is_accepted_once(portal, listener, application):
    post = waiting_process(portal, listener, application)
    answer = activity.Answer(status="ok", value=5, summary="« ça » & <b>")
    due = first_try(payload(application, post["event_token"]), answer)
    assert delivery.send(due) == "accepted"
    assert delivery.send(due) == "gone"
    found = webhook_call(portal.url, "sandbox.process.get", {"ID": post["workflow_id"]})[1]
    results = found["result"]["RESULTS"]["analysis"]
    assert (results["status"], results["value"]) == ("ok", "5")
    assert results["summary"] == "« ça » & <b>"


@pytest.fixture
def faults(portal) -> Iterator:
    yield partial(portal.fault, method="bizproc.event.send")
    portal.no_faults()


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        ("503", ["accepted"]),  # a limit: waited for within the try
        ("500", ["later", "later", "accepted"]),
        ("expired", ["accepted"]),
    ],
)
def test_sending_goes_on_until_the_portal_takes_it(
    portal, listener, application, faults, fault, tries
):
    post = waiting_process(portal, listener, application)
    faults(fault=fault, times=2 if fault != "expired" else 1)
    given = payload(application, post["event_token"])
    assert outcomes(given, activity.Answer(status="ok")) == tries


def test_the_pauses_between_tries_grow_up_to_some_minutes():
    pauses = [delivery.pause(number) for number in range(1, 2_000)]
    assert pauses[:4] == [0.5, 1, 2, 4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == delivery.LONGEST_PAUSE


def test_what_the_portal_does_not_take_for_days_is_given_up(
    portal, listener, application, faults, caplog
):
    post = waiting_process(portal, listener, application)
    faults(fault="500")
    due = first_try(payload(application, post["event_token"]), activity.Answer(status="ok"))
    old = (datetime.now(UTC) - delivery.PATIENCE - timedelta(seconds=1)).isoformat()
    recent = (datetime.now(UTC) - delivery.PATIENCE + timedelta(minutes=1)).isoformat()
    assert delivery.send({**due, "since": recent}) == "later"
    assert delivery.deliver({**due, "since": old, "number": 900}) == {"outcome": "given up"}
    assert queue.job(f"{due['key']}.901") is None
    assert post["event_token"] not in caplog.text


def test_an_answer_whose_receipt_was_lost_arrived_once(portal, listener, application, faults):
    post = waiting_process(portal, listener, application)
    faults(fault="cut", times=1, after=True)
    given = payload(application, post["event_token"])
    assert outcomes(given, activity.Answer(status="ok", value=3)) == ["later", "gone"]
    found = webhook_call(portal.url, "sandbox.process.get", {"ID": post["workflow_id"]})[1]
    assert found["result"]["RESULTS"]["analysis"]["value"] == "3"


def test_a_setting_that_is_missing_for_a_while_loses_no_answer(
    portal, listener, application, faults, monkeypatch
):
    post = waiting_process(portal, listener, application)
    faults(fault="expired", times=1)
    monkeypatch.delenv("WORKBENCH_APP_CLIENT_SECRET")
    given = payload(application, post["event_token"])
    assert outcomes(given, activity.Answer(status="ok")) == ["later", "accepted"]


def test_an_answer_to_a_removed_application_is_given_up(portal, home):
    gone = Application(portal.base, "", "", member_id="f" * 32)
    assert outcomes(payload(gone, "x"), activity.Answer(status="ok")) == ["gone"]


def test_a_wrong_setting_reaches_the_process_as_invalid(portal, listener, application):
    post = waiting_process(portal, listener, application)
    given = payload(application, post["event_token"], properties={"period": "sometimes"})
    assert action.answer(given)["answer"]["status"] == "invalid"
    assert action.answer(given)["answer"]["status"] == "invalid"  # repeated: handed in once
    (job,) = queue.jobs()
    assert delivery.deliver(job.payload) == {"outcome": "accepted"}
    found = webhook_call(portal.url, "sandbox.process.get", {"ID": post["workflow_id"]})[1]
    results = found["result"]["RESULTS"]["analysis"]
    assert results["status"] == "invalid"
    assert "sometimes" in results["error"]


def test_a_process_that_does_not_wait_is_sent_nothing(portal, listener, application):
    post = waiting_process(portal, listener, application, wait="false")
    assert post["use_subscription"] == "N"
    given = payload(
        application, post["event_token"], waits=False, properties={"period": "sometimes"}
    )
    assert action.answer(given)["answer"]["status"] == "invalid"
    assert queue.jobs() == []


@contextmanager
def worker(home: Path) -> Iterator[subprocess.Popen]:
    """A worker of this home; it is killed (-9) at the end."""
    with (home / "worker.out").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "worker"], stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_answers_that_cannot_be_sent_delay_no_other_call_and_outlive_a_kill(
    portal, listener, application, home
):
    known = oauth.load(application.member_id)
    with listening() as dead:
        dead.status = 502
        ways = {
            "down": {"client_endpoint": f"{dead.url}/rest/"},
            "lost": {"access_token": SecretStr("expired"), "spent": True},
        }
        for member, way in ways.items():
            oauth.save(known.model_copy(update={"member_id": member, **way}))

        def call(key: str, member: str) -> str:
            post = waiting_process(portal, listener, application)
            given = payload(
                application,
                post["event_token"],
                key=key,
                member_id=member,
                properties={"period": "sometimes"},
            )
            assert queue.enqueue("action", given, id=key) is True
            return post["workflow_id"]

        def state(process: str) -> str:
            found = webhook_call(portal.url, "sandbox.process.get", {"ID": process})[1]
            return found["result"]["STATE"]

        stuck = {
            f"{member}-{n}": call(f"{member}-{n}", member) for member in ways for n in range(2)
        }
        with worker(home):
            wait_until(lambda: len(dead.posts) >= 4, 40)
            began = time.monotonic()
            quick = call("quick", application.member_id)
            wait_until(lambda: state(quick) == "completed", 10)
            assert time.monotonic() - began < 5
            assert {state(process) for process in stuck.values()} == {"waiting"}
        before = len(dead.posts)
        assert queue.job("down-0").state == queue.job("lost-1").state == "done"
        with worker(home):
            wait_until(lambda: len(dead.posts) >= before + 2, 40)
            numbers = {
                key: sorted(int(j.id.split(".")[1]) for j in queue.jobs() if f"{key}." in j.id)
                for key in stuck
            }
            # The first try, and at most the last ones: the tries between are struck off.
            assert all(n[0] == 1 and n[-1] >= 3 and len(n) <= 4 for n in numbers.values()), numbers
            for member in ways:
                oauth.save(known.model_copy(update={"member_id": member}))
            for process in stuck.values():
                wait_until(lambda p=process: state(p) == "completed", 40)
            wait_until(lambda: queue.unfinished() == 0, 10)
    for process in [quick, *stuck.values()]:
        found = webhook_call(portal.url, "sandbox.process.get", {"ID": process})[1]["result"]
        assert [entry["kind"] for entry in found["LOG"]].count("returned") == 1
        assert found["RESULTS"]["analysis"]["status"] == "invalid"
