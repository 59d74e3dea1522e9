"""`workbench segments`: filters that have a name, and in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.layout import add_numbers, plain_table, say, say_definition, say_source
from workbench.cli.metrics import AsJson, plain, plain_row, print_json

if TYPE_CHECKING:
    from workbench.metrics.segments import Segment
    from workbench.warehouse import Snapshot

app = typer.Typer(help="Segments: list, show, compare, save.")

Name = Annotated[str, typer.Argument(help="Name of the segment.")]
PeriodOption = Annotated[
    str, typer.Option(help="Of the figures: last_quarter, this_year, 2026-Q1, all …")
]
FIGURES = ("deals", "won_revenue", "closed_win_rate", "average_won_deal", "won_cycle_median")


@app.callback(invoke_without_command=True)
def segments(context: typer.Context, as_json: AsJson = False) -> None:
    """Filters that have a name, from parameters/segments.yml. Without a command, all of them."""
    if context.invoked_subcommand is None:
        list_(as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the segments."""
    from rich.text import Text

    from workbench.cli.screen import printable, table_console
    from workbench.i18n import _
    from workbench.metrics.segments import load_segments

    known = load_segments()
    if as_json:
        print_json([_plain(segment) for segment in known.values()])
        return
    table = plain_table()
    table.add_column(_("Segment"), no_wrap=True)
    table.add_column(_("Title"))
    table.add_column(_("Filter"))
    for segment in known.values():
        texts = segment.name, str(segment.title), segment.where
        table.add_row(*(Text(printable(text)) for text in texts))
    table_console().print(table)
    say(_("`workbench segments show NAME` says what is in one."))


@app.command()
def show(name: Name, period: PeriodOption = "all", as_json: AsJson = False) -> None:
    """Show what a segment means and the figures inside it, beside those of everyone."""
    from workbench.cli.screen import table_console
    from workbench.i18n import _, format_number, language
    from workbench.metrics import format_value, query
    from workbench.metrics.segments import segment
    from workbench.warehouse import newest_snapshot

    chosen, snapshot = segment(name), newest_snapshot()
    ids = _countable(chosen, snapshot)
    inside = query(ids, period=period, segment=name, snapshot=snapshot)
    whole = query(ids, period=period, snapshot=snapshot)
    if as_json:
        figures = {
            one: {
                "segment": plain(inside.attrs["total"][one]),
                "n": inside.attrs["n"][one],
                "everyone": plain(whole.attrs["total"][one]),
                "everyone_n": whole.attrs["n"][one],
            }
            for one in ids
        }
        about = {
            "rates": inside.attrs["rates"],
            "period": {key: str(inside.attrs["period"][key]) for key in ("start", "end")},
            "metrics": inside.attrs["metrics"],
            **_source(snapshot),
        }
        print_json({**_plain(chosen), "figures": figures, **about})
        return
    _print_meaning(chosen)
    table = plain_table(inside.attrs["period"]["label"])
    table.add_column(_("Metric"))
    for heading in (_("Segment"), "n", _("Everyone"), "n"):
        add_numbers(table, heading)
    for one, told in inside.attrs["metrics"].items():
        cells = [told["title"][language()]]
        for frame in (inside, whole):
            facts = frame.attrs
            cells.append(format_value(facts["total"][one], told["unit"], facts["currency"]))
            cells.append(format_number(facts["n"][one]))
        table.add_row(*cells)
    table_console().print(table)
    for told in inside.attrs["metrics"].values():
        say_definition(told)
    say_source(snapshot.as_of, snapshot.timezone, snapshot.id)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A segment.")],
    second: Annotated[
        str, typer.Argument(metavar="[B|rest]", help="Another one; rest: everyone else.")
    ] = "rest",
    of: Annotated[str, typer.Option(help="Records to compare: deals or leads.")] = "deals",
    period: PeriodOption = "all",
    as_json: AsJson = False,
) -> None:
    """Compare a segment with another or with everyone else.

    Says in which dimensions their records differ most: Cramér's V (Bergsma's correction) for texts,
    Cliff's delta for numbers and days, with n. Records that both hold are left out. The period is
    that of their creation.
    """
    from rich.text import Text

    from workbench.analysis import findings
    from workbench.analysis.segments import differences, measure_name, shown, size_word
    from workbench.cli.screen import printable, table_console
    from workbench.i18n import _, format_number
    from workbench.metrics.segment_groups import groups
    from workbench.metrics.segments import segment
    from workbench.warehouse import newest_snapshot

    other = None if second == "rest" else second
    snapshot = newest_snapshot()
    both = groups(snapshot, first, other, of=of, period=period)
    found = differences(both.first, both.second, both.kinds)
    table = found.table
    if as_json:
        print_json(
            {
                "a": first,
                "b": second,
                "of": of,
                "n_a": found.n_a,
                "n_b": found.n_b,
                "in_both": both.in_both,
                "differences": [plain_row(row) for row in table.to_dict("records")],
                "skipped": list(found.skipped),
                "given": list(both.given),
                "period": {"start": str(both.period.start), "end": str(both.period.end)},
                "date_basis": "created",
                "definition": _definition(),
                **_source(snapshot),
            }
        )
        return
    titles = [
        str(segment(first).title),
        str(segment(other).title) if other else _("Everyone else"),
    ]
    printed = plain_table(both.period.label())
    printed.add_column(_("Dimension"))
    add_numbers(printed, _("Effect"))
    printed.add_column("")
    for title in titles:
        printed.add_column(Text(printable(title)))
        add_numbers(printed, "n", style="dim")
    for row in table.to_dict("records"):
        kind = both.kinds[row["dimension"]]
        words = f"{size_word(row['size'])} ({measure_name(row['measure'])})"
        printed.add_row(
            Text(printable(str(both.titles[row["dimension"]]))),
            format_number(row["effect"], 2),
            words,
            Text(printable(shown(row, kind, "a"))),
            format_number(row["n_a"]),
            Text(printable(shown(row, kind, "b"))),
            format_number(row["n_b"]),
        )
    table_console().print(printed)
    say(findings.differences(found, both.titles, both.kinds, *titles))
    if both.in_both:
        told = _("Left out: {n} records that both segments hold.")
        say(told.format(n=format_number(both.in_both)), style="dim")
    say(_definition(), style="dim")
    say_source(snapshot.as_of, snapshot.timezone, snapshot.id)


