"""What someone's CSV files mean: a YAML file, checked before a row is read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ConfigurationError
from workbench.i18n import _

READY = Path(__file__).parent / "mappings"
EXAMPLE = Path(__file__).parent / "mappings" / "example" / "mapping.yml"  # every key, explained


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _File(_Strict):
    """A CSV file and the columns that are taken from it; ``None`` where it has no such column."""

    file: str = Field(pattern=r"^[^/\\]+$")
    name: str

    def columns(self) -> dict[str, str]:
        """Return role → column for everything that is mapped."""
        return {
            role: column
            for role, column in self.model_dump(exclude={"file"}).items()
            if column is not None
        }


class Users(_File):
    """Who sells: name, the team (a department) and the office (the department above)."""

    team: str | None = None
    office: str | None = None


class Companies(_File):
    """Customers."""

    industry: str | None = None
    country: str | None = None
    employees: str | None = None
    revenue: str | None = None


class Products(_File):
    """What is sold, with its list price."""

    price: str | None = None


class Deals(_Strict):
    """Deals: keys of the other files by name, dates and amounts as the mapping says."""

    file: str = Field(pattern=r"^[^/\\]+$")
    key: str
    stage: str
    created: str
    closed: str | None = None
    amount: str | None = None
    user: str | None = None
    company: str | None = None
    product: str | None = None

    def columns(self) -> dict[str, str]:
        """Return role → column for everything that is mapped."""
        return {
            role: column
            for role, column in self.model_dump(exclude={"file"}).items()
            if column is not None
        }


class Stage(_Strict):
    """A stage as the file names it, and its code and meaning on the portal."""

    name: str
    id: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    semantics: Literal["S", "F"] | None = None


class Mapping(_Strict):
    """The whole mapping.

    ``decimal`` is the decimal mark of amounts, ``date_format`` the strptime pattern of dates
    (ISO 8601 without one).
    """

    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    decimal: Literal[".", ","] = "."
    date_format: str | None = Field(None, pattern=r"%")
    users: Users | None = None
    companies: Companies | None = None
    products: Products | None = None
    deals: Deals
    stages: list[Stage] = Field(min_length=1)
    spellings: dict[
        Literal["product", "industry", "country", "company", "user"], dict[str, str]
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stages_differ(self) -> Mapping:
        for what in ("name", "id"):
            values = [getattr(stage, what) for stage in self.stages]
            if len(set(values)) < len(values):
                raise ValueError(_("stages: the same {what} twice").format(what=what))
        if all(stage.semantics for stage in self.stages):
            raise ValueError(_("stages: at least one must be open (without semantics)"))
        return self


LONGEST = 200_000  # characters of a mapping


def read_mapping(file: Path | str) -> Mapping:
    """Read a mapping file, or a ready one by its name.

    Raises `ConfigurationError` that names file, key and what is allowed.
    """
    file = Path(file)
    if not file.is_file() and (READY / f"{file}.yml").is_file():
        file = READY / f"{file}.yml"
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise ValueError(_("it has more than {n} characters").format(n=LONGEST))
        return Mapping.model_validate(yaml.safe_load(text))
    except FileNotFoundError:
        ready = ", ".join(sorted(path.stem for path in READY.glob("*.yml")))
        raise ConfigurationError(
            _("There is no mapping {file}.").format(file=file),
            hint=_(
                "Ready ones: {names}. To write one: workbench sandbox load --example > mapping.yml"
            ).format(names=ready),
        ) from None
    except ValidationError as error:
        raise ConfigurationError(
            _("{file}: {complaint}").format(file=file.name, complaint=_complaint(error)),
            hint=_("Every key, explained: workbench sandbox load --example"),
        ) from None
    # a date such as 2026-02-30 is a ValueError, endless brackets are a RecursionError
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            _("{file} cannot be read: {reason}").format(file=file.name, reason=reason)
        ) from None


def _complaint(error: ValidationError) -> str:
    """Return one sentence on what is wrong: first the key that nobody knows, it may be misspelt."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    key = ".".join(map(str, first["loc"])) or "–"
    if first["type"] == "extra_forbidden":
        return _("there is no key {key}.").format(key=key)
    if first["type"] == "missing":
        return _("the key {key} is missing.").format(key=key)
    if first["type"] == "literal_error":
        allowed = first["ctx"]["expected"].replace(" or ", ", ")
        return _("{key}: allowed are {allowed}.").format(key=key, allowed=allowed)
    if first["type"] == "value_error":  # what this module says itself, of the whole
        return f"{first['ctx']['error']}."
    return _("{key}: {reason}").format(key=key, reason=first["msg"])
