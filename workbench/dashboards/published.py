"""Which notebooks are dashboards: the report files that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.i18n import language
from workbench.reports import load_reports


@dataclass(frozen=True)
class Dashboard:
    """One page: a notebook with its titles in both languages."""

    name: str
    notebook: Path
    titles: Mapping[str, str]
    descriptions: Mapping[str, str]
    timeout: int = 300  # seconds that one cell may take

    @property
    def title(self) -> str:
        """The title in the language of the moment."""
        return in_language(self.titles) or self.name

    @property
    def description(self) -> str:
        """One sentence about the page in the language of the moment (may be empty)."""
        return in_language(self.descriptions)


def in_language(texts: Mapping[str, str]) -> str:
    """Pick the text of the moment's language, else any of the others."""
    return texts.get(language()) or next(iter(texts.values()), "")


def published_dashboards() -> dict[str, Dashboard]:
    """Read ``parameters/reports/*.yml`` and keep those with ``dashboard: true``, by name.

    Raises ConfigurationError if a file is wrong or names a notebook that is missing.
    """
    return by_name(
        Dashboard(
            name=report.name,
            notebook=report.notebook_file,
            titles=dict(report.title),
            descriptions=dict(report.description or {}),
            timeout=report.timeout,
        )
        for report in load_reports()
        if report.dashboard
    )


def by_name(dashboards: Iterable[Dashboard]) -> dict[str, Dashboard]:
    """Index dashboards by name, in the order given."""
    return {dashboard.name: dashboard for dashboard in dashboards}
