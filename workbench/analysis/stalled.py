"""Deals at a standstill: longer in their stage than four out of five won deals were."""

from __future__ import annotations

from datetime import datetime

import pandas as pd


def stage_ages(deals: pd.DataFrame, as_of: datetime) -> pd.Series:
    """Return the days since each deal entered its stage, on the clock of the moments' zone."""
    entered = pd.to_datetime(deals["stage_entered_at"])
    zone = entered.dt.tz
    now = pd.Timestamp(as_of)
    if zone is not None:
        now, entered = now.tz_convert(zone).tz_localize(None), entered.dt.tz_localize(None)
    return (now - entered).dt.total_seconds() / 86400


def stalled(deals: pd.DataFrame, limits: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return the open deals that stand still, the longest over their limit first.

    ``deals`` and ``limits``: rows of `deals` and `stage_limits`; ``as_of``: aware moment of the
    data. Columns: those of ``deals``, age_days (in the present stage), limit_days (what four out
    of five won deals stayed within), over_days. A stage that no won deal has left has no limit,
    and nothing stalls there.
    """
    table = deals[deals["is_open"].astype(bool)].copy()
    table["age_days"] = stage_ages(table, as_of)
    limits = limits[["pipeline_id", "stage_id", "limit_days"]]
    table = table.merge(limits, how="left", on=["pipeline_id", "stage_id"])
    table["over_days"] = table["age_days"] - table["limit_days"]
    found = table[table["over_days"] > 0]
    return found.sort_values("over_days", ascending=False, kind="stable").reset_index(drop=True)
