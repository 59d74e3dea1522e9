"""The portal's queue server: form POSTs to handlers, each once, with a time limit, no retry.

A delivery is marked as attempted before it is sent, so a restart sends what was still queued and
never sends anything twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from workbench.bitrix24.form import flatten
from workbench.bitrix24.sandbox.certificates import trusting_context
from workbench.bitrix24.sandbox.memory.state import State

# httpx logs whole addresses; a handler's may hold a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

TIME_LIMIT = 10.0  # seconds that a handler has for its answer
SENDERS = 4
KEPT = 10_000  # finished deliveries that the portal remembers

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,             -- action, event, install
    owner TEXT NOT NULL,            -- process instance, event handler or application
    url TEXT NOT NULL,
    body TEXT NOT NULL,             -- urlencoded
    state TEXT NOT NULL,            -- queued, attempted, delivered, failed
    note TEXT NOT NULL DEFAULT '',  -- HTTP status or what went wrong
    queued_at REAL NOT NULL,
    finished_at REAL
)
"""


def is_web_address(text: str) -> bool:
    """Whether something can be sent to an address: http or https, with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


@dataclass(frozen=True)
class Delivered:
    """How one delivery ended: ``ok`` for an answer below 400."""

    id: int
    kind: str
    owner: str
    ok: bool
    note: str


class Deliveries:
    """What is to be sent, and the tasks that send it; ``done`` hears how each delivery ended."""

    def __init__(self, state: State, *, time_limit: float = TIME_LIMIT) -> None:
        self._connection = state.connection
        self._settings = state.settings
        self._time_limit = time_limit
        self._wake = asyncio.Event()
        self.done: list[Callable[[Delivered], None]] = []
        self._connection.execute(SCHEMA)
        self._connection.execute(
            "CREATE INDEX IF NOT EXISTS deliveries_queued ON deliveries (id) WHERE state = 'queued'"
        )
        self._connection.execute(
            "UPDATE deliveries SET state = 'failed', note = 'portal restarted', finished_at = ? "
            "WHERE state = 'attempted'",
            (time.time(),),
        )

    def queue(self, kind: str, owner: str, url: str, values: Mapping[str, Any]) -> int:
        """Write a delivery down; returns its id. It is sent as soon as a sender is free."""
        cursor = self._connection.execute(
            "INSERT INTO deliveries (kind, owner, url, body, state, queued_at) "
            "VALUES (?, ?, ?, ?, 'queued', ?)",
            (kind, owner, url, urlencode(flatten(values)), time.time()),
        )
        self._wake.set()
        return int(cursor.lastrowid or 0)

    async def run(self) -> None:
        """Send what is queued until cancelled."""
        trusted = trusting_context(self._settings)
        async with httpx.AsyncClient(
            timeout=self._time_limit, trust_env=False, verify=trusted
        ) as client:
            sending: set[asyncio.Task[None]] = set()
            try:
                while True:
                    self._wake.clear()
                    while len(sending) < SENDERS and (row := self._next()):
                        task = asyncio.create_task(self._send(client, row))
                        sending.add(task)
                        task.add_done_callback(sending.discard)
                        task.add_done_callback(lambda _task: self._wake.set())
                    await self._wake.wait()
            finally:
                for task in list(sending):
                    task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.gather(*sending, return_exceptions=True)

    def _next(self) -> tuple[int, str, str, str, str] | None:
        row = self._connection.execute(
            "SELECT id, kind, owner, url, body FROM deliveries "
            "WHERE state = 'queued' ORDER BY id LIMIT 1"
        ).fetchone()
        if row is not None:
            self._connection.execute(
                "UPDATE deliveries SET state = 'attempted' WHERE id = ?", (row[0],)
            )
        return row

    async def _send(self, client: httpx.AsyncClient, row: tuple[int, str, str, str, str]) -> None:
        number, kind, owner, url, body = row
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            async with asyncio.timeout(self._time_limit):
                # The answer's body is not read: results come by bizproc.event.send.
                async with client.stream("POST", url, content=body, headers=headers) as response:
                    ok, note = response.status_code < 400, f"HTTP {response.status_code}"
        except (TimeoutError, httpx.TimeoutException):
            ok, note = False, "time limit"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            ok, note = False, type(error).__name__
        self._connection.execute(
            "UPDATE deliveries SET state = ?, note = ?, finished_at = ? WHERE id = ?",
            ("delivered" if ok else "failed", note, time.time(), number),
        )
        self._connection.execute(
            "DELETE FROM deliveries WHERE id < ? AND state IN ('delivered', 'failed')",
            (number - KEPT,),
        )
        for callback in self.done:
            callback(Delivered(number, kind, owner, ok, note))
