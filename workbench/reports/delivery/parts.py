"""The files of a run that a delivery takes along."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from workbench.reports.origin import period_label
from workbench.reports.record import RunRecord

FILES = {
    "html": ["report.html"],
    "xlsx": ["report.xlsx"],
    "pdf": ["report.pdf"],
    "notebook": ["notebook.ipynb"],
    "charts": ["charts/*.png", "charts/*.svg"],
    "tables": ["tables/*.csv", "tables/*.parquet"],
}
TYPES = {
    ".html": "text/html",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pdf": "application/pdf",
    ".ipynb": "application/x-ipynb+json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
}


def files(record: RunRecord, parts: Sequence[str]) -> list[tuple[str, Path]]:
    """Return the name to give and the place of each file; what the run did not make is not there.

    The page, workbook and PDF are named after the report, its period and its data's day.
    """
    found = []
    for part in parts:
        for pattern in FILES[part]:
            for path in sorted(record.folder.glob(pattern)):
                name = path.name
                if name.startswith("report."):
                    name = f"{file_name(record)}{path.suffix}"
                found.append((name, path))
    return found


def file_name(record: RunRecord) -> str:
    """Return a file's name without its ending that every system and mail program takes."""
    day = (record.as_of or record.started_at).date().isoformat()
    words = " ".join(filter(None, (record.title, period_label(record), day)))
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:120] or record.report
