"""What a reader has chosen: the period, the filters and the inputs of a page."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pandas as pd

from workbench import metrics
from workbench.errors import ParameterError
from workbench.i18n import _, language
from workbench.metrics import Period
from workbench.metrics.catalogue import filterable
from workbench.metrics.segments import load_segments, segment
from workbench.metrics.user_fields import models_of
from workbench.warehouse import Data

ALL = "all"
LONGEST_VALUE = 200
DEAL_FILTERS = frozenset({"pipeline", "department", "manager", "source", "segment"})
# Filters whose values are names of segments: to be inside of one, to be compared with one.
SEGMENT, AGAINST = "segment", "against"
# Filters that keep what is below the chosen one, too: a department has those of its own.
WITH_THOSE_BELOW = {"department": "department_and_below"}
FIRST = "first"


@dataclass(frozen=True)
class Selection:
    """A state of a page's filters over one snapshot.

    ``chosen``: dimension -> value, only those that are not “all”; a ``segment`` by its name.
    ``inputs``: what sliders and further parameters say.
    """

    snapshot: Data
    period: Period
    chosen: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """ISO code of the portal's base currency."""
        return self.snapshot.base_currency

    @property
    def today(self) -> date:
        """The day of the data in the portal's time zone."""
        return self.snapshot.as_of.astimezone(ZoneInfo(self.snapshot.timezone)).date()

    def where(self, ids: Sequence[str], also: str = "") -> str | None:
        """Return the filter for these metrics: the chosen values of dimensions they all have.

        ``also``: a further filter, empty for none.
        """
        chosen = self._terms(name for name in self.chosen if self.applies(name, ids))
        return f"({also}) and {chosen}" if also and chosen else also or chosen

    def _terms(self, names: Iterable[str]) -> str | None:
        terms = [
            f"({segment(self.chosen[name]).where})"
            if name == SEGMENT
            else f"{WITH_THOSE_BELOW.get(name, name)} = {quoted(self.chosen[name])}"
            for name in names
        ]
        return " and ".join(terms) or None

    def applies(self, dimension: str, ids: Sequence[str]) -> bool:
        """Tell whether all these metrics can be filtered by a dimension, or by the segment."""
        known = models_of(self.snapshot)
        allowed = [filterable(metrics.definition(each), known) for each in ids]
        if dimension == SEGMENT:
            names = segment(self.chosen[SEGMENT]).filter.names
            return all(names <= each for each in allowed)
        return all(WITH_THOSE_BELOW.get(dimension, dimension) in each for each in allowed)

    def query(self, ids: str | Sequence[str], **options: Any) -> pd.DataFrame:
        """Ask for metrics over the selection; ``options`` as in `workbench.metrics.query`.

        Chosen filters that a metric does not know are left out (`not_applied` names them).
        """
        asked = (ids,) if isinstance(ids, str) else tuple(ids)
        options.setdefault("period", self.period)
        options.setdefault("where", self.where(asked))
        return _answer(self.snapshot, language(), asked, tuple(sorted(options.items())))

    def deals(self, where: str = "") -> pd.DataFrame:
        """Return the rows of `deals` that the chosen filters keep, whatever their period.

        ``where``: a further filter on them, empty for none.
        """
        return metrics.rows("deals", self._of_deals(where), snapshot=self.snapshot)

    def summary(self, name: str, where: str = "", **values: int | date) -> pd.DataFrame:
        """Return a summary (see `workbench.metrics.summary`) of the rows that `deals` returns."""
        kept = self._of_deals(where)
        return metrics.summary(name, kept, snapshot=self.snapshot, segment=None, **values)

    def _of_deals(self, where: str) -> str:
        chosen = self._terms(name for name in self.chosen if name in DEAL_FILTERS)
        return " and ".join(f"({each})" for each in (where, chosen) if each)

    def not_applied(self, ids: Sequence[str]) -> list[str]:
        """Return the chosen dimensions that these metrics do not know."""
        return [name for name in self.chosen if not self.applies(name, ids)]


