"""List, get, add, update, delete and fields of CRM records in the old form.

`old_methods` registers the six for one entity, as ``crm.deal.list`` and its likes: UPPER_CASE
names, nearly every value as text, errors with an empty code and HTTP 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from workbench.bitrix24.sandbox.crm import crm, file_fields, file_forms, links, stages
from workbench.bitrix24.sandbox.crm.crm import MULTI
from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all, with_links
from workbench.bitrix24.sandbox.crm.user_values import old_value
from workbench.bitrix24.sandbox.memory.fields import (
    Convert,
    ConvertColumn,
    Entity,
    Field,
    Row,
    is_email,
    old_column,
    positive,
)
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import PAGE, Call, Page, Refusal, method, start_of

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

SELECTABLE_HIDDEN = ("crm_multifield", "json")
MOST_KEPT, LONGEST_KEPT = 100, 2_000  # selections; letters of one
#: (entity, last word of the method) → code and text for a record that is not there.
_MISSING: dict[tuple[str, str], tuple[str, str]] = {}


@dataclass(frozen=True)
class Selection:
    """Which fields of an entity an answer holds, in which names and forms."""

    columns: Sequence[Field]
    names: Sequence[str]
    forms: Sequence[ConvertColumn | None]
    body: Sequence[tuple[str, str, Convert | None, Any]]  # key in the body, name, form, if absent

    def write(self, stored: Sequence[Any]) -> Row:
        """One stored tuple as the row that is sent."""
        return self.write_all([stored])[0]

    def write_all(self, stored: Sequence[Sequence[Any]]) -> list[Row]:
        """Stored tuples as the rows that are sent, column by column: the way of every page."""
        found: list[Sequence[Any]] = list(zip(*stored, strict=True))
        bodies = found[-1] if self.body and found else ()
        names = self.names
        columns = [
            values if form is None else form(values)
            for values, form in zip(found, self.forms, strict=False)
        ]
        rows = (
            [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
            if names
            else [{} for _row in stored]
        )
        for row, body in zip(rows, bodies, strict=False):
            extra = orjson.loads(body) if body else {}
            for key, name, form, absent in self.body:
                value = extra.get(key)
                row[name] = absent if value is None else value if form is None else form(value)
        return rows


def selection(state: State, entity: Entity, chosen: Sequence[Field]) -> Selection:
    """The old form of these fields."""
    columns = [f for f in chosen if not f.in_body]
    return Selection(
        columns,
        [f.name for f in columns],
        [old_column(f, state.clock) for f in columns],
        [
            (f.name, f.name, old_value(f, state.clock), [] if f.multiple else f.empty)
            for f in chosen
            if f.in_body
        ],
    )


def choose(entity: Entity, fields: Sequence[Field], asked: Any) -> list[Field]:
    """The fields that an old ``select`` means; unknown names are skipped, the key always comes."""
    wanted = list(asked.values()) if isinstance(asked, dict) else asked
    if isinstance(wanted, str):
        wanted = [wanted]
    wanted = [str(name).upper() for name in wanted or ()] or ["*", "UF_*"]
    names = set(wanted)
    result = []
    for f in fields:
        if f.name in names or f.name == entity.key:
            if not f.hidden or f.type in SELECTABLE_HIDDEN:
                result.append(f)
        elif f.hidden or (f.multiple and f.type != "json"):
            continue
        elif (f.dynamic and "UF_*" in names) or (not f.dynamic and "*" in names):
            result.append(f)
    return result


def selected(call: Call, entity: Entity, fields: list[Field]) -> tuple[Sequence[Field], Selection]:
    """The fields that a list shows and their old form, kept for pages that ask for the same."""
    asked = call.get("select")
    key = (entity.name, repr(asked))
    known = call.state.selections.get(key)
    if known is None or known[0] != fields:
        shown = choose(entity, fields, asked)
        known = (fields, shown, selection(call.state, entity, shown))
        if len(key[1]) < LONGEST_KEPT:
            if len(call.state.selections) >= MOST_KEPT:
                call.state.selections.clear()
            call.state.selections[key] = known
    return known[1:]


def ordering(asked: Any, fields: Mapping[str, Field]) -> dict[str, str]:
    """An old ``order`` as field → direction; what is unknown or nonsense is skipped."""
    if not isinstance(asked, dict):
        return {}
    result = {}
    for name, way in asked.items():
        field = fields.get(str(name)) or fields.get(str(name).upper())
        if field is not None and field.orders:
            result[field.name] = "DESC" if str(way).upper().startswith("DESC") else "ASC"
    return result


def conditions(
    call: Call, entity: Entity, fields: Sequence[Field], filter: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """An old filter and the caller's rights as one SQL condition."""
    try:
        sql, values = where(filter, {f.name: f for f in fields}, call.state.zone)
    except BadFilter as error:
        raise Refusal("", f"Invalid value of filter field '{error.field}'.") from None
    limit, more = rights.readable(call.state, call.caller.user_id, entity)
    return " AND ".join(part for part in (sql, limit) if part), [*values, *more]


