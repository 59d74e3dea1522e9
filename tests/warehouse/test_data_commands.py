"""`workbench sync`, `sources`, `sql`, `check`: the contract that scripts rely on."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import command_line
import pytest
from handmade import made_rows, make_snapshot

ROOT = Path(__file__).parent.parent.parent
HEADER = "month,channel,spend,currency,clicks,impressions\n"


def workbench(*arguments: str, **environ: str) -> subprocess.CompletedProcess:
    return command_line.workbench(
        *arguments, env={**os.environ, "WORKBENCH_LANGUAGE": "en", **environ}, timeout=90
    )


@pytest.fixture(scope="module")
def handmade_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    make_snapshot(home, made_rows(deals=60)).close()
    return home


@pytest.fixture
def at(handmade_home: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(handmade_home)}


def test_sync_sources_and_check_tell_the_same_story(portal, home):
    environ = {"WORKBENCH_WEBHOOK": portal.url, "WORKBENCH_PLAN": "unlimited"}
    (home / "imports").mkdir()
    (home / "imports" / "marketing_spend.csv").write_text(
        HEADER + "2026-01,Google Ads,100,EUR,5,50\n2026-01,Affichage,20,EUR,,\n"
    )
    done = workbench("sync", "--json", **environ)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["snapshot"] and result["requests"] > 5 and not result["problems"]
    assert result["rows_read"] == sum(result["rows"].values()) > 1000
    assert result["remarks"] == ["Channel “Affichage” has no CRM source (1 row)."]
    listed = {row["entity"]: row for row in json.loads(workbench("sources", "--json").stdout)}
    assert listed["deals"]["status"] == "complete"
    assert listed["deals"]["rows"] == result["rows"]["deals"]
    assert listed["marketing_spend"]["rows"] == 2
    assert "Affichage" in listed["marketing_spend"]["missing"]
    checks = json.loads(workbench("check", "--json").stdout)
    assert checks["checks"] and all(check["passed"] for check in checks["checks"])
    again = workbench("sync", **environ)
    assert again.returncode == 0 and "Nothing has changed" in again.stdout
    code = portal.url.rstrip("/").split("/")[-1]
    assert code not in done.stdout + done.stderr + again.stdout + again.stderr


def test_a_bad_spend_file_fails_the_command_and_keeps_the_last_good_rows(portal, home):
    environ = {"WORKBENCH_WEBHOOK": portal.url, "WORKBENCH_PLAN": "unlimited"}
    file = home / "imports" / "marketing_spend.csv"
    file.parent.mkdir()
    absent = workbench("sync", **environ)
    assert absent.returncode == 0
    assert spend(home) == ("not loaded", 0)
    told = workbench("sources", WORKBENCH_LANGUAGE="fr").stdout
    assert "le fichier imports/marketing_spend.csv n’existe pas" in told
    file.write_text(HEADER + "2026-01,Google Ads,100,EUR,5,50\n")
    assert workbench("sync", "marketing_spend").returncode == 0  # needs no portal
    assert spend(home) == ("complete", 1)
    file.write_text(HEADER + "2026-01,Google Ads,-1,EUR,5,50\n")
    bad = workbench("sync", "marketing_spend")
    assert bad.returncode == 1
    assert "marketing_spend.csv, row 2, column spend: an amount below zero" in bad.stdout
    assert spend(home) == ("stale", 1)
    file.unlink()
    workbench("sync", "marketing_spend")
    assert spend(home) == ("not loaded", 0)


def spend(home: Path) -> tuple[str, int]:
    rows = json.loads(workbench("sources", "--json", WORKBENCH_HOME=str(home)).stdout)
    found = next(row for row in rows if row["source"] == "marketing_spend")
    return found["status"], found["rows"]


def test_spend_before_the_portal_is_told(home):
    (home / "imports").mkdir()
    (home / "imports" / "marketing_spend.csv").write_text(HEADER + "2026-01,SEO,1,EUR,,\n")
    done = workbench("sync", "marketing_spend")
    assert done.returncode == 1 and "currencies are not known yet" in done.stdout


def test_a_portal_that_is_not_there_is_told_without_a_traceback(home):
    done = workbench("sync", "bitrix24", WORKBENCH_WEBHOOK="http://127.0.0.1:9/rest/1/s3cret/")
    assert done.returncode == 1
    assert "does not take connections" in done.stderr and "Traceback" not in done.stderr
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("sync", "sap"), 2, "no source sap"),
        (("sync", "bitrix24"), 2, "No portal is connected"),
        (("sql", "drop table deals"), 2, "Only one SELECT"),
        (("sql", "select * from nowhere"), 2, "nowhere"),
        (("sql", "select * from read_text('/etc/passwd')"), 2, "cannot be read from here"),
        (("sql", "select 1", "--limit", "0"), 2, "limit"),
    ],
)
def test_mistakes_are_told_in_a_line_with_exit_code_two(at, arguments, code, said):
    done = workbench(*arguments, **at)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("sources",), ("check",), ("sql", "select 1")])
def test_without_a_snapshot_the_way_to_one_is_told(home, command):
    done = workbench(*command)
    assert done.returncode == 1 and "workbench sync" in done.stderr


def test_sql_answers_as_json_and_says_when_it_is_cut(at):
    done = workbench("sql", "select deal_id, title from deals order by 1", "--json", **at)
    rows = json.loads(done.stdout)
    assert len(rows) == 60 and rows[0] == {"deal_id": 1, "title": "Aménagement 1"}
    cut = workbench("sql", "from deals", "--limit", "3", **at)
    assert "Only the first 3 rows" in cut.stdout


def test_sql_answers_any_type_as_json(at):
    query = "select 'e3a1c6de-0000-4000-8000-00000000000a'::uuid as u, [1] as l, {'a': 1} as s"
    done = workbench("sql", query, "--json", **at)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"u": "e3a1c6de-0000-4000-8000-00000000000a", "l": [1], "s": {"a": 1}}
    ]


def test_a_broken_rule_fails_the_check(tmp_path):
    rows = made_rows(deals=30)
    rows["users"].append(dict(rows["users"][0]) | {"ID": "01"})  # the same user once more
    make_snapshot(tmp_path, rows).close()
    done = workbench("check", WORKBENCH_HOME=str(tmp_path))
    assert done.returncode == 0  # "01" is the same id: the later row has replaced the first
    rows["deals"][0]["OPPORTUNITY"] = "cher"
    rows["invoices"][0]["stageId"] = None
    shutil.rmtree(tmp_path / "warehouse")
    make_snapshot(tmp_path, rows).close()
    done = workbench("check", WORKBENCH_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "stage_id is never empty" in done.stdout
    assert "OPPORTUNITY: 1 value cannot be read, such as “cher”" in done.stdout


def test_french_is_spoken_by_default(at):
    done = workbench("sources", **at, WORKBENCH_LANGUAGE="fr")
    assert "complet" in done.stdout and "Affaires" in done.stdout
