"""What the CRM does when a record is added, changed or deleted.

Defaults, authors and times, stage semantics, stage history, bindings, and the `Change` that the
listeners of the state get. Rows are in the old UPPER_CASE form (see `state`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.crm import file_fields, links, stages, user_values
from workbench.bitrix24.sandbox.crm.links import Link
from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.fields import Entity, Row, Unfit, whole
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.products import product_prices
from workbench.bitrix24.sandbox.requisites import requisites
from workbench.i18n import _

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State


MULTI = ("PHONE", "EMAIL", "WEB", "IM", "LINK")
#: Fields of a new record that get the first entry of their directory if the write is silent.
FIRST = {
    "deals": ("TYPE_ID", "SOURCE_ID"),
    "leads": ("SOURCE_ID",),
    "contacts": ("TYPE_ID", "SOURCE_ID"),
    "companies": ("COMPANY_TYPE", "INDUSTRY", "EMPLOYEES"),
}


def add(
    state: State,
    name: str,
    values: Mapping[str, Any],
    *,
    actor: int,
    robot: bool = False,
    connector: str = "",
) -> int:
    """Create a record as user ``actor``; returns its id.

    ``values`` win over the defaults, also for times and authors (an import sets them). Raises
    ValueError for a value that its field cannot hold.
    """
    entity = state.entities[name]
    values = _meant(entity, values)
    now = state.timestamp()
    row: Row = {f.name: f.default for f in entity.fields if f.default is not None}
    for part in (entity.created, entity.modified, "MOVED_TIME", "LAST_ACTIVITY_TIME"):
        if part and entity.has(part):
            row[part] = now
    for part in (
        entity.created_by,
        entity.modified_by,
        entity.moved_by,
        "LAST_ACTIVITY_BY",
        "ASSIGNED_BY_ID",
    ):
        if part and entity.has(part):
            row[part] = actor
    row.update(
        {key: value for key, value in _kept(state, name, values).items() if value is not None}
    )
    for multi in MULTI:
        if row.get(multi):
            row[multi] = _merged([], row[multi])
    for part in FIRST.get(name, ()):
        if part not in values:
            entries = stages.directory(state, entity.by_name[part].status or "")
            row[part] = entries[0]["STATUS_ID"] if entries else None
    link = links.link_of(entity)
    bound = _bound(entity, link, row, [])
    _bindable(state, link, bound, [], actor)
    _open_stage(state, entity, row)
    if robot and values.get("CLOSEDATE") is not None:
        row["CLOSEDATE"] = values["CLOSEDATE"]  # an import says when
    if name == "deals":
        today = state.now().date()
        row.setdefault("BEGINDATE", today)
        row.setdefault("CLOSEDATE", today + timedelta(days=7))
    if entity.has("CURRENCY_ID") and not row.get("CURRENCY_ID") and name != "companies":
        row["CURRENCY_ID"] = base_currency(state)
    _reachable(entity, row)
    record = state.add(name, row)
    further = {
        **_name(entity, record, row),
        **file_fields.written(state, entity, record, {}, values),
    }
    if further:
        state.update(name, record, further)
    if entity.stage and row.get(entity.stage):
        stages.register(
            state,
            entity,
            record,
            1,
            row.get("CATEGORY_ID"),
            row[entity.stage],
            _meaning(state, entity, row),
        )
    if link is not None and bound:
        links.write(state, link, record, bound)
    if name in ("activities", "timeline_comments"):
        _stirred(state, entity, record, actor, now)
    _announce(state, name, record, "add", actor, robot, connector, None)
    return record


def _stirred(state: State, entity: Entity, record: int, actor: int, now: int) -> None:
    """Note on a new activity's or comment's record when its timeline last moved, and by whom."""
    above = rights.anchor_of(state, entity, state.get(entity.name, record) or {})
    if above is not None and above[0].has("LAST_ACTIVITY_TIME"):
        changes = {"LAST_ACTIVITY_TIME": now, "LAST_ACTIVITY_BY": actor}
        state.update(above[0].name, above[1]["ID"], changes)


def update(
    state: State,
    name: str,
    record: int,
    values: Mapping[str, Any],
    *,
    actor: int,
    robot: bool = False,
    connector: str = "",
    always: bool = True,
) -> frozenset[str]:
    """Change a record as user ``actor``; returns the names of the fields that changed.

    With ``always=False`` nothing is written when nothing changed, as ``crm.item.update`` does.
    Raises LookupError if there is no such record, ValueError for a value or stage that does not
    fit.
    """
    entity = state.entities[name]
    before = state.get(name, record)
    if before is None:
        raise LookupError(f"{name} {record}")
    values = _meant(entity, values)
    changes = product_prices.followed(state, entity, before, _kept(state, name, values))
    changes |= file_fields.written(state, entity, record, before, values)
    link = links.link_of(entity)
    present = links.linked(state, link, before) if link and link.ids in changes else []
    bound = _bound(entity, link, changes, present)
    _bindable(state, link, bound, present, actor)
    for multi in MULTI:
        if multi in changes:
            changes[multi] = _merged(before.get(multi) or [], changes[multi] or [])
    moved = _move(state, entity, before, changes)
    changed = _differences(state, name, before, changes)
    if link is not None and bound is not None:
        if link.ids in values and bound != present:
            changed.add(link.ids)
        elif link.ids not in values and link.column not in changed:
            bound = None
    if not changed and not always:
        return frozenset()
    now = state.timestamp()
    _reachable(entity, changes)
    for part, value in ((entity.modified, now), (entity.modified_by, actor)):
        if part and entity.has(part) and part not in values:
            changes[part] = value
    if moved:
        changes.update(
            {k: v for k, v in ((entity.moved_by, actor), ("MOVED_TIME", now)) if entity.has(k)}
        )
    state.update(name, record, changes)
    if link is not None and bound is not None:
        links.write(state, link, record, bound)
    if moved:
        after = {**before, **changes}
        meaning = _meaning(state, entity, after)
        kind = 5 if moved == "category" else 2 if meaning == "P" else 3
        stages.register(
            state, entity, record, kind, after.get("CATEGORY_ID"), after[entity.stage], meaning
        )
    kind_of_change = "category" if moved == "category" and name == "deals" else "update"
    _announce(state, name, record, kind_of_change, actor, robot, connector, before, changed)
    return frozenset(changed)


def delete(
    state: State, name: str, record: int, *, actor: int, robot: bool = False, connector: str = ""
) -> bool:
    """Delete a record with what hangs on it alone; False if there is none."""
    entity = state.entities[name]
    before = state.get(name, record)
    if before is None:
        return False
    state.delete(name, record)
    if entity.type_id:
        for activity in _unbound(state, entity, record):
            delete(state, "activities", activity, actor=actor, robot=robot, connector=connector)
        state.delete_where("stage_history", {"ENTITY_TYPE_ID": entity.type_id, "OWNER_ID": record})
        state.delete_where("product_rows", {"OWNER_TYPE": entity.short, "OWNER_ID": record})
        state.delete_where(
            "timeline_comments", {"ENTITY_TYPE": entity.timeline_name, "ENTITY_ID": record}
        )
    if name == "activities":
        state.delete_where("activity_bindings", {"ACTIVITY_ID": record})
    links.forget(state, entity, record)
    if entity.uf_entity:
        file_fields.forget_record(state, entity, record)
    for below, number in requisites.forget(state, entity, record):
        delete(state, below, number, actor=actor, robot=robot, connector=connector)
    _announce(state, name, record, "delete", actor, robot, connector, before)
    return True


def _meant(entity: Entity, values: Mapping[str, Any]) -> Row:
    """A write without what the portal passes over, an empty amount as 0.

    It takes nobody as responsible for a record, and no empty title, begin or close of a deal. [?]
    Undocumented; so the portal's own code.
    """
    result: Row = {}
    for name, value in values.items():
        field = entity.by_name.get(name)
        empty = value is None or (isinstance(value, str) and not value.strip())
        if name == "ASSIGNED_BY_ID" and (empty or _nobody(value)):
            continue
        if entity.name == "deals" and name in ("TITLE", "BEGINDATE", "CLOSEDATE") and empty:
            continue
        amount = field is not None and field.type == "money" and field.default is not None
        result[name] = 0 if amount and empty else value
    return result


def _nobody(user: Any) -> bool:
    try:
        return (whole(user) or 0) <= 0
    except (ValueError, TypeError):
        return False


def _kept(state: State, name: str, values: Mapping[str, Any]) -> Row:
    """The values of a write, those of user fields in the form that records hold; no files."""
    own = {f.name: f for f in state.fields(name) if f.dynamic}
    clock = state.clock
    return {
        k: user_values.kept(own[k], v, clock) if k in own else v
        for k, v in values.items()
        if k not in own or not own[k].keeps_files
    }


def _unbound(state: State, entity: Entity, record: int) -> list[int]:
    """The activities that nothing else is bound to; the others pass on to their next record."""
    gone = {"OWNER_TYPE_ID": entity.type_id, "OWNER_ID": record}
    state.delete_where("activity_bindings", gone)
    alone = []
    for activity in state.find("activities", gone):
        further = state.find("activity_bindings", {"ACTIVITY_ID": activity["ID"]}, limit=1)
        if further:
            owner = {name: further[0][name] for name in ("OWNER_TYPE_ID", "OWNER_ID")}
            state.update("activities", activity["ID"], owner)
            state.delete("activity_bindings", further[0]["ID"])
        else:
            alone.append(activity["ID"])
    return alone


def known_currency(state: State, code: Any) -> bool:
    """Whether the portal has this currency; nothing is none."""
    return code in (None, "") or state.count("currencies", {"CURRENCY": str(code)}) > 0


def base_currency(state: State) -> str:
    """The portal's base currency."""
    rows = state.find("currencies", {"BASE": "Y"}, limit=1)
    return rows[0]["CURRENCY"] if rows else "EUR"


