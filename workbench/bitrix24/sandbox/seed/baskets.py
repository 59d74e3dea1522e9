"""What deals are worth: product rows whose sum is the amount, or an amount typed by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock
from workbench.bitrix24.sandbox.seed.columns import draw, money, pick
from workbench.bitrix24.sandbox.seed.deals import Demand
from workbench.bitrix24.sandbox.seed.directories import PRODUCTS
from workbench.bitrix24.sandbox.seed.story import PIPELINES

WITH_ROWS = 0.78
DISCOUNTS = (0.0, 5.0, 10.0)
INFLATION = 0.025  # prices per year


@dataclass(frozen=True)
class Baskets:
    """Amounts of some deals in their own currency, and the product rows behind them.

    ``deal`` is the place of each product row's deal; ``manual`` marks amounts without rows.
    """

    amount: NDArray[np.float64]
    manual: NDArray[np.bool_]
    deal: NDArray[np.int64]
    product: NDArray[np.int64]
    price: NDArray[np.float64]
    list_price: NDArray[np.float64]
    discount: NDArray[np.float64]
    quantity: NDArray[np.float64]


def baskets(
    random: np.random.Generator,
    these: Demand,
    swiss: NDArray[np.bool_],
    early: NDArray[np.bool_],
    clock: Clock,
) -> Baskets:
    """Fill the baskets; ``early`` marks deals too young to have rows, some of them worth 0 yet."""
    count = len(these.created)
    median = np.array([p.amount for p in PIPELINES])[these.pipeline]
    spread = np.array([p.spread for p in PIPELINES])[these.pipeline]
    years = (these.created - clock.start) / (365.25 * DAY)
    dearer = (1 + INFLATION) ** years
    rate = np.where(swiss, story.CHF_RATE, 1.0)
    target = median * random.lognormal(0.0, spread) * dearer / rate

    manual = early | (random.random(count) > WITH_ROWS)
    lines = np.where(manual, 0, 1 + draw(random, (0.4, 0.35, 0.25), count))
    deal = np.repeat(np.arange(count), lines)
    prices = np.array([p.price for p in PRODUCTS])
    product = draw(random, [p.weight for p in PRODUCTS], len(deal))
    portion = target[deal] / lines[deal] * random.lognormal(0.0, 0.3, len(deal))
    cheap = draw(random, [p.weight * (p.price < 200) for p in PRODUCTS], len(deal))
    product = np.where(prices[product] > portion * 1.5, cheap, product)
    listed = np.round(prices[product] * dearer[deal] / rate[deal], 2)
    discount = np.array(DISCOUNTS)[draw(random, (0.7, 0.2, 0.1), len(deal))]
    price = np.round(listed * (1 - discount / 100), 2)
    quantity = np.maximum(1.0, np.round(portion / price))
    summed = np.bincount(deal, price * quantity, count)
    typed = np.round(target, -1)
    typed[early & (random.random(count) < 0.3)] = 0.0
    amount = np.round(np.where(manual, typed, summed), 2)
    return Baskets(
        amount.astype(np.float64), manual, deal, product, price, listed, discount, quantity
    )


def product_rows(these: Baskets, first_deal: int, first_id: int) -> Columns:
    """Rows of crm.item.productrow.list; ``first_deal`` is the identifier of the deal at place 0."""
    count = len(these.deal)
    name = pick([p.name for p in PRODUCTS], these.product)
    price = money(these.price)
    listed = money(these.list_price)
    first = np.ones(count, dtype=bool)
    first[1:] = these.deal[1:] != these.deal[:-1]
    starts = np.flatnonzero(first)
    place = np.arange(count) - np.repeat(starts, np.diff(np.append(starts, count)))
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "OWNER_ID": (these.deal + first_deal).tolist(),
            "OWNER_TYPE": "D",
            "PRODUCT_ID": (these.product + 1).tolist(),
            "PRODUCT_NAME": name,
            "PRICE": price,
            "PRICE_EXCLUSIVE": price,
            "PRICE_NETTO": listed,
            "PRICE_BRUTTO": listed,
            "QUANTITY": these.quantity.tolist(),
            "DISCOUNT_TYPE_ID": 2,
            "DISCOUNT_RATE": these.discount.tolist(),
            "DISCOUNT_SUM": money(these.list_price - these.price),
            "TAX_RATE": None,
            "TAX_INCLUDED": "N",
            "CUSTOMIZED": "Y",
            "MEASURE_CODE": 796,
            "MEASURE_NAME": "pcs",
            "SORT": (10 * (place + 1)).tolist(),
            "TYPE": 1,
        },
        count,
    )
