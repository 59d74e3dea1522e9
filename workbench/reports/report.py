"""Report files: which notebook runs with which parameters, when, and under which title.

One file per report, ``parameters/reports/<name>.yml``; `Report` is its shape and
``report.schema.json`` (written from it) lets an editor complete and check the file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.errors import ConfigurationError, UsageError
from workbench.i18n import _
from workbench.reports.delivery.destinations import DESTINATIONS, Destination, OnlyIf, Titles
from workbench.reports.for_each import ForEach
from workbench.reports.inspection import Parameter, notebook_parameters, read_yaml, shown
from workbench.reports.schedule import Schedule
from workbench.settings import settings
from workbench.sources.calendar import Closure

NAME = re.compile(r"[a-z][a-z0-9_]*")
SCHEMA = Path(__file__).parent / "report.schema.json"

Text = Annotated[str, Field(min_length=1)]


class Fresh(BaseModel):
    """A source that must have been loaded lately."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Text = Field(description="A name of `workbench sources`, such as bitrix24.")
    within_hours: float = Field(gt=0, le=24 * 366, description="Since its last sync, at most.")


class Report(BaseModel):
    """A report: a notebook of ``notebooks/`` with its parameters.

    ``timeout`` is the run's wall-clock limit in seconds, kernel start and rendering included.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, title="Report")

    notebook: Text = Field(description="File name in notebooks/, for example sales.ipynb.")
    title: Titles
    description: Titles = Field(
        default_factory=lambda data: data.get("title"), description="By default the title."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Values for the notebook's `parameters` cell."
    )
    tables: list[Text] = Field(
        default_factory=list,
        description="Tables that it reads: a failed error check of one of them stops it.",
    )
    requires: list[Fresh] = Field(
        default_factory=list, description="Sources that must be fresh, or the report is not run."
    )
    despite_checks: bool = Field(False, description="Run although such a check fails, and say so.")
    dashboard: bool = Field(False, description="Whether the notebook is also a live page.")
    schedule: Schedule | None = None
    for_each: ForEach | None = Field(
        None, description="One run for each manager, department, pipeline, source or segment."
    )
    deliver: list[Destination] = Field(
        default_factory=list,
        max_length=20,
        description="Where the results of runs by schedule or queue are sent.",
    )
    pdf: bool = Field(False, description="Make a PDF of each run; as well if one is attached.")
    timeout: int = Field(300, ge=1, le=86_400, description="Wall-clock limit of a run, in seconds.")
    retries: int = Field(
        0, ge=0, le=5, description="How often a run that was killed or timed out is run again."
    )
    retain: int | None = Field(
        None, ge=1, le=3650, description="Days for which runs are kept; by default for good."
    )
    name: str = Field("", exclude=True, json_schema_extra={"readOnly": True})

    @field_validator("notebook")
    @classmethod
    def _is_file_name(cls, value: str) -> str:
        if Path(value).name != value or not value.endswith(".ipynb") or "\\" in value:
            raise ValueError(_("a file name of notebooks/ ending in .ipynb, without folders"))
        return value

    @property
    def makes_pdf(self) -> bool:
        """Whether its runs make a PDF: it says so, or has one sent."""
        parts = [
            [*getattr(each, "attach", []), *getattr(each, "files", [])] for each in self.deliver
        ]
        return self.pdf or any("pdf" in each for each in parts)

    @property
    def notebook_file(self) -> Path:
        """The notebook's source."""
        return settings().notebooks_dir / self.notebook

    @property
    def notebook_parameters(self) -> dict[str, Parameter]:
        """What the notebook takes, by name, in its order; raises `ConfigurationError`."""
        return notebook_parameters(self.notebook_file)

    @property
    def file(self) -> Path:
        """The report's own file."""
        return reports_dir() / f"{self.name}.yml"


def reports_dir() -> Path:
    """Return the folder of the report files."""
    return settings().parameters_dir / "reports"


def report_names() -> list[str]:
    """Return the names that have a report file, sorted; the files are not read."""
    return sorted(
        p.stem for p in reports_dir().glob("*.yml") if NAME.fullmatch(p.stem) and p.is_file()
    )


def load_report(name: str) -> Report:
    """Read and check one report file.

    Raises `UsageError` when there is no such report, `ConfigurationError` (one line: file, key,
    what is allowed) when the file or its notebook is wrong.
    """
    if name not in report_names():
        raise UsageError(
            _("There is no report “{name}”.").format(name=name),
            hint=_("Reports: {names}").format(names=", ".join(report_names()) or "-"),
        )
    file = reports_dir() / f"{name}.yml"
    content = read_yaml(file)
    if not isinstance(content, dict):
        raise ConfigurationError(
            _("{file}: expected keys like notebook, title, parameters.").format(file=shown(file))
        )
    if "name" in content:
        raise ConfigurationError(
            _("{file}: key “name” is unknown; the file's name is the report's.").format(
                file=shown(file)
            )
        )
    try:
        report = Report(**content, name=name)
    except (ValidationError, TypeError) as problem:
        raise ConfigurationError(f"{shown(file)}: {_complaint(problem)}") from None
    if not report.notebook_file.is_file():
        known = sorted(p.name for p in settings().notebooks_dir.glob("*.ipynb"))
        raise ConfigurationError(
            _("{file}: notebook: there is no notebooks/{notebook}; allowed: {known}").format(
                file=shown(file), notebook=report.notebook, known=", ".join(known) or "-"
            )
        )
    return report


def load_reports() -> list[Report]:
    """Read every report file, in the order of their names; errors as in `load_report`."""
    return [load_report(name) for name in report_names()]


def schema() -> str:
    """Return the JSON schema of a report file, as ``report.schema.json`` holds it."""
    content = Report.model_json_schema()
    content["properties"].pop("name")
    content["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _complaint(problem: ValidationError | TypeError) -> str:
    """Put pydantic's first finding into one line of the reader's language."""
    if isinstance(problem, TypeError):
        return _("every key is a text")
    first = problem.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        allowed = _fields(first["loc"][:-1])
        return _("key “{key}” is unknown; allowed: {allowed}").format(key=key, allowed=allowed)
    if first["type"] == "missing":
        return _("key “{key}” is missing.").format(key=key)
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _("{key}.by: allowed: {allowed}").format(key=key, allowed=", ".join(DESTINATIONS))
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}"
    return f"{key}: {first['msg']}"


def _fields(path: tuple[int | str, ...]) -> str:
    """Return the keys that are allowed at a place of the file."""
    names = [str(part) for part in path]
    model: type[BaseModel] = Titles if names else Report
    if "only_if" in names:
        model = OnlyIf
    elif names[:1] == ["deliver"] and len(names) > 2 and names[-1] != "subject":
        model = DESTINATIONS[names[2]]
    elif names[:1] == ["requires"]:
        model = Fresh
    elif names[:1] == ["for_each"]:
        model = ForEach
    elif names[:1] == ["schedule"]:
        model = Closure if "blackout" in names else Schedule
    return ", ".join(
        field.alias or name for name, field in model.model_fields.items() if name != "name"
    )
