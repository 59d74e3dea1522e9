"""How deals really go through their stages: routes, returns, waiting, and where it is lost.

Frames come from `deal_stage_stays` (one row per entry of a deal into a stage) and `deals`. Waiting
is calendar days on the portal's clock; the stays of one deal in one stage are added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.i18n import _, format_number, format_percent
from workbench.metrics import format_value

ARROW = " → "
FEWEST = 10  # deals of a team below which its median is nobody's example


def moves(stays: pd.DataFrame) -> pd.DataFrame:
    """Return the stays in order, without entries into the stage where the deal already was."""
    ordered = stays.sort_values(["deal_id", "entered_at", "history_id"])
    before = ordered.groupby("deal_id")["stage_id"].shift()
    return ordered.assign(came_from=before)[before != ordered["stage_id"]]


def variants(stays: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Return the routes that deals took, the commonest first.

    ``stays``: deal_id, stage_id, stage, entered_at, history_id; ``deals``: deal_id, is_won,
    cycle_days. One row per route: route (names of the stages), deals, share (of all deals here),
    won (share of its deals), median_days (of the cycle; NaN where none is closed), loops (a stage
    comes more than once).
    """
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
    """Return how often deals went from one stage to another, and how long they had waited.

    ``stays`` as for `variants`, with pipeline_id, sort and days. One row per pair: from_id,
    from_stage, to_id, to_stage, deals, moves, median_days (in the stage before, of each stay),
    back (the stage stands before the one that was left), lost (it is a lost one).
    """
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
    """Return the stages that deals came back to: stage_id, stage, deals, returns, share.

    ``share``: of the deals that were in the stage. Stages without a return are left out.
    """
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
    """Return how long deals wait in each open stage, in the stages' order.

    One row per stage: stage_id, stage, sort, deals, median_days, p80_days, total_days, share (of
    all days waited here). Finished stays only.
    """
    per_deal = _per_deal(stays)
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


def _per_deal(stays: pd.DataFrame) -> pd.DataFrame:
    """Return the days of each deal in each open stage: one row per deal and stage."""
    done = stays[(stays["semantics"] == "P") & stays["days"].notna() & stays["sort"].notna()]
    keys = ["deal_id", "stage_id", "stage", "sort"]
    return done.groupby(keys)["days"].sum().reset_index()


def visited(stays: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return the stages that deals were in, for a map: stage_id, stage, deals, median_days.

    ``stages``: rows of `stages`, in whose order they come, lost ones last.
    """
    steps = moves(stays)
    counts = steps.groupby("stage_id")["deal_id"].nunique().rename("deals").reset_index()
    days = waiting(stays)[["stage_id", "median_days"]]
    ordered = stages.assign(last=stages["semantics"] == "F").sort_values(["last", "sort"])
    table = ordered[["stage_id", "stage"]].merge(counts, on="stage_id")
    return table.merge(days, on="stage_id", how="left")


@dataclass(frozen=True)
class Bottleneck:
    """The stage that takes most of the time, and what its best team would save there.

    Days are calendar days. ``share``: of all waiting; ``median_days``: of all deals there;
    ``best_team`` has the lowest median among teams of ten deals and more (None: there is none to
    learn from), ``best_median_days`` is that median. ``gain_days``: mean days saved per deal if
    every team's median came down to it; ``teams``: department, deals, median_days, gain_days.
    """

    stage: str
    deals: int
    share: float
    median_days: float
    best_team: str | None
    best_median_days: float
    gain_days: float
    teams: pd.DataFrame


def bottleneck(stays: pd.DataFrame, deals: pd.DataFrame) -> Bottleneck | None:
    """Return the open stage in which deals wait most, None where nothing was waited for.

    ``deals``: deal_id, department. Deals of nobody's department count for the stage, not as a team.
    """
    table = waiting(stays)
    if table.empty or not table["total_days"].sum():
        return None
    slowest = table.loc[table["total_days"].idxmax()]
    mine = _per_deal(stays)
    mine = mine[mine["stage_id"] == slowest["stage_id"]]
    mine = mine.merge(deals[["deal_id", "department"]], on="deal_id", how="left")
    teams = mine.groupby("department")["days"].agg(deals="size", median_days="median").reset_index()
    teams = teams[teams["deals"] >= FEWEST].sort_values("median_days", kind="stable")
    best = teams.iloc[0] if len(teams) > 1 else None
    target = float(best["median_days"]) if best is not None else float("nan")
    teams = teams.assign(gain_days=teams["median_days"] - target).reset_index(drop=True)
    saved = float((teams["gain_days"] * teams["deals"]).sum()) if best is not None else 0.0
    return Bottleneck(
        stage=str(slowest["stage"]),
        deals=int(slowest["deals"]),
        share=float(slowest["share"]),
        median_days=float(slowest["median_days"]),
        best_team=str(best["department"]) if best is not None else None,
        best_median_days=target,
        gain_days=saved / len(mine),
        teams=teams,
    )


def finding(slowest: Bottleneck | None) -> str:
    """Return where time is lost and what the best team would save, in one or two sentences."""
    if slowest is None:
        return _("No deal has left a stage here yet.")
    told = _("Deals wait most in “{stage}”: {days} (median), {share} of all waiting.").format(
        stage=slowest.stage,
        days=format_value(slowest.median_days, "days"),
        share=format_percent(slowest.share, 0),
    )
    if slowest.best_team is None or not slowest.gain_days > 0:
        return told
    gain = _("{team} needs {best}; at that pace, {days} less per deal ({n} deals).").format(
        team=slowest.best_team,
        best=format_value(slowest.best_median_days, "days"),
        days=format_value(slowest.gain_days, "days"),
        n=format_number(slowest.deals),
    )
    return f"{told} {gain}"
