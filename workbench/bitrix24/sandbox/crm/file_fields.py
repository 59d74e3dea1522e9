"""Files in user fields of type ``file``: what a write asks for, and what is kept and deleted.

A record holds the ids of its files. The files have a table of their own, as they are no objects of
the disk: its methods do not know their ids. Each file belongs to one field of one record, and only
a write to that field, or the end of the record or the field, deletes it.
Source: api-reference/files, api-reference/crm/universal/crm-item-update.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.disk import disk
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, Unfit, positive

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

FIELD_FILES = Entity(
    "field_files",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY"),
        Field("RECORD_ID", "integer"),
        Field("FIELD_NAME"),
        Field("NAME"),
        Field("SIZE", "integer"),
        Field("CONTENT", "json", hidden=True),
    ),
    indexes=(("RECORD_ID", "ENTITY"),),
)
_KEYS = frozenset(("id", "remove", "fileData"))


@dataclass(frozen=True)
class Upload:
    """A new file."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Removal:
    """A file that goes while the others stay; ``id`` 0 is whichever the field has."""

    id: int


#: What a write asks of a field: new files, ids of those that stay, those that go alone.
Asked = list[Upload | Removal | int]


# -- what is asked for --------------------------------------------------------------------


def asked_old(kind: Field, value: Any) -> Asked | None:
    """What an old method asks for: ``{fileData: [name, base64]}``, ``{id}``, ``{id, remove: Y}``.

    None where it asks for nothing that is understood: the field stays. Raises Unfit.
    """
    if value in (None, "", False, [], {}):
        return []
    return [each for item in _items(kind, value) for each in _one_old(kind, item)] or None


def _items(kind: Field, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value if kind.multiple else []
    if isinstance(value, dict) and kind.multiple and not _KEYS & value.keys():
        return list(value.values())
    return [value]


def _one_old(kind: Field, item: Any) -> Asked:
    if not isinstance(item, dict):
        return []
    data, number = item.get("fileData"), positive(item.get("id"))
    if data not in (None, "", []):
        return [_upload(kind, [data] if isinstance(data, str) else data)]
    if str(item.get("remove")).upper() == "Y":
        return [Removal(number)] if number or not kind.multiple else []
    return [number] if number and kind.multiple else []


def asked_universal(kind: Field, value: Any) -> Asked:
    """What a universal method asks for: ``[name, base64]``, or the id of a file that stays.

    Everything else that the field has goes. Raises Unfit.
    """
    values = value if kind.multiple else [value]
    return [each for item in values for each in _one_universal(kind, item)]


def _one_universal(kind: Field, item: Any) -> Asked:
    if item in (None, "", False, [], {}):
        return []
    if isinstance(item, dict) and item.keys() != {"0", "1"}:
        number = positive(item.get("id"))
        return [number] if number else []
    if isinstance(item, list | dict):
        return [_upload(kind, item)]
    number = positive(item)
    if not number:
        raise Unfit(kind.name)
    return [number]


def _upload(kind: Field, given: Any) -> Upload:
    """The file of a name and its content in base64; without a name it gets one. Raises Unfit."""
    parts = list(given.values()) if isinstance(given, dict) else given
    if isinstance(parts, list) and len(parts) == 1:
        parts = ["", *parts]
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, str]:
        raise Unfit(kind.name)
    name, text = parts
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unfit(kind.name) from None
    if not content:
        raise Unfit(kind.name)
    return Upload(disk.written_name(name), content)


# -- what is kept and deleted -------------------------------------------------------------


def written(state: State, entity: Entity, record: int, before: Row, values: Any) -> Row:
    """Keep and delete files as a write asks; returns what its file fields hold from now on."""
    result: Row = {}
    for kind in state.fields(entity.name):
        if not kind.keeps_files or kind.name not in values:
            continue
        present = ids_of(before.get(kind.name))
        after = [
            each if isinstance(each, int) else _keep(state, entity, record, kind, each)
            for each in _staying(kind, present, values[kind.name] or [])
        ]
        for number in set(present) - set(after):
            state.delete(FIELD_FILES.name, number)
        result[kind.name] = after if kind.multiple else next(iter(after), None)
    return result


def ids_of(value: Any) -> list[int]:
    """The ids of files that a record holds in a field."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if type(each) is int]


def _staying(kind: Field, present: list[int], asked: Asked) -> list[Upload | int]:
    """What a field has after a write; an id of another field's file is no file."""
    gone = {each.id for each in asked if isinstance(each, Removal)}
    named = [each for each in asked if not isinstance(each, Removal)]
    if gone and not named:
        return [number for number in present if not gone & {number, 0}]
    had = set(present) - gone
    staying: list[Upload | int] = []
    for each in named:
        if isinstance(each, Upload):
            staying.append(each)
        elif each in had:
            staying.append(each)
            had.remove(each)
    return staying if kind.multiple else staying[:1]


def _keep(state: State, entity: Entity, record: int, kind: Field, new: Upload) -> int:
    """Keep a new file; returns its id, which no other has had."""
    of = {"ENTITY": entity.name, "RECORD_ID": record, "FIELD_NAME": kind.name, "NAME": new.name}
    return state.add(FIELD_FILES.name, {**of, **disk.kept(new.content)})


def forget_record(state: State, entity: Entity, record: int) -> None:
    """Delete the files of a record."""
    state.delete_where(FIELD_FILES.name, {"ENTITY": entity.name, "RECORD_ID": record})


def forget_field(state: State, entity: Entity, name: str) -> None:
    """Delete the files that all records have in a field."""
    state.delete_where(FIELD_FILES.name, {"ENTITY": entity.name, "FIELD_NAME": name})
