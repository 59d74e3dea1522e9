"""Events: what applications bind, and the POSTs and queue rows that changes turn into.

An online handler gets one form POST per change. It carries the tokens of whoever made the change,
and none if a robot did. Nothing goes out before the application is installed. An outgoing webhook
gets the same POST, never with tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from workbench.bitrix24.sandbox.applications import offline_events
from workbench.bitrix24.sandbox.applications.application_book import Application, Applications
from workbench.bitrix24.sandbox.applications.applications import (
    administrator,
    applications_of,
    deliveries_of,
)
from workbench.bitrix24.sandbox.applications.deliveries import Deliveries, is_web_address
from workbench.bitrix24.sandbox.applications.event_data import EVENTS, data_of, is_event
from workbench.bitrix24.sandbox.applications.outgoing_webhooks import (
    OutgoingWebhook,
    OutgoingWebhooks,
    can_be_sent,
)
from workbench.bitrix24.sandbox.crm.records import ordering
from workbench.bitrix24.sandbox.memory.changes import Change
from workbench.bitrix24.sandbox.memory.filters import BadFilter
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method, start_of

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS event_handlers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL,
    event TEXT NOT NULL,
    handler TEXT NOT NULL,          -- empty: the offline queue
    auth_type INTEGER NOT NULL,     -- the user whose tokens are sent; 0 = who made the change
    user_id INTEGER NOT NULL,       -- who bound it
    connector TEXT NOT NULL)
"""

_HANDLERS: WeakKeyDictionary[Portal, EventHandlers] = WeakKeyDictionary()


def attach(portal: Portal) -> None:
    """Let the portal's changes reach handlers and queues."""
    _HANDLERS[portal] = EventHandlers(portal.state, applications_of(portal), deliveries_of(portal))


class EventHandlers:
    """Who hears of which event."""

    def __init__(self, state: State, applications: Applications, deliveries: Deliveries) -> None:
        self.state = state
        self.queue = offline_events.OfflineQueue(state)
        self.outgoing = OutgoingWebhooks(state)
        self._applications = applications
        self._deliveries = deliveries
        state.connection.execute(SCHEMA)
        state.on_change(self._changed)

    def rows(self, client_id: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        """Return handlers, of one application or event if asked."""
        rows = self.state.connection.execute(
            "SELECT id, client_id, event, handler, auth_type, user_id, connector "
            "FROM event_handlers WHERE (? IS NULL OR client_id = ?) AND (? IS NULL OR event = ?) "
            "ORDER BY id",
            (client_id, client_id, event, event),
        ).fetchall()
        names = ("id", "client_id", "event", "handler", "auth_type", "user_id", "connector")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def bind(
        self, client_id: str, event: str, handler: str, auth_type: int, user_id: int, connector: str
    ) -> None:
        """Write a handler down."""
        self.state.connection.execute(
            "INSERT INTO event_handlers (client_id, event, handler, auth_type, user_id, connector) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (client_id, event, handler, auth_type, user_id, connector),
        )

    def unbind(self, number: int) -> None:
        """Delete a handler."""
        self.state.connection.execute("DELETE FROM event_handlers WHERE id = ?", (number,))

    def tell(
        self, application: Application, row: dict[str, Any], data: dict[str, Any], actor: int | None
    ) -> None:
        """Queue the POST of one event; ``actor`` None sends no tokens."""
        authorization = self._applications.authorization(
            application, row["auth_type"] or actor, renewable=row["event"] == "ONOFFLINEEVENT"
        )
        self._send(row, data, authorization)

    def _send(
        self, row: dict[str, Any], data: dict[str, Any], authorization: dict[str, Any]
    ) -> None:
        self._deliveries.queue(
            "event",
            str(row["id"]),
            row["handler"],
            {
                "event": row["event"],
                "event_handler_id": row["id"],
                "data": data,
                "ts": self.state.timestamp(),
                "auth": authorization,
            },
        )

    def uninstalled(self, application: Application) -> None:
        """Say goodbye to an application that the portal removes."""
        for row in self.rows(application.client_id, "ONAPPUNINSTALL"):
            language = self.state.settings.get("language", "fr")
            self.tell(application, row, {"LANGUAGE_ID": language, "CLEAN": 1}, None)
        self.state.connection.execute(
            "DELETE FROM event_handlers WHERE client_id = ?", (application.client_id,)
        )

    def add_outgoing(self, title: str, handler: str, events: Iterable[str]) -> OutgoingWebhook:
        """Add an outgoing webhook that hears of these events."""
        added = self.outgoing.add(title, handler)
        for event in events:
            self.bind(added.name, event, handler, 0, 0, "")
        return added

    def delete_outgoing(self, number: int) -> bool:
        """Delete an outgoing webhook; False if there is none."""
        found = self.outgoing.delete(number)
        for row in self.rows(found.name) if found else ():
            self.unbind(row["id"])
        return found is not None

    def _changed(self, change: Change) -> None:
        for event, data in data_of(self.state, change):
            for row in self.rows(event=event):
                outgoing = self.outgoing.named(row["client_id"])
                if outgoing:
                    proof = {"application_token": outgoing.application_token}
                    self._send(row, data, self._applications.sender() | proof)
                    continue
                application = self._applications.get(row["client_id"])
                if application is None or not application.installed:
                    continue
                if row["handler"]:
                    self.tell(application, row, data, None if change.robot else change.actor)
                elif row["connector"] != change.connector or not row["connector"]:
                    self.queue.put(application.client_id, row["connector"], event, data)
                    for waker in self.rows(row["client_id"], "ONOFFLINEEVENT"):
                        if waker["handler"]:
                            self.tell(
                                application, waker, {}, None if change.robot else change.actor
                            )


def event_handlers_of(portal: Portal) -> EventHandlers:
    """Return the portal's event handlers."""
    return _HANDLERS[portal]


def application_of(call: Call) -> Application:
    """Return the calling application; refuses webhooks."""
    if call.caller.is_webhook:
        text = "Current authorization type is denied for this method Application context required"
        raise Refusal("WRONG_AUTH_TYPE", text, 403)
    application: Application = call.caller.application
    return application


def _known(call: Call) -> str:
    event = str(call.get("event") or "").upper()
    if not is_event(event):
        raise Refusal("ERROR_EVENT_NOT_FOUND", "Event not found")
    return event


def _auth_type(call: Call) -> int:
    asked = call.number("auth_type", 0) or 0
    if asked not in (0, call.caller.user_id) and not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)
    return asked if asked or administrator(call) else call.caller.user_id


