"""From the writer's file to an immutable snapshot.

The models are built into a hidden file beside the snapshots, which is synced to disk and renamed
to its final name; readers see either the old newest snapshot or the new one, never a half.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from workbench.bitrix24.entities import ENTITIES
from workbench.bitrix24.entity import Entity
from workbench.settings import write_whole
from workbench.sources.calendar import read_calendar
from workbench.warehouse.files import put_calendar
from workbench.warehouse.generated import field_tables, raw_views
from workbench.warehouse.models import models, staging, unparsed_query
from workbench.warehouse.retention import drop_others
from workbench.warehouse.store import MEMORY_LIMIT, Store, quoted
from workbench.warehouse.ways import Ways, start_notes, ways

BUILDING = ".building"
# Tried one after the other, from what sufficed last time on: most of what is built goes to disk
# where it does not fit, not all.
MEMORY = ("150MB", "200MB", "400MB", "800MB", "1600MB", "3200MB")


def snapshot_files(folder: Path) -> list[Path]:
    """Return the published snapshots, oldest first."""
    return sorted(file for file in folder.glob("*.duckdb") if not file.name.startswith("."))


def new_id(folder: Path, now: datetime) -> str:
    """Return an id like ``20261124T081530Z-1a2b3c``, higher than every id of ``folder``."""
    files = snapshot_files(folder)
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if files and files[-1].stem[:16] >= stamp:  # same second, or the clock was set back
        newest = datetime.strptime(files[-1].stem[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        stamp = f"{newest + timedelta(seconds=1):%Y%m%dT%H%M%SZ}"
    return f"{stamp}-{secrets.token_hex(3)}"


def sync_to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prepare_staging(store: Store, as_of: datetime) -> None:
    """Set the variables that the queries read and (re)create the staging views."""
    connection = store.connection
    timezone = store.info("timezone", "UTC")
    connection.execute(f"SET TimeZone = '{timezone}'")
    connection.execute("SET VARIABLE timezone = ?", [timezone])
    connection.execute("SET VARIABLE base_currency = ?", [store.base_currency()])
    connection.execute("SET VARIABLE as_of = ?", [as_of])
    put_calendar(store, read_calendar(), as_of)
    for name, sql in raw_views(store).items():
        connection.execute(f"CREATE OR REPLACE VIEW raw.{name} AS {sql}")
    for name, sql in staging().items():
        if name == "macros":
            connection.execute(sql)
        else:
            connection.execute(f"CREATE OR REPLACE VIEW staging.{name} AS {sql}")


def sources_query(entities: Sequence[Entity] = ENTITIES) -> str:
    """Return the query for the snapshot's ``sources`` table (one row per source and entity).

    ``label`` is the portal's own name of what it made itself, else NULL; ``changed_at`` when a
    file's rows last differed from those before, NULL for the portal's entities.
    """

    loaded = [
        f"SELECT 'bitrix24' AS source, '{entity.name}' AS entity, "  # noqa: S608
        + ("'" + entity.label.replace("'", "''") + "'" if entity.label else "NULL::VARCHAR")
        + " AS label, count(*) AS rows, "
        + (
            f'local_day(min(as_time("{entity.created}"))) AS loaded_from,'
            f' local_day(max(as_time("{entity.created}"))) AS loaded_to'
            if entity.created
            else "NULL::DATE AS loaded_from, NULL::DATE AS loaded_to"
        )
        + f" FROM raw.{entity.name}"
        for entity in entities
    ]
    loaded.append(
        "SELECT 'marketing_spend', 'marketing_spend', NULL, count(*), min(month),"
        " last_day(max(month)) FROM external.marketing_spend"
    )
    loaded.append(
        "SELECT 'targets', 'targets', NULL, count(*), min(month), last_day(max(month))"
        " FROM external.targets"
    )
    loaded.append(
        "SELECT 'accounting_documents', 'accounting_documents', NULL, count(*), min(date),"
        " max(date) FROM external.accounting_documents"
    )
    loaded.append(
        "SELECT 'rates', 'rates', NULL, count(*), min(valid_from), max(valid_from)"
        " FROM external.rates"
    )
    return (
        "SELECT loaded.source, loaded.entity, coalesce(progress.status, 'not loaded') AS status,"  # noqa: S608
        " loaded.rows, loaded.loaded_from, loaded.loaded_to, progress.last_sync,"
        " progress.missing, loaded.label, CASE WHEN loaded.source <> 'bitrix24'"
        " THEN TRY_CAST(progress.watermark AS TIMESTAMPTZ) END AS changed_at FROM ("
        + " UNION ALL ".join(loaded)
        + ") AS loaded"
        " LEFT JOIN state.progress AS progress USING (source, entity)"
        " WHERE source NOT IN ('rates', 'targets', 'accounting_documents')"
        " OR progress.status <> 'not loaded'"
    )


def checked_file(snapshot: Path) -> Path:
    """Return the file beside a snapshot that says when it was last found to be up to date."""
    return snapshot.with_suffix(".checked")


def mark_checked(snapshot: Path, moment: datetime) -> None:
    """Note that nothing has changed at the sources up to ``moment`` (aware)."""
    write_whole(checked_file(snapshot), moment.astimezone(UTC).isoformat())


def publish(
    store: Store, as_of: datetime, *, version: str = "1", referred: Collection[str] = ()
) -> str:
    """Build a snapshot of the store's present state and publish it; returns its id.

    ``as_of`` (aware) is the moment up to which the portal's changes are in. Older ones go,
    as `retention` says; ``referred`` are ids that stay.
    """
    folder = store.folder / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"*{BUILDING}*"):
        leftover.unlink()
    snapshot_id = new_id(folder, datetime.now(UTC))
    building = folder / f".{snapshot_id}{BUILDING}"
    sufficed = store.info("publishing memory")
    for limit in MEMORY[MEMORY.index(sufficed) if sufficed in MEMORY else 0 :]:
        store.connection.execute(f"SET memory_limit = '{limit}'")
        try:
            build(store, as_of, building, version)
            store.set_info("publishing memory", limit)
            break
        except BaseException as error:
            for leftover in folder.glob(f"{building.name}*"):  # on a full disk it takes the room
                leftover.unlink()
            if not isinstance(error, duckdb.OutOfMemoryException) or limit == MEMORY[-1]:
                raise
        finally:
            store.connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
    sync_to_disk(building)
    building.rename(folder / f"{snapshot_id}.duckdb")
    sync_to_disk(folder)
    with store.transaction():
        start_notes(store.connection, snapshot_id, version, store.info("timezone", "UTC"))
    drop_others(snapshot_files(folder), datetime.now(UTC), referred)
    return snapshot_id


def build(store: Store, as_of: datetime, building: Path, version: str) -> None:
    """Write a snapshot into a file that is not there yet."""
    connection = store.connection
    prepare_staging(store, as_of)
    timezone = store.info("timezone", "UTC")
    with ways(connection, building.parent, version, timezone) as carried:
        _build(store, as_of, building, version, carried)


def _build(store: Store, as_of: datetime, building: Path, version: str, carried: Ways) -> None:
    connection = store.connection
    connection.execute(f"ATTACH '{str(building).replace(chr(39), chr(39) * 2)}' AS snapshot")
    try:
        connection.execute("BEGIN")
        for model in models():
            for statement in carried.create(model):
                connection.execute(statement)
        unparsed = unparsed_query()
        for table in field_tables(store):
            connection.execute(f"CREATE TABLE snapshot.{table.name} AS {table.sql}")
            for column, label in table.labels.items():
                comment = "'" + label.replace("'", "''").replace("\0", "") + "'"
                connection.execute(
                    f"COMMENT ON COLUMN snapshot.{table.name}.{quoted(column)} IS {comment}"
                )
            unparsed = "\nUNION ALL\n".join([unparsed, *table.unparsed])
        connection.execute(f"CREATE TABLE snapshot.unparsed AS {unparsed}")
        sources = sources_query(store.entities())
        connection.execute(f"CREATE TABLE snapshot.sources AS {sources}")
        connection.execute("CREATE TABLE snapshot.info (key VARCHAR, value VARCHAR)")
        facts = {
            "snapshot": building.name.removesuffix(BUILDING).removeprefix("."),
            "portal": store.info("portal"),
            "portal_url": store.info("portal_url"),
            "timezone": store.info("timezone", "UTC"),
            "base_currency": store.base_currency(),
            "as_of": as_of.astimezone(UTC).isoformat(),
            "models": version,
        }
        connection.executemany("INSERT INTO snapshot.info VALUES (?, ?)", list(facts.items()))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        connection.execute("DETACH snapshot")
        raise
    connection.execute("DETACH snapshot")
