"""What the portal calls: a small server process of its own, which answers in milliseconds.

    POST /bitrix24/install   ONAPPINSTALL and ONAPPUNINSTALL of the local application
    POST /bitrix24/action    the action of a process: verified, queued, answered
    POST /triggers/NAME      another program starts a trigger (see `workbench.automation.calls`)
    GET  /healthz

Nothing is analysed here. A call counts only with the application token, member id and domain of
the stored installation, compared in constant time; anything else gets 403 and changes nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workbench.automation import calls
from workbench.automation.connections import TimedHeads
from workbench.automation.queue import enqueue
from workbench.automation.registration import register
from workbench.bitrix24 import activity, oauth
from workbench.bitrix24.client import Portal
from workbench.bitrix24.form import MalformedForm, parse
from workbench.errors import ConfigurationError, PortalError, WorkbenchError
from workbench.i18n import _
from workbench.settings import private_file, private_folder, settings

MAX_BODY = 64 * 1024  # bytes; the portal's calls are a few kilobytes
BODY_PATIENCE = 10.0  # seconds for a body to arrive
INSTALLS_WAITING = 4  # each makes us call the portal, so a flood is refused

log = logging.getLogger("workbench.handler")

Endpoint = Callable[[Request], Awaitable[Response]]


def portal_address() -> str:
    """Return ``scheme://host`` of the portal that may install the application.

    Raises `ConfigurationError` if neither it nor a webhook is known.
    """
    named = settings().app_portal
    if named:
        parts = urlsplit(named)
        if parts.scheme in ("http", "https") and parts.netloc:
            return f"{parts.scheme}://{parts.netloc}"
        raise ConfigurationError(
            _("WORKBENCH_APP_PORTAL is no address."),
            hint=_("It should look like https://company.bitrix24.com."),
        )
    try:
        with Portal.from_settings() as portal:
            return portal.portal_url
    except WorkbenchError:
        raise ConfigurationError(
            _("It is not known which portal the application belongs to."),
            hint=_("Set WORKBENCH_APP_PORTAL or run `workbench connect`."),
        ) from None


class Refused(Exception):
    """The call is answered with ``status`` and has no effect; ``reason`` goes to the log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def form(request: Request) -> dict[str, Any]:
    """Read a capped form body; raises `Refused` 413, 408 or 400."""
    try:
        return parse(await posted_bytes(request))
    except MalformedForm:
        raise Refused(400, "no form") from None


