"""Records that refer to contacts and companies which are gone.

The portal unbinds them without changing their dates. They are noted in the transaction that
deletes what they refer to, and read anew by their ids in the same sync; so are their links.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from workbench.bitrix24.entities import COMPANIES, CONTACTS
from workbench.bitrix24.entity import Entity
from workbench.warehouse.store import Store, quoted

# The columns that hold an id of theirs, and those that hold several.
COLUMNS = {
    CONTACTS.name: (("CONTACT_ID", "contactId"), ("contactIds",)),
    COMPANIES.name: (("COMPANY_ID", "companyId", "mycompanyId"), ("companyIds",)),
}


def note_referring(store: Store, entity: Entity, gone: Sequence[int]) -> None:
    """Note which records are to be read anew, now that ``gone`` of an entity are no more."""
    if not gone or entity.name not in COLUMNS:
        return
    one, several = COLUMNS[entity.name]
    store.connection.register("gone_ids", pa.table({"id": pa.array(gone, pa.int64())}))
    try:
        for kind in store.entities():
            if kind.paging != "changed" and kind.owner_field != kind.key:
                continue
            for column in store.columns(kind.name):
                if column in one:
                    held = f"TRY_CAST({quoted(column)} AS BIGINT)"
                elif column in several:
                    held = f"unnest(TRY_CAST({quoted(column)} AS BIGINT[]))"
                else:
                    continue
                store.connection.execute(
                    "INSERT INTO state.pending_owners SELECT DISTINCT ?, _id"  # noqa: S608
                    f" FROM (SELECT _id, {held} AS held FROM raw.{quoted(kind.name)})"
                    " WHERE held IN (SELECT id FROM gone_ids)",
                    [kind.name],
                )
    finally:
        store.connection.unregister("gone_ids")


def referring(store: Store, entity: Entity) -> list[int]:
    """Return the ids of an entity's records that are noted, and still there."""
    rows = store.connection.execute(
        "SELECT DISTINCT owner FROM state.pending_owners AS noted"  # noqa: S608
        f" JOIN raw.{quoted(entity.name)} AS stored ON stored._id = noted.owner"
        " WHERE noted.entity = ? ORDER BY owner",
        [entity.name],
    ).fetchall()
    return [number for (number,) in rows]
