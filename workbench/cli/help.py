"""Help in the reader's language, translated when it is shown and not before.

Typer builds the help of every command in English while the program starts. `spoken` gives each
command a context that puts its texts, and Typer's own words, into the language of the moment where
somebody asks for help, makes a mistake or lets a shell complete. The French is in
``i18n/fr/cli_help.po``, which is read alone: all catalogues together take a tenth of a second.
"""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import typer
from typer._click import Command, Context, HelpFormatter

from workbench.i18n import help_texts

# Typer's own words in `typer.rich_utils`; the attributes hold the English, which is looked up.
WORDS = (
    "ARGUMENTS_PANEL_TITLE",
    "OPTIONS_PANEL_TITLE",
    "COMMANDS_PANEL_TITLE",
    "ERRORS_PANEL_TITLE",
    "DEFAULT_STRING",
    "REQUIRED_LONG_STRING",
    "ENVVAR_STRING",
    "DEPRECATED_STRING",
    "ABORTED_TEXT",
    "RICH_HELP",
)
USAGE = "Usage: "


class UsageLine(HelpFormatter):
    """The line that says how a command is called."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line; what stands before it is in the reader's language."""
        super().write_usage(prog, args, help_texts().gettext(USAGE) if prefix is None else prefix)


class SpokenContext(typer.Context):
    """What a command is asked for its help, its usage or, by a shell, its completions."""

    formatter_class = UsageLine

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if self.resilient_parsing:  # a shell completes; some show a line of help beside each name
            translate(self)

    def get_help(self) -> str:
        """Show the help; what Typer returns is empty, for rich has printed it."""
        translate(self)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 lacks ’ and œ
        return super().get_help()

    def get_usage(self) -> str:
        """Return the line of usage that stands above a mistake."""
        translate(self)
        return super().get_usage()


def spoken(command: Command) -> Command:
    """Return the command that speaks the reader's language, as do all below it."""
    command.context_class = SpokenContext
    for each in getattr(command, "commands", {}).values():
        spoken(each)
    return command


def translate(context: Context) -> None:
    """Put a command's texts into the reader's language, and the line of each command below it."""
    said, command = help_texts().gettext, context.command
    group: Any = command
    for each in (command, *getattr(group, "commands", {}).values()):
        each.help = by_paragraph(each.help)
    if hasattr(group, "subcommand_metavar"):
        group.subcommand_metavar = said(group.subcommand_metavar)
    parameter: Any
    for parameter in command.get_params(context):
        parameter.help = by_paragraph(parameter.help)
        kind = parameter.display_type(context)
        if (named := said(kind)) != kind:  # Typer makes it of Python's type whenever it is shown
            parameter.display_type = lambda ctx, named=named: named
        shown = parameter.metavar or (
            parameter.name if parameter.param_type_name == "argument" else ""
        )
        if shown and (named := said(shown)) != shown:
            parameter.metavar = named
    if not context.resilient_parsing:
        translate_typer()


def by_paragraph(text: str | None) -> str | None:
    """Translate each paragraph; how its lines are broken in the code is no part of it."""
    if not text:
        return text
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    said = [help_texts().gettext(paragraph) for paragraph in paragraphs]
    return "\n\n".join(said) if said != paragraphs else text


def translate_typer() -> None:
    """Put Typer's own words into the reader's language; rich leaves a colon on its line."""
    from rich import _wrap
    from typer import rich_utils

    said = help_texts().gettext
    for word in WORDS:
        setattr(rich_utils, word, said(getattr(rich_utils, word)))
    colours = rich_utils.OptionHighlighter
    colours.highlights = [each.replace(USAGE, said(USAGE)) for each in colours.highlights]
    # A narrow no-break space is a space to rich, which would break the line there.
    _wrap.re_word = re.compile("[^\\S\u202f]*[\\S\u202f]+[^\\S\u202f]*")
