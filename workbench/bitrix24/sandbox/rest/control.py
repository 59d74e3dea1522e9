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
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workbench.bitrix24.sandbox.portal import Portal, known_name

FOREIGN = JSONResponse(
    {"error": "not from another site's page, nor under a name that is not the portal's"}, 403
)
OFF = JSONResponse({"error": "control calls are off; start with --control"}, 403)


FURTHEST = 100 * 366 * 86_400  # seconds by which the portal's clock may be off


def _is_near(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _is_foreign(request: Request, portal: Portal) -> bool:
    """Whether a browser asks on behalf of a page of another site, which no tool does.

    Such a page tells its own site as origin; or its site's name has been made to lead here, and
    then the request is for that name, which is none of the portal's.
    """
    try:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return True
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return True
    if host in ("localhost", urlsplit(portal.base_url).hostname):
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def _seconds(value: Any, *, least: float) -> float:
    seconds = float(value)
    if isinstance(value, bool) or not isfinite(seconds) or seconds < least:
        raise ValueError(f"a number of seconds from {least:g} is expected")
    return seconds


def control_routes(portal: Portal) -> list[Route]:
    """The routes of the control calls."""

    async def stats(request: Request) -> Response:
        if not portal.control and not _is_near(request):
            return OFF
        if _is_foreign(request, portal):
            return FOREIGN
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
        seconds = int(_seconds((await body(request)).get("advance", 0), least=-FURTHEST))
        shift = portal.state.settings["clock_shift"] + seconds
        if abs(shift) > FURTHEST:
            raise ValueError("the portal's clock is at most 100 years off")
        portal.state.settings["clock_shift"] = shift
        portal.accounts.shift += seconds
        return JSONResponse({"now": portal.state.clock.iso(portal.state.timestamp())})

    async def operating(request: Request) -> Response:
        given = await body(request)
        limit = given.get("limit")
        limit = None if limit is None else _seconds(limit, least=0)
        method = str(given.get("method", "")).lower()
        seconds = _seconds(given.get("seconds", 0), least=0)
        if method and not known_name(method):
            raise ValueError(f"there is no method {method[:40]}")
        if "limit" in given:
            portal.accounts.operating_limit = limit
        for hook in portal.state.webhooks() if method else ():
            caller = portal.webhook_caller(hook.user_id, hook.code)
            portal.accounts.book(caller.key, method, seconds)
        return JSONResponse({"limit": portal.accounts.operating_limit})

    async def webhooks(request: Request) -> Response:
        given = await body(request)
        user, scopes = given["user_id"], given.get("scopes")
        if type(user) is not int or portal.state.get("users", user) is None:
            raise ValueError(f"there is no user {str(user)[:40]}")
        if scopes is None:
            scopes = portal.state.webhooks()[0].scopes
        elif not isinstance(scopes, list) or not all(isinstance(name, str) for name in scopes):
            raise ValueError("scopes are a list of texts")
        hook = portal.state.add_webhook(user, scopes=scopes)
        return JSONResponse({"url": f"{portal.base_url}/rest/{hook.user_id}/{hook.code}/"})

    def guarded(handler: Any) -> Any:
        async def answer(request: Request) -> Response:
            if not portal.control:
                return OFF
            if _is_foreign(request, portal):
                return FOREIGN
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
