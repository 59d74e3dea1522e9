"""Users, with what each may see, and the departments they work in."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.fields import (
    Entity,
    Field,
    Row,
    Unfit,
    flag,
    is_email,
    old_form,
    positive,
)
from workbench.bitrix24.sandbox.memory.filters import BadFilter, escaped, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import PAGE, Call, Page, Refusal, method, start_of

# Seldom filled; a user's answer leaves out what was never set.
PERSONAL = (
    "PROFESSION", "WWW", "PHOTO", "ICQ", "FAX", "PAGER", "STREET", "STATE", "ZIP", "COUNTRY",
    "MAILBOX", "NOTES",
)  # fmt: skip
WORK = (
    "COMPANY", "DEPARTMENT", "WWW", "FAX", "PAGER", "STREET", "MAILBOX", "CITY", "STATE", "ZIP",
    "COUNTRY", "PROFILE", "LOGO", "NOTES",
)  # fmt: skip
SELDOM = {*(f"PERSONAL_{part}" for part in PERSONAL), *(f"WORK_{part}" for part in WORK)}

USERS = Entity(
    "users",
    (
        Field("ID", "integer"),
        Field("XML_ID"),
        Field("ACTIVE", "char", default="Y"),
        Field("NAME", empty=""),
        Field("LAST_NAME", empty=""),
        Field("SECOND_NAME", empty=""),
        Field("EMAIL", empty=""),
        Field("LAST_LOGIN", "datetime", empty=""),
        Field("DATE_REGISTER", "datetime", empty=""),
        Field("TIME_ZONE", empty=""),
        Field("IS_ONLINE", "char", default="N", empty="N"),
        Field("PERSONAL_GENDER", empty=""),
        Field("PERSONAL_BIRTHDAY", "date", empty=""),
        Field("PERSONAL_PHONE", empty=""),
        Field("PERSONAL_MOBILE", empty=""),
        Field("PERSONAL_CITY", empty=""),
        Field("WORK_PHONE", empty=""),
        Field("WORK_POSITION", empty=""),
        Field("UF_EMPLOYMENT_DATE", empty=""),
        Field("UF_DEPARTMENT", "json"),
        Field("UF_PHONE_INNER"),
        Field("USER_TYPE", default="employee"),
        Field("LAST_ACTIVITY_DATE"),
        Field("TIMESTAMP_X", "json"),
        *(Field(f"PERSONAL_{part}") for part in PERSONAL),
        *(Field(f"WORK_{part}") for part in WORK),
        Field("IS_ADMIN", "char", default="N", hidden=True),
        Field("CRM_RIGHTS", default="all", hidden=True),
    ),
    event="USER",
)

DEPARTMENTS = Entity(
    "departments",
    (
        Field("ID", "integer"),
        Field("NAME", required=True),
        Field("SORT", "integer", default=500),
        Field("PARENT", "integer"),
        Field("UF_HEAD", "user"),
    ),
)


BRIEF = (
    "ID", "XML_ID", "ACTIVE", "NAME", "LAST_NAME", "SECOND_NAME", "IS_ONLINE", "TIME_ZONE",
    "LAST_LOGIN", "DATE_REGISTER", "UF_DEPARTMENT", "USER_TYPE", "WORK_POSITION", "PERSONAL_GENDER",
    "UF_EMPLOYMENT_DATE",
)  # fmt: skip


def _shown(call: Call) -> list[Field]:
    """The fields that the caller's scope shows: ``user_brief`` without contacts and birthday."""
    full = not call.caller.scopes.isdisjoint(("user", "user_basic"))
    return [f for f in USERS.fields if not f.hidden and (full or f.name in BRIEF)]


def _user(call: Call, row: Row) -> Row:
    """A user as the caller's scope shows it."""
    names = call.state.keepers("users")
    result: Row = {}
    for field in _shown(call):
        if field.name == "UF_DEPARTMENT":
            result[field.name] = row.get(field.name) or []
            continue
        if field.name == "TIMESTAMP_X":
            result[field.name] = {}  # an object that the portal fails to write, in every answer
            continue
        value = row.get(field.name)
        if value is None and field.name in SELDOM:
            continue
        if value is None and field.name == "LAST_ACTIVITY_DATE":
            result[field.name] = {}
            continue
        stored = names[field.name](value) if value is not None else None
        form = old_form(field, call.state.clock)
        result[field.name] = stored if form is None else form(stored)
    result["ACTIVE"] = row["ACTIVE"] == "Y"
    return result


