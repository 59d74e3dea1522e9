"""User fields: their definitions in both forms, their values, filters and enumerations."""

import itertools

import pytest

KINDS = {"lead": 1, "deal": 2, "contact": 3, "company": 4, "quote": 7}
TITLE = {"contact": "NAME"}
_numbers = itertools.count(1)


def define(client, kind="deal", type_id="string", **more):
    """A new definition; its id and full name."""
    fields = {"FIELD_NAME": f"DATA_{next(_numbers)}", "USER_TYPE_ID": type_id, **more}
    number = client.result(f"crm.{kind}.userfield.add", {"fields": fields})
    return number, client.result(f"crm.{kind}.userfield.get", {"id": number})["FIELD_NAME"]


def record(client, kind="deal", **fields):
    return client.result(f"crm.{kind}.add", {"fields": {TITLE.get(kind, "TITLE"): "x", **fields}})


def found(client, kind="deal", **filter):
    asked = {"filter": filter, "select": ["ID"], "order": {"ID": "ASC"}}
    return [int(row["ID"]) for row in client.result(f"crm.{kind}.list", asked)]


def items(client, kind="deal", **filter):
    asked = {"entityTypeId": KINDS[kind], "filter": filter, "select": ["id"]}
    return [row["id"] for row in client.result("crm.item.list", asked)["items"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_is_added_listed_changed_and_deleted(empty, kind, refused):
    labels = {"fr": "Chantier", "en": "Site"}
    number, name = define(empty, kind, EDIT_FORM_LABEL=labels, SORT=50)
    assert name.startswith("UF_CRM_DATA_")
    row = empty.result(f"crm.{kind}.userfield.get", {"id": number})
    assert (row["ID"], row["USER_TYPE_ID"], row["MULTIPLE"]) == (str(number), "string", "N")
    assert row["EDIT_FORM_LABEL"] == labels
    listed = {"filter": {"FIELD_NAME": name}}
    (bare,) = empty.result(f"crm.{kind}.userfield.list", listed)
    assert "EDIT_FORM_LABEL" not in bare
    (french,) = empty.result(
        f"crm.{kind}.userfield.list", {"filter": {"FIELD_NAME": name, "LANG": "fr"}}
    )
    assert french["EDIT_FORM_LABEL"] == "Chantier"
    change = {"id": number, "fields": {"MANDATORY": "Y", "SORT": 70}}
    assert empty.result(f"crm.{kind}.userfield.update", change) is True
    assert empty.result(f"crm.{kind}.userfield.get", {"id": number})["MANDATORY"] == "Y"
    assert empty.result(f"crm.{kind}.fields")[name]["isRequired"]
    assert empty.result(f"crm.{kind}.userfield.delete", {"id": number}) is True
    answer = empty.call(f"crm.{kind}.userfield.get", {"id": number})
    assert refused(answer) == (400, "ERROR_NOT_FOUND")
    assert name not in empty.result(f"crm.{kind}.fields")


@pytest.mark.parametrize(
    ("type_id", "sent", "old", "new"),
    [
        ("string", "text", "text", "text"),
        ("integer", "7", "7", 7),
        ("double", 1.5, "1.5", 1.5),
        ("boolean", "Y", "1", "Y"),
        ("boolean", 0, "0", "N"),
        ("url", "https://example.org", "https://example.org", "https://example.org"),
        ("money", "10|EUR", "10|EUR", "10|EUR"),
        ("employee", 1, "1", 1),
    ],
)
def test_values_have_an_old_and_a_universal_form(empty, type_id, sent, old, new):
    _number, name = define(empty, "deal", type_id)
    number = record(empty, **{name: sent})
    assert empty.result("crm.deal.get", {"id": number})[name] == old
    item = empty.result("crm.item.get", {"entityTypeId": 2, "id": number})["item"]
    camel = next(key for key in item if key.startswith("ufCrm") and item[key] == new)
    raw = {"entityTypeId": 2, "id": number, "useOriginalUfNames": "Y"}
    assert empty.result("crm.item.get", raw)["item"][name] == new
    fields = empty.result("crm.item.fields", {"entityTypeId": 2})["fields"]
    assert name in [field["upperName"] for field in fields.values()]
    assert camel in fields


def test_definitions_come_by_sort_or_as_the_order_says(empty):
    numbers = [define(empty, "lead", "string", SORT=sort)[0] for sort in (300, 100, 200)]
    first, second, third = numbers

    def listed(**params):
        asked = {"filter": {"@ID": numbers}, **params}
        return [int(row["ID"]) for row in empty.result("crm.lead.userfield.list", asked)]

    assert listed() == [second, third, first]
    assert listed(order={"ID": "DESC"}) == [third, second, first]
    assert listed(order={"SORT": "DESC"}) == [first, third, second]


def test_dates_come_as_midnight_and_filter_by_day(empty):
    _number, name = define(empty, "deal", "date")
    early = record(empty, **{name: "2026-03-01"})
    late = record(empty, **{name: "2026-04-01"})
    assert empty.result("crm.deal.get", {"id": early})[name].startswith("2026-03-01T")
    assert found(empty, **{f">={name}": "2026-03-15"}) == [late]
    assert found(empty, **{f"<{name}": "2026-03-15"}) == [early]


def test_an_enumeration_holds_ids_of_its_list(empty):
    """[?] That records hold the ids of LIST is not stated; every client reads it so."""
    options = [{"VALUE": "Small", "SORT": 10}, {"VALUE": "Large", "SORT": 20, "DEF": "Y"}]
    number, name = define(empty, "deal", "enumeration", LIST=options)
    shown = empty.result("crm.deal.userfield.get", {"id": number})["LIST"]
    assert [(o["VALUE"], o["DEF"]) for o in shown] == [("Small", "N"), ("Large", "Y")]
    assert all(isinstance(option["ID"], str) for option in shown)
    small, large = (int(option["ID"]) for option in shown)
    one, two = record(empty, **{name: small}), record(empty, **{name: str(large)})
    assert empty.result("crm.deal.get", {"id": one})[name] == str(small)
    assert found(empty, **{name: large}) == [two]
    assert found(empty, **{f"@{name}": [small, large]}) == [one, two]
    described = empty.result("crm.deal.fields")[name]
    assert [entry["VALUE"] for entry in described["items"]] == ["Small", "Large"]


def test_the_list_of_an_enumeration_is_changed_by_ids(empty):
    options = [{"VALUE": "One"}, {"VALUE": "Two"}]
    number, _name = define(empty, "lead", "enumeration", LIST=options)
    one, two = (o["ID"] for o in empty.result("crm.lead.userfield.get", {"id": number})["LIST"])
    write = [{"ID": one, "VALUE": "First"}, {"ID": two, "DEL": "Y"}, {"VALUE": "Third"}]
    empty.result("crm.lead.userfield.update", {"id": number, "fields": {"LIST": write}})
    after = empty.result("crm.lead.userfield.get", {"id": number})["LIST"]
    assert [o["VALUE"] for o in after] == ["First", "Third"]
    assert after[0]["ID"] == one


def test_multiple_fields_hold_lists(empty, refused):
    _number, name = define(empty, "deal", "string", MULTIPLE="Y")
    number = record(empty, **{name: ["a", "b"]})
    assert empty.result("crm.deal.get", {"id": number})[name] == ["a", "b"]
    assert found(empty, **{name: "b"}) == [number]
    raw = {"entityTypeId": 2, "id": number, "useOriginalUfNames": "Y"}
    assert empty.result("crm.item.get", raw)["item"][name] == ["a", "b"]
    scalar = {**raw, "fields": {name: "a"}}
    assert refused(empty.call("crm.item.update", scalar)) == (400, "100")


def test_universal_filters_take_1_and_0_for_a_boolean(empty):
    _number, name = define(empty, "deal", "boolean")
    yes, no = record(empty, **{name: "Y"}), record(empty, **{name: "N"})
    ids = {"@id": [yes, no]}
    raw = {"entityTypeId": 2, "useOriginalUfNames": "Y", "select": ["id"]}
    for value, expected in ((1, yes), (0, no)):
        asked = {**raw, "filter": {**ids, name: value}}
        rows = empty.result("crm.item.list", asked)["items"]
        assert [row["id"] for row in rows] == [expected]


def test_a_required_field_is_asked_for_by_universal_methods(empty, refused):
    number, name = define(empty, "quote", "string", MANDATORY="Y")
    params = {"entityTypeId": 7, "fields": {"title": "x"}}
    assert refused(empty.call("crm.item.add", params)) == (400, "CRM_FIELD_ERROR_REQUIRED")
    assert isinstance(record(empty, "quote"), int)
    empty.result("crm.quote.userfield.delete", {"id": number})
    assert empty.call("crm.item.add", params).status_code == 200
    assert name not in empty.result("crm.quote.fields")


def test_both_families_of_definitions_are_the_same(empty):
    number, name = define(empty, "deal", "enumeration", LIST=[{"VALUE": "A"}])
    module = {"moduleId": "crm"}
    field = empty.result("userfieldconfig.get", {**module, "id": number})["field"]
    assert (field["id"], field["entityId"], field["fieldName"]) == (str(number), "CRM_DEAL", name)
    assert [option["value"] for option in field["enum"]] == ["A"]
    listed = {**module, "filter": {"entityId": "CRM_DEAL", "fieldName": name}}
    answer = empty.call("userfieldconfig.list", listed).json()
    assert [f["fieldName"] for f in answer["result"]["fields"]] == [name]
    assert answer["total"] == 1
    change = {**module, "id": number, "field": {"mandatory": "Y"}}
    assert empty.result("userfieldconfig.update", change)["field"]["mandatory"] == "Y"
    assert empty.result("userfieldconfig.delete", {**module, "id": number}) is None
    assert empty.call("crm.deal.userfield.get", {"id": number}).status_code == 400


def test_fields_of_a_smart_process_belong_to_the_id_of_its_type(empty, refused):
    kind = empty.result("crm.type.add", {"fields": {"title": "Extended"}})["type"]
    name = f"UF_CRM_{kind['id']}_SITE"
    field = {"entityId": f"CRM_{kind['id']}", "fieldName": name, "userTypeId": "string"}
    made = empty.result("userfieldconfig.add", {"moduleId": "crm", "field": field})["field"]
    assert made["fieldName"] == name
    params = {"entityTypeId": kind["entityTypeId"], "fields": {f"ufCrm{kind['id']}Site": "Lyon"}}
    item = empty.result("crm.item.add", params)["item"]
    assert item[f"ufCrm{kind['id']}Site"] == "Lyon"
    wrong = {"moduleId": "crm", "field": {**field, "entityId": "CRM_NOTHING"}}
    answer = empty.call("userfieldconfig.add", wrong)
    assert refused(answer)[0] == 400


def test_definitions_need_the_scope_and_an_administrator(empty, colleague, refused):
    narrow = empty.webhook(1, ["crm"])
    answer = narrow.call("userfieldconfig.list", {"moduleId": "crm"})
    assert refused(answer) == (403, "insufficient_scope")
    alone = empty.webhook(1, ["userfieldconfig"])
    answer = alone.call("userfieldconfig.list", {"moduleId": "crm"})
    assert refused(answer) == (400, "")
    text = "The current method required more scopes. (crm)"
    assert answer.json()["error_description"] == text
    fields = {"FIELD_NAME": "NOPE", "USER_TYPE_ID": "string"}
    answer = colleague.call("crm.deal.userfield.add", {"fields": fields})
    assert refused(answer) == (403, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"FIELD_NAME": "BAD", "USER_TYPE_ID": "nothing"},
        {"FIELD_NAME": "BAD NAME", "USER_TYPE_ID": "string"},
        {"FIELD_NAME": "TWICE", "USER_TYPE_ID": "string"},
    ],
)
def test_definitions_that_cannot_be(empty, refused, fields):
    if fields["FIELD_NAME"] == "TWICE":
        empty.result("crm.company.userfield.add", {"fields": fields})
    answer = empty.call("crm.company.userfield.add", {"fields": fields})
    assert refused(answer) == (400, "ERROR_CORE")


