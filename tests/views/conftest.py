"""A company with hostile names, and every chart by name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from example_charts import CHARTS
from hostile_company import make_hostile_home

from workbench.views.contents import Chart
from workbench.warehouse import Snapshot, newest_snapshot


@pytest.fixture(scope="session")
def hostile_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_hostile_home(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def hostile(hostile_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of an installation that has synced the company with hostile names."""
    monkeypatch.setenv("WORKBENCH_HOME", str(hostile_home))
    return hostile_home


@pytest.fixture
def snapshot(hostile: Path) -> Iterator[Snapshot]:
    with newest_snapshot() as opened:
        yield opened


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Pretend to IPython that a kernel is there, and collect what would be displayed."""
    import IPython
    import IPython.display

    shown: list[dict] = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(IPython.display, "publish_display_data", lambda data: shown.append(data))
    monkeypatch.setattr(IPython.display, "display", lambda widget: shown.append({"widget": widget}))
    return shown


@pytest.fixture(params=sorted(CHARTS))
def named_chart(request: pytest.FixtureRequest) -> tuple[str, Callable[[], Chart]]:
    return request.param, CHARTS[request.param]
