"""Notifications: im.notify.*. Source: api-reference/chats/notifications."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Row, positive
from workbench.bitrix24.sandbox.messenger.messages import (
    attachment_of,
    chat_between,
    people,
    user_of,
)
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

SYSTEM, PERSONAL = "notify-system", "notify-personal"
KINDS = [SYSTEM, PERSONAL]
#: ``notify_type`` of im.notify.get.
TYPES = {PERSONAL: 2, SYSTEM: 4}
PAGE = 50


def _notify(call: Call, kind: str) -> int | bool:
    """Write a notification; one with a TAG replaces the earlier one with that tag."""
    user = user_of(call)
    text = str(call.get("MESSAGE") or "").strip()
    if not text:
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    attach = attachment_of(call)
    if call.state.get("users", user) is None:
        return False
    client = call.caller.client_id or str(call.get("CLIENT_ID") or "")
    tag = str(call.get("TAG") or "")
    if tag:
        same = {"@KIND": KINDS, "USER_ID": user, "TAG": tag, "CLIENT_ID": client}
        call.state.delete_where("messages", same)
    row: Row = {
        "KIND": kind,
        "USER_ID": user,
        "DIALOG_ID": str(user),
        "AUTHOR_ID": call.caller.user_id,
        "CREATED": call.state.timestamp(),
        "MESSAGE": text,
        "MESSAGE_OUT": str(call.get("MESSAGE_OUT") or ""),
        "TAG": tag,
        "SUB_TAG": str(call.get("SUB_TAG") or ""),
        "CLIENT_ID": client,
        "ATTACH": attach,
    }
    return call.state.add("messages", row)


@method("im.notify.system.add", scope="im")
def notify_system(call: Call) -> int | bool:
    """A notification from the system; ``false`` for a user who does not exist."""
    return _notify(call, SYSTEM)


@method("im.notify.personal.add", scope="im")
def notify_personal(call: Call) -> int | bool:
    """A notification from the caller."""
    return _notify(call, PERSONAL)


@method("im.notify", scope="im")
def notify(call: Call) -> int | bool:
    """The older form: ``TYPE`` SYSTEM or USER."""
    return _notify(call, SYSTEM if str(call.get("TYPE")).upper() == "SYSTEM" else PERSONAL)


@method("im.notify.delete", scope="im")
def delete_notification(call: Call) -> bool:
    """Delete a notification by ID, or those of the caller's application by TAG or SUB_TAG.

    Returns whether there was one. By ID it must be the caller's own or sent by the caller [?].
    """
    found: Row = {}
    if identifier := call.number("ID"):
        found["ID"] = identifier
    else:
        for name in ("TAG", "SUB_TAG"):
            if text := str(call.get(name) or ""):
                found[name] = text
        if not found:
            raise Refusal("PARAMS_ERROR", "Incorrect params")
        client = call.caller.client_id or str(call.get("CLIENT_ID") or "")
        if not client:
            raise Refusal("ACCESS_DENIED", "Access denied! Client ID not specified", 403)
        found["CLIENT_ID"] = client
    caller = call.caller.user_id
    mine = [
        int(row["ID"])
        for row in call.state.find("messages", {**found, "@KIND": KINDS})
        if caller in (row["USER_ID"], row["AUTHOR_ID"])
    ]
    for key in mine:
        call.state.delete("messages", key)
    return bool(mine)


# -- reading ------------------------------------------------------------------------------


def _mine(call: Call) -> Row:
    return {"@KIND": KINDS, "USER_ID": call.caller.user_id}


def _read(call: Call, row: Row) -> bool:
    return call.caller.user_id in (row.get("READERS") or [])


def _sent(call: Call, chat: int, row: Row) -> Row:
    return {
        "id": row["ID"],
        "chat_id": chat,
        "author_id": 0 if row["KIND"] == SYSTEM else row["AUTHOR_ID"],
        "date": row["CREATED"],
        "notify_type": TYPES[row["KIND"]],
        "notify_module": "rest",
        "notify_event": "rest_notify",
        "notify_tag": row["TAG"] or "",
        "notify_sub_tag": row["SUB_TAG"] or "",
        "notify_title": "",
        "setting_name": "rest|rest_notify",
        "text": row["MESSAGE"],
        "notify_read": "Y" if _read(call, row) else "N",
        "params": {"ATTACH": row["ATTACH"]} if row.get("ATTACH") else None,
    }


@method("im.notify.get", scope="im")
def list_notifications(call: Call) -> Row:
    """The caller's notifications, the newest first; ``LAST_ID`` goes on after a page."""
    last, kind = call.get("LAST_ID"), call.get("LAST_TYPE")
    if (last in (None, "")) != (kind in (None, "")):
        raise Refusal(
            "LAST_ID_AND_LAST_TYPE", "Parameters LAST_ID and LAST_TYPE should be used together."
        )
    after: Row = {}
    if last not in (None, ""):
        if not str(last).isdecimal():
            raise Refusal("LAST_ID_STRING", "Last notification ID can't be string")
        after["<ID"] = positive(last)
    limit = min(PAGE, max(1, call.number("LIMIT", PAGE) or PAGE))
    user = call.caller.user_id
    chat = chat_between(call, f"notify-{user}", "NOTIFY", [user])["ID"]
    everything = call.state.find("messages", _mine(call))
    rows = call.state.find(
        "messages", {**_mine(call), **after}, order=[("ID", "DESC")], limit=limit
    )
    sent = [_sent(call, chat, row) for row in rows]
    return {
        "total_count": len(everything),
        "total_unread_count": sum(1 for row in everything if not _read(call, row)),
        "chat_id": chat,
        "notifications": sent,
        "users": people(call, [row["author_id"] for row in sent if row["author_id"]]),
    }


def _mark(call: Call, rows: list[Row], *, read: bool) -> None:
    user = call.caller.user_id
    for row in rows:
        others = [reader for reader in row.get("READERS") or [] if reader != user]
        readers: list[Any] = [*others, user] if read else others
        call.state.update("messages", row["ID"], {"READERS": readers})


def _action(call: Call) -> bool:
    return str(call.get("ACTION") or "Y").upper() != "N"


@method("im.notify.read", scope="im")
def read_notification(call: Call) -> bool:
    """Mark a notification and all newer ones as read (``ACTION`` N: unread)."""
    number = call.number("ID")
    if number is not None:
        only = str(call.get("ONLY_CURRENT") or "").upper() == "Y"
        filter = {**_mine(call), "ID" if only else ">=ID": number}
        _mark(call, call.state.find("messages", filter), read=_action(call))
    return True


@method("im.notify.read.list", scope="im")
def read_notifications(call: Call) -> bool:
    """Mark these notifications as read (``ACTION`` N: unread)."""
    given = call.get("IDS")
    given = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(given, list):
        raise Refusal("PARAMS_ERROR", "No IDS param or it is not an array")
    ids = [number for n in given if (number := positive(n))]
    rows = call.state.find("messages", {**_mine(call), "@ID": ids}) if ids else []
    _mark(call, rows, read=_action(call))
    return True


@method("im.notify.read.all", scope="im")
def read_all(call: Call) -> Row:
    """Mark all of the caller's notifications as read."""
    _mark(call, call.state.find("messages", _mine(call)), read=True)
    return {"result": True, "newCounter": 0}