def _bound(entity: Entity, link: Link | None, row: Row, present: list[Row]) -> list[Row] | None:
    """The links that a write asks for, its primary one put into the record's own field.

    None if it asks for none. Raises ValueError for something that is no id.
    """
    if link is None:
        return None
    given = row.pop(link.ids, None)
    if given is None and link.column in row and entity.has(link.column):
        given = [row[link.column]] if row[link.column] not in (None, "", 0, "0") else []
    if given is None:
        return None
    if not isinstance(given, list):
        raise ValueError(link.ids)
    bound = links.ordered(link, given, present)
    if entity.has(link.column):
        row[link.column] = links.primary(link, bound)
    return bound


def _bindable(
    state: State, link: Link | None, bound: list[Row] | None, present: list[Row], actor: int
) -> None:
    """Raise ValueError for a record at the other end that the link would change unseen."""
    if link is None or not link.mirrored:
        return
    other, known = state.entities[link.other], {row[link.column] for row in present}
    for number in {row[link.column] for row in bound or ()} - known:
        row = state.get(link.other, number)
        if row is not None and not rights.may(state, actor, other, row):
            raise ValueError(link.ids)


def _announce(
    state: State,
    name: str,
    record: int,
    kind: str,
    actor: int,
    robot: bool,
    connector: str,
    before: Row | None,
    changed: set[str] | None = None,
) -> None:
    after = None if kind == "delete" else state.get(name, record)
    state.announce(
        Change(name, record, kind, actor, robot, before, after, frozenset(changed or ()), connector)
    )


