"""A query service that serves a copy of the small company."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from query_service import RunningService, copied_home, served


@pytest.fixture(scope="module")
def home(company_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_home(company_home, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[RunningService]:
    with served(home) as running:
        yield running


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
