"""Methods over folders and files of the disk: disk.folder.*, disk.file.*.

A folder or file read back is all text; the answer to the call that made it has numbers in ``ID``,
``DELETED_TYPE`` and ``FILE_ID``, as the documentation's samples show. Source: api-reference/disk.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workbench.bitrix24.sandbox.crm.records import ordering, written_page
from workbench.bitrix24.sandbox.disk import disk, disk_links
from workbench.bitrix24.sandbox.memory.fields import Entity, Row
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method, page

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

FOLDER_FIELDS = (
    "ID", "NAME", "TYPE", "CODE", "STORAGE_ID", "REAL_OBJECT_ID", "PARENT_ID", "CREATE_TIME",
    "UPDATE_TIME", "DELETE_TIME", "CREATED_BY", "UPDATED_BY", "DELETED_BY", "DELETED_TYPE",
)  # fmt: skip
FILE_FIELDS = (
    "ID", "NAME", "TYPE", "CODE", "STORAGE_ID", "PARENT_ID", "CREATE_TIME", "UPDATE_TIME",
    "DELETE_TIME", "CREATED_BY", "UPDATED_BY", "DELETED_BY", "GLOBAL_CONTENT_VERSION", "FILE_ID",
    "SIZE", "DELETED_TYPE",
)  # fmt: skip
FILTERABLE = frozenset(FILE_FIELDS) - {"REAL_OBJECT_ID", "CREATED_BY", "UPDATED_BY", "DELETED_BY"}


# -- what is sent -------------------------------------------------------------------------


def sent(portal: Portal, user: int, row: Row, *, fresh: bool = False) -> Row:
    """A folder or file as a user gets it; ``fresh`` by the call that has just made it."""

    def text(name: str) -> str | None:
        return None if row.get(name) is None else str(row[name])

    def count(name: str) -> Any:
        return row.get(name) if fresh else text(name)

    is_file = row["TYPE"] == "file"
    result: Row = {
        "ID": count("ID"),
        "NAME": row["NAME"],
        "CODE": row["CODE"],
        "STORAGE_ID": text("STORAGE_ID"),
        "TYPE": row["TYPE"],
    }
    if not is_file:
        result["REAL_OBJECT_ID"] = count("ID")
    result |= {"PARENT_ID": text("PARENT_ID"), "DELETED_TYPE": count("DELETED_TYPE")}
    if is_file:
        result |= {name: count(name) for name in ("GLOBAL_CONTENT_VERSION", "FILE_ID")}
        result["SIZE"] = text("SIZE")
    result |= {name: row.get(name) for name in ("CREATE_TIME", "UPDATE_TIME", "DELETE_TIME")}
    result |= {name: text(name) for name in ("CREATED_BY", "UPDATED_BY")}
    result["DELETED_BY"] = text("DELETED_BY") if row.get("DELETED_BY") or fresh else "0"
    if is_file:
        result["DOWNLOAD_URL"] = disk_links.url(portal, "download", user, row["ID"])
    kind = "file" if is_file else "path"
    result["DETAIL_URL"] = f"{portal.base_url}/docs/{kind}/{quote(str(row['NAME']))}"
    return result


def _sent(call: Call, number: int, *, fresh: bool = False) -> Row:
    row = call.state.get("disk_objects", number) or {}
    return sent(call.portal, call.caller.user_id, row, fresh=fresh)


# -- what is meant ------------------------------------------------------------------------


def identity(call: Call, name: str = "id", place: int = 0) -> int:
    """The number that a parameter names. Refuses one that is missing or none."""
    number = call.number(name)
    if number is None:
        raise Refusal("ERROR_ARGUMENT", f"Invalid value of parameter {{Parameter #{place}}}")
    return number


def missing(number: int) -> Refusal:
    """The answer to an id that nothing has."""
    return Refusal("ERROR_NOT_FOUND", f"Could not find entity with id `{number}`")


def existing(call: Call, kind: str, name: str = "id", *, trash: bool = False) -> Row:
    """The folder or file that a parameter names. Refuses one not there or not the caller's."""
    number = identity(call, name, int(kind == "folder"))
    row = call.state.get("disk_objects", number)
    if row is None or row["TYPE"] != kind or row["DELETED_TYPE"] != (disk.TRASH if trash else 0):
        raise missing(number)
    storage = disk.storage(call.state, row["STORAGE_ID"])
    if storage is None or not disk.may(call.state, call.caller.user_id, storage):
        raise Refusal("ACCESS_DENIED", "Access denied")
    return row


