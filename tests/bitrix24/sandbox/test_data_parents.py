"""Relations of smart processes, and the links to parents that records have by them."""

import pytest

from workbench.bitrix24.sandbox.crm.smart_types import add_type
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.new_portal import furnish

TITLED = {"lead": (1, "TITLE"), "deal": (2, "TITLE"), "contact": (3, "NAME"),
          "company": (4, "TITLE"), "quote": (7, "TITLE")}  # fmt: skip
NUMBERS = [kind for kind, _title in TITLED.values()]


def process(client, title="Visits", *, parent=(), child=(), **fields):
    """A smart process with these entityTypeIds on either side."""
    relations = {
        side: [{"entityTypeId": number} for number in numbers]
        for side, numbers in (("parent", parent), ("child", child))
    }
    params = {"fields": {"title": title, "relations": relations, **fields}}
    return client.result("crm.type.add", params)["type"]


def relate(client, kind, relations):
    params = {"id": kind["id"], "fields": {"relations": relations}}
    return client.result("crm.type.update", params)["type"]["relations"]


def numbers(relations):
    return {side: [each["entityTypeId"] for each in rows] for side, rows in relations.items()}


def related(client, kind):
    return numbers(client.result("crm.type.get", {"id": kind["id"]})["type"]["relations"])


def item(client, type_id, title="One", **fields):
    params = {"entityTypeId": type_id, "fields": {"title": title, **fields}}
    return client.result("crm.item.add", params)["item"]


def add(client, kind, **fields):
    title = TITLED[kind][1]
    return client.result(f"crm.{kind}.add", {"fields": {title: "Child", **fields}})


def described(client, number):
    return client.result("crm.item.fields", {"entityTypeId": number})["fields"]


@pytest.fixture(scope="module")
def visits(changing):
    """A smart process whose items are parents of every kind of record."""
    return process(changing, child=(*NUMBERS, 31))


@pytest.fixture(scope="module")
def deals(changing, visits):
    """Deals named for their parents: two of one item, one of another, one of none."""
    number = visits["entityTypeId"]
    one, two = item(changing, number)["id"], item(changing, number)["id"]
    name = f"PARENT_ID_{number}"
    above = {"a": two, "b": one, "c": one, "none": None}
    ids = {key: add(changing, "deal", **{name: value}) for key, value in above.items()}
    return one, two, ids


def test_relations_are_shown_beside_the_predefined_ones(changing):
    other = process(changing, "Sites")
    relations = {
        "parent": [{"entityTypeId": 2, "isChildrenListEnabled": "true"}, {"entityTypeId": "31"}],
        "child": [
            {"entityTypeId": 3, "isChildrenListEnabled": "false"},
            {"entityTypeId": other["entityTypeId"], "isChildrenListEnabled": "true"},
        ],
    }
    fields = {"title": "Both", "isClientEnabled": "Y", "relations": relations}
    made = changing.result("crm.type.add", {"fields": fields})["type"]

    def row(number, listed, predefined="N"):
        shown = {"isChildrenListEnabled": listed, "isPredefined": predefined}
        return {"entityTypeId": number, **shown}

    expected = {
        "parent": [row(3, "Y", "Y"), row(4, "Y", "Y"), row(2, "Y"), row(31, "N")],
        "child": [row(3, "N"), row(other["entityTypeId"], "Y")],
    }
    assert made["relations"] == expected
    by_id = changing.result("crm.type.get", {"id": made["id"]})["type"]
    assert by_id["relations"] == expected
    asked = {"entityTypeId": made["entityTypeId"]}
    assert changing.result("crm.type.getByEntityTypeId", asked)["type"]["relations"] == expected
    assert related(changing, other) == {"parent": [made["entityTypeId"]], "child": []}
    listed = changing.result("crm.type.list", {"filter": {"id": made["id"]}})["types"]
    assert "relations" not in listed[0]


