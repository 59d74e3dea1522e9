"""Key figures: a value, what it was before, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.i18n import _, format_number
from workbench.metrics.formats import rate_words
from workbench.views import values
from workbench.views.tables import spoken
from workbench.views.text import attribute

# Of these, less is better.
LESS_IS_BETTER = frozenset(
    {
        "deals_lost",
        "lost_amount",
        "won_cycle_mean",
        "won_cycle_median",
        "won_cycle_p90",
        "stalled_deals",
        "junk_rate",
        "cost_per_lead",
        "cac",
        "churn_rate",
        "rework_rate",
        "receivables_overdue",
        "overdue_share",
        "dso",
        "days_to_pay_mean",
        "late_payment_rate",
    }
)
# There is no value, and 0 would be wrong.
ABSENT = ("not loaded", "whole months", "not over", "today only")
# Of these, more is neither good nor bad.
NEUTRAL = frozenset({"marketing_spend", "open_deals", "receivables", "skip_rate"})


@dataclass(frozen=True)
class Figure:
    """One figure of a page.

    ``value`` and ``before`` in ``unit`` (see `workbench.views.values`), None where there is none;
    ``help``: the definition, one or two sentences; ``basis``: by which date it counts; ``n``: rows
    behind it; ``compared``: what ``before`` is; ``status``: a mark of `workbench.metrics.loaded`;
    ``rates``: how many amounts have a later exchange rate or none.
    """

    id: str
    title: str
    value: Any
    unit: str = values.COUNT
    help: str = ""
    basis: str = ""
    before: Any = None
    compared: str = ""
    n: int | None = None
    status: str = "ok"
    rates: str = ""


def basis_text(date_basis: str) -> str:
    """Say by which date a metric counts: one or more of the words below."""
    words = {
        "created": _("date of creation"),
        "closed": _("date of closing"),
        "event": _("date of the event"),
        "as-of": _("state at the end of the period"),
        "left": _("date of leaving the stage"),
        "due": _("date of expected closing"),
    }
    parts = [
        words.get(part.strip(), part.strip()) for part in date_basis.split(",") if part.strip()
    ]
    return ", ".join(parts)


def figures_from(frame: pd.DataFrame) -> list[Figure]:
    """Return the figures of a metrics frame of one row, in the order they were asked for.

    With ``compare=`` in the query, each is set beside what it was before.
    """
    facts = frame.attrs
    before = facts.get("before", {})
    compared = before.get("period", {}).get("label", "")
    found = []
    for name, definition in facts.get("metrics", {}).items():
        earlier = f"{name}_before"
        found.append(
            Figure(
                id=name,
                title=spoken(definition["title"]),
                value=frame[name].iloc[0] if len(frame) else None,
                unit=definition["unit"],
                help=spoken(definition["help"]),
                basis=basis_text(definition["date_basis"]),
                before=frame[earlier].iloc[0] if earlier in frame and len(frame) else None,
                compared=compared,
                n=facts["n"].get(name),
                status=facts["statuses"].get(name, "ok"),
                rates=rate_words(facts["rates"][name]) if name in facts.get("rates", {}) else "",
            )
        )
    return found


def html(figures: Sequence[Figure], *, currency: str, key: str) -> str:
    """Write figures as cards; ``key`` makes their ids unique in the page."""
    cards = "".join(
        _card(figure, currency, f"{key}-{index}") for index, figure in enumerate(figures)
    )
    label = attribute(_("Key figures"))
    return f'<dl class="wb-figures" aria-label="{label}">{cards}</dl>'


def _card(figure: Figure, currency: str, key: str) -> str:
    about = figure.help
    if figure.basis:
        counted = _("Counted by: {basis}.").format(basis=figure.basis)
        about = f"{about} {counted}".strip()
    explained = ""
    if about:
        name = attribute(_("What is “{title}”?").format(title=figure.title))
        explained = (
            f'<button type="button" class="wb-help" aria-label="{name}"'
            f' aria-describedby="{key}-help">?</button>'
            f'<span class="wb-tip" role="tooltip" id="{key}-help">{attribute(about)}</span>'
        )
    title = f'<dt class="wb-figure-title">{attribute(figure.title)}{explained}</dt>'
    shown = attribute(value_text(figure, currency))
    if figure.status in ABSENT:
        return (
            f'<div class="wb-figure wb-figure-absent" data-figure="{attribute(figure.id)}">{title}'
            f'<dd class="wb-figure-value">{shown}</dd></div>'
        )
    lines = [f'<dd class="wb-figure-value">{shown}</dd>', _change(figure, currency)]
    if figure.n is not None:
        count = _("n = {n}").format(n=format_number(figure.n))
        lines.append(f'<dd class="wb-figure-n">{attribute(count)}</dd>')
    if figure.status not in ("ok", "later rate", "no rate"):
        lines.append(f'<dd class="wb-figure-n">{attribute(status_text(figure.status))}</dd>')
    if figure.rates:
        lines.append(f'<dd class="wb-figure-n">{attribute(figure.rates)}</dd>')
    return (
        f'<div class="wb-figure" data-figure="{attribute(figure.id)}">{title}{"".join(lines)}</div>'
    )


def _change(figure: Figure, currency: str) -> str:
    change = _comparable(figure)
    if change is None:
        return ""
    text, amount = change
    good = (amount < 0) if figure.id in LESS_IS_BETTER else (amount > 0)
    tone = "" if figure.id in NEUTRAL or amount == 0 else (" wb-good" if good else " wb-bad")
    arrow = "▲" if amount > 0 else "▼" if amount < 0 else "="
    before = values.text_of(figure.before, figure.unit, currency)
    against = attribute(_("from {before}").format(before=before))
    if figure.compared:
        against += f' <span class="wb-whole">({attribute(figure.compared)})</span>'
    return (
        f'<dd class="wb-figure-change{tone}"><span aria-hidden="true">{arrow}</span> '
        f"{attribute(text)} <small>{against}</small></dd>"
    )


def _comparable(figure: Figure) -> tuple[str, float] | None:
    """Return the change; None for a cohort too recent to judge: it would always seem to fall."""
    if figure.status == "immature":
        return None
    return values.change_of(figure.value, figure.before, figure.unit)


def value_text(figure: Figure, currency: str) -> str:
    """Return a figure's value as plain text, or why there is none."""
    if figure.status in ABSENT:
        return status_text(figure.status)
    return values.text_of(figure.value, figure.unit, currency)


def change_text(figure: Figure, currency: str) -> str:
    """Return how a figure changed, from what and since when; empty where that is not known."""
    change = _comparable(figure)
    if change is None or figure.status in ABSENT:
        return ""
    before = _("from {before}").format(before=values.text_of(figure.before, figure.unit, currency))
    return f"{change[0]} {before}" + (f" ({figure.compared})" if figure.compared else "")


def status_text(status: str) -> str:
    """Say in two or three words why there is no value, or what to mind with it."""
    return {
        "not loaded": _("not loaded"),
        "whole months": _("whole months only"),
        "not over": _("not known before the end of the period"),
        "today only": _("today only"),
        "partial": _("period not complete"),
        "immature": _("too recent to judge"),
    }.get(status, status)
