"""What is worked out over the deals that a filter keeps, where the data is: few rows leave it.

Like `workbench.warehouse.records.READS`, the whole list has names and typed values; in its SQL,
``kept`` are the rows of `deals` that the filter keeps, ``$local_now`` is the moment of the data on
the portal's clock.
"""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd

from workbench.metrics.answered import answered
from workbench.metrics.filters import Filter, both
from workbench.metrics.query import as_filter
from workbench.metrics.segments import segment_filter
from workbench.metrics.service.door import newest_data
from workbench.metrics.sql import LATER, UNRATED, Cut, Statement, rows_statement
from workbench.metrics.user_fields import models_of
from workbench.warehouse import Data, Snapshot
from workbench.warehouse.records import Read, checked

# Open deals with their age in the present stage, beside what is usual there.
_AGED = """
aged AS (
  SELECT kept.*, usual.limit_days,
    date_diff('microsecond', kept.stage_entered_local, CAST($local_now AS TIMESTAMP)) / 86400e6
      AS age_days
  FROM kept
  LEFT JOIN stage_limits AS usual
    ON usual.pipeline_id = kept.pipeline_id AND usual.stage_id = kept.stage_id
  WHERE kept.is_open
)
"""

SUMMARIES: dict[str, Read] = {
    "deals_by_pipeline": Read(
        "SELECT pipeline_id, pipeline, count(*) AS deals FROM kept WHERE pipeline IS NOT NULL"
        " GROUP BY ALL ORDER BY deals DESC, pipeline, pipeline_id"
    ),
    # How deals went through the stages of a pipeline (see `workbench.analysis.process_map`).
    "routes": Read(
        """
        SELECT r.route, count(*) AS deals, sum(count(*)) OVER () AS of_all,
          avg(CAST(k.is_won AS INTEGER)) AS won, median(k.cycle_days) AS median_days,
          arg_min(r.has_loops, k.deal_id) AS loops
        FROM kept AS k JOIN deal_routes AS r ON r.deal_id = k.deal_id
        WHERE r.pipeline_id = $pipeline_id
        GROUP BY r.route ORDER BY deals DESC, r.route LIMIT $most
        """,
        {"pipeline_id": int, "most": int},
    ),
    "moves": Read(
        """
        SELECT s.stage_id AS from_id, s.next_id AS to_id, count(*) AS moves,
          count(*) FILTER (s.time_gone = 1) AS deals, median(s.days) AS median_days,
          count(*) FILTER (s.visit = 1) AS visitors, count(*) FILTER (s.visit = 2) AS came_back,
          count(*) FILTER (s.visit > 1) AS returns
        FROM deal_stage_stays AS s JOIN kept AS k ON k.deal_id = s.deal_id
        WHERE s.pipeline_id = $pipeline_id AND s.visit IS NOT NULL
        GROUP BY s.stage_id, s.next_id
        """,
        {"pipeline_id": int},
    ),
    "waits": Read(
        """
        SELECT s.stage_id, k.department, grouping(k.department) = 0 AS of_department,
          count(*) AS deals, median(s.days) AS median_days,
          quantile_cont(s.days, 0.8) AS p80_days, sum(s.days) AS total_days
        FROM deal_stages AS s JOIN kept AS k ON k.deal_id = s.deal_id
        WHERE s.pipeline_id = $pipeline_id AND s.semantics = 'P' AND s.days IS NOT NULL
        GROUP BY GROUPING SETS ((s.stage_id), (s.stage_id, k.department))
        """,
        {"pipeline_id": int},
    ),
    # What a quarter has brought, and the open deals that are due by its end, by pipeline.
    "quarter": Read(
        f"""
        SELECT pipeline_id, any_value(pipeline) AS pipeline,
          sum(amount_base) FILTER (is_won) AS done,
          sum(amount_base) FILTER (is_due) AS open_due, count(*) FILTER (is_due) AS due_deals,
          sum(pow(CAST(amount_base AS DOUBLE), 2)) FILTER (is_due) AS due_squares,
          count(*) FILTER (is_open AND expected_close_on IS NULL) AS without_date,
          count(*) FILTER ((is_won OR is_due) AND {LATER}) AS later,
          count(*) FILTER ((is_won OR is_due) AND {UNRATED}) AS unrated
        FROM (
          SELECT *, is_open AND coalesce(expected_close_on < $end, false) AS is_due
          FROM kept
          WHERE is_open OR (is_won AND closed_on >= $start AND closed_on < $end)
        )
        GROUP BY pipeline_id ORDER BY pipeline_id
        """,  # noqa: S608 - conditions of our own
        {"start": date, "end": date},
    ),
    # Open deals at a standstill (see `workbench.analysis.stalled`).
    "standing": Read(
        f"""
        WITH {_AGED}
        SELECT pipeline_id, pipeline, stage_id, stage, count(*) AS open,
          count(*) FILTER (age_days > limit_days) AS stalled,
          sum(amount_base) FILTER (age_days > limit_days) AS amount,
          max(age_days - limit_days) AS over_days,
          count(*) FILTER (age_days > limit_days AND {LATER}) AS later,
          count(*) FILTER (age_days > limit_days AND {UNRATED}) AS unrated
        FROM aged GROUP BY pipeline_id, pipeline, stage_id, stage
        """  # noqa: S608 - conditions of our own
    ),
    "longest_standing": Read(
        f"""
        WITH {_AGED}
        SELECT deal_id, title, pipeline, stage, manager, amount, amount_base, rate_basis, age_days,
          limit_days, count(*) OVER () AS of_all
        FROM aged WHERE age_days > limit_days
        ORDER BY age_days - limit_days DESC, deal_id LIMIT $most
        """,  # noqa: S608 - a query of our own
        {"most": int},
    ),
}


def summary(
    name: str,
    where: str | Filter | None = None,
    *,
    snapshot: Data | None = None,
    segment: str | None = None,
    **values: int | date,
) -> pd.DataFrame:
    """Return the rows of one of `SUMMARIES` over the deals that a filter keeps.

    ``where`` and ``segment`` as in `workbench.metrics.rows`, whose rows of `deals` these are;
    without a snapshot, the newest. Amounts come as float64, days as datetime64. Raises
    `QueryError`.
    """
    snapshot = snapshot or newest_data()
    if not isinstance(snapshot, Snapshot):
        return snapshot.summary(name, where, segment=segment, **values)
    read = checked(SUMMARIES, name, values)
    kept = both(as_filter(where), segment_filter(segment))
    cut = Cut(where=kept, models=models_of(snapshot))
    deals = rows_statement("deals", cut, as_of=snapshot.as_of, timezone=snapshot.timezone)
    now = snapshot.as_of.astimezone(ZoneInfo(snapshot.timezone)).replace(tzinfo=None)
    facts = {"local_now": now} if "$local_now" in read.sql else {}
    sql = read.sql.strip()
    rest = f", {sql.removeprefix('WITH ')}" if sql.startswith("WITH ") else f"\n{sql}"
    ask = Statement(f"WITH kept AS ({deals.sql}){rest}", deals.parameters | facts | values)
    return answered(snapshot, ask)
