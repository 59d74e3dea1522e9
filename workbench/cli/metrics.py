"""`workbench metric`: figures, their definitions and SQL from the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.layout import add_numbers, plain_table, say

if TYPE_CHECKING:
    import pandas as pd

By = Annotated[str, typer.Option(help="Dimensions to cut by, separated by commas.")]
Where = Annotated[
    str, typer.Option(help="Filter, such as \"source = 'Web' and amount_base > 100\".")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def metric(
    ids: Annotated[list[str] | None, typer.Argument(help="Metric ids; see --list.")] = None,
    by: By = "",
    grain: Annotated[str, typer.Option(help="day, week, month, quarter or year.")] = "",
    start: Annotated[str, typer.Option("--from", help="First day, such as 2026-01-01.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, included.")] = "",
    period: Annotated[
        str, typer.Option(help="last_quarter, this_year, 2026-Q1, 2026-01-01..2026-02-15, all …")
    ] = "",
    where: Where = "",
    compare: Annotated[str, typer.Option(help="Beside it: previous or year_ago.")] = "",
    as_json: AsJson = False,
    listed: Annotated[bool, typer.Option("--list", help="List every metric.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Definition, portal fields and SQL of each metric.")
    ] = False,
) -> None:
    """Compute metrics on the newest snapshot.

    Money is in the portal's base currency, durations in days, shares are fractions of 1 (in
    percent in the table). Without a period, everything that is loaded.
    """
    from workbench.errors import UsageError
    from workbench.i18n import _
    from workbench.metrics import catalogue, describe

    if listed and not ids:
        _print_list([describe(each) for each in catalogue().values()], as_json)
        return
    if not ids:
        raise UsageError(
            _("No metric was asked for."), hint=_("`workbench metric --list` shows them.")
        )
    if explain:
        _explain(ids, as_json)
        return
    frame = _query(ids, by, grain, start, end, period, where, compare)
    if as_json:
        print_json(_answer(frame))
    else:
        _print_frame(frame)


def _query(
    ids: list[str],
    by: str,
    grain: str,
    start: str,
    end: str,
    period: str,
    where: str,
    compare: str,
) -> pd.DataFrame:
    from workbench.errors import UsageError
    from workbench.i18n import _
    from workbench.metrics import query

    if period and (start or end):
        raise UsageError(_("Give either --period or --from and --to."))
    return query(
        [part for each in ids for part in each.split(",") if part],
        by=[part.strip() for part in by.split(",") if part.strip()],
        grain=grain or None,
        period=period or None,
        start=_day(start) if start else None,
        end=_day(end, after=True) if end else None,
        where=where or None,
        compare=compare or None,  # type: ignore[arg-type]
        each_n=True,
    )


def _day(text: str, *, after: bool = False) -> Any:
    """Return the first day of a date, month or year that is written out, or the day after it."""
    from workbench.metrics import resolve_period

    named = resolve_period(text)
    return named.end if after else named.start


def _answer(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame and what it knows about itself as plain values; NaN becomes null."""
    attrs = frame.attrs
    answer: dict[str, Any] = {
        "rows": [plain_row(row) for row in frame.to_dict("records")],
        "total": {name: plain(value) for name, value in attrs["total"].items()},
        "n": attrs["n"],
        "period": {
            "start": attrs["period"]["start"].isoformat(),
            "end": attrs["period"]["end"].isoformat(),
            "label": attrs["period"]["label"],
        },
        "loaded": {name: day and day.isoformat() for name, day in attrs["loaded"].items()},
        "status": attrs["status"],
        "statuses": attrs["statuses"],
        "marks": attrs["marks"],
        "as_of": attrs["as_of"].isoformat(),
        "snapshot": attrs["snapshot"],
        "currency": attrs["currency"],
        "timezone": attrs["timezone"],
        "metrics": attrs["metrics"],
    }
    if "before" in attrs:
        before = attrs["before"]
        answer["before"] = {
            **before,
            "total": {name: plain(value) for name, value in before["total"].items()},
            "period": {
                "start": before["period"]["start"].isoformat(),
                "end": before["period"]["end"].isoformat(),
                "label": before["period"]["label"],
            },
        }
    return answer


