"""The panels of receivables on five open invoices, worked out by hand.

On 15 June 2026 Acme owes 3,000 since 22 March (85 days) and 200 that are due on 30 June; Zed owes
100 since 10 June, 50 since 1 May, 20 since 1 April (75 days), and 30 without a due day.
"""

from datetime import date

import pytest
from hand_company import changed_snapshot

from workbench.i18n import use_language
from workbench.views.contents import TextContent
from workbench.views.panels import receivables
from workbench.views.selection import choose
from workbench.warehouse import Snapshot

# id, company, amount, created, due
MORE = [
    (10, 11, 100, "2026-05-01", "2026-06-10"),
    (11, 11, 50, "2026-04-15", "2026-05-01"),
    (12, 10, 200, "2026-06-01", "2026-06-30"),
    (13, 11, 30, "2026-06-02", "never"),
    (14, 11, 20, "2026-03-05", "2026-04-01"),
]


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    statements = [
        "INSERT INTO invoices SELECT * REPLACE ("
        f"{number} AS invoice_id, {firm} AS company_id, {amount} AS amount,"
        f" {amount} AS amount_base, DATE '{created}' AS created_on,"
        f" TRY_CAST('{due}' AS DATE) AS due_on)"
        " FROM invoices WHERE invoice_id = 2"
        for number, firm, amount, created, due in MORE
    ]
    with changed_snapshot(tmp_path_factory.mktemp("owed"), *statements) as opened:
        yield opened


def test_what_is_owed_is_told_by_how_late_it_is(company):
    shown = receivables.ageing(choose(company, {"period": "2026"}))
    assert shown.data["amount"].tolist() == [230, 100, 50, 3020, 0]
    assert shown.data["n"].tolist() == [2, 1, 1, 2, 0]
    assert shown.data["share"].tolist() == pytest.approx(
        [n / 3400 for n in (230, 100, 50, 3020, 0)]
    )
    assert shown.finding.startswith("€3,170 of the €3,400 owed is late (93%), €0 of it")
    assert "15 Jun 2026" in shown.note
    labels = [row["label"] for rows in shown.chart.to_dict()["datasets"].values() for row in rows]
    assert labels[3] == "€3,020 · 89%"


def test_a_period_that_is_over_tells_of_its_last_day(company):
    # On 30 April: 3,000 were 39 days late, 20 were 29; 50 were due the next day.
    shown = receivables.ageing(choose(company, {"period": "2026-04"}))
    assert shown.data["amount"].tolist() == [50, 20, 3000, 0, 0]
    listed = receivables.invoices(choose(company, {"period": "2026-04"})).data
    assert listed["days_late"].tolist() == [39, 29]


def test_the_invoices_to_call_in_are_those_that_the_figure_counts(company):
    chosen = choose(company, {"period": "all"})
    shown = receivables.invoices(chosen)
    assert [row.rsplit("/", 2)[1] for row in shown.data["link"]] == ["2", "14", "11", "10"]
    assert shown.data["link"].iloc[0] == "https://hand.example/crm/type/31/details/2/"
    assert shown.data["days_late"].tolist() == [85, 75, 45, 5]
    assert shown.data["customer"].tolist() == ["Acme", "Zed", "Zed", "Zed"]
    figures = {each.id: each.value for each in receivables.figures(chosen).figures}
    assert shown.data["amount_base"].sum() == figures["receivables_overdue"] == 3170
    assert receivables.answer(chosen)["value"] == 3170


def test_who_is_late_stands_by_what_is_late(company):
    shown = receivables.customers(choose(company, {"period": "all"}))
    rows = shown.data[["customer", "receivables_overdue", "receivables", "n"]].values.tolist()
    assert rows == [["Acme", 3000, 3200, 1], ["Zed", 170, 200, 3]]


def test_a_filter_keeps_to_its_customers(company):
    chosen = choose(company, {"period": "all", "industry": "IT"})
    assert receivables.ageing(chosen).data["amount"].tolist() == [200, 0, 0, 3000, 0]
    assert receivables.invoices(chosen).data["customer"].tolist() == ["Acme"]


def test_where_nothing_is_late_it_says_so(company):
    chosen = choose(company, {"period": "2026-01"})
    for make in (receivables.customers, receivables.invoices):
        shown = make(chosen)
        assert isinstance(shown, TextContent)
        assert shown.text.format(**shown.values) == "No invoice is overdue at 31 Jan 2026."


def test_the_month_that_is_not_over_is_hollow(company):
    shown = receivables.dso_by_month(choose(company, {"period": "2026"}))
    # February: 3,000 owed at its end, 3,000 invoiced in it, 28 days.
    assert dict(zip(shown.data["period"].dt.date, shown.data["dso"], strict=True))[
        date(2026, 2, 1)
    ] == pytest.approx(28)
    (points,) = shown.chart.to_dict()["datasets"].values()
    assert {row["month"]: row["open"] for row in points}["2026-06"] is True
    assert [row["month"] for row in points if row["open"]] == ["2026-06"]
    assert "Hollow points" in shown.note
    paid = receivables.late_by_month(choose(company, {"period": "2026"}))
    assert paid.data["late_payment_rate"].tolist() == [1.0] and paid.data["n"].tolist() == [1]
