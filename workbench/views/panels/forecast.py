"""Panels of the forecast page: what is coming, how far that can be trusted, what stands still."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pandas as pd

from workbench import metrics
from workbench.analysis import findings, money
from workbench.analysis.forecast import MEASURES, Forecast, errors_by_horizon
from workbench.analysis.forecast import forecast as forecast_months
from workbench.analysis.scenarios import expected_quarter
from workbench.i18n import _, format_number, format_percent
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, FiguresContent, Notice, TableContent
from workbench.views.figures import Figure, basis_text
from workbench.views.panels import parts
from workbench.views.selection import ALL, Selection, period_of
from workbench.views.tables import Column

HORIZON = 3
LEVEL = 0.8
MOST_STALLED = 50

# A forecast takes a second or two and several panels show it: the last few are kept.
_KEPT = 8
_forecasts: OrderedDict[tuple[str, str], Forecast] = OrderedDict()


def forecast_of(selection: Selection) -> Forecast:
    """Return the forecast of won revenue under the chosen filters, from all months loaded."""
    key = (selection.snapshot.id, selection.where(["won_revenue"]) or "")
    if key not in _forecasts:
        months = _months(selection)
        _forecasts[key] = forecast_months(
            months[["period", "won_revenue"]], HORIZON, LEVEL, as_of=selection.today
        )
        while len(_forecasts) > _KEPT:
            _forecasts.popitem(last=False)
    _forecasts.move_to_end(key)
    return _forecasts[key]


def _months(selection: Selection) -> pd.DataFrame:
    every = period_of(selection.snapshot, ALL)
    return selection.query("won_revenue", grain="month", period=every)


def figures(selection: Selection) -> Content:
    """Return the expected revenue of the coming months and what the method was worth so far."""
    found = forecast_of(selection)
    if found.status == "too short":
        return _too_short(_("Forecast"))
    total = float(found.future["value"].sum())
    shown = [
        Figure(
            "forecast",
            _("Expected, next {n} months").format(n=HORIZON),
            total,
            values.MONEY,
            help=_(
                "Sum of the forecast of won revenue for the coming months; the running month is "
                "one of them. n counts the months that it rests on."
            ),
            basis=basis_text("closed"),
            n=len(found.history),
        )
    ]
    titles = {"ets": _("Error of the model"), "seasonal_naive": _("Error of the baseline")}
    for method, title in titles.items():
        if method in found.errors:
            shown.append(
                Figure(
                    f"wape_{method}",
                    title,
                    found.errors[method]["wape"],
                    values.SHARE,
                    help=_(
                        "WAPE: sum of the absolute errors ÷ sum of the actual values, in the "
                        "back-test. n counts its forecasts."
                    ),
                    basis=basis_text("closed"),
                    n=int(found.errors[method]["n"]),
                )
            )
    used = found.errors.get(found.method)
    if used is not None:
        shown.append(
            Figure(
                "coverage",
                _("Inside the interval"),
                used["coverage"],
                values.SHARE,
                help=_(
                    "Share of the months of the back-test that fell into their interval of {level}."
                ).format(level=format_percent(LEVEL, 0)),
                basis=basis_text("closed"),
                n=int(used["n"]),
            )
        )
    return FiguresContent(shown)


def forecast(selection: Selection) -> Content:
    """Return won revenue so far and the coming months with their interval."""
    title = _("Won revenue: forecast")
    found = forecast_of(selection)
    if found.status == "too short":
        return _too_short(title)
    history = found.history
    inside = history["period"] >= pd.Timestamp(selection.period.start)
    shown = history[inside] if inside.sum() >= HORIZON else history.tail(12)
    data = pd.concat([shown, found.future], ignore_index=True)
    return ChartContent(
        title,
        charts.forecast(shown, found.future, currency=selection.currency, level=LEVEL),
        findings.forecast(found, "money", selection.currency),
        data[["period", "value", "low", "high"]],
        [
            Column("period", _("Month"), "month"),
            Column("value", _("Won revenue"), values.MONEY),
            Column("low", _("Low"), values.MONEY),
            Column("high", _("High"), values.MONEY),
        ],
        parts.joined(_method_note(found), parts.rate_note(_months(selection))),
    )


def backtest(selection: Selection) -> Content:
    """Return what the method and the baseline would have said a month ahead, beside the facts."""
    title = _("Back-test")
    found = forecast_of(selection)
    if not found.errors:
        return _too_short(title)
    ahead = found.backtest[found.backtest["step"] == 1].reset_index(drop=True)
    columns = ["period", "actual", "ets", "seasonal_naive"]
    return ChartContent(
        title,
        charts.backtest(ahead, currency=selection.currency),
        _backtest_finding(found),
        ahead[columns],
        [
            Column("period", _("Month"), "month"),
            Column("actual", _("Won revenue"), values.MONEY),
            Column("ets", _("Model, a month ahead"), values.MONEY),
            Column("seasonal_naive", _("Seasonal naive"), values.MONEY),
        ],
    )


def errors(selection: Selection) -> Content:
    """Return the measures of the back-test for model and baseline, all and by months ahead."""
    title = _("Errors in the back-test")
    found = forecast_of(selection)
    if not found.errors:
        return _too_short(title)
    names = {"ets": _("Model (exponential smoothing)"), "seasonal_naive": _("Seasonal naive")}
    apart = errors_by_horizon(found)
    rows: list[dict[str, Any]] = []
    for method, name in names.items():
        rows.append({**found.errors[method], "method": name, "ahead": _("All")})
        for row in apart[apart["method"] == method].to_dict("records"):
            rows.append({**row, "method": name, "ahead": format_number(row["step"])})
    data = pd.DataFrame(rows, columns=["method", "ahead", *MEASURES])
    return TableContent(
        title,
        data,
        [
            Column("method", _("Method")),
            Column("ahead", _("Months ahead")),
            Column("wape", _("WAPE"), values.SHARE),
            Column("mase", _("MASE"), values.RATIO),
            Column("bias", _("Bias"), values.SHARE),
            Column("coverage", _("Inside the interval"), values.SHARE),
            Column("n", _("Forecasts"), values.COUNT),
        ],
        _(
            "WAPE: absolute errors ÷ actual values. MASE: below 1 is better than repeating the "
            "year before. Bias: above 0 is too high. Up to 12 origins, of which the last have "
            "fewer months ahead of them."
        ),
    )


def present_win_rate(selection: Selection) -> float:
    """Return the closed win rate of the period under the filters (0 where no deal was closed)."""
    rate = selection.query("closed_win_rate").attrs["total"]["closed_win_rate"]
    return 0.0 if values.is_missing(rate) else float(rate)


def scenario(selection: Selection) -> Content:
    """Return the running quarter at the present win rate and at the one of the slider."""
    title = _("This quarter")
    quarter = period_of(selection.snapshot, "this_quarter")
    amounts = selection.summary("quarter", start=quarter.start, end=quarter.end)
    if amounts.empty:
        return parts.empty(title)
    now = present_win_rate(selection)
    assumed = float(selection.inputs.get("win_rate", now))
    expected = {}
    for name, rate in ((_("At present"), now), (_("Scenario"), assumed)):
        table = expected_quarter(amounts, rate, quarter, LEVEL)
        expected[f"{name} ({format_percent(rate)})"] = (rate, table)
    data = pd.DataFrame(
        [
            {"scenario": name, "win_rate": rate, **table.attrs["total"]}
            for name, (rate, table) in expected.items()
        ]
    )
    finding = findings.scenario(table, selection.currency)
    drawn = pd.concat(
        [
            data.assign(part="won", amount=data["done"]),
            data.assign(part="expected", amount=data["expected"] - data["done"]),
        ]
    ).sort_index(kind="stable")
    return ChartContent(
        _("{title}: {quarter}").format(title=title, quarter=quarter.label()),
        charts.scenario(drawn[["scenario", "part", "amount"]], currency=selection.currency),
        finding,
        data[["scenario", "win_rate", "done", "open_due", "due_deals", "expected", "low", "high"]],
        [
            Column("scenario", _("Scenario")),
            Column("win_rate", _("Win rate"), values.SHARE),
            Column("done", _("Already won"), values.MONEY, help=_("Won, closed in the quarter.")),
            Column(
                "open_due",
                _("Open deals due"),
                values.MONEY,
                help=_("Open, expected to close before the end of the quarter."),
            ),
            Column("due_deals", _("n"), values.COUNT),
            Column(
                "expected",
                _("Expected quarter"),
                values.MONEY,
                help=_("Already won + win rate × open deals due."),
            ),
            Column("low", _("Low"), values.MONEY),
            Column("high", _("High"), values.MONEY),
        ],
        parts.joined(
            _("Open deals due by the end of the quarter, each won with the win rate."),
            _("Interval of {level}.").format(level=format_percent(LEVEL, 0)),
            parts.rates_told(table.attrs["rates"]),
        ),
    )


def stalled(selection: Selection) -> Content:
    """Return open deals by stage, those at a standstill apart."""
    title = _("Stalled deals by stage")
    counts = selection.summary("standing")
    if counts.empty:
        return parts.empty(title)
    several = counts["pipeline"].nunique() > 1
    keys = ["pipeline_id", "stage_id"]
    stages = selection.snapshot.read("stages")
    table = stages.merge(counts[[*keys, "open", "stalled"]], on=keys)
    if several:
        # The stage first: on a phone the end of a label is cut.
        table["stage"] = table["stage"] + " · " + table["pipeline"]
    table = table[["stage", "open", "stalled"]]
    return ChartContent(
        title,
        charts.stalled_by_stage(table),
        findings.stalled(counts, selection.currency),
        table,
        [
            Column("stage", _("Stage")),
            Column("open", _("Open deals"), values.COUNT),
            Column("stalled", _("Stalled"), values.COUNT),
        ],
        parts.joined(
            _("Stalled: longer in the stage than four out of five won deals were."),
            parts.rates_told(
                {"later": int(counts["later"].sum()), "none": int(counts["unrated"].sum())}
            ),
        ),
    )


def stalled_deals(selection: Selection) -> Content:
    """Return the deals at a standstill, the longest first, each with its card on the portal."""
    title = _("Deals to look at")
    found = selection.summary("longest_standing", most=MOST_STALLED)
    if found.empty:
        return Notice("empty", _("No deal is stalled."), title)
    total = int(found["of_all"].iloc[0])
    portal = selection.snapshot.portal_url.rstrip("/")
    data = found.assign(link=[f"{portal}/crm/deal/details/{n}/" for n in found["deal_id"]])
    shown = ["title", "pipeline", "stage", "manager", "amount_base", "age_days", "limit_days"]
    note = _("The first {n} of {total}.").format(
        n=format_number(MOST_STALLED), total=format_number(total)
    )
    return TableContent(
        title,
        data[["deal_id", *shown, "link"]],
        [
            Column("title", _("Deal"), link="link"),
            Column("pipeline", str(metrics.dimension_titles()["pipeline"])),
            Column("stage", _("Stage")),
            Column("manager", str(metrics.dimension_titles()["manager"])),
            Column("amount_base", _("Amount"), values.MONEY),
            Column("age_days", _("In the stage since"), values.DAYS),
            Column("limit_days", _("Usual limit"), values.DAYS),
        ],
        parts.joined(
            note if total > MOST_STALLED else "",
            parts.rates_told(money.rate_counts(data)),
        ),
    )


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: the coming months together, and the next one with its interval.

    ``value``: sum over the horizon; ``forecast``, ``forecast_low``, ``forecast_high``: the month
    after the last one that is over.
    """
    found = forecast_of(selection)
    if found.status == "too short":
        return {"status": "no data", "value": None, "summary": _too_short("").text}
    first = found.future.iloc[0]
    return {
        "status": "ok",
        "metric": "won_revenue",
        "unit": values.MONEY,
        "value": float(found.future["value"].sum()),
        "forecast": float(first["value"]),
        "forecast_low": float(first["low"]),
        "forecast_high": float(first["high"]),
        "method": found.method,
        "wape": found.errors.get(found.method, {}).get("wape"),
        "summary": findings.forecast(found, "money", selection.currency),
    }


def _backtest_finding(found: Forecast) -> str:
    model, naive = found.errors["ets"]["wape"], found.errors["seasonal_naive"]["wape"]
    return _(
        "On {n} forecasts of the past the model erred by {model} of revenue, "
        "the baseline by {naive}."
    ).format(
        n=format_number(found.errors["ets"]["n"]),
        model=format_percent(model),
        naive=format_percent(naive),
    )


def _too_short(title: str) -> Notice:
    return Notice("empty", _("There are too few months to forecast from."), title)


def _method_note(found: Forecast) -> str:
    if found.status == "constant":
        return _("Every month was the same; the forecast repeats it.")
    if found.method == "ets":
        return _("Method: exponential smoothing; it did better than the baseline in the back-test.")
    return _("Method: seasonal naive (the month of a year ago); it did better in the back-test.")
