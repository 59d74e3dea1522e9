"""Every metric again in plain pandas, from the sandbox's JSON, past our client and our models."""

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import plain_ways
import pytest
import yaml

from workbench.metrics import catalogue, definition, dimensions, query
from workbench.warehouse import Snapshot
from workbench.warehouse.publish import snapshot_files

ZONE = "Europe/Paris"
PROJECT = Path(__file__).parent.parent.parent


def listed(client: httpx.Client, method: str, rows: str = "", **params: Any) -> pd.DataFrame:
    """Read a list to its end by ``start``, as a beginner would."""
    found, start = [], 0
    while start is not None:
        answer = client.post(method, json={**params, "start": start}).json()
        found += answer["result"][rows] if rows else answer["result"]
        start = answer.get("next")
    return pd.DataFrame(found)


def days(column: pd.Series) -> pd.Series:
    """Moments with an offset → calendar days in Paris."""
    return moments(column).dt.tz_localize(None).dt.normalize()


def moments(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column.replace("", None), utc=True).dt.tz_convert(ZONE)


def naive(column: pd.Series) -> pd.Series:
    return column.dt.tz_localize(None)


@pytest.fixture(scope="module")
def snapshot(company_home: Path) -> Snapshot:
    return Snapshot(snapshot_files(company_home / "warehouse" / "snapshots")[-1])


@pytest.fixture(scope="module")
def truth(portal, company_home, snapshot) -> SimpleNamespace:
    """The portal's rows as frames with a few plain columns."""
    with httpx.Client(base_url=portal.url, timeout=60) as client:
        everything = {"select": ["*", "UF_*"], "order": {"ID": "ASC"}}
        deals = listed(client, "crm.deal.list", **everything)
        leads = listed(client, "crm.lead.list", **everything)
        history = listed(
            client, "crm.stagehistory.list", "items", entityTypeId=2, order={"ID": "ASC"}
        )
        invoices = listed(client, "crm.item.list", "items", entityTypeId=31, order={"id": "ASC"})
        statuses = listed(client, "crm.status.list")
        currencies = listed(client, "crm.currency.list")
        activities = listed(client, "crm.activity.list", order={"ID": "ASC"})
        calls = listed(client, "voximplant.statistic.get")
    spend = pd.read_csv(company_home / "imports" / "marketing_spend.csv")
    declared = yaml.safe_load((PROJECT / "parameters" / "sources.yml").read_text())
    spend["source"] = spend["channel"].map(declared["sources"]["marketing_spend"]["channels"])

    rate = {
        row["CURRENCY"]: float(row["AMOUNT"]) / float(row["AMOUNT_CNT"])
        for row in currencies.to_dict("records")
    }
    spend["spend"] = (spend["spend"] * spend["currency"].fillna("EUR").map(rate)).round(2)
    deals = deals[deals["IS_RECURRING"] != "Y"].copy()
    deals["id"] = deals["ID"].astype(int)
    history["OWNER_ID"] = history["OWNER_ID"].astype(int)
    history["at"] = moments(history["CREATED_TIME"])
    history["number"] = history["ID"].astype(int)
    entered = history.groupby(["OWNER_ID", "STAGE_ID"])["at"].max().rename("entered").reset_index()
    deals = deals.merge(
        entered, how="left", left_on=["id", "STAGE_ID"], right_on=["OWNER_ID", "STAGE_ID"]
    )
    deals["entered"] = deals["entered"].fillna(moments(deals["MOVED_TIME"]))
    deals["created"] = moments(deals["DATE_CREATE"])
    closed = deals["STAGE_SEMANTIC_ID"].isin(["S", "F"])
    deals["closed"] = deals["entered"].where(closed)
    deals["created_on"] = naive(deals["created"]).dt.normalize()
    deals["closed_on"] = naive(deals["closed"]).dt.normalize()
    deals["won"] = deals["STAGE_SEMANTIC_ID"] == "S"
    deals["lost"] = deals["STAGE_SEMANTIC_ID"] == "F"
    deals["money"] = (deals["OPPORTUNITY"].astype(float) * deals["CURRENCY_ID"].map(rate)).round(2)
    deals["cycle"] = (naive(deals["closed"]) - naive(deals["created"])).dt.total_seconds() / 86400

    leads["created_on"] = days(leads["DATE_CREATE"])
    leads["created"] = moments(leads["DATE_CREATE"])
    for rows, column in ((activities, "CREATED"), (calls, "CALL_START_DATE")):
        rows["at"], rows["day"] = moments(rows[column]), days(rows[column])

    invoices["created_on"] = days(invoices["createdTime"])
    meaning = statuses.set_index("STATUS_ID")["SEMANTICS"]
    invoices["meaning"] = invoices["stageId"].map(meaning[~meaning.index.duplicated()])
    invoices["moved_on"] = days(invoices["movedTime"])
    invoices["paid_on"] = invoices["moved_on"].where(invoices["meaning"] == "S")
    invoices["due_on"] = pd.to_datetime(invoices["closedate"].str[:10])
    origin = deals.set_index("id")["SOURCE_ID"]
    invoices["SOURCE_ID"] = invoices["parentId2"].astype(int).map(origin)
    invoices["money"] = (
        invoices["opportunity"].astype(float) * invoices["currencyId"].map(rate)
    ).round(2)

    # Stays: from one entry to the next; the time of a deal in a stage is their sum.
    history = history.sort_values(["OWNER_ID", "at", "number"])
    history["left"] = history.groupby("OWNER_ID")["at"].shift(-1)
    history["stay"] = (naive(history["left"]) - naive(history["at"])).dt.total_seconds() / 86400
    first = (
        deals[deals["won"] & (deals["COMPANY_ID"].fillna("0").astype(int) > 0)]
        .sort_values(["closed_on", "id"])
        .drop_duplicates("COMPANY_ID")
    )
    source = statuses[statuses["ENTITY_ID"] == "SOURCE"].set_index("STATUS_ID")["NAME"]
    found = SimpleNamespace(
        deals=deals,
        leads=leads,
        invoices=invoices,
        history=history,
        first=first,
        spend=spend,
        source=source,
        as_of=pd.Timestamp(snapshot.as_of).tz_convert(ZONE),
        activities=activities,
        calls=calls,
    )
    plain_ways.prepare(found, statuses, pd.read_csv(company_home / "imports" / "targets.csv"))
    return found


