"""What if: a slider for the win rate, and the quarter that comes of it.

    expected = done + win rate × open due

*done*: amount of the deals won in the quarter so far; *open due*: amount of the open deals whose
planned close is before the quarter's end (overdue ones included, for they are due too). Each open
deal is a draw of its own, won with the win rate: that gives the interval around the expectation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import pandas as pd

from workbench.analysis import money
from workbench.errors import ParameterError
from workbench.i18n import _
from workbench.metrics import Period


def expected_quarter(
    open_deals: pd.DataFrame,
    win_rate: float | Mapping[int, float],
    quarter: Period,
    won: pd.DataFrame | None = None,
    level: float = 0.8,
) -> pd.DataFrame:
    """Return the expected won revenue of a quarter, per pipeline.

    ``open_deals``: open rows of `deals` (pipeline_id, pipeline, amount_base, expected_close_on);
    ``win_rate``: a share of 1 for all, or one per pipeline_id (one that is not named expects
    nothing of its open deals and has the win rate NaN);
    ``won``: won rows of `deals` (pipeline_id, pipeline, amount_base, closed_on), counted inside the
    quarter.

    Columns, in base currency: pipeline (with its id where several have its name), done, open_due,
    due_deals, win_rate, expected, low, high (an interval of ``level`` that knows only the luck of
    the draw; never below done). ``attrs``: ``total`` (the same figures over all pipelines),
    ``without_date`` (open deals that have no planned close and are left out), ``quarter``,
    ``rates`` (see `money.rate_counts`; where the deals have their amount and rate_basis). Raises
    `ParameterError` for a win rate outside
    [0, 1].
    """
    rates = dict(win_rate) if isinstance(win_rate, Mapping) else None
    for rate in rates.values() if rates is not None else [win_rate]:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ParameterError(
                _("A win rate lies between 0 and 1; {value} does not.").format(value=str(rate)[:40])
            )
    planned = pd.to_datetime(open_deals["expected_close_on"])
    due = open_deals[planned.notna() & (planned < pd.Timestamp(quarter.end))]
    inside = _won_inside(won, quarter)
    done = (
        inside.groupby("pipeline_id")["amount_base"].agg(money.total)
        if inside is not None and len(inside)
        else pd.Series(dtype=float)
    )
    names = _names(open_deals if inside is None else pd.concat([open_deals, inside]))
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rows, spread_of_all = [], 0.0
    for key, name in names.items():
        amounts = due.loc[due["pipeline_id"] == key, "amount_base"].astype(float).fillna(0.0)
        rate = float(rates.get(key, math.nan)) if rates is not None else float(win_rate)  # type: ignore[arg-type]
        chance = 0.0 if math.isnan(rate) else rate
        variance = chance * (1 - chance) * float((amounts**2).sum())
        spread_of_all += variance
        row = _row(float(done.get(key, 0.0)), amounts, chance, z * math.sqrt(variance))
        rows.append({"pipeline": name, "win_rate": rate, **row})
    columns = ["pipeline", "done", "open_due", "due_deals", "win_rate", "expected", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    half = z * math.sqrt(spread_of_all)
    total: dict[str, float] = {name: money.total(table[name]) for name in ("done", "open_due")}
    total["expected"] = float(table["expected"].sum())
    total["due_deals"] = int(table["due_deals"].sum())
    total["low"] = max(total["expected"] - half, total["done"])
    total["high"] = min(total["expected"] + half, total["done"] + total["open_due"])
    table.attrs = {
        "total": total,
        "without_date": int(planned.isna().sum()),
        "quarter": quarter.label(),
        "level": level,
        "rates": money.rate_counts(due if inside is None else pd.concat([due, inside])),
    }
    return table


def _names(deals: pd.DataFrame) -> dict[int, str]:
    """Return the pipelines of some deals by id, in the order of their names, no two alike."""
    known = deals.drop_duplicates("pipeline_id").set_index("pipeline_id")["pipeline"].dropna()
    shared = known.duplicated(keep=False)
    known = known.where(~shared, known + " (#" + known.index.astype(str) + ")")
    return {int(key): str(name) for key, name in known.sort_values(kind="stable").items()}


def _won_inside(won: pd.DataFrame | None, quarter: Period) -> pd.DataFrame | None:
    if won is None:
        return None
    closed = pd.to_datetime(won["closed_on"])
    return won[(closed >= pd.Timestamp(quarter.start)) & (closed < pd.Timestamp(quarter.end))]


def _row(done: float, amounts: pd.Series, chance: float, half: float) -> dict[str, object]:
    due = money.total(amounts)
    expected = done + chance * due
    return {
        "done": done,
        "open_due": due,
        "due_deals": len(amounts),
        "expected": expected,
        "low": max(expected - half, done),
        "high": min(expected + half, done + due),
    }
