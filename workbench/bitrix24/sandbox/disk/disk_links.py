"""Signed addresses for uploads and downloads: what they are for and on whose authority.

An address bears the name of the module that made it (``disk|…``, ``telephony|…``), as the portal's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any
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
    return signed(portal, "disk", door, {"user": user, "id": number, "unique": unique})


def signed(portal: Portal, module: str, door: str, what: dict[str, Any]) -> str:
    """The address of a door of one module, and what is meant by it."""
    query = urlencode({"token": token(portal.state, module, door, what)})
    return f"{portal.base_url}/rest/{door}.json?{query}"


def token(state: State, module: str, door: str, what: dict[str, Any]) -> str:
    """What `read` reads at that door."""
    text = base64.urlsafe_b64encode(orjson.dumps({**what, "module": module, "door": door})).decode()
    return f"{module}|{text}|{_signature(state, text)}"


def read(state: State, door: str, token: str) -> dict[str, Any] | None:
    """What a token of this portal means at this door, its ``module`` too; None for any other."""
    parts = token.split("|")
    if len(parts) != 3 or not hmac.compare_digest(
        parts[2].encode(), _signature(state, parts[1]).encode()
    ):
        return None
    what: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(parts[1]))
    return what if (what["door"], what["module"]) == (door, parts[0]) else None
