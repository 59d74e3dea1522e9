"""The queries and the panels of a dashboard on a large company, beside plain pandas.

`make bench ARGS=tests/bench/test_metrics.py`; sizes: see conftest.py. Each round asks for other
months, so that nothing is answered from what was asked before; the first one is in a process that
has just opened the snapshot.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

import duckdb
import pandas as pd
import pytest
from figures import show

from workbench import metrics
from workbench.warehouse import newest_snapshot

pytestmark = pytest.mark.bench
ROUNDS = 5
STANDARD = {
    "key figures, beside the period before": (
        ["won_revenue", "deals_won", "closed_win_rate", "average_won_deal", "won_cycle_median"],
        {"compare": "previous"},
    ),
    "won revenue by month, a year ago beside": (
        ["won_revenue"],
        {"grain": "month", "compare": "year_ago"},
    ),
    "win rate by month": (["closed_win_rate"], {"grain": "month"}),
    "by pipeline": (["won_revenue", "closed_win_rate"], {"by": ["pipeline"]}),
    "by manager": (["won_revenue", "closed_win_rate", "won_cycle_median"], {"by": ["manager"]}),
    "by source": (["won_revenue", "closed_win_rate"], {"by": ["source"]}),
    "by department, those below in it": (["won_revenue"], {"by": ["department_and_below"]}),
    "what is open": (["open_deals", "open_amount"], {}),
    "what stands still": (["stalled_deals"], {}),
    "weighted pipeline": (["weighted_pipeline"], {}),
    "sales velocity": (["sales_velocity"], {}),
    "funnel": (["stage_reach"], {"by": ["pipeline", "stage"]}),
    "steps of the funnel": (["step_conversion"], {"by": ["stage"]}),
    "time in stage": (["time_in_stage_median"], {"by": ["stage"]}),
}
PANELS = (
    "figures", "revenue_by_month", "win_rate_by_month", "pipelines", "managers", "sources",
    "funnel", "process_map",
)  # fmt: skip
FORECAST = ("scenario", "stalled", "stalled_deals")  # of the page of that name
# Run in a process of its own: what it is given is the test's name for it, and how many rounds.
CHILD = """
import json, sys, time
sys.path.insert(0, {here!r})
from test_metrics import FORECAST, PANELS, STANDARD, months
from workbench import metrics
from workbench.views import panels
from workbench.views.selection import choose
from workbench.warehouse import newest_snapshot

metrics.catalogue()
snapshot = newest_snapshot()
found = {{}}
for number in range({rounds}):
    asked = {{"queries": STANDARD, "panels": PANELS, "forecast": FORECAST}}[{what!r}]
    if {what!r} != "queries":
        chosen = choose(snapshot, {{"period": months(number)}})
    for name in asked:
        began = time.perf_counter()
        if {what!r} == "queries":
            ids, options = STANDARD[name]
            metrics.query(ids, period=months(number), snapshot=snapshot, **options)
        else:
            where = panels.forecast if name in FORECAST else panels.sales
            getattr(panels.process_map if name == "process_map" else where, name)(chosen)
        found.setdefault(name, []).append(time.perf_counter() - began)
