"""The definitions themselves: complete, consistent, and readable in both languages."""

import re

import pytest
import sqlglot
import yaml
from hand_company import TABLES, hand_snapshot
from sqlglot import exp

from workbench.errors import QueryError
from workbench.i18n import use_language
from workbench.metrics import (
    catalogue,
    definition,
    describe,
    dimension_titles,
    dimensions,
    format_value,
    query,
)
from workbench.metrics.catalogue import DEFINITIONS, leaves, maturity, models, parts
from workbench.metrics.formats import basis_name, maturity_rule, unit_name

DEMANDED = (
    *("deals", "deals_won", "deals_lost", "open_deals", "open_amount", "stalled_deals"),
    *("closed_win_rate", "created_win_rate", "won_revenue", "average_won_deal"),
    *("won_cycle_mean", "won_cycle_median", "won_cycle_p90", "sales_velocity"),
    *("leads", "leads_converted", "lead_conversion", "junk_rate", "invoiced_amount"),
    *("marketing_spend", "cost_per_lead", "romi", "roas", "new_customers", "cac"),
)


def test_every_metric_that_the_product_promises_is_defined():
    assert set(DEMANDED) <= catalogue().keys()


@pytest.mark.parametrize("metric", catalogue())
def test_a_definition_says_everything_a_reader_asks(metric):
    told = describe(definition(metric))
    for text in ("title", "help", "owner", "grain"):
        assert told[text]["fr"].strip() and told[text]["en"].strip()
    assert told["help"]["fr"] != told["help"]["en"]
    assert told["date_basis"] and told["unit"] and told["sources"] and told["dimensions"]
    assert told["formula"] or told["expression"]
    assert not re.search(r"\w [;:!?]", told["help"]["fr"] + told["title"]["fr"]), "French spacing"


@pytest.mark.parametrize("metric", catalogue())
def test_a_ratio_is_made_of_named_metrics_and_nothing_is_counted_twice(metric):
    one = definition(metric)
    if one.formula:
        assert all(part.id in catalogue() for part in parts(one))
        assert "(" not in re.sub(r"\(([^()]|\([^()]*\))*\)", "", one.formula)
        assert one.unit == "count" or one.n_of, "says which rows are behind it"
    else:
        assert "/" not in one.expression


@pytest.mark.parametrize(
    "metric", [m for m in catalogue().values() if m.expression], ids=lambda m: m.id
)
def test_an_expression_is_one_aggregate_over_columns_of_its_model(metric):
    model = models()[metric.model]
    known = set(model.fields) | {"local_moment", "entered_local", "limit_days"}
    # the day after the moment, or after the unit of time
    known |= {"until"} if metric.date == "as-of" or metric.when_over else set()
    known |= {column for join in metric.joins for column in model.joins[join].columns}
    for text in (metric.expression, metric.rows):
        if text:
            tree = sqlglot.parse_one(text, read="duckdb")
            assert {column.name for column in tree.find_all(exp.Column)} <= known


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


@pytest.mark.parametrize("name", models())
def test_every_dimension_and_field_of_a_model_is_a_column(name, snapshot):
    model = models()[name]
    # What only knows earlier moments is asked for by the metrics of its model of today.
    asked = next((n for n, m in models().items() if m.then and m.then.model == name), name)
    period = "all" if asked == name else "2026-03"
    metric = next(
        m for m in catalogue().values() if m.model == asked and (asked == name or m.date == "as-of")
    )
    for dimension in model.dimensions:
        by = [dimension] if asked == name else list(dict.fromkeys([dimension, "stage"]))
        assert dimension in query(metric.id, by=by, period=period, snapshot=snapshot).columns
    for field in model.fields:
        where = f"{field} is null" + ("" if asked == name else " and stage = 'New'")
        query(metric.id, where=where, period=period, snapshot=snapshot)


def test_every_dimension_has_a_title_and_every_title_a_dimension():
    used = {name for model in models().values() for name in model.dimensions}
    assert used == dimension_titles().keys()


def test_a_formula_can_be_cut_only_by_what_all_its_parts_have():
    assert dimensions(definition("cost_per_lead")) == ["source"]
    assert "manager" in dimensions(definition("closed_win_rate"))
    assert {leaf.id for leaf in leaves(definition("sales_velocity"))} == {
        "open_deals",
        "deals_won",
        "deals_lost",
        "average_won_deal",
        "won_cycle_mean",
    }


def test_maturity_passes_from_the_part_to_the_ratio():
    assert maturity(definition("created_win_rate")) == "cycle_p90"
    assert maturity(definition("closed_win_rate")) is None


def test_an_unknown_metric_names_the_closest_ones():
    with pytest.raises(QueryError) as error:
        definition("won_revenu")
    assert "won_revenue" in error.value.hint and error.value.exit_code == 2


def test_one_file_per_metric():
    files = {file.stem: yaml.safe_load(file.read_text()) for file in DEFINITIONS.glob("*.yml")}
    assert {name: raw["id"] for name, raw in files.items()} == {name: name for name in files}


def test_hand_company_has_the_columns_that_the_models_read():
    assert {
        model.table for model in models().values() if model.table.isidentifier()
    } <= TABLES.keys()


@pytest.mark.parametrize(
    ("value", "unit", "english", "french"),
    [
        (1234567.891, "money", "€1,234,568", "1\u202f234\u202f568\u00a0€"),
        (12.5, "money", "€12.50", "12,50\u00a0€"),
        (0.6315, "share", "63.2%", "63,2\u202f%"),
        (0.00004, "share", "<0.1%", "<\u00a00,1\u202f%"),
        (0.99996, "share", ">99.9%", ">\u00a099,9\u202f%"),
        (0.0, "share", "0.0%", "0,0\u202f%"),
        (1.0, "share", "100.0%", "100,0\u202f%"),
        (1.0, "days", "1 day", "1 jour"),
        (1.5, "days", "1.5 days", "1,5 jour"),
        (51.78, "days", "51.8 days", "51,8 jours"),
        (8800, "count", "8,800", "8\u202f800"),
        (1.234, "ratio", "1.23", "1,23"),
        (float("nan"), "money", "–", "–"),
        (None, "share", "–", "–"),
    ],
)
def test_a_figure_is_written_with_its_unit(value, unit, english, french):
    with use_language("en"):
        assert format_value(value, unit, "EUR") == english
    with use_language("fr"):
        assert format_value(value, unit, "EUR") == french


@pytest.mark.parametrize("metric", catalogue())
def test_units_bases_and_rules_have_names(metric):
    told = describe(definition(metric))
    with use_language("fr"):
        assert unit_name(told["unit"]) and basis_name(told["date_basis"])
        assert maturity_rule(told["maturity"]) != maturity_rule(
            "cycle_p90" if not told["maturity"] else None
        )
