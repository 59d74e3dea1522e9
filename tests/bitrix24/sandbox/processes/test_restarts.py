"""Processes outlive the portal: what waits goes on, what was done is not done again."""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import command_line
import pytest
from listener import Listener, wait_until
from portal_application import add_application, webhook_call
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
from sandbox_portal import SandboxPortal, running_portal

pytestmark = pytest.mark.timeout(90)

STEPS = """
name: patient
title: {fr: Patient, en: Patient}
steps:
  - activity: md5_action
    name: first
    properties: {inputString: x}
    timeout: 60
  - wait: 3
  - choose:
      - case: large
        when:
          - {value: "{=first:size}", at_least: 10}
        steps:
          - set_stage: PREPARATION
          - notify: 1
            message: "size {=first:size} of {=Document:TITLE}"
      - case: small
        steps: [{set_stage: EXECUTING}]
"""
NOTIFIER = """
name: notifier
title: {fr: a, en: b}
steps:
  - notify: 1
    message: "told once"
  - set_stage: EXECUTING
  - log: end
"""


def killed(portal: SandboxPortal) -> None:
    portal.process.kill()
    portal.process.join()


def notes(portal, text: str) -> list[str]:
    """The notifications of user 1 that hold a text."""
    found = webhook_call(portal.url, "im.notify.get")[1]["result"]["notifications"]
    return [note["text"] for note in found if text in note["text"]]


def test_waits_conditions_and_time_outs_of_one_deal_go_on_after_a_kill(
    tmp_path, listener: Listener
):
    state = ("--state", str(tmp_path / "portal.sqlite"), "--plan", "unlimited")
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    with running_portal(first, *state) as portal:
        application = add_application(portal, listener)
        application.call("bizproc.activity.add", activity(listener))
        patient = add_template(portal, STEPS)
        hasty = add_template(portal, TEMPLATE.format(name="hasty", timeout=2))
        deal = new_deal(portal, TITLE="Lamps")
        waiting, pausing = (start(portal, patient, deal) for _ in range(2))
        late = start(portal, hasty, deal)
        tokens = {run: called(listener, run)["event_token"] for run in (waiting, pausing, late)}
        answer = {"EVENT_TOKEN": tokens[pausing], "RETURN_VALUES": {"hash": "a", "size": "12"}}
        assert application.call("bizproc.event.send", answer)[1]["result"] is True
        wait_until(lambda: process(portal, pausing)["LOG"][-1]["kind"] == "waits")
        # Running processes keep the steps they started with.
        other = STEPS.replace("size {=first:size}", "changed").replace("PREPARATION", "LOSE")
        assert add_template(portal, other) == patient
        posts = len(listener.posts)
        killed(portal)
    time.sleep(2.2)  # the time-out passes while nobody is there
    with running_portal(second, *state) as portal:
        application.base = portal.base
        assert process(portal, waiting)["STATE"] == "waiting"
        # Its time has passed: it goes on as if nothing had answered, and nobody can any more.
        found = ended(portal, late)
        assert found["RESULTS"] == {"first": {"IsTimeout": "1"}}
        asked = {"EVENT_TOKEN": tokens[late], "RETURN_VALUES": {"size": "1"}}
        assert application.call("bizproc.event.send", asked)[0] == 403
        # The pause ends, and the condition knows what was answered before the kill.
        assert ended(portal, pausing)["RESULTS"]["first"]["size"] == "12"
        assert stage(portal, deal) == "PREPARATION"
        assert notes(portal, "of Lamps") == ["size 12 of Lamps"]
        asked = {"EVENT_TOKEN": tokens[waiting], "RETURN_VALUES": {"hash": "b", "size": "3"}}
        assert application.call("bizproc.event.send", asked)[1]["result"] is True
        assert application.call("bizproc.event.send", asked)[0] == 403
        assert ended(portal, waiting)["STATE"] == "completed"
        assert stage(portal, deal) == "EXECUTING"
        assert len(listener.posts) == posts  # nothing was called twice


def _kill_at(frame: FrameType, _event: str, _about: object):
    """Kill this process when a step has been done and its instance is about to be moved on."""
    if frame.f_code.co_name == "_move" and frame.f_code.co_filename.endswith("process_engine.py"):
        os.kill(os.getpid(), signal.SIGKILL)


def _killed_portal(arguments: tuple[str, ...], environ: dict[str, str], folder: str, log: str):
    sys.settrace(_kill_at)
    command_line.execute(arguments, environ, folder, log, log)


def test_a_step_that_a_kill_interrupts_is_done_once_and_wholly(tmp_path):
    state = ("--state", str(tmp_path / "portal.sqlite"), "--plan", "unlimited")
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir(), second.mkdir()
    with running_portal(first, *state) as portal:
        template = add_template(portal, NOTIFIER)
        deal = new_deal(portal)
    file = first / "killed.url"
    arguments = ("sandbox", "start", "--port", "0", "--url-file", str(file), *state)
    given = (arguments, dict(os.environ), str(Path.cwd()), str(first / "killed.log"))
    dying = command_line.forks().Process(target=_killed_portal, args=given, daemon=True)
    dying.start()
    url = wait_until(lambda: file.exists() and file.read_text().strip(), 60)
    run = start(SandboxPortal(url, url.split("/rest/")[0], dying), template, deal)
    dying.join(30)
    assert dying.exitcode == -signal.SIGKILL
    with running_portal(second, *state) as portal:
        assert ended(portal, run)["STATE"] == "completed"
        assert notes(portal, "told once") == ["told once"]
        kinds = [line["kind"] for line in process(portal, run)["LOG"]]
        assert kinds == ["started", "notified", "stage", "message", "completed"]


def test_a_step_that_fails_leaves_nothing_half_done(portal):
    text = "name: half\ntitle: {fr: a, en: b}\nsteps: [{notify: 999999, message: nobody}]"
    found = ended(portal, start(portal, add_template(portal, text), new_deal(portal)))
    assert found["STATE"] == "failed"
    assert [line["kind"] for line in found["LOG"]] == ["started", "failed"]
