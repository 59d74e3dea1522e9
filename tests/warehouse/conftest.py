"""What the tests of the warehouse share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loaded_company import copied_company
from sandbox_portal import TODAY, SandboxPortal, running_portal


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


@pytest.fixture
def loaded_portal(
    loaded_company: tuple[Path, str], no_external_sources: None, home: Path, tmp_path: Path
) -> Iterator[SandboxPortal]:
    """The small company with control calls on, and the test's home has already read it."""
    with copied_company(loaded_company, home, tmp_path, "--today", TODAY) as running:
        yield running
