"""Local applications at work: access tokens and the authorization server.

The authorization server answers under the portal's own address (``/oauth/authorize/``,
``/oauth/token/``), as a cloud portal does besides ``oauth.bitrix.info``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Host, Route, Router

from workbench.bitrix24.sandbox.applications.application_book import (
    Applications,
    ExpiredToken,
    OAuthError,
)
from workbench.bitrix24.sandbox.applications.deliveries import Deliveries, is_web_address
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest import answers
from workbench.bitrix24.sandbox.rest.methods import Call, Caller, Refusal, method

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

_APPLICATIONS: WeakKeyDictionary[Portal, Applications] = WeakKeyDictionary()
_DELIVERIES: WeakKeyDictionary[Portal, Deliveries] = WeakKeyDictionary()


def attach(portal: Portal) -> None:
    """Give the portal its applications and the queue that posts to their handlers."""
    deliveries = _DELIVERIES[portal] = Deliveries(portal.state)
    applications = _APPLICATIONS[portal] = Applications(
        portal.state, deliveries, lambda: portal.base_url.rstrip("/")
    )
    portal.beside.append(deliveries.run)
    portal.state.authorize = lambda token: caller(portal, applications, token)
    info = _server_info(portal, applications)
    server = Router(
        [
            Route("/oauth/token/", _token_page(portal), methods=["GET", "POST"]),
            Route("/rest/app.info", info, methods=["GET", "POST"]),
            Route("/rest/app.info/", info, methods=["GET", "POST"]),
        ]
    )
    portal.routes += [
        # The authorization server of the cloud, for clients that know it by its own name only.
        Host("oauth.{cloud}", server),
        Route("/oauth/authorize/", _authorize_page(portal), methods=["GET"]),
        Route("/oauth/token/", _token_page(portal), methods=["GET", "POST"]),
    ]


def applications_of(portal: Portal) -> Applications:
    """Return the portal's applications."""
    return _APPLICATIONS[portal]


def deliveries_of(portal: Portal) -> Deliveries:
    """Return the portal's queue of POSTs to handlers."""
    return _DELIVERIES[portal]


def caller(portal: Portal, applications: Applications, token: str) -> Caller:
    """Return who calls with an access token; raises `Refusal` 401."""
    try:
        holder = applications.holder(token)
    except ExpiredToken:
        text = "The access token provided has expired"
        raise Refusal("expired_token", text, 401) from None
    if holder is None:
        raise Refusal("NO_AUTH_FOUND", "Wrong authorization data", 401)
    if not rights.is_active(portal.state, holder.user_id):
        raise Refusal("authorization_error", "Unable to authorize user", 401)
    application = holder.application
    return Caller(
        holder.user_id,
        application.scopes,
        application.client_id,
        key=f"{application.client_id}:{holder.user_id}",
        application=application,
    )


def administrator(call: Call) -> bool:
    """Tell whether the caller is an administrator of the portal."""
    return rights.is_admin(call.state, call.caller.user_id)


def _authorize_page(portal: Portal) -> Any:
    async def authorize(request: Request) -> Response:
        """Send the browser back with a code. ``user_id`` stands for who is signed in (1)."""
        asked = request.query_params
        application = applications_of(portal).get(asked.get("client_id", ""))
        user_id = asked.get("user_id", "1")
        user = (
            portal.state.get("users", int(user_id))
            if user_id.isdecimal() and len(user_id) < 10
            else None
        )
        if application is None or not application.handler_url:
            return JSONResponse({"error": "invalid_client"}, status_code=400)
        if user is None or user["ACTIVE"] != "Y":
            return JSONResponse({"error": "authorization_error"}, status_code=401)
        answer = {
            "code": applications_of(portal).code(application, user["ID"]),
            "state": asked.get("state", ""),
            "domain": portal.host,
            "member_id": portal.state.settings["member_id"],
            "scope": ",".join(sorted(application.scopes)),
            "server_domain": portal.host,
        }
        mark = "&" if urlsplit(application.handler_url).query else "?"
        return RedirectResponse(f"{application.handler_url}{mark}{urlencode(answer)}", 302)

    return authorize


