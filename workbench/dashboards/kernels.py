"""The kernels behind the open pages: how many, with what environment, for how long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import IO, Any

from jupyter_core.utils import ensure_async
from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import PeriodicCallback
from traitlets import Integer

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


# What every page needs, and what takes seconds; nothing that opens a snapshot.
IMPORTS = "import workbench.views.page, workbench.views.panels"
SECONDS_TO_IMPORT = 120


@dataclass
class Visit:
    """One open page and its kernel."""

    page: str
    language: str
    seen: Any = field(default_factory=utcnow)  # when it was last known to be open
    preamble: str = ""  # what its kernel executes before the first cell


def kernel_environment(config: Settings, request: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a visitor's kernel.

    ``request`` holds what the page was asked for (``QUERY_STRING`` and the like). The state folder
    is given by name, because without the webhook a kernel would look for it elsewhere; the folder
    of stored credentials is one that does not exist.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith("LC_")
    }
    environment["WORKBENCH_PROJECT"] = str(config.project_dir)
    environment["WORKBENCH_HOME"] = str(config.home_dir)
    environment["WORKBENCH_OUTPUTS"] = str(config.outputs_dir)
    environment["WORKBENCH_CONFIG"] = str(config.home_dir / "no-credentials")
    if config.timezone:
        environment["WORKBENCH_TIMEZONE"] = config.timezone
    environment["WORKBENCH_FISCAL_YEAR_START"] = str(config.fiscal_year_start)
    if config.snapshot:
        environment["WORKBENCH_SNAPSHOT"] = config.snapshot
    # One thread per kernel is enough for aggregates, and twenty visitors share few cores.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    environment.update(request)
    return environment


def exchange_environment(environment: Mapping[str, str], folder: Path) -> str:
    """Return the code that gives a spare kernel the environment and folder of a page."""
    return (
        "import os\n"
        "os.environ.clear()\n"
        f"os.environ.update({dict(environment)!r})\n"
        f"os.chdir({str(folder)!r})\n"
        "del os"
    )


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
    most_spares = Integer(1, config=True, help="Kernels kept ready, imports done, without data.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.visits: dict[str, Visit] = {}
        self.spares: list[asyncio.Task[str]] = []
        self.starting = 0
        self.endings: set[asyncio.Task[None]] = set()
        self.output: IO[bytes] | None = None
        self._checks: PeriodicCallback | None = None

    @property
    def has_room(self) -> bool:
        """True while another kernel may be started."""
        return len(self.visits) + self.starting < self.most_kernels

    async def start_visit(self, visit: Visit, environment: dict[str, str], folder: Path) -> str:
        """Give a page a kernel, a spare one if there is one; return its id.

        The environment of a spare is exchanged before the first cell, see `Visit.preamble`. If
        the visitor leaves meanwhile, the kernel ends as soon as it has started: a start that is
        cut off would leave a process that nobody knows of.
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
            kernel_id = await self.take_spare()
            if kernel_id:
                visit.preamble = exchange_environment(environment, folder)
            else:
                kernel_id = await self.start_one(environment, folder)
            self.visits[kernel_id] = visit
        finally:
            self.starting -= 1
        if self._checks is None:
            self._checks = PeriodicCallback(
                self.end_unused, self.seconds_between_checks * 1000, jitter=0.1
            )
            self._checks.start()
        return kernel_id

    async def start_one(self, environment: dict[str, str], folder: Path) -> str:
        """Start a kernel whose own prints go to the log."""
        return await self.start_kernel(
            kernel_name="python3",
            cwd=str(folder),
            env=environment,
            stdout=self.output,
            stderr=self.output,
        )

    async def take_spare(self) -> str:
        """Return the id of a spare kernel that is alive, or nothing.

        One that is still importing is waited for: another would have to import as well.
        """
        while self.spares:
            spare = self.spares.pop(0)
            try:
                kernel_id = await asyncio.shield(spare)
            except asyncio.CancelledError:
                self.spares.append(spare)
                raise
            if kernel_id in self and await ensure_async(self.get_kernel(kernel_id).is_alive()):
                return kernel_id
        return ""

    def fill_spares(self, environment: dict[str, str], folder: Path) -> None:
        """Begin to start the spares that are missing; they fit into the limit on kernels."""
        wanted = min(self.most_spares, self.most_kernels - len(self.visits) - self.starting)
        while len(self.spares) < wanted:
            self.spares.append(asyncio.create_task(self.start_spare(environment, folder)))

    async def start_spare(self, environment: dict[str, str], folder: Path) -> str:
        """Start a kernel that has done its imports, knows no visitor and has read no data.

        Returns its id, or nothing if it could not be started.
        """
        kernel_id = await self.start_one(environment, folder)
        client = self.get_kernel(kernel_id).client()
        client.start_channels()
        try:
            await ensure_async(client.wait_for_ready(timeout=SECONDS_TO_IMPORT))
            client.execute(IMPORTS, silent=True, store_history=False)
            await self.answered(client, kernel_id)
        except (RuntimeError, Empty):
            self.log.warning("Spare kernel %s did not get ready", kernel_id)
            await self.end_visit(kernel_id)
            return ""
        finally:
            # Its successor has the same identity, and two at a time would not both be answered.
            client.stop_channels()
        return kernel_id

    async def answered(self, client: Any, kernel_id: str) -> None:
        """Wait for a kernel's answer; RuntimeError if it dies first, Empty if it takes too long."""
        kernel: Any = self.get_kernel(kernel_id)
        process = kernel.provisioner.pid
        for _second in range(SECONDS_TO_IMPORT):
            with suppress(Empty):
                await ensure_async(client.get_shell_msg(timeout=1))
                return
            # A dead one is soon started anew, and knows nothing of what it was asked.
            if not await ensure_async(kernel.is_alive()) or kernel.provisioner.pid != process:
                raise RuntimeError("Kernel died")
        raise Empty

    async def end_all(self) -> None:
        """End every kernel, spare ones included."""
        for spare in self.spares:
            spare.cancel()
        await asyncio.gather(*self.spares, return_exceptions=True)
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
