"""What hangs on a task: comments, points of checklists, entries of time."""

from __future__ import annotations

from workbench.bitrix24.sandbox.memory.fields import Entity, Field

_KEYS = (
    Field("ID", "integer", readonly=True),
    Field("TASK_ID", "integer", readonly=True, index=True),
)

COMMENTS = Entity(
    "task_comments",
    (
        *_KEYS,
        Field("AUTHOR_ID", "user"),
        Field("POST_DATE", "datetime"),
        Field("POST_MESSAGE"),
    ),
)

CHECKLIST = Entity(
    "task_checklist",
    (
        *_KEYS,
        Field("PARENT_ID", "integer", default=0),
        Field("CREATED_BY", "user", readonly=True),
        Field("TITLE"),
        Field("SORT_INDEX", "integer", default=0),
        Field("IS_COMPLETE", "char", default="N"),
        Field("IS_IMPORTANT", "char", default="N"),
        Field("TOGGLED_BY", "user", readonly=True),
        Field("TOGGLED_DATE", "datetime", readonly=True),
    ),
)

ELAPSED = Entity(
    "task_elapsed",
    (
        *_KEYS,
        Field("USER_ID", "user"),
        Field("COMMENT_TEXT", empty=""),
        Field("SECONDS", "integer", default=0),
        Field("SOURCE", "integer", readonly=True),
        Field("CREATED_DATE", "datetime"),
        Field("DATE_START", "datetime", readonly=True),
        Field("DATE_STOP", "datetime", readonly=True),
    ),
)

TABLES = (COMMENTS, CHECKLIST, ELAPSED)
