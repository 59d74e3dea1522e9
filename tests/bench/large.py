"""A warehouse of millions of deals, written by SQL into the store's raw tables.

Its rows have the portal's own forms; which stage a deal takes and when is drawn from hashes of its
id, so that every build is the same.
"""

from datetime import UTC, datetime
from pathlib import Path

from workbench.warehouse.publish import publish
from workbench.warehouse.rates import observe_rates
from workbench.warehouse.store import Progress, Store

AS_OF = datetime(2026, 11, 23, 17, tzinfo=UTC)
STAGES = ["NEW", "PREPARATION", "PREPAYMENT_INVOICE", "EXECUTING", "FINAL_INVOICE"]
PIPELINES, MANAGERS, DEPARTMENTS, SOURCES = 5, 60, 8, 6
PER_DEAL = 5  # entries into stages, on average: 3 to 7

DIRECTORIES = """
INSERT INTO raw.statuses (_id, ENTITY_ID, STATUS_ID, NAME, SORT, SEMANTICS)
SELECT 100 * p + s, 'DEAL_STAGE' || if(p = 0, '', '_' || p),
    if(p = 0, '', 'C' || p || ':') || names[s], 'Stage ' || s, (10 * s)::VARCHAR,
    CASE s WHEN 6 THEN 'S' WHEN 7 THEN 'F' END
FROM range($pipelines) AS a(p), range(1, 8) AS b(s), (SELECT $stages AS names);
INSERT INTO raw.statuses (_id, ENTITY_ID, STATUS_ID, NAME, SORT)
SELECT 9000 + i, 'SOURCE', 'S' || i, 'Source ' || i, '10' FROM range($sources) AS t(i);
INSERT INTO raw.categories (_id, "id", "name", "sort", "entityTypeId")
SELECT i, i::VARCHAR, 'Pipeline ' || i, (100 * i)::VARCHAR, '2' FROM range($pipelines) AS t(i);
INSERT INTO raw.currencies (_id, CURRENCY, AMOUNT, AMOUNT_CNT, BASE)
VALUES (1, 'EUR', '1', '1', 'Y'), (2, 'CHF', '106.5', '100', 'N');
INSERT INTO raw.users (_id, ID, ACTIVE, NAME, LAST_NAME, UF_DEPARTMENT)
SELECT i, i::VARCHAR, 'Y', 'Given' || i, 'Family' || i, '[' || 1 + i % $departments || ']'
FROM range(1, $managers + 1) AS t(i);
INSERT INTO raw.departments (_id, ID, NAME, PARENT)
SELECT i, i::VARCHAR, 'Department ' || i, nullif((i // 2)::VARCHAR, '0')
FROM range(1, $departments + 1) AS t(i);
INSERT INTO raw.companies (_id, TITLE, INDUSTRY, IS_MY_COMPANY)
SELECT i, 'Company ' || i, 'IT', 'N' FROM range(1, $companies + 1) AS t(i);
"""

