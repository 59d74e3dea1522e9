"""Panels of the deal page: one deal among its peers.

They read ``deal_id`` (0 for the newest open deal) and ``metric`` from the selection's inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis import findings
from workbench.analysis.peers import Peer, deal_among_peers
from workbench.errors import QueryError
from workbench.i18n import _
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, FiguresContent, TextContent
from workbench.views.figures import Figure, basis_text, figures_from
from workbench.views.panels import parts
from workbench.views.selection import Selection
from workbench.views.tables import Column

BINS = 20


def peer(selection: Selection) -> Peer:
    """Return where the deal stands; raises `QueryError` for a deal that is not in the data."""
    number = _deal_id(selection)
    snapshot = selection.snapshot
    same = "pipeline_id = (SELECT any_value(pipeline_id) FROM deals WHERE deal_id = ?)"
    deals = snapshot.query(f"SELECT * FROM deals WHERE {same}", [number])  # noqa: S608 - bound
    stays = snapshot.query(f"SELECT * FROM deal_stage_stays WHERE {same}", [number])  # noqa: S608
    return deal_among_peers(number, deals, stays, snapshot.as_of)


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
    metric = str(selection.inputs["metric"])
    options = _metric_options(selection, metric, found)
    return FiguresContent([*shown, *figures_from(selection.query(metric, **options))])


def amounts(selection: Selection) -> Content:
    """Return how the amounts of the pipeline's deals are spread, and where this one stands."""
    title = _("Amount among the deals of its pipeline")
    found = peer(selection)
    peers = selection.snapshot.query(
        "SELECT amount_base FROM deals WHERE amount_base IS NOT NULL AND pipeline_id ="
        " (SELECT any_value(pipeline_id) FROM deals WHERE deal_id = ?)",
        [found.deal_id],
    )["amount_base"].astype(float)
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
    """Return the typed answer for a process: the metric of the deal's pipeline and the deal.

    Beside the keys of `parts.answer`: ``deal_id``, ``deal_status`` (won, lost, stalled, late,
    on_time) and ``risk`` (share of won deals that had left this stage sooner; None if closed).
    """
    found = peer(selection)
    metric = str(selection.inputs["metric"])
    options = _metric_options(selection, metric, found)
    given = parts.answer(selection, metric, where=options["where"])
    return {
        **given,
        "deal_id": found.deal_id,
        "deal_status": found.status,
        "risk": found.age_percentile,
        "summary": f"{findings.peer(found)} {given['summary']}",
    }


def _deal_id(selection: Selection) -> int:
    number = int(selection.inputs["deal_id"])
    if number > 0:
        return number
    newest = selection.snapshot.query(
        "SELECT deal_id FROM deals ORDER BY is_open DESC, created_at DESC, deal_id DESC LIMIT 1"
    )
    if newest.empty:
        raise QueryError(_("There is no deal in the data."))
    return int(newest["deal_id"].iloc[0])


def _metric_options(selection: Selection, metric: str, found: Peer) -> dict[str, Any]:
    """Look at the deal's pipeline if the metric knows pipelines, else at everything."""
    own = Selection(selection.snapshot, selection.period, {"pipeline": found.pipeline})
    options: dict[str, Any] = {"where": own.where([metric]) or ""}
    if not selection.period.is_all:
        options["compare"] = "previous"
    return options


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
