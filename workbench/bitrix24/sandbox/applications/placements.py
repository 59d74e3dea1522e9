"""Placements: where applications put their pages into the portal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.applications.applications import administrator
from workbench.bitrix24.sandbox.applications.deliveries import is_web_address
from workbench.bitrix24.sandbox.applications.events import application_of
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State
    from workbench.bitrix24.sandbox.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS placements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL,
    placement TEXT NOT NULL,
    handler TEXT NOT NULL,
    title TEXT NOT NULL,
    options TEXT NOT NULL)
"""

_DETAIL = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE", "ORDER")
PLACEMENTS = frozenset(
    [f"CRM_{name}_DETAIL_TAB" for name in _DETAIL]
    + ["CRM_ANALYTICS_MENU", "CRM_ANALYTICS_TOOLBAR"]
    + ["LEFT_MENU", "BI_ANALYTICS_MENU", "PAGE_BACKGROUND_WORKER"]
)
_DYNAMIC = re.compile(r"CRM_DYNAMIC_\d+_DETAIL_TAB")


def attach(portal: Portal) -> None:
    """Give the portal's placements their table."""
    portal.state.connection.execute(SCHEMA)


@dataclass(frozen=True)
class Placement:
    """A page of an application, and where in the portal it stands."""

    id: int
    client_id: str
    code: str
    handler: str
    title: str


def placements(state: State) -> list[Placement]:
    """Return every page that applications have put into the portal, oldest first."""
    rows = state.connection.execute(
        "SELECT id, client_id, placement, handler, title FROM placements ORDER BY id"
    ).fetchall()
    return [Placement(*row) for row in rows]


def entity_of(state: State, code: str) -> str:
    """Return whose records have a placement's tab (``deals``), "" for any other placement."""
    name, tab, _rest = code.removeprefix("CRM_").partition("_DETAIL_TAB")
    if not tab:
        return ""
    kind = name.removeprefix("DYNAMIC_")
    if kind.isdecimal():
        return next((one for one in (f"items_{kind}",) if one in state.entities), "")
    named = {"SMART_INVOICE": "invoices", "COMPANY": "companies"}.get(name, f"{name.lower()}s")
    return named if named in state.entities else ""


def known(code: str, scopes: frozenset[str]) -> bool:
    """Tell whether there is such a placement for an application of these scopes."""
    there = code in PLACEMENTS or _DYNAMIC.fullmatch(code) is not None
    return there and (not code.startswith("CRM_") or "crm" in scopes)


def _administrator(call: Call) -> None:
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)


@method("placement.bind", scope="placement")
def bind(call: Call) -> bool:
    """Put a page into the portal."""
    application = application_of(call)
    _administrator(call)
    code = str(call.get("PLACEMENT") or "").upper()
    handler = str(call.get("HANDLER") or "")
    for name, value in (("PLACEMENT", code), ("HANDLER", handler)):
        if not value:  # with HTTP 200, as the portal does
            raise Refusal(
                "ERROR_ARGUMENT", f"Argument '{name}' is null or empty", 200, argument=name
            )
    if not known(code, call.caller.scopes):
        raise Refusal("ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
    if not is_web_address(handler):
        raise Refusal("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    same = (application.client_id, code, handler)
    if call.state.connection.execute(
        "SELECT 1 FROM placements WHERE client_id = ? AND placement = ? AND handler = ?", same
    ).fetchone():
        raise Refusal("ERROR_PLACEMENT_HANDLER_ALREADY_BINDED", "Handler already binded")
    call.state.connection.execute(
        "INSERT INTO placements (client_id, placement, handler, title, options) "
        "VALUES (?, ?, ?, ?, ?)",
        (*same, str(call.get("TITLE") or ""), json.dumps(call.get("OPTIONS") or {})),
    )
    return True


@method("placement.unbind", scope="placement")
def unbind(call: Call) -> dict[str, int]:
    """Take pages out of the portal; the count grows twice per handler, as the portal's does."""
    application = application_of(call)
    _administrator(call)
    code = str(call.get("PLACEMENT") or "").upper()
    handler = str(call.get("HANDLER") or "")
    cursor = call.state.connection.execute(
        "DELETE FROM placements WHERE client_id = ? AND placement = ? AND (? = '' OR handler = ?)",
        (application.client_id, code, handler, handler),
    )
    return {"count": 2 * cursor.rowcount}


@method("placement.get", scope="placement")
def get(call: Call) -> list[dict[str, Any]]:
    """Return the application's pages."""
    application = application_of(call)
    _administrator(call)
    rows = call.state.connection.execute(
        "SELECT placement, handler, title, options FROM placements WHERE client_id = ? ORDER BY id",
        (application.client_id,),
    ).fetchall()
    return [
        {"placement": code, "handler": handler, "title": title, "options": json.loads(options)}
        for code, handler, title, options in rows
    ]


@method("placement.list", scope="placement")
def names(call: Call) -> list[str]:
    """Return the placements that the application may use."""
    application_of(call)
    return sorted(code for code in PLACEMENTS if known(code, call.caller.scopes))
