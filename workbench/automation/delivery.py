"""Bringing an answer to its process: short tries, each a job of the queue of its own.

A try that the portal does not accept hands in the next one with a growing delay and ends, so that
waiting holds no place in the worker and outlives a kill. Only a try hands in its successor, whose
id holds its number: there is one line of tries, in order, however often one of them is repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from workbench.automation.queue import enqueue, forget
from workbench.bitrix24 import oauth
from workbench.bitrix24.activity import Answer
from workbench.errors import AccessDenied, BadCredentials, ConfigurationError, PortalError

log = logging.getLogger("workbench.action")

PATIENCE = timedelta(days=3)  # for which sending is tried while the portal does not accept
LONGEST_PAUSE = 300.0  # seconds between two tries
LIMITS = 10.0  # seconds that one try waits for the portal's request limits

Sent = Literal["accepted", "gone", "given up", "later"]


def hand_in(call: Mapping[str, Any], given: Answer) -> bool:
    """Queue the first try of sending ``given`` to the process of ``call``; False if it is there.

    ``call`` is what the handler queued; of it key, member_id and event_token are used.
    """
    payload = {
        "key": call["key"],
        "member_id": call["member_id"],
        "event_token": call["event_token"],
        "values": given.return_values(),
        "number": 1,
        "since": datetime.now(UTC).isoformat(),
    }
    return enqueue("answer", payload, id=_id(payload, 1))


def deliver(payload: Mapping[str, Any]) -> dict[str, str]:
    """Make one try and return ``{outcome}``, see `send`; after "later" the next one is queued."""
    sent = send(payload)
    number = int(payload["number"])
    if sent == "later":
        enqueue(
            "answer",
            {**payload, "number": number + 1},
            id=_id(payload, number + 1),
            delay=pause(number),
        )
    log.info("action %s: try %d, %s", payload["key"], number, sent)
    if number > 2:  # the first one stays: it tells a repeated `hand_in` that it is one
        forget(_id(payload, number - 1))  # or the tries of a long outage would fill the queue
    return {"outcome": sent}


def _id(payload: Mapping[str, Any], number: int) -> str:
    return f"{payload['key']}.{number}"


def pause(number: int) -> float:
    """Return the seconds between try ``number`` (from 1) and the next."""
    return min(LONGEST_PAUSE, 0.5 * 2.0 ** min(number - 1, 30))


def send(payload: Mapping[str, Any]) -> Sent:
    """Send the answer once.

    "gone": the event token or the installation is no more; a repeated answer is refused by the
    portal, which counts as gone. "given up": the portal refuses it for another reason, or has not
    taken it for `PATIENCE`. "later": it may be accepted later.
    """
    values = payload["values"]
    try:
        installation = oauth.load(payload["member_id"])
        if installation is None:
            return "gone"
        with oauth.portal(installation, patience=LIMITS) as portal:
            portal.call(
                "bizproc.event.send",
                {
                    "EVENT_TOKEN": payload["event_token"],
                    "RETURN_VALUES": values,
                    "LOG_MESSAGE": values["summary"] or values["error"] or values["status"],
                },
            )
        return "accepted"
    except (PortalError, ConfigurationError, OSError) as error:
        if isinstance(error, AccessDenied) and error.code == "ACCESS_DENIED":
            return "gone"  # not so a missing scope
        waited = datetime.now(UTC) - datetime.fromisoformat(payload["since"])
        if not _passes(error) or waited > PATIENCE:
            log.error("action %s: not sent, %s", payload["key"], error)
            return "given up"
        log.warning("action %s: not sent yet, %s", payload["key"], type(error).__name__)
        return "later"


def _passes(error: Exception) -> bool:
    """Tell whether sending may succeed later.

    A lost token may come back with the portal's next call (`oauth.adopt`). A worker that lacks a
    setting or cannot read a file is put right and started again, with this answer still to send.
    """
    if not isinstance(error, PortalError):
        return True
    return error.may_pass or isinstance(error, BadCredentials) or error.status >= 500
