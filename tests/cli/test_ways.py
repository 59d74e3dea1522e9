"""`workbench process` and `ranking` on a company of nine deals."""

import json
import os
import subprocess
from pathlib import Path

import command_line
import pytest
from hand_company import changed_snapshot


@pytest.fixture(scope="module")
def hand_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hand")
    # Its second deal counts as one that has skipped its first stage, where it was for ten days.
    changed_snapshot(
        folder, "UPDATE deal_stages SET days = 10 WHERE deal_id = 2 AND stage_id = 'NEW'"
    ).close()
    return folder


def workbench(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_LANGUAGE": "en"}
    return command_line.workbench(*arguments, env=environ)


def test_the_process_of_the_largest_pipeline_is_told_with_its_bottleneck(hand_home):
    told = json.loads(workbench(hand_home, "process", "--period", "2026", "--json").stdout)
    assert told["pipeline"] == "Direct" and told["deals"] == 4
    routes = {row["route"]: row["deals"] for row in told["variants"]}
    assert routes == {"New → Offer → Won": 3, "New → Lost": 1}
    # OFFER: 15, 30 and 75 days; NEW: 5, 10, 24 and 15.
    assert told["bottleneck"]["stage"] == "Offer"
    assert [row["total_days"] for row in told["waiting"]] == [54, 120]
    shown = workbench(hand_home, "process", "--period", "2026")
    assert "Deals wait most in “Offer”" in shown.stdout and shown.returncode == 0
    none = workbench(hand_home, "process", "--period", "2019")
    assert none.returncode == 0 and "No deal was closed" in none.stdout


def test_a_ranking_says_what_each_rate_rests_on(hand_home):
    told = json.loads(workbench(hand_home, "ranking", "--period", "all", "--json").stdout)
    assert {row["n"] for row in told["rows"]} == {1, 2, 3} and told["mean"] == 4 / 6
    assert workbench(hand_home, "ranking", "--period", "all").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("process", "--pipeline", "x'; drop table deals"), "x'; drop"),
        (("process", "--period", "soon"), "soon"),
        (("ranking", "won_revenue"), "Won revenue"),
        (("ranking", "romi"), "ROMI"),
        (("ranking", "nothing"), "nothing"),
        (("ranking", "--by", "nothing"), "nothing"),
    ],
)
def test_what_cannot_be_answered_is_said_without_a_traceback(hand_home, arguments, word):
    done = workbench(hand_home, *arguments)
    assert done.returncode == 2 and word in done.stderr and "Traceback" not in done.stderr
