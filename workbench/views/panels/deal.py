"""Panels of the deal page: one deal among its peers.

They read from the selection's inputs: ``deal_id`` (0 for the newest open deal), ``metric``, what
it is counted over (``scope``, ``segment``, see `scope`) and compared with (``compare``), and
``horizon``, the months to forecast it for (0 for none).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis import findings
from workbench.analysis.forecast import forecast as forecast_months
from workbench.analysis.peers import Peer, deal_among_peers
from workbench.bitrix24.activity import COMPARISONS, LONGEST_HORIZON
from workbench.errors import ParameterError, QueryError
from workbench.i18n import _, format_month
from workbench.metrics import definition
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, FiguresContent, TextContent
from workbench.views.figures import Figure, basis_text, figures_from
from workbench.views.panels import parts
from workbench.views.panels.forecast import LEVEL
from workbench.views.panels.scope import Scope, scope_of, segments_of
from workbench.views.selection import ALL, Selection, period_of
from workbench.views.tables import Column

BINS = 20


def peer(selection: Selection) -> Peer:
    """Return where the deal stands; raises `QueryError` for a deal that is not in the data."""
    number = _deal_id(selection)
    snapshot = selection.snapshot
    own = snapshot.read("deal", deal_id=number)
    if own.empty:
        raise QueryError(
            _("There is no deal {id} in the data.").format(id=number),
            hint=_("It may be newer than the last sync."),
        )
    return deal_among_peers(
        own,
        snapshot.read("deals_beside", deal_id=number),
        snapshot.read("days_beside", deal_id=number)["days"],
        snapshot.read("stage_limits"),
        snapshot.as_of,
    )


def about(selection: Selection) -> Content:
    """Return who the deal is, with a link to its card."""
    found = peer(selection)
    portal = selection.snapshot.portal_url.rstrip("/")
    text = _(
        "**{title}** · {pipeline} · {stage} · {amount} — {status}. [Open the card on the portal]"
    )
    filled: dict[str, object] = {
        "title": found.title,
        "pipeline": found.pipeline,
        "stage": found.stage,
        "amount": values.text_of(found.amount, values.MONEY, selection.currency),
        "status": _status(found),
    }
    return TextContent(f"{text}({portal}/crm/deal/details/{found.deal_id}/)", filled)


def figures(selection: Selection) -> Content:
    """Return the deal's age, its limit, its win rate around it and the metric of the pipeline."""
    found = peer(selection)
    shown = [
        Figure(
            "amount",
            _("Amount"),
            found.amount,
            values.MONEY,
            help=_("Larger than {share} of the deals of its pipeline.").format(
                share=values.text_of(found.amount_percentile, values.SHARE)
            ),
            basis=_("state at the end of the data"),
            n=found.peers,
        ),
        Figure(
            "age",
            _("In the stage since"),
            found.age_days,
            values.DAYS,
            help=_(
                "Won deals left this stage after {median} (median); "
                "four out of five within {limit}."
            ).format(
                median=values.text_of(found.median_days, values.DAYS),
                limit=values.text_of(found.limit_days, values.DAYS),
            ),
            basis=_("state at the end of the data"),
            n=found.won_peers,
        ),
        Figure(
            "win_rate",
            _("Win rate of its pipeline"),
            found.win_rate,
            values.SHARE,
            help=_("Won among the deals closed in the last {n} days.").format(n=found.window_days),
            before=found.win_rate_before,
            compared=_("the {n} days before").format(n=found.window_days),
            basis=basis_text("closed"),
            n=found.win_rate_n,
        ),
    ]
    return FiguresContent([*shown, *figures_from(_metric(selection, found.deal_id))])


