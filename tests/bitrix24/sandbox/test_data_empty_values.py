"""What a write leaves empty or names wrongly, and what the end of a deal sets by itself.

[?] The documentation is silent on all of it; the portal's own code says what is done.
"""

import pytest

TYPES = {"deal": 2, "lead": 1, "contact": 3, "company": 4, "quote": 7}


def add(client, kind, **fields):
    given = {"TITLE": "x", "NAME": "x", **fields}
    return client.result(f"crm.{kind}.add", {"fields": given})


def got(client, kind, number):
    return client.result(f"crm.{kind}.get", {"id": number})


@pytest.mark.parametrize("nobody", ["", 0, "0", -1, None])
@pytest.mark.parametrize("kind", TYPES)
def test_somebody_stays_responsible(changing, kind, nobody):
    """A new record is its author's, another keeps whom it has: it was nobody's, and seen by none
    but administrators."""
    new = add(changing, kind, ASSIGNED_BY_ID=nobody)
    assert got(changing, kind, new)["ASSIGNED_BY_ID"] == "1"
    other = changing.result("user.add", {"EMAIL": f"{new}{kind}@example.org", "UF_DEPARTMENT": [1]})
    number = add(changing, kind, ASSIGNED_BY_ID=other)
    fields = {"ASSIGNED_BY_ID": nobody, "COMMENTS": "y"}
    assert changing.result(f"crm.{kind}.update", {"id": number, "fields": fields}) is True
    assert got(changing, kind, number)["ASSIGNED_BY_ID"] == str(other)
    given = {"entityTypeId": TYPES[kind], "id": number, "fields": {"assignedById": nobody}}
    assert changing.result("crm.item.update", given)["item"]["assignedById"] == other


@pytest.mark.parametrize("none", ["", None])
@pytest.mark.parametrize("kind", ["deal", "lead", "quote"])
def test_no_amount_is_an_amount_of_0(changing, kind, none):
    assert got(changing, kind, add(changing, kind, OPPORTUNITY=none))["OPPORTUNITY"] == "0.00"
    number = add(changing, kind, OPPORTUNITY=5)
    changing.result(f"crm.{kind}.update", {"id": number, "fields": {"OPPORTUNITY": none}})
    assert got(changing, kind, number)["OPPORTUNITY"] == "0.00"


@pytest.mark.parametrize("field", ["TITLE", "BEGINDATE", "CLOSEDATE"])
@pytest.mark.parametrize("empty", ["", None])
def test_a_deal_keeps_its_title_and_its_days(changing, field, empty):
    fields = {"TITLE": "Kept", "BEGINDATE": "2026-01-02", "CLOSEDATE": "2026-03-04"}
    number = add(changing, "deal", **fields)
    before = got(changing, "deal", number)
    given = {"id": number, "fields": {field: empty, "COMMENTS": "changed"}}
    changing.result("crm.deal.update", given)
    after = got(changing, "deal", number)
    assert (after[field], after["COMMENTS"]) == (before[field], "changed")
    assert got(changing, "deal", add(changing, "deal", **{field: empty}))[field]


@pytest.mark.parametrize("stage", ["NOPE", "C1:NEW", "", 5])
def test_a_stage_that_the_funnel_does_not_have_is_passed_over(changing, stage):
    """By crm.deal.update, which did the rest of the change; crm.item.update refuses it."""
    number = add(changing, "deal", STAGE_ID="EXECUTING")
    fields = {"STAGE_ID": stage, "COMMENTS": "changed"}
    assert changing.result("crm.deal.update", {"id": number, "fields": fields}) is True
    row = got(changing, "deal", number)
    assert (row["STAGE_ID"], row["COMMENTS"]) == ("EXECUTING", "changed")
    given = {"entityTypeId": 2, "id": number, "fields": {"stageId": stage}}
    answer = changing.call("crm.item.update", given)
    assert answer.json()["error"] == "CRM_FIELD_ERROR_VALUE_NOT_VALID"


def test_the_end_of_a_deal_is_its_close(changing):
    """The day of a deal's last stage becomes its CLOSEDATE (``enable_close_date_sync``, on by
    default), whatever day the write names; a way back leaves it."""
    today = changing.result("server.time")[:10]
    planned = {"CLOSEDATE": "2026-01-31"}
    number = add(changing, "deal", **planned)
    assert got(changing, "deal", number)["CLOSEDATE"][:10] == "2026-01-31"
    fields = {"STAGE_ID": "WON", "CLOSEDATE": "2026-02-01"}
    changing.result("crm.deal.update", {"id": number, "fields": fields})
    assert got(changing, "deal", number)["CLOSEDATE"][:10] == today
    changing.result("crm.deal.update", {"id": number, "fields": planned})
    changing.result("crm.deal.update", {"id": number, "fields": {"STAGE_ID": "NEW"}})
    assert got(changing, "deal", number)["CLOSEDATE"][:10] == "2026-01-31"
    given = {"entityTypeId": 2, "id": number, "fields": {"stageId": "LOSE"}}
    assert changing.result("crm.item.update", given)["item"]["closedate"][:10] == today
    born = add(changing, "deal", STAGE_ID="WON", **planned)
    assert got(changing, "deal", born)["CLOSEDATE"][:10] == today
    past = {"title": "x", "stageId": "WON", "closedate": "2020-01-31"}
    told = changing.result("crm.item.import", {"entityTypeId": 2, "fields": past})["item"]
    assert told["closedate"][:10] == "2020-01-31"
