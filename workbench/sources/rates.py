"""``parameters/rates.csv``: exchange rates of days before the portal's own were first seen.

Columns ``currency,date,rate``: from ``date`` (YYYY-MM-DD) on, one unit of ``currency`` is ``rate``
units of the portal's base currency. The file is taken whole or not at all.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from workbench.errors import SourceError
from workbench.i18n import _
from workbench.sources.csv_rows import YEARS, refused
from workbench.sources.csv_text import csv_text

RATES_FILE = "rates.csv"
COLUMNS = ("currency", "date", "rate")
LARGEST = 5 * 1024 * 1024  # bytes; thirty years of daily rates of ten currencies
RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,10})?")


@dataclass(frozen=True)
class Rate:
    """One unit of ``currency`` is ``rate`` units of the base currency from ``valid_from`` on."""

    currency: str
    valid_from: date
    rate: Decimal


def parse_day(text: str) -> date:
    """Return a day written as ``2024-01-31``; raises `ValueError` in the reader's words."""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(_("not a day like 2024-01-31")) from None
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise ValueError(_("a year beyond reason"))
    return day


def parse_rate(text: str) -> Decimal:
    """Return a rate above zero; raises `ValueError` in the reader's words."""
    if not RATE.fullmatch(text):
        raise ValueError(_("not a rate like 0.9537"))
    rate = Decimal(text)
    if rate <= 0:
        raise ValueError(_("a rate is above zero"))
    return rate


def read_rates(file: Path, currencies: Collection[str], base_currency: str) -> list[Rate]:
    """Read and check the file. Raises `SourceError` that lists each problem with its line.

    ``currencies`` are those that the portal knows. Lines are counted as a text editor does.
    """
    rates: list[Rate] = []
    problems: list[str] = []
    seen: dict[tuple[str, date], int] = {}
    reader = csv.reader(io.StringIO(csv_text(file, LARGEST), newline=""), strict=True)

    def problem(line: int, column: str, reason: object) -> None:
        problems.append(
            _("{file}, line {line}, column {column}: {reason}").format(
                file=file.name, line=line, column=column, reason=reason
            )
        )

    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise SourceError(
                _("{file}, line 1: the columns are {columns}.").format(
                    file=file.name, columns=", ".join(COLUMNS)
                ),
                hint=_("Found: {names}.").format(names=", ".join(header)[:300] or _("nothing")),
            )
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                problems.append(
                    _("{file}, line {line}: {n} cells instead of {expected}.").format(
                        file=file.name, line=line, n=len(cells), expected=len(header)
                    )
                )
                continue
            row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            before = len(problems)
            currency, day, rate = row["currency"].upper(), date.min, Decimal(0)
            if currency == base_currency:
                problem(line, "currency", _("this is the portal’s base currency"))
            elif currency not in currencies:
                problem(line, "currency", _("the portal does not know this currency"))
            try:
                day = parse_day(row["date"])
            except ValueError as error:
                problem(line, "date", error)
            try:
                rate = parse_rate(row["rate"])
            except ValueError as error:
                problem(line, "rate", error)
            first = seen.setdefault((currency, day), line)
            if len(problems) == before and first != line:
                text = _("this currency and day are in line {line} too").format(line=first)
                problem(line, "date", text)
            if len(problems) == before:
                rates.append(Rate(currency, day, rate))
    except csv.Error as error:
        raise SourceError(
            _("{file}, line {line}: not a CSV row ({reason}).").format(
                file=file.name, line=reader.line_num, reason=error
            )
        ) from error
    if problems:
        raise refused(problems)
    return rates
