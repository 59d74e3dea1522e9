"""Portals of the points' own: empty ones, filled over HTTP by the tests that need rows."""

import os
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from file_calls import define
from sandbox_portal import SMALL_COMPANY, running_portal


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

    def invited(self) -> "Client":
        """The webhook of a new user, who sees only records of their own."""
        fields = {"EMAIL": "own@example.org", "UF_DEPARTMENT": [1], "NAME": "Own"}
        number = self.result("user.add", fields)
        assert self.result("user.get", {"ID": number})[0]["ACTIVE"] is True
        return self.webhook(number)

    def application(self, scopes: str) -> dict[str, Any]:
        """A local application's pair and the tokens of user 1, by the code flow."""
        handler = "http://127.0.0.1:9/app"
        given = {"TITLE": "A", "SCOPE": scopes, "HANDLER": handler, "INSTALL": handler}
        pair = self.result("sandbox.application.add", given)
        back = self.http.get(
            f"{self.base}/oauth/authorize/", params={"client_id": pair["client_id"], "state": "s"}
        )
        code = httpx.URL(back.headers["location"]).params["code"]
        grant = {**pair, "grant_type": "authorization_code", "code": code}
        tokens = self.http.get(f"{self.base}/oauth/token/", params=grant).json()
        return {**pair, **tokens, "code": code}


@dataclass
class Secure(Client):
    """A portal behind HTTPS: ``ca`` is its authority's file, ``proxy`` leads any name to it."""

    ca: Path
    port: int
    proxy: str

    @property
    def webhook_token(self) -> str:
        """``USER/CODE``, as clients want it that build the address themselves."""
        return self.url.split("/rest/")[1].strip("/")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Client]:
    with running_portal(folder, "--control", *options) as portal:
        ca = folder / "ca.pem"
        trusted = ssl.create_default_context(cafile=ca) if ca.exists() else True
        with httpx.Client(timeout=30, verify=trusted, trust_env=False) as http:
            yield Client(portal.url, portal.base, http)


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


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., AbstractContextManager[Client]]:
    """Serve a portal with options within a block: one after the other on the same file."""
    return partial(serving, tmp_path)


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
    return empty.invited()


def refusal(answer: httpx.Response) -> tuple[int, Any]:
    """The status and code of an error answer."""
    body = answer.json()
    assert "result" not in body, body
    return answer.status_code, body["error"]


@pytest.fixture(scope="session")
def refused() -> Callable[[httpx.Response], tuple[int, Any]]:
    """The status and code of an error answer."""
    return refusal


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A portal with the small company in it, to be written to."""
    with serving(tmp_path_factory.mktemp("furnished"), *SMALL_COMPANY) as client:
        yield client


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An unlimited portal of one file's own, whose records may be changed and deleted."""
    with serving(tmp_path_factory.mktemp("changing"), "--plan", "unlimited") as client:
        yield client


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Client]:
    """An unlimited portal of one test's own."""
    with serving(tmp_path, "--plan", "unlimited") as client:
        yield client


@pytest.fixture
def single(empty: Client) -> str:
    """The name of a new user field of deals for one file."""
    return define(empty)[1]


@pytest.fixture
def multiple(empty: Client) -> str:
    """The name of a new user field of deals for several files."""
    return define(empty, MULTIPLE="Y")[1]


class _Leading(socketserver.BaseRequestHandler):
    """Answers ``CONNECT any.name:443`` by a connection to one port of this machine."""

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.request.recv(4096)
            if not got:
                return
            head += got
        if not head.startswith(b"CONNECT "):
            self.request.sendall(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.server.target)) as portal:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {self.request: portal, portal: self.request}
            while True:
                for end in select.select(list(ends), [], [], 30)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


@contextmanager
def leading_to(port: int) -> Iterator[str]:
    """A proxy under which every host name is the portal on ``port``; its address."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Leading) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.target = port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """An unlimited portal behind HTTPS, under names as real portals have them; it starts empty."""
    folder = tmp_path_factory.mktemp("secure")
    names = ("localhost", "atelier.bitrix24.example", "oauth.bitrix24.tech")
    options = [part for name in names for part in ("--host-name", name)]
    ca = folder / "ca.pem"
    with serving(
        folder, *("--plan", "unlimited", "--tls", "--ca-file", str(ca)), *options
    ) as client:
        port = int(client.base.rsplit(":", 1)[1])
        with leading_to(port) as proxy:
            yield Secure(client.url, client.base, client.http, ca, port, proxy)
