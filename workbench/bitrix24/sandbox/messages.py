"""Notifications and chat messages."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field

MESSAGES = Entity(
    "messages",
    (
        Field("ID", "integer", readonly=True),
        Field("KIND"),
        Field("DIALOG_ID", index=True),
        Field("USER_ID", "user", index=True),
        Field("AUTHOR_ID", "user"),
        Field("CREATED", "datetime"),
        Field("MESSAGE"),
        Field("MESSAGE_OUT"),
        Field("TAG", index=True),
        Field("SUB_TAG"),
        Field("CLIENT_ID"),
        Field("SYSTEM", "char", default="N"),
        Field("ATTACH", "json"),
        Field("KEYBOARD", "json"),
    ),
)
