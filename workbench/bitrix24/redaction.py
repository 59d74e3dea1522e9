"""Keeping webhook codes and tokens out of every text that leaves the client."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
WEBHOOK = re.compile(r"(/rest/(?:api/)?\d+/)[^/\s?&\"']+")
TOKEN = re.compile(
    r"((?:auth|access_token|refresh_token|client_secret|application_token|code|AUTH_ID|REFRESH_ID)"
    r"[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+",
    re.IGNORECASE,
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace ``secrets``, webhook codes in addresses and token values in ``text`` by ``***``."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return TOKEN.sub(rf"\1{HIDDEN}", WEBHOOK.sub(rf"\1{HIDDEN}", text))
