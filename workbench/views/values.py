"""One value as text, in the reader's language, by its unit."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from workbench.i18n import (
    _,
    format_date,
    format_datetime,
    format_number,
    format_percent,
)
from workbench.metrics.formats import MISSING as NOTHING
from workbench.metrics.formats import format_value

# Units of metrics, and those of table columns beside them.
MONEY, SHARE, COUNT, DAYS, RATIO, MONEY_PER_DAY, HOURS = (
    "money",
    "share",
    "count",
    "days",
    "ratio",
    "money_per_day",
    "hours",
)
TEXT, DATE, MOMENT = "text", "date", "moment"
NUMERIC = {MONEY, SHARE, COUNT, DAYS, RATIO, MONEY_PER_DAY, HOURS}


def is_missing(value: Any) -> bool:
    """Tell whether there is no value: None, NaN, NaT, pandas' NA."""
    if value is None:
        return True
    if isinstance(value, Decimal):
        return not value.is_finite()
    if isinstance(value, (str, bytes, bool)):
        return False
    try:
        return bool(value != value) or (isinstance(value, float) and math.isinf(value))
    except TypeError:  # pandas' NA refuses to be compared
        return True


def text_of(
    value: Any, unit: str = TEXT, currency: str = "EUR", timezone: str | None = None
) -> str:
    """Write ``value`` as plain text (not HTML); no value is ``–``, never 0.

    A figure is written as everywhere (see `workbench.metrics.format_value`), a moment in
    ``timezone`` (IANA name).
    """
    if is_missing(value):
        return NOTHING
    if unit in NUMERIC:
        return format_value(value, unit, currency)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime) and unit != DATE:
        return format_datetime(value, timezone)
    if isinstance(value, date):
        return format_date(value)
    if isinstance(value, (int, float, Decimal)):
        return format_number(value, 2)
    return str(value)


def change_of(value: Any, before: Any, unit: str) -> tuple[str, float] | None:
    """Return a change as text and as a number, or None where it cannot be told.

    Shares change by percentage points, everything else by a share of what was before.
    """
    if is_missing(value) or is_missing(before):
        return None
    now, then = float(value), float(before)
    if unit == SHARE:
        points = round((now - then) * 100, 1)  # what is not seen is no change
        text = _("{n} points").format(n=_signed(format_number(abs(points), 1), points))
        return text, points / 100
    if then == 0:
        return None
    change = (now - then) / abs(then)
    return _signed(format_percent(abs(change)), change), change


def _signed(text: str, value: float) -> str:
    if round(value, 4) == 0:
        return text
    return ("+" if value > 0 else "\u2212") + text


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: numpy and decimals as numbers, days as ISO text.

    No value, and infinity, become None.
    """
    if hasattr(value, "item") and not isinstance(value, (date, Decimal)):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    if is_missing(value):
        return None
    if isinstance(value, Decimal):
        whole = abs(value) < 2**63 and value == value.to_integral_value()
        return int(value) if whole else plain(float(value))
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
