"""Statements of ours, run on a snapshot that may be older than they are."""

from __future__ import annotations

import duckdb
import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.sql import Statement
from workbench.warehouse import Snapshot


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
