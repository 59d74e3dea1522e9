"""Marketing spend from a CSV file: one row per month and channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from workbench.i18n import _, ngettext
from workbench.sources.csv_rows import (
    currency_parser,
    parse_amount,
    parse_count,
    parse_filled,
    parse_month,
    read_rows,
)
from workbench.sources.declared import SpendSource

REQUIRED = ("month", "channel", "spend")


@dataclass(frozen=True)
class Spend:
    """One month of one channel: ``month`` its first day, ``spend`` in ``currency``.

    ``source_id`` is the CRM source that the channel is mapped to, ``None`` if to none;
    clicks and impressions are ``None`` where the file has none.
    """

    month: date
    channel: str
    source_id: str | None
    spend: Decimal
    currency: str
    clicks: int | None
    impressions: int | None


@dataclass
class SpendFile:
    """The rows of a file, and how many rows each channel without a CRM source has."""

    rows: list[Spend] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)

    def remarks(self) -> list[str]:
        """Return what the reader should know, in the language of the moment."""
        return [
            ngettext(
                "Channel “{channel}” has no CRM source ({n} row).",
                "Channel “{channel}” has no CRM source ({n} rows).",
                count,
            ).format(channel=channel, n=count)
            for channel, count in sorted(self.unmapped.items())
        ]


def read_spend(
    file: Path, source: SpendSource, currencies: Collection[str], base_currency: str
) -> SpendFile:
    """Read and check a spend file; amounts stay in the row's currency (empty: the base one).

    ``currencies`` are those that the portal knows. Raises `SourceError` listing each problem with
    file, row and column.
    """
    rows = read_rows(
        file,
        source,
        {
            "month": parse_month,
            "channel": parse_filled,
            "spend": lambda text: parse_amount(text, source.decimal),
            "currency": currency_parser(currencies, base_currency),
            "clicks": parse_count,
            "impressions": parse_count,
        },
        REQUIRED,
        key=("channel", "month"),
        twice=_("this month and channel are in row {row} too"),
    )
    result = SpendFile()
    for row in rows:
        source_id = source.channels.get(row["channel"])
        if source_id is None:
            result.unmapped[row["channel"]] += 1
        result.rows.append(Spend(source_id=source_id, **row))
    return result
