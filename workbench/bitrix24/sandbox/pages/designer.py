"""The process designer: a person puts actions and other steps together, as in the portal's own.

The forms of actions are built from what applications have registered. A process is a template
like those written in YAML; running ones keep the steps they started with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.bitrix24.sandbox.pages import property_fields
from workbench.bitrix24.sandbox.pages.layout import (
    asked_language,
    from_this_site,
    here,
    note,
    page,
    section,
)
from workbench.bitrix24.sandbox.pages.processes import instances_table, start_form
from workbench.bitrix24.sandbox.pages.step_cards import step_cards
from workbench.bitrix24.sandbox.pages.step_forms import (
    KINDS,
    StepForm,
    Values,
    action_settings,
    action_title,
    free_name,
    kind_of,
    kind_titles,
    made,
    made_action,
    own_settings,
    problems_of,
    stage_choices,
    values_of,
)
from workbench.bitrix24.sandbox.processes.documents import TYPES
from workbench.bitrix24.sandbox.processes.process_templates import Activity, Step, Template, Titles
from workbench.bitrix24.sandbox.processes.processes import processes_of
from workbench.i18n import _, language, use_language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

HOME = "/sandbox/designer"
LONGEST_TITLE = 200
MOST_STEPS = 200
MOST_FIELDS = 1_000


def routes(portal: Portal) -> list[BaseRoute]:
    """Return the designer's routes."""

    async def home(request: Request) -> Response:
        with use_language(asked_language(request)):
            return page(_("Process designer"), _home(portal), request)

    async def one(request: Request) -> Response:
        with use_language(asked_language(request)):
            number = request.path_params["id"]
            template = processes_of(portal).book.templates().get(number)
            if template is None:
                return _missing()
            if request.method == "POST":
                if not from_this_site(request):
                    return PlainTextResponse("Forbidden", status_code=403)
                form = await request.form(max_files=0, max_fields=10)
                return _change(portal, number, template, form)
            return page(template.title.of(language()), _process(portal, number, template), request)

    async def step(request: Request) -> Response:
        with use_language(asked_language(request)):
            if request.method == "POST" and not from_this_site(request):
                return PlainTextResponse("Forbidden", status_code=403)
            form = None
            if request.method == "POST":
                form = await request.form(max_files=0, max_fields=MOST_FIELDS)
            return _step(portal, request, form)

    return [
        Route(HOME, here(portal, home), methods=["GET"]),
        Route(f"{HOME}/step", here(portal, step), methods=["GET", "POST"]),
        Route(HOME + "/{id:int}", here(portal, one), methods=["GET", "POST"]),
    ]


def _missing() -> Response:
    return PlainTextResponse(_("There is no such process."), status_code=404)


def _to(number: int) -> RedirectResponse:
    return RedirectResponse(f"{HOME}/{number}?lang={language()}", 303)


# -- all processes ------------------------------------------------------------------------


def _home(portal: Portal) -> str:
    templates = processes_of(portal).book.templates()
    rows = "".join(
        f'<li><a href="{HOME}/{number}?lang={language()}">{escape(one.title.of(language()))}</a>'
        f'<span class="note">{escape(_starts(portal, one))}</span></li>'
        for number, one in templates.items()
    )
    listed = f'<ul class="links">{rows}</ul>' if rows else note(_("There is no process yet."))
    return section(_("Processes"), listed) + section(_("A new process"), _new(portal))


def _new(portal: Portal) -> str:
    offered = _offered(portal, "DEAL")
    if not offered:
        return note(_("No application has registered an action yet."))
    options = "".join(
        f'<option value="{escape(code)}">{escape(title)}</option>'
        for code, (title, _description) in offered.items()
    )
    title = property_fields.labelled(
        "title", _("Title"), f'<input id="title" name="title" required maxlength="{LONGEST_TITLE}">'
    )
    action = property_fields.labelled(
        "action", _("First action"), f'<select id="action" name="action">{options}</select>'
    )
    go = _("Go on")
    return (
        f'<form class="fields" method="get" action="{HOME}/step">'
        f'<input type="hidden" name="lang" value="{language()}">{title}{action}'
        f"<div><button>{escape(go)}</button></div></form>"
    )


def _offered(portal: Portal, document: str) -> dict[str, tuple[str, str]]:
    """The actions that a process on this type of document can call: code → name, description."""
    return {
        one.code: (action_title(one, one.code), one.text("DESCRIPTION", language()))
        for one in processes_of(portal).activities.all()
        if one.fits(TYPES[document][1])
    }


def _starts(portal: Portal, template: Template) -> str:
    if template.start_on_stage is None:
        return _("started by hand")
    stages = stage_choices(portal, template.document)
    stage = stages.get(template.start_on_stage, template.start_on_stage)
    return _("starts by itself when a record reaches “{stage}”").format(stage=stage)


# -- one process --------------------------------------------------------------------------


