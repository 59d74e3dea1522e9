"""``workbench sandbox load``: anyone's CSV export as a portal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.load_files import LoadReport


def load(
    directory: Annotated[Path, typer.Argument(help="Folder of CSV files.")],
    mapping: Annotated[
        Path, typer.Option(help="What the files mean: a YAML file, or a ready one's name.")
    ],
    state: Annotated[Path, typer.Option(help="The portal's file; made if it is not there.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Fill an empty portal from CSV files and report everything odd in them, with counts.

    Serve it afterwards: workbench sandbox start --state FILE.
    """
    import json

    from workbench.bitrix24.sandbox.load import load_directory
    from workbench.bitrix24.sandbox.load_mapping import read_mapping
    from workbench.bitrix24.sandbox.state import State

    meaning = read_mapping(mapping)
    records = State(state)
    try:
        report = load_directory(records, directory, meaning)
    finally:
        records.close()
    if as_json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
        return
    show(report)


def show(report: LoadReport) -> None:
    """Print what was loaded and what was odd."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from workbench.i18n import _, format_number

    console = Console()
    for table, rows in report.rows.items():
        console.print(f"{table}: {format_number(rows)}")
    shown = Table(box=None, header_style="bold")
    for title in (_("File"), _("What is odd")):
        shown.add_column(title)
    shown.add_column(_("Count"), justify="right")
    shown.add_column(_("Examples"))
    for remark in report.remarks:
        shown.add_row(
            escape(remark.file),
            escape(remark.what),
            format_number(remark.count),
            escape(", ".join(remark.examples)),
        )
    console.print(shown)
