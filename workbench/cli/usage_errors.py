"""What is wrong with a call, in the reader's language: an unknown option, a value that is none.

Typer says it in English. Here it is said by the class of the error and by what it carries; where it
carries nothing but its sentence (an unknown command, a word too many, a file), by that sentence. A
sentence that is not known here is shown as Typer wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from pydantic import ValidationError
from typer import rich_utils
from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    ClickException,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
    UsageError,
)
from typer.core import HAS_RICH

from workbench.cli.help import translate, translate_typer
from workbench.cli.screen import printable
from workbench.i18n import _

NO_COMMAND = re.compile(r"No such command (.+?)\.(?: Did you mean (.+)\?)?")
TOO_MUCH = re.compile(r"Got unexpected extra argument\(s\) \((.+)\)", re.DOTALL)
PATH = re.compile(r"(?:file|dir|path) (.+) ((?:does not exist|is an? \w+|is not \w+)\.)", re.DOTALL)
A_DAY = date(2026, 1, 31)  # shows a form: 2026-01-31


def show(error: ClickException) -> None:
    """Print on stderr how the command is called, and what is wrong with this call."""
    if not HAS_RICH:  # TYPER_USE_RICH=0: plain, and as Typer wrote it
        error.show()
        return
    context = getattr(error, "ctx", None)
    translate(context) if context else translate_typer()
    if not isinstance(error, NoArgsIsHelpError):  # that one has printed the help
        rich_utils.rich_format_error(UsageError(sentence(error), context))


def show_aborted() -> None:
    """Say on stderr that a question was left without an answer."""
    translate_typer()
    rich_utils.rich_abort_error()


def sentence(error: ClickException) -> str:
    """Return what is wrong with the call."""
    if isinstance(error, NoSuchOption):
        return _no_such_option(error)
    if isinstance(error, MissingParameter):
        return _missing(error)
    if isinstance(error, BadOptionUsage):
        return _bad_option_usage(error)
    if isinstance(error, BadParameter):
        return _("{name}: {reason}").format(name=_name(error.param), reason=_reason(error))
    return _plain(error)


def _no_such_option(error: NoSuchOption) -> str:
    told = _("There is no option {option}.").format(option=printable(error.option_name))
    close = sorted(error.possibilities or ())
    return f"{told} {_did_you_mean(close)}" if close else told


def _did_you_mean(names: Iterable[str]) -> str:
    return _("Did you mean {names}?").format(names=", ".join(names))


def _missing(error: MissingParameter) -> str:
    argument = error.param is not None and error.param.param_type_name == "argument"
    told = _("The argument {name} is missing.") if argument else _("The option {name} is missing.")
    told = told.format(name=_name(error.param))
    if not (choices := _choices(error.param)):
        return told
    return " ".join((told, _("It is one of: {choices}").format(choices=choices)))


def _bad_option_usage(error: BadOptionUsage) -> str:
    option = error.option_name
    if error.message == f"Option {option!r} requires an argument.":
        return _("The option {option} needs a value.").format(option=option)
    if error.message == f"Option {option!r} does not take a value.":
        return _("The option {option} takes no value.").format(option=option)
    return error.format_message()


def _plain(error: ClickException) -> str:
    if error.message == "Missing command.":
        return _("The command is missing.")
    if found := NO_COMMAND.fullmatch(error.message):
        told = _("There is no command {name}.").format(name=_unquoted(found[1]))
        close = [_unquoted(each) for each in (found[2] or "").split(", ") if each]
        return f"{told} {_did_you_mean(close)}" if close else told
    if found := TOO_MUCH.fullmatch(error.message):
        return _("Too many arguments: {words}").format(words=found[1])
    return error.format_message()


def _reason(error: BadParameter) -> str:
    if not isinstance(error.__cause__, ValidationError):
        return _path_reason(error)
    first: Any = error.__cause__.errors(include_url=False)[0]
    value, kind, bounds = printable(str(first["input"])), first["type"], first.get("ctx", {})
    descriptor = error.param.type_descriptor if error.param else None
    if kind.startswith("int_"):
        return _("“{value}” is not a whole number.").format(value=value)
    if kind.startswith("float_"):
        return _("“{value}” is not a number.").format(value=value)
    if kind == "greater_than_equal":
        return _("{value} is too small; at least {limit}.").format(value=value, limit=bounds["ge"])
    if kind == "less_than_equal":
        return _("{value} is too large; at most {limit}.").format(value=value, limit=bounds["le"])
    if choices := _choices(error.param):
        told = _("“{value}” is not one of: {choices}")
        return told.format(value=value, choices=choices)
    if descriptor and descriptor.is_datetime and descriptor.parameter_info.formats:
        forms = ", ".join(A_DAY.strftime(form) for form in descriptor.parameter_info.formats)
        return _("“{value}” is no date of the form {forms}.").format(value=value, forms=forms)
    return error.message


def _path_reason(error: BadParameter) -> str:
    found = PATH.fullmatch(error.message)
    told = {
        "does not exist.": _("{file} does not exist."),
        "is a file.": _("{file} is a file, not a folder."),
        "is a directory.": _("{file} is a folder, not a file."),
        "is not readable.": _("{file} may not be read."),
        "is not writable.": _("{file} may not be written."),
    }.get(found[2] if found else "")
    return told.format(file=_unquoted(found[1])) if found and told else error.message


def _name(parameter: Any) -> str:
    if parameter is None:
        return ""
    named = parameter.param_type_name == "option" and parameter.opts
    return " / ".join(named) if named else str(parameter.metavar or parameter.name)


def _choices(parameter: Any) -> str:
    choices = parameter.type_descriptor.choices if parameter else None
    return ", ".join(str(getattr(each, "value", each)) for each in choices or ())


def _unquoted(quoted: str) -> str:
    return printable(quoted[1:-1])
