"""A small company as rows of a portal, and a snapshot of it, without any portal.

    from handmade import make_snapshot        # in tests/warehouse
    snapshot = make_snapshot(home)            # writes home/warehouse/..., returns it opened

or, to try something by hand: ``WORKBENCH_HOME=/tmp/x python tests/warehouse/handmade.py``.
Rows have the portal's own forms: strings, ``Y``/``N``, moments with an offset, empty as "" or null.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from workbench.bitrix24.entities import ENTITIES
from workbench.sources.pages import to_arrow
from workbench.warehouse.publish import publish
from workbench.warehouse.rates import observe_rates
from workbench.warehouse.snapshots import Snapshot
from workbench.warehouse.store import Progress, Store

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=PARIS)
Rows = dict[str, list[dict[str, Any]]]

STAGES = [
    ("NEW", "Nouveau", 10, None),
    ("PREPARATION", "Qualification", 20, None),
    ("PREPAYMENT_INVOICE", "Devis envoyé", 30, None),
    ("EXECUTING", "Négociation", 40, None),
    ("WON", "Gagnée", 50, "S"),
    ("LOSE", "Perdue", 60, "F"),
]
PIPELINES = {0: "Ventes directes", 1: "Grands comptes", 2: "Revendeurs"}
SOURCES = {"WEB": "Site web", "ADVERTISING": "Publicité", "RECOMMENDATION": "Recommandation"}
TEAMS = {1: ("Direction", None), 2: ("Ventes Paris", 1), 3: ("Ventes Lyon", 1)}


def moment(value: datetime) -> str:
    """Return a moment as the portal writes it."""
    return value.astimezone(PARIS).isoformat(timespec="seconds")


def code(pipeline: int, stage: str) -> str:
    """Return a stage's code in a pipeline."""
    return stage if pipeline == 0 else f"C{pipeline}:{stage}"


def directories() -> Rows:
    """Statuses, pipelines, currencies, people and products."""
    statuses = []
    for pipeline in PIPELINES:
        directory = "DEAL_STAGE" if pipeline == 0 else f"DEAL_STAGE_{pipeline}"
        statuses += [
            (directory, code(pipeline, stage), name, sort, semantics)
            for stage, name, sort, semantics in STAGES
        ]
    statuses += [("SOURCE", key, name, 10, None) for key, name in SOURCES.items()]
    statuses += [
        ("STATUS", "NEW", "Nouveau", 10, None),
        ("STATUS", "IN_PROCESS", "En cours", 20, None),
        ("STATUS", "CONVERTED", "Converti", 30, "S"),
        ("STATUS", "JUNK", "Écarté", 40, "F"),
        ("COMPANY_TYPE", "CUSTOMER", "Client", 10, None),
        ("INDUSTRY", "IT", "Informatique", 10, None),
        ("SMART_INVOICE_STAGE_7", "DT31_7:N", "Nouvelle", 10, None),
        ("SMART_INVOICE_STAGE_7", "DT31_7:P", "Payée", 20, "S"),
        ("SMART_INVOICE_STAGE_7", "DT31_7:D", "Impayée", 30, "F"),
    ]
    people = ["Camille Roux", "Hugo Morel", "Inès Fabre", "Jules Garnier", "Léa Colin", "Noé Petit"]
    return {
        "statuses": [
            {
                "ID": str(index),
                "ENTITY_ID": directory,
                "STATUS_ID": status,
                "NAME": name,
                "SORT": str(sort),
                "SEMANTICS": semantics,
            }
            for index, (directory, status, name, sort, semantics) in enumerate(statuses, 1)
        ],
        "categories": [
            {"id": key, "name": name, "sort": key * 100, "entityTypeId": "2"}
            for key, name in PIPELINES.items()
        ],
        "currencies": [
            {"CURRENCY": "EUR", "AMOUNT": "1.0000", "AMOUNT_CNT": "1", "BASE": "Y"},
            {"CURRENCY": "CHF", "AMOUNT": "106.5000", "AMOUNT_CNT": "100", "BASE": "N"},
        ],
        "users": [
            {
                "ID": str(index),
                "ACTIVE": True,
                "NAME": name.split()[0],
                "LAST_NAME": name.split()[1],
                "EMAIL": f"user{index}@example.org",
                "UF_DEPARTMENT": [1 if index == 1 else 2 + index % 2],
                "WORK_POSITION": "Commercial",
            }
            for index, name in enumerate(people, 1)
        ],
        "departments": [
            {"ID": str(key), "NAME": name, "SORT": 500}
            | ({"PARENT": str(parent)} if parent else {})
            for key, (name, parent) in TEAMS.items()
        ],
        "products": [
            {"ID": str(key), "NAME": name, "PRICE": price, "CURRENCY_ID": "EUR"}
            for key, name, price in [
                (1, "Lampe Aube", "129.00"),
                (2, "Bureau Chêne", "640.00"),
                (3, "Cloison Brume", "410.50"),
            ]
        ],
    }


