"""Parameters: declared in the notebook, checked before anything runs, refused in one line."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_project import HELLO, SmallProject

from workbench.errors import ConfigurationError, ParameterError, WorkbenchError
from workbench.reports import load_report, run_report
from workbench.reports.inspection import notebook_parameters
from workbench.reports.parameters import check_parameters, split_pair

TYPED = """
period: str = "last_quarter"  # what to look at
since: str = "2026-01-15"  # first date that counts
grain: str = "month"  # one of: month, quarter
note: str = ""  # a remark about the period's figures
n: int = 3
share: float = 0.5  # between 0 and 1
deep: bool = False
names: list[str] = ["a"]
years: list[int] = [2025]
plan: dict = {"q1": 1.5}
bare = 7
"""


@pytest.fixture
def typed(project: SmallProject) -> SmallProject:
    project.report("typed", HELLO, declares=TYPED)
    return project


def checked(**given) -> dict:
    return check_parameters(load_report("typed"), given)


def test_the_cell_is_the_declaration(typed: SmallProject):
    found = notebook_parameters(typed.notebooks / "typed.ipynb")
    assert {name: p.kind for name, p in found.items()} == {
        "period": "period", "since": "date", "grain": "str", "note": "str", "n": "int",
        "share": "float", "deep": "bool", "names": "list", "years": "list", "plan": "dict",
        "bare": "int",
    }  # fmt: skip
    assert found["grain"].choices == ("month", "quarter")
    assert found["share"].help == "between 0 and 1"
    assert checked() == {name: p.default for name, p in found.items()}


def test_texts_of_the_command_line_take_the_declared_type(typed: SmallProject):
    got = checked(
        period="2026-Q1", since="2026-02-28", grain="quarter", note="2026", n="-4", share="1e-1",
        deep="yes", names="[2026-01, b]", years="[2024, 2025]", plan="{q1: 2}", bare="8",
    )  # fmt: skip
    assert got == {
        "period": "2026-Q1", "since": "2026-02-28", "grain": "quarter", "note": "2026", "n": -4,
        "share": 0.1, "deep": True, "names": ["2026-01", "b"], "years": [2024, 2025],
        "plan": {"q1": 2}, "bare": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("period", "soon", "last_quarter"),
        ("period", "", "last_quarter"),
        ("period", "2026-13", "last_quarter"),
        ("period", "2026-Q1; drop table deals", "last_quarter"),
        ("since", "yesterday", "2026-03-31"),
        ("since", "2026-02-30", "2026-03-31"),
        ("since", "20260115", "2026-03-31"),
        ("grain", "year", "month, quarter"),
        ("n", "three", "whole number"),
        ("n", "3.0", "whole number"),
        ("n", "", "whole number"),
        ("n", "1e3", "whole number"),
        ("share", "half", "a number"),
        ("share", "nan", "a number"),
        ("share", "inf", "a number"),
        ("deep", "2", "true or false"),
        ("deep", "oui", "true or false"),
        ("names", "a", "[a, b]"),
        ("names", "[", "[a, b]"),
        ("years", "[a]", "[a, b]"),
        ("plan", "[1]", "{a: 1, b: 2}"),
        ("note", "a\x00b", "a text"),
        ("perod", "2026", "period, since"),
        ("__class__", "x", "period, since"),
    ],
)
def test_what_does_not_fit_is_one_line_with_key_and_allowed_values(
    typed: SmallProject, name: str, value: str, allowed: str
):
    with pytest.raises(ParameterError) as raised:
        checked(**{name: value})
    assert f"-p {name}" in raised.value.message
    assert allowed in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"period": "soon"}, "parameters.period"),
        ({"n": "3"}, "parameters.n"),
        ({"n": True}, "parameters.n"),
        ({"n": 3.0}, "parameters.n"),
        ({"deep": 1}, "parameters.deep"),
        ({"note": 5}, "parameters.note"),
        ({"years": [2025, "x"]}, "parameters.years"),
        ({"perod": "2026"}, "parameters.perod"),
    ],
)
def test_the_report_file_is_checked_too(typed: SmallProject, content: dict, named: str):
    typed.file("typed", parameters=content)
    with pytest.raises(ParameterError, match=named) as raised:
        checked()
    assert raised.value.message.startswith("parameters/reports/typed.yml")


def test_yaml_dates_and_years_are_taken_for_what_they_look_like(typed: SmallProject):
    file = typed.file("typed")
    file.write_text(file.read_text() + "parameters: {period: 2026, since: 2026-01-15, n: 4}\n")
    got = checked(n="5")
    assert (got["period"], got["since"], got["n"]) == ("2026", "2026-01-15", 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("note", "https://example.bitrix24.fr/rest/1/abc123def456/"),
        ("note", "Bearer abcdefgh12345"),
        ("note", "postgres://me:hidden12@db/crm"),
        ("note", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.abc"),
        ("note", "c2VjcmV0LXRva2VuLXdpdGgtMzItY2hhcnM0"),
        ("api_key", "x"),
        ("webhook", "x"),
    ],
)
def test_a_secret_is_refused_and_not_shown(typed: SmallProject, name: str, value: str):
    with pytest.raises(ParameterError) as raised:
        checked(**{name: value})
    assert "secret" in str(raised.value)
    assert len(value) < 2 or value not in str(raised.value)


def test_plain_texts_are_no_secrets(typed: SmallProject):
    for value in (
        "Atelier Lumen – bureaux, éclairage et mobilier",
        "https://example.fr/catalogue/2026",
        "2026-01-01..2026-03-31",
        "Renouvellements",
    ):
        assert checked(note=value)["note"] == value


def test_a_notebook_may_not_declare_a_secret(project: SmallProject):
    project.report("one", HELLO, declares='webhook: str = ""')
    with pytest.raises(ParameterError, match="webhook"):
        check_parameters(load_report("one"), {})


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ('who: str | None = "x"', "who"),
        ("n: int = compute()", "line 1"),
        ("import os", "line 1"),
        ("n = m = 3", "line 1"),
        ("n: int =", "not Python"),
        ("n: int = 1\nfor i in range(3): pass", "line 2"),
    ],
)
def test_a_parameters_cell_that_papermill_would_misread_is_refused(
    project: SmallProject, cell: str, named: str
):
    project.report("one", HELLO, declares=cell)
    with pytest.raises(ConfigurationError, match=r"notebooks/one\.ipynb") as raised:
        check_parameters(load_report("one"), {})
    assert named in raised.value.message


def test_a_notebook_without_parameters_cell_is_refused(project: SmallProject):
    project.notebook("one", HELLO, declares=None)
    project.file("one")
    with pytest.raises(ConfigurationError, match="parameters"):
        check_parameters(load_report("one"), {})


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"cells": 3, "nbformat": 4}'])
def test_a_damaged_notebook_is_refused(project: SmallProject, content: bytes):
    project.report("one", HELLO)
    (project.notebooks / "one.ipynb").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"notebooks/one\.ipynb"):
        check_parameters(load_report("one"), {})


def test_nothing_is_written_for_a_refused_parameter(typed: SmallProject, tmp_path):
    for wrong in ({"n": "x"}, {"nn": "1"}, {"period": "soon"}):
        with pytest.raises(ParameterError):
            run_report("typed", wrong)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("text", ["", "=", "=x", "period", " = 1"])
def test_a_pair_needs_name_and_value(text: str):
    with pytest.raises(ParameterError):
        split_pair(text)


def test_a_value_may_hold_equal_signs():
    assert split_pair("note=a=b=") == ("note", "a=b=")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["period", "since", "grain", "n", "share", "deep", "names", "plan", "zz"]),
    value=st.text(max_size=60)
    | st.sampled_from(["&a [*a, *a]", "!!python/object:os.system x", "{a: {b: [1]}}", "9" * 5000]),
)
def test_no_text_gets_past_the_check_untyped(typed: SmallProject, name: str, value: str):
    types = {"n": int, "share": float, "deep": bool, "names": list, "plan": dict}
    try:
        got = checked(**{name: value})
    except WorkbenchError as problem:
        assert "\n" not in problem.message
    else:
        assert type(got[name]) is types.get(name, str)
