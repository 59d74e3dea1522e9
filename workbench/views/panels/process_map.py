"""The panel of the process map."""

from __future__ import annotations

from workbench.analysis import process_map as maps
from workbench.i18n import _
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content
from workbench.views.panels import parts
from workbench.views.selection import Selection, days_in
from workbench.views.tables import Column


def process_map(selection: Selection) -> Content:
    """Return how deals closed in the period went, in the pipeline with most of them."""
    title = _("Process map")
    closed = selection.deals(days_in("closed_on", selection.period))
    if closed.empty:
        return parts.empty(title)
    pipeline, pipeline_id, closed = parts.of_main_pipeline(closed)
    snapshot = selection.snapshot
    period = selection.period
    stays = snapshot.read(
        "stays_of_closed_deals", pipeline_id=pipeline_id, start=period.start, end=period.end
    )
    stays = stays[stays["deal_id"].isin(closed["deal_id"])].reset_index(drop=True)
    stages = snapshot.read("stages_of_pipeline", pipeline_id=pipeline_id)
    routes = maps.variants(stays, closed)
    return ChartContent(
        _("Process map: {pipeline}").format(pipeline=pipeline),
        charts.process_map(maps.visited(stays, stages), maps.transitions(stays)),
        maps.finding(maps.bottleneck(stays, closed)),
        routes[["route", "deals", "share", "won", "median_days"]].head(30),
        [
            Column("route", _("Route")),
            Column("deals", _("Deals"), values.COUNT),
            Column("share", _("Share"), values.SHARE, help=_("Of the deals closed in the period.")),
            Column("won", _("Won"), values.SHARE, help=_("Won ÷ all deals of the route.")),
            Column(
                "median_days",
                _("Median cycle"),
                values.DAYS,
                help=_("Closing − creation, median of the deals of the route."),
            ),
        ],
        _("Deals closed in the period; ways of less than 1% of them are left out."),
    )
