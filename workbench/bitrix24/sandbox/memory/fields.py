"""What an entity of the portal consists of, and the forms its values take.

A value has three forms:

stored
    What SQLite holds: INTEGER, REAL or TEXT; moments as unix seconds, dates as ``YYYY-MM-DD``.
native
    What Python code of the sandbox sees: ``int``, ``float``, ``str``, ``"Y"``/``"N"``, moments as
    ISO 8601 text with the portal's offset, dates as ``YYYY-MM-DD``, lists and dicts as they are.
sent
    What a client gets: nearly everything as text from the old methods (`old_form`), numbers from
    the universal ones (`universal_form`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Convert = Callable[[Any], Any]
ConvertColumn = Callable[[Sequence[Any]], Iterable[Any]]

INTEGERS = frozenset(
    ("integer", "user", "crm_company", "crm_contact", "crm_lead", "crm_deal", "crm_quote",
     "crm_category", "crm_entity", "file")
)  # fmt: skip
STRUCTURED = frozenset(("crm_multifield", "json"))  # kept in the body, as they are

_RENAMED = {
    "DATE_CREATE": "createdTime",
    "DATE_MODIFY": "updatedTime",
    "CREATED_BY_ID": "createdBy",
    "MODIFY_BY_ID": "updatedBy",
    "MOVED_BY_ID": "movedBy",
    "STATUS_ID": "stageId",
    "STATUS_SEMANTIC_ID": "stageSemanticId",
}


def camel(name: str) -> str:
    """``ASSIGNED_BY_ID`` → ``assignedById``; user fields by the documented rules.

    Source: api-reference/crm/universal/index.md.
    """
    if name in _RENAMED:
        return _RENAMED[name]
    if name.startswith("UF_CRM_"):
        tail = name.removeprefix("UF_CRM_")
        if tail.isdecimal():
            return f"ufCrm_{tail}"
        number, _, rest = tail.partition("_")
        if number.isdecimal() and rest:
            if rest.isdecimal():
                return f"ufCrm{number}_{rest}"
            words = rest.split("_")
            if all(word.isalpha() for word in words):
                return f"ufCrm{number}" + "".join(word.capitalize() for word in words)
            return f"ufCrm_{number}_{rest}"
        words = tail.split("_")
        if all(word.isalpha() for word in words):
            return "ufCrm" + "".join(word.capitalize() for word in words)
        return f"ufCrm_{tail}"
    head, *words = name.lower().split("_")
    return head + "".join(word.capitalize() for word in words)


@dataclass(frozen=True)
class Field:
    """One field of an entity.

    ``type`` is Bitrix24's (``string``, ``char`` for Y/N, ``integer``, ``double``, ``money`` for a
    double of two decimals, ``date``, ``datetime``, ``crm_status``, ``crm_multifield``, …).
    ``default`` is what a new record gets; ``empty`` what the old methods send instead of null. A
    ``loose`` one links to a record: a relation gives it to an entity whose table has no column.
    """

    name: str
    type: str = "string"
    readonly: bool = False
    required: bool = False
    immutable: bool = False
    multiple: bool = False
    status: str | None = None
    default: Any = None
    empty: Any = None
    camel: str = ""
    index: bool = False
    hidden: bool = False
    decimals: int = 2
    settings: Mapping[str, Any] | None = None
    dynamic: bool = False
    loose: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        if not self.camel:
            object.__setattr__(self, "camel", camel(self.name))
        if not self.title:
            words = self.name.removesuffix("_ID").replace("_", " ").strip().lower()
            object.__setattr__(self, "title", words.capitalize() or self.name)

    @property
    def in_body(self) -> bool:
        """Whether the value lives in the JSON body instead of a column of its own."""
        return self.multiple or self.dynamic or self.loose or self.type in STRUCTURED

    @property
    def keeps_files(self) -> bool:
        """Whether it is a user field for files: the value is their ids."""
        return self.dynamic and self.type == "file"

    @property
    def orders(self) -> bool:
        """Whether records can be ordered by it: it has one plain value."""
        return not self.multiple and self.type not in STRUCTURED

    @property
    def affinity(self) -> str:
        """SQLite's column type."""
        if self.type in INTEGERS or self.type == "datetime":
            return "INTEGER"
        return "REAL" if self.type in ("double", "money") else "TEXT"


