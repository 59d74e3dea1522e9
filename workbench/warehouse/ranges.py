"""Tables with a row or more per deal, built some deals at a time.

Joins, groups and sorts of all deals at once would take memory that grows with their number; and
what does not fit goes to disk and back, which takes longer than reading the rows once for each
part. Rows come out as the whole query would give them: ordered by deal first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb

AT_ONCE = 200_000
# Those whose windows and sorted texts take more memory for each deal.
FEWER = {"deal_stage_stays": 100_000, "deal_routes": 50_000}
READ = re.compile(
    r"\b(staging\.(?:deals|deal_history)|snapshot\.(?:deals|deal_stage_stays|deal_reach)"
    r"|known_history)\b"
)


def bounds(connection: duckdb.DuckDBPyConnection, at_once: int) -> list[str]:
    """Return conditions on ``deal_id``, one per part; every deal meets one of them."""
    rows = connection.execute(
        "SELECT _id FROM (SELECT _id, row_number() OVER (ORDER BY _id) AS place FROM raw.deals)"
        " WHERE place % ? = 0 ORDER BY _id",
        [at_once],
    ).fetchall()
    lows = [f"deal_id > {number}" for (number,) in rows]
    highs = [f"deal_id <= {number}" for (number,) in rows]
    pairs = zip(["", *lows], [*highs, ""], strict=True)
    return [" AND ".join(filter(None, pair)) or "true" for pair in pairs]


def in_parts(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> Iterator[str]:
    """Yield the statements that create a table of the snapshot with what the query gives."""
    create = f"CREATE TABLE snapshot.{table} AS "
    for condition in bounds(connection, min(FEWER.get(table, AT_ONCE), AT_ONCE)):
        part = READ.sub(rf"(FROM \1 WHERE {condition})", query)
        yield create + part
        create = f"INSERT INTO snapshot.{table} "
