"""What is asked of the portal: request rate, operating time, and figures for ``stats``.

The cost model
--------------
Every call costs *operating seconds*, the portal's own measure of work. They are accounted always,
for ``workbench sandbox stats``; nobody waits for them unless ``--real-time`` says so, and nobody is
refused for them unless ``--operating SECONDS`` or ``--real-time`` puts the model in force.

=====================  =================================  =========================================
A page of a list       0.097 s                            `PAGE_SECONDS`
Counting for it        0.00002084 s × rows of the table   `COUNT_SECONDS`
One record, fields     0.03 s                             `READ_SECONDS`
A write                0.17 s                             `WRITE_SECONDS`
``batch`` itself       0 s                                its commands cost, each its own method
=====================  =================================  =========================================

Derivation. Bitrix24's documentation publishes one pair for a list method on a table of 2.39 M rows:
49.9 s for a page with its total, 0.097 s for the same page with ``start=-1``
(settings/performance/huge-data.md). The second is the page; the difference is the count, and a
count without an index reads every row, hence in proportion to the table:
(49.9 − 0.097) s ÷ 2 390 000 = 20.84 µs a row. So a page with its total costs 0.51 s on 20 000
records, 20.9 s on a million, and 49.9 s on the documentation's table. The filter does not make
it cheaper (the published count was filtered too), nor does a later page cost more than the first,
which the documentation does not state. Reads and writes are the medians of ``time.processing`` in
the documentation's sample answers: 0.029 s of 124 samples of ``get`` and ``fields``, 0.167 s of
214 samples of ``add``, ``update`` and ``delete``.

The limits
----------
Rate
    A leaky bucket per address: a request adds 1, `PLANS` say how much leaves each second and how
    much it holds; what would make it run over gets 503 and adds nothing. A batch is one request.
Operating time
    Ten one-minute baskets per caller and method. [?] The sum is looked at before a call: the call
    that crosses the limit is still answered (so the documentation's example), the next one gets
    429 until the oldest basket leaves, ten minutes after its first call.
One request
    60 s in the cloud (``--request-limit``). A request whose calls cost more is not answered but
    ends with 504, at once or, with ``--real-time``, after that time. Commands of a batch that were
    run by then stay run, the others are not.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field

DOCUMENTED_ROWS = 2_390_000
PAGE_SECONDS = 0.097
COUNT_SECONDS = (49.9 - PAGE_SECONDS) / DOCUMENTED_ROWS
READ_SECONDS = 0.03
WRITE_SECONDS = 0.17
REQUEST_SECONDS = 60.0

#: Plan → requests that leave the bucket each second, requests that it holds; 0 holds any number.
PLANS = {"standard": (2.0, 50.0), "enterprise": (5.0, 250.0), "unlimited": (0.0, 0.0)}
WINDOW_MINUTES = 10
MAX_ADDRESSES = 10_000
_WRITES = ("add", "update", "delete", "set", "import", "register", "finish", "uploadfile")
NOBODY = "unidentified"  # caller of the figures for requests whose credentials are wrong


def cost(method: str, *, counted: int, paged: bool) -> float:
    """Operating seconds of one call; ``counted`` rows of the table if it made a count."""
    if paged:
        return PAGE_SECONDS + COUNT_SECONDS * counted
    return WRITE_SECONDS if method.lower().rsplit(".", 1)[-1] in _WRITES else READ_SECONDS


class OutOfTime(Exception):
    """A request has cost more than a request may."""


@dataclass
class Spent:
    """Operating seconds of one HTTP request so far."""

    seconds: float = 0.0


class Bucket:
    """The leaky bucket of one address: every request adds 1, ``leak`` leave per second."""

    def __init__(self, leak: float, limit: float, now: float) -> None:
        self.leak = leak
        self.limit = limit
        self.level = 0.0
        self.at = now

    def admit(self, now: float) -> bool:
        """Take one request if it fits."""
        # A control call may have set the clock back.
        self.level = max(0.0, self.level - max(0.0, now - self.at) * self.leak)
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

    def reset_at(self, now: float) -> float:
        """When the oldest basket leaves."""
        self._forget(now)
        return (self.baskets[0][1] if self.baskets else now) + WINDOW_MINUTES * 60


@dataclass
class Line:
    """The figures of one caller and method.

    ``requests`` HTTP requests that named the method; ``inner`` commands of batches that did;
    ``calls`` those of both that were run; ``rows`` what they answered; ``operating`` accounted
    seconds; ``refused`` 503 and 429 among requests and commands; ``timed_out`` requests that ended
    for having cost too much.
    """

    caller: str
    method: str
    requests: int = 0
    inner: int = 0
    calls: int = 0
    rows: int = 0
    operating: float = 0.0
    refused: int = 0
    timed_out: int = 0


SUMS = ("requests", "inner", "calls", "rows", "operating", "refused", "timed_out")


@dataclass
class Totals:
    """What is counted once for the whole portal."""

    requests: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    by: dict[tuple[str, str], Line] = field(default_factory=dict)


class Accounts:
    """Rate, operating time and figures of one running portal.

    The number of lines is bounded by the callers that exist and the methods that exist.
    """

    def __init__(
        self,
        plan: str,
        operating_limit: float | None,
        *,
        real_time: bool = False,
        request_limit: float = REQUEST_SECONDS,
    ) -> None:
        self.plan = plan
        #: Seconds per method in ten minutes; None reports 0 to clients and refuses nothing.
        self.operating_limit = operating_limit
        self.real_time = real_time
        #: Operating seconds that one HTTP request may cost.
        self.request_limit = request_limit
        #: Seconds by which a control call has let time pass.
        self.shift = 0.0
        self.buckets: dict[str, Bucket] = {}
        self.operating: dict[tuple[str, str], Operating] = {}
        self.totals = Totals()

    # -- rate -----------------------------------------------------------------------------

    def admit(self, address: str) -> bool:
        """Whether the plan allows one more request from this address now."""
        leak, limit = PLANS[self.plan]
        if not limit:
            return True
        now = time.monotonic() + self.shift
        bucket = self.buckets.get(address)
        if bucket is None:
            if len(self.buckets) >= MAX_ADDRESSES:
                # The emptiest bucket forgets least.
                del self.buckets[min(self.buckets, key=lambda key: self.buckets[key].level)]
            bucket = self.buckets[address] = Bucket(leak, limit, now)
        return bucket.admit(now)

    # -- operating time -------------------------------------------------------------------

    @property
    def in_force(self) -> bool:
        """Whether what calls cost has consequences."""
        return self.operating_limit is not None or self.real_time

    def _now(self) -> float:
        return time.time() + self.shift

    def exhausted(self, key: str, method: str) -> bool:
        """Whether this caller has used up this method's operating time."""
        if self.operating_limit is None:
            return False
        used = self.operating.get((key, method))
        return used is not None and used.used(self._now()) >= self.operating_limit

    def book(self, key: str, method: str, seconds: float) -> None:
        """Add operating seconds to a caller's method."""
        if self.operating_limit is None:
            return
        self.operating.setdefault((key, method), Operating()).add(self._now(), seconds)

    def report(self, key: str, method: str) -> tuple[float, int]:
        """What ``time`` tells: operating seconds used, and when the oldest basket leaves.

        Unix seconds of the machine's clock, whatever the portal's shows, for clients wait by it.
        """
        now = self._now()
        used = self.operating.get((key, method))
        if used is None or self.operating_limit is None:
            return 0, int(now - self.shift) + WINDOW_MINUTES * 60
        return used.used(now), int(used.reset_at(now) - self.shift)

    # -- figures --------------------------------------------------------------------------

    def line(self, caller: str, method: str) -> Line:
        """The figures of this caller and method; ``""`` is what no method is called."""
        key = (caller, method)
        found = self.totals.by.get(key)
        if found is None:
            found = self.totals.by[key] = Line(caller, method)
        return found

    def figures(self) -> dict[str, object]:
        """Everything for ``workbench sandbox stats``."""
        lines = sorted(self.totals.by.values(), key=lambda line: (line.caller, line.method))
        sums = {name: sum(getattr(line, name) for line in lines) for name in SUMS}
        return {
            "plan": self.plan,
            "operating_limit": self.operating_limit,
            "real_time": self.real_time,
            "request_limit": self.request_limit,
            **sums,
            "operating": round(sums["operating"], 6),
            "requests": self.totals.requests,
            "bytes_sent": self.totals.bytes_sent,
            "seconds": round(self.totals.seconds, 3),
            "methods": [asdict(line) | {"operating": round(line.operating, 6)} for line in lines],
        }
