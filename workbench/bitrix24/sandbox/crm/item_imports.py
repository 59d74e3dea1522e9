"""Imports of items with times and authors of their own: crm.item.import, crm.item.batchImport.

Administrators only; no automation starts. Source: api-reference/crm/universal/import.
"""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.items import entity_of, save_new
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

MOST = 20


@method("crm.item.import", scope="crm")
def import_item(call: Call) -> Row:
    """Create an item with times and authors of its own; administrators only, no automation."""
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("INVALID_CREDENTIALS", "Access denied", 403)
    return save_new(call, imported=True)


@method("crm.item.batchImport", scope="crm")
def import_items(call: Call) -> Row:
    """Import up to 20 items; each answers with its id or with its own error."""
    entity_of(call)
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("INVALID_CREDENTIALS", "Access denied", 403)
    given = call.get("data")
    given = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(given, list):
        raise Refusal("100", "Could not find value for parameter {data}")
    if len(given) > MOST:
        raise Refusal("MAX_IMPORT_BATCH_SIZE_EXCEEDED", "Too many items")
    answers: list[Row] = []
    for fields in given:
        call.params["fields"] = fields
        try:
            answers.append({"item": {"id": save_new(call, imported=True)["item"]["id"]}})
        except Refusal as refusal:
            answers.append({"error": refusal.code, "error_description": refusal.text})
    return {"items": answers}
