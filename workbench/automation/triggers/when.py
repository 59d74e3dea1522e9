"""When a trigger starts a run: what ``when:`` of its file may say, one of five shapes.

{records: deals, change: entered, where: is_won}     records of the portal changed
{metric: closed_win_rate, period: last_3_months, below: 0.25}      a figure crossed a limit
{metric: won_revenue, outside_forecast: true}        its last whole month left its forecast band
{check: any}                                         a check of the data fails that did not
{source: marketing_spend}                            a file came in that differs from the last
{call: rest}                                         an authenticated call of the handler
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from workbench.i18n import _
from workbench.metrics.filters import Filter, both, parse_filter
from workbench.metrics.segments import segment_filter

Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """A part of a file in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _kept(where: str | None, segment: str | None) -> Filter | None:
    own = parse_filter(where) if where else None
    return both(own, segment_filter(segment))


class Change(Strict):
    """Which records count, and which change of them.

    ``any``: they are new or differ, and fit the filter now; ``added``: they are new and fit;
    ``entered``: they fit now and did not before.
    """

    records: Literal["deals", "leads", "invoices"]
    change: Literal["any", "added", "entered"] = "any"
    where: Text | None = None
    segment: Text | None = None

    @property
    def filter(self) -> Filter | None:
        """What the records must fit; None for all. Raises `QueryError`."""
        return _kept(self.where, self.segment)


class Figure(Strict):
    """A metric over a period, in the metric's unit (shares are fractions of 1), against a limit.

    ``outside_forecast`` stands for itself: the last whole month against the band (80 %) that was
    forecast for it a month earlier.
    """

    metric: Text
    period: Text = "this_month"
    above: float | None = None
    below: float | None = None
    outside_forecast: bool = False
    where: Text | None = None
    segment: Text | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Figure:
        given = [self.above is not None, self.below is not None, self.outside_forecast]
        if sum(given) != 1:
            raise ValueError(_("needs exactly one of above, below, outside_forecast"))
        if self.outside_forecast and "period" in self.model_fields_set:
            raise ValueError(_("outside_forecast looks at the last whole month: no period"))
        return self

    @property
    def filter(self) -> Filter | None:
        """What is counted; None for all. Raises `QueryError`."""
        return _kept(self.where, self.segment)


class BrokenCheck(Strict):
    """Any check of severity ``error``, or the one of parameters/checks.yml that is named."""

    check: Text


class NewFile(Strict):
    """A file source of parameters/sources.yml whose rows differ from what it held before."""

    source: Literal["marketing_spend", "targets", "accounting_documents"]


class Called(Strict):
    """``POST /triggers/NAME`` with the token of WORKBENCH_TRIGGER_TOKEN.

    The body may name records (``{"records": [12, 15]}``), which ``run.records`` is given.
    """

    call: Literal["rest"]


SHAPES: dict[str, type[Strict]] = {
    "records": Change,
    "metric": Figure,
    "check": BrokenCheck,
    "source": NewFile,
    "call": Called,
}


def shape_of(given: Any) -> str | None:
    """Return the key of `SHAPES` that tells which shape is meant, None if there is none."""
    if isinstance(given, BaseModel):
        return next(key for key, shape in SHAPES.items() if isinstance(given, shape))
    return next((key for key in SHAPES if isinstance(given, dict) and key in given), None)


When = Annotated[
    Annotated[Change, Tag("records")]
    | Annotated[Figure, Tag("metric")]
    | Annotated[BrokenCheck, Tag("check")]
    | Annotated[NewFile, Tag("source")]
    | Annotated[Called, Tag("call")],
    Discriminator(shape_of),
]
Condition = Figure | BrokenCheck | NewFile  # what holds of the data, or does not
