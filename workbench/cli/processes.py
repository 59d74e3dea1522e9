"""Servers that one command starts and ends together."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

GRACE = 10  # seconds between asking a process to end and ending it


def exit_on_terminate() -> None:
    """Let SIGTERM unwind the program as Ctrl-C does, so that what it started ends too.

    SIGINT is named as well: a shell starts background jobs with it ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def check_port(host: str, port: int) -> None:
    """Raise a `UsageError` if another program has the port, before anything is begun."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return  # the server itself will say what is wrong
            raise UsageError(
                _("Port {port} of {host} cannot be used.").format(port=port, host=host),
                hint=_("Another program has it.") + " " + _("Choose another one with --port."),
            ) from None


class Processes:
    """Child processes, each logging to a file; all of them and theirs end with the block."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        from workbench.settings import private_folder

        private_folder(logs)

    def start(self, name: str, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        """Start ``python -m workbench ARGUMENTS``; its output goes to ``<logs>/<name>.log``."""
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "workbench", *arguments],
                env={**os.environ, **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us, and we end the others in order
            )

    def log(self, name: str) -> Path:
        """Return where ``name`` writes."""
        return self.logs / f"{name}.log"

    def ended(self) -> str | None:
        """Return the name of a process that has ended, if any has."""
        return next((name for name, p in self.running.items() if p.poll() is not None), None)

    def kill(self, name: str) -> None:
        """End a process and all that it started as a power cut would, with SIGKILL."""
        process = self.running.pop(name)
        tree = [psutil.Process(process.pid)]
        tree += tree[0].children(recursive=True)
        for each in tree:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait()

    def stop(self) -> None:
        """End every process and all that they started, the last one first."""
        tree: list[psutil.Process] = []
        for process in reversed(self.running.values()):
            try:
                parent = psutil.Process(process.pid)
                tree += [*parent.children(recursive=True), parent]
            except psutil.NoSuchProcess:
                continue
            process.terminate()
        _gone, alive = psutil.wait_procs(tree, timeout=GRACE)
        for left in alive:
            try:
                left.kill()
            except psutil.NoSuchProcess:
                continue
        for process in self.running.values():
            process.wait()
        self.running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
