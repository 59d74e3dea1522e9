"""The kernels behind the open pages: how many, with what environment, for how long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import PeriodicCallback
from traitlets import Integer

from workbench.metrics.service.keeper import can_serve
from workbench.settings import Settings

# What a kernel needs to start Python and to find its files. Everything else stays out: an
# allow-list cannot leak the secret that somebody adds to the server's environment next year.
PASSED_ON = frozenset(
    """
    PATH HOME USER LOGNAME SHELL TZ TMPDIR TEMP TMP SYSTEMROOT LANG LANGUAGE PYTHONPATH
    PYTHONHOME PYTHONUTF8 PYTHONHASHSEED PYTHONDONTWRITEBYTECODE PYTHONWARNINGS VIRTUAL_ENV
    CONDA_PREFIX LD_LIBRARY_PATH DYLD_LIBRARY_PATH JUPYTER_PATH JUPYTER_DATA_DIR
    JUPYTER_RUNTIME_DIR JUPYTER_CONFIG_DIR IPYTHONDIR XDG_CONFIG_HOME XDG_CACHE_HOME
    XDG_DATA_HOME XDG_RUNTIME_DIR OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS
    """.split()  # noqa: SIM905 - a list of names, to be read
)


@dataclass
class Visit:
    """One open page and its kernel."""

    page: str
    language: str
    seen: Any = field(default_factory=utcnow)  # when it was last known to be open


def kernel_environment(config: Settings, request: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a visitor's kernel.

    ``request`` holds what the page was asked for (``QUERY_STRING`` and the like), and what it asks
    the query service with. The state folder is that of pages, which holds no data; the folder of
    stored credentials is one that does not exist.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith("LC_")
    }
    environment["WORKBENCH_PROJECT"] = str(config.project_dir)
    home = config.pages_dir if can_serve() else config.home_dir
    environment["WORKBENCH_HOME"] = str(home)
    environment["WORKBENCH_OUTPUTS"] = str(config.outputs_dir)
    environment["WORKBENCH_CONFIG"] = str(home / "no-credentials")
    if config.timezone:
        environment["WORKBENCH_TIMEZONE"] = config.timezone
    environment["WORKBENCH_FISCAL_YEAR_START"] = str(config.fiscal_year_start)
    if config.snapshot:
        environment["WORKBENCH_SNAPSHOT"] = config.snapshot
    # One thread per kernel is enough for aggregates, and twenty visitors share few cores.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    environment.update(request)
    return environment


class VisitorKernels(AsyncMappingKernelManager):
    """Kernels of visitors: capped, watched, ended when nobody looks any more."""

    most_kernels = Integer(
        12, config=True, help="Open pages at one time; further visitors get a waiting page."
    )
    seconds_unwatched = Integer(
        180, config=True, help="A kernel whose page is gone ends after this."
    )
    seconds_idle = Integer(3600, config=True, help="A kernel that nobody has used ends after this.")
    seconds_between_checks = Integer(20, config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.visits: dict[str, Visit] = {}
        self.starting = 0
        self.endings: set[asyncio.Task[None]] = set()
        self.output: IO[bytes] | None = None
        self._checks: PeriodicCallback | None = None

    @property
    def has_room(self) -> bool:
        """True while another kernel may be started."""
        return len(self.visits) + self.starting < self.most_kernels

    async def start_visit(self, visit: Visit, environment: dict[str, str], folder: Path) -> str:
        """Start a page's kernel, whose own prints go to the log; return its id.

        If the visitor leaves meanwhile, the kernel ends as soon as it has started: a start that
        is cut off would leave a process that nobody knows of.
        """
        self.starting += 1  # at once: the next visitor's page asks whether there is room
        start = asyncio.create_task(self.start_whole(visit, environment, folder))
        try:
            return await asyncio.shield(start)
        except asyncio.CancelledError:
            ending = asyncio.create_task(self.end_started(start))
            self.endings.add(ending)
            ending.add_done_callback(self.endings.discard)
            raise

    async def end_started(self, start: asyncio.Task[str]) -> None:
        """End the kernel of a visitor who has left, once it has started."""
        try:
            await self.end_visit(await start)
        except Exception:
            self.log.exception("A kernel that nobody waits for any more did not start")

    async def start_whole(self, visit: Visit, environment: dict[str, str], folder: Path) -> str:
        """Do what `start_visit` says, from beginning to end."""
        try:
            kernel_id = await self.start_kernel(
                kernel_name="python3",
                cwd=str(folder),
                env=environment,
                stdout=self.output,
                stderr=self.output,
            )
            self.visits[kernel_id] = visit
        finally:
            self.starting -= 1
        if self._checks is None:
            self._checks = PeriodicCallback(
                self.end_unused, self.seconds_between_checks * 1000, jitter=0.1
            )
            self._checks.start()
        return kernel_id

    async def end_all(self) -> None:
        """End every kernel."""
        await self.shutdown_all(now=True)

    async def end_visit(self, kernel_id: str) -> None:
        """End a kernel at once; one that is gone already is no error."""
        self.visits.pop(kernel_id, None)
        if kernel_id in self:
            await self.shutdown_kernel(kernel_id, now=True)

    async def end_unused(self) -> None:
        """End kernels without a page, and those that nobody has used for long."""
        now = utcnow()
        for kernel_id, visit in list(self.visits.items()):
            if kernel_id not in self:
                self.visits.pop(kernel_id, None)
                continue
            connections = self._kernel_connections.get(kernel_id, 0)
            if connections:
                visit.seen = now
            last = getattr(self.get_kernel(kernel_id), "last_activity", now)
            unwatched = (now - visit.seen).total_seconds() > self.seconds_unwatched
            idle = (now - last).total_seconds() > self.seconds_idle
            if unwatched or idle:
                self.log.info("Ending kernel %s of page %s", kernel_id, visit.page)
                await self.end_visit(kernel_id)

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget a kernel, whoever ended it."""
        self.visits.pop(kernel_id, None)
        return super().remove_kernel(kernel_id)
