"""Panels of the page of the data: what the checks find, the scores so far, what is loaded."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from workbench.bitrix24 import entities
from workbench.errors import AccessRefused, ParameterError
from workbench.i18n import _, format_datetime, format_number, language, ngettext
from workbench.metrics import quality as checks
from workbench.metrics.quality import Health, Outcome
from workbench.metrics.quality.declared import RECORDS
from workbench.metrics.quality.outcomes import CARDS
from workbench.views import charts, values
from workbench.views.contents import (
    ChartContent,
    Content,
    FiguresContent,
    TableContent,
    TextContent,
)
from workbench.views.figures import Figure
from workbench.views.panels import parts
from workbench.views.quality_page import severity_name, status_name
from workbench.views.selection import Selection
from workbench.views.tables import Column
from workbench.warehouse.reasons import reason
from workbench.warehouse.retention import published_at

SEVERITIES = ("error", "warning", "info")  # the gravest first
_KEPT = 4
_looks: OrderedDict[Hashable, Health] = OrderedDict()


def health_of(selection: Selection) -> Health:
    """Return what the checks find; looked at once in an hour, for some look at the clock."""
    key = (selection.snapshot.key, language(), int(time.time() // 3600))
    if key not in _looks:
        _looks[key] = checks.health(selection.snapshot)
        while len(_looks) > _KEPT:
            _looks.popitem(last=False)
    return _looks[key]


def figures(selection: Selection) -> Content:
    """Return how many checks passed, and how many of each severity found something."""
    quality = health_of(selection).quality
    run = [each for each in quality.outcomes if each.rows is not None]
    shown = [
        Figure(
            "checks_passed",
            _("Checks passed"),
            sum(each.passed for each in run) / len(run) if run else None,
            values.SHARE,
            help=_(
                "Checks that find nothing ÷ checks that could be run: what the tables themselves"
                " promise, and what parameters/checks.yml declares."
            ),
            n=len(run),
        )
    ]
    titles = {
        "error": _("Errors"),
        "warning": _("Warnings"),
        "info": _("Notes"),
    }
    meanings = {
        "error": _("Checks that find something which stops the reports of their table."),
        "warning": _("Checks that find something which lowers the score of its entity."),
        "info": _("Checks that find something worth knowing, without weight in a score."),
    }
    for severity in SEVERITIES:
        of_it = [each for each in run if each.severity == severity]
        shown.append(
            Figure(
                f"checks_{severity}",
                titles[severity],
                sum(not each.passed for each in of_it),
                help=meanings[severity],
                n=len(of_it),
            )
        )
    not_run = len(quality.outcomes) - len(run)
    note = ngettext(
        "{n} check could not be run: what it looks at is not loaded or not compared yet.",
        "{n} checks could not be run: what they look at is not loaded or not compared yet.",
        not_run,
    ).format(n=format_number(not_run))
    return FiguresContent(shown, note if not_run else "")


def scores(selection: Selection) -> Content:
    """Return per entity the share of its records that no check of weight finds broken."""
    title = _("Records without a fault")
    quality = health_of(selection).quality
    if not quality.scores:
        return parts.empty(title)
    table = pd.DataFrame(
        [
            {"entity": entities.title(entity), "score": score, "n": quality.records[entity]}
            for entity, score in quality.scores.items()
        ]
    ).sort_values("score", kind="stable")
    return ChartContent(
        title,
        charts.rate_by_group(
            table, "entity", _("Entity"), "score", _("Records without a fault"), _("Records")
        ),
        _lowest(table),
        table,
        [
            Column("entity", _("Entity")),
            Column("score", _("Score"), values.SHARE),
            Column("n", _("Records"), values.COUNT),
        ],
        _("The share of the records that no error and no warning finds broken."),
    )


def _lowest(table: pd.DataFrame) -> str:
    worst = table.iloc[0]
    if worst["score"] >= 1:
        return _("No record has a fault.")
    broken = round((1 - worst["score"]) * worst["n"])
    return _("Lowest: {entity}, {score}; {broken} of {n} records have a fault.").format(
        entity=worst["entity"],
        score=_share(worst["score"]),
        broken=format_number(broken),
        n=format_number(worst["n"]),
    )


def scores_over_time(selection: Selection) -> Content:
    """Return the scores of the snapshots that were looked at, the last one of each day."""
    title = _("Scores over time")
    zone = ZoneInfo(selection.snapshot.timezone)
    rows = [
        {
            "day": pd.Timestamp(
                (published_at(each.snapshot) or each.done_at).astimezone(zone).date()
            ),
            "entity": entities.title(entity),
            "score": score,
        }
        for each in health_of(selection).history
        for entity, score in each.scores.items()
    ]
    if not rows:
        return parts.empty(title)
    table = pd.DataFrame(rows).drop_duplicates(["day", "entity"], keep="last")
    table = table.sort_values("day", kind="stable").reset_index(drop=True)
    return ChartContent(
        title,
        charts.scores_over_time(table),
        _movement(table),
        table,
        [
            Column("day", _("Day"), values.DATE),
            Column("entity", _("Entity")),
            Column("score", _("Score"), values.SHARE),
        ],
        _("The last snapshot of each day that was looked at, by this page or “workbench check”."),
    )


def _movement(table: pd.DataFrame) -> str:
    """Say which score moved most between the first and the last day."""
    first, last = table["day"].min(), table["day"].max()
    if first == last:
        return _("One day so far; there is nothing to compare yet.")
    wide = table.pivot(index="day", columns="entity", values="score")
    moved = (wide.loc[last] - wide.loc[first]).dropna()
    days = {"first": _day(first), "last": _day(last)}
    if moved.empty or moved.abs().max() < 0.0005:
        return _("No score has moved between {first} and {last}.").format(**days)
    entity = str(moved.abs().idxmax())
    return _("{entity} moved most: from {before} on {first} to {now} on {last}.").format(
        entity=entity,
        before=_share(wide.loc[first, entity]),
        now=_share(wide.loc[last, entity]),
        **days,
    )


def _share(share: float) -> str:
    return values.text_of(share, values.SHARE)


def _day(day: pd.Timestamp) -> str:
    return values.text_of(day.date(), values.DATE)


def failed(selection: Selection) -> Content:
    """Return the checks that find something, the gravest first."""
    found = _broken(selection)
    if not found:
        return TextContent(_("No check finds anything."), {})
    data = pd.DataFrame(
        [
            {
                "severity": severity_name(each.severity),
                "check": each.title,
                "entity": _entity(each),
                "broken": each.broken,
                "rows": each.rows,
                "share": each.broken / each.rows if each.rows else None,
                "detail": each.detail,
            }
            for each in found
        ]
    )
    return TableContent(
        _("What is wrong"),
        data,
        [
            Column("check", _("Check")),
            Column("severity", _("Severity")),
            Column("entity", _("Entity")),
            Column("broken", _("Broken"), values.COUNT),
            Column("rows", _("Of"), values.COUNT),
            Column("share", _("Share"), values.SHARE),
            *([Column("detail", _("More"))] if data["detail"].any() else []),
        ],
    )


def examples(selection: Selection) -> Content:
    """Return a few records that break each check, with their cards on the portal."""
    rows = [
        {
            "record": one.name or _("without a name"),
            "number": f"#{one.record}",
            "check": each.title,
            "severity": severity_name(each.severity),
            "link": one.link,
        }
        for each in _broken(selection)
        for one in each.examples
    ]
    if not rows:
        return TextContent(_("There is no record to show."), {})
    return TableContent(
        _("Records to put right"),
        pd.DataFrame(rows),
        [
            Column("record", _("Record"), link="link"),
            Column("number", _("Number")),
            Column("check", _("Check")),
            Column("severity", _("Severity")),
        ],
        _("At most five of each check, the newest."),
    )


def unreadable(selection: Selection) -> Content:
    """Return the values of the portal that could not be read, by field."""
    rows = health_of(selection).unparsed
    if not rows:
        return TextContent(_("Every value of the portal could be read."), {})
    data = pd.DataFrame(rows, columns=["entity", "field", "n", "example"])
    return TableContent(
        _("Values that cannot be read"),
        data.assign(entity=[entities.title(each) for each in data["entity"]]),
        [
            Column("entity", _("Entity")),
            Column("field", _("Field")),
            Column("n", _("Values"), values.COUNT),
            Column("example", _("Example")),
        ],
    )


def sources(selection: Selection) -> Content:
    """Return what is loaded and how well, one row per source and entity."""
    title = _("What is loaded")
    frame = selection.snapshot.sources()
    if frame.empty:
        return parts.empty(title)
    zone = selection.snapshot.timezone
    data = pd.DataFrame(
        {
            "entity": [
                entities.title(row.entity, getattr(row, "label", None))
                for row in frame.itertuples()
            ],
            "status": [status_name(each) for each in frame["status"]],
            "rows": frame["rows"],
            "loaded_from": frame["loaded_from"],
            "loaded_to": frame["loaded_to"],
            "last_sync": frame["last_sync"],
            "missing": [reason(None if pd.isna(each) else each) for each in frame["missing"]],
        }
    )
    return TableContent(
        title,
        data,
        [
            Column("entity", _("Entity")),
            Column("status", _("Status")),
            Column("rows", _("Rows"), values.COUNT),
            Column("loaded_from", _("First day"), values.DATE),
            Column("loaded_to", _("Last day"), values.DATE),
            Column("last_sync", _("Last sync"), values.MOMENT),
            *([Column("missing", _("Missing"))] if data["missing"].any() else []),
        ],
        _("Compared with the portal last: {moment}.").format(
            moment=format_datetime(selection.snapshot.checked_at, zone)
        ),
    )


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: the share of the checks that pass, and what is worst.

    ``status``: ``ok``, ``errors`` where a check of that severity finds something, ``no data`` where
    none could be run. ``scores``: by entity.
    """
    try:
        quality = health_of(selection).quality
    except AccessRefused as error:
        return {"status": "no data", "value": None, "summary": error.message}
    run = [each for each in quality.outcomes if each.rows is not None]
    passed = sum(each.passed for each in run)
    if not run:
        return {"status": "no data", "value": None, "summary": _("No check could be run.")}
    errors = sum(each.severity == "error" for each in quality.failed)
    told = _("{n} of {all} checks passed.").format(
        n=format_number(passed), all=format_number(len(run))
    )
    if quality.scores:
        entity = min(quality.scores, key=lambda each: quality.scores[each])
        told += " " + _("Lowest score: {entity}, {score}.").format(
            entity=entities.title(entity), score=_share(quality.scores[entity])
        )
    return {
        "status": "errors" if errors else "ok",
        "metric": "checks_passed",
        "unit": values.SHARE,
        "value": passed / len(run),
        "previous": None,
        "change_percent": None,
        "errors": errors,
        "scores": quality.scores,
        "summary": told,
    }


def _broken(selection: Selection) -> list[Outcome]:
    """Return what is broken, of the severities that the page shows, the gravest first."""
    least = str(selection.inputs.get("severity", SEVERITIES[-1]))
    if least not in SEVERITIES:
        raise ParameterError(
            _("severity: there is no “{value}”.").format(value=least[:60]),
            hint=_("Allowed: {names}.").format(names=", ".join(SEVERITIES)),
        )
    shown = SEVERITIES[: SEVERITIES.index(least) + 1]
    return [each for each in health_of(selection).quality.failed if each.severity in shown]


def _entity(outcome: Outcome) -> str:
    """Return what a check looks at as its reader knows it; a table of ours by its name."""
    table = RECORDS.get(outcome.table, outcome.table)
    return entities.title(CARDS[table][0]) if table in CARDS else outcome.table
