"""Columns of values for the rows of a table, from arrays of numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def money(amounts: NDArray[np.float64]) -> list[float]:
    """Amounts to the cent."""
    return np.round(amounts, 2).tolist()


def pick(options: Sequence[Any], index: NDArray[Any]) -> list[Any]:
    """``options[i]`` for each index."""
    taken = list(options)
    return [taken[i] for i in index.tolist()]


def yes(flags: NDArray[np.bool_]) -> list[str]:
    """``"Y"`` or ``"N"``."""
    return ["Y" if flag else "N" for flag in flags.tolist()]


def draw(
    random: np.random.Generator, weights: Sequence[float] | NDArray[np.float64], count: int
) -> NDArray[np.int64]:
    """``count`` indices, each drawn with probability proportional to its weight."""
    total = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(total, random.random(count) * total[-1], side="right").astype(np.int64)
