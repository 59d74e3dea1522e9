"""The forms that user fields' values, multifields and other structured values take.

Source: api-reference/data-types.md and the samples of crm.deal.get and crm.item.get.
"""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory.fields import (
    INTEGERS,
    Clock,
    Convert,
    Field,
    day,
    number,
    plain,
    shown_moment,
    text,
    whole,
)
from workbench.bitrix24.sandbox.memory.filters import WHOLE

WRITTEN = ("string", "money", "url", "address", "crm_status")  # kept as text


def old_value(field: Field, clock: Clock) -> Convert | None:
    """The function to the old form (text); None where a value is sent as it is kept.

    Files are written by `file_forms`.
    """
    if field.loose:
        return _text
    if not field.dynamic or field.keeps_files:
        return None
    one = _old_one(field, clock)
    if field.multiple:
        return lambda values: (
            [one(v) for v in values] if isinstance(values, list) else [one(values)]
        )
    return one


def universal_value(field: Field, clock: Clock) -> Convert | None:
    """The function to the universal form (numbers, Y/N). Files are written by `file_forms`."""
    if field.loose:
        return _whole
    if not field.dynamic or field.keeps_files:
        return None
    one = _universal_one(field, clock)
    if field.multiple:
        return lambda values: (
            [one(v) for v in values] if isinstance(values, list) else [one(values)]
        )
    return one


def _old_one(field: Field, clock: Clock) -> Convert:
    if field.type == "boolean":
        return lambda v: "1" if yes(v) else "0"
    if field.type == "date":
        return lambda v: clock.midnight(v) if v else ""
    return _text


def _universal_one(field: Field, clock: Clock) -> Convert:
    if field.type == "boolean":
        return lambda v: "Y" if yes(v) else "N"
    if field.type == "date":
        return lambda v: clock.midnight(v) if v else None
    if field.type in INTEGERS or field.type in ("enumeration", "employee"):
        return _whole
    if field.type == "double":
        return _decimal
    return lambda v: v


def kept(field: Field, value: Any, clock: Clock) -> Any:
    """A user field's value as records hold it, by type: 1 or 0, a whole number, a day, …

    Moments are held with the portal's offset. None where it is empty. Raises ValueError for one
    that does not fit.
    """
    if field.multiple:
        values = value if isinstance(value, list) else [value]
        return [_kept_one(field, v, clock) for v in values if v not in (None, "")]
    return _kept_one(field, value, clock)


def _kept_one(field: Field, value: Any, clock: Clock) -> Any:
    if value is None or value == "":
        return None
    try:
        if field.type == "boolean":
            return 1 if yes(value) else 0
        if field.type == "integer" or field.type in WHOLE:
            return whole(value)
        if field.type == "double":
            return number(value)
        if field.type == "date":
            return day(value)
        if field.type == "datetime":
            return clock.iso(shown_moment(value, clock.zone))
        if field.type == "money":
            return _money(str(value))
        if field.type in WRITTEN:
            return str(int(value)) if isinstance(value, bool) else text(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(field.name) from None
    return value


def _money(given: str) -> str:
    """An amount and its currency, ``100.5|EUR``. Raises ValueError."""
    amount, bar, currency = given.partition("|")
    return f"{plain(number(amount))}{bar}{currency}"


def yes(value: Any) -> bool:
    """Whether a client's value means yes."""
    return str(value).upper() in ("1", "Y", "TRUE")


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str | dict | list) else str(plain(value))


def _whole(value: Any) -> Any:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _decimal(value: Any) -> Any:
    try:
        return plain(float(value))
    except (TypeError, ValueError):
        return None
