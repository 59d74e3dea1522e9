"""Whether a metric left its forecast band: its last whole month against what was to be expected.

What was to be expected is what the forecast said a month earlier, from the months before alone, as
the page “Forecast” tries its methods on the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from workbench import metrics
from workbench.analysis.forecast import forecast
from workbench.errors import DeliveryError
from workbench.i18n import _, format_month, format_number
from workbench.metrics.catalogue import filterable
from workbench.metrics.filters import Filter
from workbench.metrics.user_fields import models_of
from workbench.reports.record import RunRecord
from workbench.warehouse.snapshots import Snapshot, open_snapshot

LEVEL = 0.8  # as on the page
FILTERS = ("pipeline", "department", "manager", "source")
EVERYTHING = ("", "all")


@dataclass(frozen=True)
class Band:
    """A month's value and the interval that it was expected in, in the metric's unit."""

    month: date
    value: float
    low: float
    high: float

    @property
    def left(self) -> bool:
        """Whether the value lies outside."""
        return not self.low <= self.value <= self.high

    def told(self, metric: str) -> str:
        """Say what a metric came to, and what was expected of it."""
        return _("{metric}, {month}: {value}, forecast between {low} and {high}.").format(
            metric=metric,
            month=format_month(self.month),
            value=format_number(self.value, 2),
            low=format_number(self.low, 2),
            high=format_number(self.high, 2),
        )


def band_of(record: RunRecord, metric: str) -> Band | None:
    """Return the band of a metric over the run's data and filters; None for too short a history.

    Raises `QueryError` for an unknown metric, `DeliveryError` for one that the run's filters do
    not apply to.
    """
    if record.snapshot is None:
        return None
    chosen = record.parameters.get("segment")
    with open_snapshot(record.snapshot) as snapshot:
        return last_band(
            snapshot,
            metric,
            where=_where(record, metric, snapshot),
            segment=None if chosen in (None, *EVERYTHING) else str(chosen),
        )


def last_band(
    snapshot: Snapshot,
    metric: str,
    *,
    where: str | Filter | None = None,
    segment: str | None = None,
) -> Band | None:
    """Return the last whole month's band of a metric; None for too short a history.

    Raises `QueryError` for an unknown metric, filter or segment.
    """
    frame = metrics.query(metric, grain="month", where=where, segment=segment, snapshot=snapshot)
    today = snapshot.as_of.astimezone(ZoneInfo(snapshot.timezone)).date()
    found = forecast(frame[["period", metric]], horizon=1, level=LEVEL, as_of=today)
    if found.backtest.empty:
        return None
    last = found.backtest.sort_values("period").iloc[-1]
    return Band(
        last["period"].date(),
        float(last["actual"]),
        float(last[f"{found.method}_low"]),
        float(last[f"{found.method}_high"]),
    )


def _where(record: RunRecord, metric: str, snapshot: Snapshot) -> str | None:
    """Return the run's filters as the language of filters writes them."""
    asked = {name: record.parameters.get(name) for name in FILTERS}
    set_ones = {name: str(value) for name, value in asked.items() if value not in (None, "", "all")}
    allowed = filterable(metrics.definition(metric), models_of(snapshot))
    for name in set_ones:
        if name not in allowed:
            raise DeliveryError(
                _("{metric} cannot be filtered by {name}, as the run is.").format(
                    metric=metric, name=name
                )
            )
    terms = [
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in set_ones.items()
    ]
    return " and ".join(terms) or None
