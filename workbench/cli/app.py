"""``workbench app``: the local application that gives Bitrix24's processes the action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.automation.registration import Registered
    from workbench.bitrix24.oauth import Installation

app = typer.Typer(
    help="The application on the portal: activity, robot, events.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def install(as_json: Json = False) -> None:
    """Register the action and the events; bring them in step if they are there already."""
    from workbench.automation.registration import register

    _show([row for each in _installations() for row in register(each)], as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Compare what is registered with what should be; exit code 1 if it differs."""
    from workbench.automation.registration import status as compare

    rows = [row for each in _installations() for row in compare(each)]
    _show(rows, as_json)
    if any(row.state != "registered" for row in rows):
        raise typer.Exit(1)


@app.command()
def uninstall(as_json: Json = False) -> None:
    """Remove the action and the events from the portal; the tokens stay."""
    from workbench.automation.registration import unregister

    _show([row for each in _installations() for row in unregister(each)], as_json)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8870,
    url_file: Annotated[
        str | None, typer.Option(help="Write the address here once it answers.")
    ] = None,
) -> None:
    """Answer the portal's calls (installation, action) until Ctrl-C.

    A reverse proxy with TLS stands before it on a real portal; its address goes into
    WORKBENCH_APP_ADDRESS.
    """
    from pathlib import Path

    from workbench.cli.processes import check_port

    check_port(host, port)
    from workbench.automation.handler import serve as run

    run(host, port, Path(url_file) if url_file else None)


def _installations() -> list[Installation]:
    from workbench.bitrix24.oauth import installations
    from workbench.errors import UsageError
    from workbench.i18n import _

    found = installations()
    if not found:
        raise UsageError(
            _("The application is on no portal yet."),
            hint=_(
                "Run `workbench app serve`, then add a local application on the portal whose "
                "installation path is …/bitrix24/install."
            ),
        )
    return found


def _show(rows: list[Registered], as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from workbench.i18n import _

    if as_json:
        print(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
        return
    table = Table(box=None, header_style="bold")
    for title in (_("Portal"), _("Kind"), _("Code"), _("State"), _("Change")):
        table.add_column(title)
    for row in rows:
        table.add_row(row.portal, _kind(row.kind), row.code, _state(row.state), _did(row.did))
    Console().print(table)


def _kind(kind: str) -> str:
    from workbench.i18n import _

    return {"activity": _("activity"), "robot": _("robot"), "event": _("event")}[kind]


def _state(state: str) -> str:
    from workbench.i18n import _

    return {
        "registered": _("registered"),
        "changed": _("another version"),
        "missing": _("not registered"),
    }[state]


def _did(did: str) -> str:
    from workbench.i18n import _

    return {
        "": "",
        "added": _("added"),
        "updated": _("updated"),
        "removed": _("removed"),
    }[did]
