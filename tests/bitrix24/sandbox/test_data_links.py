"""Contacts of deals, leads, quotes, items and companies; companies of contacts."""

import pytest

OWNERS = [("deal", "TITLE"), ("lead", "TITLE"), ("quote", "TITLE")]


def people(client, count):
    return [
        client.result("crm.contact.add", {"fields": {"NAME": f"Person {n}"}}) for n in range(count)
    ]


def owner_of(client, kind, name, **fields):
    return client.result(f"crm.{kind}.add", {"fields": {name: "With people", **fields}})


def links(client, kind, owner):
    return client.result(f"crm.{kind}.items.get", {"id": owner})


def primary(client, kind, owner):
    rows = links(client, kind, owner)
    flagged = [row for row in rows if row["IS_PRIMARY"] == "Y"]
    assert len(flagged) == (1 if rows else 0)
    return flagged[0]["CONTACT_ID"] if flagged else None


@pytest.mark.parametrize(("kind", "name"), OWNERS)
def test_contacts_are_set_read_and_cleared(empty, kind, name):
    one, two, three = people(empty, 3)
    owner = owner_of(empty, kind, name)
    items = [
        {"CONTACT_ID": one, "SORT": 200},
        {"CONTACT_ID": two, "SORT": 100, "IS_PRIMARY": "Y"},
        {"CONTACT_ID": three, "SORT": 400},
    ]
    assert empty.result(f"crm.{kind}.contact.items.set", {"id": owner, "items": items}) is True
    assert links(empty, f"{kind}.contact", owner) == [
        {"CONTACT_ID": two, "SORT": 100, "ROLE_ID": 0, "IS_PRIMARY": "Y"},
        {"CONTACT_ID": one, "SORT": 200, "ROLE_ID": 0, "IS_PRIMARY": "N"},
        {"CONTACT_ID": three, "SORT": 400, "ROLE_ID": 0, "IS_PRIMARY": "N"},
    ]
    assert empty.result(f"crm.{kind}.get", {"id": owner})["CONTACT_ID"] == str(two)
    assert empty.result(f"crm.{kind}.contact.items.delete", {"id": owner}) is True
    assert links(empty, f"{kind}.contact", owner) == []
    assert empty.result(f"crm.{kind}.get", {"id": owner})["CONTACT_ID"] is None


@pytest.mark.parametrize(("kind", "name"), OWNERS)
def test_without_a_flag_the_first_is_primary_and_sorts_go_in_tens(empty, kind, name):
    one, two = people(empty, 2)
    owner = owner_of(empty, kind, name)
    items = [{"CONTACT_ID": one}, {"CONTACT_ID": two}]
    empty.result(f"crm.{kind}.contact.items.set", {"id": owner, "items": items})
    rows = links(empty, f"{kind}.contact", owner)
    assert [(r["CONTACT_ID"], r["SORT"], r["IS_PRIMARY"]) for r in rows] == [
        (one, 10, "Y"),
        (two, 20, "N"),
    ]


@pytest.mark.parametrize(("kind", "name"), OWNERS)
def test_one_contact_is_added_and_removed(empty, kind, name):
    one, two = people(empty, 2)
    owner = owner_of(empty, kind, name, CONTACT_ID=one)
    assert primary(empty, f"{kind}.contact", owner) == one
    params = {"id": owner, "fields": {"CONTACT_ID": two}}
    assert empty.result(f"crm.{kind}.contact.add", params) is True
    assert empty.result(f"crm.{kind}.contact.add", params) is False
    assert primary(empty, f"{kind}.contact", owner) == one
    first = {"id": owner, "fields": {"CONTACT_ID": one}}
    assert empty.result(f"crm.{kind}.contact.delete", first) is True
    assert empty.result(f"crm.{kind}.contact.delete", first) is False
    assert primary(empty, f"{kind}.contact", owner) == two
    flagged = {"id": owner, "fields": {"CONTACT_ID": one, "IS_PRIMARY": "Y"}}
    assert empty.result(f"crm.{kind}.contact.add", flagged) is True
    assert primary(empty, f"{kind}.contact", owner) == one


def test_a_deleted_contact_leaves_its_links_and_the_next_becomes_primary(empty):
    one, two = people(empty, 2)
    deal = owner_of(empty, "deal", "TITLE", CONTACT_IDS=[one, two])
    empty.result("crm.contact.delete", {"id": one})
    assert primary(empty, "deal.contact", deal) == two
    assert empty.result("crm.deal.get", {"id": deal})["CONTACT_ID"] == str(two)


def test_universal_items_take_and_show_contact_ids(empty):
    one, two = people(empty, 2)
    kind = empty.result("crm.type.add", {"fields": {"title": "Met", "isClientEnabled": "Y"}})[
        "type"
    ]
    for entity in (1, 2, 7, 31, kind["entityTypeId"]):
        fields = {"title": "With people", "contactIds": [one, two]}
        item = empty.result("crm.item.add", {"entityTypeId": entity, "fields": fields})["item"]
        assert (item["contactId"], item["contactIds"]) == (one, [one, two])
        change = {"entityTypeId": entity, "id": item["id"], "fields": {"contactIds": [two]}}
        item = empty.result("crm.item.update", change)["item"]
        assert (item["contactId"], item["contactIds"]) == (two, [two])
        listed = {"entityTypeId": entity, "filter": {"id": item["id"]}, "select": ["contactIds"]}
        assert empty.result("crm.item.list", listed)["items"][0]["contactIds"] == [two]


