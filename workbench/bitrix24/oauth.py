"""Tokens of the local application: kept in a file of mode 600, refreshed only when expired.

One installation per portal, ``<folder>/<member_id>.json``. Refreshing is guarded by a file lock,
so that of many processes that meet an expired token one asks for a new one and the others take
what it got. A refresh token is marked as spent before it leaves the machine and is never sent a
second time: if the answer was lost, the tokens of the portal's next call are taken (`adopt`).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
)

from workbench.bitrix24.client import PATIENCE, Portal
from workbench.errors import BadCredentials, ConfigurationError, PortalError, PortalUnreachable
from workbench.i18n import _
from workbench.settings import private_folder, settings

# httpx logs whole addresses, and this one carries the client's secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

_MEMBER = re.compile(r"[A-Za-z0-9]{1,64}")
_ANSWER_WITHIN = 20.0  # seconds for one answer of the authorization server


class Installation(BaseModel):
    """The application on one portal; secrets are hidden in ``repr``.

    ``domain`` is the portal's host (with a port if it has one), ``expires`` a Unix time.
    """

    model_config = ConfigDict(extra="ignore")

    member_id: str
    domain: str
    client_endpoint: str
    access_token: SecretStr
    refresh_token: SecretStr
    application_token: SecretStr
    expires: float = 0.0
    scope: str = ""
    user_id: str = ""
    registered: dict[str, str] = {}  # {code: digest} of what stands on the portal
    spent: bool = False  # the refresh token has left the machine and no answer was stored

    @field_serializer("access_token", "refresh_token", "application_token", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        return value.get_secret_value()


def _callable(endpoint: str) -> str:
    try:
        Portal.with_token(endpoint, "", refresh=str)
    except ConfigurationError as error:
        raise ValueError(error.message) from None
    return endpoint


class Renewal(BaseModel):
    """What the authorization server answers to a refresh."""

    model_config = ConfigDict(extra="ignore")

    member_id: str
    client_endpoint: Annotated[str, AfterValidator(_callable)]
    access_token: Annotated[str, Field(min_length=1)]
    refresh_token: Annotated[str, Field(min_length=1)]
    expires_in: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None


def apps_dir() -> Path:
    """Folder of the installations (mode 700)."""
    return settings().home_dir / "apps"


def is_member_id(text: object) -> bool:
    """Tell whether ``text`` can be a portal's ``member_id`` (and so a file name)."""
    return isinstance(text, str) and _MEMBER.fullmatch(text) is not None


def load(member_id: str) -> Installation | None:
    """Return the installation of a portal, or None."""
    if not is_member_id(member_id):
        return None
    try:
        text = (apps_dir() / f"{member_id}.json").read_text("utf-8")
    except FileNotFoundError:
        return None
    try:
        return Installation.model_validate_json(text)
    except ValidationError:
        raise ConfigurationError(
            _("The stored installation of portal {member} cannot be read.").format(
                member=member_id
            ),
            hint=_("Delete its file and install the application again."),
        ) from None


def installations() -> list[Installation]:
    """Return every stored installation, by member_id."""
    found = (load(file.stem) for file in sorted(apps_dir().glob("*.json")))
    return [installation for installation in found if installation]


def at(host: str) -> Installation | None:
    """Return the installation on the portal with this host (and port), or None."""
    return next((each for each in installations() if each.domain == host), None)


def save(installation: Installation) -> None:
    """Write an installation: whole or not at all, readable by its owner only."""
    folder = private_folder(apps_dir())
    target = folder / f"{installation.member_id}.json"
    temporary = folder / f".{installation.member_id}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(installation.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)


