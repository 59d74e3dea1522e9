"""Rows from columns: numpy computes columns, the portal's state takes rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]


def rows(columns: dict[str, Any], count: int) -> list[Row]:
    """Return ``count`` rows; a list is a column, anything else the same value in every row."""
    names = tuple(columns)
    values: list[Iterable[Any]] = []
    for name, column in columns.items():
        if isinstance(column, list):
            if len(column) != count:
                raise ValueError(f"{name}: {len(column)} values for {count} rows")
            values.append(column)
        else:
            values.append(repeat(column, count))
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=False)]


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


def where(known: NDArray[np.bool_], values: NDArray[Any]) -> list[Any]:
    """The values as a column, None where they are not ``known``."""
    return [
        value if kept else None for value, kept in zip(values.tolist(), known.tolist(), strict=True)
    ]