def _seen(template: Template) -> str:
    """A mark of the process as it was shown: what was changed meanwhile is not written over."""
    return hashlib.sha256(template.model_dump_json().encode()).hexdigest()[:16]


def _process(portal: Portal, number: int, template: Template) -> str:
    book = processes_of(portal).book
    runs = book.select("template_id = ? ORDER BY started_at DESC, rowid DESC LIMIT 5", number)
    every, gone, sure = _("All processes"), _("Delete this process"), _("Delete it for good")
    back = f'<p><a href="{HOME}?lang={language()}">{escape(every)}</a></p>'
    delete = (
        f"<details><summary>{escape(gone)}</summary>"
        f'<form method="post" action="{HOME}/{number}?lang={language()}">'
        f'<input type="hidden" name="seen" value="{_seen(template)}">'
        f'<button name="do" value="delete">{escape(sure)}</button></form></details>'
    )
    start = start_form(portal, {number: template})
    ran = instances_table(portal, runs) if runs else ""
    return (
        section(_("Steps"), step_cards(portal, number, template, _seen(template)))
        + section(_("Add a step"), _additions(portal, number, template))
        + section(_("Start"), _when(portal, number, template) + start + ran)
        + f'<div class="buttons">{back}{delete}</div>'
    )


def _additions(portal: Portal, number: int, template: Template) -> str:
    def card(parameter: str, value: str, title: str, description: str) -> str:
        address = urlencode({"process": number, parameter: value, "lang": language()})
        return (
            f'<li><a href="{HOME}/step?{escape(address)}">{escape(title)}</a>'
            f'<span class="note">{escape(description)}</span></li>'
        )

    actions = _offered(portal, template.document)
    stages = bool(stage_choices(portal, template.document))
    own = {
        kind: texts
        for kind, texts in kind_titles().items()
        if stages or kind not in ("condition", "set_stage")
    }
    cards = [card("action", code, *texts) for code, texts in actions.items()]
    cards += [card("kind", kind, *texts) for kind, texts in own.items()]
    return f'<ul class="links choice">{"".join(cards)}</ul>'


def _when(portal: Portal, number: int, template: Template) -> str:
    stages = stage_choices(portal, template.document)
    if not stages:
        return ""
    chosen = template.start_on_stage or ""
    options = {"": _("by hand only"), **stages}
    if chosen not in options:
        options[chosen] = chosen
    listed = "".join(
        f'<option value="{escape(code)}"{" selected" if code == chosen else ""}>{escape(name)}'
        "</option>"
        for code, name in options.items()
    )
    label, save = _("By itself when a record reaches"), _("Save")
    return (
        f'<form method="post" action="{HOME}/{number}?lang={language()}">'
        f'<input type="hidden" name="seen" value="{_seen(template)}">'
        f'<label>{escape(label)}<select name="stage">{listed}</select></label>'
        f'<button class="quiet" name="do" value="start">{escape(save)}</button></form>'
    )


def _change(portal: Portal, number: int, template: Template, form: FormData) -> Response:
    """Move or remove a step, say on which stage the process starts, or delete it."""
    book = processes_of(portal).book
    if form.get("seen") != _seen(template):
        return PlainTextResponse(_("The process has changed meanwhile: open it anew."), 409)
    steps, at = list(template.steps), str(form.get("at", ""))
    place = int(at) if at.isascii() and at.isdecimal() and len(at) < 6 else -1
    changes: dict[str, object] = {}
    match str(form.get("do", "")):
        case "delete":
            book.delete_template(number)
            return RedirectResponse(f"{HOME}?lang={language()}", 303)
        case "start":
            stage = str(form.get("stage", ""))
            if stage and stage not in stage_choices(portal, template.document):
                return PlainTextResponse(_("There is no such stage."), 400)
            changes["start_on_stage"] = stage or None
        case "remove" if 0 <= place < len(steps) > 1:
            del steps[place]
            changes["steps"] = steps
        case "up" if 0 < place < len(steps):
            steps[place - 1], steps[place] = steps[place], steps[place - 1]
            changes["steps"] = steps
    book.add_template(template.model_copy(update=changes))
    return _to(number)


# -- one step -----------------------------------------------------------------------------


