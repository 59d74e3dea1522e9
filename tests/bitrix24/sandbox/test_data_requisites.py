"""Requisites of contacts and companies, their bank details, templates, links and addresses."""

import pytest


@pytest.fixture
def company(empty):
    return empty.result("crm.company.add", {"fields": {"TITLE": "Lampes & Cie"}})


@pytest.fixture
def requisite(empty, company):
    return add(empty, company)


def add(client, owner, kind=4, **fields):
    fields = {"ENTITY_TYPE_ID": kind, "ENTITY_ID": owner, "PRESET_ID": 1, **fields}
    return client.result("crm.requisite.add", {"fields": {"NAME": "Main", **fields}})


def account(client, requisite, **fields):
    fields = {"ENTITY_ID": requisite, "NAME": "Bank", "RQ_IBAN": "FR76", **fields}
    return client.result("crm.requisite.bankdetail.add", {"fields": fields})


def text(answer):
    return answer.json()["error_description"]


def test_a_requisite_is_all_text_with_nulls_and_no_change_yet(empty, company):
    number = add(empty, company, RQ_SIRET="123 456 789 00011", RQ_VAT_ID="FR1", SORT=100)
    assert isinstance(number, int)
    row = empty.result("crm.requisite.get", {"id": number})
    assert (row["ID"], row["ENTITY_TYPE_ID"], row["ENTITY_ID"]) == (str(number), "4", str(company))
    assert (row["PRESET_ID"], row["NAME"], row["SORT"]) == ("1", "Main", "100")
    assert (row["ACTIVE"], row["ADDRESS_ONLY"], row["RQ_SIRET"]) == ("Y", "N", "123 456 789 00011")
    assert (row["DATE_MODIFY"], row["MODIFY_BY_ID"], row["RQ_KPP"]) == ("", None, None)
    assert row["CREATED_BY_ID"] == "1"


def test_requisites_are_changed_but_not_moved_to_another_owner(empty, requisite):
    change = {"id": requisite, "fields": {"RQ_DIRECTOR": "A. Lumen", "ENTITY_ID": 999}}
    assert empty.result("crm.requisite.update", change) is True
    row = empty.result("crm.requisite.get", {"id": requisite})
    assert row["RQ_DIRECTOR"] == "A. Lumen"
    assert row["ENTITY_ID"] != "999"
    assert row["DATE_MODIFY"] and row["MODIFY_BY_ID"] == "1"


def test_requisites_are_listed_by_owner_with_select(empty, company):
    first, second = add(empty, company), add(empty, company, NAME="Branch")
    asked = {
        "filter": {"ENTITY_TYPE_ID": 4, "ENTITY_ID": company},
        "select": ["ID", "NAME"],
        "order": {"ID": "DESC"},
    }
    answer = empty.call("crm.requisite.list", asked).json()
    assert answer["result"] == [
        {"ID": str(second), "NAME": "Branch"},
        {"ID": str(first), "NAME": "Main"},
    ]
    assert answer["total"] == 2


def test_a_deleted_owner_takes_requisites_accounts_and_addresses_along(empty, company, requisite):
    bank = account(empty, requisite)
    place = {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": requisite, "CITY": "Lyon"}
    assert empty.result("crm.address.add", {"fields": place}) is True
    empty.result("crm.company.delete", {"id": company})
    gone = empty.call("crm.requisite.get", {"id": requisite})
    assert text(gone) == f"The Requisite with ID '{requisite}' is not found"
    gone = empty.call("crm.requisite.bankdetail.get", {"id": bank})
    assert text(gone) == f"The RequisiteBankDetail with ID '{bank}' is not found"
    found = empty.result("crm.address.list", {"filter": {"ENTITY_ID": requisite}})
    assert [row for row in found if row["ENTITY_TYPE_ID"] == "8"] == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ENTITY_TYPE_ID": 2}, "ENTITY_TYPE_ID is not defined or invalid."),
        ({"ENTITY_ID": "x"}, "ENTITY_ID is not defined or invalid."),
        ({"PRESET_ID": 999}, "PRESET_ID is not defined or invalid."),
        ({"ENTITY_ID": 999999}, "Entity not found."),
    ],
)
def test_adding_says_what_is_missing(empty, company, refused, fields, expected):
    good = {"ENTITY_TYPE_ID": 4, "ENTITY_ID": company, "PRESET_ID": 1, "NAME": "x"}
    answer = empty.call("crm.requisite.add", {"fields": {**good, **fields}})
    assert refused(answer) == (400, "")
    assert text(answer) == expected


