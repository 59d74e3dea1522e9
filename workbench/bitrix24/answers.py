"""What a portal answers: results, and its errors translated into ours, once.

Bitrix24 is not uniform: the code may be upper or lower case, empty, a number, or an object (REST
3.0); it may come with any status, 200 included. So the body decides, by code, without case; the
text is looked at only where the code is empty (old CRM methods).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workbench.bitrix24.redaction import redact
from workbench.errors import (
    AccessDenied,
    BadCredentials,
    OperationTimeLimit,
    PortalError,
    PortalUnreachable,
    QueryLimitExceeded,
    RecordNotFound,
)
from workbench.i18n import _

EXPIRED = "EXPIRED_TOKEN"
BAD_CREDENTIALS = {
    "NO_AUTH_FOUND",
    EXPIRED,
    "INVALID_TOKEN",
    "AUTHORIZATION_ERROR",
    "APPLICATION_NOT_FOUND",
    "ERROR_OAUTH",
    "NOT_INSTALLED",
    "INVALID_GRANT",
    "INVALID_CLIENT",
    "WRONG_CLIENT",
}
ACCESS_DENIED = {
    "INSUFFICIENT_SCOPE",
    "ACCESS_DENIED",
    "ACCESS_ERROR",
    "USER_ACCESS_ERROR",
    "ALLOWED_ONLY_INTRANET_USER",
    "WRONG_AUTH_TYPE",
    "METHOD_CONFIRM_WAITING",
    "METHOD_CONFIRM_DENIED",
    "PAYMENT_REQUIRED",
}
NOT_FOUND = {"NOT_FOUND", "ERROR_NOT_FOUND", "OWNER_NOT_FOUND"}
TAGS = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class BatchAnswer:
    """The answer to one command of a batch.

    ``result`` as the method gives it (``None`` if it failed), ``total`` if the portal counted,
    ``next`` the start of the following page, ``error`` what went wrong with this command alone.
    """

    result: Any = None
    total: int | None = None
    next: int | None = None
    error: PortalError | None = None


def code_and_text(payload: dict[str, Any]) -> tuple[str, str]:
    """Return the error's code (upper case) and its text without markup or secrets."""
    error = payload.get("error")
    text = payload.get("error_description")
    if isinstance(error, dict):  # REST 3.0
        text = text or error.get("message")
        error = error.get("code", "")
    code = "" if error is None or isinstance(error, bool) else str(error).strip().upper()
    return code, redact(TAGS.sub(" ", str(text or "")).strip())[:500]


def translate(payload: dict[str, Any], status: int, method: str) -> PortalError:
    """Return our error for an error body (``{"error": …, "error_description": …}``)."""
    code, text = code_and_text(payload)
    where: dict[str, Any] = {"code": code, "method": method, "status": status}
    said = text or code or _("no explanation")
    if code == "QUERY_LIMIT_EXCEEDED":
        return QueryLimitExceeded(
            _("The portal gets too many requests."), hint=_("Try again in a minute."), **where
        )
    if code == "OPERATION_TIME_LIMIT":
        return OperationTimeLimit(
            _("{method} has used up its operating time on the portal.").format(method=method),
            hint=_("The portal lets it work again within ten minutes."),
            **where,
        )
    if code == "OVERLOAD_LIMIT":
        return PortalError(
            _("The portal has blocked its REST interface because of overload."),
            hint=_("Only Bitrix24’s support can lift this block."),
            **where,
        )
    if code == "PORTAL_DELETED":
        return PortalError(
            _("The portal is closed."),
            hint=_("Its administrator can open it again in Bitrix24."),
            **where,
        )
    if code in BAD_CREDENTIALS or (code == "INVALID_CREDENTIALS" and status == 401):
        return BadCredentials(
            _("The portal does not accept the webhook code or token: {said}").format(said=said),
            hint=_("Create a new incoming webhook, or install the application again."),
            **where,
        )
    if code == "INSUFFICIENT_SCOPE":
        return AccessDenied(
            _("The webhook has no scope for {method}.").format(method=method),
            hint=_("Tick the scope in the webhook’s settings on the portal."),
            **where,
        )
    if code == "WRONG_AUTH_TYPE":
        return AccessDenied(
            _("{method} is open to applications only, not to webhooks.").format(method=method),
            **where,
        )
    denied_text = code in ("", "0") and "access denied" in text.lower()
    if code in ACCESS_DENIED or code == "INVALID_CREDENTIALS" or denied_text:
        return AccessDenied(
            _("The portal refuses {method}: {said}").format(method=method, said=said),
            hint=_("Check the rights of the webhook’s user and the portal’s plan."),
            **where,
        )
    missing_text = code in ("", "0") and "not found" in text.lower()
    if code in NOT_FOUND or missing_text:
        return RecordNotFound(
            _("{method}: no such record ({said}).").format(method=method, said=said), **where
        )
    if status >= 500:
        return PortalUnreachable(
            _("The portal has an internal error: {said}").format(said=said),
            hint=_("Try again later."),
            **where,
        )
    return PortalError(
        _("The portal refuses {method}: {said}").format(method=method, said=said), **where
    )


def section(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a section of a batch result as a map; an empty one comes as ``[]``."""
    part = result.get(name)
    return part if isinstance(part, dict) else {}


def whole_number(value: Any) -> int | None:
    """Return a count as a number, ``None`` if there is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def batch_answers(
    payload: dict[str, Any], keys: list[str], methods: list[str]
) -> list[BatchAnswer]:
    """Take a batch's answer apart, in the order of ``keys``."""
    result = payload.get("result")
    parts = result if isinstance(result, dict) else {}
    results, errors = section(parts, "result"), section(parts, "result_error")
    totals, nexts = section(parts, "result_total"), section(parts, "result_next")
    answers = []
    for key, method in zip(keys, methods, strict=True):
        error = errors.get(key)
        if error is not None:
            body = error if isinstance(error, dict) else {"error": error}
            answers.append(BatchAnswer(error=translate(body, 200, method)))
        elif key in results:
            answers.append(
                BatchAnswer(
                    results[key], whole_number(totals.get(key)), whole_number(nexts.get(key))
                )
            )
        else:
            lost = {"error": "", "error_description": _("no answer to this command of the batch")}
            answers.append(BatchAnswer(error=translate(lost, 200, method)))
    return answers
