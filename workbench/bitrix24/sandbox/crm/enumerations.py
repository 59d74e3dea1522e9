"""Fixed lists of the CRM: crm.enum.*, crm.multifield.fields."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.memory.fields import Field, Row
from workbench.bitrix24.sandbox.requisites import addresses
from workbench.bitrix24.sandbox.rest.methods import Call, method

LISTS: dict[str, dict[int, str]] = {
    "activitytype": {1: "Meeting", 2: "Call", 3: "Task", 4: "E-mail", 6: "User action"},
    "activitydirection": {0: "Undefined", 1: "Incoming", 2: "Outgoing"},
    "activitypriority": {0: "Undefined", 1: "Low", 2: "Medium", 3: "High"},
    "activitystatus": {0: "Undefined", 1: "Waiting", 2: "Completed", 3: "Completed automatically"},
    "activitynotifytype": {0: "Undefined", 1: "Minutes", 2: "Hours", 3: "Days"},
    "contenttype": {0: "Undefined", 1: "Plain text", 2: "BB code", 3: "HTML"},
    "addresstype": addresses.TYPES,
    "settings.mode": {1: "Classic CRM", 2: "Simple CRM"},
}


def _register(name: str, entries: dict[int, str]) -> None:
    @method(f"crm.enum.{name}", scope="crm")
    def list_entries(_call: Call) -> list[Row]:
        empty = {"SYMBOL_CODE": None, "SYMBOL_CODE_SHORT": None}
        return [{"ID": number, "NAME": title, **empty} for number, title in entries.items()]


for _name, _entries in LISTS.items():
    _register(_name, _entries)


@method("crm.enum.ownertype", scope="crm")
def owner_types(call: Call) -> list[dict[str, Any]]:
    """The CRM's entity types."""
    types = {row["ENTITY_TYPE_ID"]: row["TITLE"] for row in call.state.find("types")}
    result = [
        {
            "ID": number,
            "NAME": types.get(number) or entity.event.replace("_", " ").capitalize(),
            "SYMBOL_CODE": f"DYNAMIC_{number}" if number in types else entity.event,
            "SYMBOL_CODE_SHORT": entity.short,
        }
        for number, entity in sorted(call.state.by_type.items())
    ]
    for row in result:
        if row["ID"] == 31:
            row |= {"NAME": "Invoice", "SYMBOL_CODE": "SMART_INVOICE"}
    return [
        *result,
        {
            "ID": 8,
            "NAME": "Requisites",
            "SYMBOL_CODE": "REQUISITE",
            "SYMBOL_CODE_SHORT": "RQ",
        },
    ]


@method("crm.enum.fields", scope="crm")
def entry_fields(_call: Call) -> dict[str, Row]:
    """The fields of an entry."""
    shown = [Field("ID", "int", readonly=True)]
    shown += [Field(n, readonly=True) for n in ("NAME", "SYMBOL_CODE", "SYMBOL_CODE_SHORT")]
    return describe_all(shown)


@method("crm.multifield.fields", scope="crm")
def multifield_fields(_call: Call) -> dict[str, Row]:
    """The fields of one telephone number, address of e-mail, …"""
    return describe_all(
        (
            Field("ID", "int", readonly=True),
            Field("TYPE_ID", readonly=True),
            Field("VALUE"),
            Field("VALUE_TYPE"),
        )
    )
