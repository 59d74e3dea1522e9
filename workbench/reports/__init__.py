"""Report files, their runs, the run record and its HTML.

Names are loaded when first asked for: papermill takes a second to import, and the process of a
run must start its kernel before that.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.reports.record import Failure, RunRecord, read_record, runs
    from workbench.reports.report import Report, load_report, load_reports
    from workbench.reports.run import run_report

# jsonschema, which comes with papermill, builds a grammar for internationalised web addresses at
# import, 0.6 s of CPU, unless that optional package is missing. Nothing here has such addresses.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__all__ = [
    "Failure",
    "Report",
    "RunRecord",
    "load_report",
    "load_reports",
    "read_record",
    "run_report",
    "runs",
]

_MODULES = {
    "Report": "report",
    "load_report": "report",
    "load_reports": "report",
    "Failure": "record",
    "RunRecord": "record",
    "read_record": "record",
    "runs": "record",
    "run_report": "run",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
