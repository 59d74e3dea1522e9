"""`workbench forecast`, `scenario`: what may come, from the shell."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from workbench.cli.layout import add_numbers, plain_table, say, say_definition, say_source
from workbench.cli.metrics import AsJson, Segment, Where, plain, plain_row, print_json

WIDE = 100  # characters from which the scenario's table has room for its interval


def forecast(
    name: Annotated[str, typer.Argument(help="Metric to forecast.")] = "won_revenue",
    horizon: Annotated[int, typer.Option(min=1, max=24, help="Months ahead.")] = 3,
    level: Annotated[float, typer.Option(min=0.5, max=0.99, help="Of the interval.")] = 0.8,
    where: Where = "",
    segment: Segment = "",
    as_json: AsJson = False,
) -> None:
    """Forecast a metric by month, with its back-test beside the seasonal naive forecast."""
    from workbench.analysis import findings
    from workbench.analysis.forecast import errors_by_horizon
    from workbench.analysis.forecast import forecast as forecast_months
    from workbench.cli.screen import table_console
    from workbench.i18n import _, format_month, format_number, format_percent
    from workbench.metrics import format_value, query
    from workbench.metrics.formats import rate_words

    frame = query(name, grain="month", where=where or None, segment=segment or None)
    metric, one, currency = name, frame.attrs["metrics"][name], frame.attrs["currency"]
    unit = one["unit"]
    result = forecast_months(
        frame[["period", name]],
        horizon=horizon,
        level=level,
        as_of=frame.attrs["as_of"].astimezone(ZoneInfo(frame.attrs["timezone"])),
    )
    by_horizon = errors_by_horizon(result)
    if as_json:
        print_json(
            {
                "metric": name,
                "method": result.method,
                "status": result.status,
                "level": level,
                "unit": unit,
                "currency": currency,
                "history": [plain_row(row) for row in result.history.to_dict("records")],
                "future": [plain_row(row) for row in result.future.to_dict("records")],
                "errors": {
                    method: {key: plain(value) for key, value in errors.items()}
                    for method, errors in result.errors.items()
                },
                "errors_by_horizon": [plain_row(row) for row in by_horizon.to_dict("records")],
                "backtest": [plain_row(row) for row in result.backtest.to_dict("records")],
                "filled": [day.isoformat() for day in result.filled],
                "rates": frame.attrs["rates"],
                "n": len(result.history),
                "definition": one,
                "as_of": frame.attrs["as_of"].isoformat(),
                "timezone": frame.attrs["timezone"],
                "snapshot": frame.attrs["snapshot"],
            }
        )
        return
    console = table_console()
    table = plain_table(_("Forecast"))
    for title in (_("Month"), _("Expected"), _("Low"), _("High")):
        add_numbers(table, title)
    for row in result.future.to_dict("records"):
        shown = (format_value(row[key], unit, currency) for key in ("value", "low", "high"))
        table.add_row(format_month(row["period"].date()), *shown)
    console.print(table)
    if result.errors:
        tried = plain_table(_("Error on the past"))
        tried.add_column(_("Method"), no_wrap=True)
        for title in (_("Months ahead"), "WAPE", "MASE", _("Bias"), _("Interval held"), "n"):
            add_numbers(tried, title)
        apart = by_horizon.to_dict("records")
        for method, errors in result.errors.items():
            name = {"ets": "ETS", "seasonal_naive": _("Month of last year")}[method]
            each = [row for row in apart if row["method"] == method]
            for row in [{"step": _("All"), **errors}, *each]:
                tried.add_row(
                    name,
                    str(row["step"]),
                    format_percent(row["wape"]),
                    format_number(row["mase"], 2),
                    format_percent(row["bias"]),
                    format_percent(row["coverage"], 0),
                    str(int(row["n"])),
                )
                name = ""
        console.print(tried)
    adds_up = one["additive"] and one["date_basis"] != "as-of"
    say(findings.forecast(result, unit, currency, adds_up=adds_up))
    if told := rate_words(frame.attrs["rates"].get(metric, {"later": 0, "none": 0})):
        say(f"{told}.", style="yellow")
    rests = _("Rests on n = {n} months; the interval holds {level}.")
    shown_level = format_percent(level, 0)
    say(rests.format(n=format_number(len(result.history)), level=shown_level), style="dim")
    say_definition(one)
    say_source(frame.attrs["as_of"], frame.attrs["timezone"], frame.attrs["snapshot"])


def scenario(
    win_rate: Annotated[
        float | None, typer.Option(help="Share of the open deals that will be won, 0 to 1.")
    ] = None,
    quarter: Annotated[str, typer.Option(help="Quarter, such as 2026-Q4.")] = "this_quarter",
    as_json: AsJson = False,
) -> None:
    """Expected won revenue of a quarter: done + win rate × open deals that are due.

    Without --win-rate, each pipeline's own closed win rate of the last 12 months.
    """
    from rich.text import Text

    from workbench.analysis import findings
    from workbench.analysis.scenarios import expected_quarter
    from workbench.cli.screen import table_console
    from workbench.i18n import _, format_number
    from workbench.metrics import format_value, query, resolve_period, summary
    from workbench.metrics.formats import rate_words
    from workbench.warehouse import newest_snapshot

    snapshot = newest_snapshot()
    today = snapshot.as_of.astimezone(ZoneInfo(snapshot.timezone)).date()
    period = resolve_period(quarter, today, snapshot.timezone)
    rates: Any = win_rate
    if rates is None:
        own = query(
            "closed_win_rate", by="pipeline", period="last_12_months", snapshot=snapshot
        ).dropna()
        ids = own.attrs["ids"]["pipeline"]
        numbers = (int(ids[name][0]) for name in own["pipeline"])
        rates = dict(zip(numbers, own["closed_win_rate"].astype(float), strict=True))
    table = expected_quarter(
        summary("quarter", snapshot=snapshot, start=period.start, end=period.end), rates, period
    )
    if as_json:
        print_json(
            {
                "rows": [plain_row(row) for row in table.to_dict("records")],
                "total": table.attrs["total"],
                "without_date": table.attrs["without_date"],
                "rates": table.attrs["rates"],
                "quarter": {"start": str(period.start), "end": str(period.end)},
                "definition": _definition(),
                "date_basis": "closed, due",
                "timezone": snapshot.timezone,
                "currency": snapshot.base_currency,
                "as_of": snapshot.as_of.isoformat(),
                "snapshot": snapshot.id,
            }
        )
        return
    console = table_console()
    # A narrow terminal has the ends in the sentence below.
    ends = ("low", "high") if console.width >= WIDE else ()
    shown = plain_table(period.label())
    shown.add_column(_("Pipeline"))
    for title in (_("Won so far"), _("Open and due"), "n", _("Win rate"), _("Expected")):
        add_numbers(shown, title)
    for title in (_("Low"), _("High"))[: len(ends)]:
        add_numbers(shown, title)
    whole = {"pipeline": _("Total"), "win_rate": None, **table.attrs["total"]}
    for row in [*table.to_dict("records"), whole]:
        money = {
            key: format_value(row[key], "money", snapshot.base_currency)
            for key in ("done", "open_due", "expected", "low", "high")
        }
        rate = "" if row["win_rate"] is None else format_value(row["win_rate"], "share")
        due = format_number(row["due_deals"])
        expected = [money[key] for key in ("expected", *ends)]
        name, style = Text(row["pipeline"]), "bold" if row is whole else None
        shown.add_row(name, money["done"], money["open_due"], due, rate, *expected, style=style)
    console.print(shown)
    say(findings.scenario(table, snapshot.base_currency))
    if told := rate_words(table.attrs["rates"]):
        say(f"{told}.", style="yellow")
    say(_definition(), style="dim")
    say_source(snapshot.as_of, snapshot.timezone, snapshot.id)


def _definition() -> str:
    """Say what the scenario adds up, and by which dates."""
    from workbench.i18n import _

    return _(
        "Expected: won so far + win rate × open and due. Won so far: closed in the quarter. Open "
        "and due (n of them): open deals expected to close before its end. Win rate: won ÷ closed "
        "of the last 12 months, or as given."
    )
