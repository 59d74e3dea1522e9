"""E-mail: a run's figures and first chart in the message, its files attached, by SMTP.

The server's answer to each recipient comes before the message is handed over, so that only the
handing over itself can leave it open whether a mail was taken.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from workbench.errors import DeliveryError
from workbench.i18n import _
from workbench.reports.delivery.destinations import Mail, is_address
from workbench.reports.delivery.message import CHART, as_html, as_text, message
from workbench.reports.delivery.parts import TYPES, files
from workbench.reports.record import RunRecord
from workbench.settings import Settings, settings

PATIENCE = 30.0  # seconds for each answer of the server
LARGEST = 20 * 1024 * 1024  # bytes of a message; most servers take 25 MB
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def send(mail: Mail, record: RunRecord, number: int, begin: Callable[[], None]) -> str:
    """Send one mail and return what the server said.

    ``begin`` is called right before the message itself goes out. Raises `DeliveryError`.
    """
    now = settings()
    content = compose(mail, record, number, now)
    data = content.as_bytes(policy=SMTP)
    sender = parseaddr(str(content["From"]))[1]
    with _server(now) as server:
        refused = _envelope(server, sender, [*mail.to, *mail.cc])
        code, answer = server.docmd("DATA")
        if code != 354:
            raise _refused(code, answer)
        begin()
        code, answer = _hand_over(server, data)
        if code != 250:
            raise _refused(code, answer)
    said = answer.decode("utf-8", "replace").strip()
    if refused:
        left_out = _("; ").join(f"{address}: {reason}" for address, reason in refused.items())
        return _("{answer}; not taken for {addresses}").format(answer=said, addresses=left_out)
    return said


def compose(mail: Mail, record: RunRecord, number: int, now: Settings) -> EmailMessage:
    """Return the message: text, HTML with the chart in it, attachments up to `LARGEST` bytes."""
    said = message(record)
    content = EmailMessage(policy=SMTP)
    sender = _sender(now)
    content["From"] = sender
    content["To"] = [Address(addr_spec=address) for address in mail.to]
    if mail.cc:
        content["Cc"] = [Address(addr_spec=address) for address in mail.cc]
    subject = str(mail.subject) if mail.subject else said.heading
    content["Subject"] = re.sub(r"\s+", " ", subject) if mail.subject else subject
    content["Date"] = format_datetime(record.finished_at or record.started_at)
    # The same for every try: a reader's program shows one that came twice as one.
    content["Message-ID"] = f"<{record.id}.{number}@{sender.domain}>"
    content["Auto-Submitted"] = "auto-generated"
    picture = record.folder / said.chart if said.chart else None
    shown = picture is not None and picture.is_file()
    content.set_content(as_text(said))
    content.add_alternative(as_html(said, with_chart=shown), subtype="html")
    left = LARGEST * 3 // 4  # an attachment grows by a third on its way
    if shown and picture is not None:
        html = content.get_payload()[1]  # type: ignore[index]
        data = picture.read_bytes()
        left -= len(data)
        html.add_related(  # type: ignore[union-attr]
            data, "image", "png", cid=f"<{CHART}>", disposition="inline", filename="chart.png"
        )
    content["Content-Language"] = said.language
    for name, path in files(record, mail.attach):
        data = path.read_bytes()
        left -= len(data)
        if left < 0:
            raise DeliveryError(
                _("The attachments are larger than {n} MB.").format(n=LARGEST // 1024**2),
                hint=_("Attach less: attach in {report}.yml.").format(report=record.report),
            )
        main, sub = TYPES[path.suffix].split("/")
        content.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return content


def _sender(now: Settings) -> Address:
    name, address = parseaddr(now.smtp_from or now.smtp_user or "")
    if not is_address(address):
        raise DeliveryError(
            _("Reports have no sender: {value} is no address.").format(
                value=now.smtp_from or now.smtp_user or "–"
            ),
            hint=_("Set WORKBENCH_SMTP_FROM, for example to Reports <reports@example.com>."),
        )
    return Address(display_name=name, addr_spec=address)


def _server(now: Settings) -> smtplib.SMTP:
    """Return the mail server, encrypted and logged in."""
    host, secure = now.smtp_host, now.smtp_security
    if not host:
        raise DeliveryError(
            _("There is no mail server."), hint=_("Set WORKBENCH_SMTP_HOST, and its login.")
        )
    if secure == "none" and host not in LOOPBACK:
        raise DeliveryError(
            _("{host} would be written to without encryption.").format(host=host),
            hint=_("Set WORKBENCH_SMTP_SECURITY to starttls or tls."),
        )
    port = now.smtp_port or (465 if secure == "tls" else 587)
    try:
        if secure == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=PATIENCE, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(host, port, timeout=PATIENCE)
        try:
            if secure == "starttls":
                server.starttls(context=ssl.create_default_context())
            if now.smtp_user:
                password = now.smtp_password.get_secret_value() if now.smtp_password else ""
                server.login(now.smtp_user, password)
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
    except ssl.SSLCertVerificationError as problem:
        raise DeliveryError(
            _("The certificate of {host} is not trusted: {reason}").format(
                host=host, reason=problem.verify_message
            ),
            hint=_("Check WORKBENCH_SMTP_HOST; SSL_CERT_FILE names an authority of your own."),
        ) from None
    except smtplib.SMTPAuthenticationError as problem:
        raise DeliveryError(
            _("{host} refuses the login: {reason}").format(
                host=host, reason=_answer(problem.smtp_error)
            ),
            hint=_("Check WORKBENCH_SMTP_USER and WORKBENCH_SMTP_PASSWORD."),
            may_pass=400 <= problem.smtp_code < 500,
        ) from None
    except smtplib.SMTPNotSupportedError as problem:
        raise DeliveryError(
            _("{host} cannot do what is asked of it: {reason}").format(host=host, reason=problem),
            hint=_("Check WORKBENCH_SMTP_SECURITY, WORKBENCH_SMTP_PORT and WORKBENCH_SMTP_USER."),
        ) from None
    except (smtplib.SMTPException, OSError) as problem:
        raise DeliveryError(
            _("The mail server {host}:{port} does not answer: {reason}").format(
                host=host, port=port, reason=problem
            ),
            may_pass=True,
        ) from None
    return server


def _envelope(server: smtplib.SMTP, sender: str, recipients: list[str]) -> dict[str, str]:
    """Name sender and recipients; return those that are refused for good, with the reason.

    Raises `DeliveryError` if one may be taken later, or if none is taken now.
    """
    refused: dict[str, str] = {}
    try:
        code, answer = server.mail(sender)
        if code != 250:
            raise _refused(code, answer)
        taken = 0
        for address in dict.fromkeys(recipients):
            code, answer = server.rcpt(address)
            if code in (250, 251):
                taken += 1
            elif code < 500:  # all or none, so that nobody gets it twice
                raise _refused(code, answer, address)
            else:
                refused[address] = _answer(answer)
                last = (code, answer, address)
    except (smtplib.SMTPException, OSError) as problem:
        raise DeliveryError(
            _("The mail server hung up: {reason}").format(reason=problem), may_pass=True
        ) from None
    if not taken:
        raise _refused(*last)
    return refused


def _hand_over(server: smtplib.SMTP, data: bytes) -> tuple[int, bytes]:
    """Send the message itself; a connection that is lost here leaves open whether it was taken."""
    dotted = re.sub(rb"(?m)^\.", b"..", data)
    try:
        server.send(dotted + (b"" if dotted.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return server.getreply()
    except (smtplib.SMTPException, OSError) as problem:
        raise DeliveryError(
            _("The mail server was lost while it took the message: {reason}").format(
                reason=problem
            ),
            hint=_("Ask a recipient whether the mail is there before you send it again."),
            uncertain=True,
        ) from None


def _refused(code: int, answer: bytes, address: str = "") -> DeliveryError:
    reason = f"{code} {_answer(answer)}"
    if address:
        text = _("The mail server does not take mail for {address}: {reason}").format(
            address=address, reason=reason
        )
    else:
        text = _("The mail server does not take the message: {reason}").format(reason=reason)
    return DeliveryError(text, may_pass=400 <= code < 500)


def _answer(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:300]
