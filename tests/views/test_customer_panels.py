"""The panels of customers on a company worked out by hand.

To the two companies of `hand_company` (Acme: 1,000 in January, 3,000 in February, 1,000.10 in
March; Zed: 2,000 in April) come ten of January with 100 each, five of which bought for 50 in March,
and one of June, a month that is not over on 15 June.
"""

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hand_company import hand_snapshot

from workbench.i18n import use_language
from workbench.views import panel
from workbench.views.contents import ChartContent, Notice
from workbench.views.panels import customers
from workbench.views.selection import choose
from workbench.warehouse import Snapshot

NONE = float("nan")


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    with hand_snapshot(tmp_path_factory.mktemp("small")) as opened:
        yield opened


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("company")
    hand_snapshot(folder).close()
    add_customers(next((folder / "warehouse" / "snapshots").glob("*.duckdb")))
    with Snapshot(next((folder / "warehouse" / "snapshots").glob("*.duckdb"))) as opened:
        yield opened


def add_customers(path: Path) -> None:
    bought = [(number, "2026-01-08", 100) for number in range(20, 30)]
    bought += [(number, "2026-03-31", 50) for number in range(20, 25)]
    bought += [(40, "2026-06-05", 70)]
    with duckdb.connect(str(path)) as connection:
        for place, (company, day, amount) in enumerate(bought):
            connection.execute(
                "INSERT INTO deals SELECT * REPLACE (? AS deal_id, ? AS company_id,"
                " CAST(? AS DATE) AS closed_on, ? AS amount, ? AS amount_base)"
                " FROM deals WHERE deal_id = 1",
                [100 + place, company, day, amount, amount],
            )


def cells(content: ChartContent) -> list[list[float]]:
    return content.data.iloc[:, 2:].to_numpy().tolist()


def same(found: list[list[float]], expected: list[list[float]]) -> bool:
    return pd.DataFrame(found).round(9).equals(pd.DataFrame(expected, dtype=float).round(9))


def test_the_retention_of_a_young_cohort_is_unknown_and_not_zero(company):
    shown = customers.retention(choose(company, {"period": "all"}))
    assert [f"{day:%Y-%m}" for day in shown.data["cohort"]] == ["2026-01", "2026-04", "2026-06"]
    assert shown.data["customers"].tolist() == [11, 1, 1]
    # Acme came back in February, Acme and five others in March, nobody in April and May.
    assert same(
        cells(shown), [[1 / 11, 6 / 11, 0, 0], [0, NONE, NONE, NONE], [NONE, NONE, NONE, NONE]]
    )
    assert shown.finding.startswith("8.3% of 12 customers bought again")
    assert "In month 3, 0.0% of 11 did." in shown.finding


def test_the_chart_draws_unknown_months_as_dashes_without_colour(company):
    shown = customers.retention(choose(company, {"period": "all"}))
    spec = shown.chart.to_dict()
    (rows,) = spec["datasets"].values()
    told = {(row["cohort"], row["age"]): (row["label"], row["share"]) for row in rows}
    assert told["Jan 2026 · n = 11", 2] == ("55", 6 / 11)
    assert told["Jan 2026 · n = 11", 4] == ("0", 0)
    assert told["Jun 2026 · n = 1", 1] == told["Apr 2026 · n = 1", 2] == ("–", None)
    html = panel.still_html(shown, "retention", panel.Setting("EUR", "Europe/Paris", None, "", {}))
    assert html.count("wb-missing") == 3 + 4 and "not known yet" in html


def test_the_revenue_that_comes_again_is_measured_by_the_first_month(company):
    shown = customers.repeat_revenue(choose(company, {"period": "all"}))
    assert same(
        cells(shown),
        [[3000 / 2000, 1250.10 / 2000, 0, 0], [0, NONE, NONE, NONE], [NONE, NONE, NONE, NONE]],
    )
    assert "11 customers bought for €4,250 again: 213% of the €2,000" in shown.finding


def test_a_customers_value_leaves_out_the_month_that_is_not_over(company):
    shown = customers.value(choose(company, {"period": "all"}))
    assert shown.data["customers"].tolist() == [12, 12, 11, 11, 11]
    revenue = [4000 / 12, 3000 / 12, 1250.10 / 11, 0, 0]
    assert shown.data["revenue"].tolist() == pytest.approx(revenue)
    assert shown.data["value"].iloc[-1] == pytest.approx(sum(revenue))
    # 650 of spend for 13 new customers.
    assert shown.finding.endswith("A new customer costs €50.00: the first month brings more.")
    narrowed = customers.value(choose(company, {"period": "all", "industry": "IT"}))
    assert isinstance(narrowed, Notice) and narrowed.kind == "empty"


def test_a_filter_by_industry_leaves_its_companies(company):
    shown = customers.retention(choose(company, {"period": "all", "industry": "IT"}))
    assert same(cells(shown), [[1, 1, 0, 0]]) and shown.data["customers"].tolist() == [1]


def test_two_customers_are_too_few_for_more_than_their_rows(small):
    chosen = choose(small, {"period": "all"})
    shown = customers.retention(chosen)
    assert same(cells(shown), [[1, 1, 0, 0], [0, NONE, NONE, NONE]])
    assert "too few customers to compare" in shown.finding
    assert "Too few customers" in customers.repeat_revenue(chosen).finding
    assert isinstance(customers.value(chosen), Notice)


@pytest.mark.parametrize(
    ("period", "kind"), [("2019", "not loaded"), ("2026-05", "empty"), ("2026-06", "empty")]
)
def test_where_nothing_is_known_no_chart_is_drawn(company, period, kind):
    for make in (customers.retention, customers.repeat_revenue, customers.value):
        shown = make(choose(company, {"period": period}))
        assert isinstance(shown, Notice) and shown.kind == kind


def test_what_grows_with_time_is_not_set_beside_an_older_period(company):
    shown = {
        each.id: each for each in customers.figures(choose(company, {"period": "2026"})).figures
    }
    assert shown["repeat_rate"].value == pytest.approx(6 / 13)
    assert shown["repeat_rate"].before is None and shown["new_customers"].value == 13
    told = customers.answer(choose(company, {"period": "2026"}))
    assert told["value"] == pytest.approx(6 / 13) and told["previous"] is None
