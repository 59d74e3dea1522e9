"""The sandbox portal as an HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import resource
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workbench.bitrix24.sandbox.portal import Portal
from workbench.bitrix24.sandbox.rest import v3
from workbench.bitrix24.sandbox.rest.answers import failure
from workbench.bitrix24.sandbox.rest.control import control_routes
from workbench.bitrix24.sandbox.rest.guard import Guard
from workbench.bitrix24.sandbox.rest.methods import Refusal
from workbench.bitrix24.sandbox.rest.requests import Door

CONNECTIONS = 65_536


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on ``host``."""
    if host.lower() == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def build_app(portal: Portal) -> Starlette:
    """The ASGI application of a portal, with the routes of its extensions."""
    door = Door(portal)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in portal.beside]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def unknown(_request: Request, _error: Exception) -> Response:
        return JSONResponse({"error": "NOT_FOUND", "error_description": "Not found"}, 404)

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - what this is registered for
        return JSONResponse(failure(error), error.status)

    routes = [
        *portal.routes,
        Route("/rest/api/{rest:path}", v3.Door(portal).answer, methods=["GET", "POST"]),
        Route("/rest/{rest:path}", door.answer, methods=["GET", "POST", "HEAD"]),
        *control_routes(portal),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard)],
        lifespan=lifespan,
        exception_handlers={404: unknown, Refusal: refused},
    )


class _Server(uvicorn.Server):
    """Tells the address once the socket is bound, before the first request."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()


def bind(host: str, port: int) -> socket.socket:
    """A socket to listen on; ``port`` 0 takes a free one. Raises OSError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def address(host: str, port: int, *, secure: bool) -> str:
    """The address to show for a host and port, without a port that goes without saying."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - recognised, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - as above
    shown = f"[{host}]" if ":" in host else host
    usual = port == (443 if secure else 80)
    return f"http{'s' if secure else ''}://{shown}" + ("" if usual else f":{port}")


def webhook_url(portal: Portal) -> str:
    """The address of the portal's first incoming webhook, its code included."""
    hook = portal.state.webhooks()[0]
    return f"{portal.base_url}/rest/{hook.user_id}/{hook.code}/"


def serve(
    portal: Portal,
    listener: socket.socket,
    *,
    name: str,
    tls: ssl.SSLContext | None = None,
    url_file: Path | None = None,
    announce: Callable[[Portal], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` is called once the address is known.

    ``name`` is the host that the portal's own addresses show; with ``tls`` it answers HTTPS only.
    ``url_file`` gets the webhook's address (mode 600). Raises OSError if the port has been taken
    since `bind`, or the file cannot be written: then the error has its name.
    """
    _let_many_connect()
    portal.base_url = address(name, listener.getsockname()[1], secure=tls is not None)
    factory = None if tls is None else (lambda _config, _default: tls)
    config = uvicorn.Config(
        build_app(portal),
        log_level="critical",
        access_log=False,
        lifespan="on",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
        server_header=False,
        ssl_context_factory=factory,
    )

    def ready() -> None:
        if announce is not None:
            announce(portal)
            sys.stdout.flush()
        if url_file is not None:
            partial = url_file.with_name(url_file.name + ".part")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(webhook_url(portal) + "\n")
            partial.replace(url_file)

    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_Server(config, ready).serve(sockets=[listener]))
    finally:
        listener.close()


def _let_many_connect() -> None:
    """Take as many open files as the system gives, up to `CONNECTIONS`: each client is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
