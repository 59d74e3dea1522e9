"""Products by the CRM's methods and by the catalogue's; the CRM's fixed lists."""

import pytest

CATALOG = 24


def product(client, name="Lamp", **fields):
    fields = {"NAME": name, "PRICE": 129.9, "CURRENCY_ID": "EUR", **fields}
    return client.result("crm.product.add", {"fields": fields})


def added(client, name="Desk", **fields):
    fields = {"name": name, "iblockId": CATALOG, **fields}
    return client.result("catalog.product.add", {"fields": fields})["element"]


def test_both_families_show_the_same_product(empty):
    number = product(empty, "Lamp", DESCRIPTION="Bright", SORT=10)
    old = empty.result("crm.product.get", {"id": number})
    assert (old["ID"], old["PRICE"], old["CURRENCY_ID"]) == (str(number), "129.90", "EUR")
    new = empty.result("catalog.product.get", {"id": number})["product"]
    assert (new["id"], new["name"], new["detailText"]) == (number, "Lamp", "Bright")
    assert (new["iblockId"], new["sort"], new["active"], new["type"]) == (CATALOG, 10, "Y", 1)
    assert "price" not in new
    price = empty.result("catalog.price.get", {"id": number})["price"]
    assert (price["price"], price["currency"], price["productId"]) == (129.9, "EUR", number)
    assert price["catalogGroupId"] == 1


def test_products_are_added_changed_and_deleted_in_the_catalogue(empty, refused):
    made = added(empty, "Desk", weight=12.5, measure=5, code="desk")
    assert (made["weight"], made["measure"], made["available"]) == (12.5, 5, "Y")
    assert empty.result("crm.product.get", {"id": made["id"]})["NAME"] == "Desk"
    change = {"id": made["id"], "fields": {"name": "Big desk", "id": 1, "type": 9}}
    changed = empty.result("catalog.product.update", change)["element"]
    assert (changed["name"], changed["id"], changed["type"]) == ("Big desk", made["id"], 1)
    again = {"fields": {"name": "Copy", "iblockId": CATALOG, "code": "desk"}}
    assert refused(empty.call("catalog.product.add", again)) == (400, 0)
    assert empty.result("catalog.product.delete", {"id": made["id"]}) is True
    assert refused(empty.call("catalog.product.get", {"id": made["id"]})) == (400, 0)


def test_lists_need_the_catalogue_and_take_prefixes(empty, refused):
    one = added(empty, "Chair 1")["id"]
    two = added(empty, "Chair 2")["id"]
    select = ["id", "iblockId", "name"]
    asked = {
        "select": select,
        "filter": {"iblockId": CATALOG, "%name": "chair", ">=id": one},
        "order": {"id": "desc"},
    }
    answer = empty.call("catalog.product.list", asked).json()
    assert answer["result"]["products"] == [
        {"id": two, "iblockId": CATALOG, "name": "Chair 2"},
        {"id": one, "iblockId": CATALOG, "name": "Chair 1"},
    ]
    assert answer["total"] == 2
    for bad in ({**asked, "select": ["name"]}, {**asked, "filter": {"%name": "x"}}):
        assert refused(empty.call("catalog.product.list", bad)) == (400, 0)


def test_prices_are_set_changed_listed_and_taken_away(empty, refused):
    number = added(empty, "Shelf")["id"]
    fields = {"productId": number, "catalogGroupId": 1, "price": 80, "currency": "EUR"}
    price = empty.result("catalog.price.add", {"fields": fields})["price"]
    assert price["price"] == 80
    assert refused(empty.call("catalog.price.add", {"fields": fields})) == (400, 0)
    change = {"id": price["id"], "fields": {"price": 75.5, "currency": "EUR"}}
    assert empty.result("catalog.price.update", change)["price"]["price"] == 75.5
    asked = {"filter": {"productId": number}, "select": ["productId", "price"]}
    assert empty.result("catalog.price.list", asked)["prices"] == [
        {"productId": number, "price": 75.5}
    ]
    assert empty.result("catalog.price.delete", {"id": price["id"]}) is True
    assert empty.result("catalog.price.list", asked)["prices"] == []
    wrong = {"fields": {**fields, "catalogGroupId": 7}}
    assert refused(empty.call("catalog.price.add", wrong)) == (400, 0)


def test_everybody_lists_the_catalogue_and_administrators_change_it(empty, colleague, refused):
    number = added(empty, "Stool")["id"]
    asked = {"select": ["id", "iblockId", "name"], "filter": {"iblockId": CATALOG, "id": number}}
    (row,) = colleague.result("catalog.product.list", asked)["products"]
    assert row["name"] == "Stool"
    assert refused(colleague.call("catalog.product.get", {"id": number})) == (400, 200040300010)
    for method in ("add", "update", "delete"):
        params = {"id": number, "fields": {"name": "x", "iblockId": CATALOG}}
        answer = colleague.call(f"catalog.product.{method}", params)
        assert refused(answer) == (400, 200040300040)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("catalog.product.add", {}, "100"),
        ("catalog.product.add", {"fields": {"name": "x"}}, 0),
        ("catalog.product.add", {"fields": {"name": "x", "iblockId": 99}}, 200040300000),
        ("catalog.product.get", {}, "100"),
        ("catalog.product.delete", {"id": 999999}, 0),
        ("catalog.product.getFieldsByFilter", {}, "100"),
        ("catalog.price.get", {"id": 999999}, 0),
        ("catalog.catalog.get", {"id": 99}, 0),
    ],
)
def test_errors_have_the_documented_codes(empty, refused, method, params, code):
    assert refused(empty.call(method, params)) == (400, code)


def test_there_is_one_catalogue_with_described_fields(empty):
    (catalog,) = empty.result("catalog.catalog.list")["catalogs"]
    assert catalog == empty.result("catalog.catalog.get", {"id": catalog["id"]})["catalog"]
    filter = {"filter": {"iblockId": catalog["iblockId"]}}
    fields = empty.result("catalog.product.getFieldsByFilter", filter)["product"]
    assert fields["iblockId"]["isRequired"] and fields["iblockId"]["isImmutable"]
    assert fields["timestampX"]["isReadOnly"]
    assert fields["purchasingPrice"]["type"] == "string"


def test_the_scope_of_the_catalogue_is_its_own(empty, refused):
    narrow = empty.webhook(1, ["crm"])
    answer = narrow.call("catalog.catalog.list")
    assert refused(answer) == (403, "insufficient_scope")
    assert narrow.result("crm.product.list") is not None


def test_fixed_lists(empty):
    types = {row["ID"]: row for row in empty.result("crm.enum.ownertype")}
    assert types[2]["SYMBOL_CODE_SHORT"] == "D"
    assert (types[31]["SYMBOL_CODE"], types[31]["SYMBOL_CODE_SHORT"]) == ("SMART_INVOICE", "SI")
    assert types[8]["SYMBOL_CODE"] == "REQUISITE"
    kinds = {row["ID"]: row["NAME"] for row in empty.result("crm.enum.activitytype")}
    assert kinds[2] == "Call"
    for name in ("addresstype", "settings.mode", "activitydirection", "contenttype"):
        for row in empty.result(f"crm.enum.{name}"):
            assert set(row) == {"ID", "NAME", "SYMBOL_CODE", "SYMBOL_CODE_SHORT"}
    assert empty.result("crm.enum.fields")["ID"]["type"] == "int"
    assert set(empty.result("crm.multifield.fields")) == {"ID", "TYPE_ID", "VALUE", "VALUE_TYPE"}
    assert empty.result("crm.settings.mode.get") == 1
