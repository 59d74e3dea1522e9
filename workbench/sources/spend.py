"""Marketing spend from a CSV file: every row is checked before any is loaded.

A file is loaded whole or not at all. What is wrong is said with the file's name, the row (as a
spreadsheet counts, the header is 1) and the column.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from workbench.errors import SourceError
from workbench.i18n import _, ngettext
from workbench.sources.csv_text import csv_text
from workbench.sources.declared import SPEND_COLUMNS, SpendSource

SHOWN = 20  # problems listed of one file
LARGEST = 20 * 1024 * 1024  # bytes; a few years of spend are some kilobytes
MONTH = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
REQUIRED = ("month", "channel", "spend")
YEARS = (1990, 2100)
HIGHEST = Decimal(10) ** 15
BEYOND = "\0"  # stands among a row's cells if it has more of them than the header


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


def parse_month(text: str) -> date:
    """Return the first day of ``2026-03``, ``2026-03-01``; raises `ValueError`."""
    match = MONTH.fullmatch(text)
    if not match or (match[3] or "01") != "01":
        raise ValueError(_("not a month like 2026-03"))
    try:
        month = date(int(match[1]), int(match[2]), 1)
    except ValueError:
        raise ValueError(_("not a month like 2026-03")) from None
    if not YEARS[0] <= month.year <= YEARS[1]:
        raise ValueError(_("a year beyond reason"))
    return month


def parse_amount(text: str, decimal: str) -> Decimal:
    """Return an amount ≥ 0 with the file's decimal sign; raises `ValueError`."""
    cleaned = re.sub(r"[\s\u00a0\u202f]", "", text)
    if decimal == ",":
        cleaned = cleaned.replace(",", ".")
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", cleaned):
        raise ValueError(_("not an amount"))
    try:
        amount = Decimal(cleaned)
    except InvalidOperation:
        raise ValueError(_("not an amount")) from None
    if amount < 0:
        raise ValueError(_("an amount below zero"))
    if amount >= HIGHEST:
        raise ValueError(_("an amount beyond reason"))
    return amount.quantize(Decimal("0.01"))


def parse_count(text: str) -> int | None:
    """Return a count ≥ 0, ``None`` for an empty cell; raises `ValueError`."""
    cleaned = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not cleaned:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", cleaned):
        raise ValueError(_("not a whole number"))
    return int(cleaned)


def open_rows(file: Path, source: SpendSource) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row number, cells by the file's column names); raises `SourceError`.

    Row numbers are a spreadsheet's: the header is 1. `BEYOND` is among the names of a row that is
    longer than the header.
    """
    reader = csv.reader(
        io.StringIO(csv_text(file, LARGEST), newline=""), delimiter=source.delimiter, strict=True
    )
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for name in SPEND_COLUMNS if header.count(source.column(name)) > 1]
        if twice:
            raise SourceError(
                _("{file}, row 1: column {name} is there twice.").format(
                    file=file.name, name=source.column(twice[0])
                )
            )
        missing = [source.column(name) for name in REQUIRED if source.column(name) not in header]
        if missing:
            raise SourceError(
                _("{file}, row 1: no column {names}.").format(
                    file=file.name, names=", ".join(missing)
                ),
                hint=_("Found: {names}.").format(names=", ".join(header)[:300] or _("nothing")),
            )
        for number, cells in enumerate(reader, 2):
            if any(cell.strip() for cell in cells):
                row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
                if any(cell.strip() for cell in cells[len(header) :]):
                    row[BEYOND] = ""  # an amount with a comma that is not quoted, mostly
                yield number, row
    except csv.Error as error:
        raise SourceError(
            _("{file}, row {row}: not a CSV row ({reason}).").format(
                file=file.name, row=reader.line_num, reason=error
            )
        ) from error


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
    for number, cells in open_rows(file, source):
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
        more = len(problems) - SHOWN
        shown = problems[:SHOWN]
        if more > 0:
            shown.append(_("… and {n} more").format(n=more))
        raise SourceError(
            "\n".join(shown),
            hint=_("Nothing of this file was loaded; mend it and sync again."),
            problem=problems[0],
        )
    return result
