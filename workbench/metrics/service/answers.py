"""Requests answered: each computed once, kept for all who may see it, ended when nobody waits.

An answer is kept under the request and the scope of whoever asked, so that it never reaches
another scope. Who asks what is being computed already waits for that.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.errors import (
    AccessRefused,
    NoSnapshot,
    ParameterError,
    QueryError,
    ServiceUnavailable,
    WorkbenchError,
)
from workbench.i18n import Language, _, use_language
from workbench.metrics.quality.told import look
from workbench.metrics.query import query, rows
from workbench.metrics.segments import segment
from workbench.metrics.service.frames import pack
from workbench.metrics.service.requests import (
    Days,
    MetricsRequest,
    QualityRequest,
    Request,
    RowsRequest,
    SummaryRequest,
)
from workbench.metrics.service.vault import Reading, Vault, reading
from workbench.metrics.service.viewers import Scope
from workbench.metrics.summaries import summary
from workbench.warehouse import Snapshot

log = logging.getLogger("workbench.queries")
AT_ONCE = 4  # queries that run; others wait for their turn
MOST_WAITING = 1000
GRACE = 1.0  # seconds for a query to end after its time is over
LARGEST_KEPT = 8 * 1024 * 1024  # bytes of one answer in the cache …
CACHE = 64 * 1024 * 1024  # … and of all of them
# Class of error → the word for it in an answer's head; the first that fits.
KINDS: tuple[tuple[type[WorkbenchError], str], ...] = (
    (AccessRefused, "refused"),
    (NoSnapshot, "no snapshot"),
    (ServiceUnavailable, "unavailable"),
    (ParameterError, "parameter"),
    (QueryError, "query"),
)


@dataclass(frozen=True)
class Answer:
    """What is sent: a head, and a frame as an Arrow stream (empty with a failure)."""

    head: dict[str, Any]
    body: bytes = b""


@dataclass
class _Work:
    """A computation that somebody waits for."""

    future: asyncio.Future[Answer]
    reading: Reading
    askers: int = 0
    timer: asyncio.TimerHandle | None = field(default=None)


def compute(request: Request, snapshot: Snapshot) -> pd.DataFrame:
    """Return the frame that a request asks for."""
    if isinstance(request, MetricsRequest):
        period = request.period.period if isinstance(request.period, Days) else request.period
        return query(
            request.metrics,
            request.by,
            request.grain,
            period,
            request.start,
            request.end,
            request.where,
            snapshot,
            request.compare,
            request.each_n,
            request.segment,
        )
    if isinstance(request, RowsRequest):
        return rows(
            request.model,
            request.where,
            by=request.by,
            snapshot=snapshot,
            segment=request.segment,
        )
    if isinstance(request, QualityRequest):
        return look(snapshot, remember=True)
    if isinstance(request, SummaryRequest):
        return summary(
            request.name,
            request.where,
            snapshot=snapshot,
            segment=request.segment,
            **request.values,
        )
    return snapshot.read(request.name, **request.values)


def failure(error: WorkbenchError) -> dict[str, Any]:
    """Return the head that tells of an error."""
    kind = next((word for each, word in KINDS if isinstance(error, each)), "unavailable")
    return {"failure": {"kind": kind, "message": error.message, "hint": error.hint}}


class Answers:
    """The answers of one snapshot, for all visitors."""

    def __init__(self, vault: Vault, *, seconds: float) -> None:
        self.vault, self.seconds = vault, seconds
        self.kept: OrderedDict[str, Answer] = OrderedDict()
        self.kept_bytes = 0
        self.computed = self.served = 0
        self._work: dict[str, _Work] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, "query")

    @property
    def busy(self) -> int:
        """How many computations are wanted or at work."""
        return len(self._work)

    async def answer(self, request: Request, scope: Scope, language: Language) -> Answer:
        """Return the answer to a request; if this is cancelled, the computation may end."""
        try:
            key = self._key(request, scope, language)
        except WorkbenchError as error:
            return Answer(failure(error))
        self.served += 1
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        if key not in self._work:
            if len(self._work) >= MOST_WAITING:
                with use_language(language):
                    full = ServiceUnavailable(
                        _("Too many queries wait for an answer."), hint=_("Try again in a moment.")
                    )
                return Answer(failure(full))
            self._begin(key, request, scope, language)
        work = self._work[key]
        work.askers += 1
        try:
            return await asyncio.shield(work.future)
        finally:
            work.askers -= 1
            if not work.askers and not work.future.done():
                work.reading.cancel()
                self._work.pop(key, None)  # who asks now begins anew

    def _key(self, request: Request, scope: Scope, language: Language) -> str:
        named = getattr(request, "segment", None)
        with use_language(language):
            meaning = segment(named).where if named else ""
        return "\0".join((scope.key, language, request.canonical, meaning))

    def _begin(self, key: str, request: Request, scope: Scope, language: Language) -> None:
        loop = asyncio.get_running_loop()
        now = Reading(self.seconds)
        work = _Work(loop.create_future(), now)
        self._work[key] = work

        def started() -> None:
            now.start()
            loop.call_soon_threadsafe(limit)

        def limit() -> None:
            work.timer = loop.call_later(self.seconds, too_long)

        def too_long() -> None:
            now.cancel()
            work.timer = loop.call_later(GRACE, give_up)

        def give_up() -> None:  # pandas is at work, which cannot be interrupted
            if not work.future.done():
                with use_language(language):
                    work.future.set_result(Answer(failure(now.too_long())))

        def run() -> Answer:
            reading.set(now)
            with use_language(language):
                return self._computed(request, scope, now, started)

        def done(task: asyncio.Future[Answer]) -> None:
            if work.timer is not None:
                work.timer.cancel()
            if self._work.get(key) is work:
                del self._work[key]
            answer = task.result()
            if "failure" not in answer.head:
                self._keep(key, answer)
            if not work.future.done():
                work.future.set_result(answer)

        task = loop.run_in_executor(self._pool, contextvars.copy_context().run, run)
        task.add_done_callback(done)

    def _computed(self, request: Request, scope: Scope, now: Reading, started: Any) -> Answer:
        try:
            started()
            now.check()
            if isinstance(request, QualityRequest) and not scope.everything:
                raise AccessRefused(
                    _("The checks look at all records; your rights cover some of them.")
                )
            snapshot = self.vault.scoped(scope)
            frame = compute(request, snapshot)
            now.check()
            self.computed += 1
            rows = {name: self.vault.rows[name] for name in now.tables if name in self.vault.rows}
            return Answer({"tables": rows if scope.everything else {}}, pack(frame))
        except WorkbenchError as error:
            return Answer(failure(error))
        except Exception:
            number = secrets.token_hex(4)
            log.exception("request %s failed: %s", number, request.canonical[:500])
            return Answer(
                failure(
                    ServiceUnavailable(
                        _("The query failed. Error id: {id}.").format(id=number),
                        hint=_("The log of the query service has the cause."),
                    )
                )
            )

    def _keep(self, key: str, answer: Answer) -> None:
        size = len(answer.body)
        if size > LARGEST_KEPT:
            return
        self.kept_bytes += size - (len(self.kept[key].body) if key in self.kept else 0)
        self.kept[key] = answer
        while self.kept_bytes > CACHE:
            _old, gone = self.kept.popitem(last=False)
            self.kept_bytes -= len(gone.body)
