"""Tables: accessible HTML to read, CSV to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.i18n import _, format_month, format_number, language
from workbench.metrics.loaded import incomplete_units
from workbench.metrics.periods import unit_label
from workbench.views import values
from workbench.views.text import attribute

MOST_ROWS = 200
# What makes a spreadsheet read a cell as a formula, also in full width.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Column:
    """A column to show: its ``name`` in the frame, its ``title`` for the reader and its unit.

    ``unit`` is one of `values`' or ``month`` (a first day, shown as its month). ``link``: a
    column that holds the web address of the cell. ``help``: what its figures mean. ``grain``: the
    unit of time that a first day stands for.
    """

    name: str
    title: str
    unit: str = values.TEXT
    link: str | None = None
    help: str = field(default="", compare=False)
    grain: str = field(default="", compare=False)


def columns_of(frame: pd.DataFrame) -> list[Column]:
    """Return the columns of a metrics frame, titled by its definitions."""
    from_metrics = frame.attrs.get("metrics", {})
    titles = frame.attrs.get("dimensions", {})
    shown = []
    for name in map(str, frame.columns):
        if name in from_metrics:
            shown.append(metric_column(name, from_metrics[name]))
        elif name == "period":
            shown.append(_period_column(str(frame.attrs.get("grain") or "month")))
        elif name == "n":
            shown.append(Column(name, _("n"), values.COUNT))
        else:
            shown.append(Column(name, spoken(titles.get(name, name))))
    return shown


def _period_column(grain: str) -> Column:
    if grain == "month":
        return Column("period", _("Month"), "month", grain=grain)
    return Column("period", _("Period"), values.DATE, grain=grain)


def metric_column(name: str, definition: dict[str, Any]) -> Column:
    """Return the column of a metric."""
    about = spoken(definition.get("help", ""))
    return Column(name, spoken(definition["title"]), definition["unit"], help=about)


def spoken(title: Any) -> str:
    """Return a ``{fr, en}`` title in the reader's language; a text stays itself."""
    if isinstance(title, dict):
        return str(title[language()])
    return str(title)


def html(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    caption: str,
    currency: str,
    timezone: str | None = None,
    most: int = MOST_ROWS,
) -> str:
    """Write a frame as an HTML table with caption and headed rows.

    Everything from the frame is escaped. Rows beyond ``most`` are left out, which is said.
    """
    heads = "".join(
        f'<th scope="col"{_class(column)}>{attribute(column.title)}</th>' for column in columns
    )
    shown = frame.head(most)
    body = []
    incomplete = incomplete_units(frame)
    marked = False
    for record in shown.to_dict("records"):
        cells = []
        for index, column in enumerate(columns):
            content = _cell(record, column, currency, timezone)
            if column.grain and record.get(column.name) in incomplete:
                content, marked = f"{content} *", True
            cells.append(
                f'<th scope="row"{_class(column)}>{content}</th>'
                if index == 0
                else f"<td{_class(column)}>{content}</td>"
            )
        body.append(f"<tr>{''.join(cells)}</tr>")
    note = ""
    if len(frame) > most:
        rest = _("Shown: the first {n} of {total} rows.").format(
            n=format_number(most), total=format_number(len(frame))
        )
        note = f'<p class="wb-note">{attribute(rest)}</p>'
    if marked:
        told = _("* in part: not all of its days lie in the period and are loaded.")
        note += f'<p class="wb-note">{attribute(told)}</p>'
    label = attribute(caption)
    return (
        f'<div class="wb-table" role="region" aria-label="{label}" tabindex="0"><table>'
        f"<caption>{label}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>{note}"
    )


def csv_text(frame: pd.DataFrame) -> str:
    """Write a frame as CSV: point as decimal mark, ISO days, column names as they are in code.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_harmless(str(name)) for name in frame.columns])
    for record in frame.itertuples(index=False, name=None):
        writer.writerow([_csv_cell(value) for value in record])
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, pd.Timestamp) and value == value.normalize() and value.tzinfo is None:
        return value.date().isoformat()
    simple = values.plain(value)
    if simple is None:
        return ""
    return _harmless(simple) if isinstance(simple, str) else simple


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _class(column: Column) -> str:
    if column.unit in (values.DATE, values.MOMENT, "month"):
        return ' class="wb-day"'
    return ' class="wb-number"' if column.unit in values.NUMERIC else ""


def _cell(record: dict[Any, Any], column: Column, currency: str, timezone: str | None) -> str:
    value = record.get(column.name)
    if values.is_missing(value):
        absent = attribute(_("no value"))
        return f'<span class="wb-missing" title="{absent}">–</span>'
    if column.grain and column.unit != "month":
        text = unit_label(pd.Timestamp(value).date(), column.grain)
    elif column.unit == "month":
        text = format_month(pd.Timestamp(value).date())
    else:
        text = values.text_of(value, column.unit, currency, timezone)
    address = record.get(column.link) if column.link else None
    if isinstance(address, str) and address.startswith(("https://", "http://")):
        return f'<a href="{attribute(address)}" rel="noreferrer">{attribute(text)}</a>'
    return attribute(text)
