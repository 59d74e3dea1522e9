"""Running the checks on a snapshot: what is wrong, how many, examples, and a score per entity."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workbench.bitrix24.entities import ENTITIES
from workbench.errors import QueryError, WorkbenchError
from workbench.i18n import _, format_datetime
from workbench.metrics.catalogue import Kind, suggest
from workbench.metrics.filters import parse_filter, write_filter
from workbench.metrics.loaded import local_day
from workbench.metrics.quality.declared import (
    RECORDS,
    Check,
    Severity,
    checks_file,
    declared_checks,
)
from workbench.settings import settings
from workbench.sources.declared import read_sources
from workbench.warehouse import Snapshot
from workbench.warehouse.checks import checks_of
from workbench.warehouse.findings import read_findings
from workbench.warehouse.models import models

EXAMPLES = 5
PORTAL = "bitrix24"
# table: entity, column with its id, column that names a record, path of its card in the portal
CARDS: dict[str, tuple[str, str, str, str]] = {
    "deals": ("deals", "deal_id", "title", "/crm/deal/details/{}/"),
    "deal_stages": ("deals", "deal_id", "stage", "/crm/deal/details/{}/"),
    "deal_stage_stays": ("deals", "deal_id", "stage", "/crm/deal/details/{}/"),
    "deal_products": ("deals", "deal_id", "product", "/crm/deal/details/{}/"),
    "deal_fields": ("deals", "deal_id", "deal_id", "/crm/deal/details/{}/"),
    "leads": ("leads", "lead_id", "title", "/crm/lead/details/{}/"),
    "lead_fields": ("leads", "lead_id", "lead_id", "/crm/lead/details/{}/"),
    "customers": ("companies", "company_id", "customer", "/crm/company/details/{}/"),
    "contacts": ("contacts", "contact_id", "contact", "/crm/contact/details/{}/"),
    "invoices": ("invoices", "invoice_id", "invoice_id", "/crm/type/31/details/{}/"),
    "quotes": ("quotes", "quote_id", "title", "/crm/type/7/details/{}/"),
    "activities": ("activities", "activity_id", "subject", ""),
    "tasks": ("tasks", "task_id", "title", ""),
}
COUNTED = ("error", "warning")  # severities that a score counts


@dataclass(frozen=True)
class Example:
    """A record that breaks a check: its id, name, and the address of its card, if it has one."""

    record: int | str
    name: str
    link: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a check found: ``broken`` of ``rows`` (None: the table is not loaded or not there)."""

    check: str
    title: str
    table: str
    severity: Severity
    rows: int | None
    broken: int
    detail: str = ""
    examples: tuple[Example, ...] = ()
    rule: str = ""  # of what a model promises, and of which column
    subject: str = ""

    @property
    def passed(self) -> bool:
        """Nothing breaks it; a check that could not be run has neither passed nor failed."""
        return self.broken == 0


@dataclass
class Quality:
    """All outcomes on a snapshot, and per entity the share of its records that break nothing."""

    snapshot: str
    done_at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)  # behind each score

    @property
    def failed(self) -> list[Outcome]:
        """What is broken, errors first."""
        order = {"error": 0, "warning": 1, "info": 2}
        broken = [each for each in self.outcomes if not each.passed]
        return sorted(broken, key=lambda each: order[each.severity])


def run_quality(snapshot: Snapshot, checks: Iterable[Check] | None = None) -> Quality:
    """Run the models' tests and the declared checks; raises as `declared_checks` does."""
    run = _Run(snapshot)
    found = Quality(snapshot.id, datetime.now(UTC))
    found.outcomes = list(run.model_tests())
    found.outcomes += [
        run.outcome(each) for each in (declared_checks() if checks is None else checks)
    ]
    found.scores, found.records = run.scores()
    return found


def failed_errors(snapshot: Snapshot, tables: Collection[str]) -> list[Outcome]:
    """Run only what can stop a report that reads ``tables``; return what fails."""
    run = _Run(snapshot)
    found = list(run.model_tests(tables))
    for each in declared_checks():
        if each.severity == "error" and each.table in tables:
            found.append(run.outcome(each))
    return [outcome for outcome in found if not outcome.passed]


def run_check(snapshot: Snapshot, check: Check) -> Outcome:
    """Run one declared check; raises `QueryError` naming the file and the check."""
    return _Run(snapshot).outcome(check)


