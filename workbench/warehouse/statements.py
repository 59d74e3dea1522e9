"""Analysts' SQL: one SELECT over the snapshot's tables, nothing else.

The connection is read-only with external access off; this check gives a clear word before that.
"""

from __future__ import annotations

import logging

import sqlglot
from sqlglot import exp

from workbench.errors import QueryError
from workbench.i18n import _

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings are for its developers
TABLE_FUNCTIONS = {"range", "generate_series", "generateseries", "unnest"}


def only_select(sql: str) -> str:
    """Return ``sql`` as DuckDB's text of one query.

    Raises `QueryError` for anything but a single SELECT (or set operation), and for one that
    reads files or calls table functions other than ``range``, ``generate_series`` and ``unnest``.
    """
    try:
        statements = [one for one in sqlglot.parse(sql, dialect="duckdb") if one is not None]
    except RecursionError:
        raise QueryError(_("The SQL is nested too deeply.")) from None
    except sqlglot.errors.SqlglotError as error:
        reason = str(error).splitlines()[0]
        raise QueryError(_("The SQL cannot be read: {reason}").format(reason=reason)) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryError(
            _("Only one SELECT can be run here."),
            hint=_("Snapshots are read-only; for anything else copy the data out first."),
        )
    query = statements[0]
    forbidden = next(query.find_all(exp.Into, exp.Command, exp.DML, exp.DDL), None)
    if forbidden is not None and not isinstance(forbidden, exp.Query):
        raise QueryError(_("Only one SELECT can be run here."))
    for table in query.find_all(exp.Table):
        source = table.this
        if isinstance(source, exp.Func) and source.sql_name().lower() not in TABLE_FUNCTIONS:
            name = source.name or source.sql_name()
            if name.lower() not in TABLE_FUNCTIONS:
                raise QueryError(_("{name} cannot be read from here.").format(name=name))
        elif isinstance(source, exp.Identifier) and set(source.name) & set("./\\*:"):
            raise QueryError(_("{name} cannot be read from here.").format(name=source.name))
    try:
        return query.sql(dialect="duckdb")
    except RecursionError:
        raise QueryError(_("The SQL is nested too deeply.")) from None
