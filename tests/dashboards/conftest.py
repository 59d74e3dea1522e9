"""What the tests of the dashboards share: servers and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Watched, chromium, watched
from playwright.sync_api import Browser
from serving import SECRET, Server, serving, write_project

from workbench.kernels import keeper

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session", autouse=True)
def one_zygote() -> Iterator[None]:
    """The zygote that servers of these tests fork kernels from ends with them."""
    yield
    keeper.end_zygote()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with all the small notebooks, started with secrets in its environment."""
    folder = tmp_path_factory.mktemp("dashboards")
    project = write_project(folder / "project", folder / "home")
    secrets = {
        "WORKBENCH_WEBHOOK": f"https://example.bitrix24.com/rest/1/{SECRET}/",
        "WORKBENCH_APP_SECRET": SECRET,
        "SOME_TOKEN": SECRET,
    }
    with serving(project, folder / "home", **secrets) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser) as page:
        yield page


@pytest.fixture(scope="module")
def shop(company_home: Path) -> Iterator[Server]:
    """The product's own dashboards on the small company."""
    with serving(ROOT, company_home) as running:
        yield running
