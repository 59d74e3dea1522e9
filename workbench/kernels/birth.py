"""What a child of the zygote does before its program, to be as a new process would be.

A new process reads its environment at its start. What is read later by whoever asks (settings,
Jupyter's folders) needs nothing here; what Python or a library has read at the zygote's start is
read again (time zone, number of BLAS threads, buffering), or else, where that is not possible, the
request is refused (`refusal`) and its starter starts a new process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import io
import json
import multiprocessing
import os
import resource
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from workbench.kernels import preloading
from workbench.kernels.forked import LIMITS
from workbench.kernels.surroundings import READ_AT_START

KERNEL = "ipykernel_launcher"
_at_start = {name: os.environ.get(name) for name in READ_AT_START}
_blocks: dict[str, tuple[int, int]] = {}


@dataclass(frozen=True)
class Request:
    """What a starter asks for."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    umask: int
    nice: int
    cores: list[int]
    limits: dict[str, tuple[int, int]]

    @classmethod
    def read(cls, packet: bytes) -> Self:
        """Parse a packet; raises ValueError if it is not a request."""
        try:
            return cls._parsed(json.loads(packet))
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError) as problem:
            raise ValueError("not a request") from problem

    @classmethod
    def _parsed(cls, content: Any) -> Self:
        env, argv = content["env"], content["argv"]
        if not isinstance(argv, list):
            raise TypeError("a list of arguments was expected")
        for text in (*argv, content["cwd"], *env.keys(), *env.values()):
            if not isinstance(text, str) or "\0" in text:
                raise TypeError("a text was expected")
        if any(not name or "=" in name for name in env):
            raise ValueError("a name of an environment variable was expected")
        return cls(
            argv=argv,
            env=env,
            cwd=content["cwd"],
            umask=int(content["umask"]),
            nice=int(content["nice"]),
            cores=[int(core) for core in content["cores"]],
            limits={
                name: (int(soft), int(hard)) for name, (soft, hard) in content["limits"].items()
            },
        )


@dataclass(frozen=True)
class Program:
    """What Python's arguments say: a module or a text to run, and its own arguments."""

    kind: str  # "-m" or "-c"
    what: str
    arguments: list[str] = field(default_factory=list)
    safe_path: bool = False  # -P: the working directory is not searched for modules


def parse(argv: list[str]) -> Program | None:
    """Return the program of a command line, None if it is not one that a fork can run.

    >>> parse(["python", "-P", "-m", "workbench", "sync"])
    Program(kind='-m', what='workbench', arguments=['sync'], safe_path=True)
    >>> parse(["python", "script.py"]) is None
    True
    """
    rest = argv[1:]
    safe = rest[:1] == ["-P"]
    rest = rest[1:] if safe else rest
    if len(rest) < 2 or rest[0] not in ("-m", "-c"):
        return None
    return Program(rest[0], rest[1], rest[2:], safe)


def refusal(request: Request) -> str:
    """Return why a fork could not be as a new process with this request; empty if it could."""
    if parse(request.argv) is None:
        return "its arguments are not -m MODULE or -c TEXT"
    for name, value in _at_start.items():
        if request.env.get(name) != value:
            return f"{name} is another than the zygote's"
    for name, (_soft, hard) in request.limits.items():
        mine = resource.getrlimit(LIMITS[name])[1] if name in LIMITS else hard
        if hard != mine and os.geteuid() != 0 and _more(hard, mine):
            return f"{name} is higher than the zygote's"
    if request.nice < os.getpriority(os.PRIO_PROCESS, 0) and os.geteuid() != 0:
        return "its priority is higher than the zygote's"
    return ""


