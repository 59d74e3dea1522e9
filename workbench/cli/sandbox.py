"""``workbench sandbox``: a Bitrix24-compatible portal to develop, demo and test on."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from workbench.cli import sandbox_load, sandbox_process

app = typer.Typer(help="The embedded portal.", no_args_is_help=True)
app.command()(sandbox_load.load)
app.command("run-process")(sandbox_process.run_process)

SCOPES = (
    "crm", "user", "department", "task", "im", "bizproc", "placement", "telephony", "disk",
    "catalog", "userfieldconfig",
)  # fmt: skip

Today = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The portal's date; the present one by default."),
]
Seed = Annotated[int, typer.Option(help="The same seed and date give the same company.")]


@app.command()
def start(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8800,
    host: Annotated[
        str, typer.Option("--host", "--listen", help="Address to listen on.")
    ] = "127.0.0.1",
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            help="Name under which the portal is called (repeatable: all are in the certificate, "
            "the first in its addresses)."
        ),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Answer HTTPS, with a certificate authority of its own.")
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(help="Write the authority's certificate here; sandbox-ca.pem by default."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep the portal in this file; it survives a restart.")
    ] = None,
    company: Annotated[
        str | None, typer.Option(help="Fill an empty portal: small or demo.")
    ] = None,
    deals: Annotated[
        int | None,
        typer.Option(min=1, help="Deals of the company, such as 1000000; what hangs on them too."),
    ] = None,
    load: Annotated[
        Path | None, typer.Option(help="Fill an empty portal from a folder of CSV files.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the CSV files mean.")] = None,
    seed: Seed = 7,
    today: Today = None,
    plan: Annotated[
        str, typer.Option(help="Request limits: standard, enterprise or unlimited.")
    ] = "standard",
    operating: Annotated[
        str, typer.Option(help="Seconds per method in ten minutes (480), or off.")
    ] = "off",
    real_time: Annotated[
        bool,
        typer.Option(
            "--real-time", help="Let callers wait for the operating time that their calls cost."
        ),
    ] = False,
    request_limit: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=3600,
            help="Seconds that one request may cost, where cost counts (--operating, --real-time).",
        ),
    ] = 60.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="A fault on demand, such as 503:rate=0.1, cut:at=3, timeout:seconds=5,times=1, "
            "429:method=crm.deal.list, 500, expired_token or delete:method=crm.deal.list,at=2,n=3;"
            " repeatable. Kinds: 503 429 500 timeout cut expired_token change delete. Keys: method"
            " at every rate seed times after seconds entity n ids pick field value.",
        ),
    ] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Answer control calls: faults, clock, webhooks.")
    ] = False,
    url_file: Annotated[
        Path | None, typer.Option(help="Write the webhook's address here once it answers.")
    ] = None,
) -> None:
    """Serve a portal until Ctrl-C; an empty one without --state, --company or --load."""
    from rich.console import Console

    from workbench.bitrix24.sandbox import server
    from workbench.bitrix24.sandbox.memory.state import State
    from workbench.bitrix24.sandbox.new_portal import furnish
    from workbench.bitrix24.sandbox.portal import Portal
    from workbench.bitrix24.sandbox.rest.faults import rule
    from workbench.errors import UsageError
    from workbench.i18n import _

    if plan not in PLANS:
        raise UsageError(_("There is no plan {plan}.").format(plan=plan), hint=", ".join(PLANS))
    if company is not None:
        _known(company)
    names = [_host_name(name) for name in host_name or ()]
    if ca_file is not None and not tls:
        raise UsageError(_("--ca-file needs --tls."))
    if load is not None and mapping is None:
        raise UsageError(_("--load needs --mapping."))
    if deals is not None and company is None:
        raise UsageError(_("--deals needs --company."))
    try:
        limit = None if operating == "off" else float(operating)
    except ValueError:
        limit = 0.0
    if limit is not None and not 0 < limit < float("inf"):
        raise UsageError(_("--operating is a number of seconds, or off."))
    _rules(fault, rule)  # before the work of filling a portal
    console = Console()
    records = State(state)
    if today is not None:
        records.set_today(today.date())
    if company is not None and not records.count("users"):
        from workbench.bitrix24.sandbox.seed import seed_company

        size: Literal["demo", "small"] = "demo" if company == "demo" else "small"
        console.print(_("The company is being made…"))
        seed_company(records, size, seed=seed, today=today.date() if today else None, deals=deals)
    elif load is not None and mapping is not None and not records.count("users"):
        from workbench.bitrix24.sandbox.load.load import load_directory

        sandbox_load.show(load_directory(records, load, mapping))
    if not records.count("users"):
        furnish(records)
    if not records.webhooks():
        records.add_webhook(1, scopes=SCOPES, title="workbench")
    if not server.is_loopback(host):
        console.print(
            _("This portal answers anybody who reaches {host}.").format(host=host), style="yellow"
        )
    portal = Portal(
        records,
        plan=plan,
        operating_limit=limit,
        control=control,
        real_time=real_time,
        request_limit=request_limit,
    )
    portal.faults.rules += _rules(fault, portal.fault)

    context, trusted = _secured(records, ca_file, [*names, host]) if tls else (None, None)

    def announce(running: Portal) -> None:
        console.print(_("Portal: {address}").format(address=running.base_url))
        if url_file is None or console.is_terminal:
            console.print(_("Webhook: {address}").format(address=server.webhook_url(running)))
        else:  # the output goes to a log, which must not hold the code
            console.print(_("Webhook: in {file}").format(file=url_file), soft_wrap=True)
        if trusted is not None:
            console.print(
                _("Clients trust it with {variable}.").format(variable=f"SSL_CERT_FILE={trusted}"),
                soft_wrap=True,
            )
        console.print(_("Ctrl-C ends it."))

    try:
        server.serve(
            portal,
            host=host,
            port=port,
            name=names[0] if names else "",
            tls=context,
            url_file=url_file,
            announce=announce,
        )
    except OSError as error:
        raise UsageError(
            _("Port {port} of {host} cannot be used: {reason}").format(
                port=port, host=host, reason=error.strerror
            ),
            hint=_("Choose another one: --port"),
        ) from None


def _host_name(text: str) -> str:
    from workbench.bitrix24.sandbox.certificates import host_name
    from workbench.errors import UsageError
    from workbench.i18n import _

    try:
        return host_name(text)
    except ValueError:
        raise UsageError(_("{name} is not a host name.").format(name=text)) from None


def _secured(records, ca_file: Path | None, names: list[str]):
    """What to answer HTTPS with, and the file that holds the authority's certificate."""
    from workbench.bitrix24.sandbox import certificates
    from workbench.errors import UsageError
    from workbench.i18n import _
    from workbench.settings import private_folder, settings

    file = ca_file or settings().home_dir / "sandbox-ca.pem"
    try:
        if ca_file is None:
            private_folder(file.parent)
        file.write_text(certificates.authority(records.settings))
    except OSError as error:
        raise UsageError(
            _("{file} cannot be written: {reason}").format(file=file, reason=error.strerror)
        ) from None
    return certificates.server_context(records.settings, names), file.absolute()


