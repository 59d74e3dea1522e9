"""The process map once more in plain pandas, row by row, from the rows as the portal gives them.

Nothing of the package is used. `stays` makes one row per entry of a deal into a stage; the others
take those of the deals of one pipeline. `teams` has what `process_map.bottleneck` compares.
"""

from typing import Any

import pandas as pd

ARROW = " → "


def moves(stays: pd.DataFrame) -> pd.DataFrame:
    """The stays in order, without entries into the stage where the deal already was."""
    ordered = stays.sort_values(["deal_id", "entered_at", "history_id"])
    before = ordered.groupby("deal_id")["stage_id"].shift()
    return ordered.assign(came_from=before)[before != ordered["stage_id"]]


def variants(stays: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    steps = moves(stays[stays["deal_id"].isin(deals["deal_id"])])
    grouped = steps.groupby("deal_id", sort=False)
    per_deal = pd.DataFrame(
        {
            "route": grouped["stage"].agg(ARROW.join),
            "loops": grouped["stage_id"].agg(lambda ids: ids.duplicated().any()),
        }
    ).merge(deals.set_index("deal_id"), left_index=True, right_index=True)
    table = (
        per_deal.groupby("route")
        .agg(
            deals=("is_won", "size"),
            won=("is_won", "mean"),
            median_days=("cycle_days", "median"),
            loops=("loops", "first"),
        )
        .reset_index()
        .sort_values(["deals", "route"], ascending=[False, True], kind="stable")
        .reset_index(drop=True)
    )
    table.insert(2, "share", table["deals"] / max(len(per_deal), 1))
    return table


def transitions(stays: pd.DataFrame) -> pd.DataFrame:
    steps = moves(stays)
    leaving = steps[["deal_id", "stage_id", "stage", "sort", "semantics", "days"]]
    following = leaving.groupby("deal_id").shift(-1)
    pairs = pd.DataFrame(
        {
            "deal_id": leaving["deal_id"],
            "from_id": leaving["stage_id"],
            "from_stage": leaving["stage"],
            "to_id": following["stage_id"],
            "to_stage": following["stage"],
            "back": following["sort"] < leaving["sort"],
            "lost": following["semantics"] == "F",
            "days": leaving["days"],
        }
    ).dropna(subset=["to_id"])
    keys = ["from_id", "from_stage", "to_id", "to_stage", "back", "lost"]
    return (
        pairs.groupby(keys)
        .agg(
            deals=("deal_id", "nunique"), moves=("deal_id", "size"), median_days=("days", "median")
        )
        .reset_index()
        .sort_values(["moves", "from_id", "to_id"], ascending=[False, True, True], kind="stable")
        .reset_index(drop=True)
    )


def loops(stays: pd.DataFrame) -> pd.DataFrame:
    steps = moves(stays)
    visits = steps.groupby(["stage_id", "stage", "deal_id"]).size().reset_index(name="entries")
    visits["returns"] = visits["entries"] - 1
    visits["again"] = visits["returns"] > 0
    table = (
        visits.groupby(["stage_id", "stage"])
        .agg(deals=("again", "sum"), returns=("returns", "sum"), share=("again", "mean"))
        .reset_index()
    )
    table = table[table["returns"] > 0]
    return table.sort_values("returns", ascending=False, kind="stable").reset_index(drop=True)


def waiting(stays: pd.DataFrame) -> pd.DataFrame:
    per_deal = per_deal_days(stays)
    table = (
        per_deal.groupby(["sort", "stage_id", "stage"])["days"]
        .agg(
            deals="size",
            median_days="median",
            p80_days=lambda days: days.quantile(0.8),
            total_days="sum",
        )
        .reset_index()
    )
    table["share"] = table["total_days"] / table["total_days"].sum()
    return table


def per_deal_days(stays: pd.DataFrame) -> pd.DataFrame:
    """The days of each deal in each open stage."""
    done = stays[(stays["semantics"] == "P") & stays["days"].notna() & stays["sort"].notna()]
    keys = ["deal_id", "stage_id", "stage", "sort"]
    return done.groupby(keys)["days"].sum().reset_index()


def visited(stays: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    steps = moves(stays)
    counts = steps.groupby("stage_id")["deal_id"].nunique().rename("deals").reset_index()
    days = waiting(stays)[["stage_id", "median_days"]]
    ordered = stages.assign(last=stages["semantics"] == "F").sort_values(["last", "sort"])
    table = ordered[["stage_id", "stage"]].merge(counts, on="stage_id")
    return table.merge(days, on="stage_id", how="left")


def stays(
    history: list[dict[str, Any]], deals: pd.DataFrame, statuses: list[dict[str, Any]], zone: str
) -> pd.DataFrame:
    """``deals``: deal_id, pipeline_id, stage_id, stage_entered_at (where there is no history)."""
    rows = pd.DataFrame(
        {
            "history_id": [int(row["ID"]) for row in history],
            "deal_id": [int(row["OWNER_ID"]) for row in history],
            "pipeline_id": [int(row["CATEGORY_ID"]) for row in history],
            "stage_id": [row["STAGE_ID"] for row in history],
            "entered_at": pd.to_datetime([row["CREATED_TIME"] for row in history], utc=True),
        }
    )
    rows = rows[rows["deal_id"].isin(deals["deal_id"])]
    bare = deals[~deals["deal_id"].isin(rows["deal_id"])]
    bare = bare.assign(history_id=-bare["deal_id"], entered_at=bare["stage_entered_at"])
    bare["entered_at"] = bare["entered_at"].dt.tz_convert("UTC")
    rows = pd.concat([rows, bare[rows.columns]], ignore_index=True)
    rows = rows.sort_values(["deal_id", "entered_at", "history_id"])
    local = rows["entered_at"].dt.tz_convert(zone).dt.tz_localize(None)
    left = local.groupby(rows["deal_id"]).shift(-1)
    rows["days"] = (left - local).dt.total_seconds() / 86400
    named = pd.DataFrame(
        {
            "stage_id": [row["STATUS_ID"] for row in statuses],
            "stage": [row["NAME"] for row in statuses],
            "sort": [int(row["SORT"]) for row in statuses],
            "semantics": [row["SEMANTICS"] or "P" for row in statuses],
        }
    )
    return rows.merge(named, on="stage_id")


def teams(stays: pd.DataFrame, deals: pd.DataFrame, stage_id: str, fewest: int) -> pd.DataFrame:
    mine = per_deal_days(stays)
    mine = mine[mine["stage_id"] == stage_id].merge(deals[["deal_id", "department"]], on="deal_id")
    found = mine.groupby("department")["days"].agg(deals="size", median_days="median")
    found = found.reset_index()
    found = found[found["deals"] >= fewest].sort_values(["median_days", "department"])
    return found.reset_index(drop=True)
