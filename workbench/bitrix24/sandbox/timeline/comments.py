"""Comments in the timeline of CRM records: crm.timeline.comment.*.

Whoever may see the record reads and writes its comments. Files of a comment go to the writer's
storage on the disk. Source: api-reference/crm/timeline/comments.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.records import (
    choose,
    conditions,
    identity,
    ordering,
    written_page,
)
from workbench.bitrix24.sandbox.disk import disk, disk_links, disk_transfer
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method
from workbench.bitrix24.sandbox.timeline.timeline import COMMENTS

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

MODULE = "timeline"  # of the addresses of its files
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


# -- what is sent -------------------------------------------------------------------------


def _sent(call: Call, row: Row) -> Row:
    text = {k: str(row[k]) for k in ("ID", "ENTITY_ID", "AUTHOR_ID")}
    return {
        "ID": text["ID"],
        "ENTITY_ID": text["ENTITY_ID"],
        "ENTITY_TYPE": row["ENTITY_TYPE"],
        "CREATED": row["CREATED"],
        "COMMENT": row["COMMENT"],
        "AUTHOR_ID": text["AUTHOR_ID"],
        "FILES": _files(call, row) or [],
    }


def _files(call: Call, row: Row) -> Row:
    author = call.state.get("users", row["AUTHOR_ID"] or 0) or {}
    name = f"{author.get('NAME') or ''} {author.get('LAST_NAME') or ''}".strip()
    result: Row = {}
    for number in row.get("FILES") or []:
        file = call.state.get("disk_objects", number)
        if file is None:
            continue
        what = {"user": call.caller.user_id, "id": number, "comment": row["ID"]}
        url = disk_links.signed(call.portal, MODULE, "download", what)
        picture = str(file["NAME"]).lower().endswith(PICTURES)
        result[str(number)] = {
            "id": number,
            "date": file["CREATE_TIME"],
            "type": "image" if picture else "file",
            "name": file["NAME"],
            "size": file["SIZE"],
            **({"image": _size(disk.content_of(file))} if picture else {}),
            "authorId": row["AUTHOR_ID"],
            "authorName": name,
            "urlPreview": url,
            "urlShow": url,
            "urlDownload": url,
        }
    return result


def _reads(portal: Portal, what: dict[str, Any]) -> bool:
    """Whether a user sees the comment that a file belongs to."""
    row = portal.state.get(COMMENTS.name, what["comment"])
    belongs = row is not None and what["id"] in (row.get("FILES") or ())
    return belongs and rights.may(portal.state, what["user"], COMMENTS, row or {})


disk_transfer.READERS[MODULE] = _reads


def _size(content: bytes) -> Row:
    """Width and height of a PNG or GIF in pixels; 0 of anything else."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
    elif content[:3] == b"GIF" and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
    else:
        width = height = 0
    return {"width": width, "height": height}


# -- reading ------------------------------------------------------------------------------


@method("crm.timeline.comment.list", scope="crm")
def list_comments(call: Call) -> Page:
    """Comments of one record: the filter names ``ENTITY_TYPE`` and ``ENTITY_ID``.

    [?] What happens without them is not documented beyond their being mandatory: it is refused.
    """
    filter = {str(k).upper(): v for k, v in call.mapping("filter").items()}
    kind = next((filter[k] for k in ("ENTITY_TYPE", "=ENTITY_TYPE") if k in filter), "")
    number = next((filter[k] for k in ("ENTITY_ID", "=ENTITY_ID") if k in filter), "")
    found = _owner(call, kind, number)
    if found is None or not rights.may(call.state, call.caller.user_id, *found):
        raise Refusal("", "Access denied.")
    fields = [f for f in COMMENTS.fields if f.name != "FILES"]
    shown = {f.name for f in choose(COMMENTS, COMMENTS.fields, call.get("select"))}
    sql, values = conditions(call, COMMENTS, fields, filter)

    def write(rows: list[Row]) -> list[Row]:
        return [{k: v for k, v in _sent(call, row).items() if k in shown} for row in rows]

    order = ordering(call.get("order"), {f.name: f for f in fields})
    return written_page(call, COMMENTS.name, sql, values, order, write)


@method("crm.timeline.comment.get", scope="crm")
def get_comment(call: Call) -> Row:
    """One comment."""
    missing, barred = Refusal("", "Not found."), Refusal("", "Access denied.")
    user, number = call.caller.user_id, identity(call)
    return _sent(call, rights.seen(call.state, user, COMMENTS, number, missing, barred))


@method("crm.timeline.comment.fields", scope="crm")
def comment_fields(_call: Call) -> dict[str, Row]:
    """The fields of a comment."""
    described = describe_all(COMMENTS.fields)
    described["FILES"] |= {"type": "attached_diskfile", "isMultiple": True}
    return described