# A snapshot never changes, so neither do its answers; their labels have a language.
_KEPT = 200
_answers: OrderedDict[Any, pd.DataFrame] = OrderedDict()


def _answer(
    snapshot: Data, spoken: str, ids: tuple[str, ...], options: tuple[tuple[str, Any], ...]
) -> pd.DataFrame:
    key = (snapshot.key, spoken, ids, options)
    if key not in _answers:
        _answers[key] = metrics.query(ids, snapshot=snapshot, **dict(options))
        while len(_answers) > _KEPT:
            _answers.popitem(last=False)
    _answers.move_to_end(key)
    return _answers[key].copy()


def days_in(column: str, period: Period) -> str:
    """Write the filter that keeps the rows whose day lies in a period."""
    if period.is_all:
        return f"not {column} is null"
    return f"{column} between '{period.start}' and '{period.last_day}'"


def quoted(value: str) -> str:
    """Write a text as a literal of a filter."""
    return "'" + value.replace("'", "''") + "'"


def choices(snapshot: Data, dimension: str) -> list[str]:
    """Return the values that a filter offers, in alphabetical order; segments as in their file."""
    if dimension in (SEGMENT, AGAINST):
        return list(load_segments())
    found = snapshot.read(f"values_of_{dimension}")["value"].astype(str).tolist()
    return sorted(found, key=str.casefold)


def settled(wanted: Mapping[str, str]) -> dict[str, str]:
    """Put the name of the first segment in place of “first”; “all” where there is none."""
    segments = {SEGMENT, AGAINST}
    if not any(name in segments and value == FIRST for name, value in wanted.items()):
        return dict(wanted)
    first = next(iter(load_segments()), ALL)
    return {
        name: first if name in segments and value == FIRST else value
        for name, value in wanted.items()
    }


def choose(snapshot: Data, wanted: Mapping[str, str]) -> Selection:
    """Turn parameters (``period``, and filters, “all” for none) into a selection.

    Raises `ParameterError` naming the parameter and what is allowed.
    """
    period = period_of(snapshot, wanted.get("period", ALL))
    chosen = {}
    for dimension, value in wanted.items():
        if dimension == "period" or value in ("", ALL):
            continue
        allowed = choices(snapshot, dimension)
        if value not in allowed:
            raise ParameterError(
                _("{name}: there is no “{value}”.").format(
                    name=dimension, value=str(value)[:LONGEST_VALUE]
                ),
                hint=_("Allowed: {names}.").format(names=", ".join([ALL, *allowed])),
            )
        chosen[dimension] = value
    return Selection(snapshot, period, chosen)


def shown_value(dimension: str, value: str) -> str:
    """Return the value of a filter as the reader knows it: a segment by its title."""
    return str(segment(value).title) if dimension in (SEGMENT, AGAINST) else value


def period_of(snapshot: Data, name: str) -> Period:
    """Resolve a period on the day of the data, so that a report can be repeated."""
    today = snapshot.as_of.astimezone(ZoneInfo(snapshot.timezone)).date()
    return metrics.resolve_period(name, today=today, timezone=snapshot.timezone)


def from_address(snapshot: Data, wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Overlay what the page's address asks for (``?period=…&pipeline=…``).

    Returns the parameters and the names of those whose value in the address is not allowed;
    they keep what they had.
    """
    try:
        asked = parse_qs(os.environ.get("QUERY_STRING", ""), max_num_fields=50)
    except ValueError:
        return dict(wanted), sorted(wanted)
    result, refused = dict(wanted), []
    for name in wanted:
        if name not in asked:
            continue
        value = asked[name][-1]
        try:
            if len(value) > LONGEST_VALUE or "\0" in value:
                raise ParameterError(name)
            choose(snapshot, {"period": ALL, name: value})
        except ParameterError:
            refused.append(name)
        else:
            result[name] = value
    return result, refused
