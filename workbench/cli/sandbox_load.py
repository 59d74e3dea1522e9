"""``workbench sandbox load``: anyone's CSV export as a portal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.load.load_files import LoadReport


def _print_example(wanted: bool) -> None:
    if wanted:
        from workbench.bitrix24.sandbox.load.load_mapping import EXAMPLE

        print(EXAMPLE.read_text(encoding="utf-8"), end="")
        raise typer.Exit


def load(
    directory: Annotated[Path, typer.Argument(help="Folder of CSV files.")],
    mapping: Annotated[
        Path | None,
        typer.Option(help="What the files mean: a YAML file (see --example), or maven_crm."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="The portal's file, made if it is not there; by default .workbench/sandbox.sqlite."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    example: Annotated[
        bool,
        typer.Option(
            "--example",
            help="Print a mapping to start from and end.",
            is_eager=True,
            callback=_print_example,
        ),
    ] = False,
) -> None:
    """Fill an empty portal from CSV files and report everything odd in them, with counts.

    A mapping says what the columns mean: workbench sandbox load --example > mapping.yml
    """
    import json
    import shlex

    from rich.console import Console

    from workbench.bitrix24.sandbox.load.load import load_directory
    from workbench.bitrix24.sandbox.load.load_mapping import read_mapping
    from workbench.bitrix24.sandbox.memory.opening import opened
    from workbench.i18n import _
    from workbench.settings import settings

    csv_folder(directory)
    if mapping is None:
        raise no_mapping()
    meaning = read_mapping(mapping)
    if state is None:
        state = settings().project_dir / ".workbench" / "sandbox.sqlite"
        state.parent.mkdir(exist_ok=True)
    with opened(state) as records:
        report = load_directory(records, directory, meaning)
    if as_json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
        return
    show(report)
    here = Path.cwd()
    near = state.relative_to(here) if state.is_relative_to(here) else state
    command = f"workbench sandbox start --state {shlex.quote(str(near))}"
    Console(soft_wrap=True).print(_("Next: `{command}`").format(command=command), markup=False)


def csv_folder(directory: Path) -> None:
    """Raise a `UsageError` unless there are CSV files in the folder."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    if not directory.is_dir():
        raise UsageError(_("There is no folder {folder}.").format(folder=directory))
    if not any(file.suffix.lower() == ".csv" for file in directory.iterdir()):
        raise UsageError(_("There is no CSV file in {folder}.").format(folder=directory))


def no_mapping() -> Exception:
    """Return the error that shows how to come by a mapping."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    return UsageError(
        _("What the columns of the CSV files mean is not said: --mapping is missing."),
        hint=_(
            "Start from an example: workbench sandbox load --example > mapping.yml "
            "(for the Maven CRM export there is a ready one: --mapping maven_crm)."
        ),
    )


def show(report: LoadReport) -> None:
    """Print what was loaded and what was odd."""
    from rich.console import Console
    from rich.table import Table

    from workbench.bitrix24.entities import title as entity_title
    from workbench.cli.screen import escape
    from workbench.i18n import _, format_number

    console = Console()
    entities = {"stage_history": "deal_history", "product_rows": "deal_products"}
    for table, rows in report.rows.items():
        name = entity_title(entities.get(table, table))
        console.print(_("{name}: {value}").format(name=name, value=format_number(rows)))
    if not report.remarks:
        return
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
