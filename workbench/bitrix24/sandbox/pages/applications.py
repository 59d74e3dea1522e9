"""The page of the applications: what each may do, where its pages stand, what it hears of."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from workbench.bitrix24.sandbox.applications.application_book import Application
from workbench.bitrix24.sandbox.applications.applications import applications_of
from workbench.bitrix24.sandbox.applications.events import event_handlers_of
from workbench.bitrix24.sandbox.applications.placements import placements
from workbench.bitrix24.sandbox.pages.frame import INSTALLATION, PAGE
from workbench.bitrix24.sandbox.pages.layout import (
    asked_language,
    from_this_site,
    here,
    note,
    page,
    section,
    table,
)
from workbench.i18n import _, language, use_language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

HOME = "/sandbox/applications"


def routes(portal: Portal) -> list[BaseRoute]:
    """Return the page's routes."""

    async def overview(request: Request) -> Response:
        with use_language(asked_language(request)):
            return page(_("Applications"), _overview(portal), request)

    async def finish(request: Request) -> Response:
        if not from_this_site(request):
            return PlainTextResponse("Forbidden", status_code=403)
        with use_language(asked_language(request)):
            form = await request.form(max_files=0, max_fields=5)
            applications_of(portal).finish_installation(str(form.get("application", "")))
            return RedirectResponse(f"{HOME}?lang={language()}", 303)

    return [
        Route(HOME, here(portal, overview), methods=["GET"]),
        Route(HOME, here(portal, finish), methods=["POST"]),
    ]


def _overview(portal: Portal) -> str:
    applications = applications_of(portal).all()
    shown = "".join(section(one.title, _application(portal, one)) for one in applications)
    none = "" if applications else section(_("Local applications"), _none())
    return shown + none + section(_("Outgoing webhooks"), _outgoing(portal))


def _none() -> str:
    return note(
        _("None is here yet: the method “sandbox.application.add” adds one, as the portal’s form.")
    )


def _application(portal: Portal, one: Application) -> str:
    facts = {
        "client_id": one.client_id,
        _("Scopes"): ", ".join(sorted(one.scopes)),
        _("Installed"): _("Yes") if one.installed else _("No"),
    }
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()
    )
    places = [(PAGE, _("Its own page"), one.handler_url)] if one.handler_url else []
    if one.install_url and not one.installed:
        places.append((INSTALLATION, _("Its installation"), one.install_url))
    places += [
        (str(place.id), f"{place.title or one.title} · {place.code}", place.handler)
        for place in placements(portal.state)
        if place.client_id == one.client_id
    ]
    cards = "".join(
        f'<li><a href="/sandbox/frame?{escape(_frame(one, number))}">{escape(title)}</a>'
        f'<span class="note">{escape(address)}</span></li>'
        for number, title, address in places
    )
    return (
        f'<dl class="facts">{listed}</dl>'
        + ("" if one.installed else _finishing(one))
        + (f'<ul class="links choice">{cards}</ul>' if cards else "")
        + _events(portal, one.client_id)
    )


def _frame(one: Application, placement: str) -> str:
    asked = {"application": one.client_id, "placement": placement, "lang": language()}
    return urlencode(asked)


def _finishing(one: Application) -> str:
    finish = _("Finish its installation")
    return (
        f'<form method="post" action="{HOME}?lang={language()}">'
        f'<input type="hidden" name="application" value="{escape(one.client_id)}">'
        f'<button class="quiet">{escape(finish)}</button></form>'
    )


def _events(portal: Portal, name: str) -> str:
    rows = event_handlers_of(portal).rows(name)
    queue = _("offline queue")
    cells = "".join(
        f"<tr><td><code>{escape(row['event'])}</code></td>"
        f'<td class="address">{escape(row["handler"] or queue)}</td></tr>'
        for row in rows
    )
    return table((_("Event"), _("Handler")), cells) if rows else ""


def _outgoing(portal: Portal) -> str:
    webhooks = event_handlers_of(portal).outgoing.all()
    if not webhooks:
        return note(_("There is none: the method “sandbox.outgoing.add” adds one."))
    return "".join(
        f"<h3>{escape(one.title or one.handler)}</h3>{_events(portal, one.name)}"
        for one in webhooks
    )
