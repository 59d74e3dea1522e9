"""Figures as a reader sees them: by unit, in their language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from workbench.bitrix24 import entities
from workbench.i18n import _, format_money, format_number, format_percent, language, ngettext
from workbench.metrics.catalogue import Unit

MISSING = "–"


def format_value(value: float | Decimal | None, unit: Unit | str, currency: str = "EUR") -> str:
    """Return a figure with its unit; ``–`` for one that is not known, never 0.

    Money without decimals from 100 on, shares with one decimal, days with one below 100. A few of
    very many are not rounded to nothing, nor all but a few to everything.
    ``currency`` (ISO code) is the portal's base currency, ``attrs["currency"]`` of a frame.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(float(value))
    match unit:
        case "share":
            return _share(float(value))
        case "money":
            return format_money(value, currency, 0 if size >= 100 or size == 0 else 2)
        case "money_per_day":
            return _("{amount} per day").format(amount=format_value(value, "money", currency))
        case "days":
            digits = 1 if size < 100 else 0
            shown = round(size, digits)
            # French counts singular up to 1.9, English at exactly one.
            count = int(shown) if language() == "fr" else 1 if shown == 1 else 2
            return ngettext("{n} day", "{n} days", count).format(n=format_number(value, digits))
        case "hours":
            return _("{n} h").format(n=format_number(value, 1 if size < 100 else 0))
        case "ratio":
            return format_number(value, 2)
    return format_number(value)


def _share(value: float) -> str:
    if 0 < value < 0.0005:
        return _("<{share}").format(share=format_percent(0.001))
    if 0.9995 <= value < 1:
        return _(">{share}").format(share=format_percent(0.999))
    return format_percent(value)


def unit_name(unit: Unit | str) -> str:
    """Return a unit in the reader's language."""
    return {
        "count": _("count"),
        "money": _("base currency"),
        "money_per_day": _("base currency per day"),
        "share": _("share"),
        "days": _("days"),
        "hours": _("hours"),
        "ratio": _("ratio"),
    }[unit]


def basis_name(basis: str) -> str:
    """Return a date basis (or several, separated by commas) in the reader's language."""
    names = {
        "created": _("creation"),
        "closed": _("closing"),
        "event": _("event"),
        "as-of": _("end of the period"),
        "left": _("leaving the stage"),
        "due": _("expected closing"),
    }
    return ", ".join(names[one] for one in basis.split(", "))


def maturity_rule(rule: str | None) -> str:
    """Return a maturity rule in the reader's language."""
    if rule is None:
        return _("no rule")
    return {
        "cycle_p90": _("as old as the 90th percentile of the sales cycle"),
        "response_p90": _("as old as the 90th percentile of the time to a lead’s first answer"),
    }[rule]


def rate_words(counts: Mapping[str, int]) -> str:
    """Say how many amounts have a later rate or none (``attrs["rates"]``); empty where none do."""
    told = []
    if later := counts["later"]:
        told.append(
            ngettext(
                "{n} amount converted at a later rate",
                "{n} amounts converted at a later rate",
                later,
            ).format(n=format_number(later))
        )
    if none := counts["none"]:
        told.append(
            ngettext(
                "{n} amount in a currency without a rate left out",
                "{n} amounts in a currency without a rate left out",
                none,
            ).format(n=format_number(none))
        )
    return _("; ").join(told)


def trouble_words(trouble: Mapping[str, str]) -> str:
    """Say what could not be loaded anew (one of ``attrs["troubles"]``) and is shown as it was."""
    texts = {
        "failed": _("{title}: loading failed at the last sync; what was loaded before is shown."),
        "denied": _("{title}: no access at the last sync; what was loaded before is shown."),
        "stale": _("{title}: not up to date."),
        "refused": _(
            "{title}: the file was refused or not found at the last sync; what was loaded before "
            "is shown. `workbench sources` says why."
        ),
    }
    return texts[trouble["status"]].format(title=entities.title(trouble["entity"]))
