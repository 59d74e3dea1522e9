"""The command line: a light wrapper that composes the package.

One file per family of commands. Their functions import what they need when they run, so that
``workbench --help`` and completion answer at once; nothing else in the package does that.
Exit codes: 0 success, 1 a failed check or run, 2 bad usage.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from typer._click import ClickException

from workbench.cli import (
    analyses,
    cohorts,
    connect,
    data,
    decisions,
    deliveries,
    demo,
    doctor,
    metrics,
    reports,
    runs,
    sandbox,
    segments,
    serve,
    triggers,
    ways,
    worker,
)
from workbench.cli import app as application
from workbench.cli.help import spoken
from workbench.cli.screen import printable
from workbench.errors import WorkbenchError

app = typer.Typer(
    name="workbench",
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
    *(metrics.metric, analyses.forecast, analyses.scenario, ways.process, ways.ranking),
    cohorts.cohorts,
    *(reports.run, deliveries.deliver, worker.worker, triggers.triggers),
    *(serve.serve, serve.lab, doctor.doctor),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(application.app, name="app")
app.add_typer(decisions.app, name="decisions")
app.add_typer(runs.app, name="runs")
app.add_typer(segments.app, name="segments")


def print_version(wanted: bool) -> None:
    """Print the version and end, if that is what was asked for."""
    if wanted:
        from importlib.metadata import version

        print(version("analyse-commerciale"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=print_version),
    ] = False,
) -> None:
    """Analytics workbench for Bitrix24 CRM: sync, metrics, reports, dashboards, automation."""


def answer(application: typer.Typer) -> NoReturn:
    """Run the command that was given; help and what is wrong with a call, in the reader's language.

    Ends with SystemExit: the command's exit code, 2 for a call that is wrong.
    """
    try:
        code = spoken(typer.main.get_command(application))(standalone_mode=False)
    except ClickException as wrong:
        from workbench.cli.usage_errors import show

        show(wrong)
        raise SystemExit(wrong.exit_code) from None
    except typer.Abort:
        from workbench.cli.usage_errors import show_aborted

        show_aborted()
        raise SystemExit(1) from None
    raise SystemExit(code)


def main() -> None:
    """Run the command line; turn what went wrong into two lines and an exit code."""
    try:
        try:
            answer(app)
        except SystemExit as ended:  # typer's answer to a reader that has gone, told apart below
            raise (
                ended.__context__ if isinstance(ended.__context__, BrokenPipeError) else ended
            ) from None
        finally:
            sys.stdout.flush()  # here, where a reader that has gone is known
    except WorkbenchError as error:
        complain(error)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; what it wanted it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        interrupted()
    except RuntimeError as error:
        # DuckDB makes one of a Ctrl-C that comes while it works.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        interrupted()
    except (OSError, sqlite3.Error) as error:
        complain(unusable(error))
        raise SystemExit(1) from None
    except ValueError as error:
        wrong = wrong_setting(error)
        if wrong is None:
            raise
        complain(wrong)
        raise SystemExit(wrong.exit_code) from None


def wrong_setting(error: ValueError) -> WorkbenchError | None:
    """Return what is wrong with the environment, if that is what the error is about."""
    from pydantic import ValidationError

    from workbench.errors import ConfigurationError
    from workbench.i18n import _

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    for each in error.errors():  # so that the sentence itself finds its language
        os.environ.pop(f"WORKBENCH_{each['loc'][0]}".upper(), None)
    first = error.errors(include_url=False)[0]
    return ConfigurationError(
        _("{name} has a value that is not allowed.").format(
            name=f"WORKBENCH_{first['loc'][0]}".upper()
        ),
        hint=_("Allowed: {values}").format(
            values=first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        )
        if first["type"] == "literal_error"
        else "",
    )


def unusable(error: OSError | sqlite3.Error) -> WorkbenchError:
    """Return what is wrong with a file, a folder or the disk: gone, read-only, full."""
    from workbench.i18n import _
    from workbench.settings import settings

    if isinstance(error, OSError):
        name, reason = error.filename, error.strerror or type(error).__name__
    else:
        name, reason = settings().home_dir, str(error)
    told = _("{file} cannot be used: {reason}").format(file=name, reason=reason)
    return WorkbenchError(
        told if name else reason,
        hint=_("Check that it is there, that you may write to it, and that the disk is not full."),
    )


def interrupted() -> NoReturn:
    """End as a program does that was ended by Ctrl-C, with the prompt on a line of its own."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    raise SystemExit(130) from None


def complain(error: WorkbenchError) -> None:
    """Print what happened and what to do next on stderr."""
    print(printable(error.message), file=sys.stderr)
    if error.hint:
        print(f"→ {printable(error.hint)}", file=sys.stderr)