# Deals with how many entries they have, what became of them and when they came: evenly over the
# years, in the order of their ids, as a portal numbers them.
DRAWN = """
CREATE OR REPLACE TEMP VIEW drawn AS
SELECT i, i % 5 AS p, 3 + hash(i) % 5 AS entries, hash(i, 'end') % 100 AS lot,
    TIMESTAMP '2022-01-03 08:00:00' + to_seconds(149000000 * i // $deals) AS born,
    if(i % 5 = 0, '', 'C' || i % 5 || ':') AS code
FROM range($first, $last) AS t(i);
"""
HISTORY = """
INSERT INTO raw.deal_history
    (_id, ID, TYPE_ID, OWNER_ID, CREATED_TIME, CATEGORY_ID, STAGE_ID, STAGE_SEMANTIC_ID)
SELECT 10 * i + j, (10 * i + j)::VARCHAR, if(j = 1, '1', '2'), i::VARCHAR,
    strftime(born + to_hours(waited::BIGINT), '%Y-%m-%dT%H:%M:%S+00:00'),
    p::VARCHAR, code || place.stage, place.semantics
FROM drawn, LATERAL (SELECT unnest(range(1, entries::BIGINT + 1)) AS j),
LATERAL (SELECT coalesce(list_sum([20 + hash(i, k) % 200 FOR k IN range(1, j)]), 0) AS waited),
LATERAL (SELECT
    CASE WHEN j = entries AND lot < 25 THEN 'WON' WHEN j = entries AND lot < 75 THEN 'LOSE'
    ELSE $stages[if(hash(i, j, 'again') % 12 = 0, greatest(j - 1, 1), least(j, 5))] END AS stage,
    CASE WHEN j = entries AND lot < 25 THEN 'S' WHEN j = entries AND lot < 75 THEN 'F'
    ELSE 'P' END AS semantics) AS place;
"""
DEALS = """
INSERT INTO raw.deals (_id, ID, TITLE, CATEGORY_ID, STAGE_ID, STAGE_SEMANTIC_ID, IS_RECURRING,
    CURRENCY_ID, OPPORTUNITY, COMPANY_ID, CLOSEDATE, MOVED_TIME, ASSIGNED_BY_ID, DATE_CREATE,
    DATE_MODIFY, SOURCE_ID, UTM_SOURCE)
SELECT i, i::VARCHAR, 'Deal ' || i, p::VARCHAR, last.STAGE_ID, last.STAGE_SEMANTIC_ID, 'N',
    if(hash(i, 'chf') % 9 = 0, 'CHF', 'EUR'), (100 + hash(i, 'amount') % 900000 / 100)::VARCHAR,
    (1 + hash(i, 'company') % $companies)::VARCHAR,
    strftime(born + INTERVAL 45 DAYS, '%Y-%m-%dT%H:%M:%S+00:00'), last.CREATED_TIME,
    (1 + hash(i, 'manager') % $managers)::VARCHAR,
    strftime(born, '%Y-%m-%dT%H:%M:%S+00:00'), last.CREATED_TIME,
    'S' || hash(i, 'source') % $sources, if(hash(i, 'utm') % 3 = 0, 'google', NULL)
FROM drawn JOIN raw.deal_history AS last ON last._id = 10 * i + entries;
"""


def fill_large(store: Store, deals: int, chunk: int = 200_000) -> None:
    """Put a company of so many deals, and five times as many stage entries, into a new store."""
    connection = store.connection
    connection.execute("SET memory_limit = '4GB'")
    for key, value in (
        ("portal", "large.example"),
        ("portal_url", "https://large.example"),
        ("timezone", "Europe/Paris"),
    ):
        store.set_info(key, value)
    facts = {
        "pipelines": PIPELINES,
        "stages": [*STAGES, "WON", "LOSE"],
        "sources": SOURCES,
        "managers": MANAGERS,
        "departments": DEPARTMENTS,
        "companies": max(deals // 50, 10),
    }
    run(store, DIRECTORIES, facts)
    for first in range(1, deals + 1, chunk):
        bounds = {"first": first, "last": min(first + chunk, deals + 1)}
        run(
            store,
            DRAWN.replace("$first", str(bounds["first"]))
            .replace("$last", str(bounds["last"]))
            .replace("$deals", str(deals)),
            {},
        )
        run(store, HISTORY, facts)
        run(store, DEALS, facts)
    for entity in store.entities():
        store.save(entity.name, Progress("complete", last_sync=AS_OF))
    observe_rates(store, AS_OF.date())
    store.connection.execute("SET memory_limit = '100MB'")


def run(store: Store, script: str, facts: dict[str, object]) -> None:
    """Run statements one by one, each with those of the facts that it names."""
    for statement in filter(str.strip, script.split(";")):
        own = {name: value for name, value in facts.items() if f"${name}" in statement}
        store.connection.execute(statement, own or None)


def make_large(folder: Path, deals: int) -> str:
    """Build ``folder/warehouse`` and publish it; returns the snapshot's id."""
    with Store.open(folder / "warehouse") as store:
        fill_large(store, deals)
        return publish(store, AS_OF)
