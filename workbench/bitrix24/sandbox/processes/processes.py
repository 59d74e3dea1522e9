"""Business processes: ``bizproc.workflow.*``, ``bizproc.event.send``, ``bizproc.activity.log``.

``sandbox.process.*`` is the sandbox's own: what a person does in the portal's designer.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from workbench.bitrix24.sandbox.applications.applications import (
    administrator,
    applications_of,
    deliveries_of,
)
from workbench.bitrix24.sandbox.applications.registered_activities import RegisteredActivities
from workbench.bitrix24.sandbox.processes.documents import Document, document
from workbench.bitrix24.sandbox.processes.documents import fields as document_fields
from workbench.bitrix24.sandbox.processes.process_engine import Processes
from workbench.bitrix24.sandbox.processes.process_templates import read
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.errors import ConfigurationError

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

_PROCESSES: WeakKeyDictionary[Portal, Processes] = WeakKeyDictionary()


def attach(portal: Portal) -> None:
    """Give the portal its processes, which run while it serves."""
    processes = Processes(
        portal.state,
        applications_of(portal),
        RegisteredActivities(portal.state),
        deliveries_of(portal),
    )
    _PROCESSES[portal] = processes
    portal.beside.append(processes.run)


def processes_of(portal: Portal) -> Processes:
    """Return the portal's processes."""
    return _PROCESSES[portal]


def _token(call: Call) -> str:
    token = call.get("EVENT_TOKEN")
    return token if isinstance(token, str) else ""


def _client(call: Call) -> str | None:
    return call.caller.client_id or None


@method("bizproc.event.send", scope="bizproc")
def send_event(call: Call) -> bool:
    """Take an activity's results; a token works once."""
    values = call.mapping("RETURN_VALUES")
    message = str(call.get("LOG_MESSAGE") or "")
    if not processes_of(call.portal).answer(_token(call), values, message, _client(call)):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)
    return True


@method("bizproc.activity.log", scope="bizproc")
def log_message(call: Call) -> bool:
    """Write a message of an activity into its process's log."""
    message = str(call.get("LOG_MESSAGE") or "")
    if not message:
        raise Refusal("ERROR_EMPTY_LOG_MESSAGE", "Empty log message!")
    if not processes_of(call.portal).note(_token(call), message, _client(call)):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)
    return True


def _administrator(call: Call) -> None:
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)


def _document(call: Call, template_type: str) -> Document:
    given = call.get("DOCUMENT_ID")
    if isinstance(given, dict):
        given = [given[key] for key in sorted(given)]
    found = document(given)
    if found is None:
        raise Refusal("", "Wrong DOCUMENT_ID!")
    if found.type != template_type:
        raise Refusal("", "Template type and DOCUMENT_ID mismatch!")
    if document_fields(call.state, found) is None:
        raise Refusal("", "Wrong DOCUMENT_ID!")
    return found


@method("bizproc.workflow.start", scope="bizproc")
def start_workflow(call: Call) -> str:
    """Start a template on a document; returns the workflow's id."""
    _administrator(call)
    processes = processes_of(call.portal)
    number = call.number("TEMPLATE_ID") or 0
    if number <= 0:
        raise Refusal("ERROR_WRONG_WORKFLOW_ID", "Empty TEMPLATE_ID")
    template = processes.book.templates().get(number)
    if template is None:
        raise Refusal("ERROR_WRONG_WORKFLOW_ID", "Template not found")
    found = _document(call, template.document)
    return processes.start(number, found, call.caller.user_id)


@method("bizproc.workflow.terminate", scope="bizproc")
def terminate_workflow(call: Call) -> bool:
    """End a running workflow; its data stays."""
    return _ended(call, kill=False)


@method("bizproc.workflow.kill", scope="bizproc")
def kill_workflow(call: Call) -> bool:
    """Erase a workflow."""
    return _ended(call, kill=True)


def _ended(call: Call, *, kill: bool) -> bool:
    _administrator(call)
    processes = processes_of(call.portal)
    number = str(call.get("ID") or "")
    if not number:
        raise Refusal("ERROR_WRONG_WORKFLOW_ID", "Empty workflow instance ID")
    done = (
        processes.kill(number)
        if kill
        else processes.terminate(number, str(call.get("STATUS") or ""))
    )
    if not done:
        raise Refusal("ERROR_WRONG_WORKFLOW_ID", "Workflow not found")
    return True


