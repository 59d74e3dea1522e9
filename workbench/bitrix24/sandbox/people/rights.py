"""What a user may see and change: own records, the department's, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Row
from workbench.bitrix24.sandbox.rest.methods import PAGE

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

_OWNERS = {"tasks": "RESPONSIBLE_ID", "calls": "PORTAL_USER_ID"}


def is_admin(state: State, user: int) -> bool:
    """Whether the user administers the portal."""
    row = state.get("users", user)
    return row is not None and row["IS_ADMIN"] == "Y"


def is_active(state: State, user: int) -> bool:
    """Whether the user exists and has not been dismissed."""
    row = state.get("users", user)
    return row is not None and row["ACTIVE"] == "Y"


def sees_catalogue(state: State, user: int) -> bool:
    """Whether the user may view the catalogue of products; everybody may until told otherwise."""
    row = state.get("users", user) or {}
    return row.get("IS_ADMIN") == "Y" or row.get("CATALOG_RIGHTS") != "N"


def colleagues(state: State, user: int) -> frozenset[int] | None:
    """The users whose records this one may see, kept until users change; None for everybody's."""
    version = (state.version("users"), state.version("departments"))
    if state.circles.get("version") != version:
        state.circles = {"version": version}
    if user not in state.circles:
        state.circles[user] = _circle(state, user)
    circle: frozenset[int] | None = state.circles[user]
    return circle


def _circle(state: State, user: int) -> frozenset[int] | None:
    row = state.get("users", user)
    if row is None:
        return frozenset()
    if row["IS_ADMIN"] == "Y" or (row["CRM_RIGHTS"] or "all") == "all":
        return None
    if row["CRM_RIGHTS"] != "department":
        return frozenset((user,))
    mine = set(row.get("UF_DEPARTMENT") or ())
    parents = {d["ID"]: d["PARENT"] for d in state.find("departments")}
    # Sub-departments belong to the department, to any depth; a cycle ends the walk.
    for department in parents:
        seen: set[int] = set()
        at: int | None = department
        while at is not None and at not in seen:
            seen.add(at)
            if at in mine:
                mine |= seen
                break
            at = parents.get(at)
    people = state.find("users")
    return frozenset((user, *(p["ID"] for p in people if mine & set(p.get("UF_DEPARTMENT") or ()))))


#: Who else may see and change a record: the field of its maker and the lists in its body.
_MEMBERS = {"tasks": ("CREATED_BY", ("ACCOMPLICES", "AUDITORS"))}


@dataclass(frozen=True)
class Anchor:
    """What a record hangs on, whose rights it has: the columns that name it and its type.

    ``type`` holds an entityTypeId, or a name of the timeline (``deal``) if ``timeline``; without it
    the record always hangs on the one entity of ``on``. ``on`` empty means any CRM entity.
    A record that hangs on nothing belongs to whom ``alone`` names.
    """

    id: str
    type: str = ""
    on: tuple[str, ...] = ()
    timeline: bool = False
    alone: str = ""


ANCHORS = {
    "activities": Anchor("OWNER_ID", "OWNER_TYPE_ID", alone="RESPONSIBLE_ID"),
    "requisites": Anchor("ENTITY_ID", "ENTITY_TYPE_ID", ("contacts", "companies")),
    "bank_details": Anchor("ENTITY_ID", on=("requisites",)),
    "requisite_links": Anchor("ENTITY_ID", "ENTITY_TYPE_ID"),
    "addresses": Anchor("ANCHOR_ID", "ANCHOR_TYPE_ID", ("leads", "contacts", "companies")),
    "timeline_comments": Anchor("ENTITY_ID", "ENTITY_TYPE", timeline=True),
}


def anchor_entities(state: State, anchor: Anchor) -> dict[Any, Entity]:
    """The entities that a record may hang on, by what its type column holds."""
    if not anchor.type:
        return {None: state.entities[anchor.on[0]]}
    entities = [e for e in state.by_type.values() if not anchor.on or e.name in anchor.on]
    return {e.timeline_name if anchor.timeline else e.type_id: e for e in entities}


def anchor_of(state: State, entity: Entity, row: Row) -> tuple[Entity, Row] | None:
    """The record that this one hangs on; None if it is gone."""
    anchor = ANCHORS[entity.name]
    kind = row.get(anchor.type) if anchor.type else None
    kind = kind.lower() if isinstance(kind, str) else kind
    above = anchor_entities(state, anchor).get(kind)
    found = state.get(above.name, row.get(anchor.id) or 0) if above else None
    return (above, found) if above is not None and found is not None else None


def owner_field(entity: Entity) -> str:
    """The field that names who is responsible; empty if the entity is everybody's."""
    if entity.type_id:
        return "ASSIGNED_BY_ID"
    return _OWNERS.get(entity.name, "")


