"""The HTTP session that fast-bitrix24 gets from us.

fast-bitrix24 looks at the status only, retries every 5xx ten times (writes too), reads the
cumulative ``operating`` as if it were one request's and follows redirects, in which a POST loses
its body. This session reads every body whatever its status, raises our errors (which fast-bitrix24
passes on untouched), keeps redirects from being followed and moves ``operating`` aside.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson

from workbench.bitrix24.answers import translate
from workbench.bitrix24.webhook import LOOPBACK
from workbench.errors import PortalError, PortalUnreachable
from workbench.i18n import _

TIMEOUT = aiohttp.ClientTimeout(total=90, sock_connect=10)  # the portal's own limit is 60 s
REDIRECTS = {301, 302, 303, 307, 308}
OPERATING = "operating"


class Moved(PortalError):
    """The portal answers under another address, ``location`` (holds the code; never shown)."""

    def __init__(self, location: str) -> None:
        super().__init__(_("The portal has been renamed."))
        self.location = location


class NotSent(PortalUnreachable):
    """No connection came about: the portal has not seen the request."""


class Interrupted(PortalUnreachable):
    """The connection broke or timed out: the portal may have carried out the request."""


class TimedOut(Interrupted):
    """No answer in time."""


class NotAnAnswer(PortalUnreachable):
    """Something answered that is not Bitrix24's interface: a proxy's page, a login page."""


class TooMuch(PortalUnreachable):
    """The portal fails at this request again and again, and answers others meanwhile."""


def is_broken(error: PortalError, *, safe: bool, answered: bool) -> bool:
    """Whether the line is bad, so that a request may be made again (``safe``: it only reads).

    Before the first answer (``answered``) the address may be wrong as well: who does not take
    connections, or shows a page without saying that it is out of order, is no portal then.
    """
    if isinstance(error, NotSent):
        return answered
    lost = isinstance(error, Interrupted) or error.status >= 500
    return safe and error.may_pass and (lost or (answered and isinstance(error, NotAnAnswer)))


def unreachable(error: Exception, host: str) -> PortalUnreachable:
    """Return our error for one of aiohttp's, whose own text holds the address with its code."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NotSent(
            _("The host {host} is not known.").format(host=host),
            hint=_("Check the portal’s address and the network."),
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return NotSent(
            _("{host} has no certificate that this machine trusts.").format(host=host),
            hint=_("Check the address; a self-hosted portal needs a valid certificate."),
        )
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return NotSent(
            _("{host} does not take connections.").format(host=host),
            hint=_("Check the portal’s address and the network."),
        )
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return TimedOut(
            _("{host} did not answer in time.").format(host=host), hint=_("Try again later.")
        )
    return Interrupted(
        _("The connection to {host} broke.").format(host=host), hint=_("Try again later.")
    )


def moved_base(location: str, base: str) -> str:
    """Return a renamed portal's ``base`` (``https://HOST/rest/…/``), given where it redirects to.

    Raises `PortalUnreachable` for any other place, such as a sign-in page: the secret in ``base``
    must not get there.
    """
    parts, known = urlsplit(location), urlsplit(base)
    is_web = parts.scheme in ("http", "https") and parts.hostname
    if is_web and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise PortalUnreachable(
            _("{host} must be called over https, not http.").format(host=known.netloc)
        )
    if not is_web or not parts.path.startswith(known.path):
        raise PortalUnreachable(
            _("{host} does not answer like a Bitrix24 portal (HTTP {status}).").format(
                host=known.netloc, status=302
            ),
            hint=_("Check the address of the webhook."),
        )
    return urlunsplit((parts.scheme, parts.netloc, known.path, "", ""))


def decode(body: bytes, status: int, host: str, method: str) -> dict[str, Any]:
    """Return the JSON object of a body; raises our error for an error body or any other thing."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict) or not ({"result", "error"} & payload.keys() or status < 300):
        raise NotAnAnswer(
            _("{host} does not answer like a Bitrix24 portal (HTTP {status}).").format(
                host=host, status=status
            ),
            hint=_("Check the address of the webhook."),
            method=method,
            status=status,
        )
    if "error" in payload or status >= 400:
        raise translate(payload, status, method)
    time = payload.get("time")
    if isinstance(time, dict) and OPERATING in time:
        payload[OPERATING] = time.pop(OPERATING)
    return payload


class PortalResponse(aiohttp.ClientResponse):
    """A response whose ``json()`` is the portal's answer or raises our error."""

    async def json(self, **_options: Any) -> dict[str, Any]:
        """Return the answer's JSON object."""
        host = self.url.host or ""
        try:
            body = await self.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(error, host) from None
        return decode(body, self.status, host, self.url.name.removesuffix(".json"))


async def watch(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise our errors where aiohttp would follow a redirect or fast-bitrix24 would retry."""
    try:
        response = await handler(request)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unreachable(error, request.url.host or "") from None
    location = response.headers.get("Location", "")
    if response.status in REDIRECTS and location:
        response.release()
        raise Moved(str(request.url.join(type(request.url)(location))))
    return response


def serialize(value: Any) -> str:
    """Write JSON; decimals and moments as the portal reads them."""
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def open_session() -> aiohttp.ClientSession:
    """Open the session; call it inside the event loop that will use it."""
    return aiohttp.ClientSession(
        timeout=TIMEOUT,
        response_class=PortalResponse,
        middlewares=(watch,),
        json_serialize=serialize,
        connector=aiohttp.TCPConnector(limit=16),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
