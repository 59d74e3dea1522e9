"""Statements of ours, run on a snapshot that may be older than they are."""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakKeyDictionary

import duckdb
import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.sql import Statement
from workbench.warehouse import Snapshot

MOST_TOTALS = 200  # of a snapshot
_TOTALS: WeakKeyDictionary[Snapshot, OrderedDict[str, pd.DataFrame]] = WeakKeyDictionary()


def total(snapshot: Snapshot, ask: Statement) -> pd.DataFrame:
    """Return the one row of a statement, as `answered` does, and keep it.

    The panels of a page cut the same metrics by one dimension after the other, each beside the same
    total; and a snapshot never changes.
    """
    kept = _TOTALS.setdefault(snapshot, OrderedDict())
    key = f"{ask.sql}\n{sorted(ask.parameters.items())}"
    if (row := kept.get(key)) is None:
        row = kept[key] = answered(snapshot, ask)
        while len(kept) > MOST_TOTALS:
            kept.popitem(last=False)
    return row.copy()


def answered(snapshot: Snapshot, ask: Statement) -> pd.DataFrame:
    """Return the rows of a statement; raises `QueryError`.

    Its names are the program's own: where a table or column is not there, the snapshot was made by
    another version of it.
    """
    try:
        return snapshot.query(ask.sql, ask.parameters)
    except QueryError as error:
        if isinstance(error.__cause__, duckdb.BinderException | duckdb.CatalogException):
            raise QueryError(
                _(
                    "Snapshot {id} was made by another version of the program and lacks what is "
                    "asked for here."
                ).format(id=snapshot.id),
                hint=_("`workbench sync` makes a new one; or choose one that is newer."),
            ) from error
        raise
