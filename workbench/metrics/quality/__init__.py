"""Whether the data can be trusted: declared checks, what breaks them, scores over time."""

from workbench.metrics.quality.declared import Check, declared_checks
from workbench.metrics.quality.outcomes import (
    Outcome,
    Quality,
    failed_errors,
    run_check,
    run_quality,
)
from workbench.metrics.quality.told import Health, health, look

__all__ = [
    "Check",
    "Health",
    "Outcome",
    "Quality",
    "declared_checks",
    "failed_errors",
    "health",
    "look",
    "run_check",
    "run_quality",
]
