"""The portal: chat messages, notifications, files on Disk, comments in a card's timeline.

A try that was cut off is looked for before it is repeated: notifications carry a tag, messages and
comments the run's id, files their name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.bitrix24.client import Portal
from workbench.errors import BadCredentials, DeliveryError, PortalError
from workbench.i18n import _
from workbench.reports.delivery.destinations import Chat, Disk, Notification, Timeline
from workbench.reports.delivery.message import as_bbcode, message
from workbench.reports.delivery.parts import files
from workbench.reports.record import RunRecord

LIMITS = 10.0  # seconds that one try waits for the portal's request limits
LARGEST = 15 * 1024 * 1024  # bytes of a file
LOOKED_THROUGH = 50  # newest messages or comments
Begin = Callable[[], None]


def send(destination: Any, record: RunRecord, number: int, begin: Begin, repeated: bool) -> str:
    """Make one delivery to the portal; return what it answered.

    ``repeated``: an earlier try may have got through. Raises `DeliveryError`, `PortalError` and
    `ConfigurationError`.
    """
    with Portal.from_settings(patience=LIMITS) as portal:
        try:
            match destination:
                case Chat():
                    return _chat(portal, destination, record, begin, repeated)
                case Notification():
                    return _notify(portal, destination, record, number, begin)
                case Disk():
                    return _store(portal, destination, record, begin)
                case Timeline():
                    return _comment(portal, destination, record, begin, repeated)
        except PortalError as problem:
            passes = problem.may_pass or problem.status >= 500
            raise DeliveryError(
                problem.message,
                hint=problem.hint,
                may_pass=passes and not isinstance(problem, BadCredentials),
            ) from None
    raise TypeError(type(destination).__name__)


def _chat(portal: Portal, chat: Chat, record: RunRecord, begin: Begin, repeated: bool) -> str:
    if repeated:
        answer = portal.call(
            "im.dialog.messages.get", {"DIALOG_ID": chat.dialog, "LIMIT": LOOKED_THROUGH}
        )
        rows = answer.get("messages", []) if isinstance(answer, Mapping) else []
        if (there := _with_mark(rows, "text", record)) is not None:
            return _("message {id}").format(id=there.get("id"))
    begin()
    number = portal.call("im.message.add", {"DIALOG_ID": chat.dialog, "MESSAGE": _text(record)})
    return _("message {id}").format(id=number)


def _notify(
    portal: Portal, wanted: Notification, record: RunRecord, number: int, begin: Begin
) -> str:
    begin()
    sent = []
    for user in wanted.users:
        # The tag makes a second send replace the first one on the portal.
        answer = portal.call(
            "im.notify.system.add",
            {
                "USER_ID": user,
                "MESSAGE": _text(record),
                "TAG": f"WORKBENCH|{record.id}.{number}",
                "CLIENT_ID": "workbench",
            },
        )
        if not answer:
            raise DeliveryError(
                _("The portal did not take the notification for user {id}.").format(id=user),
                hint=_("Is this a user of the portal who is still active?"),
            )
        sent.append(str(answer))
    return _("notification {id}").format(id=", ".join(sent))


def _store(portal: Portal, disk: Disk, record: RunRecord, begin: Begin) -> str:
    begin()
    addresses = []
    for name, path in files(record, disk.files):
        content = [name, _encoded(path)]
        found = portal.call(
            "disk.folder.getchildren", {"id": disk.folder, "filter": {"NAME": name}}
        )
        there = [each for each in found or [] if each.get("NAME") == name]
        if there:
            answer = portal.call(
                "disk.file.uploadversion", {"id": there[0]["ID"], "fileContent": content}
            )
        else:
            answer = portal.call(
                "disk.folder.uploadfile",
                {"id": disk.folder, "data": {"NAME": name}, "fileContent": content},
            )
        addresses.append(str(answer.get("DETAIL_URL") or f"#{answer.get('ID')}"))
    return ", ".join(addresses)


def _comment(
    portal: Portal, timeline: Timeline, record: RunRecord, begin: Begin, repeated: bool
) -> str:
    card = {"ENTITY_ID": timeline.id, "ENTITY_TYPE": timeline.entity}
    if repeated:
        rows = portal.call(
            "crm.timeline.comment.list",
            {"filter": card, "order": {"ID": "DESC"}, "select": ["ID", "COMMENT"]},
        )
        if (there := _with_mark(rows or [], "COMMENT", record)) is not None:
            return _("comment {id}").format(id=there["ID"])
    attached = [[name, _encoded(path)] for name, path in files(record, timeline.files)]
    begin()
    number = portal.call(
        "crm.timeline.comment.add",
        {"fields": {**card, "COMMENT": _text(record), "FILES": attached}},
    )
    return _("comment {id}").format(id=number)


def _text(record: RunRecord) -> str:
    return f"{as_bbcode(message(record))}\n{_mark(record)}"


def _mark(record: RunRecord) -> str:
    return _("Run {id}").format(id=record.id)


def _with_mark(rows: Sequence[Mapping[str, Any]], key: str, record: RunRecord) -> Any:
    """Return the row whose text names this run, None if there is none."""
    return next((row for row in rows if record.id in str(row.get(key) or "")), None)


def _encoded(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise DeliveryError(
            _("{file} is larger than {n} MB.").format(file=path.name, n=LARGEST // 1024**2)
        )
    return base64.b64encode(path.read_bytes()).decode()
