"""`workbench connect`: what it says, what it stores, what it never shows."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import command_line
import pytest
from answering import answering, fine, refused

from workbench import errors
from workbench.bitrix24.budget import Left, Spent
from workbench.bitrix24.connect import store_webhook, try_webhook
from workbench.bitrix24.webhook import parse_webhook
from workbench.cli.connect import _left
from workbench.i18n import use_language


def connect(tmp_path: Path, *options: str, typed: str = "", **environ: str):
    return subprocess.run(
        [sys.executable, "-m", "workbench", "connect", *options],
        input=typed,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "WORKBENCH_CONFIG": str(tmp_path / "config"),
            "WORKBENCH_LANGUAGE": "en",
            "WORKBENCH_PLAN": "unlimited",
            **environ,
        },
        timeout=60,
    )


def code_of(url: str) -> str:
    return url.rstrip("/").split("/")[-1]


def test_a_webhook_is_checked_stored_for_the_user_alone_and_never_shown(portal, tmp_path):
    done = connect(tmp_path, typed=f"  {portal.url}\n")
    assert done.returncode == 0, done.stderr
    assert "administrator" in done.stdout and "crm" in done.stdout
    stored = tmp_path / "config" / "portal.json"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700
    assert json.loads(stored.read_text()) == {"webhook": portal.url}
    assert [file.name for file in stored.parent.iterdir()] == ["portal.json"]
    assert code_of(portal.url) not in done.stdout + done.stderr


def test_check_tries_the_stored_webhook_and_stores_nothing(portal, tmp_path):
    nothing = connect(tmp_path, "--check")
    assert nothing.returncode == 2 and "connect" in nothing.stderr
    connect(tmp_path, typed=portal.url)
    before = (tmp_path / "config" / "portal.json").stat().st_mtime_ns
    done = connect(tmp_path, "--check", "--json")
    answer = json.loads(done.stdout)
    assert answer["complete"] and answer["admin"] and not answer["stored"]
    assert answer["missing"] == answer["warnings"] == []
    assert (tmp_path / "config" / "portal.json").stat().st_mtime_ns == before
    assert code_of(portal.url) not in done.stdout


def test_the_environment_wins_over_the_prompt(portal, tmp_path):
    done = connect(tmp_path, "--check", WORKBENCH_WEBHOOK=portal.url)
    assert done.returncode == 0
    assert not (tmp_path / "config").exists()


def test_a_wrong_code_is_told_and_nothing_is_stored(portal, tmp_path):
    done = connect(tmp_path, typed=portal.url.replace(code_of(portal.url), "wrongcode"))
    assert done.returncode == 1
    assert "code is wrong" in done.stderr
    assert "wrongcode" not in done.stdout + done.stderr
    assert not (tmp_path / "config" / "portal.json").exists()


def test_missing_scopes_are_named_with_what_they_are_for(fresh_portal, tmp_path):
    done = connect(tmp_path, typed=fresh_portal.scoped(["crm", "user"]))
    assert done.returncode == 1  # works, but not all will be loaded
    assert "“department” is missing" in done.stdout
    assert "“im”" in done.stdout
    assert (tmp_path / "config" / "portal.json").exists()


def test_a_user_who_is_no_administrator_is_warned(fresh_portal):
    with use_language("en"):
        found, _webhook = try_webhook(fresh_portal.scoped(["crm"], user=3), "unlimited")
    assert not found.admin
    assert any("no administrator" in sentence for sentence in found.warnings)


def test_a_plan_without_rest_is_told():
    with answering() as server, use_language("en"):
        server.say = lambda _path, _body: refused(403, "ACCESS_DENIED", "REST API is available …")
        with pytest.raises(errors.AccessDenied, match="plan has no REST"):
            try_webhook(server.url, "unlimited")


def test_a_host_that_is_no_portal_is_told():
    with answering() as server, use_language("en"):
        server.say = lambda _path, _body: (200, {}, b"<html>Welcome</html>")
        with pytest.raises(errors.PortalUnreachable, match="does not answer like a Bitrix24"):
            try_webhook(server.url, "unlimited")


def test_a_renamed_portal_is_told_and_its_new_address_is_what_is_kept():
    def say(path: str, _body: object):
        if path.endswith("profile"):
            return fine({"ID": "1", "ADMIN": True, "NAME": "A"})
        return fine({"result": {"c0": ["crm", "user", "department"], "c1": {}}})

    with answering() as old, answering() as new, use_language("en"):
        new.say = say
        old.say = lambda path, _body: (302, {"Location": new.base + path}, b"")
        found, webhook = try_webhook(old.url, "unlimited")
    assert webhook.url == new.url
    assert found.moved_to == new.base.removeprefix("http://")
    assert any("renamed" in sentence for sentence in found.warnings)


def test_storing_replaces_what_was_there_and_mends_its_mode(tmp_path):
    file = tmp_path / "deep" / "er" / "portal.json"
    file.parent.mkdir(parents=True, mode=0o755)
    file.write_text("old")
    file.chmod(0o644)
    store_webhook(parse_webhook("https://b24.example/rest/1/abc/"), file)
    assert json.loads(file.read_text())["webhook"] == "https://b24.example/rest/1/abc/"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "config").write_text("a file, not a folder")
    with pytest.raises(errors.ConfigurationError, match="WORKBENCH_CONFIG"):
        store_webhook(
            parse_webhook("https://b24.example/rest/1/abc/"), tmp_path / "config" / "portal.json"
        )


def test_a_check_says_what_the_portal_still_takes(portal, tmp_path):
    # Forked: while a new process imports, the bucket leaks.
    environ = {
        **os.environ,
        "WORKBENCH_CONFIG": str(tmp_path / "config"),
        "WORKBENCH_LANGUAGE": "en",
        "WORKBENCH_PLAN": "standard",
        "WORKBENCH_WEBHOOK": portal.url,
    }
    begun = time.monotonic()
    told = command_line.workbench("connect", "--check", env=environ)
    assert told.returncode == 0
    assert "then 2 per second" in told.stdout
    assert "Paced for the plan “standard” (WORKBENCH_PLAN)" in told.stdout
    answer = command_line.workbench("connect", "--check", "--json", env=environ)
    left = json.loads(answer.stdout)["left"]
    # Two checks of two requests each, and at most what has leaked since the first.
    leaked = 2 * (time.monotonic() - begun)
    assert 46 <= left["requests"] <= 46 + leaked and left["rate"] == 2


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ((2.0, 5.0), ["hardly any used (most by b, 5 of 480 s)"]),
        ((2.0, 96.0), ["b: 96 of 480 s"]),
        ((240.0, 96.0), ["a: 240 of 480 s", "b: 96 of 480 s"]),
        ((), []),
    ],
)
def test_of_what_is_left_only_what_was_used_much_is_listed(seconds, told):
    later = time.time() + 300
    pairs = zip("ab", seconds, strict=False)
    methods = {name: Spent(used, later, limit=480) for name, used in pairs}
    with use_language("en"):
        first, *lines = _left(Left(48, 2, methods))
    assert "48 free at once, then 2 per second" in first
    assert len(lines) == len(told) and all(t in line for t, line in zip(told, lines, strict=True))
