"""Run a notebook's cells one after the other and hand out what a visitor may see of them."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from jupyter_core.utils import ensure_async
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets import Unicode
from voila.execute import VoilaExecutor

from workbench.dashboards.failures import Failure, record_failure
from workbench.dashboards.published import Dashboard
from workbench.i18n import use_language

log = logging.getLogger("workbench.dashboards")

STEP = 0.25  # seconds between two looks for a kernel's reply

# Tags of cells that only analysts need.
HIDDEN_TAGS = frozenset({"parameters", "injected-parameters", "analyst"})


@dataclass(frozen=True)
class Cell:
    """What one cell shows: its place (from 1) and either prose or outputs."""

    number: int
    of: int
    markdown: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)


class QuietExecutor(VoilaExecutor):
    """Voila's executor; errors and warnings of cells and of Output widgets go to the log only."""

    page = Unicode()
    speaks = Unicode("fr")

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> Any:
        """Store an output, unless it is not for visitors."""
        kind = msg["msg_type"]
        if kind == "stream" and msg["content"].get("name") != "stdout":
            log.info("page %s: %s", self.page, msg["content"].get("text", "").rstrip())
            return None
        if kind == "error":
            msg = self.without_traceback(msg)
        return super().output(outs, msg, display_id, cell_index)

    def without_traceback(self, msg: dict) -> dict:
        """Return the message that takes the place of an error; the error goes to the log."""
        failure = record_failure(
            msg["content"].get("ename", ""),
            msg["content"].get("traceback", []),
            page=self.page,
            kernel=getattr(self.km, "kernel_id", "?"),
        )
        return {
            **msg,
            "msg_type": "display_data",
            "header": {**msg["header"], "msg_type": "display_data"},
            "content": self.shown(failure),
        }

    def shown(self, failure: Failure) -> dict:
        """Return the visible part of a failure, in the visitor's language."""
        with use_language(self.speaks):  # type: ignore[arg-type]
            return failure.output()


async def run_cells(dashboard: Dashboard, kernel: Any, *, language: str) -> AsyncIterator[Cell]:
    """Execute ``dashboard`` in ``kernel`` (a kernel manager) and yield each cell when it is done.

    Ends after the first cell that fails, which is yielded with its failure in place of the error.
    """
    notebook = read_notebook(dashboard.notebook)
    executor = QuietExecutor(
        notebook, km=kernel, timeout=dashboard.timeout, page=dashboard.name, speaks=language
    )
    executor.kc = await executor.async_start_new_kernel_client()
    shell = executor.kc.shell_channel
    shell.get_msg = looking_again(shell.get_msg)
    total = len(notebook.cells)
    try:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                prose = cell.source if cell.cell_type == "markdown" else ""
                yield Cell(index + 1, total, markdown="" if is_hidden(cell) else prose)
                continue
            cell.outputs = []
            failed = False
            try:
                await executor.async_execute_cell(cell, index, store_history=False)
            except CellExecutionError:
                failed = True
            except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
                failed = True
                cell.outputs = [failed_output(executor, error)]
            shown = failed or not is_hidden(cell)
            yield Cell(index + 1, total, outputs=cell.outputs if shown else [])
            if failed:
                return
    finally:
        await ensure_async(executor.kc.stop_channels())


def looking_again(get_msg: Callable[..., Awaitable[dict]]) -> Callable[..., Awaitable[dict]]:
    """Wait for a reply in short steps.

    The executor answers for Output widgets on the socket that it waits on, and jupyter_client
    sends there behind asyncio's back; the send can swallow the one signal that a reply has come.
    """

    async def wait(timeout: float | None = None) -> dict:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = STEP if deadline is None else min(STEP, deadline - time.monotonic())
            try:
                return await get_msg(timeout=max(left, 0))
            except Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    return wait


def failed_output(executor: QuietExecutor, error: Exception) -> NotebookNode:
    """Return the output that tells of a cell that ran too long or lost its kernel."""
    failure = record_failure(
        type(error).__name__,
        [f"{type(error).__name__}: {error}"],
        page=executor.page,
        kernel=getattr(executor.km, "kernel_id", "?"),
    )
    shown = executor.shown(failure)
    return nbformat.v4.new_output("display_data", shown["data"], metadata=shown["metadata"])


def is_hidden(cell: NotebookNode) -> bool:
    """Tell whether a cell's outputs are for analysts only."""
    return bool(HIDDEN_TAGS & set(cell.metadata.get("tags", [])))


def read_notebook(file: Path) -> NotebookNode:
    """Return a fresh copy of a notebook, parsed again only after the file has changed."""
    status = file.stat()
    return nbformat.from_dict(_parsed(file, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=32)
def _parsed(file: Path, _changed: int, _size: int) -> NotebookNode:
    return nbformat.read(file, as_version=4)
