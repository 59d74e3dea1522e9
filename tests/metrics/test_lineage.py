"""Where a number comes from: the fields that the portal calls so, found again in its answers."""

import pytest

from workbench.bitrix24.entities import ENTITIES
from workbench.i18n import use_language
from workbench.metrics import catalogue, definition
from workbench.metrics.facts import facts, portal_fields
from workbench.metrics.lineage import FILES, fields_of, origins

METHODS = {each.method for each in ENTITIES}
FIELDS = {(each.method, field) for each in ENTITIES for field in [*each.fields, "ID", "id"]}


@pytest.mark.parametrize("metric", catalogue())
def test_every_metric_leads_to_fields_that_exist(metric):
    found = {field for origin in origins(definition(metric)) for field in origin.fields}
    assert found, "a number that comes from nowhere"
    for field in found:
        if field.source in METHODS:
            assert (field.source, field.name) in FIELDS
        else:
            assert field.source in FILES.values()
    with use_language("fr"):
        told = facts(definition(metric))
    assert all(text.strip() for text in told.values())


def behind(metric: str, role: str) -> set[str]:
    return {
        f"{field.source}:{field.name}"
        for origin in origins(definition(metric))
        if origin.role == role
        for field in origin.fields
    }


def test_won_revenue_is_the_amount_at_its_rate_on_the_day_the_final_stage_was_entered():
    assert behind("won_revenue", "value") == {
        "crm.deal.list:OPPORTUNITY",
        "crm.currency.list:AMOUNT",
        "parameters/rates.csv:rate",
    }
    assert "crm.deal.list:STAGE_SEMANTIC_ID" in behind("won_revenue", "rows")
    assert {"crm.stagehistory.list:CREATED_TIME", "crm.deal.list:MOVED_TIME"} <= behind(
        "won_revenue", "date"
    )
    assert "crm.deal.list:DATE_CREATE" not in behind("won_revenue", "date")


def test_a_response_is_known_from_the_lead_its_activities_calls_and_the_calendar():
    assert behind("response_hours_median", "value") == {
        "crm.lead.list:DATE_CREATE",
        "crm.activity.list:CREATED",
        "crm.activity.list:START_TIME",
        "crm.activity.list:LAST_UPDATED",
        "voximplant.statistic.get:CALL_START_DATE",
        "parameters/calendar.yml:day",
        "parameters/calendar.yml:is_working",
    }


def test_files_and_universal_methods_are_named_too():
    with use_language("en"):
        assert "targets.csv: amount" in "; ".join(portal_fields(definition("plan_amount")))
    assert behind("days_to_pay_mean", "value") >= {
        "crm.item.list:createdTime",
        "crm.item.list:movedTime",
    }


def test_a_column_that_is_not_there_has_no_fields():
    assert fields_of("snapshot.deals", "nothing") == frozenset()
    assert fields_of("snapshot.nothing", "deal_id") == frozenset()