def _token_page(portal: Portal) -> Any:
    async def token(request: Request) -> Response:
        given = dict(request.query_params)
        if request.method == "POST":
            form = await request.form(max_files=0, max_fields=20)
            given |= {key: str(value) for key, value in form.items()}
        try:
            return JSONResponse(applications_of(portal).exchange(given))
        except OAuthError as error:
            return JSONResponse(
                {"error": error.error, "error_description": error.description},
                status_code=error.status,
            )

    return token


def _server_info(portal: Portal, applications: Applications) -> Any:
    async def info(request: Request) -> Response:
        """``app.info`` as the authorization server answers it; the portal's own says less."""
        given = dict(request.query_params)
        if request.method == "POST":
            form = await request.form(max_files=0, max_fields=20)
            given |= {key: str(value) for key, value in form.items()}
        began = time.time()
        token = given.get("auth", "")
        try:
            holder = caller(portal, applications, token)
        except Refusal as refusal:
            return JSONResponse(answers.failure(refusal), refusal.status)
        place = applications.place(holder.application)
        known = applications.holder(token)
        result = {
            "client_id": holder.client_id,
            "scope": place["scope"],
            "expires": portal.state.clock.iso(known.expires if known else None),
            "install": {
                "installed": holder.application.installed,
                "version": "1",
                "status": "L",
                "scope": place["scope"],
                "domain": place["domain"],
                "uri": portal.base_url,
                "client_endpoint": place["client_endpoint"],
                "member_id": place["member_id"],
                "member_type": "",
            },
            "user_id": holder.user_id,
        }
        times = answers.timing(began, portal.state.clock, 0, int(began) + 600)
        return JSONResponse(answers.success(result, times))

    return info


@method("sandbox.application.add")
def add_application(call: Call) -> dict[str, Any]:
    """Add a local application, as an administrator does in the portal's form.

    Parameters TITLE, SCOPE (comma-separated or a list), HANDLER, INSTALL (addresses), PAGE (Y: it
    has an interface), CLIENT_ID and CLIENT_SECRET (else made up).
    """
    if not administrator(call):
        raise Refusal("ACCESS_DENIED", "Access denied!", 403)
    scope = call.get("SCOPE") or []
    scopes = scope if isinstance(scope, list) else str(scope).split(",")
    addresses = [str(call.get(name) or "") for name in ("HANDLER", "INSTALL")]
    for address in filter(None, addresses):
        if not is_web_address(address):
            raise Refusal("ERROR_ARGUMENT", "HANDLER and INSTALL are http(s) addresses")
    client_id = str(call.get("CLIENT_ID") or "") or None
    applications = applications_of(call.portal)
    if client_id and applications.get(client_id):
        raise Refusal("ERROR_ARGUMENT", "There is an application with this CLIENT_ID")
    application = applications.add(
        str(call.get("TITLE") or "Application"),
        [name.strip() for name in map(str, scopes) if name.strip()],
        call.caller.user_id,
        handler_url=addresses[0],
        install_url=addresses[1],
        has_page=str(call.get("PAGE") or "").upper() == "Y",
        client_id=client_id,
        client_secret=str(call.get("CLIENT_SECRET") or "") or None,
    )
    return {"client_id": application.client_id, "client_secret": application.client_secret}


@method("sandbox.application.installed")
def finish_installation(call: Call) -> bool:
    """Do what ``BX24.installFinish()`` does in the application's page."""
    if call.caller.is_webhook:
        raise Refusal("WRONG_AUTH_TYPE", "Application context required", 403)
    applications_of(call.portal).finish_installation(call.caller.client_id)
    return True
