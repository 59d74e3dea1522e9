"""The lines of a telephone exchange outside: telephony.externalLine.*; applications only."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.applications.events import application_of
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.rest.methods import Call, method
from workbench.bitrix24.sandbox.telephony.external_calls import core


def _line(call: Call, *, required: bool = True) -> tuple[str, Row | None]:
    client = application_of(call).client_id
    number = str(call.get("NUMBER") or "").strip()
    if not number:
        raise core("NUMBER should not be empty")
    found = call.state.find("telephone_lines", {"NUMBER": number, "CLIENT_ID": client}, limit=1)
    if required and not found:
        raise core(f"Could not find line with number {number}")
    return number, found[0] if found else None


def _auto_create(call: Call) -> str:
    return "N" if str(call.get("CRM_AUTO_CREATE") or "Y").upper() in ("N", "0") else "Y"


@method("telephony.externalLine.add", scope="telephony")
def add_line(call: Call) -> Row:
    """A line of the calling application."""
    number, present = _line(call, required=False)
    if present is not None:
        raise core("Line already exists")
    values = {
        "NUMBER": number,
        "NAME": str(call.get("NAME") or ""),
        "CRM_AUTO_CREATE": _auto_create(call),
        "CLIENT_ID": call.caller.client_id,
    }
    return {"ID": call.state.add("telephone_lines", values)}


@method("telephony.externalLine.get", scope="telephony")
def list_lines(call: Call) -> list[Row]:
    """The lines of the calling application."""
    client = application_of(call).client_id
    return [
        {name: row[name] for name in ("NUMBER", "NAME", "CRM_AUTO_CREATE")}
        for row in call.state.find("telephone_lines", {"CLIENT_ID": client})
    ]


@method("telephony.externalLine.update", scope="telephony")
def update_line(call: Call) -> Row:
    """Change a line's name or whether its calls make leads."""
    _number, row = _line(call)
    changes: Row = {}
    if call.get("NAME") is not None:
        changes["NAME"] = str(call.get("NAME"))
    if call.get("CRM_AUTO_CREATE") is not None:
        changes["CRM_AUTO_CREATE"] = _auto_create(call)
    if not changes:
        raise core("There are no fields to update")
    number = row["ID"] if row else 0
    call.state.update("telephone_lines", number, changes)
    return {"ID": str(number)}


@method("telephony.externalLine.delete", scope="telephony")
def delete_line(call: Call) -> list[Any]:
    """Delete a line."""
    _number, row = _line(call)
    call.state.delete("telephone_lines", row["ID"] if row else 0)
    return []
