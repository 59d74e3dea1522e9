"""Local applications of the portal, and the tokens that act for them.

An API-only application is told its tokens by one ``ONAPPINSTALL`` POST to its installation path;
one with an interface is installed when its page calls ``installFinish``. Access tokens live an
hour, refresh tokens 180 days, codes 30 seconds, each on the portal's clock; every refresh gives a
new refresh token and the old one never works again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from workbench.bitrix24.sandbox.applications.deliveries import Deliveries
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.people import rights

ACCESS_SECONDS = 3_600
REFRESH_SECONDS = 180 * 86_400
CODE_SECONDS = 30

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS applications (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        client_id TEXT NOT NULL UNIQUE,
        client_secret TEXT NOT NULL,
        title TEXT NOT NULL,
        scopes TEXT NOT NULL,
        handler_url TEXT NOT NULL,
        install_url TEXT NOT NULL,
        application_token TEXT NOT NULL,
        installed INTEGER NOT NULL,
        user_id INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS application_tokens (
        token TEXT PRIMARY KEY,
        kind TEXT NOT NULL,            -- access, refresh or code
        client_id TEXT NOT NULL,
        user_id INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        spent INTEGER NOT NULL DEFAULT 0)""",
)


@dataclass(frozen=True)
class Application:
    """A local application. ``installed`` is False until its page has finished installing."""

    id: int
    client_id: str
    client_secret: str = dataclass_field(repr=False)
    title: str
    scopes: frozenset[str]
    handler_url: str
    install_url: str
    application_token: str = dataclass_field(repr=False)
    installed: bool
    user_id: int


@dataclass(frozen=True)
class Holder:
    """For whom a token stands."""

    application: Application
    user_id: int
    expires: int = 0


