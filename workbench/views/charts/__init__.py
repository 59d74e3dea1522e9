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
from workbench.views.charts.process_map import process_map
from workbench.views.charts.rates import win_rate_by_group, win_rate_by_month
from workbench.views.charts.revenue import revenue_by_group, revenue_by_month
from workbench.views.charts.segments import differences, shares

__all__ = [
    "MOST_AGES",
    "MOST_COHORTS",
    "backtest",
    "cohorts",
    "cost_per_lead_by_month",
    "customer_value",
    "deal_among_peers",
    "differences",
    "forecast",
    "funnel",
    "process_map",
    "revenue_by_group",
    "revenue_by_month",
    "romi_by_month",
    "scenario",
    "shares",
    "spend_by_channel",
    "stalled_by_stage",
    "win_rate_by_group",
    "win_rate_by_month",
]
