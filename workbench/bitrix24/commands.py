"""Commands of a batch: a method with its parameters as Bitrix24 reads them in a query."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

READS = re.compile(
    r"\.(list|get|getlist|fields|types|current|time|admin)$|^(profile|scope|methods|events)$"
)
TAKES = {"event.offline.get"}  # reads and removes

Params = dict[str, Any]
Command = tuple[str, Params]


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    return quote(name, safe="[]")


def query_string(params: Params, prefix: str = "") -> str:
    """Encode nested parameters as Bitrix24 reads them: ``filter[>ID]=5&select[0]=ID``.

    ``None`` and empty lists are sent as empty, booleans as 1 and 0. ``prefix`` is encoded already.
    """
    parts = []
    for name, value in params.items():
        key = f"{prefix}[{_name(str(name))}]" if prefix else _name(str(name))
        if isinstance(value, list | tuple | set):
            if value and all(type(each) is int for each in value):  # thousands of ids, mostly
                parts += [f"{key}[{place}]={each}" for place, each in enumerate(value)]
                continue
            value = dict(enumerate(value))
        if isinstance(value, dict) and value:
            parts.append(query_string(value, key))
            continue
        if isinstance(value, dict) or value is None:
            text = ""
        elif isinstance(value, bool):
            text = "1" if value else "0"
        elif isinstance(value, datetime):
            text = value.isoformat(timespec="seconds")
        elif isinstance(value, float):
            text = format(Decimal(str(value)), "f")
        else:
            text = str(value)
        parts.append(f"{key}={quote(text, safe='')}")
    return "&".join(parts)


def command(method: str, params: Params) -> str:
    """Return one command of a batch."""
    query = query_string(params)
    return f"{method}?{query}" if query else method


def only_reads(method: str) -> bool:
    """Whether calling a method twice does no harm."""
    name = method.lower().removesuffix(".json")
    return bool(READS.search(name)) and name not in TAKES