def test_an_update_replaces_the_sides_that_it_names_and_no_others(changing):
    kind = process(changing, "Replaced", parent=[1, 2], child=[2, 4])
    renamed = {"id": kind["id"], "fields": {"title": "Renamed"}}
    changing.result("crm.type.update", renamed)
    assert related(changing, kind) == {"parent": [1, 2], "child": [2, 4]}
    again = {"child": {"0": {"entityTypeId": "7", "isChildrenListEnabled": "true"}}}
    assert numbers(relate(changing, kind, again)) == {"parent": [1, 2], "child": [7]}
    assert numbers(relate(changing, kind, {"parent": []})) == {"parent": [], "child": [7]}
    assert f"PARENT_ID_{kind['entityTypeId']}" not in changing.result("crm.deal.fields")
    assert f"PARENT_ID_{kind['entityTypeId']}" in changing.result("crm.quote.fields")


@pytest.mark.parametrize(
    "relations",
    [
        "x", 5, True, None, [], ["child"], {"child": "x"}, {"child": 7}, {"child": None},
        {"child": ["x", 5, None, [], {}, {"isChildrenListEnabled": "true"}]},
        {"child": [{"entityTypeId": wrong} for wrong in
                   (0, -2, "two", 9_998, 2**70, None, [2], {"a": 2}, 2.5, True, 5, 36, 128)]},
        {"parent": [{"entityTypeId": 3}, {"entityTypeId": 4}, {"entityTypeId": "own"}]},
        {"child": [{"entityTypeId": "own"}]},
    ],
)  # fmt: skip
def test_what_cannot_be_a_relation_is_left_out_and_not_told(changing, relations):
    fields = {"title": "Hostile", "entityTypeId": 1900}
    kind = changing.result("crm.type.add", {"fields": fields})["type"]
    if isinstance(relations, dict):
        relations = {
            side: [{"entityTypeId": 1900} if e == {"entityTypeId": "own"} else e for e in rows]
            if isinstance(rows, list)
            else rows
            for side, rows in relations.items()
        }
    try:
        assert numbers(relate(changing, kind, relations)) == {"parent": [], "child": []}
        assert "parentId1900" not in described(changing, 2)
    finally:
        changing.result("crm.type.delete", {"id": kind["id"]})
    made = changing.result("crm.type.add", {"fields": {**fields, "relations": relations}})["type"]
    changing.result("crm.type.delete", {"id": made["id"]})
    assert numbers(made["relations"]) == {"parent": [], "child": []}


def test_a_relation_given_twice_is_one(changing):
    kind = process(changing, "Twice")
    twice = [
        {"entityTypeId": 2},
        {"entityTypeId": "2", "isChildrenListEnabled": "true"},
    ]
    (row,) = relate(changing, kind, {"child": twice})["child"]
    assert (row["entityTypeId"], row["isChildrenListEnabled"]) == (2, "Y")


@pytest.mark.parametrize("kind", TITLED)
def test_a_child_has_the_field_in_both_forms(changing, visits, kind):
    number, type_id = TITLED[kind][0], visits["entityTypeId"]
    expected = {
        "type": "crm_entity", "isRequired": False, "isReadOnly": False, "isImmutable": False,
        "isMultiple": False, "isDynamic": False, "title": "Visits",
        "settings": {"parentEntityTypeId": type_id},
    }  # fmt: skip
    old = changing.result(f"crm.{kind}.fields")
    assert old[f"PARENT_ID_{type_id}"] == expected
    universal = described(changing, number)[f"parentId{type_id}"]
    assert universal == {**expected, "upperName": f"PARENT_ID_{type_id}"}


