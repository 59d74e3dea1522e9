"""A webhook: the run's record and figures as JSON, to an address that is a setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from workbench.errors import DeliveryError
from workbench.i18n import _
from workbench.reports.delivery.destinations import Webhook
from workbench.reports.origin import period_label
from workbench.reports.record import RunRecord, read_contents
from workbench.settings import settings

PATIENCE = 30.0  # seconds
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def post(webhook: Webhook, record: RunRecord, number: int, begin: Callable[[], None]) -> str:
    """Send the run; return the status. ``Idempotency-Key`` tells a repeated try from a new one.

    Neither the address nor what the other side answers is kept: both may hold secrets.
    """
    try:
        address = settings().hooks[webhook.hook].get_secret_value()
        url = httpx.URL(address)
    except (KeyError, httpx.InvalidURL):
        raise DeliveryError(
            _("There is no address for the webhook {hook}.").format(hook=webhook.hook),
            hint=_('Set WORKBENCH_HOOKS, for example to {{"{hook}": "https://…"}}.').format(
                hook=webhook.hook
            ),
        ) from None
    if url.scheme != "https" and url.host not in LOOPBACK:
        raise DeliveryError(
            _("The webhook {hook} is not an https address.").format(hook=webhook.hook)
        )
    begin()
    try:
        answer = httpx.post(
            url,
            content=json.dumps(payload(record), ensure_ascii=False),
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": f"{record.id}.{number}",
            },
            timeout=PATIENCE,
            follow_redirects=False,
        )
    except httpx.HTTPError as problem:
        raise DeliveryError(
            _("The webhook {hook} does not answer: {reason}").format(
                hook=webhook.hook, reason=type(problem).__name__
            ),
            may_pass=True,
        ) from None
    if not answer.is_success:
        raise DeliveryError(
            _("The webhook {hook} answered {status}.").format(
                hook=webhook.hook, status=answer.status_code
            ),
            may_pass=answer.status_code in (408, 425, 429) or answer.status_code >= 500,
        )
    return str(answer.status_code)


def payload(record: RunRecord) -> dict[str, Any]:
    """Return what a webhook gets: the run, its answer, its key figures with their definitions."""
    contents = read_contents(record.folder)
    return {
        "run": record.id,
        "report": record.report,
        "title": record.title,
        "language": record.language,
        "period": period_label(record),
        "periods": record.periods,
        "parameters": record.parameters,
        "snapshot": record.snapshot,
        "as_of": record.as_of.isoformat() if record.as_of else None,
        "currency": contents.get("currency"),
        "result": record.result,
        "figures": [
            figure for panel in contents.get("panels", []) for figure in panel.get("figures", [])
        ],
    }
