"""The process of one snapshot: answers on the socket that it was handed until nobody needs it.

One connection is one request and one answer. A connection that sends too much, too slowly, more
than one request, or does not read its answer, is closed; its query ends with it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.errors import AccessRefused, WorkbenchError
from workbench.i18n import LANGUAGES, Language, use_language
from workbench.metrics.service.answers import Answer, Answers, failure
from workbench.metrics.service.frames import LENGTH, envelope
from workbench.metrics.service.requests import LARGEST_REQUEST, parse_request
from workbench.metrics.service.vault import Vault
from workbench.metrics.service.viewers import (
    EVERYTHING,
    Bearers,
    Viewer,
    process_name,
    read_token,
)
from workbench.settings import settings

log = logging.getLogger("workbench.queries")
SECONDS_TO_ASK = 10  # for a request to arrive whole
SECONDS_TO_READ = 10  # for a client to take the next piece of its answer
PIECE = 256 * 1024  # bytes
MOST_CONNECTIONS = 1024
FACTS = ("portal", "portal_url", "base_currency", "timezone", "as_of")
PEER = struct.Struct("3i")  # pid, uid, gid


class Service:
    """The answers of one snapshot on a socket."""

    def __init__(
        self,
        path: Path,
        key: bytes,
        *,
        memory: str,
        seconds: float,
        passed_over: Sequence[str] = (),
    ) -> None:
        threads = min(len(os.sched_getaffinity(0)), 4)
        self.vault = Vault(path, memory=memory, threads=threads)
        self.answers = Answers(self.vault, seconds=seconds)
        self.key, self.passed_over = key, tuple(passed_over)
        self.bearers = Bearers()
        self.connections = 0
        self.used = time.monotonic()

    async def serve(
        self, listener: socket.socket, seconds_idle: float, ready: Callable[[], None]
    ) -> None:
        """Call ``ready``, then answer until SIGTERM, or until idle for long after SIGUSR1.

        SIGUSR1 says that the snapshot is not the newest any more; it arrives blocked.
        """
        loop = asyncio.get_running_loop()
        ended, retired = asyncio.Event(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        loop.add_signal_handler(signal.SIGUSR1, retired.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        listener.setblocking(False)
        # Not start_unix_server: that would take the supervisor's socket away at its end.
        server = await asyncio.start_server(self.connected, sock=listener, backlog=512)
        ready()
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 0.2)
            idle = time.monotonic() - self.used > seconds_idle
            if retired.is_set() and idle and not self.connections:
                break
        server.close()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; whatever happens in it stays in it."""
        self.connections += 1
        self.used = time.monotonic()
        try:
            if self.connections <= MOST_CONNECTIONS:
                await self.exchange(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except Exception:
            log.exception("a connection failed")
        finally:
            self.connections -= 1
            self.used = time.monotonic()
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the request, answer it."""
        pid, uid, _gid = PEER.unpack(
            writer.get_extra_info("socket").getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size
            )
        )
        if uid != os.getuid():
            log.warning("refused: user %s, process %s", uid, pid)
            return
        async with asyncio.timeout(SECONDS_TO_ASK):
            size = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
            if size > LARGEST_REQUEST:
                return
            message = await reader.readexactly(size)
        answer = asyncio.ensure_future(self.answer(message, process_name(pid)))
        gone = asyncio.ensure_future(reader.read(1))  # the end, or what is not allowed
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                await self.send(writer, answer.result())
        finally:
            gone.cancel()
            answer.cancel()

    async def send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        """Send an answer piece by piece to whoever keeps reading."""
        head, body = envelope(answer.head, answer.body)
        writer.write(head)
        view = memoryview(body)
        for start in range(0, len(body), PIECE):
            writer.write(view[start : start + PIECE])
            async with asyncio.timeout(SECONDS_TO_READ):
                await writer.drain()
        async with asyncio.timeout(SECONDS_TO_READ):
            writer.transport.set_write_buffer_limits(0)
            await writer.drain()

    async def answer(self, message: bytes, process: str) -> Answer:
        """Answer a request: whose it is first, what it asks then."""
        try:
            token, language, asked = parse_message(message)
            with use_language(language):
                viewer = read_token(token, self.key)
                self.bearers.check(viewer, process)
                if asked == "facts":
                    return Answer(self.facts(viewer))
                request = parse_request(asked)
        except WorkbenchError as error:
            if isinstance(error, AccessRefused):
                log.warning("refused: %s (process %s)", error.message, process)
            return Answer(failure(error))
        return await self.answers.answer(request, viewer.scope, language)

    def facts(self, viewer: Viewer) -> dict[str, Any]:
        """Return what a reader knows of the snapshot before it asks anything."""
        facts = self.vault.facts
        return {
            "id": self.vault.path.stem,
            **{name: facts[name] for name in FACTS},
            "checked_at": self.vault.scoped(EVERYTHING).checked_at.isoformat(),
            "passed_over": self.passed_over,
            "scope": viewer.scope.key,
        }


def parse_message(message: bytes) -> tuple[object, Language, str]:
    """Return token, language and request; what is no message has no token."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None, LANGUAGES[0], ""
    if not isinstance(found, dict) or found.keys() != {"token", "language", "request"}:
        return None, LANGUAGES[0], ""
    request, language = found["request"], found["language"]
    return (
        found["token"],
        language if language in LANGUAGES else LANGUAGES[0],
        request if isinstance(request, str) else "",
    )


def run(
    path: Path,
    listener: socket.socket,
    key: bytes,
    *,
    seconds_idle: float,
    passed_over: Sequence[str],
    ready: Callable[[], None],
) -> None:
    """Open the snapshot and serve it to the end, in a process of its own (see `Service.serve`).

    Raises `WarehouseError` if the snapshot cannot be opened.
    """
    config = settings()
    service = Service(
        path,
        key,
        memory=config.query_memory,
        seconds=config.query_seconds,
        passed_over=passed_over,
    )
    asyncio.run(service.serve(listener, seconds_idle, ready))