def read_page(
    call: Call,
    entity: Entity,
    chosen: Selection,
    sql: str,
    values: Sequence[Any],
    order: Mapping[str, str],
) -> Page:
    """One page of 50 rows with ``total`` and ``next``; without them for ``start=-1``."""
    state = call.state
    start = start_of(call)
    stored = state.select(
        entity.name,
        chosen.columns,
        sql,
        values,
        order=order,
        limit=PAGE,
        offset=max(0, start),
        body=bool(chosen.body),
    )
    rows = chosen.write_all(stored)
    if start < 0:
        return Page(rows, 0, None, rows=len(rows))
    total = state.count_sql(entity.name, sql, values)
    more = start + PAGE if start + PAGE < total else None
    return Page(rows, total, more, rows=len(rows), counted=state.count_sql(entity.name, "", ()))


def written_page(
    call: Call,
    name: str,
    sql: str,
    values: Sequence[Any],
    order: Mapping[str, str],
    write: Callable[[list[Row]], list[Row]],
) -> Page:
    """One page of rows in native form, as ``write`` sends them; no count for ``start=-1``."""
    state = call.state
    key = state.entities[name].key
    start = start_of(call)
    found = state.select(
        name,
        [state.entities[name].by_name[key]],
        sql,
        values,
        order=order,
        limit=PAGE,
        offset=max(0, start),
    )
    ids = [number for (number,) in found]
    rows = {row[key]: row for row in state.find(name, {f"@{key}": ids})} if ids else {}
    sent = write([rows[number] for number in ids])
    if start < 0:
        return Page(sent, 0, None, rows=len(sent))
    total = state.count_sql(name, sql, values)
    more = start + PAGE if start + PAGE < total else None
    return Page(sent, total, more, rows=len(sent), counted=state.count_sql(name, "", ()))


def list_records(
    call: Call, entity: Entity, default_order: Mapping[str, str] | None = None
) -> Page:
    """Answer an old list method."""
    fields = call.state.fields(entity.name)
    sql, values = conditions(call, entity, fields, call.mapping("filter"))
    order = ordering(call.mapping("order"), {f.name: f for f in fields if not f.hidden})
    shown, chosen = selected(call, entity, fields)
    answer = read_page(call, entity, chosen, sql, values, order or default_order or {})
    file_forms.show_old(call, entity, answer.result, shown)
    return answer


def identity(call: Call, name: str = "id") -> int:
    """The ``id`` of an old method. Refuses as the old methods do."""
    record = call.number(name)
    if record is None or record <= 0:
        raise Refusal("", "ID is not defined or invalid.")
    return record


def existing(call: Call, entity: Entity, record: int) -> Row:
    """A record that the caller may see. Refuses as the old methods do."""
    verb = call.method.rpartition(".")[2]
    of_all = _MISSING.get((entity.name, ""), ("", "Not found"))
    code, text = _MISSING.get((entity.name, verb), of_all)
    missing = Refusal(code, text.format(id=record))
    barred = Refusal("", "Access denied.")
    return rights.seen(call.state, call.caller.user_id, entity, record, missing, barred)


def full_row(call: Call, entity: Entity, record: int) -> Row:
    """A record in the old form with everything that ``get`` shows."""
    state = call.state
    fields = [f for f in state.fields(entity.name) if not f.hidden or f.type == "crm_multifield"]
    chosen = selection(state, entity, fields)
    stored = state.select(
        entity.name, chosen.columns, f'"{entity.key}" = ?', [record], limit=1, body=True
    )[0]
    row = chosen.write(stored)
    file_forms.show_old(call, entity, [row], fields)
    for multi in MULTI:
        if not row.get(multi):
            row.pop(multi, None)
    return row


def writable(
    call: Call,
    entity: Entity,
    given: Mapping[str, Any],
    *,
    creating: bool,
    names: Mapping[str, Field],
) -> Row:
    """The values of a write that the caller may set, by UPPER_CASE name; the rest is ignored."""
    result: Row = {}
    for name, value in given.items():
        key = str(name)
        field = names.get(key) or names.get(key.upper())
        if field is None:
            link = links.link_of(entity)
            # A company takes the list of its contacts under the singular name.
            if link and key.upper() in (link.ids, link.column):
                result[link.ids] = value if isinstance(value, list) else [value] if value else []
            continue
        if field.readonly or (field.immutable and not creating):
            continue
        if field.keeps_files:
            asked = file_fields.asked_old(field, value)
            if asked is not None:
                result[field.name] = asked
            continue
        if isinstance(value, dict) and field.multiple:
            value = list(value.values())
        # [?] A parent that is not there is kept: the documentation says nothing of it.
        result[field.name] = positive(value) or None if field.loose else value
    return result


def refuse_value(error: ValueError) -> Refusal:
    """The old methods' answer to a value that does not fit."""
    return Refusal("", f"Invalid value: {error}"[:200])


