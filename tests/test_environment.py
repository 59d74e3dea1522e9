"""environment.yml, pyproject.toml and the lock say the same."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FIXED = {"jupyterlab", "voila", "ipywidgets", "pandas", "altair", "papermill", "fast-bitrix24"}


def declared() -> list[Requirement]:
    project = PYPROJECT["project"]
    return [
        Requirement(line)
        for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    ]


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = (re.match(r"([a-zA-Z0-9_.-]+)(?:\[[^]]*\])?==([^ ;\\]+)", line) for line in lines)
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def test_conda_installs_python_pip_and_the_project_itself():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert python == "python" + PYPROJECT["project"]["requires-python"]
    assert pip == "pip"
    assert packages == {"pip": ["-e ."]}


def test_every_declared_package_is_locked_within_its_range():
    pins = locked()
    for requirement in declared():
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is not in requirements.lock"
        assert requirement.specifier.contains(pin, prereleases=True), requirement


def test_the_running_environment_is_the_locked_one():
    pins = locked()
    for requirement in declared():
        assert version(requirement.name) == pins[canonicalize_name(requirement.name)]


def test_every_declared_package_says_why():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start = lines.index("dependencies = [")
    end = next(i for i, line in enumerate(lines) if line.startswith("[project.scripts]"))
    for line in map(str.strip, lines[start + 1 : end]):
        if line.startswith('"'):
            assert "#" in line, f"no reason given: {line}"


def test_the_lock_pins_hashes_and_names_no_index():
    text = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text


def test_the_seven_fixed_packages_are_used_by_shipped_code():
    shipped = [*(ROOT / "workbench").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]
    text = "\n".join(path.read_text() for path in shipped)
    for name in FIXED:
        module = name.replace("-", "_")
        used = rf"(import|from) {module}\b|\"-m\", \"{module}\"|from {module}\."
        assert re.search(used, text), f"{name} is pinned but not used"
