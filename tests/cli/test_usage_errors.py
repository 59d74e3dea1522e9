"""What is wrong with a call is said in the reader's language, on stderr, with exit code 2."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from command_line import workbench

from workbench.cli.usage_errors import sentence
from workbench.i18n import use_language

WRONG = {
    "serve --prt 1": (
        "L’option --prt n’existe pas. Vouliez-vous dire --port ?",
        "There is no option --prt. Did you mean --port?",
    ),
    "sql -x": ("L’option -x n’existe pas.", "There is no option -x."),
    "serv": (
        "La commande serv n’existe pas. Vouliez-vous dire serve ?",
        "There is no command serv. Did you mean serve?",
    ),
    "decisions it's": ("La commande it's n’existe pas.", "There is no command it's."),
    "sql": ("Il manque l’argument requête.", "The argument query is missing."),
    "serve --port": ("L’option --port demande une valeur.", "The option --port needs a value."),
    "demo --once=1": (
        "L’option --once ne prend pas de valeur.",
        "The option --once takes no value.",
    ),
    "serve --port x": (
        "--port : « x » n’est pas un nombre entier.",
        "--port: “x” is not a whole number.",
    ),
    "sandbox run-process 1.5": (
        "affaires : « 1.5 » n’est pas un nombre entier.",
        "deals: “1.5” is not a whole number.",
    ),
    "scenario --win-rate abc": (
        "--win-rate : « abc » n’est pas un nombre.",
        "--win-rate: “abc” is not a number.",
    ),
    "runs --limit 0": (
        "--limit : 0 est trop petit ; 1 au moins.",
        "--limit: 0 is too small; at least 1.",
    ),
    "sandbox start --port 99999": (
        "--port : 99999 est trop grand ; 65535 au plus.",
        "--port: 99999 is too large; at most 65535.",
    ),
    "sandbox start --today 2026": (
        "--today : « 2026 » n’est pas une date de la forme 2026-01-31.",
        "--today: “2026” is no date of the form 2026-01-31.",
    ),
    "sandbox spend a.csv b c": ("Arguments en trop : b c", "Too many arguments: b c"),
}


def flat(shown: str) -> str:
    return re.sub(r"[\s│╭╮╰╯─]+", " ", shown.replace("\u202f", " "))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_call_is_explained_in_the_readers_language(call, language, home):
    done = workbench(*call.split(), env={**os.environ, "WORKBENCH_LANGUAGE": language})
    assert (done.returncode, done.stdout) == (2, "")
    shown, (french, english) = flat(done.stderr), WRONG[call]
    assert (french if language == "fr" else english) in shown
    for word in ("Usage:", "Try ", "for help", "Error", "No such", "Missing", "Invalid"):
        assert language == "en" or word not in shown
    for word in ("Utilisation", "Erreur", "Aide"):
        assert language == "fr" or word not in shown


def test_a_group_without_a_command_shows_its_help_and_no_error():
    done = workbench("sandbox")
    assert (done.returncode, done.stderr) == (2, "")
    assert "Utilisation" in done.stdout


def test_what_a_terminal_would_obey_is_not_in_the_message():
    done = workbench("serve", "--\x1b[2Jport")
    assert done.returncode == 2
    assert "\x1b[2J" not in done.stderr


small = typer.Typer()  # what no command of ours takes at present: choices, files that must be there


@small.command()
def draw(
    kind: Annotated[Literal["bars", "lines"], typer.Option()],
    source: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
    folder: Annotated[Path | None, typer.Option(file_okay=False)] = None,
) -> None: ...


@pytest.mark.parametrize(
    ("call", "french", "english"),
    [
        (
            "",
            "Il manque l’option --kind. Au choix : bars, lines",
            "The option --kind is missing. It is one of: bars, lines",
        ),
        (
            "--kind pie",
            "--kind : « pie » n’est pas l’une de ces valeurs : bars, lines",
            "--kind: “pie” is not one of: bars, lines",
        ),
        (
            "--kind bars --source none.csv",
            "--source : none.csv n’existe pas.",
            "--source: none.csv does not exist.",
        ),
        (
            "--kind bars --source {folder}",
            "--source : {folder} est un dossier, pas un fichier.",
            "--source: {folder} is a folder, not a file.",
        ),
        (
            "--kind bars --folder {file}",
            "--folder : {file} est un fichier, pas un dossier.",
            "--folder: {file} is a file, not a folder.",
        ),
    ],
)
def test_choices_and_files_are_explained_too(call, french, english, tmp_path):
    file = tmp_path / "it's.csv"
    file.touch()
    places = {"folder": tmp_path, "file": file}
    with pytest.raises(typer.TyperException) as wrong:
        words = [word.format(**places) for word in call.split()]
        typer.main.get_command(small)(words, standalone_mode=False)
    for language, expected in (("fr", french), ("en", english)):
        with use_language(language):
            shown = sentence(wrong.value).replace("\u202f", " ")
        assert shown == expected.format(**places)
    assert wrong.value.exit_code == 2
