"""Rates of few cases beside rates of many: each drawn towards the mean by what it rests on.

A seller with two wins out of two is not the best one. Rates are taken for draws from a beta
distribution around the common mean (empirical Bayes). Its strength is the moment estimate of
J. C. Kleinman, "Proportions with extraneous variance: single and independent samples", Journal of
the American Statistical Association 68 (1973), 46-54; the shrunken rate is the mean of the
posterior, as in G. Casella, "An introduction to empirical Bayes data analysis", The American
Statistician 39 (1985), 83-87.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import betaincinv

CERTAIN = 1e9  # cases that the mean counts for where nothing but chance tells the groups apart


def strength(successes: pd.Series, cases: pd.Series) -> float:
    """Return how many cases the common mean counts for.

    With the weights n, S = Σ n (p - p̄)² has the mean p̄ q̄ [(k - 1) + γ (N - Σn²/N - (k - 1))],
    which gives the correlation γ between two cases of one group, and 1/γ - 1 is the answer;
    `CERTAIN` where γ ≤ 0.
    """
    n = cases[cases > 0].to_numpy(dtype=float)
    p = successes[cases > 0].to_numpy(dtype=float) / n
    total, groups = n.sum(), len(n)
    if groups < 2:
        return CERTAIN
    mean = (n * p).sum() / total
    chance = mean * (1 - mean)
    room = total - (n**2).sum() / total - (groups - 1)
    if chance <= 0 or room <= 0:
        return CERTAIN
    correlation = ((n * (p - mean) ** 2).sum() / chance - (groups - 1)) / room
    return float(min(1 / correlation - 1, CERTAIN)) if correlation > 0 else CERTAIN


def ranked(
    frame: pd.DataFrame, group: str, rate: str, cases: str = "n", level: float = 0.9
) -> pd.DataFrame:
    """Return groups by their shrunken rate, the highest first.

    ``frame``: the column ``group``, ``rate`` (share of 1) and ``cases`` (the n behind it). One row
    per group with a case: group, n, rate, shrunken, low and high (interval that holds ``level`` of
    the posterior), rank. ``attrs``: ``mean`` (of all cases) and ``strength`` (cases).
    """
    table = frame.loc[frame[cases] > 0, [group, cases, rate]].dropna(subset=[rate])
    table = table.rename(columns={cases: "n", rate: "rate"}).reset_index(drop=True)
    successes = table["rate"] * table["n"]
    mean = float(successes.sum() / table["n"].sum()) if len(table) else math.nan
    weight = strength(successes, table["n"])
    table["shrunken"] = (successes + weight * mean) / (table["n"] + weight)
    won = np.maximum(successes + weight * mean, 1e-9)
    lost = np.maximum(table["n"] - successes + weight * (1 - mean), 1e-9)
    table["low"] = betaincinv(won, lost, (1 - level) / 2)
    table["high"] = betaincinv(won, lost, (1 + level) / 2)
    table = table.sort_values(["shrunken", "n"], ascending=False, kind="stable")
    table = table.reset_index(drop=True)
    table["rank"] = table.index + 1
    table.attrs = {"mean": mean, "strength": weight}
    return table
