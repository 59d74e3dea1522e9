"""Two runs of a report set side by side: what they were made with, and which numbers differ.

Figures are paired by panel and id, the rows of a table by the first of its columns that tell them
apart in both runs. A value that is missing on one side is never taken for 0: such a change has no
difference. Numbers are equal up to a billionth, as sums of the same rows come in any order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import UsageError, WorkbenchError
from workbench.i18n import _
from workbench.reports.record import RunRecord, read_contents

State = Literal["same", "changed", "added", "removed", "value_added", "value_removed", "other_unit"]
NUMERIC = {"money", "money_per_day", "share", "count", "days", "hours", "ratio"}
CLOSE = 1e-9
CONTENTS = "contents.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One value in both runs.

    ``before`` and ``after`` in ``unit``, None where there is none; ``status_before``,
    ``status_after`` say why (``not loaded`` …). ``state``: ``added`` and ``removed`` are not on
    the other page at all, ``value_added`` and ``value_removed`` are on both and have a value on
    one. ``difference`` in ``unit``, ``relative`` as a share of ``before``: None where either is
    unknown. ``redefined``: its definition or date basis is another one (known of runs in one
    language).
    """

    name: str
    title: str
    unit: str
    before: Any
    after: Any
    state: State
    difference: float | None = None
    relative: float | None = None
    status_before: str = "ok"
    status_after: str = "ok"
    redefined: bool = False


@dataclass(frozen=True)
class RowChange:
    """A row that is not the same: ``key`` tells it, ``changes`` only the columns that differ."""

    key: Row
    state: Literal["changed", "added", "removed"]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A panel of the page: its figures, or its table's rows; ``same`` counts what did not change.

    ``state``: ``unreadable`` if a table of the two is gone; ``told``: what the page says where one
    of the two has no data. ``keys``: the columns that tell rows.
    """

    name: str
    title: str
    state: Literal["both", "added", "removed", "unreadable"] = "both"
    figures: tuple[Change, ...] = ()
    keys: tuple[str, ...] = ()
    rows: tuple[RowChange, ...] = ()
    same: int = 0
    told: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two runs of one report. ``facts``: name → what it was in each, for what they are made with.

    ``result`` compares the typed answers (``result.json``).
    """

    before: RunRecord
    after: RunRecord
    facts: dict[str, tuple[Any, Any]]
    panels: tuple[Panel, ...]
    result: tuple[Change, ...] = ()
    currencies: tuple[str, str] = ("EUR", "EUR")
    notes: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether every figure, row and answer is the same."""
        return all(
            panel.state == "both"
            and not panel.rows
            and all(figure.state == "same" for figure in panel.figures)
            for panel in self.panels
        ) and all(change.state == "same" for change in self.result)


def compare(before: RunRecord, after: RunRecord) -> Comparison:
    """Compare two runs that succeeded; raises `UsageError` if they are not of one report."""
    if before.report != after.report:
        raise UsageError(
            _("Run {a} is of the report {report_a}, run {b} of {report_b}.").format(
                a=before.id, report_a=before.report, b=after.id, report_b=after.report
            ),
            hint=_("Two runs of one report can be compared: workbench runs --report NAME"),
        )
    for record in (before, after):
        if record.outcome != "succeeded":
            raise WorkbenchError(
                _("Run {id} did not succeed; it has no figures to compare.").format(id=record.id),
                hint=_("Run it again: workbench runs rerun {id}").format(id=record.id),
            )
    pages = _page(before), _page(after)
    currencies = tuple(str(page.get("currency") or "EUR") for page in pages)
    notes = []
    if before.language != after.language:
        notes.append(_("The runs are in two languages: their texts differ for that alone."))
    if currencies[0] != currencies[1]:
        notes.append(_("The runs are in two currencies: their amounts are not compared."))
    return Comparison(
        before=before,
        after=after,
        facts=facts(before, after),
        panels=tuple(_panels(before.folder, after.folder, pages, currencies[0] == currencies[1])),
        result=tuple(_result(before.result, after.result, pages)),
        currencies=(currencies[0], currencies[1]),
        notes=tuple(notes),
    )


def _page(record: RunRecord) -> dict[str, Any]:
    """Return what a run's page holds; raises `WorkbenchError` if it was there and is gone."""
    page = read_contents(record.folder)
    if not page and any(file.path == CONTENTS for file in record.files):
        raise WorkbenchError(
            _("{file} of run {id} is gone or damaged.").format(file=CONTENTS, id=record.id),
            hint=_("Run it again: workbench runs rerun {id}").format(id=record.id),
        )
    return page


