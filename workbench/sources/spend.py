"""Marketing spend from a CSV file: every row is checked before any is loaded.

A file is loaded whole or not at all. What is wrong is said with the file's name, the row (as a
spreadsheet counts, the header is 1) and the column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from workbench.i18n import _, ngettext
from workbench.sources.csv_rows import (
    BEYOND,
    open_rows,
    parse_amount,
    parse_count,
    parse_month,
    refused,
)
from workbench.sources.declared import SPEND_COLUMNS, SpendSource

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
    result = SpendFile()
    problems: list[str] = []
    seen: dict[tuple[date, str], int] = {}
    for number, cells in open_rows(file, source, SPEND_COLUMNS, REQUIRED):
        if BEYOND in cells:
            problems.append(
                _("{file}, row {row}: more cells than the header has.").format(
                    file=file.name, row=number
                )
            )
            continue
        found = len(problems)

        def cell(name: str, cells: dict[str, str] = cells) -> str:
            return cells.get(source.column(name), "")

        def problem(column: str, reason: object, number: int = number) -> None:
            problems.append(
                _("{file}, row {row}, column {column}: {reason}").format(
                    file=file.name, row=number, column=source.column(column), reason=reason
                )
            )

        month, spend = date.min, Decimal(0)
        counts: dict[str, int | None] = {}
        try:
            month = parse_month(cell("month"))
        except ValueError as error:
            problem("month", error)
        try:
            spend = parse_amount(cell("spend"), source.decimal)
        except ValueError as error:
            problem("spend", error)
        for name in ("clicks", "impressions"):
            try:
                counts[name] = parse_count(cell(name))
            except ValueError as error:
                problem(name, error)
        channel = cell("channel")
        if not channel:
            problem("channel", _("empty"))
        currency = cell("currency").upper() or base_currency
        if currency not in currencies:
            problem("currency", _("the portal does not know this currency"))
        if len(problems) > found:
            continue
        first = seen.setdefault((month, channel), number)
        if first != number:
            problem("channel", _("this month and channel are in row {row} too").format(row=first))
            continue
        source_id = source.channels.get(channel)
        if source_id is None:
            result.unmapped[channel] += 1
        result.rows.append(
            Spend(
                month, channel, source_id, spend, currency, counts["clicks"], counts["impressions"]
            )
        )
    if problems:
        raise refused(problems)
    return result
