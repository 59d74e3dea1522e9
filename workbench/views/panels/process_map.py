"""The panel of the process map."""

from __future__ import annotations

from workbench.analysis import process_map as maps
from workbench.i18n import _
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content
from workbench.views.panels import parts
from workbench.views.selection import Selection, days_in
from workbench.views.tables import Column

MOST_ROUTES = 30


def process_map(selection: Selection) -> Content:
    """Return how deals closed in the period went, in the pipeline with most of them."""
    title = _("Process map")
    closed = days_in("closed_on", selection.period)
    pipelines = selection.summary("deals_by_pipeline", closed)
    if pipelines.empty:
        return parts.empty(title)
    pipeline_id, pipeline = (
        int(pipelines["pipeline_id"].iloc[0]),
        str(pipelines["pipeline"].iloc[0]),
    )
    inside = f"{closed} and pipeline_id = {pipeline_id}"
    moves, waits = (
        selection.summary(name, inside, pipeline_id=pipeline_id) for name in ("moves", "waits")
    )
    routes = selection.summary("routes", inside, pipeline_id=pipeline_id, most=MOST_ROUTES)
    stages = selection.snapshot.read("stages_of_pipeline", pipeline_id=pipeline_id)
    return ChartContent(
        _("Process map: {pipeline}").format(pipeline=pipeline),
        charts.process_map(maps.visited(moves, waits, stages), maps.transitions(moves, stages)),
        maps.finding(maps.bottleneck(waits, stages)),
        maps.variants(routes)[["route", "deals", "share", "won", "median_days"]],
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
