"""The front page: what this portal is, what it holds, and where its other pages are."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workbench.bitrix24.sandbox.pages.layout import asked_language, here, note, page, section
from workbench.i18n import _, format_datetime, format_number, language, use_language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def routes(portal: Portal) -> list[BaseRoute]:
    """Return the page's route."""

    async def front(request: Request) -> Response:
        with use_language(asked_language(request)):
            return page(_("Sandbox portal"), _front(portal), request)

    return [Route("/", here(portal, front), methods=["GET"])]


def _front(portal: Portal) -> str:
    state = portal.state
    held = {
        _("Leads"): "leads",
        _("Deals"): "deals",
        _("Contacts"): "contacts",
        _("Companies"): "companies",
        _("Quotes"): "quotes",
        _("Invoices"): "invoices",
        _("Tasks"): "tasks",
        _("Users"): "users",
    }
    facts = {
        _("Its clock"): format_datetime(state.now(), str(state.zone)),
        _("Time zone"): str(state.zone),
        _("Bitrix24 plan"): str(state.settings["plan"]),
    } | {title: format_number(state.count(entity)) for title, entity in held.items()}
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(it)}</dd>" for name, it in facts.items())
    what = _("A Bitrix24-compatible portal to try on and to break; no real portal is touched.")
    how = _(
        "Clients call it as they call a real portal, at the webhook’s address that "
        "“workbench sandbox start” has printed: …/rest/USER/CODE/METHOD."
    )
    processes = _("Processes")
    link = f'<p><a href="/sandbox/processes?lang={language()}">{escape(processes)}</a></p>'
    return f"<p>{escape(what)}</p>{note(how)}{link}" + section(
        _("What it holds"), f'<dl class="facts">{listed}</dl>'
    )
