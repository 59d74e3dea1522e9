"""Filters of lists against the same choice made in Python over all rows."""

import pytest

NAMES = ("Atelier", "Épicerie", "école", "100 % bio", "a_b", "Zoo")


@pytest.fixture(scope="module")
def deals(empty):
    """Deals of this file, with and without a contact and a source, by id."""
    contact = empty.result("crm.contact.add", {"fields": {"NAME": "Filtered"}})
    made = []
    for place, name in enumerate(NAMES):
        fields = {"TITLE": name, "OPPORTUNITY": place * 10, "ORIGIN_ID": "filters"}
        if place % 2:
            fields |= {"CONTACT_ID": contact, "UTM_SOURCE": "google"}
        made.append(empty.result("crm.deal.add", {"fields": fields}))
    rows = empty.result("crm.deal.list", {"filter": {"@ID": made}, "order": {"ID": "ASC"}})
    assert len(rows) == len(NAMES)
    return rows


def found(empty, filter):
    filter = {**filter, "ORIGIN_ID": "filters"}
    rows = empty.result("crm.deal.list", {"filter": filter, "select": ["TITLE"]})
    return sorted(row["TITLE"] for row in rows)


@pytest.mark.parametrize("empty_value", ["", None, False, 0, "0"])
def test_a_link_to_nothing_is_found_however_it_is_asked_for(empty, deals, empty_value):
    without = sorted(row["TITLE"] for row in deals if not int(row["CONTACT_ID"] or 0))
    with_one = sorted(row["TITLE"] for row in deals if int(row["CONTACT_ID"] or 0))
    assert without
    assert with_one
    assert found(empty, {"CONTACT_ID": empty_value}) == without
    assert found(empty, {"!CONTACT_ID": empty_value}) == with_one
    assert found(empty, {"@CONTACT_ID": [empty_value]}) == without
    items = {"entityTypeId": 2, "filter": {"contactId": empty_value, "originId": "filters"}}
    rows = empty.result("crm.item.list", items)["items"]
    assert sorted(row["title"] for row in rows) == without


@pytest.mark.parametrize("zero", [0, "0"])
def test_a_link_is_more_than_nothing_only_where_there_is_one(empty, deals, zero):
    with_one = sorted(row["TITLE"] for row in deals if int(row["CONTACT_ID"] or 0))
    assert 0 < len(with_one) < len(deals)
    assert found(empty, {">CONTACT_ID": zero}) == with_one
    assert found(empty, {">=CONTACT_ID": "1"}) == with_one
    assert found(empty, {"<CONTACT_ID": zero}) == []
    filter = {">contactId": zero, "originId": "filters"}
    rows = empty.result("crm.item.list", {"entityTypeId": 2, "filter": filter})["items"]
    assert sorted(row["title"] for row in rows) == with_one


def test_a_list_of_numbers_or_days_holds_one_beyond_a_bound(untouched):
    for name, kind in (("NUMBERS", "double"), ("DAYS", "date")):
        field = {"FIELD_NAME": name, "USER_TYPE_ID": kind, "MULTIPLE": "Y"}
        untouched.result("crm.deal.userfield.add", {"fields": field})
    held = {"a": [1.5, 20], "b": [3], "c": []}
    days = {"a": ["2026-01-31", "2026-03-01"], "b": ["2026-02-10"], "c": []}
    for title in held:
        fields = {"TITLE": title, "UF_CRM_NUMBERS": held[title], "UF_CRM_DAYS": days[title]}
        untouched.result("crm.deal.add", {"fields": fields})

    def titles(**filter):
        rows = untouched.result("crm.deal.list", {"filter": filter, "select": ["TITLE"]})
        return "".join(sorted(row["TITLE"] for row in rows))

    assert titles(**{">UF_CRM_NUMBERS": 3}) == "a"
    assert titles(**{">=UF_CRM_NUMBERS": "3"}) == "ab"
    assert titles(**{"<UF_CRM_NUMBERS": 1.7}) == "a"
    assert titles(**{"<=UF_CRM_NUMBERS": 1}) == ""
    assert titles(**{">UF_CRM_DAYS": "2026-02-10"}) == "a"
    assert titles(**{"<=UF_CRM_DAYS": "2026-02-10"}) == "ab"
    filter = {">ufCrmNumbers": 3}
    rows = untouched.result("crm.item.list", {"entityTypeId": 2, "filter": filter})["items"]
    assert [row["title"] for row in rows] == ["a"]


def test_false_finds_texts_that_are_empty_and_flags_that_are_no(empty, deals):
    without = sorted(row["TITLE"] for row in deals if not row["UTM_SOURCE"])
    assert 0 < len(without) < len(deals)
    assert found(empty, {"UTM_SOURCE": False}) == without
    assert found(empty, {"!UTM_SOURCE": False}) == sorted(set(NAMES) - set(without))
    assert found(empty, {"CLOSED": False}) == sorted(NAMES)
    assert found(empty, {"!CLOSED": False}) == []


def test_a_list_of_texts_finds_what_is_like_one_of_them(empty, deals):
    for key, parts in (("%TITLE", ("É", "zoo")), ("=%TITLE", ("a%", "%O")), ("%TITLE", ("%",))):
        mode = key[:-5]

        def like(name, part, mode=mode):
            name, part = name.casefold(), part.casefold()
            if mode == "%":
                return part in name
            return name.endswith(part[1:]) if part[0] == "%" else name.startswith(part[:-1])

        wanted = sorted(n for n in NAMES if any(like(n, part) for part in parts))
        assert 0 < len(wanted) < len(NAMES)
        assert found(empty, {key: list(parts)}) == wanted
        assert found(empty, {f"!{key}": list(parts)}) == sorted(set(NAMES) - set(wanted))


def test_nested_conditions_come_as_maps_and_as_lists(empty, deals):
    either = {"logic": "OR", "0": {"=title": "Zoo"}, "1": {"<opportunity": 15}}
    wanted = sorted(
        r["TITLE"] for r in deals if r["TITLE"] == "Zoo" or float(r["OPPORTUNITY"]) < 15
    )
    both = [{"originId": "filters"}, either]
    for filter in ({"0": both[0], "1": either}, both, {"0": both}, {"5": [], "7": both}):
        rows = empty.result("crm.item.list", {"entityTypeId": 2, "filter": filter})["items"]
        assert sorted(row["title"] for row in rows) == wanted, filter