@pytest.mark.parametrize("kind", TITLED)
def test_old_methods_give_a_parent_as_text_and_universal_ones_as_a_number(changing, visits, kind):
    number, type_id = TITLED[kind][0], visits["entityTypeId"]
    old, new = f"PARENT_ID_{type_id}", f"parentId{type_id}"
    above = item(changing, type_id)["id"]
    record, bare = add(changing, kind, **{old: above}), add(changing, kind)

    def both(of):
        row = changing.result(f"crm.{kind}.get", {"id": of})
        asked = {"entityTypeId": number, "id": of}
        return row[old], changing.result("crm.item.get", asked)["item"][new]

    assert both(record) == (str(above), above)
    assert both(bare) == (None, None)
    change = {"entityTypeId": number, "id": bare, "fields": {new: str(above)}}
    assert changing.result("crm.item.update", change)["item"][new] == above
    assert both(bare) == (str(above), above)
    for cleared in ("", None, 0, "x", [above]):
        changing.result(f"crm.{kind}.update", {"id": record, "fields": {old: above}})
        changing.result(f"crm.{kind}.update", {"id": record, "fields": {old: cleared}})
        assert both(record) == (None, None), cleared
        changing.result(f"crm.{kind}.update", {"id": record, "fields": {old: above}})
        change = {"entityTypeId": number, "id": record, "fields": {new: cleared}}
        assert changing.result("crm.item.update", change)["item"][new] is None, cleared
        assert both(record) == (None, None), cleared
    for shown in ([old], ["*"], []):
        asked = {"filter": {"@ID": [record, bare]}, "order": {"ID": "ASC"}, "select": shown}
        rows = changing.result(f"crm.{kind}.list", asked)
        assert [row[old] for row in rows] == [None, str(above)], shown
    asked = {"filter": {"@ID": [record]}, "select": ["ID"]}
    assert changing.result(f"crm.{kind}.list", asked) == [{"ID": str(record)}]
    for shown in ([new], ["*"], []):
        asked = {"filter": {"@id": [record, bare]}, "order": {"id": "ASC"}, "select": shown}
        rows = changing.result("crm.item.list", {"entityTypeId": number, **asked})["items"]
        assert [row[new] for row in rows] == [None, above], shown


def test_a_parent_that_is_not_there_is_kept(changing, visits):
    name = f"PARENT_ID_{visits['entityTypeId']}"
    deal = add(changing, "deal", **{name: 987_654})
    assert changing.result("crm.deal.get", {"id": deal})[name] == "987654"


FOUND = [
    ("", "one", "bc"), ("=", "one", "bc"), ("!", "one", ["a", "none"]), ("@", "both", "abc"),
    ("!@", "one", ["a", "none"]), ("", "", ["none"]), ("=", 0, ["none"]), ("!", "", "abc"),
    ("", "absent", ""), (">", "one", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "value", "expected"), FOUND)
def test_children_are_found_by_their_parent(changing, visits, deals, prefix, value, expected):
    one, two, ids = deals
    names = {number: name for name, number in ids.items()}
    meant = {"one": one, "both": [one, str(two)], "absent": 987_001}.get(value, value)
    number = visits["entityTypeId"]
    old = {f"{prefix}PARENT_ID_{number}": meant, "@ID": list(ids.values())}
    rows = changing.result("crm.deal.list", {"filter": old, "select": ["ID"]})
    assert [names[int(row["ID"])] for row in rows] == list(expected)
    new = {f"{prefix}parentId{number}": meant, "@id": list(ids.values())}
    asked = {"entityTypeId": 2, "filter": new, "select": ["id"]}
    rows = changing.result("crm.item.list", asked)["items"]
    assert [names[row["id"]] for row in rows] == list(expected)


@pytest.mark.parametrize(("way", "expected"), [("ASC", "nbca"), ("DESC", "abcn")])
def test_children_are_ordered_by_their_parent(changing, visits, deals, way, expected):
    _one, _two, ids = deals
    names = {number: name[0] for name, number in ids.items()}
    number = visits["entityTypeId"]
    asked = {"filter": {"@ID": list(ids.values())}, "order": {f"PARENT_ID_{number}": way}}
    rows = changing.result("crm.deal.list", asked)
    assert "".join(names[int(row["ID"])] for row in rows) == expected
    asked = {"filter": {"@id": list(ids.values())}, "order": {f"parentId{number}": way}}
    rows = changing.result("crm.item.list", {"entityTypeId": 2, **asked})["items"]
    assert "".join(names[row["id"]] for row in rows) == expected


