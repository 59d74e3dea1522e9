"""French and English: texts, numbers, dates and money in the reader's language.

Texts in the code are English and go through `_`; the French ones stand in ``fr/<package>.po``,
one catalogue per package of `workbench`, read with Babel. A text that lacks its French fails a
test. The language of the moment is, in this order: `use_language`, ``?lang=`` of the page that a
kernel serves (Voila hands the query string on as ``QUERY_STRING``), ``WORKBENCH_LANGUAGE``, French.
"""

from __future__ import annotations

import gettext
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from workbench.i18n.texts import Text

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")
CATALOGUES = Path(__file__).parent
HELP = "cli_help"  # the one catalogue that `help_texts` reads, and `_` does not

_chosen: ContextVar[Language | None] = ContextVar("language", default=None)


def language() -> Language:
    """Return the language of the moment, ``"fr"`` or ``"en"``."""
    asked = parse_qs(os.environ.get("QUERY_STRING", "")).get("lang", [""])[-1]
    for candidate in (_chosen.get(), asked, os.environ.get("WORKBENCH_LANGUAGE", "")):
        if candidate in LANGUAGES:
            return candidate
    return "fr"


@contextmanager
def use_language(code: Language) -> Iterator[None]:
    """Speak ``code`` inside the block (per task and thread)."""
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


@cache
def catalogue(code: Language) -> gettext.NullTranslations:
    """Return the translations of a language, all packages together, without the help."""
    merged: gettext.NullTranslations = gettext.NullTranslations()
    for file in sorted((CATALOGUES / code).glob("*.po")):
        if file.stem != HELP:
            translations = _read(file, code)
            translations.add_fallback(merged)
            merged = translations
    return merged


def help_texts() -> gettext.NullTranslations:
    """Return the translations of the command line's help, read without the other catalogues."""
    return _help_catalogue(language())


@cache
def _help_catalogue(code: Language) -> gettext.NullTranslations:
    file = CATALOGUES / code / f"{HELP}.po"
    return _read(file, code) if file.exists() else gettext.NullTranslations()


def _read(file: Path, code: Language) -> gettext.GNUTranslations:
    with file.open("rb") as source:
        messages = read_po(source, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _(message: str) -> str:
    """Translate ``message`` (English) into the language of the moment."""
    return Text(catalogue(language()).gettext(message), message) if message else ""


def ngettext(singular: str, plural: str, n: int) -> str:
    """Translate a text that depends on a count; put the count in with ``.format(n=…)``."""
    return Text(catalogue(language()).ngettext(singular, plural, n), singular, plural, n)


def said(stored: str) -> str:
    """Say in the language of the moment what `texts.kept` or `texts.kept_list` gave.

    Any other string is returned as it is.
    """
    if not stored.startswith("{"):
        return stored
    try:
        return str(_said(json.loads(stored)))
    except (ValueError, LookupError, TypeError, AttributeError):
        return stored


def _said(parts: Any) -> Any:
    if not isinstance(parts, dict):
        return parts
    if "all" in parts:
        return str(parts["between"]).join(str(_said(part)) for part in parts["all"])
    sentence, several = parts["say"], parts.get("plural")
    if not isinstance(sentence, str):
        raise TypeError
    text = ngettext(sentence, several, parts["number"]) if several else _(sentence)
    values = parts.get("with", {})
    return text.format(**{name: _said(each) for name, each in values.items()}) if values else text


def locale() -> Locale:
    """Return Babel's locale for the language of the moment (France, Great Britain)."""
    return Locale("fr", "FR") if language() == "fr" else Locale("en", "GB")


def format_number(value: float | Decimal, digits: int = 0, *, fixed: bool = False) -> str:
    """``12 345,6`` or ``12,345.6``, with at most ``digits`` decimals; ``fixed``: with all of them.

    In a column of a table decimals stand below each other only if every row has as many.
    """
    pattern = "#,##0" + ("." + ("0" if fixed else "#") * digits if digits else "")
    return _signed(numbers.format_decimal(value, format=pattern, locale=locale()))


def format_percent(value: float, digits: int = 1) -> str:
    """Format a share (0.6315) as ``63,2 %`` or ``63.2%``."""
    pattern = "#,##0." + "0" * digits + ("\u202f%" if language() == "fr" else "%")
    return _signed(numbers.format_percent(value, format=pattern, locale=locale()))


def format_money(value: float | Decimal, currency: str, digits: int = 0) -> str:
    """``12 345 €`` or ``€12,345``."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    pattern = f"{pattern}\u00a0¤" if language() == "fr" else f"¤{pattern}"
    written = numbers.format_currency(
        value, currency, format=pattern, locale=locale(), currency_digits=False
    )
    return _signed(written)


def _signed(number: str) -> str:
    """Give a negative number the minus sign that the charts write, not a hyphen."""
    return f"\u2212{number[1:]}" if number.startswith("-") else number


def format_date(value: date) -> str:
    """``24 nov. 2026`` or ``24 Nov 2026``."""
    return dates.format_date(value, format="medium", locale=locale())


def format_datetime(value: datetime, timezone: str | None = None) -> str:
    """Format an aware moment in ``timezone`` (IANA name), to the minute."""
    zone = dates.get_timezone(timezone) if timezone else None
    day = dates.format_date(value.astimezone(zone) if zone else value, "medium", locale=locale())
    time = dates.format_time(value, "short", tzinfo=zone, locale=locale())
    return f"{day} {time}"


def format_month(value: date) -> str:
    """``nov. 2026`` or ``Nov 2026``."""
    return dates.format_skeleton("yMMM", value, locale=locale())
