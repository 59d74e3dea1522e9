"""Departments, users, statuses, funnels and currencies: what the CRM's records refer to."""

import pytest


@pytest.fixture(scope="module")
def departments(empty):
    return {
        name: empty.result("department.add", {"NAME": name, "PARENT": 1, "SORT": sort})
        for name, sort in (("Delta", 30), ("Alpha", 20), ("Charlie", 10))
    }


def names(client, **params):
    return [row["NAME"] for row in client.result("department.get", params)]


def test_departments_are_sorted_by_any_field_both_ways(empty, departments):
    known = {"ID": list(departments.values())}
    assert names(empty, sort="NAME", order="ASC", **known) == ["Alpha", "Charlie", "Delta"]
    assert names(empty, sort="NAME", order="DESC", **known) == ["Delta", "Charlie", "Alpha"]
    assert names(empty, sort="SORT", order="ASC", **known) == ["Charlie", "Alpha", "Delta"]
    assert names(empty, sort="sort", order="desc", **known) == ["Delta", "Alpha", "Charlie"]
    assert names(empty, order={"ID": "DESC"}, **known) == ["Charlie", "Alpha", "Delta"]
    assert names(empty, sort="NONSENSE", **known) == ["Delta", "Alpha", "Charlie"]


def test_departments_are_filtered_by_top_level_names(empty, departments):
    assert names(empty, NAME="Alpha") == ["Alpha"]
    assert set(names(empty, PARENT=1)) >= set(departments)
    row = empty.result("department.get", {"ID": departments["Alpha"]})[0]
    assert row["ID"] == str(departments["Alpha"])
    assert (row["PARENT"], row["SORT"]) == ("1", 20)
    root = empty.result("department.get", {"ID": 1})[0]
    assert "PARENT" not in root
    second = empty.call("department.get", {"START": 1}).json()
    assert len(second["result"]) == second["total"] - 1


def test_departments_are_changed_and_deleted(empty, refused):
    number = empty.result("department.add", {"NAME": "Short", "PARENT": 1})
    assert empty.result("department.update", {"ID": number, "NAME": "Shorter", "UF_HEAD": 1})
    row = empty.result("department.get", {"ID": number})[0]
    assert (row["NAME"], row["UF_HEAD"]) == ("Shorter", "1")
    assert empty.result("department.delete", {"ID": number}) is True
    assert refused(empty.call("department.delete", {"ID": number})) == (400, "ERROR_CORE")
    assert refused(empty.call("department.add", {"PARENT": 1})) == (400, "ERROR_CORE")
    assert "UF_HEAD" in empty.result("department.fields")


def test_users_are_found_sorted_and_selected(empty, departments):
    for name in ("Zoe", "Abel"):
        fields = {"NAME": name, "LAST_NAME": "Sorted", "EMAIL": f"{name}@example.org"}
        empty.result("user.add", {**fields, "UF_DEPARTMENT": [departments["Alpha"]]})
    asked = {"FILTER": {"LAST_NAME": "Sorted"}, "sort": "NAME", "order": "ASC"}
    rows = empty.result("user.get", asked)
    assert [row["NAME"] for row in rows] == ["Abel", "Zoe"]
    assert (rows[0]["ACTIVE"], isinstance(rows[0]["ID"], str)) == (True, True)
    assert rows[0]["UF_DEPARTMENT"] == [departments["Alpha"]]
    few = empty.result("user.get", {**asked, "select": ["ID", "EMAIL", "NOTHING"]})
    assert set(few[0]) == {"ID", "EMAIL"}
    gone = {"ID": rows[0]["ID"], "ACTIVE": "N"}
    assert empty.result("user.update", gone) is True
    left = empty.result("user.get", {**asked, "FILTER": {"LAST_NAME": "Sorted", "ACTIVE": True}})
    assert [row["NAME"] for row in left] == ["Zoe"]
    assert "EMAIL" in empty.result("user.fields")


def test_the_narrow_scope_hides_how_to_reach_people(empty):
    brief = empty.webhook(1, ["user_brief"])
    assert "EMAIL" not in brief.result("user.current")
    assert "EMAIL" in empty.result("user.current")


