"""Anyone's CSV export as a portal: users, departments, companies, products, deals with history.

Nothing is dropped in silence: whatever is odd is kept as well as it can be and stands in the
`LoadReport` with its count and examples.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from workbench.bitrix24.sandbox.load.load_files import (
    LoadReport,
    Row,
    other_files,
    read_day,
    read_number,
    read_rows,
)
from workbench.bitrix24.sandbox.load.load_mapping import Mapping, read_mapping
from workbench.bitrix24.sandbox.memory.state import State
from workbench.errors import UsageError
from workbench.i18n import _

HOUR = time(9)  # of the portal's day at which a record of the files was made or closed
PARTS = ("users", "companies", "products", "deals")
Days = list[tuple[date | None, date | None]]  # made and closed, per row


def load_directory(state: State, directory: Path, mapping: Path | Mapping) -> LoadReport:
    """Fill an empty portal from a folder of CSV files.

    Dates become nine o'clock of the portal's day, so a cycle is a whole number of days. Raises
    `ConfigurationError` for a mapping that does not fit its files, `SourceError` for a file that
    cannot be read, `UsageError` for a portal that holds data.
    """
    meaning = mapping if isinstance(mapping, Mapping) else read_mapping(mapping)
    for table in ("deals", "companies", "users"):
        if state.count(table):
            raise UsageError(
                _("The portal already holds data ({table}).").format(table=table),
                hint=_("Load into an empty portal: choose another state file."),
            )
    report = LoadReport()
    tables = {
        part: read_rows(directory / spec.file, spec.columns(), report)
        for part in PARTS
        if (spec := getattr(meaning, part)) is not None
    }
    named = {spec.file for part in PARTS if (spec := getattr(meaning, part)) is not None}
    other_files(directory, named, report)
    with state.bulk():
        _Loading(state, meaning, tables, report).run()
    return report


class _Loading:
    """One load: the ids that names got, and what was odd so far."""

    def __init__(
        self, state: State, mapping: Mapping, tables: dict[str, list[Row]], report: LoadReport
    ) -> None:
        self.state = state
        self.mapping = mapping
        self.tables = tables
        self.report = report
        self.users: dict[str, int] = {}
        self.companies: dict[str, int] = {}
        self.products: dict[str, int] = {}
        self.today = state.now().date()
        self.days: Days = [
            (self._day(row["created"]), self._day(row.get("closed", ""))) for row in tables["deals"]
        ]

    def run(self) -> None:
        """Write everything, parents before children."""
        self._directories()
        self._people()
        self._companies()
        self._products()
        self._deals()

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        self.report.rows[table] = self.report.rows.get(table, 0) + self.state.insert_many(
            table, rows
        )

    def _at(self, day: date) -> int:
        return int(datetime.combine(day, HOUR, self.state.zone).timestamp())

    def _spelled(self, kind: str, file: str, values: list[str]) -> list[str]:
        """Return values as the mapping's spellings want them, counting each that was changed."""
        known: dict[str, str] = self.mapping.spellings.get(kind, {})  # type: ignore[call-overload]
        named = {
            "product": _("product"),
            "industry": _("industry"),
            "country": _("country"),
            "company": _("company"),
            "user": _("user"),
        }[kind]
        for wrong, right in known.items():
            self.report.note(
                file,
                _("{kind} “{wrong}” read as “{right}”").format(
                    kind=named, wrong=wrong, right=right
                ),
                (value for value in values if value == wrong),
            )
        return [known.get(value, value) for value in values]

    def _unique(self, file: str, names: list[str]) -> dict[str, int]:
        """Number names from 1; repeated and empty ones are said and get no number of their own."""
        seen = Counter(filter(None, names))
        self.report.note(file, _("the same name again"), (n for n in seen if seen[n] > 1))
        self.report.note(file, _("no name"), (n for n in names if not n))
        return {name: place for place, name in enumerate(seen, 1)}

    def _directories(self) -> None:
        self._insert(
            "categories",
            [{"ID": 0, "NAME": "Pipeline", "SORT": 100, "ENTITY_TYPE_ID": 2, "IS_DEFAULT": "Y"}],
        )
        self._insert(
            "statuses",
            [
                {
                    "ENTITY_ID": "DEAL_STAGE",
                    "STATUS_ID": stage.id,
                    "NAME": stage.name,
                    "NAME_INIT": stage.name,
                    "SORT": 10 * place,
                    "SYSTEM": "Y",
                    "SEMANTICS": stage.semantics,
                }
                for place, stage in enumerate(self.mapping.stages, 1)
            ],
        )
        self._insert(
            "currencies",
            [{"CURRENCY": self.mapping.currency, "AMOUNT": 1.0, "AMOUNT_CNT": 1, "BASE": "Y"}],
        )

    def _people(self) -> None:
        """User 1 is the portal's administrator; teams are departments, their heads users."""
        rows = self.tables.get("users", [])
        file = self.mapping.users.file if self.mapping.users else ""
        agents = self._unique(file, [row["name"] for row in rows])
        heads = dict.fromkeys(
            row["team"] for row in rows if row.get("team") and row["team"] not in agents
        )
        self.users = {name: 1 + n for n, name in enumerate([*agents, *heads], 1)}
        offices = dict.fromkeys(row["office"] for row in rows if row.get("office"))
        office_ids = {name: n for n, name in enumerate(offices, 2)}
        teams = {row["team"]: row.get("office", "") for row in rows if row.get("team")}
        team_ids = {name: n for n, name in enumerate(teams, 2 + len(offices))}
        self._insert(
            "departments",
            [
                {"ID": 1, "NAME": "Portal", "SORT": 100},
                *(
                    {"ID": n, "NAME": name, "SORT": 100, "PARENT": 1}
                    for name, n in office_ids.items()
                ),
                *(
                    {
                        "ID": n,
                        "NAME": name,
                        "SORT": 100,
                        "PARENT": office_ids.get(teams[name], 1),
                        "UF_HEAD": self.users[name],
                    }
                    for name, n in team_ids.items()
                ),
            ],
        )
        home = {row["name"]: team_ids.get(row.get("team", "")) for row in rows} | {
            name: team_ids[name] for name in heads
        }
        self._insert(
            "users",
            [
                self._user(1, "Portal Admin", 1, admin=True),
                *(self._user(n, name, home.get(name) or 1) for name, n in self.users.items()),
            ],
        )

    @staticmethod
    def _user(number: int, name: str, department: int, *, admin: bool = False) -> dict[str, Any]:
        first, _space, last = name.partition(" ")
        return {
            "ID": number,
            "ACTIVE": "Y",
            "NAME": first,
            "LAST_NAME": last,
            "UF_DEPARTMENT": [department],
            "USER_TYPE": "employee",
            "IS_ADMIN": "Y" if admin else "N",
            "CRM_RIGHTS": "all",
        }

    def _companies(self) -> None:
        if self.mapping.companies is None:
            return
        file, rows = self.mapping.companies.file, self.tables["companies"]
        self.companies = self._unique(file, [row["name"] for row in rows])
        industries = self._spelled("industry", file, [row.get("industry", "") for row in rows])
        countries = self._spelled("country", file, [row.get("country", "") for row in rows])
        codes = {
            name: f"UC_{n:03d}" for n, name in enumerate(sorted(set(filter(None, industries))))
        }
        self._insert(
            "statuses",
            [
                {
                    "ENTITY_ID": "INDUSTRY",
                    "STATUS_ID": code,
                    "NAME": name,
                    "SORT": 10,
                    "SYSTEM": "N",
                }
                for name, code in codes.items()
            ],
        )
        # The files do not say since when a customer is known: at the latest since the first deal.
        made = self._at(min((d for pair in self.days for d in pair if d), default=self.today))
        written: dict[int, dict[str, Any]] = {}
        for row, industry, country in zip(rows, industries, countries, strict=True):
            if row["name"]:
                written.setdefault(
                    self.companies[row["name"]],
                    {
                        "ID": self.companies[row["name"]],
                        "TITLE": row["name"],
                        "COMPANY_TYPE": "CUSTOMER",
                        "INDUSTRY": codes.get(industry),
                        "ADDRESS_COUNTRY": country,
                        "REVENUE": self._number(file, "revenue", row.get("revenue", "")),
                        "CURRENCY_ID": self.mapping.currency,
                        "COMMENTS": row.get("employees", ""),
                        "ASSIGNED_BY_ID": 1,
                        "CREATED_BY_ID": 1,
                        "DATE_CREATE": made,
                        "DATE_MODIFY": made,
                        "OPENED": "Y",
                    },
                )
        self._insert("companies", list(written.values()))

    def _products(self) -> None:
        if self.mapping.products is None:
            return
        file, rows = self.mapping.products.file, self.tables["products"]
        self.products = self._unique(file, [row["name"] for row in rows])
        prices = {row["name"]: row.get("price", "") for row in rows}
        self._insert(
            "products",
            [
                {
                    "ID": number,
                    "NAME": name,
                    "ACTIVE": "Y",
                    "PRICE": self._number(file, "price", prices[name]),
                    "CURRENCY_ID": self.mapping.currency,
                }
                for name, number in self.products.items()
            ],
        )

    def _number(self, file: str, column: str, text: str) -> float:
        """Read an amount; one that is none is said and becomes 0."""
        if not text:
            return 0.0
        value = read_number(text, self.mapping.decimal)
        if value is None:
            self.report.note(file, _("{column} is no number").format(column=column), [text])
        return value or 0.0

    def _day(self, text: str) -> date | None:
        return read_day(text, self.mapping.date_format) if text else None

    def _deals(self) -> None:
        spec, rows = self.mapping.deals, self.tables["deals"]
        file, note = spec.file, self.report.note
        keys = Counter(row["key"] for row in rows)
        note(file, _("the same key again; each row is loaded"), (k for k in keys if keys[k] > 1))
        stages = {stage.name: stage for stage in self.mapping.stages}
        first = next(s for s in self.mapping.stages if s.semantics is None)
        note(
            file,
            _("unknown stage; loaded as “{stage}”").format(stage=first.name),
            (row["stage"] for row in rows if row["stage"] not in stages),
        )
        days = self.days
        newest = max((d for pair in days for d in pair if d), default=self.today)
        for column, place in (("created", 0), ("closed", 1)):
            note(
                file,
                _("{column}: no date").format(column=getattr(spec, column)),
                (
                    row[column]
                    for row, pair in zip(rows, days, strict=True)
                    if row.get(column) and pair[place] is None
                ),
            )
        note(
            file,
            _("no {column}; made on {day}, the newest day of the file").format(
                column=spec.created, day=newest
            ),
            (row["stage"] for row, (made, _c) in zip(rows, days, strict=True) if made is None),
        )
        for role, known, none, unknown in (
            ("user", self.users, _("no user"), _("unknown user")),
            ("company", self.companies, _("no company"), _("unknown company")),
        ):
            if getattr(spec, role):
                values = self._spelled(role, file, [row[role] for row in rows])
                for row, value in zip(rows, values, strict=True):
                    row[role] = value
                note(
                    file,
                    none,
                    (r["stage"] for r in rows if not r[role]),
                )
                note(
                    file,
                    unknown,
                    (row[role] for row in rows if row[role] and row[role] not in known),
                )
        if spec.user:
            sellers = {row["user"] for row in rows}
            agents = [row["name"] for row in self.tables.get("users", [])]
            note(file, _("users without a deal"), (a for a in agents if a not in sellers))
        if spec.product:
            values = self._spelled("product", file, [row["product"] for row in rows])
            for row, value in zip(rows, values, strict=True):
                row["product"] = value
            note(
                file,
                _("unknown product; the row has its name only"),
                (row["product"] for row in rows if row["product"] not in self.products),
            )
        self._write_deals(rows, days, newest, stages, first)

    def _write_deals(self, rows, days, newest, stages, first) -> None:
        spec = self.mapping.deals
        deals: list[dict[str, Any]] = []
        history: list[dict[str, Any]] = []
        products: list[dict[str, Any]] = []
        early, unclosed, ignored = [], [], []
        empty: dict[str, list[str]] = {}
        working = [stage for stage in self.mapping.stages if stage.semantics is None]
        for number, (row, (made, closed)) in enumerate(zip(rows, self.days, strict=True), 1):
            stage = stages.get(row["stage"], first)
            made = made or closed or newest
            if stage.semantics is None:
                ignored += [row["key"]] if closed else []
                closed = None
            elif closed is None:
                closed = newest
                unclosed.append(row["stage"])
            if closed and closed < made:
                early.append(row["key"])
                closed = made
            amount = self._number(spec.file, spec.amount or "amount", row.get("amount", ""))
            if not amount and spec.amount:
                empty.setdefault(stage.name, []).append(row["amount"])
            moved = self._at(closed or made)
            user = self.users.get(row.get("user", ""), 1)
            deals.append(
                {
                    "ID": number,
                    "TITLE": f"{row['key']} {row.get('product', '')}".strip(),
                    "CATEGORY_ID": 0,
                    "STAGE_ID": stage.id,
                    "STAGE_SEMANTIC_ID": stage.semantics or "P",
                    "CLOSED": "Y" if stage.semantics else "N",
                    "OPENED": "Y",
                    "IS_RECURRING": "N",
                    "CURRENCY_ID": self.mapping.currency,
                    "OPPORTUNITY": amount,
                    "IS_MANUAL_OPPORTUNITY": "Y",
                    "COMPANY_ID": self.companies.get(row.get("company", "")),
                    "BEGINDATE": made.isoformat(),
                    "CLOSEDATE": (closed or made).isoformat(),
                    "ASSIGNED_BY_ID": user,
                    "CREATED_BY_ID": user,
                    "MODIFY_BY_ID": user,
                    "MOVED_BY_ID": user,
                    "DATE_CREATE": self._at(made),
                    "DATE_MODIFY": moved,
                    "MOVED_TIME": moved,
                    "ORIGINATOR_ID": "csv",
                    "ORIGIN_ID": row["key"],
                }
            )
            start = stage if stage.semantics is None else working[-1]
            entered = [(1, start, made)] + ([(3, stage, closed)] if closed else [])
            history += [
                {
                    "ENTITY_TYPE_ID": 2,
                    "TYPE_ID": kind,
                    "OWNER_ID": number,
                    "CREATED_TIME": self._at(day),
                    "CATEGORY_ID": 0,
                    "STAGE_ID": there.id,
                    "STAGE_SEMANTIC_ID": there.semantics or "P",
                }
                for kind, there, day in entered
            ]
            if row.get("product"):
                products.append(
                    {
                        "OWNER_ID": number,
                        "OWNER_TYPE": "D",
                        "PRODUCT_ID": self.products.get(row["product"], 0),
                        "PRODUCT_NAME": row["product"],
                        "PRICE": amount,
                        "QUANTITY": 1.0,
                    }
                )
        note = self.report.note
        note(spec.file, _("closed before it was made; closed on the day it was made"), early)
        note(spec.file, _("closed without a date; closed on {day}").format(day=newest), unclosed)
        note(spec.file, _("still open, yet with a closing date; not used"), ignored)
        for name, values in empty.items():
            what = _("{stage}: no {column}, or 0; loaded as 0")
            note(spec.file, what.format(stage=name, column=spec.amount), values)
        history.sort(key=lambda row: row["CREATED_TIME"])
        self._insert("deals", deals)
        self._insert("stage_history", history)
        self._insert("product_rows", products)
