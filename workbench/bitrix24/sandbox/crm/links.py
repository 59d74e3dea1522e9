"""Which contacts belong to deals, leads, quotes, items and companies, and which one is the first.

A link is a row of its own: the two ids, ``SORT``, ``ROLE_ID`` (always 0) and ``IS_PRIMARY``. The
primary contact is also a field of its owner (``CONTACT_ID``), a contact's main company is the
contact's ``COMPANY_ID``; either is kept in step with the other. A field filled without a link row
(by a bulk load) counts as the primary link.

Contacts and companies share one table, seen from both ends: ``IS_PRIMARY`` says that the company is
the contact's main one, as captured answers of crm.company.contact.items.get show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, positive, whole

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State


def _table(name: str, owner: str, other: str = "CONTACT_ID", *more: Field) -> Entity:
    return Entity(
        name,
        (
            Field("ID", "integer", readonly=True),
            Field(owner, "integer", index=True),
            Field(other, "integer", index=True),
            Field("SORT", "integer", default=10),
            Field("ROLE_ID", "integer", default=0),
            Field("IS_PRIMARY", "char", default="N"),
            *more,
        ),
    )


DEAL_CONTACTS = _table("deal_contacts", "DEAL_ID")
LEAD_CONTACTS = _table("lead_contacts", "LEAD_ID")
QUOTE_CONTACTS = _table("quote_contacts", "QUOTE_ID")
ITEM_CONTACTS = _table("item_contacts", "ITEM_ID", "CONTACT_ID", Field("ENTITY_TYPE_ID", "integer"))
CONTACT_COMPANIES = _table("contact_companies", "CONTACT_ID", "COMPANY_ID")
TABLES = (DEAL_CONTACTS, LEAD_CONTACTS, QUOTE_CONTACTS, ITEM_CONTACTS, CONTACT_COMPANIES)


@dataclass(frozen=True)
class Link:
    """One kind of link: its table, the column of the owner and that of the linked record.

    ``column`` is also the owner's field for the primary one, unless the link is ``mirrored``: seen
    from the record that does not hold that field (a company with its contacts).
    """

    table: str
    owner: str
    column: str
    other: str
    fixed: Mapping[str, int] = field(default_factory=dict)
    mirrored: bool = False

    @property
    def ids(self) -> str:
        """The write-only field that takes all links at once: ``CONTACT_IDS``, ``COMPANY_IDS``."""
        return f"{self.column}S"

    def of(self, owner: int) -> Row:
        """The filter that finds an owner's links."""
        return {self.owner: owner, **self.fixed}


COMPANIES_OF_CONTACT = Link("contact_companies", "CONTACT_ID", "COMPANY_ID", "companies")
_LINKS = {
    "deals": Link("deal_contacts", "DEAL_ID", "CONTACT_ID", "contacts"),
    "leads": Link("lead_contacts", "LEAD_ID", "CONTACT_ID", "contacts"),
    "quotes": Link("quote_contacts", "QUOTE_ID", "CONTACT_ID", "contacts"),
    "contacts": COMPANIES_OF_CONTACT,
    "companies": Link("contact_companies", "COMPANY_ID", "CONTACT_ID", "contacts", mirrored=True),
}


def link_of(entity: Entity) -> Link | None:
    """The links of this entity's records, if it has any."""
    if entity.event == "DYNAMICITEM":
        fixed = {"ENTITY_TYPE_ID": entity.type_id}
        return Link("item_contacts", "ITEM_ID", "CONTACT_ID", "contacts", fixed)
    return _LINKS.get(entity.name)


def linked(state: State, link: Link, owner: Row) -> list[Row]:
    """A record's links in their order: the linked id, ``SORT``, ``ROLE_ID`` and ``IS_PRIMARY``."""
    rows = state.find(link.table, link.of(owner["ID"]), order=[("SORT", "ASC")])
    known = {row[link.column] for row in rows}
    if link.mirrored:
        found = state.find(link.other, {link.owner: owner["ID"]})
        firsts = [row["ID"] for row in found if row["ID"] not in known]
    else:
        first = owner.get(link.column)
        firsts = [first] if first and first not in known else []
        rows = [{**row, "IS_PRIMARY": "N"} for row in rows] if firsts else rows
    implied = [{link.column: n, "SORT": 10, "ROLE_ID": 0, "IS_PRIMARY": "Y"} for n in firsts]
    names = (link.column, "SORT", "ROLE_ID", "IS_PRIMARY")
    return [{name: row[name] for name in names} for row in [*implied, *rows]]