def test_statuses_are_added_changed_and_deleted(empty, refused):
    fields = {"ENTITY_ID": "SOURCE", "STATUS_ID": "FAIR", "NAME": "Fair", "SORT": 90}
    number = empty.result("crm.status.add", {"fields": fields})
    row = empty.result("crm.status.get", {"id": number})
    assert (row["STATUS_ID"], row["NAME"], row["SYSTEM"]) == ("FAIR", "Fair", "N")
    again = empty.call("crm.status.add", {"fields": fields})
    assert refused(again) == (400, "ERROR_CORE")
    empty.result("crm.status.update", {"id": number, "fields": {"NAME": "Trade fair"}})
    items = empty.result("crm.status.entity.items", {"entityId": "SOURCE"})
    assert "Trade fair" in [item["NAME"] for item in items]
    assert empty.result("crm.status.delete", {"id": number}) is True
    assert refused(empty.call("crm.status.get", {"id": number})) == (400, "")


def test_a_systems_status_goes_only_when_forced(empty, refused):
    (row,) = empty.result(
        "crm.status.list", {"filter": {"ENTITY_ID": "QUOTE_STATUS", "STATUS_ID": "UNANSWERED"}}
    )
    assert refused(empty.call("crm.status.delete", {"id": row["ID"]})) == (400, "")
    forced = {"id": row["ID"], "params": {"FORCED": "Y"}}
    assert empty.result("crm.status.delete", forced) is True


def test_every_directory_of_a_new_portal_has_entries(empty):
    directories = {row["ID"] for row in empty.result("crm.status.entity.types")}
    wanted = {
        *("STATUS", "SOURCE", "DEAL_STAGE", "DEAL_TYPE", "CONTACT_TYPE", "COMPANY_TYPE"),
        *("INDUSTRY", "EMPLOYEES", "HONORIFIC", "QUOTE_STATUS", "CALL_LIST"),
    }
    assert wanted <= directories
    rows = empty.result("crm.status.list")
    assert wanted <= {row["ENTITY_ID"] for row in rows}
    assert any(name.startswith("SMART_INVOICE_STAGE_") for name in directories)


def test_a_new_stage_is_where_deals_can_go(empty):
    funnel = empty.result("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Long"}})
    number = funnel["category"]["id"]
    fields = {"ENTITY_ID": f"DEAL_STAGE_{number}", "STATUS_ID": "EXTRA", "NAME": "Extra"}
    empty.result("crm.status.add", {"fields": fields})
    deal = {"TITLE": "x", "CATEGORY_ID": number, "STAGE_ID": f"C{number}:EXTRA"}
    made = empty.result("crm.deal.add", {"fields": deal})
    shown = empty.result("crm.deal.get", {"id": made})
    assert (shown["STAGE_ID"], shown["STAGE_SEMANTIC_ID"]) == (f"C{number}:EXTRA", "P")


def test_a_funnel_with_deals_is_not_deleted(empty, refused):
    made = empty.result("crm.category.add", {"entityTypeId": 2, "fields": {"name": "Full"}})
    number = made["category"]["id"]
    deal = empty.result("crm.deal.add", {"fields": {"TITLE": "x", "CATEGORY_ID": number}})
    key = {"entityTypeId": 2, "id": number}
    assert refused(empty.call("crm.category.delete", key)) == (400, 0)
    empty.result("crm.deal.delete", {"id": deal})
    assert empty.result("crm.category.delete", key) is None
    assert refused(empty.call("crm.category.get", key)) == (400, "NOT_FOUND")
    general = {"entityTypeId": 2, "id": 0}
    assert refused(empty.call("crm.category.delete", general)) == (400, 0)