def facts(before: RunRecord, after: RunRecord) -> dict[str, tuple[Any, Any]]:
    """Return what the runs were made with: data, parameters and their days, program."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in ("portal", "snapshot", "as_of", "timezone", "language"):
        found[name] = getattr(before, name), getattr(after, name)
    for name in dict.fromkeys([*before.parameters, *after.parameters]):
        found[f"parameters.{name}"] = before.parameters.get(name), after.parameters.get(name)
    for name in dict.fromkeys([*before.periods, *after.periods]):
        days = [
            f"{period['start']}/{period['end']}" if period else None
            for period in (before.periods.get(name), after.periods.get(name))
        ]
        found[f"periods.{name}"] = days[0], days[1]
    for name in ("version", "commit", "lock"):
        found[name] = getattr(before, name), getattr(after, name)
    return found


def change_of(name: str, title: str, unit: str, before: Any, after: Any) -> Change:
    """Compare two values of one unit."""
    before, after = _known(before), _known(after)
    if before is None or after is None:
        state: State = "same" if before is after else "value_added"
        if after is None and before is not None:
            state = "value_removed"
        return Change(name, title, unit, before, after, state)
    if not (_is_number(before) and _is_number(after)):
        return Change(name, title, unit, before, after, "same" if before == after else "changed")
    if math.isclose(before, after, rel_tol=CLOSE, abs_tol=1e-12):
        return Change(name, title, unit, before, after, "same", 0.0, 0.0)
    difference = float(after) - float(before)
    relative = difference / abs(before) if before else None
    return Change(name, title, unit, before, after, "changed", difference, relative)


def _known(value: Any) -> Any:
    if isinstance(value, Decimal):
        value = float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _result(
    before: Mapping[str, Any], after: Mapping[str, Any], pages: Sequence[Mapping[str, Any]]
) -> Iterator[Change]:
    """Compare the typed answers; their sentences only where both speak one language."""
    one_language = pages[0].get("language") == pages[1].get("language")
    for name in dict.fromkeys([*before, *after]):
        values = before.get(name), after.get(name)
        if any(isinstance(each, list | dict) for each in values):
            continue
        if not one_language and all(isinstance(each, str) for each in values):
            continue
        change = change_of(name, name, "", *values)
        if name not in before or name not in after:
            state: State = "added" if name in after else "removed"
            change = replace(change, state=state)
        yield change


def _panels(
    folder_before: Path,
    folder_after: Path,
    pages: Sequence[Mapping[str, Any]],
    one_currency: bool,
) -> Iterator[Panel]:
    """Compare panel by panel, in the order of the later page."""
    old, new = ({each["name"]: each for each in page.get("panels", [])} for page in pages)
    one_language = pages[0].get("language") == pages[1].get("language")
    for name in dict.fromkeys([*new, *old]):
        now, then = new.get(name), old.get(name)
        title = (now or then or {}).get("title") or name
        if now is None or then is None or _data(now) != _data(then):
            # A chart without data is a notice, which says why.
            absent = now is None or (then is not None and not _data(now))
            told = str(((now if absent else then) or {}).get("text", ""))
            yield Panel(name, title, "removed" if absent else "added", told=told)
        elif "table" in now:
            yield _table(folder_before, folder_after, then, now, one_currency)
        elif "figures" in now:
            found = _figures(then["figures"], now["figures"], one_currency, one_language)
            same = sum(each.state == "same" for each in found)
            yield Panel(name, title, figures=tuple(found), same=same)
        elif one_language:
            change = change_of(name, title, "text", then.get("text"), now.get("text"))
            yield Panel(name, title, figures=(change,), same=int(change.state == "same"))


def _data(panel: Row) -> str:
    return next((kind for kind in ("table", "figures") if kind in panel), "")


def _figures(
    then: Sequence[Row], now: Sequence[Row], one_currency: bool, one_language: bool
) -> list[Change]:
    old, new = ({each["id"]: each for each in figures} for figures in (then, now))
    found = []
    for name in dict.fromkeys([*new, *old]):
        a, b = old.get(name, {}), new.get(name, {})
        shown = b or a
        unit = shown["unit"]
        change = change_of(name, shown["title"], unit, a.get("value"), b.get("value"))
        if not a or not b:
            change = replace(change, state="added" if b else "removed")
        elif a["unit"] != unit or (not one_currency and unit.startswith("money")):
            change = _not_comparable(change)
        texts = ("definition", "date_basis") if a and b and one_language else ()
        found.append(
            replace(
                change,
                status_before=a.get("status", "ok"),
                status_after=b.get("status", "ok"),
                redefined=any(a.get(text) != b.get(text) for text in texts),
            )
        )
    return found


def _not_comparable(change: Change) -> Change:
    return replace(change, state="other_unit", difference=None, relative=None)


def _table(
    folder_before: Path, folder_after: Path, then: Row, now: Row, one_currency: bool
) -> Panel:
    """Compare the rows of a table."""
    try:
        old = _rows(folder_before / f"{then['table']}.parquet", then["columns"])
        new = _rows(folder_after / f"{now['table']}.parquet", now["columns"])
    except (OSError, pa.ArrowException):
        return Panel(now["name"], now["title"], "unreadable")
    units_then = {column["name"]: column["unit"] for column in then["columns"]}
    columns = [column for column in now["columns"] if column["name"] in units_then]
    keys = _telling(columns, old, new)
    earlier, later = _keyed(old, keys), _keyed(new, keys)
    found: list[RowChange] = []
    same = 0
    for mark, row in later.items():
        key = {name: row.get(name) for name in keys}
        if mark not in earlier:
            found.append(RowChange(key, "added"))
            continue
        changes = []
        for column in columns:
            name, unit = column["name"], column["unit"]
            if name in keys:
                continue
            change = change_of(name, column["title"], unit, earlier[mark].get(name), row.get(name))
            other = unit != units_then[name] or (not one_currency and unit.startswith("money"))
            if other:
                change = _not_comparable(change)
            if change.state != "same":
                changes.append(change)
        if changes:
            found.append(RowChange(key, "changed", tuple(changes)))
        else:
            same += 1
    found += [
        RowChange({name: row.get(name) for name in keys}, "removed")
        for mark, row in earlier.items()
        if mark not in later
    ]
    return Panel(now["name"], now["title"], keys=tuple(keys), rows=tuple(found), same=same)


def _rows(file: Path, columns: Sequence[Row]) -> list[Row]:
    """Return a table's rows: the shown columns and the addresses behind them."""
    names = {each for column in columns for each in (column["name"], column.get("link")) if each}
    schema = pq.read_schema(file)
    wanted = [name for name in schema.names if name in names]
    table = pq.read_table(file, columns=wanted)
    for place, each in enumerate(table.schema):
        if pa.types.is_timestamp(each.type):  # the standard library knows microseconds
            table = table.set_column(
                place,
                each.name,
                table.column(place).cast(pa.timestamp("us", each.type.tz), safe=False),
            )
    return [{name: _known(value) for name, value in row.items()} for row in table.to_pylist()]


