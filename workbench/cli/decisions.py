"""``workbench decisions``: what the rules would do, and the word that lets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.automation.ledger import Proposal

app = typer.Typer(help="Proposals of the decision rules.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of proposals.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every undecided proposal.")]
RuleName = Annotated[str | None, typer.Option("--rule", help="Only this rule's.")]


@app.command()
def propose(
    rule: Annotated[str | None, typer.Argument(help="A rule; without it, all of them.")] = None,
    as_json: Json = False,
) -> None:
    """Judge the newest snapshot by the rules and write down what they would do. Sends nothing."""
    from workbench.automation import decisions
    from workbench.warehouse import newest_snapshot

    rules = decisions.load_rules(rule)
    snapshot = newest_snapshot()
    book = decisions.ledger()
    written = [p for each in rules for p in decisions.propose(each, snapshot, book)]
    _show(written, as_json)


@app.command("list")
def list_(
    status: Annotated[
        str | None,
        typer.Option(help="proposed, approved, applied, undone, rejected, failed or outdated."),
    ] = None,
    rule: RuleName = None,
    as_json: Json = False,
) -> None:
    """List proposals: what would be done, to whom, because of which figures."""
    from typing import cast, get_args

    from workbench.automation import decisions
    from workbench.automation.ledger import Status
    from workbench.errors import UsageError
    from workbench.i18n import _

    if status is not None and status not in get_args(Status):
        raise UsageError(
            _("There is no status {status}.").format(status=status),
            hint=", ".join(get_args(Status)),
        )
    _show(decisions.ledger().proposals(cast("Status | None", status), rule), as_json)


@app.command()
def show(proposal_id: str, as_json: Json = False) -> None:
    """Show one proposal whole: the message as it would be sent, its figures, its history."""
    import json
    from datetime import datetime

    from rich.console import Console

    from workbench.automation import decisions
    from workbench.cli.screen import escape
    from workbench.i18n import _, format_datetime, format_number

    book = decisions.ledger()
    proposal = book.get(proposal_id)
    history = book.history(proposal_id)
    if as_json:
        print(json.dumps({**_record(proposal), "history": history}, ensure_ascii=False, indent=2))
        return
    console = Console()
    console.print(f"[bold]{proposal.id}[/] {escape(proposal.rule)} · {_(proposal.status)}")
    console.print(_("To user {id}:").format(id=proposal.payload["user_id"]))
    console.print(escape(proposal.payload["message"]))
    names = {
        "deal": _("Deal"),
        "stage": _("Stage"),
        "manager": _("Manager"),
        "amount_base": _("Amount"),
        "days_in_stage": _("Days in the stage"),
        "usual_days": _("Usual days there"),
    }
    facts = {names.get(key, key): value for key, value in proposal.reason.items()} | {
        _("Data"): proposal.snapshot,
        _("Version"): proposal.code_version,
        _("Rule’s file"): proposal.rule_hash,
    }
    for name, value in facts.items():
        shown = format_number(value, 1) if isinstance(value, float) else str(value)
        console.print("  " + escape(_("{name}: {value}").format(name=name, value=shown)))
    for move in history:
        moment = format_datetime(datetime.fromisoformat(move["at"]).astimezone())
        detail = escape(move["detail"])
        console.print(f"  {moment} {_(move['status'])} – {escape(move['actor'])} {detail}")


@app.command()
def approve(
    ids: Ids = None, everything: All = False, rule: RuleName = None, as_json: Json = False
) -> None:
    """Approve proposals: each record is looked at once more, then the action is done."""
    from workbench.automation import decisions
    from workbench.bitrix24.client import Portal

    book = decisions.ledger()
    chosen = _chosen(book, ids, everything, rule)
    done = []
    if chosen:
        with Portal.from_settings() as portal:
            done = [decisions.approve(book, each, portal, _actor()) for each in chosen]
    _show(done, as_json)
    if any(p.status == "failed" for p in done):
        raise typer.Exit(1)


@app.command()
def reject(
    ids: Ids = None,
    everything: All = False,
    rule: RuleName = None,
    why: Annotated[str, typer.Option(help="A reason, kept with the proposal.")] = "",
    as_json: Json = False,
) -> None:
    """Turn proposals down; nothing is sent."""
    from workbench.automation import decisions

    book = decisions.ledger()
    chosen = _chosen(book, ids, everything, rule)
    for each in chosen:
        book.reject(each, _actor(), why)
    _show([book.get(each) for each in chosen], as_json)


@app.command()
def undo(
    ids: Annotated[list[str], typer.Argument(help="Ids of proposals.")], as_json: Json = False
):
    """Take back what applied proposals did: the notification disappears from the portal.

    Whoever has read it has read it.
    """
    from workbench.automation import decisions
    from workbench.bitrix24.client import Portal

    book = decisions.ledger()
    with Portal.from_settings() as portal:
        done = [decisions.undo(book, each, portal, _actor()) for each in dict.fromkeys(ids)]
    _show(done, as_json)


@app.command()
def replay(proposal_id: str, as_json: Json = False) -> None:
    """Judge a proposal's snapshot again by the rule and code of today; exit code 1 if it differs.

    Writes and sends nothing.
    """
    import json

    from rich.console import Console

    from workbench.automation import decisions
    from workbench.cli.screen import escape
    from workbench.i18n import _

    found = decisions.replay(decisions.ledger().get(proposal_id))
    if as_json:
        record = {
            "proposal": _record(found.proposal),
            "again": _record(found.again) if found.again else None,
            "same": found.same,
            "same_rule": found.same_rule,
            "same_code": found.same_code,
            "differences": {k: list(v) for k, v in found.differences.items()},
        }
        print(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        console = Console()
        if found.same:
            console.print(_("The same figures, the same proposal."), style="green")
        elif found.again is None:
            console.print(_("Today’s rule would not propose this."), style="yellow")
        for key, (then, now) in sorted(found.differences.items()):
            console.print(f"  {key}: {escape(str(then))} → {escape(str(now))}", style="yellow")
        if not found.same_rule:
            console.print(_("The rule’s file has changed since."))
        if not found.same_code:
            console.print(_("The workbench’s version has changed since."))
    if not found.same:
        raise typer.Exit(1)


def _chosen(book, ids: list[str] | None, everything: bool, rule: str | None) -> list[str]:
    from workbench.errors import UsageError
    from workbench.i18n import _

    if bool(ids) == everything:
        raise UsageError(
            _("Name the proposals, or say --all."), hint=_("List them: workbench decisions list")
        )
    if ids:
        return list(dict.fromkeys(ids))
    return [p.id for p in book.proposals("proposed", rule)]


def _actor() -> str:
    import getpass

    return f"cli:{getpass.getuser()}"


def _record(proposal: Proposal) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(proposal), "created_at": proposal.created_at.isoformat()}


def _show(proposals: list[Proposal], as_json: bool) -> None:
    import json

    from rich.console import Console
    from rich.table import Table

    from workbench.cli.screen import escape
    from workbench.i18n import _, format_number

    if as_json:
        print(json.dumps([_record(p) for p in proposals], ensure_ascii=False, indent=2))
        return
    if not proposals:
        Console().print(_("No proposals."))
        return
    table = Table(box=None, header_style="bold")
    table.add_column(_("Proposal"), no_wrap=True)
    table.add_column(_("Status"))
    table.add_column(_("Deal"))
    table.add_column(_("Stage"))
    table.add_column(_("Days"), justify="right")
    table.add_column(_("Would notify"))
    for p in proposals:
        table.add_row(
            p.id,
            _(p.status),
            escape(str(p.reason["deal"])),
            escape(str(p.reason["stage"])),
            format_number(p.reason["days_in_stage"]),
            escape(str(p.reason["manager"])),
        )
    Console().print(table)
