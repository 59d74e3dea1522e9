"""The disk: storages, folders and files."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field

STORAGES = Entity(
    "disk_storages",
    (
        Field("ID", "integer", readonly=True),
        Field("NAME"),
        Field("CODE"),
        Field("MODULE_ID", default="disk"),
        Field("ENTITY_TYPE"),
        Field("ENTITY_ID"),
        Field("ROOT_OBJECT_ID", "integer"),
    ),
)

DISK_OBJECTS = Entity(
    "disk_objects",
    (
        Field("ID", "integer", readonly=True),
        Field("NAME"),
        Field("CODE"),
        Field("STORAGE_ID", "integer"),
        Field("TYPE"),
        Field("PARENT_ID", "integer", index=True),
        Field("DELETED_TYPE", "integer", default=0),
        Field("FILE_ID", "integer"),
        Field("SIZE", "integer"),
        Field("CREATE_TIME", "datetime", readonly=True),
        Field("UPDATE_TIME", "datetime", readonly=True),
        Field("CREATED_BY", "user"),
        Field("UPDATED_BY", "user"),
        Field("CONTENT", "json", hidden=True),
    ),
    created="CREATE_TIME",
    modified="UPDATE_TIME",
    created_by="CREATED_BY",
    modified_by="UPDATED_BY",
)
