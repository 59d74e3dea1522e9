"""A large company's warehouse, for the figures that depend on its size.

The full size, 2 M deals and 10 M history rows (minutes to build): `WORKBENCH_BENCH_DEALS=2000000`,
or a home that holds such a snapshot in `WORKBENCH_BENCH_HOME`. Without it 20,000 deals.
"""

import os
from pathlib import Path

import pytest
from large import make_large


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the snapshot of a large company."""
    if given := os.environ.get("WORKBENCH_BENCH_HOME"):
        return Path(given)
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder))
        make_large(folder, int(os.environ.get("WORKBENCH_BENCH_DEALS", "20000")))
    return folder
