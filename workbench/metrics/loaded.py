"""What is known: whether the rows behind a number were loaded, and whether it is ripe.

Marks, from good to bad:

``ok``            every day of the period is loaded
``later rate``    some amounts were converted at a rate of a later day, as none was known before
``no rate``       some amounts are in a currency without an exchange rate and are left out
``partial``       a part of the period is not loaded, or not over yet
``immature``      the cohort is younger than the metric's maturity rule asks
``whole months``  the source knows whole months only and the period cuts one; no value
``not over``      what the period holds is known once it is over; no value
``today only``    the moment is before the day of the data, the only one that is known; no value
``not loaded``    the source is missing or does not reach the period; no value
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import pandas as pd

from workbench.metrics.answered import answered
from workbench.metrics.catalogue import Definition, Maturity, definition, leaves, models
from workbench.metrics.filters import Filter
from workbench.metrics.periods import EVERYTHING, Period, next_unit
from workbench.metrics.sql import Cut, entities, statement
from workbench.warehouse import Snapshot

MARKS = (
    *("ok", "later rate", "no rate", "partial", "immature"),
    *("whole months", "not over", "today only", "not loaded"),
)
HIDDEN = {"whole months", "not over", "today only", "not loaded"}  # marks that leave no value
ENTIRE = {"later rate", "no rate", "immature"}  # marks of what is complete nevertheless
USABLE = {"complete", "partial", "stale"}
PORTAL = "bitrix24"  # the source that is kept up to date by changes


@dataclass(frozen=True)
class Extent:
    """The days that are loaded, both included; None where nothing bounds them."""

    usable: bool
    first: date | None = None
    last: date | None = None
    whole: bool = True  # False where the source gave a part of its rows only


_EXTENTS: WeakKeyDictionary[Snapshot, dict[str, Extent]] = WeakKeyDictionary()
_RIPE_AFTER: WeakKeyDictionary[Snapshot, dict[tuple[str, str], float]] = WeakKeyDictionary()
MOST_KEPT = 100  # filters of a snapshot


def worst(marks: Iterable[str]) -> str:
    """Return the worst of some marks; ``ok`` of none."""
    return max(marks, key=MARKS.index, default="ok")


def local_day(moment: datetime, timezone: str) -> date:
    """Return the calendar day of a moment in a time zone."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def extents(snapshot: Snapshot) -> dict[str, Extent]:
    """Return the loaded days of every entity of a snapshot.

    The portal's records are known up to the last sync, however old the newest record is; a
    file's up to its last row.
    """
    if snapshot in _EXTENTS:
        return _EXTENTS[snapshot]
    found: dict[str, Extent] = {}
    for row in snapshot.sources().to_dict("records"):
        has_rows = not _missing(row["rows"]) and int(row["rows"]) > 0
        status = str(row["status"])
        # A source that failed today still holds what it brought before.
        usable = status in USABLE or (status == "failed" and has_rows)
        last = row["last_sync"] if row["source"] == PORTAL else row["loaded_to"]
        found[str(row["entity"])] = Extent(
            usable, _day(row["loaded_from"], snapshot), _day(last, snapshot), status != "partial"
        )
    _EXTENTS[snapshot] = found
    return found


def extent(leaf: Definition, cut: Cut, known: dict[str, Extent]) -> Extent:
    """Return the days for which a counted metric has its rows: those all its entities have."""
    own = [known.get(name, Extent(False)) for name in entities(leaf, cut)]
    last = own[0].last
    if last is not None and "day" not in models()[str(leaf.model)].grains:
        last = next_unit(last.replace(day=1), "month") - timedelta(days=1)
    return Extent(
        all(each.usable for each in own), own[0].first, last, all(each.whole for each in own)
    )


