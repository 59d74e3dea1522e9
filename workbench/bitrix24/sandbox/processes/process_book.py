"""What the portal remembers of processes: templates, instances, calls and logs, in SQLite."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.processes.documents import Document
from workbench.bitrix24.sandbox.processes.process_templates import Template, examples

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS process_templates (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS process_instances (
        id TEXT PRIMARY KEY,
        template_id INTEGER NOT NULL,
        program TEXT NOT NULL,
        document_type TEXT NOT NULL,
        document_id INTEGER NOT NULL,
        started_by INTEGER NOT NULL,      -- 0 = a stage change
        state TEXT NOT NULL,              -- ready, waiting, completed, terminated, failed
        position INTEGER NOT NULL,
        results TEXT NOT NULL,
        resume_at REAL,                   -- end of a wait, or the time-out
        started_at REAL NOT NULL,
        modified_at REAL NOT NULL)""",
    """CREATE INDEX IF NOT EXISTS process_instances_running
        ON process_instances (state, resume_at) WHERE state IN ('ready', 'waiting')""",
    """CREATE TABLE IF NOT EXISTS process_calls (
        token TEXT PRIMARY KEY,
        instance_id TEXT NOT NULL,
        name TEXT NOT NULL,               -- of the step
        client_id TEXT NOT NULL,
        code TEXT NOT NULL,               -- of the activity
        state TEXT NOT NULL)              -- waiting, passed (not waited for), answered, closed""",
    """CREATE TABLE IF NOT EXISTS process_log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        instance_id TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS process_log_instance ON process_log (instance_id, id)",
)


@dataclass(frozen=True)
class Instance:
    """One running or finished process; moments are Unix seconds on the portal's clock."""

    id: str
    template_id: int
    program: list[dict[str, Any]]
    document: Document
    started_by: int
    state: str
    position: int
    results: dict[str, dict[str, str]]
    resume_at: float | None
    started_at: float
    modified_at: float


@dataclass(frozen=True)
class Entry:
    """One line of a process's log; ``kind`` and ``data`` are worded by the page that shows it."""

    at: float
    kind: str
    data: dict[str, Any]


class ProcessBook:
    """Templates, instances and logs of one portal."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.connection = state.connection
        for statement in SCHEMA:
            self.connection.execute(statement)
        if not self.connection.execute("SELECT 1 FROM process_templates").fetchone():
            for template in examples():
                self.add_template(template)

    def now(self) -> float:
        """Return the portal's time, Unix seconds with a fraction."""
        return time.time() + float(self._state.settings["clock_shift"])

    # -- templates --------------------------------------------------------------------------

    def add_template(self, template: Template) -> int:
        """Write a template down, in place of one with the same name; returns its id.

        Running instances keep the program they started with.
        """
        self.connection.execute(
            "INSERT INTO process_templates (name, source) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET source = excluded.source",
            (template.name, template.model_dump_json(by_alias=True, exclude_none=True)),
        )
        row = self.connection.execute(
            "SELECT id FROM process_templates WHERE name = ?", (template.name,)
        ).fetchone()
        return int(row[0])

    def templates(self) -> dict[int, Template]:
        """Return every template by its id."""
        rows = self.connection.execute("SELECT id, source FROM process_templates ORDER BY id")
        return {number: Template.model_validate_json(source) for number, source in rows.fetchall()}

    def delete_template(self, number: int) -> bool:
        """Delete a template; False if there is none."""
        cursor = self.connection.execute("DELETE FROM process_templates WHERE id = ?", (number,))
        return cursor.rowcount > 0

    # -- instances --------------------------------------------------------------------------

    def get(self, instance_id: str) -> Instance | None:
        """Return an instance, running or not, or None."""
        found = self.select("id = ?", instance_id)
        return found[0] if found else None

    def running(self) -> list[Instance]:
        """Return the instances that have not ended, oldest first."""
        return self.select("state IN ('ready', 'waiting')")

    def newest(self, limit: int = 50) -> list[Instance]:
        """Return the instances started last, newest first."""
        return self.select("1 ORDER BY started_at DESC, rowid DESC LIMIT ?", limit)

    def select(self, where: str, *values: object) -> list[Instance]:
        """Return the instances that an SQL condition of the sandbox's own code finds."""
        columns = (
            "id, template_id, program, document_type, document_id, started_by, state, position, "
            "results, resume_at, started_at, modified_at"
        )
        query = f"SELECT {columns} FROM process_instances WHERE {where}"  # noqa: S608
        rows = self.connection.execute(query, values).fetchall()
        return [
            Instance(
                id=row[0],
                template_id=row[1],
                program=json.loads(row[2]),
                document=Document(row[3], row[4]),
                started_by=row[5],
                state=row[6],
                position=row[7],
                results=json.loads(row[8]),
                resume_at=row[9],
                started_at=row[10],
                modified_at=row[11],
            )
            for row in rows
        ]

    def log(self, instance_id: str) -> list[Entry]:
        """Return a process's log, oldest line first."""
        rows = self.connection.execute(
            "SELECT at, kind, data FROM process_log WHERE instance_id = ? ORDER BY id",
            (instance_id,),
        ).fetchall()
        return [Entry(at, kind, json.loads(data)) for at, kind, data in rows]

    def write(self, instance_id: str, kind: str, **data: Any) -> None:
        """Add a line to a process's log."""
        self.connection.execute(
            "INSERT INTO process_log (instance_id, at, kind, data) VALUES (?, ?, ?, ?)",
            (instance_id, self.now(), kind, json.dumps(data, ensure_ascii=False)),
        )
