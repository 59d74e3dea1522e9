"""The engine of business processes: instances of templates, running on documents.

An instance stands at one instruction of its own copy of the template's program and is written
down after every step, so a restart goes on where it stood. It calls an application's activity by
one form POST and, if it waits, stands until `Processes.answer` accepts the token of that call:
once, and before the time-out. Everything runs in the portal's one thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from workbench.bitrix24.sandbox.applications.application_book import Applications
from workbench.bitrix24.sandbox.applications.deliveries import Delivered, Deliveries
from workbench.bitrix24.sandbox.applications.registered_activities import RegisteredActivities
from workbench.bitrix24.sandbox.memory.state import Change, State
from workbench.bitrix24.sandbox.processes import documents
from workbench.bitrix24.sandbox.processes.documents import Document
from workbench.bitrix24.sandbox.processes.process_book import Instance, ProcessBook
from workbench.bitrix24.sandbox.processes.process_templates import filled, holds, program

LONGEST_SLEEP = 0.5  # seconds; the portal's clock may be moved meanwhile
STARTS_A_MINUTE = 20  # processes that stage changes of one document may start


class Processes:
    """The portal's processes at work."""

    def __init__(
        self,
        state: State,
        applications: Applications,
        activities: RegisteredActivities,
        deliveries: Deliveries,
    ) -> None:
        self.book = ProcessBook(state)
        self.activities = activities
        self._state = state
        self._connection = state.connection
        self._applications = applications
        self._deliveries = deliveries
        self._wake = asyncio.Event()
        self._secret = bytes.fromhex(state.settings.setdefault("secret", secrets.token_hex(32)))
        state.on_change(self._changed)
        deliveries.done.append(self._delivered)

    # -- instances --------------------------------------------------------------------------

    def start(self, template_id: int, document: Document, user_id: int) -> str:
        """Start a template on a document; returns the instance's id. 0 = nobody started it."""
        template = self.book.templates()[template_id]
        now = self.book.now()
        instance_id = f"{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}"
        self._connection.execute(
            "INSERT INTO process_instances VALUES (?, ?, ?, ?, ?, ?, 'ready', 0, '{}', NULL, ?, ?)",
            (
                instance_id,
                template_id,
                json.dumps(program(template)),
                document.type,
                document.id,
                user_id,
                now,
                now,
            ),
        )
        self.book.write(instance_id, "started", template=template.name, user=user_id)
        self._wake.set()
        return instance_id

    def terminate(self, instance_id: str, status: str = "") -> bool:
        """End an instance early; False if it is not running."""
        return self._end(instance_id, "terminated", status=status)

    def kill(self, instance_id: str) -> bool:
        """Erase an instance with its log; False if there is none."""
        cursor = self._connection.execute(
            "DELETE FROM process_instances WHERE id = ?", (instance_id,)
        )
        self._connection.execute("DELETE FROM process_calls WHERE instance_id = ?", (instance_id,))
        self._connection.execute("DELETE FROM process_log WHERE instance_id = ?", (instance_id,))
        return cursor.rowcount > 0

    # -- what applications answer -----------------------------------------------------------

    def answer(
        self, token: str, values: Mapping[str, Any], message: str, client_id: str | None
    ) -> bool:
        """Take the answer of a waiting activity; False for a token that is wrong, old or used.

        Only declared return properties are kept. ``client_id`` is the calling application's, None
        for a webhook.
        """
        call = self._call(token, client_id)
        if call is None:
            return False
        _token, instance_id, name, owner, code, state = call
        instance = self.book.get(instance_id)
        late = instance is None or (
            instance.resume_at is not None and instance.resume_at <= self.book.now()
        )
        if state != "waiting" or instance is None or instance.state != "waiting" or late:
            return False
        activity = self.activities.get(owner, code)
        declared = {key.lower(): key for key in (activity.return_properties if activity else {})}
        returned = {
            declared[key.lower()]: _text(value)
            for key, value in values.items()
            if key.lower() in declared
        }
        with self._state.whole():
            self._connection.execute(
                "UPDATE process_calls SET state = 'answered' WHERE token = ?", (token,)
            )
            self.book.write(instance_id, "returned", name=name, values=returned, message=message)
            self._go_on(instance, name, {**returned, "IsTimeout": "0"})
        return True

    def note(self, token: str, message: str, client_id: str | None) -> bool:
        """Write an activity's message into its process's log; False for a token that is wrong."""
        call = self._call(token, client_id)
        if call is None or call[5] not in ("waiting", "passed"):
            return False
        self.book.write(call[1], "message", name=call[2], message=message)
        return True

    def _call(self, token: str, client_id: str | None) -> tuple[str, ...] | None:
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode()):
            return None
        row = self._connection.execute(
            "SELECT token, instance_id, name, client_id, code, state FROM process_calls "
            "WHERE token = ?",
            (token,),
        ).fetchone()
        if row is None or (client_id is not None and client_id != row[3]):
            return None
        return row

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()

    # -- running ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Run what is due until cancelled."""
        while True:
            self._wake.clear()
            due = self.run_due()
            if due is not None and due <= self.book.now():
                await asyncio.sleep(0)  # let requests in between
                continue
            pause = LONGEST_SLEEP if due is None else min(LONGEST_SLEEP, due - self.book.now())
            try:
                async with asyncio.timeout(max(pause, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def run_due(self) -> float | None:
        """Let every instance that is due take one step; return when the next one is due."""
        due = "state = 'ready' OR (state = 'waiting' AND resume_at <= ?)"
        for instance in self.book.select(f"{due} ORDER BY modified_at LIMIT 100", self.book.now()):
            self._step(instance)
        row = self._connection.execute(
            "SELECT min(CASE state WHEN 'ready' THEN 0 ELSE resume_at END) "
            "FROM process_instances WHERE state IN ('ready', 'waiting')"
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def _step(self, instance: Instance) -> None:
        """Take one step, wholly or not at all: a kill in its midst lets it be taken anew."""
        step = instance.program[instance.position]
        try:
            with self._state.whole():
                if instance.state == "waiting":
                    self._time_passed(instance, step)
                    return
                fields = documents.fields(self._state, instance.document)
                if fields is None:
                    self._end(instance.id, "failed", reason="document is gone")
                    return
                workflow = {"ID": instance.id, "StartedBy": instance.started_by}
                values = {**instance.results, "Document": fields, "Workflow": workflow}
                self._do(instance, step, values)
        except Exception as error:
            # A template must not take the portal down; the process's log shows why it ended.
            self._end(instance.id, "failed", reason=f"{type(error).__name__}: {error}")

    def _do(self, instance: Instance, step: dict[str, Any], values: Mapping[str, Any]) -> None:
        position = instance.position + 1
        match step["do"]:
            case "end":
                self._end(instance.id, "completed")
                return
            case "jump":
                position = step["to"]
            case "choose":
                position = step["otherwise"]
                for case in step["cases"]:
                    if holds(case["when"], values):
                        position = case["to"]
                        self.book.write(instance.id, "case", case=case["case"], title=case["title"])
                        break
                else:
                    self.book.write(instance.id, "no case")
            case "set_stage":
                before, after = documents.set_stage(self._state, instance.document, step["stage"])
                self.book.write(instance.id, "stage", before=before, after=after)
            case "notify":
                user, message = filled(step["user"], values), filled(step["message"], values)
                documents.notify(self._state, int(user), message)
                self.book.write(instance.id, "notified", user=user, message=message)
            case "log":
                self.book.write(instance.id, "message", message=filled(step["message"], values))
            case "wait":
                self.book.write(instance.id, "waits", seconds=step["seconds"])
                self._move(
                    instance.id, "waiting", instance.position, self.book.now() + step["seconds"]
                )
                return
            case "activity":
                if not self._call_activity(instance, step, values):
                    self._move(instance.id, "ready", position, None)
                return
        self._move(instance.id, "ready", position, None)

    def _call_activity(
        self, instance: Instance, step: dict[str, Any], values: Mapping[str, Any]
    ) -> bool:
        """Queue the POST; True if the instance now waits for the answer."""
        activity = self.activities.installed(step["activity"])
        application = self._applications.get(activity.client_id) if activity else None
        if activity is None or application is None:
            raise LookupError(f"activity {step['activity']} is not installed")
        waits = {"Y": True, "N": False}.get(activity.use_subscription, step["wait"])
        body = f"{instance.id}|{step['name']}|{secrets.token_urlsafe(24)}"
        token = f"{body}.{self._sign(body)}"
        state = "waiting" if waits else "passed"
        properties = {
            key: [filled(item, values) for item in value]
            if isinstance(value, list)
            else filled(value, values)
            for key, value in step["properties"].items()
        }
        if waits:
            until = self.book.now() + step["timeout"] if step["timeout"] else None
            self._move(instance.id, "waiting", instance.position, until)
        self._connection.execute(
            "INSERT INTO process_calls VALUES (?, ?, ?, ?, ?, ?)",
            (token, instance.id, step["name"], activity.client_id, activity.code, state),
        )
        self.book.write(
            instance.id, "called", name=step["name"], code=activity.code, properties=properties
        )
        self._deliveries.queue(
            "action",
            instance.id,
            activity.handler,
            {
                "workflow_id": instance.id,
                "code": activity.code,
                "document_id": instance.document.triple,
                "document_type": instance.document.type_triple,
                "event_token": token,
                "properties": properties,
                "use_subscription": "Y" if waits else "N",
                "timeout_duration": int(step["timeout"]),
                "ts": self._state.timestamp(),
                "auth": self._applications.authorization(
                    application, activity.user_id, renewable=True
                ),
            },
        )
        return waits

    def _time_passed(self, instance: Instance, step: dict[str, Any]) -> None:
        if step["do"] != "activity":
            self._move(instance.id, "ready", instance.position + 1, None)
            return
        self._connection.execute(
            "UPDATE process_calls SET state = 'closed' "
            "WHERE instance_id = ? AND name = ? AND state = 'waiting'",
            (instance.id, step["name"]),
        )
        self.book.write(instance.id, "timeout", name=step["name"], seconds=step["timeout"])
        self._go_on(instance, step["name"], {"IsTimeout": "1"})

    def _go_on(self, instance: Instance, name: str, returned: dict[str, str]) -> None:
        results = {**instance.results, name: returned}
        self._connection.execute(
            "UPDATE process_instances SET results = ? WHERE id = ?",
            (json.dumps(results), instance.id),
        )
        self._move(instance.id, "ready", instance.position + 1, None)

    def _move(self, instance_id: str, state: str, position: int, resume_at: float | None) -> None:
        self._connection.execute(
            "UPDATE process_instances SET state = ?, position = ?, resume_at = ?, modified_at = ? "
            "WHERE id = ?",
            (state, position, resume_at, self.book.now(), instance_id),
        )
        self._wake.set()

    def _end(self, instance_id: str, state: str, **data: Any) -> bool:
        ended = self._connection.execute(
            "UPDATE process_instances SET state = ?, resume_at = NULL, modified_at = ? "
            "WHERE id = ? AND state IN ('ready', 'waiting')",
            (state, self.book.now(), instance_id),
        )
        if not ended.rowcount:
            return False
        self._connection.execute(
            "UPDATE process_calls SET state = 'closed' "
            "WHERE instance_id = ? AND state <> 'answered'",
            (instance_id,),
        )
        self.book.write(instance_id, state, **data)
        return True

    # -- what else happens on the portal ----------------------------------------------------

    def _changed(self, change: Change) -> None:
        stage = documents.reached(self._state, change)
        if stage is None:
            return
        document, reached = stage
        for number, template in self.book.templates().items():
            starts = template.document == document.type and template.start_on_stage == reached
            if starts and self._started_lately(document) < STARTS_A_MINUTE:
                self.start(number, document, 0)

    def _started_lately(self, document: Document) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM process_instances WHERE document_type = ? AND document_id = ? "
            "AND started_by = 0 AND started_at > ?",
            (document.type, document.id, self.book.now() - 60),
        ).fetchone()
        return int(row[0])

    def _delivered(self, delivered: Delivered) -> None:
        if delivered.kind == "action" and not delivered.ok:
            self.book.write(delivered.owner, "not delivered", note=delivered.note)


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "1" if value is True else str(value)
