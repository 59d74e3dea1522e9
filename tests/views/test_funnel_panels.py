"""The panels of the funnel on the company worked out by hand."""

import pytest
from hand_company import hand_snapshot

from workbench.i18n import use_language
from workbench.views import figures
from workbench.views.panels import funnel
from workbench.views.selection import choose
from workbench.warehouse import Snapshot


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    with hand_snapshot(tmp_path_factory.mktemp("funnel")) as opened:
        yield opened


def test_each_stage_has_its_deals_steps_and_days(company):
    shown = funnel.stages(choose(company, {"period": "all"}))
    assert shown.title == "Stage by stage: Direct"
    assert shown.data["stage"].tolist() == ["New", "Offer", "Won"]
    # Deals 1, 2, 3, 6, 7, 9 were new; 1, 2, 6, 9 had an offer; 1, 2, 9 were won.
    assert shown.data["stage_reach"].tolist() == [6, 4, 3]
    assert shown.data["step_conversion"].tolist()[:2] == pytest.approx([4 / 6, 3 / 4])
    # In New: 5, 10, 15, 24 days; in Offer: 15, 30, 75. Deal 2 skipped New, 1 came back to Offer.
    assert shown.data["time_in_stage_median"].tolist()[:2] == [12.5, 30]
    assert shown.data["skip_rate"].tolist() == pytest.approx([1 / 6, 0, 0])
    assert shown.data["rework_rate"].tolist() == pytest.approx([0, 1 / 4, 0])


def test_a_month_too_recent_to_judge_is_hollow_and_not_compared(company):
    shown = funnel.by_month(choose(company, {"period": "2026-01..2026-05"}))
    (points,) = shown.chart.to_dict()["datasets"].values()
    assert [row["month"] for row in points if row["open"]] == ["2026-03"]  # none in April and May
    assert shown.note.endswith("Too recent to judge: Mar 2026.")
    # Of those of January, 1 and 2 were won and 3 was not; of February, 4 was.
    assert shown.finding.startswith("Win rate (created) in Feb 2026: 100.0%, +33.3 points")


def test_a_cohort_too_recent_to_judge_has_no_change(company):
    shown = {
        each.id: each for each in funnel.figures(choose(company, {"period": "2026-Q1"})).figures
    }
    young = shown["created_win_rate"]
    assert young.status == "immature" and young.before is not None
    assert figures.change_text(young, "EUR") == ""
    assert "wb-figure-change" not in figures.html([young], currency="EUR", key="x")
    assert "too recent to judge" in figures.html([young], currency="EUR", key="x")


def test_who_converts_best_is_told_with_how_many(company):
    chosen = choose(company, {"period": "all"})
    by_source = funnel.sources(chosen).data
    rates = dict(zip(by_source["source"], by_source["created_win_rate"], strict=True))
    assert rates["Website"] == pytest.approx(3 / 5) and rates["Adverts"] == pytest.approx(1 / 3)
    leads = funnel.lead_sources(chosen)
    rates = dict(zip(leads.data["source"], leads.data["lead_conversion"], strict=True))
    assert rates == {"Website": 1, "Adverts": pytest.approx(1 / 4)}
    labels = [row["label"] for rows in leads.chart.to_dict()["datasets"].values() for row in rows]
    assert labels == ["100.0% · n = 1", "25.0% · n = 4"]


def test_the_answer_is_the_win_rate_of_closed_deals(company):
    # Closed in the first quarter of 2026: 1, 2 and 9 won, 3 lost.
    told = funnel.answer(choose(company, {"period": "2026-Q1"}))
    assert told["status"] == "ok" and told["value"] == pytest.approx(3 / 4)
