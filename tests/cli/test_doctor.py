"""``workbench doctor`` on installations with one thing wrong each."""

import json
import os
import shutil
from pathlib import Path

import command_line
import pytest
from sandbox_portal import SandboxPortal

ROOT = Path(__file__).parents[2]


def doctor(code: int, **environ: str) -> dict[str, list[dict[str, str]]]:
    """The findings by subject, in English."""
    run = command_line.workbench(
        "doctor", "--json", env={**os.environ, "WORKBENCH_LANGUAGE": "en", **environ}
    )
    assert run.returncode == code, run.stdout + run.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(run.stdout):
        found.setdefault(one["subject"], []).append(one)
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped notebooks and parameters."""
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, tmp_path / "project" / name)
    monkeypatch.setenv("WORKBENCH_PROJECT", str(tmp_path / "project"))
    return tmp_path / "project"


def test_an_installation_that_is_not_set_up_has_no_problem_and_is_told_the_next_steps(home: Path):
    found = doctor(0)
    assert {one["state"] for each in found.values() for one in each} == {"fine", "note"}
    assert found["Portal"][0]["advice"] == "workbench connect"
    assert "workbench sync" in found["Data"][0]["advice"]
    assert not (home / "queue.sqlite").exists() and not (home / "worker.lock").exists()


def test_a_connected_and_synced_one_names_its_portal_and_the_moment_of_its_data(
    portal: SandboxPortal, company_home: Path
):
    found = doctor(0, WORKBENCH_WEBHOOK=portal.url, WORKBENCH_HOME=str(company_home))
    assert [one["state"] for one in found["Portal"]] == ["fine"]
    assert "administrator" not in found["Portal"][0]["advice"]
    assert " as of " in found["Data"][0]["text"]
    code = portal.url.rstrip("/").rsplit("/", 1)[1]
    assert code not in json.dumps(found)


def test_every_wrong_file_of_parameters_is_named(home: Path, project: Path):
    (project / "parameters" / "reports" / "broken.yml").write_text("notebook: nowhere.ipynb\n")
    (project / "parameters" / "sources.yml").write_text("sources: [")
    found = doctor(1)
    assert [one["state"] for one in found["Parameters"]] == ["problem", "problem"]
    texts = " ".join(one["text"] for one in found["Parameters"])
    assert "broken.yml" in texts and "sources.yml" in texts


def test_a_portal_that_does_not_answer_and_a_readable_secret_are_problems(home: Path):
    config = Path(os.environ["WORKBENCH_CONFIG"])
    file = config / "portal.json"
    file.write_text(json.dumps({"webhook": "http://127.0.0.1:9/rest/1/s3cr3tc0de123456/"}))
    file.chmod(0o644)
    found = doctor(1)
    readable, unreachable = found["Portal"]
    assert "chmod 600" in readable["advice"]
    assert unreachable["state"] == "problem" and "127.0.0.1" in unreachable["text"]
    assert "s3cr3t" not in json.dumps(found)


def test_jobs_that_wait_for_a_worker_are_a_problem(home: Path):
    from workbench.automation import queue

    queue.enqueue("report", {"report": "sales"}, id="waiting")
    (found,) = doctor(1)["Worker"]
    assert found["state"] == "problem" and "jobs waiting: 1" in found["text"]
