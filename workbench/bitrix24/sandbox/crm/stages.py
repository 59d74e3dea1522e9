"""Funnels, the statuses that name their stages (and every other directory), and stage history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

CATEGORIES = Entity(
    "categories",
    (
        Field("RECORD", "integer", readonly=True, hidden=True),
        Field("ID", "integer"),
        Field("NAME"),
        Field("SORT", "integer", default=500),
        Field("ENTITY_TYPE_ID", "integer"),
        Field("IS_DEFAULT", "char", default="N"),
        Field("ORIGIN_ID", default=""),
        Field("ORIGINATOR_ID", default=""),
    ),
    key="RECORD",
    indexes=(("ENTITY_TYPE_ID", "ID"),),
)

STATUSES = Entity(
    "statuses",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_ID", required=True, immutable=True),
        Field("STATUS_ID", required=True, immutable=True, camel="statusId"),
        Field("NAME", required=True),
        Field("NAME_INIT", readonly=True, default=""),
        Field("SORT", "integer", default=10),
        Field("SYSTEM", "char", readonly=True, default="N"),
        Field("CATEGORY_ID", "integer", immutable=True),
        Field("COLOR"),
        Field("SEMANTICS", immutable=True),
    ),
    indexes=(("ENTITY_ID", "STATUS_ID"),),
)

STAGE_HISTORY = Entity(
    "stage_history",
    (
        Field("ID", "integer"),
        Field("ENTITY_TYPE_ID", "integer", hidden=True),
        Field("TYPE_ID", "integer"),
        Field("OWNER_ID", "integer"),
        Field("CREATED_TIME", "datetime"),
        Field("CATEGORY_ID", "integer"),
        Field("STAGE_SEMANTIC_ID"),
        Field("STAGE_ID"),
    ),
    indexes=(("OWNER_ID", "ENTITY_TYPE_ID"),),
)


def new_category(state: State) -> int:
    """The number of a new funnel: none that one has, or had before it was deleted."""
    present = max((row["ID"] for row in state.find("categories")), default=0)
    number = 1 + max(present, state.settings.get("category", 0))
    state.settings["category"] = number
    return number


def directory_of(entity: Entity, category: int | None = None) -> str:
    """The ENTITY_ID of the statuses that are an entity's stages: ``DEAL_STAGE_1``, ``STATUS``, …"""
    if entity.name == "deals":
        return f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"
    return entity.stages_of.format(category=category or 0)


def stages(state: State, entity: Entity, category: int | None = None) -> list[Row]:
    """The stages of one funnel in their order (rows of ``statuses``)."""
    return directory(state, directory_of(entity, category))


def funnels(state: State, entity: Entity) -> dict[int, list[Row]]:
    """The stages of every funnel by its number; 0 alone where there are no funnels."""
    rows = state.find("categories", {"ENTITY_TYPE_ID": entity.type_id})
    return {number: stages(state, entity, number) for number in [r["ID"] for r in rows] or [0]}


def directory(state: State, name: str) -> list[Row]:
    """The statuses of one directory in their order; remembered until one changes."""
    version = state.version("statuses")
    if state.directories.get("") != version:
        state.directories = {"": version}
    known = state.directories.get(name)
    if known is None:
        rows = state.find("statuses", {"ENTITY_ID": name}, order=[("SORT", "ASC")])
        known = state.directories[name] = rows
    return known


def semantics(state: State, entity: Entity, category: int | None, stage: str | None) -> str:
    """``P`` in work, ``S`` won, ``F`` lost; ``P`` for a stage that the funnel does not have."""
    for row in stages(state, entity, category):
        if row["STATUS_ID"] == stage:
            return row["SEMANTICS"] or "P"
    return "P"


def category_of_stage(stage: Any) -> int:
    """The funnel that a deal's stage code names: ``C4:NEW`` → 4, ``NEW`` or no code → 0."""
    head, colon, _rest = str(stage or "").partition(":")
    return int(head[1:]) if colon and head[:1] == "C" and head[1:].isdecimal() else 0


def default_category(state: State, type_id: int) -> int:
    """The funnel that a new record of this type goes to: 0 for deals, else the default one."""
    rows = state.find(
        "categories", {"ENTITY_TYPE_ID": type_id}, order=[("IS_DEFAULT", "DESC")], limit=1
    )
    return rows[0]["ID"] if rows else 0


def register(
    state: State,
    entity: Entity,
    owner: int,
    kind: int,
    category: int | None,
    stage: str,
    meaning: str,
) -> None:
    """One more row of stage history, dated now."""
    state.add(
        "stage_history",
        {
            "ENTITY_TYPE_ID": entity.type_id,
            "TYPE_ID": kind,
            "OWNER_ID": owner,
            "CREATED_TIME": state.timestamp(),
            "CATEGORY_ID": category or 0,
            "STAGE_SEMANTIC_ID": meaning,
            "STAGE_ID": stage,
        },
    )
