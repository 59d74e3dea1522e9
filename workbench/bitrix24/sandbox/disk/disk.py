"""The disk: storages, folders and files, and who may read and fill them.

Everybody reads and fills the common storage. A user's own storage is that user's and the
administrators'. Storages come into being when the disk is first looked at.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.bitrix24.sandbox.people import rights
from workbench.i18n import _

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

STORAGES = Entity(
    "disk_storages",
    (
        Field("ID", "integer", readonly=True),
        Field("NAME"),
        Field("CODE"),
        Field("MODULE_ID", default="disk"),
        Field("ENTITY_TYPE"),
        Field("ENTITY_ID"),
        Field("ROOT_OBJECT_ID", "integer"),
    ),
)

DISK_OBJECTS = Entity(
    "disk_objects",
    (
        Field("ID", "integer", readonly=True),
        Field("NAME"),
        Field("CODE"),
        Field("STORAGE_ID", "integer"),
        Field("TYPE"),
        Field("PARENT_ID", "integer", index=True),
        Field("DELETED_TYPE", "integer", default=0),
        Field("GLOBAL_CONTENT_VERSION", "integer"),
        Field("FILE_ID", "integer"),
        Field("SIZE", "integer"),
        Field("CREATE_TIME", "datetime", readonly=True),
        Field("UPDATE_TIME", "datetime", readonly=True),
        Field("DELETE_TIME", "datetime", readonly=True),
        Field("CREATED_BY", "user"),
        Field("UPDATED_BY", "user"),
        Field("DELETED_BY", "user"),
        Field("CONTENT", "json", hidden=True),
    ),
    created="CREATE_TIME",
    modified="UPDATE_TIME",
    created_by="CREATED_BY",
    modified_by="UPDATED_BY",
)

TYPES = ("user", "common", "group")
TRASH, BELOW_TRASH = 3, 4  # what was deleted, and what was in it
MAX_NAME = 255
FORBIDDEN = frozenset("/\\\0\r\n")


class NameTaken(ValueError):
    """The folder holds something of this name already."""


# -- storages -----------------------------------------------------------------------------


def storages(state: State, user: int) -> list[Row]:
    """The storages that a user may read, the common one first."""
    _furnish(state)
    rows = state.find("disk_storages")
    return [row for row in rows if may(state, user, row)]


def storage(state: State, number: int) -> Row | None:
    """One storage, or None."""
    _furnish(state)
    return state.get("disk_storages", number)


def may(state: State, user: int, row: Row) -> bool:
    """Whether a user may read and fill a storage."""
    own = row["ENTITY_TYPE"] == "user" and row["ENTITY_ID"] == str(user)
    return row["ENTITY_TYPE"] == "common" or own or rights.is_admin(state, user)


def _furnish(state: State) -> None:
    """Make the common storage and one for every user who has none."""
    known = {(row["ENTITY_TYPE"], row["ENTITY_ID"]) for row in state.find("disk_storages")}
    wanted = [("common", "shared_files_s1", _("Shared drive"))]
    for user in state.find("users", {"ACTIVE": "Y"}):
        name = f"{user['NAME'] or ''} {user['LAST_NAME'] or ''}".strip()
        wanted.append(("user", str(user["ID"]), name or str(user["ID"])))
    for kind, owner, name in wanted:
        if (kind, owner) not in known:
            values = {"NAME": name, "ENTITY_TYPE": kind, "ENTITY_ID": owner, "MODULE_ID": "disk"}
            number = state.add("disk_storages", values)
            root = _add(state, {"NAME": name, "STORAGE_ID": number, "TYPE": "folder"}, actor=0)
            state.update("disk_storages", number, {"ROOT_OBJECT_ID": root})


# -- folders and files --------------------------------------------------------------------


def children(state: State, folder: int) -> list[Row]:
    """What a folder holds, without what is in the trash."""
    return state.find("disk_objects", {"PARENT_ID": folder, "DELETED_TYPE": 0})


def is_root(row: Row) -> bool:
    """Whether a folder is its storage's own."""
    return not row["PARENT_ID"]


def add_folder(state: State, parent: Row, name: str, *, actor: int) -> int:
    """A new folder. Raises NameTaken."""
    name = _free(state, parent["ID"], name, unique=False)
    values = {"NAME": name, "STORAGE_ID": parent["STORAGE_ID"], "TYPE": "folder"}
    return _add(state, {**values, "PARENT_ID": parent["ID"]}, actor=actor)


def add_file(
    state: State, parent: Row, name: str, content: bytes, *, actor: int, unique: bool = False
) -> int:
    """A new file; ``unique`` numbers its name if it is taken. Raises NameTaken."""
    name = _free(state, parent["ID"], name, unique=unique)
    values: Row = {"NAME": name, "STORAGE_ID": parent["STORAGE_ID"], "TYPE": "file"}
    number = _add(
        state,
        {**values, "PARENT_ID": parent["ID"], "GLOBAL_CONTENT_VERSION": 1, **kept(content)},
        actor=actor,
    )
    _number_content(state, number)
    return number


def replace_content(state: State, row: Row, content: bytes, *, actor: int) -> None:
    """Put new content into a file."""
    version = (row["GLOBAL_CONTENT_VERSION"] or 1) + 1
    touch(state, row, {**kept(content), "GLOBAL_CONTENT_VERSION": version}, actor=actor)
    _number_content(state, row["ID"])


