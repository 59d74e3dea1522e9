"""The portal's memory: SQLite, in memory or in a file, behind a small interface.

A file survives a restart. One process and one thread use it; every call is short.

Rows
    A row is a dict with the portal's old UPPER_CASE names and *native* values: ``int``, ``float``,
    ``str``, ``"Y"``/``"N"``, moments as ISO 8601 text with the portal's offset, dates as
    ``YYYY-MM-DD``, lists for multiple fields. `insert_many`, `add` and `update` also take what the
    portal would send (``"37"``, ``"19999.99"``), aware ``datetime`` and ``date`` objects, and unix
    seconds for moments (the quickest). Names of no declared field (``UF_CRM_…``,
    ``PARENT_ID_1036``) are kept as they are, in a JSON body. A missing value is NULL: bulk inserts
    apply no defaults and no side effects, so a seeder writes finished records.

The entities and their columns stand in `catalogue`.

Who changed what
    `State.add`, `update` and `delete` write one row and nothing else. `crm.add`, `crm.update` and
    `crm.delete` do what the portal does besides (defaults, stage history, DATE_MODIFY, semantics)
    and announce a `Change` to every callback of `on_change`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from workbench.bitrix24.sandbox.crm.smart_processes import smart_entity
from workbench.bitrix24.sandbox.memory.added_fields import with_added
from workbench.bitrix24.sandbox.memory.bulk import insert_columns, insert_rows, without_collector
from workbench.bitrix24.sandbox.memory.catalogue import ENTITIES
from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.memory.database import (
    Settings,
    connected,
    copy_attached,
    create_indexes,
    create_table,
    filling,
    undo,
)
from workbench.bitrix24.sandbox.memory.fields import (
    Clock,
    Entity,
    Field,
    Row,
    Unfit,
    to_native,
    to_stored,
)
from workbench.bitrix24.sandbox.memory.filters import expression, where
from workbench.bitrix24.sandbox.people.webhooks import Webhook, Webhooks

__all__ = ["Change", "State", "Webhook"]


def comparable(value: Any) -> Any:
    """A value to compare with; a number beyond SQLite's 64 bits as an endless one."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float("inf") if value > 0 else float("-inf")
    return value


