"""The tests that the models declare, run on a snapshot.

A test is a query for the rows that break it; it passes when there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.i18n import _
from workbench.warehouse.models import Model, models
from workbench.warehouse.snapshots import Snapshot


@dataclass(frozen=True)
class Check:
    """One declared test: the table, what must hold, and the query for rows that break it."""

    table: str
    rule: str  # one of models.TESTS
    subject: str
    query: str

    @property
    def sentence(self) -> str:
        """What must hold, in the reader's language."""
        sentences = {
            "unique": _("{subject} is unique"),
            "not_null": _("{subject} is never empty"),
            "accepted": _("{subject} has an accepted value"),
            "references": _("{subject} exists in the other table"),
            "holds": _("holds: {subject}"),
        }
        return sentences[self.rule].format(subject=self.subject)


@dataclass(frozen=True)
class Outcome:
    """A check and how many rows broke it."""

    check: Check
    broken: int

    @property
    def passed(self) -> bool:
        """No row breaks it."""
        return self.broken == 0


def checks_of(model: Model) -> Iterator[Check]:
    """Yield the tests that a model's header declares."""
    table, tests = model.name, model.tests
    for key in tests.get("unique", []):
        yield Check(
            table,
            "unique",
            key,
            f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1",  # noqa: S608
        )
    for column in tests.get("not_null", []):
        yield Check(
            table,
            "not_null",
            column,
            f"SELECT {column} FROM {table} WHERE {column} IS NULL",  # noqa: S608
        )
    for column, values in tests.get("accepted", {}).items():
        listed = ", ".join(f"'{value}'" for value in values)
        yield Check(
            table,
            "accepted",
            f"{column} ({', '.join(values)})",
            f"SELECT {column} FROM {table} WHERE {column} NOT IN ({listed})",  # noqa: S608
        )
    for key, other in tests.get("references", {}).items():
        present = " AND ".join(f"{part.strip()} IS NOT NULL" for part in key.split(","))
        yield Check(
            table,
            "references",
            f"{key} → {other}",
            f"SELECT {key} FROM {table} ANTI JOIN {other} USING ({key}) WHERE {present}",  # noqa: S608
        )
    for condition in tests.get("holds", []):
        yield Check(
            table,
            "holds",
            condition,
            f"SELECT 1 FROM {table} WHERE NOT coalesce({condition}, true)",  # noqa: S608
        )


def declared_checks() -> list[Check]:
    """Return all tests that the models declare."""
    return [check for model in models() for check in checks_of(model)]


def run_checks(snapshot: Snapshot) -> list[Outcome]:
    """Run every declared test on a snapshot."""
    outcomes = []
    for check in declared_checks():
        row = snapshot.execute(f"SELECT count(*) FROM ({check.query})").fetchone()  # noqa: S608
        outcomes.append(Outcome(check, int(row[0]) if row else 0))
    return outcomes


def unparsed_counts(snapshot: Snapshot) -> list[tuple[str, str, int, str]]:
    """Return values that did not parse: (entity, field, count, one example)."""
    return snapshot.execute(
        "SELECT entity, field, count(*), min(value) FROM unparsed GROUP BY ALL ORDER BY ALL"
    ).fetchall()
