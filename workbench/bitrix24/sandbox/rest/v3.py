"""REST 3.0 beside the old protocol: ``/rest/api/USER/CODE/METHOD``, JSON in and out.

It covers no CRM. Here: ``rest.scope.list`` and ``tasks.task.get``; what counts is that its errors
have their own shape. Source: api-reference/rest-v3.md.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.portal import Portal, allowed
from workbench.bitrix24.sandbox.rest.methods import Caller, Refusal
from workbench.bitrix24.sandbox.tasks.tasks import TASKS

PREFIX = "BITRIX_REST_V3_EXCEPTION_"
INVALID = "VALIDATION_REQUESTVALIDATIONEXCEPTION"


class Problem(Exception):
    """An error of REST 3.0."""

    def __init__(self, name: str, message: str, status: int = 400, field: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.status = status
        self.field = field

    def body(self) -> dict[str, Any]:
        """The error as it is sent; one of a request's field names the field."""
        if not self.field:
            return {"code": PREFIX + self.name, "message": self.message}
        validation = [{"field": self.field, "message": self.message}]
        message = "Error validating request object"
        return {"code": PREFIX + self.name, "message": message, "validation": validation}


class Door:
    """Answers everything under ``/rest/api/``."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    async def answer(self, request: Request) -> Response:
        """One request."""
        try:
            body: Any = {"result": await self._result(request)}
            status = 200
        except Problem as problem:
            body = {"error": problem.body()}
            status = problem.status
        except Refusal as refusal:
            body = {"error": {"code": str(refusal.code), "message": refusal.text}}
            status = refusal.status
        return Response(orjson.dumps(body), status, media_type="application/json; charset=utf-8")

    async def _result(self, request: Request) -> Any:
        parts = [part for part in request.url.path.split("/") if part][2:]
        raw = await request.body()
        try:
            params = orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError:
            raise Problem("INVALIDJSONEXCEPTION", "The body is not valid JSON") from None
        if not isinstance(params, dict):
            raise Problem("INVALIDREQUESTEXCEPTION", "A JSON object is expected")
        if len(parts) >= 3 and parts[0].isdecimal() and len(parts[0]) < 12:
            caller = self.portal.webhook_caller(int(parts[0]), parts[1])
            name = parts[2]
        else:
            caller = self.portal.token_caller(params.get("auth"))
            name = parts[0] if parts else ""
        if name.lower() == "rest.scope.list":
            return {"items": sorted(caller.scopes)}
        if name.lower() == "tasks.task.get":
            return self._task(caller, params)
        raise Problem("METHODNOTFOUNDEXCEPTION", f"Method `{name[:80]}` is not found", 404)

    def _task(self, caller: Caller, params: dict[str, Any]) -> Any:
        if not allowed("task", caller.scopes):
            raise Problem("INSUFFICIENTSCOPEEXCEPTION", "Insufficient scope", 403)
        given = params.get("id")
        if given is None:
            raise Problem(INVALID, "Required field `id` is missing", field="id")
        if isinstance(given, bool) or not isinstance(given, int):
            text = "Field `id` requires data type `int` for this request"
            raise Problem(INVALID, text, field="id")
        missing = Problem("ENTITYNOTFOUNDEXCEPTION", f"Record with ID = `{given}` not found")
        barred = Problem("ACCESSDENIEDEXCEPTION", "Access denied", 403)
        row = rights.seen(self.portal.state, caller.user_id, TASKS, given, missing, barred)
        return {
            "item": {"id": row["ID"], "title": row["TITLE"], "responsibleId": row["RESPONSIBLE_ID"]}
        }