def _step(portal: Portal, request: Request, form: FormData | None) -> Response:
    asked = request.query_params
    book = processes_of(portal).book
    number = asked.get("process", "")
    if number:
        known = number.isascii() and number.isdecimal() and len(number) < 18
        template = book.templates().get(int(number)) if known else None
        if template is None:
            return _missing()
    else:
        title = asked.get("title", "").strip()[:LONGEST_TITLE]
        if not title:
            return PlainTextResponse(_("A process needs a title."), 400)
        template = None
    steps: list[Step] = list(template.steps) if template else []
    document = template.document if template else "DEAL"
    at = asked.get("at", "")
    place = int(at) if at.isascii() and at.isdecimal() and len(at) < 6 else len(steps)
    now = steps[place] if place < len(steps) else None
    code = now.activity if isinstance(now, Activity) else asked.get("action", "")
    kind = kind_of(now) if now else asked.get("kind", "")
    filled = _form(portal, document, steps[:place], code, kind, now)
    if filled is None or (now and kind == "condition"):
        return PlainTextResponse(_("There is no such step."), status_code=404)
    if form is None:
        return page(filled.title, _fields(portal, filled, request, template, {}), request)
    if template and form.get("seen") != _seen(template):
        return PlainTextResponse(_("The process has changed meanwhile: open it anew."), 409)
    values, problems = _given(portal, filled, form, kind)
    if problems or len(steps) > MOST_STEPS:
        again = StepForm(
            filled.title, filled.description, filled.step, filled.properties, filled.returns, values
        )
        return page(filled.title, _fields(portal, again, request, template, problems), request)
    if kind:
        step: Step = made(portal, kind, values, steps[:place])
    else:
        name = now.name if isinstance(now, Activity) else free_name(steps)
        step = made_action(code, name, values)
    steps[place : place + 1] = [step]
    if template is None:
        template = Template(
            name=_free_template(book.templates()), title=Titles(fr=title, en=title), steps=steps
        )
    else:
        template = template.model_copy(update={"steps": steps})
    return _to(book.add_template(template))


def _free_template(templates: Mapping[int, Template]) -> str:
    taken = {one.name for one in templates.values()}
    return next(f"designed_{n}" for n in range(1, len(taken) + 2) if f"designed_{n}" not in taken)


def _form(
    portal: Portal, document: str, before: list[Step], code: str, kind: str, now: Step | None
) -> StepForm | None:
    """What a step asks for, with what it is set to now; None if there is no such step."""
    if kind in KINDS:
        title, description = kind_titles()[kind]
        step = own_settings(portal, document, before, kind)
        properties, returns = {}, {}
    else:
        registered = processes_of(portal).activities.installed(code)
        if registered is None or not registered.fits(TYPES[document][1]):
            return None
        title = action_title(registered, code)
        description = registered.text("DESCRIPTION", language())
        step, properties = action_settings(registered), registered.properties
        returns = registered.return_properties
    values: Values = {
        f"{group}[{key}]": property_fields.default_of(declared)
        for group, asked in (("step", step), ("properties", properties))
        for key, declared in asked.items()
    }
    held = values_of(now) if now else {}
    values |= {name: value for name, value in held.items() if name in values}
    return StepForm(title, description, step, properties, returns, values)


def _given(
    portal: Portal, filled: StepForm, form: FormData, kind: str
) -> tuple[Values, dict[str, str]]:
    values: Values = {}
    problems: dict[str, str] = {}
    for group, asked in (("step", filled.step), ("properties", filled.properties)):
        for key, declared in asked.items():
            name = f"{group}[{key}]"
            texts = [str(text) for text in form.getlist(name)]
            value = values[name] = property_fields.given(declared, texts)
            wrong = property_fields.problem_of(portal, key, declared, value, filled.values[name])
            if wrong:
                problems[name] = wrong
    return values, {**problems_of(kind, values), **problems}


def _fields(
    portal: Portal,
    filled: StepForm,
    request: Request,
    template: Template | None,
    problems: Mapping[str, str],
) -> str:
    def group(name: str, asked: Mapping[str, Mapping[str, object]]) -> str:
        return "".join(
            property_fields.field(portal, key, declared, filled.values[key], problems.get(key, ""))
            for key, declared in ((f"{name}[{one}]", asked[one]) for one in asked)
        )

    seen = f'<input type="hidden" name="seen" value="{_seen(template)}">' if template else ""
    address = f"{HOME}/step?{urlencode({**request.query_params, 'lang': language()})}"
    number = request.query_params.get("process", "")
    back = f"{HOME}/{number}" if template else HOME
    settings = group("properties", filled.properties)
    own = group("step", filled.step)
    if settings and own:
        legend = _("In the process")
        own = f'<fieldset class="fields"><legend>{escape(legend)}</legend>{own}</fieldset>'
    description = f"<p>{escape(filled.description)}</p>" if filled.description else ""
    wrong = note(_("Something is not right yet: see below.")) if problems else ""
    returns = "".join(
        f"<li>{escape(property_fields.title_of(key, declared))}</li>"
        for key, declared in filled.returns.items()
    )
    save, cancel = _("Save"), _("Cancel")
    form = f"""<form class="fields" method="post" action="{escape(address)}">
{seen}{settings}{own}<div class="buttons"><button>{escape(save)}</button>
<a href="{back}?lang={language()}">{escape(cancel)}</a></div></form>"""
    body = f"<section>{description}{wrong}{form}</section>"
    if returns:
        body += section(_("What it returns"), f'<ul class="words">{returns}</ul>')
    return body
