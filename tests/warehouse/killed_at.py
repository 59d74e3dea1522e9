"""A sync that is killed at a line of its own code, reached for so many times."""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import command_line

WAREHOUSE = str(Path(__file__).parent.parent.parent / "workbench")


@dataclass(frozen=True)
class Place:
    """The ``nth`` time that a line of a function which holds a text is about to be run.

    ``late``: so many seconds after that, in the midst of what the line began.
    """

    file: str
    function: str
    holds: str = ""
    nth: int = 1
    late: float = 0

    def traced(self) -> object:
        """Return what `sys.settrace` takes to kill this process there."""
        lines: dict[int, bool] = {}
        passed = 0

        def matches(number: int, path: str) -> bool:
            if number not in lines:
                lines[number] = self.holds in Path(path).read_text("utf-8").splitlines()[number - 1]
            return lines[number]

        def line(frame: FrameType, event: str, _about: object):
            nonlocal passed
            if event == "line" and matches(frame.f_lineno, frame.f_code.co_filename):
                passed += 1
                if passed == self.nth:
                    end(self.late)
            return line

        def call(frame: FrameType, _event: str, _about: object):
            code = frame.f_code
            ours = code.co_name == self.function and code.co_filename.startswith(WAREHOUSE)
            return line if ours and Path(code.co_filename).name == self.file else None

        return call


def end(late: float) -> None:
    """Kill this process, at once or in a moment: nothing of Python or DuckDB runs any more."""
    if late:
        threading.Timer(late, end, (0,)).start()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _sync(place: Place, *given: object) -> None:
    sys.settrace(place.traced())
    command_line.execute(*given)


def sync_until(place: Place, environ: dict[str, str], output: Path) -> BaseProcess:
    """Start a full sync of the portal that is killed at a place of its code."""
    given = (("sync", "bitrix24", "--full"), environ, str(Path.cwd()), str(output), str(output))
    process = command_line.forks().Process(target=_sync, args=(place, *given), daemon=True)
    process.start()
    return process
