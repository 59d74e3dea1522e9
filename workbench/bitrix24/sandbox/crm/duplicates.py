"""Leads, contacts and companies with the same telephone or e-mail: crm.duplicate.findbycomm.

Source: api-reference/crm/duplicates.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory import communications
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

#: What is looked through for each value, in this order.
KINDS = {"LEAD": "leads", "CONTACT": "contacts", "COMPANY": "companies"}
MOST = 20  # values of a call; records of one kind for a value, after which no further kind comes


def _found(call: Call, kind: str, value: str, only: str) -> dict[str, list[int]]:
    """Ids of the records with this value that the caller may see."""
    state, result = call.state, dict[str, list[int]]()
    owners = communications.owners(state.connection, kind, value)
    for name, table in KINDS.items():
        if only not in ("", name):
            continue
        ids = result[name] = []
        for record in (record for owner, record in owners if owner == table):
            row = state.get(table, record)
            if row and rights.may(state, call.caller.user_id, state.entities[table], row):
                ids.append(record)
            if len(ids) == MOST:
                return result
    return result


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
    values = [text for each in given[:MOST] if (text := str(each).strip())]
    found = [_found(call, kind, value, only) for value in values]
    ids = {name: dict.fromkeys(n for part in found for n in part.get(name, ())) for name in KINDS}
    return {name: list(numbers) for name, numbers in ids.items() if numbers} or []
