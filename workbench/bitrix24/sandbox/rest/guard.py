"""What is refused before it is read: bodies without end, and requests that could be read as two."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.bitrix24.sandbox.rest.methods import Refusal

BODY_LIMIT = 64 * 1024 * 1024
WRAPPING = 1024 * 1024  # of a multipart body, around what it carries


class Guard:
    """Lets requests through to the application, and of each body only as much as is allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        names = {name for name, _value in scope["headers"]}
        if b"content-length" in names and b"transfer-encoding" in names:
            # Whoever stands before the portal may have gone by the other of the two.
            body = {"error": "INVALID_REQUEST", "error_description": "Two lengths of one body"}
            answer = JSONResponse(body, 400, headers={"connection": "close"})
            await answer(scope, receive, send)
            return
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_LIMIT + WRAPPING:
                raise Refusal("INVALID_REQUEST", "Request entity is too large", 413)
            return message

        await self.app(scope, limited, send)
