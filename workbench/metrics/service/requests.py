"""What can be asked of the query service: typed requests, never SQL.

A request is JSON of one of four kinds: ``metrics`` (what `workbench.metrics.query` takes),
``rows`` (what `workbench.metrics.rows` takes), ``summary`` (what `workbench.metrics.summary`
takes), ``read`` (one of `workbench.warehouse.records.READS`) or ``quality`` (what the checks of
the data find). A field that is not declared here is refused.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.comparison import Compare
from workbench.metrics.filters import MAX_LENGTH, Filter
from workbench.metrics.periods import Period
from workbench.warehouse.records import checked_read

LARGEST_REQUEST = 64 * 1024  # bytes
MOST_METRICS, MOST_DIMENSIONS, MOST_COLUMNS = 60, 8, 500

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\w-]+$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    def canonical(self) -> str:
        """The request as a text: the same for requests with the same answer."""
        return self.model_dump_json()


class Days(BaseModel):
    """A `Period` as it travels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: date
    end: date
    name: str = Field("", max_length=80)

    @classmethod
    def of(cls, period: Period) -> Days:
        """Return a period as it travels."""
        return cls(start=period.start, end=period.end, name=period.name)

    @property
    def period(self) -> Period:
        """The period itself."""
        return Period(self.start, self.end, self.name)


class MetricsRequest(_Asked):
    """Metrics by dimensions and time, as `workbench.metrics.query` takes them."""

    kind: Literal["metrics"] = "metrics"
    metrics: tuple[Name, ...] = Field(min_length=1, max_length=MOST_METRICS)
    by: tuple[Name, ...] = Field((), max_length=MOST_DIMENSIONS)
    grain: Name | None = None
    period: Days | Annotated[str, Field(max_length=80)] | None = None
    start: date | Annotated[str, Field(max_length=80)] | None = None
    end: date | Annotated[str, Field(max_length=80)] | None = None
    where: str | None = Field(None, max_length=2 * MAX_LENGTH)
    compare: Compare | None = None
    each_n: bool = False
    segment: Name | None = None


class RowsRequest(_Asked):
    """The rows of a model that a filter keeps, as `workbench.metrics.rows` takes them."""

    kind: Literal["rows"] = "rows"
    model: Name
    where: str | None = Field(None, max_length=2 * MAX_LENGTH)
    by: tuple[Name, ...] = Field((), max_length=MOST_COLUMNS)
    segment: Name | None = None


class SummaryRequest(_Asked):
    """A summary of the deals that a filter keeps, as `workbench.metrics.summary` takes it."""

    kind: Literal["summary"] = "summary"
    name: Name
    where: str | None = Field(None, max_length=2 * MAX_LENGTH)
    segment: Name | None = None
    values: dict[Name, int | date] = Field({}, max_length=8)


class ReadRequest(_Asked):
    """One of the named reads, and its values (whole numbers and days)."""

    kind: Literal["read"] = "read"
    name: Name
    values: dict[Name, int | date] = Field({}, max_length=8)


class QualityRequest(_Asked):
    """What the checks find, as `workbench.metrics.quality.look` tells it.

    Some checks look at the clock: ``hour``, since 1970, makes an answer one of its hour only.
    """

    kind: Literal["quality"] = "quality"
    hour: int = Field(ge=0, lt=2**40)


Request = MetricsRequest | RowsRequest | SummaryRequest | ReadRequest | QualityRequest
_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def parse_request(text: str | bytes) -> Request:
    """Parse a request; raises `QueryError` (one line) for anything that is not one."""
    try:
        found = _REQUESTS.validate_json(text)
    except ValidationError as problem:
        raise refused(problem) from None
    except RecursionError:
        raise QueryError(_("This is no request: it is nested too deep.")) from None
    if isinstance(found, ReadRequest):
        checked_read(found.name, found.values)
    return found


def refused(problem: ValidationError) -> QueryError:
    """Return the error for a request that is not well formed: its first fault."""
    first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"][:4])
    return QueryError(
        _("The request is not allowed: {where}: {reason}").format(
            where=where or "–", reason=str(first["msg"])[:200]
        )
    )


def metrics_request(metrics: Any, by: Any, period: Any, where: Any, **given: Any) -> MetricsRequest:
    """Make the request for what `workbench.metrics.query` was asked; raises `QueryError`."""
    try:
        return MetricsRequest(
            metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
            by=(by,) if isinstance(by, str) else tuple(by),
            period=Days.of(period) if isinstance(period, Period) else period,
            where=where.text if isinstance(where, Filter) else where,
            **given,
        )
    except ValidationError as problem:
        raise refused(problem) from None
