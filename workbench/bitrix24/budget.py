"""How many requests a portal takes: Bitrix24's leaky bucket, kept on our side.

Each HTTP request (a batch counts once) adds 1, the bucket empties at a constant rate, above its
size the portal answers 503. Source: the "limits" page of the REST documentation.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

MARGIN = 3  # kept free: other programs of this address share the portal's bucket


@dataclass(frozen=True)
class Plan:
    """Rate (requests per second) and size of the bucket; a rate of 0 means no limit."""

    rate: float
    burst: int


PLANS = {
    "standard": Plan(2, 50),
    "enterprise": Plan(5, 250),
    "unlimited": Plan(0, 0),
}


class Budget:
    """Paces the requests of one process towards one portal."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._level = 0.0
        self._at = time.monotonic()
        self._turn = asyncio.Lock()

    def _leak(self) -> None:
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self.plan.rate)
        self._at = now

    async def take(self) -> None:
        """Wait until one more request is welcome; first come, first served."""
        if not self.plan.rate:
            return
        async with self._turn:
            self._leak()
            over = self._level + 1 - (self.plan.burst - MARGIN)
            if over > 0:
                await asyncio.sleep(over / self.plan.rate)
                self._leak()
            self._level += 1

    def exhausted(self) -> None:
        """Take note that the portal's bucket is full (503), whatever we had counted."""
        self._leak()
        self._level = max(self._level, float(self.plan.burst))
