"""What the numbers mean: one YAML file per metric, one for the models they count over.

A definition is either an *expression* (a DuckDB aggregate over the rows of one model, by one date
basis) or a *formula* over other metrics, so that the parts of a ratio cannot drift from the
metrics of the same name. Everything is checked when it is read.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ConfigurationError, QueryError
from workbench.i18n import _, language

DEFINITIONS = Path(__file__).parent / "definitions"
MODELS = Path(__file__).parent / "models.yml"
PERIOD_DAYS = "period_days"  # in a formula: days of the unit of time, up to that of the data
POSITIVE = "positive"  # in a formula: positive(x) is x where that is above 0, nothing elsewhere

Basis = Literal["created", "closed", "event", "as-of", "left", "due"]
Unit = Literal["count", "money", "money_per_day", "share", "days", "hours", "ratio"]
Maturity = Literal["cycle_p90", "response_p90"]
Grain = Literal["day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year"]
Kind = Literal["text", "number", "date", "boolean"]
GRAINS: tuple[Grain, ...] = (
    *("day", "week", "month", "quarter", "year"),
    *("fiscal_quarter", "fiscal_year"),
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Strict):
    """A text in both languages."""

    fr: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def __str__(self) -> str:
        return self.fr if language() == "fr" else self.en


class Join(_Strict):
    """What a dimension or metric adds to its model.

    ``repeats``: a row may come several times; ``replace`` then shares its money out, or else it
    counts in full under each.
    """

    sql: str
    columns: dict[str, str]
    entities: list[str] = []
    repeats: bool = False
    replace: dict[str, str] = {}


class Column(_Strict):
    """Where a dimension stands; rows with the same text but another ``key`` (SQL) stay apart.

    ``apart``: the dimension whose value tells them apart for the reader; else their key does.
    """

    column: str
    key: str | None = None
    apart: str | None = None
    join: str | None = None
    kind: Kind = "text"


class Then(_Strict):
    """The model that knows some dimensions and fields as they were at an earlier moment."""

    model: str
    names: list[str]


class Narrow(_Strict):
    """A table, or a query, with the rows of a model and some of its columns."""

    table: str
    columns: list[str]


class Once(_Strict):
    """The rows (a condition) of which each deal has one for each combination of ``by``."""

    by: list[str]
    rows: str


class Model(_Strict):
    """A table of the snapshot, or a query over its tables, that metrics count over."""

    table: str
    grain: Text
    key: str
    entities: list[str]
    dates: dict[Basis, str] = {}
    open: dict[Literal["from", "until"], str] = {}
    then: Then | None = None
    grains: list[Grain] = list(GRAINS)
    joins: dict[str, Join] = {}
    dimensions: dict[str, Column]
    fields: dict[str, Kind]
    narrow: Narrow | None = None
    apart: list[str] = []
    once: list[Once] = []
    user_fields: dict[str, str] = {}  # kind of record -> column with its id (see `user_fields`)

    def filterable(self) -> dict[str, tuple[str, Kind]]:
        """Return what a filter may name: name -> (column, kind)."""
        allowed: dict[str, tuple[str, Kind]] = {
            name: (f'"{name}"', kind) for name, kind in self.fields.items()
        }
        for name, column in self.dimensions.items():
            allowed[name] = (f'"{column.column}"', column.kind)
        return allowed

    def overlapping(self, dimension: str) -> bool:
        """Whether a row may stand in several groups of a dimension, so that they do not add up."""
        join = self.dimensions[dimension].join
        return join is not None and self.joins[join].repeats

    @model_validator(mode="before")
    @classmethod
    def _short_columns(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("dimensions"), dict):
            long = {
                name: {"column": column} if isinstance(column, str) else column
                for name, column in value["dimensions"].items()
            }
            value = {**value, "dimensions": long}
        return value


class Definition(_Strict):
    """One metric. See ``workbench metric --explain ID`` for one in words."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    help: Text
    unit: Unit
    owner: Text
    additive: bool = False
    plan: str | None = None  # the metric that says what was planned of this one
    sources: list[str] = []
    maturity: Maturity | None = None
    today_only: bool = False  # a figure as of a moment that earlier ones cannot be told of
    when_over: bool = False  # known once a period is over; `rows` may name `until`, the day after
    # Either counted …
    model: str | None = None
    date: Basis | None = None
    rows: str | None = None
    joins: list[str] = []
    expression: str | None = None
    empty: Literal["zero", "missing"] | None = None
    # … or calculated.
    formula: str | None = None
    n_of: list[str] = []

    @model_validator(mode="after")
    def _one_of_two(self) -> Definition:
        counted = self.model is not None and self.date is not None and self.expression is not None
        if counted == (self.formula is not None):
            raise ValueError("needs either model, date and expression, or a formula")
        return self

    @property
    def when_empty(self) -> float:
        """Value where no row is found: 0 for sums and counts, NaN (nothing) for the rest."""
        zero = self.additive if self.empty is None else self.empty == "zero"
        return 0.0 if zero else float("nan")


