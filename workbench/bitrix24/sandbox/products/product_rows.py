"""Product rows of leads, deals, quotes, invoices and smart processes: crm.item.productrow.*.

Whoever may see a record may see its rows. A change of the rows changes the record's amount, unless
that was set by hand. Source: api-reference/crm/universal/product-rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.field_descriptions import describe
from workbench.bitrix24.sandbox.crm.records import written_page
from workbench.bitrix24.sandbox.crm.smart_processes import absent
from workbench.bitrix24.sandbox.crm.strictness import refuse_filter, strict_order
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, camel, plain, positive
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.products import product_prices
from workbench.bitrix24.sandbox.products.products import MEASURES, PRODUCT_ROWS
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

FIELDS = {camel(f.name): f for f in PRODUCT_ROWS.fields}
ANSWERED = ("STORE_ID",)  # only where it is set


# -- owners -------------------------------------------------------------------------------


def owner_entity(state: State, code: Any) -> Entity:
    """The entity behind a short code (``D``, ``T80``). Refuses one that has no product rows."""
    wanted = str(code).lower()
    for entity in state.by_type.values():
        known = entity.short.lower() == wanted and entity.has("IS_MANUAL_OPPORTUNITY")
        if known and "OPPORTUNITY" not in absent(state, entity):
            return entity
    raise Refusal("ENTITY_TYPE_NOT_SUPPORTED", "Entity type is not supported")


def _owner(
    call: Call, code: Any, number: Any, missing: str = "OWNER_NOT_FOUND"
) -> tuple[Entity, Row]:
    entity = owner_entity(call.state, code)
    row = call.state.get(entity.name, positive(number))
    if row is None:
        raise Refusal(missing, "Owner was not found")
    if not rights.may(call.state, call.caller.user_id, entity, row):
        raise Refusal("ACCESS_DENIED", "Access denied")
    return entity, row


def _named_owner(call: Call, given: Mapping[str, Any]) -> tuple[Entity, Row]:
    for name in ("ownerId", "ownerType"):
        if given.get(name) in (None, ""):
            raise Refusal("100", f"Could not find value for parameter {{{name}}}")
    return _owner(call, given["ownerType"], given["ownerId"])


def _existing(call: Call) -> tuple[Entity, Row, Row]:
    number = call.number("id")
    if number is None:
        raise Refusal("100", "Could not find value for parameter {id}")
    row = call.state.get("product_rows", number)
    if row is None:
        raise Refusal("NOT_FOUND", "Item not found")
    entity, owner = _owner(call, row["OWNER_TYPE"], row["OWNER_ID"], "NOT_FOUND")
    return entity, owner, row


def save(call: Call, entity: Entity, owner: int) -> None:
    """Let the owner's amount follow its rows, as the caller's change."""
    state = call.state
    row = state.get(entity.name, owner) or {}
    if row.get("IS_MANUAL_OPPORTUNITY") == "Y":
        return
    amounts = product_prices.sums(product_prices.rows_of(state, entity, owner))
    crm.update(
        state,
        entity.name,
        owner,
        {name: value for name, value in amounts.items() if entity.has(name)},
        actor=call.caller.user_id,
        connector=call.connector,
        always=False,
    )


# -- rows ---------------------------------------------------------------------------------


def shown(state: State, owner: Row, row: Row) -> Row:
    """A row as these methods send it."""
    rate = product_prices.base_rate(state, owner.get("CURRENCY_ID"))
    result: Row = {}
    for name, field in FIELDS.items():
        value = row.get(field.name)
        if field.name in ANSWERED and not value:
            continue
        result[name] = plain(value)
        if name == "price":
            result["priceAccount"] = plain(round((value or 0.0) * rate, 2))
    result["xmlId"] = row.get("XML_ID") or ""
    return result


def furnished(state: State, values: Row) -> Row:
    """A new row's values with what its product says and the usual defaults."""
    product = state.get("products", int(values.get("PRODUCT_ID") or 0)) or {}
    code, symbol = MEASURES.get(product.get("MEASURE") or 0, (796, "pcs"))
    row: Row = {f.name: f.default for f in PRODUCT_ROWS.fields if f.default is not None}
    row |= {"PRODUCT_ID": 0, "MEASURE_CODE": code, "MEASURE_NAME": symbol}
    row |= {"PRODUCT_NAME": product.get("NAME") or "", "TYPE": product.get("TYPE") or 1}
    row |= {name: value for name, value in values.items() if value is not None}
    symbols = dict(MEASURES.values())
    if values.get("MEASURE_CODE") is not None and not values.get("MEASURE_NAME"):
        row["MEASURE_NAME"] = symbols.get(row["MEASURE_CODE"], "")
    return row


