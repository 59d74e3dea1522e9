"""The portal's SQLite file: how it is opened, its tables and indexes, and its own settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from workbench.bitrix24.sandbox.memory import communications
from workbench.bitrix24.sandbox.memory.fields import Entity
from workbench.errors import UsageError
from workbench.i18n import _
from workbench.settings import private_file

#: Of the file, as its ``user_version``; raised when earlier versions could not serve what this one
#: writes. Files of 0 have none. New tables, columns and indexes need no new number. From 2 on there
#: may be triggers that call the functions of `connected` (see `communications`).
VERSION = 2
SERVING = (
    "journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-65536",
)  # fmt: skip
# What is sorted for an index goes to the disk in pieces of this cache, not into memory whole.
SORTING = ("temp_store=FILE", "cache_size=-8192")


def connected(path: Path | None) -> sqlite3.Connection:
    """Open the portal's file, or memory; raises UsageError for one that is none or cannot be made.

    Within SQL, ``fold(text)`` is the text without case, ``telephone_tail(text)`` the digits by
    which telephone numbers are compared.
    """
    connection = None
    try:
        if path is not None and path.parent.is_dir() and not path.exists():
            private_file(path)  # and so what SQLite puts beside it
        connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512
        )
        if path is not None:
            _recognise(connection, path)
        # A new portal's: each page in memory has a tenth of 4,096 bytes on top, and a file is the
        # quicker to write the smaller they are.
        connection.execute(f"PRAGMA page_size={8_192 if path else 16_384}")
        for pragma in SERVING:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        if path is not None:
            private_file(path)  # one of an earlier version
    except (sqlite3.DatabaseError, OSError, UsageError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, UsageError):
            raise
        raise cannot_be_opened(path, error) from None
    connection.create_function(
        "fold", 1, lambda v: None if v is None else str(v).casefold(), deterministic=True
    )
    connection.create_function("telephone_tail", 1, communications.tail, deterministic=True)
    return connection


def cannot_be_opened(path: Path | None, error: Exception) -> UsageError:
    """The error that says why the portal's file is of no use."""
    return UsageError(
        _("The portal's file {file} cannot be opened: {reason}").format(
            file=path, reason=getattr(error, "strerror", None) or error
        ),
        hint=_("Choose a file that this command made, or a new one in a folder that exists."),
    )


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is another program's, or of a version that this one does not know."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and "portal_settings" not in tables:
        raise UsageError(
            _("{file} is a database, but no portal's.").format(file=path),
            hint=_("Choose a file that this command made, or a new one in a folder that exists."),
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise UsageError(
            _("{file} was made by a later version of this program.").format(file=path),
            hint=_("Update this installation, or choose another file."),
        )


def create_table(connection: sqlite3.Connection, entity: Entity) -> None:
    """Give an entity its table, unless it has one: its columns in order, then the JSON body."""
    parts = []
    for f in entity.columns:
        key = " PRIMARY KEY AUTOINCREMENT" if f.name == entity.key else ""
        parts.append(f'"{f.name}" {f.affinity}{key}')
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{entity.name}" ({", ".join(parts)}, body TEXT)'
    )
    # A file may be older than a field.
    there = {row[1] for row in connection.execute(f'PRAGMA main.table_info("{entity.name}")')}
    for f in entity.columns:
        if f.name not in there:
            connection.execute(f'ALTER TABLE "{entity.name}" ADD COLUMN "{f.name}" {f.affinity}')


def _indexes(entity: Entity) -> list[tuple[str, str]]:
    lists = [(f.name,) for f in entity.columns if f.index] + [tuple(i) for i in entity.indexes]
    return [
        (f"{entity.name}_{'_'.join(names).lower()}", ", ".join(f'"{n}"' for n in names))
        for names in lists
    ]


def create_indexes(connection: sqlite3.Connection, entity: Entity) -> None:
    """Give an entity's table its indexes, unless it has them, and take others from it.

    A file of an earlier version has others, and SQLite would choose by them.
    """
    declared = _indexes(entity)
    present = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
        (entity.name,),
    ).fetchall()
    for name in {name for (name,) in present} - {name for name, _columns in declared}:
        connection.execute(f'DROP INDEX main."{name}"')
    for name, columns in declared:
        connection.execute(
            f'CREATE INDEX IF NOT EXISTS main."{name}" ON "{entity.name}" ({columns})'
        )


def undo(connection: sqlite3.Connection) -> None:
    """End a transaction that failed, unless SQLite has done so itself, as on a full disk."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


@contextmanager
def filling(
    connection: sqlite3.Connection, entities: Iterable[Entity], attached: Path | None = None
) -> Iterator[None]:
    """One transaction in which much is written: no indexes meanwhile, no waiting for the disk.

    ``attached`` is another file to read within it, which need not be there yet.
    A process that dies within it leaves the file as it was before. (A machine that loses power
    within the next half minute may leave it broken, which a sandbox can afford.)
    """
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    # New pages need no undo: this journal writes each once, a write-ahead log twice. Refused while
    # somebody else has the file open.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=TRUNCATE")
    connection.execute("PRAGMA synchronous=OFF")
    in_memory = not connection.execute("PRAGMA database_list").fetchone()[2]
    for pragma in SORTING if in_memory else ():
        connection.execute(f"PRAGMA {pragma}")
    # Not possible once a transaction has begun. (What names no database reads all of them, and
    # whoever writes the attached one would wait.)
    if attached is not None:
        connection.execute("ATTACH ? AS attached", (str(attached),))
    connection.execute("BEGIN")
    try:
        communications.forget(connection)
        for entity in entities:
            for name, _columns in _indexes(entity):
                connection.execute(f'DROP INDEX IF EXISTS main."{name}"')
        yield
        for entity in entities:
            create_indexes(connection, entity)
        connection.execute("COMMIT")
    except BaseException:
        undo(connection)
        raise
    finally:
        if attached is not None:
            connection.execute("DETACH attached")
        connection.execute(f"PRAGMA journal_mode={journal}")
        for pragma in SERVING[1:]:
            connection.execute(f"PRAGMA {pragma}")


def copy_attached(connection: sqlite3.Connection, entity: Entity) -> None:
    """Copy a table from the attached file.

    Where both have the same columns and indexes SQLite does not look into the records
    (https://www.sqlite.org/src/file/src/insert.c, xferOptimization).
    """
    tables = [f'{file}."{entity.name}"' for file in ("main", "attached")]
    columns = [
        [row[1] for row in connection.execute(f'PRAGMA {file}.table_info("{entity.name}")')]
        for file in ("main", "attached")
    ]
    if columns[0] == columns[1]:
        connection.execute(f"INSERT INTO {tables[0]} SELECT * FROM {tables[1]}")  # noqa: S608
    else:  # a file of an earlier version has its later columns behind the body
        names = ", ".join(f'"{name}"' for name in columns[1])
        connection.execute(f"INSERT INTO {tables[0]} ({names}) SELECT {names} FROM {tables[1]}")  # noqa: S608


class Settings(MutableMapping[str, Any]):
    """The portal's own settings, kept as JSON: ``plan``, ``timezone``, ``member_id``, …"""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE TABLE IF NOT EXISTS portal_settings"
            " (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
        )
        self._values: dict[str, Any] = {
            key: orjson.loads(value)
            for key, value in connection.execute("SELECT key, value FROM portal_settings")
        }

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self._connection.execute(
            "INSERT OR REPLACE INTO portal_settings VALUES (?, ?)",
            (key, orjson.dumps(value).decode()),
        )

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._connection.execute("DELETE FROM portal_settings WHERE key = ?", (key,))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
