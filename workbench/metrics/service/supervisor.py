"""Keeps one query process for each snapshot that is needed, and lets the others go.

The supervisor has done all imports, and has one thread: a query process is forked from it, which
takes milliseconds. The sockets are its own, so that a connection made while a query process is
being replaced waits instead of failing. The newest snapshot always has a process; an older one,
which a page or a run still holds, gets one when it is asked, and keeps it until it is idle.

It ends, and its children with it, when its standard input closes: nobody wants it any more.
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import select
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

import duckdb

from workbench.i18n import LANGUAGES
from workbench.i18n import catalogue as translations
from workbench.kernels.preloading import unknown_threads
from workbench.metrics import catalogue, dimension_titles
from workbench.metrics.filters import parse_filter
from workbench.metrics.service import process
from workbench.metrics.service.door import EMPTY, NEWEST
from workbench.metrics.service.place import queries_folder
from workbench.metrics.service.viewers import load_key
from workbench.settings import private_file, private_folder, settings
from workbench.warehouse.publish import snapshot_files
from workbench.warehouse.snapshots import snapshots_dir

log = logging.getLogger("workbench.queries")
TICK = 0.1  # seconds between two looks at the snapshots
SHORT_LIFE, MOST_SHORT_LIVES = 5, 5  # seconds; processes that die so young before a pause
PAUSE = 30  # seconds


class Served:
    """One snapshot: its socket, and its process while there is one."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.file, self.address = file, folder / f"{file.stem}.sock"
        self.pid: int | None = None
        self.ready: IO[bytes] | None = None  # says when the process answers
        self.answers = self.damaged = self.retired = False
        self.short_lives, self.began, self.not_before = 0, 0.0, 0.0
        self.address.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            self.listener.bind(str(self.address))
        finally:
            os.umask(old)
        self.listener.listen(512)

    def close(self) -> None:
        """Take the socket away."""
        self.listener.close()
        self.address.unlink(missing_ok=True)


