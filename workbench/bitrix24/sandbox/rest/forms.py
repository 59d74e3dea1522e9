"""Parameters as Bitrix24's PHP reads them: ``fields[PHONE][0][VALUE]=1``, ``select[]=ID``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

MAX_DEPTH = 64
MAX_VARIABLES = 20_000


def pairs(query: str) -> list[tuple[str, str]]:
    """The decoded pairs of a query string, in order; what is beyond the limit is left out."""
    result = []
    for part in query.split("&", MAX_VARIABLES)[:MAX_VARIABLES]:
        if part:
            name, _equals, value = part.partition("=")
            result.append((unquote_plus(name), unquote_plus(value)))
    return result


class _Level(dict[str, Any]):
    """One level of nested parameters, which knows the number that ``[]`` stands for next."""

    next = 0

    def __setitem__(self, key: str, value: Any) -> None:
        if key.isdecimal() and len(key) < 10:
            self.next = max(self.next, int(key) + 1)
        super().__setitem__(key, value)


def nest(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs as nested maps; maps with keys 0…n-1 become lists.

    ``a[b][]=1&a[b][]=2`` → ``{"a": {"b": ["1", "2"]}}``.
    """
    tree = _Level()
    for count, (name, value) in enumerate(items):
        if count >= MAX_VARIABLES:
            break
        bracket = name.find("[")
        if bracket <= 0:
            tree[name] = value
            continue
        path = _path(name, bracket)
        if len(path) > MAX_DEPTH:
            continue
        at = tree
        for step in path[:-1]:
            key = step or str(at.next)
            below = at.get(key)
            if not isinstance(below, _Level):
                below = at[key] = _Level()
            at = below
        at[path[-1] or str(at.next)] = value
    return {key: listed(value) for key, value in tree.items()}


def _path(name: str, bracket: int) -> list[str]:
    """The steps of ``a[b][c]``, the first bracket given; stops where one more is too many."""
    path = [name[:bracket]]
    while bracket >= 0 and len(path) <= MAX_DEPTH:
        end = name.find("]", bracket)
        if end < 0:
            break
        path.append(name[bracket + 1 : end])
        bracket = name.find("[", end)
    return path


def listed(value: Any) -> Any:
    """Maps whose keys are 0…n-1 in order as lists, at every level."""
    if not isinstance(value, dict):
        return value
    inner = {key: listed(item) for key, item in value.items()}
    if inner and all(key == str(place) for place, key in enumerate(inner)):
        return list(inner.values())
    return inner


def parse(query: str) -> dict[str, Any]:
    """A query string as nested parameters."""
    return nest(pairs(query))