def test_currencies_have_rates_and_a_base(empty, refused):
    fields = {"CURRENCY": "NOK", "AMOUNT": 8.5, "AMOUNT_CNT": 100}
    assert empty.result("crm.currency.add", {"fields": fields}) == "NOK"
    row = empty.result("crm.currency.get", {"id": "NOK"})
    assert (row["AMOUNT"], row["AMOUNT_CNT"], row["BASE"]) == ("8.5000", "100", "N")
    empty.result("crm.currency.update", {"id": "NOK", "fields": {"AMOUNT": 9}})
    assert empty.result("crm.currency.get", {"id": "NOK"})["AMOUNT"] == "9.0000"
    assert empty.call("crm.currency.list").json()["total"] == 0
    assert refused(empty.call("crm.currency.delete", {"id": "EUR"})) == (400, "")
    assert empty.result("crm.currency.delete", {"id": "NOK"}) is True
    assert refused(empty.call("crm.currency.get", {"id": "NOK"})) == (400, "")
    assert empty.result("crm.currency.base.get") == "EUR"


def test_one_funnel_of_a_smart_process_is_the_default_one(empty):
    flags = {"isCategoriesEnabled": "Y", "isStagesEnabled": "Y"}
    kind = empty.result("crm.type.add", {"fields": {"title": "Funnels", **flags}})["type"]
    type_id = kind["entityTypeId"]

    def default():
        rows = empty.result("crm.category.list", {"entityTypeId": type_id})["categories"]
        return [row["id"] for row in rows if row["isDefault"] == "Y"]

    (first,) = default()
    given = {"entityTypeId": type_id, "fields": {"name": " Second ", "sort": -5, "isDefault": "Y"}}
    second = empty.result("crm.category.add", given)["category"]
    assert (second["name"], second["sort"]) == ("Second", 0)
    assert default() == [second["id"]]
    params = {"entityTypeId": type_id, "id": second["id"], "fields": {"isDefault": "N"}}
    assert empty.result("crm.category.update", params)["category"]["isDefault"] == "Y"
    params = {"entityTypeId": type_id, "id": first, "fields": {"isDefault": "Y"}}
    empty.result("crm.category.update", params)
    assert default() == [first]
    deals = {"entityTypeId": 2, "fields": {"name": "Not default", "isDefault": "Y"}}
    assert empty.result("crm.category.add", deals)["category"]["isDefault"] == "N"


def test_nothing_goes_to_a_funnel_that_is_not_there(empty, refused):
    before = empty.call("crm.deal.list", {}).json()["total"]
    given = {"fields": {"TITLE": "Lost", "CATEGORY_ID": 99_999}}
    assert refused(empty.call("crm.deal.add", given)) == (400, "")
    assert empty.call("crm.deal.list", {}).json()["total"] == before


def test_a_new_stage_gets_the_head_of_its_funnel_whether_it_is_given_or_not(empty):
    flags = {"isCategoriesEnabled": "Y", "isStagesEnabled": "Y"}
    kind = empty.result("crm.type.add", {"fields": {"title": "Heads", **flags}})["type"]
    number = kind["entityTypeId"]
    (funnel,) = empty.result("crm.category.list", {"entityTypeId": number})["categories"]
    head, directory = f"DT{number}_{funnel['id']}:", f"DYNAMIC_{number}_STAGE_{funnel['id']}"
    for code in ("MINE", f"{head}OURS"):
        fields = {"ENTITY_ID": directory, "STATUS_ID": code, "NAME": code, "SEMANTICS": "Q"}
        added = empty.result("crm.status.add", {"fields": fields})
        row = empty.result("crm.status.get", {"id": added})
        assert row["STATUS_ID"] == head + code.removeprefix(head)
        assert (row["SEMANTICS"], row["CATEGORY_ID"]) == (None, str(funnel["id"]))


def test_people_and_departments_of_a_deleted_department_pass_to_the_one_above(empty):
    def department(above):
        return empty.result("department.add", {"NAME": "Passing", "PARENT": above})

    upper = department(1)
    middle = department(upper)
    lower = department(middle)
    fields = {"EMAIL": "passing@example.org", "UF_DEPARTMENT": [middle, upper]}
    user = empty.result("user.add", fields)
    assert empty.result("department.delete", {"ID": middle}) is True
    assert empty.result("department.get", {"ID": middle}) == []
    assert empty.result("department.get", {"ID": lower})[0]["PARENT"] == str(upper)
    assert empty.result("user.get", {"ID": user})[0]["UF_DEPARTMENT"] == [upper]
    inside = empty.call("department.update", {"ID": upper, "PARENT": lower})
    assert inside.json()["error"] == "ERROR_CORE"
