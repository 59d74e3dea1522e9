"""``workbench sync``, ``sources``, ``sql``, ``check``: what is loaded, and asking it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workbench.metrics.quality import Quality
    from workbench.warehouse.sync import SyncResult

WIDE = 140  # characters from which the table of sources has room for all its columns
LONG_WAIT = 5.0  # seconds; of those a log hears
SAID_AGAIN = 60.0
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def sync(
    source: Annotated[
        list[str] | None, typer.Argument(help="Sources of parameters/sources.yml; default: all.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the warehouse up to date and publish a snapshot if anything changed.

    Then the triggers of parameters/triggers look at what has changed. Exit code 1 if an entity or
    a file could not be loaded; the rest is loaded all the same.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from workbench.automation.triggers.looking import look
    from workbench.bitrix24.entities import title
    from workbench.cli.screen import escape
    from workbench.i18n import _, format_number

    result = run_sync(source or [], full, quiet=as_json)
    looked = look()
    result.remarks += looked.problems
    if as_json:
        print(json.dumps({**asdict(result), "rows_read": result.rows_read}, indent=2))
    else:
        console = Console()
        console.print(
            _("{rows} rows read with {requests} requests in {seconds} s.").format(
                rows=format_number(result.rows_read),
                requests=format_number(result.requests),
                seconds=format_number(result.seconds, 1),
            )
        )
        console.print(
            _("Snapshot {id} published.").format(id=result.snapshot)
            if result.snapshot
            else _("Nothing has changed; the last snapshot stands.")
        )
        alike: dict[str, list[str]] = {}
        for name, problem in result.problems.items():
            alike.setdefault(problem, []).append(title(name))
        for problem, names in alike.items():
            line = _("{name}: {problem}").format(name=", ".join(names), problem=problem)
            console.print(escape(line), style="red", soft_wrap=True)
        for started in looked.started:
            console.print(escape(started), soft_wrap=True)
        for remark in result.remarks:
            console.print(escape(remark), style="yellow", soft_wrap=True)
    if result.problems:
        raise typer.Exit(1)


def run_sync(names: list[str], full: bool = False, *, quiet: bool = False) -> SyncResult:
    """Sync with a counter of rows per entity, and what it waits for, while it works.

    Where there is no terminal only long waits are told, once in `SAID_AGAIN` seconds.
    """
    import time

    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from workbench.automation.kept import referred_snapshots
    from workbench.bitrix24.entities import title
    from workbench.cli.screen import escape
    from workbench.i18n import _, format_number
    from workbench.warehouse.sync import sync as synchronise

    console = Console(stderr=True, quiet=quiet)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    rows: dict[str, int] = {}
    said = [-SAID_AGAIN]
    quietly = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quietly) as progress:
        task = progress.add_task(_("Sync"))

        def report(entity: str, count: int) -> None:
            rows[entity] = count
            text = _("Sync: {rows} rows, now {entity}").format(
                rows=format_number(sum(rows.values())), entity=title(entity)
            )
            progress.update(task, description=text)

        def waiting(reason: str, seconds: float) -> None:
            digits = 0 if seconds >= 10 else 1
            text = _("{reason} Waiting {seconds} s…").format(
                reason=reason, seconds=format_number(seconds, digits)
            )
            progress.update(task, description=escape(text))
            now = time.monotonic()
            if quietly and seconds >= LONG_WAIT and now - said[0] >= SAID_AGAIN:
                said[0] = now
                console.print(escape(text), soft_wrap=True)

        return synchronise(
            names, full=full, report=report, waiting=waiting, referred=referred_snapshots
        )


def sources(as_json: AsJson = False) -> None:
    """Show what is loaded and how well: status, rows, range, last sync, what is missing.

    With --json also how it compared with the portal: counts, pages read again, sums.
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from workbench.bitrix24.entities import title
    from workbench.cli.screen import escape, table_console
    from workbench.i18n import _, format_date, format_datetime, format_number, said
    from workbench.settings import settings
    from workbench.views.quality_page import status_name
    from workbench.warehouse import newest_snapshot
    from workbench.warehouse.findings import by_entity, read_findings
    from workbench.warehouse.reasons import reason

    with newest_snapshot() as snapshot:
        frame, zone, warning = snapshot.sources(), snapshot.timezone, snapshot.warning
    if warning:
        Console(stderr=True).print(warning, style="yellow", soft_wrap=True)
    findings = read_findings(settings().home_dir / "warehouse")
    if as_json:
        found = by_entity(findings)
        rows = json.loads(frame.to_json(orient="records", date_format="iso"))
        rows = [
            row | {"reason": reason(row["missing"]), "reconciled": found.get(row["entity"], {})}
            for row in rows
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    console = table_console()
    wide = console.width >= WIDE
    table = Table(box=None, header_style="bold")
    if wide:
        table.add_column(_("Source"), no_wrap=True)
    table.add_column(_("Entity"))
    table.add_column(_("Status"), no_wrap=True)
    table.add_column(_("Rows"), justify="right", no_wrap=True)
    for heading in (_("First day"), _("Last day"), *([_("Last sync")] if wide else [])):
        table.add_column(heading, no_wrap=True)
    if wide:
        table.add_column(_("Missing"))
    here = frame.astype(object).where(frame.notna(), None)
    below = []  # what a narrow terminal has no columns for
    for row in here.itertuples(index=False):
        moment = format_datetime(row.last_sync, zone) if row.last_sync else ""
        missing = escape(reason(row.missing))
        name = escape(title(row.entity, row.label))
        table.add_row(
            *([escape(row.source)] if wide else []),
            name,
            status_name(row.status),
            "" if row.rows is None else format_number(row.rows),
            format_date(row.loaded_from) if row.loaded_from else "",
            format_date(row.loaded_to) if row.loaded_to else "",
            *([moment, missing] if wide else []),
        )
        if missing:
            below.append(_("{name}: {problem}").format(name=name, problem=missing))
    console.print(table)
    for each in findings:
        if each.outcome == "differs":
            sentences = {
                "count": _("the portal counts other rows than are stored ({detail})"),
                "pages": _("rows read again were stored otherwise, now mended ({detail})"),
                "sums": _("the amounts that came in are not those stored ({detail})"),
            }
            text = sentences[each.kind].format(detail=said(each.detail))
            line = _("{name}: {problem}").format(name=title(each.entity), problem=text)
            console.print(escape(line), style="yellow", soft_wrap=True)
    if not wide:
        for line in below:
            console.print(line, style="yellow", soft_wrap=True)
        if len(frame):
            latest = format_datetime(frame["last_sync"].max(), zone)
            line = _("{name}: {problem}").format(name=_("Last sync"), problem=latest)
            console.print(line, style="dim", highlight=False)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT on the tables of the snapshot.")],
    limit: Annotated[int, typer.Option(min=1, help="Rows shown at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Ask the newest snapshot in SQL, read-only; no file, no setting, no second statement."""
    from rich.table import Table

    from workbench.cli.screen import escape, table_console
    from workbench.i18n import _, format_number
    from workbench.warehouse import newest_snapshot
    from workbench.warehouse.statements import only_select

    checked = only_select(query)
    with newest_snapshot() as snapshot:
        frame = snapshot.query(f"SELECT * FROM ({checked}) LIMIT {limit + 1}")  # noqa: S608
    more = len(frame) > limit
    frame = frame.head(limit).map(
        lambda value: str(bytes(value))[2:-1] if isinstance(value, bytes | bytearray) else value
    )
    if as_json:
        text = frame.to_json(
            orient="records", date_format="iso", force_ascii=False, indent=2, default_handler=str
        )
        print(text)
        return
    table = Table(box=None, header_style="bold")
    for name, kind in frame.dtypes.items():
        table.add_column(escape(str(name)), justify="right" if kind.kind in "iuf" else "left")
    here = frame.astype(object).where(frame.notna(), None)
    for row in here.itertuples(index=False):
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    console = table_console()
    console.print(table)
    if more:
        console.print(
            _("Only the first {n} rows; more with --limit.").format(n=format_number(limit))
        )


def check(
    as_json: AsJson = False,
    page: Annotated[
        Path | None, typer.Option(help="Where to write the page; default: quality.html at home.")
    ] = None,
) -> None:
    """Check the data: what the tables promise, and what parameters/checks.yml declares.

    Writes a page with what is wrong, how many, examples with their cards in the portal, and a score
    per entity over time. Exit code 1 if a check of severity error fails.
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from workbench.bitrix24.entities import title
    from workbench.cli.screen import escape
    from workbench.i18n import _, format_number, format_percent, ngettext
    from workbench.metrics.quality import run_quality
    from workbench.metrics.quality.history import keep
    from workbench.settings import private_folder, settings
    from workbench.views.quality_page import quality_html, severity_name
    from workbench.warehouse import newest_snapshot
    from workbench.warehouse.checks import unparsed_counts

    with newest_snapshot() as snapshot:
        quality = run_quality(snapshot)
        unparsed = unparsed_counts(snapshot)
        zone = snapshot.timezone
    if page is None:
        page = settings().home_dir / "quality.html"
        private_folder(page.parent)
    page.write_text(quality_html(quality, keep(quality), zone, unparsed), "utf-8")
    if as_json:
        print(json.dumps(_quality(quality, unparsed), indent=2, ensure_ascii=False))
    else:
        console = Console()
        outcomes = quality.outcomes
        passed = sum(each.passed for each in outcomes)
        console.print(_("{n} of {all} checks passed.").format(n=passed, all=len(outcomes)))
        if quality.failed:
            table = Table(box=None, header_style="bold")
            for heading in (_("Severity"), _("Table"), _("What must hold")):
                table.add_column(heading)
            table.add_column(_("Rows that break it"), justify="right")
            for each in quality.failed:
                words = severity_name(each.severity), each.table, escape(each.title)
                table.add_row(*words, format_number(each.broken))
            console.print(table)
        for entity, field, count, example in unparsed:
            line = ngettext(
                "{entity}, {field}: {n} value cannot be read, such as “{example}”.",
                "{entity}, {field}: {n} values cannot be read, such as “{example}”.",
                count,
            ).format(entity=title(entity), field=field, n=format_number(count), example=example)
            console.print(escape(line), style="yellow", soft_wrap=True)
        shares = [
            _("{name}: {value}").format(name=title(name), value=format_percent(score))
            for name, score in quality.scores.items()
        ]
        console.print(_("Scores: {scores}").format(scores=", ".join(shares)), soft_wrap=True)
        console.print(_("Page: {file}").format(file=page), soft_wrap=True, style="dim")
    if any(each.severity == "error" for each in quality.failed):
        raise typer.Exit(1)


def _quality(quality: Quality, unparsed: list[tuple[str, str, int, str]]) -> dict[str, Any]:
    """Return what the checks found as JSON has it."""
    from dataclasses import asdict

    tests = [
        {"table": each.table, "rule": each.rule, "subject": each.subject}
        | {"broken": each.broken, "passed": each.passed}
        for each in quality.outcomes
        if each.rule
    ]
    declared = [
        asdict(each) | {"passed": each.passed} for each in quality.outcomes if not each.rule
    ]
    values = [
        {"entity": entity, "field": field, "count": count, "example": example}
        for entity, field, count, example in unparsed
    ]
    return {
        "checks": tests,
        "declared": declared,
        "unparsed": values,
        "scores": quality.scores,
        "snapshot": quality.snapshot,
    }
