"""The writer's own file: raw rows, how far each entity is loaded, observed rates.

One process writes at a time (`Store.open` takes the lock). Rows and the progress they belong to
are committed in one transaction, so that a killed sync goes on where its last commit was.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from workbench.bitrix24.entities import ENTITIES, TYPES, USERFIELDS
from workbench.bitrix24.entity import Entity
from workbench.bitrix24.smart_processes import SmartProcess, smart_processes
from workbench.errors import SyncRunning, WarehouseError
from workbench.i18n import _
from workbench.settings import private_folder
from workbench.warehouse.state import STATE, Progress, quoted
from workbench.warehouse.ways import forget_ways, note_deals

MEMORY_LIMIT = "100MB"
OWNERS_AT_ONCE = 50_000
FILE = "sync.duckdb"

__all__ = ["Progress", "Store", "quoted"]


def moved_away(file: Path) -> str:
    """Return what to do about a writer's file that is damaged."""
    return _("Move {file} away; the next sync loads everything again.").format(file=file)


class Store:
    """The open writer's file. Use `Store.open`; close it, or leave its ``with`` block."""

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        self.folder = folder
        self._lock = lock
        self._forget()
        try:
            self.connection = duckdb.connect(
                str(folder / FILE),
                config={
                    "memory_limit": MEMORY_LIMIT,
                    "temp_directory": str(folder / "spill"),
                    # a chunk is too little to share out: a second thread doubles the work
                    "threads": 1,
                    # what waits for one is in memory; each compresses the last 122,880 rows anew
                    "checkpoint_threshold": "32MB",
                    # snapshots too: written in half the time, and read faster
                    "storage_compatibility_version": "latest",
                },
            )
        except duckdb.Error as error:
            lock.close()
            if os.strerror(errno.ENOSPC) in str(error):
                raise  # nothing is wrong with the file
            raise WarehouseError(
                _("The warehouse file cannot be opened: {reason}").format(reason=error),
                hint=moved_away(folder / FILE),
            ) from error
        self.connection.execute("SET preserve_insertion_order = false")
        self.connection.execute(STATE)
        self._know_columns()
        for entity in self.entities():
            self.ensure(entity.name, entity.fields)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open (or create) ``folder/sync.duckdb`` for writing.

        Raises `SyncRunning` if another process has it.
        """
        private_folder(folder)
        lock = (folder / "sync.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "?"
            lock.close()
            raise SyncRunning(
                _("Another sync is running (process {pid}).").format(pid=pid),
                hint=_("Wait until it has ended; readers keep the newest snapshot meanwhile."),
            ) from None
        try:
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
        except OSError as error:  # such as a full disk: it does not name the file
            error.filename = lock.name
            raise
        return cls(folder, lock)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give the lock back."""
        self.connection.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing for the block."""
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            self._forget()
            self._know_columns()  # columns added in the block are gone
            raise
        self.connection.execute("COMMIT")

    def _forget(self) -> None:
        """Let progress and facts be read again."""
        self._progress: dict[tuple[str, str], Progress] = {}
        self._info: dict[str, str | None] | None = None

    # What is read from the portal

    def smart_processes(self) -> tuple[SmartProcess, ...]:
        """Return the smart processes that the portal is known to have."""
        self.ensure(TYPES.name, TYPES.fields)
        cursor = self.connection.execute(f"SELECT * FROM raw.{TYPES.name}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        return smart_processes(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

    def entities(self) -> tuple[Entity, ...]:
        """Return every kind of record, those of the portal's smart processes included."""
        several = self.fields_of_several_values()
        own = tuple(entity.naming(several.get(entity.name, ())) for entity in ENTITIES)
        return own + tuple(e for p in self.smart_processes() for e in p.entities())

    def fields_of_several_values(self) -> dict[str, list[str]]:
        """Return the user fields that old lists leave out unless they are named, by entity."""
        self.ensure(USERFIELDS.name, USERFIELDS.fields)
        rows = self.connection.execute(
            "SELECT OWNER, FIELD_NAME FROM raw.userfields WHERE MULTIPLE = 'Y'"
            " AND OWNER IS NOT NULL AND starts_with(FIELD_NAME, 'UF_') ORDER BY ALL"
        ).fetchall()
        found: dict[str, list[str]] = {}
        for owner, name in rows:
            found.setdefault("companies" if owner == "company" else f"{owner}s", []).append(name)
        return found

    def belonging_to(self, owner: str) -> list[Entity]:
        """Return the kinds of record that go with a record of ``owner``."""
        return [entity for entity in self.entities() if entity.owner == owner]

    def take_smart_processes(self) -> None:
        """Make tables for new smart processes; drop those of processes that are gone."""
        current = {entity.name: entity for entity in self.entities()}
        for entity in current.values():
            self.ensure(entity.name, entity.fields)
        tables = self.connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'"
            " AND regexp_matches(table_name, '^smart_[0-9]+')"
            " AND database_name = current_database()"
        ).fetchall()
        for (name,) in tables:
            if name not in current:
                self.connection.execute(f"DROP TABLE raw.{quoted(name)} CASCADE")
                self.connection.execute("DELETE FROM state.progress WHERE entity = ?", [name])
                self._forget()
                self.connection.execute("DELETE FROM state.pending_owners WHERE entity = ?", [name])
                self._columns.pop(name, None)

    # Raw rows

    def _know_columns(self) -> None:
        """Look up the columns of every raw table at once."""
        rows = self.connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'raw'"
            " AND database_name = current_database() ORDER BY table_name, column_index"
        ).fetchall()
        self._columns: dict[str, list[str]] = {}
        for table, name in rows:
            self._columns.setdefault(table, []).extend([name] if name != "_id" else [])

    def columns(self, entity: str) -> list[str]:
        """Return the fields of a raw table, without ``_id``."""
        return self._columns.get(entity, [])

    def ensure(self, entity: str, fields: Sequence[str]) -> None:
        """Create the raw table, or add the columns that it lacks."""
        have = {name.lower() for name in self.columns(entity)}
        lacking = [name for name in fields if name.lower() not in have]
        known = entity in self._columns
        if not known or (len(lacking) > 1 and not self.count(entity)):
            # One statement for all: a new kind of record brings dozens.
            names = [*self.columns(entity), *lacking]
            listed = "".join(f", {quoted(name)} VARCHAR" for name in names)
            verb = "CREATE OR REPLACE" if known else "CREATE"
            self.connection.execute(f"{verb} TABLE raw.{quoted(entity)} (_id BIGINT{listed})")
        else:
            for name in lacking:
                self.connection.execute(
                    f"ALTER TABLE raw.{quoted(entity)} ADD COLUMN {quoted(name)} VARCHAR"
                )
        self._columns.setdefault(entity, []).extend(lacking)

    def drop_column(self, entity: str, column: str) -> None:
        """Forget all values of a field; its column comes back with the first new one."""
        self.connection.execute(f"ALTER TABLE raw.{quoted(entity)} DROP COLUMN {quoted(column)}")
        self._columns[entity].remove(column)

    @contextmanager
    def _staged(self, entity: str, rows: pa.Table) -> Iterator[tuple[list[str], str]]:
        """Give (columns, query) of ``rows`` with every column that the raw table has."""
        given = {name.lower(): name for name in rows.column_names}
        self.ensure(entity, [name for name in rows.column_names if name != "_id"])
        names = self.columns(entity)
        picked = ", ".join(
            f"{quoted(given[name.lower()])} AS {quoted(name)}"
            if name.lower() in given
            else f"NULL::VARCHAR AS {quoted(name)}"
            for name in names
        )
        self.connection.register("staged_rows", rows)
        try:
            yield names, f"SELECT _id, {picked} FROM staged_rows"  # noqa: S608
        finally:
            self.connection.unregister("staged_rows")

    def merge(self, entity: str, rows: pa.Table) -> int:
        """Insert or update rows by ``_id``; returns how many were new or different.

        Not by ``MERGE``: comparing some fifty columns in its join took 0.7 GB and seconds where
        2,500 rows were spread over 400,000. Set operations take next to nothing.
        """
        if not rows.num_rows:
            return 0
        table = f"raw.{quoted(entity)}"
        low, high = pc.min_max(rows.column("_id")).as_py().values()
        if self.is_empty(entity, low - 1, high):
            return self._insert(entity, rows)
        with self._staged(entity, rows) as (names, query):
            listed = ", ".join(quoted(name) for name in names)
            near = f"_id BETWEEN {low} AND {high}"
            self.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE fresh AS {query} EXCEPT SELECT _id, {listed}"  # noqa: S608
                f" FROM {table} WHERE {near} AND _id IN (SELECT _id FROM staged_rows)"
            )
            differs = f"{table} WHERE {near} AND _id IN (SELECT _id FROM fresh)"  # noqa: S608
            note_deals(self.connection, entity, f"(FROM fresh UNION ALL BY NAME FROM {differs})")
            self.connection.execute(f"DELETE FROM {differs}")  # noqa: S608
            result = self.connection.execute(
                f"INSERT INTO {table} (_id, {listed}) SELECT * FROM fresh"  # noqa: S608
            ).fetchone()
            self.connection.execute("DROP TABLE fresh")
        return int(result[0]) if result else 0

    def is_empty(self, entity: str, low: int, high: int) -> bool:
        """Whether no row is stored in ``(low, high]``."""
        inside = f"SELECT 1 FROM raw.{quoted(entity)} WHERE _id > ? AND _id <= ? LIMIT 1"  # noqa: S608
        return not self.connection.execute(inside, [low, high]).fetchone()

    def _insert(self, entity: str, rows: pa.Table) -> int:
        """Insert rows of which none is stored yet; returns how many."""
        with self._staged(entity, rows) as (names, query):
            listed = ", ".join(quoted(name) for name in names)
            note_deals(self.connection, entity, f"({query})")
            self.connection.execute(f"INSERT INTO raw.{quoted(entity)} (_id, {listed}) {query}")
        return int(rows.num_rows)

    def replace(self, entity: str, rows: pa.Table) -> int:
        """Make the table hold exactly ``rows``; returns how many were new, different or gone."""
        changed = self.merge(entity, rows)
        return changed + len(self.keep(entity, rows.column("_id")))

    def keep(
        self, entity: str, ids: pa.ChunkedArray, low: int = -(2**62), high: int = 2**62
    ) -> list[int]:
        """Delete what is stored in ``(low, high]`` and not among ``ids``; returns the gone ids."""
        self.connection.register("kept_ids", pa.table({"_id": ids}))
        try:
            gone = (
                f"raw.{quoted(entity)} WHERE _id > {int(low)} AND _id <= {int(high)}"  # noqa: S608
                " AND _id NOT IN (SELECT _id FROM kept_ids)"
            )
            note_deals(self.connection, entity, f"(FROM {gone})")
            rows = self.connection.execute(
                f"DELETE FROM {gone} RETURNING _id"  # noqa: S608
            ).fetchall()
        finally:
            self.connection.unregister("kept_ids")
        return [number for (number,) in rows]

    def delete_children(
        self, entity: str, owner: str, owners: Sequence[int], kept: pa.Table | None = None
    ) -> int:
        """Delete the rows of ``owners`` (by their column ``owner``), but for those in ``kept``."""
        self.connection.register("owner_ids", pa.table({"id": pa.array(owners, pa.int64())}))
        spared = kept.select(["_id"]) if kept else pa.table({"_id": pa.array([], pa.int64())})
        self.connection.register("kept_ids", spared)
        try:
            theirs = f"(SELECT id AS {quoted(owner)} FROM owner_ids)"  # noqa: S608
            note_deals(self.connection, entity, theirs)
            result = self.connection.execute(
                f"DELETE FROM raw.{quoted(entity)}"  # noqa: S608
                f" WHERE TRY_CAST({quoted(owner)} AS BIGINT) IN (SELECT id FROM owner_ids)"
                " AND _id NOT IN (SELECT _id FROM kept_ids)"
            ).fetchone()
        finally:
            self.connection.unregister("owner_ids")
            self.connection.unregister("kept_ids")
        return int(result[0]) if result else 0

    def add_pending(self, entity: str, owners: Sequence[int]) -> None:
        """Note owners whose children are to be read anew."""
        self.connection.register("owner_ids", pa.table({"id": pa.array(owners, pa.int64())}))
        self.connection.execute(
            "INSERT INTO state.pending_owners SELECT ?, id FROM owner_ids", [entity]
        )
        self.connection.unregister("owner_ids")

    def add_all_pending(self, entity: Entity) -> None:
        """Note every stored owner of an entity that was never read."""
        self.connection.execute(
            f"INSERT INTO state.pending_owners SELECT ?, _id FROM raw.{quoted(entity.owner)}",  # noqa: S608
            [entity.name],
        )

    def pending(self, entity: Entity, *, known: bool) -> Iterator[int]:
        """Yield the noted owners that still exist, ascending.

        Those of which children are stored (``known``), or the others. They may be struck off
        meanwhile: they are looked up some at a time.
        """
        after = -1
        while True:
            noted = self.connection.execute(
                "SELECT owner FROM state.pending_owners WHERE entity = ? AND owner > ?"
                " ORDER BY owner LIMIT ?",
                [entity.name, after, OWNERS_AT_ONCE],
            ).fetchall()
            if not noted:
                return
            low, after = noted[0][0], noted[-1][0]
            # Within these bounds: all ids of a large table at once took as much memory as it has.
            within = f"BETWEEN {int(low)} AND {int(after)}"
            its = f"TRY_CAST({quoted(entity.owner_field)} AS BIGINT)"
            children = f"SELECT {its} FROM raw.{quoted(entity.name)} WHERE {its} {within}"  # noqa: S608
            rows = self.connection.execute(
                "SELECT DISTINCT owner FROM state.pending_owners"  # noqa: S608
                f" WHERE entity = ? AND owner {within}"
                f" AND owner IN (SELECT _id FROM raw.{quoted(entity.owner)} WHERE _id {within})"
                f" AND (owner IN ({children})) IS {'' if known else 'NOT '}TRUE ORDER BY owner",
                [entity.name],
            ).fetchall()
            yield from (owner for (owner,) in rows)

    def count_pending(self, entity: str) -> int:
        """Return how many owners are noted; one may be noted several times."""
        row = self.connection.execute(
            "SELECT count(*) FROM state.pending_owners WHERE entity = ?", [entity]
        ).fetchone()
        return int(row[0]) if row else 0

    def clear_pending(self, entity: str, owners: Sequence[int]) -> None:
        """Strike owners off, their children are stored."""
        self.connection.register("owner_ids", pa.table({"id": pa.array(owners, pa.int64())}))
        self.connection.execute(
            "DELETE FROM state.pending_owners WHERE entity = ? AND owner BETWEEN ? AND ?"
            " AND owner IN (SELECT id FROM owner_ids)",
            [entity, min(owners), max(owners)],
        )
        self.connection.unregister("owner_ids")

    def forget_pending(self, entity: str) -> None:
        """Strike all owners off: everything has been read."""
        self.connection.execute("DELETE FROM state.pending_owners WHERE entity = ?", [entity])

    def unknown(self, entity: str, ids: Sequence[int]) -> list[int]:
        """Return those of ``ids`` that are not stored."""
        if not ids:
            return []
        self.connection.register("portal_ids", pa.table({"id": pa.array(ids, pa.int64())}))
        rows = self.connection.execute(
            f"SELECT id FROM portal_ids WHERE id NOT IN (SELECT _id FROM raw.{quoted(entity)}"  # noqa: S608
            f" WHERE _id BETWEEN {min(ids)} AND {max(ids)})"
        ).fetchall()
        self.connection.unregister("portal_ids")
        return [number for (number,) in rows]

    def forget(self) -> None:
        """Empty everything that came from the portal, but for the observed rates."""
        with self.transaction():
            for entity in self.entities():
                self.connection.execute(f"DELETE FROM raw.{quoted(entity.name)}")  # noqa: S608
            self.take_smart_processes()  # there is none now
            self.connection.execute("DELETE FROM state.progress WHERE source = 'bitrix24'")
            self._forget()
            self.connection.execute("DELETE FROM state.pending_owners")
            forget_ways(self.connection)

    def count(self, entity: str) -> int:
        """Return the number of raw rows."""
        row = self.connection.execute(f"SELECT count(*) FROM raw.{quoted(entity)}").fetchone()  # noqa: S608
        return int(row[0]) if row else 0

    def highest(self, entity: str) -> int:
        """Return the highest id, 0 if there is none."""
        row = self.connection.execute(
            f"SELECT coalesce(max(_id), 0) FROM raw.{quoted(entity)}"  # noqa: S608
        ).fetchone()
        return int(row[0]) if row else 0

    # Progress and facts

    def progress(self, entity: str, source: str = "bitrix24") -> Progress:
        """Return how far an entity is loaded."""
        if (source, entity) not in self._progress:
            row = self.connection.execute(
                "SELECT status, frontier, watermark, compared_on, last_sync, missing"
                " FROM state.progress WHERE source = ? AND entity = ?",
                [source, entity],
            ).fetchone()
            self._progress[source, entity] = Progress(*row) if row else Progress()
        return replace(self._progress[source, entity])

    def save(self, entity: str, progress: Progress, source: str = "bitrix24") -> None:
        """Store how far an entity is loaded."""
        self._progress[source, entity] = replace(progress)
        self._put("progress", {"source": source, "entity": entity}, vars(progress))

    def info(self, key: str, default: str = "") -> str:
        """Return a fact about the portal, e.g. ``timezone``."""
        if self._info is None:
            rows = self.connection.execute("SELECT key, value FROM state.info").fetchall()
            self._info = dict(rows)
        value = self._info.get(key)
        return default if value is None else str(value)

    def set_info(self, key: str, value: str) -> None:
        """Store a fact about the portal."""
        self._put("info", {"key": key}, {"value": value})
        if self._info is not None:
            self._info[key] = value

    def _put(self, table: str, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Update the row with ``key`` or insert it: faster by half than ``INSERT OR REPLACE``."""
        changed = ", ".join(f"{name} = ?" for name in values)
        found = " AND ".join(f"{name} = ?" for name in key)
        row = self.connection.execute(
            f"UPDATE state.{table} SET {changed} WHERE {found}",  # noqa: S608
            [*values.values(), *key.values()],
        ).fetchone()
        if not row or not row[0]:
            given = key | values
            self.connection.execute(
                f"INSERT INTO state.{table} ({', '.join(given)})"  # noqa: S608
                f" VALUES ({', '.join('?' * len(given))})",
                list(given.values()),
            )

    def base_currency(self) -> str:
        """Return the portal's base currency, else the most frequent one of its deals, else ""."""
        row: tuple[Any, ...] | None = self.connection.execute(
            "SELECT coalesce("
            " (SELECT min(CURRENCY) FROM raw.currencies WHERE upper(BASE) IN ('Y', '1', 'TRUE')),"
            " (SELECT mode(CURRENCY_ID) FROM raw.deals), '')"
        ).fetchone()
        return str(row[0]) if row else ""
