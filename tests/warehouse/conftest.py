"""What the tests of the warehouse share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_portal import SandboxPortal, running_portal


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