def _picked(call: Call, row: Row) -> Row:
    asked = call.get("select")
    asked = list(asked.values()) if isinstance(asked, dict) else asked or []
    wanted = {str(n).upper() for n in (asked if isinstance(asked, list) else [asked])}
    full = _user(call, row)
    if not wanted or "*" in wanted:
        return full
    return {k: v for k, v in full.items() if k in wanted or k == "ID"}


@method("user.current", scope="user")
def current_user(call: Call) -> Row:
    """The caller."""
    row = call.state.get("users", call.caller.user_id)
    if row is None:
        raise Refusal("NOT_FOUND", "User not found")
    return _user(call, row)


def _user_filter(call: Call) -> dict[str, Any]:
    """``FILTER``, or (as older clients write it) the fields themselves at the top."""
    filter = dict(call.mapping("filter"))
    names = {f.name for f in _shown(call)}
    for key, value in call.raw.items():
        if key.upper() in names:
            filter.setdefault(key.upper(), value)
    for key in list(filter):
        if key.upper().lstrip("=!") == "ACTIVE":
            value = filter.pop(key)
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            yes = flag(str(value)) == "Y"
            filter["ACTIVE"] = "Y" if yes != key.startswith("!") else "N"
    return filter


@method("user.get", scope="user")
def list_users(call: Call) -> Page:
    """Users that a filter finds; ``sort`` names the field, ``order`` the direction."""
    return _page(call)


def _page(call: Call, text: str = "") -> Page:
    """One page of the users that the call's filter finds, and a text in names and position."""
    names = {f.name: f for f in _shown(call)}
    try:
        sql, values = where(_user_filter(call), names, call.state.zone)
    except BadFilter as error:
        raise Refusal("ERROR_ARGUMENT", f"Invalid value of filter field '{error.field}'.") from None
    order = call.get("order")
    sort = str(call.get("sort") or "ID").upper()
    if isinstance(order, dict) and order:
        # Not documented, but fast-bitrix24 sends {"ID": "ASC"} here.
        sort, order = next(iter(order.items()))
    field = names.get(str(sort).upper(), names["ID"])
    way = "DESC" if str(order).upper() == "DESC" else "ASC"
    sql = f"{sql} AND IS_ADMIN IS NOT NULL" if sql else ""
    if text:
        sql = " AND ".join(part for part in (sql, f"fold({SEARCHED}) LIKE ? ESCAPE '\\'") if part)
        values.append(f"%{escaped(text).casefold()}%")
    start = start_of(call)
    found = call.state.select(
        "users",
        [names["ID"]],
        sql,
        values,
        order={field.name: way},
        limit=PAGE,
        offset=max(0, start),
    )
    rows = [row for (key,) in found if (row := call.state.get("users", key)) is not None]
    shown = [_picked(call, row) for row in rows]
    if start < 0:
        return Page(shown, 0, None, rows=len(shown))
    total = call.state.count_sql("users", sql, values)
    more = start + PAGE if start + PAGE < total else None
    return Page(shown, total, more, rows=len(shown), counted=total)


SEARCHED = " || ' ' || ".join(
    f"coalesce({name}, '')" for name in ("NAME", "LAST_NAME", "WORK_POSITION")
)


@method("user.search", scope="user")
def search_users(call: Call) -> Page:
    """Users whose name or position holds a text."""
    filter = {k.upper(): v for k, v in call.mapping("filter").items()}
    text = filter.pop("FIND", None) or call.get("find") or ""
    call.params["filter"] = filter
    return _page(call, str(text).strip())


@method("user.fields", scope="user")
def user_fields(call: Call) -> dict[str, str]:
    """The fields of a user with their titles."""
    more = {"TITLE": "Title", "TIME_ZONE_OFFSET": "Time zone offset"}
    return {**more, **{f.name: f.title for f in USERS.fields if not f.hidden}}


def _writer(call: Call) -> None:
    """Refuse who reads users only: ``user_basic`` and ``user_brief`` are no more than that."""
    if "user" not in call.caller.scopes:
        text = "The request requires higher privileges than provided by the access token"
        raise Refusal("insufficient_scope", text, 403)


def _administrator(call: Call, text: str = "access_denied") -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("ERROR_CORE", text)


def _departments(given: Any) -> list[int]:
    """The departments of a write, one or several. Raises `Unfit`."""
    rows = list(given.values()) if isinstance(given, dict) else given
    numbers = [positive(d) for d in (rows if isinstance(rows, list) else [rows])]
    if not all(numbers):
        raise Unfit("UF_DEPARTMENT")
    return numbers


