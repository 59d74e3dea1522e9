"""What is asked of the portal: the request rate, operating time, and figures for ``stats``.

Cost model (accounted, nobody waits unless real time is asked for). Bitrix24's documentation
publishes one pair, for a table of 2.39 M rows: 49.9 s for a page with its total, 0.097 s for one
without. Hence: a page costs `PAGE_SECONDS`, its count `COUNT_SECONDS` per row of the table; reading
one record costs `READ_SECONDS`, a write `WRITE_SECONDS`. Source: settings/performance/huge-data.md.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field

PAGE_SECONDS = 0.097
COUNT_SECONDS = (49.9 - 0.097) / 2_390_000
READ_SECONDS = 0.02
WRITE_SECONDS = 0.1

PLANS = {"standard": (2.0, 50.0), "enterprise": (5.0, 250.0), "unlimited": (0.0, 0.0)}
WINDOW_MINUTES = 10


def cost(method: str, rows: int, counted: int, paged: bool) -> float:
    """Operating seconds of one call."""
    if paged:
        return PAGE_SECONDS + COUNT_SECONDS * counted
    writes = (".add", ".update", ".delete", ".set", ".import")
    return WRITE_SECONDS if method.endswith(writes) else READ_SECONDS


class Bucket:
    """The leaky bucket of one address: every request adds 1, ``leak`` leave per second."""

    def __init__(self, leak: float, limit: float, now: float) -> None:
        self.leak = leak
        self.limit = limit
        self.level = 0.0
        self.at = now

    def admit(self, now: float) -> bool:
        """Take one request if it fits."""
        self.level = max(0.0, self.level - (now - self.at) * self.leak)
        self.at = now
        if self.level + 1 > self.limit:
            return False
        self.level += 1
        return True


class Operating:
    """Ten one-minute baskets of operating seconds for one caller and method."""

    def __init__(self) -> None:
        self.baskets: deque[list[float]] = deque()  # [minute, first call, seconds]

    def _forget(self, now: float) -> None:
        while self.baskets and self.baskets[0][1] + WINDOW_MINUTES * 60 <= now:
            self.baskets.popleft()

    def used(self, now: float) -> float:
        """Seconds used in the window."""
        self._forget(now)
        return sum(basket[2] for basket in self.baskets)

    def add(self, now: float, seconds: float) -> None:
        """Book seconds into the minute's basket."""
        minute = now // 60
        if not self.baskets or self.baskets[-1][0] != minute:
            self.baskets.append([minute, now, 0.0])
        self.baskets[-1][2] += seconds

    def reset_at(self, now: float) -> int:
        """When the oldest basket leaves, unix seconds."""
        self._forget(now)
        return int((self.baskets[0][1] if self.baskets else now) + WINDOW_MINUTES * 60)


@dataclass
class Line:
    """The figures of one caller and method."""

    caller: str
    method: str
    requests: int = 0
    calls: int = 0
    rows: int = 0
    operating: float = 0.0
    refused: int = 0


@dataclass
class Totals:
    """The figures of the whole portal."""

    requests: int = 0
    calls: int = 0
    rows: int = 0
    refused: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    by: dict[tuple[str, str], Line] = field(default_factory=dict)


class Accounts:
    """Rate, operating time and figures of one running portal."""

    def __init__(self, plan: str, operating_limit: float | None) -> None:
        self.plan = plan
        #: Seconds per method in ten minutes; None reports 0 and refuses nothing.
        self.operating_limit = operating_limit
        self.buckets: dict[str, Bucket] = {}
        self.operating: dict[tuple[str, str], Operating] = {}
        self.totals = Totals()

    def admit(self, address: str) -> bool:
        """Whether the plan allows one more request from this address now."""
        leak, limit = PLANS[self.plan]
        if not limit:
            return True
        now = time.monotonic()
        bucket = self.buckets.get(address)
        if bucket is None:
            if len(self.buckets) > 10_000:
                self.buckets.clear()
            bucket = self.buckets[address] = Bucket(leak, limit, now)
        return bucket.admit(now)

    def line(self, caller: str, method: str) -> Line:
        """The figures of this caller and method."""
        key = (caller, method)
        found = self.totals.by.get(key)
        if found is None:
            found = self.totals.by[key] = Line(caller, method)
        return found

    def exhausted(self, key: str, method: str) -> bool:
        """Whether this caller has used up this method's operating time."""
        if self.operating_limit is None:
            return False
        used = self.operating.get((key, method))
        return used is not None and used.used(time.time()) >= self.operating_limit

    def book(self, key: str, method: str, seconds: float) -> None:
        """Add operating seconds."""
        if self.operating_limit is None:
            return
        self.operating.setdefault((key, method), Operating()).add(time.time(), seconds)

    def report(self, key: str, method: str) -> tuple[float, int]:
        """What ``time`` tells: operating seconds used and when the oldest basket leaves."""
        now = time.time()
        used = self.operating.get((key, method))
        if used is None:
            return 0, int(now) + WINDOW_MINUTES * 60
        return used.used(now), used.reset_at(now)

    def figures(self) -> dict[str, object]:
        """Everything for ``workbench sandbox stats``."""
        lines = sorted(self.totals.by.values(), key=lambda line: (line.caller, line.method))
        return {
            "plan": self.plan,
            "operating_limit": self.operating_limit,
            "requests": self.totals.requests,
            "calls": self.totals.calls,
            "rows": self.totals.rows,
            "refused": self.totals.refused,
            "bytes_sent": self.totals.bytes_sent,
            "seconds": round(self.totals.seconds, 3),
            "methods": [asdict(line) for line in lines],
        }