class State:
    """One portal. ``path`` is a file, or None for memory."""

    def __init__(self, path: str | Path | None = None, *, timezone: str = "Europe/Paris") -> None:
        self.path = Path(path) if path else None
        self.connection = connected(self.path)
        self.settings = Settings(self.connection)
        self.settings.setdefault("timezone", timezone)
        self.settings.setdefault("plan", "standard")
        self.settings.setdefault("member_id", secrets.token_hex(16))
        self.settings.setdefault("clock_shift", 0)
        self.zone = ZoneInfo(self.settings["timezone"])
        self.clock = Clock(self.zone)
        self.entities: dict[str, Entity] = {}
        self.by_type: dict[int, Entity] = {}
        self._plans: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {}
        self._versions: dict[str, int] = {}
        self._counts: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._fields: dict[str, tuple[int, list[Field]]] = {}
        #: Statuses by directory, kept by `stages.directory`.
        self.directories: dict[str, Any] = {}
        #: Whose records each user may see, kept by `rights.colleagues`.
        self.circles: dict[Any, Any] = {}
        #: Whether a user sees few records of an entity, kept by `rights.readable`.
        self.shares: dict[Any, tuple[int, bool]] = {}
        #: What lists show of their entities' fields, kept by `records.selected`.
        self.selections: dict[Any, Any] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._hooks = Webhooks(self.connection)
        #: Set by the applications: access token → `methods.Caller`, or raises `methods.Refusal`.
        self.authorize: Callable[[str], Any] | None = None
        for entity in ENTITIES:
            self.declare(entity)
        self._declare_types()

    # -- entities -------------------------------------------------------------------------

    def declare(self, entity: Entity) -> None:
        """Give an entity its table and indexes, unless it has them."""
        create_table(self.connection, entity)
        name = entity.name
        self.entities[name] = entity
        if entity.type_id:
            self.by_type[entity.type_id] = entity
        self._plans[name] = [(f.name, to_stored(f, self.zone)) for f in entity.columns]
        self._versions.setdefault(name, 0)
        self._fields.pop(name, None)
        create_indexes(self.connection, entity)

    def _declare_types(self) -> None:
        for row in self.find("types"):
            type_id = row["ENTITY_TYPE_ID"]
            self.declare(smart_entity(f"items_{type_id}", type_id, number=row["ID"]))

    def fields(self, name: str) -> list[Field]:
        """The entity's fields, its user fields and the links to its records' parents."""
        entity = self.entities[name]
        if not entity.uf_entity:
            return list(entity.fields)
        written = self._versions
        version = written["user_fields"] + written["type_relations"] + written["types"]
        known = self._fields.get(name)
        if known is None or known[0] != version:
            above = {"CHILD_TYPE_ID": entity.type_id}
            fields = with_added(
                entity,
                self.find("user_fields", {"ENTITY_ID": entity.uf_entity}),
                [row["PARENT_TYPE_ID"] for row in self.find("type_relations", above)],
                self.find("types"),
            )
            known = self._fields[name] = (version, fields)
        return known[1]

    # -- bulk -----------------------------------------------------------------------------

    @contextmanager
    def bulk(self, attached: Path | None = None) -> Iterator[None]:
        """Insert much at once: one transaction, indexes built at the end.

        ``attached`` is a file for `copy_attached`, which need not be there yet.
        """
        known = dict(self.entities)
        try:
            with (
                filling(self.connection, self.entities.values(), attached),
                without_collector(),
            ):
                yield
        except BaseException:
            self._undone(known)
            raise

    def build_indexes(self) -> None:
        """Build the indexes before the end of `bulk`."""
        for entity in self.entities.values():
            create_indexes(self.connection, entity)

    def copy_attached(self, names: Iterable[str]) -> None:
        """Copy tables from the file that `bulk` was given; their indexes too if they are built."""
        for name in names:
            copy_attached(self.connection, self.entities[name])
            self._versions[name] += 1

    @contextmanager
    def whole(self, keeping: type[BaseException] | None = None) -> Iterator[None]:
        """Write all that is written within, or nothing; within another one, a part of it.

        What was written stays if it ends with the exception ``keeping``.
        """
        inner, known = self.connection.in_transaction, dict(self.entities)
        self.connection.execute("SAVEPOINT call" if inner else "BEGIN")
        try:
            yield
        except BaseException as error:
            if keeping and isinstance(error, keeping) and self.connection.in_transaction:
                self.connection.execute("RELEASE call" if inner else "COMMIT")
                raise
            if inner and self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO call")
                self.connection.execute("RELEASE call")
            else:
                undo(self.connection)
            self._undone(known)
            raise
        self.connection.execute("RELEASE call" if inner else "COMMIT")

    def _undone(self, known: Mapping[str, Entity]) -> None:
        """Forget what was declared, counted and looked up in a transaction that was undone."""
        self.entities = dict(known)
        self.by_type = {each.type_id: each for each in known.values() if each.type_id}
        for name in self._versions:
            self._versions[name] += 1

    def insert_many(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert finished rows, in one transaction; returns how many.

        No defaults, no side effects, no events. A row without key gets the next one. Multifields
        get their ids. `Columns` are the quickest. Raises ValueError for a value its column cannot
        hold.
        """
        entity, keepers = self.entities[name], self._plans[name]
        own = not self.connection.in_transaction
        if own:
            self.connection.execute("BEGIN")
        try:
            count = (
                insert_columns(self.connection, entity, dict(keepers), rows, self._numbered)
                if isinstance(rows, Columns)
                else insert_rows(self.connection, entity, keepers, rows, self._numbered)
            )
        except BaseException:
            if own:
                undo(self.connection)
            raise
        if own:
            self.connection.execute("COMMIT")
        self._versions[name] += 1
        if any(f.type == "crm_multifield" for f in entity.fields):
            self.settings["multifield"] = self.settings.get("multifield", 0)
        if name == "types":  # each has a table for its items
            self._declare_types()
        return count

    def _numbered(self, kind: str, values: Sequence[Mapping[str, Any]]) -> list[Row]:
        result = []
        last = self.settings.get("multifield", 0)
        for value in values:
            if not isinstance(value, dict):
                continue
            number = value.get("ID")
            if not number:
                last = number = last + 1
            result.append(
                {
                    "ID": str(number),
                    "VALUE_TYPE": str(value.get("VALUE_TYPE") or "WORK"),
                    "VALUE": str(value.get("VALUE", "")),
                    "TYPE_ID": kind,
                }
            )
        self.settings._values["multifield"] = last
        return result

    # -- one row --------------------------------------------------------------------------

    def add(self, name: str, row: Mapping[str, Any]) -> int:
        """Insert one row as it is; returns its key."""
        entity = self.entities[name]
        self.insert_many(name, [row])
        given = row.get(entity.key)
        if given is not None:
            return int(given)
        return int(self.connection.execute("SELECT last_insert_rowid()").fetchone()[0])

    def get(self, name: str, key: int) -> Row | None:
        """The row with this key, or None."""
        entity = self.entities[name]
        found = self.find(name, {entity.key: key}, limit=1)
        return found[0] if found else None

    def update(self, name: str, key: int, changes: Mapping[str, Any]) -> bool:
        """Write these values into one row; False if there is none."""
        entity = self.entities[name]
        plan = dict(self._plans[name])
        sets: list[str] = []
        values: list[Any] = []
        extra: Row = {}
        for column, value in changes.items():
            if column in plan:
                sets.append(f'"{column}" = ?')
                try:
                    values.append(None if value is None else plan[column](value))
                except (ValueError, TypeError, OverflowError) as error:
                    raise Unfit(column) from error
            else:
                field = entity.by_name.get(column)
                if field and field.type == "crm_multifield" and value is not None:
                    value = self._numbered(column, value)
                    self.settings["multifield"] = self.settings.get("multifield", 0)
                extra[column] = value
        if extra:
            sets.append("body = ?")
            values.append(self._body(entity, key, extra))
        if not sets:
            return self.get(name, key) is not None
        cursor = self.connection.execute(
            f'UPDATE "{name}" SET {", ".join(sets)} WHERE "{entity.key}" = ?',  # noqa: S608
            (*values, key),
        )
        self._versions[name] += 1
        return cursor.rowcount > 0

    def _body(self, entity: Entity, key: int, changes: Row) -> str:
        """A row's JSON body once these values are in the place of what was there."""
        query = f'SELECT body FROM "{entity.name}" WHERE "{entity.key}" = ?'  # noqa: S608
        found = self.connection.execute(query, (key,)).fetchone()
        body = {**(orjson.loads(found[0]) if found and found[0] else {}), **changes}
        return orjson.dumps({k: v for k, v in body.items() if v is not None}).decode()

    def delete(self, name: str, key: int) -> bool:
        """Delete one row; False if there is none."""
        entity = self.entities[name]
        cursor = self.connection.execute(f'DELETE FROM "{name}" WHERE "{entity.key}" = ?', (key,))  # noqa: S608
        self._versions[name] += 1
        return cursor.rowcount > 0

    def forget(self, name: str, key: str) -> None:
        """Take a value out of the JSON body of every row."""
        path = f'$."{key}"'
        change = f'UPDATE "{name}" SET body = json_remove(body, ?)'  # noqa: S608
        self.connection.execute(f"{change} WHERE json_type(body, ?) IS NOT NULL", (path, path))
        self._versions[name] += 1

    def delete_where(self, name: str, filter: Mapping[str, Any]) -> int:
        """Delete every row that a filter finds; returns how many."""
        sql, values = where(filter, self._names(name), self.zone, strict=True)
        cursor = self.connection.execute(f'DELETE FROM "{name}" WHERE {sql or "1"}', values)  # noqa: S608
        self._versions[name] += 1
        return cursor.rowcount

    # -- many rows ------------------------------------------------------------------------

    def _names(self, name: str) -> dict[str, Field]:
        # Hidden fields are hidden from clients, not from the sandbox's own code.
        return {f.name: _shown(f) for f in self.fields(name)}

    def find(
        self,
        name: str,
        filter: Mapping[str, Any] | None = None,
        *,
        order: Sequence[tuple[str, str]] | Mapping[str, str] = (),
        limit: int | None = None,
        offset: int = 0,
        after: int | None = None,
    ) -> list[Row]:
        """Rows in native form; ``filter`` as `filters` describes, ``after`` = keys above this one.

        Ordered by key unless ``order`` says otherwise. Raises `filters.BadFilter` for an unknown
        field.
        """
        entity = self.entities[name]
        sql, values = where(filter or {}, self._names(name), self.zone, strict=True)
        if after is not None:
            sql = f'{sql} AND "{entity.key}" > ?' if sql else f'"{entity.key}" > ?'
            values.append(after)
        columns = entity.columns
        rows = self.select(
            name, columns, sql, values, order=dict(order), limit=limit, offset=offset, body=True
        )
        convert = [(f.name, to_native(f, self.clock)) for f in columns]
        result = []
        for stored in rows:
            row = {
                column: value if change is None else change(value)
                for (column, change), value in zip(convert, stored, strict=False)
            }
            if stored[-1]:
                row.update(orjson.loads(stored[-1]))
            result.append(row)
        return result

    def select(
        self,
        name: str,
        columns: Sequence[Field],
        sql: str,
        values: Sequence[Any],
        *,
        order: Mapping[str, str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        body: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Stored tuples of ``columns`` (+ the JSON body), for the methods that write pages."""
        entity = self.entities[name]
        fields = {f.name: f for f in self.fields(name)}
        names = ", ".join(f'"{f.name}"' for f in columns)
        picked = ", ".join(part for part in (names, "body" if body else "") if part)
        picked = picked or f'"{entity.key}"'
        ordering = [
            f"{expression(fields[column])} {'DESC' if str(way).upper() == 'DESC' else 'ASC'}"
            for column, way in (order or {}).items()
        ]
        if entity.key not in (order or {}):
            ordering.append(f'"{entity.key}"')
        where = f" WHERE {sql}" if sql else ""
        query = f'SELECT {picked} FROM "{name}"{where} ORDER BY {", ".join(ordering)}'  # noqa: S608
        if limit is not None:
            query += f" LIMIT {int(limit)}"
            if offset:
                query += f" OFFSET {int(offset)}"
        return self.connection.execute(query, [comparable(v) for v in values]).fetchall()

    def count(self, name: str, filter: Mapping[str, Any] | None = None) -> int:
        """How many rows a filter finds (remembered until the next write)."""
        sql, values = where(filter or {}, self._names(name), self.zone, strict=True)
        return self.count_sql(name, sql, values)

    def count_sql(self, name: str, sql: str, values: Sequence[Any]) -> int:
        """`count` for a condition in SQL."""
        values = [comparable(value) for value in values]
        query = f'SELECT count(*) FROM "{name}"{" WHERE " + sql if sql else ""}'  # noqa: S608
        if len(values) > 100 or len(sql) > 4_000:  # long lists of ids are asked once
            return int(self.connection.execute(query, values).fetchone()[0])
        key = (name, sql, *values)
        # The condition may look into other tables, where the caller's rights come from.
        version = sum(n for table, n in self._versions.items() if table == name or table in sql)
        known = self._counts.get(key)
        if known is None or known[0] != version:
            if len(self._counts) > 2_000:
                self._counts.clear()
            count = int(self.connection.execute(query, values).fetchone()[0])
            known = self._counts[key] = (version, count)
        return known[1]

    def keepers(self, name: str) -> dict[str, Callable[[Any], Any]]:
        """The functions that take a value to its stored form, by column."""
        return dict(self._plans[name])

    def version(self, name: str) -> int:
        """A number that grows with every write to the entity."""
        return self._versions[name]

    # -- changes --------------------------------------------------------------------------

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call ``callback`` after every change that `announce` tells, in the order of adding."""
        self._listeners.append(callback)

    def announce(self, change: Change) -> None:
        """Tell the listeners that something happened."""
        for listener in self._listeners:
            listener(change)

    # -- people and doors -----------------------------------------------------------------

    def add_webhook(
        self, user_id: int, code: str | None = None, scopes: Iterable[str] = (), title: str = ""
    ) -> Webhook:
        """Make an incoming webhook; without ``code`` a random one. Replaces the same code."""
        return self._hooks.add(user_id, code, scopes, title)

    def webhooks(self) -> list[Webhook]:
        """Every incoming webhook."""
        return self._hooks.all()

    def webhook(self, user_id: int, code: str) -> Webhook | None:
        """The webhook of this user and code, or None."""
        return self._hooks.get(user_id, code)

    # -- time -----------------------------------------------------------------------------

    def timestamp(self) -> int:
        """Unix seconds on the portal's clock, which ``settings["clock_shift"]`` moves."""
        return int(time.time() + self.settings["clock_shift"])

    def now(self) -> datetime:
        """The portal's time, aware, in its zone."""
        return datetime.fromtimestamp(self.timestamp(), self.zone)

    def set_today(self, today: Any) -> None:
        """Let the portal's clock show this date at the present time of day."""
        here = datetime.now(self.zone)
        self.settings["clock_shift"] = int(
            timedelta(days=(today - here.date()).days).total_seconds()
        )

    def close(self) -> None:
        """Close the database."""
        self.connection.close()


def _shown(field: Field) -> Field:
    if not field.hidden:
        return field
    return replace(field, hidden=False)
