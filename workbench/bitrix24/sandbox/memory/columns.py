"""Many rows of one table, kept as columns: what a seeder computes and SQLite binds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, overload

Row = dict[str, Any]


class Columns(Sequence[Row]):
    """``count`` rows; a list is a column, anything else the same value in every row.

    Reads as a sequence of rows. Raises ValueError for a column of another length.
    """

    def __init__(self, columns: Mapping[str, Any], count: int) -> None:
        for name, column in columns.items():
            if isinstance(column, list) and len(column) != count:
                raise ValueError(f"{name}: {len(column)} values for {count} rows")
        self.columns = dict(columns)
        self._length = count

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        names = tuple(self.columns)
        values = (
            column if isinstance(column, list) else repeat(column, self._length)
            for column in self.columns.values()
        )
        for row in zip(*values, strict=True):
            yield dict(zip(names, row, strict=True))

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        """The row at this place, or those of a slice."""
        if isinstance(place, slice):
            return [self[n] for n in range(*place.indices(self._length))]
        return {
            name: column[place] if isinstance(column, list) else column
            for name, column in self.columns.items()
        }
