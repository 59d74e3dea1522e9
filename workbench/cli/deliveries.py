"""``workbench deliver``, and what the lists of runs say of deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.reports import RunRecord


def deliver(
    run_id: Annotated[str, typer.Argument(help="A run, as `workbench runs` lists it.")],
    number: Annotated[
        int | None,
        typer.Option("--number", min=1, help="Only this entry of the file's deliver, from 1."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what failed, or may have arrived already.")
    ] = False,
) -> None:
    """Send a run's results where its report's file says; what was sent is not sent again.

    Exit code 1 if something did not get through.
    """
    from rich.console import Console
    from rich.markup import escape

    from workbench.reports import read_record

    record = read_record(run_id)
    deliver_now(record, number, again=again)
    for title, told in delivery_rows(record):
        Console().print(f"{escape(title)}: {escape(told)}", highlight=False)
    if undelivered(record):
        raise typer.Exit(1)


def deliver_now(record: RunRecord, number: int | None = None, *, again: bool = False) -> None:
    """Try a run's deliveries here; what may get through later is left to the worker."""
    from workbench.automation.report_delivery import hand_in_next
    from workbench.reports.delivery.attempt import attempt, plan

    numbers = [each.number for each in plan(record)] if number is None else [number]
    for each in numbers:
        tried = attempt(record.id, each, again=again)
        if tried.state == "waiting":
            hand_in_next(record.id, tried)


def delivery_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Return the way and the state of each delivery of a run, in the reader's language."""
    from workbench.i18n import _
    from workbench.reports.delivery.book import deliveries_of, state_name, way_name

    rows = []
    for each in deliveries_of(record.folder):
        told = _("{to}: {state}").format(to=each.to, state=state_name(each.state))
        detail = each.error or each.detail
        way = way_name(each.by)
        rows.append((f"{way[0].upper()}{way[1:]}", f"{told} ({detail})" if detail else told))
    return rows


def undelivered(record: RunRecord) -> str:
    """Return what did not get through, in one line; empty if all did."""
    from workbench.i18n import _
    from workbench.reports.delivery.book import deliveries_of, state_name, way_name

    open_ones = [
        each
        for each in deliveries_of(record.folder)
        if each.state in ("failed", "uncertain") or (each.state == "waiting" and each.error)
    ]
    return _("; ").join(
        _("{way}: {state}").format(way=way_name(each.by), state=state_name(each.state))
        + (f", {each.error}" if each.error else "")
        for each in open_ones
    )


def with_deliveries(content: str, record: RunRecord) -> str:
    """Return a record's JSON with its deliveries."""
    import json

    from workbench.reports.delivery.book import deliveries_of

    found = [
        each.model_dump(mode="json", exclude={"destination"})
        for each in deliveries_of(record.folder)
    ]
    if not found:
        return content
    return json.dumps({**json.loads(content), "deliveries": found}, indent=2, ensure_ascii=False)
