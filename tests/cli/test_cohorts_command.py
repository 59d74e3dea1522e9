"""`workbench cohorts` on a company of two customers (see `hand_company`)."""

import json
import os
import subprocess
from pathlib import Path

import command_line
import pytest
from hand_company import hand_snapshot


@pytest.fixture(scope="module")
def hand_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hand")
    hand_snapshot(folder).close()
    return folder


def cohorts(home: Path, *arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_LANGUAGE": language}
    return command_line.workbench("cohorts", *arguments, env=environ)


def rows(text: str) -> dict[str, list[str]]:
    found = [line.split() for line in text.splitlines() if " 2026 " in line and "–" in line]
    return {" ".join(cells[:2]): cells[2:] for cells in found}


def test_a_month_that_is_not_over_is_a_dash_and_one_without_a_purchase_is_zero(hand_home):
    shown = cohorts(hand_home, "--period", "all")
    assert shown.returncode == 0
    assert rows(shown.stdout)["Apr 2026"] == ["1", "0%", "–", "–", "–"]
    assert "Jan 2026        1  100%  100%  0%  0%" in shown.stdout
    assert "50.0% of 2 customers bought again" in shown.stdout
    assert "2 in all." in shown.stdout and "Data as of 15 Jun 2026 12:00, snapshot" in shown.stdout
    assert "n\u202f: clients" in cohorts(hand_home, "--period", "all", language="fr").stdout


def test_revenue_and_json_hold_the_same_cohorts(hand_home):
    assert "300%  100%" in cohorts(hand_home, "--period", "all", "--revenue").stdout
    told = json.loads(cohorts(hand_home, "--period", "all", "--json").stdout)
    active = {(row["cohort"], row["age"]): row["retention_rate"] for row in told["rows"]}
    assert active == {
        **{("2026-01", f"0{age}"): float(age < 3) for age in range(5)},
        **{("2026-04", f"0{age}"): float(age < 1) for age in range(2)},
    }
    # Acme and Zed: 3,000; 3,000 of two; then Acme alone.
    assert [row["value"] for row in told["value"]] == [1500, 3000, 4000.1, 4000.1, 4000.1]
    assert told["as_of"].startswith("2026-06-15T10:00") and "50.0% of 2" in told["finding"]


def test_nothing_to_show_and_wrong_wishes_are_said_without_a_traceback(hand_home):
    assert "Nobody bought for the first time" in cohorts(hand_home, "--period", "2026-05").stdout
    assert "not loaded" in cohorts(hand_home, "--period", "2019").stdout
    for wish in (("--period", "soon"), ("--where", "pipeline = 'Direct'")):
        done = cohorts(hand_home, *wish)
        assert done.returncode == 2 and wish[1].split()[0] in done.stderr
        assert "Traceback" not in done.stderr
