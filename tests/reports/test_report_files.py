"""Report files: what is accepted, and that a wrong one gets one line naming file and key."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml
from small_project import HELLO, SmallProject

from workbench.errors import ConfigurationError, UsageError
from workbench.reports import load_report, load_reports
from workbench.reports.report import SCHEMA, schema

SHIPPED = Path(__file__).parent.parent.parent / "parameters" / "reports"


def test_the_schema_file_is_in_step_with_the_model():
    assert SCHEMA.read_text(encoding="utf-8") == schema()


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yml")), ids=lambda f: f.stem)
def test_a_shipped_report_fits_schema_and_notebook(file: Path):
    jsonschema.validate(yaml.safe_load(file.read_text()), json.loads(SCHEMA.read_text()))
    report = load_report(file.stem)
    assert set(report.parameters) <= set(report.notebook_parameters)
    if file.stem != "data_health":  # which is of this moment
        assert "period" in report.notebook_parameters
    assert report.title.fr and report.title.en


def test_a_report_is_read_with_its_defaults(project: SmallProject):
    project.report("one", HELLO)
    report = load_report("one")
    assert (report.name, report.timeout, report.dashboard, report.schedule) == (
        "one", 60, False, None,
    )  # fmt: skip
    assert report.description == report.title
    assert str(report.title) == "Trial"


def test_reports_come_in_the_order_of_their_names(project: SmallProject):
    for name in ("zebra", "ant"):
        project.report(name, HELLO)
    (project.reports / "README.md").write_text("not a report")
    assert [report.name for report in load_reports()] == ["ant", "zebra"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"notebok": "x"}, "“notebok” is unknown; allowed: notebook, title"),
        ({"name": "x"}, "“name”"),
        ({"title": {"fr": "Essai"}}, "title.en"),
        ({"title": {"fr": "Essai", "en": "Trial", "de": "Probe"}}, "title.de"),
        ({"title": {"fr": "", "en": "Trial"}}, "title.fr"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"dashboard": "perhaps"}, "dashboard"),
        ({"parameters": ["period"]}, "parameters"),
        ({"schedule": {"cron": "0 7 * * 1"}}, "schedule.timezone"),
        ({"schedule": {"cron": "0 25 * * 1", "timezone": "UTC"}}, "schedule.cron"),
        ({"schedule": {"cron": "0 7 * *", "timezone": "UTC"}}, "schedule.cron"),
        ({"schedule": {"cron": "@daily", "timezone": "UTC"}}, "schedule.cron"),
        ({"schedule": {"cron": "", "timezone": "UTC"}}, "schedule.cron"),
        ({"schedule": {"cron": "0 7 * * 1", "timezone": "Europe/Pariss"}}, "schedule.timezone"),
        ({"schedule": {"cron": "0 7 * * 1", "timezone": "../../etc/passwd"}}, "schedule.timezone"),
        ({"notebook": "../one.ipynb"}, "notebook"),
        ({"notebook": "/etc/one.ipynb"}, "notebook"),
        ({"notebook": "..\\one.ipynb"}, "notebook"),
        ({"notebook": "one.py"}, "notebook"),
        ({"notebook": "two.ipynb"}, "allowed: one.ipynb"),
    ],
)
def test_a_wrong_file_gets_one_line_with_file_and_key(
    project: SmallProject, content: dict, named: str
):
    project.report("one", HELLO, **content)
    with pytest.raises(ConfigurationError) as raised:
        load_report("one")
    assert raised.value.message.startswith("parameters/reports/one.yml")
    assert named in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    ["notebook: [", "- a\n- b", "", "just a text", "notebook: \x01", "1: x\n2: y", b"\xff\xfe\x00"]
    + ["notebook: 2026-02-30", "[" * 3000],
)
def test_what_is_no_report_at_all_names_the_file(project: SmallProject, text: str | bytes):
    (project.reports / "one.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as raised:
        load_report("one")
    assert raised.value.message.startswith("parameters/reports/one.yml")
    assert "\n" not in raised.value.message


def test_what_only_looks_like_a_report_is_none(project: SmallProject):
    project.report("one", HELLO)
    (project.reports / "folder.yml").mkdir()
    (project.reports / "gone.yml").symlink_to(project.reports / "nowhere")
    (project.reports / "endless.yml").symlink_to("/dev/zero")
    os.mkfifo(project.reports / "pipe.yml")
    assert [report.name for report in load_reports()] == ["one"]
    with pytest.raises(UsageError, match="pipe"):
        load_report("pipe")


@pytest.mark.parametrize("name", ["two", "../one", "/etc/passwd", "", "one.yml", "ONE", "o" * 999])
def test_an_unknown_report_lists_those_that_there_are(project: SmallProject, name: str):
    project.report("one", HELLO)
    with pytest.raises(UsageError) as raised:
        load_report(name)
    assert "one" in raised.value.hint
