"""The workbook of a run: its key figures and tables as a spreadsheet reads them.

The first sheet says what the numbers are: period, filters, state of the data, definitions. Then
one sheet per table, its header frozen and filterable. Cells are typed: numbers are numbers, days
are days, and a text stays a text, whatever it begins with. Moments are wall-clock time of the
portal's zone, as spreadsheets know no zones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from babel.numbers import get_currency_symbol
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from workbench.i18n import _, format_number, locale, use_language
from workbench.metrics.formats import format_value
from workbench.reports.origin import defined, origin, shown_parameters, stamp
from workbench.reports.record import RunRecord, read_contents

FILE = "report.xlsx"
MOST_ROWS = 1_048_575  # of a sheet, without its header
MOST_LINKS = 65_530  # of a sheet; more are written as text
NARROWEST, WIDEST = 9, 48  # characters of a column
MEASURED = 200  # rows that a column's width is taken from
BLUE, PALE, RULE, MUTED = "#1f5f99", "#eef3f8", "#dfe5ea", "#52606d"
WRAPPED: dict[str, Any] = {"text_wrap": True, "valign": "top"}
Place = tuple[int, int]


def write_workbook(folder: Path, record: RunRecord) -> bool:
    """Write ``report.xlsx`` in the run's language; False for a page that has nothing for it."""
    contents = read_contents(folder)
    panels = [panel for panel in contents.get("panels", []) if panel["kind"] != "notice"]
    if not panels:
        return False
    part = folder / f".{FILE}.part"
    with use_language("en" if record.language == "en" else "fr"):
        # Rows go to the disk as they are written; no formula and no address is made of a text.
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(folder),
        }
        with xlsxwriter.Workbook(part, options) as book:
            formats = Formats(book, contents)
            book.set_properties(
                {
                    "title": record.title,
                    "comments": f"{record.id}, {record.snapshot or ''}",
                    "created": record.started_at.replace(tzinfo=None, microsecond=0),
                }
            )
            tables = [panel for panel in panels if "table" in panel]
            names = sheet_names([_("About"), *(panel["title"] for panel in tables)])
            about = book.add_worksheet(names[0])
            sheets = {panel["name"]: name for panel, name in zip(tables, names[1:], strict=True)}
            _write_about(about, formats, record, panels, sheets)
            for panel, name in zip(tables, names[1:], strict=True):
                _write_table(book.add_worksheet(name), formats, folder, panel)
    part.replace(folder / FILE)
    return True


def sheet_names(titles: list[str]) -> list[str]:
    """Return names that sheets may have: at most 31 characters, none twice whatever the case."""
    found: list[str] = []
    taken: set[str] = {"history", "historique"}  # kept by the programs for themselves
    for title in titles:
        clean = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", title)
        clean = re.sub("[ \xa0\u202f]{2,}", " ", clean).strip("' \xa0\u202f")
        number, name = 1, clean[:31].rstrip("' ") or "-"
        while name.casefold() in taken:
            number += 1
            tail = f" ({number})"
            name = clean[: 31 - len(tail)].rstrip("' ") + tail
        taken.add(name.casefold())
        found.append(name)
    return found


class Formats:
    """The cell formats of one workbook, made when first asked for."""

    def __init__(self, book: xlsxwriter.Workbook, contents: Mapping[str, Any]) -> None:
        self.currency = str(contents.get("currency") or "EUR")
        self.zone = ZoneInfo(str(contents.get("timezone") or "UTC"))
        self._book = book
        self._made: dict[str, Format] = {}

    def __call__(self, **properties: Any) -> Format:
        """Return the format with these properties."""
        key = repr(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"font_name": "Arial", **properties})
        return self._made[key]

    def of(self, unit: str, value: Any = None, **more: Any) -> Format:
        """Return the format of a value in a unit."""
        return self(num_format=number_format(unit, value, self.currency), **more)


