"""A query service of a test's own: the supervisor as a process, on a copy of a snapshot."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil
import pytest

from workbench.kernels import keeper
from workbench.kernels.forked import ForkedProcess
from workbench.metrics.service.door import Door
from workbench.metrics.service.frames import LENGTH, read_envelope
from workbench.metrics.service.place import queries_folder
from workbench.metrics.service.viewers import EVERYTHING, Scope, make_token


@dataclass
class RunningService:
    """A service: its home, the folder of its sockets, its supervisor."""

    home: Path
    folder: Path
    supervisor: ForkedProcess

    def door(self, scope: Scope = EVERYTHING, name: str = "newest") -> Door:
        return Door(self.folder, make_token("test", scope), name)

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.supervisor.pid).children()

    def send(self, message: bytes, name: str = "newest") -> dict:
        """Send bytes of one's own and return the head of the answer; EOFError without one."""
        with self.connection(name) as connection:
            connection.sendall(LENGTH.pack(len(message)) + message)
            return read_envelope(lambda size: exactly(connection, size))[0]

    def ask(self, token: object, request: object) -> dict:
        """Return the head of the answer to a request with a token, whatever they are."""
        text = request if isinstance(request, str) else json.dumps(request)
        return self.send(json.dumps({"token": token, "language": "en", "request": text}).encode())

    def connection(self, name: str = "newest") -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(60)
        connection.connect(str(self.folder / f"{name}.sock"))
        return connection


def exactly(connection: socket.socket, size: int) -> bytearray:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


@contextmanager
def running_service(home: Path, *, idle: float = 120, **given: str) -> Iterator[RunningService]:
    """Run the supervisor for ``home``, which ``WORKBENCH_HOME`` must name; ``given``: settings.

    It is forked from the zygote of these tests.
    """
    folder = queries_folder()
    keeper.keep_zygote()
    supervisor = keeper.fork(
        [sys.executable, "-P", "-m", "workbench.metrics.service.supervisor", str(idle)],
        stdin=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **given},
    )
    try:
        until(lambda: (folder / "newest.sock").exists() or supervisor.poll() is not None, 240)
        assert supervisor.poll() is None, (home / "logs" / "queries.log").read_text()
        yield RunningService(home, folder, supervisor)
    finally:
        supervisor.stdin.close()
        supervisor.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def served(home: Path) -> Iterator[RunningService]:
    """Run the supervisor for a home while it is the one of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        with running_service(home) as running:
            yield running


def until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def copied_home(company: Path, folder: Path) -> Path:
    """Return a home whose only snapshot is a copy of the company's newest."""
    snapshots = folder / "warehouse" / "snapshots"
    snapshots.mkdir(parents=True, mode=0o700)
    newest = max((company / "warehouse" / "snapshots").glob("*.duckdb"))
    shutil.copy(newest, snapshots / newest.name)
    return folder


def next_snapshot(home: Path, number: int, change: str) -> str:
    """Publish a changed copy of the newest snapshot; return its id."""
    folder = home / "warehouse" / "snapshots"
    made = folder / ".next"
    shutil.copy(max(folder.glob("*.duckdb")), made)
    with duckdb.connect(str(made)) as connection:
        connection.execute(change)
    made.rename(folder / f"20990101T00000{number}Z-aaaaaa.duckdb")
    return f"20990101T00000{number}Z-aaaaaa"
