"""Whose records hang on whose: the ``relations`` of a smart process.

Of one relation, the child's records have ``PARENT_ID_<entityTypeId of the parent>``, the id of one
of the parent's. Source: api-reference/crm/universal/user-defined-object-types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.crm.smart_processes import FIRST
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, positive

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

RELATIONS = Entity(
    "type_relations",
    (
        Field("ID", "integer", readonly=True),
        Field("PARENT_TYPE_ID", "integer", index=True),
        Field("CHILD_TYPE_ID", "integer", index=True),
        Field("IS_CHILDREN_LIST_ENABLED", "char"),
    ),
)
#: Of a relation's side as clients name it: the column of the smart process that has it, the column
#: of the other type, the types of the CRM itself that may be the other. Contacts and companies are
#: parents by ``isClientEnabled``, in fields of their own.
SIDES = {
    "parent": ("CHILD_TYPE_ID", "PARENT_TYPE_ID", (1, 2, 7, 31)),
    "child": ("PARENT_TYPE_ID", "CHILD_TYPE_ID", (1, 2, 3, 4, 7, 31)),
}


def related(state: State, type_id: int) -> dict[str, list[Row]]:
    """The relations of one smart process that somebody made, by side."""
    return {
        side: [
            {
                "entityTypeId": row[other],
                "isChildrenListEnabled": row["IS_CHILDREN_LIST_ENABLED"],
                "isPredefined": "N",
            }
            for row in state.find("type_relations", {own: type_id})
        ]
        for side, (own, other, _kinds) in SIDES.items()
    }


def relate(state: State, type_id: int, given: Any) -> None:
    """Put the relations of a write in the place of those that a smart process has.

    What cannot be a relation is left out and not told, as the documentation has it; it also has
    ``"true"`` for a yes, and that ``Y`` is none. [?] A side that is not named stays: relations are
    said to be sent whole, but not what whole is.
    """
    for side, (own, other, kinds) in SIDES.items():
        if not isinstance(given, dict) or side not in given:
            continue
        listed = {
            number: "Y" if each.get("isChildrenListEnabled") == "true" else "N"
            for each in _maps(given[side])
            if (number := positive(each.get("entityTypeId"))) in state.by_type
            and (number in kinds or number >= FIRST)
            and number != type_id
        }
        state.delete_where("type_relations", {own: type_id})
        state.insert_many(
            "type_relations",
            [
                {own: type_id, other: number, "IS_CHILDREN_LIST_ENABLED": shown}
                for number, shown in listed.items()
            ],
        )


def unrelate(state: State, type_id: int) -> None:
    """Delete the relations of a smart process that goes, and what its children's records say."""
    for row in state.find("type_relations", {"PARENT_TYPE_ID": type_id}):
        state.forget(state.by_type[row["CHILD_TYPE_ID"]].name, f"PARENT_ID_{type_id}")
    for own, _other, _kinds in SIDES.values():
        state.delete_where("type_relations", {own: type_id})


def _maps(given: Any) -> Iterable[Row]:
    """The maps among the values of a list, or of a map as forms send lists."""
    values = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return (each for each in values if isinstance(each, dict))
