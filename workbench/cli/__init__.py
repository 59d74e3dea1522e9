"""The command line: a light wrapper that composes the package.

One file per family of commands. Their functions import what they need when they run, so that
``workbench --help`` and completion answer at once; nothing else in the package does that.
Exit codes: 0 success, 1 a failed check or run, 2 bad usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from workbench.cli import app as application
from workbench.cli import connect, data, decisions, demo, metrics, reports, sandbox, serve, worker
from workbench.errors import WorkbenchError

app = typer.Typer(
    name="workbench",
    help="Analytics workbench for Bitrix24 CRM: sync, metrics, reports, dashboards, automation.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # paragraphs of help flow at any width
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    demo.demo,
    connect.connect,
    *(data.sync, data.sources, data.sql, data.check),
    *(metrics.metric, metrics.forecast, metrics.scenario),
    *(reports.run, reports.runs, worker.worker),
    *(serve.serve, serve.lab),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(application.app, name="app")
app.add_typer(decisions.app, name="decisions")


def main() -> None:
    """Run the command line; turn what went wrong into two lines and an exit code."""
    try:
        app()
    except WorkbenchError as error:
        complain(error)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; what it wanted it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def complain(error: WorkbenchError) -> None:
    """Print what happened and what to do next on stderr."""
    print(error.message, file=sys.stderr)
    if error.hint:
        print(f"→ {error.hint}", file=sys.stderr)