def inside(column: pd.Series, start: date, end: date) -> pd.Series:
    return (column >= pd.Timestamp(start)) & (column < pd.Timestamp(end))


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def figures(truth: SimpleNamespace, start: date, end: date, source: str | None) -> dict[str, float]:
    """Every metric of one period, over all sources or one."""

    def of(frame: pd.DataFrame, column: str) -> pd.DataFrame:
        return frame if source is None else frame[frame[column] == source]

    deals, leads = of(truth.deals, "SOURCE_ID"), of(truth.leads, "SOURCE_ID")
    spend = of(truth.spend, "source")
    created = deals[inside(deals["created_on"], start, end)]
    closed = deals[inside(deals["closed_on"], start, end)]
    won = closed[closed["won"]]
    until = min(pd.Timestamp(end), truth.as_of.tz_localize(None).normalize() + pd.Timedelta(days=1))
    is_open = (deals["created_on"] < until) & ~(deals["closed_on"] < until)
    open_deals = deals[is_open]
    new_leads = leads[inside(leads["created_on"], start, end)]
    paid_channels = truth.spend["source"].dropna().unique()
    paid_leads = new_leads[new_leads["SOURCE_ID"].isin(paid_channels)]
    money_paid = won.loc[won["SOURCE_ID"].isin(paid_channels), "money"].sum()
    months = pd.to_datetime(spend["month"])
    spent = spend.loc[inside(months, start, end), "spend"]
    cost = spent.sum() if len(spent) else float("nan")
    first = of(truth.first, "SOURCE_ID")
    customers = int(inside(first["closed_on"], start, end).sum())
    invoices = of(truth.invoices, "SOURCE_ID")
    issued = invoices[inside(invoices["created_on"], start, end) & (invoices["meaning"] != "F")]
    settled = invoices[inside(invoices["paid_on"], start, end)]
    win_rate = ratio(len(won), len(closed))
    average = ratio(won["money"].sum(), len(won))
    found = {
        "deals": len(created),
        "deals_won": len(won),
        "deals_lost": int(closed["lost"].sum()),
        "deals_closed": len(closed),
        "open_deals": len(open_deals),
        "open_amount": open_deals["money"].sum(),
        "closed_win_rate": win_rate,
        "deals_won_of_created": int(created["won"].sum()),
        "created_win_rate": ratio(created["won"].sum(), len(created)),
        "won_revenue": won["money"].sum(),
        "lost_amount": closed.loc[closed["lost"], "money"].sum(),
        "average_won_deal": average,
        "won_cycle_mean": won["cycle"].mean(),
        "won_cycle_median": won["cycle"].median(),
        "won_cycle_p90": won["cycle"].quantile(0.9),
        "sales_velocity": len(open_deals) * win_rate * average / won["cycle"].mean(),
        "stalled_deals": stalled(truth, deals, until),
        "leads": len(new_leads),
        "leads_converted": int((new_leads["STATUS_SEMANTIC_ID"] == "S").sum()),
        "leads_junk": int((new_leads["STATUS_SEMANTIC_ID"] == "F").sum()),
        "marketing_spend": cost,
        "marketing_leads": len(paid_leads),
        "marketing_revenue": money_paid,
        "cost_per_lead": ratio(cost, len(paid_leads)),
        "romi": ratio(money_paid - cost, cost),
        "roas": ratio(money_paid, cost),
        "new_customers": customers,
        "cac": ratio(cost, customers),
    }
    found["lead_conversion"] = ratio(found["leads_converted"], len(new_leads))
    found["junk_rate"] = ratio(found["leads_junk"], len(new_leads))
    found |= {"invoiced_amount": issued["money"].sum(), "paid_amount": settled["money"].sum()}
    return found | plain_ways.figures(truth, start, end, source, found)


