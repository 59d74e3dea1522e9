"""What the tests of the warehouse share."""

from pathlib import Path

import pytest


@pytest.fixture
def no_external_sources(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project of the test's own that declares no file to load: only the portal is read."""
    (tmp_path / "project" / "parameters").mkdir(parents=True)
    (tmp_path / "project" / "notebooks").mkdir()
    monkeypatch.setenv("WORKBENCH_PROJECT", str(tmp_path / "project"))
