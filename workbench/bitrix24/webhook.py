"""The address of an incoming webhook, which is a secret as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from workbench.errors import ConfigurationError
from workbench.i18n import _

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
WEBHOOK = re.compile(r"^/rest/(?P<user>\d+)/(?P<code>[A-Za-z0-9_-]+)(?:/[A-Za-z0-9_.]*)?/?$")


@dataclass(frozen=True, repr=False)
class Webhook:
    """An incoming webhook's address, taken apart; shows itself without the code."""

    scheme: str
    netloc: str
    user: int
    code: str

    @property
    def host(self) -> str:
        """Host (and port) without user or code."""
        return self.netloc

    @property
    def url(self) -> str:
        """The address, with its secret: ``https://HOST/rest/USER/CODE/``."""
        return urlunsplit((self.scheme, self.netloc, f"/rest/{self.user}/{self.code}/", "", ""))

    @property
    def portal_url(self) -> str:
        """The portal's own address, for links."""
        return f"{self.scheme}://{self.netloc}"

    def __repr__(self) -> str:
        return f"Webhook({self.netloc!r}, user={self.user})"


def parse_webhook(text: str) -> Webhook:
    """Read the address of an incoming webhook, as people paste it.

    Quotes, spaces and a method at the end are forgiven. Raises `ConfigurationError`, whose text
    never repeats the input.
    """
    cleaned = text.strip().strip("\"'<>").strip()
    form = _("It looks like https://HOST/rest/USER/CODE/.")
    try:
        parts = urlsplit(cleaned)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_valid = urlsplit(""), False
    host = parts.hostname or ""
    if not port_is_valid or parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(_("This is not the address of a webhook."), hint=form)
    if parts.username or parts.password or not re.fullmatch(r"[A-Za-z0-9.:-]+", host):
        raise ConfigurationError(_("This is not the address of a webhook."), hint=form)
    path = WEBHOOK.match(re.sub(r"/{2,}", "/", parts.path))
    if not path:
        raise ConfigurationError(
            _("This address of {host} is not that of an incoming webhook.").format(host=host),
            hint=form,
        )
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ConfigurationError(
            _("The webhook of {host} must be called over https, not http.").format(host=host),
            hint=_("Over http its code could be read on the way."),
        )
    return Webhook(parts.scheme, parts.netloc, int(path["user"]), path["code"])
