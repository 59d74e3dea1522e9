"""Form fields for what an application has registered as its action's properties.

Nothing here knows any action: names, descriptions, types, options and defaults are the registered
ones. Where a value is typed, it may be an expression such as ``{=Document:TITLE}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.applications.registered_activities import localised
from workbench.bitrix24.sandbox.pages.names import user_name
from workbench.bitrix24.sandbox.processes.process_templates import has_expression
from workbench.i18n import _, language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

LONGEST = 10_000  # characters of one value
MOST = 100  # values of a multiple property
PEOPLE = 500  # users to choose from

Value = str | list[str]


def yes(value: object) -> bool:
    """Whether a flag of a registration (``Y``) is set."""
    return str(value or "").upper() == "Y"


def title_of(key: str, declared: Mapping[str, Any]) -> str:
    """Return a property's name in the language of the moment."""
    return localised(declared.get("Name"), language()) or key


def default_of(declared: Mapping[str, Any]) -> Value:
    """Return a property's registered default: a text, or texts if it takes several."""
    value = declared.get("Default")
    values = list(value.values()) if isinstance(value, Mapping) else value
    several = [str(one) for one in (values if isinstance(values, list) else [values]) if one]
    if yes(declared.get("Multiple")):
        return several
    return several[0] if several else ""


def choices(portal: Portal, declared: Mapping[str, Any]) -> dict[str, str] | None:
    """Return value → title of what can be chosen, or None where a value is typed."""
    match str(declared.get("Type") or "string").lower():
        case "select":
            options = declared.get("Options")
            if isinstance(options, list):
                options = {str(one): one for one in options}
            if not isinstance(options, Mapping):
                return {}
            return {str(value): localised(title, language()) for value, title in options.items()}
        case "bool":
            return {"Y": _("Yes"), "N": _("No")}
        case "user":
            people = portal.state.find("users", {"ACTIVE": "Y"}, limit=PEOPLE)
            return {"{=Document:ASSIGNED_BY_ID}": _("Responsible person of the record")} | {
                f"user_{row['ID']}": user_name(portal, row["ID"]) for row in people
            }
    return None


def field(
    portal: Portal, name: str, declared: Mapping[str, Any], value: Value, problem: str = ""
) -> str:
    """Return the HTML of one property's field; ``name`` is that of the form, ``group[key]``."""
    key, needed = name.partition("[")[2].rstrip("]"), yes(declared.get("Required"))
    several = yes(declared.get("Multiple"))
    description = localised(declared.get("Description"), language())
    options = choices(portal, declared)
    attributes = f'id="{escape(name)}" name="{escape(name)}"'
    if needed:
        attributes += " required"
    values = value if isinstance(value, list) else [value]
    if options is not None:
        control = _select(attributes, options, values, needed=needed, several=several)
    elif several or str(declared.get("Type")).lower() == "text":
        control = f"<textarea {attributes} rows=3>{escape(chr(10).join(values))}</textarea>"
    else:
        control = f"<input {attributes} {_typed(declared, values[0])}>"
    if several and options is None:
        description = " ".join(filter(None, (description, _("One value a line."))))
    return labelled(name, title_of(key, declared), control, description, problem, needed=needed)


def labelled(
    name: str,
    title: str,
    control: str,
    description: str = "",
    problem: str = "",
    *,
    needed: bool = False,
) -> str:
    """Return a form field: its label, ``control`` (HTML) and what there is to say of it."""
    mark = '<span class="needed" aria-hidden="true">*</span>' if needed else ""
    hint = f'<p class="hint">{escape(description)}</p>' if description else ""
    wrong = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return (
        f'<div class="field"><label for="{escape(name)}">{escape(title)}{mark}</label>'
        f"{control}{hint}{wrong}</div>"
    )


def _select(
    attributes: str, options: Mapping[str, str], values: list[str], *, needed: bool, several: bool
) -> str:
    # A chosen value that is not offered any more stays visible: saving must not change it unseen.
    known = dict(options) | {value: value for value in values if value and value not in options}
    if not several and (not needed or not any(values)):
        known = {"": "—", **known}
    listed = "".join(
        f'<option value="{escape(value)}"{" selected" if value in values else ""}>'
        f"{escape(title)}</option>"
        for value, title in known.items()
    )
    return f"<select {attributes}{' multiple' if several else ''}>{listed}</select>"


def _typed(declared: Mapping[str, Any], value: str) -> str:
    kind = str(declared.get("Type") or "string").lower()
    shown = f'value="{escape(value)}" maxlength="{LONGEST}"'
    if kind in ("date", "datetime") and (not value or is_moment(kind, value)):
        return f'type="{"date" if kind == "date" else "datetime-local"}" {shown}'
    if kind in ("int", "double"):
        return f'inputmode="{"numeric" if kind == "int" else "decimal"}" {shown}'
    return shown


def is_moment(kind: str, value: str) -> bool:
    """Whether a text is a ``date``, or a ``datetime`` as a browser writes them."""
    try:
        (date if kind == "date" else datetime).fromisoformat(value)
    except ValueError:
        return False
    return True


def given(declared: Mapping[str, Any], texts: list[str]) -> Value:
    """Return a property's value from the texts that a form gave for it."""
    texts = [text.replace("\r\n", "\n").strip() for text in texts]
    if not yes(declared.get("Multiple")):
        return texts[0] if texts else ""
    lines = [line.strip() for text in texts for line in text.split("\n")]
    return [line for line in lines if line]


def problem_of(
    portal: Portal, key: str, declared: Mapping[str, Any], value: Value, before: Value = ""
) -> str:
    """Return what is wrong with a value, "" if it is good; what was chosen ``before`` may stay."""
    values = [text for text in (value if isinstance(value, list) else [value]) if text]
    title = title_of(key, declared)
    if yes(declared.get("Required")) and not values:
        return _("“{name}” needs a value.").format(name=title)
    if len(values) > MOST or any(len(text) > LONGEST for text in values):
        return _("“{name}” is too long.").format(name=title)
    options = choices(portal, declared)
    kept = before if isinstance(before, list) else [before]
    for text in values:
        if options is not None:
            if text not in options and text not in kept:
                return _("“{name}” has no such choice.").format(name=title)
        elif not has_expression(text) and not _fits(declared, text):
            return _wanted(declared).format(name=title)
    return ""


def _fits(declared: Mapping[str, Any], text: str) -> bool:
    match str(declared.get("Type") or "string").lower():
        case "int":
            return text.lstrip("-").isascii() and text.lstrip("-").isdecimal()
        case "double":
            try:
                return Decimal(text.replace(",", ".")).is_finite()
            except InvalidOperation:
                return False
        case ("date" | "datetime") as kind:
            return is_moment(kind, text)
    return True


def _wanted(declared: Mapping[str, Any]) -> str:
    match str(declared.get("Type")).lower():
        case "int":
            return _("“{name}” is a whole number, or an expression such as {{=Document:ID}}.")
        case "double":
            return _("“{name}” is a number, or an expression such as {{=Document:OPPORTUNITY}}.")
    return _("“{name}” is a date, or an expression such as {{=Document:CLOSEDATE}}.")
