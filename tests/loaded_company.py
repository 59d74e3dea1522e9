"""A small company that a home has already read: copies of both are cheaper than a first sync."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sandbox_portal import SMALL_COMPANY, SandboxPortal, running_portal

from workbench.bitrix24.client import Portal
from workbench.warehouse.sync import sync


def load_company(
    folder: Path,
    options: tuple[str, ...] = SMALL_COMPANY,
    fill: Callable[[str], None] = lambda _url: None,
) -> tuple[Path, str]:
    """Read a portal in ``folder``, once it is filled; return the folder and the portal's port."""
    (folder / "project" / "parameters").mkdir(parents=True)
    (folder / "project" / "notebooks").mkdir()
    state = ("--state", str(folder / "portal.sqlite"))
    with pytest.MonkeyPatch.context() as patch, running_portal(folder, *state, *options) as portal:
        fill(portal.url)
        patch.setenv("WORKBENCH_HOME", str(folder))
        patch.setenv("WORKBENCH_PROJECT", str(folder / "project"))
        with Portal(portal.url, "unlimited", patience=10) as opened:
            assert not sync(portal=opened).problems
        return folder, portal.base.rpartition(":")[2]


@contextmanager
def copied_company(
    loaded: tuple[Path, str], home: Path | None, folder: Path, *clock: str
) -> Iterator[SandboxPortal]:
    """Run a copy of a loaded company's portal, with control calls, beside a home that read it.

    Without ``home`` nobody has read it. ``clock`` are options that set the portal's.
    """
    origin, port = loaded
    if home is not None:
        shutil.copytree(origin / "warehouse", home / "warehouse")
    for file in origin.glob("portal.sqlite*"):  # with what SQLite has not yet moved into it
        shutil.copy(file, folder)
    options = ("--state", str(folder / "portal.sqlite"), "--port", port, *clock)
    with running_portal(folder, *options, "--plan", "unlimited", "--control") as running:
        yield running
