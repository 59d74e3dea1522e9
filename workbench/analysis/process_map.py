"""How deals really go through their stages: routes, returns, waiting, and where it is lost.

The figures are those of `workbench.metrics.summary` over deals of one pipeline, worked out where
the data is: ``routes``, ``moves`` and ``waits``; here they become tables in the stages' order.
Waiting is calendar days on the portal's clock; the stays of one deal in one stage are added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.i18n import _, format_number, format_percent
from workbench.metrics import format_value

FEWEST = 10  # deals of a team below which its median is nobody's example


def variants(routes: pd.DataFrame) -> pd.DataFrame:
    """Return the routes that deals took, the commonest first.

    ``routes``: the summary of this name. One row per route: route (names of the stages), deals,
    share (of all deals that were in the pipeline), won (share of its deals), median_days (of the
    cycle; NaN where none is closed), loops (a stage comes more than once).
    """
    table = routes[["route", "deals", "won", "median_days", "loops"]].copy()
    table.insert(2, "share", routes["deals"] / routes["of_all"])
    return table


def transitions(moves: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return how often deals went from one stage to another, and how long they had waited.

    ``moves``: the summary of this name; ``stages``: rows of `stages` of its pipeline. One row per
    pair: from_id, from_stage, to_id, to_stage, back (the stage stands before the one that was
    left), lost (it is a lost one), deals, moves, median_days (in the stage before, of each stay).
    """
    known = stages[["stage_id", "stage", "sort", "semantics"]]
    table = (
        moves.dropna(subset=["to_id"])
        .merge(known.add_prefix("from_"), left_on="from_id", right_on="from_stage_id")
        .merge(known.add_prefix("to_"), left_on="to_id", right_on="to_stage_id")
    )
    table["back"] = (table["to_sort"] < table["from_sort"]).astype(bool)
    table["lost"] = table["to_semantics"] == "F"
    table = table[
        ["from_id", "from_stage", "to_id", "to_stage", "back", "lost"]
        + ["deals", "moves", "median_days"]
    ]
    return table.sort_values(
        ["moves", "from_id", "to_id"], ascending=[False, True, True], kind="stable"
    ).reset_index(drop=True)


def _visits(moves: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return by stage, in the order of their ids, how many deals came, came back, and how often."""
    counts = moves.groupby("from_id")[["visitors", "came_back", "returns"]].sum().reset_index()
    names = stages[["stage_id", "stage"]]
    return counts.merge(names, left_on="from_id", right_on="stage_id").drop(columns="from_id")


def loops(moves: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return the stages that deals came back to: stage_id, stage, deals, returns, share.

    Given as for `transitions`. ``share``: of the deals that were in the stage. Stages without a
    return are left out.
    """
    visits = _visits(moves, stages)
    table = visits[["stage_id", "stage"]].assign(
        deals=visits["came_back"],
        returns=visits["returns"],
        share=visits["came_back"] / visits["visitors"],
    )
    table = table[table["returns"] > 0]
    return table.sort_values("returns", ascending=False, kind="stable").reset_index(drop=True)


def waiting(waits: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return how long deals wait in each open stage, in the stages' order.

    ``waits``: the summary of this name; ``stages`` as for `transitions`. One row per stage: sort,
    stage_id, stage, deals, median_days, p80_days, total_days, share (of all days waited here).
    Finished stays only.
    """
    whole = waits[~waits["of_department"].astype(bool)]
    table = stages[["sort", "stage_id", "stage"]].merge(
        whole[["stage_id", "deals", "median_days", "p80_days", "total_days"]], on="stage_id"
    )
    table = table.sort_values(["sort", "stage_id"], kind="stable").reset_index(drop=True)
    table["share"] = table["total_days"] / table["total_days"].sum()
    return table


def visited(moves: pd.DataFrame, waits: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return the stages that deals were in, for a map: stage_id, stage, deals, median_days.

    Given as for `transitions` and `waiting`. In the order of the stages, lost ones last.
    """
    counts = _visits(moves, stages)[["stage_id", "visitors"]].rename(columns={"visitors": "deals"})
    days = waiting(waits, stages)[["stage_id", "median_days"]]
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


def bottleneck(waits: pd.DataFrame, stages: pd.DataFrame) -> Bottleneck | None:
    """Return the open stage in which deals wait most, None where nothing was waited for.

    Given as for `waiting`. Deals of nobody's department count for the stage, not as a team.
    """
    table = waiting(waits, stages)
    if table.empty or not table["total_days"].sum():
        return None
    slowest = table.loc[table["total_days"].idxmax()]
    teams = waits[waits["of_department"].astype(bool) & (waits["stage_id"] == slowest["stage_id"])]
    teams = teams.dropna(subset=["department"])[["department", "deals", "median_days"]]
    teams = teams[teams["deals"] >= FEWEST].sort_values(["median_days", "department"])
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
        gain_days=saved / int(slowest["deals"]),
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
