"""A frame for every chart, some of their names hostile."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from hostile_company import MARKUP, SCRIPT

from workbench.views import charts
from workbench.views.contents import Chart

MONTHS = pd.date_range("2025-11-01", periods=13, freq="MS")


def months(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"period": MONTHS, **columns})


def _marketing() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        [
            {
                "period": month,
                "channel": channel,
                "cost_per_lead": rng.uniform(20, 90),
                "romi": rng.uniform(-1, 4),
                "marketing_spend": 1000.0 * (3 - place),
                "leads": 40,
                "won_revenue": 20_000.0,
            }
            for month in MONTHS
            for place, channel in enumerate(["Google Ads", SCRIPT, "Salons"])
        ]
    )


def _revenue_by_month() -> Chart:
    frame = months(won_revenue=np.arange(13) * 20_000 + 100_000, year_ago=90_000, n=7)
    return charts.revenue_by_month(frame, currency="EUR")


def _revenue_by_group() -> Chart:
    frame = pd.DataFrame(
        {"manager": ["Ana", MARKUP, None, "Zoé"], "won_revenue": [1e5, 3e5, 5e4, 2e5], "n": 3}
    )
    return charts.revenue_by_group(frame, "manager", "Manager", currency="EUR")


def _win_rate_by_month() -> Chart:
    rates = [0.4, np.nan, *np.linspace(0.3, 0.6, 11)]
    return charts.win_rate_by_month(months(closed_win_rate=rates, deals_won=4, deals_lost=6))


def _rate_by_group() -> Chart:
    frame = pd.DataFrame({"source": ["A", SCRIPT], "rate": [0.2, 0.6], "n": [9, 4]})
    return charts.rate_by_group(frame, "source", "Source", "rate", "Won so far", "Deals created")


def _measure_by_month() -> Chart:
    frame = months(days=[np.nan, *np.linspace(30, 60, 12)], n=5, open=[False] * 12 + [True])
    return charts.measure_by_month(frame, "days", "Days", "days", "Invoices")


def _ageing() -> Chart:
    frame = pd.DataFrame(
        {
            "age": ["Not due", "Late", SCRIPT],
            "amount": [900.0, 100.0, 0.0],
            "share": [0.9, 0.1, 0.0],
            "n": [4, 1, 0],
            "late": [False, True, True],
        }
    )
    return charts.ageing(frame, currency="EUR")


def _receivables_by_month() -> Chart:
    frame = months(receivables_not_due=20_000.0, receivables_overdue=np.arange(13) * 1000.0)
    return charts.receivables_by_month(frame, currency="EUR")


def _scores_over_time() -> Chart:
    frame = pd.DataFrame(
        [
            {"day": day, "entity": name, "score": 0.9 + 0.01 * place}
            for place, day in enumerate(pd.date_range("2026-01-05", periods=4, freq="7D"))
            for name in ("Deals", SCRIPT)
        ]
    )
    return charts.scores_over_time(frame)


def _funnel() -> Chart:
    frame = pd.DataFrame(
        {
            "stage": ["Zoom", "Offer", SCRIPT, "Offer"],
            "sort": [10, 20, 30, 40],
            "reached": [1200, 900, 300, 100],
            "step_conversion": [np.nan, 0.75, 0.333, 0.333],
            "cumulative_conversion": [1, 0.75, 0.25, 0.083],
        }
    )
    return charts.funnel(frame)


def _forecast() -> Chart:
    future = pd.DataFrame(
        {
            "period": pd.date_range("2026-12-01", periods=3, freq="MS"),
            "value": [3e5, 2.8e5, 3.1e5],
            "low": [2e5, 1.8e5, 1.9e5],
            "high": [4e5, 3.9e5, 4.3e5],
        }
    )
    return charts.forecast(months(value=250_000.0), future, currency="EUR")


def _backtest() -> Chart:
    frame = months(actual=2.5e5, ets=2.6e5, seasonal_naive=2.2e5)
    return charts.backtest(frame, currency="EUR")


def _scenario() -> Chart:
    frame = pd.DataFrame(
        {
            "scenario": ["Present (42 %)"] * 2 + [SCRIPT] * 2,
            "part": ["won", "expected"] * 2,
            "amount": [3e5, 2e5, 3e5, 2.8e5],
        }
    )
    return charts.scenario(frame, currency="EUR")


def _stalled() -> Chart:
    frame = pd.DataFrame(
        {"stage": ["Zoom", "Appel", SCRIPT], "open": [9, 8, 4], "stalled": [3, 0, 2]}
    )
    return charts.stalled_by_stage(frame)


def _peers() -> Chart:
    edges = np.linspace(0, 60_000, 11)
    frame = pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "deals": range(10),
            "here": [i == 4 for i in range(10)],
        }
    )
    return charts.deal_among_peers(frame, title="Amount", unit="money", currency="EUR")


def _process_map() -> Chart:
    stages = pd.DataFrame(
        {
            "stage_id": ["A", "B", "C", "W", "L"],
            "stage": ["Zoom", "Offer", SCRIPT, "Won", MARKUP],
            "deals": [1200, 900, 300, 250, 700],
            "median_days": [3.2, 8, 1.5, np.nan, np.nan],
        }
    )
    moves = pd.DataFrame(
        [
            ("A", "B", 900, 3.0, False, False),
            ("B", "C", 300, 7.5, False, False),
            ("B", "A", 40, 2.0, True, False),
            ("A", "C", 60, 2.5, False, False),
            ("C", "W", 250, 1.0, False, False),
            ("B", "L", 400, 20.0, False, True),
            ("C", "L", 2, 20.0, False, True),
            ("A", "gone", 500, 1.0, False, False),
        ],
        columns=["from_id", "to_id", "moves", "median_days", "back", "lost"],
    )
    return charts.process_map(stages, moves)


def _cohorts() -> Chart:
    rows = [
        (month, 1200 - place, age, (0.2, 0, 0.004, 1.4)[age % 4] if place + age < 13 else np.nan)
        for place, month in enumerate(MONTHS)
        for age in range(1, 13)
    ]
    frame = pd.DataFrame(rows, columns=["cohort", "customers", "age", "share"])
    return charts.cohorts(frame, "Active customers, %")


def _customer_value() -> Chart:
    frame = pd.DataFrame({"age": range(4), "value": [80.0, 90, 90, 140], "customers": 20})
    return charts.customer_value(frame, currency="EUR", cost=120.0)


CHARTS: dict[str, Callable[[], Chart]] = {
    "cohorts": _cohorts,
    "customer_value": _customer_value,
    "process_map": _process_map,
    "revenue_by_month": _revenue_by_month,
    "revenue_by_group": _revenue_by_group,
    "win_rate_by_month": _win_rate_by_month,
    "rate_by_group": _rate_by_group,
    "measure_by_month": _measure_by_month,
    "ageing": _ageing,
    "receivables_by_month": _receivables_by_month,
    "scores_over_time": _scores_over_time,
    "funnel": _funnel,
    "cost_per_lead_by_month": lambda: charts.cost_per_lead_by_month(_marketing(), currency="EUR"),
    "romi_by_month": lambda: charts.romi_by_month(_marketing()),
    "spend_by_channel": lambda: charts.spend_by_channel(
        _marketing().groupby("channel", as_index=False)[["marketing_spend", "won_revenue"]].sum(),
        currency="EUR",
    ),
    "forecast": _forecast,
    "backtest": _backtest,
    "scenario": _scenario,
    "stalled_by_stage": _stalled,
    "deal_among_peers": _peers,
    "differences": lambda: charts.differences(
        pd.DataFrame(
            {
                "dimension": [MARKUP, "Source", "Source"],
                "effect": [0.62, -0.2, 0.01],
                "measure": ["Cramér’s V", "Cliff’s delta", "Cramér’s V"],
                "size": ["large", "small", "negligible"],
            }
        )
    ),
    "shares": lambda: charts.shares(
        pd.DataFrame({"value": [SCRIPT, "Web"], "a": [0.7, 0.3], "b": [0.2, 0.8]}), MARKUP, "Others"
    ),
}
