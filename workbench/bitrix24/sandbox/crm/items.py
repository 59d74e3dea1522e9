"""``crm.item.*``: leads, deals, contacts, companies, quotes, invoices and smart processes alike.

Universal form: camelCase names, numbers as numbers, rows under ``items``/``item``, errors with
codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from workbench.bitrix24.sandbox.crm import crm, file_fields, file_forms, links, stages
from workbench.bitrix24.sandbox.crm.crm import MULTI
from workbench.bitrix24.sandbox.crm.field_descriptions import describe
from workbench.bitrix24.sandbox.crm.links import Link
from workbench.bitrix24.sandbox.crm.records import Selection, read_page
from workbench.bitrix24.sandbox.crm.smart_processes import absent
from workbench.bitrix24.sandbox.crm.strictness import refuse_filter, strict_order
from workbench.bitrix24.sandbox.crm.user_values import universal_value
from workbench.bitrix24.sandbox.memory.fields import (
    Entity,
    Field,
    Row,
    Unfit,
    camel,
    each,
    positive,
    universal_form,
)
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

IMPORTABLE = ("created", "modified", "created_by", "modified_by", "moved_by")

# Fields that the portal names and always leaves empty.
DISABLED = {
    "deals": (
        "isWork", "isWon", "isLose", "receivedAmount", "lostAmount", "hasProducts", "productId",
        "dateCreateShort", "dateModifyShort", "begindateShort", "closedateShort", "eventDate",
        "eventDateShort", "eventId", "eventDescription", "webformId", "searchContent", "orderStage",
    ),
    "leads": (
        "dateCreateShort", "dateModifyShort", "isConvert", "productId", "shortName", "login",
        "searchContent", "skype", "icq",
    ),
}  # fmt: skip
# A lead also has its multifields one by one: the field, which of them, of what type.
SINGLE = {
    "phoneMobile": ("PHONE", "MOBILE"), "phoneWork": ("PHONE", "WORK"),
    "phoneMailing": ("PHONE", "MAILING"), "emailHome": ("EMAIL", "HOME"),
    "emailWork": ("EMAIL", "WORK"), "emailMailing": ("EMAIL", "MAILING"),
    "imol": ("IM", "OPENLINE"), "email": ("EMAIL", ""), "phone": ("PHONE", ""),
}  # fmt: skip
OBSERVED = ("leads", "deals", "DYNAMICITEM")  # entities, or those of this event, with observers


def entity_of(call: Call) -> Entity:
    """The entity that ``entityTypeId`` names. Refuses an unknown or unsupported one."""
    type_id = call.number("entityTypeId")
    if type_id is None:
        raise Refusal("100", "Could not find value for parameter {entityTypeId}")
    if type_id == 5:
        raise Refusal("ENTITY_TYPE_NOT_SUPPORTED", "Entity type is not supported")
    entity = call.state.by_type.get(type_id)
    if entity is None:
        raise Refusal("NOT_FOUND", "Smart process not found")
    return entity


def names_of(call: Call, entity: Entity) -> dict[str, Field]:
    """The fields by their universal names; user fields by the original one if so asked."""
    original = str(call.get("useOriginalUfNames") or "").upper() in ("Y", "1", "TRUE")
    result: dict[str, Field] = {}
    lacking = absent(call.state, entity)
    for f in call.state.fields(entity.name):
        if f.hidden or f.name in lacking:
            continue
        name = f.name if f.dynamic and (original or f.camel in result) else f.camel
        result[name] = f
    # fast-bitrix24 orders and filters these methods by ID as well.
    return result


def _contacts(state: State, entity: Entity) -> Link | None:
    """The contacts (companies of a contact) that this entity's records have as one field."""
    link = links.link_of(entity)
    known = link is not None and not link.mirrored and link.ids not in absent(state, entity)
    return link if known else None


def _observed(state: State, entity: Entity) -> bool:
    """Whether this entity's records have observers."""
    known = entity.name in OBSERVED or entity.event in OBSERVED
    return known and "OBSERVERS" not in absent(state, entity)


def _lookup(names: Mapping[str, Field]) -> dict[str, Field]:
    return {**names, "ID": names["id"]}


def selection(state: State, entity: Entity, names: Mapping[str, Field], asked: Any) -> Selection:
    """The universal form of the fields that ``select`` names (all of them for ``*`` or nothing)."""
    wanted = list(asked.values()) if isinstance(asked, dict) else asked
    wanted = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted or ()]
    everything = not wanted or "*" in wanted
    chosen = {n: f for n, f in names.items() if everything or n in wanted or n == "id"}
    if not everything and "ID" in wanted:
        chosen.setdefault("id", names["id"])
    columns = [(n, f) for n, f in chosen.items() if not f.in_body]
    return Selection(
        [f for _, f in columns],
        [n for n, _ in columns],
        [
            each(
                (lambda v: v or 0)
                if f.name in ("COMPANY_ID", "CONTACT_ID")
                else (lambda v: v or "")
                if f.name == "XML_ID"
                else universal_form(f, state.clock)
            )
            for _, f in columns
        ],
        [
            (f.name, n, universal_value(f, state.clock), [] if f.multiple else None)
            for n, f in chosen.items()
            if f.in_body
        ],
    )


