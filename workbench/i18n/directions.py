"""Marks that turn the direction of the text after them: where names are shown, they are not obeyed.

Anybody may have typed one into a name in the CRM; shown as it is, it reverses the rest of a line,
of a chart's label or of a message, figures included.
"""

from __future__ import annotations

import re
from typing import Any

TURNING = "\u202a-\u202e\u2066-\u2069"  # for a class of a pattern: embeddings, overrides, isolates
_TURNING = re.compile(f"[{TURNING}]")
SIGN = "\ufffd"


def straight(text: str) -> str:
    """Return ``text`` with a sign in place of each such mark; Arabic and Hebrew stay as written."""
    return _TURNING.sub(SIGN, text)


def straight_all(value: Any) -> Any:
    """Return ``value`` (as JSON holds it) with every text in it straight, names of fields too."""
    if isinstance(value, str):
        return straight(value)
    if isinstance(value, dict):
        return {straight(key): straight_all(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [straight_all(inner) for inner in value]
    return value
