"""Rows of a CSV file that somebody exported: every cell checked before any row is loaded.

A file is loaded whole or not at all. What is wrong is said with the file's name, the row (as a
spreadsheet counts, the header is 1) and the column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol

from workbench.errors import SourceError
from workbench.i18n import _
from workbench.sources.csv_text import csv_text

SHOWN = 20  # problems listed of one file
LARGEST = 20 * 1024 * 1024  # bytes; a few years of months are some kilobytes
MONTH = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
YEARS = (1990, 2100)
HIGHEST = Decimal(10) ** 15
BEYOND = "\0"  # stands among a row's cells if it has more of them than the header
Parser = Callable[[str], Any]


class Layout(Protocol):
    """How a declared source writes its file."""

    @property
    def delimiter(self) -> str:
        """Return what stands between cells."""

    def column(self, name: str) -> str:
        """Return the file's name of one of our columns."""


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


def parse_filled(text: str) -> str:
    """Return a text that is not empty; raises `ValueError`."""
    if not text:
        raise ValueError(_("empty"))
    return text


def currency_parser(currencies: Collection[str], base_currency: str) -> Parser:
    """Return what reads a code that the portal knows; an empty cell is the base currency."""

    def parse(text: str) -> str:
        code = text.upper() or base_currency
        if code not in currencies:
            raise ValueError(_("the portal does not know this currency"))
        return code

    return parse


def open_rows(
    file: Path, source: Layout, columns: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row number, cells by the file's column names); raises `SourceError`.

    Row numbers are a spreadsheet's: the header is 1. `BEYOND` is among the names of a row that is
    longer than the header.
    """
    reader = csv.reader(
        io.StringIO(csv_text(file, LARGEST), newline=""), delimiter=source.delimiter, strict=True
    )
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for name in columns if header.count(source.column(name)) > 1]
        if twice:
            raise SourceError(
                _("{file}, row 1: column {name} is there twice.").format(
                    file=file.name, name=source.column(twice[0])
                )
            )
        missing = [source.column(name) for name in required if source.column(name) not in header]
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


def read_rows(
    file: Path,
    source: Layout,
    parsers: Mapping[str, Parser],
    required: tuple[str, ...],
    key: tuple[str, ...],
    twice: str = "",
) -> list[dict[str, Any]]:
    """Return the file's rows by our column names, each cell through its parser.

    ``key``: the columns that no two rows share (``twice`` says so, with the earlier ``{row}``).
    Raises `SourceError` that lists every problem.
    """
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    seen: dict[tuple[Any, ...], int] = {}
    for number, cells in open_rows(file, source, tuple(parsers), required):
        if BEYOND in cells:
            problems.append(
                _("{file}, row {row}: more cells than the header has.").format(
                    file=file.name, row=number
                )
            )
            continue
        found, row = len(problems), {}
        for name, parse in parsers.items():
            try:
                row[name] = parse(cells.get(source.column(name), ""))
            except ValueError as error:
                problems.append(_at(file, number, source.column(name), error))
        if len(problems) > found:
            continue
        first = seen.setdefault(tuple(row[name] for name in key), number)
        if first != number:
            told = (twice or _("the same as in row {row}")).format(row=first)
            problems.append(_at(file, number, source.column(key[0]), told))
            continue
        rows.append(row)
    if problems:
        raise refused(problems)
    return rows


def _at(file: Path, row: int, column: str, problem: object) -> str:
    return _("{file}, row {row}, column {column}: {reason}").format(
        file=file.name, row=row, column=column, reason=problem
    )


def refused(problems: list[str]) -> SourceError:
    """Return the error that lists the problems of a file."""
    more, shown = len(problems) - SHOWN, problems[:SHOWN]
    if more > 0:
        shown.append(_("… and {n} more").format(n=more))
    return SourceError(
        "\n".join(shown),
        hint=_("Nothing of this file was loaded; mend it and sync again."),
        problem=problems[0],
    )
