"""``workbench triggers``: which changes of the data start a run, when they did, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.layout import plain_table, say

if TYPE_CHECKING:
    from workbench.automation.triggers.status import Status

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def triggers(
    name: Annotated[str | None, typer.Argument(help="One trigger, with what it started.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the triggers of parameters/triggers: what they start, when they last did, why not.

    Exit code 1 if a file is wrong.
    """
    from workbench.automation.triggers.declared import trigger_names
    from workbench.automation.triggers.status import status
    from workbench.i18n import _

    zone = _zone()
    found = [status(each, zone) for each in ([name] if name else trigger_names())]
    if as_json:
        _print_json(found, with_firings=name is not None)
    elif not found:
        say(_("No trigger is declared; a file of parameters/triggers makes one."))
    else:
        _print(found, zone)
        if name:
            _print_firings(name, zone)
    if any(each.problem for each in found):
        raise typer.Exit(1)


def _zone() -> str:
    """Return the portal's time zone, UTC before the first sync."""
    from workbench.errors import NoSnapshot
    from workbench.warehouse import newest_snapshot

    try:
        with newest_snapshot() as snapshot:
            return snapshot.timezone
    except NoSnapshot:
        return "UTC"


def _print(found: list[Status], zone: str) -> None:
    from rich.text import Text

    from workbench.automation.worker import is_running
    from workbench.cli.screen import printable, table_console
    from workbench.i18n import _, format_datetime

    table = plain_table()
    table.add_column(_("Trigger"), no_wrap=True)
    for heading in (_("Title"), _("Report"), _("Last run"), _("State")):
        table.add_column(heading)
    for each in found:
        fired = format_datetime(each.fired.at, zone) if each.fired else "–"
        if each.job_state:
            fired = f"{fired} ({job_state_name(each.job_state)})"
        texts = each.name, each.title, each.report, fired, each.problem or each.state
        style = "red" if each.problem else ""
        table.add_row(*(Text(printable(text), style=style) for text in texts))
    table_console().print(table)
    if any(each.job_state == "queued" for each in found) and not is_running():
        say(_("Runs are queued and no worker runs: `workbench worker`."), style="yellow")


def _print_firings(name: str, zone: str) -> None:
    from workbench.automation.queue import job
    from workbench.cli.screen import table_console
    from workbench.i18n import _, format_datetime, format_number

    firings = _firings(name, 10)
    if not firings:
        return
    table = plain_table()
    for heading in (_("Started"), _("Records"), _("Job"), _("State")):
        table.add_column(heading, no_wrap=True)
    for each in firings:
        known = job(each.job)
        table.add_row(
            *(format_datetime(each.at, zone), format_number(each.records)),
            *(each.job, job_state_name(known.state if known else "queued")),
        )
    table_console().print(table)


def job_state_name(state: str) -> str:
    """Return a job's state in the reader's language."""
    from workbench.i18n import _

    names = {
        "queued": _("queued"),
        "running": _("running"),
        "done": _("done"),
        "failed": _("failed"),
    }
    return names[state]


def _firings(name: str, limit: int) -> list[Any]:
    from workbench.automation.triggers.book import Book, book_file

    return Book().firings(name, limit) if book_file().exists() else []


def _print_json(found: list[Status], *, with_firings: bool) -> None:
    import json

    rows: list[dict[str, Any]] = []
    for each in found:
        row: dict[str, Any] = {
            "name": each.name,
            "title": each.title,
            "report": each.report,
            "state": each.state,
            "problem": each.problem,
            "waiting": each.waiting,
            "due": each.due.isoformat() if each.due else None,
            "last_fired": each.fired.at.isoformat() if each.fired else None,
            "records": each.fired.records if each.fired else None,
            "job": each.fired.job if each.fired else None,
            "job_state": each.job_state,
            "run": each.run,
        }
        if with_firings:
            row["firings"] = [
                {"job": f.job, "at": f.at.isoformat(), "records": f.records, **f.payload}
                for f in _firings(each.name, 100)
            ]
        rows.append(row)
    print(json.dumps(rows, indent=2, ensure_ascii=False))
