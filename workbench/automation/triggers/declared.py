"""Trigger files: what starts a run of which report.

One file per trigger, ``parameters/triggers/<name>.yml``; `Trigger` is its shape, and
``trigger.schema.json`` (written from it) lets an editor complete and check the file:

    title: {fr: Grandes affaires gagnées, en: Large deals won}
    when: {records: deals, change: entered, where: is_won and amount_base >= 20000}
    per: record
    window_minutes: 10
    distance_minutes: 60
    run: {report: deal, records: deal_id}

`workbench.automation.triggers.when` says what else ``when`` may be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from workbench.automation.triggers.conditions import check_names
from workbench.automation.triggers.when import (
    SHAPES,
    Change,
    Condition,
    Strict,
    Text,
    When,
)
from workbench.errors import ConfigurationError, ParameterError, UsageError, WorkbenchError
from workbench.i18n import _
from workbench.metrics.catalogue import models, suggest
from workbench.metrics.filters import write_filter
from workbench.metrics.user_fields import NAME as USER_FIELD
from workbench.reports.delivery.destinations import Titles
from workbench.reports.inspection import Parameter, read_yaml, shown
from workbench.reports.parameters import COMMAND_LINE, check_parameters
from workbench.reports.report import load_report
from workbench.settings import settings

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_WINDOW, LONGEST_DISTANCE = 7 * 24 * 60, 31 * 24 * 60  # minutes

SCHEMA = Path(__file__).parent / "trigger.schema.json"


class Start(Strict):
    """The run; ``records`` is the notebook's parameter that is given the ids."""

    report: Text
    parameters: dict[str, Any] = Field(default_factory=dict)
    records: Text | None = None


class Trigger(Strict):
    """A file of ``parameters/triggers/``.

    What happens within ``window_minutes`` after the first time makes one run (of all records, or
    one of each), and no two runs (of all, or of one record) begin within ``distance_minutes``.
    """

    title: Titles
    when: When
    run: Start
    per: Literal["window", "record"] = "window"
    window_minutes: float = Field(0, ge=0, le=LONGEST_WINDOW)
    distance_minutes: float = Field(0, ge=0, le=LONGEST_DISTANCE)
    enabled: bool = True
    name: str = Field("", exclude=True)

    @property
    def definition(self) -> str:
        """A fingerprint of what it watches: another one begins to watch anew."""
        watched = {"when": self.when.model_dump(), "per": self.per}
        return sha256(json.dumps(watched, sort_keys=True).encode()).hexdigest()[:12]

    def parameters_for(self, ids: Sequence[int]) -> dict[str, Any]:
        """Return the parameters of a run for records, or for none."""
        if self.run.records is None or not ids:
            return self.run.parameters
        declared = load_report(self.run.report).notebook_parameters[self.run.records]
        as_text = "str" in (declared.items, declared.kind)
        given = [str(each) if as_text else each for each in ids]
        value = given if self.per == "window" else given[0]
        return {**self.run.parameters, self.run.records: value}


def triggers_dir() -> Path:
    """Return the folder of the trigger files."""
    return settings().parameters_dir / "triggers"


def trigger_file(name: str) -> Path:
    """Return a trigger's own file."""
    return triggers_dir() / f"{name}.yml"


def trigger_names() -> list[str]:
    """Return the names that have a trigger file, sorted; the files are not read."""
    return sorted(p.stem for p in triggers_dir().glob("*.yml") if p.is_file())


def load_trigger(name: str) -> Trigger:
    """Read and check one trigger file with the report that it starts.

    Raises `UsageError` when there is no such trigger, `ConfigurationError` (one line: file, key,
    what is wrong) when its file is wrong.
    """
    if name not in trigger_names():
        raise UsageError(
            _("There is no trigger “{name}”.").format(name=name[:60]),
            hint=_("Triggers: {names}").format(names=", ".join(trigger_names()) or "-"),
        )
    file = trigger_file(name)
    where = shown(file)
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            _("{file}: a trigger's name is small letters, digits and _, a letter first.").format(
                file=where
            )
        )
    content = read_yaml(file)
    if not isinstance(content, dict) or "name" in content:
        raise ConfigurationError(
            _("{file}: expected keys like title, when, run.").format(file=where)
        )
    try:
        trigger = Trigger(**content, name=name)
    except (ValidationError, TypeError) as problem:
        raise ConfigurationError(f"{where}: {_complaint(problem)}") from None
    if isinstance(trigger.when, Change):
        _check_filter(trigger.when, where)
    elif isinstance(trigger.when, Condition):
        _check_condition(trigger, trigger.when, where)
    _check_run(trigger, where)
    return trigger