@method("event.bind")
def bind(call: Call) -> bool:
    """Bind a handler, or with ``event_type=offline`` the queue, to an event."""
    application = application_of(call)
    event = _known(call)
    offline = str(call.get("event_type") or "online").lower() == "offline"
    handler = str(call.get("handler") or "")
    if offline:
        if not administrator(call):
            raise Refusal("ACCESS_DENIED", "Access denied! Offline events: admin only", 403)
        handler = ""
    elif not is_web_address(handler):
        raise Refusal("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    handlers = event_handlers_of(call.portal)
    auth_type = 0 if offline else _auth_type(call)
    connector = str(call.get("auth_connector") or "")
    for row in handlers.rows(application.client_id, event):
        same = (row["handler"], row["auth_type"], row["connector"])
        if same == (handler, auth_type, connector):
            raise Refusal("ERROR_EVENT_BINDED", "Handler already binded")
    handlers.bind(application.client_id, event, handler, auth_type, call.caller.user_id, connector)
    return True


def _visible(call: Call, application: Application) -> list[dict[str, Any]]:
    rows = event_handlers_of(call.portal).rows(application.client_id)
    if administrator(call):
        return rows
    return [row for row in rows if row["handler"] and row["user_id"] == call.caller.user_id]


@method("event.get")
def get(call: Call) -> list[dict[str, Any]]:
    """Return the application's handlers; a non-administrator sees own online ones."""
    return [
        {
            "event": row["event"],
            "handler": row["handler"],
            "auth_type": str(row["auth_type"]),
            "offline": 0 if row["handler"] else 1,
            **({} if row["handler"] else {"connector_id": row["connector"]}),
        }
        for row in _visible(call, application_of(call))
    ]


@method("event.unbind")
def unbind(call: Call) -> dict[str, int]:
    """Unbind handlers of an event; returns how many."""
    application = application_of(call)
    event = _known(call)
    offline = str(call.get("event_type") or "online").lower() == "offline"
    handler = "" if offline else str(call.get("handler") or "")
    auth_type = call.number("auth_type")
    count = 0
    for row in _visible(call, application):
        if row["event"] != event or row["handler"] != handler:
            continue
        if auth_type is not None and row["auth_type"] != auth_type:
            continue
        event_handlers_of(call.portal).unbind(row["id"])
        count += 1
    return {"count": count}


@method("events")
def names(call: Call) -> list[str]:
    """Return the names of the events that can be bound."""
    application_of(call)
    return sorted(EVENTS)


@method("event.test")
def test(call: Call) -> int:
    """Send ``ONAPPTEST`` with the parameters of this call."""
    application = application_of(call)
    handlers = event_handlers_of(call.portal)
    query = {key: value for key, value in call.raw.items() if key.lower() != "auth"}
    for row in handlers.rows(application.client_id, "ONAPPTEST"):
        if row["handler"]:
            handlers.tell(application, row, {"QUERY": query}, call.caller.user_id)
    return 1


@method("event.offline.get")
def offline_get(call: Call) -> dict[str, Any]:
    """Take rows of the offline queue; ``clear=0`` reserves them instead of deleting."""
    application, queue = _offline(call)
    clear = str(call.get("clear", 1)).strip() not in ("0", "N", "false", "False")
    with _filtering():
        return queue.take(
            application.client_id,
            str(call.get("auth_connector") or ""),
            call.mapping("filter"),
            order=ordering(call.get("order"), offline_events.FIELDS),
            limit=call.number("limit", 50) or 50,
            clear=clear,
            process_id=str(call.get("process_id") or ""),
            failed=str(call.get("error", 0)) in ("1", "Y"),
        )


@method("event.offline.list")
def offline_list(call: Call) -> list[dict[str, Any]]:
    """Return the rows of the offline queue without touching them."""
    application, queue = _offline(call)
    connector = str(call.get("auth_connector") or "")
    with _filtering():
        return queue.rows(
            application.client_id,
            connector,
            call.mapping("filter"),
            order=ordering(call.get("order"), offline_events.FIELDS),
            offset=max(0, start_of(call)),
        )


@method("event.offline.clear")
def offline_clear(call: Call) -> bool:
    """Delete reserved rows."""
    application, queue = _offline(call)
    queue.clear(
        application.client_id, _process_id(call), _texts(call, "id"), _texts(call, "message_id")
    )
    return True


@method("event.offline.error")
def offline_error(call: Call) -> bool:
    """Mark reserved rows as failed."""
    application, queue = _offline(call)
    queue.fail(application.client_id, _process_id(call), _texts(call, "message_id"))
    return True


@contextmanager
def _filtering() -> Iterator[None]:
    """Refuse a filter that names what rows are not found by: nothing is taken by mistake."""
    try:
        yield
    except BadFilter as error:
        raise Refusal("ERROR_ARGUMENT", f"Invalid filter field '{error.field[:60]}'") from None


def _offline(call: Call) -> tuple[Application, offline_events.OfflineQueue]:
    application = application_of(call)
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied! Offline events: admin only", 403)
    return application, event_handlers_of(call.portal).queue


def _process_id(call: Call) -> str:
    number = str(call.get("process_id") or "")
    if not number:
        raise Refusal("PROCESS_ID_NOT_FOUND", "Process ID is empty or not found")
    return number


def _texts(call: Call, name: str) -> list[str] | None:
    value = call.get(name)
    if value in (None, "", []):
        return None
    if isinstance(value, dict):
        value = list(value.values())
    return [str(item) for item in (value if isinstance(value, list) else [value])]


@method("sandbox.application.delete")
def delete_application(call: Call) -> bool:
    """Remove an application (CLIENT_ID) with all it has registered, as an administrator does."""
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)
    applications = applications_of(call.portal)
    application = applications.get(str(call.get("CLIENT_ID") or ""))
    if application is None:
        raise Refusal("NOT_FOUND", "There is no such application")
    event_handlers_of(call.portal).uninstalled(application)
    applications.remove(application.client_id)
    return True


