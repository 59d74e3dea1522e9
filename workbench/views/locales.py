"""Numbers, dates and money on axes and in tooltips, in the reader's language.

Vega formats with d3 and needs its locale twice over: live charts get it as embed options,
pictures from vl-convert as arguments. Both come from here, out of Babel's data, so that a chart
says ``1 234,5`` exactly as the text beside it does.
"""

from __future__ import annotations

import json
from typing import Any

from babel import dates, numbers

from workbench.i18n import language, locale


def format_locale(currency: str) -> dict[str, Any]:
    """Return the d3-format locale; ``currency`` is an ISO code such as ``EUR``."""
    symbol = currency_symbol(currency)
    french = language() == "fr"
    return {
        "decimal": numbers.get_decimal_symbol(locale()),
        "thousands": numbers.get_group_symbol(locale()),
        "grouping": [3],
        "currency": ["", f"\u00a0{symbol}"] if french else [symbol, ""],
        "percent": "\u202f%" if french else "%",
        "minus": "\u2212",
    }


def time_format_locale() -> dict[str, Any]:
    """Return the d3-time-format locale."""
    here = locale()
    sunday_first = (6, 0, 1, 2, 3, 4, 5)

    def days(width: str) -> list[str]:
        names = dates.get_day_names(width, locale=here)  # type: ignore[arg-type]
        return [names[day] for day in sunday_first]

    def months(width: str) -> list[str]:
        names = dates.get_month_names(width, locale=here)  # type: ignore[arg-type]
        return [names[month] for month in range(1, 13)]

    return {
        "dateTime": "%A %-d %B %Y %H:%M",
        "date": "%d/%m/%Y",
        "time": "%H:%M:%S",
        "periods": ["AM", "PM"],
        "days": days("wide"),
        "shortDays": days("abbreviated"),
        "months": months("wide"),
        "shortMonths": months("abbreviated"),
    }


def embed_options(currency: str) -> dict[str, Any]:
    """Return the options of a live chart: locale, SVG, no menu of actions."""
    return {
        "actions": False,
        "renderer": "svg",
        "logLevel": 1,  # errors; a console stays readable
        "formatLocale": format_locale(currency),
        "timeFormatLocale": time_format_locale(),
    }


def currency_symbol(currency: str) -> str:
    """Return ``€`` for ``EUR``; a code that nobody knows stands for itself."""
    return numbers.get_currency_symbol(currency, locale=locale())


def money_scale(largest: float) -> tuple[float, str]:
    """Return divisor and prefix that keep axis labels short.

    Full amounts below 10,000, thousands (``k``) below two millions, then millions (``M``).
    """
    size = abs(largest)
    if size < 10_000:
        return 1.0, ""
    return (1e3, "k") if size < 2_000_000 else (1e6, "M")


def money_labels(largest: float, currency: str) -> str:
    """Return the Vega expression of a money axis: ``250 k€``, ``£250k``.

    The currency is quoted as JSON: it comes from the portal and must stay text.
    """
    divisor, prefix = money_scale(largest)
    symbol = currency_symbol(currency)
    if symbol.isalpha():  # CHF: set apart from the number and its prefix
        symbol = f"\u00a0{symbol}" if language() == "fr" else f"{symbol}\u00a0"
    number = f"format(datum.value / {divisor:g}, ',~r')"
    if language() == "fr":
        unit = json.dumps(f"\u00a0{prefix}{symbol}" if prefix else _apart(symbol))
        return f"{number} + (datum.value == 0 ? {json.dumps(_apart(symbol))} : {unit})"
    return f"{json.dumps(symbol)} + {number} + (datum.value == 0 ? '' : {json.dumps(prefix)})"


def _apart(symbol: str) -> str:
    return symbol if symbol.startswith("\u00a0") else f"\u00a0{symbol}"
