"""Calls that start a trigger: a handler of its own over HTTP, a worker, and what strangers try."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import command_line
import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from listener import wait_until
from small_project import SmallProject
from triggering import declare, started

from workbench.automation.triggers.book import Book
from workbench.automation.triggers.windows import hand_in_due
from workbench.reports import runs
from workbench.settings import settings

TOKEN = "t" * 20 + "0123456789abcdef"
CALLED = {"when": {"call": "rest"}}


@dataclass
class Handler:
    """A running handler; ``post`` calls a trigger with the token."""

    url: str

    def post(self, name: str, content: bytes | None = None, *, token: str = TOKEN, **more):
        headers = {"authorization": f"Bearer {token}"}
        return httpx.post(
            f"{self.url}/triggers/{name}", content=content, headers=headers, timeout=20, **more
        )


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Handler, Path]]:
    """A handler and the folder of its home and project."""
    folder = tmp_path_factory.mktemp("calls")
    url_file = folder / "handler.url"
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")},
        "WORKBENCH_HOME": str(folder / "home"),
        "WORKBENCH_PROJECT": str(folder / "project"),
        "WORKBENCH_APP_PORTAL": "http://127.0.0.1:9",
        "WORKBENCH_TRIGGER_TOKEN": TOKEN,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "app", "serve", "--port", "0"]
        + ["--url-file", str(url_file)],
        env=environ,
    )
    try:
        wait_until(lambda: url_file.exists() and url_file.read_text().strip() != "", 30)
        yield Handler(url_file.read_text().strip()), folder
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture
def handler(
    serving: tuple[Handler, Path], project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Handler]:
    """The handler, on a project and a home of the test's own."""
    running, folder = serving
    home = folder / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    (folder / "project").symlink_to(project.folder)
    yield running
    (folder / "project").unlink()
    for file in home.glob("triggers.sqlite*"):
        file.unlink()


def test_a_call_is_written_down_at_once_and_the_worker_runs_the_report_with_its_records(
    handler: Handler, project: SmallProject
):
    declare(project, "told", **CALLED)
    answer = handler.post("told", b'{"records": [15, 12, 15]}')
    assert (answer.status_code, answer.json()) == (202, {"status": "noted", "records": 3})
    assert command_line.workbench("worker", "--once", timeout=90).returncode == 0
    (record,) = runs("tell")
    assert record.outcome == "succeeded" and record.parameters["ids"] == [12, 15]
    assert record.triggered == {"by": "told", "ids": [12, 15], "count": 2}
    assert handler.post("told").json()["records"] == 0  # it runs without records, too
    hand_in_due()
    assert started()["told"] == [{"ids": [12, 15]}, {}]


def test_a_burst_of_calls_makes_one_run_in_a_window_and_each_is_answered_in_time(
    handler: Handler, project: SmallProject
):
    declare(project, "many", window_minutes=0.05, **CALLED)
    handler.post("many", b'{"records": [1]}')

    def call(number: int) -> tuple[int, float]:
        began = time.perf_counter()
        code = handler.post("many", b'{"records": [%d]}' % number).status_code
        return code, time.perf_counter() - began

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(1, 201)))
    assert {code for code, _seconds in answers} == {202}
    time.sleep(3)
    (firing,) = hand_in_due()
    assert firing.records == 200
    assert started()["many"] == [{"ids": list(range(1, 201))}]


def test_each_record_has_its_run_if_the_file_says_so(handler: Handler, project: SmallProject):
    declare(project, "each", per="record", run={"report": "tell", "records": "n"}, **CALLED)
    assert handler.post("each").status_code == 400
    assert handler.post("each", b'{"records": [7, 9]}').status_code == 202
    hand_in_due()
    assert started()["each"] == [{"n": 7}, {"n": 9}]


def test_without_the_token_nothing_is_told_and_nothing_happens(
    handler: Handler, project: SmallProject
):
    declare(project, "told", **CALLED)
    url = f"{handler.url}/triggers/told"
    for headers in (
        {},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer " + TOKEN[:-1]},
        {"authorization": b"Bearer \xff\xfe"},
    ):
        for each in (url, f"{handler.url}/triggers/nothing"):
            answer = httpx.post(each, content=b'{"records": [1]}', headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"error": "no or another token"})
    assert httpx.get(url, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 405
    assert httpx.post(f"{url}?token={TOKEN}").status_code == 403
    assert Book().waiting() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 30_000, 400),
        (b"[1]", 400),
        (b'{"records": 1}', 400),
        (b'{"records": [true]}', 400),
        (b'{"records": [0]}', 400),
        (b'{"records": [-1]}', 400),
        (b'{"records": [1.5]}', 400),
        (b'{"records": ["1; drop table deals"]}', 400),
        (b'{"records": [9223372036854775808]}', 400),
        (b'{"records": [1], "report": "other"}', 400),
        (b'{"records": [' + b"1," * 5_000 + b"1]}", 400),
        (b"x" * 70_000, 413),
    ],
)
def test_a_malformed_call_changes_nothing(
    handler: Handler, project: SmallProject, body: bytes, status: int
):
    declare(project, "told", **CALLED)
    assert handler.post("told", body).status_code == status
    assert Book().waiting() == []


def test_only_a_trigger_that_waits_for_calls_is_started_by_one(
    handler: Handler, project: SmallProject
):
    declare(project, "deals_only")
    declare(project, "off", enabled=False, **CALLED)
    (project.folder / "parameters" / "triggers" / "broken.yml").write_text("{")
    codes = {name: handler.post(name).status_code for name in ("deals_only", "off", "broken")}
    assert codes == {"deals_only": 404, "off": 409, "broken": 409}
    for name in ("..%2f..%2fsettings", "%00", "a" * 300, "told.yml"):
        assert handler.post(name).status_code == 404
    assert Book().waiting() == []


def test_anything_is_answered_without_a_failure(handler: Handler, project: SmallProject):
    declare(project, "told", **CALLED)

    @hypothesis_settings(
        max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.binary(max_size=200) | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
            st.sampled_from(["records", "a"]), inner, max_size=2),
    ))  # fmt: skip
    def calls(content: object) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        assert handler.post("told", body).status_code in (202, 400)

    calls()
    assert "failed" not in (settings().home_dir / "handler.log").read_text()


def test_a_token_that_could_be_guessed_is_refused_at_the_start(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORKBENCH_APP_PORTAL", "http://127.0.0.1:9")
    monkeypatch.setenv("WORKBENCH_TRIGGER_TOKEN", "secret")
    answer = command_line.workbench("app", "serve", "--port", "0", timeout=30)
    assert answer.returncode == 2
    assert "WORKBENCH_TRIGGER_TOKEN is too short" in answer.stderr
    assert "secret" not in answer.stderr + answer.stdout