def forget(member_id: str) -> bool:
    """Delete an installation; False if there was none."""
    if not is_member_id(member_id):
        return False
    try:
        (apps_dir() / f"{member_id}.json").unlink()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def locked(member_id: str) -> Iterator[None]:
    """Hold the installation's lock: one process and thread at a time."""
    folder = private_folder(apps_dir())
    with (folder / f"{member_id}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def refresh(member_id: str, expired: str) -> str:
    """Return an access token that replaces ``expired``, refreshing only if nobody else has.

    Raises `BadCredentials` when the refresh token is refused or was lost, `PortalUnreachable`
    when the authorization server does not answer.
    """
    with locked(member_id):
        installation = load(member_id)
        if installation is None:
            raise BadCredentials(
                _("The application is not installed on this portal."),
                hint=_("Install it with `workbench app install`."),
            )
        current = installation.access_token.get_secret_value()
        replaced = not secrets.compare_digest(current.encode(), expired.encode())
        if replaced and installation.expires > time.time():
            return current
        if installation.spent:
            raise BadCredentials(
                _("The answer to an earlier token refresh was lost."),
                hint=_("Call the application from the portal once, or install it again."),
            )
        client_id, client_secret = _client()
        save(installation.model_copy(update={"spent": True}))
        try:
            answer = _exchange(
                grant_type="refresh_token",
                client_id=client_id,
                client_secret=client_secret,
                refresh_token=installation.refresh_token.get_secret_value(),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            save(installation)  # nothing was sent
            raise _unreachable() from error
        except BadCredentials as error:
            if error.code != "INVALID_GRANT":
                save(installation)  # the client was refused, the token was not looked at
            raise
        except httpx.HTTPError as error:
            raise _unreachable() from error
        if answer.member_id != member_id:
            raise BadCredentials(_("The authorization server answered for another portal."))
        renewed = installation.model_copy(
            update={
                "access_token": SecretStr(answer.access_token),
                "refresh_token": SecretStr(answer.refresh_token),
                "expires": time.time() + (answer.expires_in or 3600),
                # `domain` is the authorization server here; a renamed portal shows here:
                "client_endpoint": answer.client_endpoint,
                "domain": urlsplit(answer.client_endpoint).netloc,
                "spent": False,
            }
        )
        save(renewed)
        return renewed.access_token.get_secret_value()


def adopt(member_id: str, access_token: str, refresh_token: str, expires_in: float) -> bool:
    """Take the tokens of a verified call if our own refresh token was lost; tell whether.

    Anything else would throw away a refresh token that still works.
    """
    with locked(member_id):
        installation = load(member_id)
        if installation is None or not installation.spent or not (access_token and refresh_token):
            return False
        save(
            installation.model_copy(
                update={
                    "access_token": SecretStr(access_token),
                    "refresh_token": SecretStr(refresh_token),
                    "expires": time.time() + expires_in,
                    "spent": False,
                }
            )
        )
        return True


def _client() -> tuple[str, str]:
    here = settings()
    if not (here.app_client_id and here.app_client_secret):
        raise ConfigurationError(
            _("The application's client_id and client_secret are not set."),
            hint=_("Set WORKBENCH_APP_CLIENT_ID and WORKBENCH_APP_CLIENT_SECRET."),
        )
    return here.app_client_id, here.app_client_secret.get_secret_value()


def _exchange(**grant: str) -> Renewal:
    response = httpx.get(
        f"{settings().oauth_server.rstrip('/')}/oauth/token/",
        params=grant,
        timeout=_ANSWER_WITHIN,
        follow_redirects=False,
    )
    if response.status_code >= 500:
        raise _unreachable()
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        raise _unreachable() from None
    # `wrong_client` comes with HTTP 200.
    code = str(answer.get("error") or "") if isinstance(answer, dict) else ""
    try:
        if not code:
            return Renewal.model_validate(answer)
    except ValidationError:
        pass  # its text would show the tokens
    raise BadCredentials(
        _("The authorization server refused the application ({code}).").format(code=code),
        hint=_("Check client_id and client_secret, then install the application again."),
        code=code,
    )


def _unreachable() -> PortalError:
    return PortalUnreachable(
        _("The authorization server does not answer."), hint=_("Try again later.")
    )


def portal(installation: Installation, *, patience: float = PATIENCE) -> Portal:
    """Return a client that acts for the application and refreshes its token when it expires.

    ``patience``: seconds that a call may wait for the portal's limits.
    """
    member_id = installation.member_id
    newest = load(member_id) or installation  # another process may have renewed it since
    held = newest.access_token.get_secret_value()

    def renewed() -> str:
        nonlocal held
        held = refresh(member_id, held)
        return held

    return Portal.with_token(
        newest.client_endpoint, held, refresh=renewed, plan=settings().plan, patience=patience
    )