def test_items_have_the_parents_of_their_process(changing):
    above = process(changing, "Sites")["entityTypeId"]
    below = process(changing, "Works", parent=(2, 31, above))["entityTypeId"]
    fields = described(changing, below)
    for number, title in ((2, "Deal"), (31, "Invoice"), (above, "Sites")):
        field = fields[f"parentId{number}"]
        assert (field["type"], field["title"]) == ("crm_entity", title)
        assert field["settings"] == {"parentEntityTypeId": number}
    assert f"parentId{below}" not in described(changing, above)
    site, deal = item(changing, above)["id"], add(changing, "deal")
    made = item(changing, below, **{f"parentId{above}": site, "parentId2": str(deal)})
    assert (made[f"parentId{above}"], made["parentId2"], made["parentId31"]) == (site, deal, None)
    for filter in ({f"parentId{above}": site}, {"parentId2": deal}):
        asked = {"entityTypeId": below, "filter": filter}
        (found,) = changing.result("crm.item.list", asked)["items"]
        assert (found["id"], found[f"parentId{above}"]) == (made["id"], site)


def test_invoices_hang_on_items(changing, visits):
    name = f"parentId{visits['entityTypeId']}"
    above = item(changing, visits["entityTypeId"])["id"]
    made = item(changing, 31, **{name: above})
    assert made[name] == above
    asked = {"entityTypeId": 31, "filter": {name: above}, "select": ["id", name]}
    assert changing.result("crm.item.list", asked)["items"] == [{"id": made["id"], name: above}]


def test_a_field_is_called_as_its_process_is_now(changing):
    kind = process(changing, "Before", child=[2])
    name = f"PARENT_ID_{kind['entityTypeId']}"
    assert changing.result("crm.deal.fields")[name]["title"] == "Before"
    changing.result("crm.type.update", {"id": kind["id"], "fields": {"title": "After"}})
    assert changing.result("crm.deal.fields")[name]["title"] == "After"


