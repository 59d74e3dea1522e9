"""`workbench process`, `ranking`: how deals go through their stages, and who does it best."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from workbench.cli.layout import add_numbers, plain_table, say, say_definition, say_source
from workbench.cli.metrics import AsJson, Where, plain, plain_row, print_json

MOST = 10  # rows of a table
Days = Annotated[str, typer.Option(help="Closed in it: last_12_months, 2026-Q1, all …")]


def process(
    pipeline: Annotated[
        str, typer.Option(help="By its name or number; default: the one with most.")
    ] = "",
    period: Days = "last_12_months",
    as_json: AsJson = False,
) -> None:
    """Show the routes of closed deals, returns, waiting per stage, and the bottleneck."""
    import math
    from dataclasses import asdict

    from rich.text import Text

    from workbench.analysis import process_map as maps
    from workbench.analysis.cycle import days_to_win, watched
    from workbench.cli.screen import printable, table_console
    from workbench.errors import QueryError
    from workbench.i18n import _, format_number, format_percent
    from workbench.metrics import format_value, resolve_period, summary
    from workbench.metrics.catalogue import suggest
    from workbench.views.selection import days_in
    from workbench.warehouse import newest_snapshot

    snapshot = newest_snapshot()
    today = snapshot.as_of.astimezone(ZoneInfo(snapshot.timezone)).date()
    span = resolve_period(period, today, snapshot.timezone)
    closed = days_in("closed_on", span)
    pipelines = summary("deals_by_pipeline", closed, snapshot=snapshot)
    names = list(dict.fromkeys(pipelines["pipeline"]))
    asked = pipelines["pipeline_id"].astype(str) if pipeline.isdecimal() else pipelines["pipeline"]
    kept = pipelines[asked == pipeline] if pipeline else pipelines
    if pipeline and kept.empty:
        raise QueryError(
            _("No deal of the pipeline “{name}” was closed in {period}.").format(
                name=pipeline[:60], period=span.label()
            ),
            hint=suggest(pipeline, names) if names else "",
        )
    number = int(kept["pipeline_id"].iloc[0]) if len(kept) else -1
    chosen = str(kept["pipeline"].iloc[0]) if len(kept) else ""
    if (pipelines["pipeline"] == chosen).sum() > 1:
        chosen += f" (#{number})"
    inside = f"{closed} and pipeline_id = {number}"
    stages = snapshot.read("stages_of_pipeline", pipeline_id=number)
    moves, waits = (
        summary(name, inside, snapshot=snapshot, pipeline_id=number) for name in ("moves", "waits")
    )
    deals = int(pipelines.loc[pipelines["pipeline_id"] == number, "deals"].sum())
    routes = maps.variants(
        summary("routes", inside, snapshot=snapshot, pipeline_id=number, most=max(deals, 1))
    )
    back, slowest = maps.loops(moves, stages), maps.bottleneck(waits, stages)
    waited = maps.waiting(waits, stages)
    begun = snapshot.query(
        "SELECT created_at, closed_at, is_won FROM deals"
        " WHERE pipeline_id = ? AND created_on >= ? AND created_on < ?",
        [number, span.start, span.end],
    )
    times = watched(begun, snapshot.as_of) if len(begun) else None
    half = days_to_win(times) if times is not None else math.nan
    if as_json:
        narrow = asdict(slowest) if slowest else None
        if narrow and slowest:
            narrow["teams"] = [plain_row(row) for row in slowest.teams.to_dict("records")]
        print_json(
            {
                "pipeline": chosen,
                "period": {"start": str(span.start), "end": str(span.end)},
                "deals": deals,
                "variants": [plain_row(row) for row in routes.to_dict("records")],
                "transitions": [
                    plain_row(row) for row in maps.transitions(moves, stages).to_dict("records")
                ],
                "loops": [plain_row(row) for row in back.to_dict("records")],
                "days_to_win": plain(half),
                "waiting": [plain_row(row) for row in waited.to_dict("records")],
                "bottleneck": plain_row(narrow) if narrow else None,
                "finding": maps.finding(slowest),
                "definition": _definition(),
                "date_basis": "closed",
                "as_of": snapshot.as_of.isoformat(),
                "timezone": snapshot.timezone,
                "snapshot": snapshot.id,
            }
        )
        return
    if not deals:
        say(_("No deal was closed in {period}.").format(period=span.label()))
        return
    console = table_console()
    title = _("{pipeline}, closed in {period}: {n} deals").format(
        pipeline=printable(chosen), period=span.label(), n=format_number(deals)
    )
    table = plain_table(title)
    table.add_column(_("Route"))
    for heading in (_("Deals"), _("Share"), _("Won"), _("Median cycle")):
        add_numbers(table, heading)
    for row in routes.head(MOST).to_dict("records"):
        table.add_row(
            Text(printable(row["route"])),
            format_number(row["deals"]),
            format_percent(row["share"]),
            format_percent(row["won"], 0),
            format_value(row["median_days"], "days"),
        )
    console.print(table)
    returns = dict(zip(back["stage_id"], back["returns"], strict=True))
    table = plain_table()
    table.add_column(_("Stage"))
    for heading in (_("Deals"), _("Median days waited"), _("Share of waiting"), _("Returns")):
        add_numbers(table, heading)
    for row in waited.to_dict("records"):
        again = format_number(returns.get(row["stage_id"], 0))
        median = format_value(row["median_days"], "days")
        numbers = format_number(row["deals"]), median, format_percent(row["share"])
        table.add_row(Text(printable(row["stage"])), *numbers, again)
    console.print(table)
    say(maps.finding(slowest))
    if not math.isnan(half):
        told = _("With the open deals counted (Kaplan–Meier), half are won within {days}.")
        say(told.format(days=format_value(half, "days")))
    say(_definition(), style="dim")
    say_source(snapshot.as_of, snapshot.timezone, snapshot.id)


def _definition() -> str:
    """Say what the figures of a process are, and by which date its deals are chosen."""
    from workbench.i18n import _

    return _(
        "Deals closed in the period, by the stages that they entered. Share: of these deals. Won: "
        "of the deals of the route. Cycle: closing − creation. Waited: all stays of a deal in the "
        "stage; its share: of all days waited."
    )


def ranking(
    metric: Annotated[str, typer.Argument(help="A share, such as closed_win_rate.")] = (
        "closed_win_rate"
    ),
    by: Annotated[str, typer.Option(help="Dimension of the groups.")] = "manager",
    period: Annotated[str, typer.Option(help="last_12_months, 2026-Q1, all …")] = "last_12_months",
    where: Where = "",
    as_json: AsJson = False,
) -> None:
    """Rank groups by a rate, each drawn towards the mean by how few cases it rests on."""
    from rich.text import Text

    from workbench.analysis.ranking import ranked
    from workbench.cli.screen import printable, table_console
    from workbench.errors import QueryError
    from workbench.i18n import _, format_number, format_percent
    from workbench.metrics import definition, query
    from workbench.metrics.catalogue import dimension_titles, parts

    one = definition(metric)
    if one.unit != "share" or len(parts(one)) < 2 or any(p.unit != "count" for p in parts(one)):
        raise QueryError(
            _("“{metric}” is not a share of cases.").format(metric=one.title),
            hint=_("Such are closed_win_rate, lead_conversion, answered_in_time_rate."),
        )
    frame = query(metric, by=by, period=period, where=where or None)
    table = ranked(frame, by, metric)
    if as_json:
        print_json(
            {
                "metric": metric,
                "rows": [plain_row(row) for row in table.to_dict("records")],
                "mean": table.attrs["mean"],
                "strength": table.attrs["strength"],
                "status": frame.attrs["status"],
                "n": frame.attrs["n"][metric],
                "period": {key: str(frame.attrs["period"][key]) for key in ("start", "end")},
                "definition": frame.attrs["metrics"][metric],
                "as_of": frame.attrs["as_of"].isoformat(),
                "timezone": frame.attrs["timezone"],
                "snapshot": frame.attrs["snapshot"],
            }
        )
        return
    shown = plain_table(f"{one.title}, {frame.attrs['period']['label']}")
    add_numbers(shown, _("Rank"))
    shown.add_column(str(dimension_titles()[by]) if by in dimension_titles() else by)
    for heading in ("n", _("Rate"), _("Shrunken"), _("Between"), _("and")):
        add_numbers(shown, heading)
    for row in table.to_dict("records"):
        name = _("not set") if row[by] is None else printable(str(row[by]))
        rates = (format_percent(row[key]) for key in ("rate", "shrunken", "low", "high"))
        shown.add_row(str(row["rank"]), Text(name), format_number(row["n"]), *rates)
    table_console().print(shown)
    say(
        _("The mean, {mean}, counts for {n} cases of each; intervals hold 90%.").format(
            mean=format_percent(table.attrs["mean"]) if len(table) else "–",
            n=format_number(table.attrs["strength"]),
        )
    )
    say_definition(frame.attrs["metrics"][metric])
    say_source(frame.attrs["as_of"], frame.attrs["timezone"], frame.attrs["snapshot"])
