"""What reads the data: a snapshot opened here, or the query service that guards one elsewhere.

Pages, panels and metrics take either. Only the process of an analyst, or the service itself, holds
a `Snapshot`; a visitor's kernel holds a `Guarded` reader, which knows no path.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Reader(Protocol):
    """One state of the company's data; the attributes are those of `Snapshot`."""

    id: str
    portal: str
    portal_url: str
    base_currency: str
    timezone: str
    as_of: datetime

    @property
    def key(self) -> Hashable:
        """What tells this data from any other, for whoever keeps answers."""

    @property
    def warning(self) -> str:
        """What is to be told beside every figure; mostly empty."""

    @property
    def checked_at(self) -> datetime:
        """The last moment at which a sync found nothing newer."""

    @property
    def rows_read(self) -> int:
        """Rows of the tables that have been asked so far, each table counted once."""

    def read(self, name: str, **values: int | date) -> pd.DataFrame:
        """Return the rows of one of `workbench.warehouse.records.READS`."""

    def sources(self) -> pd.DataFrame:
        """Return what is loaded and how well, one row per source and entity."""


class Guarded(Reader, Protocol):
    """A reader that computes elsewhere: it is asked for whole answers."""

    def metrics(
        self,
        metrics: str | Sequence[str],
        by: str | Sequence[str],
        period: Any,
        where: Any,
        **given: Any,
    ) -> pd.DataFrame:
        """Return what `workbench.metrics.query` returns."""

    def rows(
        self, model: str, where: Any, *, by: Sequence[str], segment: str | None
    ) -> pd.DataFrame:
        """Return what `workbench.metrics.rows` returns."""

    def quality(self) -> pd.DataFrame:
        """Return what `workbench.metrics.quality.look` returns."""

    def summary(
        self, name: str, where: Any, *, segment: str | None, **values: int | date
    ) -> pd.DataFrame:
        """Return what `workbench.metrics.summary` returns."""
