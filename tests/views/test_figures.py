"""Key figures say what they mean, compare with what was, and never show 0 for what is unknown."""

import re

import pytest
from hostile_company import MARKUP

from workbench import metrics
from workbench.i18n import use_language
from workbench.views import figures
from workbench.views.figures import Figure


def card(figure: Figure) -> str:
    with use_language("en"):
        return figures.html([figure], currency="EUR", key="k")


def test_a_definition_can_be_reached_by_keyboard_and_is_tied_to_its_figure():
    html = card(Figure("a", "Won revenue", 1000.0, "money", help="Sum.", basis="date of closing"))
    described = re.search(r'aria-describedby="([^"]+)"', html).group(1)
    assert f'role="tooltip" id="{described}"' in html
    assert "<button" in html
    assert "Sum. Counted by: date of closing." in html


@pytest.mark.parametrize("status", ["not loaded", "whole months"])
def test_what_is_not_loaded_shows_no_number(status):
    html = card(Figure("a", "Spend", 0.0, "money", status=status, n=0))
    assert "€" not in html
    assert "n = " not in html
    with use_language("en"):
        assert figures.status_text(status) in html


def test_a_missing_value_is_a_dash():
    html = card(Figure("a", "ROMI", float("nan"), "share"))
    assert '<dd class="wb-figure-value">–</dd>' in html


@pytest.mark.parametrize(
    ("name", "now", "before", "tone"),
    [
        ("won_revenue", 2, 1, "wb-good"),
        ("won_revenue", 1, 2, "wb-bad"),
        ("cost_per_lead", 2, 1, "wb-bad"),
        ("stalled_deals", 1, 2, "wb-good"),
        ("churn_rate", 2, 1, "wb-bad"),
        ("dso", 2, 1, "wb-bad"),
        ("receivables", 2, 1, ""),
        ("marketing_spend", 2, 1, ""),
        ("won_revenue", 2, 2, ""),
    ],
)
def test_whether_a_change_is_good_depends_on_the_figure(name, now, before, tone):
    html = card(Figure(name, "x", now, "count", before=before, compared="2025"))
    found = re.search(r'class="wb-figure-change([^"]*)"', html).group(1).strip()
    assert found == tone
    assert "2025" in html


def test_a_change_that_is_not_seen_is_none():
    html = card(Figure("rework_rate", "x", 0.01934, "share", before=0.01938))
    assert 'class="wb-figure-change"' in html and "= </span>" not in html
    assert ">=</span> 0 points" in html


@pytest.mark.parametrize("metric", metrics.catalogue())
def test_by_which_date_a_metric_counts_is_said_in_words(metric):
    basis = metrics.describe(metrics.definition(metric))["date_basis"]
    with use_language("fr"):
        for word in basis.split(", "):
            assert figures.basis_text(word) != word


def test_the_figures_named_for_their_tone_are_metrics():
    assert metrics.catalogue().keys() >= figures.LESS_IS_BETTER | figures.NEUTRAL


def test_titles_helps_and_ids_are_escaped():
    html = card(Figure(MARKUP, MARKUP, 1, help=MARKUP, compared=MARKUP, before=2))
    assert "<img" not in html


def test_figures_of_a_query_carry_its_definitions(snapshot):
    frame = metrics.query(
        ["won_revenue", "closed_win_rate"],
        period="last_12_months",
        compare="previous",
        snapshot=snapshot,
    )
    with use_language("fr"):
        revenue, rate = figures.figures_from(frame)
    truth = snapshot.query(
        "SELECT sum(amount_base) AS won, count(*) AS n FROM deals WHERE is_won"
        " AND closed_on >= '2025-11-01' AND closed_on < '2026-11-01'"
    ).iloc[0]
    assert float(revenue.value) == pytest.approx(float(truth["won"]))
    assert revenue.n == truth["n"]
    assert revenue.title == "Chiffre d’affaires gagné"
    assert revenue.basis == "date de clôture"
    assert rate.unit == "share"
    before = snapshot.query(
        "SELECT sum(amount_base) AS won FROM deals WHERE is_won"
        " AND closed_on >= '2024-11-01' AND closed_on < '2025-11-01'"
    ).iloc[0]
    assert float(revenue.before) == pytest.approx(float(before["won"]))
