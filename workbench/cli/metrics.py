"""`workbench metric`: figures, their definitions and SQL from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.layout import add_numbers, plain_table, say, say_source

if TYPE_CHECKING:
    import pandas as pd

By = Annotated[str, typer.Option(help="Dimensions to cut by, separated by commas.")]
Where = Annotated[
    str, typer.Option(help="Filter, such as \"source = 'Web' and amount_base > 100\".")
]
Segment = Annotated[str, typer.Option(help="A segment by its name; see `workbench segments`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
WIDE = 200  # characters from which the list has room for all that a definition says


def metric(
    ids: Annotated[list[str] | None, typer.Argument(help="Metric ids; see --list.")] = None,
    by: By = "",
    grain: Annotated[
        str, typer.Option(help="day, week, month, quarter, year, fiscal_quarter, fiscal_year.")
    ] = "",
    start: Annotated[str, typer.Option("--from", help="First day, such as 2026-01-01.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, included.")] = "",
    period: Annotated[
        str, typer.Option(help="last_quarter, this_year, 2026-Q1, 2026-01-01..2026-02-15, all …")
    ] = "",
    where: Where = "",
    segment: Segment = "",
    compare: Annotated[str, typer.Option(help="Beside it: previous, year_ago or plan.")] = "",
    as_json: AsJson = False,
    listed: Annotated[bool, typer.Option("--list", help="List every metric.")] = False,
    pages: Annotated[
        Path | None, typer.Option(help="Write the help page of all metrics into this folder.")
    ] = None,
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

    if pages is not None:
        from workbench.views.metric_pages import write_pages

        for file in write_pages(pages):
            print(file)
        return
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
    frame = _query(ids, by, grain, start, end, period, where, segment, compare)
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
    segment: str,
    compare: str,
) -> pd.DataFrame:
    from workbench.errors import UsageError
    from workbench.i18n import _
    from workbench.metrics import query
    from workbench.metrics.periods import between

    if period and (start or end):
        raise UsageError(_("Give either --period or --from and --to."))
    first = _day(start) if start else None
    after = _day(end, after=True) if end else None
    bounded = between(first, after) if first and after else None
    return query(
        [part for each in ids for part in each.split(",") if part],
        by=[part.strip() for part in by.split(",") if part.strip()],
        grain=grain or None,
        period=bounded or period or None,
        start=None if bounded else first,
        end=None if bounded else after,
        where=where or None,
        segment=segment or None,
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
        "where": attrs["where"],
        "segment": attrs["segment"],
        "rates": attrs["rates"],
        "dimensions": attrs["dimensions"],
        "overlapping": attrs["overlapping"],
        "troubles": attrs["troubles"],
        "metrics": attrs["metrics"],
    }
    for name in ("before", "plan"):
        if name in attrs:
            beside = attrs[name]
            answer[name] = {
                **beside,
                "total": {one: plain(value) for one, value in beside["total"].items()},
                "period": {
                    "start": beside["period"]["start"].isoformat(),
                    "end": beside["period"]["end"].isoformat(),
                    "label": beside["period"]["label"],
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
    from workbench.i18n import _, format_number, language
    from workbench.metrics import format_value
    from workbench.metrics.formats import rate_words, trouble_words
    from workbench.metrics.loaded import incomplete_units
    from workbench.metrics.periods import unit_label

    attrs, metrics = frame.attrs, frame.attrs["metrics"]
    heading = attrs["period"]["label"]
    if attrs["segment"]:
        heading = f"{_segment_title(attrs['segment'])}, {heading}"
    table = plain_table(heading)
    keys = [name for name in frame if name == "period" or name in attrs["by"]]
    for name in keys:
        table.add_column(_("Period") if name == "period" else attrs["dimensions"][name][language()])
    beside = attrs.get("plan") or attrs.get("before")
    compared, suffix = beside is not None, "plan" if "plan" in attrs else "before"
    console = table_console()
    room = (console.width - 20 * len(keys)) // len(metrics) - (24 if compared else 8)
    for one in metrics.values():
        add_numbers(table, one["title"][language()], width=room)
        if compared:
            label = _("Plan") if suffix == "plan" else beside["period"]["label"]
            add_numbers(table, label, style="dim")
        add_numbers(table, "n", style="dim")

    def figures(values: Any, counts: Any, before: Any) -> list[str]:
        cells = []
        for name, one in metrics.items():
            cells.append(format_value(values[name], one["unit"], attrs["currency"]))
            if compared:
                cells.append(format_value(before.get(name), one["unit"], attrs["currency"]))
            cells.append(format_number(counts[name]))
        return cells

    incomplete = incomplete_units(frame)
    n_columns = {name: "n" if i == 0 else f"n_{name}" for i, name in enumerate(metrics)}
    for row in frame.to_dict("records"):
        cells = [
            Text(
                unit_label(row[name].date(), attrs["grain"])
                + (" *" if row[name] in incomplete else "")
                if name == "period"
                else (_("not set") if plain(row[name]) is None else printable(str(row[name])))
            )
            for name in keys
        ]
        counts = {name: row[column] for name, column in n_columns.items()}
        before = {name: row.get(f"{name}_{suffix}") for name in metrics}
        table.add_row(*cells, *figures(row, counts, before))
    if keys:
        table.add_section()
        label = [_("Total"), *[""] * (len(keys) - 1)]
        before_total = beside["total"] if compared else {}
        table.add_row(*label, *figures(attrs["total"], attrs["n"], before_total), style="bold")
    console.print(table)
    if incomplete:
        say(_("* in part: not all of its days lie in the period and are loaded."))
    for name in attrs["overlapping"]:
        title = attrs["dimensions"][name][language()]
        say(
            _("{name}: one record may be in several groups; they do not add up.").format(name=title)
        )
    for name, status in attrs["statuses"].items():
        if status not in ("ok", "later rate", "no rate"):
            title = metrics[name]["title"][language()]
            told = _("{name}: {value}").format(name=title, value=_status(status))
            say(told, style="yellow")
    for name, counts in attrs["rates"].items():
        if told := rate_words(counts):
            title = metrics[name]["title"][language()]
            say(_("{name}: {value}").format(name=title, value=told), style="yellow")
    _say_beside(attrs)
    for trouble in attrs["troubles"]:
        say(trouble_words(trouble), style="yellow")
    say_source(attrs["as_of"], attrs["timezone"], attrs["snapshot"])


def _say_beside(attrs: dict[str, Any]) -> None:
    """Say where the period beside is longer or shorter, and what of it stands beside nothing."""
    from workbench.i18n import _, format_number, ngettext

    before = attrs.get("before")
    if before is None or before["compared"] != "previous":
        return
    own, other = (each["period"]["end"] - each["period"]["start"] for each in (attrs, before))
    if own == other:
        return
    labels = {"period": attrs["period"]["label"], "before": before["period"]["label"]}
    say(
        _("{before} has {m} days, {period} has {n}.").format(
            n=format_number(own.days), m=format_number(other.days), **labels
        ),
        style="yellow",
    )
    if count := before["unpaired"]:
        told = ngettext(
            "Its last {n} row stands beside none and is in its total only.",
            "Its last {n} rows stand beside none and are in its total only.",
            count,
        )
        say(told.format(n=format_number(count)), style="yellow")


def _segment_title(name: str) -> str:
    from workbench.metrics.segments import segment

    return str(segment(name).title)


def _status(status: str) -> str:
    from workbench.i18n import _

    return {
        "partial": _("the period is not over, or a part of it is not loaded"),
        "immature": _("the cohort is still young; the figure will change"),
        "whole months": _("known for whole months only"),
        "not over": _("not known before the period is over"),
        "today only": _("known of today only; the period was over before"),
        "not loaded": _("not loaded for this period"),
    }[status]


def _print_list(described: list[dict[str, Any]], as_json: bool) -> None:
    from workbench.cli.screen import table_console
    from workbench.i18n import _, language
    from workbench.metrics.formats import basis_name, maturity_rule, unit_name

    if as_json:
        print_json(described)
        return
    console, code = table_console(), language()
    wide = console.width >= WIDE
    table = plain_table()
    table.add_column(_("Metric"), no_wrap=True)
    headings = [_("Title"), _("Unit"), _("Date basis")]
    if wide:
        headings += [_("Formula"), _("One row is"), _("Dimensions"), _("Owner")]
        headings += [_("Portal methods and files"), _("Maturity rule")]
    for title in headings:
        table.add_column(title)
    for one in described:
        words = [one["title"][code], unit_name(one["unit"]), basis_name(one["date_basis"])]
        if wide:
            words += [one["formula"] or one["expression"], one["grain"][code]]
            words += [", ".join(one["dimensions"]), one["owner"][code], ", ".join(one["sources"])]
            words.append(maturity_rule(one["maturity"]))
        table.add_row(one["id"], *words)
    console.print(table)
    print(_("`workbench metric ID --explain` says what one means."))


def _explain(ids: list[str], as_json: bool) -> None:
    from rich.console import Console

    from workbench.i18n import _
    from workbench.metrics import definition, describe
    from workbench.metrics.facts import facts
    from workbench.metrics.lineage import origins
    from workbench.metrics.query import statements
    from workbench.metrics.sql import Cut
    from workbench.warehouse import newest_snapshot

    snapshot = newest_snapshot()
    asked = [definition(one) for one in ids]
    sql = {one.id: statements(one, Cut(), snapshot) for one in asked}
    if as_json:
        print_json(
            [
                {
                    **describe(one),
                    "portal_fields": [
                        {
                            "metric": origin.metric,
                            "role": origin.role,
                            "column": origin.column,
                            "fields": [f"{field.source}: {field.name}" for field in origin.fields],
                        }
                        for origin in origins(one)
                    ],
                    "sql": [{"counts": names, "sql": ask.sql} for names, ask in sql[one.id]],
                }
                for one in asked
            ]
        )
        return
    console = Console(highlight=False, soft_wrap=True)
    for one in asked:
        heading = _("{name}: {value}").format(name=one.id, value=one.title)
        console.print(heading, style="bold", markup=False)
        for name, value in facts(one).items():
            console.print("  " + _("{name}: {value}").format(name=name, value=value), markup=False)
        for names, ask in sql[one.id]:
            console.print(f"\n-- {', '.join(names)}\n{ask.sql}\n", markup=False)
