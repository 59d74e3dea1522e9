"""Bitrix24's filter grammar as SQL.

A filter is a map whose keys are prefix + field name and whose values are scalars or lists; the
conditions are ANDed. With ``nested=True`` a value may be a map of its own, with ``logic`` AND or OR
(only ``crm.item.list`` documents this).
Prefixes: ``= != ! > >= < <= @ !@ % !% =% %= !=% !%= >< !>< ?``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from workbench.bitrix24.sandbox.memory.fields import (
    INTEGERS,
    STRUCTURED,
    Field,
    day,
    integer,
    moment,
    number,
)

_PREFIX = re.compile(r"[!=<>%@?]{0,3}")
_OPERATORS = {
    "": "=", "=": "=", "!": "!=", "!=": "!=", "<>": "!=",
    ">": ">", ">=": ">=", "<": "<", "<=": "<=",
    "@": "in", "=@": "in", "!@": "not in", "!=@": "not in",
    "%": "contains", "?": "contains", "!%": "not contains",
    "=%": "like", "%=": "like", "!=%": "not like", "!%=": "not like",
    "><": "between", "!><": "not between",
}  # fmt: skip
_ORDERING = (">", ">=", "<", "<=")
_SAFE = re.compile(r"^[A-Z][A-Z0-9_]*$")
#: Types of user fields whose values are ids.
WHOLE = ("enumeration", "employee", "iblock_element", "iblock_section")
#: Types of user fields that are compared as numbers; of an amount with its currency, the amount.
NUMERIC = INTEGERS | {"double", "money", "boolean", *WHOLE}
MAX_DEPTH = 12
MAX_VALUES = 5000


class BadFilter(ValueError):
    """A condition that cannot be understood; ``field`` names it, ``unknown`` says why."""

    def __init__(self, field: str, *, unknown: bool = False) -> None:
        super().__init__(field)
        self.field = field
        self.unknown = unknown


def split(key: str) -> tuple[str, str]:
    """``">=DATE_CREATE"`` → ``(">=", "DATE_CREATE")``."""
    name = _PREFIX.sub("", key, count=1)
    return key[: len(key) - len(name)], name.strip()


def expression(field: Field) -> str:
    """The SQL expression of a field's stored value."""
    if not _SAFE.match(field.name):
        raise BadFilter(field.name, unknown=True)
    if not field.in_body:
        return f'"{field.name}"'
    return _typed(field, f"nullif(json_extract(body, '$.{field.name}'), '')")


def _typed(field: Field, value: str) -> str:
    """A value out of the JSON body, in the form that it is compared in."""
    if field.type == "datetime":
        return f"unixepoch({value})"
    if field.type == "date":
        return f"substr({value}, 1, 10)"
    return f"CAST({value} AS {'REAL' if field.type in NUMERIC else 'TEXT'})"


def _value(field: Field, value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, list | dict):
        raise BadFilter(field.name)
    try:
        if field.type == "datetime":
            return moment(value, zone)
        if field.type == "date":
            return day(value)
        if field.type == "boolean" and field.in_body:
            return 1 if str(value).upper() in ("1", "Y", "TRUE") else 0
        if field.type in INTEGERS or field.type in WHOLE:
            return integer(value)
        if field.type in ("double", "money"):
            return number(value)
    except (ValueError, OverflowError, TypeError):
        if field.type in ("datetime", "date"):
            raise BadFilter(field.name) from None
        return -(2**53)  # equal to nothing, as text compared with a numeric column is
    if isinstance(value, bool):
        return "Y" if value else "N"
    return None if value is None else str(value)


