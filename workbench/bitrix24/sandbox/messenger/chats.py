"""Chats and their messages: im.chat.*, im.dialog.*, im.message.*.

A dialog is ``chatN``, or the number of the user one talks to. Only who takes part reads and writes.
Source: api-reference/chats.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Row, positive
from workbench.bitrix24.sandbox.messenger.messages import (
    COLORS,
    attachment_of,
    chat_between,
    people,
    person,
    structure_of,
    user_of,
)
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.i18n import _

KIND = "message"
PAGE, MOST = 20, 50
TYPES = {"OPEN": ("open", "O"), "CHAT": ("chat", "C"), "PRIVATE": ("private", "P")}


# -- which chat ---------------------------------------------------------------------------


def _dialog(call: Call) -> Row:
    """The chat that ``DIALOG_ID`` names, that of two users made when first needed."""
    dialog = str(call.get("DIALOG_ID") or "").strip().lower()
    if dialog.isdecimal():
        other = positive(dialog)
        if other == 0:
            raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
        if call.state.get("users", other) is None:
            raise Refusal("USER_NOT_FOUND", "User not found")
        users = sorted({call.caller.user_id, other})
        return chat_between(call, "-".join(map(str, users)), "PRIVATE", users)
    if not (dialog.startswith("chat") and dialog[4:].isdecimal()):
        if dialog.startswith("sg"):
            # Group chats belong to workgroups, which this portal does not have.
            raise Refusal("CHAT_ID", "Error creating message")
        raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    chat = call.state.get("chats", positive(dialog[4:]))
    if chat is None:
        raise Refusal("CHAT_ID", "Error creating message")
    return chat


def _member(call: Call, chat: Row, text: str) -> Row:
    if call.caller.user_id not in (chat.get("USERS") or []) or chat["TYPE"] == "NOTIFY":
        raise Refusal("ACCESS_ERROR", text, 403)
    return chat


def _read_dialog(call: Call) -> Row:
    text = "You do not have access to the specified dialog"
    try:
        chat = _dialog(call)
    except Refusal as refusal:
        if refusal.code == "CHAT_ID":
            raise Refusal("ACCESS_ERROR", text, 403) from None
        raise
    return _member(call, chat, text)


def _chat(call: Call) -> Row:
    """The chat that ``CHAT_ID`` names."""
    number = call.number("CHAT_ID")
    if not number:
        raise Refusal("CHAT_ID_EMPTY", "Chat ID can't be empty")
    chat = call.state.get("chats", number)
    if chat is None:
        raise Refusal("ACCESS_ERROR", "Action unavailable", 403)
    return _member(call, chat, "Action unavailable")


# -- messages -----------------------------------------------------------------------------


@method("im.message.add", scope="im")
def add_message(call: Call) -> int:
    """A message to a user or a chat."""
    chat = _member(call, _dialog(call), "Action unavailable")
    attach = attachment_of(call)
    keyboard = structure_of(call, "KEYBOARD")
    structure_of(call, "MENU")
    text = str(call.get("MESSAGE") or "").strip()
    if not text and not attach:
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    reply = call.number("REPLY_ID")
    if reply:
        row = call.state.get("messages", reply)
        if row is None:
            raise Refusal("REPLY_ACCESS_ERROR", "Action unavailable")
        if row["CHAT_ID"] != chat["ID"]:
            raise Refusal(
                "REPLY_FROM_OTHER_CHAT_ERROR",
                "You can only reply to a message within the same chat",
            )
    system = str(call.get("SYSTEM") or "N").upper() == "Y"
    return call.state.add(
        "messages",
        {
            "KIND": KIND,
            "DIALOG_ID": str(call.get("DIALOG_ID")).strip(),
            "CHAT_ID": chat["ID"],
            "AUTHOR_ID": 0 if system else call.caller.user_id,
            "CREATED": call.state.timestamp(),
            "MESSAGE": text,
            "SYSTEM": "Y" if system else "N",
            "ATTACH": attach,
            "KEYBOARD": keyboard,
            "READERS": [call.caller.user_id],
        },
    )


def _own_message(call: Call) -> Row:
    number = call.number("MESSAGE_ID")
    row = call.state.get("messages", number or 0)
    if row is None or row["KIND"] != KIND:
        raise Refusal("MESSAGE_ID_ERROR", "Message ID can't be empty")
    if row["AUTHOR_ID"] != call.caller.user_id:
        raise Refusal(
            "CANT_EDIT_MESSAGE",
            "Time has expired for modification or you don't have access",
            403,
        )
    return row


@method("im.message.update", scope="im")
def update_message(call: Call) -> bool:
    """Change one's own message; an empty text deletes it."""
    row = _own_message(call)
    changes: Row = {}
    if call.get("MESSAGE") is not None:
        text = str(call.get("MESSAGE")).strip()
        if not text:
            return call.state.delete("messages", row["ID"])
        changes["MESSAGE"] = text
    if call.get("ATTACH") is not None:
        changes["ATTACH"] = attachment_of(call)
    if call.get("KEYBOARD") is not None:
        changes["KEYBOARD"] = structure_of(call, "KEYBOARD")
    structure_of(call, "MENU")
    return call.state.update("messages", row["ID"], changes)


