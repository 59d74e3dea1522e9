"""Which requisites stand on a deal, quote, invoice or item: crm.requisite.link.*.

Those of the client and those of one's own company (``MC_…``), each with a bank account; 0 for none.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.records import list_records
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.requisites.requisite_methods import undefined
from workbench.bitrix24.sandbox.requisites.requisites import LINKS
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

PARTS = ("REQUISITE_ID", "BANK_DETAIL_ID", "MC_REQUISITE_ID", "MC_BANK_DETAIL_ID")


def _object(call: Call, kind: Any, number: Any, names: tuple[str, str]) -> tuple[Entity, Row]:
    entity = call.state.by_type.get(positive(kind))
    if entity is None or not entity.has("COMPANY_ID"):
        raise undefined(names[0])
    if not positive(number):
        raise undefined(names[1])
    missing, barred = Refusal("", "Entity is not found"), Refusal("", "Access denied.")
    user, found = call.caller.user_id, positive(number)
    return entity, rights.seen(call.state, user, entity, found, missing, barred)


def _asked(call: Call) -> tuple[Entity, Row]:
    names = ("entityTypeId", "entityId")
    return _object(call, call.get("entityTypeId"), call.get("entityId"), names)


def _present(call: Call, entity: Entity, row: Row) -> Row | None:
    filter = {"ENTITY_TYPE_ID": entity.type_id, "ENTITY_ID": row["ID"]}
    found = call.state.find("requisite_links", filter, limit=1)
    return found[0] if found else None


@method("crm.requisite.link.list", scope="crm")
def list_links(call: Call) -> Page:
    """The links of the records that the caller may see."""
    answer = list_records(call, LINKS)
    for row in answer.result:
        row.pop("RECORD", None)
    return answer


@method("crm.requisite.link.get", scope="crm")
def get_link(call: Call) -> Row:
    """What stands on one record."""
    entity, row = _asked(call)
    link = _present(call, entity, row)
    if link is None:
        raise Refusal("", "Not found")
    return {
        "ENTITY_TYPE_ID": entity.type_id,
        "ENTITY_ID": row["ID"],
        **{name: str(link[name] or 0) for name in PARTS},
    }


@method("crm.requisite.link.fields", scope="crm")
def link_fields(_call: Call) -> dict[str, Row]:
    """The fields of a link."""
    return describe_all([f for f in LINKS.fields if not f.hidden])


@method("crm.requisite.link.register", scope="crm")
def register_link(call: Call) -> bool:
    """Put requisites on a record in the place of those that stand there."""
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    names = ("ENTITY_TYPE_ID", "ENTITY_ID")
    entity, row = _object(call, given.get("ENTITY_TYPE_ID"), given.get("ENTITY_ID"), names)
    for name in PARTS:
        if not str(given.get(name, "")).strip().isdecimal():
            raise undefined(name)
    link = {name: positive(given[name]) for name in PARTS}
    clients = {4: row.get("COMPANY_ID"), 3: row.get("CONTACT_ID")}
    _belongs(call, link["REQUISITE_ID"], link["BANK_DETAIL_ID"], clients)
    own = {4: row.get("MYCOMPANY_ID")}
    _belongs(call, link["MC_REQUISITE_ID"], link["MC_BANK_DETAIL_ID"], own, mine=True)
    present = _present(call, entity, row)
    if present is not None:
        return call.state.update("requisite_links", present["RECORD"], link)
    owner = {"ENTITY_TYPE_ID": entity.type_id, "ENTITY_ID": row["ID"]}
    call.state.add("requisite_links", {**owner, **link})
    return True


def _belongs(
    call: Call, number: int, account: int, owners: dict[int, Any], *, mine: bool = False
) -> None:
    """Refuse requisites of somebody else, and accounts of other requisites."""
    of = " of your company" if mine else ""
    if number:
        found = call.state.get("requisites", number)
        if found is None:
            raise Refusal("", f"The Requisite{of} with ID '{number}' is not found")
        kind, owner = found["ENTITY_TYPE_ID"], owners.get(found["ENTITY_TYPE_ID"])
        # A record that names no own company takes any of them.
        if owner != found["ENTITY_ID"] and not (mine and not owner):
            name = "your company" if mine else {3: "Contact", 4: "Company"}[kind]
            raise Refusal(
                "", f"The Requisite with ID '{number}' is not assigned to {name} with ID '{owner}'"
            )
    if account:
        found = call.state.get("bank_details", account)
        if found is None:
            raise Refusal("", f"The BankDetail{of} with ID '{account}' is not found")
        if found["ENTITY_ID"] != number:
            raise Refusal(
                "",
                f"The BankDetail{of} with ID '{account}' is not assigned to Requisite{of} "
                f"with ID '{number}'",
            )


@method("crm.requisite.link.unregister", scope="crm")
def unregister_link(call: Call) -> bool:
    """Take the requisites off a record."""
    entity, row = _asked(call)
    link = _present(call, entity, row)
    return link is not None and call.state.delete("requisite_links", link["RECORD"])
