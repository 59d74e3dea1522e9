"""Figures as a reader sees them: by unit, in their language."""

from __future__ import annotations

import math

from workbench.i18n import _, format_money, format_number, format_percent
from workbench.metrics.catalogue import Unit

MISSING = "–"


def format_value(value: float | None, unit: Unit | str, currency: str = "EUR") -> str:
    """Return a figure with its unit; ``–`` for one that is not known.

    ``currency`` (ISO code) is the portal's base currency, ``attrs["currency"]`` of a frame.
    """
    if value is None or math.isnan(value):
        return MISSING
    match unit:
        case "share":
            return format_percent(value)
        case "money":
            return format_money(value, currency, 0 if abs(value) >= 1000 else 2)
        case "money_per_day":
            amount = format_money(value, currency, 0 if abs(value) >= 1000 else 2)
            return _("{amount} per day").format(amount=amount)
        case "days":
            return _("{n} days").format(n=format_number(value, 1))
        case "ratio":
            return format_number(value, 2)
    return format_number(value)
