"""Starts the query service for a process that needs it, and hands kernels what they ask it with.

An installation has one service. Whoever keeps it starts a supervisor, forked from its zygote if it
has one; where a supervisor runs already, the new one waits and takes over when that ends. It ends
with the process that started it.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

from workbench.kernels import surroundings
from workbench.kernels.forked import ForkedProcess
from workbench.kernels.runner import start_python
from workbench.metrics.service.door import NEWEST
from workbench.metrics.service.place import queries_folder
from workbench.metrics.service.viewers import EVERYTHING, LIFETIME, Scope, make_token
from workbench.settings import private_folder, settings
from workbench.warehouse.publish import snapshot_files
from workbench.warehouse.snapshots import snapshots_dir

log = logging.getLogger("workbench.queries")
SECONDS_IDLE = 120  # the process of an older snapshot leaves after so long without a question
WAIT = 1.0  # seconds before a supervisor that has ended is started again
# What a supervisor gets besides the settings: nothing that is secret.
PASSED_ON = frozenset(
    (*surroundings.PASSED_ON, *surroundings.READ_AT_START)
    + ("PYTHONDONTWRITEBYTECODE", "XDG_RUNTIME_DIR")
)


def can_serve() -> bool:
    """Tell whether this platform has what the service needs (peers of sockets, /proc)."""
    return sys.platform == "linux"


class Keeper:
    """The supervisor of this process, started again when it dies."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self.wanted = False
        self.lock = threading.Lock()

    def begin(self) -> None:
        """Start it, unless it runs."""
        with self.lock:
            if self.wanted:
                return
            self.wanted = True
        threading.Thread(target=self.keep, name="queries", daemon=True).start()

    def keep(self) -> None:
        """Start it again and again until it is not wanted."""
        while self.wanted:
            process = start_python(
                ["-P", "-m", "workbench.metrics.service.supervisor", str(SECONDS_IDLE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=service_environment(),
            )
            with self.lock:
                self.process = process
                if not self.wanted:  # any more
                    process.stdin.close()
            code = process.wait()
            if self.wanted:
                log.warning("the query service ended with code %s; it is started again", code)
                time.sleep(WAIT)

    def end(self) -> None:
        """End it, and its children."""
        with self.lock:
            self.wanted, process = False, self.process
        if process is None:
            return
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_keeper = Keeper()
atexit.register(_keeper.end)


def keep_queries() -> None:
    """Begin to keep this installation's query service until this process ends."""
    if can_serve():
        _keeper.begin()
    else:
        log.warning("no query service on %s: pages open the data themselves", sys.platform)


def end_queries() -> None:
    """End the query service that this process keeps."""
    _keeper.end()


def is_answering() -> bool:
    """Tell whether a query service of this installation answers."""
    if not can_serve():
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        connection.connect(str(queries_folder() / f"{NEWEST}.sock"))
        return True
    return False


def wait_for_queries(seconds: float = 30) -> bool:
    """Wait until the service answers; tell whether it does. Without a snapshot it never will."""
    until = time.monotonic() + seconds
    while can_serve() and time.monotonic() < until:
        if is_answering():
            return True
        if not snapshot_files(snapshots_dir()):
            return False
        time.sleep(0.05)
    return False


def door_environment(
    name: str, scope: Scope = EVERYTHING, *, lifetime: float = LIFETIME
) -> dict[str, str]:
    """Return what a process needs to ask the service, in place of the data's path.

    ``name``: of the viewer, for the log. The token in it is for one process.
    """
    return {
        "WORKBENCH_HOME": str(private_folder(settings().pages_dir)),
        "WORKBENCH_QUERIES": str(queries_folder()),
        "WORKBENCH_VIEWER": make_token(name, scope, lifetime=lifetime),
    }


def service_environment() -> dict[str, str]:
    """Return the environment of a supervisor."""
    now = settings()
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    passed |= {
        "WORKBENCH_PROJECT": str(now.project_dir),
        "WORKBENCH_HOME": str(now.home_dir),
        "WORKBENCH_CONFIG": str(now.home_dir / "no-credentials"),
        "WORKBENCH_FISCAL_YEAR_START": str(now.fiscal_year_start),
        "WORKBENCH_QUERY_MEMORY": now.query_memory,
        "WORKBENCH_QUERY_SECONDS": str(now.query_seconds),
        "OPENBLAS_NUM_THREADS": "1",  # so that it has one thread, and can fork
    }
    if now.timezone:
        passed["WORKBENCH_TIMEZONE"] = now.timezone
    return passed
