"""What a product row costs, and the amount of the deal, lead, quote or item that it belongs to.

``PRICE`` is one unit's price with discount and tax in it. From it follow, each rounded to cents:

    PRICE_EXCLUSIVE  with the discount, without tax
    PRICE_NETTO      without either
    PRICE_BRUTTO     without the discount, with tax

Source: the samples of crm.item.productrow.add and .update, which these formulas reproduce.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.memory.fields import Entity, Row

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

ABSOLUTE, PERCENT = 1, 2
DERIVED = ("PRICE_EXCLUSIVE", "PRICE_NETTO", "PRICE_BRUTTO")


def priced(row: Mapping[str, Any]) -> Row:
    """A row with the prices and the half of the discount that follow from what it says."""
    price = float(row.get("PRICE") or 0.0)
    tax = 1 + float(row.get("TAX_RATE") or 0.0) / 100
    exclusive = round(price / tax, 2) if tax else price
    rate, amount = float(row.get("DISCOUNT_RATE") or 0.0), float(row.get("DISCOUNT_SUM") or 0.0)
    if row.get("DISCOUNT_TYPE_ID") == ABSOLUTE:
        netto = round(exclusive + amount, 2)
        rate = round(100 * amount / netto, 2) if netto else 0.0
    else:
        # At 100 % only the sum says what the price was.
        netto = round(exclusive + amount if rate >= 100 else exclusive / (1 - rate / 100), 2)
        amount = round(netto - exclusive, 2)
    return {
        **row,
        "PRICE": price,
        "PRICE_EXCLUSIVE": exclusive,
        "PRICE_NETTO": netto,
        "PRICE_BRUTTO": round(netto * tax, 2),
        "DISCOUNT_RATE": rate,
        "DISCOUNT_SUM": amount,
    }


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
    return {"OPPORTUNITY": round(total, 2), "TAX_VALUE": round(tax, 2)}


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
