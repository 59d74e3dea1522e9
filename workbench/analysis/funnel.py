"""How far deals come.

Reach R(s): deals of a cohort that ever entered stage s or a later one of its pipeline. Step
conversion R(s) ÷ R(the stage before); cumulative conversion R(s) ÷ R(first stage). A deal that
skipped a stage has reached it; one that came back counts once; lost stages are no step. The metric
`stage_reach` counts them; here they become steps, in the stages' order.
"""

from __future__ import annotations

import pandas as pd

NUMBERS = ("reached", "step_conversion", "cumulative_conversion")


def reach(counts: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return the funnel of every pipeline of ``stages``.

    ``counts``: pipeline, stage and stage_reach (deals), as `workbench.metrics.query` gives it by
    both; ``stages``: rows of `stages`. Found by their ids, as names need not be their own.

    One row per pipeline and stage, in the order of the stages: pipeline_id, pipeline, stage_id,
    stage, sort, reached (deals), step_conversion (share of the deals of the stage before; NaN for
    the first) and cumulative_conversion (share of the first stage's; NaN where nobody came).
    """
    steps = stages[stages["semantics"] != "F"].sort_values(["pipeline_id", "sort", "stage_id"])
    keys = ["pipeline_id", "stage_id"]
    ids = counts.attrs["ids"]
    reached = pd.DataFrame(
        {
            "pipeline_id": counts["pipeline"].map(ids["pipeline"]),
            "stage_id": counts["stage"].map(ids["stage"]),
            "reached": counts["stage_reach"],
        }
    )
    reached = reached.explode("pipeline_id").explode("stage_id")
    reached["pipeline_id"] = pd.to_numeric(reached["pipeline_id"])
    table = steps[[*keys, "pipeline", "stage", "sort"]].merge(reached, how="left", on=keys)
    table["reached"] = table["reached"].fillna(0).astype("int64")
    known = table["reached"].astype(float).where(table["reached"] > 0)
    before = known.groupby(table["pipeline_id"]).shift()
    first = known.groupby(table["pipeline_id"]).transform(lambda column: column.iloc[0])
    table["step_conversion"] = table["reached"] / before
    table["cumulative_conversion"] = table["reached"] / first
    return table[["pipeline_id", "pipeline", "stage_id", "stage", "sort", *NUMBERS]]