_INSTANCE_FIELDS = (
    *("ID", "MODIFIED", "OWNED_UNTIL", "MODULE_ID", "ENTITY", "DOCUMENT_ID"),
    *("STARTED", "STARTED_BY", "TEMPLATE_ID"),
)


@method("bizproc.workflow.instances", scope="bizproc")
def list_instances(call: Call) -> list[dict[str, Any]]:
    """Return the running workflows, oldest first."""
    _administrator(call)
    asked = call.get("SELECT") or ["ID", "MODIFIED", "OWNED_UNTIL"]
    names = [str(name).upper() for name in (asked if isinstance(asked, list) else [asked])]
    wanted = {str(key).upper(): value for key, value in call.mapping("FILTER").items()}
    rows = []
    for instance in processes_of(call.portal).book.running():
        module, entity, name = instance.document.triple
        row = {
            "ID": instance.id,
            "MODIFIED": _moment(call, instance.modified_at),
            "OWNED_UNTIL": None,
            "MODULE_ID": module,
            "ENTITY": entity,
            "DOCUMENT_ID": name,
            "STARTED": _moment(call, instance.started_at),
            "STARTED_BY": str(instance.started_by),
            "TEMPLATE_ID": str(instance.template_id),
        }
        if all(str(row.get(key.lstrip("="))) == str(value) for key, value in wanted.items()):
            rows.append({key: row[key] for key in _INSTANCE_FIELDS if key in names})
    return rows


@method("bizproc.workflow.template.list", scope="bizproc")
def list_templates(call: Call) -> list[dict[str, Any]]:
    """Return the templates: their ids unless SELECT asks for more."""
    _administrator(call)
    asked = call.get("SELECT") or ["ID"]
    names = [str(name).upper() for name in (asked if isinstance(asked, list) else [asked])]
    wanted = {str(key).upper(): value for key, value in call.mapping("FILTER").items()}
    rows = []
    for number, template in processes_of(call.portal).book.templates().items():
        triple = Document(template.document, 1).type_triple
        row = {
            "ID": str(number),
            "MODULE_ID": triple[0],
            "ENTITY": triple[1],
            "DOCUMENT_TYPE": triple,
            "AUTO_EXECUTE": "0",
            "NAME": template.title.fr,
            "SYSTEM_CODE": template.name,
        }
        if all(str(row.get(key.lstrip("="))) == str(value) for key, value in wanted.items()):
            rows.append({key: value for key, value in row.items() if key in names})
    return rows


@method("sandbox.process.add", scope="bizproc")
def add_process(call: Call) -> str:
    """Add a template written in YAML (parameter TEMPLATE); returns its id."""
    _administrator(call)
    try:
        template = read(str(call.get("TEMPLATE") or ""), "TEMPLATE")
    except ConfigurationError as error:
        raise Refusal("ERROR_TEMPLATE_VALIDATION_FAILURE", str(error)) from None
    return str(processes_of(call.portal).book.add_template(template))


@method("sandbox.process.get", scope="bizproc")
def get_process(call: Call) -> dict[str, Any]:
    """Return a workflow, running or ended, with its log (parameter ID)."""
    _administrator(call)
    book = processes_of(call.portal).book
    instance = book.get(str(call.get("ID") or ""))
    if instance is None:
        raise Refusal("ERROR_WRONG_WORKFLOW_ID", "Workflow not found")
    return {
        "ID": instance.id,
        "TEMPLATE_ID": str(instance.template_id),
        "DOCUMENT_ID": instance.document.triple,
        "STATE": instance.state,
        "RESULTS": instance.results,
        "STARTED": _moment(call, instance.started_at),
        "MODIFIED": _moment(call, instance.modified_at),
        "LOG": [
            {**asdict(entry), "at": _moment(call, entry.at)} for entry in book.log(instance.id)
        ],
    }


def _moment(call: Call, at: float) -> str:
    return datetime.fromtimestamp(at, call.state.zone).isoformat(timespec="milliseconds")
