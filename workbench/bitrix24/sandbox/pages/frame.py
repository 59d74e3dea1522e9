"""An application's page in a frame of the portal, opened by the POST that a real portal sends.

Nobody signs in to the sandbox: ``user`` says who looks, and the page gets that user's tokens.
"""

from __future__ import annotations

import json
import secrets
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.bitrix24.sandbox.applications.application_book import Application
from workbench.bitrix24.sandbox.applications.applications import applications_of
from workbench.bitrix24.sandbox.applications.placements import entity_of, placements
from workbench.bitrix24.sandbox.pages.layout import (
    EMBEDDING,
    asked_language,
    file_of_pages,
    here,
    note,
    page,
)
from workbench.bitrix24.sandbox.pages.names import user_name
from workbench.bitrix24.sandbox.people import rights
from workbench.i18n import _, language, use_language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

PEOPLE = 500  # users to choose from
PAGE = "DEFAULT"  # the placement of an application's own page
INSTALLATION = "INSTALL"  # ours: the page that finishes its installation
WITHOUT_DATA = "BI_ANALYTICS_MENU"  # opened by a plain GET


def routes(portal: Portal) -> list[BaseRoute]:
    """Return the page's routes."""

    async def framed(request: Request) -> Response:
        with use_language(asked_language(request)):
            return _framed(portal, request)

    return [
        Route("/sandbox/frame.js", file_of_pages("frame.js", "text/javascript")),
        Route("/sandbox/frame", here(portal, framed), methods=["GET"]),
    ]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0


def _framed(portal: Portal, request: Request) -> Response:
    asked = request.query_params
    application = applications_of(portal).get(asked.get("application", ""))
    found = application and _place(portal, application, asked.get("placement", PAGE))
    if application is None or not found:
        return PlainTextResponse(_("There is no such page."), 404)
    code, handler, title = found
    user = _whole(asked.get("user", "1"))
    if not rights.is_active(portal.state, user):
        return PlainTextResponse(_("There is no such user."), 404)
    entity = entity_of(portal.state, code)
    record = _record(portal, entity, asked.get("record", ""))
    if record is None:
        return PlainTextResponse(_("There is no such record."), 404)
    if not application.installed and asked.get("placement") != INSTALLATION:
        why = _("Its installation is not finished: until then the portal shows no page of it.")
        return page(title, _choice(portal, request, user, entity, record) + note(why), request)
    body = _choice(portal, request, user, entity, record) + _frame(
        portal, application, code, handler, title, user, entity, record
    )
    return page(title, body, request, headers=EMBEDDING)


def _place(portal: Portal, application: Application, placement: str) -> tuple[str, str, str] | None:
    """The placement's code, the page's address and its title; None if there is none."""
    own = {PAGE: application.handler_url, INSTALLATION: application.install_url}
    if placement in own:
        return (PAGE, own[placement], application.title) if own[placement] else None
    number = _whole(placement)
    for one in placements(portal.state):
        if one.id == number and one.client_id == application.client_id:
            return one.code, one.handler, one.title or application.title
    return None


def _record(portal: Portal, entity: str, asked: str) -> int | None:
    """Whose tab is shown: the record that was asked for, else the newest; None if it is not there.

    0 where a page belongs to no record.
    """
    if not entity:
        return 0
    if asked:
        number = _whole(asked)
        return number if portal.state.get(entity, number) else None
    rows = portal.state.find(entity, order=[("ID", "DESC")], limit=1)
    return int(rows[0]["ID"]) if rows else None


def _choice(portal: Portal, request: Request, user: int, entity: str, record: int) -> str:
    """The form that chooses who looks, and at which record."""
    people = portal.state.find("users", {"ACTIVE": "Y"}, limit=PEOPLE)
    numbers = dict.fromkeys([*(int(row["ID"]) for row in people), user])
    options = "".join(
        f'<option value="{number}"{" selected" if number == user else ""}>'
        f"{escape(user_name(portal, number))}</option>"
        for number in numbers
    )
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(request.query_params[name])}">'
        for name in ("application", "placement", "lang")
        if name in request.query_params
    )
    who, which, show = _("Seen by"), _("Record, by number"), _("Show")
    number = (
        f"<label>{escape(which)}"
        f'<input name="record" value="{record}" inputmode="numeric" pattern="[0-9]+"></label>'
        if entity
        else ""
    )
    return (
        f'<section><form method="get" action="/sandbox/frame">{kept}'
        f'<label>{escape(who)}<select name="user">{options}</select></label>{number}'
        f'<button class="quiet">{escape(show)}</button></form></section>'
    )


def _frame(
    portal: Portal,
    application: Application,
    code: str,
    handler: str,
    title: str,
    user: int,
    entity: str,
    record: int,
) -> str:
    sid = secrets.token_hex(16)
    secure = int(portal.base_url.startswith("https:"))
    name = f"{portal.host}|{secure}|{sid}"  # where pages find the portal that embeds them
    plain = code == WITHOUT_DATA
    source = f' src="{escape(handler)}"' if plain else ""
    frame = (
        f'<iframe class="embedded" name="{escape(name)}" title="{escape(title)}"{source}></iframe>'
    )
    if plain:
        return frame + '<script src="/sandbox/frame.js"></script>'
    query = {"DOMAIN": portal.host, "PROTOCOL": secure, "LANG": language(), "APP_SID": sid}
    address = f"{handler}{'&' if urlsplit(handler).query else '?'}{urlencode(query)}"
    given = placement_data(portal, application, code, user, entity, record)
    fields = "".join(
        f'<input type="hidden" name="{escape(key)}" value="{escape(str(value))}">'
        for key, value in given.items()
    )
    opening = _("Open")
    return (
        f'<form id="opening" method="post" action="{escape(address)}" target="{escape(name)}">'
        f"{fields}<noscript><button>{escape(opening)}</button></noscript></form>{frame}"
        '<script src="/sandbox/frame.js"></script>'
    )


def placement_data(
    portal: Portal, application: Application, code: str, user: int, entity: str, record: int
) -> dict[str, object]:
    """Return the body of the POST that opens an embedded page for a user."""
    auth = applications_of(portal).authorization(application, user, renewable=True)
    names = {"companies": "company", "invoices": "type/31"}
    kind = names.get(entity, f"type/{entity[6:]}" if entity[:6] == "items_" else entity[:-1])
    options: dict[str, str] = {"URI": f"/crm/{kind}/details/{record}/" if entity else "/"}
    if entity:
        options = {"ID": str(record), **options}
    return {
        "AUTH_ID": auth["access_token"],
        "AUTH_EXPIRES": auth["expires_in"],
        "REFRESH_ID": auth["refresh_token"],
        "SERVER_ENDPOINT": auth["server_endpoint"],
        "APPLICATION_TOKEN": auth["application_token"],
        "APPLICATION_SCOPE": auth["scope"],
        "member_id": auth["member_id"],
        "status": auth["status"],
        "PLACEMENT": code,
        "PLACEMENT_OPTIONS": json.dumps(options),
    }