@dataclass
class Entity:
    """A kind of record: its table, its fields and what the CRM does with it.

    ``type_id`` is the entityTypeId, ``short`` the code in links (``D_1``), ``uf_entity`` the owner
    of its user fields. ``stage``/``semantics``/``created``/… name the fields that play these parts,
    empty where the entity has none. ``indexes`` are of several columns each, the one of most values
    first: the kind of a record alone must not draw a page in order of id into an index.
    """

    name: str
    fields: Sequence[Field]
    key: str = "ID"
    type_id: int = 0
    short: str = ""
    uf_entity: str = ""
    event: str = ""
    stage: str = ""
    semantics: str = ""
    stages_of: str = ""  # ENTITY_ID of its stages in the statuses, {category} filled in
    created: str = "DATE_CREATE"
    modified: str = "DATE_MODIFY"
    created_by: str = "CREATED_BY_ID"
    modified_by: str = "MODIFY_BY_ID"
    moved_by: str = "MOVED_BY_ID"
    indexes: Sequence[Sequence[str]] = ()
    by_name: dict[str, Field] = field(default_factory=dict, repr=False)
    by_camel: dict[str, Field] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.by_name = {f.name: f for f in self.fields}
        self.by_camel = {f.camel: f for f in self.fields}

    @property
    def columns(self) -> list[Field]:
        """The fields with a column of their own, in order."""
        return [f for f in self.fields if not f.in_body]

    @property
    def timeline_name(self) -> str:
        """The entity's name in timeline methods: ``deal``, ``contact``, ``dynamic_1036``."""
        return f"dynamic_{self.type_id}" if self.event == "DYNAMICITEM" else self.event.lower()

    def has(self, name: str) -> bool:
        """Whether the entity has a field of this (UPPER_CASE) name."""
        return name in self.by_name


_MOMENT = re.compile(
    r"^\d{4}-\d{2}-\d{2}([T ]\d{1,2}:\d{2}(:\d{2})?(\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?)?$"
)
_DOTTED = re.compile(r"^(\d{2})\.(\d{2})\.(\d{4})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?$")


def moment(value: Any, zone: ZoneInfo) -> int | None:
    """Unix seconds of a moment: number, aware datetime, or text (portal time if no offset).

    Raises ValueError for anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise ValueError("not a moment")
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=zone)
        return int(aware.timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=zone).timestamp())
    text = str(value).strip()
    dotted = _DOTTED.match(text)
    if dotted:
        day, month, year, clock = dotted.groups()
        text = f"{year}-{month}-{day}T{clock or '00:00:00'}"
    elif not _MOMENT.match(text):
        raise ValueError(f"not a moment: {text[:40]}")
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp())


def day(value: Any) -> str | None:
    """``YYYY-MM-DD`` of a date, datetime or text that begins with one. Raises ValueError."""
    if value is None or value == "":
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    text = str(value).strip()
    dotted = _DOTTED.match(text)
    if dotted:
        text = f"{dotted[3]}-{dotted[2]}-{dotted[1]}"
    return date.fromisoformat(text[:10]).isoformat()


class Unfit(ValueError):
    """A value that its column cannot hold; the text is the column's name."""


def whole(value: Any) -> int | None:
    """`integer` of at most 64 bits, as columns hold them. Raises ValueError."""
    try:
        result = integer(value)
    except OverflowError:
        raise ValueError("beyond 64 bits") from None
    if result is not None and not -(2**63) <= result < 2**63:
        raise ValueError("beyond 64 bits")
    return result


