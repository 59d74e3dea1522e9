"""Methods over requisites and bank details: crm.requisite.*, crm.requisite.bankdetail.*.

They belong to whoever may see the contact or company that they hang on.
"""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.records import (
    checked,
    existing,
    identity,
    old_methods,
    refuse_value,
    update_record,
    writable,
)
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.requisites import requisites
from workbench.bitrix24.sandbox.requisites.requisites import BANK_DETAILS, REQUISITES
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

OWNERS = (3, 4)

old_methods(REQUISITES, "crm.requisite", missing="The Requisite with ID '{id}' is not found")
old_methods(
    BANK_DETAILS,
    "crm.requisite.bankdetail",
    missing="The RequisiteBankDetail with ID '{id}' is not found",
)


@method("crm.requisite.fields", scope="crm")
def requisite_fields(call: Call) -> dict[str, Row]:
    """The fields of a requisite."""
    described = describe_all(call.state.fields("requisites"))
    described["RQ_IDENT_TYPE"]["statusType"] = ["RQ_IDENT_TYPE_CO"]
    return described


def undefined(name: str) -> Refusal:
    """The answer to an id that is missing or none."""
    return Refusal("", f"{name} is not defined or invalid.")


def _seen(call: Call, entity: Entity, number: int, missing: Refusal) -> Row:
    barred = Refusal("", "Access denied.")
    return rights.seen(call.state, call.caller.user_id, entity, number, missing, barred)


def _new(call: Call, entity: Entity) -> Row:
    fields = call.array("fields")
    names = {f.name: f for f in call.state.fields(entity.name)}
    return writable(call, entity, fields, creating=True, names=names)


def _save(call: Call, entity: Entity, values: Row) -> int:
    try:
        checked(call.state, entity, values)
        number = crm.add(
            call.state, entity.name, values, actor=call.caller.user_id, connector=call.connector
        )
    except ValueError as error:
        raise refuse_value(error) from None
    # Nobody has changed it yet.
    call.state.update(entity.name, number, {"DATE_MODIFY": None, "MODIFY_BY_ID": None})
    return number


def _owned(call: Call, values: Row) -> tuple[int, int, Row]:
    """Type and id of a requisite's owner, and its template. Refuses what is none."""
    kind, owner, preset = (
        positive(values.get(name)) for name in ("ENTITY_TYPE_ID", "ENTITY_ID", "PRESET_ID")
    )
    if kind not in OWNERS:
        raise undefined("ENTITY_TYPE_ID")
    if not owner:
        raise undefined("ENTITY_ID")
    template = next((p for p in requisites.presets(call.state) if p["ID"] == preset), None)
    if template is None:
        raise undefined("PRESET_ID")
    return kind, owner, template


@method("crm.requisite.update", scope="crm")
def update_requisite(call: Call) -> bool:
    """Change a requisite; what it hangs on stays, and must not be named wrongly."""
    row = existing(call, REQUISITES, identity(call))
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    _owned(call, {**row, **given})
    return update_record(call, REQUISITES)


@method("crm.requisite.add", scope="crm")
def add_requisite(call: Call) -> int:
    """Details of a contact or company."""
    values = _new(call, REQUISITES)
    kind, owner, template = _owned(call, values)
    entity = call.state.by_type[kind]
    _seen(call, entity, owner, Refusal("", "Entity not found."))
    return _save(call, REQUISITES, {"NAME": template["NAME"], **values})


@method("crm.requisite.bankdetail.add", scope="crm")
def add_bank_detail(call: Call) -> int:
    """A bank account of a requisite."""
    values = _new(call, BANK_DETAILS)
    row = _seen(call, REQUISITES, positive(values.get("ENTITY_ID")), undefined("ENTITY_ID"))
    template = call.state.get("requisite_presets", row["PRESET_ID"]) or {}
    country = template.get("COUNTRY_ID") or requisites.FRANCE
    return _save(call, BANK_DETAILS, {"COUNTRY_ID": country, **values})
