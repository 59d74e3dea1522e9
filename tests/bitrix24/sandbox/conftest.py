"""Portals of the points' own: empty ones, filled over HTTP by the tests that need rows."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest


@dataclass
class Client:
    """A plain HTTP client: nothing of ours reads the answers."""

    url: str
    base: str
    http: httpx.Client

    def call(self, method: str, params: Any = None) -> httpx.Response:
        return self.http.post(self.url + method, json=params or {})

    def result(self, method: str, params: Any = None) -> Any:
        answer = self.call(method, params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def control(self, what: str, body: Any, verb: str = "POST") -> Any:
        answer = self.http.request(verb, f"{self.base}/control/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def webhook(self, user: int, scopes: list[str] | None = None) -> "Client":
        url = self.control("webhooks", {"user_id": user, "scopes": scopes})["url"]
        return Client(url, self.base, self.http)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Client]:
    url_file = folder / "portal.url"
    url_file.unlink(missing_ok=True)
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "sandbox", "start", "--port", "0"]
            + ["--control", "--url-file", str(url_file), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not url_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "portal.log").read_text())
            time.sleep(0.02)
        url = url_file.read_text().strip()
        with httpx.Client(timeout=30) as http:
            yield Client(url, url.split("/rest/")[0], http)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def start_portal(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start portals with options; they end with the test."""
    with ExitStack() as stack:
        numbers = iter(range(100))

        def start(*options: str) -> Client:
            folder = tmp_path / f"portal{next(numbers)}"
            folder.mkdir()
            return stack.enter_context(serving(folder, *options))

        yield start


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An unlimited portal that starts without records; tests make and name their own."""
    os.environ.pop("WORKBENCH_LANGUAGE", None)
    with serving(tmp_path_factory.mktemp("empty"), "--plan", "unlimited") as client:
        yield client


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An unlimited portal with 120 deals ``Deal 000``… in steps of 1,000.25, made over HTTP."""
    with serving(tmp_path_factory.mktemp("hundred"), "--plan", "unlimited") as client:
        stages = ("NEW", "PREPARATION", "EXECUTING", "WON")
        for first in range(0, 120, 40):
            commands = {
                f"d{n}": f"crm.deal.add?fields[TITLE]=Deal {n:03}&fields[OPPORTUNITY]={n * 1000.25}"
                f"&fields[STAGE_ID]={stages[n % 4]}&fields[UTM_SOURCE]="
                + ("google" if n % 3 == 0 else "")
                for n in range(first, first + 40)
            }
            answer = client.result("batch", {"cmd": commands})
            assert answer["result_error"] == []
        yield client


@pytest.fixture(scope="session")
def colleague(empty: Client) -> Client:
    """The webhook of a user of the empty portal who sees only records of their own."""
    fields = {"EMAIL": "own@example.org", "UF_DEPARTMENT": [1], "NAME": "Own"}
    number = empty.result("user.add", fields)
    assert empty.result("user.get", {"ID": number})[0]["ACTIVE"] is True
    return empty.webhook(number)


def refusal(answer: httpx.Response) -> tuple[int, Any]:
    """The status and code of an error answer."""
    body = answer.json()
    assert "result" not in body, body
    return answer.status_code, body["error"]


@pytest.fixture(scope="session")
def refused() -> Callable[[httpx.Response], tuple[int, Any]]:
    """The status and code of an error answer."""
    return refusal
