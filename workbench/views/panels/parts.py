"""What the panels of all pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench import metrics
from workbench.i18n import _, format_month
from workbench.metrics.formats import rate_words
from workbench.metrics.loaded import ENTIRE
from workbench.views.contents import FiguresContent, Notice
from workbench.views.figures import ABSENT, Figure, figures_from
from workbench.views.filters import filter_title
from workbench.views.selection import AGAINST, Selection
from workbench.views.tables import spoken
from workbench.views.values import change_of, is_missing, text_of


def figures(selection: Selection, ids: Sequence[str]) -> FiguresContent | Notice:
    """Return key figures beside those of the period before (none for all data)."""
    compare = None if selection.period.is_all else "previous"
    groups: dict[str | None, list[str]] = {}
    for each in ids:
        groups.setdefault(selection.where([each]), []).append(each)
    found = {
        figure.id: figure
        for group in groups.values()
        for figure in figures_from(selection.query(group, compare=compare))
    }
    return FiguresContent([found[each] for each in ids], not_applied_note(selection, ids))


def not_applied_note(selection: Selection, ids: Sequence[str]) -> str:
    """Say which chosen filters do not touch which metrics (empty if all do)."""
    left_out = []
    for dimension in selection.chosen:
        if dimension == AGAINST:
            continue
        untouched = [each for each in ids if not selection.applies(dimension, [each])]
        if untouched:
            names = ", ".join(str(metrics.definition(each).title) for each in untouched)
            left_out.append(
                _("The filter “{filter}” does not apply to: {names}.").format(
                    filter=filter_title(dimension), names=names
                )
            )
    return " ".join(left_out)


def absent(frame: pd.DataFrame, title: str, metric: str) -> Notice | None:
    """Return the notice to show instead of a chart of ``metric``, or None if there is one to show.

    What was not loaded is told from what is empty.
    """
    facts = frame.attrs
    status = facts["statuses"][metric]
    name = spoken(facts["metrics"][metric]["title"])
    if status == "not loaded":
        return Notice(
            "not loaded", _("“{name}” is not loaded for this period.").format(name=name), title
        )
    if status == "whole months" and frame[metric].isna().all():
        text = _("“{name}” is known for whole months only: choose whole months.").format(name=name)
        return Notice("not loaded", text, title)
    if status == "today only":
        text = _("“{name}” is known of today only: choose a period that is not over.")
        return Notice("not loaded", text.format(name=name), title)
    if status == "not over" and frame[metric].isna().all():
        text = _("“{name}” is known of periods that are over only: choose an earlier one.")
        return Notice("not loaded", text.format(name=name), title)
    if frame.empty or not facts["n"][metric]:
        return empty(title)
    return None


def empty(title: str) -> Notice:
    """Return the notice of a selection that holds nothing."""
    return Notice("empty", _("There is nothing to show for this selection."), title)


def known_months(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Drop the months before the first and after the last that hold a value."""
    with_value = frame.index[frame[metric].notna()]
    if with_value.empty:
        return frame.iloc[:0]
    kept = frame.loc[with_value[0] : with_value[-1]]
    kept.attrs = frame.attrs
    return kept


def main_pipeline(selection: Selection, title: str) -> tuple[str, int] | Notice:
    """Return name and id of the pipeline in which most of the period's deals were created.

    The first of equals; where there is none, what to show in the place of the panel ``title``.
    """
    created = selection.query("deals", by="pipeline")
    if (notice := absent(created, title, "deals")) is not None:
        return notice
    ordered = created.dropna(subset=["pipeline"]).sort_values("pipeline", kind="stable")
    if ordered.empty:
        return empty(title)
    name = str(ordered.loc[ordered["deals"].astype(float).idxmax(), "pipeline"])
    return name, int(created.attrs["ids"]["pipeline"][name][0])


def partial_note(frame: pd.DataFrame, metric: str) -> str:
    """Name the months that are shown but not complete."""
    marks = frame.attrs["marks"].get(metric, {})
    shown = {pd.Timestamp(day).date().isoformat() for day in frame["period"]}
    months = [day for day, mark in marks.items() if mark == "partial" and day in shown]
    if not months:
        return ""
    names = ", ".join(format_month(pd.Timestamp(day).date()) for day in months)
    return _("Not complete: {months}.").format(months=names)


def marked_open(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Add ``open`` to a frame by month: True where the month is incomplete or too recent."""
    marks = frame.attrs["marks"].get(metric, {})
    unready = {
        pd.Timestamp(day) for day, mark in marks.items() if mark not in ENTIRE or mark == "immature"
    }
    return frame.assign(open=[pd.Timestamp(day) in unready for day in frame["period"]])


def too_young(frame: pd.DataFrame, metric: str) -> str:
    """Name the months that are too recent to be judged."""
    marks = frame.attrs["marks"].get(metric, {})
    shown = {pd.Timestamp(day).date().isoformat() for day in frame["period"]}
    months = [day for day, mark in marks.items() if mark == "immature" and day in shown]
    if not months:
        return ""
    names = ", ".join(format_month(pd.Timestamp(day).date()) for day in months)
    return _("Too recent to judge: {months}.").format(months=names)


def rate_note(frame: pd.DataFrame, *ids: str) -> str:
    """Say how many of the amounts have a later rate or none; of all metrics without ``ids``."""
    told = {
        rates_told(counts)
        for name, counts in frame.attrs.get("rates", {}).items()
        if not ids or name in ids
    }
    return " ".join(sorted(told - {""}))


def rates_told(counts: Mapping[str, int]) -> str:
    """Say in a sentence how many amounts have a later rate or none; empty if all have their own."""
    text = rate_words(counts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def joined(*notes: str) -> str:
    """Put notes one behind the other."""
    return " ".join(note for note in notes if note)


def answer(
    selection: Selection, metric: str, compare: str | None = "previous", where: str | None = None
) -> dict[str, Any]:
    """Return a metric as a typed answer: status, value, previous, change_percent, summary.

    ``status``: ``ok``, or ``no data`` where there is no value. ``change_percent``: relative
    change in percent. ``compare`` None: with nothing.
    """
    options: dict[str, Any] = {} if where is None else {"where": where}
    if not selection.period.is_all:
        options["compare"] = compare
    frame = selection.query(metric, **options)
    figure = figures_from(frame)[0]
    missing = is_missing(figure.value) or (figure.status in ABSENT)
    value = None if missing else float(figure.value)
    previous = None if is_missing(figure.before) else float(figure.before)
    change = (value - previous) / abs(previous) * 100 if value is not None and previous else None
    return {
        "status": "no data" if missing else "ok",
        "metric": metric,
        "unit": figure.unit,
        "value": value,
        "previous": previous,
        "change_percent": change,
        "summary": summary(figure, selection),
    }


def summary(figure: Figure, selection: Selection) -> str:
    """Say a figure and its change in one sentence of plain text."""
    period = selection.period.label()
    shown = text_of(figure.value, figure.unit, selection.currency)
    if is_missing(figure.value):
        return _("{title}, {period}: no value.").format(title=figure.title, period=period)
    change = change_of(figure.value, figure.before, figure.unit)
    if change is None:
        return _("{title}, {period}: {value}.").format(
            title=figure.title, period=period, value=shown
        )
    return _("{title}, {period}: {value}, {change} against {before} ({compared}).").format(
        title=figure.title,
        period=period,
        value=shown,
        change=change[0],
        before=text_of(figure.before, figure.unit, selection.currency),
        compared=figure.compared,
    )
