"""The queue in which a portal keeps events for an application until it asks for them.

An administrator's application binds an event without an address; the portal then keeps the newest
event of each record. They are taken with a process id, under which the portal hides them from
others, and go when that id is cleared. Sources: ``event.bind``, ``event.offline.get`` and
``event.offline.clear`` of the REST documentation. Plans without ``rest_offline_extended`` cannot
keep what was taken, so nothing is bound there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.bitrix24.client import Portal
from workbench.errors import PortalError

PAGE = 50
ITEM_DELETED = "ONCRMDYNAMICITEMDELETE"  # of invoices and smart processes
INVOICES = 31  # entityTypeId
DELETED = {  # what an event says has been deleted, by the name of its entity
    "ONCRMLEADDELETE": "leads",
    "ONCRMDEALDELETE": "deals",
    "ONCRMCONTACTDELETE": "contacts",
    "ONCRMCOMPANYDELETE": "companies",
    "ONCRMQUOTEDELETE": "quotes",
    "ONCRMACTIVITYDELETE": "activities",
}
EVENTS = (*DELETED, ITEM_DELETED)


def bindable(portal: Portal) -> bool:
    """Tell whether the portal's plan keeps events until they are cleared."""
    try:
        answer = portal.call("feature.get", {"CODE": "rest_offline_extended"})
    except PortalError:
        return False
    return isinstance(answer, Mapping) and answer.get("value") == "Y"


def bound(portal: Portal) -> set[str]:
    """Return which of `EVENTS` the portal keeps for this application."""
    rows = portal.call("event.get") or []
    kept = {str(row["event"]).upper() for row in rows if str(row.get("offline")) in ("1", "Y")}
    return kept & set(EVENTS)


def bind(portal: Portal, event: str) -> None:
    """Have an event kept from now on."""
    portal.call("event.bind", {"event": event, "event_type": "offline"})


def unbind(portal: Portal, event: str) -> None:
    """Have an event no longer kept."""
    portal.call("event.unbind", {"event": event, "event_type": "offline"})


def take(portal: Portal, process_id: str = "") -> tuple[str, dict[str, list[int]]]:
    """Take the oldest events; returns their process id and the deleted ids by entity.

    With ``process_id`` those which were taken under it and not cleared. There are no ids once the
    queue is empty; events of another kind, or without an id, name none.
    """
    given = {"process_id": process_id} if process_id else {}
    answer = portal.call("event.offline.get", {"clear": 0, "limit": PAGE, **given})
    events = answer.get("events") if isinstance(answer, Mapping) else None
    found: dict[str, list[int]] = {}
    for event in events or ():
        if (told := deleted(event)) is not None:
            found.setdefault(told[0], []).append(told[1])
    return (str(answer.get("process_id") or "") if events else ""), found


def clear(portal: Portal, process_id: str) -> None:
    """Let go of what was taken under a process id."""
    portal.call("event.offline.clear", {"process_id": process_id})


def deleted(event: Any) -> tuple[str, int] | None:
    """Return (entity, id) of the record that an event says is gone."""
    try:
        name = str(event["EVENT_NAME"]).upper()
        fields = event["EVENT_DATA"]["FIELDS"]
        number = int(fields["ID"])
        if name == ITEM_DELETED:
            kind = int(fields["ENTITY_TYPE_ID"])
            return ("invoices" if kind == INVOICES else f"smart_{kind}"), number
    except (KeyError, TypeError, ValueError):
        return None
    return (DELETED[name], number) if name in DELETED else None