def _name(call: Call) -> str:
    data = call.get("data")
    name = data.get("NAME") if isinstance(data, dict) else None
    return str(name or "").strip()


def _checked(name: str, place: int = 1) -> str:
    if not name or len(name) > disk.MAX_NAME or disk.FORBIDDEN & set(name):
        raise Refusal("ERROR_ARGUMENT", f"Invalid value of parameter {{Parameter #{place}}}")
    return name


def _taken(kind: str) -> Refusal:
    return Refusal("DISK_OBJ_22000", f"A {kind} with this name already exists")


def conditions(call: Call, entity: Entity) -> tuple[str, list[Any]]:
    """The call's ``filter`` as SQL condition and parameters."""
    names = {f.name: f for f in entity.fields}
    try:
        return where(call.mapping("filter"), names, call.state.zone)
    except BadFilter as error:
        raise Refusal("ERROR_ARGUMENT", f"Invalid value of '{error.field}'") from None


def described(names: Any) -> Row:
    """These fields as the ``getFields`` methods describe them."""
    kinds = {f.name: f for f in (*disk.STORAGES.fields, *disk.DISK_OBJECTS.fields)}
    result = {}
    for name in names:
        kind = kinds[name].type if name in kinds else "integer"
        kind = {"user": "integer"}.get(kind, kind)
        kind = "enum" if name in ("TYPE", "DELETED_TYPE") else kind
        usable = name in FILTERABLE or name in ("ENTITY_TYPE", "ENTITY_ID")
        result[name] = {"TYPE": kind, "USE_IN_FILTER": usable, "USE_IN_SHOW": True}
    return result


# -- folders ------------------------------------------------------------------------------


def children(call: Call, folder: int) -> Page:
    """One page of what a folder holds."""
    sql, values = conditions(call, disk.DISK_OBJECTS)
    sql = " AND ".join(p for p in (sql, '"PARENT_ID" = ? AND "DELETED_TYPE" = 0') if p)
    names = {f.name: f for f in disk.DISK_OBJECTS.fields if not f.hidden}

    def write(rows: list[Row]) -> list[Row]:
        return [sent(call.portal, call.caller.user_id, row) for row in rows]

    order = ordering(call.get("order"), names)
    return written_page(call, "disk_objects", sql, [*values, folder], order, write)


@method("disk.folder.getChildren", scope="disk")
def folder_children(call: Call) -> Page:
    """What a folder holds."""
    return children(call, existing(call, "folder")["ID"])


@method("disk.folder.get", scope="disk")
def get_folder(call: Call) -> Row:
    """One folder."""
    return _sent(call, existing(call, "folder")["ID"])


@method("disk.folder.getFields", scope="disk")
def folder_fields(_call: Call) -> Row:
    """The fields of a folder."""
    return described(FOLDER_FIELDS)


@method("disk.folder.addSubFolder", scope="disk")
def add_to_folder(call: Call) -> Row:
    """A new folder in a folder."""
    return add_folder(call, existing(call, "folder"))


def add_folder(call: Call, parent: Row) -> Row:
    """Add the folder that ``data`` names; the answer to the call."""
    name = _checked(_name(call))
    try:
        number = disk.add_folder(call.state, parent, name, actor=call.caller.user_id)
    except disk.NameTaken:
        raise _taken("folder") from None
    return _sent(call, number, fresh=True)


@method("disk.folder.uploadFile", scope="disk", batch=False)
def upload_to_folder(call: Call) -> Row:
    """A new file in a folder; without ``fileContent`` the address to upload it to."""
    return upload(call, existing(call, "folder"))


