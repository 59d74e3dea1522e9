"""A project of a test's own: a few notebooks and report files in a temporary folder."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = 'period: str = "last_12_months"  # period to report\nn: int = 3  # how many'
HELLO = 'print("rows:", n)'


class SmallProject:
    """``notebooks/`` and ``parameters/reports/`` in ``folder``; the environment points there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "project"
        self.notebooks = self.folder / "notebooks"
        self.reports = self.folder / "parameters" / "reports"
        self.notebooks.mkdir(parents=True)
        self.reports.mkdir(parents=True)
        monkeypatch.setenv("WORKBENCH_PROJECT", str(self.folder))
        monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")

    def report(self, name: str, /, *cells: str, declares: str = PARAMETERS, **content: Any) -> Path:
        """Write a notebook with these code cells after its parameters, and its report file."""
        self.notebook(name, *cells, declares=declares)
        return self.file(name, **content)

    def notebook(self, name: str, *cells: str, declares: str | None = PARAMETERS) -> Path:
        written = [new_markdown_cell("# Heading\n\nSome *prose*.")]
        if declares is not None:
            written.append(new_code_cell(declares, metadata={"tags": ["parameters"]}))
        notebook = new_notebook(cells=written + [new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        path = self.notebooks / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    def file(self, name: str, /, **content: Any) -> Path:
        path = self.reports / f"{name}.yml"
        basis = {"notebook": f"{name}.ipynb", "title": {"fr": "Essai", "en": "Trial"}}
        path.write_text(yaml.safe_dump({**basis, "timeout": 60, **content}), encoding="utf-8")
        return path
