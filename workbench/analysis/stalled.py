"""Deals at a standstill: longer in their stage than four out of five won deals were."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

USUAL_SHARE = 0.8


def usual_stays(
    deals: pd.DataFrame, stays: pd.DataFrame, share: float = USUAL_SHARE
) -> pd.DataFrame:
    """Return how long won deals stayed in each open stage.

    One row per (pipeline_id, stage_id): limit_days (the quantile ``share`` of the deals' summed
    stays), median_days, won_deals.
    """
    won = deals.loc[deals["is_won"].astype(bool), "deal_id"]
    rows = stays[stays["deal_id"].isin(won) & (stays["semantics"] == "P") & stays["days"].notna()]
    per_deal = rows.groupby(["pipeline_id", "stage_id", "deal_id"])["days"].sum()
    grouped = per_deal.groupby(["pipeline_id", "stage_id"])
    return pd.DataFrame(
        {
            "limit_days": grouped.quantile(share),
            "median_days": grouped.median(),
            "won_deals": grouped.size(),
        }
    ).reset_index()


def stage_ages(deals: pd.DataFrame, as_of: datetime) -> pd.Series:
    """Return the days since each deal entered its stage, on the clock of the moments' zone."""
    entered = pd.to_datetime(deals["stage_entered_at"])
    zone = entered.dt.tz
    now = pd.Timestamp(as_of)
    if zone is not None:
        now, entered = now.tz_convert(zone).tz_localize(None), entered.dt.tz_localize(None)
    return (now - entered).dt.total_seconds() / 86400


def stalled(
    deals: pd.DataFrame, stays: pd.DataFrame, as_of: datetime, share: float = USUAL_SHARE
) -> pd.DataFrame:
    """Return the open deals that stand still, the longest over their limit first.

    ``deals`` and ``stays``: rows of `deals` and `deal_stage_stays`; ``as_of``: aware moment of
    the data. Columns: those of ``deals``, age_days (in the present stage), limit_days (what
    ``share`` of the won deals stayed within), over_days, won_deals (behind the limit). A stage
    that no won deal has left has no limit, and nothing stalls there.
    """
    open_deals = deals[deals["is_open"].astype(bool)].copy()
    open_deals["age_days"] = stage_ages(open_deals, as_of)
    limits = usual_stays(deals, stays, share).drop(columns="median_days")
    table = open_deals.merge(limits, how="left", on=["pipeline_id", "stage_id"])
    table["over_days"] = table["age_days"] - table["limit_days"]
    found = table[table["over_days"] > 0].copy()
    found["won_deals"] = found["won_deals"].astype("int64")
    return found.sort_values("over_days", ascending=False, kind="stable").reset_index(drop=True)
