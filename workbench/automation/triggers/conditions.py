"""Conditions on the data: what holds on a snapshot, each with the sentence that says why."""

from __future__ import annotations

import math

import pandas as pd

from workbench import metrics
from workbench.automation.triggers.when import BrokenCheck, Condition, Figure, NewFile
from workbench.errors import QueryError, WarehouseError
from workbench.i18n import _, format_datetime, format_number
from workbench.metrics.catalogue import filterable, leaves, suggest
from workbench.metrics.catalogue import models as models_of_metrics
from workbench.metrics.filters import write_filter
from workbench.metrics.periods import resolve_period
from workbench.metrics.quality import Check, declared_checks, failed_errors, run_check
from workbench.metrics.user_fields import NAME as USER_FIELD
from workbench.reports.delivery.band import last_band
from workbench.warehouse import Snapshot
from workbench.warehouse.models import models as tables_of

ANY = "any"
DIGITS = 4


def holding(when: Condition, snapshot: Snapshot) -> dict[str, str]:
    """Return what holds: a mark that stays the same while it does, and a sentence.

    A trigger starts a run for the marks that were not there at its last look: so a figure starts
    one when it crosses its limit and not while it stays beyond it, a month outside its band one,
    each check that begins to fail one, each other content of a file one. Raises `QueryError` for a
    name that the data do not know, `WarehouseError` while what it looks at is not loaded.
    """
    if isinstance(when, Figure):
        return _outside(when, snapshot) if when.outside_forecast else _beyond(when, snapshot)
    if isinstance(when, BrokenCheck):
        return _broken(when, snapshot)
    return _changed(when, snapshot)


def check_names(when: Condition) -> None:
    """Check what a condition names before there are data; raises `WorkbenchError`.

    The portal's own fields in a filter are known at the data only.
    """
    if isinstance(when, BrokenCheck):
        _checks_named(when)
    if not isinstance(when, Figure):
        return
    resolve_period(when.period)
    asked, kept = metrics.definition(when.metric), when.filter
    if kept and not any(USER_FIELD.fullmatch(name) for name in kept.names):
        columns = models_of_metrics()[str(leaves(asked)[0].model)].filterable()
        write_filter(kept, {name: columns[name] for name in filterable(asked)})


def _beyond(when: Figure, snapshot: Snapshot) -> dict[str, str]:
    frame = metrics.query(
        when.metric, period=when.period, where=when.filter, segment=None, snapshot=snapshot
    )
    if frame.attrs["status"] == "not loaded":
        raise WarehouseError(
            _("it waits until {metric} is loaded for {period}.").format(
                metric=when.metric, period=frame.attrs["period"]["label"]
            )
        )
    value = frame.attrs["total"][when.metric]
    if math.isnan(value):
        return {}
    told = {
        "metric": when.metric,
        "period": frame.attrs["period"]["label"],
        "value": format_number(value, DIGITS),
    }
    if when.above is not None and value > when.above:
        sentence = _("{metric}, {period}: {value}, above {limit}.")
        return {"above": sentence.format(**told, limit=format_number(when.above, DIGITS))}
    if when.below is not None and value < when.below:
        sentence = _("{metric}, {period}: {value}, below {limit}.")
        return {"below": sentence.format(**told, limit=format_number(when.below, DIGITS))}
    return {}


def _outside(when: Figure, snapshot: Snapshot) -> dict[str, str]:
    band = last_band(snapshot, when.metric, where=when.filter)
    if band is None or not band.left:
        return {}
    return {band.month.isoformat(): band.told(when.metric)}


def _broken(when: BrokenCheck, snapshot: Snapshot) -> dict[str, str]:
    if when.check == ANY:
        tables = {model.name for model in tables_of()} | {each.table for each in declared_checks()}
        failed = failed_errors(snapshot, tables)
    else:
        outcomes = [run_check(snapshot, check) for check in _checks_named(when)]
        failed = [outcome for outcome in outcomes if not outcome.passed]
    return {
        each.check: _("{table}: {check} ({n})").format(
            table=each.table, check=each.title, n=format_number(each.broken)
        )
        for each in failed
    }


def _checks_named(when: BrokenCheck) -> list[Check]:
    declared = declared_checks()
    named = [each for each in declared if each.id == when.check]
    if not named and when.check != ANY:
        raise QueryError(
            _("There is no check “{name}” in parameters/checks.yml.").format(name=when.check[:60]),
            hint=suggest(when.check, [ANY, *(each.id for each in declared)]),
        )
    return named


def _changed(when: NewFile, snapshot: Snapshot) -> dict[str, str]:
    found = snapshot.sources().set_index("entity")
    if when.source not in found.index:
        return {}
    row = found.loc[when.source]
    if not row["rows"] or pd.isna(row["changed_at"]):
        return {}
    moment = row["changed_at"].to_pydatetime()
    return {
        moment.isoformat(): _("{source}: new content of {moment}, {n} rows.").format(
            source=when.source,
            moment=format_datetime(moment, snapshot.timezone),
            n=format_number(int(row["rows"])),
        )
    }
