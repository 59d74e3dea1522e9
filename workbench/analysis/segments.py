"""In what two groups of records differ most.

Texts and truths are compared by Cramér's V (Cramér 1946) with the correction of bias of Bergsma
(2013): 0 where both groups are spread over the values alike, 1 where a value tells the group.
Numbers and days are compared by Cliff's delta (Cliff 1993): how much more often a record of the
first group is above one of the second than below; -1 to 1. Both ask nothing of how the values are
distributed. Words for the sizes: V after Cohen (1988), small 0.1, medium 0.3, large 0.5; delta
after Romano et al. (2006), small 0.147, medium 0.33, large 0.474.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.i18n import _, format_date, format_number, format_percent

Measure = Literal["cramers_v", "cliffs_delta"]
SIZES: dict[Measure, tuple[float, float, float]] = {
    "cramers_v": (0.1, 0.3, 0.5),
    "cliffs_delta": (0.147, 0.33, 0.474),
}
WORDS = ("negligible", "small", "medium", "large")
FEWEST = 10  # records of each group with a value, below which nothing is compared
COLUMNS = ["dimension", "measure", "effect", "size", "n_a", "n_b", "value", "a", "b"]


@dataclass(frozen=True)
class Differences:
    """Two groups and how their dimensions differ.

    ``table``: one row per dimension, the largest effect first: dimension, measure, effect, size
    (a word of `WORDS`), n_a and n_b (records with a value), value (of a text: the one whose shares
    differ most), a and b (its share in each group; of a number or day: the median, days as
    ordinals). ``skipped``: dimensions with fewer than ten values in a group, or one value in all.
    """

    n_a: int
    n_b: int
    table: pd.DataFrame
    skipped: tuple[str, ...]


def differences(first: pd.DataFrame, second: pd.DataFrame, kinds: Mapping[str, str]) -> Differences:
    """Compare two groups of records; ``kinds``: column -> text, boolean, number or date.

    The groups must not share records. A missing text is a value of its own, a missing number or
    day is left out.
    """
    rows, skipped = [], []
    for name, kind in kinds.items():
        numeric = kind in ("number", "date")
        one, other = (
            (_numbers(frame[name], kind) if numeric else labels(frame[name]))
            for frame in (first, second)
        )
        both = pd.concat([one, other])
        if min(len(one), len(other)) < FEWEST or both.nunique(dropna=False) < 2:
            skipped.append(name)
            continue
        rows.append(_by_rank(name, one, other) if numeric else _by_table(name, one, other))
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = table["effect"].astype(float).abs().sort_values(ascending=False, kind="stable").index
    return Differences(
        len(first), len(second), table.loc[order].reset_index(drop=True), tuple(skipped)
    )


def cramers_v(counts: np.ndarray[Any, Any]) -> float:
    """Return Cramér's V of a table of counts, corrected for bias (Bergsma 2013).

    ``counts``: groups by values, no empty row or column. 0 where the correction leaves nothing.
    """
    n = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi = float(((counts - expected) ** 2 / expected).sum() / n)
    rows, columns = counts.shape
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    rows_, columns_ = (size - (size - 1) ** 2 / (n - 1) for size in (rows, columns))
    least = min(rows_, columns_) - 1
    return min(1.0, float(np.sqrt(phi / least))) if least > 0 else 0.0


def cliffs_delta(first: pd.Series, second: pd.Series) -> float:
    """Return P(a > b) - P(a < b) for a of the first and b of the second series."""
    ranks = pd.concat([first, second]).rank(method="average").to_numpy()
    n, m = len(first), len(second)
    above = ranks[:n].sum() - n * (n + 1) / 2
    return float(2 * above / (n * m) - 1)


def size_of(effect: float, measure: Measure) -> str:
    """Return the word for an effect."""
    return WORDS[int(sum(abs(effect) >= limit for limit in SIZES[measure]))]


def size_word(size: str) -> str:
    """Return the word for an effect in the reader's language."""
    return {
        "negligible": _("negligible"),
        "small": _("small"),
        "medium": _("medium"),
        "large": _("large"),
    }[size]


def measure_name(measure: str) -> str:
    """Return the name of a measure in the reader's language."""
    return {"cramers_v": _("Cramér’s V"), "cliffs_delta": _("Cliff’s delta")}[measure]


def shown(row: Mapping[str, Any], kind: str, side: str) -> str:
    """Return what one group (``a`` or ``b``) is like, in words: ``Web: 45%``, a median, a day."""
    value = row[side]
    if kind == "date":
        return format_date(pd.Timestamp.fromordinal(int(value)).date())
    if kind == "number":
        return format_number(float(value), 0 if abs(float(value)) >= 100 else 2)
    return _("{name}: {value}").format(name=row["value"], value=format_percent(float(value)))


def labels(column: pd.Series) -> pd.Series:
    """Return the values of a text or truth as the reader knows them, a missing one named, too."""
    words = {True: _("yes"), False: _("no")}
    return column.astype(object).map(
        lambda value: (
            _("not set")
            if pd.isna(value)
            else words[bool(value)]
            if isinstance(value, bool | np.bool_)
            else str(value)
        )
    )


def _numbers(column: pd.Series, kind: str) -> pd.Series:
    if kind == "date":
        days = pd.to_datetime(column).dropna()
        return days.map(pd.Timestamp.toordinal).astype(float)
    values = pd.to_numeric(column, errors="coerce").astype(float)
    return values[np.isfinite(values)]


def _by_rank(name: str, one: pd.Series, other: pd.Series) -> dict[str, Any]:
    effect = cliffs_delta(one, other)
    return {
        "dimension": name,
        "measure": "cliffs_delta",
        "effect": effect,
        "size": size_of(effect, "cliffs_delta"),
        "n_a": len(one),
        "n_b": len(other),
        "value": None,
        "a": float(one.median()),
        "b": float(other.median()),
    }


def _by_table(name: str, one: pd.Series, other: pd.Series) -> dict[str, Any]:
    counts = pd.concat([one.value_counts(), other.value_counts()], axis=1).fillna(0)
    counts = counts.sort_index()
    effect = cramers_v(counts.to_numpy(dtype=float).T)
    shares = counts / counts.sum()
    most = (shares.iloc[:, 0] - shares.iloc[:, 1]).abs().idxmax()
    return {
        "dimension": name,
        "measure": "cramers_v",
        "effect": effect,
        "size": size_of(effect, "cramers_v"),
        "n_a": len(one),
        "n_b": len(other),
        "value": most,
        "a": float(shares.loc[most].iloc[0]),
        "b": float(shares.loc[most].iloc[1]),
    }