print(json.dumps(found))
"""


def months(number: int) -> str:
    """Twelve months that end with another day each round."""
    return f"2025-07-01..2026-06-{30 - number:02}"


def timed(what: str, rounds: int) -> dict[str, list[float]]:
    code = CHILD.format(here=str(Path(__file__).parent), what=what, rounds=rounds)
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, check=True, capture_output=True, text=True
    )
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def size() -> str:
    with newest_snapshot() as snapshot:
        deals, stays = (
            snapshot.query(f"SELECT count(*) AS n FROM {name}").n[0]
            for name in ("deals", "deal_stage_stays")
        )
    return f"{deals:,} deals and {stays:,} stays in stages"


def test_the_queries_of_a_dashboard():
    found = timed("queries", ROUNDS)
    every = sorted(seconds for each in found.values() for seconds in each)
    show(
        f"Standard queries on {size()}: the first of each, and the median of {ROUNDS}",
        [
            *(
                (name, f"{milliseconds(each[0])}, {milliseconds(median(each))}")
                for name, each in found.items()
            ),
            ("all of them, median", milliseconds(median(every))),
            ("all of them, p95", milliseconds(quantiles(every, n=20)[-1])),
        ],
    )


def test_the_panels_of_the_sales_page():
    found = timed("panels", 2)
    show(
        f"Panels of the sales page on {size()}: at first, and over other months",
        [
            *(
                (name, f"{milliseconds(first)}, {milliseconds(again)}")
                for name, (first, again) in found.items()
            ),
            *(
                (f"all of them, {which}", milliseconds(sum(each[n] for each in found.values())))
                for n, which in enumerate(("at first", "over other months"))
            ),
        ],
    )


def test_the_panels_that_list_open_deals():
    found = timed("forecast", 2)
    show(
        f"Panels of the forecast page on {size()}: at first, and once more",
        [
            (name, f"{milliseconds(first)}, {milliseconds(again)}")
            for name, (first, again) in found.items()
        ],
    )


def test_the_same_in_plain_pandas(home: Path):
    """Frames that are loaded already, typed already; the history as the portal gives it."""
    with newest_snapshot() as snapshot:
        deals = snapshot.query(
            "SELECT deal_id, pipeline_id, created_on, closed_on, is_won, manager_id, amount_base,"
            " cycle_days FROM deals"
        )
        stages = snapshot.query("SELECT pipeline_id, stage_id, sort, semantics FROM stages")
    for name in ("created_on", "closed_on"):
        deals[name] = pd.to_datetime(deals[name])
    deals["amount_base"] = deals["amount_base"].astype(float)
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb"), read_only=True) as connection:
        history = connection.execute(
            "SELECT _id AS history_id, CAST(OWNER_ID AS BIGINT) AS deal_id, CAST(CATEGORY_ID AS"
            " INTEGER) AS pipeline_id, STAGE_ID AS stage_id,"
            " CAST(CREATED_TIME AS TIMESTAMPTZ) AS entered_at"
            " FROM raw.deal_history"
        ).df()
    first, last = pd.Timestamp("2025-07-01"), pd.Timestamp("2026-07-01")
    period = months(0)

    def revenue() -> pd.Series:
        won = deals[deals["is_won"] & (deals["closed_on"] >= first) & (deals["closed_on"] < last)]
        return won.groupby(won["closed_on"].dt.to_period("M"))["amount_base"].sum()

    def rates() -> pd.Series:
        closed = deals[(deals["closed_on"] >= first) & (deals["closed_on"] < last)]
        return closed.groupby("manager_id")["is_won"].mean()

    def funnel() -> pd.Series:
        cohort = deals.loc[(deals["created_on"] >= first) & (deals["created_on"] < last), "deal_id"]
        steps = stages[stages["semantics"] != "F"]
        entries = history[history["deal_id"].isin(cohort)].merge(
            steps, on=["pipeline_id", "stage_id"]
        )
        furthest = entries.groupby(["pipeline_id", "deal_id"])["sort"].max().reset_index()
        pairs = furthest.merge(steps, on="pipeline_id", suffixes=("", "_of_stage"))
        reached = pairs[pairs["sort_of_stage"] <= pairs["sort"]]
        return reached.groupby(["pipeline_id", "stage_id"])["deal_id"].nunique()

    def process_map() -> pd.Series:
        """Routes, moves between stages and waiting, of the deals closed in one pipeline."""
        closed = deals[(deals["closed_on"] >= first) & (deals["closed_on"] < last)]
        closed = closed[closed["pipeline_id"] == 0]
        stays = history[history["deal_id"].isin(closed["deal_id"])]
        stays = stays.sort_values(["deal_id", "entered_at", "history_id"])
        of_deal = stays.groupby("deal_id")
        stays["days"] = -of_deal["entered_at"].diff(-1).dt.total_seconds() / 86400
        moved = stays[of_deal["stage_id"].shift() != stays["stage_id"]].copy()
        moved["next"] = moved.groupby("deal_id")["stage_id"].shift(-1)
        routes = moved.groupby("deal_id")["stage_id"].agg(" → ".join).rename("route").reset_index()
        routes = routes.merge(closed, on="deal_id").groupby("route")
        routes.agg({"is_won": ["size", "mean"], "cycle_days": "median"})
        stays.groupby(["stage_id", "deal_id"])["days"].sum().groupby("stage_id").median()
        pairs = moved.groupby(["stage_id", "next"])
        return pairs.agg(moves=("days", "size"), median_days=("days", "median"))["moves"]

    def our_process_map() -> pd.Series:
        with newest_snapshot() as snapshot:
            closed = (
                f"closed_on >= '{first.date()}' and closed_on < '{last.date()}' and pipeline_id = 0"
            )
            for name, values in (("waits", {}), ("routes", {"most": 30})):
                metrics.summary(name, closed, snapshot=snapshot, pipeline_id=0, **values)
            moves = metrics.summary("moves", closed, snapshot=snapshot, pipeline_id=0)
        return moves.dropna(subset=["to_id"])["moves"]

    def ours(name: str, **options) -> pd.Series:
        frame = metrics.query(name, period=period, **options)
        return frame[name].astype(float)

    asked = {
        "won revenue by month": (revenue, lambda: ours("won_revenue", grain="month")),
        "win rate by manager": (rates, lambda: ours("closed_win_rate", by="manager")),
        "funnel": (funnel, lambda: ours("stage_reach", by=["pipeline", "stage"])),
        "process map": (process_map, our_process_map),
    }
    shown = []
    for name, ways in asked.items():
        walls, sums = [], []
        for way in ways:
            taken = []
            for _round in range(3):
                began = time.perf_counter()
                sums.append(float(way().sum()))
                taken.append(time.perf_counter() - began)
            walls.append(median(taken))
        assert sums[0] == pytest.approx(sums[-1])
        theirs, mine = walls
        shown += [
            (name, f"{milliseconds(mine)}"),
            ("  plain pandas", f"{milliseconds(theirs)}, {theirs / mine:.1f} times as long"),
        ]
    show(f"Beside plain pandas on {size()} (median of 3)", shown)
