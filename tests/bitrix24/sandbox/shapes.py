"""The shape of a JSON answer: nesting, names with their case, and kinds of values.

Two answers have the same shape when every name of the one is in the other, spelt alike, and what
stands there is of the same kind: text, number, truth, list or map. Nothing (null, "", [], {}) can
stand for something, as data differ; but where both have nothing, it is the same nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Names that a portal's own settings make: its user fields, its smart processes, their enumerations.
OWN_NAMES = re.compile(r"^(UF_|ufCrm|uf_|UfCrm|PARENT_ID_\d|parentId\d)")
# Maps by id, command, language or the like: their names are data, every value has one shape.
LANGUAGES = "ar|br|de|en|fr|hi|id|in|it|ja|kz|la|ms|pl|ru|sc|tc|th|tr|ua|vn"
DATA_NAMES = re.compile(rf"^(\d+|n\d+|(cmd|order)\d+|{LANGUAGES})$")


def kind(value: Any) -> str:
    """What sort of value this is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "map" if isinstance(value, Mapping) else "list"


def nothing(value: Any) -> bool:
    """Whether this is one of the ways to say that there is no value."""
    return value is None or (not isinstance(value, bool | int | float) and not value)


def answer_differences(theirs: Any, ours: Any) -> list[str]:
    """`differences` of two whole answers; only a list that goes on has a ``next``."""
    expected = {name: value for name, value in theirs.items() if name != "next" or name in ours}
    return differences(expected, ours)


def differences(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """Where the shape of our answer differs from theirs, as ``path: what``; empty if nowhere."""
    ours_kind, theirs_kind = kind(ours), kind(theirs)
    if ours_kind != theirs_kind:
        if nothing(ours) != nothing(theirs):
            return []
        return [f"{path}: {ours_kind} instead of {theirs_kind}"]
    if theirs_kind == "map":
        return _maps(theirs, ours, path)
    if theirs_kind == "list":
        return _rows(theirs, ours, path)
    return []


def _maps(theirs: Mapping[str, Any], ours: Mapping[str, Any], path: str) -> list[str]:
    if theirs and list(theirs) != ["id"] and all(DATA_NAMES.match(name) for name in theirs):
        if ours and not all(DATA_NAMES.match(name) for name in ours):
            return [f"{path}: names instead of numbers or languages"]
        return _rows(list(theirs.values()), list(ours.values()), path)
    found = []
    lower = {name.lower(): name for name in ours}
    for name, value in theirs.items():
        if OWN_NAMES.match(name):
            continue
        if name in ours:
            found += differences(value, ours[name], f"{path}.{name}")
        elif name.lower() in lower:
            found.append(f"{path}.{name}: spelt {lower[name.lower()]}")
        else:
            found.append(f"{path}.{name}: not there")
    return found


def _rows(theirs: list[Any], ours: list[Any], path: str) -> list[str]:
    """Lists: every row of ours against the rows of theirs taken together."""
    if not theirs or not ours:
        return []
    pattern = merged(theirs)
    found: dict[str, None] = {}
    for row in ours:
        for each in differences(pattern, row, f"{path}[]"):
            where = each.split(": ")[0].removeprefix(f"{path}[].")
            if isinstance(row, Mapping) and "[" not in where and _varies(theirs, where, row):
                continue
            found[each] = None
    return list(found)


def _varies(theirs: list[Any], name: str, ours: Mapping[str, Any]) -> bool:
    """Whether their own rows disagree on this (dotted) name, and ours is as some of them."""
    found = [_at(row, name) for row in theirs]
    mine = _at(ours, name)
    if mine is ABSENT:
        return ABSENT in found
    return any(each is not ABSENT and kind(each) == kind(mine) for each in found)


ABSENT = object()


def _at(row: Any, name: str) -> Any:
    for step in name.split("."):
        if not isinstance(row, Mapping) or step not in row:
            return ABSENT
        row = row[step]
    return row


def merged(rows: list[Any]) -> Any:
    """One row with everything that any of them has; what is something wins over nothing."""
    first = rows[0]
    if not all(isinstance(row, Mapping) for row in rows):
        return next((row for row in rows if not nothing(row)), first)
    result: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if name not in result or (nothing(result[name]) and not nothing(value)):
                result[name] = value
            elif isinstance(value, Mapping) and isinstance(result[name], Mapping):
                result[name] = merged([result[name], value])
    return result