def prepare() -> None:
    """In the zygote: find what its children will need; raises RuntimeError where /proc hides it."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    # Fields 48 to 51 of proc_pid_stat(5), the first of these being the third.
    for name, begin in (("arguments", 45), ("environment", 47)):
        start, end = int(fields[begin]), int(fields[begin + 1])
        if not 0 < start < end:
            raise RuntimeError(f"/proc/self/stat does not tell where the {name} are")
        _blocks[name] = (start, end - start)


@dataclass
class Newborn:
    """A child of the zygote that is not yet what it is to be."""

    request: Request
    fds: list[int]  # standard input, output, error; a pidfd of the starter
    connection: socket.socket

    def be_born(self) -> Callable[[], None]:
        """Become as a new process, tell the starter, and return the program to run."""
        problem: dict[str, Any] = {}
        try:
            self.take_surroundings()
        except FileNotFoundError as missing:
            problem = {"errno": missing.errno, "file": missing.filename}
        except OSError as denied:
            problem = {"errno": denied.errno, "file": denied.filename or self.request.cwd}
        if problem:
            self.connection.send(json.dumps(problem).encode())
            os._exit(1)
        own = os.pidfd_open(os.getpid())
        answer = json.dumps({"pid": os.getpid()}).encode()
        try:
            socket.send_fds(self.connection, [answer], [own])
        except OSError:
            os._exit(1)  # nobody waits for it any more
        os.close(own)
        self.connection.close()
        threading.Thread(
            target=end_with, args=(self.fds[3],), name=preloading.WATCH, daemon=True
        ).start()
        program = parse(self.request.argv)
        assert program is not None  # else it would have been refused  # noqa: S101
        sys.orig_argv = list(self.request.argv)
        return lambda: run(program)

    def take_surroundings(self) -> None:
        """Take session, streams, folder, limits and environment of the request."""
        os.setsid()
        for number in range(3):
            os.dup2(self.fds[number], number)
        for fd in self.fds[:3]:
            os.close(fd)
        os.umask(self.request.umask)
        for name, limits in self.request.limits.items():
            if name in LIMITS and resource.getrlimit(LIMITS[name]) != limits:
                resource.setrlimit(LIMITS[name], limits)
        os.setpriority(os.PRIO_PROCESS, 0, self.request.nice)
        os.sched_setaffinity(0, self.request.cores)
        os.chdir(self.request.cwd)
        take_environment(self.request.env)
        show_arguments(self.request.argv)
        sys.stdin, sys.stdout, sys.stderr = (
            _stream(number, unbuffered=bool(self.request.env.get("PYTHONUNBUFFERED")))
            for number in range(3)
        )
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
        sys.dont_write_bytecode = bool(self.request.env.get("PYTHONDONTWRITEBYTECODE"))
        tempfile.tempdir = None
        # Every child would otherwise draw the same numbers and share one key.
        multiprocessing.current_process().authkey = os.urandom(32)
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        preloading.use_all_cores(self.request.env)


def take_environment(env: dict[str, str]) -> None:
    """Replace the environment, also where the system shows it: ``/proc/PID/environ``."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    entries = [os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items()]
    # Runs are found by a variable of ours, so ours come first should the room not suffice.
    entries.sort(key=lambda entry: not entry.startswith(b"WORKBENCH_"))
    start, size = _blocks["environment"]
    block = b""
    for entry in entries:
        if len(block) + len(entry) < size:
            block += entry
    ctypes.memmove(start, block.ljust(size, b"\0"), size)


def show_arguments(argv: list[str]) -> None:
    """Show these arguments in ``/proc/PID/cmdline``, and so in every list of processes."""
    start, size = _blocks["arguments"]
    # A last byte that is not 0 tells Linux that the text was overwritten and ends at its first 0.
    text = os.fsencode(" ".join(argv))[: size - 2]
    ctypes.memmove(start, text.ljust(size - 1, b"\0") + b".", size)


def end_with(starter: int) -> None:
    """Wait for the end of the process behind a pidfd, then end with all that belongs to this one.

    The zygote does so too, as long as there is one.
    """
    watch = select.poll()
    watch.register(starter, select.POLLIN)
    while not watch.poll():
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def run(program: Program) -> None:
    """Do what Python would do with these arguments, until the program's end."""
    if program.what == KERNEL and program.kind == "-m":
        run_kernel(program.arguments)
        return
    if not program.safe_path:
        sys.path.insert(0, "" if program.kind == "-c" else str(Path.cwd()))
    sys.argv = [program.kind, *program.arguments]
    if program.kind == "-m":
        runpy.run_module(program.what, run_name="__main__", alter_sys=True)
        return
    main = type(sys)("__main__")
    sys.modules["__main__"] = main
    exec(compile(program.what, "<string>", "exec"), vars(main))  # noqa: S102 - that is python -c


def run_kernel(arguments: list[str]) -> None:
    """Be an IPython kernel as its launcher makes one."""
    from ipykernel.kernelapp import IPKernelApp

    found = importlib.util.find_spec(KERNEL)
    sys.argv = [found.origin if found and found.origin else KERNEL, *arguments]
    # 1 is a parent that it need not watch: `end_with` does.
    app = IPKernelApp.instance(parent_handle=1)
    app.initialize(arguments)
    # ipywidgets does this when it is imported, but was imported before there was a kernel.
    if "ipywidgets" in sys.modules:
        sys.modules["ipywidgets"].register_comm_target()
    app.start()


def _stream(number: int, *, unbuffered: bool) -> io.TextIOWrapper:
    """Return a standard stream over its descriptor, as Python opens it at its start."""
    before = (sys.__stdin__, sys.__stdout__, sys.__stderr__)[number]
    raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
    buffer: Any = raw
    if number == 0:
        buffer = io.BufferedReader(raw)
    elif not unbuffered:
        buffer = io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer,
        encoding=getattr(before, "encoding", "utf-8"),
        errors=getattr(before, "errors", "strict"),
        line_buffering=not unbuffered and (number == 2 or os.isatty(number)),
        write_through=unbuffered,
    )


def _more(one: int, other: int) -> bool:
    return other != resource.RLIM_INFINITY and (one == resource.RLIM_INFINITY or one > other)
