"""Triggers on changed records: a real portal is changed, read again, and runs are queued for it."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import command_line
import pytest
from sandbox_portal import SandboxPortal
from small_project import SmallProject
from triggering import LARGE, add, call, declare, open_deals, read, started, update

from workbench.automation.kept import referred_snapshots
from workbench.automation.triggers.declared import load_trigger
from workbench.automation.triggers.status import status
from workbench.automation.triggers.windows import hand_in_due
from workbench.bitrix24.client import Portal
from workbench.errors import ConfigurationError
from workbench.reports import read_record
from workbench.warehouse import newest_snapshot
from workbench.warehouse.sync import sync

HERE = Path(__file__).parent


def test_only_the_records_that_changed_as_it_says_start_a_run(
    loaded_portal: SandboxPortal, project: SmallProject
):
    inside, outside, raised, plain = open_deals(4)
    for deal in (inside, outside):
        update(loaded_portal, deal, OPPORTUNITY=1_000_000)
    for change in ("any", "added", "entered"):
        declare(project, f"{change}_deal", {**LARGE, "change": change})
    declare(project, "lead", {"records": "leads"})
    assert not read(loaded_portal).started  # they watch from here on
    assert not read(loaded_portal).started

    update(loaded_portal, inside, TITLE="Autre nom")
    update(loaded_portal, outside, OPPORTUNITY=5)
    update(loaded_portal, raised, OPPORTUNITY=950_000)
    update(loaded_portal, plain, TITLE="Autre nom")
    new, small = add(loaded_portal, OPPORTUNITY=2_000_000), add(loaded_portal, OPPORTUNITY=7)
    assert len(read(loaded_portal).started) == 3
    assert started() == {
        "any_deal": [{"ids": sorted([inside, raised, new])}],
        "added_deal": [{"ids": [new]}],
        "entered_deal": [{"ids": sorted([raised, new])}],
    }
    assert small not in started()["added_deal"][0]["ids"]
    # Neither a sync that finds nothing nor a comment, which is what a delivery writes, starts more.
    call(
        loaded_portal,
        "crm.timeline.comment.add",
        fields={"ENTITY_ID": new, "ENTITY_TYPE": "deal", "COMMENT": "Rapport"},
    )
    call(loaded_portal, "crm.lead.add", fields={"TITLE": "Prospect"})
    assert [line.split(":")[0] for line in read(loaded_portal).started] == ["Trigger lead"]
    assert not read(loaded_portal).started
    assert len(started()["any_deal"]) == 1


def each() -> list[int]:
    """Return the records that have had a run of the trigger “each”, in order."""
    return sorted(given["n"] for given in started()["each"])


def test_changes_within_a_window_make_one_run_and_runs_keep_their_distance(
    loaded_portal: SandboxPortal, project: SmallProject
):
    begin = datetime.now(UTC)
    declare(project, "all", window_minutes=10, distance_minutes=60)
    declare(
        project, "each", per="record", distance_minutes=60, run={"report": "tell", "records": "n"}
    )
    read(loaded_portal, begin)
    deals = open_deals(30)
    for deal in deals[:20]:
        update(loaded_portal, deal, OPPORTUNITY=1_000_000)
    read(loaded_portal, begin + timedelta(minutes=1))
    for deal in deals[10:]:
        update(loaded_portal, deal, OPPORTUNITY=1_100_000)
    read(loaded_portal, begin + timedelta(minutes=5))
    assert "all" not in started() and each() == deals
    told = status("all", now=begin + timedelta(minutes=6))
    assert (told.waiting, told.due) == (30, begin + timedelta(minutes=11))

    assert not hand_in_due(begin + timedelta(minutes=10, seconds=59))
    (firing,) = hand_in_due(begin + timedelta(minutes=11))
    assert (firing.trigger, firing.records) == ("all", 30)
    assert started()["all"] == [{"ids": deals}]
    # A deal that changed again within the hour waits for its hour, a new one does not.
    update(loaded_portal, deals[0], OPPORTUNITY=1_200_000)
    new = add(loaded_portal, OPPORTUNITY=1_200_000)
    read(loaded_portal, begin + timedelta(minutes=30))
    assert each() == [*deals, new]
    assert {f.trigger for f in hand_in_due(begin + timedelta(minutes=61))} == {"each"}
    assert each() == sorted([*deals, new, deals[0], *deals[10:20]])
    (firing,) = hand_in_due(begin + timedelta(minutes=71))
    assert (firing.trigger, firing.records) == ("all", 2)
    assert not hand_in_due(begin + timedelta(days=3))


def killed_looks(portal: SandboxPortal, project: SmallProject, home: Path, every: int) -> int:
    """Kill looks at each ``every``-th step; return how many were killed."""
    declare(project, "all")
    read(portal)
    deals = open_deals(3)
    for deal in deals:
        update(portal, deal, OPPORTUNITY=1_000_000)
    with Portal(portal.url, "unlimited", patience=10) as opened:
        sync(portal=opened)
    shutil.copy(home / "triggers.sqlite", home / "triggers.sqlite.before")
    lines = subprocess.run(
        [sys.executable, str(HERE / "killing.py"), str(home), str(every)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    looks = [json.loads(line) for line in lines]
    assert [each["jobs"] for each in looks] == [[deals]] * len(looks)
    assert [each["killed"] for each in looks] == [True] * (len(looks) - 1) + [False]
    return len(looks) - 1


def test_looks_killed_at_some_steps_start_the_run_once(
    loaded_portal: SandboxPortal, project: SmallProject, home: Path
):
    assert killed_looks(loaded_portal, project, home, every=4) >= 5


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_looks_killed_at_every_step_start_the_run_once(
    loaded_portal: SandboxPortal, project: SmallProject, home: Path
):
    killed = killed_looks(loaded_portal, project, home, every=1)
    print("killed:", killed)
    assert killed >= 20


def test_the_run_is_told_what_started_it_and_the_command_says_how_it_stands(
    loaded_portal: SandboxPortal, project: SmallProject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORKBENCH_WEBHOOK", loaded_portal.url)
    monkeypatch.setenv("WORKBENCH_PLAN", "unlimited")
    monkeypatch.setenv("COLUMNS", "200")
    declare(project, "large_deals")

    def workbench(*arguments: str) -> str:
        answer = command_line.workbench(*arguments, timeout=90)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    assert "has not looked yet" in workbench("triggers").lower()
    workbench("sync")
    assert "no sync has found changes" in workbench("triggers")
    new = add(loaded_portal, OPPORTUNITY=1_000_000)
    assert "Trigger large_deals: a run of tell is queued, for 1 record." in workbench("sync")
    assert "no worker runs" in workbench("triggers")
    workbench("worker", "--once")
    (told,) = json.loads(workbench("triggers", "large_deals", "--json"))
    assert (told["job_state"], told["records"], told["problem"]) == ("done", 1, None)
    assert told["firings"][0]["triggered"]["ids"] == [new]
    record = read_record(told["run"])
    assert record.outcome == "succeeded" and record.trigger == "trigger"
    assert record.parameters["ids"] == [new]
    assert record.triggered == {
        "by": "large_deals", "records": "deals", "ids": [new], "count": 1,
    }  # fmt: skip
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "fr")
    assert "Déclencheur" in workbench("triggers")


def test_what_it_compares_with_is_kept_and_it_says_when_it_must_begin_anew(
    loaded_portal: SandboxPortal, project: SmallProject, home: Path
):
    declare(project, "all")
    read(loaded_portal)
    with newest_snapshot() as snapshot:
        seen = snapshot.id
    assert referred_snapshots() == {seen}
    deals = open_deals(2)
    declare(project, "all", enabled=False)
    update(loaded_portal, deals[0], OPPORTUNITY=1_000_000)
    read(loaded_portal)
    assert status("all").state == "Switched off in its file."
    declare(project, "all")
    assert not read(loaded_portal).started  # what changed meanwhile is past

    declare(project, "all", {**LARGE, "where": "amount_base >= 800000"})
    update(loaded_portal, deals[0], TITLE="Autre nom")
    assert not read(loaded_portal).started  # it says something else now
    update(loaded_portal, deals[1], OPPORTUNITY=850_000)
    for file in (home / "warehouse" / "snapshots").glob("*.duckdb"):
        file.rename(file.with_suffix(".away"))
    told = read(loaded_portal)
    assert not told.started and "watches from now on" in told.problems[0]
    assert "watches from now on" in status("all").state
    update(loaded_portal, deals[1], OPPORTUNITY=860_000)
    assert len(read(loaded_portal).started) == 1
    assert started() == {"all": [{"ids": [deals[1]]}]}


def test_a_wrong_file_is_one_line_and_holds_up_no_other(
    loaded_portal: SandboxPortal, project: SmallProject
):
    declare(project, "good")
    read(loaded_portal)
    declare(project, "bad", {"records": "deals", "where": "colour = 'red'"})
    new = add(loaded_portal, OPPORTUNITY=1_000_000)
    told = read(loaded_portal)
    assert len(told.started) == 1 and started() == {"good": [{"ids": [new]}]}
    (line,) = told.problems
    assert "parameters/triggers/bad.yml: when.where:" in line and "colour" in line
    answer = command_line.workbench("triggers")
    assert answer.returncode == 1 and "colour" in answer.stdout
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "line 1: this is not YAML"),
        ("[]", "expected keys like title, when, run"),
        ({"when": None}, "when: "),
        ({"when": {"records": "tasks"}}, "when.records: allowed: deals, leads, invoices"),
        ({"when": {**LARGE, "change": "gone"}}, "when.change: allowed: any, added, entered"),
        ({"when": {**LARGE, "who": 1}}, "“when.who” is unknown; allowed: records, change, where"),
        ({"when": {**LARGE, "where": "amount ="}}, "when.where: The filter cannot be read"),
        ({"when": {**LARGE, "where": "amount = 'x'"}}, "when.where: “x” cannot be compared"),
        ({"when": {**LARGE, "where": "1 = 1; drop table deals"}}, "when.where: Not allowed"),
        ({"when": {"records": "leads", "segment": "big"}}, "when.segment: There is no segment"),
        ({"run": {"report": "nowhere"}}, "run.report: There is no report “nowhere”"),
        ({"run": {"report": "tell", "records": "n"}}, "run.records: “n” is no parameter of"),
        ({"run": {"report": "tell", "records": "ids"}, "per": "record"}, "run.records: “ids”"),
        ({"run": {"report": "tell", "parameters": {"n": "x"}}}, "run.parameters.n: “x” does not"),
        ({"run": {"report": "tell", "parameters": {"m": 1}}}, "run.parameters.m: notebooks/tell"),
        ({"window_minutes": -1}, "window_minutes: "),
        ({"distance_minutes": "soon"}, "distance_minutes: "),
        ({"name": "other"}, "expected keys like title, when, run"),
        ({"every": 5}, "“every” is unknown; allowed: title, when, run, per"),
    ],
)
def test_a_wrong_declaration_is_one_line_with_the_file_the_key_and_what_is_allowed(
    project: SmallProject, content: Any, told: str
):
    file = declare(project, "wrong", **(content if isinstance(content, dict) else {}))
    if isinstance(content, str):
        file.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_trigger("wrong")
    assert caught.value.message.startswith("parameters/triggers/wrong.yml")
    assert told in caught.value.message and "\n" not in caught.value.message