def linked_to(state: State, link: Link, owners: Sequence[int]) -> dict[int, list[int]]:
    """The linked ids of many owners, in their order."""
    found: dict[int, list[int]] = {}
    filter = {f"@{link.owner}": list(owners), **link.fixed}
    for row in state.find(link.table, filter, order=[("SORT", "ASC")]):
        found.setdefault(row[link.owner], []).append(row[link.column])
    return found


def ordered(link: Link, items: Iterable[Any], present: Iterable[Row] = ()) -> list[Row]:
    """Links out of ids or of maps with ``IS_PRIMARY`` and ``SORT``: one primary, none twice.

    A link that is ``present`` keeps its ``SORT`` if none is given. Raises ValueError.
    """
    before = {row[link.column]: row for row in present}
    rows: dict[int, Row] = {}
    for place, item in enumerate(items):
        given = item if isinstance(item, Mapping) else {link.column: item}
        number = positive(given.get(link.column))
        if not number:
            raise ValueError(link.column)
        if number in rows:
            continue
        old = before.get(number, {"SORT": 10 * (place + 1), "IS_PRIMARY": "N"})
        sort, flag = given.get("SORT"), given.get("IS_PRIMARY")
        if flag in (None, "") and link.mirrored:
            flag = old["IS_PRIMARY"]
        rows[number] = {
            link.column: number,
            "SORT": old["SORT"] if sort in (None, "") else whole(sort) or 0,
            "ROLE_ID": 0,
            "IS_PRIMARY": "Y" if str(flag).upper() in ("Y", "1", "TRUE") else "N",
        }
    if not link.mirrored:
        flagged = [row for row in rows.values() if row["IS_PRIMARY"] == "Y"]
        first = flagged[0] if flagged else next(iter(rows.values()), None)
        for row in rows.values():
            row["IS_PRIMARY"] = "Y" if row is first else "N"
    return sorted(rows.values(), key=lambda row: int(row["SORT"]))


def primary(link: Link, rows: Iterable[Row]) -> int | None:
    """The linked record that is the primary one."""
    return next((row[link.column] for row in rows if row["IS_PRIMARY"] == "Y"), None)


def write(state: State, link: Link, owner: int, rows: Sequence[Row]) -> None:
    """Put these links in the place of a record's present ones, in the record's own field too."""
    if link.mirrored:
        _write_mirrored(state, link, owner, rows)
        return
    state.delete_where(link.table, link.of(owner))
    state.insert_many(link.table, [{**link.of(owner), **row} for row in rows])


def _write_mirrored(state: State, link: Link, owner: int, rows: Sequence[Row]) -> None:
    """Bind and unbind at the other ends, whose field names the primary one."""
    wanted = {row[link.column]: row for row in rows}
    present = {row[link.column] for row in linked(state, link, {"ID": owner})}
    back = COMPANIES_OF_CONTACT
    for number in sorted(present | set(wanted)):
        record = state.get(link.other, number)
        if record is None:
            continue
        others = [r for r in linked(state, back, record) if r[back.column] != owner]
        row = wanted.get(number)
        if row is not None:
            if row["IS_PRIMARY"] == "Y":
                others = [{**other, "IS_PRIMARY": "N"} for other in others]
            others.append(
                {back.column: owner, "SORT": row["SORT"], "IS_PRIMARY": row["IS_PRIMARY"]}
            )
        _replace(state, back, link.other, number, others)


def _replace(state: State, link: Link, name: str, owner: int, rows: Sequence[Row]) -> None:
    rows = ordered(link, rows)
    write(state, link, owner, rows)
    state.update(name, owner, {link.column: primary(link, rows)})


def forget(state: State, entity: Entity, record: int) -> None:
    """Delete a record's links from both ends; where it was the primary one the next takes over.

    The owners are changed silently: no times, no events. [?] Plain fields that name the record (a
    deal's company, an invoice's deal) stay as they are.
    """
    own = link_of(entity)
    if own is not None and not own.mirrored:
        state.delete_where(own.table, own.of(record))
    for owner in list(state.entities.values()):
        link = link_of(owner)
        if link is None or link.mirrored or link.other != entity.name:
            continue
        rows = state.find(link.table, {**link.fixed, link.column: record})
        touched = {row[link.owner] for row in rows}
        touched |= {row["ID"] for row in state.find(owner.name, {link.column: record})}
        for number in sorted(touched):
            row = state.get(owner.name, number)
            if row is not None:
                rest = [r for r in linked(state, link, row) if r[link.column] != record]
                _replace(state, link, owner.name, number, rest)
