"""Notebooks executed once per language, still, on a company with hostile names."""

import json
import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path

import papermill
import pytest
from hostile_company import make_hostile_home

from workbench.kernels import keeper, specs

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Executed:
    """An executed notebook: its run folder, all its HTML, and the text that one reads."""

    folder: Path
    html: str

    @property
    def text(self) -> str:
        return unescape(re.sub(r"<[^>]+>", " ", self.html))

    @property
    def result(self) -> dict:
        return json.loads((self.folder / "result.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def hostile_home(tmp_path_factory) -> Path:
    return make_hostile_home(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def execute(hostile_home, tmp_path_factory):
    """Return a function (notebook, language, parameters) -> Executed; each is run once."""

    keeper.keep_zygote()

    @cache
    def run(name: str, language: str, parameters: tuple[tuple[str, object], ...] = ()) -> Executed:
        folder = tmp_path_factory.mktemp(f"{name}-{language}")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("WORKBENCH_HOME", str(hostile_home))
            environment.setenv("WORKBENCH_LANGUAGE", language)
            environment.setenv("WORKBENCH_RUN", str(folder))
            environment.setenv("JUPYTER_PATH", str(specs.JUPYTER))  # forked, as runs have them
            done = papermill.execute_notebook(
                ROOT / "notebooks" / f"{name}.ipynb",
                folder / "notebook.ipynb",
                parameters=dict(parameters),
                progress_bar=False,
            )
        outputs = [out for cell in done.cells for out in cell.get("outputs", [])]
        assert not [out for out in outputs if out.output_type in ("stream", "error")]
        return Executed(folder, "\n".join(out["data"].get("text/html", "") for out in outputs))

    return run
