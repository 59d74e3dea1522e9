"""Faults on demand: what a client must survive, at a rate or at the n-th request.

A rule is a map: ``fault`` (one of `FAULTS`), ``method`` (a pattern such as ``crm.*``; for a batch
``batch``), and when it strikes: ``nth`` (that request only), ``every`` (each k-th), ``rate`` (0..1,
from a seeded generator), else always; ``times`` limits how often. ``after`` lets the call do its
work before the fault. ``seconds`` is how long a ``timeout`` holds the connection (60, the cloud's
own limit, by default). ``change`` and ``delete`` touch ``n`` records of ``entity`` (or ``ids``)
and let the call go on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

FAULTS = ("503", "429", "500", "timeout", "cut", "expired", "change", "delete")


@dataclass
class Rule:
    """One fault and when it strikes."""

    fault: str
    method: str = "*"
    nth: int | None = None
    every: int | None = None
    rate: float | None = None
    times: int | None = None
    after: bool = False
    seconds: float = 60.0
    entity: str = "deals"
    n: int = 1
    ids: tuple[int, ...] = ()
    seen: int = 0
    struck: int = 0


def rule(values: Mapping[str, Any]) -> Rule:
    """A rule from its map. Raises ValueError naming what is wrong."""
    known = {
        "fault",
        "method",
        "nth",
        "every",
        "rate",
        "times",
        "after",
        "seconds",
        "entity",
        "n",
        "ids",
    }
    strange = set(values) - known
    if strange:
        raise ValueError(f"unknown: {', '.join(sorted(map(str, strange)))}")
    fault = str(values.get("fault", ""))
    if fault not in FAULTS:
        raise ValueError(f"fault: one of {', '.join(FAULTS)}")
    whole = {k: int(values[k]) for k in ("nth", "every", "times", "n") if values.get(k) is not None}
    if any(v < 1 for v in whole.values()):
        raise ValueError("nth, every, times, n: 1 or more")
    rate = None if values.get("rate") is None else float(values["rate"])
    if rate is not None and not 0 <= rate <= 1:
        raise ValueError("rate: from 0 to 1")
    seconds = float(values.get("seconds", 60))
    if not 0 <= seconds <= 3600:
        raise ValueError("seconds: from 0 to 3600")
    return Rule(
        fault,
        method=str(values.get("method", "*")).lower(),
        rate=rate,
        after=str(values.get("after", "")).lower() in ("1", "true", "y", "yes"),
        seconds=seconds,
        entity=str(values.get("entity", "deals")),
        ids=tuple(int(i) for i in values.get("ids", ())),
        **whole,
    )


def parse(text: str) -> Rule:
    """A rule as the command line writes it: ``503:rate=0.1,method=crm.deal.list``."""
    fault, _colon, rest = text.partition(":")
    values: dict[str, Any] = {"fault": fault}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(part)
        values[key.strip()] = value.strip()
    return rule(values)


class Faults:
    """The rules in force."""

    def __init__(self, seed: int = 1) -> None:
        self.rules: list[Rule] = []
        self.random = random.Random(seed)  # noqa: S311 - chooses faults, guards nothing

    def strike(self, method: str) -> list[Rule]:
        """The rules that strike this request of ``method``, in their order."""
        result = []
        for item in self.rules:
            if not fnmatchcase(method, item.method):
                continue
            item.seen += 1
            if item.times is not None and item.struck >= item.times:
                continue
            if item.nth is not None:
                hit = item.seen == item.nth
            elif item.every is not None:
                hit = item.seen % item.every == 0
            else:
                hit = item.rate is None or self.random.random() < item.rate
            if hit:
                item.struck += 1
                result.append(item)
        return result
