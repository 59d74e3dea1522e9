"""From stalled deals to notifications, through the real commands, on a portal of the test's own."""

import json
import os
from pathlib import Path

import command_line
import pytest
import yaml
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.automation import decisions
from workbench.bitrix24.sandbox.memory.state import State
from workbench.errors import ConfigurationError

RULE = {
    "title": {"fr": "Relancer", "en": "Nudge"},
    "about": "stalled_deals",
    "action": "notify_manager",
    "message": {"fr": "{deal} depuis {days} jours", "en": "{deal} for {days} days"},
}


def workbench(environ, *arguments: str, code: int = 0):
    run = command_line.workbench(*arguments, env={**os.environ, **environ})
    assert run.returncode == code, run.stdout + run.stderr
    return json.loads(run.stdout) if "--json" in arguments and code == 0 else run.stderr


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    state = folder / "portal.sqlite"
    with running_portal(folder, *SMALL_COMPANY, "--state", str(state)) as portal:
        environ = {
            "WORKBENCH_HOME": str(folder / "home"),
            "WORKBENCH_CONFIG": str(folder / "config"),
            "WORKBENCH_WEBHOOK": portal.url,
            "WORKBENCH_PLAN": "unlimited",
        }
        workbench(environ, "sync", "bitrix24", "--json")
        yield environ, state


def notifications(state_file) -> list[dict]:
    state = State(state_file)
    try:
        return state.find("messages")
    finally:
        state.close()


