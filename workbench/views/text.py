"""Prose of a page: Markdown in, safe HTML out.

The prose is ours, what is put into it is not: names and titles from the CRM are escaped so that
they stay the text they are, whatever they look like.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from workbench.i18n.directions import straight

_SPACES = re.compile(r"[ \t\r\n\f\v]+")  # no-break spaces stay
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


@cache
def _markdown() -> MarkdownIt:
    # No raw HTML and no images: neither scripts nor requests to other hosts.
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def escape_markdown(value: Any) -> str:
    """Return ``value`` on one line, with every character that Markdown could read escaped.

    It turns the direction of nothing. An empty one is a dash.
    """
    return _PUNCTUATION.sub(r"\\\1", _SPACES.sub(" ", straight(str(value))).strip()) or "–"


def markdown(text: str, **values: Any) -> str:
    """Render Markdown as HTML; ``{name}`` in ``text`` is filled with the escaped value."""
    filled = (
        text.format(**{key: escape_markdown(v) for key, v in values.items()}) if values else text
    )
    return str(_markdown().render(filled))


def attribute(value: Any) -> str:
    """Return ``value`` escaped for HTML text and quoted attributes; it turns no direction."""
    return escape(straight(str(value)), quote=True)