def number_format(unit: str, value: Any, currency: str) -> str:
    """Return a spreadsheet's pattern for a unit, as the page writes it; its reader's own marks.

    The patterns are those of the file format, which the program shows in its reader's language.
    """
    french = locale().language == "fr"
    if unit in ("money", "money_per_day"):
        symbol = get_currency_symbol(currency, locale=locale()).replace('"', "")
        size = abs(float(value)) if isinstance(value, int | float) else 100
        digits = "#,##0.00" if 0 < size < 100 else "#,##0"
        return f'{digits}"\xa0{symbol}"' if french else f'"{symbol}"{digits}'
    if unit == "month":
        return "mmm yyyy"
    if isinstance(value, datetime):
        return "dd/mm/yyyy hh:mm" if french else "d mmm yyyy hh:mm"
    if isinstance(value, date):
        return "dd/mm/yyyy" if french else "d mmm yyyy"
    patterns = {
        "share": '0.0"\u202f"%' if french else "0.0%",
        "days": "#,##0.0",
        "hours": "#,##0.0",
        "ratio": "0.00",
        "count": "#,##0",
    }
    if unit in patterns:
        return patterns[unit]
    return "#,##0.##" if isinstance(value, float) else "General"


def cell(value: Any, zone: ZoneInfo) -> Any:
    """Return a table's value as a cell's: number, day, wall-clock moment, text or None."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.date() if value.time() == time() else value
        return value.astimezone(zone).replace(tzinfo=None)
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**15:
        return str(value)  # a spreadsheet keeps 15 digits
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if value is None or isinstance(value, bool | int | float | date | time | str):
        return value
    return str(value)


def _put(
    sheet: Worksheet, place: Place, value: Any, formats: Formats, unit: str = "text", **more: Any
) -> None:
    """Write a value as what it is."""
    style = formats.of(unit, value, **more)
    if value is None:
        sheet.write_blank(*place, None, style)
    elif isinstance(value, bool):
        sheet.write_boolean(*place, value, style)
    elif isinstance(value, datetime | date):
        if value.year < 1900:  # before which a spreadsheet knows no days
            sheet.write_string(*place, value.isoformat(), style)
        else:
            sheet.write_datetime(*place, value, style)
    elif isinstance(value, int | float):
        sheet.write_number(*place, value, style)
    else:
        sheet.write_string(*place, str(value)[:32_767], style)


def _write_about(
    sheet: Worksheet,
    formats: Formats,
    record: RunRecord,
    panels: list[dict[str, Any]],
    sheets: Mapping[str, str],
) -> None:
    """Write the first sheet: what this is, the key figures, the sheets and their columns."""
    sheet.hide_gridlines(2)
    for column, width in enumerate((34, 22, 30, 70, 28)):
        sheet.set_column(column, column, width)
    _print_setup(sheet, record.title)
    row = 0
    _put(sheet, (row, 0), record.title, formats, bold=True, font_size=16)
    facts = [(_("State"), stamp(record)), *shown_parameters(record), *origin(record)]
    if record.notice:
        facts.append((_("Despite checks"), record.notice))
    for row, (name, value) in enumerate(facts, start=2):
        _put(sheet, (row, 0), name, formats, font_color=MUTED, valign="top")
        _put(sheet, (row, 1), value, formats)
    summary = record.result.get("summary")
    if summary:
        row += 2
        _put(sheet, (row, 0), summary, formats)
    figures = [figure for panel in panels for figure in panel.get("figures", [])]
    if figures:
        heads = [_("Key figure"), _("Value"), _("Trend"), _("Definition"), _("n")]
        row = _heads(sheet, formats, row + 2, heads)
        for figure in figures:
            absent = figure["value"] is None
            _put(sheet, (row, 0), figure["title"], formats, **WRAPPED)
            _put(
                sheet,
                (row, 1),
                figure["text"] if absent else figure["value"],
                formats,
                "text" if absent else figure["unit"],
                align="right",
                valign="top",
            )
            _put(sheet, (row, 2), figure["change"], formats, **WRAPPED)
            _put(sheet, (row, 3), defined(figure), formats, **WRAPPED)
            _put(sheet, (row, 4), figure["n"], formats, "count", valign="top")
            row += 1
    if sheets:
        row = _heads(
            sheet,
            formats,
            row + 1,
            [_("Tables"), _("Column"), _("Unit"), _("Definition"), _("Rows")],
        )
    for panel in panels:
        if panel["name"] not in sheets:
            continue
        target = sheets[panel["name"]].replace("'", "''")
        link = formats(font_color=BLUE, underline=1, **WRAPPED)
        sheet.write_url(row, 0, f"internal:'{target}'!A1", link, panel["title"])
        _put(sheet, (row, 3), panel.get("finding") or panel["note"], formats, **WRAPPED)
        _put(sheet, (row, 4), panel["rows"], formats, "count", valign="top")
        row += 1
        for column in panel["columns"]:
            _put(sheet, (row, 1), column["title"], formats, **WRAPPED)
            _put(sheet, (row, 2), _unit_name(column["unit"], formats.currency), formats, **WRAPPED)
            _put(sheet, (row, 3), defined(column), formats, **WRAPPED)
            row += 1


def _heads(sheet: Worksheet, formats: Formats, row: int, titles: list[str]) -> int:
    """Write the head of a list on the first sheet; return the row below it."""
    for column, title in enumerate(titles):
        _put(sheet, (row, column), title, formats, bold=True, bg_color=PALE, bottom=1)
    return row + 1


def _unit_name(unit: str, currency: str) -> str:
    return {
        "money": currency,
        "money_per_day": _("{currency} per day").format(currency=currency),
        "share": "%",
        "count": _("count"),
        "days": _("days"),
        "hours": _("hours"),
        "ratio": _("ratio"),
        "date": _("day"),
        "month": _("month"),
        "moment": _("moment"),
    }.get(unit, "")


def _write_table(
    sheet: Worksheet, formats: Formats, folder: Path, panel: Mapping[str, Any]
) -> None:
    """Write a table: header, then typed rows; what a sheet cannot hold is said below."""
    columns = panel["columns"]
    source = pq.ParquetFile(folder / f"{panel['table']}.parquet")
    for place, width in enumerate(_widths(source, columns, formats)):
        sheet.set_column(place, place, width)
    head: dict[str, Any] = {
        "bold": True,
        "bg_color": PALE,
        "bottom": 1,
        "bottom_color": RULE,
        "text_wrap": True,
    }
    for place, column in enumerate(columns):
        numeric = column["unit"] not in ("text", "date", "month", "moment")
        align = "right" if numeric else "left"
        _put(sheet, (0, place), column["title"], formats, valign="top", align=align, **head)
    links = 0
    for row, record in enumerate(islice(_records(source, formats.zone), MOST_ROWS), start=1):
        for place, column in enumerate(columns):
            value = record.get(column["name"])
            address = _address(record.get(column.get("link") or ""))
            if address and links < MOST_LINKS:
                links += 1
                style = formats(font_color=BLUE, underline=1)
                sheet.write_url(row, place, address, style, str(value)[:255])
            else:
                _put(sheet, (row, place), value, formats, column["unit"])
    rows = min(panel["rows"], MOST_ROWS)
    if columns:
        sheet.autofilter(0, 0, max(rows, 1), len(columns) - 1)
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    _print_setup(sheet, panel["title"])


def _address(value: Any) -> str:
    """Return a web address that a cell may lead to, else nothing."""
    if not isinstance(value, str) or len(value) > 2_000:
        return ""
    return value if urlsplit(value).scheme in ("http", "https") else ""


def _records(source: pq.ParquetFile, zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Yield a table's rows, their values as cells."""
    for batch in source.iter_batches():
        table = pa.Table.from_batches([batch])
        for place, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type):  # the standard library knows microseconds
                column = table.column(place).cast(pa.timestamp("us", field.type.tz), safe=False)
                table = table.set_column(place, field.name, column)
        for record in table.to_pylist():
            yield {name: cell(value, zone) for name, value in record.items()}


def _widths(source: pq.ParquetFile, columns: list[dict[str, Any]], formats: Formats) -> list[float]:
    """Return how many characters each column needs, from its title and first rows."""
    widest = [len(max(column["title"].split(), key=len, default="")) for column in columns]
    for record in islice(_records(source, formats.zone), MEASURED):
        for place, column in enumerate(columns):
            length = _length(record.get(column["name"]), column["unit"], formats.currency)
            widest[place] = max(widest[place], length)
    return [min(max(width + 3, NARROWEST), WIDEST) for width in widest]


def _length(value: Any, unit: str, currency: str) -> int:
    if value is None:
        return 0
    if isinstance(value, datetime):
        return 16
    if isinstance(value, date):
        return 11
    if isinstance(value, int | float) and not isinstance(value, bool):
        known = unit in ("money", "money_per_day")
        return len(format_value(value, "money", currency) if known else format_number(value, 1))
    return len(str(value))


def _print_setup(sheet: Worksheet, title: str) -> None:
    """Fit a sheet to the width of A4, its title above and page numbers below."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_header("&L" + title.replace("&", "&&")[:200])
    sheet.set_footer("&R&P / &N")
