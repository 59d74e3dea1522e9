"""What a user may see and change: own records, the department's, or all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.fields import Entity, Row

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.state import State

_OWNERS = {"activities": "RESPONSIBLE_ID", "tasks": "RESPONSIBLE_ID", "calls": "PORTAL_USER_ID"}


def is_admin(state: State, user: int) -> bool:
    """Whether the user administers the portal."""
    row = state.get("users", user)
    return row is not None and row["IS_ADMIN"] == "Y"


def is_active(state: State, user: int) -> bool:
    """Whether the user exists and has not been dismissed."""
    row = state.get("users", user)
    return row is not None and row["ACTIVE"] == "Y"


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


def owner_field(entity: Entity) -> str:
    """The field that names who is responsible; empty if the entity is everybody's."""
    if entity.type_id:
        return "ASSIGNED_BY_ID"
    return _OWNERS.get(entity.name, "")


def readable(state: State, user: int, entity: Entity) -> tuple[str, list[Any]]:
    """The user's limit on an entity as SQL condition and parameters; ``""`` for none."""
    owner = owner_field(entity)
    circle = colleagues(state, user) if owner else None
    if circle is None:
        return "", []
    # The plus keeps SQLite from leaving the order by id for the owners' index.
    return f'+"{owner}" IN ({",".join("?" * len(circle))})', sorted(circle)


def may(state: State, user: int, entity: Entity, row: Row) -> bool:
    """Whether the user may see and change this record."""
    owner = owner_field(entity)
    circle = colleagues(state, user) if owner else None
    return circle is None or row.get(owner) in circle
