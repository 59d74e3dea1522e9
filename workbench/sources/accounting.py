"""What accounting booked, from its CSV export: invoices, credit notes and payments."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from workbench.i18n import _
from workbench.sources.csv_rows import currency_parser, parse_amount, parse_filled, read_rows
from workbench.sources.declared import AccountingSource
from workbench.sources.rates import parse_day

KINDS = ("invoice", "credit", "payment")


def read_documents(
    file: Path, source: AccountingSource, currencies: Collection[str], base_currency: str
) -> list[dict[str, Any]]:
    """Return rows of number, date, kind, customer, amount (≥ 0), currency, due, settled.

    ``kind`` is invoice, credit or payment; days are None where empty. Raises `SourceError`.
    """

    def kind(text: str) -> str:
        found = source.kinds.get(text, text.lower())
        if found not in KINDS:
            raise ValueError(_("must be one of {values}").format(values=", ".join(KINDS)))
        return found

    def day_or_none(text: str) -> date | None:
        return parse_day(text) if text else None

    return read_rows(
        file,
        source,
        {
            "number": parse_filled,
            "date": parse_day,
            "kind": kind,
            "customer": lambda text: text or None,
            "amount": lambda text: parse_amount(text, source.decimal),
            "currency": currency_parser(currencies, base_currency),
            "due": day_or_none,
            "settled": day_or_none,
        },
        required=("number", "date", "kind", "amount"),
        key=("number", "kind"),
    )
