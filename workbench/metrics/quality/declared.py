"""``parameters/checks.yml``: what is to hold of the data, in the language of filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ConfigurationError
from workbench.i18n import _
from workbench.metrics.catalogue import Text
from workbench.metrics.filters import parse_filter
from workbench.settings import settings
from workbench.sources.declared import reason

Severity = Literal["error", "warning", "info"]
KINDS = ("broken", "filled", "unique", "order", "duplicates", "fresh_hours", "portal_totals")


class Check(BaseModel):
    """One check: a table, and one of the keys of `KINDS`.

    ``broken``: a filter for the rows that are wrong; ``filled``: columns that must have a value,
    other than one of ``placeholders`` (such as "Select", which a form sent unchanged);
    ``unique``: columns that no two rows share; ``order``: two columns, the first never after the
    second; ``duplicates``: records of a table (companies, contacts, leads) that share an e-mail
    address, a telephone number or a name; ``fresh_hours``: the age that the table's data may have;
    ``portal_totals``: the portal counted as many rows as are stored. ``where`` keeps some rows
    only. A failed ``error`` stops the reports that read the table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    title: Text
    table: str = Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")
    severity: Severity = "warning"
    where: str | None = None
    broken: str | None = None
    filled: list[str] | None = Field(None, min_length=1)
    placeholders: list[str] = []
    unique: list[str] | None = Field(None, min_length=1)
    order: list[str] | None = Field(None, min_length=2, max_length=2)
    duplicates: Literal["e-mail", "phone", "name"] | None = None
    fresh_hours: float | None = Field(None, gt=0)
    portal_totals: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Check:
        if len([kind for kind in KINDS if getattr(self, kind) is not None]) != 1:
            raise ValueError(_("needs exactly one of {names}").format(names=", ".join(KINDS)))
        if self.placeholders and self.filled is None:
            raise ValueError(_("placeholders go with filled"))
        for text in (self.where, self.broken):
            if text is not None:
                parse_filter(text)
        return self

    @property
    def kind(self) -> str:
        """The key of `KINDS` that is set."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


def checks_file() -> Path:
    """Return where checks are declared."""
    return settings().parameters_dir / "checks.yml"


def declared_checks(file: Path | None = None) -> list[Check]:
    """Return the declared checks in their order; none without a file.

    Raises `ConfigurationError` naming the file and the check, `QueryError` for a filter.
    """
    file = file or checks_file()
    try:
        content: Any = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            _("{file} cannot be read: {reason}").format(file=file.name, reason=error)
        ) from None
    listed = content.get("checks") if isinstance(content, dict) else None
    if not isinstance(listed, dict) or set(content) != {"checks"}:
        raise ConfigurationError(
            _("{file}: expected one key, “checks”, with a check under each name.").format(
                file=file.name
            )
        )
    found = []
    for name, value in listed.items():
        try:
            given = value if isinstance(value, dict) else {}
            found.append(Check(**{**given, "id": str(name)}))
        except (ValidationError, TypeError) as error:
            told = str(error)
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                key = ".".join(str(part) for part in first["loc"])
                told = f"{key}: {reason(first)}" if key else reason(first)
            raise ConfigurationError(
                _("{file}: {name}: {reason}").format(
                    file=file.name, name=str(name)[:60], reason=told
                )
            ) from None
    return found
