"""A child of the zygote as its starter sees it: asked for, waited for, signalled.

The starter and the zygote talk over a Unix socket of packets: one request (JSON, with the child's
standard streams and a pidfd of the starter), one answer of the newborn (JSON, with its pidfd), and,
when it has ended, one with its code. The zygote keeps an ended child as a zombie until the
starter has heard, so that its pid cannot pass to another process meanwhile.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Required, Self, TypedDict, Unpack

LARGEST = 200_000  # bytes of a request, its environment included; Linux sends no larger packet
PATIENCE = 30  # seconds for a newborn to answer; it is one fork away
LAST_WORD = 5  # seconds for the zygote to tell the code of a child that has ended
UNKNOWN_CODE = 255  # what asyncio, too, says of a child that it could not wait for
LIMITS = {
    name: number for name, number in vars(resource).items() if name.startswith("RLIMIT_")
}  # of getrlimit

Stream = int | IO[Any] | None


class Given(TypedDict, total=False):
    """What a process is given besides its arguments, each as `subprocess.Popen` takes it."""

    env: Required[Mapping[str, str]]
    cwd: str | os.PathLike[str] | None
    stdin: Stream
    stdout: Stream
    stderr: Stream


log = logging.getLogger("workbench.kernels")
_living: set[ForkedProcess] = set()


class CannotFork(Exception):
    """A new process has to be started instead; the text says why."""


class ForkedProcess:
    """What `subprocess.Popen` is to a child of one's own, for a child of the zygote."""

    def __init__(
        self,
        connection: socket.socket,
        pid: int,
        pidfd: int,
        args: Sequence[str],
        streams: tuple[IO[bytes] | None, IO[bytes] | None, IO[bytes] | None],
    ) -> None:
        self.args = list(args)
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._connection = connection
        self._pidfd = pidfd
        self._reaping = threading.Lock()
        # While it runs it is kept: the end of its connection would be its end.
        _living.add(self)

    def poll(self) -> int | None:
        """Return the code the child ended with (minus the signal that ended it), None before."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises `subprocess.TimeoutExpired` after ``timeout`` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self._ended(None if until is None else until - time.monotonic())) is None:
            if until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the child has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None:
            watch = select.poll()
            watch.register(self._pidfd, select.POLLIN)
            if watch.poll(None if seconds is None else max(0, seconds) * 1000):
                with self._reaping:
                    if self.returncode is None:
                        self.returncode = self._code()
                        self._connection.close()
                        _living.discard(self)
        return self.returncode

    def _code(self) -> int:
        self._connection.settimeout(LAST_WORD)
        try:
            return int(json.loads(self._connection.recv(LARGEST))["code"])
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("process %s ended; with what code, nobody can tell any more", self.pid)
            return UNKNOWN_CODE

    def __del__(self) -> None:
        self._connection.close()
        os.close(self._pidfd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()


def fork(address: Path, argv: Sequence[str], **given: Unpack[Given]) -> ForkedProcess:
    """Ask the zygote at ``address`` for a child that does what ``argv`` (Python's) says.

    Raises `CannotFork` if there is no zygote or if its child could not be as a new process would
    be, and `OSError` where starting a new process would (a working directory that is not there).
    """
    cwd = given.get("cwd")
    request = json.dumps(
        {
            "argv": list(argv),
            "env": dict(given["env"]),
            "cwd": os.fspath(cwd) if cwd is not None else str(Path.cwd()),
            "umask": _umask(),
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "cores": sorted(os.sched_getaffinity(0)),
            "limits": {name: resource.getrlimit(number) for name, number in LIMITS.items()},
        }
    ).encode()
    connection = _connect(address)
    streams = _Streams(given.get("stdin"), given.get("stdout"), given.get("stderr"))
    mine = os.pidfd_open(os.getpid())
    try:
        socket.send_fds(connection, [request], [*streams.theirs, mine])
        connection.settimeout(PATIENCE)
        packet, fds, _flags, _address = socket.recv_fds(
            connection, LARGEST, 1, socket.MSG_CMSG_CLOEXEC
        )
        answer = json.loads(packet or b"{}")
        if "pid" in answer and fds:
            return ForkedProcess(connection, answer["pid"], fds[0], argv, streams.ours())
        streams.drop()
        connection.close()
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]), answer["file"])
        raise CannotFork(answer.get("refused") or "the zygote did not answer")
    except (TimeoutError, ConnectionError, BrokenPipeError, ValueError) as problem:
        streams.drop()
        connection.close()
        raise CannotFork(f"the zygote did not answer: {problem}") from None
    except OSError as problem:
        if connection.fileno() >= 0:  # not the child's own: the request could not be sent
            streams.drop()
            connection.close()
            raise CannotFork(f"the request cannot be sent: {problem.strerror}") from None
        raise
    finally:
        os.close(mine)
        streams.close_theirs()


def peer(connection: socket.socket) -> tuple[int, int]:
    """Return (pid, uid) of the process at the other end, as the system knows them."""
    form = struct.Struct("3i")
    pid, uid, _gid = form.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    )
    return pid, uid


def _connect(address: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LARGEST)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(str(address))
    except OSError as problem:
        connection.close()
        raise CannotFork(f"no zygote answers: {problem.strerror}") from None
    if peer(connection)[1] != os.geteuid():
        connection.close()
        raise CannotFork("the zygote belongs to another user")
    return connection


def _umask() -> int:
    # /proc and not os.umask(), which sets it for a moment, for all threads.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o22


class _Streams:
    """The child's three standard streams: its ends of them, and ours where they are pipes."""

    def __init__(self, stdin: Stream, stdout: Stream, stderr: Stream) -> None:
        self._opened: list[int] = []
        self._pipes: dict[int, int] = {}
        self.theirs: list[int] = []
        for number, wanted in enumerate((stdin, stdout, stderr)):
            self.theirs.append(self._end(number, wanted))

    def _end(self, number: int, wanted: Stream) -> int:
        if wanted == subprocess.PIPE:
            reading, writing = os.pipe()
            mine, its = (writing, reading) if number == 0 else (reading, writing)
            self._pipes[number] = mine
            self._opened.append(its)
            return its
        if wanted == subprocess.STDOUT:
            return self.theirs[1]
        if wanted is None:
            with suppress(OSError):
                os.fstat(number)
                return number
            wanted = subprocess.DEVNULL  # ours is closed
        if wanted == subprocess.DEVNULL:
            null = os.open(os.devnull, os.O_RDWR)
            self._opened.append(null)
            return null
        return wanted if isinstance(wanted, int) else wanted.fileno()

    def ours(self) -> tuple[IO[bytes] | None, IO[bytes] | None, IO[bytes] | None]:
        """Return our ends as files, None where the stream is no pipe."""
        made = [
            os.fdopen(self._pipes[number], "wb" if number == 0 else "rb")
            if number in self._pipes
            else None
            for number in range(3)
        ]
        return made[0], made[1], made[2]

    def close_theirs(self) -> None:
        while self._opened:
            os.close(self._opened.pop())

    def drop(self) -> None:
        while self._pipes:
            os.close(self._pipes.popitem()[1])


def _forget() -> None:
    """In a child of this process: these are not its processes."""
    _living.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
