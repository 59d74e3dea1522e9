"""The snapshot inside the query service, cut to the rows of each scope.

The file is attached read-only to a database in memory; then access to anything else is shut off and
the settings are locked. Each scope has a schema of its own with one view per table that it may see,
and its statements see no other name: what is not declared here does not exist for it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from workbench.errors import AccessRefused, QueryError, ServiceUnavailable, WarehouseError
from workbench.i18n import _, format_number
from workbench.metrics.service.viewers import Scope
from workbench.warehouse.snapshots import (
    TABLE_READ,
    Snapshot,
    cannot_open,
    check_size,
    facts_of,
)

LARGEST_ANSWER = 256 * 1024 * 1024  # bytes of a frame
MOST_SCOPES = 200  # schemas kept; one more takes the place of the one used longest ago
VECTORS = 20  # of 2,048 rows each, fetched at a time

# Table → the rows of it that a scope may see, as SQL. `people` are the ids of its users.
_OWN_DEALS = "deal_id IN (SELECT deal_id FROM {own}.deals)"
_OWN_LEADS = "lead_id IN (SELECT lead_id FROM {own}.leads)"
_OWN_COMPANIES = (
    "company_id IN (SELECT company_id FROM {own}.deals UNION SELECT company_id FROM {own}.leads)"
)
_OWN_CONTACTS = (
    "contact_id IN (SELECT contact_id FROM {own}.deals UNION SELECT contact_id FROM {own}.leads)"
)
VISIBLE = {
    # Of the people themselves; a deal and a lead come first, others refer to them.
    "deals": "manager_id IN {people}",
    "leads": "manager_id IN {people}",
    "targets": "manager_id IN {people}",
    "activities": "responsible_id IN {people}",
    "calls": "user_id IN {people}",
    "tasks": "responsible_id IN {people}",
    "quotes": "manager_id IN {people}",
    # What belongs to their deals and leads.
    "deal_fields": _OWN_DEALS,
    "deal_contacts": _OWN_DEALS,
    "deal_products": _OWN_DEALS,
    "deal_reach": _OWN_DEALS,
    "deal_routes": _OWN_DEALS,
    "deal_stages": _OWN_DEALS,
    "deal_stage_stays": _OWN_DEALS,
    "invoices": _OWN_DEALS,
    "invoice_fields": "invoice_id IN (SELECT invoice_id FROM {own}.invoices)",
    "invoice_history": "invoice_id IN (SELECT invoice_id FROM {own}.invoices)",
    "lead_fields": _OWN_LEADS,
    "lead_responses": _OWN_LEADS,
    "customers": _OWN_COMPANIES,
    "company_fields": _OWN_COMPANIES,
    "contacts": _OWN_CONTACTS,
    "contact_fields": _OWN_CONTACTS,
    "contact_companies": "contact_id IN (SELECT contact_id FROM {own}.contacts)",
    # Directories, the same for everybody.
    **dict.fromkeys(("info", "sources", "user_fields", "calendar", "rates"), "true"),
    **dict.fromkeys(("stages", "stage_chances", "stage_limits"), "true"),
    **dict.fromkeys(("products", "departments", "users"), "true"),
}
# Columns that would tell of others' rows are empty.
EMPTIED = {
    "customers": ("first_won_on", "last_won_on", "won_deals", "won_amount_base"),
    "stage_chances": ("closed", "won"),
    "stage_limits": ("won_deals",),
    "sources": ("rows",),
    "users": ("email",),
}


class Reading:
    """One request at work: the tables it has read, and its end if nobody waits any more."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.until = seconds, time.monotonic() + seconds
        self.tables: set[str] = set()
        self.cancelled = False
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Let the time run from now on: what was before was waiting for a turn."""
        self.until = time.monotonic() + self.seconds

    def begin(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Note the cursor of a statement; raise if the request is over."""
        with self._lock:
            self._cursor = cursor
        self.check()

    def check(self) -> None:
        """Raise `ServiceUnavailable` if the request was cancelled or took too long."""
        if self.cancelled or time.monotonic() > self.until:
            raise self.too_long()

    def too_long(self) -> ServiceUnavailable:
        """Return the error of a query that took too long."""
        return ServiceUnavailable(
            _("The query took longer than {n} s and was stopped.").format(
                n=format_number(self.seconds)
            ),
            hint=_("Take a shorter period, fewer dimensions or a filter."),
        )

    def cancel(self) -> None:
        """End the statement that runs; the next one does not begin."""
        with self._lock:
            self.cancelled = True
            if self._cursor is not None:
                self._cursor.interrupt()


reading: ContextVar[Reading] = ContextVar("reading")


