"""``workbench runs``: what ran, two runs side by side, a run once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from workbench.cli.deliveries import undelivered
from workbench.cli.layout import add_numbers, plain_table, say

if TYPE_CHECKING:
    from workbench.reports.comparison import Change, Comparison, Panel

WIDE = 100  # characters from which a list has room for the moment, which the id tells in UTC
MOST_ROWS = 12  # of a table on the screen; --json has them all


class Runs(TyperGroup):
    """``workbench runs ID`` is ``workbench runs show ID``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take what is no command for a run."""
        named = args if args[0] in self.commands else ["show", *args]
        return super().resolve_command(ctx, named)


app = typer.Typer(cls=Runs, subcommand_metavar="[ID | diff A B | rerun ID]")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RunId = Annotated[str, typer.Argument(help="A run, as `workbench runs` lists it.")]


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    report: Annotated[str | None, typer.Option(help="Only runs of this report.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest runs.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print records as JSON.")] = False,
) -> None:
    """List the runs, newest first, or show one with its files; compare two, repeat one."""
    if context.invoked_subcommand is not None:
        return
    from textwrap import shorten

    from rich.table import Table

    from workbench.cli.reports import outcome_name, plain_text, record_json
    from workbench.cli.screen import table_console
    from workbench.i18n import _, format_datetime, format_number
    from workbench.reports import runs as all_runs

    records = all_runs(report, limit=limit)
    if as_json:
        print("[" + ",\n".join(record_json(record) for record in records) + "]")
        return
    console = table_console()
    if not records:
        console.print(_("No runs yet. The first one: workbench run sales"), highlight=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(_("Run"), no_wrap=True)
    wide = console.width >= WIDE
    if wide:
        table.add_column(_("Started"), no_wrap=True)
    table.add_column(_("Outcome"), no_wrap=True)
    table.add_column(_("Seconds"), justify="right", no_wrap=True)
    table.add_column(_("Rows read"), justify="right", no_wrap=True)
    table.add_column(_("Reason"), overflow="fold")
    room = max(28, console.width - 70)  # for a reason; `workbench runs ID` has it whole
    for record in records:
        started = [format_datetime(record.started_at, record.timezone)] if wide else []
        table.add_row(
            record.id,
            *started,
            outcome_name(record),
            format_number(record.seconds, 1, fixed=True) if record.seconds is not None else "–",
            format_number(record.rows) if record.rows is not None else "–",
            plain_text(shorten(record.error or undelivered(record), room, placeholder="…")),
        )
    console.print(table)


@app.command()
def show(context: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """Show a run with its files; `workbench runs ID` does the same."""
    from workbench.cli.reports import record_json, show_record
    from workbench.reports import read_record

    record = read_record(run_id)
    if as_json or (context.parent and context.parent.params.get("as_json")):
        print(record_json(record))
    else:
        show_record(record, reason=True)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="The earlier run.")],
    after: Annotated[str, typer.Argument(help="The run to compare with it.")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs of a report: what they were made with, which figures and rows changed."""
    from workbench.cli.metrics import print_json
    from workbench.reports import read_record
    from workbench.reports.comparison import as_plain, compare

    found = compare(read_record(before), read_record(after))
    if as_json:
        print_json(as_plain(found))
        return
    _print_facts(found)
    for note in found.notes:
        say(note)
    for panel in found.panels:
        _print_panel(panel, found)
    if not found.panels:
        _print_changes("", [c for c in found.result if c.state != "same"], found)
    if found.identical:
        say(_same(found))