def content_of(row: Row) -> bytes:
    """A file's bytes."""
    return base64.b64decode(row.get("CONTENT") or "")


def touch(state: State, row: Row, changes: Row, *, actor: int) -> None:
    """Change a folder or file as a user."""
    stamp = {"UPDATE_TIME": state.timestamp(), "UPDATED_BY": actor}
    state.update("disk_objects", row["ID"], {**stamp, **changes})


def rename(state: State, row: Row, name: str, *, actor: int) -> None:
    """Give another name. Raises NameTaken."""
    if name != row["NAME"]:
        _free(state, row["PARENT_ID"], name, unique=False)
        touch(state, row, {"NAME": name}, actor=actor)


def move(state: State, row: Row, target: Row, *, actor: int) -> None:
    """Put into another folder with all that is in it. Raises NameTaken, ValueError for a circle."""
    below = [each["ID"] for each in tree(state, row)]
    if target["ID"] in below:
        raise ValueError("targetFolderId")
    if target["ID"] != row["PARENT_ID"]:
        _free(state, target["ID"], row["NAME"], unique=False)
    touch(state, row, {"PARENT_ID": target["ID"]}, actor=actor)
    for number in below:
        state.update("disk_objects", number, {"STORAGE_ID": target["STORAGE_ID"]})


def copy(state: State, row: Row, target: Row, *, actor: int) -> int:
    """Copy a file, or a folder with all in it. Raises NameTaken, ValueError for a circle."""
    if target["ID"] in {each["ID"] for each in tree(state, row)}:
        raise ValueError("targetFolderId")
    copied, waiting = 0, [(row, target)]
    while waiting:
        each, into = waiting.pop()
        if each["TYPE"] == "file":
            number = add_file(state, into, each["NAME"], content_of(each), actor=actor)
        else:
            number = add_folder(state, into, each["NAME"], actor=actor)
            made = state.get("disk_objects", number) or {}
            waiting += [(child, made) for child in reversed(children(state, each["ID"]))]
        copied = copied or number
    return copied


def tree(state: State, row: Row) -> Iterator[Row]:
    """A folder or file and all below it, what is in the trash too."""
    waiting = [row]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += state.find("disk_objects", {"PARENT_ID": each["ID"]})


def trash(state: State, row: Row, *, actor: int) -> None:
    """Put into the trash, with all that is below."""
    for each in _of_kind(state, row, 0):
        state.update("disk_objects", each["ID"], {"DELETED_TYPE": BELOW_TRASH})
    stamp = {"DELETE_TIME": state.timestamp(), "DELETED_BY": actor}
    state.update("disk_objects", row["ID"], {"DELETED_TYPE": TRASH, **stamp})


def restore(state: State, row: Row, *, actor: int) -> None:
    """Take out of the trash with all that went there with it.

    [?] Where its name is taken by now it gets another; where its folder is in the trash it comes
    back into the storage's own.
    """
    for each in _of_kind(state, row, BELOW_TRASH):
        state.update("disk_objects", each["ID"], {"DELETED_TYPE": 0})
    above = state.get("disk_objects", row["PARENT_ID"])
    if above is None or above["DELETED_TYPE"]:
        above = (storage(state, row["STORAGE_ID"]) or {})["ROOT_OBJECT_ID"]
    else:
        above = above["ID"]
    name = _free(state, above, row["NAME"], unique=True)
    back = {"DELETED_TYPE": 0, "DELETE_TIME": None, "DELETED_BY": None}
    touch(state, row, {**back, "PARENT_ID": above, "NAME": name}, actor=actor)


def _of_kind(state: State, row: Row, deleted: int) -> list[Row]:
    """What is below a folder, down to where something was deleted otherwise."""
    found, waiting = [], [row]
    while waiting:
        above = waiting.pop()["ID"]
        below = state.find("disk_objects", {"PARENT_ID": above, "DELETED_TYPE": deleted})
        waiting += below
        found += below
    return found


def delete(state: State, row: Row) -> None:
    """Delete for good, with all that is below."""
    for each in list(tree(state, row)):
        state.delete("disk_objects", each["ID"])


def written_name(given: str) -> str:
    """The name of a file that a client calls so: no folders before it, no signs that names lack."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(sign for sign in last if sign.isprintable()).strip()
    return name[-MAX_NAME:] if name.strip(".") else secrets.token_hex(16)


def _add(state: State, values: Row, *, actor: int) -> int:
    now = state.timestamp()
    stamps = {"CREATE_TIME": now, "UPDATE_TIME": now, "CREATED_BY": actor, "UPDATED_BY": actor}
    return state.add("disk_objects", {"DELETED_TYPE": 0, **stamps, **values})


def kept(content: bytes) -> Row:
    """A file's size and bytes as tables hold them."""
    return {"SIZE": len(content), "CONTENT": base64.b64encode(content).decode()}


def _number_content(state: State, number: int) -> None:
    last = state.settings.get("disk_file", 0) + 1
    state.settings["disk_file"] = last
    state.update("disk_objects", number, {"FILE_ID": last})


def _free(state: State, folder: int, name: str, *, unique: bool) -> str:
    """A name that the folder has free. Raises NameTaken unless ``unique`` numbers it."""
    taken: set[Any] = {row["NAME"] for row in children(state, folder)}
    if name not in taken:
        return name
    if not unique:
        raise NameTaken(name)
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (name, "")
    number = 1
    while f"{stem} ({number}){ending}" in taken:
        number += 1
    return f"{stem} ({number}){ending}"
