"""``workbench sandbox``: a Bitrix24-compatible portal to develop, demo and test on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workbench.cli import sandbox_load, sandbox_process, sandbox_stats

if TYPE_CHECKING:
    from socket import socket

    from rich.console import Console

    from workbench.bitrix24.sandbox.memory.state import State

app = typer.Typer(help="The embedded portal.", no_args_is_help=True)
app.command()(sandbox_load.load)
app.command("run-process")(sandbox_process.run_process)
app.command()(sandbox_stats.stats)

SCOPES = (
    "crm", "user", "department", "task", "im", "bizproc", "placement", "telephony", "disk",
    "catalog", "userfieldconfig",
)  # fmt: skip

Today = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The portal's date; the present one by default."),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed and date give the same company.")]


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
    certificate_for: Annotated[
        list[str] | None,
        typer.Option(
            help="Host name of a page to embed (repeatable): its key and certificate go to "
            "NAME.pem beside the authority's."
        ),
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
    from workbench.bitrix24.sandbox.memory.opening import opened
    from workbench.bitrix24.sandbox.portal import Portal
    from workbench.bitrix24.sandbox.rest.faults import rule
    from workbench.errors import UsageError
    from workbench.i18n import _

    # Whatever can be wrong is told before the work of filling a portal.
    if plan not in PLANS:
        raise UsageError(_("There is no plan {plan}.").format(plan=plan), hint=", ".join(PLANS))
    if company is not None:
        _known(company)
    if ca_file is not None and not tls:
        raise UsageError(_("--ca-file needs --tls."))
    if certificate_for and not tls:
        raise UsageError(_("--certificate-for needs --tls."))
    if load is not None and mapping is None:
        raise UsageError(_("--load needs --mapping."))
    if mapping is not None and load is None:
        raise UsageError(_("--mapping needs --load."))
    if load is not None and company is not None:
        raise UsageError(_("A portal is filled by --company or by --load, not by both."))
    if deals is not None and company is None:
        raise UsageError(_("--deals needs --company."))
    if url_file is not None and (url_file.is_dir() or not url_file.parent.is_dir()):
        raise UsageError(
            _("{file} cannot be written: {reason}").format(
                file=url_file, reason=_("there is no such folder, or it is one itself")
            )
        )
    pages = [_host_name(name) for name in certificate_for or ()]
    authority = _authority_file(ca_file) if tls else None
    certificates = [_certificate_file(authority, name) for name in pages] if authority else []
    _apart(state, url_file, authority, *certificates)
    day = None if today is None else _of_our_time(today.date())
    limit = _operating(operating)
    names = [_host_name(name) for name in host_name or ()]
    host = _host_name(host)
    _rules(fault, rule)
    console = Console()
    with _bound(host, port) as listener, opened(state) as records:
        if not server.is_loopback(host):
            console.print(
                _("This portal answers anybody who reaches {host}.").format(host=host),
                style="yellow",
            )
            if control:
                console.print(
                    _("They may make control calls too: --control."), style="yellow", markup=False
                )
        if day is not None:
            records.set_today(day)
        _fill(console, records, company, seed=seed, day=day, deals=deals, load=load, meant=mapping)
        portal = Portal(
            records,
            plan=plan,
            operating_limit=limit,
            control=control,
            real_time=real_time,
            request_limit=request_limit,
        )
        portal.faults.rules += _rules(fault, portal.fault)
        context = _secured(records, authority, [*names, host]) if authority else None
        for name, file in zip(pages, certificates, strict=True):
            _certified(records, name, file)

        def announce(running: Portal) -> None:
            console.print(_("Portal: {address}").format(address=running.base_url))
            if url_file is None or console.is_terminal:
                console.print(_("Webhook: {address}").format(address=server.webhook_url(running)))
            else:  # the output goes to a log, which must not hold the code
                console.print(_("Webhook: in {file}").format(file=url_file), soft_wrap=True)
            if authority is not None:
                console.print(
                    _("Clients trust it with {variable}.").format(
                        variable=f"SSL_CERT_FILE={authority.absolute()}"
                    ),
                    soft_wrap=True,
                )
            console.print(_("Ctrl-C ends it."))

        try:
            server.serve(
                portal,
                listener,
                name=names[0] if names else host,
                tls=context,
                url_file=url_file,
                announce=announce,
            )
        except OSError as error:
            if error.filename is not None:
                raise _unwritable(error.filename, error) from None
            raise _unusable(host, port, error) from None


def _operating(text: str) -> float | None:
    """Seconds of operating time per method in ten minutes; None: no limit."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    try:
        limit = None if text == "off" else float(text)
    except ValueError:
        limit = 0.0
    if limit is not None and not 0 < limit < float("inf"):
        raise UsageError(_("--operating is a number of seconds, or off."))
    return limit


