"""The REST door: an HTTP request as a call, and the call's outcome as an HTTP answer."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workbench.bitrix24.sandbox.portal import Portal, known_name
from workbench.bitrix24.sandbox.rest import answers, forms
from workbench.bitrix24.sandbox.rest.accounts import NOBODY, OutOfTime, Spent
from workbench.bitrix24.sandbox.rest.faults import Rule
from workbench.bitrix24.sandbox.rest.guard import BODY_LIMIT
from workbench.bitrix24.sandbox.rest.methods import Caller, Refusal

DEEPEST = 128  # levels of JSON; a record that holds more could not be sent again
# What stands before the portal gives up and says so itself, in no language of the portal's.
GATEWAY_TIMEOUT = (
    b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n"
    b"<center><h1>504 Gateway Time-out</h1></center>\r\n</body>\r\n</html>\r\n"
)


@dataclass
class Address:
    """What a path under ``/rest/`` says: method, form of the answer, webhook."""

    method: str
    xml: bool
    user: int | None
    code: str


def address(path: str) -> Address:
    """Read ``/rest/USER/CODE/METHOD`` or ``/rest/METHOD``, with ``.json`` or ``.xml``."""
    parts = [part for part in path.split("/") if part][1:]
    user: int | None = None
    code = ""
    if len(parts) >= 2 and parts[0].isdecimal() and len(parts[0]) < 12:
        user, code, parts = int(parts[0]), parts[1], parts[2:]
    name = parts[0] if parts else ""
    lower = name.lower()
    xml = lower.endswith(".xml")
    if xml or lower.endswith(".json"):
        name = name[: name.rfind(".")]
    return Address(name, xml, user, code)


async def parameters(request: Request) -> dict[str, Any]:
    """The parameters of a request: query, then body (form, multipart or JSON) over it."""
    params = forms.parse(request.url.query)
    if request.method != "POST":
        return params
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if int(request.headers.get("content-length") or 0) > BODY_LIMIT:
        raise Refusal("INVALID_REQUEST", "Request entity is too large", 413)
    if kind == "multipart/form-data":
        try:
            form = await request.form(max_fields=forms.MAX_VARIABLES, max_part_size=BODY_LIMIT)
        except Refusal:
            raise
        except Exception as error:  # a malformed body is the client's mistake, whatever it raises
            raise Refusal("INVALID_REQUEST", "Malformed multipart body", 400) from error
        items: list[tuple[str, Any]] = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = base64.b64encode(await value.read()).decode()
                items.append((name, [value.filename or "", content]))
            else:
                items.append((name, value))
        return {**params, **forms.nest(items)}
    body = await request.body()
    if len(body) > BODY_LIMIT:
        raise Refusal("INVALID_REQUEST", "Request entity is too large", 413)
    if not body:
        return params
    if kind == "application/json" or (
        kind != "application/x-www-form-urlencoded" and body[:1] == b"{"
    ):
        try:
            given = orjson.loads(body)
        except orjson.JSONDecodeError:
            return params
        if body.count(b"[") + body.count(b"{") > DEEPEST and _deeper(given, DEEPEST):
            return params
        return {**params, **given} if isinstance(given, dict) else params
    return {**params, **forms.parse(body.decode("utf-8", "replace"))}


def _deeper(value: Any, levels: int) -> bool:
    """Whether JSON is nested deeper than so many levels."""
    level = [value]
    for _level in range(levels):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


class CutResponse(Response):
    """Promises the whole body, sends half of it and lets the connection break."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # uvicorn closes the connection of an application that raises before its body is complete.
        raise ConnectionError("cut on demand")


class Door:
    """Answers everything under ``/rest/``."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    async def answer(self, request: Request) -> Response:
        """One request: faults, rate, caller, call, envelope."""
        began = time.time()
        portal = self.portal
        where = address(request.url.path)
        name = where.method.lower()
        who = NOBODY
        struck: list[Rule] = []
        spent = Spent()
        try:
            refusal = self.admit(request)
            try:
                params = await parameters(request)
                token = next((params.pop(k) for k in list(params) if k.lower() == "auth"), None)
                caller = self.caller(where, token)
                who = portal.label(caller)
            except Refusal as wrong:
                refusal = refusal or wrong
            portal.accounts.totals.requests += 1
            portal.accounts.line(who, known_name(name)).requests += 1
            if refusal is None or refusal.status != 503:
                struck = portal.faults.strike(name) if portal.faults.rules else []
                for rule in struck:
                    if not rule.after:
                        await self.fault(rule)
            if refusal is not None:
                raise refusal
            answer, times = await portal.answer(where.method, params, caller, spent)
            if portal.accounts.real_time:
                await asyncio.sleep(spent.seconds - (time.time() - began))
            body: Any = answers.success(answer, times)
            status = 200
            for rule in struck:
                if rule.after:
                    await self.fault(rule)
        except Refusal as refused:
            portal.count_refusal(refused, who, name)
            body, status = answers.failure(refused), refused.status
        except OutOfTime:
            portal.accounts.line(who, known_name(name)).timed_out += 1
            if portal.accounts.real_time:
                await asyncio.sleep(portal.accounts.request_limit - (time.time() - began))
            status = 504
        except ClientDisconnect:
            return Response(status_code=499)
        if status == 504:
            sent, kind = GATEWAY_TIMEOUT, "text/html"
        else:
            sent, kind = answers.encode(body, xml=where.xml)
        portal.accounts.totals.bytes_sent += len(sent)
        portal.accounts.totals.seconds += time.time() - began
        if status == 200 and any(rule.fault == "cut" for rule in struck):
            return CutResponse(sent, media_type=kind)
        return Response(sent, status, media_type=kind)

    def admit(self, request: Request) -> Refusal | None:
        """What the plan's rate has against one more request from this address."""
        if self.portal.accounts.admit(request.client.host if request.client else ""):
            return None
        return Refusal("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)

    def caller(self, where: Address, token: Any) -> Caller:
        """Who calls, by webhook or token. Refuses strangers."""
        if where.user is not None:
            return self.portal.webhook_caller(where.user, where.code)
        return self.portal.token_caller(token)

    async def fault(self, rule: Rule) -> None:
        """Let one fault happen. ``cut`` happens when the answer is sent."""
        if rule.fault == "503":
            raise Refusal("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
        if rule.fault == "429":
            raise Refusal(
                "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429
            )
        if rule.fault == "500":
            raise Refusal("INTERNAL_SERVER_ERROR", "Internal server error", 500)
        if rule.fault == "expired_token":
            raise Refusal("expired_token", "The access token provided has expired.", 401)
        if rule.fault == "timeout":
            await asyncio.sleep(rule.seconds)
            raise Refusal("", "Gateway Time-out", 504)
        if rule.fault in ("change", "delete"):
            self.portal.disturb(rule)
