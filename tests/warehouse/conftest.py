"""What the tests of the warehouse share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_portal import SMALL_COMPANY, TODAY, SandboxPortal, running_portal
from syncing import synced


@pytest.fixture
def bare_portal(tmp_path: Path) -> Iterator[SandboxPortal]:
    """A portal with nothing but its directories, with control calls on."""
    with running_portal(tmp_path, "--plan", "unlimited", "--control") as running:
        yield running


@pytest.fixture
def no_external_sources(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project of the test's own that declares no file to load: only the portal is read."""
    (tmp_path / "project" / "parameters").mkdir(parents=True)
    (tmp_path / "project" / "notebooks").mkdir()
    monkeypatch.setenv("WORKBENCH_PROJECT", str(tmp_path / "project"))


@pytest.fixture(scope="session")
def loaded_company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the state of a portal and the warehouse that has read it, and its port."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "project" / "parameters").mkdir(parents=True)
    (folder / "project" / "notebooks").mkdir()
    options = ("--state", str(folder / "portal.sqlite"), *SMALL_COMPANY)
    with pytest.MonkeyPatch.context() as patch, running_portal(folder, *options) as portal:
        patch.setenv("WORKBENCH_HOME", str(folder))
        patch.setenv("WORKBENCH_PROJECT", str(folder / "project"))
        assert not synced(portal.url).problems
        return folder, portal.base.rpartition(":")[2]


@pytest.fixture
def loaded_portal(
    loaded_company: tuple[Path, str], no_external_sources: None, home: Path, tmp_path: Path
) -> Iterator[SandboxPortal]:
    """The small company with control calls on, and the test's home has already read it."""
    folder, port = loaded_company
    shutil.copytree(folder / "warehouse", home / "warehouse")
    state = shutil.copy(folder / "portal.sqlite", tmp_path / "portal.sqlite")
    options = ("--state", str(state), "--today", TODAY, "--port", port)
    with running_portal(tmp_path, *options, "--plan", "unlimited", "--control") as running:
        yield running
