"""The zygote: a process that has done its imports and forks what it is asked for.

``python -m workbench.kernels.zygote SOCKET``, started by `workbench.kernels.keeper` without any
secret in its environment. One line on its output says that it is ready, or why it cannot be. Its
input is its owner's hold on it: at its end, the zygote and all its children end; a line means that
it should go once its children have gone. It listens in a folder of mode 700 on a socket of mode
600, and answers processes of its own user only.

It has one thread of Python's and those native ones that it knows: a fork takes none of the others
along, nor the locks that they hold.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from workbench.kernels import birth, preloading
from workbench.kernels.forked import LARGEST, peer

MOST_FDS = 4  # of a request: three streams and the starter's pidfd


@dataclass(eq=False)
class Child:
    """A starter's connection and, once there is one, the process that was forked for it."""

    connection: socket.socket
    pid: int = 0
    pidfd: int = -1
    ended: bool = False


@dataclass
class Zygote:
    """The state of the process: its sockets and its children."""

    listener: socket.socket
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    children: set[Child] = field(default_factory=set)
    retired: bool = False

    def serve(self) -> birth.Newborn | None:
        """Fork on request until the owner lets go: None then, in a child what it is to be."""
        self.selector.register(0, selectors.EVENT_READ, self.hear_owner)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        while not (self.retired and not self.children):
            # To be asked to leave in the midst of a fork would leave that child behind.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            events = self.selector.select()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            for key, _events in events:
                if key not in self.selector.get_map().values():
                    continue  # ended by one before it
                newborn = key.data()
                if newborn is not None:
                    return newborn
        return None

    def hear_owner(self) -> None:
        """Note that the owner lets this zygote fade out; leave at once if it is gone."""
        if not os.read(0, 64):
            raise SystemExit
        self.retired = True

    def accept(self) -> None:
        """Take a connection, of the same user only."""
        with suppress(OSError):
            connection, _address = self.listener.accept()
            if peer(connection)[1] != os.geteuid():
                connection.close()
                return
            connection.setblocking(False)
            child = Child(connection)
            self.children.add(child)
            self.selector.register(
                connection, selectors.EVENT_READ, lambda: self.hear_starter(child)
            )

    def hear_starter(self, child: Child) -> birth.Newborn | None:
        """Take a starter's request, or its going away, which ends its child."""
        try:
            packet, fds, flags, _address = socket.recv_fds(
                child.connection, LARGEST, MOST_FDS, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return None
        except OSError:
            packet, fds, flags = b"", [], 0
        newborn = self.answer(child, packet, fds, flags)
        if newborn is None:
            for fd in fds:
                os.close(fd)
        return newborn

    def answer(
        self, child: Child, packet: bytes, fds: list[int], flags: int
    ) -> birth.Newborn | None:
        """Fork if this is a request; what is none ends the connection."""
        try:
            if not packet or child.pid:  # more than one request is none
                raise ValueError("gone")
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(fds) != MOST_FDS:
                raise ValueError("not one whole request")
            request = birth.Request.read(packet)
        except ValueError:
            self.end(child)
            return None
        if refused := birth.refusal(request):
            self.refuse(child, refused)
            return None
        return self.fork(child, request, fds)

    def refuse(self, child: Child, reason: str) -> None:
        """Say why there is no child, so that the starter makes one itself."""
        self.tell(child, {"refused": reason})
        self.end(child)

    def fork(self, child: Child, request: birth.Request, fds: list[int]) -> birth.Newborn | None:
        """Fork; return, in the child only, what it is to be."""
        try:
            pid = os.fork()
        except OSError as problem:
            self.refuse(child, str(problem))
            return None
        if pid == 0:
            self.let_go(child)
            return birth.Newborn(request, fds, child.connection)
        child.pid, child.pidfd = pid, os.pidfd_open(pid)
        self.selector.register(child.pidfd, selectors.EVENT_READ, lambda: self.report(child))
        return None

    def report(self, child: Child) -> None:
        """Tell the starter with what code its child has ended."""
        self.selector.unregister(child.pidfd)
        child.ended = True
        found = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        if found is not None:
            exited = found.si_code == os.CLD_EXITED
            self.tell(child, {"code": found.si_status if exited else -found.si_status})

    def tell(self, child: Child, answer: dict[str, object]) -> None:
        """Send an answer; a starter that has gone or does not listen misses it."""
        with suppress(OSError):
            child.connection.send(json.dumps(answer).encode())

    def end(self, child: Child) -> None:
        """Forget a connection, and end its process with all that this one has started."""
        self.selector.unregister(child.connection)
        child.connection.close()
        self.children.discard(child)
        if not child.pid:
            return
        if not child.ended:
            self.selector.unregister(child.pidfd)
            for kill in (os.killpg, os.kill):  # a newborn leads no group yet
                with suppress(ProcessLookupError):
                    kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        os.close(child.pidfd)

    def end_all(self) -> None:
        """End every child."""
        for child in list(self.children):
            self.end(child)

    def let_go(self, mine: Child) -> None:
        """In a child: close what is the zygote's and the other children's."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self.selector.close()
        self.listener.close()
        for child in self.children:
            if child.pidfd >= 0:
                os.close(child.pidfd)
            if child is not mine:
                child.connection.close()
        self.children.clear()


def listen(address: Path) -> socket.socket:
    """Return a listening socket of mode 600."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(str(address))
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    return listener


def be_zygote(address: Path) -> Callable[[], None] | None:
    """Preload, serve, leave no trace; return, in each child only, its program."""
    said = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # what an import prints is not for the owner
    os.close(null)
    signal.signal(signal.SIGTERM, _leave)
    birth.prepare()
    preloading.preload()
    if unknown := preloading.unknown_threads():
        _say(said, {"problem": f"unknown threads: {', '.join(unknown)}"})
        return None
    if shared := preloading.shared_files({0, 1, 2, said}):
        _say(said, {"problem": f"open files that children would share: {', '.join(shared)}"})
        return None
    listener = listen(address)
    gc.collect()
    gc.freeze()  # the collector would write into pages that children share
    _say(said, {"ready": preloading.threads()})
    zygote = Zygote(listener)
    try:
        newborn = zygote.serve()
    except SystemExit:
        newborn = None
    if newborn is not None:
        return newborn.be_born()
    zygote.end_all()
    with suppress(OSError):
        for left in (address, address.parent / "errors"):
            left.unlink(missing_ok=True)
        address.parent.rmdir()
    return None


def _say(fd: int, message: dict[str, object]) -> None:
    os.write(fd, json.dumps(message).encode() + b"\n")
    os.close(fd)


def _leave(*_signal: object) -> NoReturn:
    raise SystemExit


if __name__ == "__main__":
    sys.path.pop(0)  # the folder that it was started in
    program = be_zygote(Path(sys.argv[1]))
    if program is not None:
        program()
