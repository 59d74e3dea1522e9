"""The one web process for managers: Voila, closed except for the dashboards.

Addresses (all others answer 404; requests under another host's name too):

    /                                   the list of dashboards, no kernel
    /dashboards/NAME                    one dashboard with a kernel of its own
    /voila/render/NOTEBOOK.ipynb        the same under Voila's own address
    /healthz                            JSON for monitors, no kernel
    /static/…                           our style sheets, script, icon
    /voila/static/… /voila/labextensions/…   Voila's script and the widgets' scripts
    /api/kernels/ID                     GET only: what widgets ask about their kernel
    /api/kernels/ID/channels            WebSocket, widget messages only
    /voila/api/shutdown/ID              a page that is closed ends its kernel
"""

from __future__ import annotations

import asyncio
import errno
import logging
import logging.handlers
import re
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import tornado.ioloop
import tornado.web
from jupyter_server.auth.identity import IdentityProvider, User
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets import Unicode
from traitlets.config import Config
from voila.app import Voila
from voila.configuration import VoilaConfiguration
from voila.paths import collect_static_paths
from voila.static_file_handler import MultiStaticFileHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler
from voila.utils import get_page_config, get_voila_labextensions_path

from workbench.dashboards import pages
from workbench.dashboards.channels import ALLOWED_IN, WidgetChannels
from workbench.dashboards.kernels import VisitorKernels
from workbench.dashboards.metric_help import MetricHelp
from workbench.dashboards.published import Dashboard, published_dashboards
from workbench.errors import ConfigurationError
from workbench.i18n import _
from workbench.kernels import keeper
from workbench.kernels.specs import KernelSpecs
from workbench.metrics.service.keeper import end_queries, keep_queries
from workbench.settings import Settings, private_folder, settings

KERNEL_ID = r"(?P<kernel_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
LOOPBACK = r"localhost|127(?:\.\d{1,3}){3}|\[::1\]"
# The scripts that pages load: Voila's widget manager, the widgets, the base of JupyterChart.
EXTENSIONS = [
    "@voila-dashboards/widgets-manager8",
    "@jupyter-widgets/jupyterlab-manager",
    "anywidget",
]
UNUSED_PLUGINS = ["@jupyterlab/mathjax-extension", "@jupyterlab/mathjax2-extension"]
LARGEST_MESSAGE = 4 * 1024 * 1024  # bytes, from a page


class LocalVisitors(IdentityProvider):
    """Everybody who reaches the loopback address of this machine is the same visitor."""

    token = Unicode("")

    async def get_user(self, handler: Any) -> User:
        """Return the visitor."""
        return User("local")

    def get_handlers(self) -> list:
        """Return no login pages: there is nothing to log in to."""
        return []


