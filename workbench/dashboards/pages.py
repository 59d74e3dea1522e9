"""The pages that people open: the list of dashboards, a dashboard, the health check."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import tornado.web
import voila
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from tornado.iostream import StreamClosedError

from workbench.dashboards.cells import run_cells
from workbench.dashboards.failures import new_failure_id
from workbench.dashboards.kernels import Visit, VisitorKernels, kernel_environment
from workbench.dashboards.published import Dashboard
from workbench.errors import WorkbenchError
from workbench.i18n import LANGUAGES, Language, _, format_datetime, use_language
from workbench.metrics.service.keeper import can_serve, door_environment
from workbench.settings import settings
from workbench.views.document import LANGUAGE_NAMES, PRODUCT
from workbench.warehouse import newest_snapshot

if TYPE_CHECKING:
    from workbench.dashboards.app import Dashboards

HERE = Path(__file__).parent
STATIC = HERE / "static"
SHARED_STATIC = HERE.parent / "views" / "static"
MOST_FILTERS = 50

# Vega compiles its expressions, so it needs eval; everything comes from this server.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def templates(*, streaming: bool = False) -> Environment:
    """Return the environment of the pages' templates; one that streams awaits its generators."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        enable_async=streaming,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["_"] = _
    environment.globals["product"] = PRODUCT
    environment.globals["language_names"] = LANGUAGE_NAMES
    environment.globals["static"] = static_address
    environment.filters["markdown"] = prose
    environment.filters["trusted"] = lambda output: {**output, "trusted": True}
    return environment


def prose(text: str) -> Markup:
    """Render the Markdown of a notebook's own cell, headings without links to themselves."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return Markup(MarkdownWithMath(renderer=renderer).render(text))  # noqa: S704


@cache
def static_address(name: str) -> str:
    """Return the address of a static file, with its digest so that browsers may keep it."""
    file = next((f / name for f in (STATIC, SHARED_STATIC) if (f / name).is_file()), None)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:10] if file else "0"
    return f"/static/{name}?v={digest}"


class Page(JupyterHandler):
    """What all pages share: language, navigation, headers, and errors without details."""

    @property
    def server(self) -> Dashboards:
        """The application that serves this page."""
        return self.settings["dashboards"]

    @property
    def kernels(self) -> VisitorKernels:
        """The kernels behind the open pages."""
        return self.settings["kernel_manager"]

    def set_default_headers(self) -> None:
        """Send the security headers with every answer."""
        for name, value in SECURITY_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.clear_header("Server")

    @property
    def query(self) -> dict[str, str]:
        """The filters in the address; none if there are more than any page has."""
        try:
            return dict(parse_qsl(self.request.query, max_num_fields=MOST_FILTERS))
        except ValueError:
            return {}

    @property
    def speaks(self) -> Language:
        """The visitor's language: ``?lang=``, else the installation's."""
        asked = self.query.get("lang")
        return next((code for code in LANGUAGES if code == asked), settings().language)

    def address(self, path: str, **changes: str) -> str:
        """Return ``path`` with this request's query (filters, language) and some changes."""
        kept = self.query | changes
        return f"{path}?{urlencode(kept)}" if kept else path

    def surroundings(self, current: str = "") -> dict[str, Any]:
        """Return what the frame of each page needs; ``current`` is a dashboard's name."""
        return {
            "language": self.speaks,
            "current": current,
            "home": self.address("/"),
            "help": self.address("/help/metrics"),
            "navigation": [
                (dashboard, self.address(f"/dashboards/{dashboard.name}"))
                for dashboard in self.server.published.values()
            ],
            "languages": [(code, self.address(self.request.path, lang=code)) for code in LANGUAGES],
        }

    def show(self, template: str, **values: Any) -> None:
        """Render a template in the visitor's language and finish."""
        with use_language(self.speaks):
            html = templates().get_template(template).render(**self.surroundings(), **values)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(html)

    def write_error(self, status_code: int, **details: Any) -> None:
        """Answer an error with a page that tells nothing of the inside."""
        failure = ""
        if status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            failure = new_failure_id()
            self.log.error(
                "failure %s at %s", failure, self.request.path, exc_info=details.get("exc_info")
            )
        with use_language(self.speaks):
            title, text = what_happened(status_code)
        self.show("message.html.j2", title=title, text=text, failure=failure)


