"""How pages name what the portal holds: people, records, stages, values, moments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.applications.registered_activities import localised
from workbench.bitrix24.sandbox.crm import stages
from workbench.bitrix24.sandbox.processes.documents import TYPES, Document, fields
from workbench.i18n import _, format_datetime, format_number, language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def named_values(values: dict[str, Any], properties: dict[str, Any]) -> list[tuple[str, str]]:
    """Give values the names that the application registered for them, and options their titles."""
    named = []
    for key, value in values.items():
        declared = properties.get(key) or {}
        options = declared.get("Options")
        options = options if isinstance(options, dict) else {}
        title = localised(declared.get("Name"), language()) or key
        shown = options.get(value, value) if isinstance(value, str) else value
        if declared.get("Type") in ("double", "int"):
            shown = _number(str(value))
        named.append((title, ", ".join(map(str, shown)) if isinstance(shown, list) else str(shown)))
    return named


def _number(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return format_number(value, 2) if value.is_finite() and abs(value) < 10**15 else text


def user_name(portal: Portal, number: object) -> str:
    """Return a user's name."""
    row = portal.state.get("users", int(str(number))) or {}
    name = " ".join(str(row[key]) for key in ("NAME", "LAST_NAME") if row.get(key))
    return name or f"#{number}"


def record_name(portal: Portal, document: Document) -> str:
    """Return a record's number and title."""
    row = fields(portal.state, document) or {}
    title = row.get("TITLE") or " ".join(
        str(row[key]) for key in ("NAME", "LAST_NAME") if row.get(key)
    )
    return f"{document.type}_{document.id} {title}".strip()


def stage_name(portal: Portal, document: Document, code: str) -> str:
    """Return the name of a stage of the record's funnel, its code if it has none."""
    entity = portal.state.entities[TYPES[document.type][0]]
    row = fields(portal.state, document) or {}
    if entity.stage:
        for stage in stages.stages(portal.state, entity, row.get("CATEGORY_ID")):
            if stage["STATUS_ID"] == code:
                return str(stage["NAME"])
    return code


def state_mark(code: str) -> str:
    """Return the state of a process in words, as HTML."""
    words = {
        "ready": _("Running"),
        "waiting": _("Waiting"),
        "completed": _("Completed"),
        "terminated": _("Terminated"),
        "failed": _("Failed"),
    }
    return f'<span class="state {escape(code)}">{escape(words[code])}</span>'


def moment_text(portal: Portal, at: float) -> str:
    """Return a moment (Unix seconds) in the portal's time zone."""
    zone = portal.state.zone
    return format_datetime(datetime.fromtimestamp(at, zone), zone.key)
