"""A small company that a home has already read: copies of both are cheaper than a first sync."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sandbox_portal import SMALL_COMPANY, TODAY, SandboxPortal, running_portal

from workbench.bitrix24.client import Portal
from workbench.warehouse.sync import sync


def load_company(folder: Path) -> tuple[Path, str]:
    """Seed a portal in ``folder`` and read it there; return the folder and the portal's port."""
    (folder / "project" / "parameters").mkdir(parents=True)
    (folder / "project" / "notebooks").mkdir()
    options = ("--state", str(folder / "portal.sqlite"), *SMALL_COMPANY)
    with pytest.MonkeyPatch.context() as patch, running_portal(folder, *options) as portal:
        patch.setenv("WORKBENCH_HOME", str(folder))
        patch.setenv("WORKBENCH_PROJECT", str(folder / "project"))
        with Portal(portal.url, "unlimited", patience=10) as opened:
            assert not sync(portal=opened).problems
        return folder, portal.base.rpartition(":")[2]


@contextmanager
def copied_company(loaded: tuple[Path, str], home: Path, folder: Path) -> Iterator[SandboxPortal]:
    """Run a copy of a loaded company's portal, with control calls, beside a home that read it."""
    origin, port = loaded
    shutil.copytree(origin / "warehouse", home / "warehouse")
    state = shutil.copy(origin / "portal.sqlite", folder / "portal.sqlite")
    options = ("--state", str(state), "--today", TODAY, "--port", port)
    with running_portal(folder, *options, "--plan", "unlimited", "--control") as running:
        yield running
