import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from workbench.kernels import keeper


@pytest.fixture(scope="session", autouse=True)
def one_zygote() -> Iterator[None]:
    """The zygote of this process, for all tests; they end it when they are done."""
    yield
    keeper.end_zygote()


@pytest.fixture
def zygote() -> psutil.Process:
    """This process's zygote, ready; if other tests have children of it, another one.

    The one that they have stays until they are done with it.
    """
    keeper.address()
    kept = keeper._keeper
    found = psutil.Process(kept.zygote.process.pid)
    until = time.monotonic() + 2  # for those that have just ended to be taken note of
    while found.children() and time.monotonic() < until:
        time.sleep(0.02)
    if found.children():
        with kept.lock:
            kept.zygote.fade_out()
            kept.fading.append(kept.zygote)
            kept.zygote = None
        keeper.address()
        found = psutil.Process(kept.zygote.process.pid)
    return found


Run = Callable[..., tuple[int, str, str]]


def _result(process) -> tuple[int, str, str]:
    said = process.stdout.read().decode(), process.stderr.read().decode()
    return process.wait(30), *said


@pytest.fixture
def forked() -> Run:
    """Run ``python -c CODE`` in a fork; returns (code, output, errors)."""

    def run(code: str, *arguments: str, **options) -> tuple[int, str, str]:
        given = {"env": dict(os.environ), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with keeper.fork([sys.executable, "-c", code, *arguments], **(given | options)) as process:
            return _result(process)

    return run


@pytest.fixture
def started() -> Run:
    """The same in a new process: what a fork has to be like."""

    def run(code: str, *arguments: str, **options) -> tuple[int, str, str]:
        given = {"env": dict(os.environ), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        argv = [sys.executable, "-c", code, *arguments]
        with subprocess.Popen(argv, start_new_session=True, **(given | options)) as process:
            return _result(process)

    return run


@pytest.fixture
def left_behind() -> Iterator[list[int]]:
    """Pids that a test notes; whatever of them is alive at its end is killed."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
