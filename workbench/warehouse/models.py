"""The SQL files of this package: how raw rows become the tables that everyone reads.

``staging/*.sql`` rename and cast, one view each; ``models/*.sql`` build one table each. A model's
comment header is YAML: title, grain, columns (notes) and tests. Inside, ``raw.x`` is what the
portal gave, ``staging.x`` a view, ``snapshot.x`` another model, ``state`` and ``external`` the
store's own tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import ConfigurationError

HERE = Path(__file__).parent
CAST = re.compile(r'\bas_(int|money|number|time|date|link)\("?(\w+)"?\)')
RAW = re.compile(r"\braw\.(\w+)")
MODEL = re.compile(r"\bsnapshot\.(\w+)")
TESTS = ("unique", "not_null", "accepted", "references", "holds")


@dataclass(frozen=True)
class Model:
    """One table of a snapshot: its query and what its header declares."""

    name: str
    sql: str
    header: dict[str, Any]

    @property
    def tests(self) -> dict[str, Any]:
        """Declared tests, by their kind (one of `TESTS`)."""
        return self.header.get("tests") or {}

    @property
    def needs(self) -> set[str]:
        """The models that its query reads."""
        return set(MODEL.findall(self.sql))


def read_model(file: Path) -> Model:
    """Read a model file: leading ``--`` lines are its YAML header, the rest is one SELECT.

    ``columns:`` and ``grain:`` are prose and may hold colons, so only ``tests`` is parsed as YAML.
    """
    lines = file.read_text("utf-8").splitlines()
    header_lines = []
    for line in lines:
        if not line.startswith("--"):
            break
        header_lines.append(line[2:].removeprefix(" "))
    header: dict[str, Any] = {}
    prose: dict[str, list[str]] = {}
    current = ""
    for line in header_lines:
        key = re.match(r"^(\w+):\s*(.*)$", line)
        if key:
            current = key[1]
            prose[current] = [key[2]]
        elif current:
            prose[current].append(line)
    for key_name, text in prose.items():
        joined = "\n".join(text)
        parsed = key_name == "tests"
        header[key_name] = yaml.load(joined, yaml.CSafeLoader) if parsed else joined.strip()
    unknown = [kind for kind in header.get("tests") or {} if kind not in TESTS]
    if unknown:
        raise ConfigurationError(f"{file.name}: there is no test {unknown[0]}")
    return Model(file.stem, "\n".join(lines[len(header_lines) :]), header)


@cache
def models() -> tuple[Model, ...]:
    """Return all models, each after those that it needs."""
    by_name = {file.stem: read_model(file) for file in sorted((HERE / "models").glob("*.sql"))}
    order = TopologicalSorter({name: model.needs for name, model in by_name.items()})
    return tuple(by_name[name] for name in order.static_order())


@cache
def staging() -> dict[str, str]:
    """Return the staging views' queries by name (``macros`` first, which is no view)."""
    files = sorted((HERE / "staging").glob("*.sql"), key=lambda file: file.stem != "macros")
    return {file.stem: file.read_text("utf-8") for file in files}


def unparsed_query() -> str:
    """Return the query for values that a staging cast refused.

    Shape: entity, record_id, field, value (as the portal gave it).
    """
    parts = []
    for name, sql in staging().items():
        table = RAW.search(sql)
        if name == "macros" or not table:
            continue
        for kind, field in sorted(set(CAST.findall(sql))):
            # a link of 0 means "none" and is no mistake
            cast = "int" if kind == "link" else kind
            parts.append(
                f"SELECT '{table[1]}' AS entity, _id AS record_id, '{field}' AS field,"  # noqa: S608
                f' "{field}" AS value FROM raw.{table[1]}'
                f' WHERE "{field}" IS NOT NULL AND as_{cast}("{field}") IS NULL'
            )
    return "\nUNION ALL\n".join(parts)
