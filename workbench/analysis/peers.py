"""One deal among its peers: is it large, is it late, and how does its pipeline fare?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pandas as pd

from workbench.analysis.stalled import stage_ages


@dataclass(frozen=True)
class Peer:
    """Where a deal stands. Money in base currency, ages in days, rates as shares of 1.

    ``amount_percentile``: share of the pipeline's deals with a smaller or equal amount (half of
    the equal ones); ``age_percentile``: share of won deals that had left the stage sooner.
    ``win_rate`` counts the pipeline's deals closed in the last ``window_days``,
    ``win_rate_before`` those of the window before; ``change_percent`` is their relative change in
    percent. What is not known is None.
    """

    deal_id: int
    title: str
    pipeline: str
    stage: str
    status: Literal["won", "lost", "stalled", "late", "on_time"]
    amount: float | None
    amount_percentile: float | None
    peers: int
    age_days: float | None
    median_days: float | None
    limit_days: float | None
    age_percentile: float | None
    won_peers: int
    win_rate: float | None
    win_rate_n: int
    win_rate_before: float | None
    win_rate_before_n: int
    change_percent: float | None
    window_days: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def deal_among_peers(
    own: pd.DataFrame,
    pipeline: pd.DataFrame,
    stayed: pd.Series,
    limits: pd.DataFrame,
    as_of: datetime,
    window_days: int = 90,
) -> Peer:
    """Compare one deal with those of its pipeline.

    ``own``: its row of `deals`; ``pipeline``: amount_base, is_won and closed_at of all deals of its
    pipeline; ``stayed``: days that each won deal of the pipeline was in the deal's stage;
    ``limits``: rows of `stage_limits`; ``as_of``: aware moment of the data. Status: ``stalled`` is
    over the time that 80 % of won deals took in this stage, ``late`` over their median.
    """
    deal = own.iloc[0]
    amounts = pipeline["amount_base"].dropna().astype(float)
    amount = _number(deal["amount_base"])
    percentile = None
    if amount is not None and len(amounts):
        percentile = float(
            ((amounts < amount).sum() + (amounts == amount).sum() / 2) / len(amounts)
        )
    usual = limits[
        (limits["pipeline_id"] == deal["pipeline_id"]) & (limits["stage_id"] == deal["stage_id"])
    ]
    median, limit, age, age_share = None, None, None, None
    if bool(deal["is_open"]):
        age = float(stage_ages(own, as_of).iloc[0])
        if len(usual):
            median, limit = float(usual["median_days"].iloc[0]), float(usual["limit_days"].iloc[0])
            age_share = float((stayed < age).mean()) if len(stayed) else None
    won_peers = len(stayed) if limit is not None else 0
    now, n = _win_rate(pipeline, as_of, window_days, 0)
    before, n_before = _win_rate(pipeline, as_of, window_days, 1)
    return Peer(
        deal_id=int(deal["deal_id"]),
        title=str(deal["title"]),
        pipeline=str(deal["pipeline"]),
        stage=str(deal["stage"]),
        status=_status(deal, age, median, limit),
        amount=amount,
        amount_percentile=percentile,
        peers=len(amounts),
        age_days=age,
        median_days=median,
        limit_days=limit,
        age_percentile=age_share,
        won_peers=won_peers,
        win_rate=now,
        win_rate_n=n,
        win_rate_before=before,
        win_rate_before_n=n_before,
        change_percent=(now / before - 1) * 100 if now is not None and before else None,
        window_days=window_days,
    )


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _win_rate(
    pipeline: pd.DataFrame, as_of: datetime, window_days: int, back: int
) -> tuple[float | None, int]:
    """Return won ÷ closed of the window that ended ``back`` windows ago, and its n."""
    closed_at = pd.to_datetime(pipeline["closed_at"])
    end = pd.Timestamp(as_of) - timedelta(days=window_days * back)
    inside = pipeline[(closed_at > end - timedelta(days=window_days)) & (closed_at <= end)]
    n = len(inside)
    return (float(inside["is_won"].astype(bool).mean()) if n else None), n


def _status(
    deal: pd.Series, age: float | None, median: float | None, limit: float | None
) -> Literal["won", "lost", "stalled", "late", "on_time"]:
    if bool(deal["is_won"]):
        return "won"
    if bool(deal["is_lost"]):
        return "lost"
    if age is not None and limit is not None and age > limit:
        return "stalled"
    if age is not None and median is not None and age > median:
        return "late"
    return "on_time"