def checked(state: State, entity: Entity, values: Row) -> None:
    """Raise ValueError for a value that its field cannot hold."""
    keep = state.keepers(entity.name)
    for key, value in values.items():
        if key in keep and value is not None:
            try:
                keep[key](value)
            except (ValueError, TypeError, OverflowError):
                raise ValueError(key) from None
    for multi in MULTI:
        if values.get(multi) is not None and not isinstance(values[multi], list):
            raise ValueError(multi)


def _addresses(entity: Entity, values: Row) -> None:
    """Refuse an e-mail address of a contact or company that is none."""
    if entity.name not in ("contacts", "companies"):
        return
    given = values.get("EMAIL")
    for item in given if isinstance(given, list) else ():
        text = item.get("VALUE") if isinstance(item, dict) else item
        if text not in (None, "") and not is_email(str(text).strip()):
            raise Refusal("ERROR_CORE", "The field E-mail contains an invalid address")


def _currency(call: Call, entity: Entity, values: Row) -> None:
    """Refuse a deal's currency that the portal does not have; others are not documented to be."""
    if entity.name == "deals" and not crm.known_currency(call.state, values.get("CURRENCY_ID")):
        raise Refusal("", 'Invalid value for the "Currency" field')


def _stage(call: Call, entity: Entity, row: Row, values: Row) -> None:
    """Pass over a stage that a deal's funnel does not have. [?] So the portal's own code."""
    if entity.name == "deals" and "STAGE_ID" in values:
        known = stages.stages(call.state, entity, row["CATEGORY_ID"])
        if values["STAGE_ID"] not in [each["STATUS_ID"] for each in known]:
            del values["STAGE_ID"]


def add_record(call: Call, entity: Entity) -> int:
    """Answer an old add method."""
    fields = call.array("fields")
    call.mapping("params")  # not used, but refused unless it is a map
    names = {f.name: f for f in call.state.fields(entity.name)}
    values = writable(call, entity, fields, creating=True, names=names)
    _addresses(entity, values)
    _currency(call, entity, values)
    for field in entity.fields:
        if field.required and values.get(field.name) in (None, ""):
            raise Refusal("", f'The field "{field.name}" is required.')
    try:
        checked(call.state, entity, values)
        return crm.add(
            call.state, entity.name, values, actor=call.caller.user_id, connector=call.connector
        )
    except ValueError as error:
        raise refuse_value(error) from None


def update_record(call: Call, entity: Entity) -> bool:
    """Answer an old update method."""
    record = identity(call)
    row = existing(call, entity, record)
    names = {f.name: f for f in call.state.fields(entity.name)}
    values = writable(call, entity, call.array("fields"), creating=False, names=names)
    _stage(call, entity, row, values)
    call.mapping("params")
    _addresses(entity, values)
    _currency(call, entity, values)
    try:
        checked(call.state, entity, values)
        crm.update(
            call.state,
            entity.name,
            record,
            values,
            actor=call.caller.user_id,
            connector=call.connector,
        )
    except ValueError as error:
        raise refuse_value(error) from None
    return True


def delete_record(call: Call, entity: Entity) -> bool:
    """Answer an old delete method."""
    record = identity(call)
    existing(call, entity, record)
    crm.delete(call.state, entity.name, record, actor=call.caller.user_id, connector=call.connector)
    return True


def old_methods(
    entity: Entity,
    prefix: str,
    scope: str = "crm",
    missing: str = "Not found",
    *,
    of_settings: bool = False,
    viewed: Callable[[State, int], bool] = lambda _state, _user: True,
    **wording: tuple[str, str],
) -> None:
    """Register the six old methods of an entity under ``prefix`` (``crm.deal``).

    ``missing`` is what they say of a record that is not there, ``{id}`` filled in; ``update`` and
    the like, code and text of those that say something else. ``of_settings``: administrators write;
    ``viewed``: who reads.
    """

    def reading(call: Call) -> None:
        if not viewed(call.state, call.caller.user_id):
            raise Refusal("", "Access denied.")

    def guarded(call: Call) -> None:
        if of_settings and not rights.is_admin(call.state, call.caller.user_id):
            raise Refusal("", "Access denied.")

    _MISSING[entity.name, ""] = ("", missing)
    _MISSING.update({(entity.name, verb): said for verb, said in wording.items()})

    @method(f"{prefix}.list", scope=scope)
    def list_all(call: Call) -> Page:
        reading(call)
        return list_records(call, entity)

    @method(f"{prefix}.get", scope=scope)
    def get_one(call: Call) -> Row:
        reading(call)
        record = identity(call)
        existing(call, entity, record)
        return full_row(call, entity, record)

    @method(f"{prefix}.add", scope=scope)
    def add_one(call: Call) -> int:
        guarded(call)
        return add_record(call, entity)

    @method(f"{prefix}.update", scope=scope)
    def update_one(call: Call) -> bool:
        guarded(call)
        return update_record(call, entity)

    @method(f"{prefix}.delete", scope=scope)
    def delete_one(call: Call) -> bool:
        guarded(call)
        return delete_record(call, entity)

    @method(f"{prefix}.fields", scope=scope)
    def fields_of(call: Call) -> dict[str, Row]:
        return with_links(entity, describe_all(call.state.fields(entity.name)))
