"""The offline queue: the newest state of each event and object, until a poller takes it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Field
from workbench.bitrix24.sandbox.memory.filters import where
from workbench.bitrix24.sandbox.memory.state import State, comparable

RESERVED_SECONDS = 30 * 86_400

SCHEMA = """
CREATE TABLE IF NOT EXISTS offline_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    connector TEXT NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL,
    process_id TEXT NOT NULL DEFAULT '',
    reserved_at INTEGER NOT NULL DEFAULT 0,
    error INTEGER NOT NULL DEFAULT 0)
"""

#: What rows are found and ordered by → the column that holds it.
FIELDS = {
    "ID": Field("ID", "integer"),
    "TIMESTAMP_X": Field("AT", "datetime"),
    "EVENT_NAME": Field("EVENT"),
    "MESSAGE_ID": Field("MESSAGE_ID"),
    "PROCESS_ID": Field("PROCESS_ID"),
    "ERROR": Field("ERROR", "integer"),
}


class OfflineQueue:
    """The rows of every application's queues; a queue is an application and a connector."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._connection = state.connection
        self._connection.execute(SCHEMA)

    def put(self, client_id: str, connector: str, event: str, data: Mapping[str, Any]) -> None:
        """Write an event down; a row of the same event and object that nobody took is replaced."""
        text = json.dumps(data, sort_keys=True)
        self._connection.execute(
            "DELETE FROM offline_events WHERE client_id = ? AND connector = ? AND event = ? "
            "AND data = ? AND process_id = ''",
            (client_id, connector, event, text),
        )
        self._connection.execute(
            "INSERT INTO offline_events (message_id, client_id, connector, event, data, at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (secrets.token_hex(16), client_id, connector, event, text, self._state.timestamp()),
        )

    def rows(
        self,
        client_id: str,
        connector: str,
        filter: Mapping[str, Any],
        *,
        order: Mapping[str, str] | None = None,
        process_id: str | None = None,
        limit: int = 50,
        offset: int = 0,
        failed: bool | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows as the portal lists them, oldest first; ``process_id`` selects its own.

        ``order`` maps columns to ``ASC`` or ``DESC``. Raises BadFilter.
        """
        conditions = ["client_id = ?", "connector = ?"]
        values: list[Any] = [client_id, connector]
        if process_id is not None:
            conditions.append("process_id = ?")
            values.append(process_id)
        if failed is not None:
            conditions.append("error = ?")
            values.append(int(failed))
        sql, more = where(filter, FIELDS, self._state.zone, strict=True)
        if sql:
            conditions.append(sql)
            values += map(comparable, more)
        ordering = "".join(f'"{column}" {way}, ' for column, way in (order or {}).items())
        found = self._connection.execute(
            "SELECT id, at, event, data, message_id, process_id, error FROM offline_events "  # noqa: S608
            f"WHERE {' AND '.join(conditions)} ORDER BY {ordering}id LIMIT ? OFFSET ?",
            (*values, max(1, min(limit, 500)), offset),
        ).fetchall()
        return [
            {
                "ID": str(number),
                "TIMESTAMP_X": datetime.fromtimestamp(at, self._state.zone).isoformat(),
                "EVENT_NAME": event,
                "EVENT_DATA": json.loads(data),
                "EVENT_ADDITIONAL": {"user_id": 0},
                "MESSAGE_ID": message_id,
                "PROCESS_ID": process,
                "ERROR": str(error),
            }
            for number, at, event, data, message_id, process, error in found
        ]

    def take(
        self,
        client_id: str,
        connector: str,
        filter: Mapping[str, Any],
        *,
        order: Mapping[str, str],
        limit: int,
        clear: bool,
        process_id: str,
        failed: bool,
    ) -> dict[str, Any]:
        """Return rows and delete them at once (``clear``) or reserve them for this poller."""
        self._connection.execute(
            "UPDATE offline_events SET process_id = '' WHERE process_id <> '' AND reserved_at < ?",
            (self._state.timestamp() - RESERVED_SECONDS,),
        )
        rows = self.rows(
            client_id,
            connector,
            filter,
            order=order,
            process_id=process_id,
            limit=limit,
            failed=failed,
        )
        given = None
        if clear and not process_id:
            self._connection.executemany(
                "DELETE FROM offline_events WHERE id = ?", [(row["ID"],) for row in rows]
            )
        else:
            given = process_id or secrets.token_hex(16)
            self._connection.executemany(
                "UPDATE offline_events SET process_id = ?, reserved_at = ? WHERE id = ?",
                [(given, self._state.timestamp(), row["ID"]) for row in rows],
            )
        for row in rows:
            del row["PROCESS_ID"], row["ERROR"]
        return {"process_id": given, "events": rows}

    def clear(
        self, client_id: str, process_id: str, ids: list[str] | None, messages: list[str] | None
    ) -> None:
        """Delete reserved rows: these ids, else these messages, else all of the process."""
        self._apply("DELETE FROM offline_events", client_id, process_id, ids, messages)

    def fail(self, client_id: str, process_id: str, messages: list[str] | None) -> None:
        """Mark reserved rows as failed and give them back."""
        change = "UPDATE offline_events SET error = 1, process_id = ''"
        self._apply(change, client_id, process_id, None, messages)

    def _apply(
        self,
        change: str,
        client_id: str,
        process_id: str,
        ids: list[str] | None,
        messages: list[str] | None,
    ) -> None:
        where = "client_id = ? AND process_id = ?"
        values: list[Any] = [client_id, process_id]
        column, names = ("id", ids) if ids is not None else ("message_id", messages)
        if names is not None:
            where += f" AND {column} IN ({', '.join('?' * len(names))})"
            values += names
        self._connection.execute(f"{change} WHERE {where}", values)
