"""The page of the processes: which there are, starting one on a record, and each one's log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.bitrix24.sandbox.applications.registered_activities import localised
from workbench.bitrix24.sandbox.pages.layout import (
    asked_language,
    file_of_pages,
    from_this_site,
    here,
    note,
    page,
    section,
    table,
)
from workbench.bitrix24.sandbox.pages.names import (
    moment_text,
    named_values,
    record_name,
    stage_name,
    state_mark,
    user_name,
)
from workbench.bitrix24.sandbox.processes.documents import TYPES, Document, fields
from workbench.bitrix24.sandbox.processes.process_book import Entry, Instance
from workbench.bitrix24.sandbox.processes.process_templates import Template
from workbench.bitrix24.sandbox.processes.processes import processes_of
from workbench.i18n import _, format_number, language, use_language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

SHOWN = 50  # processes, newest first
SUGGESTED = 30  # open deals, newest first
_ENDS_WELL = {"completed", "returned", "stage"}
_ENDS_BADLY = {"failed", "timeout", "not delivered", "terminated"}


def routes(portal: Portal) -> list[BaseRoute]:
    """Return the page's routes."""

    async def overview(request: Request) -> Response:
        with use_language(asked_language(request)):
            return page(_("Processes"), _overview(portal), request)

    async def start(request: Request) -> Response:
        if not from_this_site(request):
            return PlainTextResponse("Forbidden", status_code=403)
        with use_language(asked_language(request)):
            form = await request.form(max_files=0, max_fields=10)
            started = _start(portal, str(form.get("template", "")), str(form.get("record", "")))
            if started is None:
                problem = _("There is no such process, or no such record.")
                return page(_("Processes"), _overview(portal, problem), request)
            return RedirectResponse(f"/sandbox/processes/{started}?lang={language()}", 303)

    async def one(request: Request) -> Response:
        with use_language(asked_language(request)):
            instance = processes_of(portal).book.get(request.path_params["id"])
            if instance is None:
                return PlainTextResponse(_("There is no such process."), status_code=404)
            running = instance.state in ("ready", "waiting")
            return page(_("A process and its log"), _one(portal, instance), request, reload=running)

    return [
        Route("/sandbox/style.css", file_of_pages("style.css", "text/css")),
        Route("/sandbox/processes", here(portal, overview), methods=["GET"]),
        Route("/sandbox/processes", here(portal, start), methods=["POST"]),
        Route("/sandbox/processes/{id:str}", here(portal, one), methods=["GET"]),
    ]


def _start(portal: Portal, template: str, record: str) -> str | None:
    processes = processes_of(portal)
    number = int(template) if template.isdecimal() else 0
    found = processes.book.templates().get(number)
    record = record.strip()
    if found is None or not (record.isascii() and record.isdecimal()) or len(record) > 18:
        return None
    document = Document(found.document, int(record))
    if fields(portal.state, document) is None:
        return None
    administrators = (row["ID"] for row in portal.state.find("users", {"IS_ADMIN": "Y"}, limit=1))
    return processes.start(number, document, next(administrators, 1))


def start_form(portal: Portal, templates: Mapping[int, Template], problem: str = "") -> str:
    """Return the form that starts one of these processes on a deal."""
    options = "".join(
        f'<option value="{number}">{escape(template.title.of(language()))}</option>'
        for number, template in templates.items()
    )
    deals = portal.state.find("deals", {"CLOSED": "N"}, order=[("ID", "DESC")], limit=SUGGESTED)
    suggestions = "".join(
        f'<option value="{deal["ID"]}">{escape(str(deal["TITLE"] or ""))}</option>'
        for deal in deals
    )
    warning = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    if len(templates) == 1:
        chosen = f'<input type="hidden" name="template" value="{next(iter(templates))}">'
    else:
        process = _("Process")
        chosen = (
            f"<label>{escape(process)}<select name=template required>{options}</select></label>"
        )
    record, go = _("Deal, by number"), _("Start")
    form = f"""{warning}
<form method="post" action="/sandbox/processes?lang={language()}">
{chosen}
<label>{escape(record)}
<input name="record" list="deals" inputmode="numeric" pattern="[0-9]+" required></label>
<datalist id="deals">{suggestions}</datalist>
<button>{escape(go)}</button>
</form>"""
    return form


def _overview(portal: Portal, problem: str = "") -> str:
    book = processes_of(portal).book
    return (
        section(_("Start a process"), start_form(portal, book.templates(), problem))
        + section(_("Registered actions"), _activities(portal))
        + section(_("Newest processes"), instances_table(portal, book.newest(SHOWN)))
    )


def _activities(portal: Portal) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.text('NAME', language()))}</td>"
        f"<td>{escape(one.text('DESCRIPTION', language()))}</td>"
        f"<td><code>{escape(one.code)}</code></td></tr>"
        for one in processes_of(portal).activities.all()
    )
    if not rows:
        return note(_("No application has registered an action yet."))
    heads = (_("Action"), _("Description"), _("Code"))
    return table(heads, rows)


