"""Python processes in a blink: forked where this process has a zygote, else started."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from workbench.kernels import keeper
from workbench.kernels.forked import CannotFork, ForkedProcess, Given

KERNELSPECS = Path(__file__).parent / "jupyter"  # for JUPYTER_PATH: its python3 is forked

log = logging.getLogger("workbench.kernels")
_told: set[str] = set()


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
            tell_once(str(reason))
    return subprocess.Popen(argv, **given, start_new_session=True)


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


def tell_once(reason: str) -> None:
    """Log why something was started and not forked, the first time for each reason."""
    if reason not in _told:
        _told.add(reason)
        chosen = reason == keeper.CHOSEN
        log.log(logging.INFO if chosen else logging.WARNING, "started, not forked: %s", reason)