def _telling(columns: Sequence[Row], old: Sequence[Row], new: Sequence[Row]) -> list[str]:
    """Return the first columns that tell the rows apart in both tables; all if none do.

    An address before its text, texts and days before numbers.
    """
    names: list[str] = []
    for column in sorted(columns, key=lambda each: each["unit"] in NUMERIC):
        names += [name for name in (column.get("link"), column["name"]) if name]
    for count in range(1, len(names) + 1):
        keys = names[:count]
        if all(len({_mark(row, keys) for row in rows}) == len(rows) for rows in (old, new)):
            return keys
    return names


def _mark(row: Row, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(repr(row.get(name)) for name in keys)


def _keyed(rows: Sequence[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    """Return the rows by their key; rows that are the same in everything are counted through."""
    seen: Counter[tuple[str, ...]] = Counter()
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        mark = _mark(row, keys)
        found[(*mark, seen[mark])] = row
        seen[mark] += 1
    return found


def as_plain(value: Any) -> Any:
    """Return a comparison, or a part of it, as JSON holds it; days and moments in ISO form."""
    if isinstance(value, Comparison):
        return {
            "before": value.before.id,
            "after": value.after.id,
            "report": value.before.report,
            "identical": value.identical,
            "made_with": {
                name: {"before": as_plain(a), "after": as_plain(b), "differs": a != b}
                for name, (a, b) in value.facts.items()
            },
            "currencies": list(value.currencies),
            "panels": as_plain(value.panels),
            "result": as_plain(value.result),
            "notes": list(value.notes),
        }
    if isinstance(value, Change | RowChange | Panel):
        return {name: as_plain(each) for name, each in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(name): as_plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
