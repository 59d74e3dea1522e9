"""``workbench sandbox stats``: what has been asked of a running portal."""

from __future__ import annotations

from typing import Annotated

import typer


def stats(
    url: Annotated[str, typer.Argument(help="The running portal: its address or its webhook.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show per method and caller: requests, batch commands, rows, operating seconds, refusals."""
    import json
    from urllib.parse import urlsplit

    import httpx
    from rich.console import Console
    from rich.table import Table

    from workbench.errors import PortalUnreachable, UsageError
    from workbench.i18n import _, format_number

    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket of IPv6 that is not closed
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(
            _("“{url}” is no address of a portal.").format(url=url[:60]),
            hint=_("It is printed by `workbench sandbox start`, such as {example}.").format(
                example="http://127.0.0.1:8765"
            ),
        )
    host = parts.netloc.rpartition("@")[2]
    try:
        answer = httpx.get(f"{parts.scheme}://{host}/control/stats", timeout=10)
        figures = answer.raise_for_status().json()
        if not isinstance(figures, dict) or "operating_limit" not in figures:
            raise ValueError("other figures")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise PortalUnreachable(
                _("The certificate of {host} is of an authority that is not trusted here.").format(
                    host=host
                ),
                hint=_(
                    "`workbench sandbox start --tls` says which file to name: {variable}"
                ).format(variable="SSL_CERT_FILE=…"),
            ) from None
        raise PortalUnreachable(
            _("{host} is not a running sandbox portal ({reason}).").format(host=host, reason=reason)
        ) from None
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column(_("Method"), overflow="fold")
    for title in (
        _("Requests"),
        _("In batches"),
        _("Rows"),
        _("Seconds"),
        _("Refused"),
        _("Timed out"),
    ):
        table.add_column(title, justify="right", no_wrap=True)
    told = None
    for line in figures["methods"]:
        if line["caller"] != told:
            told = line["caller"]
            table.add_section()
            table.add_row(_caller(told))
        table.add_row(
            f"  {line['method'] or '–'}",
            format_number(line["requests"]),
            format_number(line["inner"]),
            format_number(line["rows"]),
            format_number(line["operating"], 2),
            format_number(line["refused"]),
            format_number(line["timed_out"]),
        )
    Console().print(table)


def _caller(label: str) -> str:
    """A caller of the figures in the language of the table."""
    from workbench.cli.screen import escape
    from workbench.i18n import _

    kind, _space, rest = label.partition(" ")
    if kind == "webhook":
        return _("webhook of user {id}").format(id=rest.rpartition(" ")[2])
    if kind == "app":
        return _("application {id}").format(id=escape(rest))
    return _("without valid credentials")
