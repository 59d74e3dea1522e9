"""The contacts of a deal: crm.deal.contact.*."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox import crm
from workbench.bitrix24.sandbox.deals import DEALS
from workbench.bitrix24.sandbox.fields import Row
from workbench.bitrix24.sandbox.methods import Call, Refusal, method
from workbench.bitrix24.sandbox.records import existing, identity


def _links(call: Call) -> tuple[int, list[Row]]:
    deal = identity(call)
    existing(call, DEALS, deal)
    return deal, crm.contacts_of(call.state, deal)


@method("crm.deal.contact.items.get", scope="crm")
def get_links(call: Call) -> list[Row]:
    """The contacts of a deal, the primary one marked."""
    _deal, links = _links(call)
    names = ("CONTACT_ID", "SORT", "ROLE_ID", "IS_PRIMARY")
    return [{name: link[name] for name in names} for link in links]


def _set(call: Call, deal: int, contacts: list[int]) -> bool:
    crm.update(
        call.state, "deals", deal, {"CONTACT_IDS": contacts}, actor=call.caller.user_id,
        connector=call.connector,
    )  # fmt: skip
    return True


def _contact(call: Call, item: Any) -> int:
    number = item.get("CONTACT_ID") if isinstance(item, dict) else None
    try:
        contact = int(str(number))
    except ValueError:
        contact = 0
    if call.state.get("contacts", contact) is None:
        raise Refusal("", "The contact is not found.")
    return contact


@method("crm.deal.contact.items.set", scope="crm")
def set_links(call: Call) -> bool:
    """Bind exactly these contacts; one marked ``IS_PRIMARY`` comes first."""
    deal, _present = _links(call)
    items = list(call.mapping("items").values())
    items.sort(key=lambda item: not (isinstance(item, dict) and item.get("IS_PRIMARY") == "Y"))
    return _set(call, deal, [_contact(call, item) for item in items])


@method("crm.deal.contact.items.delete", scope="crm")
def delete_links(call: Call) -> bool:
    """Bind none."""
    deal, _present = _links(call)
    return _set(call, deal, [])


@method("crm.deal.contact.add", scope="crm")
def add_link(call: Call) -> bool:
    """Bind one contact more; false if it is bound already."""
    deal, links = _links(call)
    contact = _contact(call, call.mapping("fields", required=True))
    present = [link["CONTACT_ID"] for link in links]
    return contact not in present and _set(call, deal, [*present, contact])


@method("crm.deal.contact.delete", scope="crm")
def delete_link(call: Call) -> bool:
    """Unbind one contact; false if it is not bound."""
    deal, links = _links(call)
    contact = _contact(call, call.mapping("fields", required=True))
    present = [link["CONTACT_ID"] for link in links]
    return contact in present and _set(call, deal, [c for c in present if c != contact])
