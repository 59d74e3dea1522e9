"""Activities: meetings, calls, tasks, letters and to-dos in the timeline of CRM records."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field
from workbench.bitrix24.sandbox.records import old_methods

ACTIVITIES = Entity(
    "activities",
    (
        Field("ID", "integer", readonly=True),
        Field("OWNER_ID", "integer"),
        Field("OWNER_TYPE_ID", "integer"),
        Field("TYPE_ID", "integer", required=True),
        Field("PROVIDER_ID"),
        Field("PROVIDER_TYPE_ID"),
        Field("PROVIDER_GROUP_ID"),
        Field("ASSOCIATED_ENTITY_ID", "integer", default=0),
        Field("SUBJECT"),
        Field("CREATED", "datetime", readonly=True, index=True),
        Field("LAST_UPDATED", "datetime", readonly=True, index=True),
        Field("START_TIME", "datetime", index=True),
        Field("END_TIME", "datetime"),
        Field("DEADLINE", "datetime"),
        Field("COMPLETED", "char", default="N"),
        Field("STATUS", "integer", default=1),
        Field("RESPONSIBLE_ID", "user"),
        Field("PRIORITY", "integer", default=2),
        Field("NOTIFY_TYPE", "integer", default=0),
        Field("NOTIFY_VALUE", "integer", default=0),
        Field("DESCRIPTION", default=""),
        Field("DESCRIPTION_TYPE", "integer", default=1),
        Field("DIRECTION", "integer", default=0),
        Field("LOCATION", default=""),
        Field("ORIGINATOR_ID"),
        Field("ORIGIN_ID"),
        Field("AUTHOR_ID", "user", readonly=True),
        Field("EDITOR_ID", "user", readonly=True),
        Field("RESULT_MARK", "integer", default=0),
        Field("SETTINGS", "json"),
        Field("COMMUNICATIONS", "json", hidden=True),
        Field("FILES", "json", hidden=True),
    ),
    event="ACTIVITY",
    created="CREATED",
    modified="LAST_UPDATED",
    created_by="AUTHOR_ID",
    modified_by="EDITOR_ID",
    indexes=(("OWNER_TYPE_ID", "OWNER_ID"),),
)

old_methods(ACTIVITIES, "crm.activity")
