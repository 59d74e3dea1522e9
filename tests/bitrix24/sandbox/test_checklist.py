"""The checklist as a whole, and what the sandbox does where the documentation is silent.

Every point has tests named after it. What follows its numbers here are the facts' own question
marks, [?], that no point mentions: each test says which behaviour was taken.
"""

import re
from pathlib import Path

POINTS = range(1, 44)


def test_every_point_of_the_checklist_has_a_test_of_its_name():
    found = set()
    for file in Path(__file__).parent.rglob("test_*.py"):
        found |= {
            int(n) for n in re.findall(r"^def test_point_(\d\d)_\w+\(", file.read_text(), re.M)
        }
    assert found == set(POINTS)


def test_parameter_names_are_read_in_any_case_but_those_of_a_timeline_comment(empty):
    # [?] Not stated, yet samples mix id and ID: any case. Stated for crm.timeline.comment.add: no.
    deal = empty.result("crm.deal.add", {"FIELDS": {"TITLE": "Any case"}})
    for name in ("id", "ID", "Id"):
        assert empty.result("crm.deal.get", {name: deal})["TITLE"] == "Any case"
    params = {"FILTER": {"ID": deal}, "Select": ["TITLE"], "sTaRt": -1}
    assert empty.result("crm.deal.list", params) == [{"ID": str(deal), "TITLE": "Any case"}]
    comment = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": "x"}
    assert empty.call("crm.timeline.comment.add", {"FIELDS": comment}).status_code == 400
    assert empty.call("crm.timeline.comment.add", {"fields": comment}).status_code == 200


def test_a_missing_scope_is_403_not_401(empty):
    # [?] The documentation's table says 403, an SDK's class 401: 403.
    assert empty.webhook(1, ["user"]).call("crm.deal.list").status_code == 403


def test_an_import_by_an_ordinary_user_is_403_not_401(empty):
    # [?] The table of errors says 403 for INVALID_CREDENTIALS, the method's page 401: 403.
    user = empty.result("user.add", {"EMAIL": "import@x.example", "UF_DEPARTMENT": [1]})
    params = {"entityTypeId": 2, "fields": {"title": "Old"}}
    answer = empty.webhook(user).call("crm.item.import", params)
    assert (answer.status_code, answer.json()["error"]) == (403, "INVALID_CREDENTIALS")


def test_an_empty_notification_is_400_not_403(empty):
    # [?] The page lists both statuses for its codes: 400.
    answer = empty.call("im.notify.system.add", {"USER_ID": 1, "MESSAGE": ""})
    assert (answer.status_code, answer.json()["error"]) == (400, "MESSAGE_EMPTY")


def test_the_stage_of_lost_deals_is_lose(empty):
    # [?] One page prints ">LOSE", the samples of statuses LOSE: the latter.
    rows = empty.result("crm.status.list", {"filter": {"ENTITY_ID": "DEAL_STAGE"}})
    assert {row["STATUS_ID"] for row in rows} >= {"NEW", "WON", "LOSE", "APOLOGY"}


def test_stage_history_is_told_in_numbers(empty):
    # [?] The documentation's sample has numbers, captured answers have texts: numbers.
    empty.result("crm.deal.add", {"fields": {"TITLE": "x"}})
    row = empty.result("crm.stagehistory.list", {"entityTypeId": 2})["items"][0]
    assert all(type(row[name]) is int for name in ("ID", "TYPE_ID", "OWNER_ID", "CATEGORY_ID"))


def test_records_hold_the_ids_of_an_enumeration(empty):
    # [?] Not stated what records hold of a list field: the ID of the entry in its LIST.
    field = {"FIELD_NAME": "KIND", "USER_TYPE_ID": "enumeration"}
    options = {"LIST": [{"VALUE": "new"}, {"VALUE": "old"}]}
    number = empty.result("crm.deal.userfield.add", {"fields": field | options})
    entries = empty.result("crm.deal.userfield.get", {"id": number})["LIST"]
    old = next(entry["ID"] for entry in entries if entry["VALUE"] == "old")
    deal = empty.result("crm.deal.add", {"fields": {"TITLE": "x", "UF_CRM_KIND": old}})
    assert empty.result("crm.deal.get", {"id": deal})["UF_CRM_KIND"] == str(old)
    item = empty.result("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
    assert item["ufCrmKind"] == int(old)
    found = empty.result("crm.deal.list", {"filter": {"UF_CRM_KIND": old}, "select": ["ID"]})
    assert found == [{"ID": str(deal)}]


def test_a_universal_page_without_count_has_its_rows_under_items(empty):
    # [?] A sample of huge-data.md iterates the result itself, every other one result.items.
    page = empty.call("crm.item.list", {"entityTypeId": 2, "start": -1}).json()
    assert isinstance(page["result"]["items"], list)
    assert "next" not in page
