"""Deliveries of runs as jobs of the queue: short tries, each of a job of its own.

As with answers to processes (`delivery`), a try that did not get through hands in the next one
with a growing delay. What keeps a delivery from being made twice is the run's own book
(`workbench.reports.delivery.book`), not the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from workbench.automation.queue import enqueue, forget
from workbench.reports.delivery.attempt import attempt, pause, plan
from workbench.reports.delivery.book import ENDED, Delivery
from workbench.reports.record import RunRecord

log = logging.getLogger("workbench.delivery")


def hand_in(record: RunRecord) -> list[Delivery]:
    """Queue the first try of each delivery of a run; those that were handed in before stay."""
    deliveries = plan(record)
    for delivery in deliveries:
        if delivery.state not in ENDED:
            payload = {"run": record.id, "number": delivery.number, "try": delivery.tries + 1}
            enqueue("delivery", payload, id=_id(payload))
    return deliveries


def hand_in_next(run_id: str, delivery: Delivery) -> None:
    """Queue the try after the last one, with a delay."""
    payload = {"run": run_id, "number": delivery.number, "try": delivery.tries + 1}
    enqueue("delivery", payload, id=_id(payload), delay=pause(delivery.tries))


def deliver(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Make one try; return ``{outcome}``, the delivery's state."""
    run_id, number = str(payload["run"]), int(payload["number"])
    delivery = attempt(run_id, number)
    if delivery.state == "waiting":
        hand_in_next(run_id, delivery)
    if delivery.error:
        log.warning("%s: delivery %d: %s", run_id, number, delivery.error)
    tried = int(payload["try"])
    if tried > 2:  # the first one stays: it tells a repeated `hand_in` that it is one
        forget(_id({**payload, "try": tried - 1}))
    return {"outcome": delivery.state}


def _id(payload: Mapping[str, Any]) -> str:
    return f"deliver-{payload['run']}.{payload['number']}.{payload['try']}"
