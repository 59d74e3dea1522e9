"""What can be read from a portal is described here: one `Entity` per kind of record.

An entity says how its list method is called, how its pages go on and which fields the warehouse
expects (others, such as user fields, are kept as well). Which there are stands in `entities`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Paging = Literal["changed", "appended", "whole", "children"]


@dataclass(frozen=True)
class Call:
    """One list call: ``constants`` are added to each row that it gives.

    With ``adds`` its rows are those of an earlier call once more, asked for in another way: only
    these fields of them are kept, under the names that stand here.
    """

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    adds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entity:
    """One kind of record and its way out of the portal.

    ``paging``: ``changed`` = windows of ids, later by the change date ``changed``; ``appended`` =
    rows never change, later by id; ``whole`` = small lists, read anew each time; ``children`` =
    read by arrays of owner ids. ``rows`` names the list inside ``result`` (empty: it is the list).
    ``key`` (empty: rows are told apart by their place), ``created`` and ``changed`` are names of
    the rows; a method that asks by other names has them as ``asked_key`` and ``asked_changed``.
    ``sorted_by`` says how it takes its order.
    ``owner`` is the entity that a row goes with, ``owner_field`` the row's column that holds the
    owner's id, ``asked_owners`` the filter for many owners. ``right`` is what a user needs besides
    the scope.
    """

    name: str
    paging: Paging
    scope: str
    calls: tuple[Call, ...]
    fields: tuple[str, ...]
    key: str = "ID"
    changed: str = ""
    created: str = ""
    rows: str = ""
    asked_key: str = ""
    asked_changed: str = ""
    among: str = "@"  # prefix of a filter by several ids
    sorted_by: Literal["order", "sort and order"] = "order"
    owner: str = ""
    owner_field: str = ""
    asked_owners: str = "=ownerId"
    right: str = ""
    label: str = ""  # the portal's own name for it
    optional: bool = False  # a webhook without its scope is nothing out of order

    @property
    def method(self) -> str:
        """The (first) REST method."""
        return self.calls[0].method

    @property
    def filter_key(self) -> str:
        """The key's name in filters and orders."""
        return self.asked_key or self.key

    @property
    def filter_changed(self) -> str:
        """The change date's name in filters; empty if there is none."""
        return self.asked_changed or self.changed

    def select(self) -> list[str] | None:
        """Fields to name in ``select``; ``None`` where the method takes none."""
        select: list[str] | None = self.calls[0].params.get("select")
        return select

    def naming(self, fields: Sequence[str]) -> Entity:
        """Return the entity with ``fields`` named in its ``select`` besides.

        Old lists leave user fields of several values out, unless they are named.
        """
        if not fields:
            return self
        call = self.calls[0]
        select = [*(self.select() or []), *fields]
        return replace(self, calls=(replace(call, params=call.params | {"select": select}),))

    def unwrap(self, result: Any) -> list[dict[str, Any]]:
        """Take the rows out of a call's ``result``, whatever form an empty one has."""
        if self.rows and isinstance(result, dict):
            result = result.get(self.rows)
        if isinstance(result, dict):
            result = list(result.values())
        return [row for row in result if isinstance(row, dict)] if isinstance(result, list) else []


def product_rows(name: str, owner: str, short: str) -> Entity:
    """Return the product rows of the records of one kind (``short``: its code, such as ``D``)."""
    return Entity(
        name,
        "children",
        "crm",
        (Call("crm.item.productrow.list", {"filter": {"=ownerType": short}}),),
        ("id", "ownerId", "ownerType", "productId", "productName", "price", "quantity", "sort"),
        key="id",
        rows="productRows",
        owner=owner,
        owner_field="ownerId",
    )


def stage_history(name: str, owner: str, type_id: int, status: str = "STAGE") -> Entity:
    """Return the stage history of the records of one kind (``status``: how it calls a stage)."""
    category = ("CATEGORY_ID",) if status == "STAGE" else ()
    return Entity(
        name,
        "appended",
        "crm",
        (Call("crm.stagehistory.list", {"entityTypeId": type_id}),),
        ("ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME", *category)
        + (f"{status}_SEMANTIC_ID", f"{status}_ID"),
        created="CREATED_TIME",
        rows="items",
        owner=owner,
        owner_field="OWNER_ID",
        asked_owners="@OWNER_ID",
    )


def links(name: str, owner: str, type_id: int, field_name: str) -> Entity:
    """Return what records of one kind are linked with: a list of ids per record.

    The universal list gives this for fifty records a call; ``crm.deal.contact.items.get`` and its
    like would take one call per record.
    """
    return Entity(
        name,
        "children",
        "crm",
        (Call("crm.item.list", {"entityTypeId": type_id, "select": ["id", field_name]}),),
        ("id", field_name),
        key="id",
        rows="items",
        owner=owner,
        owner_field="id",
        asked_owners="@id",
    )


def items(name: str, type_id: int, *, label: str = "") -> Entity:
    """Return the records of a universal kind: invoices, smart processes."""
    return Entity(
        name,
        "changed",
        "crm",
        (Call("crm.item.list", {"entityTypeId": type_id, "select": ["*"]}),),
        ITEM_FIELDS,
        key="id",
        changed="updatedTime",
        created="createdTime",
        rows="items",
        label=label,
    )


ITEM_FIELDS = (
    "id", "title", "accountNumber", "categoryId", "stageId", "opportunity", "currencyId",
    "companyId", "contactId", "contactIds", "parentId1", "parentId2", "parentId7", "assignedById",
    "createdBy", "begindate", "closedate", "createdTime", "updatedTime", "movedTime", "sourceId",
)  # fmt: skip
