"""Python processes in a blink: forked where this process has a zygote, else started."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Unpack

from workbench.kernels import keeper
from workbench.kernels.forked import CannotFork, ForkedProcess, Given

PR_SET_PDEATHSIG = 1
_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # looked up before any fork; Linux only


def start_python(
    arguments: Sequence[str], **given: Unpack[Given]
) -> subprocess.Popen[bytes] | ForkedProcess:
    """Start ``python ARGUMENTS`` in a session of its own.

    Forked if this process keeps a zygote or was handed one, and a fork can be like a new process;
    such a child ends with its starter. Raises `OSError` as `subprocess.Popen` does.
    """
    argv = [sys.executable, *arguments]
    if keeper.keeps():
        try:
            return keeper.fork(argv, **given)
        except CannotFork as reason:
            keeper.tell_once(str(reason))
    return subprocess.Popen(argv, **given, start_new_session=True)


def die_with_starter() -> None:
    """As a ``preexec_fn``: let Linux end this process when the thread that started it ends.

    What is forked from a zygote ends with its starter by itself, so this does not keep anything
    from being forked.
    """
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
