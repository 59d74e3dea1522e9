from pathlib import Path

import pytest
from small_project import SmallProject


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    return SmallProject(tmp_path, monkeypatch)