def _values(call: Call, given: Mapping[str, Any], *, strict: bool = False) -> Row:
    """The fields of a row that may be set. Refuses a value that does not fit."""
    keep = call.state.keepers("product_rows")
    result: Row = {}
    for name, value in given.items():
        field = FIELDS.get(str(name))
        if field is None or field.readonly or (strict and field.immutable):
            if strict:
                raise Refusal("INVALID_ARG_VALUE", f"Field '{name}' is not available for update")
            continue
        if field.immutable:
            continue
        try:
            result[field.name] = keep[field.name](value)
        except (ValueError, TypeError, OverflowError):
            raise Refusal("INVALID_ARG_VALUE", f"Invalid value of field '{name}'") from None
    return result


def _fields(call: Call) -> Row:
    given = call.get("fields")
    if not isinstance(given, dict):
        raise Refusal("100", "Could not find value for parameter {fields}")
    return given


@method("crm.item.productrow.list", scope="crm")
def list_rows(call: Call) -> Page:
    """Product rows of given owners: the filter must name ``=ownerType`` and ``=ownerId``."""
    filter = call.structure("filter")
    for name in ("ownerType", "ownerId"):
        if not {name, f"={name}", f"@{name}"} & set(filter):
            raise Refusal("100", f"Could not find value for parameter {{={name}}}")
    try:
        sql, values = where(filter, FIELDS, call.state.zone, strict=True)
    except BadFilter as error:
        raise refuse_filter(error) from None
    limits, more = _readable(call, filter)
    sql = f"({sql}) AND ({limits})"
    order = strict_order(call, FIELDS)

    def write(rows: list[Row]) -> list[Row]:
        owners = _currencies(call.state, rows)
        return [shown(call.state, owners[r["OWNER_TYPE"], r["OWNER_ID"]], r) for r in rows]

    answer = written_page(call, "product_rows", sql, [*values, *more], order, write)
    answer.result = {"productRows": answer.result}
    return answer


def _currencies(state: State, rows: Iterable[Row]) -> dict[tuple[str, int], Row]:
    """The owners of rows, with nothing but their currency."""
    owners: dict[str, set[int]] = {}
    for row in rows:
        owners.setdefault(row["OWNER_TYPE"], set()).add(row["OWNER_ID"])
    result: dict[tuple[str, int], Row] = {}
    for kind, numbers in owners.items():
        entity = owner_entity(state, kind)
        result |= {(kind, number): {} for number in numbers}
        columns = [entity.by_name["ID"], entity.by_name["CURRENCY_ID"]]
        marks = ",".join("?" * len(numbers))
        for number, currency in state.select(
            entity.name, columns, f'"ID" IN ({marks})', sorted(numbers)
        ):
            result[kind, number] = {"CURRENCY_ID": currency}
    return result