def instances_table(portal: Portal, instances: list[Instance]) -> str:
    """Return a table of processes that run or have run."""
    if not instances:
        return note(_("No process has run yet."))
    templates = processes_of(portal).book.templates()
    rows = []
    for instance in instances:
        template = templates.get(instance.template_id)
        title = template.title.of(language()) if template else _("deleted process")
        rows.append(
            f'<tr><td><a href="/sandbox/processes/{escape(instance.id)}?lang={language()}">'
            f"{escape(title)}</a></td><td>{escape(record_name(portal, instance.document))}</td>"
            f"<td>{state_mark(instance.state)}</td>"
            f"<td>{escape(moment_text(portal, instance.started_at))}</td></tr>"
        )
    return table((_("Process"), _("Record"), _("State"), _("Started")), "".join(rows))


def _one(portal: Portal, instance: Instance) -> str:
    processes = processes_of(portal)
    template = processes.book.templates().get(instance.template_id)
    title = template.title.of(language()) if template else _("deleted process")
    row = fields(portal.state, instance.document) or {}
    stage = portal.state.entities[TYPES[instance.document.type][0]].stage
    facts = [
        (_("Process"), escape(title)),
        (_("Record"), escape(record_name(portal, instance.document))),
        (_("Stage now"), escape(stage_name(portal, instance.document, str(row.get(stage) or "")))),
        (_("State"), state_mark(instance.state)),
        (_("Started"), escape(moment_text(portal, instance.started_at))),
    ]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts)
    entries = processes.book.log(instance.id)
    lines = "".join(_line(portal, instance, entry) for entry in entries)
    back = _("All processes")
    return (
        section(_("This process"), f'<dl class="facts">{listed}</dl>')
        + section(_("Log"), f'<ol class="log">{lines}</ol>')
        + f'<p><a href="/sandbox/processes?lang={language()}">{escape(back)}</a></p>'
    )


def _line(portal: Portal, instance: Instance, entry: Entry) -> str:
    text, values = worded(portal, instance, entry)
    mood = "good" if entry.kind in _ENDS_WELL else "bad" if entry.kind in _ENDS_BADLY else ""
    at = datetime.fromtimestamp(entry.at, portal.state.zone)
    table = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in values
    )
    return (
        f'<li class="{mood}"><time datetime="{at.isoformat(timespec="milliseconds")}">'
        f"{at:%H:%M:%S}</time><div>{escape(text)}</div>"
        f"{f'<table>{table}</table>' if table else ''}</li>"
    )


def worded(portal: Portal, instance: Instance, entry: Entry) -> tuple[str, list[tuple[str, str]]]:
    """Return a log entry as a sentence in the language of the moment, and its values by name."""
    data = entry.data
    match entry.kind:
        case "started" if data["user"]:
            return _("Started by {user}").format(user=user_name(portal, data["user"])), []
        case "started":
            return _("Started by a change of stage"), []
        case "called":
            activity = processes_of(portal).activities.installed(data["code"])
            name = activity.text("NAME", language()) if activity else data["code"]
            names = activity.properties if activity else {}
            given = {key: value for key, value in data["properties"].items() if value}
            return _("Calls “{name}”").format(name=name), named_values(given, names)
        case "returned":
            step = next(s for s in instance.program if s.get("name") == data["name"])
            activity = processes_of(portal).activities.installed(step["activity"])
            names = activity.return_properties if activity else {}
            filled = {key: value for key, value in data["values"].items() if value != ""}
            return _("Has its answer"), named_values(filled, names)
        case "timeout":
            seconds = format_number(data["seconds"], 1)
            return _("No answer within {seconds} s").format(seconds=seconds), []
        case "not delivered":
            return _("The action’s handler did not accept the call ({note})").format(**data), []
        case "case":
            case = localised(data.get("title") or data["case"], language())
            return _("Goes on with the case “{case}”").format(case=case), []
        case "no case":
            return _("No case applies"), []
        case "stage":
            before, after = (
                stage_name(portal, instance.document, data[key]) for key in ("before", "after")
            )
            return _("Moves the record from “{before}” to “{after}”").format(
                before=before, after=after
            ), []
        case "notified":
            text, user = _("Notifies {user}: {message}"), user_name(portal, data["user"])
            return text.format(user=user, message=data["message"]), []
        case "waits":
            return _("Waits {seconds} s").format(seconds=format_number(data["seconds"], 1)), []
        case "message":
            return str(data["message"]), []
        case "completed":
            return _("Completed"), []
        case "terminated":
            return " ".join((_("Terminated"), str(data.get("status") or ""))).strip(), []
        case "failed":
            return _("Failed: {reason}").format(reason=data["reason"]), []
    return entry.kind, []
