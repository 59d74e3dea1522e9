"""A company of nine deals, small enough to work out every figure by hand.

`hand_snapshot` writes it as a snapshot file with the tables that metrics read. Paris time, euro;
the data is of 15 June 2026, noon. Pipeline 1 has the stages NEW, OFFER, WON, LOSE; pipeline 2
has C2:NEW, C2:WON, C2:LOSE. Two managers are called Ana.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import hand_ways

from workbench.warehouse import Snapshot

PARIS = ZoneInfo("Europe/Paris")
AS_OF = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)

STAGES = {
    "NEW": (1, "Direct", "New", 10, "P"),
    "OFFER": (1, "Direct", "Offer", 20, "P"),
    "WON": (1, "Direct", "Won", 30, "S"),
    "LOSE": (1, "Direct", "Lost", 40, "F"),
    "C2:NEW": (2, "Partners", "New", 10, "P"),
    "C2:WON": (2, "Partners", "Won", 20, "S"),
    "C2:LOSE": (2, "Partners", "Lost", 30, "F"),
}
MANAGERS = {1: ("Ana", 1, "North"), 2: ("Ana", 2, "South"), 3: ("Bo", 2, "South")}
# id, name, the one above it
DEPARTMENTS = [(9, "Sales", None), (1, "North", 9), (2, "South", 9), (4, "Stock", None)]
# The portal's own fields: of deals a text, a list and a number, of companies a truth.
USER_FIELDS = [
    ("deal", "UF_CRM_KIND", "Kind", "enumeration", False),
    ("deal", "UF_CRM_NEEDS", "Needs", "enumeration", True),
    ("deal", "UF_CRM_FLOORS", "Floors", "integer", False),
    ("company", "UF_CRM_KEY", "Key account", "boolean", False),
]
DEAL_FIELDS = [
    (1, "New", ["Light", "Desks"], 3),
    (2, "Old", ["Light"], None),
    (4, "New", [], 12),
    (9, None, None, 3),
]
COMPANY_FIELDS = [(10, True), (11, False)]
COMPANIES = {10: ("Acme", "IT"), 11: ("Zed", None)}
SOURCES = {"WEB": "Website", "ADS": "Adverts", None: None}

# id, stage, amount, currency, amount in base, created, closed, manager, company, source, planned
Deal = tuple[
    int, str, str | None, str, str | None, str, str | None, int, int | None, str | None, str
]
DEALS: list[Deal] = [
    (1, "WON", "1000", "EUR", "1000", "2026-01-05", "2026-01-25", 1, 10, "WEB", "2026-01-31"),
    (2, "WON", "3000", "EUR", "3000", "2026-01-10", "2026-02-19", 2, 10, "ADS", "2026-02-28"),
    (3, "LOSE", "500", "EUR", "500", "2026-01-17", "2026-02-10", 1, 11, "ADS", "2026-02-28"),
    (4, "C2:WON", "2200", "CHF", "2000", "2026-02-01", "2026-04-02", 3, 11, "WEB", "2026-03-31"),
    (5, "C2:LOSE", "700", "EUR", "700", "2026-03-15", "2026-04-01", 3, None, "ADS", "2026-04-30"),
    (6, "OFFER", "400", "EUR", "400", "2026-03-31", None, 1, 10, "WEB", "2026-06-20"),
    (7, "NEW", "600", "EUR", "600", "2026-06-03", None, 2, 11, None, "2026-08-01"),
    (8, "C2:NEW", None, "EUR", None, "2026-06-10", None, 3, None, "WEB", "2026-06-30"),
    (9, "WON", "1000.10", "EUR", "1000.10", "2025-12-31", "2026-03-31", 3, 10, "WEB", "2026-03-31"),
]
# deal, stage, entered, left
STAYS = [
    (1, "NEW", "2026-01-05", "2026-01-10"),
    (1, "OFFER", "2026-01-10", "2026-01-25"),
    (1, "WON", "2026-01-25", None),
    (2, "NEW", "2026-01-10", "2026-01-20"),
    (2, "OFFER", "2026-01-20", "2026-02-19"),
    (2, "WON", "2026-02-19", None),
    (3, "NEW", "2026-01-17", "2026-02-10"),
    (3, "LOSE", "2026-02-10", None),
    (4, "C2:NEW", "2026-02-01", "2026-04-02"),
    (4, "C2:WON", "2026-04-02", None),
    (5, "C2:NEW", "2026-03-15", "2026-04-01"),
    (5, "C2:LOSE", "2026-04-01", None),
    (6, "NEW", "2026-03-31", "2026-04-10"),
    (6, "OFFER", "2026-04-10", None),
    (7, "NEW", "2026-06-03", None),
    (8, "C2:NEW", "2026-06-10", None),
    (9, "NEW", "2025-12-31", "2026-01-15"),
    (9, "OFFER", "2026-01-15", "2026-03-31"),
    (9, "WON", "2026-03-31", None),
]
# id, semantics, created, source
LEADS = [
    (1, "S", "2026-01-03", "ADS"),
    (2, "F", "2026-01-09", "ADS"),
    (3, "P", "2026-02-02", "ADS"),
    (4, "S", "2026-02-05", "WEB"),
    (5, "P", "2026-04-01", "ADS"),
]
# id, deal, company, amount, semantics, created, paid
INVOICES = [
    (1, 1, 10, "1000", "S", "2026-01-26", "2026-02-10"),
    (2, 2, 10, "3000", "P", "2026-02-20", None),
    (3, 9, 10, "1000.10", "F", "2026-03-31", None),
]
# month, channel, source, amount
SPEND = [
    ("2026-01-01", "Google Ads", "ADS", "300"),
    ("2026-02-01", "Google Ads", "ADS", "100"),
    ("2026-02-01", "Fair", None, "50"),
    ("2026-03-01", "Google Ads", "ADS", "200"),
]
# deal, product, amount
PRODUCTS = [(1, "Lamp", "600"), (1, "Desk", "400"), (2, "Lamp", "2000"), (2, "Lamp", "1000")]

PORTAL_ENTITIES = (
    "deals",
    "leads",
    "companies",
    "deal_history",
    "deal_products",
    "invoices",
    "activities",
    "departments",
    "calls",
)


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def midnight(text: str | None) -> datetime | None:
    """The first moment of a day in Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS) if text else None


