"""Further records that an activity is bound to, besides its owner."""

from __future__ import annotations

from workbench.bitrix24.sandbox.memory.fields import Entity, Field

BINDINGS = Entity(
    "activity_bindings",
    (
        Field("ID", "integer", readonly=True),
        Field("ACTIVITY_ID", "integer", index=True),
        Field("OWNER_TYPE_ID", "integer"),
        Field("OWNER_ID", "integer"),
    ),
    indexes=(("OWNER_ID", "OWNER_TYPE_ID"),),
)
