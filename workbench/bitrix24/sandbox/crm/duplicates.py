"""Leads, contacts and companies with the same telephone or e-mail: crm.duplicate.findbycomm."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.memory.filters import escaped
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.bitrix24.sandbox.telephony.external_calls import CLIENTS, clients

MOST = 20


def _by_mail(call: Call, addresses: list[str]) -> list[tuple[str, Row]]:
    """Who has one of these addresses: each table is walked once for all of them."""
    state, wanted = call.state, {address.casefold() for address in addresses}
    likes = " OR ".join("body LIKE ? ESCAPE '\\'" for _address in addresses)
    patterns = [f"%{escaped(address)}%" for address in addresses]
    sql = f"\"HAS_EMAIL\" = 'Y' AND ({likes})"
    found = []
    for kind, name in CLIENTS.items():
        key = [state.entities[name].by_name["ID"]]
        for (record,) in state.select(name, key, sql, patterns):
            row = state.get(name, record) or {}
            if any(str(v["VALUE"]).casefold() in wanted for v in row.get("EMAIL") or ()):
                found.append((kind, row))
    return found


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
    values = [str(v).strip() for v in given[:MOST] if str(v).strip()]
    if not values:
        return []
    for name, row in clients(call, *values) if kind == "PHONE" else _by_mail(call, values):
        entity = call.state.entities[CLIENTS[name]]
        if only in ("", name) and rights.may(call.state, call.caller.user_id, entity, row):
            result.setdefault(name, []).append(row["ID"])
    return result or []