@app.command()
def rerun(
    run_id: RunId,
    newest: Annotated[
        bool, typer.Option("--newest", help="On the newest data, not on those of the run.")
    ] = False,
    despite_checks: Annotated[
        bool,
        typer.Option("--despite-checks", help="Run although a check fails; it says so."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run record.")] = False,
) -> None:
    """Run a run's report again: the same parameters and, if they are still kept, the same data.

    The new record names the run that it repeats. Exit code 1 if the data are gone or the run did
    not succeed.
    """
    from workbench.kernels.keeper import keep_zygote

    keep_zygote()
    from rich.console import Console

    from workbench.cli.reports import outcome_name, record_json, show_record
    from workbench.errors import RunFailed
    from workbench.i18n import _
    from workbench.reports import read_record
    from workbench.reports.comparison import compare
    from workbench.reports.repeating import program_changed, repeat

    earlier = read_record(run_id)
    with Console(stderr=True).status(_("Running {report}…").format(report=earlier.report)):
        record = repeat(earlier, newest=newest, despite_checks=despite_checks)
    if as_json:
        print(record_json(record))
    else:
        show_record(record)
    if record.outcome != "succeeded":
        raise RunFailed(
            record.error or outcome_name(record),
            hint=record.failure.explanation if record.failure else "",
            record=record,
        )
    if as_json:
        return
    if earlier.snapshot is None and record.snapshot is not None:
        say(_("Run {id} had no portal data; this one has.").format(id=earlier.id))
    if program_changed(earlier, record):
        say(_("The program is not the one that made run {id}.").format(id=earlier.id))
    if earlier.outcome == "succeeded":
        found = compare(earlier, record)
        differs = _("Its figures differ: workbench runs diff {a} {b}")
        say(_same(found) if found.identical else differs.format(a=earlier.id, b=record.id))


def _same(found: Comparison) -> str:
    from workbench.i18n import _, format_number

    figures = sum(len(panel.figures) for panel in found.panels)
    rows = sum(panel.same for panel in found.panels if not panel.figures)
    return _("Figures ({figures}) and rows of tables ({rows}) are the same in both.").format(
        figures=format_number(figures or len(found.result)), rows=format_number(rows)
    )


def _print_facts(found: Comparison) -> None:
    """Print what the two runs were made with, what differs in bold."""
    from rich.text import Text

    from workbench.cli.screen import printable, table_console
    from workbench.i18n import _, format_datetime
    from workbench.reports.origin import parameter_name

    names = {
        "portal": _("Portal"),
        "snapshot": _("Data"),
        "as_of": _("Data up to"),
        "timezone": _("Time zone"),
        "language": _("Language"),
        "version": _("Program"),
        "commit": _("Commit"),
        "lock": _("Locked versions"),
    }
    table = plain_table()
    table.add_column("")
    table.add_column(found.before.id, overflow="fold")
    table.add_column(found.after.id, overflow="fold")
    zones = found.before.timezone, found.after.timezone
    for name, values in found.facts.items():
        if values == (None, None):
            continue
        kind, _dot, own = name.partition(".")
        title = names.get(name) or parameter_name(own)
        if kind == "periods":
            title = _("{name}, days").format(name=title)
        shown = []
        for value, zone in zip(values, zones, strict=True):
            text = "–" if value is None else str(value)
            if name == "as_of" and value is not None:
                text = format_datetime(value, zone)
            shown.append(text[:12] if name in ("commit", "lock") else text)
        style = "bold" if values[0] != values[1] else ""
        table.add_row(*(Text(printable(text), style=style) for text in (title, *shown)))
    table_console().print(table)


def _print_panel(panel: Panel, found: Comparison) -> None:
    """Print what changed in a panel; nothing where all is the same."""
    from workbench.cli.screen import printable
    from workbench.i18n import _, format_number, ngettext

    title = printable(panel.title)
    if panel.state != "both":
        told = {
            "added": _("{panel}: only in the later run."),
            "removed": _("{panel}: only in the earlier run."),
            "unreadable": _("{panel}: its table is gone or damaged in one of the runs."),
        }[panel.state].format(panel=title)
        say(f"{told} {panel.told}".strip(), style="bold")
        return
    _print_changes(title, [c for c in panel.figures if c.state != "same" or c.redefined], found)
    if not panel.rows:
        return
    shown = sorted(panel.rows, key=lambda row: -_size(row.changes))[:MOST_ROWS]
    states = {"added": _("row only in the later run"), "removed": _("row only in the earlier run")}
    changes: list[tuple[str, Change | str]] = []
    for row in shown:
        # The address behind a text tells rows apart, and tells a reader nothing.
        texts = [_value(value, "text", found.currencies[0]) for value in row.key.values()]
        name = ", ".join(text for text in texts if not text.startswith("http"))
        if row.state == "changed":
            changes += [(f"{name}: {change.title}", change) for change in row.changes]
        else:
            changes.append((name, states[row.state]))
    _print_list(title, changes, found)
    left = len(panel.rows) - len(shown)
    if left:
        say(
            ngettext(
                "… and {n} more row; --json has them all.",
                "… and {n} more rows; --json has them all.",
                left,
            ).format(n=format_number(left))
        )


def _size(changes: tuple[Change, ...]) -> float:
    return max((abs(each.relative or 0) for each in changes), default=float("inf"))


def _print_changes(title: str, changes: list[Change], found: Comparison) -> None:
    if changes:
        _print_list(title, [(change.title, change) for change in changes], found)


def _print_list(title: str, rows: list[tuple[str, Change | str]], found: Comparison) -> None:
    """Print values before and after, and the change, or what else there is to say."""
    from rich.text import Text

    from workbench.cli.screen import printable, table_console
    from workbench.i18n import _

    table = plain_table(title)
    table.add_column("", overflow="fold")
    add_numbers(table, _("Before"))
    add_numbers(table, _("After"))
    table.add_column(_("Difference"))
    for name, change in rows:
        cells = (
            [name, "", "", change] if isinstance(change, str) else [name, *_cells(change, found)]
        )
        table.add_row(*(Text(printable(text)) for text in cells))
    table_console().print(table)


def _cells(change: Change, found: Comparison) -> list[str]:
    from workbench.i18n import _
    from workbench.views.values import change_of

    before = _value(change.before, change.unit, found.currencies[0], change.status_before)
    after = _value(change.after, change.unit, found.currencies[1], change.status_after)
    told = {
        "added": _("only in the later run"),
        "removed": _("only in the earlier run"),
        "value_added": _("no value before"),
        "value_removed": _("no value any more"),
        "other_unit": _("not comparable"),
    }.get(change.state, "")
    if change.difference:
        sign = "+" if change.difference > 0 else "\u2212"
        size = _value(abs(change.difference), change.unit, found.currencies[1])
        whole = change_of(change.after, change.before, change.unit)
        share = f" ({whole[0]})" if whole and change.unit != "share" else ""
        told = whole[0] if whole and change.unit == "share" else f"{sign}{size}{share}"
    if change.redefined:
        told = "; ".join(filter(None, (told, _("another definition"))))
    return [before, after, told]


def _value(value: Any, unit: str, currency: str, status: str = "ok") -> str:
    from workbench.views.figures import ABSENT, status_text
    from workbench.views.values import text_of

    return status_text(status) if status in ABSENT else text_of(value, unit or "text", currency)