def what_happened(status: int) -> tuple[str, str]:
    """Return title and text of an error page in the language of the moment."""
    if status == HTTPStatus.NOT_FOUND:
        return _("Page not found"), _("There is no dashboard at this address.")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _("This is not possible"), _("The request was refused.")
    return _("Something went wrong"), _("The page could not be shown. Please try again.")


class Missing(Page):
    """Every address that is not ours."""

    def prepare(self) -> None:  # type: ignore[override]
        """Answer before anything else is looked at."""
        raise tornado.web.HTTPError(HTTPStatus.NOT_FOUND)


class StillPage(Page):
    """A page that starts no kernel."""

    @tornado.web.authenticated
    async def get(self) -> None:
        """Show the page."""
        self.show_all()

    @tornado.web.authenticated
    async def head(self) -> None:
        """Answer as to GET; tornado leaves the body out."""
        self.show_all()

    def show_all(self) -> None:
        """Show what the page is for; each page has its own."""
        raise NotImplementedError


class Index(StillPage):
    """The list of dashboards."""

    def show_all(self) -> None:
        """Show one card per dashboard."""
        with use_language(self.speaks):
            stamp = data_stamp()
        self.show("index.html.j2", **stamp)


class Health(Page):
    """For monitors: answers without a kernel."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Answer with the snapshot and the number of open pages, as JSON."""
        kernels = self.kernels
        self.set_header("Content-Type", "application/json")
        await self.finish(
            {"status": "ok", "kernels": len(kernels.visits), "room": kernels.has_room}
            | snapshot_facts()
        )

    @allow_unauthenticated
    async def head(self) -> None:
        """Answer as to GET; tornado leaves the body out."""
        await self.get()


def snapshot_facts() -> dict[str, Any]:
    """Return id and moment (ISO 8601, UTC) of the snapshot that is read, or None for both.

    ``damaged``, only if there are any: the ids of newer ones that cannot be read.
    """
    try:
        snapshot = newest_snapshot()
    except WorkbenchError:
        return {"snapshot": None, "as_of": None}
    damaged = {"damaged": list(snapshot.passed_over)} if snapshot.passed_over else {}
    return {"snapshot": snapshot.id, "as_of": snapshot.as_of.isoformat()} | damaged


def data_stamp() -> dict[str, str]:
    """Return the text that says how fresh the data are, and the portal's host."""
    try:
        snapshot = newest_snapshot()
    except WorkbenchError as error:
        return {"stamp": error.message, "portal": ""}
    moment = format_datetime(snapshot.as_of, snapshot.timezone)
    stamp = _("Data as of {moment}").format(moment=moment)
    if snapshot.warning:
        stamp = f"{stamp}. {snapshot.warning}"
    return {"stamp": stamp, "portal": snapshot.portal}


