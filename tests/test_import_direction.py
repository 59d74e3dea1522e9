"""Imports run one way, the way of the data (see CONTRIBUTING.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "workbench"
FOUNDATION = {"errors", "settings", "i18n"}
ORDER = [
    "kernels",
    "bitrix24",
    "sources",
    "warehouse",
    "metrics",
    "analysis",
    "views",
    "reports",
    "automation",
    "dashboards",
    "cli",
]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def stage(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (stage of workbench that is imported, whether inside a function)."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "workbench" and len(parts) > 1:
                yield parts[1], node.col_offset > 0


def rank(name: str) -> int:
    return -1 if name in FOUNDATION else ORDER.index(name)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_stages_before_it(path: Path):
    here = stage(path)
    if here in ("__init__", "__main__"):
        return  # the public names, resolved lazily
    for imported, inside in imports(ast.parse(path.read_text()), path):
        if imported == here and here not in FOUNDATION:
            continue
        if here in FOUNDATION:
            assert imported == here, f"{here} must import nothing of ours, imports {imported}"
        assert rank(imported) <= rank(here), f"{here} imports {imported}, a later stage"
        assert not inside or here == "cli", f"{path}: import of {imported} inside a block"


def test_every_folder_has_its_place_in_the_order():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= set(ORDER) | FOUNDATION


def test_importing_the_package_loads_neither_pandas_nor_altair():
    code = "import sys, workbench; print({'pandas', 'altair', 'duckdb'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
