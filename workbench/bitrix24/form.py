"""PHP-style forms: what Bitrix24 posts to handlers, and back.

``data[FIELDS][ID]=5&document_id[0]=crm`` stands for
``{"data": {"FIELDS": {"ID": "5"}}, "document_id": ["crm"]}``. Every scalar of a form is a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

FIELDS = 2_000  # more keys than any call of the portal has
DEPTH = 8

_KEY = re.compile(r"\[([^\[\]]*)\]")


class MalformedForm(ValueError):
    """A body that is no form: not UTF-8, too many keys, nested too deep, contradicting keys."""


def flatten(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ``(key, text)`` pairs of a form, in order.

    ``None`` becomes an empty text, ``True`` ``"1"`` and ``False`` an empty text, as PHP does;
    empty mappings and lists vanish.
    """
    return [pair for key, value in values.items() for pair in _pairs(str(key), value)]


def _pairs(key: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _pairs(f"{key}[{name}]", inner)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _pairs(f"{key}[{position}]", inner)
    elif value is None or value is False:
        yield key, ""
    else:
        yield key, "1" if value is True else str(value)


def parse(body: bytes) -> dict[str, Any]:
    """Return the nested values of a urlencoded body; mappings keyed ``0…n-1`` become lists.

    Raises `MalformedForm`.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS,
        )
    except ValueError as error:
        raise MalformedForm(str(error)) from None
    return nest(pairs)


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return nested values from flat ``key[a][b]`` pairs; the last of equal keys wins.

    Raises `MalformedForm` for a key that is a text here and a mapping there, or too deep.
    """
    root: dict[str, Any] = {}
    for key, value in pairs:
        head, bracket, rest = key.partition("[")
        names = [head, *_KEY.findall(bracket + rest)]
        if len(names) > DEPTH:
            raise MalformedForm("nested too deep")
        here = root
        for name in names[:-1]:
            inner = here.setdefault(name or str(len(here)), {})
            if not isinstance(inner, dict):
                raise MalformedForm("contradicting keys")
            here = inner
        last = names[-1] or str(len(here))
        if isinstance(here.get(last), dict):
            raise MalformedForm("contradicting keys")
        here[last] = value
    return {key: _lists(value) for key, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    if list(inner) == [str(position) for position in range(len(inner))]:
        return list(inner.values())
    return inner