def between(first: str, last: str | None) -> float | None:
    return float((day(last) - day(first)).days) if last else None  # type: ignore[operator]


def deal_rows() -> list[tuple[Any, ...]]:
    rows = []
    for number, stage, amount, currency, base, created, closed, who, firm, source, planned in DEALS:
        pipeline_id, pipeline, stage_name, _sort, semantics = STAGES[stage]
        entered = max(stay[2] for stay in STAYS if stay[0] == number)
        manager, department_id, department = MANAGERS[who]
        customer = COMPANIES[firm][0] if firm else None
        rows.append(
            (number, f"Deal {number}", pipeline_id, pipeline, stage, stage_name, semantics)
            + (semantics == "P", semantics == "S", semantics == "F")
            + (amount, currency, base, "base" if currency == "EUR" else "observed")
            + (midnight(created), day(created), midnight(closed), day(closed))
            + (between(created, closed), day(planned), midnight(entered))
            + (midnight(entered), datetime.fromisoformat(entered), day(entered))
            + (who, manager, department_id, department)
            + (firm, customer, None, None, source, SOURCES[source])
            + ("google" if source == "ADS" else None, None, None, 50.0)
        )
    return rows


def reach_rows() -> list[tuple[Any, ...]]:
    """First entry of each deal into each stage or a later one, lost stages left out."""
    rows = []
    for number in sorted({stay[0] for stay in STAYS}):
        entries = [
            (STAGES[s], e) for d, s, e, _left in STAYS if d == number and STAGES[s][4] != "F"
        ]
        for stage, (pipeline, _name, _title, sort, semantics) in STAGES.items():
            later = [e for (p, _n, _t, other, _s), e in entries if p == pipeline and other >= sort]
            if semantics != "F" and later:
                rows.append((number, pipeline, stage, sort, day(min(later))))
    return rows


