"""Faults on demand: what a client must survive, at a rate or at the n-th request.

A rule is written as text, ``FAULT:key=value,…`` (``workbench sandbox start --fault``), or as a map
with the same keys and ``fault`` (a control call takes both):

``503 429 500``       the portal's own refusals: too many requests, operating time, server error
``timeout``           nothing for ``seconds`` (60, the cloud's limit), then the gateway's 504 page
``cut``               the connection breaks in the middle of the body
``expired_token``     401, as if the token were an hour old
``change``            before the call, ``n`` records of ``entity`` (or ``ids``) are modified; with
                      ``field`` and ``value`` that field gets that value
``delete``            before the call, those records are deleted

``method``            a pattern such as ``crm.*``; ``batch`` means the HTTP request of a batch
``at``                only the n-th such request        ``every``   each k-th
``rate``              0…1 of them, from a generator of the rule's own ``seed`` (1)
``times``             at most so often                  ``after``   the call has done its work first
``pick``              which records: ``first`` (default), ``last`` or ``random``
``ids``               these records: ``ids=3+4``

A rule that names methods also counts calls inside a batch; there 429, ``change`` and ``delete``
strike (the others concern the HTTP request as a whole).
"""

from __future__ import annotations

import random
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from fnmatch import fnmatchcase
from typing import Any

from workbench.i18n import _

FAULTS = ("503", "429", "500", "timeout", "cut", "expired_token", "change", "delete")
ALIASES = {"expired": "expired_token"}
WITHIN_BATCH = ("429", "change", "delete")
BELONGING = {"field": ("change",), "value": ("change",), "ids": ("change", "delete")}
PICKS = ("first", "last", "random")
YES = ("1", "true", "y", "yes")
NO = ("", "0", "false", "n", "no")


@dataclass
class Rule:
    """One fault and when it strikes."""

    fault: str
    method: str = "*"
    at: int | None = None
    every: int | None = None
    rate: float | None = None
    times: int | None = None
    after: bool = False
    seconds: float = 60.0
    entity: str = "deals"
    n: int = 1
    pick: str = "first"
    ids: tuple[int, ...] = ()
    field: str = ""
    value: str = ""
    seed: int = 1
    seen: int = 0
    struck: int = 0
    draw: random.Random = dataclass_field(default_factory=random.Random, repr=False, compare=False)

    def describe(self) -> dict[str, Any]:
        """The rule as a map, with how many requests it saw and how often it struck."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "draw"}


KEYS = tuple(f.name for f in fields(Rule) if f.name not in ("seen", "struck", "draw"))


def rule(given: Mapping[str, Any] | str, entities: Container[str] = ()) -> Rule:
    """A rule from its text or map; raises ValueError, in a few words, for what is wrong in it.

    ``entities``: the names that ``change`` and ``delete`` may touch; empty lets any pass.
    """
    values = dict(_parsed(given) if isinstance(given, str) else given)
    if "nth" in values:
        values["at"] = values.pop("nth")
    strange = sorted(str(key) for key in set(values) - set(KEYS))
    if strange:
        raise ValueError(
            _("unknown: {names} (known: {known})").format(
                names=", ".join(strange), known=", ".join(KEYS[1:])
            )
        )
    fault = str(values.get("fault", "")).strip().lower()
    fault = ALIASES.get(fault, fault)
    if fault not in FAULTS:
        raise ValueError(_("the fault is one of {names}").format(names=", ".join(FAULTS)))
    whole = {
        key: _whole(key, values[key], 1)
        for key in ("at", "every", "times", "n")
        if _has(values, key)
    }
    if sum(_has(values, key) for key in ("at", "every", "rate")) > 1:
        raise ValueError(_("only one of at, every and rate"))
    pick = str(values.get("pick", "first")).lower()
    if pick not in PICKS:
        raise ValueError(_("{key} is one of {names}").format(key="pick", names=", ".join(PICKS)))
    entity = str(values.get("entity", "deals"))
    if fault in ("change", "delete") and entities and entity not in entities:
        raise ValueError(_("there is no entity {name}").format(name=entity[:40]))
    for key, kinds in BELONGING.items():
        if values.get(key) not in (None, "", [], ()) and fault not in kinds:
            names = ", ".join(kinds)
            raise ValueError(_("{key} is for {names} only").format(key=key, names=names))
    if values.get("value") not in (None, "") and not values.get("field"):
        raise ValueError(_("{key} needs {other}").format(key="value", other="field"))
    after = str(values.get("after", "")).lower()
    if after not in YES + NO:
        raise ValueError(_("{key} is one of {names}").format(key="after", names="yes, no"))
    method = values.get("method", "*")
    if not isinstance(method, str):
        raise ValueError(_("{key} is a text").format(key="method"))
    seed = _whole("seed", values.get("seed", 1), 0)
    return Rule(
        fault,
        method=method.lower(),
        rate=_number("rate", values["rate"], 1) if _has(values, "rate") else None,
        after=after in YES,
        seconds=_number("seconds", values.get("seconds", 60), 3600),
        entity=entity,
        pick=pick,
        ids=_ids(values.get("ids", ())),
        field=str(values.get("field", "")).upper(),
        value=str(values.get("value", "")),
        seed=seed,
        draw=random.Random(seed),  # noqa: S311 - chooses faults, guards nothing
        **whole,
    )


def _parsed(text: str) -> dict[str, Any]:
    fault, _colon, rest = text.partition(":")
    values: dict[str, Any] = {"fault": fault}
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        key = name.strip().lower()
        if not equals and key != "after":
            raise ValueError(_("{part} is not key=value").format(part=repr(part[:40])))
        if key in values:
            raise ValueError(_("{key} is given twice").format(key=key))
        values[key] = value.strip() if equals else "yes"
    return values


def _has(values: Mapping[str, Any], key: str) -> bool:
    return values.get(key) is not None


def _whole(key: str, value: Any, least: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise ValueError(_("{key} is a whole number").format(key=key)) from None
    if not least <= number < 2**63:
        raise ValueError(_("{key} is {least} or more").format(key=key, least=least))
    return number


def _number(key: str, value: Any, most: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise ValueError(_("{key} is a number").format(key=key)) from None
    if not 0 <= number <= most:
        raise ValueError(_("{key} is from 0 to {most}").format(key=key, most=most))
    return number


def _ids(value: Any) -> tuple[int, ...]:
    parts = value.split("+") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError(_("ids are numbers joined by +"))
    return tuple(_whole(_("each of ids"), part, 0) for part in parts)


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def strike(self, method: str) -> list[Rule]:
        """The rules that strike this request of ``method``, in their order."""
        return self._struck(method, self.rules)

    def strike_inside(self, method: str, *, after: bool) -> list[Rule]:
        """The rules that strike this call within a batch, before or after it did its work."""
        concerned = [
            item
            for item in self.rules
            if item.method != "*" and item.fault in WITHIN_BATCH and item.after == after
        ]
        return self._struck(method, concerned)

    @staticmethod
    def _struck(method: str, rules: list[Rule]) -> list[Rule]:
        result = []
        for item in rules:
            if not fnmatchcase(method, item.method):
                continue
            item.seen += 1
            if item.times is not None and item.struck >= item.times:
                continue
            if item.at is not None:
                hit = item.seen == item.at
            elif item.every is not None:
                hit = item.seen % item.every == 0
            else:
                hit = item.rate is None or item.draw.random() < item.rate
            if hit:
                item.struck += 1
                result.append(item)
        return result
