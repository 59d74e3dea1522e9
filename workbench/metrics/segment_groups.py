"""The records of a segment beside those of another or of everyone else, to be compared."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workbench.errors import QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import Kind, Model, Text, suggest
from workbench.metrics.filters import Filter, both, parse_filter, rest
from workbench.metrics.loaded import local_day
from workbench.metrics.periods import Period, resolve_period
from workbench.metrics.query import as_filter, rows
from workbench.metrics.segments import segment
from workbench.metrics.user_fields import models_of, titles_of
from workbench.warehouse import Data

# Beside the dimensions, what is worth comparing of the records themselves.
FIELDS = {
    "amount_base": Text(fr="Montant", en="Amount"),
    "cycle_days": Text(fr="Cycle (jours)", en="Cycle (days)"),
    "created_on": Text(fr="Date de création", en="Date of creation"),
}
RECORDS = ("deals", "leads")
NAMES_EACH = {"customer"}  # tells every record by itself
# Says the same in other words.
SAME = {
    **{"recency_score": "last_purchase_on", "last_purchase_on": "recency_score"},
    **{"frequency_score": "purchases", "purchases": "frequency_score"},
}


@dataclass(frozen=True)
class Groups:
    """Two groups of records without those that both hold.

    ``first`` and ``second``: one row per record, one column per name of ``kinds`` (text, boolean,
    number, date); ``titles``: of these columns, in both languages; ``in_both``: records that both
    segments hold, left out; ``given``: names that the filters decide, and that are not compared.
    """

    first: pd.DataFrame
    second: pd.DataFrame
    kinds: dict[str, Kind]
    titles: dict[str, Text]
    in_both: int
    given: tuple[str, ...]
    period: Period


def groups(
    snapshot: Data,
    first: str,
    second: str | None = None,
    *,
    of: str = "deals",
    period: Period | str = "all",
    where: str | None = None,
) -> Groups:
    """Return the records of two segments, or of one and everyone else (``second`` is None).

    ``of``: deals or leads; ``period``: of their creation; ``where``: a filter on both. Raises
    `QueryError` for a segment whose filter those records do not have.
    """
    if of not in RECORDS:
        raise QueryError(
            _("There are no records “{name}” to compare.").format(name=of[:60]),
            hint=suggest(of, RECORDS),
        )
    if first == second:
        raise QueryError(
            _("A segment cannot be compared with itself."),
            hint=_("Name another one, or none, to compare it with everyone else."),
        )
    model = models_of(snapshot)[of]
    inside = segment(first).filter
    other = rest(inside) if second is None else segment(second).filter
    for kept in (inside, other):
        for name in sorted(kept.names - model.filterable().keys()):
            raise QueryError(
                _("{records} have no “{name}”, which the segment names.").format(
                    records={"deals": _("Deals"), "leads": _("Leads")}[of], name=name
                ),
                hint=_("Compare with --of {other}.").format(
                    other="leads" if of == "deals" else "deals"
                ),
            )
    today = local_day(snapshot.as_of, snapshot.timezone)
    days = resolve_period(period, today, snapshot.timezone)
    common = both(None if days.is_all else _created_in(days), as_filter(where))
    given = inside.names | other.names
    given |= {SAME[name] for name in given if name in SAME}
    kinds, titles = _compared(model, given, titles_of(snapshot))
    frames = [
        _records(snapshot, of, model, both(kept, common), list(kinds)) for kept in (inside, other)
    ]
    shared = frames[0].index.intersection(frames[1].index)
    alone = [frame.drop(index=shared).reset_index(drop=True) for frame in frames]
    return Groups(alone[0], alone[1], kinds, titles, len(shared), tuple(sorted(given)), days)


def _created_in(period: Period) -> Filter:
    return parse_filter(f"created_on between '{period.start}' and '{period.last_day}'")


def _compared(
    model: Model, given: frozenset[str], known: dict[str, Text]
) -> tuple[dict[str, Kind], dict[str, Text]]:
    kinds: dict[str, Kind] = {}
    titles = {}
    for name, column in model.dimensions.items():
        if not model.overlapping(name) and name not in given | NAMES_EACH:
            kinds[name], titles[name] = column.kind, known[name]
    for name, title in FIELDS.items():
        if name in model.fields and name not in given:
            kinds[name], titles[name] = model.fields[name], title
    return kinds, titles


def _records(
    snapshot: Data, of: str, model: Model, kept: Filter | None, names: list[str]
) -> pd.DataFrame:
    """Return the columns of the records, indexed by their key."""
    by = [name for name in names if name in model.dimensions]
    found = rows(of, kept, by=by, snapshot=snapshot).set_index(model.key)
    columns = {
        name: model.dimensions[name].column if name in model.dimensions else name for name in names
    }
    return pd.DataFrame({name: found[column] for name, column in columns.items()})