def test_bank_details_belong_to_a_requisite(empty, requisite):
    number = account(empty, requisite, RQ_ACC_CURRENCY="EUR")
    row = empty.result("crm.requisite.bankdetail.get", {"id": number})
    assert (row["ENTITY_ID"], row["RQ_IBAN"], row["RQ_BIC"]) == (str(requisite), "FR76", None)
    change = {"id": number, "fields": {"RQ_BIC": "BNPAFRPP"}}
    assert empty.result("crm.requisite.bankdetail.update", change) is True
    listed = {"filter": {"ENTITY_ID": requisite}, "select": ["ID", "RQ_BIC"]}
    assert empty.result("crm.requisite.bankdetail.list", listed) == [
        {"ID": str(number), "RQ_BIC": "BNPAFRPP"}
    ]
    assert empty.result("crm.requisite.bankdetail.delete", {"id": number}) is True
    answer = empty.call("crm.requisite.bankdetail.add", {"fields": {"NAME": "x"}})
    assert text(answer) == "ENTITY_ID is not defined or invalid."


def test_requisites_are_seen_by_those_who_see_the_owner(empty, colleague, requisite, refused):
    bank = account(empty, requisite)
    for method, number in (("crm.requisite", requisite), ("crm.requisite.bankdetail", bank)):
        for what in ("get", "update", "delete"):
            answer = colleague.call(f"{method}.{what}", {"id": number, "fields": {}})
            assert refused(answer) == (400, "")
            assert text(answer) == "Access denied."
    own = colleague.result("crm.company.add", {"fields": {"TITLE": "Own"}})
    mine = add(colleague, own)
    mine_too = account(colleague, mine)
    assert [r["ID"] for r in colleague.result("crm.requisite.list")] == [str(mine)]
    assert [r["ID"] for r in colleague.result("crm.requisite.bankdetail.list")] == [str(mine_too)]


def test_links_put_requisites_of_both_sides_on_a_record(empty, company, requisite):
    bank = account(empty, requisite)
    fields = {"TITLE": "Our own", "IS_MY_COMPANY": "Y"}
    mine = add(empty, empty.result("crm.company.add", {"fields": fields}))
    fields = {"title": "Invoice", "companyId": company}
    item = empty.result("crm.item.add", {"entityTypeId": 31, "fields": fields})["item"]["id"]
    link = {
        "ENTITY_TYPE_ID": 31,
        "ENTITY_ID": item,
        "REQUISITE_ID": requisite,
        "BANK_DETAIL_ID": bank,
        "MC_REQUISITE_ID": mine,
        "MC_BANK_DETAIL_ID": 0,
    }
    assert empty.result("crm.requisite.link.register", {"fields": link}) is True
    asked = {"entityTypeId": 31, "entityId": item}
    parts = {k: str(v) for k, v in link.items() if k not in ("ENTITY_TYPE_ID", "ENTITY_ID")}
    assert empty.result("crm.requisite.link.get", asked) == {
        "ENTITY_TYPE_ID": 31,
        "ENTITY_ID": item,
        **parts,
    }
    listed = empty.result("crm.requisite.link.list", {"filter": {"ENTITY_ID": item}})
    assert {k: str(v) for k, v in link.items()} in listed
    assert empty.result("crm.requisite.link.unregister", asked) is True
    assert text(empty.call("crm.requisite.link.get", asked)) == "Not found"


def test_links_refuse_requisites_of_somebody_else(empty, company, requisite):
    other = empty.result("crm.company.add", {"fields": {"TITLE": "Other"}})
    foreign = add(empty, other)
    deal = empty.result("crm.deal.add", {"fields": {"TITLE": "x", "COMPANY_ID": company}})
    base = {"ENTITY_TYPE_ID": 2, "ENTITY_ID": deal, "MC_REQUISITE_ID": 0, "MC_BANK_DETAIL_ID": 0}
    bank = account(empty, foreign)
    for number, details, expected in (
        (foreign, 0, f"is not assigned to Company with ID '{company}'"),
        (999999, 0, "The Requisite with ID '999999' is not found"),
        (requisite, bank, f"is not assigned to Requisite with ID '{requisite}'"),
    ):
        fields = {**base, "REQUISITE_ID": number, "BANK_DETAIL_ID": details}
        answer = empty.call("crm.requisite.link.register", {"fields": fields})
        assert answer.status_code == 400
        assert expected in text(answer)


def test_a_new_portal_has_three_templates_with_fields(empty):
    presets = empty.result("crm.requisite.preset.list", {"select": ["ID", "NAME"]})
    assert [p["ID"] for p in presets[:3]] == ["1", "2", "3"]
    fields = empty.call("crm.requisite.preset.field.list", {"preset": {"ID": 1}}).json()
    assert fields["total"] == len(fields["result"])
    assert "RQ_SIRET" in [f["FIELD_NAME"] for f in fields["result"]]
    assert all(isinstance(f["ID"], int) for f in fields["result"])
    codes = [c["CODE"] for c in empty.result("crm.requisite.preset.countries")]
    assert "FR" in codes