class DashboardPage(Page):
    """One dashboard: starts a kernel and sends what each cell shows as soon as it is done."""

    kernel_id = ""
    visit: Visit
    task: asyncio.Task | None = None

    @tornado.web.authenticated
    async def get(self, name: str) -> None:
        """Stream the page of a dashboard, by its name or its notebook's."""
        dashboard = self.server.find(name)
        if dashboard is None:
            raise tornado.web.HTTPError(HTTPStatus.NOT_FOUND)
        if not self.is_visit:
            raise tornado.web.HTTPError(HTTPStatus.FORBIDDEN)
        if not self.kernels.has_room:
            self.tell_to_wait()
            return
        self.task = asyncio.current_task()
        with use_language(self.speaks):
            await self.send(dashboard)

    @tornado.web.authenticated
    async def head(self, name: str) -> None:
        """Tell whether there is such a page; that needs no kernel."""
        if self.server.find(name) is None:
            raise tornado.web.HTTPError(HTTPStatus.NOT_FOUND)
        await self.finish()

    @property
    def is_visit(self) -> bool:
        """False for what another site's page loads by itself: it would take all the places."""
        sent = self.request.headers.get
        return sent("Sec-Fetch-Site") != "cross-site" or (
            sent("Sec-Fetch-Dest") == "document" and not sent("Sec-Purpose")
        )

    async def send(self, dashboard: Dashboard) -> None:
        """Send the page piece by piece; end its kernel if the visitor leaves before the end."""
        template = templates(streaming=True).get_template("dashboard.html.j2")
        pieces = template.generate_async(
            dashboard=dashboard,
            start_kernel=self.start_kernel,
            run_cells=self.run_cells,
            page_config=self.server.page_config,
            texts=shell_texts(),
            **self.surroundings(current=dashboard.name),
        )
        complete = False
        try:
            async for piece in pieces:
                self.write(piece)
                if "<!--flush-->" in piece:
                    await self.flush()
            await self.finish()
            complete = True
        except (StreamClosedError, asyncio.CancelledError):
            self.log.info("page %s: the visitor left while it was loading", dashboard.name)
        finally:
            self.task = None
            await pieces.aclose()
            if not complete and self.kernel_id:
                await self.kernels.end_visit(self.kernel_id)

    def tell_to_wait(self) -> None:
        """Answer that all places are taken; the page tries again by itself."""
        with use_language(self.speaks):
            title = _("All places are taken")
            text = _(
                "Too many dashboards are open at the moment. "
                "This page tries again by itself in a few seconds."
            )
        self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
        self.set_header("Retry-After", "20")
        self.show("message.html.j2", title=title, text=text, failure="", again=20)

    async def start_kernel(self, dashboard: Dashboard) -> str:
        """Start this page's kernel and return its id."""
        language = self.speaks
        request = {
            "QUERY_STRING": urlencode(self.query),
            "SCRIPT_NAME": self.request.path,
            "WORKBENCH_LANGUAGE": language,
            "SERVER_SOFTWARE": f"voila/{voila.__version__}",
        }
        if can_serve():
            request |= door_environment(dashboard.name)
        self.visit = Visit(dashboard.name, language)
        self.kernel_id = await self.kernels.start_visit(
            self.visit,
            kernel_environment(settings(), request),
            dashboard.notebook.parent,
        )
        return self.kernel_id

    async def run_cells(self, dashboard: Dashboard) -> AsyncIterator[Any]:
        """Yield the cells of ``dashboard`` as they finish."""
        kernel = self.kernels.get_kernel(self.kernel_id)
        async for cell in run_cells(dashboard, kernel, language=self.visit.language):
            yield cell

    def on_connection_close(self) -> None:
        """Stop working for a visitor who has left."""
        if self.task is not None:
            self.task.cancel()


def shell_texts() -> dict[str, str]:
    """Return the texts that the page's own script shows, in the language of the moment."""
    return {
        "step": _("Step {number} of {of}"),
        "lost": _("The connection to this page’s session was lost. Figures no longer change."),
        "offline": _("The server cannot be reached. Trying again…"),
        "back": _("Connected again."),
        "failed": _("This change could not be computed."),
        "reference": _("Reference: {id}"),
        "reload": _("Reload the page"),
        "broken": _("The page could not be shown completely."),
    }


class KernelModel(KernelHandler):
    """What the page's widgets ask about their kernel; it cannot be ended or restarted here."""

    SUPPORTED_METHODS = ("GET",)


class EndVisit(Page):
    """A page that is closed ends its kernel."""

    def check_xsrf_cookie(self) -> None:
        """Ask for no cookie: the kernel's id, which only its page knows, is the secret."""
        if not self.check_origin():
            raise tornado.web.HTTPError(HTTPStatus.FORBIDDEN)

    @tornado.web.authenticated
    async def post(self, kernel_id: str) -> None:
        """End the kernel of a page."""
        await self.kernels.end_visit(kernel_id)
        self.set_status(HTTPStatus.NO_CONTENT)
        await self.finish()


class WidgetFiles(FileFindHandler):
    """The widgets' scripts."""

    def write_error(self, status_code: int, **details: Any) -> None:
        """Answer an error in one line: Jupyter's error page needs files that are not served."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}\n")


class OwnFiles(tornado.web.StaticFileHandler):
    """Style sheets, script and icon, from the first of our folders that holds the name."""

    def initialize(self) -> None:  # type: ignore[override]
        """Serve from two folders."""
        super().initialize(path=str(STATIC))

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep files whose address holds a digest."""
        self.set_header("X-Content-Type-Options", "nosniff")
        if self.get_argument("v", ""):
            self.set_header("Cache-Control", "public, max-age=31536000, immutable")

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Find a file by its plain name."""
        if (SHARED_STATIC / path).is_file() and not (STATIC / path).is_file():
            return str(SHARED_STATIC / path)
        return str(STATIC / path)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Refuse anything outside the two folders."""
        file = Path(absolute_path)
        if file.resolve().parent not in (STATIC.resolve(), SHARED_STATIC.resolve()):
            raise tornado.web.HTTPError(HTTPStatus.NOT_FOUND)
        return super().validate_absolute_path(str(file.parent), absolute_path)
