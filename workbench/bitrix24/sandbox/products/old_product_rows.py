"""Product rows in the old form: crm.{deal,lead,quote}.productrows.*, crm.productrow.*."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.deals import DEALS
from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.leads import LEADS
from workbench.bitrix24.sandbox.crm.quotes import QUOTES
from workbench.bitrix24.sandbox.crm.records import existing, ordering
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, plain
from workbench.bitrix24.sandbox.products import product_prices
from workbench.bitrix24.sandbox.products.product_rows import furnished, owner_entity, replace
from workbench.bitrix24.sandbox.products.products import PRODUCT_ROWS
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method, page

ABSENT = ("RESERVE_ID", "DATE_RESERVE_END", "RESERVE_QUANTITY")


def _sent(call: Call, owner: Row, row: Row) -> Row:
    """A row as these methods send it: ids as text, prices as numbers, ``PRICE_ACCOUNT`` as text."""
    product = call.state.get("products", row["PRODUCT_ID"] or 0) or {}
    result: Row = {}
    for field in PRODUCT_ROWS.fields:
        result[field.name] = plain(row.get(field.name))
        if field.name == "PRODUCT_NAME":
            result["ORIGINAL_PRODUCT_NAME"] = product.get("NAME") or row.get("PRODUCT_NAME")
            result["PRODUCT_DESCRIPTION"] = product.get("DESCRIPTION")
        elif field.name == "PRICE_BRUTTO":
            rate = product_prices.base_rate(call.state, owner.get("CURRENCY_ID"))
            result["PRICE_ACCOUNT"] = f"{(row['PRICE'] or 0) * rate:.2f}"
    return {
        **result,
        "ID": str(row["ID"]),
        "OWNER_ID": str(row["OWNER_ID"]),
        **dict.fromkeys(ABSENT),
    }


def _owner(call: Call, entity: Entity) -> Row:
    number = call.number("id")
    if number is None or number <= 0:
        raise Refusal("", "The parameter id is invalid or not defined.")
    return existing(call, entity, number)


def _discount(row: Row) -> None:
    """Refuse a discount of which half is missing."""
    kind = row.get("DISCOUNT_TYPE_ID")
    given_rate, given_sum = (row.get(name) for name in ("DISCOUNT_RATE", "DISCOUNT_SUM"))
    if kind == product_prices.PERCENT and given_rate is None:
        text = (
            "Discount Rate (DISCOUNT_RATE) is required if Percentage Discount Type "
            "(DISCOUNT_TYPE_ID) is defined"
        )
    elif kind == product_prices.PERCENT and (given_rate or 0) >= 100 and given_sum is None:
        text = (
            "Discount Sum (DISCOUNT_SUM) is required if Percentage Discount Type "
            "(DISCOUNT_TYPE_ID) is defined and Discount Rate (DISCOUNT_RATE) is 100%"
        )
    elif kind == product_prices.ABSOLUTE and given_sum is None:
        text = (
            "Discount Sum (DISCOUNT_SUM) is required if Monetary Discount Type "
            "(DISCOUNT_TYPE_ID) is defined"
        )
    else:
        return
    raise Refusal("ERROR_CORE", f"{text}<br>")


def _values(call: Call, given: Row) -> Row:
    """A row's values; the prices may be given, else they follow from ``PRICE``."""
    names = {f.name for f in PRODUCT_ROWS.fields if not f.immutable}
    keep = call.state.keepers("product_rows")
    values: Row = {}
    for name, value in given.items():
        key = str(name).upper()
        if key in names:
            try:
                values[key] = keep[key](value)
            except (ValueError, TypeError, OverflowError):
                raise Refusal("", f"Invalid value: {key}") from None
    _discount(values)
    row = product_prices.priced(furnished(call.state, values))
    return row | {k: values[k] for k in product_prices.DERIVED if values.get(k) is not None}


def _methods(prefix: str, entity: Entity) -> None:
    @method(f"{prefix}.productrows.get", scope="crm")
    def get_rows(call: Call) -> list[Row]:
        owner = _owner(call, entity)
        rows = product_prices.rows_of(call.state, entity, owner["ID"])
        return [_sent(call, owner, row) for row in rows]

    @method(f"{prefix}.productrows.set", scope="crm")
    def set_rows(call: Call) -> bool:
        owner = _owner(call, entity)
        given = call.get("rows")
        given = list(given.values()) if isinstance(given, dict) else given
        if not isinstance(given, list):
            raise Refusal("", "The parameter rows must be array.")
        rows = [_values(call, row) for row in given if isinstance(row, dict)]
        replace(call, entity, owner["ID"], rows)
        _name_nameless(call, entity, owner["ID"])
        return True


def _name_nameless(call: Call, entity: Entity, owner: int) -> None:
    """A row without product and name is called by its number."""
    for row in product_prices.rows_of(call.state, entity, owner):
        if not row["PRODUCT_NAME"]:
            call.state.update("product_rows", row["ID"], {"PRODUCT_NAME": f"[{row['ID']}]"})


for _entity, _prefix in ((DEALS, "crm.deal"), (LEADS, "crm.lead"), (QUOTES, "crm.quote")):
    _methods(_prefix, _entity)


@method("crm.productrow.list", scope="crm")
def list_rows(call: Call) -> Page:
    """Product rows of one owner: the filter must name ``OWNER_TYPE`` and ``OWNER_ID``."""
    filter = {str(k).upper(): v for k, v in call.mapping("filter").items()}
    kind, number = filter.get("OWNER_TYPE"), filter.get("OWNER_ID")
    if not kind or not str(number).isdecimal():
        raise Refusal("", "Access denied.")
    entity = owner_entity(call.state, kind)
    call.params["id"] = number
    owner = _owner(call, entity)
    names = {f.name: f for f in PRODUCT_ROWS.fields}
    order = ordering(call.get("order"), names)
    rows = call.state.find(
        "product_rows", {"OWNER_TYPE": entity.short, "OWNER_ID": owner["ID"]}, order=order
    )
    return page(call, [_sent(call, owner, row) for row in rows])


@method("crm.productrow.fields", scope="crm")
def row_fields(_call: Call) -> dict[str, Row]:
    """The fields of a row."""
    return describe_all(PRODUCT_ROWS.fields)
