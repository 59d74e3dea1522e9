"""What a portal takes from us, kept on our side for all of this user's processes together.

Two limits, from the "limits" page of the REST documentation. *Requests*: a leaky bucket, counted
per portal and source address; each HTTP request (a batch counts once) adds 1, the bucket empties
at a constant rate, above its size the portal answers 503. *Operating time*: what each method has
cost in the last ten minutes, counted per webhook or application; above a limit the method alone
is refused with 429 until the oldest minute leaves the sum.

The state is one small file per portal, under a lock. Without a file, or where it cannot be
written, the budget is this process's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import math
import os
import secrets
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

MARGIN = 3  # requests kept free: other programs of this address share the portal's bucket
RESERVE = 0.2  # share of the bucket that background work leaves to actions and to people
OPERATING = 480.0  # seconds per method; the cloud's value is not published, this is its example
USABLE = 0.95  # share of the operating time that is used
WINDOW = 600.0  # seconds over which the portal sums operating time up
CORRECTION = 5.0  # seconds by which a clock goes back without the bucket being empty for that
FORGOTTEN = 86_400.0  # seconds after which the file of a portal that nobody calls is removed
LANDED = 120.0  # seconds after which a call is over, whatever became of its process
TELLING = 50  # calls whose cost is taken for that of the next ones; of fewer only in part
PROBE = 0.5  # seconds between two looks while somebody else may make room


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


@dataclass
class Spent:
    """What a method has cost: ``seconds`` in the window, ``reset_at`` (Unix time) its next relief.

    ``told`` is that moment by the portal's own clock, which may be another than ours.
    ``per_call`` is the cost of one call lately (0: not known yet), ``limit`` what the portal was
    seen to allow (0: not seen).
    """

    seconds: float = 0.0
    reset_at: float = 0.0
    per_call: float = 0.0
    limit: float = 0.0
    refused_until: float = 0.0
    told: float = 0.0


@dataclass
class State:
    """The file's content: the bucket's level at the moment ``at`` (Unix time), and the methods.

    ``flying``: the calls that are under way, method → process → how many and when it last said so.
    """

    level: float = 0.0
    at: float = 0.0
    methods: dict[str, Spent] = field(default_factory=dict)
    flying: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """What is left: ``requests`` at once (None: no limit), then ``rate`` per second.

    ``methods``: those that have cost operating time in the window, with their ``limit`` (0: none).
    """

    requests: int | None
    rate: float
    methods: dict[str, Spent]


class Budget:
    """Paces requests towards one portal.

    ``file``: where all processes keep the state, see `budget_file`. ``background`` work leaves
    `RESERVE` of the bucket to others, and never queues up before them. ``operating``: seconds that
    each method has in the window (0: no limit but what the portal shows by refusing).
    """

    def __init__(
        self,
        plan: Plan,
        file: Path | None = None,
        *,
        account: str = "",
        background: bool = False,
        operating: float = OPERATING,
    ) -> None:
        self.plan = plan
        self.operating = operating or math.inf
        self.file = file
        self.account = account
        self.background = background
        self._own = State()
        self._flying: Counter[str] = Counter()
        self._me = secrets.token_hex(4)
        self._turn = asyncio.Lock()

    # The state

    @contextlib.contextmanager
    def _state(self) -> Iterator[State]:
        """Hold the state; what the block changes is kept."""
        handle = self._open()
        if handle is None:
            yield self._own
            return
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # a block is microseconds: the event loop can wait
            state = read(file.read())
            yield state
            try:
                file.seek(0)
                file.truncate()
                file.write(json.dumps(state, default=vars).encode())
            except OSError:  # the disk is full: on with what this process knows
                self._own, self.file = state, None

    def _open(self) -> int | None:
        if self.file is None:
            return None
        try:
            if not self.file.exists():
                self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                for other in self.file.parent.glob("*.json"):
                    if time.time() - other.stat().st_mtime > FORGOTTEN:
                        other.unlink(missing_ok=True)
            if self.file.parent.stat().st_uid != os.getuid():
                raise PermissionError(self.file.parent)
            return os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            self.file = None
            return None

    def _leak(self, state: State) -> None:
        now = time.time()
        gone = now - state.at
        if gone < 0:  # the clock was set back: by a correction of it, or anyhow
            gone = 0.0 if gone > -CORRECTION else WINDOW
        state.level = max(0.0, state.level - gone * self.plan.rate)
        state.at = now

    # Requests

    async def take(self) -> None:
        """Wait until one more request is welcome; first come, first served within a process."""
        if not self.plan.rate:
            return
        room = self.plan.burst - MARGIN
        if self.background:
            room -= int(self.plan.burst * RESERVE)
        async with self._turn:
            while True:
                with self._state() as state:
                    self._leak(state)
                    over = state.level + 1 - room
                    if over <= 0 or not self.background:
                        state.level += 1  # who is not in the background books ahead
                        break
                await asyncio.sleep(over / self.plan.rate)
            if over > 0:
                await asyncio.sleep(over / self.plan.rate)

    def exhausted(self) -> None:
        """Take note that the portal's bucket is full (503), whatever we had counted."""
        with self._state() as state:
            self._leak(state)
            state.level = max(state.level, float(self.plan.burst))

    # Operating time

    def _key(self, method: str) -> str:
        return f"{self.account} {method.lower()}"

    async def admit(
        self,
        calls: Mapping[str, int],
        patience: float,
        slowed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """Wait until each method has operating time left for so many calls, and book them.

        After ``patience`` seconds they are admitted all the same, and the portal decides: its limit
        is not published, and ours may be too low. (A sync's patience outlasts the window, so that
        relief comes first.) `release` ends the booking. A method of which the last news are out of
        date, or of which it is not known what a call costs, is tried by one request at a time, of
        all processes. ``slowed`` is told each wait.
        """
        waited = 0.0
        while (wait := self._book(calls, whatever=waited >= patience)) > 0:
            wait = min(wait, patience - waited)
            if wait > PROBE:
                slowed(wait)
            await asyncio.sleep(wait)
            waited += wait

    def _book(self, calls: Mapping[str, int], *, whatever: bool) -> float:
        """Book calls if there is time left for them, or ``whatever``; else how long to wait."""
        with self._state() as state:
            wait = 0.0 if whatever else self._wait(state, calls)
            if not wait:
                self._fly(state, calls, 1)
        return wait

    def _fly(self, state: State, calls: Mapping[str, int], sign: int) -> None:
        now = time.time()
        for method, n in calls.items():
            key = self._key(method)
            self._flying[key] += sign * n
            everyone = state.flying.pop(key, {}) | {self._me: (self._flying[key], now)}
            still = {w: (many, at) for w, (many, at) in everyone.items() if now - at < LANDED}
            if still := {who: each for who, each in still.items() if each[0] > 0}:
                state.flying[key] = still

    def _wait(self, state: State, calls: Mapping[str, int]) -> float:
        now, wait = time.time(), 0.0
        for method, n in calls.items():
            spent = state.methods.get(self._key(method))
            if spent is not None:
                everyone = state.flying.get(self._key(method), {}).values()
                flying = sum(many for many, at in everyone if now - at < LANDED)
                if spent.refused_until > now:
                    wait = max(wait, spent.refused_until - now)
                elif spent.reset_at <= now:
                    wait = max(wait, PROBE if flying and spent.per_call else 0.0)
                elif not spent.per_call and spent.seconds < self._limit(spent) * USABLE:
                    wait = max(wait, PROBE if flying and spent.seconds else 0.0)
                elif spent.seconds + (flying + n) * spent.per_call > self._limit(spent) * USABLE:
                    relief = spent.reset_at - now
                    wait = max(wait, min(relief, PROBE) if flying else relief)
        return wait

    def _limit(self, spent: Spent) -> float:
        """Return how many seconds a method has in the window, as far as is known."""
        return min(spent.limit or math.inf, self.operating)

    def settle(self, method: str, n: int, timing: Mapping[str, Any]) -> None:
        """Take note of the answer to ``n`` calls of a method: the ``time`` that the portal gives.

        ``operating`` is cumulative over the window, so of several answers the largest counts. The
        first answer, and the first after a relief, also count what others have spent before: only
        the next one tells what a call costs.
        """
        seconds, told = _number(timing, "operating"), _number(timing, "operating_reset_at") or 0.0
        if seconds is None:
            return
        with self._state() as state:
            spent = state.methods.setdefault(self._key(method), Spent())
            if seconds > spent.seconds:
                if spent.reset_at > time.time():
                    # One page with a count may cost a hundred times as much as one without: few
                    # calls say less of the next fifty than fifty do.
                    weight = min(n / TELLING, 1.0) if spent.per_call else 1.0
                    latest = (seconds - spent.seconds) / n
                    spent.per_call += weight * (latest - spent.per_call)
            elif told == spent.told:
                return  # an answer that was overtaken
            spent.seconds, spent.told, spent.reset_at = seconds, told, _relief(timing) or 0.0

    def refused(self, method: str, timing: Mapping[str, Any], attempt: int) -> float:
        """Take note of a 429; returns the seconds until the method should be tried again."""
        wait = min(2.0 * 2**attempt, 60.0)
        if reset_at := _relief(timing):
            wait = min(max(reset_at - time.time(), PROBE), WINDOW + 60)
        with self._state() as state:
            spent = state.methods.setdefault(self._key(method), Spent())
            spent.refused_until = time.time() + wait
            if told := _number(timing, "operating"):
                spent.limit = min(self._limit(spent), told)  # it allows less than we thought
        return wait

    def release(self, calls: Mapping[str, int]) -> None:
        """End the bookings of `admit`, whatever became of the calls."""
        with self._state() as state:
            self._fly(state, calls, -1)

    # What is left

    def left(self) -> Left:
        """Return what the portal takes from this webhook or application now."""
        now = time.time()
        with self._state() as state:
            self._leak(state)
            free = max(0, int(self.plan.burst - state.level)) if self.plan.rate else None
            ours = {
                key.split(" ", 1)[1]: replace(spent, limit=limit if limit < math.inf else 0.0)
                for key, spent in state.methods.items()
                if key.startswith(f"{self.account} ") and spent.seconds and spent.reset_at > now
                for limit in [self._limit(spent)]
            }
        return Left(free, self.plan.rate, ours)


def _number(timing: Mapping[str, Any], name: str) -> float | None:
    value = timing.get(name)
    return float(value) if isinstance(value, int | float) else None


def _relief(timing: Mapping[str, Any]) -> float | None:
    """Return the moment of a method's next relief by this machine's clock (Unix time)."""
    told, finish = _number(timing, "operating_reset_at"), _number(timing, "finish")
    if told and finish:
        return time.time() + min(told - finish, WINDOW + 60)
    return told


def read(content: bytes) -> State:
    """Return the state in a file's content; an empty or broken one is a new state."""
    try:
        raw = json.loads(content)
        methods = {
            key: Spent(**{name: float(value) for name, value in spent.items()})
            for key, spent in raw["methods"].items()
        }
        flying = {
            key: {who: (float(n), float(said)) for who, (n, said) in those.items()}
            for key, those in raw.get("flying", {}).items()
        }
        return State(float(raw["level"]), float(raw["at"]), methods, flying)
    except (ValueError, TypeError, KeyError, AttributeError):
        return State()


def budget_file(host: str) -> Path:
    """Return where this user's processes keep a portal's budget until the machine restarts."""
    name = f"{hashlib.sha256(host.encode()).hexdigest()[:16]}.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a service has no XDG_RUNTIME_DIR; /tmp will do
        return platformdirs.user_runtime_path("workbench") / "budgets" / name
