"""``parameters/sources.yml``: which sources there are and how an external one is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.errors import ConfigurationError, QueryError
from workbench.i18n import _
from workbench.settings import settings

SPEND = "marketing_spend"
TARGETS = "targets"
ACCOUNTING = "accounting_documents"
SPEND_COLUMNS = ("month", "channel", "spend", "currency", "clicks", "impressions")
TARGET_COLUMNS = ("month", "pipeline", "manager", "amount", "currency")
DOCUMENT_COLUMNS = ("number", "date", "kind", "customer", "amount", "currency", "due", "settled")


class PortalSource(BaseModel):
    """The connected Bitrix24 portal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["bitrix24"]
    title: dict[Literal["fr", "en"], str] = Field(default_factory=dict)


class FileSource(BaseModel):
    """A CSV file. ``path`` is relative to the installation's home.

    ``columns`` maps our names to the file's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    known: ClassVar[tuple[str, ...]] = ()
    title: dict[Literal["fr", "en"], str] = Field(default_factory=dict)
    path: str
    delimiter: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."
    columns: dict[str, str] = Field(default_factory=dict)

    @field_validator("columns")
    @classmethod
    def known_columns(cls, value: dict[str, str]) -> dict[str, str]:
        """Refuse names that such a file does not have."""
        unknown = sorted(set(value) - set(cls.known))
        if unknown:
            raise ValueError(
                _("unknown column {names}; known are {known}").format(
                    names=", ".join(unknown), known=", ".join(cls.known)
                )
            )
        return value

    @field_validator("path")
    @classmethod
    def inside_home(cls, value: str) -> str:
        """Refuse a path that leaves the home folder."""
        if Path(value).is_absolute() or ".." in Path(value).parts:
            raise ValueError(_("the path must lie inside the home folder"))
        return value

    def column(self, name: str) -> str:
        """Return the file's name of one of our columns."""
        return self.columns.get(name, name)


class SpendSource(FileSource):
    """Monthly marketing spend.

    Our columns: month, channel, spend, currency, clicks, impressions; ``channels`` maps the
    file's channels to the CRM's source ids.
    """

    known = SPEND_COLUMNS
    kind: Literal["csv"]
    channels: dict[str, str] = Field(default_factory=dict)


class TargetsSource(FileSource):
    """The plan of won revenue by month. Our columns: month, pipeline, manager, amount, currency."""

    known = TARGET_COLUMNS
    kind: Literal["targets"]


class AccountingSource(FileSource):
    """What accounting booked.

    Our columns: number, date, kind (``kinds`` maps the file's words to invoice, credit, payment),
    customer, amount, currency, due, settled.
    """

    known = DOCUMENT_COLUMNS
    kind: Literal["accounting"]
    kinds: dict[str, Literal["invoice", "credit", "payment"]] = Field(default_factory=dict)


Source = Annotated[
    PortalSource | SpendSource | TargetsSource | AccountingSource, Field(discriminator="kind")
]


class Sources(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[str, Source]

    @field_validator("sources")
    @classmethod
    def one_spend_file(cls, value: dict[str, Source]) -> dict[str, Source]:
        """Refuse a spend file under another name: there is one table for it."""
        for name, source in value.items():
            if isinstance(source, SpendSource) and name != SPEND:
                raise ValueError(
                    _("{name}: a CSV file holds marketing spend and is called {spend}").format(
                        name=name, spend=SPEND
                    )
                )
            expected = {TargetsSource: TARGETS, AccountingSource: ACCOUNTING}.get(type(source))
            if expected and name != expected:
                raise ValueError(
                    _("{name}: a source of this kind is called {expected}").format(
                        name=name, expected=expected
                    )
                )
        return value


def sources_file() -> Path:
    """Return where the sources are declared."""
    return settings().parameters_dir / "sources.yml"


def read_sources(file: Path | None = None) -> dict[str, Source]:
    """Return the declared sources by name.

    Raises `ConfigurationError` naming the file and the key; without a file only the portal is
    declared.
    """
    file = file or sources_file()
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return {"bitrix24": PortalSource(kind="bitrix24")}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            _("{file} cannot be read: {reason}").format(file=file.name, reason=error)
        ) from error
    try:
        content: Any = yaml.safe_load(text)
    # a date such as 2026-02-30 is a ValueError, endless brackets are a RecursionError
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else "?"
        raise ConfigurationError(
            _("{file}, line {line}: this is not valid YAML.").format(file=file.name, line=line)
        ) from error
    try:
        return dict(Sources.model_validate(content or {"sources": {}}).sources)
    except ValidationError as error:
        raise wrong_key(file, error) from error


def wrong_key(file: Path, error: ValidationError) -> ConfigurationError:
    """Return the error that names a file and its first key that is wrong (``-``: all of it)."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "-"
    return ConfigurationError(
        _("{file}, {key}: {reason}").format(file=file.name, key=key, reason=reason(first))
    )


def reason(error: Any) -> str:
    """Say what is wrong with a value (one of pydantic's error details) in the reader's language."""
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "missing" | "union_tag_not_found":
            return _("missing")
        case "extra_forbidden":
            return _("there is no such key")
        case "literal_error":
            return _("must be one of {values}").format(values=context["expected"])
        case "union_tag_invalid":
            return _("must be one of {values}").format(values=context["expected_tags"])
    return str(error["msg"])


def pick(declared: dict[str, Source], names: list[str]) -> dict[str, Source]:
    """Return the sources called ``names`` (all if empty); `QueryError` for an unknown one."""
    unknown = [name for name in names if name not in declared]
    if unknown:
        raise QueryError(
            _("There is no source {name}.").format(name=unknown[0]),
            hint=_("Declared are: {names}.").format(names=", ".join(declared)),
        )
    return {name: source for name, source in declared.items() if not names or name in names}
