"""Incoming webhooks: doors of the portal that a user's code opens."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Webhook:
    """An incoming webhook: whose rights it has, its secret and its scopes."""

    user_id: int
    code: str = field(repr=False)
    scopes: frozenset[str]
    title: str = ""


class Webhooks:
    """The portal's incoming webhooks, in the order they were made."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE TABLE IF NOT EXISTS portal_webhooks"
            " (user_id INTEGER, code TEXT, scopes TEXT, title TEXT)"
        )
        rows = connection.execute("SELECT user_id, code, scopes, title FROM portal_webhooks")
        self._hooks = {
            (user, code): Webhook(user, code, frozenset(filter(None, scopes.split(","))), title)
            for user, code, scopes, title in rows
        }

    def add(
        self, user_id: int, code: str | None = None, scopes: Iterable[str] = (), title: str = ""
    ) -> Webhook:
        """Make one; without ``code`` a random one. Replaces the same user's same code."""
        hook = Webhook(user_id, code or secrets.token_hex(8), frozenset(scopes), title)
        self._connection.execute(
            "DELETE FROM portal_webhooks WHERE user_id = ? AND code = ?", (user_id, hook.code)
        )
        self._connection.execute(
            "INSERT INTO portal_webhooks VALUES (?, ?, ?, ?)",
            (user_id, hook.code, ",".join(sorted(hook.scopes)), title),
        )
        self._hooks.pop((user_id, hook.code), None)
        self._hooks[user_id, hook.code] = hook
        return hook

    def all(self) -> list[Webhook]:
        """Every one."""
        return list(self._hooks.values())

    def get(self, user_id: int, code: str) -> Webhook | None:
        """The webhook of this user and code, or None."""
        return self._hooks.get((user_id, code))
