"""The frame of every page: plain HTML from the server, one style sheet, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from workbench.i18n import LANGUAGES, Language, _, language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

Endpoint = Callable[[Request], Awaitable[Response]]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def asked_language(request: Request) -> Language:
    """Return the language of ``?lang=``, else that of the installation."""
    asked = request.query_params.get("lang", "")
    return next((code for code in LANGUAGES if code == asked), language())


#: A page that embeds another site's: it may be anywhere, is told who embeds it, and is opened by
#: a form that our own script sends.
EMBEDDING = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
        "frame-src http: https:; form-action http: https:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


def page(
    title: str,
    body: str,
    request: Request,
    *,
    reload: bool = False,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page; ``body`` is HTML whose texts are escaped, ``title`` a text.

    With ``reload`` the browser asks again every second, without any script.
    """
    refresh = '<meta http-equiv="refresh" content="1">' if reload else ""
    others = " ".join(
        f'<a href="?{escape(urlencode({**request.query_params, "lang": code}))}" hreflang="{code}"'
        f"{' aria-current=true' if code == language() else ''}>{code.upper()}</a>"
        for code in LANGUAGES
    )
    places = "".join(
        f'<a href="{path}?lang={language()}"'
        f"{' aria-current=page' if request.url.path.startswith(path) else ''}>{escape(title)}</a>"
        for path, title in (
            ("/sandbox/processes", _("Processes")),
            ("/sandbox/designer", _("Designer")),
            ("/sandbox/applications", _("Applications")),
        )
    )
    portal, choice, pages = _("Sandbox portal"), _("Language"), _("Pages")
    return HTMLResponse(
        f"""<!doctype html>
<html lang="{language()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/sandbox/style.css">
</head>
<body>
<header>
<a class="brand" href="/?lang={language()}">{escape(portal)}</a>
<nav class="places" aria-label="{escape(pages)}">{places}</nav>
<nav aria-label="{escape(choice)}">{others}</nav>
</header>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
""",
        headers={**_HEADERS, **(headers or {})},
    )


def section(title: str, body: str) -> str:
    """Return a part of a page under its heading; ``body`` is HTML."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def table(heads: tuple[str, ...], rows: str) -> str:
    """Return a table; ``rows`` is HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def note(text: str) -> str:
    """Return a quiet line of text."""
    return f'<p class="note">{escape(text)}</p>'


def file_of_pages(name: str, kind: str) -> Endpoint:
    """Return what sends a file that lies beside the pages."""

    async def send(_request: Request) -> Response:
        content = (Path(__file__).parent / name).read_bytes()
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return send


def under_its_own_name(request: Request, portal_host: str) -> bool:
    """Tell whether the page was asked for by the portal's own name or an address.

    A foreign site's page can make its name point to this machine and would then count as ours.
    """
    try:
        asked = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    try:
        ip_address(asked)
    except ValueError:
        return asked in ("localhost", urlsplit(f"//{portal_host}").hostname)
    return True


def here(portal: Portal, answer: Endpoint) -> Endpoint:
    """Return a page that is not there under another host's name."""

    async def checked(request: Request) -> Response:
        if not under_its_own_name(request, portal.host):
            return PlainTextResponse("Not found", status_code=404)
        return await answer(request)

    return checked


def from_this_site(request: Request) -> bool:
    """Tell whether a form was sent by one of our own pages (or by no browser)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.url.netloc}"
