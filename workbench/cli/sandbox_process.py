"""``workbench sandbox run-process``: start a business process on deals and watch it end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workbench.bitrix24.client import Portal

POLL = 0.2  # seconds
UNDER_WAY = ("ready", "waiting")


@dataclass(frozen=True)
class ProcessRun:
    """One process on one deal: how it ended, what the action returned, what it changed.

    ``stage_before`` and ``stage_after`` are the stages' names on the portal.
    """

    deal: int
    title: str
    state: str
    status: str
    value: str
    change_percent: str
    branch: str
    stage_before: str
    stage_after: str
    log: list[dict[str, Any]]


def run_process(
    deals: Annotated[list[int], typer.Argument(help="Ids of deals.")],
    process: Annotated[str, typer.Option(help="Name of the process.")] = "analyse_deal",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Start a process of the sandbox on deals, wait for its end and show its log.

    The portal is that of WORKBENCH_WEBHOOK or the connected one; exit code 1 unless all completed.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from workbench.bitrix24.client import Portal
    from workbench.cli.screen import escape

    with Portal.from_settings() as portal:
        runs = run_on_deals(portal, process, deals, timeout)
    if as_json:
        print(json.dumps([asdict(run) for run in runs], ensure_ascii=False, indent=2))
    else:
        console = Console()
        console.print(table(runs))
        for run in runs:
            console.print(f"[bold]#{run.deal} {escape(run.title)}[/]")
            for entry in run.log:
                rest = {k: v for k, v in entry.items() if k not in ("at", "kind")}
                console.print(escape(f"  {entry['at'][11:23]} {entry['kind']} {rest}"))
    if any(run.state != "completed" for run in runs):
        raise typer.Exit(1)


def run_on_deals(
    portal: Portal, process: str, deals: list[int], timeout: float
) -> list[ProcessRun]:
    """Start a process on each deal and wait until all have ended or ``timeout`` seconds passed.

    Raises `UsageError` if the portal has no such process, the `PortalError` family otherwise.
    """
    import time

    from workbench.errors import UsageError
    from workbench.i18n import _

    templates = portal.call(
        "bizproc.workflow.template.list", {"SELECT": ["ID", "SYSTEM_CODE", "NAME"]}
    )
    ids = {row["SYSTEM_CODE"]: row["ID"] for row in templates}
    if process not in ids:
        raise UsageError(
            _("The portal has no process {name}.").format(name=process),
            hint=", ".join(sorted(filter(None, ids))),
        )
    stages = {
        row["STATUS_ID"]: row["NAME"]
        for row in portal.call("crm.status.list")
        if row["ENTITY_ID"].startswith("DEAL_STAGE")
    }
    before = {deal: portal.call("crm.deal.get", {"id": deal}) for deal in deals}
    started = {
        deal: portal.call(
            "bizproc.workflow.start",
            {
                "TEMPLATE_ID": ids[process],
                "DOCUMENT_ID": ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"],
            },
        )
        for deal in deals
    }
    deadline = time.monotonic() + timeout
    while True:
        found = {d: portal.call("sandbox.process.get", {"ID": i}) for d, i in started.items()}
        if all(one["STATE"] not in UNDER_WAY for one in found.values()):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(POLL)
    return [
        _run(deal, found[deal], before[deal], portal.call("crm.deal.get", {"id": deal}), stages)
        for deal in deals
    ]


def _run(
    deal: int,
    workflow: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    stages: dict[str, str],
) -> ProcessRun:
    from workbench.i18n import language

    results = workflow["RESULTS"] if isinstance(workflow["RESULTS"], dict) else {}
    returned: dict[str, str] = next(iter(results.values()), {})
    branches = [
        str((entry.get("title") or {}).get(language()) or entry["case"])
        for entry in map(_flat, workflow["LOG"])
        if entry["kind"] == "case"
    ]
    return ProcessRun(
        deal=deal,
        title=str(before["TITLE"]),
        state=workflow["STATE"],
        status=str(returned.get("status", "")),
        value=str(returned.get("value", "")),
        change_percent=str(returned.get("change_percent", "")),
        branch=branches[-1] if branches else "",
        stage_before=stages.get(before["STAGE_ID"], before["STAGE_ID"]),
        stage_after=stages.get(after["STAGE_ID"], after["STAGE_ID"]),
        log=[_flat(entry) for entry in workflow["LOG"]],
    )


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    data = entry.get("data")
    return {k: v for k, v in entry.items() if k != "data"} | (
        data if isinstance(data, dict) else {}
    )


def _number(text: str, digits: int) -> str:
    from workbench.i18n import format_number

    try:
        return format_number(float(text), digits)
    except ValueError:
        return text


def table(runs: list[ProcessRun]) -> Any:
    """Return the runs as a rich table."""
    from rich.table import Table

    from workbench.cli.screen import escape
    from workbench.i18n import _

    shown = Table(box=None, header_style="bold")
    for title in (_("Deal"), _("Status"), _("Value"), _("Change, %"), _("Branch"), _("Stage")):
        shown.add_column(title)
    for run in runs:
        shown.add_row(
            f"#{run.deal} {escape(run.title)}",
            run.status or run.state,
            _number(run.value, 0),
            _number(run.change_percent, 1),
            run.branch,
            escape(f"{run.stage_before} → {run.stage_after}"),
        )
    return shown