def schema() -> str:
    """Return the JSON schema of a trigger file, as ``trigger.schema.json`` holds it."""
    content = Trigger.model_json_schema()
    content["properties"].pop("name")
    content["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _check_filter(when: Change, file: str) -> None:
    """Check a filter's names and values; the portal's own fields are known at the data only."""
    key = "when.where" if when.where else "when.segment"
    try:
        kept = when.filter
        if kept and not any(USER_FIELD.fullmatch(name) for name in kept.names):
            write_filter(kept, models()[when.records].filterable())
    except WorkbenchError as problem:
        raise ConfigurationError(f"{file}: {key}: {problem.message}", hint=problem.hint) from None


def _check_condition(trigger: Trigger, when: Condition, file: str) -> None:
    """Check the names in a condition, and that nothing asks for records: it has none."""
    if trigger.per == "record" or trigger.run.records:
        raise ConfigurationError(
            _("{file}: {key}: this trigger is about no records").format(
                file=file, key="per" if trigger.per == "record" else "run.records"
            ),
            hint=_("Records are there with `when: {records: …}` and `when: {call: rest}`."),
        )
    try:
        check_names(when)
    except WorkbenchError as problem:
        raise ConfigurationError(f"{file}: when: {problem.message}", hint=problem.hint) from None


def _check_run(trigger: Trigger, file: str) -> None:
    """Check that the report takes what the run will be given."""
    run = trigger.run
    try:
        report = load_report(run.report)
    except UsageError as problem:
        raise ConfigurationError(
            f"{file}: run.report: {problem.message}", hint=problem.hint
        ) from None
    try:
        check_parameters(report, run.parameters)
    except ParameterError as problem:
        told = problem.message.removeprefix(f"{COMMAND_LINE} ")
        raise ConfigurationError(f"{file}: run.parameters.{told}", hint=problem.hint) from None
    if run.records is None:
        return
    declared = report.notebook_parameters
    fitting = [name for name, parameter in declared.items() if _takes(parameter, trigger.per)]
    if run.records not in fitting or run.records in run.parameters:
        wanted = {
            "window": _("a list such as list[int], as one run is given all records"),
            "record": _("a whole number or a text, as each record has its run"),
        }
        raise ConfigurationError(
            _("{file}: run.records: “{name}” is no parameter of {notebook} that is {kind}.").format(
                file=file,
                name=run.records[:60],
                notebook=shown(report.notebook_file),
                kind=wanted[trigger.per],
            ),
            hint=suggest(run.records, fitting) if fitting else "",
        )


def _takes(parameter: Parameter, per: str) -> bool:
    if parameter.choices:
        return False
    if per == "record":
        return parameter.kind in ("int", "str")
    return parameter.kind == "list" and parameter.items in (None, "int", "str")


def _complaint(problem: ValidationError | TypeError) -> str:
    """Put pydantic's first finding into one line of the reader's language."""
    if isinstance(problem, TypeError):
        return _("every key is a text")
    first = problem.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    shapes: dict[str, type[BaseModel]] = {"run": Start, "title": Titles}
    if path[0] == "when" and len(path) > 1:
        shapes["when"] = SHAPES[path.pop(1)]  # pydantic's path names it; the file does not
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        shape = shapes.get(path[0], Trigger) if len(path) > 1 else Trigger
        allowed = ", ".join(name for name in shape.model_fields if name != "name")
        return _("key “{key}” is unknown; allowed: {allowed}").format(key=key, allowed=allowed)
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _("{key}: expected one of these keys: {names}").format(
            key=key, names=", ".join(SHAPES)
        )
    if first["type"] == "missing":
        return _("key “{key}” is missing.").format(key=key)
    if first["type"] == "literal_error":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return _("{key}: allowed: {allowed}").format(key=key, allowed=allowed)
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}"
    return f"{key}: {first['msg']}"
