from collections.abc import Iterator
from pathlib import Path

import pytest
from small_project import SmallProject

from workbench.kernels import keeper


@pytest.fixture(scope="package", autouse=True)
def one_zygote() -> Iterator[None]:
    """Runs are forked, as those of the worker are, but where a test asks for other ones."""
    keeper.keep_zygote()
    yield
    keeper.end_zygote()


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    return SmallProject(tmp_path, monkeypatch)