class Vault:
    """One snapshot file, opened for queries of many scopes."""

    def __init__(self, path: Path, *, memory: str, threads: int) -> None:
        self.path = path
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "python_enable_replacements": "false",
                "memory_limit": memory,
                "threads": str(threads),
                "temp_directory": "",  # a query that does not fit ends; it does not fill the disk
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
            },
        )
        quoted = str(path).replace("'", "''")
        try:
            self._connection.execute(f"ATTACH '{quoted}' AS data (READ_ONLY)")
            self.facts = facts_of(self._connection, "data.main.info")
            check_size(self._connection, "data", path)
        except (duckdb.Error, KeyError, ValueError, OSError) as error:
            raise cannot_open(path.stem, error) from error
        for statement in (
            f"SET GLOBAL TimeZone = '{self.facts['timezone']}'",
            "SET GLOBAL enable_external_access = false",
            "SET GLOBAL lock_configuration = true",
        ):
            self._connection.execute(statement)
        tables = self._connection.execute(
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE database_name = 'data'"
        )
        self.rows: dict[str, int] = dict(tables.fetchall())
        self._scoped: OrderedDict[str, ScopedSnapshot] = OrderedDict()
        self._made = 0
        self._lock = threading.Lock()

    def scoped(self, scope: Scope) -> ScopedSnapshot:
        """Return the snapshot as a scope sees it."""
        with self._lock:
            if scope.key not in self._scoped:
                self._scoped[scope.key] = ScopedSnapshot(self, scope, self._schema(scope))
                if len(self._scoped) > MOST_SCOPES:
                    _key, old = self._scoped.popitem(last=False)
                    if old.schema.startswith("memory."):
                        self.cursor().execute(f"DROP SCHEMA {old.schema} CASCADE")
            self._scoped.move_to_end(scope.key)
            return self._scoped[scope.key]

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own."""
        return self._connection.cursor()

    def _schema(self, scope: Scope) -> str:
        """Make the views of a scope; return the schema that holds them."""
        if scope.everything:
            return "data.main"
        self._made += 1
        own = f"memory.scope_{self._made}"
        cursor = self.cursor()
        cursor.execute(f"CREATE SCHEMA {own}")
        managers, departments = (
            ", ".join(str(int(each)) for each in ids) or "NULL"
            for ids in (scope.managers, scope.departments)
        )
        people = (
            f"(SELECT user_id FROM data.main.users WHERE user_id IN ({managers})"  # noqa: S608 - whole numbers
            f" OR department_id IN ({departments}))"
        )
        for table, condition in VISIBLE.items():
            if table not in self.rows:
                continue
            kept = condition.format(own=own, people=people)
            emptied = ", ".join(f'NULL AS "{name}"' for name in EMPTIED.get(table, ()))
            columns = f"* REPLACE ({emptied})" if emptied else "*"
            cursor.execute(
                f"CREATE VIEW {own}.{table} AS SELECT {columns} FROM data.main.{table} WHERE {kept}"  # noqa: S608
            )
        return own


class ScopedSnapshot(Snapshot):
    """A snapshot of which a scope sees its rows; statements belong to the `reading` at work."""

    def __init__(self, vault: Vault, scope: Scope, schema: str) -> None:
        self.id, self.path = vault.path.stem, vault.path
        self.take(vault.facts)
        self.scope, self.schema = scope, schema
        self._vault = vault

    @property
    def key(self) -> Hashable:
        """What tells the rows of this scope from any others."""
        return (self.path, self.scope.key)

    def execute(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Run one statement within the scope and the limits of the request."""
        now = reading.get()
        cursor = self._vault.cursor()
        now.begin(cursor)
        now.tables.update(TABLE_READ.findall(sql.lower()))
        try:
            cursor.execute(f"USE {self.schema}")
            return cursor.execute(sql, params)
        except duckdb.Error as error:
            raise self._told(error) from error

    def query(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the rows of a query, as `Snapshot.query` does, if they are not too many."""
        now = reading.get()
        cursor = self.execute(sql, params)
        chunks: list[pd.DataFrame] = []
        size = 0
        try:
            while True:
                chunk = cursor.fetch_df_chunk(VECTORS)
                if chunk.empty and chunks:
                    break
                chunks.append(chunk)
                now.check()
                size += int(chunk.memory_usage(index=False, deep=False).sum())
                if size > LARGEST_ANSWER:
                    raise QueryError(
                        _("The answer would be larger than {n} MB.").format(
                            n=LARGEST_ANSWER // 1024 // 1024
                        ),
                        hint=_("Take a shorter period, fewer dimensions or a filter."),
                    )
                if chunk.empty:
                    break
        except duckdb.Error as error:
            raise self._told(error) from error
        return pd.concat(chunks, ignore_index=True) if len(chunks) > 1 else chunks[0]

    def _told(self, error: duckdb.Error) -> WarehouseError | QueryError:
        """Return what the asker is told of an error of the database."""
        if isinstance(error, duckdb.InterruptException):
            return reading.get().too_long()
        if isinstance(error, duckdb.OutOfMemoryException):
            return ServiceUnavailable(
                _("The query needs more memory than it may take."),
                hint=_("Take a shorter period, fewer dimensions or a filter."),
            )
        if isinstance(error, duckdb.CatalogException) and not self.scope.everything:
            return AccessRefused(_("Your rights do not cover these records."))
        return QueryError(_("The query cannot be run: {reason}").format(reason=str(error).strip()))