@method("im.message.delete", scope="im")
def delete_message(call: Call) -> bool:
    """Delete one's own message."""
    return call.state.delete("messages", _own_message(call)["ID"])


def _messages(call: Call, chat: Row, **more: Any) -> list[Row]:
    return call.state.find("messages", {"KIND": KIND, "CHAT_ID": chat["ID"]}, **more)


def _unread(call: Call, row: Row) -> bool:
    return call.caller.user_id not in (row.get("READERS") or [])


@method("im.dialog.messages.get", scope="im")
def list_messages(call: Call) -> Row:
    """Messages of a dialog, the newest first: the last ones, older or newer ones."""
    chat = _read_dialog(call)
    for name, said in (("FIRST_ID", "First"), ("LAST_ID", "Last")):
        if call.get(name) not in (None, "") and not str(call.get(name)).isdecimal():
            raise Refusal(f"{name}_STRING", f"{said} ID can't be string")
    filter: Row = {"KIND": KIND, "CHAT_ID": chat["ID"]}
    older, newer = call.number("LAST_ID"), call.number("FIRST_ID")
    if older:
        filter["<ID"] = older
    if newer is not None:
        filter[">ID"] = newer
    limit = min(MOST, max(1, call.number("LIMIT", PAGE) or PAGE))
    way = "DESC" if newer is None else "ASC"
    rows = call.state.find("messages", filter, order=[("ID", way)], limit=limit)
    rows.sort(key=lambda row: -int(row["ID"]))
    return {
        "chat_id": chat["ID"],
        "messages": [
            {
                "id": row["ID"],
                "chat_id": chat["ID"],
                "author_id": row["AUTHOR_ID"] or 0,
                "date": row["CREATED"],
                "text": row["MESSAGE"],
                "unread": _unread(call, row),
                "uuid": None,
                "replaces": [],
                "params": {"ATTACH": row["ATTACH"]} if row.get("ATTACH") else [],
                "disappearing_date": None,
            }
            for row in rows
        ],
        "users": people(call, [row["AUTHOR_ID"] for row in rows if row["AUTHOR_ID"]]),
        "files": [],
    }


@method("im.dialog.read", scope="im")
def read_messages(call: Call) -> Row:
    """Mark a dialog as read, up to ``MESSAGE_ID`` if given."""
    chat = _read_dialog(call)
    last = call.number("MESSAGE_ID")
    rows = [row for row in _messages(call, chat) if last is None or row["ID"] <= last]
    for row in rows:
        if _unread(call, row):
            readers = [*(row.get("READERS") or []), call.caller.user_id]
            call.state.update("messages", row["ID"], {"READERS": readers})
    left = sum(1 for row in _messages(call, chat) if _unread(call, row))
    return {
        "dialogId": str(call.get("DIALOG_ID")),
        "chatId": chat["ID"],
        "lastId": rows[-1]["ID"] if rows else 0,
        "counter": left,
    }


# -- chats --------------------------------------------------------------------------------


@method("im.chat.add", scope="im")
def add_chat(call: Call) -> int:
    """A chat of the caller with some users; ``MESSAGE`` is its first message."""
    kind = str(call.get("TYPE") or "CHAT").upper()
    me = call.caller.user_id
    users = [me, *(n for n in _numbers(call, "USERS") if n != me)]
    people_in = [n for n in users if rights.is_active(call.state, n)]
    color = str(call.get("COLOR") or "").upper()
    names = [str((person(call, n) or {})["name"]) for n in people_in]
    number = call.state.add(
        "chats",
        {
            "TYPE": kind if kind in ("OPEN", "CHAT") else "CHAT",
            "TITLE": str(call.get("TITLE") or "") or ", ".join(names) or _("Chat"),
            "DESCRIPTION": str(call.get("DESCRIPTION") or ""),
            "COLOR": color if color in COLORS else "AQUA",
            "OWNER_ID": me,
            "ENTITY_TYPE": str(call.get("ENTITY_TYPE") or ""),
            "ENTITY_ID": str(call.get("ENTITY_ID") or ""),
            "CREATED": call.state.timestamp(),
            "USERS": people_in,
        },
    )
    if str(call.get("MESSAGE") or "").strip():
        call.params["dialog_id"] = f"chat{number}"
        add_message(call)
    return number


def _numbers(call: Call, name: str) -> list[int]:
    given = call.get(name)
    given = list(given.values()) if isinstance(given, dict) else given
    given = given if isinstance(given, list) else [given]
    return [number for n in given if (number := positive(n))]