def _of_our_time(day: date) -> date:
    """The portal's date. Raises UsageError for one that its clock and moments cannot show."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    if not 2010 <= day.year <= 2090:
        raise UsageError(
            _("The portal cannot live on {day}.").format(day=day),
            hint=_("Choose a year from 2010 to 2090."),
        )
    return day


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket]:
    """A socket on this address, closed at the end. Raises UsageError if there can be none."""
    from workbench.bitrix24.sandbox import server

    try:
        listener = server.bind(host, port)
    except OSError as error:
        raise _unusable(host, port, error) from None
    with listener:
        yield listener


def _unusable(host: str, port: int, error: OSError) -> Exception:
    import errno
    from socket import gaierror

    from workbench.errors import UsageError
    from workbench.i18n import _

    if isinstance(error, gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL):
        return UsageError(
            _("{host} is no address of this machine: {reason}").format(
                host=host, reason=error.strerror
            ),
            hint=_("Choose another one: --host"),
        )
    return UsageError(
        _("Port {port} of {host} cannot be used: {reason}").format(
            port=port, host=host, reason=error.strerror
        ),
        hint=_("Choose another one: --port"),
    )


def _unwritable(file: Path | str, error: OSError) -> Exception:
    from workbench.errors import UsageError
    from workbench.i18n import _

    return UsageError(
        _("{file} cannot be written: {reason}").format(file=file, reason=error.strerror)
    )


#: What stands beside the portal's file: SQLite's journals and the lock.
BESIDE = ("", "-wal", "-shm", "-journal", ".lock")


def _fill(
    console: Console,
    records: State,
    company: str | None,
    *,
    seed: int,
    day: date | None,
    deals: int | None,
    load: Path | None,
    meant: Path | None,
) -> None:
    """Give a new portal its records, and every portal a webhook."""
    from workbench.bitrix24.sandbox.new_portal import furnish
    from workbench.i18n import _, format_number

    if not records.count("users"):
        if company is not None:
            from workbench.bitrix24.sandbox.seed import seed_company

            size: Literal["demo", "small"] = "demo" if company == "demo" else "small"
            making = _("The company is being made…")
            if not console.is_terminal:
                console.print(making)
            with console.status(making) as status:

                def made(rows: int) -> None:
                    status.update(
                        _("The company is being made: {rows} rows").format(rows=format_number(rows))
                    )

                seed_company(records, size, seed=seed, today=day, deals=deals, progress=made)
        elif load is not None and meant is not None:
            from workbench.bitrix24.sandbox.load.load import load_directory

            sandbox_load.show(load_directory(records, load, meant))
    if not records.count("users"):
        furnish(records)
    if not records.webhooks():
        records.add_webhook(1, scopes=SCOPES, title="workbench")


def _apart(state: Path | None, *written: Path | None) -> None:
    """Refuse files of which one would be written over another."""
    from workbench.errors import UsageError
    from workbench.i18n import _

    taken = [Path(f"{state}{end}") for end in BESIDE] if state else []
    for file in written:
        if file is not None and file.resolve() in [each.resolve() for each in taken]:
            raise UsageError(
                _("{file} would be written over another of these files.").format(file=file),
                hint=_("Give each of --state, --url-file and --ca-file a file of its own."),
            )
        taken += [file] if file else []


def _host_name(text: str) -> str:
    from workbench.bitrix24.sandbox.certificates import host_name
    from workbench.errors import UsageError
    from workbench.i18n import _

    try:
        return host_name(text)
    except ValueError:
        raise UsageError(_("{name} is not a host name.").format(name=text)) from None


def _authority_file(ca_file: Path | None) -> Path:
    """Where the authority's certificate goes: the file that was named, else one of our own."""
    from workbench.settings import settings

    return ca_file or settings().home_dir / "sandbox-ca.pem"


def _certificate_file(authority: Path, name: str) -> Path:
    """Where the key and certificate of an embedded page's host go."""
    return authority.parent / f"{name.replace(':', '-')}.pem"


def _secured(records, authority: Path, names: list[str]):
    """What to answer HTTPS with; the authority's certificate is written to its file."""
    from workbench.bitrix24.sandbox import certificates
    from workbench.settings import private_folder, settings

    try:
        if authority.parent == settings().home_dir:
            private_folder(authority.parent)
        authority.write_text(certificates.authority(records.settings))
    except OSError as error:
        raise _unwritable(authority, error) from None
    return certificates.server_context(records.settings, names)


def _certified(records, name: str, file: Path) -> None:
    """Write a key and certificate for a host, readable by the user alone."""
    import os

    from workbench.bitrix24.sandbox import certificates

    try:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as written:
            written.write(certificates.server_pem(records.settings, [name]))
    except OSError as error:
        raise _unwritable(file, error) from None


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