def escaped(text: str) -> str:
    """A text as LIKE finds it, with ``\\`` to escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _empty(field: Field, column: str) -> str:
    if field.type in INTEGERS and field.type != "crm_category":
        return f"({column} IS NULL OR {column} = 0)"
    if field.type in ("double", "money", "datetime", "crm_category"):
        return f"{column} IS NULL"
    return f"({column} IS NULL OR {column} = '')"


def _members(field: Field, form: str) -> str:
    """Rows of a list in the body, for EXISTS; ``form`` is what is compared of ``{}``, a value."""
    path = "json_extract(value, '$.VALUE')" if field.type == "crm_multifield" else "value"
    each = form.format(path)
    return f"SELECT 1 FROM json_each(body, '$.{field.name}') WHERE {each}"  # noqa: S608


def condition(field: Field, prefix: str, value: Any, zone: ZoneInfo) -> tuple[str, list[Any]]:
    """One condition as (SQL, parameters). Raises BadFilter."""
    operator = _OPERATORS.get(prefix)
    if operator is None:
        raise BadFilter(field.name)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        value = [_meant(field, operator, each) for each in value]
    else:
        value = _meant(field, operator, value)
    if isinstance(value, list):
        if len(value) > MAX_VALUES:
            raise BadFilter(field.name)
        operator = {"=": "in", "!=": "not in"}.get(operator, operator)
    if field.keeps_files:  # whether there are any is all that can be asked
        values = value if isinstance(value, list) else [value]
        equal = operator in ("=", "!=", "in", "not in")
        if not equal or any(each not in (None, "") for each in values):
            raise BadFilter(field.name)
        return _in_list(field, prefix, operator, "", zone)
    if field.multiple or field.type in STRUCTURED:
        return _in_list(field, prefix, operator, value, zone)
    column = expression(field)
    if operator in ("in", "not in"):
        return _among(field, column, operator, value, zone)
    if operator in ("between", "not between"):
        bounds = value if isinstance(value, list) else []
        if len(bounds) != 2:
            raise BadFilter(field.name)
        low, high = (_value(field, v, zone) for v in bounds)
        negation = "NOT " if operator.startswith("not") else ""
        return f"{column} {negation}BETWEEN ? AND ?", [low, high]
    if operator in ("contains", "not contains", "like", "not like"):
        if isinstance(value, list):
            return _any_of(field, prefix, operator, value, zone)
        pattern = str("" if value is None else value)
        if operator.endswith("contains"):
            pattern = f"%{escaped(pattern)}%"
        elif pattern.isascii() is False or "\\" in pattern:
            pattern = pattern.replace("\\", "\\\\")
        folded = column if pattern.isascii() else f"fold({column})"
        pattern = pattern if pattern.isascii() else pattern.casefold()
        if operator.startswith("not"):
            return f"({column} IS NULL OR {folded} NOT LIKE ? ESCAPE '\\')", [pattern]
        return f"{folded} LIKE ? ESCAPE '\\'", [pattern]
    if value is None or value == "":
        empty = _empty(field, column)
        if operator == "=":
            return empty, []
        if operator == "!=":
            return f"NOT {empty}", []
        return "1 = 1", []
    bound = _value(field, value, zone)
    if operator == "!=":
        return f"({column} IS NULL OR {column} != ?)", [bound]
    if (
        field.type == "datetime"
        and operator in ("<=", "=")
        and re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value).strip())
    ):
        # A bare date means its first moment, as the docs' own samples use it.
        pass
    return f"{column} {operator} ?", [bound]


def _meant(field: Field, operator: str, value: Any) -> Any:
    """What a condition compares with: nothing where PHP's ``false`` or a link to 0 stands for it.

    A flag is compared with ``false`` itself, and what is more or less than 0 with 0.
    """
    if value is False and field.type not in ("char", "boolean"):
        return ""
    if operator in _ORDERING:
        return value
    linked = field.type.startswith("crm_") and field.type in INTEGERS
    return "" if linked and field.type != "crm_category" and value in (0, "0") else value


def _any_of(
    field: Field, prefix: str, operator: str, values: list[Any], zone: ZoneInfo
) -> tuple[str, list[Any]]:
    """Texts of which a value is like one, or like none."""
    if not values:
        raise BadFilter(field.name)
    parts = [condition(field, prefix, each, zone) for each in values]
    joined = (" AND " if operator.startswith("not") else " OR ").join(sql for sql, _ in parts)
    return f"({joined})", [each for _, bound in parts for each in bound]


def _among(
    field: Field, column: str, operator: str, value: Any, zone: ZoneInfo
) -> tuple[str, list[Any]]:
    values = value if isinstance(value, list) else [value]
    bound = [_value(field, v, zone) for v in values if v is not None and v != ""]
    parts = []
    if bound:
        # Statuses are few: several of them are most of the table, in an order that is not the id's.
        walked = "+" if field.type == "crm_status" and len(bound) > 1 and not field.in_body else ""
        parts.append(f"{walked}{column} IN ({','.join('?' * len(bound))})")
    if len(bound) < len(values):
        parts.append(_empty(field, column))
    sql = f"({' OR '.join(parts)})" if parts else "1 = 0"
    if operator == "not in":
        return (
            f"({column} IS NULL OR NOT {sql})" if len(bound) == len(values) else f"NOT {sql}"
        ), bound
    return sql, bound


def _in_list(
    field: Field, prefix: str, operator: str, value: Any, zone: ZoneInfo
) -> tuple[str, list[Any]]:
    if not _SAFE.match(field.name):
        raise BadFilter(field.name, unknown=True)
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, list | dict) for v in values):
        raise BadFilter(field.name)
    if value is None or value == "" or value == []:
        found = f"EXISTS (SELECT 1 FROM json_each(body, '$.{field.name}'))"  # noqa: S608
        return (f"NOT {found}" if operator in ("=", "in") else found), []
    if operator.endswith("contains") and isinstance(value, list):
        return _any_of(field, prefix, operator, value, zone)
    if operator in ("=", "in", "!=", "not in"):
        marks = ",".join("?" * len(values))
        sql = f"EXISTS ({_members(field, _typed(field, '{}'))} IN ({marks}))"
        bound = [_value(field, v, zone) for v in values]
    elif operator.endswith("contains"):
        pattern = f"%{escaped(str(value))}%"
        plain = pattern.isascii()
        members = _members(field, "CAST({} AS TEXT)" if plain else "fold({})")
        sql, bound = (
            f"EXISTS ({members} LIKE ? ESCAPE '\\')",
            [pattern if plain else pattern.casefold()],
        )
    elif operator in _ORDERING and not isinstance(value, list):
        sql = f"EXISTS ({_members(field, _typed(field, '{}'))} {operator} ?)"
        bound = [_value(field, value, zone)]
    else:
        raise BadFilter(field.name)
    return (f"NOT {sql}" if operator.startswith(("not", "!")) else sql), bound


def where(
    filter: Mapping[str, Any],
    fields: Mapping[str, Field],
    zone: ZoneInfo,
    *,
    strict: bool = False,
    nested: bool = False,
    depth: int = 0,
) -> tuple[str, list[Any]]:
    """A filter as (SQL without WHERE, parameters); ``""`` if it says nothing.

    ``fields`` maps the names of the filter's language (UPPER_CASE or camelCase). An unknown field
    is skipped, as the old methods seem to do (their documentation is silent), or refused if
    ``strict``. Raises BadFilter.
    """
    if depth > MAX_DEPTH:
        raise BadFilter("logic")
    parts: list[str] = []
    parameters: list[Any] = []
    logic = str(filter.get("logic", filter.get("LOGIC", "AND"))).upper() if nested else "AND"
    for key, value in filter.items():
        if nested and str(key).lower() == "logic":
            continue
        prefix, name = split(key)
        if nested and not prefix and name.isdecimal() and isinstance(value, list):
            value = {str(place): each for place, each in enumerate(value)}  # as PHP's maps
        if nested and not prefix and name.isdecimal() and isinstance(value, dict):
            sql, bound = where(value, fields, zone, strict=strict, nested=True, depth=depth + 1)
        else:
            field = fields.get(name) or fields.get(name.upper())
            if field is None or (field.hidden and field.type != "crm_multifield"):
                if strict:
                    raise BadFilter(name, unknown=True)
                continue
            try:
                sql, bound = condition(field, prefix, value, zone)
            except BadFilter as error:
                raise BadFilter(name, unknown=error.unknown) from None
        if sql:
            parts.append(sql)
            parameters += bound
    if not parts:
        return "", []
    return "(" + (" OR " if logic == "OR" else " AND ").join(parts) + ")", parameters
