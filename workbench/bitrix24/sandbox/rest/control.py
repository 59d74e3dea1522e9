"""Control calls: faults and the clock, off unless the server was started with ``--control``.

GET    /control/stats            figures (to this machine also without ``--control``)
GET    /control/faults           rules in force with how often they struck
POST   /control/faults           one rule or a list of them: JSON maps or texts, see `faults`
DELETE /control/faults           no more faults
POST   /control/clock            {"advance": seconds}: the portal's clock jumps ahead, limits too
POST   /control/operating        {"limit": seconds or null} or {"method", "seconds"} to book
POST   /control/webhooks         {"user_id", "scopes"}: a further incoming webhook
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workbench.bitrix24.sandbox.portal import Portal

OFF = JSONResponse({"error": "control calls are off; start with --control"}, 403)


def _is_near(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _is_foreign(request: Request) -> bool:
    """Whether a browser asks on behalf of a page of another site, which no tool does."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def control_routes(portal: Portal) -> list[Route]:
    """The routes of the control calls."""

    async def stats(request: Request) -> Response:
        if not portal.control and not _is_near(request):
            return OFF
        return JSONResponse(portal.accounts.figures())

    async def body(request: Request) -> Any:
        try:
            return orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            raise ValueError("JSON expected") from None

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            portal.faults.rules.clear()
        elif request.method == "POST":
            given = await body(request)
            new = given if isinstance(given, list) else [given]
            if not all(isinstance(item, dict | str) for item in new):
                raise ValueError("a fault is a map or a text")
            portal.faults.rules += [portal.fault(item) for item in new]
        return JSONResponse({"faults": [item.describe() for item in portal.faults.rules]})

    async def clock(request: Request) -> Response:
        seconds = int((await body(request)).get("advance", 0))
        portal.state.settings["clock_shift"] = portal.state.settings["clock_shift"] + seconds
        portal.accounts.shift += seconds
        return JSONResponse({"now": portal.state.clock.iso(portal.state.timestamp())})

    async def operating(request: Request) -> Response:
        given = await body(request)
        if "limit" in given:
            limit = given["limit"]
            portal.accounts.operating_limit = None if limit is None else float(limit)
        if "method" in given:
            for hook in portal.state.webhooks():
                caller = portal.webhook_caller(hook.user_id, hook.code)
                seconds = float(given.get("seconds", 0))
                portal.accounts.book(caller.key, str(given["method"]).lower(), seconds)
        return JSONResponse({"limit": portal.accounts.operating_limit})

    async def webhooks(request: Request) -> Response:
        given = await body(request)
        scopes = given.get("scopes")
        hook = portal.state.add_webhook(
            int(given["user_id"]),
            scopes=portal.state.webhooks()[0].scopes if scopes is None else scopes,
        )
        return JSONResponse({"url": f"{portal.base_url}/rest/{hook.user_id}/{hook.code}/"})

    def guarded(handler: Any) -> Any:
        async def answer(request: Request) -> Response:
            if not portal.control:
                return OFF
            if _is_foreign(request):
                return JSONResponse({"error": "not from another site's page"}, 403)
            try:
                return await handler(request)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                return JSONResponse({"error": str(error)}, 400)

        return answer

    return [
        Route("/control/stats", stats),
        Route("/control/faults", guarded(faults), methods=["GET", "POST", "DELETE"]),
        Route("/control/clock", guarded(clock), methods=["POST"]),
        Route("/control/operating", guarded(operating), methods=["POST"]),
        Route("/control/webhooks", guarded(webhooks), methods=["POST"]),
    ]
