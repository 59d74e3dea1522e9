"""Contacts of deals, leads, quotes and companies, companies of contacts: crm.*.contact.*, …

Source: api-reference/crm/{deals,companies}/contacts, crm/contacts/company, crm/quote/contacts,
crm/leads/management-communication.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm import crm, links
from workbench.bitrix24.sandbox.crm.companies import COMPANIES
from workbench.bitrix24.sandbox.crm.contacts import CONTACTS
from workbench.bitrix24.sandbox.crm.deals import DEALS
from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.leads import LEADS
from workbench.bitrix24.sandbox.crm.links import Link
from workbench.bitrix24.sandbox.crm.quotes import QUOTES
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method


def _owner(call: Call, entity: Entity) -> Row:
    """The record whose links are meant. Refuses as these methods do."""
    number = call.number("id")
    if number is None or number <= 0:
        # The methods over all links write it without quotes.
        name = "ownerEntityID" if ".items." in call.method else "'ownerEntityID'"
        raise Refusal("", f"The parameter {name} is invalid or not defined.")
    return _seen(call, entity, number)


def _seen(call: Call, entity: Entity, number: int) -> Row:
    missing, barred = Refusal("", "Not found."), Refusal("ACCESS_DENIED", "Access denied!", 403)
    return rights.seen(call.state, call.caller.user_id, entity, number, missing, barred)


def _linked_id(call: Call, link: Link, item: Any) -> int:
    """The id that a link names; the record must exist and be readable.

    [?] The documentation asks for the right to read it and is silent on one that does not exist.
    """
    given = item.get(link.column) if isinstance(item, dict) else None
    number = positive(given)
    if not number:
        raise Refusal("", "The parameter 'fields' is not valid.")
    _viewable(call, link, number)
    return number


def _viewable(call: Call, link: Link, number: int) -> None:
    """Refuse a record that the caller may not see at the other end of a link."""
    entity = call.state.entities[link.other]
    text = f"[{entity.event.title()} #{number}] You do not have permission to view this item"
    missing, barred = Refusal("", "Not found."), Refusal("", text)
    rights.seen(call.state, call.caller.user_id, entity, number, missing, barred)


def _save(call: Call, entity: Entity, link: Link, owner: Row, items: list[Row]) -> bool:
    try:
        crm.update(
            call.state,
            entity.name,
            owner["ID"],
            {link.ids: items},
            actor=call.caller.user_id,
            connector=call.connector,
        )
    except ValueError:
        raise Refusal("", "The parameter 'items' is not valid.") from None
    return True


def _map(call: Call, name: str) -> Row:
    given = call.get("fields")
    if not isinstance(given, dict):
        raise Refusal("", f"The parameter '{name}' must be array.")
    return {str(key).upper(): value for key, value in given.items()}


def _methods(prefix: str, entity: Entity, link: Link) -> None:
    """Register the six methods of one kind of link under ``prefix`` (``crm.deal.contact``)."""

    @method(f"{prefix}.items.get", scope="crm")
    def get_links(call: Call) -> list[Row]:
        number = call.number("id") or 0
        unchecked = entity in (QUOTES, COMPANIES, CONTACTS) and number > 0
        if unchecked and call.state.get(entity.name, number) is None:
            return []  # these do not check that the owner exists
        return links.linked(call.state, link, _owner(call, entity))

    @method(f"{prefix}.items.set", scope="crm")
    def set_links(call: Call) -> bool:
        owner = _owner(call, entity)
        given = call.get("items")
        items = list(given.values()) if isinstance(given, dict) else given
        if not isinstance(items, list):
            raise Refusal("", "The parameter items must be array.")
        for item in items:
            _linked_id(call, link, item)
        return _save(call, entity, link, owner, items)

    @method(f"{prefix}.items.delete", scope="crm")
    def delete_links(call: Call) -> bool:
        return _save(call, entity, link, _owner(call, entity), [])

    @method(f"{prefix}.add", scope="crm")
    def add_link(call: Call) -> bool:
        owner = _owner(call, entity)
        fields = _map(call, "fields")
        number = _linked_id(call, link, fields)
        present = links.linked(call.state, link, owner)
        if number in [row[link.column] for row in present]:
            return False
        is_primary = str(fields.get("IS_PRIMARY") or "").upper() == "Y"
        if is_primary and not link.mirrored:
            present = [{**row, "IS_PRIMARY": "N"} for row in present]
        last = max([row["SORT"] for row in present], default=0)
        added = {
            link.column: number,
            "SORT": fields.get("SORT") or last + 10,
            "IS_PRIMARY": "Y" if is_primary else "N",
        }
        return _save(call, entity, link, owner, [*present, added])

    @method(f"{prefix}.delete", scope="crm")
    def delete_link(call: Call) -> bool:
        owner = _owner(call, entity)
        number = _linked_id(call, link, _map(call, "item"))
        present = links.linked(call.state, link, owner)
        rest = [row for row in present if row[link.column] != number]
        return len(rest) < len(present) and _save(call, entity, link, owner, rest)

    @method(f"{prefix}.fields", scope="crm")
    def fields_of_link(_call: Call) -> dict[str, Row]:
        return describe_all(
            (
                Field("SORT", "integer", title="Sorting"),
                Field("IS_PRIMARY", "char", title="Primary"),
                Field(link.column, "integer", required=True),
            )
        )


for _entity, _prefix in (
    (DEALS, "crm.deal.contact"),
    (LEADS, "crm.lead.contact"),
    (QUOTES, "crm.quote.contact"),
    (COMPANIES, "crm.company.contact"),
    (CONTACTS, "crm.contact.company"),
):
    _link = links.link_of(_entity)
    if _link is not None:
        _methods(_prefix, _entity, _link)