def _rules(specs, read):
    """The faults of ``--fault``, read one by one; raises UsageError for the first bad one."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    rules = []
    for spec in specs or ():
        try:
            rules.append(read(spec))
        except ValueError as error:
            raise UsageError(
                _("--fault {spec}: {reason}").format(spec=spec, reason=error),
                hint=_("For example 503:rate=0.1 or delete:method=crm.deal.list,at=2."),
            ) from None
    return rules


PLANS = ("standard", "enterprise", "unlimited")


@app.command()
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

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(
            _("“{url}” is no address of a portal.").format(url=url[:60]),
            hint=_("It is printed by `workbench sandbox start`, such as {example}.").format(
                example="http://127.0.0.1:8765"
            ),
        )
    try:
        answer = httpx.get(f"{parts.scheme}://{parts.netloc}/control/stats", timeout=10)
        figures = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise PortalUnreachable(
                _("The certificate of {host} is of an authority that is not trusted here.").format(
                    host=parts.netloc
                ),
                hint=_(
                    "`workbench sandbox start --tls` says which file to name: {variable}"
                ).format(variable="SSL_CERT_FILE=…"),
            ) from None
        raise PortalUnreachable(
            _("{host} is not a running sandbox portal ({reason}).").format(
                host=parts.netloc, reason=reason
            )
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


@app.command()
def spend(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    seed: Seed = 7,
    today: Today = None,
    company: Annotated[str, typer.Option(help="small or demo.")] = "demo",
) -> None:
    """Write the seeded company's marketing spend by month and channel."""
    from workbench.bitrix24.sandbox.seed import write_marketing_spend

    _known(company)
    write_marketing_spend(file, seed, _day(today), size=company)


@app.command()
def targets(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    today: Today = None,
    company: Annotated[str, typer.Option(help="small or demo.")] = "demo",
) -> None:
    """Write the seeded company's plan of won revenue by month and pipeline."""
    from workbench.bitrix24.sandbox.seed.targets import write_targets

    _known(company)
    write_targets(file, _day(today), size=company)


def _known(company: str) -> None:
    """Refuse a seeded company that there is not."""
    from workbench.bitrix24.sandbox.seed.story import SIZES
    from workbench.errors import UsageError
    from workbench.i18n import _

    if company not in SIZES:
        raise UsageError(
            _("There is no company {name}.").format(name=company), hint=", ".join(sorted(SIZES))
        )


def _day(today: datetime | None) -> date:
    """The seed's day."""
    return today.date() if today else date.today()  # noqa: DTZ011 - a day, not a moment
