"""A page of its own (HTML) that loads nothing: the frame of the help and of the data's quality."""

from __future__ import annotations

from html import escape
from pathlib import Path

from workbench.i18n import Language, language

PRODUCT = "Analyse Commerciale"
LANGUAGE_NAMES: dict[Language, str] = {"fr": "Français", "en": "English"}
STYLESHEET = Path(__file__).parent / "static" / "workbench.css"


def document(title: str, body: str) -> str:
    """Return a page in the language of the moment, its style inside; ``body`` is HTML."""
    return (
        f'<!doctype html>\n<html lang="{language()}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · {PRODUCT}</title>\n"
        f"<style>{STYLESHEET.read_text('utf-8')}</style>\n</head>\n"
        '<body class="wb-body" style="margin: 0 auto; max-width: 64rem; padding: 1.5rem">\n'
        f"{body}\n</body>\n</html>\n"
    )
