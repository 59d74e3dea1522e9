"""The plan of won revenue from a CSV file: one row per month, pipeline and manager.

Pipeline and manager may be empty: a plan of the whole company, of a pipeline, or of a manager in
all pipelines. Rows add up, so a plan is written at one level only.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from workbench.sources.csv_rows import currency_parser, parse_amount, parse_month, read_rows
from workbench.sources.declared import TargetsSource


def read_targets(
    file: Path, source: TargetsSource, currencies: Collection[str], base_currency: str
) -> list[dict[str, Any]]:
    """Return rows of month (its first day), pipeline, manager, amount, currency.

    ``pipeline`` is a name or an id, ``manager`` a full name, an e-mail or an id, each None where
    empty; amounts are in the row's currency (empty: the base one). Raises `SourceError`.
    """
    return read_rows(
        file,
        source,
        {
            "month": parse_month,
            "pipeline": lambda text: text or None,
            "manager": lambda text: text or None,
            "amount": lambda text: parse_amount(text, source.decimal),
            "currency": currency_parser(currencies, base_currency),
        },
        required=("month", "amount"),
        key=("month", "pipeline", "manager"),
    )
