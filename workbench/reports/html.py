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

from workbench.i18n import _, format_datetime, format_number, use_language
from workbench.reports.record import RunRecord, write_atomically

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
        frame = _frame(record) | {"own_head": _shows(notebook, "wb-header", "wb-stamp")}
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
    moment = record.as_of or record.started_at
    return {
        "language": record.language,
        "title": record.title,
        "styles": "\n".join(styles),
        "stamp": _("Data as of {moment}").format(moment=format_datetime(moment, record.timezone))
        if record.as_of
        else _("No portal data"),
        "portal": record.portal,
        "period": next(iter(_periods(record).values()), None),
        "parameters_title": _("Parameters"),
        "parameters": [
            (_parameter(name), _value(name, value, record))
            for name, value in record.parameters.items()
        ],
        "origin_title": _("Where the numbers come from"),
        "origin": [
            (label, value)
            for label, value in (
                (_("Report"), record.report),
                (_("Run"), record.id),
                (_("Data"), record.snapshot),
                (_("Portal"), record.portal),
                (_("Run on"), format_datetime(record.started_at, record.timezone)),
                (
                    _("Program"),
                    " ".join(filter(None, (record.version, (record.commit or "")[:10]))),
                ),
            )
            if value
        ],
    }


def _periods(record: RunRecord) -> dict[str, str]:
    return {name: period["label"] for name, period in record.periods.items()}


def _parameter(name: str) -> str:
    """Return what a page calls its filter; other parameters have no name but their own."""
    # Not asked of `workbench.views`, whose imports take longer than this page.
    return {
        "period": _("Period"),
        "pipeline": _("Pipeline"),
        "department": _("Department"),
        "manager": _("Manager"),
        "source": _("Source"),
        "channel": _("Channel"),
    }.get(name, name)


def _value(name: str, value: Any, record: RunRecord) -> str:
    label = _periods(record).get(name)
    if label is not None:
        return label if label == value else f"{label} ({value})"
    if value == "all" and _parameter(name) != name:
        return _("All")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return format_number(value, 6)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "–"
    return str(value) or "–"
