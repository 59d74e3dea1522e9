"""What a still page leaves in its run's folder for programs to read.

``contents.json`` lists the page's panels from top to bottom, with where their data come from:
workbooks and messages are made of it. A panel's table lies in ``tables/`` as Parquet, which holds
its own description, and as CSV, with a description beside it (https://www.w3.org/TR/tabular-data-model/).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.i18n import language
from workbench.views import tables, values
from workbench.views.contents import (
    AnswerContent,
    ChartContent,
    Content,
    FiguresContent,
    Notice,
    TableContent,
)
from workbench.views.figures import Figure, basis_text, change_text, value_text
from workbench.views.tables import Column, spoken

CONTENTS = "contents.json"
METADATA = "workbench"  # key of the description in a Parquet file
DATATYPES = {
    values.COUNT: "integer",
    values.DATE: "date",
    "month": "date",
    values.MOMENT: "dateTime",
    values.TEXT: "string",
}


def keep(folder: Path, name: str, content: Content, source: Mapping[str, str]) -> None:
    """Enter a panel in ``contents.json`` and write its table; the same name again replaces it.

    ``source``: portal, snapshot, as_of (ISO, UTC), timezone, currency of the data.
    """
    panel = described(name, content, source.get("currency", "EUR"))
    if isinstance(content, (ChartContent, TableContent)):
        save_table(folder, panel, content.data, source)
    listed = _listed(folder).get("panels", [])
    places = [each["name"] for each in listed]
    if name in places:
        listed[places.index(name)] = panel
    else:
        listed.append(panel)
    _write(folder / CONTENTS, {**source, "language": language(), "panels": listed})


def _listed(folder: Path) -> dict[str, Any]:
    """Return what `keep` wrote, empty if nothing."""
    try:
        content = json.loads((folder / CONTENTS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def described(name: str, content: Content, currency: str) -> dict[str, Any]:
    """Return a panel's entry: kind, title and texts; columns of its table, or its figures."""
    entry: dict[str, Any] = {
        "name": name,
        "kind": type(content).__name__.removesuffix("Content").lower(),
        "title": str(getattr(content, "title", "")),
        "note": str(getattr(content, "note", "")),
    }
    match content:
        case ChartContent():
            entry |= {"finding": str(content.finding), "chart": f"charts/{name}"}
        case FiguresContent():
            entry["figures"] = [_figure(each, currency) for each in content.figures]
        case AnswerContent() | Notice():
            entry["text"] = str(content.text)
    if isinstance(content, (ChartContent, TableContent)):
        entry["table"] = f"tables/{name}"
        entry["rows"] = len(content.data)
        entry["columns"] = _columns(content.data, content.columns)
    return entry


def _figure(figure: Figure, currency: str) -> dict[str, Any]:
    """Return a key figure with its definition, as a number and as a reader sees it."""
    return {
        "id": figure.id,
        "title": str(figure.title),
        "value": values.plain(figure.value),
        "unit": figure.unit,
        "text": value_text(figure, currency),
        "before": values.plain(figure.before),
        "change": change_text(figure, currency),
        "n": figure.n,
        "status": figure.status,
        "definition": str(figure.help),
        "date_basis": str(figure.basis),
    }


def _columns(frame: pd.DataFrame, shown: Sequence[Column]) -> list[dict[str, Any]]:
    """Describe the shown columns, those of metrics with their definitions."""
    metrics = frame.attrs.get("metrics", {})
    found = []
    for column in shown:
        entry: dict[str, Any] = {
            "name": column.name,
            "title": str(column.title),
            "unit": column.unit,
        }
        if column.link:
            entry["link"] = column.link
        metric = metrics.get(column.name)
        if isinstance(metric, Mapping):
            entry["definition"] = spoken(metric.get("help", ""))
            entry["date_basis"] = basis_text(str(metric.get("date_basis", "")))
        elif column.help:
            entry["definition"] = column.help
        found.append(entry)
    return found


def save_table(
    folder: Path, panel: Mapping[str, Any], data: pd.DataFrame, source: Mapping[str, str]
) -> None:
    """Write a panel's table as Parquet and CSV (UTF-8 with a mark for spreadsheets)."""
    place = folder / "tables"
    place.mkdir(parents=True, exist_ok=True)
    name = panel["name"]
    text = tables.csv_text(data)
    (place / f"{name}.csv").write_text(text, encoding="utf-8-sig", newline="")
    _write(place / f"{name}.csv-metadata.json", _csv_description(panel, source))
    about = json.dumps({**source, **panel}, ensure_ascii=False).encode()
    table = arrow_table(data)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), METADATA: about})
    pq.write_table(table, place / f"{name}.parquet", compression="zstd")


def arrow_table(data: pd.DataFrame) -> pa.Table:
    """Return a frame as Arrow, its index left out; a column of mixed kinds becomes text."""
    frame = data.copy(deep=False)
    frame.attrs = {}  # holds definitions and counts that Arrow would try to write as JSON
    frame.columns = [str(name) for name in frame.columns]
    for name in frame.columns:
        if pd.api.types.is_object_dtype(frame[name]) and not _of_one_kind(frame[name]):
            frame[name] = [
                None if values.is_missing(each) else str(values.plain(each)) for each in frame[name]
            ]
    return pa.Table.from_pandas(frame, preserve_index=False)


def _of_one_kind(column: pd.Series) -> bool:
    try:
        pa.array(column, from_pandas=True)
    except pa.ArrowException:
        return False
    return True


def _csv_description(panel: Mapping[str, Any], source: Mapping[str, str]) -> dict[str, Any]:
    """Describe a CSV file as the W3C's vocabulary does, its numbers by their definitions."""
    code = language()
    columns = []
    for column in panel["columns"]:
        entry = {
            "name": column["name"],
            "titles": {code: column["title"]},
            "datatype": DATATYPES.get(column["unit"], "number"),
        }
        if column.get("definition"):
            entry["dc:description"] = column["definition"]
        columns.append(entry)
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": code}],
        "url": f"{panel['name']}.csv",
        "dc:title": panel["title"],
        "dc:description": panel.get("finding") or panel["note"],
        "dc:source": source.get("portal", ""),
        "dc:date": source.get("as_of", ""),
        "dc:identifier": source.get("snapshot", ""),
        "notes": [panel["note"]] if panel["note"] else [],
        "tableSchema": {"columns": columns},
    }


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(
        json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8"
    )
    part.replace(file)
