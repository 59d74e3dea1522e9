"""Signed addresses for uploads and downloads: what they are for and on whose authority."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State
    from workbench.bitrix24.sandbox.portal import Portal


def _signature(state: State, text: str) -> str:
    secret = state.settings.setdefault("disk_secret", secrets.token_hex(32))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def url(portal: Portal, door: str, user: int, number: int, *, unique: bool = False) -> str:
    """The address of ``upload`` or ``download`` for one folder or file."""
    what = {"door": door, "user": user, "id": number, "unique": unique}
    text = base64.urlsafe_b64encode(orjson.dumps(what)).decode()
    query = urlencode({"token": f"disk|{text}|{_signature(portal.state, text)}"})
    return f"{portal.base_url}/rest/{door}.json?{query}"


def read(state: State, door: str, token: str) -> tuple[int, int, bool] | None:
    """User, folder or file, and ``unique`` of a token that this portal made for this door."""
    parts = token.split("|")
    if len(parts) != 3 or not hmac.compare_digest(
        parts[2].encode(), _signature(state, parts[1]).encode()
    ):
        return None
    what = orjson.loads(base64.urlsafe_b64decode(parts[1]))
    return (what["user"], what["id"], what["unique"]) if what["door"] == door else None
