"""A local application of a sandbox portal: by plain HTTP, and as ours stores it."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from listener import Listener

from workbench.bitrix24 import oauth

SCOPES = "crm,bizproc,placement,user,im"


@dataclass
class Application:
    """The client pair and the newest tokens; ``call`` calls as the application does."""

    base: str
    client_id: str
    client_secret: str
    access_token: str = ""
    refresh_token: str = ""
    application_token: str = ""
    member_id: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, params: dict[str, Any] | None = None, token: str | None = None):
        """Return HTTP status and body of a call with the access token."""
        given = {**(params or {}), "auth": self.access_token if token is None else token}
        answer = httpx.post(f"{self.base}/rest/{method}", json=given)
        return answer.status_code, answer.json()

    def token(self, **grant: str) -> httpx.Response:
        """Ask the authorization server."""
        pair = {"client_id": self.client_id, "client_secret": self.client_secret}
        return httpx.get(f"{self.base}/oauth/token/", params={**pair, **grant})

    def sign_in(self, user: int) -> dict[str, Any]:
        """Go through the code flow as a user; returns the token answer."""
        back = httpx.get(
            f"{self.base}/oauth/authorize/",
            params={"client_id": self.client_id, "state": "s1", "user_id": str(user)},
        )
        code = httpx.URL(back.headers["location"]).params["code"]
        return self.token(grant_type="authorization_code", code=code).json()


def webhook_call(url: str, method: str, params: dict[str, Any] | None = None):
    """Return HTTP status and body of a call through the webhook."""
    answer = httpx.post(f"{url}{method}", json=params or {})
    return answer.status_code, answer.json()


def add_application(portal, listener: Listener, **more: str) -> Application:
    """Add an API-only application whose installation goes to the listener."""
    before = len(listener.posts)
    _status, body = webhook_call(
        portal.url,
        "sandbox.application.add",
        {
            "TITLE": "Test",
            "SCOPE": SCOPES,
            "HANDLER": f"{listener.url}/app",
            "INSTALL": f"{listener.url}/install",
            **more,
        },
    )
    application = Application(portal.base, **body["result"])
    if not more.get("PAGE"):
        post = listener.wait_for(before + 1)[before]
        application.extra = post
        for name in ("access_token", "refresh_token", "application_token", "member_id"):
            setattr(application, name, post[f"auth[{name}]"])
    return application


def ordinary_user(portal) -> int:
    """Return an active user who is no administrator."""
    _status, body = webhook_call(portal.url, "user.get", {"filter": {"ACTIVE": True}})
    return int(next(row["ID"] for row in body["result"] if row["ID"] != "1"))


def installation_of(application: Application, **more) -> oauth.Installation:
    """Return what we keep of an application that was installed."""
    return oauth.Installation(
        member_id=application.member_id,
        domain=application.base.split("://")[1],
        client_endpoint=f"{application.base}/rest/",
        access_token=application.access_token,
        refresh_token=application.refresh_token,
        application_token=application.application_token,
        expires=time.time() + 3600,
        **more,
    )