def plain_row(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row of a frame for JSON."""
    return {str(name): plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """Return a value of a frame for JSON: NaN as null, a day as ``2026-01-31``."""
    import pandas as pd

    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return value.item() if hasattr(value, "item") else value


def print_json(value: Any) -> None:
    """Print plain values as JSON."""
    import json

    print(json.dumps(value, ensure_ascii=False, indent=2))


def _print_frame(frame: pd.DataFrame) -> None:
    from rich.text import Text

    from workbench.cli.screen import printable, table_console
    from workbench.i18n import _, format_datetime, format_number, language
    from workbench.metrics import dimension_titles, format_value

    attrs, titles = frame.attrs, dimension_titles()
    metrics = attrs["metrics"]
    table = plain_table(attrs["period"]["label"])
    keys = [name for name in frame if name == "period" or name in attrs["by"]]
    for name in keys:
        table.add_column(_("Period") if name == "period" else str(titles[name]))
    compared = "before" in attrs
    console = table_console()
    room = (console.width - 20 * len(keys)) // len(metrics) - (24 if compared else 8)
    for one in metrics.values():
        add_numbers(table, one["title"][language()], width=room)
        if compared:
            add_numbers(table, attrs["before"]["period"]["label"], style="dim")
        add_numbers(table, "n", style="dim")

    def figures(values: Any, counts: Any, before: Any) -> list[str]:
        cells = []
        for name, one in metrics.items():
            cells.append(format_value(values[name], one["unit"], attrs["currency"]))
            if compared:
                cells.append(format_value(before[name], one["unit"], attrs["currency"]))
            cells.append(format_number(counts[name]))
        return cells

    n_columns = {name: "n" if i == 0 else f"n_{name}" for i, name in enumerate(metrics)}
    for row in frame.to_dict("records"):
        cells = [
            Text(
                _period_label(row[name], attrs["grain"])
                if name == "period"
                else (_("not set") if plain(row[name]) is None else printable(str(row[name])))
            )
            for name in keys
        ]
        counts = {name: row[column] for name, column in n_columns.items()}
        before = {name: row.get(f"{name}_before") for name in metrics}
        table.add_row(*cells, *figures(row, counts, before))
    if keys:
        table.add_section()
        label = [_("Total"), *[""] * (len(keys) - 1)]
        before_total = attrs["before"]["total"] if compared else {}
        table.add_row(*label, *figures(attrs["total"], attrs["n"], before_total), style="bold")
    console.print(table)
    for name, status in attrs["statuses"].items():
        if status != "ok":
            title = metrics[name]["title"][language()]
            told = _("{name}: {value}").format(name=title, value=_status(status))
            say(told, style="yellow")
    console.print(
        _("Data as of {moment}, snapshot {id}.").format(
            moment=format_datetime(attrs["as_of"], attrs["timezone"]), id=attrs["snapshot"]
        ),
        style="dim",
    )


def _period_label(day: Any, grain: str) -> str:
    from workbench.metrics import Period
    from workbench.metrics.periods import next_unit

    first = day.date()
    return Period(first, next_unit(first, grain)).label()


def _status(status: str) -> str:
    from workbench.i18n import _

    return {
        "no rate": _("amounts in a currency without an exchange rate are left out"),
        "partial": _("the period is not over, or a part of it is not loaded"),
        "immature": _("the cohort is still young; the figure will change"),
        "whole months": _("known for whole months only"),
        "not loaded": _("not loaded for this period"),
    }[status]


def _print_list(described: list[dict[str, Any]], as_json: bool) -> None:
    from rich.console import Console

    from workbench.i18n import _, language
    from workbench.metrics.formats import basis_name, unit_name

    if as_json:
        print_json(described)
        return
    table = plain_table()
    table.add_column(_("Metric"), no_wrap=True)
    for title in (_("Title"), _("Unit"), _("Date basis")):
        table.add_column(title)
    for one in described:
        words = unit_name(one["unit"]), basis_name(one["date_basis"])
        table.add_row(one["id"], one["title"][language()], *words)
    Console().print(table)
    print(_("`workbench metric ID --explain` says what one means."))


def _explain(ids: list[str], as_json: bool) -> None:
    from rich.console import Console

    from workbench.i18n import _, language
    from workbench.metrics import definition, describe
    from workbench.metrics.formats import basis_name, maturity_rule, unit_name
    from workbench.metrics.query import statements
    from workbench.metrics.sql import Cut
    from workbench.warehouse import newest_snapshot

    snapshot = newest_snapshot()
    explained = [
        {
            **describe(definition(one)),
            "sql": [
                {"counts": names, "sql": ask.sql}
                for names, ask in statements(definition(one), Cut(), snapshot)
            ],
        }
        for one in ids
    ]
    if as_json:
        print_json(explained)
        return
    console, code = Console(highlight=False, soft_wrap=True), language()
    for one in explained:
        heading = _("{name}: {value}").format(name=one["id"], value=one["title"][code])
        console.print(heading, style="bold", markup=False)
        facts = {
            _("Meaning"): one["help"][code],
            _("Formula"): one["formula"] or one["expression"],
            _("Rows counted"): one["rows"] or _("all"),
            _("One row is"): one["grain"][code],
            _("Date basis"): basis_name(one["date_basis"]),
            _("Unit"): unit_name(one["unit"]),
            _("Dimensions"): ", ".join(one["dimensions"]),
            _("Owner"): one["owner"][code],
            _("Portal methods and files"): ", ".join(one["sources"]),
            _("Maturity rule"): maturity_rule(one["maturity"]),
        }
        for name, value in facts.items():
            console.print("  " + _("{name}: {value}").format(name=name, value=value), markup=False)
        for each in one["sql"]:
            console.print(f"\n-- {', '.join(each['counts'])}\n{each['sql']}\n", markup=False)
