"""The catalogue: catalog.product.*, catalog.price.*, catalog.catalog.*.

The same products as crm.product.*, in the universal form. A product has one price, of the base
type; its number is that of the product. Who may view the catalogue lists products and prices;
whole products and catalogues are read, and all is changed, by administrators, as the documentation
has it.
Source: api-reference/catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.records import Selection, read_page
from workbench.bitrix24.sandbox.memory.fields import (
    Field,
    Row,
    each,
    plain,
    positive,
    universal_form,
)
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.products.products import PRODUCTS
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

CATALOG = 24
BASE_PRICE = 1  # the type of every price
NO_RIGHT = 200040300040
NO_PRICES, NO_READING, NO_CATALOGUE = 200040300020, 200040300010, 200040300000
_RENAMED = {
    "CATALOG_ID": "iblockId", "SECTION_ID": "iblockSectionId", "DESCRIPTION": "detailText",
    "DESCRIPTION_TYPE": "detailTextType", "DATE_CREATE": "dateCreate",
}  # fmt: skip
_READ_ONLY = ("id", "available", "bundle", "type", "timestampX")
_OF_PRICES = ("PRICE", "CURRENCY_ID")

FIELDS: dict[str, Field] = {
    _RENAMED.get(f.name, f.camel): replace(f, hidden=False)
    for f in PRODUCTS.fields
    if f.name not in _OF_PRICES
}
#: What the portal names and this one does not keep.
ABSENT = ("detailPicture", "previewPicture")


def _administrator(call: Call, code: int = NO_RIGHT) -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal(code, "Access Denied")


def _viewer(call: Call) -> None:
    if not rights.sees_catalogue(call.state, call.caller.user_id):
        raise Refusal(NO_READING, "Access Denied")


def _selection(call: Call, names: Mapping[str, Field]) -> Selection:
    clock = call.state.clock
    return Selection(
        list(names.values()),
        list(names),
        [each(universal_form(f, clock)) for f in names.values()],
        [],
    )


def _product(call: Call, number: int) -> Row:
    chosen = _selection(call, FIELDS)
    rows = call.state.select("products", chosen.columns, '"ID" = ?', [number], limit=1)
    if not rows:
        raise Refusal(0, "product does not exist")
    return {**chosen.write(rows[0]), **dict.fromkeys(ABSENT)}


def _id(call: Call) -> int:
    number = call.number("id")
    if number is None:
        raise Refusal("100", "Could not find value for parameter {id}")
    return number


def _names(asked: Any) -> list[str]:
    given = list(asked.values()) if isinstance(asked, dict) else asked
    return [given] if isinstance(given, str) else [str(name) for name in given or ()]


# -- products -----------------------------------------------------------------------------


@method("catalog.product.list", scope="catalog")
def list_products(call: Call) -> Page:
    """Products of one catalogue; ``select`` names ``id`` and ``iblockId``, ``filter`` as well."""
    _viewer(call)
    asked = _names(call.get("select"))
    everything = "*" in asked
    if not everything and not {"id", "iblockId"} <= set(asked):
        raise Refusal(0, "Required select fields: id, iblockId")
    filter = call.structure("filter")
    if not {"iblockId", "=iblockId", "@iblockId"} & set(filter):
        raise Refusal(0, "Required filter fields: iblockId")
    try:
        sql, values = where(filter, FIELDS, call.state.zone)
    except BadFilter as error:
        raise Refusal(0, f"Invalid filter: {error.field}") from None
    names = {n: f for n, f in FIELDS.items() if everything or n in asked}
    answer = read_page(call, PRODUCTS, _selection(call, names), sql, values, _order(call, FIELDS))
    pictures = [n for n in ABSENT if everything or n in asked]
    answer.result = {"products": [{**row, **dict.fromkeys(pictures)} for row in answer.result]}
    return answer


def _order(call: Call, fields: Mapping[str, Field]) -> dict[str, str]:
    return {
        fields[str(name)].name: "DESC" if str(way).upper() == "DESC" else "ASC"
        for name, way in call.structure("order").items()
        if str(name) in fields
    }


@method("catalog.product.get", scope="catalog")
def get_product(call: Call) -> Row:
    """One product."""
    _administrator(call, NO_READING)
    return {"product": _product(call, _id(call))}


def _values(call: Call) -> Row:
    given = call.get("fields")
    if not isinstance(given, dict) or not given:
        raise Refusal("100", "Could not find value for parameter {fields}")
    keep = call.state.keepers("products")
    result: Row = {}
    for name, value in given.items():
        field = FIELDS.get(str(name))
        if field is None or str(name) in _READ_ONLY:
            continue
        try:
            result[field.name] = keep[field.name](value)
        except (ValueError, TypeError, OverflowError):
            raise Refusal(0, f"Invalid value of field {name}") from None
    return result


def _exists(call: Call, values: Row) -> None:
    """Refuse people, currencies, sections and rates that there are not.

    This portal's catalogue has neither sections nor VAT rates.
    """
    for column, what in (("SECTION_ID", "Section"), ("VAT_ID", "VAT rate")):
        if values.get(column):
            raise Refusal(0, f"{what} with the identifier {values[column]} does not exist")
    for column in ("CREATED_BY", "MODIFIED_BY"):
        if values.get(column) and call.state.get("users", values[column]) is None:
            raise Refusal(0, f"User with the identifier {values[column]} does not exist")
    code = values.get("PURCHASING_CURRENCY")
    if code and not call.state.count("currencies", {"CURRENCY": code}):
        raise Refusal(0, f"Currency {code} does not exist")


@method("catalog.product.add", scope="catalog")
def add_product(call: Call) -> Row:
    """A new product; needs ``name`` and ``iblockId``."""
    _administrator(call)
    values = _values(call)
    for column, name in (("CATALOG_ID", "iblockId"), ("NAME", "name")):
        if values.get(column) in (None, ""):
            raise Refusal(0, f"Required fields: {name}")
    if values["CATALOG_ID"] != CATALOG:
        raise Refusal(NO_CATALOGUE, "Information block does not exist")
    _exists(call, values)
    same = {"CATALOG_ID": values["CATALOG_ID"], "CODE": values.get("CODE")}
    if same["CODE"] and call.state.count("products", same):
        raise Refusal(0, "Product with the same symbolic code already exists")
    number = crm.add(
        call.state, "products", values, actor=call.caller.user_id, connector=call.connector
    )
    return {"element": _product(call, number)}


@method("catalog.product.update", scope="catalog")
def update_product(call: Call) -> Row:
    """Change a product."""
    _administrator(call)
    number = _id(call)
    _product(call, number)
    values = {k: v for k, v in _values(call).items() if k != "CATALOG_ID"}
    _exists(call, values)
    crm.update(
        call.state, "products", number, values, actor=call.caller.user_id, connector=call.connector
    )
    return {"element": _product(call, number)}


@method("catalog.product.delete", scope="catalog")
def delete_product(call: Call) -> bool:
    """Delete a product; rows that hold it stay."""
    _administrator(call)
    number = _id(call)
    _product(call, number)
    return crm.delete(
        call.state, "products", number, actor=call.caller.user_id, connector=call.connector
    )


@method("catalog.product.getFieldsByFilter", scope="catalog")
def product_fields(call: Call) -> Row:
    """The fields of the products of one catalogue."""
    _administrator(call, NO_READING)
    filter = call.structure("filter", required=True)
    if not filter.get("iblockId"):
        raise Refusal(0, "Required filter fields: iblockId")
    described = {n: _described(f, readonly=n in _READ_ONLY) for n, f in FIELDS.items()}
    described["iblockId"] |= {"isRequired": True, "isImmutable": True}
    described["purchasingPrice"]["type"] = "string"
    for name in ABSENT:
        described[name] = _described(Field(name.upper(), "file"), readonly=True)
    return {"product": described}


def _described(field: Field, *, readonly: bool) -> Row:
    kind = {"user": "integer", "money": "double"}.get(field.type, field.type)
    return {
        "isImmutable": False,
        "isReadOnly": readonly,
        "isRequired": field.required,
        "name": field.title,
        "type": kind,
    }


# -- prices -------------------------------------------------------------------------------

PRICES = {
    "id": PRODUCTS.by_name["ID"],
    "productId": PRODUCTS.by_name["ID"],
    "price": PRODUCTS.by_name["PRICE"],
    "currency": PRODUCTS.by_name["CURRENCY_ID"],
    "timestampX": PRODUCTS.by_name["TIMESTAMP_X"],
}


def _price(row: Row) -> Row:
    price = row["PRICE"]
    return {
        "catalogGroupId": BASE_PRICE,
        "currency": row["CURRENCY_ID"],
        "extraId": None,
        "id": row["ID"],
        "price": plain(price),
        "productId": row["ID"],
        "quantityFrom": None,
        "quantityTo": None,
        "timestampX": row["TIMESTAMP_X"],
    }


def _priced(call: Call, number: int) -> Row:
    row = call.state.get("products", number)
    if row is None or row["PRICE"] is None:
        raise Refusal(0, "Price does not exist")
    return row


@method("catalog.price.list", scope="catalog")
def list_prices(call: Call) -> Page:
    """Prices of products."""
    _viewer(call)
    filter = {k: v for k, v in call.structure("filter").items() if "catalogGroupId" not in str(k)}
    try:
        sql, values = where(filter, PRICES, call.state.zone)
    except BadFilter as error:
        raise Refusal(0, f"Invalid filter: {error.field}") from None
    sql = " AND ".join(part for part in (sql, '"PRICE" IS NOT NULL') if part)
    answer = read_page(call, PRODUCTS, _selection(call, PRICES), sql, values, _order(call, PRICES))
    asked = _names(call.get("select"))
    rows = [{"catalogGroupId": BASE_PRICE, "extraId": None, **row} for row in answer.result]
    keep = set(asked) if asked and "*" not in asked else None
    answer.result = {
        "prices": [{k: v for k, v in row.items() if keep is None or k in keep} for row in rows]
    }
    return answer


@method("catalog.price.get", scope="catalog")
def get_price(call: Call) -> Row:
    """One price."""
    _viewer(call)
    return {"price": _price(_priced(call, _id(call)))}


def _amount(call: Call, given: Row, required: tuple[str, ...]) -> Row:
    _administrator(call, NO_PRICES)
    missing = [name for name in required if given.get(name) in (None, "")]
    if missing:
        raise Refusal(0, f"Required fields: {', '.join(missing)}")
    if given.get("catalogGroupId") not in (None, BASE_PRICE, str(BASE_PRICE)):
        raise Refusal(0, "Validate price error. Catalog price group is wrong")
    keep = call.state.keepers("products")
    names = {"price": "PRICE", "currency": "CURRENCY_ID"}
    try:
        return {names[k]: keep[names[k]](v) for k, v in given.items() if k in names}
    except (ValueError, TypeError, OverflowError):
        raise Refusal(0, "Validate price error. Price is wrong") from None


def _given(call: Call) -> Row:
    given = call.get("fields")
    if not isinstance(given, dict) or not given:
        raise Refusal("100", "Could not find value for parameter {fields}")
    return given


def _set_price(call: Call, number: int, values: Row) -> Row:
    crm.update(
        call.state, "products", number, values, actor=call.caller.user_id, connector=call.connector
    )
    return {"price": _price(_priced(call, number))}


@method("catalog.price.add", scope="catalog")
def add_price(call: Call) -> Row:
    """Give a product its price."""
    given = _given(call)
    values = _amount(call, given, ("productId", "catalogGroupId", "price", "currency"))
    number = positive(given["productId"])
    row = call.state.get("products", number)
    if row is None:
        raise Refusal(0, "product does not exist")
    if row["PRICE"] is not None:
        raise Refusal(
            0,
            "Validate price error. Catalog product is allowed has only single price without ranges "
            "in price group",
        )
    return _set_price(call, number, values)


@method("catalog.price.update", scope="catalog")
def update_price(call: Call) -> Row:
    """Change a price."""
    number = _priced(call, _id(call))["ID"]
    return _set_price(call, number, _amount(call, _given(call), ("price", "currency")))


@method("catalog.price.delete", scope="catalog")
def delete_price(call: Call) -> bool:
    """Take a product's price away."""
    _administrator(call, NO_PRICES)
    return call.state.update("products", _priced(call, _id(call))["ID"], {"PRICE": None})


# -- catalogues ---------------------------------------------------------------------------


def _catalog(call: Call, number: Any) -> Row:
    if str(number) != str(CATALOG):
        raise Refusal(0, "catalog does not exist")
    return {
        "iblockId": CATALOG,
        "iblockTypeId": 0,
        "id": CATALOG,
        "lid": "s1",
        "name": "CRM",
        "productIblockId": None,
        "skuPropertyId": None,
        "subscription": "N",
        "vatId": None,
    }


@method("catalog.catalog.list", scope="catalog")
def list_catalogs(call: Call) -> Page:
    """The catalogues: there is one."""
    _administrator(call, NO_READING)
    return Page({"catalogs": [_catalog(call, CATALOG)]}, 1, None, rows=1)


@method("catalog.catalog.get", scope="catalog")
def get_catalog(call: Call) -> Row:
    """One catalogue."""
    _administrator(call, NO_READING)
    return {"catalog": _catalog(call, _id(call))}
