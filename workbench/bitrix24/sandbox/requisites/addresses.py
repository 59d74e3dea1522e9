"""Addresses of leads, contacts, companies and requisites: crm.address.*.

One of each type per owner. An address of a requisite belongs to whoever may see the contact or
company of that requisite (its anchor).
"""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.records import checked, list_records, refuse_value, writable
from workbench.bitrix24.sandbox.memory.fields import Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.requisites.requisite_methods import undefined
from workbench.bitrix24.sandbox.requisites.requisites import ADDRESSES, REQUISITES, TYPE_ID
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

#: Address types: id → name.
TYPES = {
    11: "Shipping address", 1: "Physical address", 6: "Legal address", 4: "Registered address",
    8: "Mailing address", 9: "Beneficiary address",
}  # fmt: skip
OWNERS = (1, 3, 4)


def _given(call: Call) -> tuple[Row, Row]:
    """The values of a write and the keys that name the address. Refuses missing or foreign ones."""
    fields = call.array("fields")
    names = {f.name: f for f in ADDRESSES.fields if not f.hidden}
    values = writable(call, ADDRESSES, fields, creating=True, names=names)
    key = {name: positive(values.get(name)) for name in ("TYPE_ID", "ENTITY_TYPE_ID", "ENTITY_ID")}
    if key["TYPE_ID"] not in TYPES:
        raise undefined("TYPE_ID")
    if key["ENTITY_TYPE_ID"] not in (*OWNERS, TYPE_ID):
        raise undefined("ENTITY_TYPE_ID")
    kind = key["ENTITY_TYPE_ID"]
    entity = REQUISITES if kind == TYPE_ID else call.state.by_type[kind]
    missing, barred = undefined("ENTITY_ID"), Refusal("", "Access denied.")
    user, number = call.caller.user_id, key["ENTITY_ID"]
    row = rights.seen(call.state, user, entity, number, missing, barred)
    if kind == TYPE_ID:
        anchor = {"ANCHOR_TYPE_ID": row["ENTITY_TYPE_ID"], "ANCHOR_ID": row["ENTITY_ID"]}
    else:
        anchor = {"ANCHOR_TYPE_ID": kind, "ANCHOR_ID": row["ID"]}
    try:
        checked(call.state, ADDRESSES, values)
    except ValueError as error:
        raise refuse_value(error) from None
    return {**values, **anchor}, key


def _present(call: Call, key: Row) -> Row | None:
    found = call.state.find("addresses", key, limit=1)
    return found[0] if found else None


def _existing(call: Call, key: Row) -> Row:
    row = _present(call, key)
    if row is None:
        raise Refusal("", "TypeAddress not found.")
    return row


@method("crm.address.list", scope="crm")
def list_addresses(call: Call) -> Page:
    """Addresses of the records that the caller may see."""
    answer = list_records(call, ADDRESSES)
    for row in answer.result:
        row.pop("RECORD", None)
    return answer


@method("crm.address.fields", scope="crm")
def address_fields(_call: Call) -> dict[str, Row]:
    """The fields of an address."""
    return describe_all([f for f in ADDRESSES.fields if not f.hidden])


@method("crm.address.add", scope="crm")
def add_address(call: Call) -> bool:
    """An address of a type that the owner does not have yet."""
    values, key = _given(call)
    if _present(call, key) is not None:
        raise Refusal("", "TypeAddress exists.")
    call.state.add("addresses", values)
    return True


@method("crm.address.update", scope="crm")
def update_address(call: Call) -> bool:
    """Change an address."""
    values, key = _given(call)
    changes = {k: v for k, v in values.items() if k not in key}
    return call.state.update("addresses", _existing(call, key)["RECORD"], changes)


@method("crm.address.delete", scope="crm")
def delete_address(call: Call) -> bool:
    """Delete an address."""
    _values, key = _given(call)
    return call.state.delete("addresses", _existing(call, key)["RECORD"])
