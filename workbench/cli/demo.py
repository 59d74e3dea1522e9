"""``workbench demo``: everything at once, on the embedded portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console

    from workbench.cli.processes import Processes
    from workbench.reports import RunRecord

PORTAL = "portal.url"  # in the home: the webhook of the portal, while that runs
MARKER = "demo.json"  # in a home that the demonstration made and may make anew
SEED = 7
DEALS_TO_ANALYSE = 3
START = 60  # seconds that a server may take to answer


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Check that each page answers, then end.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the dashboards; 0 takes a free one.")] = 8866,
) -> None:
    """Show everything on the embedded portal: sync, reports, automation, dashboards.

    Makes the demonstration's own state in .workbench/demo anew (or in WORKBENCH_HOME, if that is
    empty or was made by an earlier demonstration). Ctrl-C ends every process it started.
    """
    import os
    import time
    from datetime import UTC, date, datetime

    from rich.console import Console

    from workbench.bitrix24.sandbox.seed import write_marketing_spend
    from workbench.bitrix24.sandbox.seed.targets import write_targets
    from workbench.cli.processes import Processes, check_port, exit_on_terminate
    from workbench.i18n import _, format_number
    from workbench.settings import settings

    exit_on_terminate()
    check_port("127.0.0.1", port)
    console = Console()
    started = time.monotonic()
    with (
        _fresh_home(settings().home) as home,
        Processes(home / "logs" / "demo") as processes,
    ):
        with console.status(_("Starting a portal with three years of a company’s sales…")):
            webhook = _start_portal(processes, home)
        os.environ.update(
            WORKBENCH_HOME=str(home), WORKBENCH_WEBHOOK=webhook, WORKBENCH_PLAN="unlimited"
        )
        write_marketing_spend(home / "imports" / "marketing_spend.csv", SEED, date.today())  # noqa: DTZ011
        write_targets(home / "imports" / "targets.csv", date.today())  # noqa: DTZ011
        _sync(console)
        address = _start_dashboards(processes, port)
        _start_automation(processes, home)
        began = datetime.now(UTC)
        slots = _hand_in_slots(processes, began)
        reports = _run_reports(console)
        scheduled = _show_schedules(console, processes, slots, began)
        _show_process(console)
        _show_decisions(console)
        with console.status(_("Opening the dashboards…")):
            _until(processes, lambda: _answers(f"{address}/healthz"))
        seconds = format_number(time.monotonic() - started)
        console.print(_("Ready after {seconds} s.").format(seconds=seconds))
        pages = _pages(address)
        failed = [record for record in reports if record.outcome != "succeeded"]
        silent = [page for page in pages if not _answers(page)] if once else []
        for page in silent:
            console.print(_("{page} does not answer.").format(page=page), style="red")
        if once:
            console.print(
                _("{n} pages answered at {address}.").format(
                    n=len(pages) - len(silent), address=address
                )
            )
        else:
            console.print(_("Dashboards: {address}").format(address=address), style="bold")
            console.print(_("Ctrl-C ends the demonstration."))
            _wait(console, processes)
    raise typer.Exit(0 if scheduled and not failed and not silent else 1)


@contextmanager
def _fresh_home(named: Path | None) -> Iterator[Path]:
    """Empty the demonstration's folder and keep it from other demonstrations until the end.

    Refuses a named folder that holds anything else. At the end the portal's address goes, so that
    no command looks for a portal that is no more.
    """
    import fcntl
    import json
    import shutil

    from workbench.errors import ConfigurationError, UsageError
    from workbench.i18n import _
    from workbench.settings import settings

    home = named or settings().project_dir / ".workbench" / "demo"
    marker = home / MARKER
    with ExitStack() as files:

        def lock(mode: str) -> IO[Any]:
            file = files.enter_context(marker.open(mode))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(
                    _("A demonstration is running in {folder} already.").format(folder=home),
                    hint=_("End it with Ctrl-C, or give this one a folder: WORKBENCH_HOME."),
                ) from None
            return file

        if home.exists() and any(home.iterdir()):
            if marker.exists():
                lock("r")
            elif named:
                raise ConfigurationError(
                    _("{folder} holds data that is not the demonstration’s.").format(folder=home),
                    hint=_("Unset WORKBENCH_HOME, or name an empty folder."),
                )
            shutil.rmtree(home)
        home.mkdir(parents=True, mode=0o700, exist_ok=True)
        made = lock("w")
        made.write(json.dumps({"seed": SEED}))
        made.flush()
        try:
            yield home
        finally:
            (home / PORTAL).unlink(missing_ok=True)


def _start_portal(processes: Processes, home: Path) -> str:
    """Start the sandbox on a file of its own and return its webhook."""
    url_file = home / PORTAL
    processes.start(
        "portal",
        *("sandbox", "start", "--port", "0", "--state", str(home / "portal.sqlite")),
        *("--company", "demo", "--seed", str(SEED), "--plan", "unlimited"),
        *("--url-file", str(url_file)),
    )
    _until(processes, lambda: url_file.exists() and url_file.read_text().strip() != "")
    return url_file.read_text().strip()


def _sync(console: Console) -> None:
    """Load the portal and the marketing spend; say how much and how fast."""
    from workbench.cli.data import run_sync
    from workbench.errors import WorkbenchError
    from workbench.i18n import _, format_number

    result = run_sync([])
    if result.problems:
        name, problem = next(iter(result.problems.items()))
        raise WorkbenchError(f"{name}: {problem}")
    console.print(
        _("{rows} rows read with {requests} requests in {seconds} s.").format(
            rows=format_number(result.rows_read),
            requests=format_number(result.requests),
            seconds=format_number(result.seconds, 1),
        )
    )


def _start_automation(processes: Processes, home: Path) -> None:
    """Start worker and handler, and add our application to the portal, as its form would."""
    import os
    import secrets

    from workbench.automation.registration import status
    from workbench.bitrix24.client import Portal
    from workbench.bitrix24.oauth import installations

    client_id, client_secret = f"local.{secrets.token_hex(7)}.00000001", secrets.token_urlsafe(32)
    port = _free_port()
    handler = f"http://127.0.0.1:{port}"
    os.environ.update(
        WORKBENCH_APP_CLIENT_ID=client_id,
        WORKBENCH_APP_CLIENT_SECRET=client_secret,
        WORKBENCH_APP_ADDRESS=handler,
    )
    processes.start("worker", "worker")
    url_file = home / "handler.url"
    processes.start("handler", "app", "serve", "--port", str(port), "--url-file", str(url_file))
    _until(processes, lambda: url_file.exists() and url_file.read_text().strip() != "")
    with Portal.from_settings() as portal:
        portal.call(
            "sandbox.application.add",
            {
                "TITLE": "Analyse Commerciale",
                "SCOPE": "crm,bizproc,user,im",
                "INSTALL": f"{handler}/bitrix24/install",
                "CLIENT_ID": client_id,
                "CLIENT_SECRET": client_secret,
            },
        )
    _until(
        processes,
        lambda: any(all(row.state == "registered" for row in status(i)) for i in installations()),
    )


def _show_process(console: Console) -> None:
    """Let a business process of the portal call the action on a few deals."""
    from workbench.bitrix24.client import Portal
    from workbench.cli.sandbox_process import run_on_deals, table
    from workbench.i18n import _
    from workbench.warehouse import newest_snapshot

    with newest_snapshot() as snapshot:
        deals = snapshot.query(
            "SELECT deal_id FROM deals WHERE is_open AND pipeline_id = 0 AND stage_id = 'NEW'"
            " ORDER BY amount_base DESC, deal_id LIMIT ?",
            [DEALS_TO_ANALYSE],
        )["deal_id"]
    with (
        console.status(
            _("A process of the portal asks for the analysis of {n} deals…").format(n=len(deals))
        ),
        Portal.from_settings() as portal,
    ):
        runs = run_on_deals(portal, "analyse_deal", [int(deal) for deal in deals], 120)
    console.print(table(runs))
    if any(run.state != "completed" for run in runs):
        raise typer.Exit(1)


def _run_reports(console: Console) -> list[RunRecord]:
    """Execute every report that needs no record of its own, two at a time; print the table."""
    from concurrent.futures import ThreadPoolExecutor

    from rich.progress import Progress
    from rich.table import Table

    from workbench.cli.layout import say
    from workbench.i18n import _, format_number, language
    from workbench.kernels.keeper import keep_zygote
    from workbench.reports import load_reports, run_report
    from workbench.settings import settings

    keep_zygote()
    reports = load_reports()
    records = []
    with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(2) as pool:
        task = progress.add_task(_("Reports"), total=len(reports))
        for record in pool.map(lambda report: run_report(report.name, trigger="demo"), reports):
            records.append(record)
            progress.advance(task)
    table = Table(box=None, header_style="bold")
    table.add_column(_("Report"))
    table.add_column(_("Outcome"))
    table.add_column(_("Rows read"), justify="right")
    table.add_column(_("Seconds"), justify="right")
    table.add_column(_("Output"), overflow="fold")
    titles = {report.name: getattr(report.title, language()) for report in reports}
    for record in records:
        output = record.folder / "report.html"
        if output.is_relative_to(settings().project_dir):
            output = output.relative_to(settings().project_dir)
        table.add_row(
            titles[record.report],
            _(record.outcome),
            format_number(record.rows or 0),
            format_number(record.seconds or 0, 1, fixed=True),
            str(output) if record.outcome == "succeeded" else str(record.error),
        )
    console.print(table)
    for record in records:
        if summary := record.result.get("summary"):
            say(f"{titles[record.report]} – {summary}")
    return records


def _hand_in_slots(processes: Processes, began: datetime) -> dict[str, str]:
    """Let the worker begin the last slot of each schedule, kill it in the middle, start it again.

    Returns the job of each scheduled report; `_show_schedules` says what became of them. Runs from
    before ``began`` are those of earlier demonstrations.
    """
    from datetime import UTC, datetime

    from workbench.automation.queue import enqueue_slot, scheduled
    from workbench.reports import load_reports, runs

    now = datetime.now(UTC)
    due = {r.name: r.schedule.last_slot(now) for r in load_reports() if r.schedule}
    _until(processes, lambda: due.keys() <= scheduled())
    jobs = {name: enqueue_slot(name, slot) for name, slot in due.items()}
    if jobs:
        _until(
            processes,
            lambda: any(run.job in jobs.values() and run.started_at >= began for run in runs()),
        )
        processes.kill("worker")
        processes.start("worker", "worker")
    return jobs


def _show_schedules(
    console: Console, processes: Processes, jobs: dict[str, str], began: datetime
) -> bool:
    """Wait for the slots that the worker was killed in; say how they ended and when the next are.

    Returns whether all of them succeeded.
    """
    from datetime import UTC, datetime

    from workbench.i18n import _, format_datetime, language
    from workbench.reports import load_reports, runs

    asked = set(jobs.values())

    def ended() -> dict[str, RunRecord]:
        return {
            run.job: run
            for run in runs()
            if run.job in asked and run.finished and run.started_at >= began
        }

    with console.status(_("The worker finishes what it was killed in…")):
        _until(processes, lambda: ended().keys() >= asked)
    made = ended()
    for report in load_reports():
        if not report.schedule:
            continue
        run, now = made[jobs[report.name]], datetime.now(UTC)
        slot, following = report.schedule.last_slot(now), report.schedule.next_slot(now)
        console.print(
            _(
                "Scheduled: {report}, slot of {slot}: the worker was killed in the middle of it "
                "(kill -9) and started again; outcome: {outcome}, attempt {attempt}. Next: {next}."
            ).format(
                report=getattr(report.title, language()),
                slot=format_datetime(run.queued_at or slot, report.schedule.timezone),
                outcome=_(run.outcome),
                attempt=run.attempts,
                next=format_datetime(following, report.schedule.timezone),
            )
        )
    return all(run.outcome == "succeeded" for run in made.values())


def _show_decisions(console: Console) -> None:
    from workbench.automation import decisions
    from workbench.i18n import _
    from workbench.warehouse import newest_snapshot

    book, snapshot = decisions.ledger(), newest_snapshot()
    written = [
        p for rule in decisions.load_rules() for p in decisions.propose(rule, snapshot, book)
    ]
    console.print(
        _(
            "Decisions: {n} reminders of stalled deals proposed, none sent. "
            "See them: workbench decisions list"
        ).format(n=len(written))
    )


def _start_dashboards(processes: Processes, port: int) -> str:
    """Start ``workbench serve`` and return the address where it will answer."""
    port = port or _free_port()
    address = f"http://127.0.0.1:{port}"
    processes.start("dashboards", "serve", "--port", str(port), "--no-browser")
    return address


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _pages(address: str) -> list[str]:
    """Return the addresses of the index and of every dashboard."""
    from workbench.dashboards.published import published_dashboards

    return [f"{address}/", *(f"{address}/dashboards/{name}" for name in published_dashboards())]


def _answers(page: str) -> bool:
    """Tell whether a page comes whole (an error of a cell ends it with status 500)."""
    import httpx

    try:
        return httpx.get(page, timeout=START).is_success
    except httpx.TransportError:
        return False


def _until(processes: Processes, ready) -> None:
    """Wait for a server; a process that ends or takes too long is an error that names its log."""
    import time

    from workbench.errors import WorkbenchError
    from workbench.i18n import _

    deadline = time.monotonic() + START
    while not ready():
        ended = processes.ended()
        if ended or time.monotonic() > deadline:
            raise WorkbenchError(
                _("{name} did not start.").format(name=ended or list(processes.running)[-1]),
                hint=_("Its log: {log}").format(
                    log=processes.log(ended or list(processes.running)[-1])
                ),
            )
        time.sleep(0.05)


def _wait(console: Console, processes: Processes) -> None:
    """Wait for Ctrl-C, or say which process ended by itself."""
    import time

    from workbench.errors import WorkbenchError
    from workbench.i18n import _

    try:
        while not (ended := processes.ended()):
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print(_("Ending…"))
        return
    raise WorkbenchError(
        _("{name} has ended.").format(name=ended),
        hint=_("Its log: {log}").format(log=processes.log(ended)),
    )