def test_a_company_and_its_contacts_see_the_same_links(empty):
    """``IS_PRIMARY`` of a company's contact says that the company is the contact's main one.

    So captured answers show it, with several primary contacts in one company.
    """
    one, two = people(empty, 2)
    main, second = (
        empty.result("crm.company.add", {"fields": {"TITLE": title}})
        for title in ("Main", "Second")
    )
    empty.result("crm.contact.update", {"id": one, "fields": {"COMPANY_ID": main}})
    items = [{"CONTACT_ID": one}, {"CONTACT_ID": two}]
    empty.result("crm.company.contact.items.set", {"id": second, "items": items})
    flags = {r["CONTACT_ID"]: r["IS_PRIMARY"] for r in links(empty, "company.contact", second)}
    assert flags == {one: "N", two: "Y"}
    assert [r["COMPANY_ID"] for r in links(empty, "contact.company", one)] == [main, second]
    assert empty.result("crm.contact.get", {"id": two})["COMPANY_ID"] == str(second)
    gone = {"id": second, "fields": {"CONTACT_ID": two}}
    assert empty.result("crm.company.contact.delete", gone) is True
    assert empty.result("crm.contact.get", {"id": two})["COMPANY_ID"] is None
    taken = {"id": second, "fields": {"CONTACT_ID": one, "IS_PRIMARY": "Y"}}
    assert empty.result("crm.company.contact.add", taken) is False
    companies = [{"COMPANY_ID": second, "IS_PRIMARY": "Y"}, {"COMPANY_ID": main}]
    empty.result("crm.contact.company.items.set", {"id": one, "items": companies})
    assert empty.result("crm.contact.get", {"id": one})["COMPANY_ID"] == str(second)
    assert empty.result("crm.company.contact.items.delete", {"id": main}) is True
    assert [r["COMPANY_ID"] for r in links(empty, "contact.company", one)] == [second]


def test_a_contact_filled_with_company_ids_has_them_all(empty):
    companies = [
        empty.result("crm.company.add", {"fields": {"TITLE": f"Company {n}"}}) for n in range(2)
    ]
    fields = {"NAME": "Of two", "COMPANY_IDS": companies}
    contact = empty.result("crm.contact.add", {"fields": fields})
    row = empty.result("crm.contact.get", {"id": contact})
    assert row["COMPANY_ID"] == str(companies[0])
    assert "COMPANY_IDS" not in row
    assert [r["COMPANY_ID"] for r in links(empty, "contact.company", contact)] == companies
    bound = empty.result("crm.company.add", {"fields": {"TITLE": "Third", "CONTACT_ID": [contact]}})
    assert [r["CONTACT_ID"] for r in links(empty, "company.contact", bound)] == [contact]


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("items.get", {}, "ownerEntityID"),
        ("items.get", {"id": -1}, "ownerEntityID"),
        ("items.get", {"id": 999999}, "Not found"),
        ("items.set", {"id": "DEAL", "items": "x"}, "items must be array"),
        ("add", {"id": "DEAL"}, "'fields' must be array"),
        ("add", {"id": "DEAL", "fields": {"CONTACT_ID": 0}}, "'fields' is not valid"),
        ("delete", {"id": "DEAL"}, "'item' must be array"),
        ("items.set", {"id": "DEAL", "items": [{"CONTACT_ID": 999999}]}, "Not found"),
    ],
)
def test_errors_have_an_empty_code_and_the_documented_text(empty, refused, method, params, text):
    deal = owner_of(empty, "deal", "TITLE")
    params = {k: deal if v == "DEAL" else v for k, v in params.items()}
    answer = empty.call(f"crm.deal.contact.{method}", params)
    assert refused(answer) == (400, "")
    assert text in answer.json()["error_description"]


def test_quotes_and_companies_do_not_check_that_the_owner_exists(empty):
    assert links(empty, "quote.contact", 999999) == []
    assert links(empty, "company.contact", 999999) == []


@pytest.mark.parametrize("kind", ["deal.contact", "lead.contact", "quote.contact"])
def test_fields_of_a_link(empty, kind):
    fields = empty.result(f"crm.{kind}.fields")
    assert list(fields) == ["SORT", "IS_PRIMARY", "CONTACT_ID"]
    assert fields["CONTACT_ID"]["isRequired"]


def test_links_need_the_right_to_owner_and_contact(empty, colleague, refused):
    (hidden,) = people(empty, 1)
    deal = owner_of(empty, "deal", "TITLE")
    assert refused(colleague.call("crm.deal.contact.items.get", {"id": deal})) == (
        403,
        "ACCESS_DENIED",
    )
    own = owner_of(colleague, "deal", "TITLE")
    params = {"id": own, "fields": {"CONTACT_ID": hidden}}
    # As the pages of quotes say it, which are the only ones to tell.
    assert refused(colleague.call("crm.deal.contact.add", params)) == (400, "")
    (seen,) = people(colleague, 1)
    params = {"id": own, "fields": {"CONTACT_ID": seen}}
    assert colleague.result("crm.deal.contact.add", params) is True
