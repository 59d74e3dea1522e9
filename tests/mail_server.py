"""A mail server with TLS and login that keeps what it takes, and can be made to misbehave."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from workbench.bitrix24.sandbox.certificates import authority, server_context

USER, PASSWORD = "reports", "let-me-in"


@dataclass
class MailServer:
    """``mails`` were taken. ``refused``: answer by address; ``answers``: to the next messages.

    ``lose``: the connection is lost after a message was taken; ``slow``: seconds that taking one
    takes. ``logins`` are the users that came in.
    """

    port: int
    authority: Path
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    lose: bool = False
    slow: float = 0.0

    async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        mail = message_from_bytes(envelope.content, policy=default)
        self.mails.append(mail)  # type: ignore[arg-type]
        self.recipients.append(list(envelope.rcpt_tos))
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.lose:
            server.transport.abort()
        return "250 taken"

    def authenticate(self, _server, _session, _envelope, _mechanism, given: Any) -> AuthResult:
        known = given == LoginPassword(USER.encode(), PASSWORD.encode())
        if known:
            self.logins.append(given.login.decode())
        return AuthResult(success=known, handled=False)

    def settings(self) -> dict[str, str]:
        """Return the environment of who is to use it."""
        return {
            "WORKBENCH_SMTP_HOST": "localhost",
            "WORKBENCH_SMTP_PORT": str(self.port),
            "WORKBENCH_SMTP_USER": USER,
            "WORKBENCH_SMTP_PASSWORD": PASSWORD,
            "WORKBENCH_SMTP_FROM": "Rapports <rapports@example.com>",
            "SSL_CERT_FILE": str(self.authority),
        }

    def wait_for(self, count: int, within: float = 20.0) -> list[EmailMessage]:
        deadline = time.monotonic() + within
        while len(self.mails) < count:
            assert time.monotonic() < deadline, "no mail came"
            time.sleep(0.02)
        return self.mails


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """Run a server on a free port of 127.0.0.1, with an authority of its own."""
    state: dict[str, Any] = {}
    trusted = folder / "authority.pem"
    trusted.write_text(authority(state))
    context: ssl.SSLContext = server_context(state, [])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = MailServer(port, trusted)
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=server.authenticate,
        ready_timeout=30,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
