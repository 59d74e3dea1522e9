"""``workbench run``, and how the command line tells a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.deliveries import deliver_now, delivery_rows, with_deliveries

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.reports import RunRecord


def run(
    report: Annotated[
        str | None,
        typer.Argument(help="A file of parameters/reports, without .yml.", show_default=False),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="name=value, repeatable; wins over the file."),
    ] = None,
    despite_checks: Annotated[
        bool,
        typer.Option("--despite-checks", help="Run although a check fails; it says so."),
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Make a PDF as well.")] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Send the results where the report's file says.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run record.")] = False,
) -> None:
    """Run a report: notebook, HTML, charts, tables and a run record in outputs/.

    Exit code 1 if the run did not succeed, 2 for a parameter that does not fit; then nothing is
    written.
    """
    from workbench.errors import RunFailed, UsageError
    from workbench.i18n import _

    if report is None:
        from workbench.reports import load_reports

        raise UsageError(
            _("No report was named."),
            hint=_("Reports: {names}").format(names=", ".join(r.name for r in load_reports())),
        )
    from workbench.kernels.keeper import keep_zygote

    keep_zygote()  # at once: it does its imports on the other core meanwhile
    from rich.console import Console

    from workbench.reports import run_report
    from workbench.reports.parameters import split_pair

    given = dict(split_pair(pair) for pair in parameter or [])
    status = Console(stderr=True).status(_("Running {report}…").format(report=report))
    records = []
    with status:
        for each in _each(report, given):
            records.append(run_report(report, each, despite_checks=despite_checks, pdf=pdf))
            if deliver:
                deliver_now(records[-1])
    if as_json:
        written = [record_json(record) for record in records]
        print(written[0] if len(written) == 1 else "[" + ",\n".join(written) + "]")
    else:
        for record in records:
            show_record(record)
    for record in records:
        if record.outcome != "succeeded":
            raise RunFailed(
                record.error or outcome_name(record),
                hint=record.failure.explanation if record.failure else "",
                record=record,
            )


def _each(name: str, given: dict[str, str]) -> list[dict[str, str]]:
    """Return the parameters of each run: one, or one for each part of a report that has some."""
    from workbench.reports.fan_out import parts
    from workbench.reports.for_each import chosen
    from workbench.reports.inspection import shown
    from workbench.reports.report import load_report

    report = load_report(name)
    wanted = report.for_each
    if wanted is None or chosen(wanted, {**report.parameters, **given}):
        return [given]
    values = parts(wanted, report.notebook_parameters, shown(report.file))
    return [{**given, wanted.by: value} for value in values]


def record_json(record: RunRecord) -> str:
    """Return a record with its deliveries as JSON."""
    return with_deliveries(record.model_dump_json(indent=2, exclude={"pid", "pid_started"}), record)


def outcome_name(record: RunRecord) -> str:
    """Return how a run ended, in the reader's language."""
    from workbench.i18n import _

    return {
        "running": _("running"),
        "succeeded": _("succeeded"),
        "failed": _("failed"),
        "exited": _("exited"),
        "killed": _("killed"),
        "timed_out": _("timed out"),
        "interrupted": _("interrupted"),
    }[record.outcome]


def plain_text(text: str) -> str:
    """Return text that a terminal shows as it is: no control characters, no markup."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else " " for c in text))


def _near(path: Path) -> Path:
    """Return a path as seen from the working directory, if it lies below."""
    from pathlib import Path

    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def show_record(record: RunRecord, *, reason: bool = False) -> None:
    """Print one run: what it was given, how it went, what it made."""
    from rich.console import Console
    from rich.table import Table

    from workbench.i18n import _, format_datetime, format_number, ngettext

    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row(_("Run"), record.id)
    if record.repeats:
        facts.add_row(_("Repeats"), record.repeats)
    facts.add_row(_("Report"), plain_text(record.title))
    facts.add_row(_("Outcome"), outcome_name(record))
    if reason and record.error:
        facts.add_row(_("Reason"), plain_text(record.error))
    if record.notice:
        facts.add_row(_("Despite checks"), plain_text(record.notice))
    for told in record.skipped:
        facts.add_row(_("Left out"), plain_text(told))
    facts.add_row(_("Started"), format_datetime(record.started_at, record.timezone))
    for name, value in record.parameters.items():
        period = record.periods.get(name)
        shown = f"{value} ({period['label']})" if period else str(value)
        facts.add_row(plain_text(name), plain_text(shown))
    if record.snapshot:
        facts.add_row(_("Data"), record.snapshot)
    if record.seconds is not None:
        facts.add_row(_("Seconds"), format_number(record.seconds, 1))
    if record.rows is not None:
        facts.add_row(_("Rows read"), format_number(record.rows))
    names = [file.path for file in record.files]
    for title, name in (
        (_("Report page"), "report.html"),
        (_("Workbook"), "report.xlsx"),
        ("PDF", "report.pdf"),
        (_("Notebook"), "notebook.ipynb"),
    ):
        if name in names:
            facts.add_row(title, plain_text(str(_near(record.folder / name))))
    for title, start in ((_("Charts"), "charts/"), (_("Tables"), "tables/")):
        count = sum(name.startswith(start) for name in names)
        if count:
            files = ngettext("{n} file", "{n} files", count).format(n=count)
            facts.add_row(title, plain_text(f"{_near(record.folder / start)}/ ({files})"))
    for title, told in delivery_rows(record):
        facts.add_row(title, plain_text(told))
    Console().print(facts)
