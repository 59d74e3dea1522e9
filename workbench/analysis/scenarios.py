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
    amounts: pd.DataFrame,
    win_rate: float | Mapping[int, float],
    quarter: Period,
    level: float = 0.8,
) -> pd.DataFrame:
    """Return the expected won revenue of a quarter, per pipeline.

    ``amounts``: the summary ``quarter`` of `workbench.metrics.summary` for its days; ``win_rate``:
    a share of 1 for all, or one per pipeline_id (one that is not named expects nothing of its open
    deals and has the win rate NaN).

    Columns, in base currency: pipeline (with its id where several have its name), done, open_due,
    due_deals, win_rate, expected, low, high (an interval of ``level`` that knows only the luck of
    the draw; never below done). ``attrs``:
    ``total`` (the same figures over all pipelines), ``without_date`` (open deals that have no
    planned close and are left out), ``quarter``, ``rates`` {later, none} (how many amounts were
    converted at a later rate, or left out for want of one). Raises `ParameterError` for a win rate
    outside [0, 1].
    """
    rates = dict(win_rate) if isinstance(win_rate, Mapping) else None
    for rate in rates.values() if rates is not None else [win_rate]:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ParameterError(
                _("A win rate lies between 0 and 1; {value} does not.").format(value=str(rate)[:40])
            )
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rows, spread_of_all = [], 0.0
    named = amounts.dropna(subset=["pipeline"]).sort_values(["pipeline", "pipeline_id"])
    shared = named["pipeline"].duplicated(keep=False)
    told = named["pipeline"].where(
        ~shared, named["pipeline"] + " (#" + named["pipeline_id"].astype(str) + ")"
    )
    named = named.assign(pipeline=told).fillna({"done": 0.0, "open_due": 0.0, "due_squares": 0.0})
    for given in named.itertuples():
        name, key = str(given.pipeline), int(given.pipeline_id)
        rate = float(rates.get(key, math.nan)) if rates is not None else float(win_rate)  # type: ignore[arg-type]
        chance = 0.0 if math.isnan(rate) else rate
        variance = chance * (1 - chance) * float(given.due_squares)
        spread_of_all += variance
        row = _row(float(given.done), float(given.open_due), chance, z * math.sqrt(variance))
        rows.append({"pipeline": name, "due_deals": int(given.due_deals), "win_rate": rate, **row})
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
        "without_date": int(amounts["without_date"].sum()),
        "quarter": quarter.label(),
        "level": level,
        "rates": {"later": int(amounts["later"].sum()), "none": int(amounts["unrated"].sum())},
    }
    return table


def _row(done: float, due: float, chance: float, half: float) -> dict[str, float]:
    expected = done + chance * due
    return {
        "done": done,
        "open_due": due,
        "expected": expected,
        "low": max(expected - half, done),
        "high": min(expected + half, done + due),
    }
