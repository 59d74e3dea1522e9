"""REST 3.0 beside the old protocol: ``/rest/api/USER/CODE/METHOD``, JSON in and out.

It covers no CRM. Here: ``rest.scope.list`` and ``tasks.task.get``; what counts is that its errors
have their own shape. Source: api-reference/rest-v3.md.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from workbench.bitrix24.sandbox.portal import Portal, allowed
from workbench.bitrix24.sandbox.rest.methods import Caller, Refusal

PREFIX = "BITRIX_REST_V3_EXCEPTION_"


class Problem(Exception):
    """An error of REST 3.0."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.status = status


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
            body = {"error": {"code": PREFIX + problem.name, "message": problem.message}}
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
        if len(parts) >= 3 and parts[0].isdecimal():
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
        row = self.portal.state.get("tasks", given) if isinstance(given, int) else None
        if row is None:
            raise Problem(
                "ENTITYNOTFOUNDEXCEPTION", f"Entity with id `{str(given)[:20]}` is not found"
            )
        return {
            "item": {"id": row["ID"], "title": row["TITLE"], "responsibleId": row["RESPONSIBLE_ID"]}
        }
