"""Analyse Commerciale: an analytics workbench for Bitrix24 CRM.

The names that notebooks need, loaded when they are first used:

>>> import workbench as wb
>>> wb.resolve_period("2026-Q1").days
90
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.i18n import _ as _
    from workbench.metrics import catalogue as catalogue
    from workbench.metrics import query as query
    from workbench.metrics import resolve_period as resolve_period
    from workbench.views import charts as charts
    from workbench.views import panels as panels
    from workbench.views.figures import Figure as Figure
    from workbench.views.page import Page as Page
    from workbench.views.tables import Column as Column
    from workbench.warehouse import newest_snapshot as newest_snapshot
    from workbench.warehouse import open_snapshot as open_snapshot

__version__ = "0.1.0"

# jsonschema, which altair, papermill and the Jupyter server load, uses this package for a format
# that none of them has (IRI) where it finds it; loading it parses a grammar for two seconds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# Public name -> where it is; a name that equals its module's last part is the module.
_NAMES = {
    "_": "workbench.i18n",
    "Column": "workbench.views.tables",
    "Figure": "workbench.views.figures",
    "Page": "workbench.views.page",
    "catalogue": "workbench.metrics",
    "charts": "workbench.views.charts",
    "newest_snapshot": "workbench.warehouse",
    "open_snapshot": "workbench.warehouse",
    "panels": "workbench.views.panels",
    "query": "workbench.metrics",
    "resolve_period": "workbench.metrics",
}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    module = import_module(_NAMES[name])
    value = module if _NAMES[name].endswith(f".{name}") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
