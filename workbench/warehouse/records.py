"""What pages and runs read of a snapshot beside metrics: every read has a name and typed values.

The whole list, so that a process which guards the data can offer these and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbench.errors import QueryError
from workbench.i18n import _

_BESIDE = "pipeline_id = (SELECT any_value(pipeline_id) FROM deals WHERE deal_id = $deal_id)"


@dataclass(frozen=True)
class Read:
    """A SELECT and the values it takes: name → type (int or date)."""

    sql: str
    values: Mapping[str, type] = field(default_factory=dict)


def _values_of(column: str, table: str = "deals") -> Read:
    return Read(
        f'SELECT DISTINCT "{column}" AS value FROM {table} WHERE "{column}" IS NOT NULL'  # noqa: S608 - the names below
    )


READS: dict[str, Read] = {
    "sources": Read("SELECT * FROM sources ORDER BY source, entity"),
    "user_fields": Read("SELECT * FROM user_fields"),
    "columns": Read(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
        " AND database_name = current_database() AND schema_name = current_schema()"
    ),
    # What the filters of a page offer.
    "values_of_pipeline": _values_of("pipeline"),
    "values_of_department": _values_of("department", "departments"),
    "values_of_manager": _values_of("manager"),
    "values_of_source": _values_of("source"),
    "values_of_industry": _values_of("industry", "customers"),
    "values_of_channel": _values_of("channel", "marketing_spend"),
    # Stages, and what is usual in them.
    "stages": Read("SELECT * FROM stages ORDER BY pipeline_id, sort"),
    "stages_of_pipeline": Read(
        "SELECT * FROM stages WHERE pipeline_id = $pipeline_id", {"pipeline_id": int}
    ),
    "stage_limits": Read("SELECT * FROM stage_limits"),
    # One deal among those of its pipeline.
    "deal": Read("SELECT * FROM deals WHERE deal_id = $deal_id", {"deal_id": int}),
    "newest_deal": Read(
        "SELECT deal_id FROM deals ORDER BY is_open DESC, created_at DESC, deal_id DESC LIMIT 1"
    ),
    "deals_beside": Read(
        f"SELECT amount_base, is_won, closed_at FROM deals WHERE {_BESIDE}",  # noqa: S608
        {"deal_id": int},
    ),
    "amounts_beside": Read(
        f"SELECT amount_base FROM deals WHERE amount_base IS NOT NULL AND {_BESIDE}",  # noqa: S608
        {"deal_id": int},
    ),
    "days_beside": Read(
        "SELECT sum(days) AS days FROM deal_stage_stays"  # noqa: S608
        f" WHERE {_BESIDE} AND stage_id ="
        " (SELECT any_value(stage_id) FROM deals WHERE deal_id = $deal_id) AND days IS NOT NULL"
        " AND deal_id IN (SELECT deal_id FROM deals WHERE is_won) GROUP BY deal_id",
        {"deal_id": int},
    ),
}


def checked_read(name: str, values: Mapping[str, Any]) -> Read:
    """Return a read by its name; raises `QueryError` for an unknown one or for wrong values."""
    return checked(READS, name, values)


def checked(known: Mapping[str, Read], name: str, values: Mapping[str, Any]) -> Read:
    """Return one of the ``known`` reads, as `checked_read` does."""
    if name not in known:
        raise QueryError(_("There is no read “{name}”.").format(name=str(name)[:60]))
    read = known[name]
    wrong = sorted(read.values.keys() ^ values.keys())
    wrong += [
        key for key, kind in read.values.items() if key in values and not _is(values[key], kind)
    ]
    if wrong:
        raise QueryError(
            _("Read “{name}”: wrong value of {names}.").format(name=name, names=", ".join(wrong))
        )
    return read


def _is(value: Any, kind: type) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return isinstance(value, kind) and not isinstance(value, datetime)
