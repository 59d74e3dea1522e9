"""The main finding of a frame, in one sentence of the reader's language.

Every number in a sentence comes from the frame; where nothing can be said, the sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from workbench.analysis import money
from workbench.analysis.forecast import Forecast
from workbench.analysis.peers import Peer
from workbench.analysis.segments import Differences, measure_name, shown, size_word
from workbench.i18n import (
    _,
    format_month,
    format_number,
    format_percent,
    language,
    ngettext,
)
from workbench.metrics import format_value
from workbench.metrics.loaded import ENTIRE
from workbench.metrics.periods import unit_label

FEWEST = 10  # rows behind a ratio below which it is not called high or low


def main(frame: pd.DataFrame, metric: str | None = None) -> str:
    """Return the main finding of a frame of `workbench.metrics.query`.

    ``metric`` is one of its metrics, the first without it. Over time: the last complete unit
    against the one before and against the same a year ago. Over a dimension: who leads, and who
    trails where the metric is a ratio (groups of fewer than ten rows are not ranked).
    """
    metric = metric or next(iter(frame.attrs["metrics"]))
    if frame.attrs["statuses"][metric] == "today only":
        return _("{metric}: known of today only.").format(metric=_title(frame, metric))
    if frame.attrs["statuses"][metric] == "not over" and "period" not in frame:
        return _("{metric}: known once {period} is over.").format(
            metric=_title(frame, metric), period=frame.attrs["period"]["label"]
        )
    if frame.attrs["statuses"][metric] in ("not loaded", "whole months"):
        return _("{metric}: not loaded for {period}.").format(
            metric=_title(frame, metric), period=frame.attrs["period"]["label"]
        )
    if "period" in frame and not frame.attrs["by"]:
        return trend(frame, metric)
    if frame.attrs["by"] and "period" not in frame:
        return ranking(frame, metric)
    return total(frame, metric)


def total(frame: pd.DataFrame, metric: str) -> str:
    """Return the figure of the whole period, and its change if the frame has one to compare."""
    attrs = frame.attrs
    figure, period = attrs["total"][metric], attrs["period"]["label"]
    if pd.isna(figure):
        return _("{metric}: nothing to count in {period}.").format(
            metric=_title(frame, metric), period=period
        )
    shown = _shown(frame, metric, figure)
    before = attrs.get("before", {}).get("total", {}).get(metric)
    if before is None or pd.isna(before):
        return _("{metric} in {period}: {value}.").format(
            metric=_title(frame, metric), period=period, value=shown
        )
    return _("{metric} in {period}: {value}, {change} against {before}.").format(
        metric=_title(frame, metric),
        period=period,
        value=shown,
        change=_change(frame, metric, figure, before),
        before=attrs["before"]["period"]["label"],
    )


def trend(frame: pd.DataFrame, metric: str) -> str:
    """Return how the last complete unit of time compares with the one before and a year ago.

    A cohort that is too recent to judge is passed over: it would always seem to fall.
    """
    open_units = {
        pd.Timestamp(day)
        for day, mark in frame.attrs["marks"].get(metric, {}).items()
        if mark not in ENTIRE or mark == "immature"
    }
    rows = frame[~frame["period"].isin(open_units) & frame[metric].notna()]
    if rows.empty:
        return _("{metric}: no complete period yet.").format(metric=_title(frame, metric))
    values = rows.set_index("period")[metric]
    last, figure = values.index[-1], float(values.iloc[-1])
    grain = frame.attrs["grain"]
    sentence = _("{metric} in {period}: {value}").format(
        metric=_title(frame, metric),
        period=_unit(last, grain),
        value=_shown(frame, metric, figure),
    )
    if len(values) > 1:
        sentence += _(", {change} against {before}").format(
            change=_change(frame, metric, figure, float(values.iloc[-2])),
            before=_unit(values.index[-2], grain),
        )
    year_ago = last - pd.DateOffset(years=1)
    if grain in ("month", "quarter", "fiscal_quarter") and year_ago in values.index:
        sentence += _(", {change} in a year").format(
            change=_change(frame, metric, figure, float(values[year_ago]))
        )
    return sentence + "."


def ranking(frame: pd.DataFrame, metric: str) -> str:
    """Return which group leads, with its share of the total or beside the last one."""
    by = frame.attrs["by"]
    counts = (
        frame["n"] if metric == next(iter(frame.attrs["metrics"])) else frame.get(f"n_{metric}")
    )
    rows = frame[frame[metric].notna()]
    additive = frame.attrs["metrics"][metric]["additive"]
    if not additive and counts is not None:
        rows = rows[counts.loc[rows.index] >= FEWEST]
    if rows.empty:
        return _("{metric}: too few rows to compare.").format(metric=_title(frame, metric))
    rows = rows.sort_values(metric, ascending=False, kind="stable")
    first, last = rows.iloc[0], rows.iloc[-1]
    whole = frame.attrs["total"][metric]
    if additive:
        sentence = _("{metric}: {leader} leads with {value}").format(
            metric=_title(frame, metric),
            leader=_group(first, by),
            value=_shown(frame, metric, first[metric]),
        )
        if whole and whole > 0 and frame[metric].min() >= 0:
            share = format_percent(float(first[metric]) / whole, 0)
            sentence += _(", {share} of the total").format(share=share)
        return sentence + "."
    if len(rows) == 1:
        return _("{metric}: {group} is at {value}.").format(
            metric=_title(frame, metric),
            group=_group(first, by),
            value=_shown(frame, metric, first[metric]),
        )
    return _(
        "{metric}: highest for {first} ({high}), lowest for {last} ({low}); {all} overall."
    ).format(
        metric=_title(frame, metric),
        first=_group(first, by),
        high=_shown(frame, metric, first[metric]),
        last=_group(last, by),
        low=_shown(frame, metric, last[metric]),
        all=_shown(frame, metric, whole),
    )


def spend(frame: pd.DataFrame) -> str:
    """Return which channel takes the most spend, beside the revenue that it brings.

    ``frame``: by one dimension, with ``marketing_spend`` and ``marketing_revenue``.
    """
    rows = frame[frame["marketing_spend"].notna()]
    whole = frame.attrs["total"]
    spent, earned = whole["marketing_spend"], whole["marketing_revenue"]
    if rows.empty or pd.isna(spent) or pd.isna(earned) or not spent > 0 or not earned > 0:
        return main(frame, "marketing_spend")
    first = rows.loc[rows["marketing_spend"].astype(float).idxmax()]
    revenue = first["marketing_revenue"]
    return _(
        "{channel} takes {spent} of the spend ({amount}) and brings {earned} of the revenue."
    ).format(
        channel=_group(first, frame.attrs["by"]),
        spent=format_percent(float(first["marketing_spend"]) / float(spent), 0),
        amount=_shown(frame, "marketing_spend", first["marketing_spend"]),
        earned=format_percent(0.0 if pd.isna(revenue) else float(revenue) / float(earned), 0),
    )


def funnel(frame: pd.DataFrame) -> str:
    """Return the step of a `funnel.reach` table at which most deals are left behind."""
    steps = frame[frame["step_conversion"].notna()].reset_index(drop=True)
    if steps.empty:
        return _("No deal has come past its first stage yet.")
    before = steps["reached"] / steps["step_conversion"]
    worst = steps.loc[(before - steps["reached"]).idxmax()]
    position = frame.index[
        (frame["pipeline_id"] == worst["pipeline_id"]) & (frame["stage_id"] == worst["stage_id"])
    ][0]
    return _(
        "{pipeline}: the largest loss is before “{stage}”; "
        "{share} of the deals in “{previous}” get there."
    ).format(
        pipeline=worst["pipeline"],
        stage=worst["stage"],
        share=format_percent(float(worst["step_conversion"]), 0),
        previous=frame.loc[position - 1, "stage"],
    )


def forecast(
    result: Forecast, unit: str = "money", currency: str = "EUR", *, adds_up: bool = True
) -> str:
    """Return the sum of the coming months with the method's error beside the baseline's.

    For a metric whose months do not add up (a share, a mean, a state), the first month instead.
    """
    if result.status == "too short":
        return _("There are too few complete months for a forecast.")
    months = len(result.future)
    coming = result.future["value"]
    value = format_value(float(coming.sum() if adds_up else coming.iloc[0]), unit, currency)
    if result.status == "constant" and not adds_up:
        return _("Every month so far was the same: {value}.").format(value=value)
    if result.status == "constant":
        return _(
            "Every month so far was the same; the next {n} bring {value} if that stays so."
        ).format(n=months, value=value)
    first = result.future.iloc[0]
    if adds_up:
        text = _("The next {n} months bring about {value}; {month}: {low} to {high} ({level}).")
    else:
        text = _("{month}: about {value}, {low} to {high} ({level}).")
    sentence = text.format(
        n=months,
        value=value,
        month=format_month(first["period"].date()),
        low=format_value(float(first["low"]), unit, currency),
        high=format_value(float(first["high"]), unit, currency),
        level=format_percent(result.level, 0),
    )
    names = {"ets": _("exponential smoothing"), "seasonal_naive": _("last year’s month")}
    other = "seasonal_naive" if result.method == "ets" else "ets"
    return (
        sentence
        + " "
        + _("On the past, {used} erred by {error}, {other} by {other_error}.").format(
            used=names[result.method],
            error=format_percent(result.errors[result.method]["wape"]),
            other=names[other],
            other_error=format_percent(result.errors[other]["wape"]),
        )
    )


def scenario(table: pd.DataFrame, currency: str = "EUR") -> str:
    """Return the quarter that a `scenarios.expected_quarter` table expects."""
    whole = table.attrs["total"]
    return _(
        "{quarter}: {expected} expected ({low} to {high}): {done} won so far and {due} open."
    ).format(
        quarter=table.attrs["quarter"],
        expected=format_value(whole["expected"], "money", currency),
        low=format_value(whole["low"], "money", currency),
        high=format_value(whole["high"], "money", currency),
        done=format_value(whole["done"], "money", currency),
        due=format_value(whole["open_due"], "money", currency),
    )


def stalled(counts: pd.DataFrame, currency: str = "EUR") -> str:
    """Return how many open deals stand still, for how much, and where most of them are.

    ``counts``: the summary ``standing`` of `workbench.metrics.summary`. Stages of one name are
    taken together; of equals, the one with the deal that is the longest over its limit is named.
    """
    n = int(counts["stalled"].sum())
    if not n:
        return _("No open deal stands still.")
    stages = counts.groupby("stage").agg(stalled=("stalled", "sum"), over=("over_days", "max"))
    stage = stages.sort_values(["stalled", "over"], ascending=False).index[0]
    return ngettext(
        "{n} of {all} open deals stands still ({amount}); most are in “{stage}”.",
        "{n} of {all} open deals stand still ({amount}); most are in “{stage}”.",
        n,
    ).format(
        n=format_number(n),
        all=format_number(int(counts["open"].sum())),
        amount=format_value(money.total(counts["amount"]), "money", currency),
        stage=stage,
    )


def peer(deal: Peer) -> str:
    """Return where one deal stands among its peers."""
    parts = []
    if deal.amount_percentile is not None:
        parts.append(
            _("larger than {share} of its pipeline’s {n} deals").format(
                share=format_percent(deal.amount_percentile, 0), n=format_number(deal.peers)
            )
        )
    if deal.age_days is not None and deal.limit_days is not None:
        parts.append(
            _("{age} in “{stage}”, where four of five won deals took at most {limit}").format(
                age=format_value(deal.age_days, "days"),
                stage=deal.stage,
                limit=format_value(deal.limit_days, "days"),
            )
        )
    if deal.win_rate is not None:
        rate = format_percent(deal.win_rate)
        if deal.win_rate_before is None:
            parts.append(
                _("its pipeline wins {rate} (n = {n})").format(
                    rate=rate, n=format_number(deal.win_rate_n)
                )
            )
        else:
            parts.append(
                _("its pipeline wins {rate} (n = {n}), after {before}").format(
                    rate=rate,
                    n=format_number(deal.win_rate_n),
                    before=format_percent(deal.win_rate_before),
                )
            )
    if not parts:
        return _("“{title}”: nothing to compare it with yet.").format(title=deal.title)
    return _("“{title}”: {facts}.").format(title=deal.title, facts=_("; ").join(parts))


def differences(
    found: Differences,
    titles: Mapping[str, object],
    kinds: Mapping[str, str],
    first: str,
    second: str,
) -> str:
    """Return in what two groups, called ``first`` and ``second``, differ most, and how much."""
    if found.table.empty:
        return _("{first} ({n}) and {second} ({m}): too few records to compare.").format(
            first=first, second=second, n=format_number(found.n_a), m=format_number(found.n_b)
        )
    most = found.table.iloc[0].to_dict()
    kind = kinds[most["dimension"]]
    return _(
        "{first} (n = {n}) and {second} (n = {m}) differ most in “{dimension}”: "
        "{a} against {b}; {measure} {effect}, {size}."
    ).format(
        first=first,
        second=second,
        n=format_number(most["n_a"]),
        m=format_number(most["n_b"]),
        dimension=titles[most["dimension"]],
        a=shown(most, kind, "a"),
        b=shown(most, kind, "b"),
        measure=measure_name(most["measure"]),
        effect=format_number(float(most["effect"]), 2),
        size=size_word(most["size"]),
    )


def _title(frame: pd.DataFrame, metric: str) -> str:
    return str(frame.attrs["metrics"][metric]["title"][language()])


def _shown(frame: pd.DataFrame, metric: str, value: Any) -> str:
    unit = frame.attrs["metrics"][metric]["unit"]
    return format_value(float(value), unit, frame.attrs["currency"])


def _change(frame: pd.DataFrame, metric: str, now: float, before: float) -> str:
    """``+12 %``; points for shares; the difference where there is nothing to divide by."""
    unit = frame.attrs["metrics"][metric]["unit"]
    sign = "+" if now >= before else "−"
    if unit == "share":
        points = format_number(abs(now - before) * 100, 1)
        return _("{sign}{n} points").format(sign=sign, n=points)
    if before > 0:
        return sign + format_percent(abs(now / before - 1), 0)
    return sign + _shown(frame, metric, abs(now - before))


def _unit(day: pd.Timestamp, grain: str) -> str:
    return unit_label(day.date(), grain)


def _group(row: pd.Series, by: list[str]) -> str:
    names = [_("not set") if pd.isna(row[name]) else str(row[name]) for name in by]
    return ", ".join(names)