def test_without_a_relation_there_is_no_parent_anywhere(changing, refused):
    """[?] Nothing says what is made of such a value: unknown names of ``fields`` are ignored, and
    crm.item.fields does not have this one. It was kept, and shown by gets, not by old lists."""
    number = process(changing, "Unrelated")["entityTypeId"]
    old, new = f"PARENT_ID_{number}", f"parentId{number}"
    assert old not in changing.result("crm.deal.fields") and new not in described(changing, 2)
    deal = add(changing, "deal", **{old: 12})
    changing.result("crm.deal.update", {"id": deal, "fields": {old: 13}})
    assert new not in item(changing, 2, title="new", **{new: 12})
    changed = {"entityTypeId": 2, "id": deal, "fields": {"title": "x", new: 14}}
    assert new not in changing.result("crm.item.update", changed)["item"]
    assert old not in changing.result("crm.deal.get", {"id": deal})
    assert new not in changing.result("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
    asked = {"filter": {"ID": deal, old: 13}, "select": ["*", old]}
    (row,) = changing.result("crm.deal.list", asked)
    assert old not in row
    for select in (None, ["*"], ["id", new]):
        asked = {"entityTypeId": 2, "filter": {"id": deal}, "select": select}
        (row,) = changing.result("crm.item.list", asked)["items"]
        assert new not in row, select
    for part in ({"filter": {new: 12}}, {"order": {new: "ASC"}}):
        answer = changing.call("crm.item.list", {"entityTypeId": 2, **part})
        assert refused(answer) == (400, "INVALID_ARG_VALUE")


def test_gets_and_lists_agree_on_parents(changing, visits):
    """With a relation: the same value in both forms, whether asked for one or for all."""
    number = visits["entityTypeId"]
    old, new = f"PARENT_ID_{number}", f"parentId{number}"
    for value, text in ((item(changing, number)["id"], None), (None, "")):
        deal = item(changing, 2, title="x", **{new: value})["id"]
        asked = {"entityTypeId": 2, "filter": {"id": deal}}
        (row,) = changing.result("crm.item.list", asked)["items"]
        assert row[new] == value
        assert row == changing.result("crm.item.get", {"entityTypeId": 2, "id": deal})["item"]
        listed = {"filter": {"ID": deal}, "select": ["*", old]}
        (row,) = changing.result("crm.deal.list", listed)
        assert row[old] == changing.result("crm.deal.get", {"id": deal})[old]
        assert row[old] == (str(value) if value else row[old]) and (text is None or not row[old])


def test_a_deleted_process_takes_its_relations_and_links_with_it(changing):
    first = process(changing, "First", child=[2, 31], entityTypeId=1950)
    other = process(changing, "Other", parent=[1950], child=[1950])
    assert related(changing, other) == {"parent": [1950], "child": [1950]}
    deal = add(changing, "deal", PARENT_ID_1950=5)
    assert changing.result("crm.deal.list", {"filter": {"PARENT_ID_1950": 5}, "select": ["ID"]})
    changing.result("crm.type.delete", {"id": first["id"]})
    assert related(changing, other) == {"parent": [], "child": []}
    assert "PARENT_ID_1950" not in changing.result("crm.deal.fields")
    assert "PARENT_ID_1950" not in changing.result("crm.deal.get", {"id": deal})
    again = process(changing, "Again", child=[2], entityTypeId=1950)
    assert related(changing, again) == {"parent": [], "child": [2]}
    assert changing.result("crm.deal.get", {"id": deal})["PARENT_ID_1950"] is None


def test_relations_and_links_survive_a_restart(serve, tmp_path):
    file = str(tmp_path / "portal.sqlite")
    with serve("--state", file) as first:
        kind = process(first, "Sites", child=[2])
        name = f"PARENT_ID_{kind['entityTypeId']}"
        deal = add(first, "deal", **{name: 12})
    with serve("--state", file) as second:
        assert second.result("crm.deal.fields")[name]["title"] == "Sites"
        (row,) = second.result("crm.deal.list", {"filter": {name: 12}, "select": [name]})
        assert row == {"ID": str(deal), name: "12"}
        relate(second, kind, {"child": []})
    with serve("--state", file) as third:
        assert name not in third.result("crm.deal.fields")


def test_what_an_undone_call_had_related_is_forgotten():
    state = State()
    furnish(state)
    before = state.fields("deals")
    with pytest.raises(ZeroDivisionError), state.whole():
        number = add_type(state, "Undone")
        state.add("type_relations", {"PARENT_TYPE_ID": number, "CHILD_TYPE_ID": 2})
        assert len(state.fields("deals")) == len(before) + 1
        raise ZeroDivisionError
    assert state.fields("deals") == before
    number = add_type(state, "Kept")
    assert state.fields("deals") == before
    state.add("type_relations", {"PARENT_TYPE_ID": number, "CHILD_TYPE_ID": 2})
    assert len(state.fields("deals")) == len(before) + 1
    with pytest.raises(ZeroDivisionError), state.whole():
        state.delete_where("type_relations", {"PARENT_TYPE_ID": number})
        assert state.fields("deals") == before
        raise ZeroDivisionError
    assert [f.name for f in state.fields("deals") if f.loose] == [f"PARENT_ID_{number}"]
    assert state.fields("deals") is state.fields("deals")  # made once until something is written


def test_a_parent_with_a_column_of_its_own_is_one_field():
    state = State()
    furnish(state)
    number = add_type(state, "Works")
    state.add("type_relations", {"PARENT_TYPE_ID": 2, "CHILD_TYPE_ID": number})
    (field,) = [f for f in state.fields(f"items_{number}") if f.name == "PARENT_ID_2"]
    assert (field.type, field.in_body) == ("crm_entity", False)
