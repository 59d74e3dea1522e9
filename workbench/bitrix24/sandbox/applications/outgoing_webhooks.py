"""Outgoing webhooks: POSTs of events that an administrator asked for, without an application.

They carry no tokens: the ``application_token`` that the portal's form shows is the only proof of
who sends. A portal gives one for each webhook; there are online events only, and not all of them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from workbench.bitrix24.sandbox.applications.event_data import is_event
from workbench.bitrix24.sandbox.memory.state import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS outgoing_webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    handler TEXT NOT NULL,
    application_token TEXT NOT NULL)
"""
#: What only applications hear of.
_OF_APPLICATIONS = ("ONCRMDEALMOVETOCATEGORY", "ONOFFLINEEVENT", "ONAPP")


@dataclass(frozen=True)
class OutgoingWebhook:
    """An address, and the secret by which it knows the portal."""

    id: int
    title: str
    handler: str
    application_token: str = dataclass_field(repr=False)

    @property
    def name(self) -> str:
        """What stands for it where handlers have their application."""
        return f"outgoing:{self.id}"


def can_be_sent(event: str) -> bool:
    """Whether an outgoing webhook can hear of an event of this (upper-case) name."""
    return is_event(event) and not event.startswith(_OF_APPLICATIONS)


class OutgoingWebhooks:
    """The portal's outgoing webhooks."""

    def __init__(self, state: State) -> None:
        self._connection = state.connection
        self._connection.execute(SCHEMA)

    def add(self, title: str, handler: str) -> OutgoingWebhook:
        """Write one down, with a new secret."""
        token = secrets.token_hex(16)
        cursor = self._connection.execute(
            "INSERT INTO outgoing_webhooks (title, handler, application_token) VALUES (?, ?, ?)",
            (title, handler, token),
        )
        return OutgoingWebhook(int(cursor.lastrowid or 0), title, handler, token)

    def all(self) -> list[OutgoingWebhook]:
        """Return every outgoing webhook, oldest first."""
        rows = self._connection.execute(
            "SELECT id, title, handler, application_token FROM outgoing_webhooks ORDER BY id"
        ).fetchall()
        return [OutgoingWebhook(*row) for row in rows]

    def named(self, name: str) -> OutgoingWebhook | None:
        """Return the one that stands for an application under this name, or None."""
        return next((one for one in self.all() if one.name == name), None)

    def delete(self, number: int) -> OutgoingWebhook | None:
        """Delete one; returns it, or None if there is none."""
        found = next((one for one in self.all() if one.id == number), None)
        self._connection.execute("DELETE FROM outgoing_webhooks WHERE id = ?", (number,))
        return found
