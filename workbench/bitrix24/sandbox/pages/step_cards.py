"""The steps of a process as the designer shows them, one under the other."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.bitrix24.sandbox.applications.registered_activities import localised
from workbench.bitrix24.sandbox.pages.layout import note
from workbench.bitrix24.sandbox.pages.names import named_values, user_name
from workbench.bitrix24.sandbox.pages.step_forms import (
    action_title,
    kind_titles,
    shown_duration,
    stage_choices,
)
from workbench.bitrix24.sandbox.processes.process_templates import (
    Activity,
    Choose,
    Log,
    Notify,
    SetStage,
    Step,
    Template,
    Wait,
)
from workbench.bitrix24.sandbox.processes.processes import processes_of
from workbench.i18n import _, language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def step_cards(portal: Portal, number: int, template: Template, seen: str) -> str:
    """Return the steps with what can be done to them; ``seen`` marks what is shown."""
    cards = []
    for place, step in enumerate(template.steps):
        edit = "" if isinstance(step, Choose) else _edit(portal, number, place, step)
        buttons = []
        if place:
            buttons.append(_button("up", _("Move up")))
        if len(template.steps) > 1:
            buttons.append(_button("remove", _("Remove")))
        form = (
            f'<form method="post" action="/sandbox/designer/{number}?lang={language()}">'
            f'<input type="hidden" name="seen" value="{seen}">'
            f'<input type="hidden" name="at" value="{place}">{edit}{"".join(buttons)}</form>'
        )
        cards.append(f"<li>{_card(portal, template.document, step)}{form}</li>")
    return f'<ol class="steps">{"".join(cards)}</ol>'


def _edit(portal: Portal, number: int, place: int, step: Step) -> str:
    if isinstance(step, Activity) and not processes_of(portal).activities.installed(step.activity):
        return ""
    address = f"/sandbox/designer/step?process={number}&amp;at={place}&amp;lang={language()}"
    edit = _("Edit")
    return f'<a href="{address}">{escape(edit)}</a>'


def _button(what: str, title: str) -> str:
    return f'<button class="quiet" name="do" value="{what}">{escape(title)}</button>'


def _card(portal: Portal, document: str, step: Step) -> str:
    title, values = worded_step(portal, document, step)
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in values)
    listed = f'<dl class="facts">{rows}</dl>' if rows else ""
    cases = ""
    if isinstance(step, Choose):
        cases = "".join(
            f"<li><strong>{escape(localised(_title(case), language()))}</strong>"
            f"{_inside(portal, document, case.steps)}</li>"
            for case in step.choose
        )
        cases = f'<ul class="cases">{cases}</ul>'
    return f"<h3>{escape(title)}</h3>{listed}{cases}"


def _title(case: object) -> object:
    titled = getattr(case, "title", None)
    return titled.model_dump() if titled else getattr(case, "case", "")


def _inside(portal: Portal, document: str, steps: list[Step]) -> str:
    if not steps:
        return note(_("goes on"))
    return f"<ol>{''.join(f'<li>{_card(portal, document, step)}</li>' for step in steps)}</ol>"


def worded_step(portal: Portal, document: str, step: Step) -> tuple[str, list[tuple[str, str]]]:
    """Return what a step is called and how it is set, in the language of the moment."""
    titles = {kind: title for kind, (title, _description) in kind_titles().items()}
    if isinstance(step, Activity):
        registered = processes_of(portal).activities.installed(step.activity)
        given = {key: value for key, value in step.properties.items() if value not in ("", [])}
        values = named_values(given, registered.properties if registered else {})
        if not registered:
            values.append((_("Problem"), _("No application has registered this action.")))
        elif registered.use_subscription != "N" and step.wait:
            limit = _duration(step.timeout) if step.timeout else _("as long as it takes")
            values.append((_("Waits for the answer"), limit))
        return action_title(registered, step.activity), values
    if isinstance(step, SetStage):
        stages = stage_choices(portal, document)
        return titles["set_stage"], [(_("Stage"), stages.get(step.set_stage, step.set_stage))]
    if isinstance(step, Notify):
        whom = str(step.notify)
        if whom.isascii() and whom.isdecimal() and len(whom) < 18:
            whom = user_name(portal, whom)
        elif whom == "{=Document:ASSIGNED_BY_ID}":
            whom = _("Responsible person of the record")
        return titles["notify"], [(_("Whom"), whom), (_("Message"), step.message)]
    if isinstance(step, Wait):
        return titles["wait"], [(_("How long"), _duration(step.wait))]
    if isinstance(step, Log):
        return titles["log"], [(_("Message"), step.log)]
    return titles["condition"], []


def _duration(seconds: float) -> str:
    number, unit = shown_duration(seconds)
    words = {
        "seconds": _("{number} s"),
        "minutes": _("{number} min"),
        "hours": _("{number} h"),
        "days": _("{number} d"),
    }
    return words[unit].format(number=number)
