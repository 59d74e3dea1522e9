"""Notifications, chats and their messages; people as the messenger shows them."""

from __future__ import annotations

from typing import Any

import orjson

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

MESSAGES = Entity(
    "messages",
    (
        Field("ID", "integer", readonly=True),
        Field("KIND"),
        Field("DIALOG_ID", index=True),
        Field("CHAT_ID", "integer", index=True),
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
        Field("READERS", "json"),
    ),
)

#: ``TYPE`` is OPEN, CHAT, PRIVATE (two users) or NOTIFY (one user's notifications).
CHATS = Entity(
    "chats",
    (
        Field("ID", "integer", readonly=True),
        Field("TYPE"),
        Field("TITLE"),
        Field("DESCRIPTION"),
        Field("COLOR"),
        Field("OWNER_ID", "user"),
        Field("ENTITY_TYPE"),
        Field("ENTITY_ID"),
        Field("CREATED", "datetime"),
        Field("PAIR", index=True),
        Field("USERS", "json"),
    ),
)

LIMIT = 60_000  # characters
COLORS = {
    "RED": "#df532d", "GREEN": "#64a513", "MINT": "#4ba984", "LIGHT_BLUE": "#4ba5c3",
    "DARK_BLUE": "#3e99ce", "PURPLE": "#8474c8", "AQUA": "#1eb4aa", "PINK": "#f76187",
    "LIME": "#58cc47", "BROWN": "#ab7761", "AZURE": "#29619b", "KHAKI": "#728f7a",
    "SAND": "#ba9c7b", "MARENGO": "#525252", "GRAY": "#858585", "GRAPHITE": "#3a403e",
}  # fmt: skip


def user_of(call: Call, name: str = "USER_ID") -> int:
    """The user whom a parameter names; a missing one is refused."""
    user = call.number(name)
    if not user or user < 0:
        raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
    return user


def attachment_of(call: Call) -> Any:
    """``ATTACH``: a list of blocks, or a map with ``BLOCKS``. Refuses what is too long."""
    return structure_of(call, "ATTACH")


def structure_of(call: Call, name: str) -> Any:
    """``ATTACH``, ``KEYBOARD`` or ``MENU``: a list, or a map with the list. Refuses anything else.

    A form may carry it as JSON text. [?] The limit is documented for ``ATTACH`` and taken for all.
    """
    given = call.get(name)
    if not given:
        return None
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            given = ""
    if not isinstance(given, list | dict):
        raise Refusal(f"{name}_ERROR", f"Incorrect {name.lower()} params")
    if len(orjson.dumps(given)) > LIMIT:
        text = f"You have exceeded the maximum allowable size of {name.lower()}"
        raise Refusal(f"{name}_OVERSIZE", text)
    return given


def chat_between(call: Call, pair: str, kind: str, users: list[int]) -> Row:
    """The chat of two users, or of one user's notifications; made when first needed."""
    found = call.state.find("chats", {"PAIR": pair}, limit=1)
    if found:
        return found[0]
    values = {"TYPE": kind, "PAIR": pair, "USERS": users, "CREATED": call.state.timestamp()}
    return call.state.get("chats", call.state.add("chats", values)) or {}


def person(call: Call, number: int) -> Row | None:
    """A user as the messenger shows them, or None."""
    row = call.state.get("users", number)
    if row is None:
        return None
    phones = {
        name.lower(): row[name]
        for name in ("WORK_PHONE", "PERSONAL_MOBILE", "PERSONAL_PHONE")
        if row.get(name)
    }
    first, last = row["NAME"] or "", row["LAST_NAME"] or ""
    return {
        "id": number,
        "active": row["ACTIVE"] == "Y",
        "name": f"{first} {last}".strip(),
        "first_name": first,
        "last_name": last,
        "work_position": row["WORK_POSITION"] or "",
        "color": list(COLORS.values())[number % len(COLORS)],
        "avatar": "",
        "avatar_hr": "",
        "gender": row["PERSONAL_GENDER"] or "M",
        "birthday": "",
        "extranet": False,
        "network": False,
        "bot": False,
        "connector": False,
        "external_auth_id": "default",
        "status": "online",
        "idle": False,
        "last_activity_date": row["LAST_LOGIN"] or False,
        "mobile_last_date": False,
        "desktop_last_date": False,
        "absent": False,
        "departments": row.get("UF_DEPARTMENT") or [],
        "phones": phones or False,
        "bot_data": None,
        "type": "user",
        "website": "",
        "email": row["EMAIL"] or "",
    }


def people(call: Call, numbers: list[int]) -> list[Row]:
    """These users as the messenger shows them, each once."""
    return [shown for n in dict.fromkeys(numbers) if (shown := person(call, n)) is not None]


@method("im.user.get", scope="im")
def get_person(call: Call) -> Row:
    """One user, the caller if ``ID`` is not given."""
    number = call.number("ID", call.caller.user_id) or 0
    if number <= 0:
        raise Refusal("ID_EMPTY", "User ID can't be empty")
    shown = person(call, number)
    if shown is None:
        raise Refusal("USER_NOT_EXISTS", "User does not exist")
    return shown