TABLES = {
    "info": "key VARCHAR, value VARCHAR",
    "sources": "source VARCHAR, entity VARCHAR, status VARCHAR, rows BIGINT, loaded_from DATE,"
    " loaded_to DATE, last_sync TIMESTAMPTZ, missing VARCHAR",
    "deals": "deal_id BIGINT, title VARCHAR, pipeline_id INTEGER, pipeline VARCHAR,"
    " stage_id VARCHAR, stage VARCHAR, semantics VARCHAR, is_open BOOLEAN, is_won BOOLEAN,"
    " is_lost BOOLEAN, amount DECIMAL(18,2), currency VARCHAR, amount_base DECIMAL(18,2),"
    " rate_basis VARCHAR, created_at TIMESTAMPTZ, created_on DATE, closed_at TIMESTAMPTZ,"
    " closed_on DATE, cycle_days DOUBLE, expected_close_on DATE, modified_at TIMESTAMPTZ,"
    " stage_entered_at TIMESTAMPTZ, stage_entered_local TIMESTAMP,"
    " stage_entered_on DATE, manager_id BIGINT, manager VARCHAR,"
    " department_id BIGINT, department VARCHAR, company_id BIGINT, customer VARCHAR,"
    " contact_id BIGINT, lead_id BIGINT, source_id VARCHAR, source VARCHAR, utm_source VARCHAR,"
    " utm_medium VARCHAR, utm_campaign VARCHAR, probability DOUBLE",
    "leads": "lead_id BIGINT, title VARCHAR, status_id VARCHAR, status VARCHAR,"
    " semantics VARCHAR, is_converted BOOLEAN, is_junk BOOLEAN, is_open BOOLEAN,"
    " created_at TIMESTAMPTZ, created_on DATE, closed_on DATE, manager_id BIGINT, manager VARCHAR,"
    " department_id BIGINT, department VARCHAR, company_id BIGINT, customer VARCHAR,"
    " contact_id BIGINT, source_id VARCHAR, source VARCHAR, utm_source VARCHAR,"
    " utm_medium VARCHAR, utm_campaign VARCHAR, amount DECIMAL(18,2), currency VARCHAR,"
    " amount_base DECIMAL(18,2), rate_basis VARCHAR",
    "customers": "company_id BIGINT, customer VARCHAR, company_type VARCHAR, industry VARCHAR",
    "departments": "department_id BIGINT, department VARCHAR, parent_id BIGINT",
    "user_fields": "owner VARCHAR, field VARCHAR, label VARCHAR, kind VARCHAR,"
    " is_multiple BOOLEAN, sort BIGINT, table_name VARCHAR, column_name VARCHAR, options VARCHAR[]",
    "deal_fields": "deal_id BIGINT, uf_crm_kind VARCHAR, uf_crm_needs VARCHAR[],"
    " uf_crm_floors BIGINT",
    "company_fields": "company_id BIGINT, uf_crm_key BOOLEAN",
    "stages": "pipeline_id INTEGER, pipeline VARCHAR, stage_id VARCHAR, stage VARCHAR,"
    " sort INTEGER, semantics VARCHAR",
    "deal_stage_stays": "history_id BIGINT, deal_id BIGINT, pipeline_id INTEGER,"
    " stage_id VARCHAR, stage VARCHAR, sort INTEGER, semantics VARCHAR, entered_at TIMESTAMPTZ,"
    " entered_local TIMESTAMP, entered_on DATE, left_at TIMESTAMPTZ, left_on DATE, days DOUBLE,"
    " came_from VARCHAR, visit INTEGER, next_id VARCHAR, time_gone INTEGER",
    "deal_reach": "deal_id BIGINT, pipeline_id INTEGER, stage_id VARCHAR, sort INTEGER,"
    " reached_on DATE",
    "invoices": "invoice_id BIGINT, deal_id BIGINT, company_id BIGINT, amount DECIMAL(18,2),"
    " currency VARCHAR, amount_base DECIMAL(18,2), rate_basis VARCHAR, stage_id VARCHAR,"
    " stage VARCHAR, semantics VARCHAR, created_on DATE, paid_on DATE, due_on DATE, ended_on DATE",
    "deal_products": "row_id BIGINT, deal_id BIGINT, product_id BIGINT, product VARCHAR,"
    " price DECIMAL(18,2), quantity DOUBLE, amount DECIMAL(18,2)",
    "marketing_spend": "month DATE, channel VARCHAR, source_id VARCHAR, source VARCHAR,"
    " amount_base DECIMAL(18,2), rate_basis VARCHAR, clicks BIGINT, impressions BIGINT",
} | hand_ways.TABLES