class _Run:
    """One run over a snapshot: which tables and columns it has, which records are broken."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        columns = snapshot.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
            " AND database_name = current_database() AND schema_name = current_schema()"
        ).fetchall()
        self.columns: dict[str, dict[str, tuple[str, Kind]]] = {}
        self.lists = {(table, column) for table, column, kind in columns if kind.endswith("[]")}
        for table, column, kind in columns:
            self.columns.setdefault(table, {})[column] = (f'"{column}"', _kind(kind))
        self.today = local_day(snapshot.as_of, snapshot.timezone)
        self._broken: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def model_tests(self, tables: Collection[str] | None = None) -> Iterable[Outcome]:
        """Yield the outcomes of the tests that the models declare, each an error."""
        for model in models():
            if model.name not in self.columns or (tables is not None and model.name not in tables):
                continue
            rows = self._count(f"SELECT count(*) FROM {model.name}", {})  # noqa: S608
            for number, check in enumerate(checks_of(model)):
                sql = f"SELECT count(*) FROM ({check.query})"  # noqa: S608 - of declared names
                yield Outcome(
                    f"{model.name}_{check.rule}_{number}",
                    check.sentence,
                    model.name,
                    "error",
                    rows,
                    self._count(sql, {}),
                    rule=check.rule,
                    subject=check.subject,
                )

    def outcome(self, check: Check) -> Outcome:
        """Run one declared check; raises `QueryError` naming the file and the check."""
        try:
            match check.kind:
                case "fresh_hours":
                    return self._fresh(check)
                case "portal_totals":
                    return self._totals(check)
            return self._rows(check)
        except QueryError as error:
            raise QueryError(
                _("{file}: {name}: {reason}").format(
                    file=checks_file().name, name=check.id, reason=error.message
                ),
                hint=error.hint,
            ) from None

    def _rows(self, check: Check) -> Outcome:
        """Look at the rows of a table."""
        table = RECORDS.get(check.table, check.table)
        _known(check.table, table in self.columns, self.columns)
        rows, condition, parameters = self._condition(check, table)
        kept = f"FROM (SELECT * FROM {table} WHERE {rows}) AS m"  # noqa: S608 - declared names only
        total = self._count(f"SELECT count(*) {kept}", parameters)
        broken = self._count(f"SELECT count(*) {kept} WHERE {condition}", parameters)
        examples: tuple[Example, ...] = ()
        if broken and table in CARDS:
            entity, key, _name, _path = CARDS[table]
            examples = self._examples(table, f"{kept} WHERE {condition}", parameters)
            if check.severity in COUNTED:
                query = f"SELECT CAST({key} AS VARCHAR) AS id {kept} WHERE {condition}"
                self._broken.setdefault(entity, []).append((query, parameters))
        return _outcome(check, total, broken, examples=examples)

    def _condition(self, check: Check, table: str) -> tuple[str, str, dict[str, Any]]:
        """Return which rows are looked at, which of them are wrong, and the bound values."""
        known = self.columns[table]
        parameters: dict[str, Any] = {}

        def filtered(text: str, prefix: str) -> str:
            sql, bound = write_filter(parse_filter(text), known, f"{check.id}_{prefix}", self.today)
            parameters.update(bound)
            return sql

        def column(name: str) -> str:
            if name not in known:
                raise QueryError(
                    _("The table has no column “{name}”.").format(name=name[:60]),
                    hint=suggest(name, known),
                )
            return known[name][0]

        rows = filtered(check.where, "w") if check.where else "true"
        if check.broken is not None:
            condition = filtered(check.broken, "b")
        elif check.filled is not None:
            empty = [f"{check.id}_e{n}" for n in range(len(check.placeholders) + 1)]
            parameters.update(zip(empty, ["", *check.placeholders], strict=True))
            listed = ", ".join(f"${name}" for name in empty)
            condition = " OR ".join(
                f"({column(name)} IS NULL OR list_has_all([{listed}], {column(name)}::VARCHAR[]))"
                if (table, name) in self.lists
                else f"({column(name)} IS NULL OR trim({column(name)}::VARCHAR) IN ({listed}))"
                for name in check.filled
            )
        elif check.unique is not None:
            keys = ", ".join(column(name) for name in check.unique)
            present = " AND ".join(f"{column(name)} IS NOT NULL" for name in check.unique)
            condition = (
                f"{present} AND ({keys}) IN (SELECT ({keys}) FROM {table} WHERE {present}"  # noqa: S608
                f" GROUP BY {keys} HAVING count(*) > 1)"
            )
        elif check.order is not None:
            first, second = check.order
            condition = f"{column(first)} > {column(second)}"
            if known[first][1] != known[second][1] or self.lists & {
                (table, first),
                (table, second),
            }:
                raise QueryError(
                    _("“{first}” and “{second}” cannot be put in an order.").format(
                        first=first, second=second
                    ),
                    hint=_("`order` takes two dates or two numbers."),
                )
        else:
            parameters[f"{check.id}_what"] = check.duplicates
            condition = (
                f"{CARDS[table][1]} IN (SELECT record_id FROM duplicates"  # noqa: S608
                f" WHERE entity = '{CARDS[table][0]}' AND what = ${check.id}_what)"
            )
        return rows, f"({condition})", parameters

    def _examples(self, table: str, found: str, parameters: dict[str, Any]) -> tuple[Example, ...]:
        _entity, key, name, path = CARDS[table]
        rows = self.snapshot.execute(
            f"SELECT DISTINCT {key}, CAST({name} AS VARCHAR) {found} ORDER BY {key} DESC"
            f" LIMIT {EXAMPLES}",
            parameters,
        ).fetchall()
        base = self.snapshot.portal_url
        return tuple(
            Example(number, text or "", base + path.format(number) if path else "")
            for number, text in rows
        )

    def _fresh(self, check: Check) -> Outcome:
        """Look at when the table was last found to be up to date."""
        sources = self.snapshot.sources().set_index("entity")
        loadable = {*sources.index, *(each.name for each in ENTITIES), *read_sources()} - {PORTAL}
        _known(check.table, check.table in loadable, loadable)
        if check.table not in sources.index:
            return _outcome(check, None, 0, _("not loaded"))
        row = sources.loc[check.table]
        moment = self.snapshot.checked_at if row["source"] == PORTAL else row["last_sync"]
        if row["status"] == "not loaded" or moment is None or moment != moment:
            return _outcome(check, None, 0, _("not loaded"))
        hours = (datetime.now(UTC) - moment).total_seconds() / 3600
        told = _("last found to be up to date {moment}").format(
            moment=format_datetime(moment, self.snapshot.timezone)
        )
        late = hours > (check.fresh_hours or 0)
        return _outcome(check, int(row["rows"]), int(late), told)

    def _totals(self, check: Check) -> Outcome:
        """Look at what the sync found when it compared with the portal."""
        sources = self.snapshot.sources()
        own = sources["entity"][sources["source"] == PORTAL]
        counted = {*own, *(each.name for each in ENTITIES)}
        _known(check.table, check.table in counted, counted)
        found = read_findings(settings().home_dir / "warehouse")
        mine = [each for each in found if each.entity == check.table]
        differing = sum(each.differing for each in mine if each.outcome == "differs")
        done = [each for each in mine if each.outcome != "not done"]
        told = "" if done else _("not compared yet")
        rows = max((each.compared for each in done), default=None)
        return _outcome(check, rows, differing, told)

    def scores(self) -> tuple[dict[str, float], dict[str, int]]:
        """Return per entity the share of its records that no check of weight finds broken, and
        how many records it has.
        """
        found: dict[str, float] = {}
        records: dict[str, int] = {}
        for table, (entity, key, _name, _path) in CARDS.items():
            if entity in found or table not in self.columns or table not in (entity, "customers"):
                continue
            rows = self._count(f"SELECT count(DISTINCT {key}) FROM {table}", {})  # noqa: S608
            if not rows:
                continue
            parts = self._broken.get(entity, [])
            broken = 0
            if parts:
                union = " UNION ".join(query for query, _bound in parts)
                bound = {name: value for _query, each in parts for name, value in each.items()}
                broken = self._count(f"SELECT count(*) FROM ({union})", bound)  # noqa: S608
            found[entity], records[entity] = 1 - min(broken / rows, 1), rows
        return found, records

    def _count(self, sql: str, parameters: dict[str, Any]) -> int:
        named = set(re.findall(r"\$(\w+)", sql))
        used = {name: value for name, value in parameters.items() if name in named}
        try:
            row = self.snapshot.execute(sql, used).fetchone()
        except WorkbenchError as error:
            raise QueryError(
                error.message.splitlines()[0],
                hint=_("Compare each column with values of its own kind."),
            ) from None
        return int(row[0]) if row else 0


def _known(table: str, there: bool, known: Iterable[str]) -> None:
    """Raise `QueryError` with what is allowed for a table that a check cannot look at."""
    if not there:
        raise QueryError(
            _("there is no table “{table}” for such a check.").format(table=table),
            hint=suggest(table, known),
        )


def _outcome(
    check: Check,
    rows: int | None,
    broken: int,
    detail: str = "",
    examples: tuple[Example, ...] = (),
) -> Outcome:
    return Outcome(
        check.id, str(check.title), check.table, check.severity, rows, broken, detail, examples
    )


def _kind(data_type: str) -> Kind:
    if data_type == "BOOLEAN":
        return "boolean"
    if data_type == "DATE" or data_type.startswith("TIMESTAMP"):
        return "date"
    if data_type.split("(")[0] in ("DECIMAL", "DOUBLE", "BIGINT", "INTEGER", "HUGEINT", "FLOAT"):
        return "number"
    return "text"
