"""Panels of the segments page: what is in one, in what it differs, and what all of them are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench import metrics
from workbench.analysis import findings
from workbench.analysis.segments import Differences, labels, measure_name, shown, size_word
from workbench.analysis.segments import differences as compare
from workbench.errors import QueryError
from workbench.i18n import _, format_number, language
from workbench.metrics.catalogue import filterable
from workbench.metrics.filters import rest
from workbench.metrics.segment_groups import Groups, groups
from workbench.metrics.segments import Segment, load_segments, segment
from workbench.metrics.user_fields import models_of
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, FiguresContent, Notice, TableContent
from workbench.views.figures import Figure, figures_from
from workbench.views.panels import parts
from workbench.views.selection import AGAINST, SEGMENT, Selection
from workbench.views.tables import Column, columns_of

FIGURES = ("deals", "won_revenue", "closed_win_rate", "average_won_deal", "won_cycle_median")
EACH = ("deals", "won_revenue", "closed_win_rate", "average_won_deal")


@dataclass(frozen=True)
class Compared:
    """Two groups of deals, in what they differ, and what they are called."""

    groups: Groups
    found: Differences
    first: str
    second: str


# Reading and comparing all deals takes a moment and several panels show it.
_KEPT = 8
_compared: OrderedDict[Any, Compared] = OrderedDict()


def _segments(selection: Selection) -> tuple[Segment, Segment | None]:
    """Return the chosen segment, the first one without a choice, and what it is compared with."""
    known = load_segments()
    if not known:
        raise QueryError(
            _("There is no segment yet."), hint=_("`workbench segments save` makes one.")
        )
    name = selection.chosen.get(SEGMENT) or next(iter(known))
    against = selection.chosen.get(AGAINST)
    return known[name], segment(against) if against and against != name else None


def _everyone(selection: Selection) -> Selection:
    """Return the selection without its segment."""
    kept = {name: value for name, value in selection.chosen.items() if name != SEGMENT}
    return replace(selection, chosen=kept)


def _names(selection: Selection) -> tuple[str, str]:
    first, second = _segments(selection)
    return str(first.title), str(second.title) if second else _("Everyone else")


def _comparison(selection: Selection) -> Compared:
    """Compare the deals created in the period, as of today's data."""
    first, second = _segments(selection)
    where = _everyone(selection).where(["deals"])
    key = (
        *(selection.snapshot.key, language(), selection.period, where),
        *(first.where, second.where if second else None, first.title, second and second.title),
    )
    if key not in _compared:
        both = groups(
            selection.snapshot,
            first.name,
            second.name if second else None,
            period=selection.period,
            where=where,
        )
        found = compare(both.first, both.second, both.kinds)
        _compared[key] = Compared(both, found, *_names(selection))
        while len(_compared) > _KEPT:
            _compared.popitem(last=False)
    _compared.move_to_end(key)
    return _compared[key]


def figures(selection: Selection) -> Content:
    """Return the key figures of the segment, averages and rates beside those of the others."""
    first, second = _segments(selection)
    everyone = _everyone(selection)
    known = models_of(selection.snapshot)
    other = second.filter if second else rest(first.filter)
    names = first.filter.names | other.names
    ids = [one for one in FIGURES if names <= filterable(metrics.definition(one), known)]
    if not ids:
        return Notice("empty", _("No figure of the page knows what this segment names."))
    common = everyone.where(ids)
    asked = [
        everyone.query(ids, where=" and ".join(f"({part})" for part in (kept.text, common) if part))
        for kept in (first.filter, other)
    ]
    _first, compared = _names(selection)
    beside = {figure.id: figure for figure in figures_from(asked[1])}
    cards: list[Figure] = []
    for figure in figures_from(asked[0]):
        if metrics.definition(figure.id).additive:
            cards.append(figure)
        else:
            cards.append(replace(figure, before=beside[figure.id].value, compared=compared))
    return FiguresContent(cards)


def meaning(selection: Selection) -> Content:
    """Return the filter of the segment in a sentence, and what it is compared with."""
    first, second = _segments(selection)
    return TableContent(
        _("What is compared"),
        *_meanings([each for each in (first, second) if each is not None]),
        "" if second else _("Compared with everyone else."),
    )


def _meanings(listed: Sequence[Segment]) -> tuple[pd.DataFrame, list[Column]]:
    data = pd.DataFrame(
        {
            "segment": [str(each.title) for each in listed],
            "description": [str(each.description or "") for each in listed],
            "where": [each.where for each in listed],
        }
    )
    return data, [
        Column("segment", _("Segment")),
        Column("description", _("Who is in it")),
        Column("where", _("Filter")),
    ]