@pytest.mark.parametrize(
    ("type_id", "given", "matching", "others"),
    [
        ("string", 37, {"": ["37", 37], "%": ["7"]}, {"": ["38"]}),
        ("url", "https://example.org", {"": ["https://example.org"]}, {"": ["https://example"]}),
        ("employee", "1", {"": [1, "1"], "@": [[1, 2]]}, {"": [11, "x"], ">": [1]}),
        ("money", "100.50|EUR", {"": ["100.50|EUR", 100.5], ">": [99]}, {">": [101], "": ["100"]}),
        ("money", "1100,50|EUR", {"": ["1100,50|EUR", "1100.5|EUR"], ">": [1100.2]}, {"<": [1100]}),
        (
            "datetime",
            "2026-05-14T10:00:00",  # the portal's time, +02:00 in May
            {"": ["2026-05-14T08:00:00Z"], "<": ["2026-05-14T10:00:01+02:00"]},
            {">": ["2026-05-14T09:00:00+01:00"], "": ["2026-05-14T10:00:00Z"]},
        ),
        ("iblock_element", "5", {"": [5, "5"], "<": [10]}, {">": [10], "": [50]}),
        ("double", "0.10", {"": ["0.1", 0.1], "<=": [0.1]}, {">": [0.1], "": ["0.11"]}),
    ],
)
def test_a_filter_compares_as_the_type_does(empty, type_id, given, matching, others):
    _number, name = define(empty, type_id=type_id)
    deal = record(empty, **{name: given})
    record(empty)  # without a value
    for prefix, values in matching.items():
        for value in values:
            assert found(empty, **{f"{prefix}{name}": value}) == [deal], (prefix, value)
    for prefix, values in others.items():
        for value in values:
            assert found(empty, **{f"{prefix}{name}": value}) == [], (prefix, value)


