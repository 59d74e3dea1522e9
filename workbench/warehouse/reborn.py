"""User fields that were deleted at the portal and made anew under the same name.

The values of the old one are gone there, but no record's change date says so.
"""

from __future__ import annotations

import json

from workbench.bitrix24.entities import USERFIELDS
from workbench.bitrix24.entity import Entity
from workbench.warehouse.generated import OWNERS, plain
from workbench.warehouse.store import Store, quoted


def forget_old_values(store: Store, entity: Entity) -> list[str]:
    """Drop the values of fields whose id is not the one that they had when they were last there.

    ``entity`` is one of the two lists of user fields, just stored. Returns the fields' names.
    """
    names = ("ID", "FIELD_NAME") if entity.name == USERFIELDS.name else ("id", "fieldName")
    number, name = map(quoted, names)
    rows = store.connection.execute(
        f"SELECT OWNER, {name}, {number} FROM raw.{quoted(entity.name)}"  # noqa: S608
        f" WHERE OWNER IS NOT NULL AND {name} IS NOT NULL AND {number} IS NOT NULL"
    ).fetchall()
    key = f"ids of {entity.name}"
    known = json.loads(store.info(key, "{}"))
    now = {f"{owner} {field}": each for owner, field, each in rows}
    reborn = [each for each, told in now.items() if known.get(each, told) != told]
    for each in reborn:
        owner, _space, field = each.partition(" ")
        table = OWNERS.get(owner, (owner, ""))[0]
        for column in store.columns(table):
            if plain(column) == plain(field):
                store.drop_column(table, column)
                break
    if known | now != known:
        store.set_info(key, json.dumps(known | now))
    return reborn