def differences(selection: Selection) -> Content:
    """Return in what the deals of the segment differ most from the others."""
    title = _("What sets them apart")
    compared = _comparison(selection)
    both, found = compared.groups, compared.found
    if found.table.empty:
        return parts.empty(title)
    rows = found.table.to_dict("records")
    data = pd.DataFrame(
        {
            "dimension": [str(both.titles[row["dimension"]]) for row in rows],
            "effect": [row["effect"] for row in rows],
            "measure": [measure_name(row["measure"]) for row in rows],
            "size": [size_word(row["size"]) for row in rows],
            "first": [shown(row, both.kinds[row["dimension"]], "a") for row in rows],
            "n_first": [row["n_a"] for row in rows],
            "second": [shown(row, both.kinds[row["dimension"]], "b") for row in rows],
            "n_second": [row["n_b"] for row in rows],
        }
    )
    notes = [
        _(
            "Deals created in the period. Cramér’s V for texts: 0 is no difference, 1 a perfect "
            "one. Cliff’s delta for numbers and days, by its size: how much more often one group "
            "is above the other. Of texts the value with the largest difference, of numbers the "
            "median."
        )
    ]
    if both.in_both:
        notes.append(
            _("Left out: {n} records that both segments hold.").format(
                n=format_number(both.in_both)
            )
        )
    return ChartContent(
        title,
        charts.differences(data),
        findings.differences(found, both.titles, both.kinds, compared.first, compared.second),
        data,
        [
            Column("dimension", _("Dimension")),
            Column("effect", _("Effect"), values.RATIO),
            Column("size", _("Size")),
            Column("measure", _("Measure")),
            Column("first", compared.first),
            Column("n_first", _("n"), values.COUNT),
            Column("second", compared.second),
            Column("n_second", _("n"), values.COUNT),
        ],
        " ".join(notes),
    )


def shares(selection: Selection) -> Content:
    """Return the values of the text that differs most, with their shares in both groups."""
    title = _("Where they are")
    compared = _comparison(selection)
    both, found = compared.groups, compared.found
    texts = found.table[found.table["measure"] == "cramers_v"]
    if texts.empty:
        return parts.empty(title)
    name = str(texts["dimension"].iloc[0])
    counts = [
        labels(frame[name]).value_counts(normalize=True) for frame in (both.first, both.second)
    ]
    table = pd.concat(counts, axis=1, keys=["a", "b"]).fillna(0.0).rename_axis("value")
    by_size = (table["a"] - table["b"]).abs().sort_values(ascending=False, kind="stable").index
    data = table.loc[by_size].reset_index()
    head = data.iloc[0]
    dimension = str(both.titles[name])
    return ChartContent(
        _("{title}: {dimension}").format(title=title, dimension=dimension),
        charts.shares(data, compared.first, compared.second),
        _("{value}: {a} of “{first}”, {b} of “{second}”.").format(
            value=head["value"],
            a=values.text_of(head["a"], values.SHARE),
            b=values.text_of(head["b"], values.SHARE),
            first=compared.first,
            second=compared.second,
        ),
        data,
        [
            Column("value", dimension),
            Column("a", compared.first, values.SHARE),
            Column("b", compared.second, values.SHARE),
        ],
        _("Of the texts, the one in which the two groups differ most."),
    )


def _each(selection: Selection) -> pd.DataFrame:
    """Return the figures of every segment that deals can be filtered by; ``attrs`` of the first."""
    everyone = _everyone(selection)
    known = models_of(selection.snapshot)
    allowed = set.intersection(*(filterable(metrics.definition(one), known) for one in EACH))
    common = everyone.where(EACH)
    rows, facts = [], None
    for each in load_segments().values():
        if not each.filter.names <= allowed:
            continue
        where = " and ".join(f"({part})" for part in (each.where, common) if part)
        frame = everyone.query(EACH, where=where)
        facts = facts or frame.attrs
        rows.append(
            {
                "segment": str(each.title),
                **frame.iloc[0][[*EACH]].to_dict(),
                "n": frame.attrs["n"]["won_revenue"],
            }
        )
    data = pd.DataFrame(rows, columns=["segment", *EACH, "n"])
    data.attrs = facts or {}
    return data


def sizes(selection: Selection) -> Content:
    """Return the won revenue of every segment."""
    title = _("Won revenue by segment")
    data = _each(selection)
    if data.empty or not data["won_revenue"].sum() > 0:
        return parts.empty(title)
    first = data.loc[data["won_revenue"].astype(float).idxmax()]
    return ChartContent(
        title,
        charts.revenue_by_group(data, "segment", _("Segment"), currency=selection.currency),
        _("Largest by won revenue: {segment}, {value} with {n} won deals.").format(
            segment=first["segment"],
            value=values.text_of(first["won_revenue"], values.MONEY, selection.currency),
            n=format_number(first["n"]),
        ),
        data[["segment", *EACH]],
        [Column("segment", _("Segment")), *columns_of(_of_metrics(data))],
        _("Segments may hold the same deals; they do not add up."),
    )


def _of_metrics(data: pd.DataFrame) -> pd.DataFrame:
    only = data[[*EACH]]
    only.attrs = data.attrs
    return only


def catalogue(selection: Selection) -> Content:
    """Return every segment with its meaning and filter, as a table."""
    listed = list(load_segments().values())
    title = _("Who is in which segment")
    if not listed:
        return parts.empty(title)
    data, columns = _meanings(listed)
    data = data.assign(name=[each.name for each in listed])
    return TableContent(title, data, [*columns, Column("name", _("Name in reports and commands"))])


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: the won revenue of the segment, and in what it differs most."""
    first, _second = _segments(selection)
    inside = replace(selection, chosen={**selection.chosen, SEGMENT: first.name})
    compared = _comparison(selection)
    both = compared.groups
    told = findings.differences(
        compared.found, both.titles, both.kinds, compared.first, compared.second
    )
    given = parts.answer(inside, "won_revenue")
    return {**given, "segment": first.name, "summary": f"{given['summary']} {told}"}
