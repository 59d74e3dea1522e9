"""The smart processes of a portal: kinds of record that its administrators have made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.bitrix24.entities import CATEGORIES, ITEM_USERFIELDS, categories, item_userfields
from workbench.bitrix24.entity import Entity, items, product_rows, stage_history

FIRST = 128  # lower entityTypeIds are the portal's own kinds


@dataclass(frozen=True, order=True)
class SmartProcess:
    """One smart process: ``type_id`` is its entityTypeId, ``number`` the id of the type itself."""

    type_id: int
    number: int
    title: str = ""
    stages: bool = True
    products: bool = True

    @property
    def name(self) -> str:
        """What its entity is called, also its raw table."""
        return f"smart_{self.type_id}"

    def entities(self) -> tuple[Entity, ...]:
        """Return its records, and their stage history and product rows if it has these."""
        found = [items(self.name, self.type_id, label=self.title)]
        if self.stages:
            found.append(stage_history(f"{self.name}_history", self.name, self.type_id))
        if self.products:
            short = f"T{self.type_id:x}"
            found.append(product_rows(f"{self.name}_products", self.name, short))
        return tuple(replace(each, label=self.title) for each in found)


def smart_processes(rows: Iterable[Mapping[str, Any]]) -> tuple[SmartProcess, ...]:
    """Return the smart processes of rows of ``crm.type.list``, by entityTypeId.

    A row that names no number is left out; a flag that is not said counts as yes.
    """
    found: dict[int, SmartProcess] = {}
    for row in rows:
        try:
            type_id, number = int(row["entityTypeId"]), int(row["id"])
        except (KeyError, TypeError, ValueError):
            continue
        if type_id >= FIRST:
            found[type_id] = SmartProcess(
                type_id,
                number,
                str(row.get("title") or ""),
                stages=row.get("isStagesEnabled") != "N",
                products=row.get("isLinkWithProductsEnabled") != "N",
            )
    return tuple(sorted(found.values()))


def with_smart_processes(entity: Entity, known: Iterable[SmartProcess]) -> Entity:
    """Return a small list with the calls that the smart processes add to it."""
    if entity.name == CATEGORIES.name:
        more = [categories(process.type_id) for process in known]
    elif entity.name == ITEM_USERFIELDS.name:
        more = [
            call
            for process in known
            for call in item_userfields(f"CRM_{process.number}", process.name)
        ]
    else:
        return entity
    return replace(entity, calls=entity.calls + tuple(more))