@method("disk.folder.deleteTree", scope="disk")
def delete_folder(call: Call) -> bool:
    """Delete a folder and all in it for good."""
    row = existing(call, "folder")
    if disk.is_root(row):
        raise Refusal("DISK_OBJ_22000", "Could not delete root folder")
    disk.delete(call.state, row)
    return True


# -- files --------------------------------------------------------------------------------


def _no_scope() -> Refusal:
    return Refusal("NOT_FOUND", "Search scope was not found. (NOT_FOUND).")


@method("disk.file.get", scope="disk")
def get_file(call: Call) -> Row:
    """One file, with the address to download it from."""
    return _sent(call, existing(call, "file")["ID"])


@method("disk.file.getFields", scope="disk")
def file_fields(_call: Call) -> Row:
    """The fields of a file."""
    return described(FILE_FIELDS)


@method("disk.file.delete", scope="disk")
def delete_file(call: Call) -> bool:
    """Delete a file for good."""
    disk.delete(call.state, existing(call, "file"))
    return True


@method("disk.file.uploadVersion", scope="disk", batch=False)
def upload_version(call: Call) -> Row:
    """Put new content into a file."""
    row = existing(call, "file")
    _given, content = _content(call, "DISK_FILE_22002")
    disk.replace_content(call.state, row, content, actor=call.caller.user_id)
    return _sent(call, row["ID"])


@method("disk.file.search", scope="disk")
def search_files(call: Call) -> Page:
    """Files and folders whose name holds a text of 3 to 255 characters."""
    given = call.get("query")
    if given is None:
        text = "Invalid value of parameter { Parameter #0 [ <required> $QUERY ] }."
        raise Refusal("ERROR_ARGUMENT", text)
    text = " ".join(given.split()) if isinstance(given, str) else ""
    if not 3 <= len(text) <= disk.MAX_NAME:
        raise Refusal("INVALID_QUERY", "Search query is invalid. (INVALID_QUERY).")
    kind = str(call.get("type") or "all").lower()
    if kind not in ("file", "folder", "all"):
        raise Refusal("INVALID_TYPE", "Search result type is invalid. (INVALID_TYPE).")
    mine = [row["ID"] for row in disk.storages(call.state, call.caller.user_id)]
    filter: Row = {"%NAME": text, "@STORAGE_ID": mine, "DELETED_TYPE": 0, ">PARENT_ID": 0}
    if kind != "all":
        filter["TYPE"] = kind
    scope = call.get("filter") or {}
    if not isinstance(scope, dict):
        raise _no_scope()
    asked = {str(k).upper(): v for k, v in scope.items()}
    if set(asked) - {"STORAGE_ID", "FOLDER_ID"}:
        raise Refusal(
            "INVALID_FILTER", "Search filter contains an unknown field. (INVALID_FILTER)."
        )
    if "STORAGE_ID" in asked:
        if str(asked["STORAGE_ID"]) not in [str(number) for number in mine]:
            raise _no_scope()
        filter["STORAGE_ID"] = asked["STORAGE_ID"]
    rows = call.state.find("disk_objects", filter)
    if "FOLDER_ID" in asked:
        call.params["folder_id"] = asked["FOLDER_ID"]
        try:
            folder = existing(call, "folder", "folder_id")
        except Refusal:
            raise _no_scope() from None
        if str(folder["STORAGE_ID"]) != str(asked.get("STORAGE_ID", folder["STORAGE_ID"])):
            raise _no_scope()
        below = {row["ID"] for row in disk.tree(call.state, folder)}
        rows = [row for row in rows if row["PARENT_ID"] in below]
    answer = page(call, rows)
    answer.result = [sent(call.portal, call.caller.user_id, row) for row in answer.result]
    answer.total = None
    return answer