def positive(value: Any) -> int:
    """A whole number above 0 of at most 64 bits, as an id is; 0 for anything else."""
    text = str(value).strip()
    number = int(text) if text.isdecimal() and len(text) < 20 else 0
    return number if number < 2**63 else 0


_FIRST, _LAST = -62_135_510_400, 253_402_214_400  # the days 0001-01-02 and 9999-12-31, UTC


def shown_moment(value: Any, zone: ZoneInfo) -> int | None:
    """`moment` of a day that can be written. Raises ValueError."""
    try:
        result = value if type(value) is int else moment(value, zone)
    except OverflowError:
        raise ValueError("beyond the calendar") from None
    if result is not None and not _FIRST <= result < _LAST:
        raise ValueError("beyond the calendar")
    return result


def integer(value: Any) -> int | None:
    """Whole number of a number or text; Y/N and booleans as 1/0. Raises ValueError."""
    if value is None or value == "" or value is False:
        return None if value is not False else 0
    if value is True:
        return 1
    return value if isinstance(value, int) else int(float(str(value).strip()))


def number(value: Any) -> float | None:
    """A number, or a text of one (``|`` and a currency may follow), as float. Raises ValueError."""
    if value is None or value == "":
        return None
    result = (
        float(value)
        if isinstance(value, int | float)
        else float(str(value).split("|")[0].strip().replace(",", "."))
    )
    if result != result or result in (float("inf"), float("-inf")):
        raise ValueError("not a number")
    return result


