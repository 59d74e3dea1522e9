"""``workbench serve`` for managers and ``workbench lab`` for analysts."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8866,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the first page in a browser.")
    ] = True,
    visitors: Annotated[
        int | None, typer.Option(min=1, help="Pages that may be open at one time.")
    ] = None,
) -> None:
    """Publish the dashboards until Ctrl-C."""
    from rich.console import Console

    from workbench.cli.processes import check_port

    check_port(host, port)  # before seconds of imports
    from workbench.kernels.keeper import keep_zygote

    keep_zygote()  # and on the other core, those of the pages' kernels
    from workbench.dashboards.app import is_loopback
    from workbench.dashboards.app import serve as run
    from workbench.i18n import _

    if not is_loopback(host):
        Console(stderr=True).print(
            _(
                "Everybody who reaches {host} can open these pages: there is no sign-in yet. "
                "Put a proxy with sign-in and TLS before it."
            ).format(host=host),
            style="yellow",
        )

    def ready(address: str) -> None:
        console = Console()
        console.print(_("Dashboards: {address}").format(address=address), soft_wrap=True)
        console.print(_("Ctrl-C ends them."))

    run(host, port, open_browser=browser, ready=ready, most_kernels=visitors)


def lab(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8888,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")
    ] = True,
) -> None:
    """Open JupyterLab on the notebooks, on this machine only."""
    from workbench.dashboards.lab import run

    run(port, open_browser=browser)
