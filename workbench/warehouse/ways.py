"""What follows from the stage history, carried over from one snapshot to the next.

Every row of these tables belongs to one deal and follows from the rows of that deal and from the
stages of its pipelines. So only the deals whose rows changed since the last snapshot, and those of
pipelines whose stages changed, are computed anew; the rows of all others are copied from it. The
store notes the deals as their rows change (`note_deals`, in the same transaction).
"""
# ruff: noqa: S608 - every name in these statements stands in this file or in a model's

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from workbench.warehouse.models import Model, staging
from workbench.warehouse.ranges import in_parts
from workbench.warehouse.state import quoted

TABLES = ("deal_stage_stays", "deal_routes", "deal_reach", "deal_stages")
# Raw table → the column with the deal's id.
DEALS = {"deals": "_id", "deal_history": "OWNER_ID"}
SHARE = 0.3  # of the deals: where more have changed, all are computed anew
KEY = "ways carried over"  # state.info: snapshot, models and time zone that the notes start from

HISTORY = re.compile(r"\bstaging\.deal_history\b")
OWN = re.compile(r"\bsnapshot\.(deals|deal_stage_stays|deal_reach)\b")


def note_deals(connection: duckdb.DuckDBPyConnection, entity: str, rows: str) -> None:
    """Note the deals of rows that are about to change; ``rows`` follows FROM."""
    if entity in DEALS:
        column = quoted(DEALS[entity])
        connection.execute(
            f"INSERT INTO state.changed_deals SELECT DISTINCT TRY_CAST({column} AS BIGINT) AS id"
            f" FROM {rows}"
            " WHERE id IS NOT NULL AND EXISTS (SELECT 1 FROM state.info WHERE key = ?)",
            [KEY],
        )


def forget_ways(connection: duckdb.DuckDBPyConnection) -> None:
    """Have everything computed anew for the next snapshot."""
    connection.execute("DELETE FROM state.info WHERE key = ?", [KEY])
    connection.execute("DELETE FROM state.changed_deals")


def start_notes(
    connection: duckdb.DuckDBPyConnection, snapshot_id: str, version: str, timezone: str
) -> None:
    """Let the notes start anew: ``snapshot_id`` holds everything up to now."""
    forget_ways(connection)
    told = " ".join((snapshot_id, version, timezone))
    connection.execute("INSERT INTO state.info VALUES (?, ?)", [KEY, told])


class Ways:
    """The statements that make the tables of one snapshot, carried over where that is possible."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, is_attached: bool) -> None:
        self._connection = connection
        self._carries = is_attached
        self._is_ready = False

    def create(self, model: Model) -> Iterator[str]:
        """Yield the statements that create a model's table."""
        query = model.sql
        has_deals = model.name in ("deals", *TABLES)
        if self._carries and has_deals:
            self._prepare()
        if self._carries and model.name == "deals":
            query = HISTORY.sub("known_history", query)
        elif self._carries and model.name in TABLES:
            has_deals = False  # but those that changed, at once
            changed = HISTORY.sub("changed_history", query)
            changed = OWN.sub(r"(FROM snapshot.\1 SEMI JOIN changed USING (deal_id))", changed)
            query = (
                f"FROM previous.{model.name} ANTI JOIN changed USING (deal_id)"
                f" UNION ALL BY NAME ({changed})"
            )
        if has_deals:
            yield from in_parts(self._connection, model.name, query)
        else:
            yield f"CREATE TABLE snapshot.{model.name} AS {query}"

    def _prepare(self) -> None:
        """Bring together which deals have changed, and their history. Needs ``snapshot.stages``."""
        if self._is_ready:
            return
        run = self._connection.execute
        run(
            "CREATE OR REPLACE TEMP TABLE changed AS"
            " SELECT deal_id FROM state.changed_deals"
            " UNION SELECT deal_id FROM previous.deal_stage_stays WHERE pipeline_id IN ("
            "  SELECT pipeline_id FROM (FROM previous.stages EXCEPT FROM snapshot.stages)"
            "  UNION SELECT pipeline_id FROM (FROM snapshot.stages EXCEPT FROM previous.stages))"
        )
        sizes = run(
            "SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM previous.deals)"
        ).fetchone()
        changed, before = sizes or (1, 0)
        self._carries = changed <= before * SHARE
        self._is_ready = True
        if not self._carries:
            return
        # The raw rows first: casts are for those that are needed.
        run(
            "CREATE OR REPLACE TEMP TABLE changed_raw_history AS FROM raw.deal_history WHERE _id IN"
            " (SELECT _id FROM raw.deal_history"
            " WHERE TRY_CAST(OWNER_ID AS BIGINT) IN (FROM changed))"
        )
        cast = staging()["deal_history"].replace("raw.deal_history", "changed_raw_history")
        run(f"CREATE OR REPLACE TEMP TABLE changed_history AS {cast}")
        run("DROP TABLE changed_raw_history")
        run(
            "CREATE OR REPLACE TEMP VIEW known_history AS"
            " SELECT deal_id, stage_id, entered_at FROM changed_history UNION ALL"
            " SELECT deal_id, stage_id, entered_at FROM previous.deal_stage_stays"
            " ANTI JOIN changed USING (deal_id) WHERE history_id > 0"
        )


@contextmanager
def ways(
    connection: duckdb.DuckDBPyConnection, folder: Path, version: str, timezone: str
) -> Iterator[Ways]:
    """Give what makes the tables, with the snapshot attached that the notes start from.

    Without notes, without that snapshot, or with other models or another time zone, everything is
    computed from all rows.
    """
    row = connection.execute("SELECT value FROM state.info WHERE key = ?", [KEY]).fetchone()
    snapshot_id, *made = str(row[0]).split(" ") if row else ("",)
    file = folder / f"{snapshot_id}.duckdb"
    is_attached = made == [version, timezone] and file.exists()
    if is_attached:
        escaped = str(file).replace("'", "''")
        try:
            connection.execute(f"ATTACH '{escaped}' AS previous (READ_ONLY)")
        except duckdb.Error:  # it is damaged
            is_attached = False
    try:
        yield Ways(connection, is_attached)
    finally:
        for kind, name in (
            ("VIEW", "known_history"),
            ("TABLE", "changed_history"),
            ("TABLE", "changed_raw_history"),
            ("TABLE", "changed"),
        ):
            connection.execute(f"DROP {kind} IF EXISTS temp.main.{name}")
        if is_attached:
            connection.execute("DETACH previous")
