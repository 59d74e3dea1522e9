"""The story that the seeded company tells can be found in its rows."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from workbench.bitrix24.sandbox.seed import (
    CHANNEL_SOURCES,
    marketing_spend_rows,
    write_marketing_spend,
)
from workbench.bitrix24.sandbox.seed.generation import company

TODAY = date(2026, 11, 24)
PARIS = ZoneInfo("Europe/Paris")


def local(seconds):
    return datetime.fromtimestamp(seconds, PARIS).replace(tzinfo=None)


@pytest.fixture(scope="module", params=[24, 7])
def story(request):
    tables = defaultdict(list)
    for name, rows in company(today=TODAY, seed=request.param):
        if name in ("deals", "leads", "users"):
            tables[name].extend(rows)
    tables["deals"] = [d for d in tables["deals"] if d["IS_RECURRING"] == "N"]
    return tables


def rate(records, good):
    records = list(records)
    assert len(records) > 50
    return sum(map(good, records)) / len(records)


def created_in(records, begin, end):
    return [r for r in records if begin <= local(r["DATE_CREATE"]).date() < end]


def test_each_year_brings_more_deals_than_the_one_before(story):
    years = [
        len(created_in(story["deals"], date(y, 11, 1), date(y + 1, 11, 1)))
        for y in (2023, 2024, 2025)
    ]
    assert 1.1 < years[1] / years[0] < 1.35
    assert 1.1 < years[2] / years[1] < 1.35


def test_autumn_is_strong_and_august_is_weak(story):
    by_month = defaultdict(int)
    for deal in story["deals"]:
        by_month[local(deal["DATE_CREATE"]).replace(day=1).date()] += 1
    for year in (2024, 2025, 2026):
        assert by_month[date(year, 8, 1)] < 0.5 * by_month[date(year, 6, 1)]
        assert by_month[date(year, 9, 1)] > 1.1 * by_month[date(year, 7, 1)]


def test_the_failing_channel_converts_ever_fewer_leads(story):
    def conversion(source, begin, end):
        leads = created_in(story["leads"], begin, end)
        return rate(
            (x for x in leads if x["SOURCE_ID"] == source),
            lambda x: x["STATUS_ID"] == "CONVERTED",
        )

    # Leads of the last two months may still convert.
    mature = TODAY - timedelta(days=60)
    before = date(2023, 11, 1), TODAY - timedelta(days=274)
    after = TODAY - timedelta(days=170), mature
    assert conversion("UC_LINKEDIN", *after) < 0.6 * conversion("UC_LINKEDIN", *before)
    assert conversion("ADVERTISING", *after) > 0.7 * conversion("ADVERTISING", *before)


def test_the_failing_channel_wins_fewer_deals(story):
    def won(begin, end):
        return rate(
            (
                d
                for d in created_in(story["deals"], begin, end)
                if d["SOURCE_ID"] == "UC_LINKEDIN" and d["STAGE_SEMANTIC_ID"] != "P"
            ),
            lambda d: d["STAGE_SEMANTIC_ID"] == "S",
        )

    late = TODAY - timedelta(days=200), TODAY
    assert won(*late) < 0.6 * won(date(2023, 11, 1), TODAY - timedelta(days=274))


def test_the_failing_channel_costs_ever_more_per_lead(story):
    spend = defaultdict(float)
    for row in marketing_spend_rows(24, TODAY):
        spend[row.channel, row.month] += row.spend
    leads = defaultdict(int)
    for lead in story["leads"]:
        leads[lead["SOURCE_ID"], local(lead["DATE_CREATE"]).replace(day=1).date()] += 1

    def cost_per_lead(channel, months):
        source = CHANNEL_SOURCES[channel]
        return sum(spend[channel, m] for m in months) / sum(leads[source, m] for m in months)

    before = [date(2025, m, 1) for m in range(1, 13)]
    after = [date(2026, m, 1) for m in range(7, 11)]
    assert cost_per_lead("LinkedIn Ads", after) > 1.6 * cost_per_lead("LinkedIn Ads", before)
    steady = cost_per_lead("Google Ads", after) / cost_per_lead("Google Ads", before)
    assert 0.8 < steady < 1.25
    assert 360 < cost_per_lead("Google Ads", before) < 660  # EUR, the channel's parameter is 504


def cycles(deals, pipeline, begin, end):
    return [
        (local(d["MOVED_TIME"]) - local(d["DATE_CREATE"])).total_seconds() / 86400
        for d in deals
        if d["CATEGORY_ID"] == pipeline
        and d["STAGE_SEMANTIC_ID"] == "S"
        and begin <= local(d["MOVED_TIME"]).date() < end
    ]


def test_one_pipeline_slows_down_over_the_last_year_and_the_others_do_not(story):
    last = TODAY - timedelta(days=150), TODAY
    earlier = date(2024, 6, 1), date(2025, 11, 1)
    for pipeline, low, high in ((0, 0.85, 1.2), (1, 1.3, 3.0), (2, 0.8, 1.25)):
        ratio = median(cycles(story["deals"], pipeline, *last)) / median(
            cycles(story["deals"], pipeline, *earlier)
        )
        assert low < ratio < high, pipeline


def test_one_team_wins_more_and_faster(story):
    team = {u["ID"]: u["UF_DEPARTMENT"][0] for u in story["users"]}
    sales = [d for d in story["deals"] if d["CATEGORY_ID"] == 0]
    rates, speeds = {}, {}
    for department in (2, 3, 4):
        own = [d for d in sales if team[d["ASSIGNED_BY_ID"]] == department]
        closed = [d for d in own if d["STAGE_SEMANTIC_ID"] != "P"]
        rates[department] = rate(closed, lambda d: d["STAGE_SEMANTIC_ID"] == "S")
        speeds[department] = median(cycles(own, 0, date(2023, 11, 1), TODAY))
    assert rates[3] > 1.2 * max(rates[2], rates[4])
    assert speeds[3] < 0.92 * min(speeds[2], speeds[4])


def test_spend_covers_every_month_of_three_years_for_each_paid_channel(tmp_path):
    path = tmp_path / "marketing_spend.csv"
    count = write_marketing_spend(path, 24, TODAY)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count == 37 * 4  # 36 whole months and the current one
    assert {r["channel"] for r in rows} == set(CHANNEL_SOURCES)
    assert rows[0]["month"] == "2023-11-01"
    assert rows[-1]["month"] == "2026-11-01"
    assert all(float(r["spend"]) > 0 for r in rows)
    assert {r["currency"] for r in rows if r["month"][5:7] != "05"} == {"EUR"}
    assert {r["channel"] for r in rows if r["currency"] == "CHF"} == {"Salons professionnels"}
    for row in rows:
        fair = row["channel"] == "Salons professionnels"
        assert (row["clicks"] == "") == (row["impressions"] == "") == fair


def test_spend_shrinks_with_the_company():
    small = sum(r.spend for r in marketing_spend_rows(24, TODAY, size="small"))
    demo = sum(r.spend for r in marketing_spend_rows(24, TODAY))
    assert small == pytest.approx(demo * 250 / 8000, rel=1e-3)
