"""The portal's file for one process: nobody else serves or fills it meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from workbench.bitrix24.sandbox.memory.database import cannot_be_opened
from workbench.bitrix24.sandbox.memory.state import State
from workbench.errors import UsageError, WorkbenchError
from workbench.i18n import _


@contextmanager
def opened(path: Path | None) -> Iterator[State]:
    """The state in this file, or in memory, closed at the end.

    Raises UsageError if the file is none, damaged, or another process has it, and WorkbenchError
    for what goes wrong with it later, such as a full disk.
    """
    with ExitStack() as held:
        if path is not None:
            held.enter_context(_claimed(path))
        try:
            state = State(path)
        except (sqlite3.Error, OSError, ValueError, KeyError, TypeError) as error:
            # Of the last three: settings that are not what this program writes.
            raise cannot_be_opened(path, error) from None
        held.callback(state.close)
        try:
            yield state
        except sqlite3.Error as error:
            raise WorkbenchError(
                _("The portal's file {file} cannot be written: {reason}").format(
                    file=path or ":memory:", reason=error
                ),
                hint=_("Check that you may write to it, and that the disk is not full."),
            ) from None


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Hold the portal's file; it is nobody else's until the end of the block or of the process.

    Each portal remembers what it has counted and which settings it has; two would not see what the
    other writes. (The lock is beside the file: SQLite gives its own up when the file is closed.)
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        beside = path.with_name(f"{path.name}.lock")
        lock = _locked(beside)
    except BlockingIOError:
        raise UsageError(
            _("Another portal is running on {file}.").format(file=path),
            hint=_("End it with Ctrl-C, or choose another file."),
        ) from None
    except OSError as error:
        raise cannot_be_opened(path, error) from None
    with lock:
        try:
            yield
        finally:
            beside.unlink(missing_ok=True)


def _locked(file: Path) -> IO[str]:
    """The lock, open. Raises BlockingIOError if another process has it."""
    while True:
        lock = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have deleted the file between the two lines above.
            if file.exists() and os.path.samestat(file.stat(), os.fstat(lock.fileno())):
                return lock
        except BaseException:
            lock.close()
            raise
        lock.close()
