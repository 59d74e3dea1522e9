"""Keeps the zygote of this process: starts it, watches it, replaces it, ends it.

A process that starts many kernels or processes keeps one zygote: `keep_zygote` starts it in the
background, the first `fork` would as well. It is started again when it dies, and replaced once a
file of the package or the lock has changed; the old one fades out with its children. It ends with
this process, whatever ends that.

A process that finds an `address` in ``WORKBENCH_ZYGOTE`` keeps none: it forks from that one. Who
has the address can have forks, so it is for processes of ours only.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import shutil
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Unpack

from workbench.kernels import forked
from workbench.kernels.forked import CannotFork, ForkedProcess, Given
from workbench.kernels.surroundings import zygote_environment
from workbench.settings import settings

PACKAGE = Path(__file__).resolve().parent.parent
PYTHON = Path(sys.executable).absolute()
CHOSEN = "WORKBENCH_KERNELS is stock"
PATIENCE = 90  # seconds for a zygote to do its imports, on a busy machine
GRACE = 3  # seconds for a zygote to end its children
SHORT_LIFE, MOST_SHORT_LIVES = 30, 3  # seconds; zygotes that die so young before it is given up
LONGEST_ADDRESS = 100  # bytes of a Unix socket's path; the system allows 107
log = logging.getLogger("workbench.kernels")
_told: set[str] = set()


def why_not() -> str:
    """Return why nothing can be forked here; empty if it can."""
    if settings().kernels == "stock":
        return CHOSEN
    if not (sys.platform == "linux" and hasattr(os, "pidfd_open") and Path("/proc/self").exists()):
        return f"{sys.platform} has no pidfd or no /proc"
    return ""


def keep_zygote() -> None:
    """Begin to start this process's zygote, if there is none yet and this machine can have one.

    One that was handed to this process is enough.
    """
    if not why_not() and settings().zygote is None:
        try:
            _keeper.begin()
        except (CannotFork, OSError) as problem:
            tell_once(f"no zygote can be started: {problem}")


def fork(argv: Sequence[str], **given: Unpack[Given]) -> ForkedProcess:
    """Fork what ``argv`` says from the zygote handed to this process, or from its own.

    May wait for a zygote's imports. Raises `CannotFork` if a new process has to be started
    instead, and `OSError` where that, too, would fail.
    """
    if reason := why_not():
        raise CannotFork(reason)
    if Path(argv[0]).absolute() != PYTHON:
        raise CannotFork(f"{argv[0]} is another Python")
    handed = settings().zygote
    if handed is not None:
        return forked.fork(handed, argv, **given)
    address = _keeper.address()
    try:
        return forked.fork(address, argv, **given)
    except CannotFork:
        again = _keeper.address(after=address)
        if again == address:
            raise
        return forked.fork(again, argv, **given)


def address() -> Path:
    """Return the socket of the zygote that `fork` would ask; raises `CannotFork` if none is."""
    if reason := why_not():
        raise CannotFork(reason)
    return settings().zygote or _keeper.address()


def keeps() -> bool:
    """Tell whether this process has a zygote, its own or one handed to it, to fork from."""
    return not why_not() and (settings().zygote is not None or _keeper.zygote is not None)


def handed_on() -> dict[str, str]:
    """Return the variable by which a process of ours forks from this one's zygote.

    May wait for a zygote's imports. Empty where there is none.
    """
    if not keeps():
        return {}
    try:
        return {"WORKBENCH_ZYGOTE": str(address())}
    except CannotFork as reason:
        tell_once(str(reason))
        return {}


def end_zygote() -> None:
    """End this process's zygotes and all their children."""
    _keeper.end()


def tell_once(reason: str) -> None:
    """Log why something was started and not forked, the first time for each reason.

    A warning, unless that was to be expected here.
    """
    if reason not in _told:
        _told.add(reason)
        level = logging.INFO if reason == why_not() else logging.WARNING
        log.log(level, "started, not forked: %s", reason)


