"""What the tests share: a clean environment, real sandbox portals over HTTP, a synced home."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import command_line
import pytest
from loaded_company import load_company
from sandbox_portal import SEED, SMALL_COMPANY, TODAY, SandboxPortal, running_portal

# A shell starts jobs in the background with Ctrl-C ignored, and their children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory):
    """No setting of the developer's, and no credentials of theirs, reach a test."""
    for name in list(os.environ):
        if name.startswith("WORKBENCH_") or name == "QUERY_STRING":
            monkeypatch.delenv(name)
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty installation: state in ``<tmp>/home``, runs in ``<tmp>/outputs``."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("WORKBENCH_HOME", str(folder))
    monkeypatch.setenv("WORKBENCH_OUTPUTS", str(tmp_path / "outputs"))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the data sets of ../shared/data are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxPortal]:
    """The seeded small company; tests only read it (see `fresh_portal` for changes)."""
    with running_portal(tmp_path_factory.mktemp("portal"), *SMALL_COMPANY) as running:
        yield running


@pytest.fixture
def fresh_portal(tmp_path: Path) -> Iterator[SandboxPortal]:
    """A small company of the test's own, with control calls on."""
    with running_portal(tmp_path, *SMALL_COMPANY, "--control") as running:
        yield running


@pytest.fixture(scope="session")
def company_home(portal: SandboxPortal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one snapshot of the small company, with spend and plan; read only."""
    folder = tmp_path_factory.mktemp("company")
    small = ("--company", "small", "--today", TODAY)
    spend, plan = (
        str(folder / "imports" / f"{name}.csv") for name in ("marketing_spend", "targets")
    )
    command_line.workbench("sandbox", "spend", *small, "--seed", SEED, spend, check=True)
    command_line.workbench("sandbox", "targets", *small, plan, check=True)
    environ = {
        **os.environ,
        "WORKBENCH_HOME": str(folder),
        "WORKBENCH_WEBHOOK": portal.url,
        "WORKBENCH_PLAN": "unlimited",
    }
    command_line.workbench("sync", env=environ, check=True)
    return folder


@pytest.fixture(scope="session")
def loaded_company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the state of a portal and the warehouse that has read it, and its port."""
    return load_company(tmp_path_factory.mktemp("loaded"))


@pytest.fixture
def company(company_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of an installation that has synced the small company."""
    monkeypatch.setenv("WORKBENCH_HOME", str(company_home))
    monkeypatch.setenv("WORKBENCH_OUTPUTS", str(tmp_path / "outputs"))
    return company_home
