"""The panel of the process map."""

from __future__ import annotations

from workbench.analysis import process_map as maps
from workbench.i18n import _
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content
from workbench.views.panels import parts
from workbench.views.selection import Selection
from workbench.views.tables import Column


def process_map(selection: Selection) -> Content:
    """Return how deals closed in the period went, in the pipeline with most of them."""
    title = _("Process map")
    closed = selection.deals(
        "closed_on >= ? AND closed_on < ?", [selection.period.start, selection.period.end]
    )
    if closed.empty:
        return parts.empty(title)
    pipeline, pipeline_id, closed = parts.of_main_pipeline(closed)
    snapshot = selection.snapshot
    stays = snapshot.query(
        "SELECT * FROM deal_stage_stays WHERE pipeline_id = ? AND deal_id IN (SELECT unnest(?))",
        [pipeline_id, closed["deal_id"].tolist()],
    )
    stages = snapshot.query("SELECT * FROM stages WHERE pipeline_id = ?", [pipeline_id])
    routes = maps.variants(stays, closed)
    return ChartContent(
        _("Process map: {pipeline}").format(pipeline=pipeline),
        charts.process_map(maps.visited(stays, stages), maps.transitions(stays)),
        maps.finding(maps.bottleneck(stays, closed)),
        routes[["route", "deals", "share", "won", "median_days"]].head(30),
        [
            Column("route", _("Route")),
            Column("deals", _("Deals"), values.COUNT),
            Column("share", _("Share"), values.SHARE),
            Column("won", _("Won"), values.SHARE),
            Column("median_days", _("Median cycle"), values.DAYS),
        ],
        _("Deals closed in the period; ways of less than 1% of them are left out."),
    )
