"""``workbench connect``: a real portal, in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.bitrix24.budget import Left
    from workbench.bitrix24.connect import Connection

WORTH_TELLING = 0.1  # of a method's operating time


def connect(
    check: Annotated[
        bool, typer.Option("--check", help="Only try the portal that is set; store nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Connect a portal by its incoming webhook, and say what it may read.

    The webhook's address is taken from WORKBENCH_WEBHOOK, from standard input, or from a hidden
    prompt; it is stored outside the repository, readable by you alone, and never shown again.
    Exit code 1 if the portal cannot be used or a needed scope is missing.
    """
    import json
    from dataclasses import asdict

    from workbench.bitrix24.connect import store_webhook, try_webhook
    from workbench.settings import settings

    current = settings()
    found, webhook = try_webhook(_address(check), current.plan)
    if not check:
        store_webhook(webhook, current.credentials_file)
    if as_json:
        print(json.dumps({**asdict(found), "complete": found.complete, "stored": not check}))
    else:
        _show(found, stored=not check)
    if not found.complete:
        raise typer.Exit(1)


def _address(check: bool) -> str:
    """Return the webhook's address: set, stored (``--check``), piped or typed unseen."""
    import json
    import sys

    from rich.prompt import Prompt

    from workbench.errors import ConfigurationError
    from workbench.i18n import _
    from workbench.settings import settings

    current = settings()
    if current.webhook is not None:
        return current.webhook.get_secret_value()
    if check:
        try:
            return str(json.loads(current.credentials_file.read_text("utf-8"))["webhook"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(
                _("No portal is connected."),
                hint=_("Run `workbench connect`, or set WORKBENCH_WEBHOOK."),
            ) from None
    if not sys.stdin.isatty():
        return sys.stdin.readline(4096)
    return Prompt.ask(_("Address of the incoming webhook (not shown)"), password=True)


def _show(found: Connection, *, stored: bool) -> None:
    from rich.console import Console

    from workbench.cli.screen import escape
    from workbench.i18n import _
    from workbench.settings import settings

    console = Console(soft_wrap=True)
    console.print(
        escape(
            _("{host} answers; the webhook acts as {user} ({role}).").format(
                host=found.host,
                user=found.user or f"#{found.user_id}",
                role=_("administrator") if found.admin else _("no administrator"),
            )
        ),
        style="green",
    )
    console.print(escape(_("Scopes: {scopes}").format(scopes=", ".join(found.scopes) or "–")))
    if found.licence:
        console.print(escape(_("Plan: {plan}").format(plan=found.licence)))
    elif found.left:
        text = _("Paced for the plan “{plan}” (WORKBENCH_PLAN): a webhook cannot ask for it.")
        console.print(escape(text.format(plan=settings().plan)))
    if found.left:
        for sentence in _left(found.left):
            console.print(escape(sentence))
    for sentence in found.warnings:
        console.print(escape(sentence), style="yellow")
    if stored:
        console.print(_("The connection is stored; only you can read it."))
        console.print(_("Next: `workbench sync`."))


def _left(left: Left) -> list[str]:
    """Say how many requests and how much operating time the portal still takes."""
    from datetime import datetime

    from workbench.i18n import _, format_datetime, format_number

    if left.requests is None:
        lines = [_("Requests: no limit.")]
    else:
        lines = [
            _("Requests: {n} free at once, then {rate} per second.").format(
                n=format_number(left.requests), rate=format_number(left.rate)
            )
        ]
    sentence = _("{method}: {seconds} of {limit} s of operating time used, less from {moment}.")
    limited = [each for each in left.methods.items() if each[1].limit]
    by_share = sorted(limited, key=lambda each: -each[1].seconds / each[1].limit)
    shown = [each for each in by_share if each[1].seconds >= WORTH_TELLING * each[1].limit]
    if left.methods and not limited:
        lines.append(_("Operating time: no limit is set (WORKBENCH_OPERATING)."))
    if by_share and not shown:
        text = _("Operating time: hardly any used (most by {method}, {seconds} of {limit} s).")
        method, spent = by_share[0]
        lines.append(
            text.format(
                method=method,
                seconds=format_number(spent.seconds, 1),
                limit=format_number(spent.limit),
            )
        )
    for method, spent in shown:
        moment = datetime.fromtimestamp(spent.reset_at).astimezone()
        lines.append(
            sentence.format(
                method=method,
                seconds=format_number(spent.seconds, 1),
                limit=format_number(spent.limit),
                moment=format_datetime(moment),
            )
        )
    return lines