def amounts(selection: Selection) -> Content:
    """Return how the amounts of the pipeline's deals are spread, and where this one stands."""
    title = _("Amount among the deals of its pipeline")
    found = peer(selection)
    beside = selection.snapshot.read("amounts_beside", deal_id=found.deal_id)
    peers = beside["amount_base"].astype(float)
    if peers.empty or found.amount is None:
        return parts.empty(title)
    table = _bins(peers, found.amount)
    return ChartContent(
        title,
        charts.deal_among_peers(
            table, title=_("Amount"), unit=values.MONEY, currency=selection.currency
        ),
        findings.peer(found),
        table,
        [
            Column("low", _("From"), values.MONEY),
            Column("high", _("To"), values.MONEY),
            Column("deals", _("Deals"), values.COUNT),
            Column("here", _("This deal")),
        ],
        _("The last bar also holds every larger deal.")
        if peers.max() > table["high"].max()
        else "",
    )


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer for a process: the metric within the scope, and the deal.

    Beside the keys of `parts.answer`: ``deal_id``, ``deal_status`` (won, lost, stalled, late,
    on_time), ``risk`` (share of won deals that had left this stage sooner; None if closed),
    ``segment`` (names of those that the deal is in), ``plan_percent`` (of the period's plan), and
    ``forecast``, ``forecast_low``, ``forecast_high``: the metric in the last month of the horizon,
    with an interval of 80 %. What is not known is None.
    """
    found = peer(selection)
    metric = str(selection.inputs["metric"])
    scope = _scope(selection, found.deal_id)
    given = parts.answer(selection, metric, compare=_compared(selection), where=scope.where)
    ahead = _ahead(selection, metric, scope)
    sentences = [findings.peer(found), f"{_capital(scope.title)} — {given['summary']}"]
    if ahead is not None:
        sentences.append(_outlook(selection, metric, ahead))
    return {
        **given,
        "deal_id": found.deal_id,
        "deal_status": found.status,
        "risk": found.age_percentile,
        "segment": ", ".join(segments_of(selection, found.deal_id)),
        "plan_percent": _plan_percent(selection, metric, scope),
        "forecast": None if ahead is None else float(ahead["value"]),
        "forecast_low": None if ahead is None else float(ahead["low"]),
        "forecast_high": None if ahead is None else float(ahead["high"]),
        "scope": scope.title,
        "summary": " ".join(sentences),
    }


def _deal_id(selection: Selection) -> int:
    number = int(selection.inputs["deal_id"])
    if number > 0:
        return number
    newest = selection.snapshot.read("newest_deal")
    if newest.empty:
        raise QueryError(_("There is no deal in the data."))
    return int(newest["deal_id"].iloc[0])


def _scope(selection: Selection, deal_id: int) -> Scope:
    inputs = selection.inputs
    return scope_of(
        selection, deal_id, str(inputs["scope"]), str(inputs["metric"]), str(inputs["segment"])
    )


def _metric(selection: Selection, deal_id: int) -> pd.DataFrame:
    options: dict[str, Any] = {"where": _scope(selection, deal_id).where}
    if not selection.period.is_all:
        options["compare"] = _compared(selection)
    return selection.query(str(selection.inputs["metric"]), **options)


def _compared(selection: Selection) -> str:
    asked = str(selection.inputs["compare"])
    if asked not in COMPARISONS:
        raise ParameterError(
            _("compare: there is no “{value}”.").format(value=asked[:60]),
            hint=_("Allowed: {names}.").format(names=", ".join(COMPARISONS)),
        )
    return asked


def _ahead(selection: Selection, metric: str, scope: Scope) -> pd.Series | None:
    """Return the last month of the horizon (period, value, low, high), None if nothing is said."""
    horizon = int(selection.inputs["horizon"])
    if not 0 <= horizon <= LONGEST_HORIZON:
        raise ParameterError(
            _("horizon: {value} is not between 0 and {most}.").format(
                value=horizon, most=LONGEST_HORIZON
            )
        )
    if not horizon:
        return None
    everything = period_of(selection.snapshot, ALL)
    months = selection.query(metric, grain="month", period=everything, where=scope.where)
    found = forecast_months(months[["period", metric]], horizon, LEVEL, as_of=selection.today)
    return None if found.status == "too short" else found.future.iloc[-1]


def _outlook(selection: Selection, metric: str, ahead: pd.Series) -> str:
    unit = definition(metric).unit
    low, value, high = (
        values.text_of(ahead[key], unit, selection.currency) for key in ("low", "value", "high")
    )
    return _("Forecast for {month}: {value} (between {low} and {high}).").format(
        month=format_month(ahead["period"].date()), value=value, low=low, high=high
    )


def _plan_percent(selection: Selection, metric: str, scope: Scope) -> float | None:
    """Return the metric as a percentage of its plan, None where nothing is planned."""
    try:
        frame = selection.query(metric, where=scope.where, compare="plan")
    except QueryError:  # not planned, or not for such a scope
        return None
    value, plan = frame[metric].iloc[0], frame[f"{metric}_plan"].iloc[0]
    if values.is_missing(value) or values.is_missing(plan) or not plan:
        return None
    return float(value) / float(plan) * 100


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _bins(peers: pd.Series, amount: float) -> pd.DataFrame:
    """Count amounts in up to `BINS` equal bins between nothing and the 98th percentile."""
    top = max(float(peers.quantile(0.98)), amount, 1.0)
    low = min(float(peers.min()), 0.0)
    edges = np.linspace(low, top, BINS + 1)
    counts, _edges = np.histogram(peers.clip(upper=top), bins=edges)
    here = min(int(np.searchsorted(edges, amount, side="right")) - 1, BINS - 1)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "deals": counts,
            "here": [index == max(here, 0) for index in range(BINS)],
        }
    )


def _status(found: Peer) -> str:
    return {
        "won": _("won"),
        "lost": _("lost"),
        "stalled": _("stalled: longer in its stage than four out of five won deals"),
        "late": _("late: longer in its stage than half of the won deals"),
        "on_time": _("on time"),
    }[found.status]
