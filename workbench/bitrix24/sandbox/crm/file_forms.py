"""Files of user fields as the old and the universal methods send them, with their addresses.

``downloadUrl`` and ``urlMachine`` are signed for whom they are sent to; ``showUrl`` and ``url`` are
for people who are logged in.
Source: api-reference/files/how-to-download-files; real answers of crm.deal.get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from workbench.bitrix24.sandbox.crm.file_fields import ids_of
from workbench.bitrix24.sandbox.disk import disk_links
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.bitrix24.sandbox.rest.methods import Call

MODULE = "crm"  # of the addresses
DOOR = "crm.controller.item.getFile"


def show_old(call: Call, entity: Entity, rows: Sequence[Row], fields: Iterable[Field]) -> None:
    """Put files in the old form in the place of their ids."""
    path = f"/bitrix/components/bitrix/crm.{entity.event.lower() or entity.name}.show/show_file.php"

    def form(record: Any, field: Field, number: int) -> Row:
        query = {"ownerId": record, "fieldName": field.name, "dynamic": "Y", "fileId": number}
        auth = disk_links.token(call.state, MODULE, DOOR, _meant(call, number))
        return {
            "id": number,
            "showUrl": f"{path}?{urlencode(query)}",
            "downloadUrl": f"{path}?{urlencode({'auth': auth, **query})}",
        }

    _show(rows, entity.key, {f.name: f for f in fields if f.keeps_files}, form)


def show_universal(
    call: Call, entity: Entity, rows: Sequence[Row], names: Mapping[str, Field]
) -> None:
    """Put files in the universal form in the place of their ids."""
    portal = call.portal

    def form(record: Any, field: Field, number: int) -> Row:
        query = {
            "action": DOOR,
            "SITE_ID": "s1",
            "entityTypeId": entity.type_id,
            "id": record,
            "fieldName": field.name,
            "fileId": number,
        }
        return {
            "id": number,
            "url": f"{portal.base_url}/bitrix/services/main/ajax.php?{urlencode(query)}",
            "urlMachine": disk_links.signed(portal, MODULE, DOOR, _meant(call, number)),
        }

    _show(rows, "id", {n: f for n, f in names.items() if f.keeps_files}, form)


def _meant(call: Call, number: int) -> Row:
    return {"user": call.caller.user_id, "id": number}


def _show(
    rows: Sequence[Row],
    key: str,
    fields: Mapping[str, Field],
    form: Callable[[Any, Field, int], Row],
) -> None:
    for row in rows if fields else ():
        for name in fields.keys() & row.keys():
            field = fields[name]
            files = [form(row[key], field, number) for number in ids_of(row[name])]
            row[name] = files if field.multiple else next(iter(files), None)