async def posted_bytes(request: Request) -> bytes:
    """Read a capped body; raises `Refused` 413 or 408."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise Refused(413, "body too large")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Refused(413, "body too large")
    except TimeoutError:
        raise Refused(408, "body too slow") from None
    return bytes(body)


def verified(posted: dict[str, Any]) -> tuple[activity.Auth, oauth.Installation]:
    """Return who calls and the installation it belongs to; raises `Refused` 403.

    All three comparisons are made, each in constant time, also for an unknown portal.
    """
    try:
        auth = activity.Auth.model_validate(posted.get("auth"))
    except ValidationError:
        raise Refused(403, "no authorization") from None
    installation = oauth.load(auth.member_id)
    known = installation or oauth.Installation(
        member_id="", domain="", client_endpoint="", access_token=SecretStr(""),
        refresh_token=SecretStr(""), application_token=SecretStr(""),
    )  # fmt: skip
    given = auth.application_token.get_secret_value()
    same = [
        same_text(given, known.application_token.get_secret_value()),
        same_text(auth.member_id, known.member_id),
        same_text(auth.domain.lower(), known.domain.lower()),
        bool(given),
    ]
    if installation is None or not all(same):
        raise Refused(403, "application token, member id or domain do not match")
    return auth, installation


def same_text(given: str, stored: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), stored.encode(errors="replace"))


async def action(request: Request) -> Response:
    """Queue one run for a call of the action; a repeated call finds its run there already."""
    started = time.perf_counter()
    posted = await form(request)
    auth, installation = verified(posted)
    try:
        call = activity.Call.model_validate(posted)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"]))[:40] for item in error.errors()[:5])
        raise Refused(400, f"malformed call: {fields!r}") from None
    if call.code not in (activity.CODE, activity.ROBOT_CODE):
        raise Refused(400, "unknown code")
    if installation.spent:
        await run_in_threadpool(
            oauth.adopt,
            installation.member_id,
            auth.access_token.get_secret_value(),
            auth.refresh_token.get_secret_value(),
            auth.expires_in,
        )
    payload = {
        "key": call.key,
        "member_id": installation.member_id,
        "event_token": call.event_token.get_secret_value(),
        "workflow_id": call.workflow_id,
        "document_id": call.document_id,
        "properties": call.settings,
        "waits": call.waits,
        "timeout_duration": call.timeout_duration,
        "received": datetime.now(UTC).isoformat(),
        "language": settings().language,
    }
    new = await run_in_threadpool(enqueue, "action", payload, id=call.key)
    milliseconds = (time.perf_counter() - started) * 1000
    log.info("action %s %s in %.1f ms", call.key, "queued" if new else "known", milliseconds)
    return JSONResponse({"status": "queued" if new else "known"})


async def called(request: Request) -> Response:
    """Write down a call that starts a trigger; 403 without the token, whatever it names."""
    expected = calls.token()
    given = calls.bearer(request.headers.get("authorization", ""))
    if not same_text(given, expected or "") or expected is None:
        raise Refused(403, "no or another token")
    name, body = request.path_params["name"], await posted_bytes(request)
    try:
        records = await run_in_threadpool(calls.note, name, body)
    except calls.Unusable as error:
        raise Refused(error.status, error.reason) from None
    log.info("trigger %r called, %d records", name, records)
    return JSONResponse({"status": "noted", "records": records}, status_code=202)


async def install(request: Request) -> Response:
    """Take the tokens of ONAPPINSTALL after the portal itself has confirmed them."""
    posted = await form(request)
    event = str(posted.get("event", "")).upper()
    if event == "ONAPPUNINSTALL":
        auth, _installation = verified(posted)
        await run_in_threadpool(oauth.forget, auth.member_id)
        log.info("uninstalled from %r", auth.domain)
        return JSONResponse({"status": "uninstalled"})
    if event != "ONAPPINSTALL":
        raise Refused(400, "neither an installation nor an uninstallation")
    state = request.app.state
    if state.installing >= INSTALLS_WAITING:
        raise Refused(503, "too many installations at once")
    state.installing += 1
    try:
        async with state.one_install:
            await run_in_threadpool(_install, posted)
    finally:
        state.installing -= 1
    return JSONResponse({"status": "installed"})


def _install(posted: dict[str, Any]) -> None:
    try:
        auth = activity.Auth.model_validate(posted.get("auth"))
    except ValidationError:
        raise Refused(403, "no authorization") from None
    access, renewal = auth.access_token.get_secret_value(), auth.refresh_token.get_secret_value()
    base = portal_address()
    if not same_text(auth.domain.lower(), urlsplit(base).netloc.lower()):
        raise Refused(403, "not the configured portal")
    complete = access and renewal and auth.application_token.get_secret_value()
    if not oauth.is_member_id(auth.member_id) or not complete:
        raise Refused(403, "incomplete authorization")
    # Our own idea of the portal's address, never the posted one: a forged call leads nowhere.
    endpoint = f"{base}/rest/"
    try:
        with Portal.with_token(endpoint, access, refresh=lambda: access) as portal:
            info = portal.call("app.info")
            profile = portal.call("profile")
    except PortalError as error:
        raise Refused(403, f"the portal does not confirm the tokens: {error.code}") from None
    client_id = settings().app_client_id or ""
    if not client_id or not same_text(str(info.get("CODE", "")), client_id):
        raise Refused(403, "the tokens belong to another application")
    if profile.get("ADMIN") is not True:
        raise Refused(403, "the tokens belong to no administrator")
    installation = oauth.Installation(
        member_id=auth.member_id,
        domain=auth.domain,
        client_endpoint=endpoint,
        access_token=auth.access_token,
        refresh_token=auth.refresh_token,
        application_token=auth.application_token,
        expires=time.time() + auth.expires_in,
        user_id=str(profile.get("ID", "")),
    )
    with oauth.locked(auth.member_id):
        oauth.save(installation)
    log.info("installed on %s", installation.domain)
    try:
        register(installation)
    except WorkbenchError as error:
        # The tokens are good; `workbench app install` does the rest again.
        log.error("registration failed: %s", error.message)


def answering(endpoint: Endpoint) -> Endpoint:
    """Answer refusals and failures of ``endpoint``; one log line, nothing the caller sent."""

    async def answer(request: Request) -> Response:
        path = request.url.path
        try:
            return await endpoint(request)
        except Refused as error:
            caller = request.client.host if request.client else "?"
            log.warning("refused %s from %s: %d %s", path, caller, error.status, error.reason)
            return JSONResponse({"error": error.reason}, status_code=error.status)
        except ClientDisconnect:
            log.warning("disconnected %s", path)
            return Response(status_code=400)
        except Exception as error:
            # Not queued: an honest failure, without a traceback or anything of the call.
            log.error("failed %s: %s", path, type(error).__name__)
            return JSONResponse({"error": "not accepted"}, status_code=503)

    return answer


async def healthz(_request: Request) -> Response:
    """Answer that the process is up."""
    return JSONResponse({"status": "ok"})


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.installing = 0
    app.state.one_install = asyncio.Lock()
    yield


def application() -> Starlette:
    """Return the ASGI application."""
    return Starlette(
        routes=[
            Route("/bitrix24/action", answering(action), methods=["POST"]),
            Route("/bitrix24/install", answering(install), methods=["POST"]),
            Route("/triggers/{name}", answering(called), methods=["POST"]),
            Route("/healthz", healthz, methods=["GET"]),
        ],
        lifespan=_lifespan,
    )


def write_log() -> None:
    """Send the handler's log to ``handler.log`` of the installation's state."""
    folder = private_folder(settings().home_dir)
    private_file(folder / "handler.log")
    file = RotatingFileHandler(folder / "handler.log", maxBytes=5_000_000, backupCount=3)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(file)
    log.setLevel(logging.INFO)


def serve(host: str, port: int, url_file: Path | None = None) -> None:
    """Run the handler until it is told to end; port 0 takes a free one.

    ``url_file`` receives the address once the socket listens. Settings that a call would need
    are checked first.
    """
    portal_address()
    calls.token()
    os.umask(0o077)  # what this process writes, logs that follow the first included, is private
    write_log()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(1024)
    address = f"http://{host}:{listening.getsockname()[1]}"
    log.info("listening on %s", address)
    if url_file:
        url_file.write_text(address + "\n")
    config = uvicorn.Config(
        application(),
        http=TimedHeads,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[listening])
