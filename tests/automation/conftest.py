"""A project with a report for triggers to start, and a portal that its home has read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loaded_company import copied_company
from sandbox_portal import TODAY, SandboxPortal
from small_project import SmallProject
from triggering import DECLARES


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    made = SmallProject(tmp_path, monkeypatch)
    (made.folder / "parameters" / "triggers").mkdir()
    made.report("tell", 'print("ids", ids, n)', declares=DECLARES)
    return made


@pytest.fixture
def loaded_portal(
    loaded_company: tuple[Path, str], project: SmallProject, home: Path, tmp_path: Path
) -> Iterator[SandboxPortal]:
    with copied_company(loaded_company, home, tmp_path, "--today", TODAY) as running:
        yield running
