"""The page of the processes: which there are, starting one on a record, and each one's log."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.bitrix24.sandbox.applications.registered_activities import localised
from workbench.bitrix24.sandbox.crm import stages
from workbench.bitrix24.sandbox.pages.layout import (
    asked_language,
    from_this_site,
    here,
    note,
    page,
    section,
    style,
)
from workbench.bitrix24.sandbox.processes.documents import TYPES, Document, fields
from workbench.bitrix24.sandbox.processes.process_book import Entry, Instance
from workbench.bitrix24.sandbox.processes.processes import processes_of
from workbench.i18n import _, format_datetime, format_number, language, use_language

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
        Route("/sandbox/style.css", style),
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


def _overview(portal: Portal, problem: str = "") -> str:
    book = processes_of(portal).book
    templates = book.templates()
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
    process, record, go = _("Process"), _("Deal, by number"), _("Start")
    form = f"""{warning}
<form method="post" action="/sandbox/processes?lang={language()}">
<label>{escape(process)}<select name="template" required>{options}</select></label>
<label>{escape(record)}
<input name="record" list="deals" inputmode="numeric" pattern="[0-9]+" required></label>
<datalist id="deals">{suggestions}</datalist>
<button>{escape(go)}</button>
</form>"""
    return (
        section(_("Start a process"), form)
        + section(_("Registered actions"), _activities(portal))
        + section(_("Newest processes"), _instances(portal, book.newest(SHOWN)))
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
    return _table(heads, rows)


def _instances(portal: Portal, instances: list[Instance]) -> str:
    if not instances:
        return note(_("No process has run yet."))
    templates = processes_of(portal).book.templates()
    rows = []
    for instance in instances:
        template = templates.get(instance.template_id)
        title = template.title.of(language()) if template else _("deleted process")
        rows.append(
            f'<tr><td><a href="/sandbox/processes/{escape(instance.id)}?lang={language()}">'
            f"{escape(title)}</a></td><td>{escape(_record(portal, instance.document))}</td>"
            f"<td>{_state(instance.state)}</td>"
            f"<td>{escape(_moment(portal, instance.started_at))}</td></tr>"
        )
    return _table((_("Process"), _("Record"), _("State"), _("Started")), "".join(rows))


def _one(portal: Portal, instance: Instance) -> str:
    processes = processes_of(portal)
    template = processes.book.templates().get(instance.template_id)
    title = template.title.of(language()) if template else _("deleted process")
    row = fields(portal.state, instance.document) or {}
    stage = portal.state.entities[TYPES[instance.document.type][0]].stage
    facts = [
        (_("Process"), escape(title)),
        (_("Record"), escape(_record(portal, instance.document))),
        (_("Stage now"), escape(_stage(portal, instance.document, str(row.get(stage) or "")))),
        (_("State"), _state(instance.state)),
        (_("Started"), escape(_moment(portal, instance.started_at))),
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
            return _("Started by {user}").format(user=_user(portal, data["user"])), []
        case "started":
            return _("Started by a change of stage"), []
        case "called":
            activity = processes_of(portal).activities.installed(data["code"])
            name = activity.text("NAME", language()) if activity else data["code"]
            names = activity.properties if activity else {}
            return _("Calls “{name}”").format(name=name), _named(data["properties"], names)
        case "returned":
            step = next(s for s in instance.program if s.get("name") == data["name"])
            activity = processes_of(portal).activities.installed(step["activity"])
            names = activity.return_properties if activity else {}
            filled = {key: value for key, value in data["values"].items() if value != ""}
            return _("Has its answer"), _named(filled, names)
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
                _stage(portal, instance.document, data[key]) for key in ("before", "after")
            )
            return _("Moves the record from “{before}” to “{after}”").format(
                before=before, after=after
            ), []
        case "notified":
            text, user = _("Notifies {user}: {message}"), _user(portal, data["user"])
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


def _named(values: dict[str, Any], properties: dict[str, Any]) -> list[tuple[str, str]]:
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


def _user(portal: Portal, number: object) -> str:
    row = portal.state.get("users", int(str(number))) or {}
    name = " ".join(str(row[key]) for key in ("NAME", "LAST_NAME") if row.get(key))
    return name or f"#{number}"


def _record(portal: Portal, document: Document) -> str:
    row = fields(portal.state, document) or {}
    title = row.get("TITLE") or " ".join(
        str(row[key]) for key in ("NAME", "LAST_NAME") if row.get(key)
    )
    return f"{document.type}_{document.id} {title}".strip()


def _stage(portal: Portal, document: Document, code: str) -> str:
    entity = portal.state.entities[TYPES[document.type][0]]
    row = fields(portal.state, document) or {}
    if entity.stage:
        for stage in stages.stages(portal.state, entity, row.get("CATEGORY_ID")):
            if stage["STATUS_ID"] == code:
                return str(stage["NAME"])
    return code


def _state(state: str) -> str:
    words = {
        "ready": _("Running"),
        "waiting": _("Waiting"),
        "completed": _("Completed"),
        "terminated": _("Terminated"),
        "failed": _("Failed"),
    }
    return f'<span class="state {escape(state)}">{escape(words[state])}</span>'


def _moment(portal: Portal, at: float) -> str:
    zone = portal.state.zone
    return format_datetime(datetime.fromtimestamp(at, zone), zone.key)


def _table(heads: tuple[str, ...], rows: str) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
