"""The door: the reader of a process that may not open the data itself.

It asks the query service over its Unix socket, one connection for each request, so that an idle
kernel holds none. What it read first stays: all answers come from one snapshot. If the service
dies over a request, it is asked once more.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Hashable, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from workbench.errors import (
    AccessRefused,
    NoSnapshot,
    ParameterError,
    QueryError,
    ServiceUnavailable,
    WorkbenchError,
)
from workbench.i18n import _, language
from workbench.metrics.filters import Filter
from workbench.metrics.service.frames import LENGTH, read_envelope, unpack
from workbench.metrics.service.requests import (
    LARGEST_REQUEST,
    QualityRequest,
    ReadRequest,
    RowsRequest,
    SummaryRequest,
    metrics_request,
    refused,
)
from workbench.settings import settings
from workbench.warehouse import Data, newest_snapshot
from workbench.warehouse.snapshots import damage, nothing_yet

NEWEST = "newest"  # the name of the socket that leads to the newest snapshot
EMPTY = "empty"  # a file beside the sockets while there is no snapshot at all
PATIENCE = 30  # seconds for a service to begin, or to be back after a kill
SECONDS_TO_WAIT = 180  # for an answer; the service's own limits are shorter

# Kind of failure in an answer's head → what is raised.
FAILURES: dict[str, type[WorkbenchError]] = {
    "refused": AccessRefused,
    "query": QueryError,
    "parameter": ParameterError,
    "no snapshot": NoSnapshot,
    "unavailable": ServiceUnavailable,
}


def newest_data() -> Data:
    """Return what this process reads from: the query service, if it was given one, or the newest
    snapshot, opened here (or the one that ``WORKBENCH_SNAPSHOT`` names).

    Raises `NoSnapshot` if nothing has been synced yet, `AccessRefused` without a good token.
    """
    config = settings()
    if config.queries is None:
        return newest_snapshot()
    token = config.viewer.get_secret_value() if config.viewer else ""
    return Door(config.queries, token, config.snapshot or NEWEST)


class Door:
    """One snapshot, as the query service shows it to one viewer.

    The attributes are those of `workbench.warehouse.Snapshot`; there is no path and no SQL.
    """

    def __init__(self, folder: Path, token: str, name: str = NEWEST) -> None:
        self._folder, self._token, self._name = folder, token, name
        self._rows: dict[str, int] = {}
        facts, _body = self._ask("facts")
        self.id: str = facts["id"]
        self.portal: str = facts["portal"]
        self.portal_url: str = facts["portal_url"]
        self.base_currency: str = facts["base_currency"]
        self.timezone: str = facts["timezone"]
        self.as_of = datetime.fromisoformat(facts["as_of"])
        self.checked_at = datetime.fromisoformat(facts["checked_at"])
        self.passed_over: tuple[str, ...] = tuple(facts["passed_over"])
        self._scope: str = facts["scope"]
        self._name = self.id

    def __repr__(self) -> str:
        return f"Door({self.id!r})"

    @property
    def warning(self) -> str:
        """What is to be told beside every figure, in the reader's language; mostly empty."""
        return damage(self.passed_over)

    @property
    def key(self) -> Hashable:
        """What tells this data, and what the viewer sees of it, from any other."""
        return (self._folder, self.id, self._scope)

    @property
    def rows_read(self) -> int:
        """Rows of the tables that have been asked so far, each table counted once."""
        return sum(self._rows.values())

    def metrics(
        self,
        metrics: str | Sequence[str],
        by: str | Sequence[str],
        period: Any,
        where: str | Filter | None,
        **given: Any,
    ) -> pd.DataFrame:
        """Return what `workbench.metrics.query` returns."""
        return self._frame(metrics_request(metrics, by, period, where, **given).model_dump_json())

    def rows(
        self,
        model: str,
        where: str | Filter | None = None,
        *,
        by: Sequence[str] = (),
        segment: str | None = None,
    ) -> pd.DataFrame:
        """Return what `workbench.metrics.rows` returns."""
        text = where.text if isinstance(where, Filter) else where
        try:
            asked = RowsRequest(model=model, where=text, by=tuple(by), segment=segment)
        except ValidationError as problem:
            raise refused(problem) from None
        return self._frame(asked.model_dump_json())

    def summary(
        self,
        name: str,
        where: str | Filter | None = None,
        *,
        segment: str | None = None,
        **values: int | date,
    ) -> pd.DataFrame:
        """Return what `workbench.metrics.summary` returns."""
        text = where.text if isinstance(where, Filter) else where
        try:
            asked = SummaryRequest(name=name, where=text, segment=segment, values=values)
        except ValidationError as problem:
            raise refused(problem) from None
        return self._frame(asked.model_dump_json())

    def read(self, name: str, **values: int | date) -> pd.DataFrame:
        """Return the rows of one of `workbench.warehouse.records.READS`."""
        try:
            asked = ReadRequest(name=name, values=values)
        except ValidationError as problem:
            raise refused(problem) from None
        return self._frame(asked.model_dump_json())

    def sources(self) -> pd.DataFrame:
        """Return what is loaded and how well, one row per source and entity."""
        return self.read("sources")

    def quality(self) -> pd.DataFrame:
        """Return what the checks find, as `workbench.metrics.quality.look` does."""
        return self._frame(QualityRequest(hour=int(time.time() // 3600)).model_dump_json())

    def _frame(self, request: str) -> pd.DataFrame:
        head, body = self._ask(request)
        self._rows |= head["tables"]
        return unpack(body)

    def _ask(self, request: str) -> tuple[dict[str, Any], bytearray]:
        """Ask, a second time if the service was lost over the first; raise what went wrong."""
        message = json.dumps(
            {"token": self._token, "language": language(), "request": request}
        ).encode()
        if len(message) > LARGEST_REQUEST:
            raise QueryError(
                _("The request is larger than {n} bytes.").format(n=LARGEST_REQUEST),
                hint=_("Take a shorter filter."),
            )
        try:
            head, body = self._once(message)
        except (EOFError, ConnectionError):
            head, body = self._again(message)
        failure = head.get("failure")
        if failure is not None:
            kind = FAILURES.get(failure["kind"], ServiceUnavailable)
            raise kind(failure["message"], hint=failure["hint"])
        return head, body

    def _again(self, message: bytes) -> tuple[dict[str, Any], bytearray]:
        try:
            return self._once(message)
        except (EOFError, ConnectionError):
            raise ServiceUnavailable(
                _("The query service was lost over this query, twice."), hint=_try_again()
            ) from None

    def _once(self, message: bytes) -> tuple[dict[str, Any], bytearray]:
        with self._connected() as connection:
            connection.settimeout(SECONDS_TO_WAIT)
            try:
                connection.sendall(LENGTH.pack(len(message)) + message)
                return read_envelope(lambda size: _receive(connection, size))
            except TimeoutError:
                raise ServiceUnavailable(
                    _("The query service did not answer within {n} s.").format(n=SECONDS_TO_WAIT),
                    hint=_try_again(),
                ) from None

    def _connected(self) -> socket.socket:
        """Connect, waiting a little for a service that is just being started again."""
        address = str(self._folder / f"{self._name}.sock")
        until = time.monotonic() + PATIENCE
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(PATIENCE)
                connection.connect(address)
                return connection
            except OSError:
                connection.close()
                if (self._folder / EMPTY).exists():
                    raise nothing_yet() from None
                if time.monotonic() > until or self._is_gone():
                    raise self._not_there() from None
                time.sleep(0.05)

    def _is_gone(self) -> bool:
        """Tell whether a service is there, but not for this snapshot."""
        with suppress(OSError):
            return (
                self._name != NEWEST
                and not (self._folder / f"{self._name}.sock").exists()
                and (self._folder / f"{NEWEST}.sock").exists()
            )
        return False

    def _not_there(self) -> WorkbenchError:
        if self._is_gone():
            return NoSnapshot(
                _("The data of this page (snapshot {id}) are no longer kept.").format(
                    id=self._name
                ),
                hint=_("Open the page anew."),
            )
        return ServiceUnavailable(_("The query service does not answer."), hint=_try_again())


def _receive(connection: socket.socket, size: int) -> bytearray:
    found = bytearray(size)
    view, have = memoryview(found), 0
    while have < size:
        got = connection.recv_into(view[have:])
        if not got:
            raise EOFError
        have += got
    return found


def _try_again() -> str:
    return _("Try again in a moment.")