@cache
def _models_file() -> tuple[dict[str, Model], dict[str, Text]]:
    try:
        raw = yaml.load(MODELS.read_text("utf-8"), yaml.CSafeLoader)
        models = {name: Model.model_validate(value) for name, value in raw["models"].items()}
        titles = {name: Text.model_validate(value) for name, value in raw["dimensions"].items()}
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{MODELS.name}: {error}") from None
    for name, model in models.items():
        for dimension, column in model.dimensions.items():
            if dimension not in titles:
                raise ConfigurationError(f"{MODELS.name}: {name}: {dimension} has no title")
            if column.join is not None and column.join not in model.joins:
                raise ConfigurationError(f"{MODELS.name}: {name}: no join {column.join}")
    return models, titles


def models() -> dict[str, Model]:
    """Return the models by name."""
    return _models_file()[0]


def dimension_titles() -> dict[str, Text]:
    """Return the title of every dimension, by name."""
    return _models_file()[1]


@cache
def catalogue() -> dict[str, Definition]:
    """Return every metric by id; `ConfigurationError` names the file that is wrong."""
    found: dict[str, Definition] = {}
    for file in sorted(DEFINITIONS.glob("*.yml")):
        try:
            content = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)  # 8 times as fast
            definition = Definition.model_validate(content)
        except (ValidationError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{file.name}: {error}") from None
        if definition.id != file.stem:
            raise ConfigurationError(f"{file.name}: its id is {definition.id}")
        if definition.model is not None:
            _check_counted(file.name, definition)
        found[definition.id] = definition
    for definition in found.values():
        for part in [*_names(definition), *definition.n_of, *filter(None, [definition.plan])]:
            if part not in found:
                raise ConfigurationError(f"{definition.id}.yml: there is no metric {part}")
    return found


def _check_counted(file: str, definition: Definition) -> None:
    model = models().get(definition.model or "")
    if model is None:
        raise ConfigurationError(f"{file}: there is no model {definition.model}")
    if definition.date == "as-of":
        if not model.open:
            raise ConfigurationError(f"{file}: model {definition.model} has no open state")
    elif definition.date not in model.dates:
        raise ConfigurationError(f"{file}: {definition.model} has no date {definition.date}")
    for join in definition.joins:
        if join not in model.joins:
            raise ConfigurationError(f"{file}: model {definition.model} has no join {join}")


def definition(metric: str) -> Definition:
    """Return one metric; an unknown id raises `QueryError` with the closest ones."""
    try:
        return catalogue()[metric]
    except KeyError:
        raise QueryError(
            _("There is no metric “{id}”.").format(id=str(metric)[:60]),
            hint=suggest(str(metric), catalogue()),
        ) from None


def suggest(word: str, known: Iterable[str]) -> str:
    """Say which of the ``known`` words were perhaps meant, or list them."""
    names = sorted(known)
    close = difflib.get_close_matches(word[:60].lower(), names, n=3, cutoff=0.5)
    if close:
        return _("Did you mean {names}?").format(names=", ".join(close))
    return _("Known are: {names}.").format(names=", ".join(names))


def _names(metric: Definition) -> list[str]:
    if metric.formula is None:
        return []
    tree = ast.parse(metric.formula, mode="eval")
    names = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
    return [name for name in names if name not in (PERIOD_DAYS, POSITIVE)]


def parts(metric: Definition) -> list[Definition]:
    """Return the metrics that a formula names, directly; nothing for a counted metric."""
    return [definition(name) for name in _names(metric)]


def leaves(metric: Definition) -> list[Definition]:
    """Return the counted metrics that a metric is made of; itself if it is counted."""
    if metric.formula is None:
        return [metric]
    found: dict[str, Definition] = {}
    for part in parts(metric):
        found.update({leaf.id: leaf for leaf in leaves(part)})
    return list(found.values())


def dimensions(metric: Definition, known: Mapping[str, Model] | None = None) -> list[str]:
    """Return the dimensions that a metric can be cut by: those that all its parts have.

    ``known``: the models of a snapshot, with the portal's user fields (see `user_fields`).
    """
    own = [(known or models())[str(leaf.model)].dimensions for leaf in leaves(metric)]
    return [name for name in own[0] if all(name in each for each in own)]


def filterable(metric: Definition, known: Mapping[str, Model] | None = None) -> set[str]:
    """Return what a filter of a metric may name: what all its parts have."""
    own = ((known or models())[str(leaf.model)].filterable() for leaf in leaves(metric))
    return set.intersection(*map(set, own))


def grains(metric: Definition) -> list[Grain]:
    """Return the time grains that a metric is known at; fiscal ones are made of months."""
    own = [models()[str(leaf.model)].grains for leaf in leaves(metric)]
    return [
        grain
        for grain in GRAINS
        if all(("month" if grain.startswith("fiscal") else grain) in each for each in own)
    ]


def date_bases(metric: Definition) -> list[Basis]:
    """Return the date bases of a metric's parts, without repetition."""
    return list(dict.fromkeys(leaf.date for leaf in leaves(metric) if leaf.date))


def portal_sources(metric: Definition) -> list[str]:
    """Return the portal methods and files that a metric comes from."""
    return list(dict.fromkeys(source for leaf in leaves(metric) for source in leaf.sources))


def maturity(metric: Definition) -> str | None:
    """Return the maturity rule of a metric or of any of its parts."""
    rules = [m.maturity for m in (metric, *leaves(metric)) if m.maturity]
    return rules[0] if rules else None


def describe(metric: Definition, known: Mapping[str, Model] | None = None) -> dict[str, Any]:
    """Return a definition as plain values (what a frame's ``attrs["metrics"]`` hold).

    ``known``: the models of a snapshot; the portal's user fields are among the dimensions then.

    Keys: id, title and help as {fr, en}, unit, date_basis, grain, model, expression, rows,
    formula, dimensions, grains, owner {fr, en}, sources, maturity, additive.
    """
    own = {leaf.model: models()[str(leaf.model)] for leaf in leaves(metric)}
    return {
        "id": metric.id,
        "title": metric.title.model_dump(),
        "help": metric.help.model_dump(),
        "unit": metric.unit,
        "date_basis": ", ".join(date_bases(metric)),
        "grain": {
            code: ", ".join(dict.fromkeys(getattr(model.grain, code) for model in own.values()))
            for code in ("fr", "en")
        },
        "model": ", ".join(str(name) for name in own),
        "expression": metric.expression,
        "rows": metric.rows,
        "formula": metric.formula,
        "dimensions": dimensions(metric, known),
        "grains": list(grains(metric)),
        "owner": metric.owner.model_dump(),
        "sources": portal_sources(metric),
        "maturity": maturity(metric),
        "additive": metric.additive,
        "plan": metric.plan,
    }