@method("sandbox.outgoing.add")
def add_outgoing(call: Call) -> dict[str, Any]:
    """Add an outgoing webhook, as an administrator does in the portal's form.

    Parameters HANDLER (address), EVENTS (a list, or names with commas) and TITLE.
    """
    _administrator_only(call)
    handler = str(call.get("HANDLER") or "")
    if not is_web_address(handler):
        raise Refusal("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
    given = call.get("EVENTS") or []
    asked = given if isinstance(given, list) else str(given).split(",")
    events = list(dict.fromkeys(str(name).strip().upper() for name in asked))
    for event in events:
        if not can_be_sent(event):
            raise Refusal("ERROR_EVENT_NOT_FOUND", "Event not found")
    if not events:
        raise Refusal("ERROR_ARGUMENT", "EVENTS names at least one event")
    title = str(call.get("TITLE") or "")
    added = event_handlers_of(call.portal).add_outgoing(title, handler, events)
    return {"ID": str(added.id), "APPLICATION_TOKEN": added.application_token}


@method("sandbox.outgoing.list")
def list_outgoing(call: Call) -> list[dict[str, Any]]:
    """Return the outgoing webhooks with their events."""
    _administrator_only(call)
    handlers = event_handlers_of(call.portal)
    return [
        {
            "ID": str(one.id),
            "TITLE": one.title,
            "HANDLER": one.handler,
            "EVENTS": [row["event"] for row in handlers.rows(one.name)],
        }
        for one in handlers.outgoing.all()
    ]


@method("sandbox.outgoing.delete")
def delete_outgoing(call: Call) -> bool:
    """Delete an outgoing webhook (parameter ID)."""
    _administrator_only(call)
    if not event_handlers_of(call.portal).delete_outgoing(call.number("ID") or 0):
        raise Refusal("ERROR_ARGUMENT", "There is no such outgoing webhook")
    return True


def _administrator_only(call: Call) -> None:
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)
