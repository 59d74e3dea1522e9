"""``parameters/checks.yml``: what is to hold of the data, in the language of filters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ConfigurationError, QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import Text
from workbench.metrics.filters import parse_filter
from workbench.settings import settings
from workbench.sources.declared import reason

Severity = Literal["error", "warning", "info"]
KINDS = ("broken", "filled", "unique", "order", "duplicates", "fresh_hours", "portal_totals")
RECORDS = {"companies": "customers", "contacts": "contacts", "leads": "leads"}  # of duplicates


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
        if self.duplicates and self.table not in {*RECORDS, *RECORDS.values()}:
            raise ValueError(
                _("duplicates are known of {names}, not of “{table}”").format(
                    names=", ".join(RECORDS), table=self.table
                )
            )
        for key, text in (("where", self.where), ("broken", self.broken)):
            if text is not None:
                try:
                    parse_filter(text)
                except QueryError as error:
                    raise QueryError(f"{key}: {error.message}", hint=error.hint) from None
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

    Raises `ConfigurationError` naming the file and the check.
    """
    file = file or checks_file()
    try:
        text = file.read_text("utf-8")
        content: Any = yaml.safe_load(text)
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
    _refuse_twice(text, file)
    found = []
    for name, value in listed.items():
        try:
            given = value if isinstance(value, dict) else {}
            found.append(Check(**{**given, "id": str(name)}))
        except (ValidationError, TypeError, QueryError) as error:
            told = str(error)
            hint = error.hint if isinstance(error, QueryError) else ""
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                key = ".".join(str(part) for part in first["loc"])
                told = f"{key}: {reason(first)}" if key else reason(first)
            raise ConfigurationError(
                _("{file}: {name}: {reason}").format(
                    file=file.name, name=str(name)[:60], reason=told
                ),
                hint=hint,
            ) from None
    return found


def _refuse_twice(text: str, file: Path) -> None:
    """Refuse a key that stands twice, of the file or of a check: YAML keeps the last one only."""
    level = [yaml.compose(text, yaml.SafeLoader)]
    for _depth in range(3):
        pairs = [node.value for node in level if isinstance(node, yaml.MappingNode)]
        for each in pairs:
            keys = Counter(str(key.value) for key, _value in each)
            for key, _value in each:
                if keys[str(key.value)] > 1:
                    lines = [k.start_mark.line + 1 for k, _v in each if k.value == key.value]
                    raise ConfigurationError(
                        _("{file}: {name}: {reason}").format(
                            file=file.name,
                            name=str(key.value)[:60],
                            reason=_("this key stands on the lines {lines}").format(
                                lines=", ".join(map(str, lines))
                            ),
                        ),
                        hint=_("Keep one of them, or give each a name of its own."),
                    )
        level = [value for each in pairs for _key, value in each]