def _complete(state: State, entity: Entity, rows: list[Row], asked: Any) -> None:
    """Add what no column holds: contacts, observers, multifields, the entity's own type."""
    wanted = list(asked.values()) if isinstance(asked, dict) else asked
    wanted = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted or ()]
    everything = not wanted or "*" in wanted
    ids = [row["id"] for row in rows]
    if not ids:
        return
    link = _contacts(state, entity)
    if link and (everything or camel(link.ids) in wanted):
        bound = links.linked_to(state, link, ids)
        name = camel(link.column)
        firsts = {row["id"]: row[name] for row in rows if name in row}
        if not firsts:
            firsts = {r["ID"]: r[link.column] for r in state.find(entity.name, {"@ID": ids})}
        for row in rows:
            first = firsts.get(row["id"])
            row[camel(link.ids)] = bound.get(row["id"]) or ([first] if first else [])
    observed = _observed(state, entity) and (everything or "observers" in wanted)
    if everything or observed:
        marks = ",".join("?" * len(ids))
        bodies = dict(
            state.connection.execute(
                f'SELECT "{entity.key}", body FROM "{entity.name}" '  # noqa: S608
                f'WHERE "{entity.key}" IN ({marks}) AND body IS NOT NULL',
                ids,
            )
        )
        for row in rows:
            extra = orjson.loads(bodies[row["id"]]) if row["id"] in bodies else {}
            if observed:
                row["observers"] = extra.get("OBSERVERS") or []
            if not everything:
                continue
            if entity.has("PHONE"):
                row["fm"] = [
                    {
                        "id": int(v["ID"]),
                        "valueType": v["VALUE_TYPE"],
                        "value": v["VALUE"],
                        "typeId": v["TYPE_ID"],
                    }
                    for multi in MULTI
                    for v in extra.get(multi) or ()
                ]
            if entity.name in DISABLED:
                row.update(dict.fromkeys(DISABLED[entity.name]))
            if entity.name == "leads":
                row["webformId"] = 0
                row.update({n: _first(extra, *which) for n, which in SINGLE.items()})
            row["entityTypeId"] = entity.type_id


def _first(extra: Mapping[str, Any], multi: str, kind: str) -> str:
    """The first value of a multifield that has this type (any if empty), or an empty text."""
    values = extra.get(multi) or ()
    return next((str(v["VALUE"]) for v in values if not kind or v["VALUE_TYPE"] == kind), "")


def universal_row(call: Call, entity: Entity, record: int) -> Row:
    """One record in the universal form, complete."""
    names = names_of(call, entity)
    chosen = selection(call.state, entity, names, None)
    stored = call.state.select(
        entity.name,
        chosen.columns,
        f'"{entity.key}" = ?',
        [record],
        limit=1,
        body=bool(chosen.body),
    )
    rows = chosen.write_all(stored)
    file_forms.show_universal(call, entity, rows, names)
    _complete(call.state, entity, rows, None)
    return rows[0]


def _existing(call: Call, entity: Entity) -> tuple[int, Row]:
    record = call.number("id")
    if record is None:
        raise Refusal("100", "Could not find value for parameter {id}")
    missing = Refusal("NOT_FOUND", "Element not found")
    barred = Refusal("ACCESS_DENIED", "Access denied")
    user = call.caller.user_id
    return record, rights.seen(call.state, user, entity, record, missing, barred)


@method("crm.item.list", scope="crm")
def list_items(call: Call) -> Page:
    """Items of one type, with nested filters and strict names."""
    entity = entity_of(call)
    names = names_of(call, entity)
    known = _lookup(names)
    try:
        sql, values = where(
            call.structure("filter"), known, call.state.zone, strict=True, nested=True
        )
    except BadFilter as error:
        raise refuse_filter(error) from None
    limit, more = rights.readable(call.state, call.caller.user_id, entity)
    sql = " AND ".join(part for part in (sql, limit) if part)
    asked = call.structure("select")
    answer = read_page(
        call,
        entity,
        selection(call.state, entity, names, asked),
        sql,
        [*values, *more],
        strict_order(call, known),
    )
    file_forms.show_universal(call, entity, answer.result, names)
    _complete(call.state, entity, answer.result, asked)
    answer.result = {"items": answer.result}
    return answer


@method("crm.item.get", scope="crm")
def get_item(call: Call) -> Row:
    """One item, with everything."""
    entity = entity_of(call)
    record, _row = _existing(call, entity)
    return {"item": universal_row(call, entity, record)}


