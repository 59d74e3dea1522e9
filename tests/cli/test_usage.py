"""The command line's edges: help, wrong settings, Ctrl-C."""

import os
import pty
import signal
import socket
import subprocess
import sys
from importlib.metadata import version

import pytest

WORKBENCH = [sys.executable, "-m", "workbench"]


def run(*arguments, **environ):
    return subprocess.run(
        [*WORKBENCH, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80", **environ},
    )


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [("en", "The webhook's address", "Exit code 1"), ("fr", "L’adresse du webhook", "Code de")],
)
def test_a_paragraph_of_help_flows_to_the_width_of_the_terminal(language, first, last):
    text = run("connect", "--help", WORKBENCH_LANGUAGE=language).stdout
    paragraph = text[text.index(first) : text.index(last)].splitlines()
    assert all(len(line.rstrip()) > 60 for line in paragraph[:-1])


def test_the_version_is_the_packages():
    assert run("--version").stdout.strip() == version("analyse-commerciale")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("WORKBENCH_LANGUAGE", "de", "fr, en"),
        ("WORKBENCH_PLAN", "free", "standard, enterprise, unlimited"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(name, value, allowed):
    done = run("sources", **{name: value})
    assert done.returncode == 2
    assert name in done.stderr and allowed in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_without_a_report_names_the_reports(home):
    done = run("run")
    assert done.returncode == 2
    assert "sales" in done.stderr


@pytest.mark.parametrize("command", ["demo", "serve --no-browser", "app serve"])
def test_a_port_that_is_taken_is_named_before_anything_begins(home, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(*command.split(), "--port", str(port))
    assert done.returncode == 2
    assert str(port) in done.stderr and "--port" in done.stderr
    assert list(home.iterdir()) == []


def test_a_reader_that_wants_one_line_gets_it_without_complaint(home):
    command = " ".join([*WORKBENCH, "metric", "--list", "--json"])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")


def test_a_reader_that_left_before_the_first_line_is_no_failure(home):
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [*WORKBENCH, "metric", "--list", "--json"], stdout=writes, stderr=subprocess.PIPE
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_in_a_sync_ends_it_quietly_and_the_next_one_does_its_work(home, portal):
    environ = {**os.environ, "WORKBENCH_WEBHOOK": portal.url}
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*WORKBENCH, "sync"], env=environ, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while b"lignes" not in shown and (read := os.read(ours, 4096)):
            shown += read
        process.send_signal(signal.SIGINT)
        while read := os.read(ours, 4096):
            shown += read
    except OSError:  # its end is closed
        pass
    assert process.wait(30) == 130, shown.decode()
    assert b"Traceback" not in shown
    assert run("sync", WORKBENCH_WEBHOOK=portal.url).returncode == 0
