"""``import workbench`` is quick and lists what notebooks use."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import workbench

ROOT = Path(__file__).parent.parent.parent


def test_every_public_name_is_there_and_no_other():
    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    assert set(workbench.__all__) <= set(dir(workbench))
    try:
        workbench.nothing  # noqa: B018 - the access is the test
    except AttributeError as error:
        assert "nothing" in str(error)
    else:
        raise AssertionError("an unknown name was found")


def test_notebooks_use_public_names_only():
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells)
        assert set(re.findall(r"\bwb\.(\w+)", code)) <= set(workbench.__all__)


def test_the_import_takes_less_than_a_third_of_a_second_and_brings_no_pandas():
    code = (
        "import time; t = time.perf_counter(); import workbench; d = time.perf_counter() - t;"
        "import sys; print(d, sorted({'pandas', 'altair', 'duckdb', 'babel'} & set(sys.modules)))"
    )
    spent = []
    for _try in range(5):
        out = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split(" ", 1)
        assert out[1].strip() == "[]"
        spent.append(float(out[0]))
        if min(spent) < 0.3:
            break
        time.sleep(0.2)
    assert min(spent) < 0.3