def made_rows(deals: int = 900, seed: int = 7) -> Rows:
    """Return raw rows per entity: three years with growth, season, a weaker channel."""
    rng = random.Random(seed)
    rows = directories()
    rows |= {entity.name: [] for entity in ENTITIES if entity.name not in rows}
    start = datetime(2023, 12, 1, 9, 0, tzinfo=PARIS)
    span = (NOW - start).total_seconds()
    companies = max(deals // 4, 10)
    for company in range(1, companies + 1):
        rows["companies"].append(
            {
                "ID": str(company),
                "TITLE": f"Société {company}",
                "COMPANY_TYPE": "CUSTOMER",
                "INDUSTRY": "IT" if company % 3 else "",
                "IS_MY_COMPANY": "N",
                "DATE_CREATE": moment(start + timedelta(seconds=span * company / companies)),
                "DATE_MODIFY": moment(NOW),
            }
        )
    history = activity = 0
    for deal in range(1, deals + 1):
        created = start + timedelta(seconds=span * (deal / deals) ** 0.8)
        pipeline = rng.choice([0, 0, 0, 1, 2])
        source = rng.choice(list(SOURCES))
        at, entered, stage = created, [], "NEW"
        win = 0.45 if source != "ADVERTISING" else 0.2
        for step, (candidate, _, _, semantics) in enumerate(STAGES[:5]):
            if step and rng.random() > win ** (1 / 4):
                at += timedelta(days=rng.expovariate(1 / 9))
                stage, semantics = "LOSE", "F"
                entered.append((at, stage, semantics))
                break
            at += timedelta(days=rng.expovariate(1 / 9)) if step else timedelta(0)
            stage = candidate
            entered.append((at, stage, semantics or "P"))
        entered = [entry for entry in entered if entry[0] <= NOW]
        at, stage, semantics = entered[-1]
        for number, (when, reached, meaning) in enumerate(entered):
            history += 1
            rows["deal_history"].append(
                {
                    "ID": str(history),
                    "TYPE_ID": "1" if number == 0 else "3" if meaning in "SF" else "2",
                    "OWNER_ID": str(deal),
                    "CREATED_TIME": moment(when),
                    "CATEGORY_ID": str(pipeline),
                    "STAGE_SEMANTIC_ID": meaning,
                    "STAGE_ID": code(pipeline, reached),
                }
            )
        amount = Decimal(rng.lognormvariate(8.5, 0.8)).quantize(Decimal("0.01"))
        company = rng.randint(1, companies)
        rows["deals"].append(
            {
                "ID": str(deal),
                "TITLE": f"Aménagement {deal}",
                "CATEGORY_ID": str(pipeline),
                "STAGE_ID": code(pipeline, stage),
                "STAGE_SEMANTIC_ID": semantics,
                "IS_RECURRING": "N",
                "PROBABILITY": "40",
                "CURRENCY_ID": "CHF" if deal % 9 == 0 else "EUR",
                "OPPORTUNITY": str(amount),
                "COMPANY_ID": str(company),
                "CONTACT_ID": None,
                "LEAD_ID": "",
                "CLOSEDATE": moment(created + timedelta(days=45))[:10] + "T02:00:00+02:00",
                "MOVED_TIME": moment(at),
                "ASSIGNED_BY_ID": str(rng.randint(2, 6)),
                "DATE_CREATE": moment(created),
                "DATE_MODIFY": moment(at),
                "SOURCE_ID": source,
                "UTM_SOURCE": "google" if source == "ADVERTISING" else "",
                "UTM_MEDIUM": "",
                "UTM_CAMPAIGN": None,
            }
        )
        rows["deal_products"].append(
            {
                "id": deal,
                "ownerId": deal,
                "ownerType": "D",
                "productId": 1 + deal % 3,
                "productName": ["Lampe Aube", "Bureau Chêne", "Cloison Brume"][deal % 3],
                "price": float(amount),
                "quantity": 1,
            }
        )
        for _ in range(rng.randint(0, 3)):
            activity += 1
            rows["activities"].append(
                {
                    "ID": str(activity),
                    "OWNER_ID": str(deal),
                    "OWNER_TYPE_ID": "2",
                    "TYPE_ID": str(rng.choice([1, 2, 4])),
                    "DIRECTION": "2",
                    "SUBJECT": "Appel",
                    "CREATED": moment(created + timedelta(hours=activity % 50)),
                    "LAST_UPDATED": moment(created + timedelta(days=1)),
                    "RESPONSIBLE_ID": "2",
                    "COMPLETED": "Y",
                }
            )
        if semantics == "S":
            rows["invoices"].append(
                {
                    "id": len(rows["invoices"]) + 1,
                    "parentId2": deal,
                    "companyId": company,
                    "categoryId": 7,
                    "opportunity": float(amount),
                    "currencyId": "CHF" if deal % 9 == 0 else "EUR",
                    "stageId": "DT31_7:P" if deal % 5 else "DT31_7:N",
                    "createdTime": moment(at),
                    "movedTime": moment(at + timedelta(days=20)),
                    "updatedTime": moment(at),
                    "closedate": moment(at + timedelta(days=30)),
                }
            )
    for lead in range(1, deals // 2 + 1):
        created = start + timedelta(seconds=span * lead / (deals // 2))
        semantics = rng.choices("SFP", [4, 4, 1])[0]
        rows["leads"].append(
            {
                "ID": str(lead),
                "TITLE": f"Demande {lead}",
                "STATUS_ID": {"S": "CONVERTED", "F": "JUNK", "P": "IN_PROCESS"}[semantics],
                "STATUS_SEMANTIC_ID": semantics,
                "CURRENCY_ID": "EUR",
                "OPPORTUNITY": "0.00",
                "DATE_CLOSED": "" if semantics == "P" else moment(created + timedelta(days=3)),
                "ASSIGNED_BY_ID": str(rng.randint(2, 6)),
                "DATE_CREATE": moment(created),
                "DATE_MODIFY": moment(created + timedelta(days=3)),
                "SOURCE_ID": rng.choice(list(SOURCES)),
                "COMPANY_TITLE": f"Prospect {lead}",
            }
        )
    return rows


def made_spend() -> list[tuple[date, str, str, Decimal, str, int, int]]:
    """Return marketing spend rows: two channels, every month from December 2023 on."""
    spend = []
    for number in range(36):
        month = date(2023 + (11 + number) // 12, (11 + number) % 12 + 1, 1)
        spend.append(
            (month, "Google Ads", "ADVERTISING", Decimal(2400 + 40 * number), "EUR", 900, 30000)
        )
        spend.append((month, "SEO", "WEB", Decimal(900), "EUR", 1500, 60000))
    return spend


def fill(store: Store, rows: Rows, *, spend: bool = True) -> None:
    """Put raw rows into a store, as a sync of a portal in Paris would have left it."""
    store.set_info("portal", "atelier-lumen.example")
    store.set_info("portal_url", "https://atelier-lumen.example")
    store.set_info("timezone", "Europe/Paris")
    with store.transaction():
        if rows.get("types"):
            store.merge("types", to_arrow(rows["types"], "id"))
            store.take_smart_processes()
        keys = {entity.name: entity.key for entity in store.entities()}
        for name, given in rows.items():
            if given:
                store.merge(name, to_arrow(given, keys[name]))
            store.save(name, Progress("complete", last_sync=NOW.astimezone(UTC)))
        observe_rates(store, NOW.date())
        store.save(
            "marketing_spend",
            Progress("complete" if spend else "not loaded", last_sync=NOW.astimezone(UTC)),
            "marketing_spend",
        )
        if spend:
            store.connection.execute("DELETE FROM external.marketing_spend")
            store.connection.executemany(
                "INSERT INTO external.marketing_spend VALUES (?, ?, ?, ?, ?, ?, ?)", made_spend()
            )


def make_snapshot(
    home: Path, rows: Rows | None = None, *, spend: bool = True, as_of: datetime = NOW
) -> Snapshot:
    """Build ``home/warehouse`` from raw rows and return its published snapshot, opened."""
    with Store.open(home / "warehouse") as store:
        fill(store, rows or made_rows(), spend=spend)
        snapshot_id = publish(store, as_of)
    return Snapshot(home / "warehouse" / "snapshots" / f"{snapshot_id}.duckdb")


if __name__ == "__main__":
    from workbench.settings import settings

    made = make_snapshot(settings().home_dir)
    print(made.path)
    for (table,) in made.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
        print(f"{made.execute(f'SELECT count(*) FROM {table}').fetchall()[0][0]:>8} {table}")
