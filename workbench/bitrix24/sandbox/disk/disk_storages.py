"""Methods over the storages of the disk: disk.storage.*. Source: api-reference/disk/storage."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import ordering, written_page
from workbench.bitrix24.sandbox.disk import disk
from workbench.bitrix24.sandbox.disk.disk_methods import (
    add_folder,
    children,
    conditions,
    described,
    identity,
    missing,
    upload,
)
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method


def _storage(row: Row) -> Row:
    names = ("ID", "NAME", "CODE", "MODULE_ID", "ENTITY_TYPE", "ENTITY_ID", "ROOT_OBJECT_ID")
    return {n: None if row[n] is None else str(row[n]) for n in names}


def existing_storage(call: Call) -> Row:
    """The storage that ``id`` names. Refuses one that is not there or not the caller's."""
    number = identity(call)
    row = disk.storage(call.state, number)
    if row is None:
        raise missing(number)
    if not disk.may(call.state, call.caller.user_id, row):
        raise Refusal("ACCESS_DENIED", "Access denied")
    return row


def _root(call: Call) -> Row:
    number = existing_storage(call)["ROOT_OBJECT_ID"]
    return call.state.get("disk_objects", number) or {}


@method("disk.storage.getList", scope="disk")
def list_storages(call: Call) -> Page:
    """The storages that the caller may read."""
    mine = [row["ID"] for row in disk.storages(call.state, call.caller.user_id)]
    names = {f.name: f for f in disk.STORAGES.fields}
    sql, values = conditions(call, disk.STORAGES)
    sql = " AND ".join(part for part in (sql, f'"ID" IN ({",".join("?" * len(mine))})') if part)
    order = ordering(call.get("order"), names)
    return written_page(
        call,
        "disk_storages",
        sql,
        [*values, *mine],
        order,
        lambda rows: [_storage(r) for r in rows],
    )


@method("disk.storage.get", scope="disk")
def get_storage(call: Call) -> Row:
    """One storage."""
    return _storage(existing_storage(call))


@method("disk.storage.getTypes", scope="disk")
def storage_types(_call: Call) -> list[str]:
    """The types of storages."""
    return list(disk.TYPES)


@method("disk.storage.getFields", scope="disk")
def storage_fields(_call: Call) -> Row:
    """The fields of a storage."""
    return described(f.name for f in disk.STORAGES.fields)


@method("disk.storage.getChildren", scope="disk")
def storage_children(call: Call) -> Page:
    """What the root of a storage holds."""
    return children(call, existing_storage(call)["ROOT_OBJECT_ID"])


@method("disk.storage.addFolder", scope="disk")
def add_to_storage(call: Call) -> Row:
    """A new folder in the root of a storage."""
    return add_folder(call, _root(call))


@method("disk.storage.uploadFile", scope="disk", batch=False)
def upload_to_storage(call: Call) -> Row:
    """A new file in the root of a storage."""
    return upload(call, _root(call))
