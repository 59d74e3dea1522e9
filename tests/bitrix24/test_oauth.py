"""The application's tokens: stored privately, refreshed on expiry only, each refresh token once."""

import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from listener import listening
from portal_application import Application, add_application, installation_of
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.bitrix24 import oauth
from workbench.errors import BadCredentials, ConfigurationError, PortalUnreachable

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator:
    with running_portal(tmp_path_factory.mktemp("p"), *SMALL_COMPANY, "--control") as running:
        yield running


@pytest.fixture
def application(portal, monkeypatch, home) -> Iterator[Application]:
    with listening() as listener:
        made = add_application(portal, listener)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_ID", made.client_id)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_SECRET", made.client_secret)
    monkeypatch.setenv("WORKBENCH_OAUTH_SERVER", portal.base)
    yield made


@pytest.fixture
def installation(application) -> oauth.Installation:
    stored = installation_of(application)
    oauth.save(stored)
    return stored


def test_the_file_is_private_and_repr_shows_no_secret(installation, home):
    file = home / "apps" / f"{installation.member_id}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    secrets = [
        installation.access_token.get_secret_value(),
        installation.refresh_token.get_secret_value(),
        installation.application_token.get_secret_value(),
    ]
    assert not any(secret in repr(installation) for secret in secrets)
    assert oauth.load(installation.member_id) == installation


@pytest.mark.parametrize("name", ["../x", "", "a/b", "x" * 65, "é", None, "a\n"])
def test_only_a_member_id_names_a_file(name, home):
    assert oauth.load(name) is None
    assert oauth.forget(name) is False


def test_a_good_token_is_not_refreshed(installation, portal):
    with oauth.portal(installation) as client:
        assert client.call("profile")["ID"] == "1"
    assert oauth.load(installation.member_id) == installation


def test_an_expired_token_is_refreshed_and_the_new_pair_stored(installation, portal):
    portal.advance(3_601)
    with oauth.portal(installation) as client:
        assert client.call("profile")["ID"] == "1"
    renewed = oauth.load(installation.member_id)
    assert renewed.access_token != installation.access_token
    assert renewed.refresh_token != installation.refresh_token
    assert renewed.application_token == installation.application_token
    assert f"http://{renewed.domain}" == portal.base  # not that of the authorization server
    portal.advance(3_601)
    with oauth.portal(installation) as client:  # a process that still holds the first token
        assert client.call("profile")["ID"] == "1"


CALLER = """
import sys
from workbench.bitrix24 import oauth
installation = oauth.load(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with oauth.portal(installation) as client:
    print(client.call("profile")["ID"])
"""


def test_many_processes_that_meet_an_expired_token_refresh_it_once(installation, portal):
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, installation.member_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for caller in callers:
        assert caller.stdout.readline() == "ready\n"
    portal.advance(3_601)
    for caller in callers:
        caller.stdin.write("\n")
        caller.stdin.flush()
    # A refresh token that is used twice gets invalid_grant, and its process no answer.
    assert [caller.communicate(timeout=30)[0] for caller in callers] == ["1\n"] * 6


class LosingServer(BaseHTTPRequestHandler):
    """Takes the refresh token and breaks the connection; remembers what it got."""

    seen: ClassVar[list[str]] = []
    answer: ClassVar[tuple[int, dict | bytes] | None] = None

    def do_GET(self) -> None:
        self.seen.append(parse_qs(urlsplit(self.path).query)["refresh_token"][0])
        if self.answer is None:
            self.connection.close()
            return
        status, body = self.answer
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def losing(monkeypatch) -> Iterator[type[LosingServer]]:
    LosingServer.seen, LosingServer.answer = [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), LosingServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WORKBENCH_OAUTH_SERVER", f"http://127.0.0.1:{server.server_port}")
    yield LosingServer
    server.shutdown()
    server.server_close()


def test_a_refresh_token_whose_answer_was_lost_is_not_sent_again(installation, losing):
    held = installation.access_token.get_secret_value()
    with pytest.raises(PortalUnreachable):
        oauth.refresh(installation.member_id, held)
    with pytest.raises(BadCredentials):
        oauth.refresh(installation.member_id, held)
    assert losing.seen == [installation.refresh_token.get_secret_value()]


def test_the_tokens_of_the_next_verified_call_heal_a_lost_refresh(installation, losing):
    assert oauth.adopt(installation.member_id, "new", "newer", 3600) is False  # nothing was lost
    with pytest.raises(PortalUnreachable):
        oauth.refresh(installation.member_id, installation.access_token.get_secret_value())
    assert oauth.adopt(installation.member_id, "new", "newer", 3600) is True
    healed = oauth.load(installation.member_id)
    assert healed.access_token.get_secret_value() == "new"
    assert healed.spent is False


def test_a_server_that_was_never_reached_spends_nothing(installation, monkeypatch, portal):
    held = installation.access_token.get_secret_value()
    monkeypatch.setenv("WORKBENCH_OAUTH_SERVER", "http://127.0.0.1:9")
    with pytest.raises(PortalUnreachable):
        oauth.refresh(installation.member_id, held)
    monkeypatch.setenv("WORKBENCH_OAUTH_SERVER", portal.base)
    assert oauth.refresh(installation.member_id, held) != held


def test_a_refused_client_spends_nothing(installation, monkeypatch, application):
    held = installation.access_token.get_secret_value()
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_SECRET", "wrong")
    with pytest.raises(BadCredentials) as refused:
        oauth.refresh(installation.member_id, held)
    assert refused.value.code == "INVALID_CLIENT"
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_SECRET", application.client_secret)
    assert oauth.refresh(installation.member_id, held) != held


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "wrong_client"},
        {"access_token": "a"},
        [],
        {"access_token": "a", "refresh_token": "b", "client_endpoint": "c", "member_id": "other"},
        {"expires_in": "soon"},
        {"expires_in": {"a": 1}},
        {"expires_in": float("inf")},
        {"access_token": None},
        {"refresh_token": ["b"]},
        {"client_endpoint": "http://evil.example/rest/"},
        {"client_endpoint": "https://[::1/rest/"},
    ],
)
def test_an_answer_that_is_none_of_ours_changes_no_token(installation, losing, answer):
    good = {
        "access_token": "a",
        "refresh_token": "b",
        "client_endpoint": "https://a.example/rest/",
        "member_id": installation.member_id,
    }
    missing = not isinstance(answer, dict) or "error" in answer or answer == {"access_token": "a"}
    losing.answer = (200, answer if missing else good | answer)
    with pytest.raises(BadCredentials):
        oauth.refresh(installation.member_id, installation.access_token.get_secret_value())
    assert oauth.load(installation.member_id).access_token == installation.access_token


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"<html>"])
def test_an_answer_that_is_no_json_counts_as_lost(installation, losing, body):
    losing.answer = (200, body)
    with pytest.raises(PortalUnreachable):
        oauth.refresh(installation.member_id, installation.access_token.get_secret_value())


def test_a_missing_client_secret_spends_nothing(installation, monkeypatch, application):
    held = installation.access_token.get_secret_value()
    monkeypatch.delenv("WORKBENCH_APP_CLIENT_SECRET")
    with pytest.raises(ConfigurationError):
        oauth.refresh(installation.member_id, held)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_SECRET", application.client_secret)
    assert oauth.refresh(installation.member_id, held) != held


def test_the_client_secret_stays_out_of_logs(installation, application, portal, caplog):
    caplog.set_level("DEBUG")
    oauth.refresh(installation.member_id, installation.access_token.get_secret_value())
    text = caplog.text
    assert application.client_secret not in text
    assert installation.refresh_token.get_secret_value() not in text