class Supervisor:
    """All snapshots that are kept, in a folder of sockets."""

    def __init__(self, folder: Path, *, seconds_idle: float) -> None:
        self.folder, self.seconds_idle = folder, seconds_idle
        self.key = load_key()
        self.served: dict[str, Served] = {}
        self.newest: str | None = None
        self.selector = selectors.DefaultSelector()
        self.ended = False
        self._seen: tuple[Any, ...] = ()
        for leftover in folder.glob("*.sock"):
            leftover.unlink()

    def run(self) -> None:
        """Keep the processes until the standard input closes, or SIGTERM or SIGINT arrives."""
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_about: self.end())
        signal.signal(signal.SIGCHLD, lambda *_about: None)  # wakes the loop
        # For the children: one that is told to leave before it can listen to it would be killed.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        self.selector.register(wake, selectors.EVENT_READ, "wake")
        self.selector.register(sys.stdin, selectors.EVENT_READ, "owner")
        try:
            while not self.ended:
                self.look()
                for key, _events in self.selector.select(TICK):
                    self.happened(key)
                self.bury()
        finally:
            self.end_all()

    def end(self) -> None:
        """End at the next tick."""
        self.ended = True

    def happened(self, key: selectors.SelectorKey) -> None:
        """Act on what the selector saw."""
        if key.data == "wake":
            with suppress(BlockingIOError):
                os.read(int(key.fd), 4096)
        elif key.data == "owner":
            self.ended = self.ended or not os.read(int(key.fd), 4096)
        elif isinstance(key.data, Served):
            each = key.data
            if key.fileobj is each.ready:
                self.settled(each)
            elif each.pid is None:  # somebody asks a snapshot without a process
                self.start(each)

    def look(self) -> None:
        """Compare the published snapshots with those that are served."""
        files = snapshot_files(snapshots_dir())
        seen = tuple((file.name, file.stat().st_mtime_ns) for file in files if file.exists())
        if seen != self._seen:
            self._seen = seen
            for file in files:
                if file.stem not in self.served:
                    each = self.served[file.stem] = Served(file, self.folder)
                    self.selector.register(each.listener, selectors.EVENT_READ, each)
        known = {file.stem for file in files}
        for name in [name for name, each in self.served.items() if name not in known]:
            if self.served[name].pid is None:  # not kept any more, and nobody needs it
                self.forget(name)
        wanted = next(
            (file.stem for file in reversed(files) if not self.served[file.stem].damaged), None
        )
        empty = self.folder / EMPTY
        empty.unlink(missing_ok=True) if files else empty.touch()
        if wanted is not None:
            each = self.served[wanted]
            if each.pid is None:
                self.start(each)
            elif each.answers and wanted != self.newest:
                self.lead_to(wanted)

    def lead_to(self, name: str) -> None:
        """Let new readers find a snapshot; the processes of the others may leave when idle."""
        link = self.folder / f"{NEWEST}.sock"
        unfinished = self.folder / f".{NEWEST}"
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(f"{name}.sock")
        unfinished.replace(link)
        self.newest = name
        for other, each in self.served.items():
            if other != name and each.pid is not None:
                self.retire(each)
        log.info("newest snapshot: %s", name)

    def retire(self, each: Served) -> None:
        """Tell a process that it may leave when nobody has asked it for a while."""
        with suppress(ProcessLookupError):
            os.kill(int(each.pid or 0), signal.SIGUSR1)
        each.retired = True

    def start(self, each: Served) -> None:
        """Fork the process of a snapshot."""
        if each.damaged or time.monotonic() < each.not_before:
            return
        if unknown := unknown_threads():
            log.error("cannot fork beside the threads %s; ending", unknown)
            self.ended = True
            return
        names = [file.stem for file in snapshot_files(snapshots_dir())]
        passed_over = [
            name
            for name in reversed(names)
            if name > each.file.stem and name in self.served and self.served[name].damaged
        ]
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self.child(each, writing, passed_over)
        os.close(writing)
        each.pid, each.began, each.answers, each.retired = pid, time.monotonic(), False, False
        each.ready = os.fdopen(reading, "rb", 0)
        self.selector.register(each.ready, selectors.EVENT_READ, each)
        with suppress(KeyError):
            self.selector.unregister(each.listener)  # the process accepts from now on

    def child(self, each: Served, ready: int, passed_over: list[str]) -> None:
        """Be the process of a snapshot; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor
            end_with_parent()
            self.selector.close()
            for other in self.served.values():
                if other is not each:
                    other.listener.close()
            sys.stdin.close()

            def answers() -> None:
                os.write(ready, b"ready")
                os.close(ready)

            process.run(
                each.file,
                each.listener,
                self.key,
                seconds_idle=self.seconds_idle,
                passed_over=passed_over,
                ready=answers,
            )
            code = 0
        except BaseException:
            log.exception("the process of snapshot %s failed", each.file.stem)
        finally:
            logging.shutdown()
            os._exit(code)

    def settled(self, each: Served) -> None:
        """Note that a process answers, or that it has ended before it could."""
        said = each.ready.read(5) if each.ready else b""
        self.selector.unregister(each.ready)  # type: ignore[arg-type]
        each.ready.close()  # type: ignore[union-attr]
        each.ready = None
        each.answers = said == b"ready"
        if each.answers and self.newest not in (None, each.file.stem):
            newest = self.newest or ""
            if each.file.stem < newest:
                self.retire(each)

    def bury(self) -> None:
        """Take note of the processes that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for each in self.served.values():
                if each.pid == pid:
                    self.buried(each, status)

    def buried(self, each: Served, status: int) -> None:
        """Let another process take the place of one that has ended, when it is needed."""
        if each.ready is not None:
            self.settled(each)
        failed = os.waitstatus_to_exitcode(status) != 0
        if failed:
            log.warning("the process of snapshot %s ended: %s", each.file.stem, status)
        young = time.monotonic() - each.began < SHORT_LIFE
        each.short_lives = each.short_lives + 1 if failed and young else 0
        if failed and not each.answers and os.WIFEXITED(status):
            each.damaged = True  # it could not be opened
            log.error("snapshot %s cannot be served", each.file.stem)
        elif each.short_lives >= MOST_SHORT_LIVES:
            each.not_before, each.short_lives = time.monotonic() + PAUSE, 0
        each.pid, each.answers = None, False
        with suppress(KeyError):
            self.selector.register(each.listener, selectors.EVENT_READ, each)

    def forget(self, name: str) -> None:
        """Serve a snapshot no more."""
        each = self.served.pop(name)
        with suppress(KeyError):
            self.selector.unregister(each.listener)
        each.close()

    def end_all(self) -> None:
        """End every process; take the sockets away."""
        for name in (f"{NEWEST}.sock", EMPTY):
            (self.folder / name).unlink(missing_ok=True)
        for each in self.served.values():
            if each.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGTERM)
        until = time.monotonic() + 2
        while time.monotonic() < until and any(each.pid for each in self.served.values()):
            self.bury()
            time.sleep(0.02)
        for name, each in list(self.served.items()):
            if each.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
            self.forget(name)


def end_with_parent() -> None:
    """Ask the system to kill this process when its parent ends (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() == 1:
        os._exit(1)


def warm_up() -> None:
    """Read what every query process needs, once for all of them."""
    catalogue()
    dimension_titles()
    parse_filter("amount > 1")
    for code in LANGUAGES:
        translations(code)


def log_to_file() -> None:
    """Write the service's log to ``logs/queries.log``."""
    folder = private_folder(settings().home_dir / "logs")
    handler = RotatingFileHandler(folder / "queries.log", maxBytes=2_000_000, backupCount=2)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def main() -> None:
    """Wait until no other supervisor of this installation runs; then keep the processes."""
    file = private_file(settings().home_dir / "queries.lock")
    with file.open("a") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if select.select([sys.stdin], [], [], 0.2)[0] and not os.read(0, 4096):
                    return
        log_to_file()
        warm_up()
        duckdb.execute("SET threads = 1")  # its default connection has a thread for each core
        Supervisor(queries_folder(), seconds_idle=float(sys.argv[1])).run()


if __name__ == "__main__":
    main()
