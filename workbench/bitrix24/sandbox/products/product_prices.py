"""What a product row costs, and the amount of the deal, lead, quote or item that it belongs to.

``PRICE`` is one unit's price with discount and tax in it. From it follow, rounded to cents (half a
cent up):

    PRICE_EXCLUSIVE  with the discount, without tax
    PRICE_NETTO      without either
    PRICE_BRUTTO     without the discount, with tax

[?] Where it is not given it follows from the first of them that is.

Source: the samples of crm.item.productrow.add and .update, which these formulas reproduce.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Row

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

ABSOLUTE, PERCENT = 1, 2
DERIVED = ("PRICE_EXCLUSIVE", "PRICE_NETTO", "PRICE_BRUTTO")


def priced(row: Mapping[str, Any]) -> Row:
    """A row with the prices and the half of the discount that follow from what it says."""
    tax = 1 + float(row.get("TAX_RATE") or 0.0) / 100
    price = float(_price(row, tax) if row.get("PRICE") is None else row["PRICE"])
    exclusive = cents(exact(price) / exact(tax)) if tax else price
    rate, amount = float(row.get("DISCOUNT_RATE") or 0.0), float(row.get("DISCOUNT_SUM") or 0.0)
    if row.get("DISCOUNT_TYPE_ID") == ABSOLUTE:
        netto = cents(exclusive + amount)
        rate = cents(100 * amount / netto) if netto else 0.0
    else:
        # At 100 % only the sum says what the price was.
        share = 1 - exact(rate) / 100
        netto = cents(exclusive + amount if rate >= 100 else exact(exclusive) / share)
        amount = cents(netto - exclusive)
    return {
        **row,
        "PRICE": price,
        "PRICE_EXCLUSIVE": exclusive,
        "PRICE_NETTO": netto,
        "PRICE_BRUTTO": cents(exact(netto) * exact(tax)) if amount else price,
        "DISCOUNT_RATE": rate,
        "DISCOUNT_SUM": amount,
    }


def _price(row: Mapping[str, Any], tax: float) -> float:
    """The price of a row that names only others; 0 if it names none."""
    if row.get("PRICE_EXCLUSIVE") is not None:
        return cents(exact(row["PRICE_EXCLUSIVE"]) * exact(tax))
    netto, brutto = row.get("PRICE_NETTO"), row.get("PRICE_BRUTTO")
    before = float(netto) * tax if netto is not None else float(brutto or 0.0)
    if row.get("DISCOUNT_TYPE_ID") == ABSOLUTE:
        return cents(before - float(row.get("DISCOUNT_SUM") or 0.0) * tax)
    return cents(before * (1 - float(row.get("DISCOUNT_RATE") or 0.0) / 100))


def exact(amount: float) -> Decimal:
    """An amount by the digits that are written."""
    return Decimal(repr(float(amount)))


def cents(amount: float | Decimal) -> float:
    """Rounded to cents, half a cent up; what is too large for cents stays."""
    given = amount if isinstance(amount, Decimal) else exact(amount)
    try:
        return float(given.quantize(Decimal("0.01"), ROUND_HALF_UP))
    except InvalidOperation:
        return float(amount)


def rows_of(state: State, entity: Entity, owner: int) -> list[Row]:
    """The product rows of a record in their order."""
    filter = {"OWNER_TYPE": entity.short, "OWNER_ID": owner}
    return state.find("product_rows", filter, order=[("SORT", "ASC")])


def sums(rows: Iterable[Mapping[str, Any]]) -> Row:
    """``OPPORTUNITY`` and ``TAX_VALUE`` of a record with these rows."""
    total = tax = 0.0
    for row in rows:
        price, quantity = row["PRICE"] or 0.0, row["QUANTITY"] or 0.0
        exclusive = price if row["PRICE_EXCLUSIVE"] is None else row["PRICE_EXCLUSIVE"]
        total += price * quantity
        tax += (price - exclusive) * quantity
    return {"OPPORTUNITY": cents(total), "TAX_VALUE": cents(tax)}


def followed(state: State, entity: Entity, before: Row, changes: Mapping[str, Any]) -> Row:
    """The changes of a record, its amount that of its product rows unless it was set by hand.

    [?] A record with rows and ``IS_MANUAL_OPPORTUNITY`` N keeps their sum whatever is written.
    """
    touched = {"OPPORTUNITY", "IS_MANUAL_OPPORTUNITY"} & set(changes)
    if not touched or not entity.has("IS_MANUAL_OPPORTUNITY"):
        return dict(changes)
    manual = changes.get("IS_MANUAL_OPPORTUNITY", before.get("IS_MANUAL_OPPORTUNITY"))
    rows = [] if str(manual).upper() in ("Y", "1", "TRUE") else rows_of(state, entity, before["ID"])
    if not rows:
        return dict(changes)
    return {**changes, **{k: v for k, v in sums(rows).items() if entity.has(k)}}


def base_rate(state: State, currency: str | None) -> float:
    """Units of the base currency for one of ``currency``; 1 if it is not known."""
    found = state.find("currencies", {"CURRENCY": currency or ""}, limit=1)
    if not found or found[0]["BASE"] == "Y":
        return 1.0
    return float(found[0]["AMOUNT"] or 1.0) / float(found[0]["AMOUNT_CNT"] or 1)
