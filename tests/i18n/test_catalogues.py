"""Every text that goes through `_` has its French, with the same placeholders."""

import ast
import io
import json
import re
import string
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from workbench import i18n

ROOT = Path(__file__).parent.parent.parent
KEYWORDS = {"_": None, "ngettext": (1, 2)}
Message = str | tuple[str, ...]


def sources() -> Iterator[tuple[str, bytes]]:
    for path in sorted((ROOT / "workbench").rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_bytes()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        yield str(path.relative_to(ROOT)), "\n".join(code).encode()


def messages() -> dict[str, tuple[str, Message]]:
    """Return every extracted text: singular → (where it stands, text or its forms)."""
    found: dict[str, tuple[str, Message]] = {}
    for name, code in sources():
        for line, message, _comments, _context in extract("python", io.BytesIO(code), KEYWORDS):
            singular = message if isinstance(message, str) else message[0]
            if singular:
                found[singular] = (f"{name}:{line}", message)
    return found


def placeholders(text: str) -> set[str]:
    return {part[1] for part in string.Formatter().parse(text) if part[1] is not None}


def french(*apart: str) -> dict[str, Message]:
    """Return the French of every catalogue but those named: text → French."""
    translations: dict[str, Message] = {}
    for path in sorted((ROOT / "workbench" / "i18n" / "fr").glob("*.po")):
        if path.stem in apart:
            continue
        with path.open("rb") as file:
            for entry in read_po(file, locale="fr"):
                if entry.id:
                    key = entry.id if isinstance(entry.id, str) else entry.id[0]
                    translations[key] = entry.string
    return translations


def test_every_text_has_its_french():
    known = french(i18n.HELP)  # `_` does not read it
    missing = [
        f"{where}: {text!r}" for text, (where, _m) in messages().items() if not known.get(text)
    ]
    assert not missing, "no French for:\n" + "\n".join(missing)


def test_no_text_hides_from_extraction_inside_an_f_string():
    hidden = [
        f"{name}:{call.lineno}"
        for name, code in sources()
        for text in ast.walk(ast.parse(code))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") in KEYWORDS
        and isinstance(call.args[0], ast.Constant)
    ]
    assert not hidden


def test_french_keeps_the_placeholders():
    known = french(i18n.HELP)
    for text, (where, _message) in messages().items():
        forms = known.get(text, "")
        for form in [forms] if isinstance(forms, str) else forms:
            if form:
                assert placeholders(form) <= placeholders(text), f"{where}: {text!r} → {form!r}"


def test_french_typography_before_high_punctuation():
    wrong = [
        text
        for forms in french().values()
        for text in ([forms] if isinstance(forms, str) else forms)
        if re.search(r"\w [;!?»]|« |\w :(?!//)", text)
    ]
    assert not wrong, "a narrow no-break space belongs there:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "fr"),
        ({"WORKBENCH_LANGUAGE": "en"}, "en"),
        ({"WORKBENCH_LANGUAGE": "fr", "QUERY_STRING": "period=2026&lang=en"}, "en"),
        ({"WORKBENCH_LANGUAGE": "de"}, "fr"),
        ({"QUERY_STRING": "lang=<script>"}, "fr"),
    ],
)
def test_the_page_wins_over_the_environment_and_unknown_languages_are_french(
    environ, expected, monkeypatch
):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert i18n.language() == expected


@pytest.mark.parametrize("code", ["fr", "en"])
def test_negative_numbers_have_a_minus_sign_and_no_hyphen(code):
    with i18n.use_language(code):
        for written in (
            i18n.format_number(-1234),
            i18n.format_percent(-0.058),
            i18n.format_money(-12.5, "EUR", 2),
        ):
            assert written.startswith("\u2212")
            assert "-" not in written


def test_numbers_dates_and_money_follow_the_language():
    moment = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    with i18n.use_language("fr"):
        assert i18n.format_number(1234567.891, 1) == "1\u202f234\u202f567,9"
        assert i18n.format_percent(0.6315) == "63,2\u202f%"
        assert i18n.format_money(Decimal("10005534"), "EUR") == "10\u202f005\u202f534\u00a0€"
        assert i18n.format_date(date(2026, 2, 3)) == "3 févr. 2026"
        assert i18n.format_datetime(moment, "Europe/Paris") == "2 juil. 2026 00:30"
    with i18n.use_language("en"):
        assert i18n.format_number(1234567.891, 1) == "1,234,567.9"
        assert i18n.format_number(7.0, 1) == "7"
        assert i18n.format_number(7.0, 1, fixed=True) == "7.0"
        assert i18n.format_percent(0.6315) == "63.2%"
        assert i18n.format_money(Decimal("10005534"), "EUR") == "€10,005,534"
        assert i18n.format_datetime(moment, "Europe/Paris") == "2 Jul 2026 00:30"
