"""The portal behind HTTPS: certificates of its own, any name, loopback and control calls."""

import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx
import pytest
import requests
from cryptography import x509
from sandbox_portal import running_portal

from workbench.bitrix24.sandbox import certificates
from workbench.bitrix24.sandbox.certificates import host_name


def workbench(*arguments, **environ):
    # started anew: OpenSSL reads the variables of the authority when it is loaded
    return subprocess.run(
        [sys.executable, "-m", "workbench", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
    )


def test_who_trusts_the_authority_is_answered_and_nobody_else(secure):
    assert secure.base.startswith("https://localhost:")
    assert secure.result("profile")["ID"] == "1"
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(secure.url + "profile", trust_env=False)
    with pytest.raises(httpx.TransportError):
        httpx.get(secure.url.replace("https:", "http:") + "profile", trust_env=False)


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "::1", "atelier.bitrix24.example", "oauth.bitrix24.tech"]
)
def test_the_certificate_is_for_every_name_that_was_asked_for(secure, name):
    context = ssl.create_default_context(cafile=secure.ca)
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", secure.port)) as raw,
        context.wrap_socket(raw, server_hostname=name) as connection,
    ):
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_the_certificate_is_for_no_other_name(secure):
    context = ssl.create_default_context(cafile=secure.ca)
    with (
        socket.create_connection(("127.0.0.1", secure.port)) as raw,
        pytest.raises(ssl.SSLCertVerificationError, match="mismatch"),
    ):
        context.wrap_socket(raw, server_hostname="other.bitrix24.example")


def test_the_file_holds_the_authority_alone(secure):
    text = secure.ca.read_text()
    assert "PRIVATE KEY" not in text
    (certificate,) = x509.load_pem_x509_certificates(text.encode())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_clients_are_told_of_the_authority_by_environment(secure, monkeypatch):
    url = secure.url + "profile"
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.ca))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secure.ca))
    assert httpx.get(url).json()["result"]["ID"] == "1"
    assert requests.get(url, timeout=10).json()["result"]["ID"] == "1"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the test's own portal
        assert answer.status == 200


def test_a_bare_domain_leads_to_the_portal(secure):
    context = ssl.create_default_context(cafile=secure.ca)
    with httpx.Client(proxy=secure.proxy, verify=context, trust_env=False) as http:
        url = f"https://atelier.bitrix24.example/rest/{secure.webhook_token}/crm.deal.list.json"
        assert http.get(url).json()["total"] == secure.call("crm.deal.list").json()["total"]


def test_a_connection_cut_in_the_middle_of_a_body_is_cut_under_https_too(secure):
    secure.control("faults", "cut:method=crm.deal.fields,times=1")
    with pytest.raises(httpx.RemoteProtocolError):
        secure.call("crm.deal.fields")
    assert secure.call("crm.deal.fields").status_code == 200


def test_workbench_connects_with_the_authority_from_the_environment(secure, home):
    trusting = workbench(
        "connect", "--check", WORKBENCH_WEBHOOK=secure.url, SSL_CERT_FILE=str(secure.ca)
    )
    assert trusting.returncode == 0, trusting.stderr
    assert f"localhost:{secure.port}" in trusting.stdout
    wary = workbench("connect", "--check", WORKBENCH_WEBHOOK=secure.url, WORKBENCH_LANGUAGE="en")
    assert wary.returncode == 1
    assert "no certificate that this machine trusts" in wary.stderr
    stats = workbench("sandbox", "stats", secure.url, "--json", SSL_CERT_FILE=str(secure.ca))
    assert '"requests"' in stats.stdout
    unsure = workbench("sandbox", "stats", secure.url, WORKBENCH_LANGUAGE="en")
    assert unsure.returncode == 1
    assert "an authority that is not trusted here" in unsure.stderr
    assert "SSL_CERT_FILE" in unsure.stderr


