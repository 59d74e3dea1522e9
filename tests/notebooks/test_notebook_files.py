"""Notebooks as they stand in git: stripped, thin, one parameters cell of plain literals."""

import ast
import json
import subprocess
import sys
import tokenize
from io import StringIO
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request) -> dict:
    return json.loads(request.param.read_text("utf-8"))


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_the_four_notebooks_are_here():
    assert {path.stem for path in NOTEBOOKS} >= {"sales", "marketing", "forecast", "deal"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_and_counts_are_stripped(path):
    check = [sys.executable, "-m", "nbstripout", "--verify", str(path)]
    verified = subprocess.run(check, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_metadata_names_a_kernel_and_nothing_of_the_author(notebook):
    kernel = notebook["metadata"]["kernelspec"]
    assert kernel["name"] == "python3"
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert set(notebook["metadata"].get("language_info", {})) <= {"name"}


def test_one_cell_holds_the_parameters_and_it_comes_second(notebook):
    tagged = [
        index
        for index, cell in enumerate(notebook["cells"])
        if "parameters" in cell["metadata"].get("tags", [])
    ]
    assert tagged == [1]


def test_parameters_are_typed_literals_with_help(notebook):
    code = source(notebook["cells"][1])
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(StringIO(code).readline)
        if token.type == tokenize.COMMENT
    }
    names = set()
    for node in ast.parse(code).body:
        assert isinstance(node, ast.AnnAssign)
        assert isinstance(node.annotation, ast.Name)
        value = ast.literal_eval(node.value)
        assert type(value).__name__ == node.annotation.id
        assert node.lineno in comments, f"{ast.unparse(node)} has no help"
        names.add(node.target.id)
    assert "period" in names or names == {"severity"}  # the data are looked at as a whole


def test_cells_are_thin(notebook):
    for cell in notebook["cells"]:
        assert cell["cell_type"] == "code"  # prose goes through _() to be in the reader's language
        tree = ast.parse(source(cell))
        heavy = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Lambda, ast.Try)
        assert not [node for node in ast.walk(tree) if isinstance(node, heavy)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert module == "workbench"
        assert len(source(cell).splitlines()) <= 14


def test_every_text_for_the_reader_is_translated(notebook):
    """No text with a space in it stands outside of `_()`, but for parameters and names."""
    for cell in notebook["cells"]:
        tree = ast.parse(source(cell))
        spoken = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"
            for inner in ast.walk(node)
        }
        loose = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and id(node) not in spoken
        ]
        assert not loose
