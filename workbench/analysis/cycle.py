"""How long until a deal is won, with the deals that are still open.

The mean cycle of the deals won so far is too short: the slow ones are still under way. Kaplan and
Meier (1958) count them for as long as they have been watched. A lost deal ends the watch as an open
one does: the answer is how long winning takes where nothing ends it before.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd


def watched(deals: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return how long each deal was watched: days (on the moments' clock), won.

    ``deals``: created_at, closed_at (missing while open; both aware), is_won; ``as_of``: aware.
    """
    created, closed = pd.to_datetime(deals["created_at"]), pd.to_datetime(deals["closed_at"])
    zone = created.dt.tz
    until = closed.fillna(pd.Timestamp(as_of).tz_convert(zone))
    days = until.dt.tz_localize(None) - created.dt.tz_localize(None)
    return pd.DataFrame(
        {"days": days.dt.total_seconds() / 86400, "won": deals["is_won"].astype(bool)}
    )


def not_yet_won(times: pd.DataFrame) -> pd.DataFrame:
    """Return the share of deals not yet won after each time at which one was won.

    ``times``: days (≥ 0) and won, as of `watched`. One row per such time: days, at_risk (deals
    still watched), won, share. Deals whose watch ends at that time were still watched.
    """
    ended = times.groupby("days")["won"].agg(won="sum", watched="size").sort_index()
    at_risk = ended["watched"][::-1].cumsum()[::-1]
    share = (1 - ended["won"] / at_risk).cumprod()
    table = pd.DataFrame({"at_risk": at_risk, "won": ended["won"], "share": share})
    return table[table["won"] > 0].reset_index()


def days_to_win(times: pd.DataFrame, share: float = 0.5) -> float:
    """Return the days after which ``share`` of the deals are won; NaN where that was never seen."""
    curve = not_yet_won(times)
    reached = curve.loc[curve["share"] <= 1 - share + 1e-12, "days"]
    return float(reached.iloc[0]) if len(reached) else float("nan")