def _content(call: Call, code: str = "ERROR_COULD_NOT_SAVE_FILE") -> tuple[str, bytes]:
    """``fileContent``: name and base64, as the door also writes a file of a multipart form."""
    given = call.get("fileContent")
    given = list(given.values()) if isinstance(given, dict) else given
    if isinstance(given, str):
        given = ["", given]
    if not isinstance(given, list) or len(given) != 2:
        raise Refusal("ERROR_ARGUMENT", "Invalid value of parameter {Parameter #2}")
    name, content = given
    try:
        return str(name), base64.b64decode("".join(str(content).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(code, "Could not save file") from None


def _unique(call: Call) -> bool:
    return str(call.get("generateUniqueName") or "").upper() in ("1", "Y", "TRUE")


def upload(call: Call, folder: Row) -> Row:
    """Save ``fileContent``, or give the address to upload to."""
    if not isinstance(call.get("rights") or [], list | dict):
        raise Refusal("", "Invalid rights format")
    if call.get("fileContent") in (None, "", []):
        user, unique = call.caller.user_id, _unique(call)
        url = disk_links.url(call.portal, "upload", user, folder["ID"], unique=unique)
        return {"field": "file", "uploadUrl": url}
    _given, content = _content(call)
    return save_file(
        call.portal, call.caller.user_id, folder, _name(call), content, unique=_unique(call)
    )


def save_file(
    portal: Portal, user: int, folder: Row, name: str, content: bytes, *, unique: bool
) -> Row:
    """Save a file for a user and answer with it. Refuses a missing or taken name."""
    if not name:
        raise Refusal(
            "DISK_BASE_SERVICE_22001",
            "Error: required parameter NAME (DISK_BASE_SERVICE_22001)",
        )
    try:
        number = disk.add_file(
            portal.state, folder, _checked(name), content, actor=user, unique=unique
        )
    except disk.NameTaken:
        raise _taken("file") from None
    row = portal.state.get("disk_objects", number) or {}
    return sent(portal, user, row, fresh=True)


# -- what folders and files have in common ------------------------------------------------


def _common(kind: str) -> None:
    """``rename``, ``moveTo``, ``copyTo``, ``markDeleted`` and ``restore`` of folders and files."""

    def guarded(call: Call, act: Callable[[Row], int | None], row: Row) -> Row:
        try:
            number = act(row)
        except disk.NameTaken:
            raise _taken(kind) from None
        except ValueError:
            raise Refusal("ERROR_ARGUMENT", "Invalid value of parameter {Parameter #1}") from None
        return _sent(call, number or row["ID"], fresh=number is not None)

    @method(f"disk.{kind}.rename", scope="disk")
    def rename(call: Call) -> Row:
        row = existing(call, kind)
        name = str(call.get("newName") or "").strip()
        if kind == "file" and call.get("newName") is not None and not name:
            raise Refusal("0", "Empty name")
        name = _checked(name)
        if disk.is_root(row):
            raise Refusal("ACCESS_DENIED", "Access denied")
        user = call.caller.user_id
        return guarded(call, lambda r: disk.rename(call.state, r, name, actor=user), row)

    @method(f"disk.{kind}.moveTo", scope="disk")
    def move(call: Call) -> Row:
        row, target = existing(call, kind), existing(call, "folder", "targetFolderId")
        if disk.is_root(row):
            raise Refusal("", "Could not move root folder")
        user = call.caller.user_id
        return guarded(call, lambda r: disk.move(call.state, r, target, actor=user), row)

    @method(f"disk.{kind}.copyTo", scope="disk")
    def copy(call: Call) -> Row:
        row, target = existing(call, kind), existing(call, "folder", "targetFolderId")
        user = call.caller.user_id
        return guarded(call, lambda r: disk.copy(call.state, r, target, actor=user), row)

    @method(f"disk.{kind}.markDeleted", scope="disk")
    def mark_deleted(call: Call) -> Row:
        row = existing(call, kind)
        if disk.is_root(row):
            raise Refusal("DISK_OBJ_22000", "Could not delete root folder")
        disk.trash(call.state, row, actor=call.caller.user_id)
        return _sent(call, row["ID"])

    @method(f"disk.{kind}.restore", scope="disk")
    def restore(call: Call) -> Row:
        row = existing(call, kind, trash=True)
        if kind == "folder" and not rights.is_admin(call.state, call.caller.user_id):
            raise Refusal("ACCESS_DENIED", "Access denied")
        disk.restore(call.state, row, actor=call.caller.user_id)
        return _sent(call, row["ID"])


_common("folder")
_common("file")
