"""Charts: one function each, a small DataFrame in, an Altair chart out.

Frames are aggregated before they come here; a chart carries only what it draws.
"""

from workbench.views.charts.cohorts import MOST_AGES, MOST_COHORTS, cohorts, customer_value
from workbench.views.charts.deals import deal_among_peers, stalled_by_stage
from workbench.views.charts.forecast import backtest, forecast, scenario
from workbench.views.charts.funnel import funnel
from workbench.views.charts.marketing import (
    cost_per_lead_by_month,
    romi_by_month,
    spend_by_channel,
)
from workbench.views.charts.months import measure_by_month, open_note
from workbench.views.charts.process_map import process_map
from workbench.views.charts.quality import scores_over_time
from workbench.views.charts.rates import rate_by_group, win_rate_by_month
from workbench.views.charts.receivables import ageing, receivables_by_month
from workbench.views.charts.revenue import revenue_by_group, revenue_by_month
from workbench.views.charts.segments import differences, shares

__all__ = [
    "MOST_AGES",
    "MOST_COHORTS",
    "ageing",
    "backtest",
    "cohorts",
    "cost_per_lead_by_month",
    "customer_value",
    "deal_among_peers",
    "differences",
    "forecast",
    "funnel",
    "measure_by_month",
    "open_note",
    "process_map",
    "rate_by_group",
    "receivables_by_month",
    "revenue_by_group",
    "revenue_by_month",
    "romi_by_month",
    "scenario",
    "scores_over_time",
    "shares",
    "spend_by_channel",
    "stalled_by_stage",
    "win_rate_by_month",
]