def _free_address(call: Call, mail: str) -> None:
    """Refuse what is no e-mail address, or that of somebody."""
    if not is_email(mail):
        raise Refusal("ERROR_ARGUMENT", "wrong_email", argument="")
    taken = (str(row["EMAIL"] or "").casefold() for row in call.state.find("users"))
    if mail.casefold() in taken:
        raise Refusal("ERROR_ARGUMENT", "A user with this email already exists", argument="")


@method("user.add", scope="user")
def invite_user(call: Call) -> int:
    """Invite a user; needs ``EMAIL`` and ``UF_DEPARTMENT``."""
    _writer(call)
    _administrator(call)
    given = {k.upper(): v for k, v in (call.mapping("fields") or call.raw).items()}
    _free_address(call, str(given.get("EMAIL") or ""))
    if not given.get("UF_DEPARTMENT"):
        raise Refusal("ERROR_ARGUMENT", "no_department", argument="")
    names = {f.name for f in USERS.fields if not f.hidden and f.name != "ID"}
    values = {k: v for k, v in given.items() if k in names}
    values["UF_DEPARTMENT"] = _departments(values["UF_DEPARTMENT"])
    values["ACTIVE"] = flag(str(values.get("ACTIVE", "Y"))) or "N"
    number = call.state.add(
        "users",
        {"IS_ADMIN": "N", "CRM_RIGHTS": "own", "USER_TYPE": "employee", **values,
         "DATE_REGISTER": call.state.timestamp()},
    )  # fmt: skip
    after = call.state.get("users", number)
    call.state.announce(Change("users", number, "add", call.caller.user_id, after=after))
    return number


@method("user.update", scope="user")
def update_user(call: Call) -> bool:
    """Change a user: administrators anyone, others themselves."""
    _writer(call)
    given = {k.upper(): v for k, v in (call.mapping("fields") or call.raw).items()}
    named = str(given.pop("ID", "")).strip()
    number = positive(named)
    if number != call.caller.user_id:
        _administrator(call)
    names = {f.name for f in USERS.fields if not f.hidden and f.name != "ID"}
    values = {k: v for k, v in given.items() if k in names}
    present = call.state.get("users", number) or {}
    own = str(present.get("EMAIL") or "").casefold()
    if "EMAIL" in values and str(values["EMAIL"] or "").casefold() != own:
        _free_address(call, str(values["EMAIL"] or ""))
    if values.keys() & {"UF_DEPARTMENT", "ACTIVE", "USER_TYPE"}:
        _administrator(call)  # what somebody sees goes by them
    if "UF_DEPARTMENT" in values:
        values["UF_DEPARTMENT"] = _departments(values["UF_DEPARTMENT"])
    if "ACTIVE" in values:
        values["ACTIVE"] = flag(str(values["ACTIVE"])) or "N"
    if not call.state.update("users", number, values):
        raise Refusal("ERROR_CORE", "access_denied")
    return True


@method("sandbox.user.rights")
def set_rights(call: Call) -> bool:
    """Say whose CRM records a user sees, which administrators do by hand on a real portal.

    ``USER_ID``, ``RIGHTS`` (own, department or all), ``ADMIN`` and ``CATALOG`` (view products; Y
    or N), each if it changes.
    """
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("ACCESS_DENIED", "Access denied.", 403)
    number = call.number("USER_ID") or 0
    if call.state.get("users", number) is None:
        raise Refusal("ERROR_ARGUMENT", "User not found")
    changes: Row = {}
    given = str(call.get("RIGHTS") or "").lower()
    if given:
        if given not in ("own", "department", "all"):
            raise Refusal("ERROR_ARGUMENT", "RIGHTS is own, department or all")
        changes["CRM_RIGHTS"] = given
    for name, column in (("ADMIN", "IS_ADMIN"), ("CATALOG", "CATALOG_RIGHTS")):
        if call.get(name) not in (None, ""):
            changes[column] = flag(str(call.get(name)))
    return call.state.update("users", number, changes)


# -- departments --------------------------------------------------------------------------


SECOND_TOP = "There can only be one top-level department in the company structure"


def _department(row: Row) -> Row:
    result: Row = {"ID": str(row["ID"]), "NAME": row["NAME"], "SORT": row["SORT"]}
    if row["PARENT"]:
        result["PARENT"] = str(row["PARENT"])
    if row["UF_HEAD"]:
        result["UF_HEAD"] = str(row["UF_HEAD"])
    return result


