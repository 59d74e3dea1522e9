"""The portal as a Python object: calls and batches, at the pace that it allows.

fast-bitrix24 does the HTTP, the authorization and the batch requests; `session` lets error bodies
through to us. Here: results in order, waiting out limits, a renamed portal, token refresh.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from fast_bitrix24 import BitrixAsync

from workbench.bitrix24.answers import EXPIRED, BatchAnswer, batch_answers, section
from workbench.bitrix24.budget import PLANS, Budget, budget_file
from workbench.bitrix24.commands import Command, Params, command, only_reads
from workbench.bitrix24.session import (
    OPERATING,
    Moved,
    TimedOut,
    TooMuch,
    is_broken,
    moved_base,
    open_session,
)
from workbench.bitrix24.webhook import LOOPBACK, parse_webhook
from workbench.errors import (
    ConfigurationError,
    OperationTimeLimit,
    PortalError,
    PortalUnreachable,
    QueryLimitExceeded,
)
from workbench.i18n import _
from workbench.settings import settings

# It logs every request and answer, that is, the customers' data.
logging.getLogger("fast_bitrix24").setLevel(logging.WARNING)

BATCH = 50
PATIENCE = 120.0  # seconds that one call may wait for limits to pass
PATIENCE_OF_SYNC = 900.0
REFERENCE = "%24result%5B"  # to another answer of the batch, in a command
RETRIES = 4  # of a read whose connection broke; background work tries as long as its patience
LONGEST_PAUSE = 30.0  # seconds between two tries
IN_VAIN = 3  # methods that fail even alone, one after the other, and the portal is given up

Waiting = Callable[[str, float], None]


class Portal:
    """One portal, through an incoming webhook or an application's token.

    ``host`` is its name without the secret, ``requests`` the HTTP requests made so far.
    ``waiting(reason, seconds)`` is called, on another thread, whenever it waits for the portal:
    set it to tell somebody. Methods are synchronous and safe to call from several threads and from
    inside a running event loop.
    ``patience``: seconds that a call may wait for the portal's limits before it gives up; reads of
    ``background`` work wait as long for a portal that has gone away.
    """

    def __init__(
        self,
        webhook_url: str,
        plan: str = "standard",
        *,
        patience: float = PATIENCE,
        background: bool = False,
    ) -> None:
        webhook = parse_webhook(webhook_url)
        self._prepare(webhook.url, webhook.host, webhook.portal_url, plan, patience, background)

    @classmethod
    def from_settings(cls, *, patience: float = PATIENCE, background: bool = False) -> Portal:
        """Return the portal of ``WORKBENCH_WEBHOOK``, else the one that was connected.

        Until one is, the demonstration's while that runs. Raises `ConfigurationError` if there is
        none.
        """
        current = settings()
        if current.webhook is not None:
            url = current.webhook.get_secret_value()
            return cls(url, current.plan, patience=patience, background=background)
        if current.demo_portal_file.is_file() and not current.credentials_file.exists():
            url = current.demo_portal_file.read_text("utf-8").strip()
            return cls(url, "unlimited", patience=patience)
        try:
            stored = json.loads(current.credentials_file.read_text("utf-8"))
            url = stored["webhook"]
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(
                _("No portal is connected."),
                hint=_("Run `workbench connect`, or set WORKBENCH_WEBHOOK."),
            ) from None
        return cls(url, current.plan, patience=patience, background=background)

    @classmethod
    def with_token(
        cls,
        client_endpoint: str,
        access_token: str,
        refresh: Callable[[], str],
        *,
        plan: str = "standard",
        patience: float = PATIENCE,
    ) -> Portal:
        """Return the portal as an application sees it.

        ``client_endpoint`` is ``https://HOST/rest/``; ``refresh`` gives a new access token, and
        is called once, when the portal says that the present one has expired.
        """
        try:
            parts = urlsplit(client_endpoint)
            valid = parts.scheme in ("http", "https") and parts.hostname
        except ValueError:  # half a bracket
            valid = None
        if not valid:
            raise ConfigurationError(_("The portal’s address is not valid."))
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigurationError(
                _("{host} must be called over https, not http.").format(host=parts.hostname)
            )
        portal = cls.__new__(cls)
        portal._prepare(
            client_endpoint, parts.netloc, f"{parts.scheme}://{parts.netloc}", plan, patience
        )
        portal._token, portal._refresh = access_token, refresh
        return portal

    def _prepare(
        self,
        base: str,
        host: str,
        portal_url: str,
        plan: str,
        patience: float,
        background: bool = False,
    ) -> None:
        self.host, self.portal_url, self.patience = host, portal_url, patience
        self.requests = 0
        self.waiting: Waiting = lambda _reason, _seconds: None
        self.moved_to: str | None = None  # webhook address after a renaming (secret)
        self._base = base
        self.budget = Budget(
            PLANS[plan],
            budget_file(host),
            account=hashlib.sha256(base.encode()).hexdigest()[:8],
            background=background,
            operating=settings().operating,
        )
        self._token: str | None = None
        self._refresh: Callable[[], str] | None = None
        self._answered = False
        self._at_once = BATCH  # commands of a batch; fewer once so many took the portal too long
        self._in_vain: set[str] = set()  # methods that failed alone since a batch was answered
        self._clock: timedelta | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bitrix: BitrixAsync | None = None
        self._starting = threading.Lock()

    def __repr__(self) -> str:
        return f"Portal({self.host!r})"

    def __enter__(self) -> Portal:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # The event loop: one thread, started by the first call

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name=f"portal {self.host}", daemon=True
                ).start()
                asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
            return self._loop

    async def _open(self) -> None:
        self._session = open_session()
        self._renewal = asyncio.Lock()
        self._bitrix = BitrixAsync(
            self._base,
            token_func=self._current_token if self._token else None,
            verbose=False,
            respect_velocity_policy=False,
            request_pool_size=10**9,  # the pace is the budget's business
            client=self._session,
        )

    async def _current_token(self) -> str:
        return self._token or ""

    def close(self) -> None:
        """End the connections and the thread."""
        with self._starting:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._session.close(), loop).result(timeout=10)
            loop.call_soon_threadsafe(loop.stop)

    # Requests

    async def _renew(self, stale: str | None) -> None:
        """Get a new access token, unless another call already did."""
        async with self._renewal:
            if self._token == stale and self._refresh is not None:
                self._token = await asyncio.to_thread(self._refresh)
            if self._bitrix is not None:
                self._bitrix.srh.token = self._token

    def _follow(self, location: str) -> None:
        """Take over the address of a renamed portal."""
        self._base = self.moved_to = moved_base(location, self._base)
        parts = urlsplit(self._base)
        self.host, self.portal_url = parts.netloc, f"{parts.scheme}://{parts.netloc}"
        if self._bitrix is not None:
            self._bitrix.srh.webhook = self._base

    async def _request(
        self, method: str, params: Params, *, safe: bool, divisible: bool = False
    ) -> dict[str, Any]:
        """Make one HTTP request; waits for limits, follows a renaming, renews the token.

        Of one that is ``divisible`` `TooMuch` is raised once it was tried often enough.
        """
        bitrix = self._bitrix
        if bitrix is None:
            raise RuntimeError("the portal is closed")
        give_up = time.monotonic() + self.patience
        limits = breaks = moves = 0
        renewed = False
        while True:
            await self.budget.take()
            token = self._token
            self.requests += 1
            try:
                payload = await bitrix.call(method, params, raw=True)
            except Moved as moved:
                moves += 1
                if moves > 3:
                    raise PortalUnreachable(
                        _("{host} redirects in a circle.").format(host=self.host)
                    ) from None
                self._follow(moved.location[: moved.location.rfind(method)] or moved.location)
            except QueryLimitExceeded as error:
                self.budget.exhausted()
                wait = min(0.5 * 2**limits, 30.0)
                if time.monotonic() + wait > give_up:
                    raise
                limits += 1
                await self._pause(wait, error)
            except OperationTimeLimit as error:
                wait = self.budget.refused(method, {}, limits)
                if time.monotonic() + wait > give_up:
                    raise error from None
                limits += 1
                await self._pause(wait, error)
            except PortalError as error:
                if error.code == EXPIRED and self._refresh is not None and not renewed:
                    renewed = True
                    await self._renew(token)
                    continue
                breaks += 1
                wait = min(0.25 * 2**breaks, LONGEST_PAUSE)
                enough = breaks > RETRIES
                if self.budget.background:
                    enough = time.monotonic() + wait > give_up
                if enough or not is_broken(error, safe=safe, answered=self._answered):
                    raise
                slow = isinstance(error, TimedOut) or error.status == 504
                # A page in the place of an answer has nothing to do with what was asked.
                heavy = slow or error.status == 500
                if divisible and heavy and breaks >= (2 if slow else 3) and await self._answers():
                    raise TooMuch(error.message, status=error.status) from None
                await self._pause(wait, error)
            else:
                self._answered = True
                return payload

    async def _answers(self) -> bool:
        """Whether the portal is there: it answers the least of all calls."""
        await self.budget.take()
        self.requests += 1
        try:
            return self._bitrix is not None and bool(
                await self._bitrix.call("server.time", {}, raw=True)
            )
        except PortalError:
            return False

    async def _pause(self, seconds: float, reason: PortalError) -> None:
        self.waiting(reason.message, seconds)
        await asyncio.sleep(seconds)

    def _slowed(self, seconds: float) -> None:
        self.waiting(_("The portal’s operating time is used up for now."), seconds)

    async def _call(self, method: str, params: Params) -> Any:
        calls = {method: 1}
        await self.budget.admit(calls, self.patience, self._slowed)
        try:
            payload = await self._request(method, params, safe=only_reads(method))
        finally:
            self.budget.release(calls)
        self.budget.settle(
            method, 1, section(payload, "time") | {OPERATING: payload.get(OPERATING)}
        )
        return payload.get("result")

    async def _batch(self, calls: Sequence[Command]) -> list[BatchAnswer]:
        """Send up to 50 commands, by several requests where so many are too much for the portal.

        What refers to a command of an earlier request would not find it: its answer is an error.
        """
        if len(calls) <= self._at_once or not all(only_reads(method) for method, _ in calls):
            return await self._send(calls)
        first, rest = calls[: self._at_once], calls[self._at_once :]
        answers = await self._send(first)
        alone = [call for call in rest if REFERENCE not in command(*call)]
        others = iter(await self._batch(alone) if alone else [])
        unsent = PortalUnreachable(_("{host} did not answer in time.").format(host=self.host))
        for call in rest:
            lost = REFERENCE in command(*call)
            answers.append(BatchAnswer(error=unsent) if lost else next(others))
        return answers

    async def _send(self, calls: Sequence[Command]) -> list[BatchAnswer]:
        """Send a batch; commands that ran into a limit are sent again later.

        A command that the portal cannot carry out even by itself has an error for its answer.
        """
        answers = [BatchAnswer()] * len(calls)
        pending = list(range(len(calls)))
        give_up = time.monotonic() + self.patience
        attempt = 0
        while pending:
            keys = [f"c{index}" for index in pending]
            commands = {
                key: command(*calls[index]) for key, index in zip(keys, pending, strict=True)
            }
            safe = all(only_reads(calls[index][0]) for index in pending)
            methods = Counter(calls[index][0] for index in pending)
            patience = max(0.0, give_up - time.monotonic())
            await self.budget.admit(methods, patience, self._slowed)
            payload = None
            try:
                payload = await self._request(
                    "batch", {"halt": 0, "cmd": commands}, safe=safe, divisible=safe
                )
            except TooMuch as error:
                if len(pending) == 1:
                    method = calls[pending[0]][0]
                    self._in_vain.add(method)
                    if len(self._in_vain) >= IN_VAIN:
                        raise PortalUnreachable(error.message, status=error.status) from None
                    failure = PortalError(error.message, method=method, status=error.status)
                    answers[pending[0]] = BatchAnswer(error=failure)
                    return answers
                self._at_once = min(self._at_once, len(pending) // 2)
            finally:
                self.budget.release(methods)
            if payload is None:
                divided = await self._batch([calls[index] for index in pending])
                for index, answer in zip(pending, divided, strict=True):
                    answers[index] = answer
                return answers
            self._in_vain.clear()
            result = payload.get("result")
            times = section(result, "result_time") if isinstance(result, dict) else {}
            again, wait = [], 0.0
            got = batch_answers(payload, keys, [calls[index][0] for index in pending])
            for key, index, answer in zip(keys, pending, got, strict=True):
                answers[index] = answer
                alone = REFERENCE not in commands[key]  # else it would not find what it refers to
                if isinstance(answer.error, OperationTimeLimit):
                    refused = self.budget.refused(calls[index][0], section(times, key), attempt)
                    if alone:
                        wait = max(wait, refused)
                        again.append(index)
                elif alone and isinstance(answer.error, QueryLimitExceeded):
                    wait = max(wait, min(0.5 * 2**attempt, 30.0))
                    again.append(index)
            for method, n in methods.items():
                used = [
                    section(times, key)
                    for key, index in zip(keys, pending, strict=True)
                    if calls[index][0] == method and section(times, key).get(OPERATING) is not None
                ]
                if used:
                    most = max(used, key=lambda timing: float(timing[OPERATING]))
                    self.budget.settle(method, n, most)
            if time.monotonic() + wait > give_up:
                break
            attempt += 1
            pending = again
            if pending and (reason := answers[pending[0]].error):
                await self._pause(wait, reason)
        return answers

    # What others call

    def call(self, method: str, params: Params | None = None) -> Any:
        """Call one method and return its ``result``; raises the `PortalError` family."""
        return asyncio.run_coroutine_threadsafe(
            self._call(method, params or {}), self._running()
        ).result()

    def submit(self, calls: Sequence[Command]) -> Future[list[BatchAnswer]]:
        """Start one batch of at most 50 calls; the future gives its answers in order.

        A call may refer to an earlier one of the batch as ``$result[cN]``, N counted from 0. If a
        limit stops such a call, its answer is that error; others are sent again.
        """
        if len(calls) > BATCH:
            raise ValueError(f"a batch takes at most {BATCH} commands")
        return asyncio.run_coroutine_threadsafe(self._batch(list(calls)), self._running())

    def batch(self, calls: Iterable[Command]) -> list[BatchAnswer]:
        """Send calls in batches of 50, one after the other; answers in the order of the calls.

        A failed command has its ``error`` in its answer; only a failed request raises.
        """
        todo = list(calls)
        answers: list[BatchAnswer] = []
        for start in range(0, len(todo), BATCH):
            answers += self.submit(todo[start : start + BATCH]).result()
        return answers

    def now(self) -> datetime:
        """Return the portal's clock (aware, its own offset); asks for it once."""
        if self._clock is None:
            self.set_clock(str(self.call("server.time")))
        return datetime.now(self._zone) + (self._clock or timedelta(0))

    def set_clock(self, answer: str) -> datetime:
        """Take the portal's clock from an answer to ``server.time``; returns it (aware)."""
        try:
            moment = datetime.fromisoformat(answer)
        except ValueError:
            raise PortalUnreachable(
                _("{host} does not answer like a Bitrix24 portal (HTTP {status}).").format(
                    host=self.host, status=200
                )
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        self._zone = moment.tzinfo
        self._clock = moment - datetime.now(UTC)
        return moment