def _values(call: Call, entity: Entity, *, imported: bool = False) -> Row:
    names = _lookup(names_of(call, entity))
    played = {getattr(entity, part) for part in IMPORTABLE} | {"MOVED_TIME"}
    result: Row = {}
    for name, value in call.structure("fields", required=True).items():
        field = names.get(name)
        if field is None:
            link = _contacts(call.state, entity)
            if link and name == camel(link.ids):
                result[link.ids] = _several(value)
            elif name == "observers":
                result["OBSERVERS"] = [number for v in _several(value) if (number := positive(v))]
            elif name == "fm" and isinstance(value, list | dict):
                result.update(_multifields(value))
            continue
        if field.readonly and not (imported and field.name in played):
            continue
        if field.multiple and isinstance(value, dict):
            value = list(value.values())
        if field.multiple and not isinstance(value, list):
            raise _not_iterable(value)
        try:
            wanted = file_fields.asked_universal(field, value) if field.keeps_files else value
        except Unfit:
            raise _invalid(field.name) from None
        # [?] A parent that is not there is kept: the documentation says nothing of it.
        result[field.name] = positive(value) or None if field.loose else wanted
    if not crm.known_currency(call.state, result.get("CURRENCY_ID")):
        raise _invalid("CURRENCY_ID")
    keep = call.state.keepers(entity.name)
    for key, value in result.items():
        if key in keep and value is not None:
            try:
                keep[key](value)
            except (ValueError, TypeError, OverflowError):
                raise _invalid(key) from None
    return result


def _several(value: Any) -> list[Any]:
    """The values of a multiple field; none for nothing. Refuses a single one."""
    if value in (None, "", False):
        return []
    if isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        raise _not_iterable(value)
    return value


def _not_iterable(value: Any) -> Refusal:
    kinds = {str: "string", bool: "boolean", int: "integer", float: "double"}
    kind = kinds.get(type(value), "NULL")
    return Refusal("100", f"Expected iterable value for multiple field, but got {kind} instead")


def _multifields(value: Any) -> Row:
    result: Row = {}
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict) and str(item.get("typeId")) in MULTI:
            row = {"VALUE": item.get("value"), "VALUE_TYPE": item.get("valueType")}
            if item.get("id"):
                row["ID"] = item["id"]
            result.setdefault(str(item["typeId"]), []).append(row)
    return result


def _invalid(name: str) -> Refusal:
    return Refusal(
        "CRM_FIELD_ERROR_VALUE_NOT_VALID", f'The value of the field "{name}" is not valid.'
    )


def _required(entity: Entity, fields: Sequence[Field], row: Mapping[str, Any]) -> None:
    for field in fields:
        if field.required and row.get(field.name) in (None, "", []):
            raise Refusal("CRM_FIELD_ERROR_REQUIRED", f'The field "{field.title}" is required.')


@method("crm.item.add", scope="crm")
def add_item(call: Call) -> Row:
    """Create an item; the answer holds it."""
    return save_new(call, imported=False)


def save_new(call: Call, *, imported: bool) -> Row:
    """Create the item of this call; an import sets times and authors, and starts no automation."""
    entity = entity_of(call)
    values = _values(call, entity, imported=imported)
    lacking = absent(call.state, entity)
    fields = entity.fields if imported else call.state.fields(entity.name)
    _required(entity, [f for f in fields if f.name not in lacking], values)
    try:
        record = crm.add(
            call.state,
            entity.name,
            values,
            actor=call.caller.user_id,
            robot=imported,
            connector=call.connector,
        )
    except ValueError as error:
        raise _invalid(str(error)) from None
    return {"item": universal_row(call, entity, record)}


@method("crm.item.update", scope="crm")
def update_item(call: Call) -> Row:
    """Change an item; nothing is saved when nothing changes."""
    entity = entity_of(call)
    record, row = _existing(call, entity)
    values = _values(call, entity)
    if entity.stage in values:
        fields = [f for f in call.state.fields(entity.name) if f.dynamic]
        _required(entity, fields, {**row, **values})
    try:
        crm.update(
            call.state,
            entity.name,
            record,
            values,
            actor=call.caller.user_id,
            connector=call.connector,
            always=False,
        )
    except ValueError as error:
        raise _invalid(str(error)) from None
    return {"item": universal_row(call, entity, record)}


@method("crm.item.delete", scope="crm")
def delete_item(call: Call) -> list[Any]:
    """Delete an item; the answer is an empty list."""
    entity = entity_of(call)
    record, _row = _existing(call, entity)
    crm.delete(call.state, entity.name, record, actor=call.caller.user_id, connector=call.connector)
    return []


@method("crm.item.fields", scope="crm")
def fields_of_item(call: Call) -> Row:
    """The fields of one type by their universal names."""
    entity = entity_of(call)
    described = {n: describe(f, upper=True) for n, f in names_of(call, entity).items()}
    if entity.event == "DYNAMICITEM":
        funnel = stages.default_category(call.state, entity.type_id)
        for name in {"stageId", "previousStageId"} & set(described):
            described[name]["statusType"] = entity.stages_of.format(category=funnel)
    link = _contacts(call.state, entity)
    if link:
        kind = f"crm_{link.column.removesuffix('_ID').lower()}"
        described[camel(link.column)]["isDeprecated"] = True
        for name in (link.ids, link.column.replace("_ID", "S")):
            described[camel(name)] = describe(Field(name, kind, multiple=True), upper=True)
    if _observed(call.state, entity):
        described["observers"] = describe(Field("OBSERVERS", "user", multiple=True), upper=True)
    return {"fields": described}