@method("department.get", scope="department")
def list_departments(call: Call) -> Page:
    """Departments; filters are top-level: ``ID``, ``NAME``, ``SORT``, ``PARENT``, ``UF_HEAD``.

    [?] ``SORT`` is documented as a filter and as the field to sort by: a number filters.
    """
    names = {f.name: f for f in DEPARTMENTS.fields}
    filter = {k.upper(): v for k, v in call.raw.items() if k.upper() in names}
    # ``sort`` names the field to sort by; only a number means the field of that name.
    if not str(filter.get("SORT", "")).strip().isdecimal():
        filter.pop("SORT", None)
    order = call.get("order")
    sort = str(call.get("sort") or "ID").upper()
    if isinstance(order, dict) and order:
        sort, order = next(iter(order.items()))
    sort = str(sort).upper() if str(sort).upper() in names else "ID"
    try:
        sql, values = where(filter, names, call.state.zone)
    except BadFilter as error:
        raise Refusal("ERROR_ARGUMENT", f"Invalid value of '{error.field}'.") from None
    way = "DESC" if str(order).upper() == "DESC" else "ASC"
    start = max(0, start_of(call))
    columns = list(DEPARTMENTS.fields)
    found = call.state.select(
        "departments", columns, sql, values, order={sort: way}, limit=PAGE, offset=start
    )
    rows = [_department({f.name: v for f, v in zip(columns, row, strict=False)}) for row in found]
    total = call.state.count_sql("departments", sql, values)
    return Page(rows, total, start + PAGE if start + PAGE < total else None, rows=len(rows))


@method("department.fields", scope="department")
def department_fields(call: Call) -> dict[str, str]:
    """The fields of a department with their titles."""
    return {f.name: f.title for f in DEPARTMENTS.fields}


def _department_values(call: Call) -> Row:
    names = {"NAME", "SORT", "PARENT", "UF_HEAD"}
    return {k.upper(): v for k, v in call.raw.items() if k.upper() in names}


@method("department.add", scope="department")
def add_department(call: Call) -> int:
    """A new department."""
    _administrator(call, "Access denied")
    values = _department_values(call)
    if not values.get("NAME"):
        raise Refusal("ERROR_CORE", "Department name not provided.<br>")
    values["PARENT"] = positive(values.get("PARENT"))
    if call.state.get("departments", values["PARENT"]) is None:
        raise Refusal("ERROR_CORE", SECOND_TOP)
    return call.state.add("departments", {"SORT": 500, **values})


@method("department.update", scope="department")
def update_department(call: Call) -> bool:
    """Change a department."""
    _administrator(call, "Access denied")
    number = call.number("id", 0) or 0
    values = _department_values(call)
    present = call.state.get("departments", number)
    if present is None:
        raise Refusal("ERROR_CORE", "Department not found")
    if "PARENT" in values:
        values["PARENT"] = positive(values["PARENT"])
        if present["PARENT"] and not values["PARENT"]:
            raise Refusal("ERROR_CORE", SECOND_TOP)
    above = values.get("PARENT") or 0
    while above:
        row = call.state.get("departments", above)
        if row is None:
            raise Refusal("ERROR_CORE", "Department not found")
        if above == number:
            raise Refusal("ERROR_CORE", "A department cannot be part of itself")
        above = row["PARENT"] or 0
    return call.state.update("departments", number, values)


@method("department.delete", scope="department")
def delete_department(call: Call) -> bool:
    """Delete a department; its people and departments pass to the one above.

    [?] Neither that nor what becomes of the top one is documented: it stays.
    """
    _administrator(call, "Access denied")
    number = call.number("id", 0) or 0
    row = call.state.get("departments", number)
    if row is None:
        raise Refusal("ERROR_CORE", "Department not found")
    if not row["PARENT"]:
        raise Refusal("ERROR_CORE", "The top-level department cannot be deleted")
    for below in call.state.find("departments", {"PARENT": number}):
        call.state.update("departments", below["ID"], {"PARENT": row["PARENT"]})
    for user in call.state.find("users"):
        mine = user.get("UF_DEPARTMENT") or []
        if number in mine:
            left = dict.fromkeys(row["PARENT"] if d == number else d for d in mine)
            call.state.update("users", user["ID"], {"UF_DEPARTMENT": list(left)})
    return call.state.delete("departments", number)