def _definition() -> str:
    """Say what the effects are, and by which date the records are chosen."""
    from workbench.i18n import _

    return _(
        "Records created in the period. Effect: Cramér’s V for texts (0 no difference, 1 a perfect "
        "one), Cliff’s delta for numbers and days (how much more often one group is above the "
        "other). n: records with a value."
    )


def _source(snapshot: Snapshot) -> dict[str, Any]:
    """Return which data an answer is made of, for JSON."""
    return {
        "currency": snapshot.base_currency,
        "as_of": snapshot.as_of.isoformat(),
        "timezone": snapshot.timezone,
        "snapshot": snapshot.id,
    }


@app.command()
def save(
    name: Name,
    where: Annotated[str, typer.Argument(metavar="EXPR", help="Its filter, in quotes.")],
    title: Annotated[str, typer.Option(help="Title, in both languages.")] = "",
    title_fr: Annotated[str, typer.Option(help="French title.")] = "",
    title_en: Annotated[str, typer.Option(help="English title.")] = "",
    description: Annotated[str, typer.Option(help="What it is for, in one line.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Write it anew.")] = False,
) -> None:
    """Save a filter as a segment in parameters/segments.yml."""
    from workbench.errors import NoSnapshot
    from workbench.i18n import _
    from workbench.metrics.catalogue import Text
    from workbench.metrics.segments import save_segment
    from workbench.metrics.user_fields import models_of
    from workbench.warehouse import newest_snapshot

    try:
        known = models_of(newest_snapshot())
    except NoSnapshot:
        known = None
    texts = title_fr or title or title_en or name, title_en or title or title_fr or name
    saved = save_segment(
        name,
        where,
        Text(fr=texts[0], en=texts[1]),
        description,
        replace=replace,
        known=known,
    )
    say(_("Saved in {file}.").format(file=saved.file))


@app.command()
def delete(name: Name) -> None:
    """Delete a segment."""
    from workbench.i18n import _
    from workbench.metrics.segments import delete_segment

    say(_("Deleted from {file}.").format(file=delete_segment(name)))


def _plain(segment: Segment) -> dict[str, Any]:
    return {
        "name": segment.name,
        "title": segment.title.model_dump(),
        "description": segment.description.model_dump() if segment.description else None,
        "where": segment.where,
        "file": str(segment.file),
    }


def _print_meaning(segment: Segment) -> None:
    from workbench.i18n import _

    say(_("{name}: {value}").format(name=segment.name, value=segment.title), style="bold")
    if segment.description:
        say(str(segment.description))
    say(_("Filter: {where}").format(where=segment.where), style="dim")


def _countable(segment: Segment, snapshot: Any) -> list[str]:
    """Return the figures that a segment's filter can be asked for."""
    from workbench.metrics import definition
    from workbench.metrics.catalogue import filterable
    from workbench.metrics.user_fields import models_of

    known = models_of(snapshot)
    offered = (*FIGURES, "leads", "lead_conversion", "invoiced_amount", "marketing_spend")
    return [
        one for one in offered if segment.filter.names <= filterable(definition(one), known)
    ] or [offered[0]]
