"""A notebook's way through papermill and nbconvert, inside the process of its run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

from workbench.errors import WorkbenchError
from workbench.i18n import _
from workbench.reports.inspection import papermill_path
from workbench.reports.record import RunRecord
from workbench.reports.verdict import first_cell_started, read_notebook, verdict
from workbench.settings import settings

LAST_BREATH = 3  # seconds that a dying kernel gets until its exit code is there


def execute(record: RunRecord, kernel: AsyncKernelManager, folder: Path) -> dict[str, Any]:
    """Execute and render the run; return outcome, failure and timings as the record holds them.

    Writes ``notebook.ipynb`` and, if every cell completed, ``report.html`` and ``report.xlsx``.
    """
    executed = folder / "notebook.ipynb"
    # While the first cells run on the other core.
    for renderer in ("html", "workbook"):
        name = f"workbench.reports.{renderer}"
        threading.Thread(target=import_module, args=(name,), daemon=True).start()
    problem = _run_cells(record, kernel, executed)
    ended = time.time()
    dying = problem is not None and not isinstance(problem, PapermillExecutionError)
    kernel_code = _end(kernel, patience=LAST_BREATH if dying else 0)
    notebook = read_notebook(executed)
    started = first_cell_started(notebook) or ended
    answer: dict[str, Any] = verdict(notebook, problem, kernel_code)
    answer["timings"] = {
        "start": round(started - record.started_at.timestamp(), 3),
        "execute": round(ended - started, 3),
    }
    if answer["outcome"] == "succeeded":
        rendered = _render(record, folder)
        timings = {**answer["timings"], **rendered.pop("timings", {})}
        answer |= {**rendered, "timings": {**timings, "render": round(time.time() - ended, 3)}}
    return answer


def _run_cells(record: RunRecord, kernel: AsyncKernelManager, executed: Path) -> Exception | None:
    """Let papermill execute the notebook's source; return what it raised."""
    try:
        papermill.execute_notebook(
            papermill_path(settings().notebooks_dir / record.notebook),
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


def _render(record: RunRecord, folder: Path) -> dict[str, Any]:
    """Write the page, the workbook and the PDF; return what changes in the answer."""
    seconds: dict[str, float] = {}
    skipped: list[str] = []
    with _timed(seconds, "html"):
        try:
            import_module("workbench.reports.html").write_html(folder, record)
        except Exception as problem:
            logging.exception("the page was not rendered")
            return {
                "outcome": "failed",
                "failure": {
                    "kind": "render_failed",
                    "name": type(problem).__name__,
                    "message": _("The notebook ran, but its HTML page was not written."),
                    "explanation": _("log.txt in the run's folder has its last words."),
                },
            }
    with _timed(seconds, "xlsx"):
        try:
            import_module("workbench.reports.workbook").write_workbook(folder, record)
        except Exception as problem:  # the page is there, and says the same
            logging.exception("the workbook was not written")
            skipped.append(_("XLSX skipped: {reason}").format(reason=_reason(problem)))
    if record.pdf:
        with _timed(seconds, "pdf"):
            try:
                import_module("workbench.reports.pdf").write_pdf(folder)
            except Exception as problem:
                logging.exception("the PDF was not written")
                skipped.append(_("PDF skipped: {reason}").format(reason=_reason(problem)))
    return {"timings": seconds, "skipped": skipped}


def _reason(problem: Exception) -> str:
    return str(problem) if isinstance(problem, WorkbenchError) else type(problem).__name__


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long the block took."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = round(time.perf_counter() - began, 3)


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
