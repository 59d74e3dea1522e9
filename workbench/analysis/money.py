"""Amounts that add up to the cent, and what is to be said about their exchange rates."""

from __future__ import annotations

import pandas as pd

CENTS = 100


def total(amounts: pd.Series) -> float:
    """Return the sum of amounts, added as whole cents: no rounding on the way; missing ones are 0.

    Up to 90 trillion, beyond which a float cannot hold a cent.
    """
    cents = (pd.to_numeric(amounts).astype(float) * CENTS).round().fillna(0.0)
    return int(cents.astype("int64").sum()) / CENTS


def rate_counts(records: pd.DataFrame) -> dict[str, int]:
    """Return how many amounts were converted at a ``later`` rate, and how many have ``none``.

    ``records``: amount, amount_base and rate_basis, as `deals` has them. Those without a rate have
    no amount in the base currency and are in no sum.
    """
    if not {"amount", "amount_base", "rate_basis"} <= set(records):
        return {"later": 0, "none": 0}
    amount = pd.to_numeric(records["amount"]).astype(float)
    base = pd.to_numeric(records["amount_base"]).astype(float)
    return {
        "later": int((base.fillna(0).ne(0) & records["rate_basis"].eq("later")).sum()),
        "none": int((amount.fillna(0).ne(0) & base.isna()).sum()),
    }
