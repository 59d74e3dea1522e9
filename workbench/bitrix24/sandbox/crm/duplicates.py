"""Leads, contacts and companies with the same telephone or e-mail: crm.duplicate.findbycomm."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.bitrix24.sandbox.telephony.external_calls import CLIENTS, clients

MOST = 20


def _by_mail(call: Call, kind: str, address: str) -> list[Row]:
    found = call.state.find(CLIENTS[kind], {"HAS_EMAIL": "Y", "%EMAIL": address})
    wanted = address.casefold()
    return [
        row
        for row in found
        if any(str(v["VALUE"]).casefold() == wanted for v in row.get("EMAIL") or ())
    ]


@method("crm.duplicate.findbycomm", scope="crm")
def find(call: Call) -> Any:
    """Ids by type of record; an empty list if there are none."""
    kind = str(call.get("type") or "").upper()
    if not kind:
        raise Refusal("Communication type is not defined", "Parameter 'type' is required.")
    if kind not in ("EMAIL", "PHONE"):
        raise Refusal(
            f"Communication type '{kind}' is not supported in current context",
            "Supported types: EMAIL, PHONE.",
        )
    given = call.get("values")
    given = list(given.values()) if isinstance(given, dict) else given
    given = [given] if isinstance(given, str) and given else given
    if not isinstance(given, list) or not given:
        raise Refusal("Communication values is not defined", "Parameter 'values' is required.")
    only = str(call.get("entity_type") or "").upper()
    result: dict[str, list[int]] = {}
    for value in [str(v).strip() for v in given[:MOST] if str(v).strip()]:
        if kind == "PHONE":
            found = clients(call, value)
        else:
            found = [(name, row) for name in CLIENTS for row in _by_mail(call, name, value)]
        for name, row in found:
            entity = call.state.entities[CLIENTS[name]]
            if only in ("", name) and rights.may(call.state, call.caller.user_id, entity, row):
                ids = result.setdefault(name, [])
                if row["ID"] not in ids:
                    ids.append(row["ID"])
    return result or []
