"""``workbench sandbox load``: anyone's CSV export as a portal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def load(
    directory: Annotated[Path, typer.Argument(help="Folder of CSV files.")],
    mapping: Annotated[
        Path, typer.Option(help="What the files mean; a YAML file, or the name of a ready one.")
    ],
    state: Annotated[Path, typer.Option(help="The portal's file; made if it is not there.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Fill an empty portal from CSV files and report everything odd in them, with counts.

    Serve it afterwards: workbench sandbox start --state FILE.
    """
    from rich.console import Console

    from workbench.bitrix24.sandbox.load import load_directory
    from workbench.bitrix24.sandbox.state import State

    records = State(state)
    try:
        report = load_directory(records, directory, mapping)
    finally:
        records.close()
    if as_json:
        print(report.model_dump_json(indent=2))
    else:
        report.show(Console())