def test_the_authority_survives_a_restart_of_a_portal_in_a_file(tmp_path):
    state, ca, second = tmp_path / "portal.sqlite", tmp_path / "ca.pem", tmp_path / "second.pem"
    options = ("--tls", "--state", str(state), "--ca-file")
    with running_portal(tmp_path, *options, str(ca)):
        pass
    (tmp_path / "portal.url").unlink()
    with running_portal(tmp_path, *options, str(second)) as portal:
        assert second.read_text() == ca.read_text()
        trusted = ssl.create_default_context(cafile=ca)
        assert httpx.get(portal.url + "profile", verify=trusted).status_code == 200
        output = (tmp_path / "portal.log").read_text()
        assert f"SSL_CERT_FILE={second}" in output.replace("\n", "")
        assert "PRIVATE" not in output
        # Without --control nothing but figures, and those to this machine alone.
        for path in ("faults", "clock", "webhooks", "operating"):
            answer = httpx.post(f"{portal.base}/control/{path}", json={}, verify=trusted)
            assert answer.status_code == 403
        assert httpx.get(f"{portal.base}/control/stats", verify=trusted).status_code == 200
    assert stat.S_IMODE((tmp_path / "portal.url").stat().st_mode) == 0o600


def test_an_authority_that_would_end_before_what_it_signs_is_made_anew(monkeypatch):
    settings = {}
    with monkeypatch.context() as years_ago:
        years_ago.setattr(certificates, "AUTHORITY_DAYS", certificates.SERVER_DAYS)
        ending = certificates.authority(settings)
    lasting = certificates.authority(settings)
    assert lasting != ending
    assert certificates.authority(settings) == lasting
    certificates.server_context(settings, ["portal.example"])
    settings["authority"]["certificate"] = "no certificate"
    assert certificates.authority(settings).startswith("-----BEGIN CERTIFICATE-----")


def test_the_authority_has_a_place_of_its_own_if_none_is_named(tmp_path, home):
    with running_portal(tmp_path, "--tls") as portal:
        trusted = ssl.create_default_context(cafile=home / "sandbox-ca.pem")
        assert portal.base.startswith("https://127.0.0.1:")
        assert httpx.get(portal.url + "profile", verify=trusted).status_code == 200


def test_a_plain_portal_is_the_default_and_says_the_name_it_was_given(start_portal):
    portal = start_portal("--host-name", "localhost")
    assert portal.base.startswith("http://localhost:")
    assert portal.result("profile")["ID"] == "1"


@pytest.mark.parametrize("name", ["", "a b", "under/score", "x" * 64 + ".example", "-a.example"])
def test_what_is_no_host_name_is_recognised(name):
    with pytest.raises(ValueError, match=f"^{re.escape(name)}$"):
        host_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Atelier.Example", "atelier.example"),
        ("[::1]", "::1"),
        ("école.example", "xn--cole-9oa.example"),
    ],
)
def test_host_names_are_written_as_certificates_have_them(text, name):
    assert host_name(text) == name


def test_what_is_no_host_name_is_refused_in_one_line():
    done = workbench("sandbox", "start", "--tls", "--host-name", "a b", WORKBENCH_LANGUAGE="en")
    assert (done.returncode, done.stderr.strip()) == (2, "a b is not a host name.")


def test_an_authority_that_cannot_be_written_is_one_clear_line(tmp_path):
    file = tmp_path / "no" / "ca.pem"
    done = workbench(
        "sandbox", "start", "--tls", "--ca-file", str(file), COLUMNS="300", WORKBENCH_LANGUAGE="en"
    )
    assert done.returncode == 2
    assert done.stderr.strip() == f"{file} cannot be written: No such file or directory"
    alone = workbench("sandbox", "start", "--ca-file", str(Path("ca.pem")))
    assert alone.returncode == 2


@pytest.mark.parametrize("end", ["", "-wal", ".lock"])
@pytest.mark.parametrize("option", ["--url-file", "--ca-file"])
def test_the_portals_file_is_not_written_over(tmp_path, option, end):
    file = tmp_path / "portal.sqlite"
    file.write_bytes(b"a portal")
    options = ("--state", str(file), option, f"{tmp_path}/../{tmp_path.name}/portal.sqlite{end}")
    done = workbench("sandbox", "start", *options, "--tls", WORKBENCH_LANGUAGE="en")
    assert done.returncode == 2
    assert "would be written over" in done.stderr
    assert file.read_bytes() == b"a portal"


def test_listening_beyond_this_machine_is_warned_about(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")
    with running_portal(tmp_path, "--listen", "0.0.0.0"):  # noqa: S104 - that is what it warns of
        told = (tmp_path / "portal.log").read_text()
    assert told.index("answers anybody who reaches 0.0.0.0") < told.index("Portal:")
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = str(taken.getsockname()[1])
        near = workbench("sandbox", "start", "--listen", "127.0.0.2", "--port", port)
    assert near.returncode == 2
    assert near.stdout == ""
