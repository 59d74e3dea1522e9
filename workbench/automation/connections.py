"""Connections to the handler: who does not come to the point is hung up on."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_PATIENCE = 10.0  # seconds for the head of a request to arrive


class TimedHeads(H11Protocol):
    """uvicorn's HTTP/1.1, with a limit for the time that a request's head may take.

    uvicorn limits the time between two requests, not that in which one is spelled out, nor how
    long a new connection stays silent.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._expect(True)

    def data_received(self, data: bytes) -> None:
        """Wait no longer once a head is whole; begin to wait when the next one has begun."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the rest of a head that came while the last request was answered."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._expect(False)
        super().connection_lost(exc)

    def _look(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        begun = bool(self.conn.trailing_data[0])
        self._expect(begun and not answering)

    def _expect(self, expected: bool) -> None:
        if expected and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_PATIENCE, self._hang_up)
        elif not expected and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
