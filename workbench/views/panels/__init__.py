"""What each page shows: functions of a selection that ask for numbers and make a panel of them.

One module per page; a notebook gives them to its page: ``page.chart("funnel", sales.funnel)``.
"""

from workbench.views.panels import (
    customers,
    deal,
    forecast,
    funnel,
    health,
    marketing,
    process_map,
    receivables,
    sales,
    segments,
)

__all__ = [
    "customers",
    "deal",
    "forecast",
    "funnel",
    "health",
    "marketing",
    "process_map",
    "receivables",
    "sales",
    "segments",
]
