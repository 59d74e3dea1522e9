"""Which events there are, and what each says of the change that it tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.state import State

_CRM = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "INVOICE", "ACTIVITY", "PRODUCT", "CURRENCY",
        "REQUISITE", "BANKDETAIL", "TIMELINECOMMENT", "TYPE", "MEASURE", "DYNAMICITEM")  # fmt: skip
_WITH_USER_FIELDS = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "INVOICE", "REQUISITE")
_CHANGES = ("ADD", "UPDATE", "DELETE")
#: What can be bound. Not all of it happens here: this portal has no old invoices, recurring deals
#: or payments.
EVENTS = frozenset(
    [f"ONCRM{name}{what}" for name in _CRM for what in _CHANGES]
    + [
        f"ONCRM{name}USERFIELD{what}"
        for name in _WITH_USER_FIELDS
        for what in (*_CHANGES, "SETENUMVALUES")
    ]
    + [f"ONTASK{what}" for what in _CHANGES]
    + [f"ONTASKCOMMENT{what}" for what in _CHANGES]
    + [f"ONCRMDEALRECURRING{what}" for what in (*_CHANGES, "EXPOSE")]
    + ["ONCRMDEALMOVETOCATEGORY", "ONCRMINVOICESETSTATUS", "ONUSERADD", "ONOFFLINEEVENT"]
    + [f"ONAPP{what}" for what in ("INSTALL", "UPDATE", "UNINSTALL", "TEST", "PAYMENT")]
    + ["ONAPPMETHODCONFIRM"]
)

_OF_ONE_TYPE = re.compile(r"ONCRMDYNAMICITEM(ADD|UPDATE|DELETE)_\d{1,5}")

Told = Iterator[tuple[str, dict[str, Any]]]


def is_event(name: str) -> bool:
    """Whether something can be bound to an event of this (upper-case) name."""
    return name in EVENTS or _OF_ONE_TYPE.fullmatch(name) is not None


def data_of(state: State, change: Change) -> Told:
    """The events that a change makes, each with its ``data``."""
    what = change.kind.upper()
    row = change.before or {}
    if change.entity == "user_fields":
        yield from _of_user_field(change, what)
    elif change.entity == "types":
        yield f"ONCRMTYPE{what}", {"FIELDS": {"ID": change.id}}
    elif change.entity == "task_comments":
        yield f"ONTASKCOMMENT{what}", _of_task(what, {"ID": change.id, "TASK_ID": row["TASK_ID"]})
    elif change.entity == "tasks":
        yield f"ONTASK{what}", _of_task(what, {"ID": change.id})
    elif change.entity == "users":
        if what == "ADD":
            yield "ONUSERADD", {"ID": change.id}
    elif change.entity in state.entities:
        yield from _of_record(state, change, what)


def _of_user_field(change: Change, what: str) -> Told:
    row = change.before or {}
    name = str(row["ENTITY_ID"]).removeprefix("CRM_")
    if name not in _WITH_USER_FIELDS:
        return
    fields = {"ID": change.id, "ENTITY_ID": row["ENTITY_ID"], "FIELD_NAME": row["FIELD_NAME"]}
    yield f"ONCRM{name}USERFIELD{what}", {"FIELDS": fields}
    if "LIST" in change.changed:
        yield f"ONCRM{name}USERFIELDSETENUMVALUES", {"FIELDS": fields}


def _of_task(what: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "FIELDS_BEFORE": "undefined" if what == "ADD" else fields,
        "FIELDS_AFTER": "undefined" if what == "DELETE" else fields,
        "IS_ACCESSIBLE_BEFORE": "N" if what == "ADD" else "undefined",
        "IS_ACCESSIBLE_AFTER": "undefined",
    }


def _of_record(state: State, change: Change, what: str) -> Told:
    entity = state.entities[change.entity]
    fields: dict[str, Any] = {"ID": change.id}
    if not entity.event:
        return
    if change.kind == "category":
        after = change.after or {}
        moved = {"CATEGORY_ID": after.get("CATEGORY_ID"), "STAGE_ID": after.get(entity.stage)}
        yield "ONCRMDEALMOVETOCATEGORY", {"FIELDS": {**fields, **moved}}
    elif entity.event == "DYNAMICITEM":
        fields["ENTITY_TYPE_ID"] = entity.type_id
        yield f"ONCRMDYNAMICITEM{what}", {"FIELDS": fields}
        yield f"ONCRMDYNAMICITEM{what}_{entity.type_id}", {"FIELDS": fields}
    else:
        yield f"ONCRM{entity.event}{what}", {"FIELDS": fields}
