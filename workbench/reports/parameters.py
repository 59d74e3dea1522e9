"""Whether given values fit a report's notebook, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import yaml

from workbench.errors import ParameterError
from workbench.i18n import _
from workbench.metrics.periods import resolve_period
from workbench.reports.inspection import SECRET_NAME, Kind, Parameter, is_date, is_period, shown
from workbench.reports.inspection import notebook_parameters as notebook_parameters
from workbench.reports.report import Report

SECRET_VALUE = re.compile(
    r"/rest/\d+/\w{6,}|\beyJ[\w-]{10,}\.|\bBearer\s+\S{8,}|://[^/\s:@]+:[^/\s@]+@"
    r"|(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{32,}(?![\w-])"
)
COMMAND_LINE = "-p"


def check_parameters(report: Report, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check a report file's values and those of a call (which win) against the notebook.

    ``given`` holds texts (from ``-p name=value``, read by the declared type) or typed values.
    Returns every parameter of the notebook with the value it will have. Raises `ParameterError`
    with one line that names the file, the key and what is allowed; never shows a secret.
    """
    declared = report.notebook_parameters
    values = {name: parameter.default for name, parameter in declared.items()}
    for origin, texts, content in (
        (f"{shown(report.file)}: parameters.", False, report.parameters),
        (f"{COMMAND_LINE} ", True, given),
    ):
        for name, value in content.items():
            key = f"{origin}{name}"
            if SECRET_NAME.search(str(name)) or SECRET_VALUE.search(str(value)):
                raise ParameterError(
                    _("{key}: this looks like a secret and is not passed on.").format(key=key),
                    hint=_("Values are written into the report; keep secrets in the environment."),
                )
            if name not in declared:
                raise ParameterError(
                    _("{key}: {notebook} has no such parameter; allowed: {allowed}").format(
                        key=key,
                        notebook=shown(report.notebook_file),
                        allowed=", ".join(declared) or "-",
                    )
                )
            values[name] = _fitted(declared[name], value, key, texts)
    return values


def resolved_periods(
    report: Report, values: Mapping[str, Any], today: date, timezone: str
) -> dict[str, dict[str, str]]:
    """Return the dates that each period parameter stands for: ``{name: {start, end, label}}``.

    ``end`` is exclusive, as everywhere in the metrics.
    """
    found = {}
    for name, parameter in report.notebook_parameters.items():
        if parameter.kind == "period" and values[name]:
            period = resolve_period(values[name], today=today, timezone=timezone)
            found[name] = {
                "start": str(period.start),
                "end": str(period.end),
                "label": period.label(),
            }
    return found


def split_pair(text: str) -> tuple[str, str]:
    """Split ``name=value`` as the command line gives it."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError(
            _("-p {text}: expected name=value, for example -p period=last_quarter").format(
                text=name[:40]
            )
        )
    return name.strip(), value


def _fitted(parameter: Parameter, value: Any, key: str, as_text: bool) -> Any:
    """Return ``value`` in the parameter's type, or raise with what is allowed."""
    try:
        fitted = _converted(parameter.kind, value, as_text)
        if parameter.items and not as_text:
            fitted = [_converted(parameter.items, item, False) for item in fitted]
        elif parameter.items:
            fitted = [
                _converted(parameter.items, item, parameter.items == "str") for item in fitted
            ]
        if parameter.choices and str(fitted) not in parameter.choices:
            raise ValueError
    except (ValueError, TypeError, OverflowError, yaml.YAMLError, RecursionError):
        raise ParameterError(
            _("{key}: “{value}” does not fit; allowed: {allowed}").format(
                key=key, value=_short(value), allowed=parameter.allowed
            )
        ) from None
    return fitted


def _converted(kind: Kind, value: Any, as_text: bool) -> Any:
    """Convert one value; ValueError, TypeError or YAMLError where it does not fit."""
    if as_text and isinstance(value, str) and kind in ("bool", "list", "dict"):
        value = yaml.safe_load(value)
    if kind in ("str", "date", "period"):
        if isinstance(value, datetime | bool):
            raise ValueError
        if isinstance(value, date) or (kind == "period" and isinstance(value, int)):
            value = str(value)  # YAML reads 2026-01-15 and 2026 as what they look like
        if not isinstance(value, str) or "\x00" in value:
            raise ValueError
        if value and (
            (kind == "date" and not is_date(value)) or (kind == "period" and not is_period(value))
        ):
            raise ValueError
        if not value and kind == "period":
            raise ValueError
        return value
    if kind in ("int", "float"):
        if isinstance(value, bool) or (not as_text and isinstance(value, str)):
            raise ValueError
        if kind == "int" and isinstance(value, float):
            raise ValueError
        number = int(value) if kind == "int" else float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError
        return number
    expected = {"bool": bool, "list": list, "dict": dict}[kind]
    if not isinstance(value, expected):
        raise ValueError
    return value


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"
