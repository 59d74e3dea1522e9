"""Comments in the timeline of CRM records."""

from __future__ import annotations

from workbench.bitrix24.sandbox.memory.fields import Entity, Field

COMMENTS = Entity(
    "timeline_comments",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_ID", "integer", required=True, immutable=True),
        Field("ENTITY_TYPE", required=True, immutable=True),
        Field("CREATED", "datetime", readonly=True),
        Field("COMMENT", required=True),
        Field("AUTHOR_ID", "user", immutable=True),
        Field("FILES", "json"),
    ),
    event="TIMELINECOMMENT",
    created="CREATED",
    modified="",
    created_by="AUTHOR_ID",
    modified_by="",
    indexes=(("ENTITY_ID", "ENTITY_TYPE"),),
)