def stalled(truth: SimpleNamespace, deals: pd.DataFrame, until: pd.Timestamp) -> int:
    """Deals open at the moment that had been in their stage for longer than 80 % of won deals."""
    history = truth.history[truth.history["STAGE_SEMANTIC_ID"] == "P"]
    won = truth.deals.loc[truth.deals["won"], "id"]
    sums = (
        history[history["OWNER_ID"].isin(won) & history["stay"].notna()]
        .groupby(["CATEGORY_ID", "STAGE_ID", "OWNER_ID"])["stay"]
        .sum()
    )
    limit = sums.groupby(["CATEGORY_ID", "STAGE_ID"]).quantile(0.8)
    moment = min(until, truth.as_of.tz_localize(None))
    entered = naive(history["at"])
    left = naive(history["left"])
    there = history[(entered < until) & ~(left.dt.normalize() < until)]
    there = there[there["OWNER_ID"].isin(deals["id"])]
    age = (moment - naive(there["at"])).dt.total_seconds() / 86400
    keys = pd.MultiIndex.from_frame(there[["CATEGORY_ID", "STAGE_ID"]])
    return int((age.to_numpy() > limit.reindex(keys).to_numpy()).sum())


PERIODS = [
    ("2026-Q3", date(2026, 7, 1), date(2026, 10, 1)),
    ("2026-06", date(2026, 6, 1), date(2026, 7, 1)),
    ("2025", date(2025, 1, 1), date(2026, 1, 1)),
    ("last_12_months", None, None),
    ("this_year", None, None),
]


@pytest.mark.parametrize(("name", "start", "end"), PERIODS, ids=[each[0] for each in PERIODS])
def test_every_metric_agrees_with_plain_pandas(truth, snapshot, name, start, end):
    frame = query(list(catalogue()), period=name, snapshot=snapshot)
    start, end = frame.attrs["period"]["start"], frame.attrs["period"]["end"]
    expected = figures(truth, start, end, None)
    assert expected.keys() == catalogue().keys()
    assert expected["deals_won"] > 5 and expected["leads"] > 5, "too small to tell"
    ours = frame.iloc[0]
    for metric, value in expected.items():
        assert ours[metric] == pytest.approx(value, rel=1e-9, abs=1e-6, nan_ok=True), metric


