"""What the numbers mean, and how to ask for them."""

from workbench.metrics.catalogue import (
    Definition,
    catalogue,
    definition,
    describe,
    dimension_titles,
    dimensions,
)
from workbench.metrics.formats import format_value
from workbench.metrics.periods import Period, resolve_period
from workbench.metrics.query import query, rows
from workbench.metrics.summaries import summary

__all__ = [
    "Definition",
    "Period",
    "catalogue",
    "definition",
    "describe",
    "dimension_titles",
    "dimensions",
    "format_value",
    "query",
    "resolve_period",
    "rows",
    "summary",
]
