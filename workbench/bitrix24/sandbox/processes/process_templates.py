"""Process templates: what a designer would draw, written in YAML.

A template has steps of these kinds; ``{=Document:FIELD}`` stands for a field of the document and
``{=NAME:result}`` for what the activity of that name returned (``{=NAME:IsTimeout}`` is 1 when it
did not answer in time)::

    name: analyse_deal
    title: {fr: Analyser l’affaire, en: Analyse the deal}
    document: DEAL
    start_on_stage: PREPARATION        # runs by itself when a deal reaches this stage
    steps:
      - activity: analyse_commerciale  # CODE of a registered activity or robot
        name: analysis
        properties: {period: last_quarter}
        wait: true
        timeout: 120                   # seconds; 0 waits for ever
      - choose:                        # the first case whose conditions all hold
          - case: growing
            when:
              - {value: "{=analysis:status}", is: ok}
              - {value: "{=analysis:change_percent}", at_least: 5}
            steps:
              - set_stage: PREPAYMENT_INVOICE
          - case: otherwise
            steps:
              - notify: "{=Document:ASSIGNED_BY_ID}"
                message: "{=analysis:summary}"
      - wait: 2                        # seconds
      - log: "done"

`program` makes of it a flat list of instructions, so that the place where an instance stands is
one number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ConfigurationError
from workbench.i18n import Language, _

EXAMPLES = Path(__file__).parent / "examples"

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Scalar = str | int | float | bool
Seconds = Annotated[float, Field(ge=0, le=31_536_000)]

_EXPRESSION = re.compile(r"\{=([A-Za-z][A-Za-z0-9_]*):([A-Za-z0-9_]+)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Titles(_Strict):
    """A text in both languages."""

    fr: str
    en: str

    def of(self, code: Language) -> str:
        """Return the text in a language."""
        return self.fr if code == "fr" else self.en


class Activity(_Strict):
    """Call an application's activity and, if ``wait``, stand until it answers."""

    activity: str
    name: Name
    properties: dict[str, Scalar | list[Scalar]] = {}
    wait: bool = True
    timeout: Seconds = 0


class Condition(_Strict):
    """Compare a value; exactly one comparison is given. Numbers compare as numbers."""

    value: str
    is_: Scalar | None = Field(None, alias="is")
    is_not: Scalar | None = None
    less_than: float | None = None
    at_most: float | None = None
    more_than: float | None = None
    at_least: float | None = None
    empty: bool | None = None

    @model_validator(mode="after")
    def _compares_once(self) -> Self:
        if len(self.model_fields_set - {"value"}) != 1:
            raise ValueError("exactly one comparison is needed")
        return self


class Case(_Strict):
    """One branch; without conditions it always holds."""

    case: str
    title: Titles | None = None
    when: list[Condition] = []
    steps: list[Step] = []


class Choose(_Strict):
    """Take the first case that holds; go on after the last case otherwise."""

    choose: Annotated[list[Case], Field(min_length=1)]


class SetStage(_Strict):
    """Move the document to a stage (its code, such as ``C1:NEW``)."""

    set_stage: str


class Notify(_Strict):
    """Send a system notification to a user (id or expression)."""

    notify: str | int
    message: str


class Wait(_Strict):
    """Stand for some seconds."""

    wait: Seconds


class Log(_Strict):
    """Write a line into the process's log."""

    log: str


Step = Activity | Choose | SetStage | Notify | Wait | Log


class Template(_Strict):
    """A process: how it is named, which documents it runs on, what it does."""

    name: Name
    title: Titles
    document: Literal["DEAL", "LEAD", "CONTACT", "COMPANY"] = "DEAL"
    start_on_stage: str | None = None
    steps: Annotated[list[Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_results_once(self) -> Self:
        names = [*result_names(self.steps), "Document", "Workflow"]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]} is used twice")
        return self


Case.model_rebuild()
Template.model_rebuild()


def read(text: str, source: str) -> Template:
    """Parse a template; raises `ConfigurationError` naming ``source`` and the key."""
    try:
        return Template.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(
            _("{source}, line {line}: no YAML.").format(
                source=source, line=mark.line + 1 if mark else 1
            )
        ) from None
    except ValueError as error:
        # YAML's own types: a date that is none, a number of thousands of digits
        if isinstance(error, ValidationError):
            raise _unfit(error, source) from None
        raise ConfigurationError(
            _("{source}: {problem}").format(source=source, problem=str(error)[:100])
        ) from None


