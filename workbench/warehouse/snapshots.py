"""Reading a published snapshot: one file that never changes, opened read-only.

The connection can do nothing else: access to other files is off and its settings are locked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from workbench.errors import AccessRefused, NoSnapshot, QueryError, WarehouseError
from workbench.i18n import _
from workbench.settings import settings
from workbench.warehouse.publish import checked_file, snapshot_files
from workbench.warehouse.records import checked_read

if TYPE_CHECKING:
    import pandas as pd

MEMORY_LIMIT = "500MB"
HEADERS = 3 * 4096  # bytes of a DuckDB file before its blocks
TABLE_READ = re.compile(r'\b(?:from|join)\s+"?([a-z_]+)')
_SETTINGS = threading.Lock()


class Snapshot:
    """One state of the company's data.

    ``id``, ``path``; ``portal`` (host), ``portal_url`` (``https://host``, for links);
    ``base_currency`` (ISO code); ``timezone`` (IANA name); ``as_of`` (aware, UTC): the moment up
    to which the portal's changes are in. ``passed_over``: ids of newer ones that are damaged.
    """

    passed_over: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.id = path.stem
        self.path = path
        try:
            self._connection = duckdb.connect(
                str(path),
                read_only=True,
                config={
                    "enable_external_access": "false",
                    "python_enable_replacements": "false",
                    "memory_limit": MEMORY_LIMIT,
                },
            )
            check_size(self._connection, path.stem, path)
            self.take(facts_of(self._connection, "info"))
        except (duckdb.Error, KeyError, ValueError, OSError) as error:
            raise cannot_open(self.id, error) from error
        # Connections of one process to one file share its settings, which the first one locks.
        with _SETTINGS:
            locked = "SELECT current_setting('lock_configuration')"
            if self._connection.execute(locked).fetchone() == (False,):
                self._connection.execute(f"SET GLOBAL TimeZone = '{self.timezone}'")
                self._connection.execute("SET lock_configuration = true")
        self._read: set[str] = set()  # tables that the statements named

    def take(self, facts: Mapping[str, str]) -> None:
        """Set the attributes from the facts that the file holds."""
        self.portal, self.portal_url = facts["portal"], facts["portal_url"]
        self.base_currency, self.timezone = facts["base_currency"], facts["timezone"]
        self.as_of = datetime.fromisoformat(facts["as_of"])

    @property
    def key(self) -> Hashable:
        """What tells this data from any other, for whoever keeps answers."""
        return self.path

    @property
    def warning(self) -> str:
        """What is to be told beside every figure, in the reader's language; mostly empty."""
        return damage(self.passed_over)

    @property
    def checked_at(self) -> datetime:
        """The last moment (aware, UTC) at which a sync found nothing newer; at least ``as_of``."""
        try:
            text = checked_file(self.path).read_text("utf-8")
            return max(datetime.fromisoformat(text), self.as_of)
        except (OSError, ValueError, TypeError):
            return self.as_of

    def __repr__(self) -> str:
        return f"Snapshot({self.id!r})"

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def execute(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Run one statement on a connection of its own (safe from several threads)."""
        self._read.update(TABLE_READ.findall(sql.lower()))
        try:
            return self._connection.cursor().execute(sql, params)
        except duckdb.Error as error:
            raise _refused(error) from error

    def query(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the rows of a query; values go in as ``params`` (``?`` or ``$name``).

        Decimals come as float64, days as datetime64 (midnight), moments as datetime64 in the
        portal's time zone. Raises `QueryError`.
        """
        try:
            return self.execute(sql, params).df()
        except duckdb.Error as error:  # rows are computed while they are fetched
            raise _refused(error) from error

    def read(self, name: str, **values: int | date) -> pd.DataFrame:
        """Return the rows of one of `workbench.warehouse.records.READS`; raises `QueryError`."""
        return self.query(checked_read(name, values).sql, values or None)

    @property
    def tables_read(self) -> dict[str, int]:
        """The tables that have been asked so far, and how many rows each has."""
        tables = self._connection.cursor().execute(
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE NOT internal"
        )
        return {name: rows for name, rows in tables.fetchall() if name in self._read}

    @property
    def rows_read(self) -> int:
        """Rows of the tables that have been asked so far, each table counted once."""
        return sum(self.tables_read.values())

    def sources(self) -> pd.DataFrame:
        """Return what is loaded and how well, one row per source and entity.

        Columns: source, entity, status (complete, partial, stale, denied, failed, not loaded),
        rows, loaded_from, loaded_to (days of creation), last_sync, missing (the right, scope or
        file that is missing), label (the portal's own name of a smart process), changed_at (when a
        file's rows last changed, null for the portal's entities).
        """
        return self._sources.copy()

    @cached_property
    def _sources(self) -> pd.DataFrame:
        return self.read("sources")


def _refused(error: duckdb.Error) -> QueryError:
    return QueryError(_("The query cannot be run: {reason}").format(reason=str(error).strip()))


def facts_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return what a snapshot says of itself; ``table``: its table `info`."""
    return dict(connection.execute(f"SELECT key, value FROM {table}").fetchall())  # noqa: S608 - ours


def check_size(connection: duckdb.DuckDBPyConnection, name: str, file: Path) -> None:
    """Raise `ValueError` if the end of a file is missing: queries would fail one by one otherwise.

    ``name``: that of its database within the connection.
    """
    sizes = "SELECT block_size * total_blocks FROM pragma_database_size() WHERE database_name = ?"
    row = connection.execute(sizes, [name]).fetchone()
    size = file.stat().st_size
    if row and size < (whole := HEADERS + row[0]):
        raise ValueError(f"{size} of {whole} bytes")


def cannot_open(snapshot_id: str, reason: object) -> WarehouseError:
    """Return the error for a snapshot that cannot be opened."""
    return WarehouseError(
        _("Snapshot {id} cannot be opened: {reason}").format(id=snapshot_id, reason=reason),
        hint=_("Choose another one, or run `workbench sync`."),
    )


def damage(passed_over: Sequence[str]) -> str:
    """Return what is told of newer snapshots that are damaged; empty without any."""
    if not passed_over:
        return ""
    return _(
        "The newest data (snapshot {id}) are damaged and cannot be read. "
        "These are the last ones before them; the next sync puts it right."
    ).format(id=passed_over[0])


def snapshots_dir() -> Path:
    """Return the folder of the published snapshots."""
    return settings().home_dir / "warehouse" / "snapshots"


def open_snapshot(snapshot_id: str) -> Snapshot:
    """Open the snapshot with this id; raises `NoSnapshot` if it is not there."""
    _may_open()
    folder = snapshots_dir()
    known = {file.stem: file for file in snapshot_files(folder)}
    if snapshot_id not in known:
        raise NoSnapshot(
            _("There is no snapshot {id}.").format(id=snapshot_id),
            hint=_("Kept are: {ids}.").format(ids=", ".join(known) or _("none")),
        )
    snapshot = Snapshot(known[snapshot_id])
    # A run is pinned to what was the newest one that could be read.
    newer = [file for name, file in known.items() if name > snapshot_id]
    snapshot.passed_over = tuple(file.stem for file in reversed(newer) if is_damaged(file))
    return snapshot


def _may_open() -> None:
    """Raise `AccessRefused` in a process that is to ask the query service."""
    if settings().queries is not None:
        raise AccessRefused(
            _("This process does not open the data itself; it asks the query service."),
            hint=_("Use workbench.query, or the page’s own functions."),
        )


def is_damaged(file: Path) -> bool:
    """Tell whether a published snapshot is there and cannot be opened."""
    try:
        Snapshot(file).close()
    except WarehouseError:
        return file.exists()
    return False


def newest_snapshot() -> Snapshot:
    """Open the newest snapshot that can be read, or the one that ``WORKBENCH_SNAPSHOT`` names.

    Raises `NoSnapshot` if nothing has been synced yet, `WarehouseError` if none can be read.
    """
    _may_open()
    pinned = settings().snapshot
    if pinned:
        return open_snapshot(pinned)
    for _attempt in range(3):
        files = snapshot_files(snapshots_dir())
        damaged: list[WarehouseError] = []
        for file in reversed(files):
            try:
                snapshot = Snapshot(file)
            except WarehouseError as error:
                if not file.exists():
                    break  # it was the oldest one kept when we looked, and is gone: look again
                damaged.append(error)
                continue
            snapshot.passed_over = tuple(each.stem for each in files[::-1][: len(damaged)])
            return snapshot
        else:
            if damaged:
                raise damaged[0]
            break
    raise nothing_yet()


def nothing_yet() -> NoSnapshot:
    """Return the error for data of which there is nothing yet."""
    return NoSnapshot(
        _("Nothing has been synced yet."),
        hint=_("Run `workbench sync`, or `workbench demo` for a company to try it on."),
    )
