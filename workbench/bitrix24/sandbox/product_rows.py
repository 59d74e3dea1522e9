"""Methods over product rows: crm.item.productrow.list and crm.deal.productrows.*."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox import crm, rights
from workbench.bitrix24.sandbox.deals import DEALS
from workbench.bitrix24.sandbox.fields import Row, camel, universal_form
from workbench.bitrix24.sandbox.filters import BadFilter, where
from workbench.bitrix24.sandbox.methods import Call, Page, Refusal, method
from workbench.bitrix24.sandbox.products import PRODUCT_ROWS
from workbench.bitrix24.sandbox.records import Selection, existing, identity, read_page

FIELDS = {camel(f.name): f for f in PRODUCT_ROWS.fields}
OLD = ("ID", "OWNER_ID", "OWNER_TYPE", "PRODUCT_ID", "QUANTITY", "MEASURE_CODE", "SORT", "TYPE")


@method("crm.item.productrow.list", scope="crm")
def list_rows(call: Call) -> Page:
    """Product rows of given owners: the filter must name ``=ownerType`` and ``=ownerId``."""
    filter = call.mapping("filter")
    for name in ("ownerType", "ownerId"):
        if not {name, f"={name}", f"@{name}"} & set(filter):
            raise Refusal("REQUIRED_ARG_MISSING", f"Required fields: ={name}")
    # ``=`` takes arrays here, which elsewhere is the work of ``@``.
    plain = {
        (f"@{key.lstrip('=')}" if isinstance(value, list) and key[:1] == "=" else key): value
        for key, value in filter.items()
    }
    try:
        sql, values = where(plain, FIELDS, call.state.zone)
    except BadFilter as error:
        raise Refusal(
            "INVALID_ARG_VALUE", f"Invalid filter: field '{error.field}' is not allowed in filter"
        ) from None
    asked = call.get("order")
    order = {
        FIELDS[name].name: "DESC" if str(way).upper().startswith("DESC") else "ASC"
        for name, way in (asked.items() if isinstance(asked, dict) else ())
        if name in FIELDS
    }
    limit, more = rights.readable(call.state, call.caller.user_id, DEALS)
    if limit:
        owners = f'SELECT "ID" FROM "deals" WHERE {limit}'  # noqa: S608
        sql, values = f'({sql}) AND "OWNER_ID" IN ({owners})', [*values, *more]
    chosen = Selection(
        list(FIELDS.values()),
        list(FIELDS),
        [universal_form(f, call.state.clock) for f in FIELDS.values()],
        [],
    )
    answer = read_page(call, PRODUCT_ROWS, chosen, sql, values, order or {"ID": "ASC"})
    answer.result = {"productRows": answer.result}
    return answer


def _old(row: Row) -> Row:
    """A row as crm.deal.productrows.get sends it: ids as text, prices as numbers."""
    return {
        name: str(value) if name in OLD and value is not None else value
        for name, value in row.items()
        if name != "STORE_ID"
    } | {"PRICE_ACCOUNT": f"{row['PRICE'] or 0:.2f}"}


@method("crm.deal.productrows.get", scope="crm")
def get_deal_rows(call: Call) -> list[Row]:
    """A deal's product rows, without ``total``."""
    record = identity(call)
    existing(call, DEALS, record)
    filter = {"OWNER_TYPE": "D", "OWNER_ID": record}
    return [_old(row) for row in call.state.find("product_rows", filter)]


@method("crm.deal.productrows.set", scope="crm")
def set_deal_rows(call: Call) -> bool:
    """Replace a deal's product rows; its amount follows unless it was set by hand."""
    record = identity(call)
    deal = existing(call, DEALS, record)
    rows = [row for row in call.mapping("rows").values() if isinstance(row, dict)]
    call.state.delete_where("product_rows", {"OWNER_TYPE": "D", "OWNER_ID": record})
    total = 0.0
    for place, row in enumerate(rows):
        price, quantity = _number(row.get("PRICE"), 0.0), _number(row.get("QUANTITY"), 1.0)
        total += price * quantity
        call.state.add(
            "product_rows",
            {
                "OWNER_ID": record,
                "OWNER_TYPE": "D",
                "PRODUCT_ID": row.get("PRODUCT_ID") or 0,
                "PRODUCT_NAME": str(row.get("PRODUCT_NAME") or ""),
                "PRICE": price,
                "PRICE_EXCLUSIVE": price,
                "PRICE_NETTO": price,
                "PRICE_BRUTTO": price,
                "QUANTITY": quantity,
                "SORT": 10 * (place + 1),
            },
        )
    if deal["IS_MANUAL_OPPORTUNITY"] != "Y":
        crm.update(call.state, "deals", record, {"OPPORTUNITY": total}, actor=call.caller.user_id)
    return True


def _number(value: Any, absent: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return absent
