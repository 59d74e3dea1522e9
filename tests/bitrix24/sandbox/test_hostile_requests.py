"""Requests that no client sends: bodies without end, two lengths; and hosts that are none."""

import os
import resource
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import command_line
import httpx
import psutil
import pytest
from sandbox_portal import running_portal

MEGABYTE = b"a" * 1_000_000


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with running_portal(folder, "--plan", "unlimited", "--control") as running:
        yield running


def sent(portal, text):
    """What comes back for these bytes until the portal closes the connection."""
    parts = urlsplit(portal.base)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def test_a_request_of_two_lengths_is_refused_and_the_connection_closed(portal):
    path = urlsplit(portal.url).path
    answer = sent(
        portal,
        f"POST {path}profile HTTP/1.1\nHost: localhost\nContent-Length: 6\n"
        f"Transfer-Encoding: chunked\n\n0\n\nGET {path}scope HTTP/1.1\nHost: localhost\n\n",
    )
    assert answer.startswith("HTTP/1.1 400 ")
    assert answer.count("HTTP/1.1 ") == 1
    assert "INVALID_REQUEST" in answer


def peak(pid):
    """The most memory that a process has held, bytes; Linux tells."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("/profile", 413),
        ("/rest/api/rest.scope.list", 413),
        ("/control/faults", 413),
        ("/oauth/token/", 400),
    ],
)
def test_a_body_without_end_is_refused_before_memory_is(portal, where, status):
    address = (portal.url.rstrip("/") if where == "/profile" else portal.base) + where
    before = psutil.Process(portal.process.pid).memory_info().rss
    answer = httpx.post(
        address,
        content=(MEGABYTE for _ in range(300)),  # of no declared length
        headers={"content-type": "application/x-www-form-urlencoded"},
        timeout=60,
    )
    assert answer.status_code == status
    assert peak(portal.process.pid) - before < 200_000_000
    assert httpx.get(portal.url + "profile").status_code == 200


def test_more_clients_than_a_shell_lets_files_be_open_are_answered(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4_000:
        pytest.skip("this system gives a process few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with running_portal(tmp_path, "--plan", "unlimited") as portal, ExitStack() as held:
            resource.setrlimit(resource.RLIMIT_NOFILE, (4_000, hard))
            parts = urlsplit(portal.base)
            for _client in range(600):  # each has begun a request and does not go on
                each = socket.create_connection((parts.hostname, parts.port), timeout=10)
                held.enter_context(each).sendall(b"GET / HT")
            assert httpx.get(portal.url + "profile", timeout=10).status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


BAD_CONTROL = [
    ("clock", {"advance": 10**14}),
    ("clock", {"advance": -(10**14)}),
    ("clock", {"advance": "nan"}),
    ("operating", {"limit": "nan"}),
    ("operating", {"limit": -1}),
    ("operating", {"method": "crm.deal.list", "seconds": "inf"}),
    ("operating", {"method": "crm.deals.list", "seconds": 1}),
    ("webhooks", {"user_id": 999}),
    ("webhooks", {"user_id": 2**70}),
    ("webhooks", {"user_id": 1, "scopes": "crm"}),
    ("webhooks", {}),
]


@pytest.mark.parametrize(("what", "body"), BAD_CONTROL)
def test_a_control_call_that_would_break_the_portal_changes_nothing(portal, what, body):
    answer = httpx.post(f"{portal.base}/control/{what}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert httpx.post(f"{portal.base}/control/operating", json={}).json() == {"limit": None}
    assert httpx.get(portal.url + "server.time").status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1", None, 200),
        ("localhost:8800", None, 200),
        ("[::1]:8800", None, 200),
        ("evil.example", "http://evil.example", 403),  # a name made to lead here
        ("evil.example", None, 403),
        ("127.0.0.1", "http://[", 403),
        ("[", None, 403),
        ("", None, 403),
    ],
)
def test_control_calls_are_for_names_that_are_the_portals(portal, host, origin, status):
    headers = {"host": host} | ({"origin": origin} if origin else {})
    for verb, what in (("GET", "stats"), ("GET", "faults"), ("POST", "faults")):
        answer = httpx.request(verb, f"{portal.base}/control/{what}", headers=headers, json=[])
        assert answer.status_code == status, what
    # REST itself is called under any name.
    assert httpx.get(portal.url + "profile", headers={"host": host}).status_code == 200


def start(*options):
    return command_line.workbench(
        "sandbox",
        "start",
        "--port",
        "0",
        *options,
        env={**os.environ, "WORKBENCH_LANGUAGE": "en"},
        timeout=60,
    )


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("", "is not a host name"),
        ("é..b", "is not a host name"),
        ("a b", "is not a host name"),
        ("nowhere.invalid", "no address of this machine"),
        ("192.0.2.1", "no address of this machine"),
    ],
)
@pytest.mark.parametrize("tls", [[], ["--tls"]])
def test_a_host_that_is_none_is_one_clear_line(host, said, tls, home):
    done = start("--host", host, *tls)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "--port" not in done.stderr


def test_a_port_in_use_is_told_before_a_company_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        file = tmp_path / "portal.sqlite"
        done = start("--port", port, "--company", "demo", "--state", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert not file.exists()


def test_who_lets_everybody_make_control_calls_is_warned(tmp_path):
    with running_portal(tmp_path, "--host", "0.0.0.0", "--control"):  # noqa: S104
        pass
    assert "--control" in (tmp_path / "portal.log").read_text()
