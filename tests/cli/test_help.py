"""Help speaks the reader's language: every text of every command, and Typer's own words."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from babel.messages.pofile import read_po
from command_line import workbench
from typer import rich_utils

from workbench import i18n
from workbench.cli import app
from workbench.cli.help import USAGE, WORDS

CATALOGUE = Path(i18n.__file__).parent / "fr" / "cli_help.po"
# What must stand in the French as it does in the English: options, variables, files, code, numbers,
# names with an underscore …
FIXED = re.compile(
    r"--[\w-]+|WORKBENCH_\w+|[\w.]*/[\w./]*\w|[\w-]+\.(?:yml|sqlite|pem|html|log)|`[^`]+`"
    r"|\"[^\"]+\"|\w+_\w+|(?<![\w-])\d[\w.-]*\w|Ctrl-C|stderr"
)
# … and the values that a text lists, which look like plain English.
VALUES = {
    "day, week": "day week month quarter year fiscal_quarter fiscal_year",
    "Beside it": "previous year_ago plan",
    "small or demo": "small demo",
    "Fill an empty portal: small": "small demo",
    "Request limits": "standard enterprise unlimited",
    "Seconds per method": "off",
    "Another one; rest": "rest",
    "Records to compare": "deals leads",
    "Writes a page": "error",
    "Only this entry": "deliver",
    "proposed,": "proposed approved applied undone rejected failed outdated",
    "A fault on demand": "503:rate=0.1 cut:at=3 timeout:seconds=5,times=1 429:method=crm.deal.list "
    "delete:method=crm.deal.list,at=2,n=3 503 429 500 timeout cut expired_token change delete "
    "method at every rate seed times after seconds entity n ids pick field value",
}


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it."""
    command = command or typer.main.get_command(app)
    yield " ".join(path), command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


def paragraphs(text: str | None) -> list[str]:
    return [" ".join(each.split()) for each in (text or "").split("\n\n") if each]


def parameters(command: Any) -> list[Any]:
    context = command.context_class(command, help_option_names=["-h", "--help"])
    return command.get_params(context)


def sentences(command: Any) -> list[str]:
    """Return the help of a command, its options and arguments, and of what is below it."""
    texts = [command.help, *(each.help for each in parameters(command))]
    below = [paragraphs(each.help)[0] for each in getattr(command, "commands", {}).values()]
    return [*below, *(each for text in texts for each in paragraphs(text))]


def names(command: Any) -> set[str]:
    """Return how a command's arguments and values are called in its help."""
    found = {command.options_metavar, getattr(command, "subcommand_metavar", "[OPTIONS]")}
    for each in parameters(command):
        found.add(each.display_type(None))
        if each.metavar or each.param_type_name == "argument":
            found.add(each.metavar or each.name)
    return found - {"[OPTIONS]"}


@cache
def french() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return {entry.id: entry.string for entry in read_po(file, locale="fr") if entry.id}


def everything() -> set[str]:
    """Return every text that help can show, in English."""
    texts = {USAGE, *(getattr(rich_utils, word) for word in WORDS)}
    for _path, command in commands():
        texts |= {*sentences(command), *names(command)}
    return texts


def flat(shown: str) -> str:
    """Return what a terminal shows as one line, without the frames."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", shown).split(" ")).replace("\n", " ")


def test_every_text_of_the_help_has_its_french():
    assert everything() - {text for text, said in french().items() if said} == set()


def test_there_is_no_french_for_a_text_that_is_gone():
    assert set(french()) - everything() == set()


def test_the_french_of_the_help_names_what_the_english_names():
    for text, said in french().items():
        if " " in text:  # the others are names of arguments and kinds of values
            assert set(FIXED.findall(said)) == set(FIXED.findall(text)), f"{text!r} → {said!r}"


@pytest.mark.parametrize("start", VALUES)
def test_the_french_of_the_help_gives_the_values_that_the_english_gives(start):
    texts = [text for text in french() if text.startswith(start)]
    assert texts
    for text in texts:
        for value in VALUES[start].split():
            for shown in (text, french()[text]):
                assert re.search(rf"(?<!\w){re.escape(value)}(?!\w)", shown), value


def test_the_french_of_the_help_has_typographic_apostrophes():
    assert [said for said in french().values() if re.search(r"\w'\w", said)] == []


@pytest.mark.parametrize("path", [path for path, _command in commands()])
def test_help_is_french_and_nothing_in_it_is_english(path):
    command = dict(commands())[path]
    done = workbench(*path.split(), "--help", env={**os.environ, "COLUMNS": "1000"}, check=True)
    shown = flat(done.stdout)
    for text in sentences(command):
        assert " ".join(french()[text].replace("`", "").split(" ")) in shown
    usage, rest = shown.split("]", 1)
    assert usage.strip().startswith("Utilisation\u202f: ")
    for name in names(command):
        assert french()[name] in rest
    for text, said in french().items():
        if text != said and not re.fullmatch(r"\w+", text):
            english = text.split("{}")[0].replace("`", "")
            assert not re.search(rf"(?<!\w){re.escape(english)}", shown), text


@pytest.mark.parametrize(("language", "usage"), [("en", "Usage: "), ("fr", "Utilisation\u202f: ")])
def test_the_help_follows_the_language(language, usage):
    environ = {**os.environ, "COLUMNS": "1000", "WORKBENCH_LANGUAGE": language}
    shown = workbench("sql", "--help", env=environ, check=True).stdout
    english = (
        usage,
        "{query}",
        "Rows shown at most.",
        "[default: 100]",
        "<int range>",
        "Show this",
    )
    assert usage in shown
    assert all((text in shown) == (language == "en") for text in english[1:])


@pytest.mark.parametrize("width", [54, 63, 71, 80])
def test_no_line_of_the_help_begins_with_a_colon(width):
    shown = workbench("sandbox", "start", "--help", env={**os.environ, "COLUMNS": str(width)})
    assert "\u202f:" in shown.stdout
    assert not re.search(r"(?m)^[\s│]*[:;]", shown.stdout)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_lacks_a_character_shows_the_rest_of_the_help(encoding):
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "sandbox", "--help"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Utilisation?: " in done.stdout and b"Commandes" in done.stdout


@pytest.mark.parametrize(
    ("shell", "words", "said"),
    [
        ("zsh", "workbench se", "Publie les tableaux de bord"),
        ("zsh", "workbench sync --", "Relit tout."),
        ("fish", "workbench sandbox start --h", "Affiche cette aide."),
    ],
)
def test_a_shell_shows_the_help_beside_what_it_completes_in_french(shell, words, said):
    # The variable's name is made of the program's, which a fork of the tests does not have.
    program = "import sys; sys.argv[0] = 'workbench'; from workbench.cli import main; main()"
    environ = {
        "_WORKBENCH_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0
    assert said in done.stdout
