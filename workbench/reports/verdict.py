"""How a notebook's execution ended, read from its cells and its kernel's exit code.

papermill takes ``sys.exit(0)`` for success and marks the cell in which a kernel died complete; so
a run counts as succeeded only if papermill raised nothing, no cell ended in an error, and every
cell completed.
"""

from __future__ import annotations

import re
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from workbench.i18n import _

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def read_notebook(file: Path) -> NotebookNode | None:
    """Return an executed notebook, None if it was not written or is damaged."""
    try:
        return nbformat.read(file, as_version=4)
    except Exception:  # nbformat lets through whatever its JSON and schema readers raise
        return None


def verdict(
    notebook: NotebookNode | None, problem: Exception | None, kernel_code: int | None
) -> dict[str, Any]:
    """Return ``{outcome, failure}`` as the run record holds them.

    ``problem`` is what papermill raised, ``kernel_code`` what the kernel ended with by itself
    (None if it lived).
    """
    if notebook is None:
        return _failed("not_started", _("The notebook did not start."), problem=problem)
    for cell in _source_cells(notebook):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                place = cell_number(notebook, cell)
                if output.ename == "SystemExit":
                    return _exited(output.evalue, place)
                return _raised(output.ename, ANSI.sub("", output.evalue), place)
    if problem is None and all(_status(c) == "completed" for c in _source_cells(notebook)):
        return {"outcome": "succeeded", "failure": None}
    number = cell_at_work(notebook)
    if kernel_code is not None:
        return _kernel_ended(kernel_code, number)
    if first_cell_started(notebook) is None:
        return _failed("not_started", _("The notebook's kernel did not start."), problem=problem)
    return _failed(
        "incomplete", _("The notebook stopped before its last cell."), number, problem=problem
    )


def cell_at_work(notebook: NotebookNode | None) -> int | None:
    """Return the number of the last cell that was begun, as `cell_number` counts."""
    if notebook is None:
        return None
    begun = [
        c for c in _source_cells(notebook) if c.metadata.get("papermill", {}).get("start_time")
    ]
    return cell_number(notebook, begun[-1]) if begun else None


def cell_number(notebook: NotebookNode, cell: NotebookNode) -> int:
    """Return a cell's place in the notebook's source, from 1.

    Cells that papermill put in (parameters, error notes) are not counted; the injected
    parameters answer for the parameters cell before them.
    """
    before = notebook.cells[: notebook.cells.index(cell) + 1]
    return sum(1 for c in before if not _put_in(c)) or 1


def first_cell_started(notebook: NotebookNode | None) -> float | None:
    """Return when the first cell started, in seconds since 1970."""
    if notebook is None:
        return None
    moments = (c.metadata.get("papermill", {}).get("start_time") for c in notebook.cells)
    return min((datetime.fromisoformat(m).timestamp() for m in moments if m), default=None)


def explain(name: str, text: str) -> str:
    """Say in plain words what an exception's name means for someone who does not program."""
    explanations = {
        "KeyError": _("The notebook asked for a column or key that is not there."),
        "AttributeError": _("The notebook asked an object for something that it does not have."),
        "NameError": _("The notebook uses a name that no earlier cell defines."),
        "ModuleNotFoundError": _("A Python package that the notebook needs is not installed."),
        "ImportError": _("A Python package that the notebook needs cannot be loaded."),
        "ZeroDivisionError": _("A share was computed over nothing; is the period empty?"),
        "ValueError": _("A value was not of the expected form."),
        "TypeError": _("A value was not of the expected type."),
        "MemoryError": _("The machine ran out of memory; ask for a shorter period."),
        "FileNotFoundError": _("A file that the notebook reads is not there."),
        "PermissionError": _("The notebook may not read or write a file that it needs."),
        "SyntaxError": _("A cell of the notebook is not Python."),
        "KeyboardInterrupt": _("The cell was interrupted."),
        "NoSnapshot": _("Nothing has been synced yet; run workbench sync first."),
        "QueryError": _("The notebook asked for a metric or filter that does not exist."),
    }
    return explanations.get(name, _("A cell of the notebook raised an error."))


def signal_name(number: int) -> str:
    """Return ``SIGKILL`` for 9; signals without a name of their own are counted from SIGRTMIN."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def _raised(name: str, text: str, number: int) -> dict[str, Any]:
    return {
        "outcome": "failed",
        "failure": {
            "kind": "cell_error",
            "name": name,
            "cell": number,
            "message": _("Cell {cell}: {name}: {text}").format(
                cell=number, name=name, text=text.strip()[:500]
            ),
            "explanation": explain(name, text),
        },
    }


def _exited(text: str, number: int) -> dict[str, Any]:
    code = int(text) if re.fullmatch(r"-?\d+", text) else (0 if text in ("", "None") else 1)
    message = _("Cell {cell} called sys.exit({text}).").format(cell=number, text=text[:200])
    return {
        "outcome": "exited",
        "failure": {
            "kind": "system_exit",
            "name": "SystemExit",
            "cell": number,
            "code": code,
            "message": message,
            "explanation": _("The cells after it did not run, so the report is incomplete."),
        },
    }


def _kernel_ended(code: int, number: int | None) -> dict[str, Any]:
    if code < 0:
        name = signal_name(-code)
        return {
            "outcome": "killed",
            "failure": {
                "kind": "kernel_killed",
                "signal": name,
                "cell": number,
                "message": _("The notebook's kernel was killed ({signal}).").format(signal=name),
                "explanation": _("Someone ended it, or the machine ran out of memory."),
            },
        }
    return {
        "outcome": "exited",
        "failure": {
            "kind": "kernel_exited",
            "code": code,
            "cell": number,
            "message": _("The notebook's kernel ended by itself with code {code}.").format(
                code=code
            ),
            "explanation": _("The cells after it did not run, so the report is incomplete."),
        },
    }


def _failed(
    kind: str, message: str, number: int | None = None, problem: Exception | None = None
) -> dict[str, Any]:
    return {
        "outcome": "failed",
        "failure": {
            "kind": kind,
            "message": message,
            "cell": number,
            "name": type(problem).__name__ if problem else None,
            "explanation": _("log.txt in the run's folder has its last words."),
        },
    }


def _source_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [c for c in notebook.cells if "papermill-error-cell-tag" not in _tags(c)]


def _put_in(cell: NotebookNode) -> bool:
    return bool({"injected-parameters", "papermill-error-cell-tag"} & set(_tags(cell)))


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def _status(cell: NotebookNode) -> str | None:
    return cell.metadata.get("papermill", {}).get("status")
