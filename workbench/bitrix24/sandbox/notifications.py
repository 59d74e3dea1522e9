"""Methods that write to people: im.notify.* and im.message.add."""

from __future__ import annotations

from typing import Any

import orjson

from workbench.bitrix24.sandbox.fields import Row
from workbench.bitrix24.sandbox.methods import Call, Refusal, method

ATTACH_LIMIT = 60_000  # characters


def _user(call: Call) -> int:
    user = call.number("USER_ID")
    if not user:
        raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
    return user


def _attach(call: Call) -> Any:
    attach = call.get("ATTACH")
    if attach and len(orjson.dumps(attach)) > ATTACH_LIMIT:
        raise Refusal("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach")
    return attach


def _text(call: Call, attach: Any) -> str:
    text = str(call.get("MESSAGE") or "").strip()
    if not text and not attach:
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    return text


def _notify(call: Call, kind: str) -> int | bool:
    """Write a notification; one with a TAG replaces the earlier one with that tag."""
    user, attach = _user(call), _attach(call)
    text = str(call.get("MESSAGE") or "").strip()
    if not text:
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    if call.state.get("users", user) is None:
        return False
    tag = str(call.get("TAG") or "")
    if tag:
        call.state.delete_where("messages", {"KIND": kind, "USER_ID": user, "TAG": tag})
    row: Row = {
        "KIND": kind,
        "USER_ID": user,
        "AUTHOR_ID": call.caller.user_id,
        "CREATED": call.state.timestamp(),
        "MESSAGE": text,
        "MESSAGE_OUT": str(call.get("MESSAGE_OUT") or ""),
        "TAG": tag,
        "SUB_TAG": str(call.get("SUB_TAG") or ""),
        "CLIENT_ID": call.caller.client_id or str(call.get("CLIENT_ID") or ""),
        "ATTACH": attach,
    }
    return call.state.add("messages", row)


@method("im.notify.system.add", scope="im")
def notify_system(call: Call) -> int | bool:
    """A notification from the system; ``false`` for a user who does not exist."""
    return _notify(call, "system")


@method("im.notify.personal.add", scope="im")
def notify_personal(call: Call) -> int | bool:
    """A notification from the caller."""
    return _notify(call, "personal")


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
        for row in call.state.find("messages", found)
        if row["KIND"] != "chat" and caller in (row["USER_ID"], row["AUTHOR_ID"])
    ]
    for key in mine:
        call.state.delete("messages", key)
    return bool(mine)


@method("im.message.add", scope="im")
def add_message(call: Call) -> int:
    """A chat message to a user, ``chatN`` or ``sgN``."""
    dialog = str(call.get("DIALOG_ID") or "").strip()
    if not dialog:
        raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    if dialog.isdigit() and call.state.get("users", int(dialog)) is None:
        raise Refusal("USER_NOT_FOUND", "User not found")
    attach = _attach(call)
    return call.state.add(
        "messages",
        {
            "KIND": "chat",
            "DIALOG_ID": dialog,
            "AUTHOR_ID": call.caller.user_id,
            "CREATED": call.state.timestamp(),
            "MESSAGE": _text(call, attach),
            "ATTACH": attach,
        },
    )