def text(value: Any) -> str | None:
    """Text of a scalar. Raises ValueError for lists and maps."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, list | dict | tuple | set):
        raise ValueError("a list where one value is expected")
    return str(value)


def is_email(text: str) -> bool:
    """Whether a text has the form of an e-mail address, as far as the portal looks."""
    return re.fullmatch(r"[^@\s]+@[^@\s]+", text) is not None


def flag(value: Any) -> str | None:
    """``Y`` or ``N`` of what clients send for a yes."""
    if value is None or value == "":
        return None
    if isinstance(value, list | dict):
        raise ValueError("a list where one value is expected")
    return "Y" if value in (True, 1) or str(value).upper() in ("Y", "1", "TRUE", "YES") else "N"


def to_stored(kind: Field, zone: ZoneInfo) -> Convert:
    """The function that takes a native or sent value of this field to its stored form."""
    if kind.type == "datetime":
        return lambda value: shown_moment(value, zone)
    if kind.type == "date":
        return day
    if kind.type in ("char", "boolean"):
        return flag
    if kind.type in INTEGERS:
        return whole
    if kind.type in ("double", "money"):
        return number
    return text


_REST = [f"{minute:02}:{second:02}" for minute in range(60) for second in range(60)]


class Clock:
    """Writes unix seconds as ISO 8601 text in one zone; remembers each hour of UTC.

    Of an hour: the local hour that it begins in, the one that it ends in, the seconds into the
    former at its beginning (half-hour zones), the offset. None where the offset changes within.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._hours: dict[int, tuple[str, str, int, str] | None] = {}
        self._midnights: dict[str, str | None] = {}

    def iso(self, seconds: int | None) -> str | None:
        """``2026-05-14T10:26:32+02:00``; None stays None."""
        if seconds is None:
            return None
        hour = seconds // 3600
        if hour not in self._hours:
            if len(self._hours) > 200_000:
                self._hours.clear()
            self._hours[hour] = self._hour(hour)
        known = self._hours[hour]
        if known is None:
            return self._written(seconds)
        at = known[2] + seconds - hour * 3600
        if at < 3600:
            return known[0] + _REST[at] + known[3]
        return known[1] + _REST[at - 3600] + known[3]

    def isos(self, column: Sequence[int | None]) -> list[str | None]:
        """`iso` of a column, without a call for each value."""
        hours = self._hours.get
        result: list[str | None] = []
        for seconds in column:
            known = None if seconds is None else hours(seconds // 3600)
            if known is None or seconds is None:
                result.append(self.iso(seconds))
                continue
            at = known[2] + seconds % 3600
            if at < 3600:
                result.append(known[0] + _REST[at] + known[3])
            else:
                result.append(known[1] + _REST[at - 3600] + known[3])
        return result

    def _written(self, seconds: int) -> str:
        # Without the seconds of the offsets of before there were time zones.
        return datetime.fromtimestamp(seconds, self.zone).isoformat()[:25]

    def _hour(self, hour: int) -> tuple[str, str, int, str] | None:
        begin, end = self._written(hour * 3600), self._written(hour * 3600 + 3599)
        if begin[19:] != end[19:]:
            return None
        return begin[:14], end[:14], int(begin[14:16]) * 60 + int(begin[17:19]), begin[19:]

    def midnight(self, value: str | None) -> str | None:
        """A date as CRM methods send it: midnight of UTC on the portal's clock; None of no date.

        Seen in real answers as ``2024-04-19T03:00:00+03:00``.
        """
        if not value:
            return value
        if value not in self._midnights:
            if len(self._midnights) > 50_000:
                self._midnights.clear()
            self._midnights[value] = self._midnight(value)
        return self._midnights[value]

    def midnights(self, column: Sequence[str | None]) -> list[str | None]:
        """`midnight` of a column, without a call for each value."""
        known = self._midnights
        return [known[value] if value in known else self.midnight(value) for value in column]

    def _midnight(self, value: str) -> str | None:
        try:
            start = datetime.fromisoformat(f"{day(value)}T00:00+00:00")
        except ValueError:
            return None
        return self.iso(int(start.timestamp()))


def to_native(kind: Field, clock: Clock) -> Convert | None:
    """The function from stored to native form; None where they are the same."""
    return clock.iso if kind.type == "datetime" else None


def plain(value: Any) -> Any:
    """A number without a fraction as a whole one, where JSON's 64 bits hold it."""
    small = type(value) is float and abs(value) < 2**63
    return int(value) if small and value.is_integer() else value


def old_form(kind: Field, clock: Clock) -> Convert | None:
    """The function from stored to what the old methods send; None where they are the same."""
    empty = kind.empty
    if kind.type == "datetime":
        iso = clock.iso
        return (lambda v: empty if v is None else iso(v)) if empty is not None else iso
    if kind.type == "date":
        midnight = clock.midnight
        return (lambda v: empty if v is None else midnight(v)) if empty is not None else midnight
    if kind.type in INTEGERS:
        return lambda v: empty if v is None else str(v)
    if kind.type == "money" or (kind.type == "double" and kind.decimals != 2):
        pattern = f"%.{kind.decimals}f"
        return lambda v: empty if v is None else pattern % v
    if kind.type == "double":
        return lambda v: empty if v is None else str(plain(v))
    return (lambda v: empty if v is None else v) if empty is not None else None


def each(form: Convert | None) -> ConvertColumn | None:
    """A function of one value as one of a column."""
    return None if form is None else partial(map, form)


def old_column(kind: Field, clock: Clock) -> ConvertColumn | None:
    """`old_form` for a column of stored values at once."""
    form, empty = old_form(kind, clock), kind.empty
    if form is None:
        return None
    if kind.type == "datetime" and empty is None:
        return clock.isos
    if kind.type == "date" and empty is None:
        return clock.midnights
    if kind.type in INTEGERS:
        return lambda column: map(str if None not in column else form, column)
    if kind.type not in ("datetime", "date", "money", "double"):
        return lambda column: column if None not in column else map(form, column)
    return each(form)


def universal_form(kind: Field, clock: Clock) -> Convert | None:
    """The function from stored to what ``crm.item.*`` sends; None where they are the same."""
    if kind.type == "datetime":
        return clock.iso
    if kind.type == "date":
        return clock.midnight
    return plain if kind.type in ("double", "money") else None


def tomorrow(value: str, days: int = 1) -> str:
    """The date ``days`` after ``YYYY-MM-DD``."""
    return (date.fromisoformat(value) + timedelta(days=days)).isoformat()