def test_templates_and_their_fields_are_made_changed_and_deleted(empty, colleague, refused):
    fields = {"ENTITY_TYPE_ID": 8, "COUNTRY_ID": 132, "NAME": "Association"}
    number = empty.result("crm.requisite.preset.add", {"fields": fields})
    barred = colleague.call("crm.requisite.preset.add", {"fields": fields})
    assert refused(barred) == (400, "")
    row = colleague.result("crm.requisite.preset.get", {"id": number})
    assert (row["NAME"], row["COUNTRY_ID"], row["DATE_MODIFY"]) == ("Association", "132", "")
    of = {"preset": {"ID": number}}
    shown = empty.result("crm.requisite.preset.field.availabletoadd", of)
    assert "RQ_SIREN" in shown
    field = empty.result(
        "crm.requisite.preset.field.add", {**of, "fields": {"FIELD_NAME": "RQ_SIREN"}}
    )
    change = {**of, "id": field, "fields": {"FIELD_NAME": "RQ_SIREN", "FIELD_TITLE": "Siren"}}
    assert empty.result("crm.requisite.preset.field.update", change) is True
    got = empty.result("crm.requisite.preset.field.get", {**of, "id": field})
    assert (got["FIELD_NAME"], got["FIELD_TITLE"]) == ("RQ_SIREN", "Siren")
    assert "RQ_SIREN" not in empty.result("crm.requisite.preset.field.availabletoadd", of)
    again = empty.call(
        "crm.requisite.preset.field.add", {**of, "fields": {"FIELD_NAME": "RQ_SIREN"}}
    )
    assert text(again) == "The field 'RQ_SIREN' can not be added."
    assert empty.result("crm.requisite.preset.field.delete", {**of, "id": field}) is True
    empty.result("crm.requisite.preset.update", {"id": number, "fields": {"NAME": "Club"}})
    assert empty.result("crm.requisite.preset.delete", {"id": number}) is True
    gone = empty.call("crm.requisite.preset.get", {"id": number})
    assert text(gone) == f"The Preset with ID '{number}' is not found"


def test_an_owner_has_one_address_of_each_type(empty, requisite, company):
    key = {"TYPE_ID": 6, "ENTITY_TYPE_ID": 8, "ENTITY_ID": requisite}
    assert empty.result("crm.address.add", {"fields": {**key, "CITY": "Lyon"}}) is True
    again = empty.call("crm.address.add", {"fields": {**key, "CITY": "Nice"}})
    assert text(again) == "TypeAddress exists."
    change = {**key, "CITY": "Paris", "POSTAL_CODE": "75011"}
    assert empty.result("crm.address.update", {"fields": change}) is True
    (row,) = empty.result("crm.address.list", {"filter": key})
    assert (row["CITY"], row["POSTAL_CODE"], row["COUNTRY_CODE"]) == ("Paris", "75011", None)
    assert (row["ANCHOR_TYPE_ID"], row["ANCHOR_ID"]) == ("4", str(company))
    assert "RECORD" not in row
    assert empty.result("crm.address.delete", {"fields": key}) is True
    gone = empty.call("crm.address.delete", {"fields": key})
    assert text(gone) == "TypeAddress not found."


def test_addresses_are_seen_by_those_who_see_the_owner(empty, colleague, requisite, refused):
    key = {"TYPE_ID": 1, "ENTITY_TYPE_ID": 8, "ENTITY_ID": requisite}
    barred = colleague.call("crm.address.add", {"fields": {**key, "CITY": "Lyon"}})
    assert refused(barred) == (400, "")
    assert text(barred) == "Access denied."
    empty.result("crm.address.add", {"fields": {**key, "CITY": "Lyon"}})
    lead = colleague.result("crm.lead.add", {"fields": {"TITLE": "Own"}})
    own = {"TYPE_ID": 1, "ENTITY_TYPE_ID": 1, "ENTITY_ID": lead, "CITY": "Brest"}
    colleague.result("crm.address.add", {"fields": own})
    assert [row["CITY"] for row in colleague.result("crm.address.list")] == ["Brest"]


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("crm.requisite", {"ENTITY_ID", "RQ_SIRET"}),
        ("crm.requisite.bankdetail", {"ENTITY_ID", "RQ_IBAN"}),
        ("crm.requisite.preset", {"COUNTRY_ID", "NAME"}),
        ("crm.requisite.preset.field", {"FIELD_NAME"}),
        ("crm.requisite.link", {"MC_REQUISITE_ID"}),
        ("crm.address", {"ANCHOR_ID", "CITY"}),
    ],
)
def test_fields_are_described(empty, family, names):
    fields = empty.result(f"{family}.fields")
    assert names <= set(fields)
    assert "RECORD" not in fields


def test_requisites_have_user_fields(empty, company):
    fields = {"FIELD_NAME": "REGISTER", "USER_TYPE_ID": "string"}
    number = empty.result("crm.requisite.userfield.add", {"fields": fields})
    name = empty.result("crm.requisite.userfield.get", {"id": number})["FIELD_NAME"]
    requisite = add(empty, company, **{name: "RCS Lyon"})
    assert empty.result("crm.requisite.get", {"id": requisite})[name] == "RCS Lyon"
    listed = {"filter": {name: "RCS Lyon"}, "select": [name]}
    (row,) = empty.result("crm.requisite.list", listed)
    assert row[name] == "RCS Lyon"
    assert name in empty.result("crm.requisite.preset.field.availabletoadd", {"preset": {"ID": 1}})