def test_nothing_is_sent_before_approval_and_each_approved_reminder_once(installation):
    environ, state_file = installation
    proposed = workbench(environ, "decisions", "propose", "--json")
    assert len(proposed) >= 4
    assert {p["status"] for p in proposed} == {"proposed"}
    assert notifications(state_file) == []
    assert workbench(environ, "decisions", "propose", "--json") == [], "no second reminder"

    chosen, refused, moved, gone = (p["id"] for p in proposed[:4])
    deals = {p["id"]: int(p["subject"].split(":")[1]) for p in proposed}
    state = State(state_file)
    state.update("deals", deals[moved], {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S"})
    state.delete("deals", deals[gone])
    state.close()

    workbench(environ, "decisions", "reject", refused, "--why", "holiday", "--json")
    (applied,) = workbench(environ, "decisions", "approve", chosen, "--json")
    assert applied["status"] == "applied"
    outdated = workbench(environ, "decisions", "approve", moved, gone, "--json")
    assert [p["status"] for p in outdated] == ["outdated", "outdated"]

    (sent,) = notifications(state_file)
    assert sent["USER_ID"] == applied["payload"]["user_id"]
    assert sent["MESSAGE"] == applied["payload"]["message"]
    assert f"/crm/deal/details/{deals[chosen]}/" in sent["MESSAGE"]

    for decided in (chosen, refused, moved):
        told = workbench(environ, "decisions", "approve", decided, code=1)
        assert decided in told
    assert len(notifications(state_file)) == 1


def test_an_applied_reminder_is_taken_back_once_and_nothing_else_is(installation):
    environ, state_file = installation
    listed = workbench(environ, "decisions", "list", "--json")
    (applied,) = [p["id"] for p in listed if p["status"] == "applied"]
    undecided, rejected = (
        next(p["id"] for p in listed if p["status"] == status)
        for status in ("proposed", "rejected")
    )
    for other in (undecided, rejected):
        assert other in workbench(environ, "decisions", "undo", other, code=1)
    assert len(notifications(state_file)) == 1

    (undone,) = workbench(environ, "decisions", "undo", applied, "--json")
    assert undone["status"] == "undone"
    assert notifications(state_file) == []
    assert applied in workbench(environ, "decisions", "undo", applied, code=1)
    history = workbench(environ, "decisions", "show", applied, "--json")["history"]
    assert [move["status"] for move in history] == ["proposed", "approved", "applied", "undone"]


def test_a_reminder_that_is_gone_from_the_portal_is_undone_and_says_so(installation):
    environ, state_file = installation
    listed = workbench(environ, "decisions", "list", "--status", "proposed", "--json")
    chosen = listed[0]["id"]
    workbench(environ, "decisions", "approve", chosen, "--json")
    state = State(state_file)
    state.delete_where("messages", {})
    state.close()
    (undone,) = workbench(environ, "decisions", "undo", chosen, "--json")
    assert undone["status"] == "undone"
    history = workbench(environ, "decisions", "show", chosen, "--json")["history"]
    assert "n’était plus là" in history[-1]["detail"]


def test_a_replay_finds_the_same_figures_and_tells_what_a_changed_rule_changes(
    installation, tmp_path
):
    environ, state_file = installation
    before = len(notifications(state_file))
    listed = workbench(environ, "decisions", "list", "--json")
    largest = max(listed, key=lambda p: p["reason"]["amount_base"])
    same = workbench(environ, "decisions", "replay", largest["id"], "--json")
    assert same["same"] and same["same_rule"]
    assert same["again"]["reason"] == largest["reason"]

    shipped = Path(__file__).parents[2] / "parameters" / "decisions" / "stalled_deals.yml"
    project = {"WORKBENCH_PROJECT": str(tmp_path)}
    rules = tmp_path / "parameters" / "decisions"
    rules.mkdir(parents=True)
    above = largest["reason"]["amount_base"] + 1
    rule = yaml.safe_load(shipped.read_text("utf-8")) | {"min_amount": above}
    (rules / shipped.name).write_text(yaml.safe_dump(rule), "utf-8")
    other = command_line.workbench(
        "decisions", "replay", largest["id"], "--json", env={**os.environ, **environ, **project}
    )
    assert other.returncode == 1
    told = json.loads(other.stdout)
    assert (told["again"], told["same"], told["same_rule"]) == (None, False, False)

    elsewhere = {"WORKBENCH_PROJECT": str(tmp_path / "none")}
    (tmp_path / "none").mkdir()
    workbench(environ | elsewhere, "decisions", "replay", largest["id"], code=2)
    assert len(notifications(state_file)) == before


def test_proposals_are_the_largest_stalled_deals_of_managers(installation):
    environ, _state = installation
    listed = workbench(environ, "decisions", "list", "--json")
    amounts = [p["reason"]["amount_base"] for p in listed]
    assert amounts == sorted(amounts, reverse=True)
    assert min(amounts) >= 5000
    for p in listed:
        assert p["reason"]["days_in_stage"] > p["reason"]["usual_days"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["approve"], 2),
        (["approve", "--all", "abc"], 2),
        (["approve", "nosuchid"], 1),
        (["list", "--status", "maybe"], 2),
        (["propose", "nosuchrule"], 2),
        (["show", "'; drop table proposals; --"], 1),
    ],
)
def test_a_wrong_call_says_so_and_sends_nothing(installation, arguments, code):
    environ, state_file = installation
    before = len(notifications(state_file))
    told = workbench(environ, "decisions", *arguments, code=code)
    assert told.strip() and "Traceback" not in told
    assert len(notifications(state_file)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"about": "everything"},
        {"action": "delete_deal"},
        {"min_amount": "much"},
        {"limit": 0},
        {"surprise": 1},
        {"message": {"fr": "{deal.__class__}", "en": "x"}},
        {"message": {"fr": "{deal", "en": "x"}},
        {"message": {"fr": "bonjour"}},
        {"name": "other"},
    ],
)
def test_a_wrong_rule_file_names_file_and_key(tmp_path, change):
    file = tmp_path / "nudge.yml"
    file.write_text(yaml.safe_dump({**RULE, **change}))
    with pytest.raises(ConfigurationError, match=r"nudge\.yml"):
        decisions.load_rule(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"- a\n- b", b"\xff\xfe", b"a: [", b"!!python/object:os.x {}"]
    + [b"a: 2026-02-30", b"[" * 3000],
)
def test_a_file_that_is_no_rule_is_refused(tmp_path, content):
    file = tmp_path / "nudge.yml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"nudge\.yml"):
        decisions.load_rule(file)


def test_crm_text_cannot_become_markup_of_the_message():
    assert decisions.plain("[url=https://evil.example]Click[/url]\n\t[b]") == (
        "(url=https://evil.example)Click(/url) (b)"
    )