def hand_snapshot(
    folder: Path, *, spend: bool = True, statuses: dict[str, str] | None = None
) -> Snapshot:
    """Write the company as a snapshot; ``statuses``: entity → another status than complete."""
    home = folder / "warehouse" / "snapshots"
    home.mkdir(parents=True)
    path = home / "20260615T100000Z-000000.duckdb"
    status = {"marketing_spend": "complete" if spend else "not loaded"} | (statuses or {})
    sources = [
        ("bitrix24", name, status.get(name, "complete"), 9, day("2025-12-31"), day("2026-06-10"))
        + (AS_OF, None)
        for name in PORTAL_ENTITIES
    ]
    last = day("2026-03-31") if spend else None
    sources.append(
        ("marketing_spend", "marketing_spend", status["marketing_spend"], 4 if spend else 0)
        + (day("2026-01-01") if spend else None, last, AS_OF, None)
    )
    sources += [
        (name, name, "complete", 4, day("2026-01-01"), day("2026-06-30"), AS_OF, None)
        for name in ("targets", "accounting_documents")
    ]
    lead_rows = [
        (number, f"Lead {number}", f"S{semantics}", f"Status {semantics}", semantics)
        + (semantics == "S", semantics == "F", semantics == "P")
        + (midnight(created), day(created), None)
        + (1, "Ana", 1, "North", None, None, None, source, SOURCES[source])
        + (None, None, None, None, "EUR", None, "base")
        for number, semantics, created, source in LEADS
    ]
    created = {deal[0]: deal[5] for deal in DEALS}
    rows: dict[str, list[tuple[Any, ...]]] = {
        "info": [
            ("portal", "hand.example"),
            ("portal_url", "https://hand.example"),
            ("base_currency", "EUR"),
            ("timezone", "Europe/Paris"),
            ("as_of", AS_OF.isoformat()),
        ],
        "sources": sources,
        "deals": deal_rows(),
        "leads": lead_rows,
        "customers": [(key, name, "Client", branch) for key, (name, branch) in COMPANIES.items()],
        "departments": DEPARTMENTS,
        "user_fields": [
            (owner, name, label, kind, several, 100, f"{owner}_fields", name.lower(), None)
            for owner, name, label, kind, several in USER_FIELDS
        ],
        "deal_fields": DEAL_FIELDS,
        "company_fields": COMPANY_FIELDS,
        "stages": [
            (p, name, stage, title, n, s) for stage, (p, name, title, n, s) in STAGES.items()
        ],
        "deal_stage_stays": [
            (n, deal, *(STAGES[s][0], s, STAGES[s][2], STAGES[s][3], STAGES[s][4]))
            + (midnight(entered), datetime.fromisoformat(entered), day(entered))
            + (midnight(left), day(left), between(entered, left))
            + (next((b[1] for b in STAYS if b[0] == deal and b[3] == entered), None), 1)
            + (next((b[1] for b in STAYS if left and b[0] == deal and b[2] == left), None),)
            + (1 if left else None,)
            for n, (deal, s, entered, left) in enumerate(STAYS, 1)
        ],
        "deal_reach": reach_rows(),
        "invoices": [
            (number, deal, firm, amount, "EUR", amount, "base", f"I{semantics}")
            + (f"Invoice {semantics}", semantics, day(created), day(paid))
            + tuple(day(each) for each in hand_ways.DUE[number])
            for number, deal, firm, amount, semantics, created, paid in INVOICES
        ],
        "deal_products": [
            (n, deal, None, product, amount, 1, amount)
            for n, (deal, product, amount) in enumerate(PRODUCTS, 1)
        ],
        "marketing_spend": [
            (day(month), channel, source, SOURCES[source], amount, "base", 10, 100)
            for month, channel, source, amount in (SPEND if spend else [])
        ],
    } | hand_ways.way_rows(MANAGERS, STAGES, STAYS, reach_rows(), created)
    with duckdb.connect(str(path)) as connection:
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
            if rows[name]:
                marks = ", ".join("?" * len(rows[name][0]))
                connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows[name])
    return Snapshot(path)


def changed_snapshot(folder: Path, *statements: str) -> Snapshot:
    """Write the company as a snapshot and run some SQL on it."""
    made = hand_snapshot(folder)
    made.close()
    with duckdb.connect(str(made.path)) as connection:
        connection.execute(f"SET TimeZone = '{PARIS.key}'")
        for sql in statements:
            connection.execute(sql)
    return Snapshot(made.path)
