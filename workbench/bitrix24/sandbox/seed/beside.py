"""What hangs on a big company's deals, made by a second process meanwhile.

It writes tables and indexes like the portal's into a file of its own, from which SQLite copies them
as they are: a quarter of the time that it takes to insert them and to build their indexes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import orjson

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.seed.generation import company
from workbench.errors import WorkbenchError
from workbench.i18n import _

#: About half of the work.
TABLES = ("stage_history", "activities", "calls")

COMMAND = "from workbench.bitrix24.sandbox.seed.beside import make; make()"


class Beside:
    """The second process, and the file that it fills."""

    def __init__(self, folder: Path, of: Mapping[str, Any]) -> None:
        self.file = folder / "beside.sqlite"
        order = {**of, "file": str(self.file), "parent": os.getpid()}
        # A new interpreter: a copy of this process would share its connections to SQLite.
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, orjson.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def finished(self) -> dict[str, int]:
        """Wait for the file; returns the rows per table. Raises WorkbenchError if it failed."""
        output, errors = self.process.communicate()
        if self.process.returncode:
            said = errors.decode(errors="replace").strip().splitlines()
            raise _failed(said[-1] if said else self.process.returncode, self.file.parent)
        counts: dict[str, int] = orjson.loads(output)
        return counts


@contextmanager
def made_beside(near: Path | None, of: Mapping[str, Any]) -> Iterator[Beside]:
    """A process that makes `TABLES` of the company ``of`` these arguments; its file goes with it.

    The file stands in the folder of ``near``, or among the machine's temporary ones.
    """
    place = near.parent if near else None
    try:
        folder = Path(mkdtemp(prefix=".seed-", dir=place))
    except OSError as error:
        raise _failed(error.strerror, place or "TMPDIR") from None
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        made = Beside(folder, of)
        held.enter_context(made.process)
        held.callback(made.process.kill)
        yield made


def _failed(reason: Any, folder: Path | str) -> WorkbenchError:
    return WorkbenchError(
        _("A part of the company could not be made: {reason}").format(reason=reason),
        hint=_("Check that the disk is not full: {folder}").format(folder=folder),
    )


def make() -> None:
    """Do the second process's work: arguments as JSON, its counts as JSON on stdout."""
    of = orjson.loads(sys.argv[1])
    parent = of.pop("parent")
    file, today = Path(of.pop("file")), date.fromisoformat(of.pop("today"))
    counts = dict.fromkeys(TABLES, 0)
    state = State(file, timezone=of["timezone"])
    with state.bulk():
        for table, rows in company(today=today, only=TABLES, **of):
            if os.getppid() != parent:
                break
            counts[table] += state.insert_many(table, rows)
    state.close()
    if os.getppid() != parent:  # killed: nobody else is left to remove the file
        shutil.rmtree(file.parent, ignore_errors=True)
    sys.stdout.buffer.write(orjson.dumps(counts))
