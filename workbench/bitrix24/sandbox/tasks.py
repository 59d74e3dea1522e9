"""Tasks."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field

TASKS = Entity(
    "tasks",
    (
        Field("ID", "integer", readonly=True),
        Field("PARENT_ID", "integer"),
        Field("TITLE", required=True),
        Field("DESCRIPTION", empty=""),
        Field("PRIORITY", "integer", default=1),
        Field("STATUS", "integer", default=2),
        Field("RESPONSIBLE_ID", "user", required=True, index=True),
        Field("CREATED_BY", "user"),
        Field("CHANGED_BY", "user", readonly=True),
        Field("CLOSED_BY", "user"),
        Field("GROUP_ID", "integer", default=0),
        Field("CREATED_DATE", "datetime", readonly=True),
        Field("CHANGED_DATE", "datetime", readonly=True, index=True),
        Field("CLOSED_DATE", "datetime"),
        Field("DATE_START", "datetime"),
        Field("DEADLINE", "datetime"),
        Field("START_DATE_PLAN", "datetime"),
        Field("END_DATE_PLAN", "datetime"),
        Field("TIME_ESTIMATE", "integer", default=0),
        Field("MARK"),
        Field("UF_CRM_TASK", "json", camel="ufCrmTask"),
        Field("UF_TASK_WEBDAV_FILES", "json", camel="ufTaskWebdavFiles"),
        Field("ACCOMPLICES", "json"),
        Field("AUDITORS", "json"),
        Field("TAGS", "json"),
    ),
    event="TASK",
    created="CREATED_DATE",
    modified="CHANGED_DATE",
    created_by="CREATED_BY",
    modified_by="CHANGED_BY",
)
