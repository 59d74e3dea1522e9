"""``for_each`` of a report's file: what there is a run for each of, and who gets theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workbench.reports.delivery.destinations import MailAddress

By = Literal["manager", "department", "pipeline", "source", "segment"]
EVERYTHING = ("", "all")


class ForEach(BaseModel):
    """Run once for each value of a parameter of the notebook."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: By = Field(description="What there is a run for each of; a parameter of the notebook.")
    only: list[str] = Field(default_factory=list, description="Only these; by default all.")
    recipients: dict[str, list[MailAddress]] = Field(
        default_factory=dict,
        description="Who `own` is, by value; a manager is by default the portal's user.",
    )


def chosen(for_each: ForEach | None, values: Mapping[str, Any]) -> str | None:
    """Return the part that parameters ask for, None if they ask for everything."""
    value = values.get(for_each.by) if for_each else None
    return None if value is None or value in EVERYTHING else str(value)
