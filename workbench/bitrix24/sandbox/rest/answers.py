"""The envelope of an answer: ``result`` or ``error``, ``time``, as JSON or XML."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import orjson

from workbench.bitrix24.sandbox.memory.fields import Clock
from workbench.bitrix24.sandbox.rest.methods import Page, Refusal

_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


def timing(
    start: float, clock: Clock, operating: float, reset_at: int, processing: float | None = None
) -> dict[str, Any]:
    """The ``time`` block; ``start`` in unix seconds."""
    finish = time.time()
    return {
        "start": start,
        "finish": finish,
        "duration": finish - start,
        "processing": finish - start if processing is None else processing,
        "date_start": clock.iso(int(start)),
        "date_finish": clock.iso(int(finish)),
        "operating_reset_at": reset_at,
        "operating": operating,
    }


def success(answer: Any, times: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an answer that succeeded."""
    if not isinstance(answer, Page):
        return {"result": answer, "time": times}
    body: dict[str, Any] = {"result": answer.result}
    if answer.next is not None:
        body["next"] = answer.next
    if answer.total is not None:
        body["total"] = answer.total
    body["time"] = times
    return body


def failure(refusal: Refusal) -> dict[str, Any]:
    """The body of an error."""
    return {"error": refusal.code, "error_description": refusal.text, **refusal.extra}


def encode(body: Any, *, xml: bool) -> tuple[bytes, str]:
    """A body as bytes with its content type."""
    if xml:
        document = f'<?xml version="1.0" encoding="utf-8"?>\n<response>{_xml(body)}</response>'
        return document.encode(), "text/xml; charset=utf-8"
    return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS), "application/json; charset=utf-8"


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_element(str(key), item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return "".join(f"<item>{_xml(item)}</item>" for item in value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return escape(_UNWRITABLE.sub("", str(value)))


def _element(key: str, item: Any) -> str:
    head = key.replace("_", "a")
    if not head.isalnum() or not head.isascii() or key[0].isdecimal():
        return f"<item>{_xml(item)}</item>"
    return f"<{key}>{_xml(item)}</{key}>"
