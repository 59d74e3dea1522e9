"""What a notebook takes: the parameters that its ``parameters`` cell declares.

That cell is the one declaration: ``name: type = default  # help``, read with papermill's
inspection. A help text that says ``one of: month, quarter`` limits the values; a text parameter
called (or explained as) a period or a date takes only periods or dates.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import nbformat
import yaml
from papermill.inspection import inspect_notebook

from workbench.errors import ConfigurationError, ParameterError, WorkbenchError
from workbench.i18n import _
from workbench.metrics.periods import FORMS, NAMES, resolve_period
from workbench.settings import settings

Kind = Literal["int", "float", "bool", "str", "date", "period", "list", "dict"]
SECRET_NAME = re.compile(
    r"webhook|token|secret|passw|api_?key|credential|authori[sz]ation", re.IGNORECASE
)
CHOICES = re.compile(r"one of:\s*(?P<values>[^.;()]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: its kind, default, help and allowed values."""

    name: str
    kind: Kind
    default: Any
    help: str = ""
    choices: tuple[str, ...] = ()
    items: Kind | None = None  # of a list

    @property
    def allowed(self) -> str:
        """What the parameter takes, in words."""
        if self.choices:
            return ", ".join(self.choices)
        return {
            "int": _("a whole number"),
            "float": _("a number"),
            "bool": _("true or false"),
            "str": _("a text"),
            "date": _("a date such as 2026-03-31"),
            "period": _("{names}, or a date such as {forms}").format(
                names=", ".join(NAMES), forms=", ".join(FORMS)
            ),
            "list": _("a list such as [a, b]"),
            "dict": _("pairs such as {a: 1, b: 2}"),
        }[self.kind]


def notebook_parameters(file: Path) -> dict[str, Parameter]:
    """Read the parameters that a notebook declares, in their order.

    Raises `ConfigurationError` when the file is no notebook, has no ``parameters`` cell, or when
    that cell holds something that papermill would not recognise.
    """
    try:
        notebook = nbformat.read(file, as_version=4)
    except Exception:
        # nbformat lets through whatever its JSON and schema readers raise.
        raise ConfigurationError(
            _("{file} is not a notebook that can be read.").format(file=shown(file))
        ) from None
    cell = next((c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])), None)
    if cell is None or cell.cell_type != "code":
        raise ConfigurationError(
            _("{file}: no cell is tagged “parameters”.").format(file=shown(file))
        )
    written = _assignments(cell.source, file)
    try:
        inferred = inspect_notebook(papermill_path(file))
    except Exception:  # papermill raises ValueError and more where the kernel is not declared
        raise ConfigurationError(
            _("{file}: the notebook does not say that its kernel is python3.").format(
                file=shown(file)
            )
        ) from None
    for name in written:
        if name not in inferred:
            raise ConfigurationError(
                _(
                    "{file}: parameter “{name}” is not recognised; write it on one line "
                    "as name: type = value  # help, with a plain type"
                ).format(file=shown(file), name=name)
            )
    found = {}
    for name, default in written.items():
        if SECRET_NAME.search(name):
            raise ParameterError(
                _("{file}: parameter “{name}” looks like a secret.").format(
                    file=shown(file), name=name
                ),
                hint=_("Values are written into the report; keep secrets in the environment."),
            )
        found[name] = _declared(name, default, inferred[name])
    return found


def shown(file: Path) -> str:
    """Return a file's path as a reader knows it: from the project's folder on."""
    try:
        return file.relative_to(settings().project_dir).as_posix()
    except ValueError:
        return str(file)


def read_yaml(file: Path) -> Any:
    """Return what a declaration's file holds; `ConfigurationError` names the line that is wrong."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigurationError(f"{shown(file)}: {problem.strerror}") from None
    # a date such as 2026-02-30 is a ValueError, endless brackets are a RecursionError
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        raise ConfigurationError(
            _("{file}, line {line}: this is not YAML.").format(
                file=shown(file), line=mark.line + 1 if mark else 1
            )
        ) from None


def papermill_path(path: Path) -> str:
    """Return a path so that papermill, which calls format() on it, leaves it as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _assignments(source: str, file: Path) -> dict[str, Any]:
    """Return the names that a parameters cell assigns, with their literal values."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        raise ConfigurationError(
            _("{file}: the parameters cell is not Python.").format(file=shown(file))
        ) from None
    found: dict[str, Any] = {}
    for line in tree.body:
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        name = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None
        try:
            if name is None or not isinstance(line, ast.Assign | ast.AnnAssign):
                raise ValueError
            found[name] = ast.literal_eval(line.value) if line.value else None
        except ValueError:
            raise ConfigurationError(
                _("{file}: line {line} of the parameters cell is not name = plain value").format(
                    file=shown(file), line=line.lineno
                )
            ) from None
    return found


def _declared(name: str, default: Any, inferred: Mapping[str, str]) -> Parameter:
    written = inferred["inferred_type_name"]
    if written in ("None", ""):
        written = type(default).__name__
    head, _bracket, inner = written.partition("[")
    kind = _kind(head.strip())
    text = inferred["help"].strip()
    choices = CHOICES.search(text)
    if kind == "str" and not choices:
        kind = _kind_of_text(name, default, text)
    return Parameter(
        name,
        kind,
        default,
        text,
        tuple(v.strip() for v in choices["values"].split(",")) if choices else (),
        _kind(inner.rstrip("]").strip()) if kind == "list" and inner else None,
    )


def _kind(written: str) -> Kind:
    kinds: dict[str, Kind] = {
        "int": "int",
        "float": "float",
        "bool": "bool",
        "date": "date",
        "list": "list",
        "tuple": "list",
        "dict": "dict",
    }
    return kinds.get(written.lower(), "str")


def _kind_of_text(name: str, default: Any, text: str) -> Kind:
    """Say whether a text parameter is a period or a date, by its name or its help.

    A help text that only mentions the word counts when the default is a period or date itself.
    """
    for kind, named, word, fits in (
        ("period", r"(.*_)?period", r"\bperiod\b", is_period),
        ("date", r"(.*_)?(date|day|on)", r"\bdate\b", is_date),
    ):
        if re.fullmatch(named, name) and (not default or fits(default)):
            return kind  # type: ignore[return-value]
        if re.search(word, text, re.IGNORECASE) and default and fits(default):
            return kind  # type: ignore[return-value]
    return "str"


def is_period(value: str) -> bool:
    """Say whether `resolve_period` knows ``value``."""
    try:
        resolve_period(value, today=datetime.now(UTC).date(), timezone="UTC")
    except (WorkbenchError, ValueError):
        return False
    return True


def is_date(value: str) -> bool:
    """Say whether ``value`` is a calendar day, YYYY-MM-DD."""
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
