"""How far deals come.

Reach R(s): deals of a cohort that ever entered stage s or a later one of its pipeline. Step
conversion R(s) ÷ R(the stage before); cumulative conversion R(s) ÷ R(first stage). A deal that
skipped a stage has reached it; one that came back counts once; lost stages are no step.
"""

from __future__ import annotations

import pandas as pd


def reach(
    reached: pd.DataFrame, stages: pd.DataFrame, deals: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the funnel of every pipeline.

    ``reached``: rows of `deal_reach` (deal_id, pipeline_id, stage_id); ``stages``: rows of
    `stages`; ``deals``: the cohort (deal_id), all deals without it.

    One row per pipeline and stage, in the order of the stages: pipeline_id, pipeline, stage_id,
    stage, sort, reached (deals), step_conversion (share of the deals of the stage before; NaN for
    the first) and cumulative_conversion (share of the first stage's; NaN where nobody came).
    """
    steps = stages[stages["semantics"] != "F"].sort_values(["pipeline_id", "sort", "stage_id"])
    if deals is not None:
        reached = reached[reached["deal_id"].isin(deals["deal_id"])]
    counts = reached.groupby(["pipeline_id", "stage_id"])["deal_id"].nunique().rename("reached")
    table = steps[["pipeline_id", "pipeline", "stage_id", "stage", "sort"]].merge(
        counts.reset_index(), how="left", on=["pipeline_id", "stage_id"]
    )
    table["reached"] = table["reached"].fillna(0).astype("int64")
    known = table["reached"].astype(float).where(table["reached"] > 0)
    before = known.groupby(table["pipeline_id"]).shift()
    first = known.groupby(table["pipeline_id"]).transform(lambda column: column.iloc[0])
    table["step_conversion"] = table["reached"] / before
    table["cumulative_conversion"] = table["reached"] / first
    return table.reset_index(drop=True)
