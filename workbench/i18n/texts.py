"""Texts that are kept: in which language somebody will read them is not known yet.

What `workbench.i18n._` returns is a `Text`: a string as any other, that also knows what it was made
of. `kept` writes that down, and `workbench.i18n.said` reads it aloud.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


class Text(str):
    """A text in the language of the moment.

    ``message`` is its English text (and ``plural``, with the ``number`` that decides), ``values``
    what was put in by name.
    """

    message: str
    plural: str
    number: int
    values: Mapping[str, object]

    def __new__(
        cls,
        shown: str,
        message: str = "",
        plural: str = "",
        number: int = 0,
        values: Mapping[str, object] | None = None,
    ) -> Text:
        """Make a text that is ``shown`` in the language of the moment."""
        text = super().__new__(cls, shown)
        text.message, text.plural, text.number = message or shown, plural, number
        text.values = values or {}
        return text

    def format(self, *args: object, **values: object) -> str:
        """Put values in; of those without a name it does not keep what it was made of."""
        shown = super().format(*args, **values)
        if args:
            return shown
        return Text(shown, self.message, self.plural, self.number, values)


def kept(text: str) -> str:
    """Return what to store for a text: what it was made of, or itself if it is just a string."""
    if not isinstance(text, Text):
        if not text.startswith("{"):
            return text
        text = Text(text, "{text}", values={"text": str(text)})  # not to be taken for ours
    return json.dumps(_parts(text), ensure_ascii=False)


def kept_list(texts: Iterable[str], between: str = " ") -> str:
    """Return what to store for several texts; one stands for itself."""
    listed = list(texts)
    if len(listed) == 1:
        return kept(listed[0])
    parts = {"between": between, "all": [_parts(text) for text in listed]}
    return json.dumps(parts, ensure_ascii=False) if listed else ""


def _parts(value: object) -> Any:
    if isinstance(value, BaseException) and value.args and isinstance(value.args[0], str):
        value = value.args[0]
    if isinstance(value, Text):
        parts: dict[str, Any] = {"say": value.message}
        if value.plural:
            parts |= {"plural": value.plural, "number": value.number}
        if value.values:
            parts["with"] = {name: _parts(each) for name, each in value.values.items()}
        return parts
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return str(value)
