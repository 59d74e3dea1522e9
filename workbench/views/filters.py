"""The filters of a live page: drop-down lists with labels of their own, and a slider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from workbench import metrics
from workbench.i18n import _, format_percent, language, use_language
from workbench.settings import settings
from workbench.views.selection import (
    AGAINST,
    ALL,
    SEGMENT,
    choices,
    period_of,
    shown_value,
)
from workbench.warehouse import Data

PERIODS = (
    "this_month",
    "last_month",
    "this_quarter",
    "last_quarter",
    "this_year",
    "last_year",
    "last_30_days",
    "last_90_days",
    "last_12_months",
    ALL,
)
FISCAL_PERIODS = (
    "this_fiscal_quarter",
    "last_fiscal_quarter",
    "this_fiscal_year",
    "last_fiscal_year",
)


def period_title(name: str) -> str:
    """Return a period's name for the reader; one that has none stands for itself."""
    return {
        "this_month": _("This month"),
        "last_month": _("Last month"),
        "this_quarter": _("This quarter"),
        "last_quarter": _("Last quarter"),
        "this_year": _("This year"),
        "last_year": _("Last year"),
        "last_30_days": _("Last 30 days"),
        "last_90_days": _("Last 90 days"),
        "last_12_months": _("Last 12 months"),
        "this_fiscal_quarter": _("This fiscal quarter"),
        "last_fiscal_quarter": _("Last fiscal quarter"),
        "this_fiscal_year": _("This fiscal year"),
        "last_fiscal_year": _("Last fiscal year"),
        ALL: _("All data"),
    }.get(name, name)


def filter_title(name: str) -> str:
    """Return a filter's label."""
    if name == "period":
        return _("Period")
    if name == SEGMENT:
        return _("Segment")
    if name == AGAINST:
        return _("Compared with")
    return str(metrics.dimension_titles()[name])


def offers(snapshot: Data, name: str) -> list[tuple[str, str]]:
    """Return what a filter offers, as title and value."""
    every = _("Everyone else") if name == AGAINST else _("All")
    return [(every, ALL)] + [(shown_value(name, each), each) for each in choices(snapshot, name)]


def dropdowns(
    snapshot: Data,
    values: Mapping[str, str],
    changed: Callable[[], None],
) -> dict[str, ipywidgets.Dropdown]:
    """Return one list per filter, set to ``values``; ``changed`` is called after each choice."""
    lists = {}
    for name, value in values.items():
        if name == "period":
            known = [*PERIODS, *(FISCAL_PERIODS if settings().fiscal_year_start > 1 else ())]
            offered = [(period_title(each), each) for each in known]
            if value not in known:
                offered.insert(0, (period_of(snapshot, value).label(), value))
        else:
            offered = offers(snapshot, name)
        box = ipywidgets.Dropdown(
            options=offered,
            value=value or ALL,
            description=filter_title(name),
            style={"description_width": "auto"},
        )
        box.add_class("wb-filter")
        box.add_class(f"wb-filter-{name}")
        box.observe(lambda _change: changed(), names="value")
        lists[name] = box
    return lists


def bar(widgets: Mapping[str, ipywidgets.Widget]) -> ipywidgets.Box:
    """Put filters side by side, wrapping on narrow screens."""
    box = ipywidgets.HBox(
        list(widgets.values()), layout=ipywidgets.Layout(flex_flow="row wrap", width="100%")
    )
    box.add_class("wb-filters")
    return box


def share_slider(
    title: str, value: float, changed: Callable[[float], None], *, step: float = 0.01
) -> Any:
    """Return a slider over shares from 0 to 1, its value beside it as a percentage."""
    slider = ipywidgets.FloatSlider(
        value=value,
        min=0.0,
        max=1.0,
        step=step,
        description=title,
        readout=False,
        continuous_update=True,
        style={"description_width": "auto"},
        layout=ipywidgets.Layout(width="28rem", max_width="100%"),
    )
    shown = ipywidgets.Label(format_percent(value, 0))
    code = language()

    def moved(change: Any) -> None:
        with use_language(code):
            shown.value = format_percent(change["new"], 0)
        changed(change["new"])

    slider.observe(moved, names="value")
    box = ipywidgets.HBox([slider, shown])
    box.add_class("wb-slider")
    return box