def mark(
    leaf: Definition, span: Period, known: Extent, today: date, ripe: Mapping[Maturity, float]
) -> str:
    """Return the mark of a counted metric over the days of ``span``.

    ``today`` is the day of the data, ``ripe`` the age in days that each maturity rule asks for.
    """
    daily = "day" in models()[str(leaf.model)].grains
    # A file of months, such as the plan, may know those to come.
    ahead = not daily and known.last is not None and known.last >= span.start
    if not known.usable or (span.start > today and not ahead):
        return "not loaded"
    if known.first is not None and span.end <= known.first:
        return "not loaded"
    if leaf.today_only and span.end <= today:
        return "today only"
    if leaf.when_over and span.end > today:
        return "not over"
    last = today if known.last is None else min(known.last, today)
    if not daily:
        if span.whole_months is None:
            return "whole months"
        last = known.last or today
    if span.start > last:
        return "not loaded"
    if leaf.maturity and not (today - span.last_day).days >= ripe[leaf.maturity]:
        return "immature"
    if not known.whole:
        return "partial"
    if leaf.date == "as-of" or span.name == EVERYTHING.name:
        return "ok"
    cut_off = known.first is not None and span.start < known.first
    return "partial" if cut_off or span.last_day > last else "ok"


RIPE = {"cycle_p90": ("won_cycle_p90", 1), "response_p90": ("response_clock_hours_p90", 24)}


def ripe_after(snapshot: Snapshot, cut: Cut, rule: Maturity) -> float:
    """Return the age in days that a maturity rule asks for, under the cut's filter.

    The 90th percentile of the won cycle or of the time to a lead's first answer. A filter by what
    these do not have is left out.
    """
    metric, units = RIPE[rule]
    quantile = definition(metric)
    known = cut.model(quantile).filterable()
    where = cut.where if cut.where and cut.where.names <= known.keys() else None
    kept = _RIPE_AFTER.setdefault(snapshot, {})
    key = (rule, where.tree.sql() if where else "")
    if key not in kept:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[key] = _ripe_after(snapshot, cut, quantile, where) / units
    return kept[key]


def _ripe_after(snapshot: Snapshot, cut: Cut, quantile: Definition, where: Filter | None) -> float:
    whole = replace(cut, by=(), grain=None, period=EVERYTHING, where=where)
    ask = statement([quantile], whole, as_of=snapshot.as_of, timezone=snapshot.timezone)
    value = answered(snapshot, ask)[f"value:{quantile.id}"].iloc[0]
    return math.inf if _missing(value) else float(value)


def _missing(value: Any) -> bool:
    return value is None or value != value


def _day(value: Any, snapshot: Snapshot) -> date | None:
    if _missing(value):
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        aware = value.tzinfo is not None
        return local_day(value, snapshot.timezone) if aware else value.date()
    return value if isinstance(value, date) else None


def incomplete_units(frame: pd.DataFrame) -> set[pd.Timestamp]:
    """Return the first days of the units of time that a frame shows in part only, in any metric."""
    metrics = frame.attrs.get("metrics", {})
    return {
        pd.Timestamp(first)
        for name, marks in frame.attrs.get("marks", {}).items()
        for first, each in marks.items()
        if each == "partial" and name in metrics and "period" in frame
    }


def troubles(asked: Iterable[Definition], cut: Cut, snapshot: Snapshot) -> list[dict[str, str]]:
    """Return what is behind some metrics and could not be loaded anew: entity and status.

    ``status``: ``failed``, ``denied`` or ``stale``, or ``refused`` of a file that was refused or
    not found; what was loaded before is shown.
    """
    needed = {name for metric in asked for leaf in leaves(metric) for name in entities(leaf, cut)}
    rows = snapshot.sources()
    rows = rows[rows["entity"].isin(needed) & rows["status"].isin(["failed", "denied", "stale"])]
    return [
        {
            "entity": str(row.entity),
            "status": "refused" if row.source != PORTAL and row.status == "stale" else row.status,
        }
        for row in rows.itertuples()
        if row.rows
    ]