def test_every_metric_agrees_per_source_and_quarter(truth, snapshot):
    metrics = [m for m, one in catalogue().items() if "source" in dimensions(one)]
    assert len(metrics) > 60
    period = "2025-04..2025-09"
    frame = query(metrics, by="source", grain="quarter", period=period, snapshot=snapshot)
    names = frame["source"].dropna().unique()
    assert len(names) >= 3
    for row in frame[frame["source"].notna()].to_dict("records"):
        code = truth.source[truth.source == row["source"]].index[0]
        start = row["period"].date()
        end = (row["period"] + pd.DateOffset(months=3)).date()
        expected = figures(truth, start, end, code)
        for metric in metrics:
            where = f"{metric}, {row['source']}, {start}"
            assert row[metric] == pytest.approx(
                expected[metric], rel=1e-9, abs=1e-6, nan_ok=True
            ), where


@pytest.mark.parametrize("by", ["pipeline", "manager", "department", "source", "stage", "currency"])
def test_parts_of_an_additive_metric_sum_to_its_total(snapshot, by):
    metrics = [m for m, d in catalogue().items() if d.additive and by in dimensions(definition(m))]
    frame = query(metrics, by=by, grain="month", period="2025", snapshot=snapshot)
    for metric in metrics:
        if catalogue()[metric].date == "as-of":
            last = frame[frame["period"] == frame["period"].max()]
            parts = last[metric].sum(min_count=1)
            assert parts == pytest.approx(frame.attrs["total"][metric], nan_ok=True)
        elif catalogue()[metric].when_over:
            # What leaves a month may stay in the year: the groups add up, the months do not.
            whole = query(metric, by=by, period="2025", snapshot=snapshot)
            assert whole[metric].sum(min_count=1) == frame.attrs["total"][metric]
        else:
            parts = frame[metric].sum(min_count=1)  # of nothing that is known: not known
            assert parts == pytest.approx(frame.attrs["total"][metric], abs=1e-4, nan_ok=True)


def test_open_deals_of_the_past_by_the_stage_that_the_history_tells(truth, snapshot):
    frame = query("open_deals", by="stage", period="2025-09", snapshot=snapshot)
    until = pd.Timestamp("2025-10-01")
    deals = truth.deals[(truth.deals["created_on"] < until) & ~(truth.deals["closed_on"] < until)]
    moves = truth.history[truth.history["OWNER_ID"].isin(deals["id"])]
    moves = moves[moves["day"] < until].sort_values(["at", "ID"], kind="stable")
    stood = moves.groupby("OWNER_ID")["STAGE_ID"].last()
    ids = frame.attrs["ids"]["stage"]
    known = frame[frame["stage"].isin(ids)]
    found = {ids[row.stage][0]: row.open_deals for row in known.itertuples()}
    assert found == stood.value_counts().to_dict() and len(found) > 5
    assert frame["open_deals"].sum() == len(deals)


def test_money_by_product_sums_to_the_total_to_the_cent(snapshot):
    frame = query(["won_revenue", "open_amount"], by="product", snapshot=snapshot)
    assert len(frame) > 3
    for metric in ("won_revenue", "open_amount"):
        assert round(frame[metric].sum(), 2) == round(frame.attrs["total"][metric], 2)


def test_the_matured_cohorts_are_those_old_enough(truth, snapshot):
    frame = query("created_win_rate", grain="month", period="last_12_months", snapshot=snapshot)
    won = truth.deals[truth.deals["won"]]
    ripe = float(np.quantile(won["cycle"], 0.9))
    today = truth.as_of.date()
    young = {
        first.date().isoformat()
        for first in frame["period"]
        if (today - ((first + pd.DateOffset(months=1)).date() - timedelta(days=1))).days < ripe
    }
    assert set(frame.attrs["marks"]["created_win_rate"]) == young and young