@method("im.chat.get", scope="im")
def find_chat(call: Call) -> Row | None:
    """The chat of an object: ``ENTITY_TYPE`` and ``ENTITY_ID``."""
    filter = {name: str(call.get(name) or "") for name in ("ENTITY_TYPE", "ENTITY_ID")}
    for chat in call.state.find("chats", filter) if all(filter.values()) else []:
        if call.caller.user_id in (chat.get("USERS") or []):
            return {"ID": chat["ID"]}
    return None


@method("im.chat.updateTitle", scope="im")
def rename_chat(call: Call) -> bool:
    """Give a chat another title."""
    dialog = str(call.get("DIALOG_ID") or "").strip().lower()
    if dialog and not call.get("CHAT_ID"):
        if not (dialog.startswith("chat") and dialog[4:].isdecimal()):
            raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
        call.params["chat_id"] = dialog[4:]
    chat = _chat(call)
    title = str(call.get("TITLE") or "").strip()
    if not title:
        raise Refusal("TITLE_EMPTY", "Title can't be empty")
    return call.state.update("chats", chat["ID"], {"TITLE": title})


@method("im.chat.user.list", scope="im")
def list_users(call: Call) -> list[int]:
    """The ids of who takes part."""
    return list(_chat(call).get("USERS") or [])


@method("im.chat.user.add", scope="im")
def add_users(call: Call) -> bool:
    """Invite users."""
    chat = _chat(call)
    users = [n for n in _numbers(call, "USERS") if rights.is_active(call.state, n)]
    present = chat.get("USERS") or []
    return call.state.update("chats", chat["ID"], {"USERS": list(dict.fromkeys(present + users))})


def _remove(call: Call, chat: Row, user: int) -> bool:
    rest = [n for n in chat.get("USERS") or [] if n != user]
    return call.state.update("chats", chat["ID"], {"USERS": rest})


@method("im.chat.user.delete", scope="im")
def remove_user(call: Call) -> bool:
    """Exclude a user; only the owner may."""
    chat = _chat(call)
    user = user_of(call)
    if user not in (chat.get("USERS") or []):
        raise Refusal("USER_NOT_FOUND", "The specified user is not in the chat")
    if call.caller.user_id not in (chat["OWNER_ID"], user):
        raise Refusal(
            "ACCESS_DENIED_KICK", "Insufficient rights to exclude participants from the chat", 403
        )
    return _remove(call, chat, user)


@method("im.chat.leave", scope="im")
def leave_chat(call: Call) -> bool:
    """Leave a chat."""
    return _remove(call, _chat(call), call.caller.user_id)


@method("im.dialog.users.list", scope="im")
def dialog_users(call: Call) -> list[Row]:
    """Who takes part in a dialog."""
    return people(call, list(_read_dialog(call).get("USERS") or []))


@method("im.dialog.get", scope="im")
def get_dialog(call: Call) -> Row:
    """A dialog with its counters."""
    chat = _read_dialog(call)
    rows = _messages(call, chat)
    fresh = [row["ID"] for row in rows if _unread(call, row)]
    last = rows[-1]["ID"] if rows else 0
    kind, code = TYPES[chat["TYPE"]]
    users = chat.get("USERS") or []
    me = call.caller.user_id
    others = [n for n in users if n != me] or [me]
    name = chat["TITLE"] or str((person(call, others[0]) or {}).get("name") or "")
    return {
        "id": chat["ID"],
        "parent_chat_id": 0,
        "parent_message_id": 0,
        "name": name,
        "description": chat["DESCRIPTION"] or "",
        "owner": chat["OWNER_ID"] or 0,
        "extranet": False,
        "avatar": "",
        "color": COLORS[chat["COLOR"] or "AQUA"],
        "type": kind,
        "counter": len(fresh),
        "user_counter": len(users),
        "message_count": len(rows),
        "unread_id": fresh[0] if fresh else 0,
        "last_message_id": last,
        "last_id": max((row["ID"] for row in rows if not _unread(call, row)), default=0),
        "marked_id": 0,
        "disk_folder_id": 0,
        "entity_type": chat["ENTITY_TYPE"] or "",
        "entity_id": chat["ENTITY_ID"] or "",
        "entity_data_1": "",
        "entity_data_2": "",
        "entity_data_3": "",
        "mute_list": [],
        "date_create": chat["CREATED"],
        "message_type": code,
        "public": "",
        "role": "owner" if chat["OWNER_ID"] == me else "member",
        "text_field_enabled": True,
        "background_id": None,
        "is_new": not rows,
        "manager_list": [chat["OWNER_ID"]] if chat["OWNER_ID"] else [],
        "dialog_id": str(call.get("DIALOG_ID")),
    }