def _readable(call: Call, filter: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The caller's limit on the rows of the asked owner types. Refuses a single barred owner."""
    kinds = next(filter[k] for k in ("=ownerType", "ownerType", "@ownerType") if k in filter)
    numbers = next(filter[k] for k in ("=ownerId", "ownerId", "@ownerId") if k in filter)
    kinds = list(kinds.values()) if isinstance(kinds, dict) else kinds
    parts, values = [], []
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        entity = owner_entity(call.state, kind)
        limit, more = rights.readable(call.state, call.caller.user_id, entity)
        part = '"OWNER_TYPE" = ?'
        values.append(entity.short)
        if limit:
            if not isinstance(kinds, list) and str(numbers).isdecimal():
                _owner(call, kind, numbers)
            part += f' AND "OWNER_ID" IN (SELECT "ID" FROM "{entity.name}" WHERE {limit})'  # noqa: S608 - names from the catalogue
            values += more
        parts.append(part)
    return " OR ".join(f"({part})" for part in parts) or "1 = 0", values


@method("crm.item.productrow.get", scope="crm")
def get_row(call: Call) -> Row:
    """One row."""
    _entity, owner, row = _existing(call)
    return {"productRow": shown(call.state, owner, row)}


@method("crm.item.productrow.add", scope="crm")
def add_row(call: Call) -> Row:
    """One row more."""
    given = _fields(call)
    entity, owner = _named_owner(call, given)
    row = product_prices.priced(furnished(call.state, _values(call, given)))
    if "sort" not in given:
        present = product_prices.rows_of(call.state, entity, owner["ID"])
        row["SORT"] = 10 + max((r["SORT"] or 0 for r in present), default=0)
    number = call.state.add(
        "product_rows", {**row, "OWNER_TYPE": entity.short, "OWNER_ID": owner["ID"]}
    )
    save(call, entity, owner["ID"])
    return {"productRow": shown(call.state, owner, call.state.get("product_rows", number) or {})}


@method("crm.item.productrow.update", scope="crm")
def update_row(call: Call) -> Row:
    """Change a row; what belongs to the product or the owner cannot be changed."""
    entity, owner, row = _existing(call)
    changes = _values(call, _fields(call), strict=True)
    after = product_prices.priced({**row, **changes})
    if "MEASURE_CODE" in changes:
        after["MEASURE_NAME"] = dict(MEASURES.values()).get(changes["MEASURE_CODE"], "")
    call.state.update("product_rows", row["ID"], {k: v for k, v in after.items() if k != "ID"})
    save(call, entity, owner["ID"])
    return {"productRow": shown(call.state, owner, call.state.get("product_rows", row["ID"]) or {})}


@method("crm.item.productrow.delete", scope="crm")
def delete_row(call: Call) -> None:
    """Delete a row."""
    entity, owner, row = _existing(call)
    call.state.delete("product_rows", row["ID"])
    save(call, entity, owner["ID"])


@method("crm.item.productrow.set", scope="crm")
def set_rows(call: Call) -> Row:
    """Put these rows in the place of all that the owner has."""
    entity, owner = _named_owner(call, call.raw)
    given = call.get("productRows")
    given = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise Refusal("100", "Could not find value for parameter {productRows}")
    rows = [
        {
            **product_prices.priced(
                furnished(call.state, {"SORT": 10 * (place + 1), **_values(call, row)})
            ),
            "ID": positive(row.get("id")) or None,
        }
        for place, row in enumerate(given)
    ]
    replace(call, entity, owner["ID"], rows)
    return _all_rows(call, entity, owner)


def replace(call: Call, entity: Entity, owner: int, rows: list[Row]) -> None:
    """Write all rows of an owner anew; one that names a row of it keeps its id.

    [?] Refuses several rows of one id.
    """
    filter = {"OWNER_TYPE": entity.short, "OWNER_ID": owner}
    present = {row["ID"] for row in product_prices.rows_of(call.state, entity, owner)}
    kept = [
        {**row, **filter, "ID": row["ID"] if row.get("ID") in present else None} for row in rows
    ]
    named = [row["ID"] for row in kept if row["ID"]]
    if len(set(named)) < len(named):
        raise Refusal("", "Several rows have the same ID.")
    call.state.delete_where("product_rows", filter)
    call.state.insert_many("product_rows", kept)
    save(call, entity, owner)


def _all_rows(call: Call, entity: Entity, owner: Row) -> Row:
    rows = product_prices.rows_of(call.state, entity, owner["ID"])
    return {"productRows": [shown(call.state, owner, row) for row in rows]}


@method("crm.item.productrow.getAvailableForPayment", scope="crm")
def unpaid_rows(call: Call) -> Row:
    """The rows that no payment covers: all of them, for this portal knows no payments."""
    entity, owner = _named_owner(call, call.raw)
    return _all_rows(call, entity, owner)


@method("crm.item.productrow.fields", scope="crm")
def row_fields(_call: Call) -> Row:
    """The fields of a row."""
    hidden = ("XML_ID",)
    return {"fields": {n: describe(f) for n, f in FIELDS.items() if f.name not in hidden}}