@pytest.mark.parametrize(
    ("type_id", "wrong"),
    [("datetime", "soon"), ("money", "much|EUR"), ("employee", "x"), ("string", {"a": "b"})],
)
def test_a_value_that_is_none_of_its_type_is_refused(empty, type_id, wrong):
    _number, name = define(empty, type_id=type_id)
    answer = empty.call("crm.deal.add", {"fields": {"TITLE": "x", name: wrong}})
    assert answer.status_code == 400
    assert name in answer.json()["error_description"]


def test_a_list_of_numbers_is_found_by_one_of_them(empty):
    _number, name = define(empty, type_id="double", MULTIPLE="Y")
    deal = record(empty, **{name: [1, "2.50"]})
    for value in ("1", 1.0, "1.00", 2.5, "2.5"):
        assert found(empty, **{name: value}) == [deal], value
    assert found(empty, **{name: "2"}) == []


def test_an_emptied_number_is_neither_nothing_nor_below_one(empty):
    _number, name = define(empty, type_id="double")
    deal = record(empty, **{name: 5})
    empty.result("crm.deal.update", {"id": deal, "fields": {name: ""}})
    assert found(empty, **{f"<{name}": 1}) == []
    assert found(empty, ID=deal, **{name: ""}) == [deal]
    assert empty.result("crm.deal.get", {"id": deal})[name] == ""


