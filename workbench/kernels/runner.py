"""Python processes in a blink: forked where this process has a zygote, else started."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.kernels import keeper
from workbench.kernels.forked import CannotFork, ForkedProcess, Stream

KERNELSPECS = Path(__file__).parent / "jupyter"  # for JUPYTER_PATH: its python3 is forked
PR_SET_PDEATHSIG = 1

log = logging.getLogger("workbench.kernels")
_told: set[str] = set()
_libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def start_python(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | os.PathLike[str] | None = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
) -> subprocess.Popen[bytes] | ForkedProcess:
    """Start ``python ARGUMENTS`` in a session of its own; streams are as for `subprocess.Popen`.

    Forked if this process keeps a zygote or was handed one, and a fork can be like a new process;
    such a child ends with its starter. Raises `OSError` as `subprocess.Popen` does.
    """
    argv = [sys.executable, *arguments]
    if keeper.keeps():
        try:
            return keeper.fork(argv, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr)
        except CannotFork as reason:
            tell_once(str(reason))
    return subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def forking_environment() -> dict[str, str]:
    """Return the variables by which a process forks its kernels from this process's zygote.

    Empty if there is none. Only for processes of ours: who has the address can have forks.
    """
    if not keeper.keeps():
        return {}
    try:
        return kernelspec_environment() | {"WORKBENCH_ZYGOTE": str(keeper.address())}
    except CannotFork as reason:
        tell_once(str(reason))
        return {}


def kernelspec_environment() -> dict[str, str]:
    """Return the variable by which jupyter_client finds the forked kernel as ``python3``.

    Empty where kernels are stock.
    """
    if reason := keeper.why_not():
        tell_once(reason)
        return {}
    earlier = os.environ.get("JUPYTER_PATH")
    own = str(KERNELSPECS)
    if not earlier or own in earlier.split(os.pathsep):
        return {"JUPYTER_PATH": earlier or own}
    return {"JUPYTER_PATH": os.pathsep.join([own, earlier])}


def dies_with_starter() -> None:
    """Be a ``preexec_fn``: a stock process that ends with the one that has started it.

    A forked one does by itself, so `workbench.kernels.provisioner` needs no call of this one.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tell_once(reason: str) -> None:
    """Log why something was started and not forked, the first time for each reason."""
    if reason not in _told:
        _told.add(reason)
        chosen = reason == keeper.CHOSEN
        log.log(logging.INFO if chosen else logging.WARNING, "started, not forked: %s", reason)