def code_state() -> str:
    """Return what changes when a file of the package, the lock or an installed package does."""
    digest = hashlib.sha256(sys.executable.encode())
    for place in (PACKAGE.parent / "requirements.lock", *map(Path, site.getsitepackages())):
        with suppress(OSError):
            digest.update(f"{place} {place.stat().st_mtime_ns}".encode())
    folders = [str(PACKAGE)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        folders.append(entry.path)
                elif not entry.name.startswith("."):
                    status = entry.stat()
                    digest.update(f"{entry.path} {status.st_mtime_ns} {status.st_size}".encode())
    return digest.hexdigest()


class Zygote:
    """One zygote as its owner sees it: started at once, `ready` or with a `problem` later."""

    def __init__(self) -> None:
        self.state = code_state()
        self.folder = _private_folder()
        self.address = self.folder / "socket"
        self.began = time.monotonic()
        self.settled = threading.Event()
        self.problem = ""
        self.threads: list[str] = []
        self.wanted = True  # False: it may go, and nothing takes its place
        with (self.folder / "errors").open("wb") as errors:
            self.process = subprocess.Popen(
                # The room after the address is for the arguments that children show.
                [str(PYTHON), "-m", "workbench.kernels.zygote", str(self.address), " " * 2000],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.folder,
                env=zygote_environment(),
                start_new_session=True,
            )

    def wait_until_settled(self) -> None:
        """Read what it says when its imports are done; then `settled` is set."""
        said: dict[str, object] = {}
        with suppress(ValueError, OSError):
            said = json.loads(self.process.stdout.readline())  # type: ignore[union-attr]
        if "ready" in said:
            self.threads = list(said["ready"])  # type: ignore[call-overload]
        else:
            self.problem = str(said.get("problem") or self.last_error() or "it ended")
        self.process.stdout.close()  # type: ignore[union-attr]
        self.settled.set()

    def fade_out(self) -> None:
        """Let it go once its children have ended."""
        self.wanted = False
        with suppress(OSError, ValueError):
            os.write(self.process.stdin.fileno(), b"\n")  # type: ignore[union-attr]

    def end(self) -> None:
        """End it and its children now."""
        self.wanted = False
        self.let_go()
        if not self.settled.is_set():
            self.process.kill()  # it has no children yet, and does not listen while it imports
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.clean()

    def let_go(self) -> None:
        """Close our end of its input, which is what it lives by."""
        with suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]

    def clean(self) -> None:
        """Remove what a killed one leaves."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def last_error(self) -> str:
        """Return the last line that it wrote to its standard error, empty if it wrote nothing."""
        with suppress(OSError):
            lines = (self.folder / "errors").read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""


class Keeper:
    """The zygotes of this process: the one in use, and those that fade out."""

    def __init__(self) -> None:
        self.zygote: Zygote | None = None
        self.fading: list[Zygote] = []
        self.short_lives = 0
        self.lock = threading.RLock()

    def begin(self) -> Zygote:
        """Return the zygote in use; begin one if there is none or if the code has changed."""
        with self.lock:
            if self.zygote is not None and self.zygote.state != code_state():
                self.zygote.fade_out()
                self.fading.append(self.zygote)
                self.zygote = None
                self.short_lives = 0
                log.info("the code has changed: another zygote takes over")
            if self.zygote is None:
                self.zygote = Zygote()
                threading.Thread(
                    target=self.watch, args=(self.zygote,), name="zygote", daemon=True
                ).start()
            return self.zygote

    def address(self, after: Path | None = None) -> Path:
        """Return the socket of a zygote that is ready, another one than ``after`` if that is gone.

        Raises `CannotFork` if there is none.
        """
        until = time.monotonic() + PATIENCE
        zygote = self.begin()
        while after is not None and zygote.address == after and zygote.process.poll() is not None:
            if time.monotonic() > until:
                raise CannotFork("the zygote has died")
            time.sleep(0.02)  # until it has been noticed and another one begun
            zygote = self.begin()
        if not zygote.settled.wait(max(0, until - time.monotonic())):
            raise CannotFork(f"the zygote is not ready after {PATIENCE} s")
        if zygote.problem:
            raise CannotFork(f"the zygote could not start: {zygote.problem}")
        return zygote.address

    def watch(self, zygote: Zygote) -> None:
        """Wait for a zygote's end; begin another if it was not wanted."""
        zygote.wait_until_settled()
        code = zygote.process.wait()
        last = zygote.last_error()
        with self.lock:
            zygote.let_go()
            zygote.clean()
            if zygote in self.fading:
                self.fading.remove(zygote)
            if not zygote.wanted or zygote is not self.zygote:
                return
            if zygote.problem:
                log.warning("no zygote, kernels are stock: %s", zygote.problem)
                return  # another one would fare the same; it stays, with its problem
            young = time.monotonic() - zygote.began < SHORT_LIFE
            self.short_lives = self.short_lives + 1 if young else 0
            if self.short_lives >= MOST_SHORT_LIVES:
                zygote.problem = f"it has died {MOST_SHORT_LIVES} times, last with code {code}"
                log.warning("no zygote, kernels are stock: %s", zygote.problem)
                return
            log.warning("the zygote ended with code %s; another one starts. %s", code, last)
            self.zygote = None
            self.begin()

    def end(self) -> None:
        """End all of them."""
        with self.lock:
            zygotes = [*self.fading, *([self.zygote] if self.zygote else [])]
            self.zygote, self.fading, self.short_lives = None, [], 0
            for zygote in zygotes:
                zygote.wanted = False
                zygote.let_go()
            for zygote in zygotes:
                zygote.end()

    def forget(self) -> None:
        """In a child of this process: its zygotes are not ours, nor may they outlive it for us."""
        for zygote in [*self.fading, *([self.zygote] if self.zygote else [])]:
            zygote.let_go()
        self.zygote, self.fading, self.lock = None, [], threading.RLock()


def _private_folder() -> Path:
    """Make a folder of mode 700 whose path leaves room for a socket's name."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    for place in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes it private
        if place and Path(place).is_dir() and len(os.fsencode(place)) < LONGEST_ADDRESS - 40:
            with suppress(OSError):
                return Path(tempfile.mkdtemp(prefix="workbench-zygote-", dir=place))
    raise CannotFork("there is no folder for its socket")


_keeper = Keeper()
atexit.register(_keeper.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keeper.forget)
