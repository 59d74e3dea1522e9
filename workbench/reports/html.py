"""The HTML of an executed notebook: one file, no script, no request to anywhere.

Made by nbconvert with the template in ``template/report``. Code, tracebacks and warnings are not
shown. A Content-Security-Policy in the page makes the browser keep the promise: whatever a cell
put into its output, nothing is fetched and nothing runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters.html import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from workbench.i18n import _, use_language
from workbench.reports.origin import defined, origin, period_label, shown_parameters, stamp
from workbench.reports.record import RunRecord, read_contents, write_atomically

TEMPLATES = Path(__file__).parent / "template"
STYLES = (
    Path(__file__).parent.parent / "views" / "static" / "workbench.css",
    TEMPLATES / "report" / "report.css",
)


def write_html(folder: Path, record: RunRecord) -> None:
    """Write ``report.html`` from the executed notebook in a run's folder."""
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
    write_atomically(folder / "report.html", html(notebook, record))


def html(notebook: NotebookNode, record: RunRecord) -> str:
    """Return the page of an executed notebook, in the run's language."""
    with use_language("en" if record.language == "en" else "fr"):
        exporter = HTMLExporter(
            template_name="report",
            extra_template_basedirs=[str(TEMPLATES)],
            config=Config({"TemplateExporter": {"exclude_input": True}}),
        )
        frame = _frame(record) | {
            "own_head": _shows(notebook, "wb-header", "wb-stamp"),
            "definitions": definitions(record.folder),
        }
        body, _resources = exporter.from_notebook_node(notebook, {"report": frame})
    return str(body)


def _shows(notebook: NotebookNode, *classes: str) -> bool:
    """Say whether the notebook's own output has elements of all these classes."""
    shown = "".join(
        str(output.get("data", {}).get("text/html", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    return all(f'class="{name}"' in shown for name in classes)


def _frame(record: RunRecord) -> dict[str, Any]:
    """Return what the template shows around the notebook, translated."""
    styles = [file.read_text(encoding="utf-8") for file in STYLES if file.is_file()]
    return {
        "language": record.language,
        "title": record.title,
        "styles": "\n".join(styles),
        "stamp": stamp(record),
        "portal": record.portal,
        "period": period_label(record),
        "parameters_title": _("Parameters"),
        "parameters": shown_parameters(record),
        "origin_title": _("Where the numbers come from"),
        "origin": origin(record),
        "definitions_title": _("What the figures mean"),
        "page_title": _css_text(" – ".join(filter(None, (record.title, period_label(record))))),
        "page_origin": _css_text(
            ", ".join(filter(None, (stamp(record), record.portal, record.snapshot)))
        ),
    }


def definitions(folder: Path) -> list[tuple[str, str]]:
    """Return title and definition of every figure and column that has one, each once."""
    found: dict[str, str] = {}
    for panel in read_contents(folder).get("panels", []):
        for entry in [*panel.get("figures", []), *panel.get("columns", [])]:
            if entry.get("definition"):
                found.setdefault(entry["title"], defined(entry))
    return list(found.items())


def _css_text(text: str) -> str:
    """Write a text as a string of a stylesheet: nothing in it can end the string or the style."""
    return '"' + "".join(c if c.isalnum() or c == " " else f"\\{ord(c):x} " for c in text) + '"'