def _meaning(state: State, entity: Entity, row: Mapping[str, Any]) -> str:
    return stages.semantics(state, entity, row.get("CATEGORY_ID"), row.get(entity.stage))


def _open_stage(state: State, entity: Entity, row: Row) -> None:
    """Give a new record its funnel and stage, and what follows from them."""
    if not entity.stage:
        return
    stage = row.get(entity.stage)
    if entity.name == "deals":
        row["CATEGORY_ID"] = whole(row.get("CATEGORY_ID") or category_from(stage))
    elif entity.has("CATEGORY_ID") and row.get("CATEGORY_ID") is None:
        row["CATEGORY_ID"] = stages.default_category(state, entity.type_id)
    known = stages.stages(state, entity, row.get("CATEGORY_ID"))
    if not known and row.get("CATEGORY_ID") and entity.has("CATEGORY_ID"):
        raise ValueError("CATEGORY_ID")
    if known and stage not in [s["STATUS_ID"] for s in known]:
        row[entity.stage] = known[0]["STATUS_ID"]
    _follow_stage(state, entity, row, known)


def category_from(stage: str | None) -> int:
    """The funnel of a deal's stage code."""
    return stages.category_of_stage(stage)


def _follow_stage(state: State, entity: Entity, row: Row, known: list[Row]) -> None:
    meaning = _meaning(state, entity, row)
    if entity.semantics:
        row[entity.semantics] = meaning
    if entity.has("CLOSED"):
        row["CLOSED"] = "N" if meaning == "P" else "Y"
    if entity.has("IS_NEW"):
        row["IS_NEW"] = "Y" if known and known[0]["STATUS_ID"] == row.get(entity.stage) else "N"
    if entity.has("DATE_CLOSED"):
        row["DATE_CLOSED"] = None if meaning == "P" else state.timestamp()
    if entity.name == "deals" and meaning != "P":
        row["CLOSEDATE"] = state.now().date()  # [?] the portal's setting that is on by default