def readable(state: State, user: int, entity: Entity) -> tuple[str, list[Any]]:
    """The user's limit on an entity as SQL condition and parameters; ``""`` for none."""
    owner = owner_field(entity)
    circle = colleagues(state, user) if owner or entity.name in ANCHORS else None
    if circle is None:
        return "", []
    if not owner:
        return _readable_by_anchor(state, user, ANCHORS[entity.name])
    # The plus keeps SQLite from leaving the order by id for the owners' index, which pays where
    # a user sees so little that a page by id would pass over most of the table.
    plus = "" if _few(state, entity, owner, circle) else "+"
    limit, values = f'{plus}"{owner}" IN ({",".join("?" * len(circle))})', sorted(circle)
    if entity.name in _MEMBERS:
        maker, lists = _MEMBERS[entity.name]
        parts = [limit, f'"{maker}" = ?']
        for name in lists:
            parts.append(f"EXISTS (SELECT 1 FROM json_each(body, '$.{name}') WHERE value = ?)")  # noqa: S608 - names from above
        return f"({' OR '.join(parts)})", [*values, *[user] * (1 + len(lists))]
    return limit, values


RECOUNT = 1_000  # writes


def sees_few(state: State, user: int, entity: Entity) -> bool:
    """Whether a user sees so few records of an entity that they are best found by their owners."""
    owner, circle = owner_field(entity), colleagues(state, user)
    return bool(owner) and circle is not None and _few(state, entity, owner, circle)


def _few(state: State, entity: Entity, owner: str, circle: frozenset[int]) -> bool:
    """Whether a user's records are so few that the index of their owners leads to them quicker.

    By id a page reads ``PAGE * all / seen`` rows, by owners the ``seen`` ones, to sort them. Asked
    anew after `RECOUNT` writes.
    """
    if not entity.by_name[owner].index:
        return False
    age = state.version(entity.name) // RECOUNT
    key = (entity.name, circle)
    known = state.shares.get(key)
    if known is None or known[0] != age:
        if len(state.shares) > 1_000:
            state.shares.clear()
        known = state.shares[key] = (age, _are_few(state, entity, owner, circle))
    return known[1]


def _are_few(state: State, entity: Entity, owner: str, circle: frozenset[int]) -> bool:
    table = f'"{entity.name}"'
    whole = f'SELECT max("{entity.key}") FROM {table}'  # noqa: S608 - names from the catalogue
    (last,) = state.connection.execute(whole).fetchone()
    most = int((PAGE * (last or 0)) ** 0.5)
    seen = (
        f'SELECT count(*) FROM (SELECT 1 FROM {table} WHERE "{owner}" IN '  # noqa: S608 - as above
        f"({','.join('?' * len(circle))}) LIMIT {most + 1})"
    )
    (count,) = state.connection.execute(seen, sorted(circle)).fetchone()
    return bool(count <= most)


def _readable_by_anchor(state: State, user: int, anchor: Anchor) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for kind, entity in anchor_entities(state, anchor).items():
        limit, more = readable(state, user, entity)
        part = f'"{anchor.id}" IN (SELECT "ID" FROM "{entity.name}" WHERE {limit})'  # noqa: S608 - names from the catalogue
        if anchor.type:
            part = f'"{anchor.type}" = ? AND {part}'
            values.append(kind)
        parts.append(f"({part})")
        values += more
    circle = colleagues(state, user)
    if anchor.alone and circle is not None:
        marks = ",".join("?" * len(circle))
        parts.append(f'(coalesce("{anchor.id}", 0) = 0 AND "{anchor.alone}" IN ({marks}))')
        values += sorted(circle)
    return f"({' OR '.join(parts)})", values


def seen(
    state: State,
    user: int,
    entity: Entity | None,
    number: int | None,
    missing: Exception,
    barred: Exception,
) -> Row:
    """The record of this number. Raises ``missing`` if there is none, ``barred`` without rights."""
    row = state.get(entity.name, number or 0) if entity is not None else None
    if entity is None or row is None:
        raise missing
    if not may(state, user, entity, row):
        raise barred
    return row


def may(state: State, user: int, entity: Entity, row: Row) -> bool:
    """Whether the user may see and change this record."""
    owner = owner_field(entity)
    circle = colleagues(state, user) if owner or entity.name in ANCHORS else None
    if circle is None:
        return True
    if owner:
        maker, lists = _MEMBERS.get(entity.name, ("", ()))
        member = user == row.get(maker) or any(user in (row.get(name) or ()) for name in lists)
        return row.get(owner) in circle or member
    anchor = ANCHORS[entity.name]
    if anchor.alone and not row.get(anchor.id):
        return row.get(anchor.alone) in circle
    above = anchor_of(state, entity, row)
    return above is not None and may(state, user, *above)