# -- writing ------------------------------------------------------------------------------


def _owner(call: Call, kind: Any, number: Any) -> tuple[Entity, Row] | None:
    row = {"ENTITY_TYPE": str(kind), "ENTITY_ID": positive(number)}
    return rights.anchor_of(call.state, COMMENTS, row)


def _checked(call: Call, found: tuple[Entity, Row] | None) -> None:
    if found is None:
        raise Refusal("OWNER_NOT_FOUND", "Owner was not found")
    if not rights.may(call.state, call.caller.user_id, *found):
        raise Refusal("ACCESS_DENIED", "Access denied.")


def _text(given: Row) -> str:
    text = str(given.get("COMMENT") or "").strip()
    if not text:
        raise Refusal("INVALID_ARG_VALUE", "Comment text is empty")
    return text


def _fields(call: Call) -> Row:
    """``fields`` in lower case only (crm 23.100.0)."""
    fields = call.raw.get("fields")
    if not isinstance(fields, dict):
        raise Refusal("100", "Could not find value for parameter {fields}")
    return fields


def _saved(call: Call, given: Any) -> list[int]:
    """Save the files of a comment, ``[[name, base64], …]``; returns their ids."""
    rows = list(given.values()) if isinstance(given, dict) else given
    ids = []
    for row in rows if isinstance(rows, list) else []:
        parts = list(row.values()) if isinstance(row, dict) else row
        if not isinstance(parts, list) or len(parts) != 2:
            raise Refusal("INVALID_ARG_VALUE", "Invalid value of the field FILES")
        try:
            content = base64.b64decode(str(parts[1]), validate=True)
        except (binascii.Error, ValueError):
            raise Refusal("INVALID_ARG_VALUE", "Invalid value of the field FILES") from None
        user = call.caller.user_id
        storages = disk.storages(call.state, user)
        own = next((s for s in storages if s["ENTITY_ID"] == str(user)), storages[0])
        folder = call.state.get("disk_objects", own["ROOT_OBJECT_ID"]) or {}
        name = disk.written_name(str(parts[0]))
        ids.append(disk.add_file(call.state, folder, name, content, actor=user, unique=True))
    return ids


@method("crm.timeline.comment.add", scope="crm")
def add_comment(call: Call) -> int:
    """A comment on a record."""
    fields = _fields(call)
    kind = str(fields.get("ENTITY_TYPE") or "").lower()
    number = fields.get("ENTITY_ID")
    _checked(call, _owner(call, kind, number))
    values = {
        "ENTITY_ID": positive(number),
        "ENTITY_TYPE": kind,
        "COMMENT": _text(fields),
        "FILES": _saved(call, fields.get("FILES")) or None,
    }
    return crm.add(
        call.state, COMMENTS.name, values, actor=call.caller.user_id, connector=call.connector
    )


def _existing(call: Call) -> Row:
    """The comment of a write. With ``ownerTypeId`` and ``ownerId`` it must hang on that record."""
    number = call.number("id")
    if number is None:
        raise Refusal("100", "Could not find value for parameter {id}")
    row = call.state.get(COMMENTS.name, number)
    if row is None:
        raise Refusal("NOT_FOUND", "Not found.")
    kind, owner = call.number("ownerTypeId"), call.number("ownerId")
    if kind is not None and owner is not None:
        entity = call.state.by_type.get(kind)
        if entity is None or (entity.timeline_name, owner) != (
            row["ENTITY_TYPE"],
            row["ENTITY_ID"],
        ):
            raise Refusal("OWNER_NOT_FOUND", "Owner was not found")
    _checked(call, rights.anchor_of(call.state, COMMENTS, row))
    return row


@method("crm.timeline.comment.update", scope="crm")
def update_comment(call: Call) -> int:
    """Change a comment; answers with its id."""
    row = _existing(call)
    fields = _fields(call)
    changes: Row = {}
    if "COMMENT" in fields:
        changes["COMMENT"] = _text(fields)
    if "FILES" in fields:
        changes["FILES"] = _saved(call, fields["FILES"])
    crm.update(
        call.state,
        COMMENTS.name,
        row["ID"],
        changes,
        actor=call.caller.user_id,
        connector=call.connector,
    )
    return int(row["ID"])


@method("crm.timeline.comment.delete", scope="crm")
def delete_comment(call: Call) -> None:
    """Delete a comment; the answer is null."""
    number = _existing(call)["ID"]
    crm.delete(
        call.state, COMMENTS.name, number, actor=call.caller.user_id, connector=call.connector
    )