def _move(state: State, entity: Entity, before: Row, changes: Row) -> str:
    """Complete a change of stage or funnel; says ``""``, ``"stage"`` or ``"category"``."""
    if not entity.stage:
        return ""
    funnel = before.get("CATEGORY_ID")
    if changes.get("CATEGORY_ID") is not None:
        funnel = whole(changes["CATEGORY_ID"]) or 0
    other = funnel != before.get("CATEGORY_ID")
    stage = changes.get(entity.stage)
    if not other and (stage is None or stage == before.get(entity.stage)):
        changes.pop(entity.stage, None)
        return ""
    known = stages.stages(state, entity, funnel)
    codes = [s["STATUS_ID"] for s in known]
    if other and not known:
        raise ValueError("CATEGORY_ID")
    if stage not in codes:
        if not other:
            raise ValueError(entity.stage)
        changes[entity.stage] = codes[0]
    after = {**before, **changes}
    _follow_stage(state, entity, after, known)
    for part in (entity.semantics, "CLOSED", "IS_NEW", "DATE_CLOSED"):
        if part and entity.has(part):
            changes[part] = after[part]
    if after.get("CLOSEDATE") != before.get("CLOSEDATE"):
        changes["CLOSEDATE"] = after["CLOSEDATE"]
    if entity.has("PREVIOUS_STAGE_ID"):
        changes["PREVIOUS_STAGE_ID"] = before.get(entity.stage)
    return "category" if other else "stage"


def _differences(state: State, name: str, before: Row, changes: Mapping[str, Any]) -> set[str]:
    keep = state.keepers(name)
    changed = set()
    for key, value in changes.items():
        old, new = before.get(key), value
        if key in keep:
            old = None if old is None else keep[key](old)
            try:
                new = None if new is None else keep[key](new)
            except (ValueError, TypeError) as error:
                raise Unfit(key) from error
        empty: tuple[Any, ...] = (None, "", [], {})
        if old != new and not (old in empty and new in empty):
            changed.add(key)
    return changed


def _merged(present: list[Row], asked: list[Any]) -> list[Row]:
    """Multifield rows after a write: a known ID changes or (if empty) deletes, others are new."""
    if not isinstance(asked, list):
        raise ValueError("a list of values is expected")
    rows = {str(row["ID"]): dict(row) for row in present}
    added = []
    for value in asked:
        if not isinstance(value, dict):
            value = {"VALUE": value}
        number = str(value.get("ID") or "")
        if number in rows:
            if str(value.get("DELETE", "")).upper() == "Y" or value.get("VALUE") == "":
                del rows[number]
            else:
                rows[number].update(
                    {k: v for k, v in value.items() if k in ("VALUE", "VALUE_TYPE")}
                )
        elif value.get("VALUE") not in (None, ""):
            added.append({k: v for k, v in value.items() if k != "ID"})
    return [*rows.values(), *added]


def _reachable(entity: Entity, row: Row) -> None:
    for multi, sign in (("PHONE", "HAS_PHONE"), ("EMAIL", "HAS_EMAIL"), ("IM", "HAS_IMOL")):
        if multi in row and entity.has(sign):
            row[sign] = "Y" if row[multi] else "N"


def _name(entity: Entity, record: int, row: Mapping[str, Any]) -> Row:
    """What a record is called or numbered if nobody said so."""
    if entity.name == "quotes" and not row.get("QUOTE_NUMBER"):
        return {
            "QUOTE_NUMBER": str(record),
            "TITLE": row.get("TITLE") or _("Quote #{id}").format(id=record),
        }
    if entity.name == "invoices" and not row.get("ACCOUNT_NUMBER"):
        title = row.get("TITLE") or _("Invoice #{id}").format(id=record)
        return {"ACCOUNT_NUMBER": str(record), "TITLE": title}
    if row.get("TITLE"):
        return {}
    if entity.name == "deals":
        return {"TITLE": _("Deal #{id}").format(id=record)}
    if entity.name == "leads":
        return {"TITLE": _("Lead #{id}").format(id=record)}
    if entity.event == "DYNAMICITEM":
        return {"TITLE": _("Item #{id}").format(id=record)}
    return {}