@pytest.mark.parametrize("door", ["crm.deal.userfield.delete", "userfieldconfig.delete"])
def test_a_field_made_anew_shows_nothing_of_the_old_one(empty, door):
    number, name = define(empty)
    deal = record(empty, **{name: "old"})
    empty.call(door, {"id": number, "moduleId": "crm"})
    fields = {"FIELD_NAME": name, "USER_TYPE_ID": "string"}
    empty.result("crm.deal.userfield.add", {"fields": fields})
    assert empty.result("crm.deal.get", {"id": deal})[name] == ""
    assert found(empty, **{name: "old"}) == []


def test_options_are_numbered_by_the_portal(empty):
    given = [{"ID": 1, "VALUE": "a"}, {"ID": 1, "VALUE": "b"}, {"ID": 99_999, "VALUE": "c"}]
    number, _name = define(empty, type_id="enumeration", LIST=given)
    first = empty.result("crm.deal.userfield.get", {"id": number})["LIST"]
    more = {"LIST": [{"ID": first[0]["ID"], "VALUE": "A"}, {"ID": 77_777, "VALUE": "d"}]}
    empty.result("crm.deal.userfield.update", {"id": number, "fields": more})
    options = empty.result("crm.deal.userfield.get", {"id": number})["LIST"]
    assert [option["VALUE"] for option in options] == ["A", "b", "c"], "77,777 is none of its own"
    numbers = [int(option["ID"]) for option in options]
    assert len(set(numbers)) == 3 and max(numbers) < 77_777


def test_lists_of_texts_are_searched_without_case_and_for_several(empty):
    _number, name = define(empty, MULTIPLE="Y")
    deal = record(empty, **{name: ["foo", "Élan"]})
    for matching in (["fo", "zz"], "élan", "FOO"):
        assert found(empty, ID=deal, **{f"%{name}": matching}) == [deal], matching
        assert found(empty, ID=deal, **{f"!%{name}": matching}) == [], matching
    assert found(empty, ID=deal, **{f"%{name}": ["xx", "zz"]}) == []
    assert found(empty, ID=deal, **{f"!%{name}": ["xx", "zz"]}) == [deal]


@pytest.mark.parametrize(
    ("type_id", "values"),
    [
        ("double", [3, 1, "2.5"]),
        ("string", ["c", "a", "b"]),
        ("datetime", ["2026-03-01T10:00:00Z", "2026-01-01", "2026-03-01T10:30:00+01:00"]),
    ],
)
def test_records_are_ordered_by_a_field_of_one_value(empty, type_id, values):
    _number, name = define(empty, type_id=type_id)
    first, low, between = [record(empty, **{name: value}) for value in values]
    ids = {"@ID": [first, low, between]}
    for way, expected in (("ASC", [low, between, first]), ("DESC", [first, between, low])):
        asked = {"filter": ids, "order": {name: way}, "select": ["ID"]}
        rows = empty.result("crm.deal.list", asked)
        assert [int(row["ID"]) for row in rows] == expected
        asked = {"entityTypeId": 2, "filter": {"@id": ids["@ID"]}, "order": {name: way}}
        given = {**asked, "select": ["id"], "useOriginalUfNames": "Y"}
        items = empty.result("crm.item.list", given)["items"]
        assert [row["id"] for row in items] == expected


def test_a_field_of_several_values_orders_nothing(empty, refused):
    _number, name = define(empty, MULTIPLE="Y")
    assert empty.call("crm.deal.list", {"order": {name: "ASC"}}).status_code == 200
    given = {"entityTypeId": 2, "order": {name: "ASC"}, "useOriginalUfNames": "Y"}
    answer = empty.call("crm.item.list", given)
    assert refused(answer) == (400, "INVALID_ARG_VALUE")
