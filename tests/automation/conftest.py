"""What the tests of automation share."""

from pathlib import Path

import pytest
from loaded_company import load_company


@pytest.fixture(scope="session")
def loaded_company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the state of a portal and the warehouse that has read it, and its port."""
    return load_company(tmp_path_factory.mktemp("loaded"))
