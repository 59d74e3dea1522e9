"""``workbench doctor``: what is wrong with this installation, and what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import typer

LITTLE_SPACE = 2 * 1024**3  # bytes: below this, a sync of a large portal may not fit
OLD = 2 * 86_400  # seconds after which data without a newer sync deserve a word
RECENT = 7 * 86_400  # seconds in which a failed job or run still matters

State = Literal["fine", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """What one look found; ``advice`` is what to do, empty when all is fine."""

    subject: str
    state: State
    text: str
    advice: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at packages, folders, portal, data, worker and application; say what to do.

    Changes nothing. Exit code 1 if there is a problem; what is merely not set up is no problem.
    """
    import json

    from rich.console import Console

    from workbench.cli.screen import escape

    found = examine()
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2))
    else:
        console = Console(highlight=False)
        marks = {"fine": "[green]✓[/]", "note": "[yellow]•[/]", "problem": "[red]✗[/]"}
        for one in found:
            console.print(f"{marks[one.state]} [bold]{escape(one.subject)}[/] – {escape(one.text)}")
            if one.advice:
                console.print(f"  → {escape(one.advice)}")
    if any(one.state == "problem" for one in found):
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Look at everything; a look that fails is a finding itself, and the others go on."""
    from workbench.errors import WorkbenchError
    from workbench.i18n import _

    looks: dict[str, Callable[[str], Iterator[Finding]]] = {
        _("Packages"): _packages,
        _("Folders"): _folders,
        _("Parameters"): _parameters,
        _("Portal"): _portal,
        _("Data"): _data,
        _("Worker"): _worker,
        _("Application"): _application,
    }
    found: list[Finding] = []
    for subject, look in looks.items():
        try:
            found += look(subject)  # what it found before an error stays
        except WorkbenchError as error:
            found.append(Finding(subject, "problem", error.message, error.hint))
    return found


def _packages(subject: str) -> Iterator[Finding]:
    """Compare what is installed with the lock file beside the package, if there is one."""
    from importlib.metadata import PackageNotFoundError, version
    from pathlib import Path

    from packaging.requirements import Requirement

    from workbench.i18n import _, ngettext

    lock = Path(__file__).parents[2] / "requirements.lock"
    if not lock.exists():
        yield Finding(subject, "note", _("There is no requirements.lock to compare with."))
        return
    other = []
    for line in lock.read_text("utf-8").splitlines():
        if "==" not in line or line.startswith((" ", "#")):
            continue
        locked = Requirement(line.removesuffix("\\").strip())
        if locked.marker and not locked.marker.evaluate():
            continue
        try:
            installed = version(locked.name)
        except PackageNotFoundError:
            continue  # of the development set, perhaps; what is needed and absent shows at once
        if installed not in locked.specifier:
            other.append(f"{locked.name} {installed}")
    if other:
        yield Finding(
            subject,
            "note",
            ngettext(
                "{n} package differs from requirements.lock: {names}",
                "{n} packages differ from requirements.lock: {names}",
                len(other),
            ).format(n=len(other), names=", ".join(other[:5])),
            _("Run `make clean test`, or install the lock file again."),
        )
    else:
        yield Finding(subject, "fine", _("as in requirements.lock"))


def _folders(subject: str) -> Iterator[Finding]:
    import os
    import shlex
    import shutil

    from workbench.i18n import _, format_number
    from workbench.settings import settings

    current = settings()
    for folder in (current.home_dir, current.outputs_dir):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free
        space = _("{gb} GB free").format(gb=format_number(free / 1024**3, 1))
        if not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                subject,
                "problem",
                _("{folder} cannot be written.").format(folder=folder),
                _("Set WORKBENCH_HOME and WORKBENCH_OUTPUTS to folders of your own."),
            )
        elif folder == current.home_dir == there and there.stat().st_mode & 0o077:
            yield Finding(
                subject,
                "note",
                _("{folder} can be read by other users of this machine.").format(folder=folder),
                f"chmod 700 {shlex.quote(str(folder))}",
            )
        elif free < LITTLE_SPACE:
            yield Finding(subject, "note", f"{folder}: {space}", _("Make room before a sync."))
        else:
            yield Finding(subject, "fine", f"{folder}: {space}")


def _parameters(subject: str) -> Iterator[Finding]:
    """Read every file of ``parameters/``: each wrong one is a problem of its own."""
    from functools import partial

    from workbench.automation.decisions import load_rules
    from workbench.errors import WorkbenchError
    from workbench.i18n import _
    from workbench.reports.report import load_report, report_names
    from workbench.settings import settings
    from workbench.sources.declared import read_sources

    readers: list[Callable[[], object]] = [partial(load_report, name) for name in report_names()]
    wrong = 0
    for read in (*readers, read_sources, load_rules):
        try:
            read()
        except WorkbenchError as error:
            wrong += 1
            yield Finding(subject, "problem", error.message, error.hint)
    if not report_names():
        yield Finding(
            subject,
            "note",
            _("There is no report in {folder}.").format(folder=settings().parameters_dir),
            _("Go to the project’s folder, or set WORKBENCH_PROJECT."),
        )
    elif not wrong:
        yield Finding(subject, "fine", str(settings().parameters_dir))


def _portal(subject: str) -> Iterator[Finding]:
    """Try the portal that is set or stored."""
    from workbench.bitrix24.client import Portal
    from workbench.bitrix24.connect import try_portal
    from workbench.i18n import _
    from workbench.settings import settings

    current = settings()
    if current.webhook is None and not current.credentials_file.exists():
        yield Finding(subject, "note", _("No portal is connected."), "workbench connect")
        return
    if current.credentials_file.exists() and current.credentials_file.stat().st_mode & 0o077:
        yield Finding(
            subject,
            "problem",
            _("{file} can be read by others.").format(file=current.credentials_file),
            f"chmod 600 {current.credentials_file}",
        )
    with Portal.from_settings(patience=5) as portal:
        connection = try_portal(portal)
    yield Finding(
        subject,
        "fine" if connection.complete else "problem",
        _("{host} answers; the webhook acts as {user}.").format(
            host=connection.host, user=connection.user or f"#{connection.user_id}"
        ),
        " ".join(connection.warnings),
    )


def _data(subject: str) -> Iterator[Finding]:
    from workbench.bitrix24.entities import title
    from workbench.errors import NoSnapshot
    from workbench.i18n import _, format_datetime, format_number
    from workbench.warehouse import newest_snapshot
    from workbench.warehouse.reasons import reason

    try:
        snapshot = newest_snapshot()
    except NoSnapshot as error:
        yield Finding(subject, "note", error.message, error.hint)
        return
    with snapshot:
        rows = snapshot.execute("SELECT source, entity, status, missing FROM sources").fetchall()
        checked = snapshot.checked_at
        text = _("{portal}, as of {moment}").format(
            portal=snapshot.portal, moment=format_datetime(checked, snapshot.timezone)
        )
    old = time.time() - checked.timestamp()
    if old > OLD:
        days = format_number(old / 86_400)
        text += " " + _("({days} days ago)").format(days=days)
        yield Finding(subject, "note", text, "workbench sync")
    else:
        yield Finding(subject, "fine", text)
    if snapshot.warning:
        yield Finding(subject, "problem", snapshot.warning, "workbench sync")
    for source, entity, status, missing in rows:
        if status in ("failed", "denied", "partial", "stale"):
            yield Finding(
                subject,
                "problem" if status == "failed" else "note",
                _("{name}: {problem}").format(
                    name=f"{source} · {title(entity)}", problem=_(status)
                ),
                reason(missing),
            )


def _worker(subject: str) -> Iterator[Finding]:
    from workbench.automation import queue
    from workbench.automation.worker import is_running
    from workbench.i18n import _, format_datetime

    if not queue.queue_file().exists():
        yield Finding(subject, "note", _("No worker has run here yet."), "workbench worker")
        return
    waiting, running = queue.unfinished(), is_running()
    text = _("running; jobs waiting: {n}") if running else _("not running; jobs waiting: {n}")
    yield Finding(
        subject,
        "fine" if running else "problem" if waiting else "note",
        text.format(n=waiting),
        "" if running else "workbench worker",
    )
    for job in queue.jobs():
        if job.state == "failed" and time.time() - job.queued_at.timestamp() < RECENT:
            when = format_datetime(job.queued_at.astimezone())
            yield Finding(subject, "note", f"{when} {job.kind} {job.id}: {job.error}")


def _application(subject: str) -> Iterator[Finding]:
    from workbench.automation.registration import status
    from workbench.bitrix24.oauth import installations
    from workbench.i18n import _

    there = installations()
    if not there:
        yield Finding(
            subject,
            "note",
            _("The “Analyse Commerciale” action is on no portal."),
            "workbench app serve --help",
        )
    for installation in there:
        rows = status(installation)
        wrong = [row.code for row in rows if row.state != "registered"]
        if wrong:
            text = _("{portal}: not as it should be: {codes}").format(
                portal=installation.domain, codes=", ".join(wrong)
            )
            yield Finding(subject, "problem", text, "workbench app install")
        else:
            yield Finding(subject, "fine", installation.domain)