class Dashboards(Voila):
    """Voila with our pages, our template, and nothing else."""

    name = "workbench-dashboards"

    def __init__(self, published: dict[str, Dashboard], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.published = published
        self.page_config: dict[str, Any] = {}
        self.sockets: list[socket.socket] = []
        self.ready: Callable[[str], None] | None = None

    def find(self, name: str) -> Dashboard | None:
        """Return the dashboard of this name, or the one whose notebook is called so."""
        by_notebook = {each.notebook.stem: each for each in self.published.values()}
        return self.published.get(name) or by_notebook.get(name)

    def configure(self, config: Settings) -> None:
        """Set up without reading configuration files: those of a user could open what is closed."""
        self.update_config(closed_configuration())
        self.root_dir = str(config.notebooks_dir)
        self.voila_configuration = VoilaConfiguration(parent=self)
        self.static_paths = collect_static_paths(["voila", "nbconvert"], "base")

    def init_settings(self) -> dict:
        """Add our own settings to Voila's."""
        made = super().init_settings()
        self.kernel_manager.allowed_message_types = sorted(ALLOWED_IN)
        made |= {
            "dashboards": self,
            "allow_remote_access": True,  # the host name is checked for every handler, see serve
            "headers": {},
            "default_handler_class": pages.Missing,
            "websocket_max_message_size": LARGEST_MESSAGE,
            # The time-out must be longer than the interval, or a page is cut off before its first.
            "ws_ping_interval": 10_000,
            "ws_ping_timeout": 30_000,
        }
        self.page_config = {
            **get_page_config(self.base_url, made, self.log, self.voila_configuration),
            "disabledExtensions": UNUSED_PLUGINS,
        }
        return made

    def init_handlers(self) -> list:
        """Return everything that is served; Voila's file browser and contents are not in it."""
        kernel = rf"/api/kernels/{KERNEL_ID}"
        extensions = get_voila_labextensions_path()
        return [
            (r"/", pages.Index),
            (r"/dashboards/([\w-]+)", pages.DashboardPage),
            (r"/voila/render/([\w-]+)\.ipynb", pages.DashboardPage),
            (r"/healthz", pages.Health),
            (r"/help/metrics", MetricHelp),
            (r"/static/([\w.-]+)", pages.OwnFiles),
            (kernel, pages.KernelModel),
            (rf"{kernel}/channels", VoilaKernelWebsocketHandler),
            (rf"/voila/api/shutdown/{KERNEL_ID}", pages.EndVisit),
            (r"/voila/static/(.*)", MultiStaticFileHandler, {"paths": self.static_paths}),
            (
                r"/voila/labextensions/(.*)",
                pages.WidgetFiles,
                {"path": extensions, "no_cache_paths": []},
            ),
        ]

    def bind(self, host: str, port: int) -> None:
        """Take the address.

        Raises ConfigurationError if the port is taken or may not be used.
        """
        try:
            self.sockets = bind_sockets(port, host)
        except OSError as error:
            raise ConfigurationError(
                _("Port {port} of {host} cannot be used.").format(port=port, host=host),
                hint=_("Another program has it.") + " " + _("Choose another one with --port.")
                if error.errno == errno.EADDRINUSE
                else error.strerror or "",
            ) from error
        self.ip, self.port = host, self.sockets[0].getsockname()[1]

    def start(self) -> None:
        """Serve until SIGINT or SIGTERM; then end every kernel."""
        with tempfile.TemporaryDirectory(prefix="workbench-kernels-") as folder:
            self.connection_dir = folder
            try:
                asyncio.run(self.serve())
            finally:
                end_queries()  # while the zygote that it may come from is there
                keeper.end_zygote()  # before the rest: one that is killed would be replaced
                end_children()

    async def serve(self) -> None:
        """Listen on the bound sockets until a signal arrives."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        self.ioloop = tornado.ioloop.IOLoop.current()
        self.app = tornado.web.Application(**self.init_settings())
        # The name in the Host header decides whether any handler is found, so that a foreign
        # page cannot reach this server under its own name (DNS rebinding).
        self.app.add_handlers(rf"^(?:{allowed_hosts(self.ip)})$", self.init_handlers())
        self.kernel_manager.output = (settings().home_dir / "logs" / "kernels.log").open("ab")
        server = HTTPServer(self.app, max_body_size=64 * 1024, idle_connection_timeout=3600)
        server.add_sockets(self.sockets)
        if self.ready:
            self.ready(self.address)
        await ended.wait()
        server.stop()
        await WidgetChannels.close_all()
        await self.kernel_manager.end_all()
        self.kernel_manager.output.close()

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        shown = "127.0.0.1" if self.ip in ("", "0.0.0.0") else self.ip  # noqa: S104
        return f"http://[{shown}]:{self.port}/" if ":" in shown else f"http://{shown}:{self.port}/"


def closed_configuration() -> Config:
    """Return the traits that make Voila ours."""
    return Config(
        {
            "Voila": {
                "open_browser": False,
                "identity_provider_class": LocalVisitors,
                "kernel_websocket_connection_class": WidgetChannels,
            },
            "VoilaConfiguration": {
                "multi_kernel_manager_class": VisitorKernels,
                "kernel_spec_manager_class": KernelSpecs,
                "extension_allowlist": EXTENSIONS,
                "extension_denylist": [],
                "extension_config": {},
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "file_allowlist": [],
                "preheat_kernel": False,
                "show_tracebacks": False,
                "strip_sources": True,
            },
            # A kernel that dies has lost its page's state: the page says so, nothing restarts.
            "KernelRestarter": {"restart_limit": 0, "time_to_dead": 1.0},
            # Sockets in a private folder: other users of the machine cannot listen.
            "KernelManager": {"transport": "ipc" if sys.platform != "win32" else "tcp"},
        }
    )


def allowed_hosts(host: str) -> str:
    """Return a pattern of the names under which a server bound to ``host`` answers.

    Literal addresses cannot be rebound, so a server on all interfaces accepts every one of them,
    and the machine's own name.
    """
    if re.fullmatch(LOOPBACK.replace(r"\[", "").replace(r"\]", ""), host):
        return LOOPBACK
    names = {re.escape(socket.gethostname().lower()), re.escape(host.lower())}
    return "|".join([LOOPBACK, r"\d{1,3}(?:\.\d{1,3}){3}", r"\[[0-9a-f:.]+\]", *sorted(names)])


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server bound to ``host``."""
    return allowed_hosts(host) == LOOPBACK


def end_children() -> None:
    """End every process that this one started and that is still there."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        _signal(child, "terminate")
    _gone, left = psutil.wait_procs(children, timeout=2)
    for child in left:
        _signal(child, "kill")
    psutil.wait_procs(left, timeout=2)


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return


def log_to_file(file: Path) -> None:
    """Write this process's log to ``file`` (2 MB, three of them), warnings also to the terminal."""
    private_folder(file.parent)
    handler = logging.handlers.RotatingFileHandler(file, maxBytes=2_000_000, backupCount=2)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    ours = ("workbench.dashboards", "workbench.kernels")
    for name in (*ours, "tornado", "asyncio", "traitlets", "Voila"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def serve(
    host: str = "127.0.0.1",
    port: int = 8866,
    *,
    open_browser: bool = False,
    ready: Callable[[str], None] | None = None,
    published: dict[str, Dashboard] | None = None,
    most_kernels: int | None = None,
) -> None:
    """Serve the dashboards until SIGINT or SIGTERM (main thread only).

    ``most_kernels`` limits the open pages.
    ``ready`` is called with the address once it answers; ``port`` 0 takes a free one. Without
    ``published`` the report files decide. Raises ConfigurationError before anything is started
    if there is nothing to serve, a report file is wrong or the port cannot be used.
    """
    config = settings()
    published = published_dashboards() if published is None else published
    if not published:
        raise ConfigurationError(
            _("No report has a dashboard."),
            hint=_("Write “dashboard: true” into a file of parameters/reports."),
        )
    log_to_file(config.home_dir / "logs" / "dashboards.log")
    keeper.keep_zygote()
    app = Dashboards(published, log=logging.getLogger("workbench.dashboards"))
    app.configure(config)
    if most_kernels is not None:
        app.update_config(Config({"VisitorKernels": {"most_kernels": most_kernels}}))
    app.bind(host, port)

    def announce(address: str) -> None:
        if ready:
            ready(address)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    keep_queries()
    app.ready = announce
    app.log.info("serving %s at %s", ", ".join(published), app.address)
    app.start()
