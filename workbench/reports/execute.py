"""The process of one run: starts a kernel, lets papermill execute the notebook, renders it.

``python -m workbench.reports.execute RUN_FOLDER``, started by `workbench.reports.run` with an
environment without secrets. Says how it went in ``tmp/outcome.json``; silence is an answer too.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from workbench.i18n import _
from workbench.reports.record import OUTCOME, RECORD, RunRecord, write_atomically
from workbench.reports.report import papermill_path
from workbench.reports.verdict import first_cell_started, read_notebook, verdict
from workbench.settings import settings

PR_SET_PDEATHSIG = 1


def main(folder: Path) -> None:
    """Execute and render the run that ``folder`` describes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    record = RunRecord.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
    executed = folder / "notebook.ipynb"
    problem: Exception | None = None
    began = record.started_at.timestamp()
    kernel = AsyncKernelManager(kernel_name="python3", transport_encryption="auto")
    try:
        asyncio.run(_start(kernel, folder))
        problem = _execute(kernel, settings().notebooks_dir / record.notebook, executed, record)
    except Exception as cause:
        logging.exception("the kernel did not start")
        problem = cause
    died = problem is not None and type(problem).__name__ != "PapermillExecutionError"
    kernel_code = _end(kernel, patience=3 if died else 0)
    ended = time.time()
    notebook = read_notebook(executed)
    started = first_cell_started(notebook) or ended
    answer: dict[str, Any] = verdict(notebook, problem, kernel_code)
    answer["timings"] = {"start": round(started - began, 3), "execute": round(ended - started, 3)}
    if answer["outcome"] == "succeeded":
        answer |= _render(folder, record)
        answer["timings"]["render"] = round(time.time() - ended, 3)
    write_atomically(folder / OUTCOME, json.dumps(answer))
    # Nothing is left to do; closing sockets and threads in order takes a quarter of a second.
    logging.shutdown()
    os._exit(0)


async def _start(kernel: AsyncKernelManager, folder: Path) -> None:
    await kernel.start_kernel(cwd=str(folder), preexec_fn=_die_with_me())


def _execute(
    kernel: AsyncKernelManager, source: Path, executed: Path, record: RunRecord
) -> Exception | None:
    """Let papermill execute ``source``; return what it raised."""
    # Imported by name, now: papermill and nbconvert take a second each, and meanwhile the kernel
    # starts (then: the first cells run) on the other core.
    papermill = import_module("papermill")
    threading.Thread(target=import_module, args=("workbench.reports.html",), daemon=True).start()
    try:
        papermill.execute_notebook(
            papermill_path(source),
            papermill_path(executed),
            parameters=record.parameters,
            progress_bar=False,
            kernel_name="python3",
            language="python",
            start_timeout=60,
            km=kernel,
        )
    except Exception as problem:
        logging.info("papermill: %s", type(problem).__name__)
        return problem
    return None


def _render(folder: Path, record: RunRecord) -> dict[str, Any]:
    """Write report.html; return what changes in the answer if that fails."""
    try:
        import_module("workbench.reports.html").write_html(folder, record)
    except Exception as problem:
        logging.exception("the page was not rendered")
        return {
            "outcome": "failed",
            "error": {
                "kind": "render_failed",
                "name": type(problem).__name__,
                "message": _("The notebook ran, but its HTML page was not written."),
                "explanation": _("log.txt in the run's folder has its last words."),
            },
        }
    return {}


def _end(kernel: AsyncKernelManager, patience: float) -> int | None:
    """Return the code that the kernel ended with by itself; None if it had to be ended here.

    A kernel that is dying is given ``patience`` seconds; one whose cells are done is killed at
    once, as it has nothing left to say and an orderly shutdown takes half a second.
    """
    process = getattr(kernel.provisioner, "process", None)
    if process is None:
        return None
    until = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    if process.poll() is not None:
        return int(process.returncode)
    process.kill()
    process.wait()
    return None


def _die_with_parent() -> None:
    """Wait until the supervising process closes its end of our input, then kill this group."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _die_with_me() -> Callable[[], None] | None:
    """Return what a kernel calls at its birth, so that it never outlives this process."""
    if not sys.platform.startswith("linux"):
        return None  # there, the kernel itself looks for its parent once a second
    libc = ctypes.CDLL(None)

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return bind


if __name__ == "__main__":
    main(Path(sys.argv[1]))