def _unfit(error: ValidationError, source: str) -> ConfigurationError:
    first = min(error.errors(), key=lambda item: -len(item["loc"]))
    key = ".".join(str(part) for part in first["loc"])
    return ConfigurationError(
        _("{source}: {key}: {problem}").format(source=source, key=key, problem=first["msg"])
    )


def examples() -> list[Template]:
    """Return the templates that a new sandbox portal has."""
    return [read(file.read_text("utf-8"), file.name) for file in sorted(EXAMPLES.glob("*.yml"))]


def program(template: Template) -> list[dict[str, Any]]:
    """Return the template as a flat list of JSON-ready instructions; the last one is ``end``."""
    instructions: list[dict[str, Any]] = []
    _compile(template.steps, instructions)
    instructions.append({"do": "end"})
    return instructions


def _compile(steps: list[Step], out: list[dict[str, Any]]) -> None:
    for step in steps:
        if isinstance(step, Choose):
            branch: dict[str, Any] = {"do": "choose", "cases": [], "otherwise": 0}
            out.append(branch)
            jumps = []
            for case in step.choose:
                when = [c.model_dump(by_alias=True, exclude_none=True) for c in case.when]
                title = case.title.model_dump() if case.title else {}
                branch["cases"].append(
                    {"case": case.case, "title": title, "when": when, "to": len(out)}
                )
                _compile(case.steps, out)
                jump: dict[str, Any] = {"do": "jump", "to": 0}
                jumps.append(jump)
                out.append(jump)
            branch["otherwise"] = len(out)
            for jump in jumps:
                jump["to"] = len(out)
        elif isinstance(step, Activity):
            out.append({"do": "activity", **step.model_dump()})
        elif isinstance(step, SetStage):
            out.append({"do": "set_stage", "stage": step.set_stage})
        elif isinstance(step, Notify):
            out.append({"do": "notify", "user": str(step.notify), "message": step.message})
        elif isinstance(step, Wait):
            out.append({"do": "wait", "seconds": step.wait})
        else:
            out.append({"do": "log", "message": step.log})


Values = Mapping[str, Mapping[str, object]]  # {"Document": {field: value}, name: {result: value}}


def filled(text: object, values: Values) -> str:
    """Return ``text`` with its expressions replaced; what is unknown becomes an empty text."""

    def known(match: re.Match[str]) -> str:
        value = values.get(match[1], {}).get(match[2])
        return "" if value is None else str(value)

    return _EXPRESSION.sub(known, str(text))


def has_expression(text: str) -> bool:
    """Whether a text holds something that `filled` replaces."""
    return _EXPRESSION.search(text) is not None


def result_names(steps: list[Step]) -> list[str]:
    """Return the names under which activities keep their results, in the order of the steps."""
    return [step.name for step in activities_of(steps)]


def activities_of(steps: list[Step]) -> list[Activity]:
    """Return the steps that call an activity, those inside of cases too."""
    found: list[Activity] = []
    for step in steps:
        if isinstance(step, Activity):
            found.append(step)
        elif isinstance(step, Choose):
            found += [one for case in step.choose for one in activities_of(case.steps)]
    return found


def holds(conditions: list[dict[str, Any]], values: Values) -> bool:
    """Tell whether all conditions hold; a number compared with an empty value never does."""
    return all(_holds(condition, filled(condition["value"], values)) for condition in conditions)


def _holds(condition: dict[str, Any], value: str) -> bool:
    if "empty" in condition:
        return (value == "") is condition["empty"]
    if "is" in condition:
        return _same(value, condition["is"])
    if "is_not" in condition:
        return not _same(value, condition["is_not"])
    number = _number(value)
    if number is None:
        return False
    limits = {key: _number(str(limit)) for key, limit in condition.items() if key != "value"}
    return all(
        limit is not None
        and {
            "less_than": number < limit,
            "at_most": number <= limit,
            "more_than": number > limit,
            "at_least": number >= limit,
        }[key]
        for key, limit in limits.items()
    )


def _same(value: str, other: object) -> bool:
    left, right = _number(value), _number(str(other))
    if left is not None and right is not None:
        return left == right
    return value == str(other)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