class OAuthError(Exception):
    """What the authorization server answers instead of tokens: ``error`` and HTTP status."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class ExpiredToken(Exception):
    """An access token that was good once."""


class Applications:
    """The portal's applications. ``base`` tells the portal's address, without a last slash."""

    def __init__(self, state: State, deliveries: Deliveries, base: Callable[[], str]) -> None:
        self._state = state
        self._base = base
        self._deliveries = deliveries
        for statement in SCHEMA:
            state.connection.execute(statement)

    # -- applications -----------------------------------------------------------------------

    def add(
        self,
        title: str,
        scopes: Iterable[str],
        user_id: int,
        *,
        handler_url: str = "",
        install_url: str = "",
        has_page: bool = False,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> Application:
        """Add a local application, as an administrator does in the portal's form.

        Without a page, ``ONAPPINSTALL`` goes to ``install_url`` at once.
        """
        name = client_id or f"local.{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}"
        columns = (
            "client_id, client_secret, title, scopes, handler_url, install_url, "
            "application_token, installed, user_id"
        )
        self._state.connection.execute(
            f"INSERT INTO applications ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                name,
                client_secret or secrets.token_urlsafe(36),
                title,
                ",".join(sorted(scopes)),
                handler_url,
                install_url,
                secrets.token_hex(16),
                int(not (has_page and install_url)),
                user_id,
            ),
        )
        application = self[name]
        if install_url and not has_page:
            self._announce(application)
        return application

    def _announce(self, application: Application) -> None:
        values = {
            "event": "ONAPPINSTALL",
            "data": {
                "VERSION": "1",
                "ACTIVE": "Y",
                "INSTALLED": "Y",
                "LANGUAGE_ID": self._state.settings.get("language", "fr"),
            },
            "ts": self._state.timestamp(),
            "auth": self.authorization(application, application.user_id, renewable=True),
        }
        self._deliveries.queue("install", application.client_id, application.install_url, values)

    def get(self, client_id: str) -> Application | None:
        """Return an application, or None."""
        row = self._state.connection.execute(
            "SELECT id, client_id, client_secret, title, scopes, handler_url, install_url, "
            "application_token, installed, user_id FROM applications WHERE client_id = ?",
            (client_id,),
        ).fetchone()
        if row is None:
            return None
        return Application(
            id=row[0],
            client_id=row[1],
            client_secret=row[2],
            title=row[3],
            scopes=frozenset(filter(None, row[4].split(","))),
            handler_url=row[5],
            install_url=row[6],
            application_token=row[7],
            installed=bool(row[8]),
            user_id=row[9],
        )

    def __getitem__(self, client_id: str) -> Application:
        application = self.get(client_id)
        if application is None:
            raise KeyError(client_id)
        return application

    def all(self) -> list[Application]:
        """Return every application."""
        rows = self._state.connection.execute("SELECT client_id FROM applications ORDER BY id")
        return [self[name] for (name,) in rows.fetchall()]

    def finish_installation(self, client_id: str) -> None:
        """What the page's ``BX24.installFinish()`` does: from now on events and placements work."""
        self._state.connection.execute(
            "UPDATE applications SET installed = 1 WHERE client_id = ?", (client_id,)
        )

    def remove(self, client_id: str) -> None:
        """Delete an application with everything it has registered."""
        for table in (
            *("applications", "application_tokens", "registered_activities"),
            *("event_handlers", "offline_events", "placements"),
        ):
            self._state.connection.execute(
                f"DELETE FROM {table} WHERE client_id = ?",  # noqa: S608
                (client_id,),
            )

    # -- tokens -----------------------------------------------------------------------------

    def _issue(self, kind: str, client_id: str, user_id: int, seconds: int) -> str:
        token = secrets.token_hex(35)
        self._state.connection.execute(
            "INSERT INTO application_tokens VALUES (?, ?, ?, ?, ?, 0)",
            (token, kind, client_id, user_id, self._state.timestamp() + seconds),
        )
        self._state.connection.execute(
            "DELETE FROM application_tokens WHERE kind <> 'refresh' AND expires < ?",
            (self._state.timestamp() - 30 * 86_400,),
        )
        return token

    def holder(self, access_token: str) -> Holder | None:
        """Return for whom an access token stands; raises `ExpiredToken`."""
        row = self._state.connection.execute(
            "SELECT client_id, user_id, expires FROM application_tokens "
            "WHERE token = ? AND kind = 'access'",
            (access_token,),
        ).fetchone()
        application = self.get(row[0]) if row else None
        if application is None:
            return None
        if row[2] <= self._state.timestamp():
            raise ExpiredToken
        return Holder(application, row[1], int(row[2]))

    def place(self, application: Application) -> dict[str, Any]:
        """Return the part of ``auth`` that says where and which application, without tokens."""
        scope = ",".join(sorted(application.scopes))
        return {"scope": scope, "status": "L", **self.sender()}

    def sender(self) -> dict[str, Any]:
        """Return the part of ``auth`` that says which portal calls."""
        base = self._base()
        return {
            "domain": base.partition("://")[2],
            "server_endpoint": f"{base}/rest/",
            "client_endpoint": f"{base}/rest/",
            "member_id": self._state.settings["member_id"],
        }

    def authorization(
        self, application: Application, user_id: int | None, *, renewable: bool = False
    ) -> dict[str, Any]:
        """Return the ``auth`` of a call to the application; no tokens if nobody acted."""
        place = self.place(application)
        if user_id is None:
            return {**place, "application_token": application.application_token}
        tokens: dict[str, Any] = {
            "access_token": self._issue("access", application.client_id, user_id, ACCESS_SECONDS)
        }
        if renewable:
            tokens["refresh_token"] = self._issue(
                "refresh", application.client_id, user_id, REFRESH_SECONDS
            )
        return {
            **tokens,
            "expires": self._state.timestamp() + ACCESS_SECONDS,
            "expires_in": ACCESS_SECONDS,
            **place,
            "user_id": user_id,
            "application_token": application.application_token,
        }

    def code(self, application: Application, user_id: int) -> str:
        """Return a code that can be exchanged once within 30 seconds."""
        return self._issue("code", application.client_id, user_id, CODE_SECONDS)

    def exchange(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Answer the authorization server's ``/oauth/token/``; raises `OAuthError`.

        ``given`` holds grant_type, client_id, client_secret and code or refresh_token.
        """
        grant = given.get("grant_type", "")
        kind, parameter = {
            "authorization_code": ("code", "code"),
            "refresh_token": ("refresh", "refresh_token"),
        }.get(grant, ("", ""))
        if not kind:
            raise OAuthError("invalid_request", "Unsupported grant_type")
        application = self.get(given.get("client_id", ""))
        secret = application.client_secret if application else ""
        matches = secrets.compare_digest(given.get("client_secret", "").encode(), secret.encode())
        if application is None or not matches:
            raise OAuthError("invalid_client", "Client not found or secret is wrong")
        spent = self._state.connection.execute(
            "UPDATE application_tokens SET spent = 1 WHERE token = ? AND kind = ? "
            "AND client_id = ? AND spent = 0 AND expires > ? RETURNING user_id",
            (given.get(parameter, ""), kind, application.client_id, self._state.timestamp()),
        ).fetchall()
        if not spent:
            raise OAuthError("invalid_grant", "The grant is unknown, expired or used already")
        user_id = int(spent[0][0])
        if not rights.is_active(self._state, user_id):
            raise OAuthError("authorization_error", "The user is not active", 401)
        answer = self.authorization(application, user_id, renewable=True)
        del answer["application_token"]
        # Bitrix24 names the authorization server here, not the portal.
        answer["domain"] = self._state.settings.get("oauth_host", "oauth.bitrix.info")
        return answer

    def revoke(self, client_id: str, user_id: int | None = None) -> None:
        """Let every token of an application (and user) expire at once."""
        self._state.connection.execute(
            "UPDATE application_tokens SET expires = min(expires, ?), spent = 1 "
            "WHERE client_id = ? AND (? IS NULL OR user_id = ?)",
            (self._state.timestamp() - 1, client_id, user_id, user_id),
        )
